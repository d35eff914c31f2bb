"""What clients ask of the API, and what they remember of its answers."""

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
PASSING = {409, 429, 503}
"""What a client may be told when it comes at a bad moment; it may ask again."""


class Refused(Exception):
    """The API did not do what it was asked for, for a reason that may pass."""


def start_submit(world: Deployment, model: DatasetModel, rows: list[Row], key: str) -> Invocation:
    """A client sends rows, or sends them again: it waits for its receipt, and remembers it."""
    upload_id = derived_upload_id(model.uid, ACTOR, key)
    submission = model.submissions.setdefault(upload_id, Submission(rows, key))

    def operation(caller: Caller) -> Any:
        answer = caller.send("POST", f"{path(model)}/mutations", submission.body, Idempotency_Key=key)
        told = answer.json()
        told.pop("request_id", None)
        if answer.status != 422 or told["code"] != "nothing_accepted":
            _expect(answer, 202)
        assert told["upload"] == upload_id
        assert submission.receipt in (None, told), "a repeat was answered differently (3)"
        submission.receipt = told
        return told

    return world.start_client(f"submit {key}", operation)


def start_file(world: Deployment, model: DatasetModel, rows: list[Row], key: str) -> Invocation:
    """A client sends rows in a file, or sends them again: announces it, puts it, and completes the upload."""
    body = {"files": [{"name": "rows.jsonl"}]}
    upload_id = upload_id_of("files", model.uid, _request_name(f"{path(model)}/uploads", body, key))
    submission = model.submissions.setdefault(upload_id, Submission(rows, key, first_row=1))

    def operation(caller: Caller) -> Any:
        answer = caller.send("POST", f"{path(model)}/uploads", _json(body), Idempotency_Key=key)
        _expect(answer, 201)
        assert answer.json()["upload"] == upload_id, "a repeat was answered differently (3)"
        caller.put(f"uploads/{model.uid}/{upload_id}/0000", submission.text)
        answer = caller.send("POST", f"{path(model)}/uploads/{upload_id}/complete")
        _expect(answer, 202)
        submission.receipt = upload_id
        return answer.json()

    return world.start_client(f"send file {key}", operation)


def start_retry(world: Deployment, model: DatasetModel, upload_id: str) -> Invocation:
    """Somebody retries an upload."""

    def operation(caller: Caller) -> Any:
        answer = caller.send("POST", f"{path(model)}/uploads/{upload_id}/retry")
        if answer.status != 404:  # it was never recorded
            _expect(answer, 202)

    return world.start_client(f"retry {upload_id}", operation)


def start_rollback(world: Deployment, model: DatasetModel, to: int, key: str) -> Invocation:
    """Somebody rolls the dataset back to a version, or asks for it again."""
    body = {"version": str(to)}
    upload_id = upload_id_of("rollback", model.uid, _request_name(f"{path(model)}/rollbacks", body, key))
    model.rollbacks[upload_id] = to

    def operation(caller: Caller) -> Any:
        answer = caller.send("POST", f"{path(model)}/rollbacks", _json(body), Idempotency_Key=key)
        _expect(answer, 202)
        assert answer.json()["id"] == upload_id, "a repeat was answered differently (3)"

    return world.start_client(f"roll back to {to}", operation)


def start_clone(world: Deployment, model: DatasetModel, version: int, name: str) -> Invocation:
    """Somebody clones a version; the clone is found by its name."""
    body = _json({"version": str(version), "name": name})

    def operation(caller: Caller) -> Any:
        _expect(caller.send("POST", f"{path(model)}/clones", body, Idempotency_Key=name), 202)

    return world.start_client(f"clone {version} as {name}", operation)


def found_clone(world: Deployment, source: DatasetModel, version: int, name: str) -> DatasetModel | None:
    """The clone of a version, once it is there."""
    try:
        found = dataset_records.get(world.process(), source.project, name)
    except NotFound:
        return None
    assert found.cloned_from is not None
    cloned = Cloned(found.cloned_from.upload, version, source.snapshots[version])
    return DatasetModel(source.project, name, found.uid, found.shards, cloned=cloned)


def start_read(world: Deployment, model: DatasetModel, version: str, limit: int) -> Invocation:
    """Somebody reads a version page by page; whatever it holds is what it holds for good (1)."""

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
                assert frame["frame_id"] not in content, "a frame twice in one version (1)"
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
    """The path of a dataset."""
    return f"/projects/{quote(model.project)}/datasets/{quote(model.name)}"


def _request_name(below: str, body: Any, key: str) -> str:
    """What the API makes of an idempotency key."""
    return digest(canonical_json({"key": [ACTOR, "POST", f"{BASE}{below}", key], "body": body}))


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


def _expect(answer: Answer, status: int) -> None:
    if answer.status in PASSING:
        raise Refused(f"{answer.status} {answer.json()['code']}")
    if answer.status != status:
        invocation = current()
        told = invocation.caught[-1:] if invocation is not None else []
        raise AssertionError(f"the API answered {answer.status}: {answer.text[:300]} {told!r}")


Start = Callable[[Deployment, DatasetModel], Invocation]
"""Begins an operation on a dataset."""
