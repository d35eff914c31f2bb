"""Reads files of mutations, a stretch a call, and takes those that are put into the drop folder."""

import json
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidemark.domain.files import DroppedObject, ReadFile
from tidemark.services import drop_folder, files
from tidemark.store import queues
from tidemark.store.backend import Backend

logger = Logger()
tracer = Tracer()
metrics = Metrics()
backend = Backend.from_environment()

ENOUGH_MILLISECONDS = 60_000
"""Time in which a part of a file is read and recorded, however slow the table answers; with less left, none is begun.
"""


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Do what the messages of a batch ask for, each for itself; one that cannot be done comes back."""
    processor = BatchProcessor(event_type=EventType.SQS)
    processor.raise_on_entire_batch_failure = False
    with processor(event["Records"], handler=lambda record: _do(record, context)):
        processor.process()
    return processor.response()


def _do(record: SQSRecord, context: LambdaContext) -> None:
    try:
        asked = _asked(record.body)
    except Exception:
        logger.exception("message not understood", extra={"message_id": record.message_id})
        raise
    if isinstance(asked, DroppedObject):
        _take(asked)
    else:
        _read(asked, context)


def _asked(body: str) -> ReadFile | DroppedObject:
    """What a message asks for. Raises ValueError or LookupError if it is none that is sent to intake."""
    message = json.loads(body)
    if not isinstance(message, dict) or message.get("source") != "aws.s3":
        return ReadFile.model_validate(message)
    if message["detail-type"] != "Object Created":
        raise ValueError(f"S3 tells of something else than a new object: {message['detail-type']}")
    told = message["detail"]["object"]
    # The key is as it was put: EventBridge does not escape it as S3's other notifications do.
    return DroppedObject(key=told["key"], version=told.get("version-id"), bytes=told["size"])


def _take(dropped: DroppedObject) -> None:
    with logger.append_context_keys(key=dropped.key, version=dropped.version):
        try:
            upload = drop_folder.take(backend, dropped)
        except Exception:
            logger.exception("dropped file not taken")
            raise
        if upload is None:
            logger.warning("dropped file starts no upload", extra={"bytes": dropped.bytes})
        else:
            logger.info("dropped file starts an upload", extra={"bytes": dropped.bytes, "upload": upload.id})


def _read(order: ReadFile, context: LambdaContext) -> None:
    with logger.append_context_keys(upload=order.upload, file=order.file, dataset=order.uid):
        try:
            done = files.read_file(backend, order, lambda: _has_time(context))
            if not done:
                queues.send_read_orders(backend, [order])
        except Exception:
            logger.exception("file not read")
            raise
        logger.info("file read" if done else "file read in part")
    if done:
        metrics.add_metric("FilesRead", MetricUnit.Count, 1)
        metrics.flush_metrics()


def _has_time(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() > ENOUGH_MILLISECONDS
