"""A write repeated with its Idempotency-Key returns the first response and changes nothing."""

import json
import os
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.api.http import idempotency
from tests.integration.api.conftest import TRAIN
from tests.simulation.gateway import Answer, Client
from tests.simulation.world import World
from tidemark.datasets import projects
from tidemark.domain.api_keys import Grant, Role
from tidemark.domain.limits import MAX_CLASS_MAP_BYTES, MAX_SINGLE_PUT_BYTES

Write = Callable[[Client, str], Answer]


def create_project(client: Client, key: str) -> Answer:
    return client.post("/projects", {"name": "cars", "classes": [{"name": "car"}]}, Idempotency_Key=key)


def create_dataset(client: Client, key: str) -> Answer:
    return client.post("/projects/birds/datasets", {"name": "test"}, Idempotency_Key=key)


def put_class_map(client: Client, key: str) -> Answer:
    classes = [{"name": "heron"}, {"name": "stork"}, {"name": "crane"}]
    return client.put("/projects/birds/class-map", {"classes": classes}, Idempotency_Key=key)


def submit_mutations(client: Client, key: str) -> Answer:
    row = {"op": "ADD", "frame": {"frame_id": "f1"}}
    return client.post(f"{TRAIN}/mutations", {"mutations": [row]}, Idempotency_Key=key)


WRITES = [create_project, create_dataset, put_class_map, submit_mutations]


@pytest.mark.parametrize("write", WRITES)
def test_a_repeat_is_answered_byte_for_byte_as_the_first_time(api: Client, write: Write) -> None:
    first = write(api, "once")
    assert first.status < 300
    assert write(api, "once") == first


def test_a_repeat_is_answered_as_then_though_the_object_changed_since(api: Client) -> None:
    first = put_class_map(api, "once")
    classes = [{"name": name} for name in ("heron", "stork", "crane", "egret")]
    api.put("/projects/birds/class-map", {"classes": classes})
    assert put_class_map(api, "once") == first
    assert len(api.get("/projects/birds/class-map").json()["classes"]) == 4


def test_the_answer_of_the_largest_class_map_is_kept(api: Client) -> None:
    body = {"classes": dense_classes()}
    assert api.post("/projects", {"name": "cars"}).status == 201
    first = api.put("/projects/cars/class-map", body, Idempotency_Key="once")
    assert first.status == 200
    assert len(first.text.encode()) > MAX_CLASS_MAP_BYTES - 1024
    assert api.put("/projects/cars/class-map", body, Idempotency_Key="once") == first


def dense_classes() -> list[dict[str, Any]]:
    """Returns the largest class map that compresses badly: random names of characters of one to three bytes, random
    ids and colours."""
    random = Random(1)
    alphabets = [[chr(code) for code in range(*codes)] for codes in ((0x23, 0x5B), (0x410, 0x482), (0x4E00, 0x9FA5))]
    classes: list[dict[str, Any]] = []
    size = len('{"classes":[]}')
    while size <= MAX_CLASS_MAP_BYTES:
        name = "".join(random.choice(random.choices(alphabets, [5, 3, 2])[0]) for _ in range(128))
        classes.append({"name": name, "id": random.randrange(2**53), "color": f"#{random.randrange(2**24):06x}"})
        size += len(json.dumps(classes[-1], ensure_ascii=False, separators=(",", ":")).encode()) + 1
    return classes[:-1]


def test_a_repeat_of_mutations_makes_no_second_upload(api: Client) -> None:
    submit_mutations(api, "once")
    submit_mutations(api, "once")
    assert len(api.get(f"{TRAIN}/uploads").json()["items"]) == 1


def announce_files(client: Client, key: str) -> Answer:
    files = [{"name": "small"}, {"name": "large", "bytes": MAX_SINGLE_PUT_BYTES + 1}]
    return client.post(f"{TRAIN}/uploads", {"files": files}, Idempotency_Key=key)


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
def test_a_repeat_of_an_announcement_gets_new_urls_of_the_same_files(api: Client, world: World, lost: bool) -> None:
    first = announce_files(api, "once")
    if lost:
        _delete_stored_responses(world)
    repeated = announce_files(api, "once")
    assert (repeated.status, repeated.headers) == (first.status, first.headers) == (201, first.headers)
    assert repeated.json()["upload"] == first.json()["upload"]
    for before, after in zip(first.json()["files"], repeated.json()["files"], strict=True):
        assert before["expires_at"] < after["expires_at"]
        assert _targets(before) == _targets(after)


def _targets(file: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Returns the targets of a file's URLs: object paths, multipart upload ids and part numbers."""
    urls = [urlsplit(part["url"]) for part in file["parts"] or [file]]
    return [
        (url.path, [*parse_qs(url.query).get("uploadId", []), *parse_qs(url.query).get("partNumber", [])])
        for url in urls
    ]


def test_signed_urls_are_not_kept(api: Client, world: World) -> None:
    announce_files(api, "once")
    (item,) = world.process().dynamodb.scan(TableName=os.environ["TIDEMARK_IDEMPOTENCY_TABLE"])["Items"]
    assert idempotency.load(json.loads(item["data"]["S"])).body == ""


@pytest.mark.parametrize(
    ("first", "path", "body"),
    [
        (announce_files, f"{TRAIN}/uploads", {"files": [{"name": "other"}]}),
        (create_project, "/projects", {"name": "boats"}),
        (create_dataset, "/projects/birds/datasets", {"name": "other"}),
        (submit_mutations, f"{TRAIN}/mutations", {"mutations": [{"op": "DELETE", "frame_id": "f2"}]}),
    ],
)
def test_the_same_key_with_another_body_is_refused(api: Client, first: Write, path: str, body: Any) -> None:
    first(api, "once")
    response = api.post(path, body, Idempotency_Key="once")
    assert (response.status, response.json()["code"]) == (422, "idempotency_key_reused")
    assert response.json()["errors"][0]["parameter"] == "Idempotency-Key"


@pytest.mark.parametrize("write", WRITES)
def test_a_repeat_finds_what_was_made_though_its_answer_was_lost(api: Client, world: World, write: Write) -> None:
    first = write(api, "once")
    _delete_stored_responses(world)
    assert write(api, "once") == first


def test_a_lost_answer_is_not_found_with_another_key(api: Client, world: World) -> None:
    create_project(api, "once")
    _delete_stored_responses(world)
    assert create_project(api, "another").status == 409


def _delete_stored_responses(world: World) -> None:
    """Leaves the tables as if the function died after the write, before it stored the response."""
    dynamodb, table = world.process().dynamodb, os.environ["TIDEMARK_IDEMPOTENCY_TABLE"]
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={"id": item["id"]})


def test_the_order_of_names_in_a_body_is_no_difference(api: Client) -> None:
    first = api.post("/projects", {"name": "cars", "description": "x"}, Idempotency_Key="once")
    assert api.post("/projects", {"description": "x", "name": "cars"}, Idempotency_Key="once") == first


def test_a_key_is_good_for_one_path(api: Client) -> None:
    assert create_project(api, "once").status == 201
    assert create_dataset(api, "once").status == 201


def test_idempotency_keys_of_two_api_keys_are_apart(api: Client) -> None:
    create_project(api, "once")
    other = Client(Grant(name="olga", role=Role.ADMIN, projects=None))
    assert create_project(other, "once").status == 409


def test_a_kept_answer_is_not_given_to_a_key_that_lost_its_role(api: Client) -> None:
    create_project(api, "once")
    demoted = Client(Grant(name="ann", role=Role.READ, projects=None))
    assert create_project(demoted, "once").status == 403


def test_a_refusal_is_not_kept(api: Client) -> None:
    body = {"classes": [{"name": "stork"}]}
    for _ in range(2):
        assert api.put("/projects/birds/class-map", body, Idempotency_Key="once").json()["code"] == (
            "class_map_append_only"
        )


def test_without_a_key_a_repeat_is_a_request_of_its_own(api: Client) -> None:
    body = {"name": "cars"}
    assert [api.post("/projects", body).status for _ in range(2)] == [201, 409]


def test_a_repeat_while_the_first_is_running_is_a_conflict(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    during: list[Answer] = []
    create = projects.create_project

    def slow(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(projects, "create_project", create)
        during.append(create_project(api, "once"))
        return create(*args, **kwargs)

    monkeypatch.setattr(projects, "create_project", slow)
    first = create_project(api, "once")
    assert (during[0].status, during[0].json()["code"]) == (409, "idempotency_key_in_use")
    assert create_project(api, "once") == first


def test_a_store_of_answers_out_of_reach_refuses_before_anything_is_done(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_IDEMPOTENCY_TABLE", "no-such-table")
    idempotency._idempotent_write.cache_clear()
    response = create_project(api, "once")
    assert (response.status, response.headers["Retry-After"]) == (503, "2")
    assert api.get("/projects/cars").status == 404


def test_answers_are_kept_for_a_day(api: Client, world: World) -> None:
    create_project(api, "once")
    (item,) = world.process().dynamodb.scan(TableName=os.environ["TIDEMARK_IDEMPOTENCY_TABLE"])["Items"]
    lifetime = int(item["expiration"]["N"]) - int(item["in_progress_expiration"]["N"]) / 1000
    assert 24 * 3600 - 60 < lifetime < 24 * 3600
