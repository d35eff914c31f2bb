"""The drop folder: who may put files into it, and how word of them gets to intake.

Its producers need no API key and none of the functions: whoever may put an object under `drop/` can feed datasets.
"""

from collections.abc import Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.data import Data
from infra.queues import Ingest

PREFIX = "drop/"

PRODUCERS = "drop_producers"
"""The context value that names, by ARN, who outside this stack may put files: a list, or a text with commas."""


class DropFolder(Construct):
    """A rule that sends word of each object in the folder to the queue of files, and what lets producers in."""

    def __init__(self, scope: Construct, name: str, *, data: Data, ingest: Ingest) -> None:
        super().__init__(scope, name)
        events.Rule(
            self,
            "Rule",
            description="Tells Tidemark of files in the drop folder",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [data.bucket.bucket_name]},
                    "object": {"key": events.Match.prefix(PREFIX)},
                },
            ),
            # EventBridge tries for a day. What it cannot deliver lies with what could not be read: one place to look.
            targets=[targets.SqsQueue(ingest.files, dead_letter_queue=ingest.files_dead)],
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


def _producers(given: str | Sequence[str] | None) -> list[str]:
    """The ARNs of a context value. Raises ValueError for what is none, such as a `*`, which would let everyone in."""
    named = given.split(",") if isinstance(given, str) else given or []
    producers = [each.strip() for each in named]
    for each in producers:
        if not each.startswith("arn:aws:") or "*" in each:
            raise ValueError(f"{PRODUCERS} names AWS principals by ARN, each in full; this is {each!r}")
    return producers
