"""Archiving datasets: they are not listed and accept no writes, but are read as before."""

from collections.abc import Callable

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support import pages
from tests.support.frames import state
from tests.support.purges import archive_for_purge
from tests.support.transfers import clone, start_rollback
from tests.support.uploads import DATASET, PROJECT, add, announce, complete, drop_file, lines, send, upload
from tidemark.checkpoints import checkpoints
from tidemark.datasets import datasets
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict, NotFound
from tidemark.domain.pages import Archived
from tidemark.domain.uploads import UploadStatus
from tidemark.ingest import drop_folder
from tidemark.recovery import retry
from tidemark.retention import archive
from tidemark.uploads import follow

WHERE = {"project": PROJECT, "dataset": DATASET}


def unarchive(world: World) -> Dataset:
    return archive.unarchive_dataset(world.process(), **WHERE)


def names(world: World, wanted: Archived, limit: int = 100) -> list[str]:
    return [
        dataset.name
        for dataset in pages.items(
            lambda cursor: datasets.list_datasets(
                world.process(), project=PROJECT, archived=wanted, limit=limit, cursor=cursor
            )
        )
    ]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_an_archived_dataset_is_listed_only_if_asked_for(world: World, limit: int) -> None:
    for name in ("a", "z"):
        datasets.create_dataset(world.process(), project=PROJECT, name=name, description="", shards=1, actor="ann")
    archive_for_purge(world)
    assert names(world, Archived.NO, limit) == ["a", "z"]
    assert names(world, Archived.YES, limit) == [DATASET]
    assert names(world, Archived.ALL, limit) == ["a", DATASET, "z"]


def test_it_says_who_archived_it_and_when(world: World) -> None:
    before = world.now
    archive_for_purge(world)
    dataset = datasets.get_dataset(world.process(), PROJECT, DATASET)
    assert dataset.archived_by == "ann"
    assert dataset.archived_at is not None
    assert before < dataset.archived_at <= world.now


def test_archiving_it_once_more_changes_nothing(world: World) -> None:
    assert archive_for_purge(world) == archive_for_purge(world)


def test_it_reads_as_before(world: World) -> None:
    upload(world, add("f1"))
    before = state(world, 1)
    archive_for_purge(world)
    assert state(world, 1) == state(world, "LATEST") == before
    checkpoints.create_checkpoint(
        world.process(), **WHERE, name="last", version="LATEST", description="", metadata={}, actor="ann"
    )
    assert state(world, "last") == before
    clone(world, "copy")
    assert state(world, 1, dataset="copy") == before


WRITES: dict[str, Callable[[World], object]] = {
    "mutations": lambda world: send(world, add("f9")),
    "files": lambda world: announce(world, "rows.jsonl"),
    "roll back": lambda world: start_rollback(world, 1),
}


@pytest.mark.parametrize("write", WRITES)
def test_it_takes_nothing_more_until_it_is_put_back(world: World, write: str) -> None:
    upload(world, add("f1"))
    archive_for_purge(world)
    with pytest.raises(Conflict, match="was archived by 'ann'") as refusal:
        WRITES[write](world)
    assert refusal.value.code == "dataset_archived"
    unarchive(world)
    WRITES[write](world)


def test_what_failed_in_it_is_not_retried(world: World) -> None:
    receipt = send(world, add("f1"))
    archive_for_purge(world)
    with pytest.raises(Conflict) as refusal:
        retry.retry(world.process(), **WHERE, upload=receipt.upload)
    assert refusal.value.code == "dataset_archived"


def test_files_that_were_announced_before_cannot_be_completed(world: World) -> None:
    receipt = announce(world, "rows.jsonl")
    archive_for_purge(world)
    with pytest.raises(Conflict) as refusal:
        complete(world, receipt)
    assert refusal.value.code == "dataset_archived"


def test_what_was_accepted_before_goes_on_to_its_end(world: World) -> None:
    receipt = send(world, add("f1"), key="k")
    archive_for_purge(world)
    assert send(world, add("f1"), key="k") == receipt
    world.drain()
    settled = follow.get_upload(world.process(), **WHERE, upload=receipt.upload)
    assert (settled.status, settled.version) == (UploadStatus.SETTLED, 1)


KEY = f"drop/{PROJECT}/{DATASET}/rows.jsonl"


def test_a_dropped_file_is_rejected_with_the_reason(world: World) -> None:
    archive_for_purge(world)
    assert drop_file(world, KEY, lines(add("f1"))) is None
    (rejected,) = drop_folder.list_rejected(world.process(), only=None, limit=10, cursor=None).items
    assert "was archived by 'ann'" in rejected.reason
    assert world.tasks == []


def test_a_file_that_was_taken_before_goes_on(world: World) -> None:
    taken = drop_file(world, KEY, lines(add("f1")))
    archive_for_purge(world)
    world.tasks.clear()  # as if the first invocation had crashed before it sent its task
    again = drop_file(world, KEY, lines(add("f1")))
    assert taken is not None
    assert again is not None
    assert again.id == taken.id
    world.drain()
    assert set(state(world, 1)) == {"f1"}


def test_a_process_that_remembers_the_dataset_refuses_within_its_minute_or_never_knew(world: World) -> None:
    remembering = world.process()
    send(world, add("f1"), backend=remembering)
    archive_for_purge(world)
    assert send(world, add("f2"), backend=remembering).accepted == 1
    remembering.memory.datasets.clear()  # a minute later
    with pytest.raises(Conflict):
        send(world, add("f3"), backend=remembering)


def test_putting_it_back_is_known_at_once(world: World) -> None:
    archive_for_purge(world)
    knowing = world.process()
    with pytest.raises(Conflict):
        send(world, add("f1"), backend=knowing)
    unarchive(world)
    assert send(world, add("f1"), backend=knowing).accepted == 1


def test_its_name_stays_taken(world: World) -> None:
    archive_for_purge(world)
    with pytest.raises(Conflict, match="already"):
        datasets.create_dataset(world.process(), project=PROJECT, name=DATASET, description="", shards=1, actor="ann")


def test_of_two_that_archive_it_at_once_one_does(world: World) -> None:
    backend = world.process()
    first = Invocation("first", lambda: archive.archive_dataset(backend, **WHERE, actor="bob"))
    first.step()  # the invocation has read the dataset
    archive_for_purge(world)
    assert first.run().error is None
    assert datasets.get_dataset(world.process(), PROJECT, DATASET).archived_by == "ann"


def test_a_dataset_that_is_not_there_is_not_archived(world: World) -> None:
    with pytest.raises(NotFound):
        archive.archive_dataset(world.process(), project=PROJECT, dataset="other", actor="ann")
