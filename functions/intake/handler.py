"""Reads files of mutations, a stretch a call; takes those in the drop folder; goes on with what was left lying."""

import json
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidemark.aws import queues
from tidemark.aws.backend import Backend
from tidemark.domain.intake_tasks import INTAKE_TASK, IntakeTask, ReadFile, ResumeUpload, Sweep
from tidemark.domain.upload_files import DroppedObject
from tidemark.ingest import drop_folder, file_reader
from tidemark.recovery import resume

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
    match asked:
        case DroppedObject():
            _take(asked)
        case ReadFile():
            _read(asked, context)
        case ResumeUpload():
            _resume(asked, context)
        case Sweep():
            _sweep(asked)


def _asked(body: str) -> IntakeTask | DroppedObject:
    """What a message asks for. Raises ValueError or LookupError if it is none that is sent to intake."""
    message = json.loads(body)
    if not isinstance(message, dict) or message.get("source") != "aws.s3":
        return INTAKE_TASK.validate_python(message)
    if message["detail-type"] != "Object Created":
        raise ValueError(f"S3 tells of something else than a new object: {message['detail-type']}")
    told = message["detail"]["object"]
    # The key is as it was put: EventBridge does not escape it as S3's other notifications do.
    return DroppedObject(key=told["key"], version=told.get("version-id"), bytes=told["size"])


def _take(dropped: DroppedObject) -> None:
    with logger.append_context_keys(key=dropped.key, version=dropped.version):
        try:
            upload = drop_folder.start_upload(backend, dropped)
        except Exception:
            logger.exception("dropped file not taken")
            raise
        if upload is None:
            logger.warning("dropped file starts no upload", extra={"bytes": dropped.bytes})
        else:
            logger.info("dropped file starts an upload", extra={"bytes": dropped.bytes, "upload": upload.id})


def _read(task: ReadFile, context: LambdaContext) -> None:
    with logger.append_context_keys(upload=task.upload, file=task.file, dataset=task.uid):
        try:
            pause = file_reader.read_file(backend, task, lambda: _has_time(context))
            if pause is not None:
                queues.send_tasks(backend, [task], delay_seconds=int(pause.total_seconds()))
        except Exception:
            logger.exception("file not read")
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
        except Exception:
            logger.exception("upload not resumed")
            raise
        logger.info("upload resumed", extra={"chunk": task.chunk, "goes_on_with": rest.chunk if rest else None})


def _sweep(task: Sweep) -> None:
    try:
        due = resume.sweep(backend, task.at)
    except Exception:
        logger.exception("uploads not swept")
        raise
    for one in due:
        logger.warning("upload left lying", extra={"upload": one.upload, "dataset": one.uid})
    if due:  # a metric costs in each month in which it is written
        metrics.add_metric("UploadsResumed", MetricUnit.Count, len(due))
        metrics.flush_metrics()


def _has_time(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() > ENOUGH_MILLISECONDS
