"""A write repeated with its Idempotency-Key gets the first response and changes nothing (R20)."""

import uuid

import pytest

from tests.support.deployed.client import Caller, Dataset, path
from tests.support.deployed.rows import add, box, modify


@pytest.mark.parametrize("again_after_settling", [False, True])
def test_mutations_sent_again_get_the_same_receipt_and_are_applied_once(
    dataset: Dataset, again_after_settling: bool
) -> None:
    dataset.upload(add("cam-1", clicks=0))
    rows = [modify("cam-1", box("a"), clicks=1), add("cam-2", box("a", "unicorn"))]
    first = dataset.submit(*rows, key="once")
    if again_after_settling:
        dataset.settled(first.json()["upload"])
    again = dataset.submit(*rows, key="once")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    upload = dataset.settled(first.json()["upload"])
    assert (upload["applied"], upload["rejected"]) == (1, 1)
    assert len(dataset.history("cam-1")) == 2
    assert dataset.read()["latest"] == 2


def test_mutations_sent_again_do_not_undo_what_came_after_them(dataset: Dataset) -> None:
    dataset.settled(dataset.send(add("cam-1", clicks=1), key="first"))
    dataset.upload(modify("cam-1", clicks=2))
    before = dataset.frames()
    dataset.settled(dataset.send(add("cam-1", clicks=1), key="first"))
    assert dataset.frames() == before
    assert dataset.read()["latest"] == 2


def test_a_key_used_with_other_mutations_is_refused(dataset: Dataset) -> None:
    dataset.settled(dataset.send(add("cam-1"), key="once"))
    refused = dataset.submit(add("cam-2"), key="once")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert set(dataset.frames()) == {"cam-1"}


def test_a_project_created_again_under_its_key_is_answered_as_the_first_time(admin: Caller) -> None:
    body, headers = {"name": f"p-{uuid.uuid4().hex[:12]}"}, {"Idempotency-Key": uuid.uuid4().hex}
    first, again = (admin.http.post("/projects", json=body, headers=headers) for _ in range(2))
    assert first.status_code == 201
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["location"] == first.headers["location"]


def test_a_dataset_created_again_without_a_key_is_a_conflict(dataset: Dataset) -> None:
    where = path("projects", dataset.project, "datasets")
    refused = dataset.caller.http.post(where, json={"name": dataset.name})
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset_exists")


def test_a_key_used_with_another_project_is_refused(admin: Caller) -> None:
    names = [f"p-{uuid.uuid4().hex[:12]}" for _ in range(2)]
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    _, refused = (admin.http.post("/projects", json={"name": name}, headers=headers) for name in names)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
