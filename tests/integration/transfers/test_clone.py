"""Clones: datasets that start with the frames of another dataset and share its payloads (R32, R33)."""

from unittest.mock import patch

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.frames import state
from tests.support.purges import archive_for_purge, begin_purge
from tests.support.transfers import clone, roll_back, start_clone
from tests.support.uploads import DATASET, PROJECT, add, delete, get_upload, modify, send, upload
from tidemark.datasets import datasets, projects
from tidemark.domain.datasets import Mode
from tidemark.domain.errors import Conflict, InvalidRequest, NotFound
from tidemark.domain.frames.class_map import ClassInput
from tidemark.domain.transfers import TransferWork
from tidemark.domain.uploads import Source, UploadStatus
from tidemark.recovery import retry
from tidemark.transfers import workflow
from tidemark.versions import history, resolve


def test_a_clone_holds_what_its_source_holds(world: World) -> None:
    upload(world, add("a", "l1", n=1), add("b"), add("gone"))
    upload(world, delete("gone"), modify("a", metadata={"m": 2}))
    after = clone(world, "copy")
    assert (after.status, after.version) == (UploadStatus.SETTLED, 1)
    assert state(world, 1, dataset="copy") == state(world, 2)


def test_any_version_can_be_cloned(world: World) -> None:
    upload(world, add("a"), add("b"))
    upload(world, delete("a"), add("c"))
    clone(world, "copy", version="1")
    assert state(world, 1, dataset="copy") == state(world, 1)


def test_a_clone_goes_its_own_way(world: World) -> None:
    upload(world, add("a"))
    clone(world, "copy")
    upload(world, add("b"), dataset="copy")
    upload(world, add("c"))
    assert set(state(world, "LATEST", dataset="copy")) == {"a", "b"}
    assert set(state(world, "LATEST")) == {"a", "c"}


def test_a_clone_of_a_clone_of_a_rolled_back_dataset_reads_right(world: World) -> None:
    upload(world, add("a", "l1"), add("b"))
    upload(world, delete("a"), add("b", n=1))
    roll_back(world, 1)
    clone(world, "second")
    upload(world, add("c"), dataset="second")
    clone(world, "third", dataset="second")
    assert state(world, 1, dataset="third") == {**state(world, 1), "c": state(world, 2, dataset="second")["c"]}


def test_no_payload_is_copied(world: World) -> None:
    upload(world, *(add(f"frame-{number}", text="x" * 1000) for number in range(20)))
    before = packed_bytes(world)
    clone(world, "copy")
    assert packed_bytes(world) - before < 20 * 300


def packed_bytes(world: World) -> int:
    backend = world.process()
    return sum(item["Size"] for item in backend.s3.list_objects_v2(Bucket=backend.bucket)["Contents"])


def test_the_schema_is_carried_along(world: World) -> None:
    upload(world, add("a", speed=1.5))
    clone(world, "copy")
    receipt = upload(world, add("b", speed="fast"), dataset="copy")
    assert [error.code for error in receipt.errors] == ["metadata_type"]


def test_a_clone_says_where_it_came_from(world: World) -> None:
    upload(world, add("a"))
    made, begun = start_clone(world, "copy")
    world.drain()
    details = datasets.get_dataset(world.process(), PROJECT, made.name)
    assert details.cloned_from is not None
    assert (details.cloned_from.dataset, details.cloned_from.version, details.cloned_from.upload) == (
        DATASET,
        1,
        begun.id,
    )
    assert (begun.source, begun.actor) == (Source.CLONE, "ann")


def test_a_batch_dataset_is_cloned_to_a_mutable_one_and_points_to_it(world: World) -> None:
    batch(world)
    made, begun = start_clone(world, None, dataset="golden")
    world.drain()
    assert (made.name, made.mode) == ("MUTABLE_golden", Mode.STREAMING)
    pointer = datasets.get_dataset(world.process(), PROJECT, "golden").mutable_clone
    assert pointer is not None
    assert (pointer.dataset, pointer.uid, pointer.upload) == ("MUTABLE_golden", made.uid, begun.id)
    upload(world, add("c"), dataset="MUTABLE_golden")
    assert set(state(world, "LATEST", dataset="MUTABLE_golden")) == {"a", "b", "c"}


def batch(world: World) -> None:
    datasets.create_dataset(
        world.process(), project=PROJECT, name="golden", description="", shards=2, actor="admin", mode=Mode.BATCH
    )
    upload(world, add("a"), add("b"), dataset="golden")


def test_progress_is_told_while_it_runs(world: World) -> None:
    upload(world, *(add(f"frame-{number}") for number in range(30)))
    made, begun = start_clone(world, "copy")
    assert (begun.status, begun.shards, begun.shards_read) == (UploadStatus.PENDING, 4, 0)
    execution = world.transfers()[0]
    world.start_step(execution, 0).run()
    world.start_step(execution, 1).run()
    assert get_upload(world, begun.id, dataset=made.name).shards_read == 2


def test_a_clone_takes_no_changes_before_it_has_all_its_frames(world: World) -> None:
    upload(world, add("a"))
    start_clone(world, "copy")
    with pytest.raises(Conflict) as refusal:
        send(world, modify("a", metadata={"n": 1}), dataset="copy")
    assert refusal.value.code == "dataset_cloning"
    world.drain()
    assert send(world, modify("a", metadata={"n": 1}), dataset="copy").accepted == 1


def test_a_clone_that_is_not_whole_is_in_no_version_until_a_retry(world: World) -> None:
    upload(world, *(add(f"frame-{number}") for number in range(10)))
    _, begun = start_clone(world, "copy")
    world.run_transfer(world.transfers()[0])
    for task in list(world.tasks):
        world.start_task(task).run()
    world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()
    after = get_upload(world, begun.id, dataset="copy")
    assert (after.status, after.version) == (UploadStatus.FAILED, None)
    assert state(world, "LATEST", dataset="copy") == {}
    retry.retry(world.process(), project=PROJECT, dataset="copy", upload=begun.id)
    world.drain()
    assert state(world, 1, dataset="copy") == state(world, 1)


def test_a_failed_workflow_says_why_and_goes_on_with_a_retry(world: World) -> None:
    upload(world, *(add(f"frame-{number}") for number in range(30)))
    _, begun = start_clone(world, "copy")
    fail(world)
    after = get_upload(world, begun.id, dataset="copy")
    assert (after.status, after.shards_read) == (UploadStatus.FAILED, 1)
    assert after.reason == "Its rows could not be made: Timeout. A retry of the upload goes on where it stopped."
    retry.retry(world.process(), project=PROJECT, dataset="copy", upload=begun.id)
    world.drain()
    after = get_upload(world, begun.id, dataset="copy")
    assert (after.status, after.rows, after.applied, after.rejected) == (UploadStatus.SETTLED, 30, 30, 0)
    assert state(world, 1, dataset="copy") == state(world, 1)


def test_a_late_failure_of_a_workflow_does_not_stop_the_retry(world: World) -> None:
    """The response to the first call was lost, so the call is repeated."""
    upload(world, add("a"))
    _, made = start_clone(world, "copy")
    first = world.transfers()[0]
    world.start_failure(first).run()
    retry.retry(world.process(), project=PROJECT, dataset="copy", upload=made.id)
    world.start_failure(first).run()
    assert get_upload(world, made.id, dataset="copy").status is UploadStatus.PENDING
    world.drain()
    assert set(state(world, 1, dataset="copy")) == {"a"}


def fail(world: World) -> None:
    execution = world.transfers()[0]
    world.start_step(execution, 0).run()
    backend = world.process()
    workflow.record_failure(backend, TransferWork.model_validate(execution.input["work"]), "Timeout")
    world.ended.add(execution.name)


def test_a_shard_is_read_in_pages(world: World) -> None:
    upload(world, *(add(f"frame-{number:03}") for number in range(40)))
    made, begun = start_clone(world, "copy")
    with patch.object(workflow, "MAX_CHUNK_ROWS", 3):
        world.run_transfer(world.transfers()[0], pages=2)
    world.drain()
    assert state(world, 1, dataset=made.name) == state(world, 1)
    assert get_upload(world, begun.id, dataset=made.name).rows == 40


def test_all_shards_of_a_clone_have_windows_to_apply_from_the_beginning(world: World) -> None:
    upload(world, *(add(f"frame-{number:03}") for number in range(40)))
    made, _ = start_clone(world, "copy")
    with patch.object(workflow, "MAX_CHUNK_ROWS", 3):
        world.run_transfer(world.transfers()[0])
    (task,) = world.tasks
    assert world.start_task(task, steps=2).run().error is None
    assert len(world.windows.groups()) == made.shards
    assert sum(map(len, world.windows.waiting.values())) == made.shards
    world.drain()
    assert state(world, 1, dataset=made.name) == state(world, 1)


def test_two_executions_at_once_make_each_row_once(world: World) -> None:
    upload(world, *(add(f"frame-{number:03}") for number in range(40)))
    made, begun = start_clone(world, "copy")
    execution = world.transfers()[0]
    with patch.object(workflow, "MAX_CHUNK_ROWS", 3):
        running = [world.start_step(execution, 0), world.start_step(execution, 0)]
        while not all(invocation.finished for invocation in running):
            for invocation in running:
                if not invocation.finished:
                    invocation.step()
        world.run_transfer(execution)
    world.drain()
    assert get_upload(world, begun.id, dataset=made.name).rows == 40
    assert state(world, 1, dataset=made.name) == state(world, 1)


def test_a_clone_of_an_emptied_dataset_has_a_version(world: World) -> None:
    upload(world, add("a"))
    upload(world, delete("a"))
    after = clone(world, "copy")
    assert (after.status, after.version) == (UploadStatus.SETTLED, 1)
    assert state(world, 1, dataset="copy") == {}


def test_a_repeat_of_the_request_makes_one_clone(world: World) -> None:
    upload(world, add("a"))
    first, begun = start_clone(world, "copy", key="once")
    upload(world, add("b"))
    second, again = start_clone(world, "copy", key="once")
    assert (second.uid, again.id, len(world.executions)) == (first.uid, begun.id, 1)


def test_a_name_that_is_taken_is_refused(world: World) -> None:
    upload(world, add("a"))
    with pytest.raises(Conflict) as refusal:
        start_clone(world, DATASET)
    assert (refusal.value.code, refusal.value.pointer) == ("dataset_exists", "/name")


def test_a_clone_of_a_streaming_dataset_needs_a_name(world: World) -> None:
    upload(world, add("a"))
    with pytest.raises(InvalidRequest) as refusal:
        start_clone(world, None)
    assert refusal.value.pointer == "/name"


def test_an_unknown_source_is_refused(world: World) -> None:
    with pytest.raises(NotFound) as refusal:
        start_clone(world, "copy", dataset="nothing")
    assert refusal.value.code == "unknown_dataset"


def test_a_source_whose_purge_begins_meanwhile_is_refused_as_such(world: World) -> None:
    upload(world, add("a"))
    archive_for_purge(world)
    late = Invocation("clone", lambda: start_clone(world, "copy"))
    late.run_to("dynamodb.TransactWriteItems")
    begin_purge(world)
    error = late.run().error
    assert isinstance(error, NotFound)
    assert error.code == "dataset_purged"


def test_an_unknown_version_is_refused(world: World) -> None:
    upload(world, add("a"))
    with pytest.raises(NotFound) as refusal:
        start_clone(world, "copy", version=9)
    assert refusal.value.pointer == "/version"


def test_nothing_is_no_clone(world: World) -> None:
    with pytest.raises(Conflict) as refusal:
        start_clone(world, "copy")
    assert refusal.value.code == "nothing_to_clone"


def test_a_clone_goes_into_another_project_whose_class_map_fits(world: World) -> None:
    upload(world, add("a", "l1"))
    create_project(world, "zoo", "lion", "stork", "heron")
    clone(world, "copy", into="zoo")
    assert state(world, 1, dataset="copy", project="zoo") == state(world, 1)


def test_a_class_map_that_lacks_classes_does_not_fit(world: World) -> None:
    upload(world, add("a", "l1"))
    create_project(world, "zoo", "lion", "heron")
    with pytest.raises(Conflict) as refusal:
        start_clone(world, "copy", into="zoo")
    assert refusal.value.code == "class_map_does_not_fit"
    assert "may have: stork. Append" in refusal.value.message


def create_project(world: World, name: str, *classes: str) -> None:
    inputs = [ClassInput(name=name) for name in classes]
    projects.create_project(world.process(), name=name, description="", classes=inputs, actor="admin")


def test_the_frames_of_a_clone_have_the_clones_history(world: World) -> None:
    upload(world, add("a", n=1))
    upload(world, add("a", n=2))
    after = clone(world, "copy")
    items = history.frame_history(
        world.process(), project=PROJECT, dataset="copy", frame_id="a", limit=10, cursor=None
    ).items
    assert [item.upload for item in items] == [after.id]


def test_the_version_list_names_the_clone(world: World) -> None:
    upload(world, add("a"))
    after = clone(world, "copy")
    version = resolve.get_version(world.process(), project=PROJECT, dataset="copy", version="1")
    assert [listed.id for listed in version.uploads] == [after.id]
