"""Rows in flight are counted and limited: requests are refused, files wait, and nothing is lost."""

from datetime import timedelta
from typing import Any

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.transfers import start_rollback
from tests.support.uploads import (
    DATASET,
    PROJECT,
    add,
    content,
    get_upload,
    lines,
    modify,
    send,
    start_files,
    upload_files,
    where,
)
from tidemark.aws import table
from tidemark.catalog import dataset_records
from tidemark.datasets import datasets
from tidemark.domain.datasets import Mode
from tidemark.domain.errors import TooManyInFlight
from tidemark.domain.uploads import InFlight, UploadStatus
from tidemark.ingest import backpressure, file_reader, file_uploads
from tidemark.recovery import retry
from tidemark.uploads import records as upload_records

ALL = InFlight(10**9, 10**9)
TTL = backpressure.COUNT_TTL
ROWS = [add(f"f{number}", n=number) for number in range(12)]


def in_flight_of(world: World, dataset: str = DATASET) -> InFlight:
    """Returns the number of rows and windows that a dataset has in flight."""
    backend = world.process()
    return upload_records.in_flight(
        backend, dataset_records.get(backend, PROJECT, dataset).uid, most=ALL, count_ttl=TTL
    )


def run_tasks(world: World) -> None:
    """Runs each queued intake task once."""
    for task in list(world.tasks):
        assert world.start_task(task).run().error is None


def run_windows(world: World) -> None:
    """Applies and publishes all queued windows."""
    for group in [*world.windows.groups()]:
        while world.windows.waiting[group]:
            assert world.start_apply(group).run().error is None
    for uid in world.settled.groups():
        while world.settled.waiting[uid]:
            assert world.start_publish(uid, 10).run().error is None


def quota(monkeypatch: pytest.MonkeyPatch, name: str, rows: int = 10**9, windows: int = 10**9) -> None:
    monkeypatch.setattr(backpressure, name, InFlight(rows, windows))


def test_the_accepted_rows_of_a_request_are_in_flight_until_it_settles(world: World) -> None:
    receipt = send(world, *ROWS, add(""))
    assert in_flight_of(world) == InFlight(len(ROWS), get_upload(world, receipt.upload).windows)
    world.drain()
    assert in_flight_of(world) == InFlight()


def test_the_rows_of_a_file_are_in_flight_from_their_reading_until_they_are_decided(world: World) -> None:
    upload = start_files(world, lines(*ROWS, add("")))
    assert in_flight_of(world) == InFlight()
    run_tasks(world)
    assert in_flight_of(world) == InFlight(len(ROWS), get_upload(world, upload).windows)
    run_windows(world)
    assert get_upload(world, upload).status is UploadStatus.PARTIAL
    assert in_flight_of(world) == InFlight()


def test_rows_that_were_given_up_are_in_flight_again_when_they_are_retried(world: World) -> None:
    upload = start_files(world, lines(*ROWS))
    run_tasks(world)
    world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()
    failed = get_upload(world, upload)
    assert failed.windows_failed == 1
    retry.retry(world.process(), **where(), upload=upload)
    run_tasks(world)
    assert in_flight_of(world) == InFlight(failed.failed, 1)
    world.drain()
    assert get_upload(world, upload).status is UploadStatus.SETTLED
    assert in_flight_of(world) == InFlight()


def test_what_fills_a_batch_dataset_is_in_flight_once_it_may_be_sent(world: World) -> None:
    datasets.create_dataset(
        world.process(), project=PROJECT, name="golden", description="", shards=2, actor="ann", mode=Mode.BATCH
    )
    upload = start_files(world, lines(*ROWS), lines(add("last")), dataset="golden")
    first, second = world.tasks
    assert world.start_task(first).run().error is None
    assert in_flight_of(world, "golden") == InFlight()
    assert world.start_task(second).run().error is None
    run_tasks(world)
    assert in_flight_of(world, "golden") == InFlight(len(ROWS) + 1, get_upload(world, upload, dataset="golden").windows)
    run_windows(world)
    assert in_flight_of(world, "golden") == InFlight()


def test_a_roll_back_is_in_flight_once_it_is_sent(world: World) -> None:
    send(world, *ROWS)
    world.drain()
    send(world, *(modify(f"f{number}", metadata={"n": -1}) for number in range(12)))
    world.drain()
    rolled = start_rollback(world, 1)
    (execution,) = world.transfers()
    assert in_flight_of(world) == InFlight()
    world.run_transfer(execution)
    assert in_flight_of(world).rows == len(ROWS)
    world.drain()
    assert get_upload(world, rolled.id).status is UploadStatus.SETTLED
    assert in_flight_of(world) == InFlight()


@pytest.mark.parametrize("limit", [{"rows": 12}, {"windows": 3}])
def test_a_request_is_refused_while_a_dataset_has_its_quota_in_flight(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int]
) -> None:
    quota(monkeypatch, "QUOTA", **limit)
    send(world, *ROWS)
    with pytest.raises(TooManyInFlight, match=r"at least 12 rows and .* in flight") as refused:
        send(world, add("late"))
    assert refused.value.code == "too_many_rows_in_flight"
    world.drain()
    send(world, add("late"))
    world.drain()
    assert "late" in content(world)


def test_other_datasets_take_requests_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.create_dataset(world.process(), project=PROJECT, name="other", description="", shards=2, actor="ann")
    quota(monkeypatch, "QUOTA", rows=12)
    send(world, *ROWS)
    assert send(world, add("f"), dataset="other").accepted == 1


def test_a_repeat_of_what_is_on_record_is_answered_as_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    quota(monkeypatch, "QUOTA", rows=12)
    first = send(world, *ROWS, key="once")
    assert send(world, *ROWS, key="once") == first


def test_a_file_waits_while_its_dataset_has_too_much_in_flight_and_is_read_on_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota(monkeypatch, "FILE_QUOTA", rows=12)
    send(world, *ROWS)
    upload = start_files(world, lines(add("from-file")))
    run_tasks(world)
    assert (len(world.delayed), get_upload(world, upload).rows) == (1, 0)
    world.drain()
    assert get_upload(world, upload).status is UploadStatus.SETTLED
    assert "from-file" in content(world)


def test_a_file_that_fills_its_dataset_itself_is_read_as_that_is_applied(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota(monkeypatch, "FILE_QUOTA", rows=5)
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 5)
    monkeypatch.setattr(backpressure, "COUNT_TTL", timedelta())
    upload = start_files(world, lines(*ROWS))
    run_tasks(world)
    assert get_upload(world, upload).rows == 5
    world.drain()
    assert (get_upload(world, upload).status, get_upload(world, upload).applied) == (UploadStatus.SETTLED, len(ROWS))


def test_a_file_waits_by_one_order_however_often_it_is_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    quota(monkeypatch, "FILE_QUOTA", rows=12)
    send(world, *ROWS)
    upload = start_files(world, lines(add("from-file")))
    run_tasks(world)
    for _ in range(3):
        file_uploads.complete(world.process(), **where(), upload=upload)
        run_tasks(world)
    assert (len(world.delayed), world.tasks) == (1, [])
    world.let_delays_pass()
    run_tasks(world)
    assert get_upload(world, upload).rows == 1


def test_a_file_comes_to_its_turn_beside_senders_who_fill_what_others_leave(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota(monkeypatch, "FILE_QUOTA", rows=1)
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 5)
    send(world, *ROWS)
    upload = start_files(world, lines(*(add(f"g{number}") for number in range(12))))
    run_tasks(world)
    for _ in range(3):
        world.let_delays_pass()
        run_tasks(world)
    assert get_upload(world, upload).rows == 12


def test_what_was_recorded_of_a_file_and_not_sent_is_sent_though_the_file_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota(monkeypatch, "FILE_QUOTA", rows=5)
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 5)
    upload = start_files(world, lines(*ROWS))
    reading = world.start_task(world.tasks[0])
    reading.run_to("sqs.SendMessageBatch")
    reading.crash(after=False)
    assert not world.windows.groups()
    run_tasks(world)
    run_windows(world)
    assert get_upload(world, upload).applied == 5


def test_uploads_that_were_recorded_before_this_was_counted_count_nothing(world: World) -> None:
    upload = send(world, *ROWS).upload
    backend = world.process()
    uid = dataset_records.get(backend, PROJECT, DATASET).uid
    backend.dynamodb.update_item(
        TableName=backend.table,
        Key=upload_records.key(uid, upload).attributes(),
        UpdateExpression="REMOVE rows_in_flight, windows_in_flight",
    )
    assert in_flight_of(world) == InFlight()
    assert send(world, add("later")).accepted == 1


def test_a_file_for_a_batch_dataset_does_not_wait_for_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.create_dataset(
        world.process(), project=PROJECT, name="golden", description="", shards=2, actor="ann", mode=Mode.BATCH
    )
    quota(monkeypatch, "FILE_QUOTA", rows=5)
    upload = upload_files(world, lines(*ROWS), lines(*(add(f"g{number}") for number in range(12))), dataset="golden")
    assert (upload.status, upload.applied) == (UploadStatus.SETTLED, 24)


def test_a_process_remembers_for_a_moment_what_is_in_flight(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read_in_flight = upload_records.in_flight

    def counted(backend: Any, uid: str, **given: Any) -> InFlight:
        reads.append(uid)
        return read_in_flight(backend, uid, **given)

    monkeypatch.setattr(upload_records, "in_flight", counted)
    process = world.process()
    uid = dataset_records.get(process, PROJECT, DATASET).uid
    backpressure.may_read_files(process, uid)
    backpressure.may_read_files(process, uid)  # a second later, by the clock of this world
    assert reads == [uid]
    backpressure.may_read_files(process, uid)
    assert reads == [uid, uid]


def count(world: World, most: InFlight = ALL) -> InFlight:
    backend = world.process()
    uid = dataset_records.get(backend, PROJECT, DATASET).uid
    return upload_records.in_flight(backend, uid, most=most, count_ttl=TTL)


def test_no_more_is_counted_than_shows_that_a_dataset_is_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_records, "MAX_COUNTED_ALONE", 1)
    for number in range(3):
        send(world, add(f"f{number}"))
    assert count(world, most=InFlight(1, 1)) == InFlight(1, 1)


def test_processes_share_a_count_of_many_pending_uploads_while_it_is_fresh(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_records, "MAX_COUNTED_ALONE", 2)
    for number in range(5):
        send(world, add(f"f{number}"))
    assert count(world) == InFlight(5, 5)
    world.pace = timedelta()
    send(world, add("new"))
    assert count(world) == InFlight(5, 5)
    world.now += TTL
    assert count(world) == InFlight(6, 6)


def test_of_processes_that_find_an_old_count_only_the_first_counts_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_records, "MAX_COUNTED_ALONE", 2)
    for number in range(5):
        send(world, add(f"f{number}"))
    count(world)
    send(world, add("new"))
    world.now += TTL
    first, second = (Invocation(name, lambda: count(world)) for name in ("first", "second"))
    first.run_to("dynamodb.PutItem")
    second.run_to("dynamodb.PutItem")
    first.step()
    assert second.run().result == InFlight(5, 5)
    assert first.run().result == InFlight(6, 6)
    assert [calls.count("dynamodb.Query") for calls in (first.calls, second.calls)] == [2, 1]


def test_until_many_uploads_are_counted_each_process_knows_those_that_it_has_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        send(world, add(f"f{number}"))
    monkeypatch.setattr(upload_records, "MAX_COUNTED_ALONE", 2)
    world.pace = timedelta()
    first = Invocation("first", lambda: count(world)).run_to("dynamodb.PutItem")
    first.step()
    assert count(world) == InFlight(2, 2)
    assert first.run().result == InFlight(5, 5)


def test_a_file_whose_pause_cannot_be_stored_is_read_on_after_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a task, a paused file would wait for the sweep."""
    quota(monkeypatch, "FILE_QUOTA", rows=12)
    send(world, *ROWS)
    start_files(world, lines(add("from-file")))
    (task,) = world.tasks
    paused = world.start_task(task).run_to("sqs.SendMessageBatch")
    paused.crash(after=False)
    world.pace = timedelta()
    world.now += timedelta(seconds=1)
    assert world.start_task(task).run().error is None
    assert len(world.delayed) == 1


def test_a_paused_file_does_not_send_its_windows_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 5)
    quota(monkeypatch, "FILE_QUOTA", rows=1)
    start_files(world, lines(*ROWS))
    run_tasks(world)
    sent = sum(map(len, world.windows.taken.values()))
    assert sent > 0
    world.windows.seen.clear()
    quota(monkeypatch, "QUOTA", rows=1)
    for _ in range(3):
        world.let_delays_pass()
        run_tasks(world)
    assert sum(map(len, world.windows.taken.values())) == sent


def test_a_count_that_fails_leaves_the_last_count_in_force(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    quota(monkeypatch, "QUOTA", rows=12)
    send(world, *ROWS)
    process = world.process()
    uid = dataset_records.get(process, PROJECT, DATASET).uid
    assert backpressure.is_full(process, uid)
    counts: list[str] = []

    def throttled(*_: Any, **__: Any) -> InFlight:
        counts.append("throttled")
        raise table.Contended

    monkeypatch.setattr(upload_records, "in_flight", throttled)
    world.pace = timedelta()
    world.now += TTL
    assert [backpressure.is_full(process, uid) for _ in range(3)] == [True] * 3
    assert len(counts) == 1
    assert not backpressure.is_full(world.process(), uid)
