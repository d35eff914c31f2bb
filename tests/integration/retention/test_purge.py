"""Purging datasets: everything is deleted, except packs that clones use."""

from datetime import timedelta

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.frames import state
from tests.support.purges import archive_and_purge, archive_for_purge, begin_purge, items, objects, purges, uid_of
from tests.support.transfers import clone, roll_back, start_clone
from tests.support.uploads import DATASET, PROJECT, add, announce, delete, lines, modify, send, upload, upload_files
from tidemark.aws import table
from tidemark.catalog import clone_references
from tidemark.checkpoints import checkpoints
from tidemark.datasets import datasets, storage
from tidemark.domain.errors import Conflict, InvalidRequest, NotFound
from tidemark.domain.pages import Archived
from tidemark.domain.workflows import Failure, PurgeWork
from tidemark.recovery import resume, retry
from tidemark.retention import archive, purge, purge_steps
from tidemark.shards import packs
from tidemark.uploads import follow
from tidemark.versions import diff, frames, resolve

WHERE = {"project": PROJECT, "dataset": DATASET}


def filled(world: World) -> None:
    """Fills a dataset with everything that a dataset may have."""
    upload(world, add("a", "l1"), add("b"), add("c"))
    upload(world, modify("a", metadata={"n": 1}), delete("b"), delete("nowhere"))
    upload_files(world, lines(add("d"), {"op": "nonsense"}))
    announce(world, "never-put.jsonl")
    roll_back(world, 1)
    checkpoints.create_checkpoint(
        world.process(), **WHERE, name="golden", version="1", description="", metadata={}, actor="ann"
    )
    backend = world.process()
    for kind in ("checkpoints", "exports"):
        backend.s3.put_object(Bucket=backend.bucket, Key=f"{kind}/{uid_of(world)}/golden/0", Body=b"1")


def test_nothing_is_left_of_a_purged_dataset(world: World) -> None:
    filled(world)
    assert {key.split("/")[0] for key in objects(world, uid_of(world))} == {
        "packs",
        "checkpoints",
        "exports",
        "uploads",
    }
    uid = archive_and_purge(world)
    assert items(world, uid) == []
    assert objects(world, uid) == []
    with pytest.raises(NotFound):
        datasets.get_dataset(world.process(), PROJECT, DATASET)


@pytest.mark.parametrize("pages", [1, 2])
def test_it_goes_in_pages(world: World, monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    monkeypatch.setattr(table, "DELETE_PAGE_ITEMS", 2)
    filled(world)
    uid = archive_and_purge(world, pages=pages)
    assert items(world, uid) == []


def test_other_datasets_are_not_touched(world: World) -> None:
    datasets.create_dataset(world.process(), project=PROJECT, name="other", description="", shards=2, actor="ann")
    upload(world, add("a"), dataset="other")
    filled(world)
    before = state(world, 1, dataset="other"), items(world, uid_of(world, "other"))
    archive_and_purge(world)
    assert (state(world, 1, dataset="other"), items(world, uid_of(world, "other"))) == before


def test_the_name_is_free_again(world: World) -> None:
    upload(world, add("a"))
    uid = archive_and_purge(world)
    datasets.create_dataset(world.process(), project=PROJECT, name=DATASET, description="", shards=4, actor="ann")
    upload(world, add("b"))
    assert uid_of(world) != uid
    assert set(state(world, 1)) == {"b"}


# Requirements


def test_only_an_archived_dataset_is_purged(world: World) -> None:
    with pytest.raises(Conflict, match="archive it before") as refusal:
        begin_purge(world)
    assert refusal.value.code == "dataset_not_archived"


def test_its_name_confirms_it(world: World) -> None:
    archive_for_purge(world)
    with pytest.raises(InvalidRequest, match="To confirm it") as refusal:
        begin_purge(world, confirmation="TRAIN")
    assert (refusal.value.code, refusal.value.pointer) == ("not_confirmed", "/name")
    assert purges(world) == []


def test_one_that_was_archived_a_moment_ago_waits_until_all_know(world: World) -> None:
    archive_for_purge(world)
    world.now -= timedelta(minutes=2)
    with pytest.raises(Conflict, match="purge it after") as refusal:
        begin_purge(world)
    assert refusal.value.code == "just_archived"


def test_one_with_uploads_on_their_way_waits_until_they_have_settled(world: World) -> None:
    send(world, add("a"))
    archive_for_purge(world)
    with pytest.raises(Conflict, match=r"pending uploads \(1\)") as refusal:
        begin_purge(world)
    assert refusal.value.code == "uploads_pending"
    world.drain()
    begin_purge(world)


def test_one_that_is_being_cloned_waits_until_the_clone_has_all(world: World) -> None:
    upload(world, add("a"))
    start_clone(world, "copy")
    archive_for_purge(world)
    with pytest.raises(Conflict, match="birds/copy is being cloned") as refusal:
        begin_purge(world)
    assert refusal.value.code == "clone_pending"
    world.drain()
    begin_purge(world)


def test_a_clone_that_begins_while_it_is_looked_at_stops_it(world: World) -> None:
    upload(world, add("a"))
    archive_for_purge(world)
    backend = world.process()
    purging = Invocation("purge", lambda: purge.begin_purge(backend, **WHERE, confirmation=DATASET, actor="ann"))
    purging.run_to("dynamodb.TransactWriteItems")
    start_clone(world, "copy")
    purging.run()
    assert isinstance(purging.error, Conflict)
    assert purging.error.code == "dataset_changed"
    assert set(state(world, 1)) == {"a"}


def test_one_that_is_put_back_while_it_is_looked_at_stays(world: World) -> None:
    archive_for_purge(world)
    backend = world.process()
    purging = Invocation("purge", lambda: purge.begin_purge(backend, **WHERE, confirmation=DATASET, actor="ann"))
    purging.run_to("dynamodb.TransactWriteItems")
    archive.unarchive_dataset(world.process(), **WHERE)
    purging.run()
    assert isinstance(purging.error, Conflict)
    assert datasets.get_dataset(world.process(), PROJECT, DATASET).purge is None


# During a purge


def test_nothing_of_it_reads_from_its_beginning_on(world: World) -> None:
    upload(world, add("a"))
    archive_for_purge(world)
    knowing = world.process()
    resolve.get_version(knowing, **WHERE, version="LATEST")
    begin_purge(world)
    for backend in (knowing, world.process()):
        with pytest.raises(NotFound, match="is being purged") as refusal:
            resolve.get_version(backend, **WHERE, version="1")
        assert refusal.value.code == "dataset_purged"
        with pytest.raises(NotFound):
            diff.diff_versions(backend, **WHERE, from_version="0", to_version="1", limit=1, cursor=None)
        with pytest.raises(NotFound):
            storage.report_storage(backend, **WHERE, cursor=None, has_time=lambda: True)
        with pytest.raises(NotFound):
            follow.get_upload(backend, **WHERE, upload="0")
    with pytest.raises(NotFound):
        send(world, add("b"))


def test_it_shows_how_far_it_is(world: World) -> None:
    upload(world, add("a"))
    archive_for_purge(world)
    begin_purge(world)
    dataset = datasets.get_dataset(world.process(), PROJECT, DATASET)
    assert dataset.purge is not None
    assert (dataset.purge.requested_by, dataset.purge.attempt, dataset.purge.failure) == ("ann", 1, None)
    assert (dataset.latest, dataset.frames) == (0, 0)


def test_it_cannot_be_undone(world: World) -> None:
    archive_for_purge(world)
    begin_purge(world)
    with pytest.raises(Conflict, match="cannot be undone"):
        archive.unarchive_dataset(world.process(), **WHERE)
    with pytest.raises(Conflict, match="already"):
        datasets.create_dataset(world.process(), project=PROJECT, name=DATASET, description="", shards=1, actor="ann")


def test_a_read_that_was_under_way_ends_in_words(world: World) -> None:
    upload(world, add("a"))
    reading = world.process()
    read = Invocation("read", lambda: frames.get_frame(reading, **WHERE, frame_id="a", version="LATEST"))
    while "s3.GetObject" not in read.calls:
        read.step()
    archive_and_purge(world)
    read.run()
    assert isinstance(read.error, packs.PackGone)
    assert "purged" in read.error.message


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_read_of_versions_that_was_under_way_ends_in_words(world: World, steps: int) -> None:
    upload(world, add("a"))
    reading = world.process()
    read = Invocation("read", lambda: resolve.get_version(reading, **WHERE, version="LATEST"))
    for _ in range(steps - 1):
        read.step()
    archive_and_purge(world)
    read.run()
    assert read.error is None or isinstance(read.error, NotFound)


def test_the_sweep_passes_over_an_upload_that_went_with_it(world: World) -> None:
    announce(world, "never-put.jsonl")
    world.now += timedelta(days=8)
    (task,) = resume.sweep(world.process(), world.now)
    archive_and_purge(world)
    assert resume.resume(world.process(), task, lambda: True) is None


# Interrupted and repeated


def test_a_repeat_starts_nothing_new(world: World) -> None:
    archive_for_purge(world)
    assert begin_purge(world) == begin_purge(world)
    assert len(purges(world)) == 1


def test_one_whose_workflow_was_never_started_is_started_by_a_repeat(world: World) -> None:
    archive_for_purge(world)
    begin_purge(world)
    world.executions.clear()
    begin_purge(world)
    assert len(purges(world)) == 1


def failed(world: World) -> None:
    work = PurgeWork.model_validate(purges(world)[-1].input["work"])
    purge.record_failure(world.process(), work, Failure.model_validate({"Error": "Throttled", "Cause": "inside"}))


def test_one_that_failed_says_why_and_is_begun_anew(world: World) -> None:
    filled(world)
    uid = archive_for_purge(world).uid
    begin_purge(world)
    failed(world)
    record = datasets.get_dataset(world.process(), PROJECT, DATASET).purge
    assert record is not None
    assert record.failure is not None
    assert record.failure.startswith("Throttled: inside; ")
    again = begin_purge(world)
    assert again.purge is not None
    assert (again.purge.attempt, again.purge.failure) == (2, None)
    assert len(purges(world)) == 2
    world.run_purge(purges(world)[-1])
    assert items(world, uid) == []


def test_one_that_told_of_no_end_is_begun_anew_after_hours(world: World) -> None:
    archive_for_purge(world)
    begin_purge(world)
    world.now += timedelta(hours=15)
    begin_purge(world)
    assert len(purges(world)) == 2


def test_a_late_failure_of_an_attempt_says_nothing_of_the_next(world: World) -> None:
    archive_for_purge(world)
    begin_purge(world)
    first = PurgeWork.model_validate(purges(world)[-1].input["work"])
    world.now += timedelta(hours=15)
    begin_purge(world)
    purge.record_failure(world.process(), first, Failure.model_validate({"Error": "Late", "Cause": "inside"}))
    record = datasets.get_dataset(world.process(), PROJECT, DATASET).purge
    assert record is not None
    assert record.failure is None


def test_a_late_step_does_no_harm_to_who_has_the_name_now(world: World) -> None:
    archive_and_purge(world)
    work = PurgeWork.model_validate(purges(world)[-1].input["work"])
    datasets.create_dataset(world.process(), project=PROJECT, name=DATASET, description="", shards=4, actor="ann")
    upload(world, add("b"))
    for shard in range(4):
        assert purge_steps.delete_shard(world.process(), work, shard, lambda: True)
    assert purge_steps.finish(world.process(), work, lambda: True)
    purge.record_failure(world.process(), work, Failure.model_validate({"Error": "Late", "Cause": "inside"}))
    assert set(state(world, 1)) == {"b"}
    archive_for_purge(world)
    assert datasets.get_dataset(world.process(), PROJECT, DATASET).purge is None


# Clones


def test_packs_that_a_clone_uses_are_kept_and_no_others(world: World) -> None:
    upload(world, add("a"), add("b"))
    upload(world, add("c"))
    roll_back(world, 1)
    clone(world, "copy", version="1")
    before = state(world, 1, dataset="copy")
    uid = archive_and_purge(world)
    assert state(world, 1, dataset="copy") == before
    assert len(objects(world, uid)) == 1, "only the pack of the first upload is left"
    assert items(world, uid) == [f"R#{uid_of(world, 'copy')}"]


def test_a_clone_of_a_clone_keeps_what_it_uses(world: World) -> None:
    upload(world, add("a"))
    clone(world, "second")
    upload(world, add("b"), dataset="second")
    clone(world, "third", dataset="second")
    before = state(world, 1, dataset="third")
    first, second = archive_and_purge(world, DATASET), archive_and_purge(world, "second")
    assert state(world, 1, dataset="third") == before
    assert objects(world, first)
    assert objects(world, second)
    archive_and_purge(world, "third")
    assert objects(world, first) == objects(world, second) == []
    assert items(world, first) == items(world, second) == []


def test_what_only_a_purged_clone_used_goes_with_it(world: World) -> None:
    upload(world, add("a"))
    upload(world, add("b"))
    clone(world, "one", version="1")
    clone(world, "both", version="2")
    source = archive_and_purge(world)
    assert len(objects(world, source)) == 2
    archive_and_purge(world, "both")
    assert len(objects(world, source)) == 1
    assert set(state(world, 1, dataset="one")) == {"a"}
    archive_and_purge(world, "one")
    assert objects(world, source) == items(world, source) == []


def test_a_source_that_lives_loses_nothing_by_its_clones_end(world: World) -> None:
    upload(world, add("a"))
    clone(world, "copy")
    archive_and_purge(world, "copy")
    assert set(state(world, 1)) == {"a"}
    assert clone_references.referrers(world.process(), uid_of(world)) == []


@pytest.mark.parametrize("pages", [1, 2, 5])
def test_what_a_large_clone_uses_is_found_in_pages(world: World, monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    monkeypatch.setattr("tidemark.retention.pack_use.MAX_QUERY_FRAME_VERSIONS", 2)
    for number in range(6):
        upload(world, *(add(f"f{number}-{label}") for label in range(4)))
    clone(world, "copy")
    before = state(world, 1, dataset="copy")
    uid = archive_and_purge(world, pages=pages)
    assert state(world, 1, dataset="copy") == before
    assert len(objects(world, uid)) == 6


def test_a_clone_that_is_made_of_a_clone_while_packs_are_looked_at_keeps_what_it_uses(world: World) -> None:
    """The clone's own source, and its records of packs, are purged before this purge reads them."""
    upload(world, add("a"), add("b"))
    clone(world, "second")
    archive_for_purge(world)
    archive_for_purge(world, "second")
    begin_purge(world)
    execution = purges(world)[-1]
    for shard in execution.input["shards"]:
        world.start_purge_step(execution, shard).run()
    finish = world.start_purge_step(execution, None)
    while "dynamodb.Query" not in finish.calls:
        finish.step()
    finish.step()  # it has read only the second dataset
    clone(world, "third", dataset="second")
    before = state(world, 1, dataset="third")
    archive_and_purge(world, "second")
    finish.run()
    world.run_purge(execution)
    assert state(world, 1, dataset="third") == before


def test_a_clone_that_is_looked_at_before_it_has_all_keeps_what_it_comes_to_use(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new clone is complete, and its source is being purged, before this purge reads that source."""
    upload(world, add("a"))
    clone(world, "second")
    archive_for_purge(world)
    begin_purge(world)
    (first,) = purges(world)
    third, _ = start_clone(world, "third", dataset="second")
    referrers = clone_references.referrers
    monkeypatch.setattr(
        clone_references, "referrers", lambda *args: sorted(referrers(*args), key=lambda uid: uid != third.uid)
    )
    world.start_purge_step(first, None, pages=4).run()
    world.drain()
    archive_and_purge(world, "second")
    world.run_purge(first)
    assert set(state(world, 1, dataset="third")) == {"a"}


def test_a_clone_that_did_not_get_all_can_still_get_it(world: World) -> None:
    upload(world, *(add(f"f{number}") for number in range(20)))
    made, filling = start_clone(world, "copy")
    (execution,) = world.transfers()
    world.run_transfer(execution)
    for task in list(world.tasks):
        world.start_task(task).run()
    world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()
    archive_for_purge(world)
    with pytest.raises(Conflict, match="birds/copy is being cloned"):
        begin_purge(world)
    retry.retry(world.process(), project=PROJECT, dataset=made.name, upload=filling.id)
    world.drain()
    before = state(world, 1)
    archive_and_purge(world)
    assert state(world, 1, dataset="copy") == before


def test_two_executions_at_once_delete_nothing_that_a_clone_uses(world: World) -> None:
    for number in range(3):
        upload(world, add(f"f{number}"))
    clone(world, "copy", version="2")
    before = state(world, 1, dataset="copy")
    archive_for_purge(world)
    begin_purge(world)
    execution = purges(world)[-1]
    for shard in execution.input["shards"]:
        world.start_purge_step(execution, shard).run()
    probe = world.start_purge_step(execution, None).run()
    for position in range(0, len(probe.calls), 3):
        late = world.start_purge_step(execution, None)
        for _ in range(position):
            if not late.finished:
                late.step()
        world.start_purge_step(execution, None).run()
        late.run()
        assert state(world, 1, dataset="copy") == before
    world.run_purge(execution)
    assert state(world, 1, dataset="copy") == before


def test_one_that_is_being_purged_is_listed_among_the_archived(world: World) -> None:
    archive_for_purge(world)
    begin_purge(world)
    listed = {
        wanted: datasets.list_datasets(world.process(), project=PROJECT, archived=wanted, limit=10, cursor=None).items
        for wanted in (Archived.NO, Archived.YES)
    }
    assert [len(names) for names in listed.values()] == [0, 1]
