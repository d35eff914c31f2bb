"""Roll backs: the state of an earlier version as a new version, with writes meanwhile (R10)."""

from unittest.mock import patch

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.queues import Message
from tests.simulation.world import World
from tests.support.frames import state
from tests.support.transfers import roll_back, start_rollback
from tests.support.uploads import DATASET, PROJECT, add, delete, get_upload, modify, send, upload
from tidemark.domain.errors import Conflict, NotFound
from tidemark.domain.intake_tasks import ResumeUpload
from tidemark.domain.transfers import TransferWork
from tidemark.domain.uploads import Source, Upload, UploadStatus
from tidemark.domain.windows import Window
from tidemark.recovery import retry
from tidemark.shards import restore
from tidemark.transfers import workflow
from tidemark.uploads import rows as upload_rows
from tidemark.versions import history, resolve


def test_a_rolled_back_version_holds_what_the_earlier_one_held(world: World) -> None:
    upload(world, add("a", "l1"), add("b"), add("c", n=1))
    upload(world, modify("a", metadata={"n": 1}), delete("b"), add("d"))
    after = roll_back(world, 1)
    assert (after.status, after.version) == (UploadStatus.SETTLED, 3)
    assert state(world, 3) == state(world, 1)


def test_a_roll_back_can_be_rolled_back(world: World) -> None:
    upload(world, add("a"), add("b"))
    upload(world, delete("a"), add("b", n=1), add("c"))
    roll_back(world, 1)
    roll_back(world, 2)
    assert state(world, 4) == state(world, 2)


def test_a_roll_back_to_the_empty_beginning_leaves_nothing(world: World) -> None:
    upload(world, add("a"), add("b"))
    roll_back(world, 0)
    assert state(world, 2) == {}


def test_a_roll_back_to_the_latest_version_is_a_version_that_equals_it(world: World) -> None:
    upload(world, add("a"))
    assert roll_back(world, "LATEST").version == 2
    assert state(world, 2) == state(world, 1)


def test_a_roll_back_counts_the_frames_that_it_has_restored(world: World) -> None:
    upload(world, add("a", "l1", "l2"), add("b"), add("same"))
    upload(world, add("a"), delete("b"), add("c"))
    after = roll_back(world, 1)
    assert (after.rows, after.applied, after.dropped, after.failed, after.labels) == (3, 3, 0, 0, 2)


def test_a_roll_back_names_who_made_it_why_and_to_what(world: World) -> None:
    upload(world, add("a"))
    begun = start_rollback(world, 1, message="the night shift mislabelled")
    assert begun.origin is not None
    assert (begun.source, begun.actor, begun.message, begun.origin.version) == (
        Source.ROLLBACK,
        "ann",
        "the night shift mislabelled",
        1,
    )


def test_the_history_of_a_frame_tells_of_the_roll_back(world: World) -> None:
    upload(world, add("a", n=1))
    upload(world, add("a", n=2))
    after = roll_back(world, 1)
    newest = history.frame_history(
        world.process(), project=PROJECT, dataset=DATASET, frame_id="a", limit=1, cursor=None
    ).items[0]
    assert newest.upload == after.id


def test_no_payload_is_written_by_a_roll_back(world: World) -> None:
    upload(world, *(add(f"frame-{number}", text="x" * 1000) for number in range(20)))
    upload(world, *(delete(f"frame-{number}") for number in range(20)))
    before = packed_bytes(world)
    roll_back(world, 1)
    assert packed_bytes(world) - before < 20 * 300


def packed_bytes(world: World) -> int:
    backend = world.process()
    return sum(item["Size"] for item in backend.s3.list_objects_v2(Bucket=backend.bucket)["Contents"])


def test_what_was_applied_before_the_last_window_is_undone_whole(world: World) -> None:
    """This includes frames that nobody had changed when the roll back started."""
    upload(world, add("a"), add("b"))
    upload(world, add("a", n=1))
    begun = start_rollback(world, 1)
    send(world, modify("a", metadata={"m": 1}), add("b", n=2), add("c"))
    apply_all(world)
    world.drain()
    after = get_upload(world, begun.id)
    assert state(world, after.version) == state(world, 1)


def apply_all(world: World) -> None:
    for group in world.windows.groups():
        world.start_apply(group).run()


def test_what_comes_after_the_last_window_stays(world: World) -> None:
    upload(world, add("a"), add("b"))
    upload(world, add("a", n=1))
    roll_back(world, 1)
    upload(world, modify("a", metadata={"m": 1}))
    assert state(world, 4)["a"]["metadata"] == {"m": 1}


def test_an_upload_that_was_accepted_before_and_is_applied_after_stays(world: World) -> None:
    upload(world, add("a"))
    upload(world, add("a", n=1))
    send(world, add("late"))
    waiting = {group: list(messages) for group, messages in world.windows.waiting.items()}
    world.windows.waiting.clear()
    roll_back(world, 1)
    for group, messages in waiting.items():
        world.windows.waiting[group] = messages
        for message in messages:
            message.token = message.token._replace(sequence=99, sent_at=99)
    world.drain()
    assert set(state(world, "LATEST")) == {"a", "late"}


def test_more_frames_than_a_transaction_takes_are_restored_at_the_last_windows_turn(world: World) -> None:
    upload(world, *(add(f"frame-{number:03}") for number in range(30)))
    begun = start_rollback(world, 1)
    send(world, *(add(f"frame-{number:03}", n=1) for number in range(30)))
    apply_all(world)
    with patch.object(restore, "MAX_WINDOW_FRAMES", 3):
        world.drain()
    after = get_upload(world, begun.id)
    assert (after.status, after.rows, after.applied) == (UploadStatus.SETTLED, 30, 30)
    assert state(world, after.version) == state(world, 1)


def test_the_last_window_looks_at_no_frame_that_the_others_have_restored(world: World) -> None:
    upload(world, *(add(f"frame-{number:03}") for number in range(40)))
    upload(world, *(add(f"frame-{number:03}", n=1) for number in range(40)))
    start_rollback(world, 1)
    world.run_transfer(world.transfers()[0])
    for task in list(world.tasks):
        world.start_task(task).run()
    for group in world.windows.groups():
        while len(world.windows.waiting[group]) > 1:
            world.start_apply(group).run()
        assert world.start_apply(group).run().calls.count("dynamodb.Query") == 1


def test_a_window_that_died_among_its_transactions_goes_on_and_counts_all_that_it_restored(world: World) -> None:
    upload(world, *(add(f"frame-{number:03}") for number in range(30)))
    begun = start_rollback(world, 1)
    send(world, *(add(f"frame-{number:03}", n=1) for number in range(30)))
    apply_all(world)
    released(world)
    with patch.object(restore, "MAX_WINDOW_FRAMES", 3):
        for group in world.windows.groups():
            died = world.start_apply(group)
            while died.calls.count("dynamodb.TransactWriteItems") < 2 and not died.finished:
                died.step()
            died.crash(after=False)
        world.drain()
    after = get_upload(world, begun.id)
    assert (after.rows, after.applied) == (30, 30)
    assert state(world, after.version) == state(world, 1)


def test_a_shard_is_read_in_pages(world: World) -> None:
    upload(world, *(add(f"frame-{number:03}") for number in range(40)))
    upload(world, *(delete(f"frame-{number:03}") for number in range(40)))
    begun = start_rollback(world, 1)
    with patch.object(workflow, "MAX_CHUNK_ROWS", 3):
        world.run_transfer(world.transfers()[0], pages=1)
        world.drain()
    after = get_upload(world, begun.id)
    assert (after.shards, after.shards_read, after.applied) == (4, 4, 40)
    assert state(world, after.version) == state(world, 1)


def test_a_repeat_of_the_request_is_the_same_roll_back(world: World) -> None:
    upload(world, add("a"))
    first = start_rollback(world, 1, key="once")
    world.drain()
    again = start_rollback(world, 1, key="once")
    world.drain()
    assert (again.id, again.version, len(world.executions)) == (first.id, 2, 1)


def test_one_roll_back_at_a_time(world: World) -> None:
    upload(world, add("a"))
    start_rollback(world, 1)
    with pytest.raises(Conflict) as refusal:
        start_rollback(world, 0)
    assert refusal.value.code == "rollback_pending"


def test_a_failed_workflow_changes_nothing_and_says_why(world: World) -> None:
    upload(world, add("a"))
    upload(world, delete("a"))
    begun = start_rollback(world, 1)
    fail(world)
    after = get_upload(world, begun.id)
    assert (after.status, after.version) == (UploadStatus.FAILED, None)
    assert after.reason == "Its rows could not be made: PackCorrupt. Nothing was changed; roll back once more."
    assert world.windows.groups() == []
    world.ended.update(world.executions)
    assert roll_back(world, 1).status is UploadStatus.SETTLED


def fail(world: World) -> None:
    execution = world.transfers()[0]
    world.start_step(execution, 0).run()
    backend = world.process()
    work = TransferWork.model_validate(execution.input["work"])
    workflow.record_failure(backend, work, "PackCorrupt")
    world.ended.add(execution.name)


def test_pages_of_a_failed_workflow_that_are_under_way_are_not_taken(world: World) -> None:
    upload(world, add("a"))
    begun = start_rollback(world, 0)
    execution = world.transfers()[0]
    slow = world.start_step(execution, 1)
    slow.run_to("dynamodb.TransactWriteItems")
    fail(world)
    before = get_upload(world, begun.id)
    slow.run()
    assert get_upload(world, begun.id) == before


def test_a_failed_roll_back_is_not_retried_but_made_anew(world: World) -> None:
    upload(world, add("a"))
    begun = start_rollback(world, 1)
    fail(world)
    with pytest.raises(Conflict, match="start a new one"):
        retry.retry(world.process(), project=PROJECT, dataset=DATASET, upload=begun.id)


def test_a_last_window_that_is_given_up_leaves_the_roll_back_partial_until_a_retry(world: World) -> None:
    upload(world, add("a"), add("b"))
    upload(world, add("a", n=1))
    begun = start_rollback(world, 1)
    released(world)
    buried = bury_last_windows(world)
    world.drain()
    after = get_upload(world, begun.id)
    assert (after.status, after.windows_failed) == (UploadStatus.PARTIAL, buried)
    retry.retry(world.process(), project=PROJECT, dataset=DATASET, upload=begun.id)
    world.drain()
    assert get_upload(world, begun.id).status is UploadStatus.SETTLED


def bury_last_windows(world: World) -> int:
    last = [
        message
        for group in world.windows.groups()
        for message in world.windows.waiting[group]
        if Window.model_validate_json(message.body).plan.restore
    ]
    for message in last:
        world.bury(message)
    return len(last)


def released(world: World) -> None:
    """Runs a started roll back until its windows are sent."""
    world.run_transfer(world.transfers()[0])
    for task in list(world.tasks):
        world.start_task(task).run()


def test_a_window_that_comes_after_the_last_one_does_not_undo_what_came_after_the_roll_back(world: World) -> None:
    """The window waits in the dead-letter queue while the sweep sends it again."""
    upload(world, add("a"))
    upload(world, add("a", n=1))
    begun = start_rollback(world, 1)
    released(world)
    [early] = [message for message in waiting(world) if window_of(message).plan.rows]
    world.windows.delete(early)
    world.drain()
    upload(world, add("a", n=2))
    world.let_five_minutes_pass()
    world.tasks.append(ResumeUpload(uid=window_of(early).dataset, upload=begun.id))
    world.drain()
    after = get_upload(world, begun.id)
    assert (after.status, after.dropped) == (UploadStatus.SETTLED, 1)
    assert state(world, "LATEST")["a"]["metadata"] == {"n": 2}


def test_windows_that_are_sent_again_before_the_last_one_had_its_turn_give_way_to_nothing(world: World) -> None:
    upload(world, add("a"))
    upload(world, add("a", n=1))
    begun = start_rollback(world, 1)
    send(world, add("a", n=2))
    world.run_transfer(world.transfers()[0])
    task = world.tasks[0]
    lost = world.start_task(task)
    lost.crash(after=False)
    apply_all(world)
    world.start_task(task).run()
    world.drain()
    after = get_upload(world, begun.id)
    assert (after.applied, after.dropped) == (1, 0)
    assert state(world, after.version) == state(world, 1)


def waiting(world: World) -> list[Message]:
    return [message for messages in world.windows.waiting.values() for message in messages]


def window_of(message: Message) -> Window:
    return Window.model_validate_json(message.body)


def test_a_last_window_that_was_given_up_restores_no_more(world: World) -> None:
    """The invocation is so slow that its window became a dead letter and its upload settled without it."""
    upload(world, *(add(f"frame-{number:03}") for number in range(30)))
    begun = start_rollback(world, 1)
    send(world, *(add(f"frame-{number:03}", n=1) for number in range(30)))
    apply_all(world)
    released(world)
    with patch.object(restore, "MAX_WINDOW_FRAMES", 3):
        slow = [world.start_apply(group) for group in world.windows.groups()]
        for invocation in slow:
            invocation.run_to("dynamodb.TransactWriteItems")
        bury_last_windows(world)
        world.drain()
        after = get_upload(world, begun.id)
        for invocation in slow:
            invocation.run()
    upload(world, add("next"))
    assert after.version is not None
    later = state(world, after.version + 1)
    del later["next"]
    assert later == state(world, after.version)


def test_a_retry_does_not_undo_what_came_after_the_roll_back(world: World) -> None:
    upload(world, add("a"), add("b"))
    begun = start_rollback(world, 1)
    released(world)
    bury_last_windows(world)
    world.drain()
    upload(world, add("b", n=1))
    retry.retry(world.process(), project=PROJECT, dataset=DATASET, upload=begun.id)
    world.drain()
    assert state(world, "LATEST")["b"]["metadata"] == {"n": 1}


def partial(world: World) -> Upload:
    """Rolls back from version 2 to version 1. One window with a row is given up."""
    upload(world, add("a"))
    upload(world, add("a", n=1))
    begun = start_rollback(world, 1)
    released(world)
    for message in waiting(world):
        if window_of(message).plan.rows:
            world.bury(message)
    world.drain()
    return get_upload(world, begun.id)


def test_a_roll_back_that_another_one_followed_is_not_retried(world: World) -> None:
    """A retry would undo changes that the later roll back left in place."""
    first = partial(world)
    roll_back(world, 2)
    with pytest.raises(Conflict, match="rolled back again"):
        retry.retry(world.process(), project=PROJECT, dataset=DATASET, upload=first.id)


def test_a_roll_back_does_not_begin_while_the_one_before_is_retried(world: World) -> None:
    first = partial(world)
    second = Invocation("roll back", lambda: start_rollback(world, 2))
    second.run_to("dynamodb.TransactWriteItems")
    retry.retry(world.process(), project=PROJECT, dataset=DATASET, upload=first.id)
    assert isinstance(second.run().error, Conflict)
    world.drain()
    assert get_upload(world, first.id).status is UploadStatus.SETTLED


def test_a_retry_does_not_begin_while_another_roll_back_does(world: World) -> None:
    first = partial(world)
    where = {"project": PROJECT, "dataset": DATASET, "upload": first.id}
    again = Invocation("retry", lambda: retry.retry(world.process(), **where))
    again.run_to("dynamodb.TransactWriteItems")
    second = start_rollback(world, 2)
    assert isinstance(again.run().error, Conflict)
    world.drain()
    assert state(world, get_upload(world, second.id).version) == state(world, 2)


def test_the_rows_of_a_roll_back_are_those_that_were_known_when_it_began(world: World) -> None:
    upload(world, add("a", "l1"), add("b"))
    upload(world, add("a"), delete("b"), add("c"))
    after = roll_back(world, 1)
    rows = upload_rows.list_rows(
        world.process(), project=PROJECT, dataset=DATASET, upload=after.id, limit=100, cursor=None
    ).items
    assert {(row.frame_id, row.op, row.outcome) for row in rows} == {
        ("a", "ADD", "applied"),
        ("b", "ADD", "applied"),
        ("c", "DELETE", "applied"),
    }


def test_an_unknown_version_is_refused(world: World) -> None:
    upload(world, add("a"))
    with pytest.raises(NotFound) as refusal:
        start_rollback(world, 7)
    assert refusal.value.pointer == "/version"


def test_the_counts_of_a_rolled_back_version_are_those_of_the_earlier_one(world: World) -> None:
    upload(world, add("a", "l1", "l2"), add("b", "l3"))
    upload(world, delete("a"), add("b"), add("c", "l4"))
    roll_back(world, 1)
    first, third = (
        resolve.get_version(world.process(), project=PROJECT, dataset=DATASET, version=version)
        for version in ("1", "3")
    )
    assert (third.frames, third.labels) == (first.frames, first.labels)
