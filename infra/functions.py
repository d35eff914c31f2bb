"""The functions: size, time, environment, and exactly what each may do.

All share one bundle. Memory buys CPU in proportion (1,769 MB is one core), which is what the sizes are about.
"""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.bundle import Bundles
from infra.data import Data
from infra.lambda_function import ARCHITECTURE, RUNTIME, Function
from infra.oidc_settings import OidcSettings
from infra.queues import APPLY_TIMEOUT, CONSUMER_TIMEOUT, INTAKE_TIMEOUT, Ingest

APPLY_CONCURRENCY = 100
"""Shards that are applied at once: six datasets of 16 shards loading at full speed, and a tenth of an account's usual
1,000 calls, so that the API always finds room."""

INTAKE_CONCURRENCY = 20
"""Files that are read at once. Each fills the queue of windows faster than its dataset's shards empty it, so that more
at once would not be done sooner."""

PUBLISH_CONCURRENCY = 20
"""Datasets whose versions are published at once; one call takes some 50 ms."""

WORKFLOW_TIMEOUT = Duration.minutes(5)
"""A stretch of a workflow's work. What is not done by then is gone on with by another call; `infra.workflows` counts on
a stretch of about four minutes. Longer ones would lose more where one is cut off."""


class Functions(Construct):
    """The functions and what starts them, but for the API, which `infra.api` puts before two of them."""

    def __init__(
        self, scope: Construct, name: str, *, bundles: Bundles, data: Data, ingest: Ingest, oidc: OidcSettings | None
    ) -> None:
        super().__init__(scope, name)
        self._code = lambda_.Code.from_asset(str(bundles.functions))
        self._parquet = self._layer("Parquet", "pyarrow, as far as Parquet files need it", bundles.parquet)
        self._data = data
        self._ingest = ingest
        self.authorizer = self._authorizer(oidc, bundles.oidc)
        self.api = self._api()
        self.intake = self._intake()
        self.apply = self._apply()
        self.publish = self._publish()
        self.dead_letter = self._dead_letter()
        self.transfer = self._transfer()
        self.purge = self._purge()
        self.checkpoint = self._checkpoint()
        self.all = [
            self.api,
            self.authorizer,
            self.intake,
            self.apply,
            self.publish,
            self.dead_letter,
            self.transfer,
            self.purge,
            self.checkpoint,
        ]

    def _api(self) -> Function:
        function = self._function(
            "api",
            "Answers the HTTPS API",
            # Validating a request of a thousand frames is CPU work: over half a core keeps it near half a second.
            memory_mb=1024,
            # API Gateway gives up at 30 s; ending first leaves a log of what took so long.
            timeout=Duration.seconds(28),
            environment={
                **self._store,
                "TIDEMARK_WINDOWS_QUEUE_URL": self._ingest.windows.queue_url,
                "TIDEMARK_FILES_QUEUE_URL": self._ingest.files.queue_url,
                "TIDEMARK_IDEMPOTENCY_TABLE": self._data.idempotency.table_name,
            },
        )
        function.allow_table(
            self._data,
            ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "ConditionCheckItem"],
            indexes=["unsettled", "uploads", "project_uploads"],
        )
        function.allow_packs(self._data)
        # A URL that it signs may do what it may do itself.
        # Of a file that comes in parts it looks whether all are there before it puts them together.
        function.allow_objects(self._data, ["GetObject", "PutObject", "ListMultipartUploadParts"], "uploads/")
        function.allow_objects(self._data, ["GetObject", "PutObject"], "assets/")
        function.allow_objects(self._data, ["GetObject", "PutObject"], "downloads/")
        # To tell what storage a dataset takes.
        function.allow_list(self._data, ("packs/", "checkpoints/", "exports/"))
        function.allow_objects(self._data, ["GetObject"], "checkpoints/")
        function.allow_objects(self._data, ["GetObject"], "exports/")
        function.allow_send(self._ingest.windows, self._ingest.files)
        memory = [f"dynamodb:{action}" for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem")]
        function.allow(memory, [self._data.idempotency.table_arn])
        return function

    def _authorizer(self, oidc: OidcSettings | None, verifying: Path | None) -> Function:
        if oidc is not None and verifying is None:
            raise ValueError("A deployment with an issuer needs the layer that verifies its tokens.")
        layers = [self._layer("Oidc", "PyJWT, to verify tokens", verifying)] if oidc and verifying else []
        function = self._function(
            "authorizer",
            "Tells who an API key belongs to and what it may do",
            # One read and one hash; the memory is for loading the SDK quickly when an environment starts.
            memory_mb=512,
            timeout=Duration.seconds(5),
            environment={"TIDEMARK_KEYS_TABLE": self._data.keys.table_name, **(oidc.environment if oidc else {})},
            layers=layers,
        )
        function.allow(["dynamodb:GetItem"], [self._data.keys.table_arn])
        return function

    def _intake(self) -> Function:
        function = self._function(
            "intake",
            "Reads row files into windows, and goes on with uploads that were left lying",
            # A file of gigabytes is read as a stream, with a part of some thousand rows in memory: this is for CPU, of
            # which checking rows takes as much as in the api function.
            memory_mb=1024,
            timeout=INTAKE_TIMEOUT,
            environment={
                **self._store,
                "TIDEMARK_WINDOWS_QUEUE_URL": self._ingest.windows.queue_url,
                "TIDEMARK_SETTLED_QUEUE_URL": self._ingest.settled.queue_url,
                "TIDEMARK_FILES_QUEUE_URL": self._ingest.files.queue_url,
            },
        )
        function.allow_table(
            self._data, ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"], indexes=["unsettled"]
        )
        function.allow_packs(self._data)
        # Only who may list a bucket is told that an object is gone; others are told that they may not know.
        function.allow(["s3:ListBucket"], [self._data.bucket.bucket_arn])
        # The version that was put, whatever is put in its place while it is read.
        function.allow_objects(self._data, ["GetObject", "GetObjectVersion"], "uploads/")
        taking = ["GetObject", "GetObjectVersion", "PutObjectTagging", "PutObjectVersionTagging", "DeleteObject"]
        function.allow_objects(self._data, taking, "drop/")
        function.allow_objects(self._data, ["PutObject"], "rejected/")
        function.allow_send(self._ingest.windows, self._ingest.settled, self._ingest.files)
        # One file a call: each is read for as long as there is time.
        function.consume(self._ingest.files, batch_size=1, concurrency=INTAKE_CONCURRENCY)
        return function

    def _apply(self) -> Function:
        function = self._function(
            "apply",
            "Applies a window of mutations to its shard",
            # A whole core. Most windows take a small part of a second; the largest that are allowed, 96 frames of a
            # megabyte to be merged, take half a minute of it and some 300 MB.
            memory_mb=1769,
            timeout=APPLY_TIMEOUT,
            environment={**self._store, "TIDEMARK_SETTLED_QUEUE_URL": self._ingest.settled.queue_url},
        )
        function.allow_table(self._data, ["BatchGetItem", "Query", "PutItem", "ConditionCheckItem"])
        function.allow_packs(self._data)
        function.allow_send(self._ingest.settled)
        # One window a call: in a larger batch, those behind a window that fails must be handed back with it, would be
        # counted as tried as often and would be set aside together with it, though nothing is wrong with them (R21).
        function.consume(self._ingest.windows, batch_size=1, concurrency=APPLY_CONCURRENCY)
        return function

    def _publish(self) -> Function:
        function = self._function(
            "publish",
            "Publishes a dataset's next version when uploads settle",
            memory_mb=512,
            timeout=CONSUMER_TIMEOUT,
            environment={"TIDEMARK_TABLE": self._data.table.table_name},
        )
        function.allow_table(self._data, ["GetItem", "BatchGetItem", "PutItem", "UpdateItem"])
        bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
        function.allow(["events:PutEvents"], [bus], conditions={"StringEquals": {"events:source": "tidemark"}})
        # Ten at once, because uploads that settle together share one version.
        function.consume(self._ingest.settled, batch_size=10, concurrency=PUBLISH_CONCURRENCY)
        return function

    def _dead_letter(self) -> Function:
        function = self._function(
            "dead_letter",
            "Reports windows that could not be applied as failed",
            memory_mb=512,
            timeout=CONSUMER_TIMEOUT,
            environment={
                "TIDEMARK_TABLE": self._data.table.table_name,
                "TIDEMARK_SETTLED_QUEUE_URL": self._ingest.settled.queue_url,
            },
        )
        function.allow_table(self._data, ["BatchGetItem", "PutItem"])
        function.allow_send(self._ingest.settled)
        # Few at a time and rarely: nothing waits for it but the upload's last word.
        function.consume(self._ingest.windows_dead, batch_size=10, concurrency=2)
        return function

    def _transfer(self) -> Function:
        function = self._function(
            "transfer",
            "Writes the rows of a roll back or a clone, shard by shard",
            # It reads commits and frame versions and writes windows of pointers: no payload passes through it.
            memory_mb=1024,
            timeout=WORKFLOW_TIMEOUT,
            environment={
                **self._store,
                "TIDEMARK_FILES_QUEUE_URL": self._ingest.files.queue_url,
            },
        )
        function.allow_table(self._data, ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"])
        function.allow_objects(self._data, ["PutObject"], "packs/")
        # Intake sends the windows, once all of them are made.
        function.allow_send(self._ingest.files)
        return function

    def _purge(self) -> Function:
        function = self._function(
            "purge",
            "Deletes a dataset for good, shard by shard",
            # It waits for deletes; of frame versions it reads where their packs are, thousands at once.
            memory_mb=1024,
            timeout=WORKFLOW_TIMEOUT,
            environment=self._store,
        )
        # The only one that deletes from the table, by single items and by batches of items and marks.
        writes = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"]
        function.allow_table(self._data, ["GetItem", "BatchGetItem", "Query", *writes])
        prefixes = ("packs/", "checkpoints/", "exports/", "uploads/")
        for prefix in prefixes:
            function.allow_objects(self._data, ["DeleteObject"], prefix)
        function.allow_list(self._data, prefixes)
        return function

    def _checkpoint(self) -> Function:
        function = self._function(
            "checkpoint",
            "Writes manifests and exports of checkpoints, page by page",
            # A whole core: reading JSON and writing Parquet is CPU work. The largest frames, of which 8 MiB are read at
            # a time, take some 350 MB.
            memory_mb=1769,
            timeout=WORKFLOW_TIMEOUT,
            environment=self._store,
            layers=[self._parquet],
            # Files of a page are on it until they are put: 64 MiB of frames, of which the keypoints, that COCO writes
            # for all names of a class, become a gigabyte.
            disk=Size.gibibytes(2),
        )
        function.allow_table(self._data, ["GetItem", "BatchGetItem", "Query", "PutItem"])
        function.allow_objects(self._data, ["GetObject"], "packs/")
        # What a COCO file was put together from is deleted; and all of a dataset that is purged meanwhile.
        prefixes = ("checkpoints/", "exports/")
        for prefix in prefixes:
            function.allow_objects(self._data, ["GetObject", "PutObject", "DeleteObject"], prefix)
        function.allow_list(self._data, prefixes)
        return function

    @property
    def _store(self) -> dict[str, str]:
        return {
            "TIDEMARK_TABLE": self._data.table.table_name,
            "TIDEMARK_BUCKET": self._data.bucket.bucket_name,
        }

    def _layer(self, name: str, description: str, folder: Path) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            name,
            description=description,
            code=lambda_.Code.from_asset(str(folder)),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
        )

    def _function(
        self,
        name: str,
        description: str,
        *,
        memory_mb: int,
        timeout: Duration,
        environment: dict[str, str],
        layers: Sequence[lambda_.ILayerVersion] = (),
        disk: Size | None = None,
    ) -> Function:
        return Function(
            self,
            name,
            description,
            code=self._code,
            memory_mb=memory_mb,
            timeout=timeout,
            environment=environment,
            layers=layers,
            disk=disk,
        )
