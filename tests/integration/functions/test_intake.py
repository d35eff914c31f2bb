"""Intake handles each message, sends it again, or leaves it in the queue for an operator."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.intake import handler as intake
from tests.integration.functions.conftest import Context
from tidemark.aws import queues
from tidemark.domain.intake_tasks import ReadFile
from tidemark.domain.upload_files import DroppedObject
from tidemark.ingest import drop_folder, file_reader

INTAKE_TASK = ReadFile(uid="d1", upload="u1", file=3)


class Services:
    """Stands in for what intake calls: records the calls and returns `pause`, or raises `error`."""

    def __init__(self) -> None:
        self.tasks: list[ReadFile] = []
        self.sent: list[ReadFile] = []
        self.dropped: list[DroppedObject] = []
        self.had_time: list[bool] = []
        self.pause: timedelta | None = None
        self.error: Exception | None = None

    def read_file(self, _: object, task: ReadFile, has_time: Callable[[], bool]) -> timedelta | None:
        self._fail()
        self.tasks.append(task)
        self.had_time.append(has_time())
        return self.pause

    def take(self, _: object, dropped: DroppedObject) -> object:
        self._fail()
        self.dropped.append(dropped)
        return SimpleNamespace(id="u2")

    def send(self, _: object, tasks: list[ReadFile]) -> None:
        self.sent += tasks

    def _fail(self) -> None:
        if self.error:
            raise self.error


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    services = Services()
    monkeypatch.setattr(file_reader, "read_file", services.read_file)
    monkeypatch.setattr(drop_folder, "start_upload", services.take)
    monkeypatch.setattr(queues, "send_tasks", services.send)
    return services


def failures(*bodies: str, milliseconds: int = 300_000) -> list[str]:
    """Delivers messages in a batch and returns the bodies of those that failed."""
    records = [
        {
            "messageId": str(number),
            "receiptHandle": "handle",
            "body": body,
            "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        for number, body in enumerate(bodies)
    ]
    context: Any = Context(milliseconds)
    response = intake.handler({"Records": records}, context)
    return [bodies[int(failure["itemIdentifier"])] for failure in response["batchItemFailures"]]


def s3_event(kind: str = "Object Created", size: int | None = 12, version_id: str | None = "v7") -> str:
    fields = {"key": "drop/birds/train/a b+\u00fc.jsonl", "size": size, "etag": "e", "version-id": version_id}
    s3_object = {key: value for key, value in fields.items() if value is not None}
    detail = {"version": "0", "bucket": {"name": "bucket"}, "object": s3_object, "reason": "PutObject"}
    return json.dumps({"version": "0", "source": "aws.s3", "detail-type": kind, "detail": detail})


def test_a_file_is_read_as_ordered(services: Services) -> None:
    assert failures(INTAKE_TASK.model_dump_json()) == []
    assert services.tasks == [INTAKE_TASK]
    assert services.sent == []


def test_a_file_that_takes_longer_is_asked_for_again(services: Services) -> None:
    services.pause = timedelta()
    assert failures(INTAKE_TASK.model_dump_json()) == []
    assert services.sent == [INTAKE_TASK]


def test_a_file_that_has_to_wait_has_not_failed_and_is_asked_for_once(services: Services) -> None:
    services.pause = timedelta(seconds=30)
    assert failures(INTAKE_TASK.model_dump_json()) == []
    assert services.sent == []


def test_an_order_that_cannot_be_sent_again_comes_back(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError

    services.pause = timedelta()
    monkeypatch.setattr(queues, "send_tasks", refuse)
    assert failures(INTAKE_TASK.model_dump_json()) == [INTAKE_TASK.model_dump_json()]


@pytest.mark.parametrize(("milliseconds", "enough"), [(60_001, True), (60_000, False)])
def test_reading_goes_on_for_as_long_as_a_minute_is_left(services: Services, milliseconds: int, enough: bool) -> None:
    failures(INTAKE_TASK.model_dump_json(), milliseconds=milliseconds)
    assert services.had_time == [enough]


def test_an_object_in_the_drop_folder_is_taken_by_its_key_as_it_was_put(services: Services) -> None:
    assert failures(s3_event()) == []
    assert services.dropped == [DroppedObject(key="drop/birds/train/a b+\u00fc.jsonl", version="v7", bytes=12)]
    assert services.tasks == []


def test_an_object_of_a_bucket_without_versions_is_taken(services: Services) -> None:
    assert failures(s3_event(version_id=None)) == []
    assert services.dropped[0].version is None


JUNK = [
    "",
    "not JSON",
    "[]",
    "null",
    "7",
    "{}",
    json.dumps({"source": "aws.s3"}),
    json.dumps({"source": "aws.ec2", "detail-type": "Object Created"}),
    s3_event("Object Deleted"),
    s3_event(size=None),
    json.dumps(INTAKE_TASK.model_dump() | {"file": "the first"}),
]


@pytest.mark.parametrize("body", JUNK)
def test_a_message_that_asks_for_nothing_known_is_left_for_an_operator(services: Services, body: str) -> None:
    assert failures(body) == [body]
    assert (services.tasks, services.dropped, services.sent) == ([], [], [])


def test_a_message_that_fails_comes_back_alone(services: Services) -> None:
    assert failures("junk", INTAKE_TASK.model_dump_json(), s3_event()) == ["junk"]
    assert (len(services.tasks), len(services.dropped)) == (1, 1)


@pytest.mark.parametrize("body", [INTAKE_TASK.model_dump_json(), s3_event()])
def test_what_could_not_be_done_comes_back(services: Services, body: str) -> None:
    services.error = ConnectionError()
    assert failures(body) == [body]
    assert services.sent == []
