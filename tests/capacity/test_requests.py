"""The model of requests agrees with the real functions: the same requests, for the same write units.

The functions run in the simulated world. When their requests change, `requests.py` must follow.
"""

from collections.abc import Iterator

import pytest

from tests.capacity import requests
from tests.capacity.design import BEFORE, Reports
from tests.capacity.recorded import Recorder
from tests.capacity.requests import BATCH_GET, PUT_PACK, QUERY, SEND
from tests.simulation.deployment import Deployment, new_deployment
from tests.support.transfers import start_clone
from tests.support.uploads import DATASET, PROJECT, add, lines, send, start_files
from tidemark.datasets import datasets, projects
from tidemark.domain.frames.class_map import ClassInput

DESIGN = BEFORE
"""The design of the code as it stands."""
SHARDS = 2


@pytest.fixture
def world() -> Iterator[Deployment]:
    with new_deployment() as made:
        classes = [ClassInput(name="heron")]
        projects.create_project(made.process(), name=PROJECT, description="", classes=classes, actor="admin")
        datasets.create_dataset(
            made.process(), project=PROJECT, name=DATASET, description="", shards=SHARDS, actor="admin"
        )
        yield made


@pytest.fixture
def recorder(world: Deployment) -> Recorder:
    return Recorder(world)


def rows(count: int, start: int = 0) -> list[dict[str, object]]:
    return [add(f"camera-4-{number:012}", "a") for number in range(start, start + count)]


def apply_all(world: Deployment) -> None:
    while world.windows.groups():
        world.start_apply(world.windows.groups()[0]).run()


def test_a_request_with_one_row_is_accepted(world: Deployment, recorder: Recorder) -> None:
    send(world, *rows(1))
    assert recorder.requests[-3:] == [*requests.ACCEPT_ROW, SEND]


def test_a_window_is_applied_and_reported(world: Deployment, recorder: Recorder) -> None:
    send(world, *rows(150))
    group = max(world.windows.groups(), key=lambda name: len(world.first_window(name).body))
    count = world.first_window(group).body.count("camera-4-")
    assert count > 60
    seen = recorder.of(world.start_apply(group))
    assert seen == [BATCH_GET, requests.commit(count), requests.report(DESIGN, windows=1)]


def test_a_chunk_of_a_file_is_stored_and_sent(world: Deployment, recorder: Recorder) -> None:
    upload = start_files(world, lines(*rows(3000)))
    assert upload
    seen = [request for request in recorder.of(world.start_task(world.tasks[0])) if request != QUERY]
    packs = [number for number, request in enumerate(seen) if request == PUT_PACK]
    chunk = seen[packs[1] : packs[2]]
    stored = requests.store_chunk(DESIGN)
    assert chunk[: len(stored)] == stored
    assert set(chunk[len(stored) :]) == {SEND}


def test_outcomes_are_recorded_chunk_by_chunk(world: Deployment, recorder: Recorder) -> None:
    start_files(world, lines(*rows(2000)))
    world.start_task(world.tasks[0]).run()
    world.settled.waiting.clear()
    first, second = world.windows.groups()
    world.start_apply(first).run()
    (uid,) = world.settled.groups()
    if DESIGN.reports is Reports.WINDOWS:
        assert recorder.of(world.start_publish(uid, 10)) == requests.record_outcomes(DESIGN, decided=0, undecided=1)
    for group in (first, second):
        while '"part":"0000-00000000"' in world.first_window(group).body:
            world.start_apply(group).run()
    assert recorder.of(world.start_publish(uid, 100)) == requests.record_outcomes(DESIGN, decided=1, undecided=0)


def test_an_upload_settles_in_a_version(world: Deployment, recorder: Recorder) -> None:
    send(world, *rows(1))
    apply_all(world)
    seen = recorder.of(world.start_publish(world.settled.groups()[0], 10))
    assert seen == [BATCH_GET, *requests.settle(DESIGN, uploads=1, shards=SHARDS)]


def test_a_page_of_a_clone(world: Deployment, recorder: Recorder) -> None:
    for start in range(0, 5000, 1000):
        send(world, *rows(1000, start))
    world.drain()
    start_clone(world, "copy")
    seen = recorder.of(world.start_step(world.transfers()[0], 0))
    packs = [number for number, request in enumerate(seen) if request == PUT_PACK]
    page = seen[packs[0] + 1 : packs[1] + 1]
    pack, stored = page[-1], page[0]
    assert [pack, stored] == requests.clone_page(DESIGN)[1:]
    assert set(page[1:-1]) == {QUERY}
