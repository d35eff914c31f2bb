"""Handles the settled queue: records the progress of uploads, and publishes new versions of their datasets."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

import functions.runtime  # noqa: F401 - logs the runtime's versions
from functions.failures import Policy, log_failure, redelivered
from tidemark.aws.backend import SHORT_PATIENCE_SECONDS, Backend
from tidemark.aws.deliveries import SETTLED_PACE, Delivery
from tidemark.domain.windows import PUBLISH_MESSAGE
from tidemark.versions.publish import publish

logger = Logger()
tracer = Tracer()
metrics = Metrics()

MAX_RECEIVES = 20
"""Number of deliveries from which on a message is set aside when it fails for a reason of its own. Its dataset then
goes on without it: after a quarter of an hour, since SQS delivers a failed message every 45 seconds."""

backend = Backend.from_environment(patience=SHORT_PATIENCE_SECONDS)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:  # noqa: ARG001 - Lambda's signature
    """Publishes each dataset in a batch of messages. Returns all messages of datasets that failed, for redelivery."""
    datasets: dict[str, list[Delivery]] = defaultdict(list)
    for record in event["Records"]:
        delivery = Delivery.of_record(record)
        datasets[delivery.group].append(delivery)
    failed: list[Delivery] = []
    for uid, deliveries in datasets.items():
        with logger.append_context_keys(dataset=uid):
            try:
                _publish(uid, [delivery.body for delivery in deliveries])
            except Exception as error:  # noqa: BLE001 - it is logged, and the dataset's messages are redelivered
                log_failure(logger, "dataset not published", error)
                failed.extend(redelivered(backend, logger, _policy(), deliveries, error))
    return {"batchItemFailures": [{"itemIdentifier": delivery.id} for delivery in failed]}


def _policy() -> Policy:
    return Policy(backend.settled_queue_url, backend.settled_dead_queue_url, SETTLED_PACE, MAX_RECEIVES)


def _publish(uid: str, bodies: Sequence[str]) -> None:
    published = publish(backend, uid, [PUBLISH_MESSAGE.validate_json(body) for body in bodies])
    for version in published:
        logger.info("version published", extra={"version": version.version, "uploads": version.uploads})
    if published:
        metrics.add_metric("VersionsPublished", MetricUnit.Count, len(published))
        metrics.flush_metrics()
