"""Looking up the newest versions of a window's frames: by ranges where frames are close together, one by one elsewhere.

Requests and read units are counted, and compared with those of a query per frame.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.units import item_size, query_units
from tests.simulation.world import World, new_world
from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import shard_pk
from tidemark.domain.frames.operations import Op
from tidemark.shards import frame_versions
from tidemark.shards.frame_versions import NEWEST_COMMIT, FrameVersion
from tidemark.shards.packs import PayloadPointer

SHARD = 3
Histories = dict[str, list[int]]
"""The numbers of the commits that changed a frame, by frame id."""


class Cost(NamedTuple):
    """What the queries of a lookup cost."""

    queries: int
    units: float


def frame_id(number: int) -> str:
    return f"drive-07_cam-front_{number:06d}"


def stored(backend: Backend, histories: Histories) -> str:
    """Stores frame versions of some 350 bytes in a shard of a new dataset. Returns the dataset's uid."""
    uid = uuid4().hex
    pk = shard_pk(uid, SHARD)
    versions = (_version(uid, frame, n) for frame, commits in histories.items() for n in commits)
    writes = [frame_versions.put(backend, pk, version) for version in versions]
    table.write_many(backend, [{"PutRequest": {"Item": write["Put"]["Item"]}} for write in writes])
    return uid


def _version(uid: str, frame: str, n: int) -> FrameVersion:
    return FrameVersion(
        frame_id=frame,
        n=n,
        op=Op.MODIFY,
        pointer=PayloadPointer(f"{uid}/{uuid4().hex}", 12_000, 1_300, 64 * "a"),
        labels=5,
        classes={"car": 2, "person": 2, "tram": 1},
        upload=uuid4().hex,
        actor="uploader",
        at=datetime(2026, 3, 1, tzinfo=UTC),
    )


@contextmanager
def counted(backend: Backend) -> Iterator[Callable[[], Cost]]:
    """Yields a function that returns the cost of the queries inside the block."""
    units: list[float] = []
    hooks = backend.dynamodb.meta.events

    def count(parsed: dict[str, Any], **_: Any) -> None:
        units.append(query_units([item_size(item) for item in parsed["Items"]], consistent=True))

    hooks.register("after-call.dynamodb.Query", count)
    try:
        yield lambda: Cost(len(units), sum(units))
    finally:
        hooks.unregister("after-call.dynamodb.Query", count)


def cost(world: World, histories: Histories, wanted: list[str]) -> Cost:
    """Returns what it costs to find the newest versions of the wanted frames, which must be the right ones."""
    backend = world.process()
    uid = stored(backend, histories)
    with counted(backend) as so_far:
        newest = frame_versions.newest_versions(backend, uid, SHARD, wanted, NEWEST_COMMIT)
    assert {frame: version.n for frame, version in newest.items()} == {
        frame: histories[frame][-1] for frame in wanted if histories.get(frame)
    }
    return so_far()


def consecutive(count: int, versions: int, gap: int = 1) -> Histories:
    return {frame_id(number): list(range(1, versions + 1)) for number in range(0, count * gap, gap)}


@pytest.mark.parametrize("versions", [1, 2, 5, 8])
def test_neighbours_with_a_few_versions_take_a_fifth_of_a_query_each(world: World, versions: int) -> None:
    wanted = [frame_id(number) for number in range(20, 84)]
    spent = cost(world, consecutive(100, versions), wanted)
    assert spent.queries <= 0.2 * len(wanted)
    assert spent.units <= len(wanted)


@pytest.mark.parametrize("gap", [10, 20])
def test_frames_that_lie_apart_cost_what_a_query_for_each_costs(world: World, gap: int) -> None:
    wanted = [frame_id(number * gap) for number in range(48)]
    spent = cost(world, consecutive(48 * gap, versions=1), wanted)
    assert spent == (len(wanted), len(wanted))


def test_frames_with_long_histories_cost_a_sixteenth_more_than_a_query_each(world: World) -> None:
    wanted = [frame_id(number) for number in range(32)]
    spent = cost(world, consecutive(32, versions=25), wanted)
    assert spent.queries <= len(wanted) * 17 / 16
    assert spent.units <= len(wanted) * 17 / 16


def test_neighbours_are_found_by_ranges_although_others_lie_apart(world: World) -> None:
    apart = [frame_id(number * 20) for number in range(16)]
    neighbours = [frame_id(number) for number in range(320, 352)]
    spent = cost(world, consecutive(400, versions=1), apart + neighbours)
    assert spent.queries <= len(apart) + 0.2 * len(neighbours)


def test_a_long_history_among_short_ones_costs_little_more(world: World) -> None:
    wanted = [frame_id(number) for number in range(32)]
    spent = cost(world, consecutive(32, versions=1) | {frame_id(5): list(range(1, 200))}, wanted)
    assert spent.units <= len(wanted) * 5 / 4


@pytest.mark.parametrize("count", [1, 4])
def test_a_few_frames_take_one_query_each(world: World, count: int) -> None:
    wanted = [frame_id(number) for number in range(count)]
    assert cost(world, consecutive(count, versions=2), wanted) == (count, count)


def test_no_frame_costs_nothing(world: World) -> None:
    assert cost(world, consecutive(1, versions=1), []) == (0, 0)


ids = st.sampled_from(["a", "a!", "a-1", "a 1", "b", "b0", "b1", "b10", "c", "é", "猫", "z"])


@given(
    st.dictionaries(ids, st.lists(st.integers(1, 30), max_size=25, unique=True).map(sorted)),
    st.lists(ids, max_size=12),
    st.integers(0, 31),
)
def test_ranges_find_what_a_query_for_each_frame_finds(histories: Histories, wanted: list[str], head: int) -> None:
    with new_world() as world:
        backend = world.process()
        uid = stored(backend, histories)
        single = {frame: frame_versions.frame_at(backend, uid, SHARD, frame, head) for frame in wanted}
        newest = frame_versions.newest_versions(backend, uid, SHARD, wanted, head)
    assert newest == {frame: version for frame, version in single.items() if version}
