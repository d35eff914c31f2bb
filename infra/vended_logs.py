"""The construct for a log group that Step Functions or API Gateway, rather than a function, writes to."""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct


class VendedLogs(logs.LogGroup):
    """A log group named `/aws/vendedlogs/{service}/{stack}-{title}`.

    AWS lets a service write to a log group by an entry in the account's resource policy, which has room for 5,120
    characters and keeps the entry after the group is deleted. Groups under `/aws/vendedlogs/` share one entry, so that
    deployments do not fill the policy. The stack's name keeps stacks of one account and region apart.
    """

    def __init__(self, scope: Construct, name: str, *, service: str, title: str, retention: logs.RetentionDays) -> None:
        super().__init__(
            scope,
            name,
            log_group_name=f"/aws/vendedlogs/{service}/{Aws.STACK_NAME}-{title}",
            retention=retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
