"""The queues: orders to intake, windows on their way to their shard, and settled ones on their way to publication."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tidemark.aws.backend import Backend
from tidemark.domain.errors import Unavailable
from tidemark.domain.intake_tasks import IntakeTask
from tidemark.domain.windows import PublishMessage, Window

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef as Entry

BATCH_MESSAGES = 10
"""Messages in one SendMessageBatch: SQS's limit."""
BATCH_BYTES = 250_000
"""Bytes in one SendMessageBatch: a little under the 256 KiB that every region allows."""
MAX_ATTEMPTS = 5


class SendFailed(Unavailable):
    """SQS took some messages of a batch and not others, again and again."""


def send_windows(backend: Backend, windows: Iterable[Window]) -> None:
    """Send windows, in order, each to its shard's message group.

    Those of a file may hold a frame twice, so that their order within a shard matters. SQS may take a later message of
    a batch and not an earlier one; so they do not share a batch.
    """
    messages = [
        (bool(window.chunk), f"{window.dataset}#{window.plan.shard}", window.id, window.model_dump_json())
        for window in windows
    ]
    _send(backend, backend.windows_queue_url, messages)


def send_settled(backend: Backend, publish_messages: Iterable[PublishMessage]) -> None:
    """Tell datasets what became of windows and uploads, each in its message group."""
    messages = [(False, one.dataset, one.id, one.model_dump_json()) for one in publish_messages]
    _send(backend, backend.settled_queue_url, messages)


def send_tasks(backend: Backend, tasks: Iterable[IntakeTask], *, delay_seconds: int = 0) -> None:
    """Send orders to intake, which gets them after a delay. Those that run twice at a time do no harm."""
    messages = [(False, "", "", task.model_dump_json()) for task in tasks]
    _send(backend, backend.files_queue_url, messages, delay_seconds)


Message = tuple[bool, str, str, str]
"""Whether it must not share a batch with others of its group; group and deduplication id, both empty where the queue
keeps no order; and body."""


def _send(backend: Backend, queue_url: str, messages: Iterable[Message], delay_seconds: int = 0) -> None:
    for batch in _batches(messages):
        delay: Any = {"DelaySeconds": delay_seconds} if delay_seconds else {}  # a FIFO queue takes none
        remaining: list[Entry] = [{**entry, **delay} for entry in batch]
        for attempt in Retrying(
            retry=retry_if_exception_type(SendFailed),
            stop=stop_after_attempt(MAX_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.05, max=1),
            sleep=backend.sleep,
            reraise=True,
        ):
            with attempt:
                answer = backend.sqs.send_message_batch(QueueUrl=queue_url, Entries=remaining)
                refused = {failure["Id"]: failure["Code"] for failure in answer.get("Failed", [])}
                remaining = [entry for entry in remaining if entry["Id"] in refused]
                if remaining:
                    reasons = ", ".join(sorted(set(refused.values())))
                    raise SendFailed(
                        f"A queue did not take {len(remaining)} of {len(batch)} messages ({reasons}); "
                        "send the same request again, with the same Idempotency-Key."
                    )


def _batches(messages: Iterable[Message]) -> "Iterator[list[Entry]]":
    batch: list[Entry] = []
    size = 0
    for alone, group, deduplication_id, body in messages:
        length = len(body.encode())
        full = len(batch) == BATCH_MESSAGES or size + length > BATCH_BYTES
        if batch and (full or (alone and any(entry.get("MessageGroupId") == group for entry in batch))):
            yield batch
            batch, size = [], 0
        entry: Entry = {"Id": str(len(batch)), "MessageBody": body}
        if group:
            entry |= {"MessageGroupId": group, "MessageDeduplicationId": deduplication_id}
        batch.append(entry)
        size += length
    if batch:
        yield batch
