"""Retrying uploads: given-up windows are sent again, and nothing else changes (R30)."""

from typing import Any

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.uploads import (
    DATASET,
    PROJECT,
    add,
    announce,
    complete,
    content,
    delete,
    get_upload,
    lines,
    modify,
    send,
    start_files,
    store_files,
    upload,
    where,
)
from tidemark.datasets import datasets
from tidemark.domain.errors import Conflict
from tidemark.domain.intake_tasks import ResumeUpload
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.ingest import file_reader
from tidemark.recovery import retry
from tidemark.uploads import follow
from tidemark.versions import history, resolve


def retry_upload(world: World, upload_id: str) -> Upload:
    return retry.retry(world.process(), **where(), upload=upload_id)


def give_up_first_window(world: World) -> None:
    world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()


def give_up_all(world: World) -> None:
    """Gives up all waiting windows, until none is left."""
    while world.windows.groups() or world.tasks:
        for task in list(world.tasks):
            assert world.start_task(task).run().error is None
        for group in world.windows.groups():
            world.bury(world.first_window(group))
    world.drain()


def counts(upload: Upload) -> tuple[int, int, int, int, int]:
    return upload.rows, upload.rejected, upload.applied, upload.dropped, upload.failed


def refusal(world: World, upload_id: str) -> str:
    with pytest.raises(Conflict) as refused:
        retry_upload(world, upload_id)
    return refused.value.code


def test_a_retry_completes_an_upload_of_which_a_window_was_given_up(world: World) -> None:
    sent = send(world, *(add(f"f{number}", n=number) for number in range(8)), add("")).upload
    give_up_first_window(world)
    partial = get_upload(world, sent)
    assert (partial.windows_failed, partial.failed > 0) == (1, True)
    retry_upload(world, sent)
    world.drain()
    done = get_upload(world, sent)
    assert counts(done) == (9, 1, 8, 0, 0)
    assert (done.windows_failed, done.windows_settled, done.retries) == (0, done.windows, 1)
    assert content(world) == {f"f{number}": {"n": number} for number in range(8)}


def test_rows_that_were_applied_are_not_applied_twice(world: World) -> None:
    sent = send(world, *(add(f"f{number}") for number in range(8))).upload
    give_up_first_window(world)
    retry_upload(world, sent)
    world.drain()
    for number in range(8):
        page = history.frame_history(world.process(), **where(), frame_id=f"f{number}", limit=10, cursor=None)
        assert len(page.items) == 1


def test_an_upload_that_is_retried_is_pending_until_it_settles_into_another_version(world: World) -> None:
    sent = send(world, add("f1"), add("")).upload
    give_up_all(world)
    before = get_upload(world, sent)
    assert (before.status, before.version) == (UploadStatus.FAILED, 1)
    pending = retry_upload(world, sent)
    assert (pending.status, pending.version, pending.settled_at) == (UploadStatus.PENDING, None, None)
    assert datasets.get_dataset(world.process(), PROJECT, DATASET).activity.pending_uploads == 1
    world.drain()
    after = get_upload(world, sent)
    assert (after.status, after.version) == (UploadStatus.PARTIAL, 2)
    assert datasets.get_dataset(world.process(), PROJECT, DATASET).activity.pending_uploads == 0


def test_what_is_given_up_again_can_be_retried_again(world: World) -> None:
    sent = send(world, add("f1")).upload
    give_up_all(world)
    retry_upload(world, sent)
    give_up_all(world)
    again = get_upload(world, sent)
    assert (again.status, again.failed, again.windows_failed) == (UploadStatus.FAILED, 1, 1)
    retry_upload(world, sent)
    world.drain()
    assert (get_upload(world, sent).status, get_upload(world, sent).retries) == (UploadStatus.SETTLED, 2)


def test_the_errors_of_a_retried_upload_are_those_of_its_last_attempt(world: World) -> None:
    sent = send(world, add("f1"), modify("nowhere")).upload
    give_up_all(world)
    retry_upload(world, sent)
    world.drain()
    (error,) = follow.list_errors(world.process(), **where(), upload=sent, limit=10, cursor=None).items
    assert (error.row, error.code) == (1, "unknown_frame")


def test_a_dead_letter_of_an_earlier_attempt_says_nothing_of_the_retry(world: World) -> None:
    sent = send(world, add("f1")).upload
    message = world.first_window(world.windows.groups()[0])
    give_up_all(world)
    retry_upload(world, sent)
    world.let_five_minutes_pass()
    world.start_give_up(message).run()
    (uid,) = world.settled.groups()
    world.start_publish(uid, 1).run()
    assert get_upload(world, sent).status is UploadStatus.PENDING
    assert world.redeliver(message).run().error is None
    assert content(world) == {}
    world.drain()
    assert (get_upload(world, sent).status, content(world)) == (UploadStatus.SETTLED, {"f1": {}})


def test_a_retried_row_gives_way_to_an_upload_that_was_accepted_after_it(world: World) -> None:
    sent = send(world, add("f1", n=1)).upload
    give_up_all(world)
    upload(world, add("f1", n=2))
    retry_upload(world, sent)
    world.drain()
    assert content(world) == {"f1": {"n": 2}}
    (error,) = follow.list_errors(world.process(), **where(), upload=sent, limit=10, cursor=None).items
    assert (error.outcome, error.code) == ("dropped", "superseded")


def test_a_retried_row_of_a_file_gives_way_to_a_later_line_of_the_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 1)
    sent = start_files(world, lines(add("f1", n=1), modify("f1", metadata={"n": 2, "m": 2}), add("f1", n=3)))
    world.start_task(world.tasks[0]).run()
    (group,) = world.windows.groups()
    first, second, third = list(world.windows.waiting[group])
    world.bury(first)
    world.bury(third)
    world.drain()
    upload(world, add("f2"))
    assert get_upload(world, sent).dropped == 1, "the second line found no frame to modify"
    retry_upload(world, sent)
    world.drain()
    assert content(world)["f1"] == {"n": 3}
    assert second.token.is_before(third.token)


def test_a_later_line_that_is_retried_does_not_give_way_to_an_earlier_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 1)
    sent = start_files(world, lines(add("f1", n=1), modify("f1", metadata={"m": 2})))
    world.start_task(world.tasks[0]).run()
    (group,) = world.windows.groups()
    world.bury(world.windows.waiting[group][1])
    world.drain()
    assert content(world) == {"f1": {"n": 1}}
    retry_upload(world, sent)
    world.drain()
    assert content(world) == {"f1": {"n": 1, "m": 2}}


def test_an_earlier_line_that_is_retried_does_not_undo_a_later_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 1)
    sent = start_files(world, lines(add("f1", n=1), add("f1", n=2)))
    world.start_task(world.tasks[0]).run()
    (group,) = world.windows.groups()
    world.bury(world.first_window(group))
    world.drain()
    retry_upload(world, sent)
    world.drain()
    assert content(world) == {"f1": {"n": 2}}
    assert counts(get_upload(world, sent)) == (2, 0, 1, 1, 0)


def test_an_upload_of_many_parts_is_retried_by_intake_in_as_many_calls_as_it_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 5)
    rows = [add(f"f{number}", n=number) for number in range(30)]
    sent = start_files(world, lines(*rows[:20]), lines(*rows[20:], add("")))
    give_up_all(world)
    failed = get_upload(world, sent)
    assert (failed.status, failed.failed, failed.windows_failed) == (UploadStatus.FAILED, 30, failed.windows)
    retry_upload(world, sent)
    calls = 0
    while world.tasks:
        (task,) = world.tasks
        assert isinstance(task, ResumeUpload)
        assert world.start_task(task, steps=3).run().error is None
        calls += 1
    assert calls >= 3
    world.drain()
    done = get_upload(world, sent)
    assert counts(done) == (31, 1, 30, 0, 0)
    assert (done.status, done.windows_settled, done.windows_failed) == (UploadStatus.PARTIAL, done.windows, 0)
    assert content(world) == {f"f{number}": {"n": number} for number in range(30)}


def test_the_totals_of_files_that_are_retried_twice_add_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 10)
    sent = start_files(world, lines(*(add(f"f{number}") for number in range(30))))
    world.start_task(world.tasks[0]).run()
    give_up_first_window(world)
    for _ in range(2):
        retry_upload(world, sent)
        world.start_task(world.tasks[0]).run()
        give_up_first_window(world)
    retry_upload(world, sent)
    world.drain()
    done = get_upload(world, sent)
    assert counts(done) == (30, 0, 30, 0, 0)
    assert (done.windows_settled, done.windows_failed, done.retries) == (done.windows, 0, 3)


def test_an_upload_cannot_be_retried_before_it_has_settled(world: World) -> None:
    sent = send(world, add("f1")).upload
    assert refusal(world, sent) == "upload_pending"


@pytest.mark.parametrize("rows", [[add("f1")], [add("")], [modify("nowhere")]], ids=["done", "refused", "dropped"])
def test_an_upload_of_which_no_window_was_given_up_has_nothing_to_retry(world: World, rows: list[Any]) -> None:
    assert refusal(world, upload(world, *rows).upload) == "nothing_to_retry"


def test_of_two_retries_at_once_one_is_told_that_the_upload_is_pending(world: World) -> None:
    sent = send(world, add("f1")).upload
    give_up_all(world)
    retry_upload(world, sent)
    assert refusal(world, sent) == "upload_pending"


def test_a_dataset_says_that_frames_are_being_deleted_while_a_retry_of_files_does_so(world: World) -> None:
    upload(world, add("f1"))
    sent = start_files(world, lines(delete("f1")))
    give_up_all(world)
    retry_upload(world, sent)
    assert world.start_task(world.tasks[0]).run().error is None
    assert datasets.get_dataset(world.process(), PROJECT, DATASET).activity.deleting
    world.drain()
    assert content(world) == {}


def test_versions_before_a_retry_stay_as_they_were(world: World) -> None:
    sent = send(world, add("f1")).upload
    give_up_all(world)
    upload(world, add("f2"))
    before = resolve.get_version(world.process(), **where(), version="2")
    retry_upload(world, sent)
    world.drain()
    assert resolve.get_version(world.process(), **where(), version="2") == before
    assert (before.frames, resolve.get_version(world.process(), **where(), version="LATEST").frames) == (1, 2)


def test_a_retry_that_is_overtaken_by_another_changes_nothing(world: World) -> None:
    sent = send(world, add("f1")).upload
    give_up_all(world)
    process = world.process()
    slow = Invocation("slow", lambda: retry.retry(process, **where(), upload=sent))
    slow.step()
    slow.step()  # it has seen that the upload can be retried
    retry_upload(world, sent)
    world.drain()
    done = get_upload(world, sent)
    slow.run()
    world.drain()
    assert done.status is UploadStatus.SETTLED
    assert get_upload(world, sent) == done


def test_a_retry_does_not_undo_files_that_were_completed_after_its_upload(world: World) -> None:
    receipt = announce(world, "a")
    early = send(world, add("f1", n="early")).upload
    give_up_all(world)
    store_files(world, receipt, lines(add("f1", n="late")))
    complete(world, receipt)
    world.drain()
    assert content(world) == {"f1": {"n": "late"}}
    retry_upload(world, early)
    world.drain()
    assert content(world) == {"f1": {"n": "late"}}


def test_a_retried_row_of_a_file_does_not_give_way_to_what_came_before_the_file_was_completed(world: World) -> None:
    receipt = announce(world, "a")
    upload(world, add("f1", n="early"))
    store_files(world, receipt, lines(add("f1", n="late")))
    complete(world, receipt)
    give_up_all(world)
    retry_upload(world, receipt.upload)
    world.drain()
    assert content(world) == {"f1": {"n": "late"}}


def test_an_order_of_an_earlier_retry_does_not_end_a_later_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 1)
    sent = start_files(world, lines(*(add(f"f{number}") for number in range(6))))
    give_up_all(world)
    retry_upload(world, sent)
    world.start_task(world.tasks[0], steps=3).run()
    (stale,) = world.tasks
    give_up_all(world)
    retry_upload(world, sent)
    world.start_task(stale).run()
    world.drain()
    done = get_upload(world, sent)
    assert (done.status, done.windows_failed) == (UploadStatus.SETTLED, 0)
