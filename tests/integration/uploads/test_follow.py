"""Following uploads: their status, the outcomes of their rows and the activity of their dataset (R18, R29, R30)."""

from collections.abc import Sequence

import pytest

from tests.simulation.world import World
from tests.support.pages import items, pages
from tests.support.uploads import DATASET, PROJECT, add, delete, modify, send, upload
from tidemark.aws.backend import Backend
from tidemark.datasets import datasets
from tidemark.domain.datasets import Activity
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.domain.pages import Page
from tidemark.domain.uploads import RowOutcome, Upload, UploadStatus
from tidemark.shards import log
from tidemark.shards.log import Marker
from tidemark.uploads import follow, records

BAD = add("")
"""A row that is rejected on arrival."""


def get(world: World, upload_id: str, dataset: str = DATASET) -> Upload:
    return follow.get_upload(world.process(), project=PROJECT, dataset=dataset, upload=upload_id)


def list_uploads(world: World, limit: int, cursor: str | None = None) -> Page[Upload]:
    return follow.list_uploads(world.process(), project=PROJECT, dataset=DATASET, limit=limit, cursor=cursor)


def list_errors(world: World, upload_id: str, limit: int = 100, cursor: str | None = None) -> Page[RowOutcome]:
    return follow.list_errors(
        world.process(), project=PROJECT, dataset=DATASET, upload=upload_id, limit=limit, cursor=cursor
    )


def activity(world: World) -> Activity:
    return datasets.get_dataset(world.process(), PROJECT, DATASET).activity


def give_up_all_windows(world: World) -> None:
    for group in world.windows.groups():
        for message in list(world.windows.waiting[group]):
            world.bury(message)
    world.drain()


# Status and counts


def test_an_upload_is_pending_until_its_last_window_has_settled(world: World) -> None:
    sent = send(world, *(add(f"f{number}") for number in range(8))).upload
    groups = world.windows.groups()
    for group in groups:
        assert world.settled.groups() == []
        followed = get(world, sent)
        assert (followed.status, followed.windows_settled, followed.version) == (UploadStatus.PENDING, 0, None)
        world.start_apply(group).run()
    (uid,) = world.settled.groups()
    world.start_publish(uid, 1).run()
    followed = get(world, sent)
    assert (followed.status, followed.windows_settled, followed.version) == (UploadStatus.SETTLED, len(groups), 1)


@pytest.mark.parametrize("row", [add("f1"), modify("nowhere"), delete("nowhere")], ids=["applied", "dropped", "gone"])
def test_an_upload_settles_where_every_row_was_applied_or_hit_nothing(world: World, row: object) -> None:
    assert get(world, upload(world, row).upload).status is UploadStatus.SETTLED


@pytest.mark.parametrize("row", [add("f1"), modify("nowhere")], ids=["applied", "dropped"])
def test_an_upload_with_rejected_rows_among_others_is_partial(world: World, row: object) -> None:
    assert get(world, upload(world, row, BAD).upload).status is UploadStatus.PARTIAL


def test_an_upload_of_rejected_rows_has_failed_at_once_and_is_in_no_version(world: World) -> None:
    followed = get(world, send(world, BAD).upload)
    assert (followed.status, followed.version, followed.settled_at) == (UploadStatus.FAILED, None, followed.accepted_at)


def test_an_upload_of_which_no_window_could_be_applied_has_failed(world: World) -> None:
    sent = send(world, *(add(f"f{number}") for number in range(3)))
    give_up_all_windows(world)
    followed = get(world, sent.upload)
    assert (followed.status, followed.failed) == (UploadStatus.FAILED, 3)


def test_an_upload_of_which_one_window_could_not_be_applied_is_partial(world: World) -> None:
    sent = send(world, *(add(f"f{number}") for number in range(8)))
    world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()
    followed = get(world, sent.upload)
    assert followed.status is UploadStatus.PARTIAL
    assert followed.failed + followed.applied == 8


def test_each_row_is_counted_once_by_what_became_of_it(world: World) -> None:
    upload(world, add("f1"))
    unknown_label = modify("f1", labels=[{"id": "l9", "attributes": {"hard": True}}])
    followed = get(world, upload(world, add("f2", "l1", "l2"), delete("nowhere"), unknown_label, BAD, BAD).upload)
    counts = {"rows": 5, "rejected": 2, "applied": 1, "dropped": 1, "failed": 1, "labels": 3}
    assert followed.model_dump(include=set(counts)) == counts


def test_an_upload_names_who_sent_it_and_when_it_came_and_settled(world: World) -> None:
    followed = get(world, upload(world, add("f1"), actor="bob").upload)
    assert followed.actor == "bob"
    assert followed.settled_at is not None
    assert followed.accepted_at < followed.settled_at


def test_an_unknown_upload_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="no upload 'ffff'"):
        get(world, "ffff")


def test_an_upload_of_another_dataset_is_not_found(world: World) -> None:
    datasets.create_dataset(world.process(), project=PROJECT, name="other", description="", shards=1, actor="admin")
    with pytest.raises(NotFound):
        get(world, send(world, add("f1")).upload, dataset="other")


# The list


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_uploads_are_listed_newest_first_each_once(world: World, limit: int) -> None:
    sent = [send(world, row).upload for row in (add("f1"), BAD, *(add(f"g{number}") for number in range(5)))]
    followed = pages(lambda cursor: list_uploads(world, limit, cursor))
    assert [listed.id for page in followed for listed in page] == sent[::-1]
    assert max(map(len, followed)) <= limit


def test_the_list_goes_on_where_it_was_though_uploads_come_in(world: World) -> None:
    older, newer = (send(world, add(frame_id)).upload for frame_id in ("f1", "f2"))
    first = list_uploads(world, 1)
    send(world, add("f3"))
    assert [listed.id for listed in (*first.items, *list_uploads(world, 1, first.cursor).items)] == [newer, older]


def test_an_upload_is_listed_as_it_stands(world: World) -> None:
    sent = upload(world, add("f1"), BAD)
    assert list_uploads(world, 1).items == [get(world, sent.upload)]


def test_a_dataset_without_uploads_lists_none(world: World) -> None:
    assert list_uploads(world, 10) == Page(items=[], cursor=None)


# Errors


@pytest.mark.parametrize("limit", [1, 2, 4, 100])
def test_errors_of_every_kind_are_listed_in_the_order_of_the_rows(world: World, limit: int) -> None:
    upload(world, add("f1"))
    unknown_label = modify("f1", labels=[{"id": "l9"}])
    sent = upload(world, delete("nowhere"), BAD, add("f2"), unknown_label, modify("gone"), BAD).upload
    followed = items(lambda cursor: list_errors(world, sent, limit, cursor))
    assert [(error.row, error.outcome, error.code) for error in followed] == [
        (0, "dropped", "unknown_frame"),
        (1, "rejected", "invalid_id"),
        (3, "failed", "unknown_part"),
        (4, "dropped", "unknown_frame"),
        (5, "rejected", "invalid_id"),
    ]


@pytest.mark.parametrize(("limit", "sizes"), [(2, [2, 2]), (3, [3, 1]), (4, [4]), (5, [4])])
def test_pages_of_errors_are_as_full_as_asked_for(world: World, limit: int, sizes: list[int]) -> None:
    sent = send(world, *[BAD] * 4).upload
    assert [len(page) for page in pages(lambda cursor: list_errors(world, sent, limit, cursor))] == sizes


def test_no_error_is_told_twice_though_rows_before_it_are_decided_between_two_pages(world: World) -> None:
    rows = [modify(f"g{number}") if number % 2 else BAD for number in range(16)]
    sent = send(world, *rows).upload
    first = list_errors(world, sent, 4)
    world.drain()
    second = items(lambda cursor: list_errors(world, sent, 4, cursor or first.cursor))
    assert [error.row for error in first.items] == [0, 2, 4, 6]
    assert [error.row for error in second] == list(range(7, 16))


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_errors_of_one_row_may_lie_on_several_pages(world: World, limit: int) -> None:
    bad = {"op": "ADD", "frame": {"frame_id": "", "metadata": 1, "labels": 1}}
    sent = upload(world, bad, modify("gone"), bad).upload
    followed = pages(lambda cursor: list_errors(world, sent, limit, cursor))
    assert [error for page in followed for error in page] == list_errors(world, sent).items
    assert [error.row for page in followed for error in page] == [0, 0, 0, 1, 2, 2, 2]


def test_a_later_page_of_errors_reads_no_windows_that_end_before_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = upload(world, *(modify(f"g{number}") for number in range(16))).upload
    reads: list[int] = []
    read = log.markers

    def counting(backend: Backend, uid: str, windows: Sequence[tuple[int, str]]) -> list[Marker | None]:
        reads.append(len(windows))
        return read(backend, uid, windows)

    monkeypatch.setattr(log, "markers", counting)
    first = list_errors(world, sent, 15)
    assert [error.row for error in list_errors(world, sent, 15, first.cursor).items] == [15]
    assert reads == [4, 2]


def test_rows_of_a_window_that_was_given_up_say_where_its_reason_is(world: World) -> None:
    sent = send(world, add("f1")).upload
    give_up_all_windows(world)
    (error,) = list_errors(world, sent).items
    assert (error.row, error.frame_id, error.outcome, error.code) == (0, "f1", "failed", "window_failed")
    assert f"window {sent}-0" in error.message


def test_rejected_rows_are_listed_before_the_upload_has_settled(world: World) -> None:
    sent = send(world, delete("nowhere"), BAD).upload
    assert [(error.row, error.outcome) for error in list_errors(world, sent).items] == [(1, "rejected")]


def test_an_upload_without_errors_lists_none(world: World) -> None:
    assert list_errors(world, upload(world, add("f1")).upload) == Page(items=[], cursor=None)


def test_the_cursor_of_another_upload_is_refused(world: World) -> None:
    first_upload, second_upload = (send(world, BAD, BAD).upload for _ in range(2))
    with pytest.raises(InvalidRequest) as refusal:
        list_errors(world, second_upload, 1, list_errors(world, first_upload, 1).cursor)
    assert refusal.value.code == "foreign_cursor"


# Activity of the dataset


def test_a_dataset_says_that_frames_are_being_deleted_until_they_are(world: World) -> None:
    upload(world, add("f1"))
    send(world, delete("f1"))
    assert activity(world) == Activity(pending_uploads=1, deleting=True)
    world.drain()
    assert activity(world) == Activity(pending_uploads=0, deleting=False)


def test_a_deletion_among_other_pending_uploads_is_seen(world: World) -> None:
    for row in (add("f1"), delete("f2"), add("f3")):
        send(world, row)
    assert activity(world) == Activity(pending_uploads=3, deleting=True)


def test_uploads_that_delete_nothing_are_pending_and_no_more(world: World) -> None:
    send(world, add("f1"))
    assert activity(world) == Activity(pending_uploads=1, deleting=False)


def test_a_deletion_that_was_rejected_is_none(world: World) -> None:
    send(world, add("f1"), delete(""))
    assert activity(world).deleting is False


def test_a_deletion_that_was_given_up_is_over(world: World) -> None:
    send(world, delete("f1"))
    give_up_all_windows(world)
    assert activity(world) == Activity(pending_uploads=0, deleting=False)


def test_pending_uploads_are_counted_up_to_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_PENDING_COUNTED", 2)
    for number in range(3):
        send(world, add(f"f{number}"))
    assert activity(world).pending_uploads == 2
