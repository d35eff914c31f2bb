"""The list of versions thinned to one per hour (R8)."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.world import World, new_world
from tests.support.pages import items, pages
from tests.support.uploads import DATASET, PROJECT
from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.datasets import datasets, projects
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import InvalidRequest
from tidemark.domain.frames.class_map import ClassInput
from tidemark.domain.pages import Page, encode_cursor
from tidemark.domain.versions import ShardState, Version
from tidemark.versions import hourly as hourly_versions
from tidemark.versions import records as stored
from tidemark.versions import resolve

START = datetime(2026, 1, 1, 10, 59, 59, tzinfo=UTC)
GAPS = st.lists(st.sampled_from([1, 1, 20, 700, 3599, 3600, 90_000]), max_size=60)
"""Seconds between two versions."""


def publish(world: World, times: list[datetime]) -> None:
    backend = world.process()
    uid = dataset_records.get(backend, PROJECT, DATASET).uid
    for number, at in enumerate(times, start=1):
        version = Version(number=number, created_at=at, uploads=(), shards=(ShardState(),) * 4)
        stored.publish(backend, uid, version, [])


def read(world: World, cursor: str | None, limit: int = 1000) -> Page[Version]:
    return hourly_versions.list_hourly_versions(
        world.process(), project=PROJECT, dataset=DATASET, limit=limit, cursor=cursor
    )


def hourly(world: World, limit: int = 1000) -> list[int]:
    return [version.number for version in items(partial(read, world, limit=limit))]


def thinned(times: list[datetime]) -> list[int]:
    """Returns the last version of each hour, computed from all versions."""
    hours = {at.replace(minute=0, second=0): number for number, at in enumerate(times, start=1)}
    return sorted(hours.values(), reverse=True)


@settings(max_examples=40, deadline=None)
@given(gaps=GAPS, limit=st.integers(1, 5))
def test_the_newest_version_of_each_hour_is_listed_whatever_the_page(gaps: list[int], limit: int) -> None:
    times = [START + timedelta(seconds=sum(gaps[: count + 1])) for count in range(len(gaps))]
    with new_world() as world:
        projects.create_project(
            world.process(), name=PROJECT, description="", classes=[ClassInput(name="heron")], actor="admin"
        )
        datasets.create_dataset(world.process(), project=PROJECT, name=DATASET, description="", shards=4, actor="admin")
        publish(world, times)
        assert hourly(world, limit) == thinned(times)


def test_a_dense_hour_is_passed_with_few_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(world, [START + timedelta(seconds=2 + number) for number in range(200)])
    looked_at: list[int] = []
    find = resolve.existing_version

    def count(backend: Backend, dataset: Dataset, number: int) -> Version:
        looked_at.append(number)
        return find(backend, dataset, number)

    monkeypatch.setattr(hourly_versions, "existing_version", count)
    assert hourly(world) == [200]
    assert len(set(looked_at)) <= 18


def test_a_page_ends_when_it_has_looked_at_many_versions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [START + timedelta(minutes=20 * number) for number in range(30)]
    publish(world, times)
    monkeypatch.setattr(hourly_versions, "MAX_VERSIONS_EXAMINED", 5)
    version_pages = pages(partial(read, world))
    assert len(version_pages) > 3
    assert [version.number for page in version_pages for version in page] == thinned(times)


def test_a_dataset_without_versions_has_no_times(world: World) -> None:
    assert hourly(world) == []


def test_a_cursor_of_all_versions_is_not_one_of_some(world: World) -> None:
    publish(world, [START, START + timedelta(hours=1)])
    cursor = resolve.list_versions(world.process(), project=PROJECT, dataset=DATASET, limit=1, cursor=None).cursor
    with pytest.raises(InvalidRequest, match="another list"):
        read(world, cursor)


def test_a_cursor_that_was_made_up_leads_nowhere_else(world: World) -> None:
    publish(world, [START, START + timedelta(hours=1)])
    uid = dataset_records.get(world.process(), PROJECT, DATASET).uid
    assert read(world, encode_cursor(f"versions by hour:{uid}", 999)) == read(world, None)
