"""Errors of the service and of AWS: what the client sees, and what only the logs hold."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tests.integration.api.conftest import Logs
from tests.simulation.gateway import REQUEST_ID, Answer, Client
from tidemark.datasets import projects
from tidemark.domain import errors


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Answer:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(projects, "get_project", fail)
    return Client().get("/projects/birds")


def aws(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Query")  # type: ignore[typeddict-item]  # only the fields that are read


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    "error",
    [
        aws("ThrottlingException"),
        aws("ProvisionedThroughputExceededException"),
        aws("SlowDown", 503),
        aws("InternalServerError", 500),
        EndpointConnectionError(endpoint_url="https://dynamodb"),
        ReadTimeoutError(endpoint_url="https://dynamodb"),
        errors.Unavailable("Busy."),
    ],
    ids=repr,
)
def test_what_may_pass_is_unavailable_for_a_moment(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    response = failing(monkeypatch, error)
    assert (response.status, response.json()["code"], response.headers["Retry-After"]) == (503, "unavailable", "2")


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("error", [KeyError("secret"), aws("ValidationException"), LookupError("secret")], ids=repr)
def test_anything_else_is_an_internal_error_without_its_inside(
    monkeypatch: pytest.MonkeyPatch, logs: Logs, error: Exception
) -> None:
    response = failing(monkeypatch, error)
    assert (response.status, response.json()["code"], response.json()["request_id"]) == (
        500,
        "internal_error",
        REQUEST_ID,
    )
    assert "secret" not in response.text
    (fault,) = [line for line in logs.lines() if line["level"] == "ERROR"]
    assert fault["correlation_id"] == REQUEST_ID
    assert type(error).__name__ in fault["exception"]


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidRequest("m"), 422),
        (errors.InvalidRequest("m", code="malformed_json"), 400),
        (errors.Forbidden("m"), 403),
        (errors.NotFound("m"), 404),
        (errors.Conflict("m"), 409),
        (errors.TooLarge("m"), 413),
        (errors.IdempotencyMismatch("m"), 422),
        (errors.TooManyInFlight("m"), 429),
        (errors.Unavailable("m"), 503),
        (errors.TidemarkError("m"), 422),
    ],
)
def test_each_refusal_of_the_domain_has_its_status(
    monkeypatch: pytest.MonkeyPatch, error: errors.TidemarkError, status: int
) -> None:
    response = failing(monkeypatch, error)
    assert (response.status, response.json()["detail"], response.json()["code"]) == (status, "m", error.code)


@pytest.mark.usefixtures("api")
def test_the_logs_hold_no_body_no_key_and_no_header(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {"authorization": "hidden-1", "x_api_key": "hidden-2"}
    for name in ("hidden-3", "hidden 4"):
        Client().post("/projects", {"name": name, "description": "hidden-5"}, **keys)
    Client().send("POST", "/projects", b"hidden-6", {"content-type": "application/json"})
    assert "hidden" not in "".join(capsys.readouterr()) + logs.text()


@pytest.mark.usefixtures("api")
def test_an_upload_is_logged_under_the_request_that_sent_it(logs: Logs) -> None:
    row = {"op": "ADD", "frame": {"frame_id": "f1"}}
    receipt = Client().post("/projects/birds/datasets/train/mutations", {"mutations": [row]}).json()
    (line,) = [line for line in logs.lines() if line.get("upload") == receipt["upload"]]
    assert (line["correlation_id"], line["actor"], line["operation"]) == (REQUEST_ID, "ann", "submitMutations")


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("below", "code"),
    [
        ("/nowhere", "no_such_route"),
        ("/projects/ghosts", "unknown_project"),
        ("/projects?limit=0", "invalid_request"),
    ],
)
def test_a_refused_request_is_logged_with_its_code_and_who_sent_it(logs: Logs, below: str, code: str) -> None:
    assert Client().get(below).json()["code"] == code
    (line,) = [line for line in logs.lines() if line["message"] == "refused"]
    assert (line["code"], line["actor"]) == (code, "ann")


@pytest.mark.usefixtures("api")
def test_rows_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"op": "ADD", "frame": {"frame_id": "f1"}}, {"op": "NOP"}]
    capsys.readouterr()
    Client().post("/projects/birds/datasets/train/mutations", {"mutations": rows})
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (measured,) = [line for line in logged if "_aws" in line]
    assert (measured["RowsAccepted"], measured["RowsRejected"]) == ([1.0], [1.0])
