"""API clients: the requests that they send and the responses that they remember."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from tests.reliability.faults import oracle
from tests.reliability.faults.model import Cloned, DatasetModel, Submission
from tests.reliability.faults.oracle import Row, State
from tests.simulation.deployment import Caller, Deployment
from tests.simulation.gateway import BASE, Answer
from tests.simulation.invocation import Invocation, current
from tidemark.catalog import dataset_records
from tidemark.domain.canonical import canonical_json, digest
from tidemark.domain.errors import NotFound
from tidemark.domain.uploads import upload_id_of
from tidemark.ingest.requests import derived_upload_id

ACTOR = "ann"
TRANSIENT = {409, 429, 503}
"""Statuses of refusals that a later repeat may not get."""


class Refused(Exception):
    """Raised when the API refuses a request for a transient reason."""


def start_submit(world: Deployment, model: DatasetModel, rows: list[Row], key: str) -> Invocation:
    """Starts a client that sends rows, perhaps again, and remembers the receipt."""
    upload_id = derived_upload_id(model.uid, ACTOR, key)
    submission = model.submissions.setdefault(upload_id, Submission(rows, key))

    def operation(caller: Caller) -> Any:
        answer = caller.send("POST", f"{path(model)}/mutations", submission.body, Idempotency_Key=key)
        receipt = answer.json()
        receipt.pop("request_id", None)
        if answer.status != 422 or receipt["code"] != "nothing_accepted":
            _expect(answer, 202)
        assert receipt["upload"] == upload_id
        assert submission.receipt in (None, receipt), "a repeated request got another receipt (3)"
        submission.receipt = receipt
        return receipt

    return world.start_client(f"submit {key}", operation)


def start_file(world: Deployment, model: DatasetModel, rows: list[Row], key: str) -> Invocation:
    """Starts a client that sends rows as a file, perhaps again: announces it, uploads it and completes the upload."""
    body = {"files": [{"name": "rows.jsonl"}]}
    upload_id = upload_id_of("files", model.uid, _request_name(f"{path(model)}/uploads", body, key))
    submission = model.submissions.setdefault(upload_id, Submission(rows, key, first_row=1))

    def operation(caller: Caller) -> Any:
        answer = caller.send("POST", f"{path(model)}/uploads", _json(body), Idempotency_Key=key)
        _expect(answer, 201)
        assert answer.json()["upload"] == upload_id, "a repeated request got another upload (3)"
        caller.put(f"uploads/{model.uid}/{upload_id}/0000", submission.text)
        answer = caller.send("POST", f"{path(model)}/uploads/{upload_id}/complete")
        _expect(answer, 202)
        submission.receipt = upload_id
        return answer.json()

    return world.start_client(f"send file {key}", operation)


def start_retry(world: Deployment, model: DatasetModel, upload_id: str) -> Invocation:
    """Starts a client that retries an upload."""

    def operation(caller: Caller) -> Any:
        answer = caller.send("POST", f"{path(model)}/uploads/{upload_id}/retry")
        if answer.status != 404:  # the upload was never stored
            _expect(answer, 202)

    return world.start_client(f"retry {upload_id}", operation)


def start_rollback(world: Deployment, model: DatasetModel, to: int, key: str) -> Invocation:
    """Starts a client that rolls the dataset back to a version, perhaps again."""
    body = {"version": str(to)}
    upload_id = upload_id_of("rollback", model.uid, _request_name(f"{path(model)}/rollbacks", body, key))
    model.rollbacks[upload_id] = to

    def operation(caller: Caller) -> Any:
        answer = caller.send("POST", f"{path(model)}/rollbacks", _json(body), Idempotency_Key=key)
        _expect(answer, 202)
        assert answer.json()["id"] == upload_id, "a repeated request got another upload (3)"

    return world.start_client(f"roll back to {to}", operation)


def start_clone(world: Deployment, model: DatasetModel, version: int, name: str) -> Invocation:
    """Starts a client that clones a version. `find_clone` finds the clone by its name."""
    body = _json({"version": str(version), "name": name})

    def operation(caller: Caller) -> Any:
        _expect(caller.send("POST", f"{path(model)}/clones", body, Idempotency_Key=name), 202)

    return world.start_client(f"clone {version} as {name}", operation)


def find_clone(world: Deployment, source: DatasetModel, version: int, name: str) -> DatasetModel | None:
    """Returns the clone of a version; None until it exists."""
    try:
        dataset = dataset_records.get(world.process(), source.project, name)
    except NotFound:
        return None
    assert dataset.cloned_from is not None
    cloned = Cloned(dataset.cloned_from.upload, version, source.snapshots[version])
    return DatasetModel(source.project, name, dataset.uid, dataset.shards, cloned=cloned)


def start_read(world: Deployment, model: DatasetModel, version: str, limit: int) -> Invocation:
    """Starts a client that reads a version page by page and checks that it never changes (1)."""

    def operation(caller: Caller) -> int:
        content: State = {}
        query: dict[str, Any] = {"version": version, "limit": limit}
        numbers = set()
        while True:
            answer = caller.send("GET", f"{path(model)}/frames?{urlencode(query)}")
            _expect(answer, 200)
            page = answer.json()
            numbers.add(page["version"])
            for item in page["items"]:
                frame = item["frame"]
                assert frame["frame_id"] not in content, "a version lists a frame twice (1)"
                content[frame["frame_id"]] = oracle.plain(frame)
            if page.get("cursor") is None:
                break
            query = {"limit": limit, "cursor": page["cursor"]}
        (number,) = numbers
        before = model.snapshots.setdefault(number, content) if number else {}
        assert content == before, f"version {number} changed (1)"
        return int(number)

    return world.start_client(f"read {version}", operation)


def path(model: DatasetModel) -> str:
    """Returns the path of a dataset."""
    return f"/projects/{quote(model.project)}/datasets/{quote(model.name)}"


def _request_name(below: str, body: Any, key: str) -> str:
    """Returns the request name that the API derives from an idempotency key."""
    return digest(canonical_json({"key": [ACTOR, "POST", f"{BASE}{below}", key], "body": body}))


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


def _expect(answer: Answer, status: int) -> None:
    if answer.status in TRANSIENT:
        raise Refused(f"{answer.status} {answer.json()['code']}")
    if answer.status != status:
        invocation = current()
        errors = invocation.caught[-1:] if invocation is not None else []
        raise AssertionError(f"the API returned {answer.status}: {answer.text[:300]} {errors!r}")


Start = Callable[[Deployment, DatasetModel], Invocation]
"""Starts an operation on a dataset."""
