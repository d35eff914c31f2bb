"""The Lambda functions: memory, timeout, environment variables and permissions of each.

All functions share one bundle. A function's CPU is in proportion to its memory (1,769 MB is one core), so the memory
sizes below are chosen for CPU.
"""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.bundle import Bundles
from infra.capacity import Capacity
from infra.data import Data
from infra.lambda_function import ARCHITECTURE, RUNTIME, Function
from infra.oidc_settings import OidcSettings
from infra.queues import APPLY_TIMEOUT, CONSUMER_TIMEOUT, INTAKE_TIMEOUT, Queues

WORKFLOW_TIMEOUT = Duration.minutes(5)
"""Timeout of the functions that run workflow steps; unfinished work continues in another call. `infra.workflows`
depends on calls of about four minutes. Longer calls would lose more work if they were cut off."""

OWN_EVENTS = {
    "ForAllValues:StringEquals": {"events:source": "tidemark"},
    "Null": {"events:source": "false"},
}
"""Condition under which publish may put events: every event in the request is Tidemark's. `events:source` has one value
for each event, and IAM supports only set operators for such keys. `ForAllValues` alone also holds for a request without
the key, which `Null` excludes."""


class Functions(Construct):
    """All functions, with the queues that call some of them. `infra.api` and `infra.workflows` call the others."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        bundles: Bundles,
        data: Data,
        queues: Queues,
        oidc: OidcSettings | None,
        capacity: Capacity,
    ) -> None:
        super().__init__(scope, name)
        self._code = lambda_.Code.from_asset(str(bundles.functions))
        self._parquet = self._layer("Parquet", "pyarrow, reduced to what Parquet files need", bundles.parquet)
        self._data = data
        self._queues = queues
        self._capacity = capacity
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
            "Serves the HTTPS API",
            # Validating a thousand frames is CPU work: with over half a core it takes about half a second.
            memory_mb=1024,
            # Below API Gateway's timeout of 30 s, so that the log shows what took so long.
            timeout=Duration.seconds(28),
            environment={
                **self._store,
                "TIDEMARK_WINDOWS_QUEUE_URL": self._queues.windows.queue_url,
                "TIDEMARK_FILES_QUEUE_URL": self._queues.files.queue_url,
                "TIDEMARK_IDEMPOTENCY_TABLE": self._data.idempotency.table_name,
            },
        )
        function.allow_table(
            self._data,
            ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "ConditionCheckItem"],
            indexes=["unsettled", "uploads", "project_uploads"],
        )
        function.allow_packs(self._data)
        # A signed URL grants only what the function itself may do. The function lists the parts of a multipart upload
        # before it completes the upload.
        function.allow_objects(self._data, ["GetObject", "PutObject", "ListMultipartUploadParts"], "uploads/")
        function.allow_objects(self._data, ["GetObject", "PutObject"], "assets/")
        function.allow_objects(self._data, ["GetObject", "PutObject"], "downloads/")
        # For the report of a dataset's storage use.
        function.allow_list(self._data, ("packs/", "checkpoints/", "exports/"))
        function.allow_objects(self._data, ["GetObject"], "checkpoints/")
        function.allow_objects(self._data, ["GetObject"], "exports/")
        function.allow_send(self._queues.windows, self._queues.files)
        actions = [f"dynamodb:{action}" for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem")]
        function.allow(actions, [self._data.idempotency.table_arn])
        return function

    def _authorizer(self, oidc: OidcSettings | None, pyjwt: Path | None) -> Function:
        if oidc is not None and pyjwt is None:
            raise ValueError("a deployment with an issuer needs the layer with PyJWT")
        layers = [self._layer("Oidc", "PyJWT, to verify tokens", pyjwt)] if oidc and pyjwt else []
        function = self._function(
            "authorizer",
            "Authorizes requests by API key or token",
            # A call is one read and one hash; the memory is for loading the SDK quickly in a new environment.
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
            "Reads files into windows, and resumes stalled uploads",
            # For CPU: validating rows takes as much as in the api function. A file of gigabytes is read as a stream,
            # with a chunk of up to 5,248 rows in memory.
            memory_mb=1024,
            timeout=INTAKE_TIMEOUT,
            environment={
                **self._store,
                "TIDEMARK_WINDOWS_QUEUE_URL": self._queues.windows.queue_url,
                "TIDEMARK_SETTLED_QUEUE_URL": self._queues.settled.queue_url,
                "TIDEMARK_FILES_QUEUE_URL": self._queues.files.queue_url,
                "TIDEMARK_FILES_DEAD_QUEUE_URL": self._queues.files_dead.queue_url,
            },
            # Intake sends itself messages on purpose: one to read on in a file when its time is up, and one every few
            # seconds while a file waits for its dataset. Lambda would stop such a loop after 16 calls and drop the
            # file. Five days after an upload began, intake gives its files up (`PENDING_TIMEOUT`), which ends it.
            may_loop=True,
        )
        function.allow_table(
            self._data, ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"], indexes=["unsettled"]
        )
        function.allow_packs(self._data)
        # Without this, S3 responds to reads of a missing object with 403 rather than 404.
        function.allow(["s3:ListBucket"], [self._data.bucket.bucket_arn])
        # Intake reads a fixed version of a file, in case the file is replaced while it is read.
        function.allow_objects(self._data, ["GetObject", "GetObjectVersion"], "uploads/")
        actions = ["GetObject", "GetObjectVersion", "PutObjectTagging", "PutObjectVersionTagging", "DeleteObject"]
        function.allow_objects(self._data, actions, "drop/")
        function.allow_objects(self._data, ["PutObject"], "rejected/")
        function.allow_send(self._queues.windows, self._queues.settled, self._queues.files, self._queues.files_dead)
        # One file a call: each call reads until its time is up.
        function.consume(self._queues.files, batch_size=1, concurrency=self._capacity.intake_calls)
        return function

    def _apply(self) -> Function:
        function = self._function(
            "apply",
            "Applies a window of mutations to its shard",
            # A whole core. Most windows take a fraction of a second. The largest allowed window, with 96 frames of a
            # megabyte to merge, takes half a minute of CPU and some 300 MB.
            memory_mb=1769,
            timeout=APPLY_TIMEOUT,
            environment={
                **self._store,
                "TIDEMARK_WINDOWS_QUEUE_URL": self._queues.windows.queue_url,
                "TIDEMARK_WINDOWS_DEAD_QUEUE_URL": self._queues.windows_dead.queue_url,
                "TIDEMARK_SETTLED_QUEUE_URL": self._queues.settled.queue_url,
            },
        )
        function.allow_table(self._data, ["BatchGetItem", "Query", "PutItem", "UpdateItem", "ConditionCheckItem"])
        function.allow_packs(self._data)
        function.allow_send(self._queues.settled, self._queues.windows_dead)
        # One window a call. In a larger batch, the windows behind a failed window would be redelivered with it, and
        # would count its failures, although nothing is wrong with them (R21).
        function.consume(self._queues.windows, batch_size=1, concurrency=self._capacity.apply_calls)
        return function

    def _publish(self) -> Function:
        function = self._function(
            "publish",
            "Publishes a dataset's next version when uploads settle",
            # For CPU: a dataset's uploads are published one call after another, so its pace is that of one call.
            memory_mb=1024,
            timeout=CONSUMER_TIMEOUT,
            environment={
                "TIDEMARK_TABLE": self._data.table.table_name,
                "TIDEMARK_SETTLED_QUEUE_URL": self._queues.settled.queue_url,
                "TIDEMARK_SETTLED_DEAD_QUEUE_URL": self._queues.settled_dead.queue_url,
            },
        )
        function.allow_table(self._data, ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"])
        function.allow_send(self._queues.settled_dead)
        bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
        function.allow(["events:PutEvents"], [bus], conditions=OWN_EVENTS)
        # Ten messages a call, so that uploads that settle together share one version.
        function.consume(self._queues.settled, batch_size=10, concurrency=self._capacity.publish_calls)
        return function

    def _dead_letter(self) -> Function:
        function = self._function(
            "dead_letter",
            "Records windows that could not be applied as failed",
            memory_mb=512,
            timeout=CONSUMER_TIMEOUT,
            environment={
                "TIDEMARK_TABLE": self._data.table.table_name,
                "TIDEMARK_SETTLED_QUEUE_URL": self._queues.settled.queue_url,
            },
        )
        function.allow_table(self._data, ["BatchGetItem", "PutItem", "UpdateItem"])
        function.allow_send(self._queues.settled)
        # Rarely called and not urgent: only the upload's final status waits for it.
        function.consume(self._queues.windows_dead, batch_size=10, concurrency=self._capacity.dead_letter_calls)
        return function

    def _transfer(self) -> Function:
        function = self._function(
            "transfer",
            "Writes the rows of rollbacks and clones, shard by shard",
            # It reads commits and frame versions, and writes windows of pointers. It handles no payloads.
            memory_mb=1024,
            timeout=WORKFLOW_TIMEOUT,
            environment={
                **self._store,
                "TIDEMARK_FILES_QUEUE_URL": self._queues.files.queue_url,
            },
        )
        function.allow_table(self._data, ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"])
        function.allow_objects(self._data, ["PutObject"], "packs/")
        # Intake sends the windows, once all are written.
        function.allow_send(self._queues.files)
        return function

    def _purge(self) -> Function:
        function = self._function(
            "purge",
            "Deletes a dataset for good, shard by shard",
            # It mostly waits for deletes, and reads the pack names of thousands of frame versions at once.
            memory_mb=1024,
            timeout=WORKFLOW_TIMEOUT,
            environment=self._store,
        )
        # The only function that deletes from the table: single items, and batches of items and marks.
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
            # A whole core: reading JSON and writing Parquet is CPU work. The largest frames, read 8 MiB at a time, take
            # some 350 MB.
            memory_mb=1769,
            timeout=WORKFLOW_TIMEOUT,
            environment=self._store,
            layers=[self._parquet],
            # A page's files stay on disk until they are uploaded. 64 MiB of frames may become a gigabyte, since COCO
            # writes a label's keypoints for all names of its class.
            disk=Size.gibibytes(2),
        )
        function.allow_table(self._data, ["GetItem", "BatchGetItem", "Query", "PutItem"])
        function.allow_objects(self._data, ["GetObject"], "packs/")
        # It deletes the fragments of COCO files, and everything it wrote for a dataset that is purged meanwhile.
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
        may_loop: bool = False,
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
            may_loop=may_loop,
        )
