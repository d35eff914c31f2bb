"""Which messages the benchmark's queues deliver."""

import json
from typing import Any

import pytest

from tests.bench.queues import FILES, SETTLED, Queues


def _send(queues: Queues, queue: str, *entries: dict[str, Any]) -> None:
    class Model:
        name = "SendMessageBatch"

    queues.answer(Model, {"body": json.dumps({"QueueUrl": queue, "Entries": entries})})


def _bodies(queues: Queues, queue: str) -> list[list[str]]:
    return [[record["body"] for record in batch] for batch in queues.batches(queue)]


@pytest.fixture
def queues() -> Queues:
    return Queues()


def test_messages_to_intake_come_one_by_one_and_in_no_group(queues: Queues) -> None:
    _send(queues, FILES, {"Id": "0", "MessageBody": "a"}, {"Id": "1", "MessageBody": "b"})
    batches = list(queues.batches(FILES))
    assert [len(batch) for batch in batches] == [1, 1]
    assert "MessageGroupId" not in batches[0][0]["attributes"]
    assert batches[0][0]["messageId"] != batches[1][0]["messageId"]


def test_what_is_sent_while_messages_are_given_out_is_given_out_too(queues: Queues) -> None:
    queues.send(FILES, "first")
    bodies = []
    for batch in queues.batches(FILES):
        bodies += [record["body"] for record in batch]
        if bodies == ["first"]:
            queues.send(FILES, "second")
    assert bodies == ["first", "second"]


def test_settled_messages_come_ten_at_a_time_from_one_group(queues: Queues) -> None:
    for number in range(12):
        entry = {"MessageGroupId": str(number % 12 // 11), "MessageDeduplicationId": str(number)}
        _send(queues, SETTLED, {"Id": "0", "MessageBody": str(number), **entry})
    assert _bodies(queues, SETTLED) == [[str(number) for number in range(10)], ["11"], ["10"]]
