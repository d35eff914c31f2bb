"""Functions on moto, with a dataset of two shards, and the means to call them as SQS and Step Functions do."""

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest

from functions.apply import handler as apply
from functions.dead_letter import handler as dead_letter
from functions.publish import handler as publish
from tests.simulation.queues import Message
from tests.simulation.world import World, new_world
from tidemark.datasets import datasets, projects


class Context:
    """A Lambda context whose remaining time never changes."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "worker"

    def __init__(self, milliseconds: int = 200_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds given."""
        return self._milliseconds


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with new_world() as made:
        projects.create_project(made.process(), name="birds", description="", classes=(), actor="admin")
        datasets.create_dataset(made.process(), project="birds", name="train", description="", shards=2, actor="admin")
        for function in (apply, publish, dead_letter):
            monkeypatch.setattr(function, "backend", made.process())
        yield made


def failures(function: ModuleType, messages: Iterable[Message]) -> list[str]:
    """Delivers a batch of messages to a function and returns the ids of those that it reports as failed."""
    records = [
        {
            "messageId": message.deduplication_id,
            "receiptHandle": message.deduplication_id,
            "body": message.body,
            "eventSource": "aws:sqs",
            "attributes": {
                "MessageGroupId": message.group,
                "SequenceNumber": str(message.token.sequence),
                "SentTimestamp": str(message.token.sent_at),
                "ApproximateReceiveCount": "1",
            },
        }
        for message in messages
    ]
    response: Any = function.handler({"Records": records}, Context())
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
