"""Handles the files queue: reads files, starts uploads of dropped files, and resumes stalled uploads."""

import json
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

import functions.runtime  # noqa: F401 - logs the runtime's versions
from functions.failures import Policy, log_failure, redelivered
from tidemark.aws import queues
from tidemark.aws.backend import PATIENCE_SECONDS, Backend
from tidemark.aws.deliveries import FILES_PACE, Delivery
from tidemark.domain.intake_tasks import INTAKE_TASK, IntakeTask, ReadFile, ResumeUpload, Sweep
from tidemark.domain.upload_files import DroppedObject
from tidemark.ingest import drop_folder, file_reader
from tidemark.recovery import resume

logger = Logger()
tracer = Tracer()
metrics = Metrics()
backend = Backend.from_environment(patience=PATIENCE_SECONDS)

MAX_RECEIVES = 4
"""Number of deliveries from which on a message is set aside when it fails for a reason of its own: after a quarter of
an hour, since SQS delivers a failed message every 315 seconds."""
MIN_MILLISECONDS = 60_000
"""Milliseconds that must be left to start another chunk: enough to read and record one, however slow the table is."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Handles each message in a batch independently. Returns the messages that failed, for redelivery."""
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event, lambda record: _deliver(record, context), processor, context)


def _deliver(record: SQSRecord, context: LambdaContext) -> None:
    """Handles a message. Sets a message aside that keeps failing for a reason of its own, and raises other errors."""
    try:
        _handle(record, context)
    except Exception as error:
        policy = Policy(backend.files_queue_url, backend.files_dead_queue_url, FILES_PACE, MAX_RECEIVES)
        if redelivered(backend, logger, policy, [Delivery.of_record(record)], error):
            raise


def _handle(record: SQSRecord, context: LambdaContext) -> None:
    try:
        message = _parse(record.body)
    except Exception:
        logger.exception("message not understood", extra={"message_id": record.message_id})
        raise
    match message:
        case DroppedObject():
            _take(message)
        case ReadFile():
            _read(message, context)
        case ResumeUpload():
            _resume(message, context)
        case Sweep():
            _sweep(message)


def _parse(body: str) -> IntakeTask | DroppedObject:
    """Returns the task or dropped S3 object in a message body. Raises ValueError or LookupError for another body."""
    message = json.loads(body)
    if not isinstance(message, dict) or message.get("source") != "aws.s3":
        return INTAKE_TASK.validate_python(message)
    if message["detail-type"] != "Object Created":
        raise ValueError(f"expected S3's event 'Object Created', but got {message['detail-type']!r}")
    s3_object = message["detail"]["object"]
    # EventBridge does not URL-encode the key, as S3's other notifications do.
    return DroppedObject(key=s3_object["key"], version=s3_object.get("version-id"), bytes=s3_object["size"])


def _take(dropped: DroppedObject) -> None:
    with logger.append_context_keys(key=dropped.key, version=dropped.version):
        try:
            upload = drop_folder.start_upload(backend, dropped)
        except Exception as error:
            log_failure(logger, "dropped file not taken", error)
            raise
        if upload is None:
            logger.warning("dropped file starts no upload", extra={"bytes": dropped.bytes})
        else:
            logger.info("dropped file starts an upload", extra={"bytes": dropped.bytes, "upload": upload.id})


def _read(task: ReadFile, context: LambdaContext) -> None:
    with logger.append_context_keys(upload=task.upload, file=task.file, dataset=task.uid):
        try:
            pause = file_reader.read_file(backend, task, lambda: _has_time(context))
            if pause == timedelta():
                queues.send_tasks(backend, [task])
        except Exception as error:
            log_failure(logger, "file not read", error)
            raise
        logger.info("file read" if pause is None else "file waits" if pause else "file read in part")
    if pause is None:
        metrics.add_metric("FilesRead", MetricUnit.Count, 1)
        metrics.flush_metrics()


def _resume(task: ResumeUpload, context: LambdaContext) -> None:
    with logger.append_context_keys(upload=task.upload, dataset=task.uid):
        try:
            rest = resume.resume(backend, task, lambda: _has_time(context))
            if rest is not None:
                queues.send_tasks(backend, [rest])
        except Exception as error:
            log_failure(logger, "upload not resumed", error)
            raise
        logger.info("upload resumed", extra={"part": task.chunk, "goes_on_with": rest.chunk if rest else None})


def _sweep(task: Sweep) -> None:
    try:
        resumed = resume.sweep(backend, task.at)
    except Exception as error:
        log_failure(logger, "uploads not swept", error)
        raise
    for upload in resumed:
        logger.warning("upload stalled", extra={"upload": upload.upload, "dataset": upload.uid})
    if resumed:  # a metric is billed for every month in which it is written
        metrics.add_metric("UploadsResumed", MetricUnit.Count, len(resumed))
        metrics.flush_metrics()


def _has_time(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() > MIN_MILLISECONDS
