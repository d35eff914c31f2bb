"""The AWS clients of a function: how long they wait for a response."""

import re
from pathlib import Path
from typing import Any

import pytest

from infra.queues import APPLY_TIMEOUT
from tidemark.aws.backend import CLIENT_CONFIG, Backend

HANDLER = Path(__file__).parents[3] / "functions" / "apply" / "handler.py"
BACKOFF_SECONDS = 6
"""Most seconds that botocore waits between three attempts, and to be safe a little more."""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_TABLE", "table")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


def test_the_clients_make_as_many_attempts_as_the_function_asks_for() -> None:
    backend = Backend.from_environment(attempts=3)
    clients: list[Any] = [backend.dynamodb, backend.s3, backend.sqs, backend.events, backend.states]
    assert {client.meta.config.retries["total_max_attempts"] for client in clients} == {3}


def test_two_requests_of_apply_that_hang_fail_before_lambda_ends_the_call() -> None:
    (attempts,) = re.findall(r"^MAX_ATTEMPTS = (\d+)$", HANDLER.read_text(), re.M)
    config: Any = CLIENT_CONFIG  # botocore sets its options as attributes that no type names
    hanging = int(attempts) * config.read_timeout + BACKOFF_SECONDS
    assert 2 * hanging < APPLY_TIMEOUT.to_seconds()
