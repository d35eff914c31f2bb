"""Handles the settled queue: records the progress of uploads, and publishes new versions of their datasets."""

from collections import defaultdict
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes import SQSEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidemark.aws.backend import Backend
from tidemark.domain.windows import PUBLISH_MESSAGE
from tidemark.versions.publish import publish

logger = Logger()
tracer = Tracer()
metrics = Metrics()
backend = Backend.from_environment()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@event_source(data_class=SQSEvent)
def handler(event: SQSEvent, context: LambdaContext) -> PartialItemFailureResponse:  # noqa: ARG001 - Lambda's signature
    """Publishes each dataset in a batch of messages. Returns all messages of datasets that failed, for redelivery."""
    datasets: dict[str, dict[str, str]] = defaultdict(dict)
    for record in event.records:
        datasets[record.attributes.message_group_id or ""][record.message_id] = record.body
    failed: list[str] = []
    for uid, bodies in datasets.items():
        with logger.append_context_keys(dataset=uid):
            try:
                _publish(uid, bodies.values())
            except Exception:  # any error: it is logged, and the dataset's messages are redelivered
                logger.exception("dataset not published")
                failed.extend(bodies)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _publish(uid: str, bodies: Any) -> None:
    published = publish(backend, uid, [PUBLISH_MESSAGE.validate_json(body) for body in bodies])
    for version in published:
        logger.info("version published", extra={"version": version.version, "uploads": version.uploads})
    if published:
        metrics.add_metric("VersionsPublished", MetricUnit.Count, len(published))
        metrics.flush_metrics()
