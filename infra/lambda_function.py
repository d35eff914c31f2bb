"""The construct for a Lambda function: its role, its log, and methods that grant it permissions.

A function may only write its log and its traces until `infra.functions` grants it more.
"""

from collections.abc import Mapping, Sequence

from aws_cdk import CfnElement, Duration, RemovalPolicy, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.data import Data
from infra.review import accept

METRICS = "Tidemark"
"""CloudWatch namespace of the metrics that the functions write."""

RUNTIME = lambda_.Runtime.PYTHON_3_14

ARCHITECTURE = lambda_.Architecture.ARM_64
"""Processor architecture of the functions: a fifth cheaper than x86, and at least as fast."""


class Function(lambda_.Function):
    """A traced function with the handler `functions.{name}.handler.handler` and a log kept for a month.

    Lambda stops a function that its own messages have called 16 times in a row, unless the function `may_loop`.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        description: str,
        *,
        code: lambda_.Code,
        memory_mb: int,
        timeout: Duration,
        environment: Mapping[str, str],
        layers: Sequence[lambda_.ILayerVersion] = (),
        disk: Size | None = None,
        may_loop: bool = False,
    ) -> None:
        title = name.title().replace("_", "")
        log_group = logs.LogGroup(
            scope, f"{title}Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        role = iam.Role(scope, f"{title}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        accept(
            role,
            "IAM5[Resource::*]",
            reason="X-Ray's PutTraceSegments and PutTelemetryRecords cannot be limited to a resource.",
        )
        super().__init__(
            scope,
            title,
            description=description,
            code=code,
            handler=f"functions.{name}.handler.handler",
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            memory_size=memory_mb,
            timeout=timeout,
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            layers=[*layers],
            ephemeral_storage_size=disk,
            recursive_loop=lambda_.RecursiveLoop.ALLOW if may_loop else None,
            environment={
                **environment,
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS,
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
        )

    @property
    def resource_arns_for_grant_invoke(self) -> list[str]:
        """ARNs that a grant to call the function covers: the function itself, without the versions that the CDK
        adds."""
        return [self.function_arn]

    def allow(
        self, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, object] | None = None
    ) -> None:
        """Grants the function IAM actions on resources, subject to `conditions` if there are any."""
        self.add_to_role_policy(iam.PolicyStatement(actions=[*actions], resources=[*resources], conditions=conditions))

    def allow_table(self, data: Data, actions: Sequence[str], indexes: Sequence[str] = ()) -> None:
        """Grants the function DynamoDB actions, named without prefix, on the main table, and queries of `indexes`."""
        table = data.table.table_arn
        self.allow([f"dynamodb:{action}" for action in actions], [table])
        if indexes:
            self.allow(["dynamodb:Query"], [f"{table}/index/{index}" for index in indexes])

    def allow_packs(self, data: Data) -> None:
        """Grants the function reading and writing packs."""
        self.allow_objects(data, ["GetObject", "PutObject"], "packs/")

    def allow_objects(self, data: Data, actions: Sequence[str], prefix: str) -> None:
        """Grants the function S3 actions, named without prefix, on the objects under a key prefix."""
        self.allow([f"s3:{action}" for action in actions], [data.bucket.arn_for_objects(f"{prefix}*")])
        role, bucket = self.role, data.bucket.node.default_child
        assert role is not None and isinstance(bucket, CfnElement)  # noqa: S101, PT018 - the CDK's types are wider
        finding = f"IAM5[Resource::<{Stack.of(self).get_logical_id(bucket)}.Arn>/{prefix}*]"
        accept(role, finding, reason=f"The names of objects under {prefix} are not known before they are written.")

    def allow_list(self, data: Data, prefixes: Sequence[str]) -> None:
        """Grants the function listing the S3 objects under some key prefixes."""
        conditions = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
        self.allow(["s3:ListBucket"], [data.bucket.bucket_arn], conditions=conditions)

    def allow_send(self, *queues: sqs.Queue) -> None:
        """Grants the function sending messages to queues."""
        self.allow(["sqs:SendMessage"], [queue.queue_arn for queue in queues])

    def consume(self, queue: sqs.Queue, *, batch_size: int, concurrency: int) -> None:
        """Calls the function with batches of a queue's messages. The function returns the messages that failed."""
        self.add_event_source(
            sources.SqsEventSource(
                queue, batch_size=batch_size, max_concurrency=concurrency, report_batch_item_failures=True
            )
        )
