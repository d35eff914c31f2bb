"""The drop folder: who may upload files to it, and the rule that sends an event for each new file to intake.

Producers need no API key: any AWS principal that may put an S3 object under `drop/` can upload to datasets.
"""

from collections.abc import Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.data import Data
from infra.queues import Queues

PREFIX = "drop/"

PRODUCERS = "drop_producers"
"""Name of the CDK context value with the ARNs of producers outside this stack: a list, or a comma-separated string."""


class DropFolder(Construct):
    """A rule that sends an event for each new file to the files queue, and the producers' permission to upload."""

    def __init__(self, scope: Construct, name: str, *, data: Data, queues: Queues) -> None:
        super().__init__(scope, name)
        events.Rule(
            self,
            "Rule",
            description="Sends events of new files in the drop folder to Tidemark",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [data.bucket.bucket_name]},
                    "object": {"key": events.Match.prefix(PREFIX)},
                },
            ),
            # EventBridge retries for a day. Events it cannot deliver go to the dead letter queue of failed tasks.
            targets=[targets.SqsQueue(queues.files, dead_letter_queue=queues.files_dead)],
        )
        producers = _producers(self.node.try_get_context(PRODUCERS))
        if producers:
            data.bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="DropFolderProducers",
                    principals=[iam.ArnPrincipal(arn) for arn in producers],
                    actions=["s3:PutObject"],
                    resources=[data.bucket.arn_for_objects(f"{PREFIX}*")],
                )
            )


def _producers(value: str | Sequence[str] | None) -> list[str]:
    """Returns the ARNs in a context value. Raises ValueError for other values, such as `*`, which admits everyone."""
    values = value.split(",") if isinstance(value, str) else value or []
    producers = [arn.strip() for arn in values]
    for arn in producers:
        if not arn.startswith("arn:aws:") or "*" in arn:
            raise ValueError(f"{PRODUCERS} must name AWS principals by their full ARNs; got {arn!r}")
    return producers
