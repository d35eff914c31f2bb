"""Sends messages to the queues: tasks to intake, windows to their shards, and settled windows to publish."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tidemark.aws.backend import Backend
from tidemark.aws.retrying import retrying
from tidemark.domain.errors import Unavailable
from tidemark.domain.intake_tasks import IntakeTask
from tidemark.domain.windows import PublishMessage, Window

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef as Entry

MAX_BATCH_MESSAGES = 10
"""Most messages in one SendMessageBatch request: SQS's limit."""
MAX_BATCH_BYTES = 250_000
"""Most bytes in one SendMessageBatch request: a little under the 256 KiB that every region allows."""
MAX_ATTEMPTS = 5
"""Most attempts to send a batch while SQS refuses some of the messages."""


class SendFailed(Unavailable):
    """Raised when SQS did not accept every message of a batch within `MAX_ATTEMPTS`.

    `is_final` is whether SQS will never accept one of them.
    """

    def __init__(self, message: str, *, is_final: bool) -> None:
        super().__init__(message)
        self.is_transient = not is_final


class _Message(NamedTuple):
    """A message to be sent to a queue."""

    body: str
    group: str = ""
    """Message group id; empty for a queue that is not FIFO."""
    deduplication_id: str = ""
    keeps_order: bool = False
    """Whether the message must be accepted after the earlier messages of its group."""


def send_windows(backend: Backend, windows: Iterable[Window]) -> None:
    """Sends windows, each to its shard's message group. Windows of an upload of several chunks keep their order within
    a shard, because they may change the same frame. Raises SendFailed."""
    messages = [
        _Message(
            body=window.model_dump_json(),
            group=f"{window.dataset}#{window.plan.shard}",
            deduplication_id=window.id,
            keeps_order=bool(window.chunk),
        )
        for window in windows
    ]
    _send(backend, backend.windows_queue_url, messages)


def send_settled(backend: Backend, publish_messages: Iterable[PublishMessage]) -> None:
    """Sends the outcomes of windows, and requests to check uploads, to publish. Raises SendFailed.

    Each message goes to its dataset's message group.
    """
    messages = [
        _Message(body=message.model_dump_json(), group=message.dataset, deduplication_id=message.id)
        for message in publish_messages
    ]
    _send(backend, backend.settled_queue_url, messages)


def send_tasks(backend: Backend, tasks: Iterable[IntakeTask], *, delay_seconds: int = 0) -> None:
    """Sends tasks to intake, to be delivered after a delay. A task may run twice without harm. Raises SendFailed."""
    messages = [_Message(body=task.model_dump_json()) for task in tasks]
    _send(backend, backend.files_queue_url, messages, delay_seconds)


def _send(backend: Backend, queue_url: str, messages: Iterable[_Message], delay_seconds: int = 0) -> None:
    """Sends messages in batches, several at once. Raises SendFailed."""
    for messages_of_round in _rounds(messages):
        backend.parallel(
            lambda batch: _send_batch(backend, queue_url, batch, delay_seconds), _batches(messages_of_round)
        )


def _send_batch(backend: Backend, queue_url: str, batch: "list[Entry]", delay_seconds: int) -> None:
    delay: Any = {"DelaySeconds": delay_seconds} if delay_seconds else {}  # FIFO queues allow none
    remaining: list[Entry] = [{**entry, **delay} for entry in batch]
    for attempt in retrying(backend, SendFailed, attempts=MAX_ATTEMPTS, multiplier=0.05):
        with attempt:
            response = backend.sqs.send_message_batch(QueueUrl=queue_url, Entries=remaining)
            refused = {failure["Id"]: failure["Code"] for failure in response.get("Failed", [])}
            remaining = [entry for entry in remaining if entry["Id"] in refused]
            if remaining:
                reasons = ", ".join(sorted(set(refused.values())))
                raise SendFailed(
                    f"A queue did not take {len(remaining)} of {len(batch)} messages ({reasons}). "
                    "Send the same request again, with the same Idempotency-Key.",
                    is_final=any(failure.get("SenderFault") for failure in response["Failed"]),
                )


def _rounds(messages: Iterable[_Message]) -> list[list[_Message]]:
    """Returns messages in rounds. A round is sent only once SQS has accepted the previous round.

    SQS may accept a later message of a batch and refuse an earlier one, so messages of one group that must keep their
    order are in different rounds.
    """
    rounds: list[list[_Message]] = []
    sent: Counter[str] = Counter()
    for message in messages:
        number = sent[message.group] if message.keeps_order else 0
        sent[message.group] += 1
        while len(rounds) <= number:
            rounds.append([])
        rounds[number].append(message)
    return rounds


def _batches(messages: Iterable[_Message]) -> "Iterator[list[Entry]]":
    batch: list[Entry] = []
    size = 0
    for body, group, deduplication_id, _ in messages:
        length = len(body.encode())
        if batch and (len(batch) == MAX_BATCH_MESSAGES or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        entry: Entry = {"Id": str(len(batch)), "MessageBody": body}
        if group:
            entry |= {"MessageGroupId": group, "MessageDeduplicationId": deduplication_id}
        batch.append(entry)
        size += length
    if batch:
        yield batch
