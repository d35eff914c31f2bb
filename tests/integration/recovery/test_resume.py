"""The sweep: finds and finishes uploads whose sender crashed, so that none stays pending for ever."""

from datetime import timedelta

import pytest

from tests.reliability.faults import model
from tests.simulation.world import World
from tests.support.uploads import (
    DATASET,
    PROJECT,
    add,
    announce,
    complete,
    content,
    errors,
    finish_tasks,
    get_upload,
    lines,
    send,
    start_files,
    store_files,
    upload,
    where,
)
from tidemark.catalog import dataset_records
from tidemark.domain.errors import Conflict
from tidemark.domain.intake_tasks import ReadFile, ResumeUpload, Sweep
from tidemark.domain.uploads import UploadStatus
from tidemark.ingest import file_reader, file_uploads
from tidemark.recovery import resume, retry
from tidemark.recovery.resume import is_due

PENDING, WAITING = UploadStatus.PENDING, UploadStatus.WAITING
MINUTE = timedelta(minutes=1)


def sweep_after(world: World, age: timedelta) -> list[ResumeUpload]:
    """Lets time pass, then runs the sweep. Returns the tasks that it sent."""
    world.now += age
    world.let_five_minutes_pass()
    return resume.sweep(world.process(), world.now)


def lose_tasks(world: World) -> None:
    world.tasks.clear()


def lose_windows(world: World) -> None:
    world.windows.waiting.clear()


@pytest.mark.parametrize("age", [29, 30, 59, 60, 89, 90, 119, 120, 150, 240, 32 * 60, 40 * 60])
def test_an_upload_is_due_half_an_hour_after_it_began_and_again_after_twice_that_time(age: int) -> None:
    times = [timedelta(minutes=30 * 2**power) for power in range(9)]
    expected = any(time <= age * MINUTE < time + 2 * resume.SWEPT_EVERY for time in times)
    assert is_due(PENDING, age * MINUTE) == expected


@pytest.mark.parametrize("late", [0, 1, 7, 14])
def test_each_time_at_which_an_upload_is_due_is_met_by_two_sweeps(late: int) -> None:
    sweeps = [offset * resume.SWEPT_EVERY + late * MINUTE for offset in range(4 * 24 * 6)]
    due = [age for age in sweeps if is_due(PENDING, age)]
    times = [timedelta(minutes=30 * 2**power) for power in range(9)]
    assert [sum(time <= age < 2 * time for age in due) for time in times] == [2] * 9


def test_rows_that_were_recorded_and_never_sent_are_applied_after_a_sweep(world: World) -> None:
    sent = send(world, *(add(f"f{number}") for number in range(8))).upload
    lose_windows(world)
    assert [task.upload for task in sweep_after(world, 31 * MINUTE)] == [sent]
    world.drain()
    assert (get_upload(world, sent).status, len(content(world))) == (UploadStatus.SETTLED, 8)


def test_a_young_upload_and_one_that_has_settled_are_left_alone(world: World) -> None:
    upload(world, add("f1"))
    send(world, add("f2"))
    assert sweep_after(world, 20 * MINUTE) == []


def test_a_sweep_finds_the_uploads_of_all_datasets(world: World) -> None:
    made = [model.create_dataset(world, f"project-{number}", "train", 1) for number in range(20)]
    for dataset in made:
        model.start_submit(world, dataset, [add("f1")], "key").run()
    assert {task.uid for task in sweep_after(world, 31 * MINUTE)} == {dataset.uid for dataset in made}


def test_files_that_nobody_was_told_to_read_are_read_after_a_sweep(world: World) -> None:
    sent = start_files(world, lines(add("f1")), lines(add("f2")))
    lose_tasks(world)
    sweep_after(world, 31 * MINUTE)
    world.drain()
    assert (get_upload(world, sent).status, set(content(world))) == (UploadStatus.SETTLED, {"f1", "f2"})


def test_windows_of_an_early_part_that_were_lost_are_sent_by_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    sent = start_files(world, lines(*(add(f"f{number}") for number in range(8))))
    world.start_task(world.tasks[0]).run()
    world.windows.delete(world.first_window(world.windows.groups()[0]))
    world.drain()
    assert get_upload(world, sent).status is PENDING
    sweep_after(world, 31 * MINUTE)
    world.drain()
    assert (get_upload(world, sent).status, len(content(world))) == (UploadStatus.SETTLED, 8)


def test_a_load_that_takes_longer_than_a_call_is_resumed_in_several(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    sent = start_files(world, lines(*(add(f"f{number}") for number in range(20))))
    world.start_task(world.tasks[0]).run()
    lose_windows(world)
    sweep_after(world, 31 * MINUTE)
    invocations = finish_tasks(world, steps=3)
    world.drain()
    assert invocations >= 4
    assert (get_upload(world, sent).status, len(content(world))) == (UploadStatus.SETTLED, 20)


def test_what_was_settled_and_never_published_is_published_after_a_sweep(world: World) -> None:
    sent = start_files(world, lines(add("f1")))
    world.start_task(world.tasks[0]).run()
    (group,) = world.windows.groups()
    world.start_apply(group).run()
    (uid,) = world.settled.groups()
    (settled,) = [message for message in world.settled.waiting[uid] if "-file-" not in message.deduplication_id]
    world.settled.delete(settled)
    world.drain()
    assert get_upload(world, sent).status is PENDING
    sweep_after(world, 31 * MINUTE)
    world.drain()
    assert get_upload(world, sent).status is UploadStatus.SETTLED


def test_the_sweep_that_the_schedule_asks_for_is_done_by_intake(world: World) -> None:
    send(world, add("f1"))
    lose_windows(world)
    world.now += 31 * MINUTE
    world.let_five_minutes_pass()
    world.start_task(Sweep(at=world.now)).run()
    world.drain()
    assert set(content(world)) == {"f1"}


def test_a_retry_whose_sender_died_is_finished_by_the_sweep(world: World) -> None:
    sent = start_files(world, lines(add("f1")))
    world.start_task(world.tasks[0]).run()
    for group in world.windows.groups():
        world.bury(world.first_window(group))
    world.drain()
    world.now += timedelta(days=90)
    retry.retry(world.process(), **where(), upload=sent)
    lose_tasks(world)
    assert [task.upload for task in sweep_after(world, 31 * MINUTE)] == [sent]
    world.drain()
    assert (get_upload(world, sent).status, set(content(world))) == (UploadStatus.SETTLED, {"f1"})


# Expiry


def test_rows_that_cannot_be_applied_for_days_fail_and_can_be_retried(world: World) -> None:
    sent = send(world, add("f1")).upload
    lose_windows(world)
    world.now += resume.PENDING_TIMEOUT
    world.start_task(ResumeUpload(uid=_uid(world), upload=sent)).run()
    world.drain()
    assert (get_upload(world, sent).status, get_upload(world, sent).windows_failed) == (UploadStatus.FAILED, 1)
    retry.retry(world.process(), **where(), upload=sent)
    world.drain()
    assert (get_upload(world, sent).status, set(content(world))) == (UploadStatus.SETTLED, {"f1"})


def test_a_file_that_cannot_be_read_for_days_ends_where_it_was_read_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    sent = start_files(world, lines(*(add(f"f{number}") for number in range(6))))
    world.start_task(world.tasks[0], steps=2).run()
    lose_tasks(world)
    world.drain()
    world.now += resume.PENDING_TIMEOUT
    world.start_task(ResumeUpload(uid=_uid(world), upload=sent)).run()
    world.drain()
    ended = get_upload(world, sent)
    assert (ended.status, ended.applied, ended.rejected) == (UploadStatus.PARTIAL, 4, 1)
    (error,) = errors(world, sent)
    assert (error.row, error.code) == (5, "unreadable")


def test_an_upload_that_was_never_completed_fails_in_the_end(world: World) -> None:
    receipt = announce(world, "a")
    assert sweep_after(world, timedelta(days=6)) == []
    assert [task.upload for task in sweep_after(world, timedelta(days=1))] == [receipt.upload]
    world.drain()
    ended = get_upload(world, receipt.upload)
    assert (ended.status, ended.version) == (UploadStatus.FAILED, None)
    assert ended.reason is not None
    assert "7 days" in ended.reason


def test_an_upload_that_failed_for_its_age_cannot_be_completed(world: World) -> None:
    receipt = announce(world, "a")
    sweep_after(world, timedelta(days=7))
    world.drain()
    store_files(world, receipt, lines(add("f1")))
    with pytest.raises(Conflict) as refusal:
        complete(world, receipt)
    assert (refusal.value.code, world.tasks) == ("upload_expired", [])


def test_an_upload_that_is_completed_while_it_is_found_too_old_goes_on(world: World) -> None:
    receipt = announce(world, "a")
    store_files(world, receipt, lines(add("f1")))
    world.now += timedelta(days=7)
    late = world.start_task(ResumeUpload(uid=_uid(world), upload=receipt.upload))
    late.run_to("dynamodb.PutItem")
    complete(world, receipt)
    assert late.run().error is None
    world.drain()
    assert (get_upload(world, receipt.upload).status, set(content(world))) == (UploadStatus.SETTLED, {"f1"})


def test_a_file_that_was_removed_before_it_was_read_is_an_error_of_the_file(world: World) -> None:
    receipt = announce(world, "a", "b")
    store_files(world, receipt, lines(add("f1")), lines(add("f2")))
    complete(world, receipt)
    backend = world.process()
    backend.s3.delete_object(Bucket=backend.bucket, Key=f"uploads/{_uid(world)}/{receipt.upload}/0000")
    world.drain()
    ended = get_upload(world, receipt.upload)
    assert (ended.status, ended.applied, set(content(world))) == (UploadStatus.PARTIAL, 1, {"f2"})
    (error,) = errors(world, receipt.upload)
    assert (error.file, error.code) == ("a", "unreadable")
    assert "removed" in error.message


def test_completing_again_tells_only_of_files_that_are_still_to_be_read(world: World) -> None:
    receipt = announce(world, "a", "b")
    store_files(world, receipt, lines(add("f1")), lines(add("f2")))
    complete(world, receipt)
    world.start_task(world.tasks[0]).run()
    lose_tasks(world)
    complete(world, receipt)
    assert [task.file for task in world.tasks if isinstance(task, ReadFile)] == [1]


def test_an_upload_in_a_request_has_no_files_to_complete(world: World) -> None:
    with pytest.raises(Conflict) as refusal:
        file_uploads.complete(world.process(), **where(), upload=send(world, add("f1")).upload)
    assert refusal.value.code == "no_files"


def _uid(world: World) -> str:
    return dataset_records.get(world.process(), PROJECT, DATASET).uid
