"""Sending messages: in order, in batches that SQS accepts, and again those that it refused."""

from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.world import World
from tidemark.aws import queues
from tidemark.aws.backend import Backend
from tidemark.domain.intake_tasks import ReadFile
from tidemark.domain.windows import WindowSettled


class Sqs:
    """An SQS client that refuses each message a given number of times."""

    def __init__(self, refusals: int = 0) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []
        self._refusals = refusals

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 - as SQS names them
        """Accepts the messages that were refused often enough."""
        del QueueUrl
        self.batches.append(Entries)
        seen = [entry.get("MessageDeduplicationId") for batch in self.batches for entry in batch]
        refused = [
            e for e in Entries if int(e["Id"]) % 2 and seen.count(e.get("MessageDeduplicationId")) <= self._refusals
        ]
        self.taken.extend(entry for entry in Entries if entry not in refused)
        return {"Failed": [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in refused]}


def connected(world: World, sqs: Any) -> Backend:
    return replace(world.process(), sqs=sqs)


def settled(number: int, dataset: str = "d") -> WindowSettled:
    return WindowSettled(dataset=dataset, upload="u", window=number, applied=1, dropped=0, failed=0)


def test_messages_are_sent_in_order_ten_at_a_time(world: World) -> None:
    sqs = Sqs()
    queues.send_settled(connected(world, sqs), [settled(number) for number in range(25)])
    assert [entry["MessageDeduplicationId"] for entry in sqs.taken] == [f"u-{number}" for number in range(25)]
    assert [len(batch) for batch in sqs.batches] == [10, 10, 5]


def test_a_batch_holds_no_more_bytes_than_sqs_takes(world: World) -> None:
    sqs = Sqs()
    queues.send_settled(connected(world, sqs), [settled(number, "é" * 50_000) for number in range(5)])
    assert [len(batch) for batch in sqs.batches] == [2, 2, 1]


def test_nothing_is_sent_for_nothing(world: World) -> None:
    sqs = Sqs()
    queues.send_settled(connected(world, sqs), [])
    assert sqs.batches == []


@pytest.mark.parametrize("refusals", [1, queues.MAX_ATTEMPTS - 1])
def test_messages_that_were_refused_are_sent_again_and_no_others(world: World, refusals: int) -> None:
    sqs = Sqs(refusals)
    queues.send_settled(connected(world, sqs), [settled(number) for number in range(10)])
    assert sorted(entry["MessageDeduplicationId"] for entry in sqs.taken) == [f"u-{number}" for number in range(10)]
    assert [len(batch) for batch in sqs.batches] == [10] + [5] * refusals


def test_messages_that_are_refused_again_and_again_are_an_error(world: World) -> None:
    with pytest.raises(queues.SendFailed):
        queues.send_settled(connected(world, Sqs(queues.MAX_ATTEMPTS)), [settled(number) for number in range(2)])


def test_an_order_waits_as_long_as_it_is_to_and_a_fifo_queue_is_asked_for_no_delay(world: World) -> None:
    sqs = Sqs()
    order = ReadFile(uid="d", upload="u", file=0)
    queues.send_tasks(connected(world, sqs), [order, order], delay_seconds=30)
    queues.send_tasks(connected(world, sqs), [order])
    queues.send_settled(connected(world, sqs), [settled(1)])
    assert [entry.get("DelaySeconds") for entry in sqs.taken] == [30, 30, None, None]
