"""The rows of an upload, each with its content and its outcome (R30)."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.simulation.world import World
from tests.support.pages import items, pages
from tests.support.uploads import DATASET, PROJECT, add, announce, delete, lines, modify, send, upload, upload_files
from tidemark.aws.backend import Backend
from tidemark.datasets import datasets
from tidemark.domain.datasets import Mode
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.domain.pages import Page
from tidemark.domain.upload_rows import UploadRow
from tidemark.ingest import file_reader
from tidemark.recovery import retry
from tidemark.shards import log, packs
from tidemark.uploads import follow
from tidemark.uploads import rows as upload_rows

BAD = {"op": "ADD", "frame": {"frame_id": "", "metadata": 1}}
"""A row that is rejected on arrival, for two reasons."""


def listing(
    world: World, upload_id: str, limit: int = 100, dataset: str = DATASET
) -> Callable[[str | None], Page[UploadRow]]:
    backend = world.process()
    return lambda cursor: upload_rows.list_rows(
        backend, project=PROJECT, dataset=dataset, upload=upload_id, limit=limit, cursor=cursor
    )


def rows(world: World, upload_id: str) -> list[UploadRow]:
    return items(listing(world, upload_id))


def mixed(world: World) -> str:
    """Uploads rows with every outcome."""
    upload(world, add("f1", "l1", "l2"))
    unknown_label = modify("f1", labels=[{"id": "l9", "attributes": {"hard": True}}])
    return upload(world, delete("nowhere"), BAD, add("f2", "l1"), unknown_label, modify("gone")).upload


def test_every_row_is_listed_in_its_order_with_what_became_of_it(world: World) -> None:
    assert [(row.row, row.op, row.frame_id, row.outcome) for row in rows(world, mixed(world))] == [
        (0, "DELETE", "nowhere", "dropped"),
        (1, None, "", "rejected"),
        (2, "ADD", "f2", "applied"),
        (3, "MODIFY", "f1", "failed"),
        (4, "MODIFY", "gone", "dropped"),
    ]


def test_a_row_says_why_it_did_not_take_effect_as_the_errors_do(world: World) -> None:
    sent_upload = mixed(world)
    listed = [(row.row, row.outcome, *error) for row in rows(world, sent_upload) for error in map(_words, row.errors)]
    page = follow.list_errors(
        world.process(), project=PROJECT, dataset=DATASET, upload=sent_upload, limit=100, cursor=None
    )
    assert listed == [(error.row, error.outcome, *_words(error)) for error in page.items]
    assert len(listed) == 5


def _words(error: Any) -> tuple[str, str, str]:
    return error.code, error.pointer, error.message


def test_a_row_names_the_labels_that_it_gives_and_removes(world: World) -> None:
    upload(world, add("f2", "l1", "l2"))
    change = modify("f2", labels=[{"id": "l1", "class": "stork"}]) | {"remove_labels": ["l2", "l7"]}
    listed = rows(world, upload(world, add("f1", "a", "ü b"), change, delete("f3"), BAD).upload)
    assert [row.labels and [(label.id, label.class_name, label.type) for label in row.labels] for row in listed] == [
        [("a", "heron", "CLASSIFICATION_2D"), ("ü b", "heron", "CLASSIFICATION_2D")],
        [("l1", "stork", None)],
        (),
        None,
    ]
    assert [row.remove_labels for row in listed] == [(), ("l2", "l7"), (), None]


def test_rows_are_pending_until_their_window_is_decided(world: World) -> None:
    sent_upload = send(world, *(add(f"f{number}") for number in range(8)), BAD).upload
    assert [row.outcome for row in rows(world, sent_upload)] == ["pending"] * 8 + ["rejected"]
    world.start_apply(world.windows.groups()[0]).run()
    before_the_dataset_is_told = [row.outcome for row in rows(world, sent_upload)]
    assert 0 < before_the_dataset_is_told.count("applied") < 8
    world.drain()
    assert [row.outcome for row in rows(world, sent_upload)] == ["applied"] * 8 + ["rejected"]


def test_rows_of_a_window_that_was_given_up_have_failed(world: World) -> None:
    sent_upload = send(world, add("f1", "l1")).upload
    world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()
    (row,) = rows(world, sent_upload)
    assert (row.outcome, [error.code for error in row.errors]) == ("failed", ["window_failed"])
    assert [label.id for label in row.labels or ()] == ["l1"]


def test_rows_that_are_retried_are_pending_until_they_are_decided_anew(world: World) -> None:
    sent_upload = send(world, add("f1")).upload
    world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()
    retry.retry(world.process(), project=PROJECT, dataset=DATASET, upload=sent_upload)
    assert [row.outcome for row in rows(world, sent_upload)] == ["pending"]
    world.drain()
    assert [(row.outcome, row.errors) for row in rows(world, sent_upload)] == [("applied", ())]


def test_sound_rows_of_files_that_a_batch_dataset_refused_whole_are_rejected_with_the_reason(world: World) -> None:
    datasets.create_dataset(
        world.process(), project=PROJECT, name="batch", description="", mode=Mode.BATCH, shards=2, actor="admin"
    )
    settled = upload_files(world, lines(add("f1", "l1"), add("f2", "l1")), lines(add("f3"), 7), dataset="batch")
    listed = items(listing(world, settled.id, dataset="batch"))
    assert [(row.frame_id, row.op, row.outcome, row.errors[0].code) for row in listed] == [
        ("f1", "ADD", "rejected", "upload_refused"),
        ("f2", "ADD", "rejected", "upload_refused"),
        ("f3", "ADD", "rejected", "upload_refused"),
        (None, None, "rejected", "wrong_type"),
    ]
    assert settled.reason is not None
    assert listed[0].errors[0].message.endswith(settled.reason)
    assert len(listed) == settled.rejected


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_rows_in_pages_are_the_rows_each_once(world: World, limit: int) -> None:
    sent_upload = mixed(world)
    listed = pages(listing(world, sent_upload, limit))
    assert [row for page in listed for row in page] == rows(world, sent_upload)
    assert [len(page) for page in listed][:-1] == [limit] * (len(listed) - 1)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_rows_of_files_are_listed_in_the_order_of_files_and_lines(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    monkeypatch.setattr(upload_rows, "CHUNKS_PER_QUERY", 2)
    settled = upload_files(
        world, lines(add("f1"), delete("no"), 7, modify("f1", metadata={"n": 1}), 8), lines(9, add("f2"))
    )
    listed = pages(listing(world, settled.id, limit))
    assert [(row.file, row.row, row.frame_id, row.outcome) for page in listed for row in page] == [
        ("file-0", 1, "f1", "applied"),
        ("file-0", 2, "no", "dropped"),
        ("file-0", 3, None, "rejected"),
        ("file-0", 4, "f1", "applied"),
        ("file-0", 5, None, "rejected"),
        ("file-1", 1, None, "rejected"),
        ("file-1", 2, "f2", "applied"),
    ]
    assert max(map(len, listed)) <= limit


def test_a_page_reads_no_more_parts_than_it_has_time_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 1)
    monkeypatch.setattr(upload_rows, "MAX_PAGE_CHUNKS", 2)
    settled = upload_files(world, lines(*(add(f"f{number}") for number in range(5))))
    listed = pages(listing(world, settled.id))
    assert [[row.row for row in page] for page in listed] == [[1, 2], [3, 4], [5]]


def test_rows_that_are_rejected_beyond_the_errors_that_are_kept_are_not_listed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_LISTED_ERRORS", 2)
    settled = upload_files(world, lines(6, 7, 8, 9, add("f1")))
    listed = [(row.row, row.outcome, [error.code for error in row.errors]) for row in rows(world, settled.id)]
    assert listed == [
        (1, "rejected", ["wrong_type"]),
        (2, "rejected", ["wrong_type"]),
        (3, "rejected", ["more_errors"]),
        (5, "applied", []),
    ]


def test_a_page_ends_before_its_payloads_are_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    note = "x" * 1000
    sent_upload = upload(world, *(add(f"f{number}", note=note) for number in range(5)), delete("f0")).upload
    monkeypatch.setattr(upload_rows, "MAX_PAGE_BYTES", 2500)
    assert [[row.row for row in page] for page in pages(listing(world, sent_upload))] == [[0, 1], [2, 3], [4, 5]]


def test_a_page_ends_before_what_it_tells_is_too_much(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [modify(f"f{number}", labels=[{"id": str(label)} for label in range(100)]) for number in range(4)]
    sent_upload = upload(world, *many).upload
    listed = len(listing(world, sent_upload)(None).items[0].model_dump_json(by_alias=True))
    monkeypatch.setattr(upload_rows, "MAX_PAGE_BYTES", 2 * listed)
    assert [[row.row for row in page] for page in pages(listing(world, sent_upload))] == [[0, 1], [2, 3]]


def test_a_row_that_is_too_large_for_a_page_has_one_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_upload = upload(world, add("f1", *"abc"), BAD, add("f2", *"abc")).upload
    monkeypatch.setattr(upload_rows, "MAX_PAGE_BYTES", 10)
    assert [[row.row for row in page] for page in pages(listing(world, sent_upload))] == [[0], [1], [2]]


def test_a_page_of_applied_rows_reads_windows_and_payloads_and_no_markers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_upload = upload(world, *(add(f"f{number}", "l1") for number in range(16))).upload
    spans: list[packs.ByteRange] = []
    read = packs.read_range

    def counting(backend: Backend, pack: str, span: packs.ByteRange) -> bytes:
        spans.append(span)
        return read(backend, pack, span)

    monkeypatch.setattr(packs, "read_range", counting)
    monkeypatch.setattr(log, "markers", lambda *_: pytest.fail("markers were read"))
    assert len(listing(world, sent_upload)(None).items) == 16
    assert len(spans) == 2


def test_a_page_reads_only_the_markers_of_windows_that_hold_its_rows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_upload = send(world, *(add(f"f{number}") for number in range(16))).upload
    reads: list[int] = []
    read = log.markers

    def counting(backend: Backend, uid: str, windows: Sequence[tuple[int, str]]) -> list[log.Marker | None]:
        reads.append(len(windows))
        return read(backend, uid, windows)

    monkeypatch.setattr(log, "markers", counting)
    listing(world, sent_upload, 1)(None)
    listing(world, sent_upload, 16)(None)
    assert reads == [1, 4]


def test_an_upload_whose_files_are_not_read_has_no_rows_yet(world: World) -> None:
    assert rows(world, announce(world, "a").upload) == []


def test_the_rows_of_an_unknown_upload_are_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        rows(world, "ffff")


def test_the_cursor_of_the_rows_of_another_upload_is_refused(world: World) -> None:
    first_upload, second_upload = (send(world, BAD, BAD).upload for _ in range(2))
    with pytest.raises(InvalidRequest) as refusal:
        listing(world, second_upload)(listing(world, first_upload, 1)(None).cursor)
    assert refusal.value.code == "foreign_cursor"
