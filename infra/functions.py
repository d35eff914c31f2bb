"""The functions: size, time, environment, and exactly what each may do.

All share one bundle. Memory buys CPU in proportion (1,769 MB is one core), which is what the sizes are about.
"""

from collections.abc import Sequence

from aws_cdk import CfnElement, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.data import Data
from infra.ingest import APPLY_TIMEOUT, CONSUMER_TIMEOUT, INTAKE_TIMEOUT, Ingest
from infra.review import accept

APPLY_CONCURRENCY = 100
"""Shards that are applied at once: six datasets of 16 shards loading at full speed, and a tenth of an account's usual
1,000 calls, so that the API always finds room."""

INTAKE_CONCURRENCY = 20
"""Files that are read at once. Each fills the queue of windows faster than its dataset's shards empty it, so that more
at once would not be done sooner."""

METRICS = "Tidemark"
"""The namespace of what the functions count themselves."""

PUBLISH_CONCURRENCY = 20
"""Datasets whose versions are published at once; one call takes some 50 ms."""


class Functions(Construct):
    """The functions and what starts them, but for the API, which `infra.api` puts before two of them."""

    def __init__(self, scope: Construct, name: str, *, code: lambda_.Code, data: Data, ingest: Ingest) -> None:
        super().__init__(scope, name)
        self._code = code
        self._data = data
        self._ingest = ingest
        self.authorizer = self._authorizer()
        self.api = self._api()
        self.intake = self._intake()
        self.apply = self._apply()
        self.publish = self._publish()
        self.dead_letter = self._dead_letter()
        self.all = [self.api, self.authorizer, self.intake, self.apply, self.publish, self.dead_letter]

    def _api(self) -> lambda_.Function:
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
        self._allow_table(
            function,
            ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"],
            indexes=["unsettled", "uploads", "project_uploads"],
        )
        self._allow_packs(function)
        # A URL that it signs may do what it may do itself.
        # Of a file that comes in parts it looks whether all are there before it puts them together.
        self._allow_objects(function, ["GetObject", "PutObject", "ListMultipartUploadParts"], "uploads/")
        self._allow_objects(function, ["GetObject", "PutObject"], "assets/")
        self._allow_objects(function, ["GetObject", "PutObject"], "downloads/")
        self._allow_send(function, self._ingest.windows, self._ingest.files)
        memory = [f"dynamodb:{action}" for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem")]
        self._allow(function, memory, [self._data.idempotency.table_arn])
        return function

    def _authorizer(self) -> lambda_.Function:
        function = self._function(
            "authorizer",
            "Tells who an API key belongs to and what it may do",
            # One read and one hash; the memory is for loading the SDK quickly when an environment starts.
            memory_mb=512,
            timeout=Duration.seconds(5),
            environment={"TIDEMARK_KEYS_TABLE": self._data.keys.table_name},
        )
        self._allow(function, ["dynamodb:GetItem"], [self._data.keys.table_arn])
        return function

    def _intake(self) -> lambda_.Function:
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
        self._allow_table(
            function, ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"], indexes=["unsettled"]
        )
        self._allow_packs(function)
        # Only who may list a bucket is told that an object is gone; others are told that they may not know.
        self._allow(function, ["s3:ListBucket"], [self._data.bucket.bucket_arn])
        # The version that was put, whatever is put in its place while it is read.
        self._allow_objects(function, ["GetObject", "GetObjectVersion"], "uploads/")
        taking = ["GetObject", "GetObjectVersion", "PutObjectTagging", "PutObjectVersionTagging", "DeleteObject"]
        self._allow_objects(function, taking, "drop/")
        self._allow_objects(function, ["PutObject"], "rejected/")
        self._allow_send(function, self._ingest.windows, self._ingest.settled, self._ingest.files)
        # One file a call: each is read for as long as there is time.
        self._consume(function, self._ingest.files, batch_size=1, concurrency=INTAKE_CONCURRENCY)
        return function

    def _apply(self) -> lambda_.Function:
        function = self._function(
            "apply",
            "Applies a window of mutations to its shard",
            # A whole core. Most windows take a small part of a second; the largest that are allowed, 96 frames of a
            # megabyte to be merged, take half a minute of it and some 300 MB.
            memory_mb=1769,
            timeout=APPLY_TIMEOUT,
            environment={**self._store, "TIDEMARK_SETTLED_QUEUE_URL": self._ingest.settled.queue_url},
        )
        self._allow_table(function, ["BatchGetItem", "Query", "PutItem"])
        self._allow_packs(function)
        self._allow_send(function, self._ingest.settled)
        # One window a call: in a larger batch, those behind a window that fails must be handed back with it, would be
        # counted as tried as often and would be set aside together with it, though nothing is wrong with them (R21).
        self._consume(function, self._ingest.windows, batch_size=1, concurrency=APPLY_CONCURRENCY)
        return function

    def _publish(self) -> lambda_.Function:
        function = self._function(
            "publish",
            "Publishes a dataset's next version when uploads settle",
            memory_mb=512,
            timeout=CONSUMER_TIMEOUT,
            environment={"TIDEMARK_TABLE": self._data.table.table_name},
        )
        self._allow_table(function, ["GetItem", "BatchGetItem", "PutItem", "UpdateItem"])
        bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
        self._allow(function, ["events:PutEvents"], [bus], conditions={"StringEquals": {"events:source": "tidemark"}})
        # Ten at once, because uploads that settle together share one version.
        self._consume(function, self._ingest.settled, batch_size=10, concurrency=PUBLISH_CONCURRENCY)
        return function

    def _dead_letter(self) -> lambda_.Function:
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
        self._allow_table(function, ["BatchGetItem", "PutItem"])
        self._allow_send(function, self._ingest.settled)
        # Few at a time and rarely: nothing waits for it but the upload's last word.
        self._consume(function, self._ingest.windows_dead, batch_size=10, concurrency=2)
        return function

    @property
    def _store(self) -> dict[str, str]:
        return {
            "TIDEMARK_TABLE": self._data.table.table_name,
            "TIDEMARK_BUCKET": self._data.bucket.bucket_name,
        }

    def _function(
        self, name: str, description: str, *, memory_mb: int, timeout: Duration, environment: dict[str, str]
    ) -> lambda_.Function:
        """A function with a role and a log group of its own, traced, allowed nothing but to log and to be traced."""
        title = name.title().replace("_", "")
        log_group = logs.LogGroup(
            self, f"{title}Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        role = iam.Role(self, f"{title}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        accept(
            role,
            "IAM5[Resource::*]",
            reason="X-Ray's PutTraceSegments and PutTelemetryRecords know no resource to be limited to.",
        )
        return lambda_.Function(
            self,
            title,
            description=description,
            code=self._code,
            handler=f"functions.{name}.handler.handler",
            runtime=lambda_.Runtime.PYTHON_3_14,
            # A fifth cheaper than x86 at the same speed or better.
            architecture=lambda_.Architecture.ARM_64,
            memory_size=memory_mb,
            timeout=timeout,
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            environment={
                **environment,
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS,
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
        )

    def _allow(
        self,
        function: lambda_.Function,
        actions: Sequence[str],
        resources: Sequence[str],
        conditions: dict[str, object] | None = None,
    ) -> None:
        function.add_to_role_policy(
            iam.PolicyStatement(actions=[*actions], resources=[*resources], conditions=conditions)
        )

    def _allow_table(self, function: lambda_.Function, actions: Sequence[str], indexes: Sequence[str] = ()) -> None:
        table = self._data.table.table_arn
        self._allow(function, [f"dynamodb:{action}" for action in actions], [table])
        if indexes:
            self._allow(function, ["dynamodb:Query"], [f"{table}/index/{index}" for index in indexes])

    def _allow_packs(self, function: lambda_.Function) -> None:
        """Read and write packs; nothing may delete one."""
        self._allow_objects(function, ["GetObject", "PutObject"], "packs/")

    def _allow_objects(self, function: lambda_.Function, actions: Sequence[str], prefix: str) -> None:
        """Allow S3 actions on the objects under a prefix, and no others."""
        resource = self._data.bucket.arn_for_objects(f"{prefix}*")
        self._allow(function, [f"s3:{action}" for action in actions], [resource])
        role, bucket = function.role, self._data.bucket.node.default_child
        assert role is not None and isinstance(bucket, CfnElement)  # noqa: S101, PT018 - the CDK's types say less
        finding = f"IAM5[Resource::<{Stack.of(self).get_logical_id(bucket)}.Arn>/{prefix}*]"
        accept(role, finding, reason=f"What an object under {prefix} is called is not known before it is written.")

    def _allow_send(self, function: lambda_.Function, *queues: sqs.Queue) -> None:
        self._allow(function, ["sqs:SendMessage"], [queue.queue_arn for queue in queues])

    def _consume(self, function: lambda_.Function, queue: sqs.Queue, *, batch_size: int, concurrency: int) -> None:
        """Call `function` with the queue's messages; it answers which of them failed."""
        function.add_event_source(
            sources.SqsEventSource(
                queue, batch_size=batch_size, max_concurrency=concurrency, report_batch_item_failures=True
            )
        )
