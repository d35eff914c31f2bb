"""Reading a shard's log: which frames its commits changed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.uploads import PROJECT, add, delete, upload
from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.datasets import datasets
from tidemark.shards import frame_versions
from tidemark.shards import log as shard_log

ONE = "one"


@pytest.fixture
def log(world: World) -> World:
    """A dataset of one shard: four frames are added, then three are changed one by one, the last of them twice."""
    datasets.create_dataset(world.process(), project=PROJECT, name=ONE, description="", shards=1, actor="admin")
    upload(world, add("a"), add("b"), add("c"), add("d"), dataset=ONE)
    for row in (add("b"), add("c"), delete("a"), add("a")):
        upload(world, row, dataset=ONE)
    return world


def uid_of(backend: Backend) -> str:
    return dataset_records.get(backend, PROJECT, ONE).uid


def run(world: World, frame_ids: list[str], head: int) -> dict[str, list[int]]:
    backend = world.process()
    frames_read = frame_versions.scan_histories(backend, uid_of(backend), 0, frame_ids, head)
    return {frame_id: [version.n for version in versions] for frame_id, versions in frames_read.items()}


def queries(operation: Callable[[], Any]) -> int:
    invocation = Invocation("read", operation).run()
    assert invocation.error is None
    return invocation.calls.count("dynamodb.Query")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, {"a": 1, "b": 1, "c": 1, "d": 1}),
        (1, 4, {"a": 4, "b": 2, "c": 3}),
        (3, 5, {"a": 5}),
        (5, 5, {}),
        (0, 99, {"a": 5, "b": 2, "c": 3, "d": 1}),
    ],
)
def test_commits_tell_which_frames_they_changed_and_when_last(
    log: World, low: int, high: int, expected: dict[str, int]
) -> None:
    backend = log.process()
    frames_read = shard_log.changed_frames(backend, uid_of(backend), 0, low, high)
    assert frames_read == expected
    assert list(frames_read) == sorted(frames_read)


def test_commits_are_read_on_where_a_request_stopped(log: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "query", partial(table.query, limit=1))
    backend = log.process()
    assert shard_log.changed_frames(backend, uid_of(backend), 0, 0, 5) == {"a": 5, "b": 2, "c": 3, "d": 1}


def test_frame_versions_are_read_by_their_commits(log: World) -> None:
    backend = log.process()
    frames_read = frame_versions.get_many(backend, uid_of(backend), [(0, "c", 3), (0, "a", 4)])
    assert [(version.frame_id, version.n, version.op) for version in frames_read] == [
        ("c", 3, "ADD"),
        ("a", 4, "DELETE"),
    ]


@pytest.mark.parametrize(("first_read", "worth"), [(1, 1), (2, 1), (3, 1), (2, 10), (100, 10)])
@pytest.mark.parametrize(
    ("frame_ids", "head", "expected"),
    [
        (["a", "b", "c", "d"], 5, {"a": [1, 4, 5], "b": [1, 2], "c": [1, 3], "d": [1]}),
        (["a", "b"], 1, {"a": [1], "b": [1]}),
        (["b", "c"], 2, {"b": [1, 2], "c": [1]}),
        (["c"], 5, {"c": [1, 3]}),
    ],
)
def test_a_run_holds_all_versions_of_its_frames_up_to_a_head(
    log: World,
    monkeypatch: pytest.MonkeyPatch,
    first_read: int,
    worth: int,
    frame_ids: list[str],
    head: int,
    expected: dict[str, list[int]],
) -> None:
    monkeypatch.setattr(frame_versions, "FIRST_QUERY_ITEMS", first_read)
    monkeypatch.setattr(frame_versions, "ITEMS_PER_QUERY_COST", worth)
    frames_read = run(log, frame_ids, head)
    assert frames_read == {frame_id: expected[frame_id] for frame_id in frames_read}
    if first_read == 100:
        assert frames_read == expected


def test_a_run_ends_where_frames_lie_far_apart(log: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_versions, "ITEMS_PER_QUERY_COST", 1)
    upload(log, *(add(f"b{number}") for number in range(50)), dataset=ONE)
    frame_ids = ["a", "b", "d"]
    assert "d" not in run(log, frame_ids, 6)
    assert queries(partial(run, log, frame_ids, 6)) <= 2
