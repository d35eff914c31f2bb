"""BATCH datasets: one upload, all of its rows or none, and no upload after it (R22)."""

import json
from typing import Any

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.uploads import (
    PROJECT,
    add,
    announce,
    body_of,
    complete,
    content,
    delete,
    drop_file,
    errors,
    finish_tasks,
    get_upload,
    lines,
    modify,
    send,
    start_files,
    store_files,
    upload,
    upload_files,
)
from tidemark.aws import queues
from tidemark.catalog import dataset_records
from tidemark.datasets import datasets
from tidemark.domain.datasets import DatasetDetails, Mode
from tidemark.domain.errors import Conflict
from tidemark.domain.frames.schema import FieldType
from tidemark.domain.intake_tasks import ReadFile, ResumeUpload
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.ingest import drop_folder, file_reader, requests
from tidemark.recovery import retry

BATCH = "golden"
FAILED, SETTLED = UploadStatus.FAILED, UploadStatus.SETTLED


@pytest.fixture(autouse=True)
def batch(world: World) -> None:
    datasets.create_dataset(
        world.process(), project=PROJECT, name=BATCH, description="", shards=4, actor="admin", mode=Mode.BATCH
    )


def dataset(world: World) -> DatasetDetails:
    return datasets.get_dataset(world.process(), PROJECT, BATCH)


def upload_of(world: World, upload_id: str) -> Upload:
    return get_upload(world, upload_id, dataset=BATCH)


def filled(world: World) -> dict[str, Any]:
    return content(world, BATCH)


def requested(world: World, *rows: Any, key: str | None = None) -> Upload:
    return upload_of(world, upload(world, *rows, key=key, dataset=BATCH).upload)


def in_files(world: World, *contents: bytes) -> Upload:
    return upload_files(world, *contents, dataset=BATCH)


def is_sealed(world: World) -> bool:
    with pytest.raises(Conflict) as refusal:
        send(world, add("later"), dataset=BATCH)
    return refusal.value.code == "dataset_sealed"


def give_up_windows(world: World) -> None:
    while world.tasks:
        world.start_task(world.tasks[0]).run()
    for group in world.windows.groups():
        world.bury(world.first_window(group))
    world.drain()


# All rows


def test_a_request_fills_the_dataset(world: World) -> None:
    done = requested(world, *(add(f"f{number}") for number in range(8)))
    assert (done.status, done.mode, done.version, done.applied) == (SETTLED, Mode.BATCH, 1, 8)
    assert len(filled(world)) == 8


def test_files_fill_the_dataset_as_one(world: World) -> None:
    done = in_files(world, lines(add("f1", n=1), add("f2")), lines(add("f3")))
    assert (done.status, done.mode, done.version, done.applied) == (SETTLED, Mode.BATCH, 1, 3)
    assert filled(world) == {"f1": {"n": 1}, "f2": {}, "f3": {}}
    assert dataset(world).latest == 1


def test_of_several_rows_of_one_frame_in_a_file_the_last_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    in_files(world, lines(*(add("f1", n=number) for number in range(7))))
    assert filled(world) == {"f1": {"n": 6}}


def test_nothing_is_sent_before_every_file_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    start_files(world, lines(*(add(f"f{number}") for number in range(6))), lines(add("g")), dataset=BATCH)
    world.start_task(world.tasks[0]).run()
    assert world.windows.groups() == []
    world.drain()
    assert len(filled(world)) == 7


def test_a_large_batch_is_sent_in_as_many_calls_as_it_takes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    start_files(world, lines(*(add(f"f{number}") for number in range(20))), dataset=BATCH)
    invocations = finish_tasks(world, steps=3)
    world.drain()
    assert invocations >= 6
    assert len(filled(world)) == 20


def test_a_dropped_file_fills_the_dataset(world: World) -> None:
    drop_file(world, f"drop/{PROJECT}/{BATCH}/a.jsonl", lines(add("f1")))
    world.drain()
    assert set(filled(world)) == {"f1"}


# No rows


def test_a_request_with_a_bad_row_is_refused_whole_with_all_of_its_errors(world: World) -> None:
    receipt = send(world, add("f1"), add(""), add("f2"), add(""), dataset=BATCH)
    assert (receipt.accepted, receipt.rejected) == (0, 4)
    assert [error.row for error in receipt.errors] == [1, 3]
    refused = upload_of(world, receipt.upload)
    assert (refused.status, refused.version) == (FAILED, None)
    assert refused.reason == "2 of its 4 rows cannot be taken, and a BATCH dataset takes all rows or none."
    world.drain()
    assert filled(world) == {}


def test_files_with_bad_rows_are_refused_whole_with_all_of_their_errors(world: World) -> None:
    refused = in_files(world, lines(add("f1"), add("")), b"{\n" + lines(add("f2")))
    assert (refused.status, refused.version) == (FAILED, None)
    assert (refused.rows, refused.rejected, refused.applied) == (4, 4, 0)
    assert refused.reason == "2 of its 4 rows cannot be taken, and a BATCH dataset takes all rows or none."
    assert [(error.file, error.row) for error in errors(world, refused.id, dataset=BATCH)] == [
        ("file-0", 2),
        ("file-1", 1),
    ]
    assert filled(world) == {}


@pytest.mark.parametrize("row", [modify("f1"), delete("f1")], ids=["modify", "delete"])
def test_there_is_nothing_yet_to_modify_or_delete(world: World, row: Any) -> None:
    receipt = send(world, add("f1"), row, dataset=BATCH)
    (error,) = receipt.errors
    assert (receipt.accepted, error.row, error.code, error.pointer) == (0, 1, "adds_only", "/op")


def test_what_was_refused_can_be_mended_and_sent_again(world: World) -> None:
    in_files(world, lines(add("f1"), add("")))
    assert in_files(world, lines(add("f1"), add("f2"))).status is SETTLED
    assert set(filled(world)) == {"f1", "f2"}


@pytest.mark.parametrize("by_file", [True, False], ids=["file", "request"])
def test_what_was_refused_has_taught_the_dataset_nothing(world: World, by_file: bool) -> None:
    rows = [add("f1", speed="fast"), add("")]
    if by_file:
        in_files(world, lines(*rows))
    else:
        requested(world, *rows)
    assert dataset(world).metadata_schema.fields == {}
    assert in_files(world, lines(add("f1", speed=12))).status is SETTLED
    assert dataset(world).metadata_schema.fields == {"speed": FieldType.NUMBER}


def test_the_parts_of_a_file_are_judged_by_what_those_before_them_taught(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 1)
    refused = in_files(world, lines(add("f1", speed=12), add("f2", speed="fast")))
    (error,) = errors(world, refused.id, dataset=BATCH)
    assert (refused.status, error.row, error.code) == (FAILED, 2, "metadata_type")


def test_a_batch_of_which_a_window_was_given_up_is_in_no_version_until_a_retry_completes_it(world: World) -> None:
    sent = send(world, *(add(f"f{number}") for number in range(8)), dataset=BATCH).upload
    world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()
    incomplete = upload_of(world, sent)
    assert (incomplete.status, incomplete.version, dataset(world).latest) == (FAILED, None, 0)
    assert incomplete.reason is not None
    assert "retry" in incomplete.reason
    assert filled(world) == {}
    assert is_sealed(world), "another upload would mix with rows of the first"
    retry.retry(world.process(), project=PROJECT, dataset=BATCH, upload=sent)
    world.drain()
    done = upload_of(world, sent)
    assert (done.status, done.reason, done.version, len(filled(world))) == (SETTLED, None, 1, 8)


def test_files_of_which_windows_were_given_up_are_completed_by_a_retry(world: World) -> None:
    upload_id = start_files(world, lines(*(add(f"f{number}") for number in range(8))), dataset=BATCH)
    give_up_windows(world)
    assert (upload_of(world, upload_id).status, dataset(world).latest) == (FAILED, 0)
    retry.retry(world.process(), project=PROJECT, dataset=BATCH, upload=upload_id)
    world.drain()
    assert (upload_of(world, upload_id).status, len(filled(world))) == (SETTLED, 8)


# No upload after it


def test_a_dataset_that_is_filled_refuses_mutations_and_says_who_fills_it(world: World) -> None:
    done = requested(world, add("f1"))
    with pytest.raises(Conflict, match=done.id):
        send(world, delete("f1"), dataset=BATCH)
    assert dataset(world).filled_by == done.id
    assert set(filled(world)) == {"f1"}


def test_a_dataset_is_taken_from_the_moment_that_an_upload_was_accepted(world: World) -> None:
    send(world, add("f1"), dataset=BATCH)
    assert is_sealed(world)


def test_a_repeat_of_the_upload_that_fills_the_dataset_gets_its_receipt(world: World) -> None:
    first, again = (send(world, add("f1"), key="k", dataset=BATCH) for _ in range(2))
    assert first == again


def test_files_cannot_be_announced_or_completed_for_a_dataset_that_is_filled(world: World) -> None:
    receipt = announce(world, "a", dataset=BATCH)
    store_files(world, receipt, lines(add("f2")), dataset=BATCH)
    requested(world, add("f1"))
    for late in (lambda: announce(world, "b", dataset=BATCH), lambda: complete(world, receipt, BATCH)):
        with pytest.raises(Conflict) as refusal:
            late()
        assert refusal.value.code == "dataset_sealed"


def test_of_two_uploads_of_files_at_once_one_fills_the_dataset_and_the_other_is_told_why_not(world: World) -> None:
    uploads = [start_files(world, lines(add(name)), dataset=BATCH) for name in ("f1", "f2")]
    world.drain()
    ended = [upload_of(world, upload_id) for upload_id in uploads]
    assert sorted(upload.status for upload in ended) == [FAILED, SETTLED]
    (loser,) = [upload for upload in ended if upload.status is FAILED]
    (winner,) = [upload for upload in ended if upload.status is SETTLED]
    assert loser.reason is not None
    assert winner.id in loser.reason
    assert (loser.rows, loser.rejected) == (1, 1)
    assert len(filled(world)) == 1


def test_a_file_dropped_for_a_dataset_that_is_filled_is_moved_aside(world: World) -> None:
    requested(world, add("f1"))
    assert drop_file(world, f"drop/{PROJECT}/{BATCH}/a.jsonl", lines(add("f2"))) is None
    (rejected,) = drop_folder.list_rejected(world.process(), only=None, limit=10, cursor=None).items
    assert "BATCH" in rejected.reason


def test_a_drop_event_that_is_told_twice_does_not_move_the_file_that_fills_the_dataset(world: World) -> None:
    for _ in range(2):
        drop_file(world, f"drop/{PROJECT}/{BATCH}/a.jsonl", lines(add("f1")))
        world.drain()
    assert json.dumps(filled(world)) == '{"f1": {}}'
    assert drop_folder.list_rejected(world.process(), only=None, limit=10, cursor=None).items == []


# Repeats and reordering


def read_again(world: World, upload_id: str, number: int = 0) -> None:
    """Delivers the task to read a file of an upload once more, long after the first time."""
    world.let_five_minutes_pass()
    uid = dataset_records.get(world.process(), PROJECT, BATCH).uid
    again = world.start_task(ReadFile(uid=uid, upload=upload_id, file=number)).run()
    assert again.error is None


def apply_before_anything_is_published(world: World) -> None:
    for group in world.windows.groups():
        while world.windows.waiting[group]:
            assert world.start_apply(group).run().error is None


def test_nothing_of_a_refused_upload_is_sent_when_its_file_is_to_be_read_again(world: World) -> None:
    refused = in_files(world, lines(add("f1"), add("")))
    read_again(world, refused.id)
    assert world.windows.groups() == []


def test_a_refused_upload_whose_file_is_to_be_read_again_leaves_nothing_in_the_one_that_fills_the_dataset(
    world: World,
) -> None:
    refused = in_files(world, lines(add("f1"), add("")))
    read_again(world, refused.id)
    world.drain()
    assert (upload_of(world, refused.id).rejected, upload_of(world, refused.id).applied) == (2, 0)
    in_files(world, lines(add("g1")))
    assert set(filled(world)) == {"g1"}


def test_a_refused_file_in_the_drop_folder_that_is_told_of_twice_is_taken_neither_time(world: World) -> None:
    for _ in range(2):
        drop_file(world, f"drop/{PROJECT}/{BATCH}/a.jsonl", lines(add("f1"), add("")))
        world.drain()
        world.let_five_minutes_pass()
    in_files(world, lines(add("g1")))
    assert set(filled(world)) == {"g1"}


def test_an_upload_that_came_second_stays_out_of_the_first_though_its_file_is_to_be_read_again(world: World) -> None:
    second = [add(f"second-{number}") for number in range(8)]
    for rows in ([add(f"first-{number}") for number in range(8)], second):
        loser = start_files(world, lines(*rows), dataset=BATCH)
    for _ in range(2):  # all files are read; then the first upload is released and the second refused
        for task in list(world.tasks):
            assert world.start_task(task).run().error is None
    read_again(world, loser)
    apply_before_anything_is_published(world)
    world.drain()
    assert set(filled(world)) == {f"first-{number}" for number in range(8)}


def test_files_of_a_refused_upload_are_not_sent_in_whatever_order_they_are_read(world: World) -> None:
    refused = start_files(world, lines(add("f1")), lines(add("f2"), add("")), dataset=BATCH)
    first, second = world.tasks
    assert world.start_task(first).run().error is None
    uid = dataset_records.get(world.process(), PROJECT, BATCH).uid
    early = world.start_task(ResumeUpload(uid=uid, upload=refused)).run()
    assert early.error is None, "the task must see that the second file is not read"
    assert world.start_task(second).run().error is None
    for task in [task for task in world.tasks if isinstance(task, ResumeUpload)]:
        assert world.start_task(task).run().error is None
    while world.tasks:  # the tasks read the files before that
        assert world.start_task(world.tasks[0]).run().error is None
    assert upload_of(world, refused).rows == 3
    assert world.windows.groups() == []


def test_windows_of_many_files_are_sent_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    windows: list[str] = []
    send_windows = queues.send_windows

    def counted(backend: Any, given: Any) -> None:
        sending = list(given)
        windows.extend(window.id for window in sending)
        send_windows(backend, sending)

    monkeypatch.setattr(queues, "send_windows", counted)
    start_files(world, *(lines(add(f"f{number}")) for number in range(10)), dataset=BATCH)
    while world.tasks:
        assert world.start_task(world.tasks[0]).run().error is None
    assert len(set(windows)) == 10
    assert len(windows) < 2 * 10


def test_a_repeat_that_overtakes_its_request_leaves_it_the_same_receipt(world: World) -> None:
    process = world.process()
    slow = Invocation(
        "slow",
        lambda: requests.submit(
            process, project=PROJECT, dataset=BATCH, body=body_of(add("f1")), actor="ann", idempotency_key="k"
        ),
    )
    slow.step()
    slow.step()  # it has seen that no upload has this key
    receipt = send(world, add("f1"), key="k", dataset=BATCH)
    slow.run()
    assert slow.error is None
    assert slow.result == receipt
