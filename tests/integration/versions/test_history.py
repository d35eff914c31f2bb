"""The history of a frame and of a label in it (R9)."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from tests.simulation.world import World
from tests.support.pages import items, pages
from tests.support.uploads import DATASET, PROJECT, add, delete, modify, send, upload
from tidemark.catalog import dataset_records
from tidemark.datasets import datasets
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.domain.frames.operations import Op
from tidemark.domain.frames.revisions import FrameRevision, LabelRevision
from tidemark.domain.pages import Page, encode_cursor
from tidemark.versions import frames, history, page_size


def of_frame(world: World, frame_id: str = "f1", limit: int = 100, cursor: str | None = None) -> Page[FrameRevision]:
    return history.frame_history(
        world.process(), project=PROJECT, dataset=DATASET, frame_id=frame_id, limit=limit, cursor=cursor
    )


def of_label(
    world: World, label_id: str = "l1", frame_id: str = "f1", limit: int = 100, cursor: str | None = None
) -> Page[LabelRevision]:
    return history.label_history(
        world.process(),
        project=PROJECT,
        dataset=DATASET,
        frame_id=frame_id,
        label_id=label_id,
        limit=limit,
        cursor=cursor,
    )


def kinds(page: Page[FrameRevision]) -> list[tuple[Op, str]]:
    return [(revision.op, revision.changes.change) for revision in page.items]


def label_kinds(page: Page[LabelRevision]) -> list[tuple[Op, str]]:
    return [(revision.op, revision.change) for revision in page.items]


def relabel(**attributes: Any) -> dict[str, Any]:
    return modify("f1", labels=[{"id": "l1", "attributes": attributes}])


@pytest.fixture
def seven(world: World) -> World:
    """Frame `f1` in seven revisions: metadata field `turn` counts them from 0."""
    for turn in range(7):
        send(world, add("f1", "l1", turn=turn))
    world.drain()
    return world


# Frames


def test_a_change_tells_when_by_whom_and_by_which_upload_it_was_made(world: World) -> None:
    sent = upload(world, add("f1"), actor="bob").upload
    (revision,) = of_frame(world).items
    record = frames.get_frame(world.process(), project=PROJECT, dataset=DATASET, frame_id="f1", version="1")
    assert (revision.actor, revision.upload, revision.at) == ("bob", sent, record.at)


def test_changes_are_told_newest_first_each_against_the_one_before(seven: World) -> None:
    changes = [revision.changes.metadata["turn"] for revision in of_frame(seven).items]
    assert [(change.before, change.after) for change in changes] == [(turn - 1, turn) for turn in range(6, 0, -1)] + [
        (None, 0)
    ]


def test_revisions_grow_from_change_to_change(seven: World) -> None:
    numbers = [revision.revision for revision in of_frame(seven).items]
    assert numbers == sorted(set(numbers), reverse=True)


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_of_a_frames_history_tell_what_the_whole_tells(seven: World, limit: int) -> None:
    history_pages = pages(lambda cursor: of_frame(seven, limit=limit, cursor=cursor))
    assert [revision for page in history_pages for revision in page] == of_frame(seven).items
    assert [len(page) for page in history_pages[:-1]] == [limit] * (len(history_pages) - 1)


@pytest.mark.parametrize("room", [0, 1, 2.5])
def test_a_page_ends_early_where_the_changes_that_it_tells_do_not_fit(
    seven: World, monkeypatch: pytest.MonkeyPatch, room: float
) -> None:
    complete = of_frame(seven).items
    change = max(len(revision.model_dump_json()) for revision in complete)
    for module in (history, page_size):
        monkeypatch.setattr(module, "MAX_PAGE_BYTES", room * change)
    history_pages = pages(lambda cursor: of_frame(seven, cursor=cursor))
    assert [revision for page in history_pages for revision in page] == complete
    assert len(history_pages[0]) == max(1, int(room))


def test_a_page_fits_though_changes_are_much_larger_than_the_states_that_they_tell(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {f"n{number}": number for number in range(50)}
    for _ in range(10):
        upload(world, add("f1", **numbers))
        upload(world, delete("f1"))
    complete = of_frame(world).items
    for module in (history, page_size):
        monkeypatch.setattr(module, "MAX_PAGE_BYTES", 5000)
    history_pages = pages(lambda cursor: of_frame(world, cursor=cursor))
    assert [revision for page in history_pages for revision in page] == complete
    assert max(sum(len(revision.model_dump_json()) for revision in page) for page in history_pages) <= 5000


def test_a_change_to_or_from_a_large_state_has_a_page_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for note in ("", "", "x" * 5000, "", ""):
        upload(world, add("f1", note=note))
    for module in (history, page_size):
        monkeypatch.setattr(module, "MAX_PAGE_BYTES", 4000)
    assert [len(page) for page in pages(lambda cursor: of_frame(world, cursor=cursor))] == [1, 1, 1, 2]


def test_a_deletion_and_a_return_are_changes(world: World) -> None:
    for row in (add("f1", "l1"), delete("f1"), add("f1", "l1")):
        upload(world, row)
    assert kinds(of_frame(world)) == [(Op.ADD, "added"), (Op.DELETE, "removed"), (Op.ADD, "added")]


def test_a_return_is_told_in_full_on_a_page_of_its_own(world: World) -> None:
    for row in (add("f1", turn=1), delete("f1"), add("f1", turn=1)):
        upload(world, row)
    newest, deletion, _ = items(lambda cursor: of_frame(world, limit=1, cursor=cursor))
    assert (newest.changes.metadata["turn"].before, newest.changes.metadata["turn"].after) == (None, 1)
    assert (deletion.changes.metadata["turn"].before, deletion.changes.metadata["turn"].after) == (1, None)


def test_an_add_of_what_is_there_already_is_told_as_no_change(world: World) -> None:
    for _ in range(2):
        upload(world, add("f1", "l1"))
    assert kinds(of_frame(world)) == [(Op.ADD, "none"), (Op.ADD, "added")]


def test_what_hit_nothing_is_no_change(world: World) -> None:
    for row in (add("f1"), delete("f1"), delete("f1"), modify("f1", metadata={"turn": 1})):
        upload(world, row)
    assert [revision.op for revision in of_frame(world).items] == [Op.DELETE, Op.ADD]


def test_a_change_is_told_once_it_is_in_a_version(world: World) -> None:
    upload(world, add("f1"))
    send(world, modify("f1", metadata={"turn": 1}))
    world.start_apply(world.windows.groups()[0]).run()
    assert len(of_frame(world).items) == 1
    world.drain()
    assert len(of_frame(world).items) == 2


def test_pages_go_on_into_the_past_though_changes_come_in(seven: World) -> None:
    complete = of_frame(seven).items
    first = of_frame(seven, limit=3)
    upload(seven, add("f1", turn=7))
    assert [*first.items, *of_frame(seven, cursor=first.cursor).items] == complete


@pytest.mark.parametrize("row", [add("other"), modify("f1", metadata={"turn": 1}), delete("f1")])
def test_a_frame_that_never_was_has_no_history(world: World, row: Any) -> None:
    upload(world, row)
    with pytest.raises(NotFound, match="never held a frame 'f1'"):
        of_frame(world)


def test_a_frame_that_is_only_on_its_way_has_no_history(world: World) -> None:
    send(world, add("f1"))
    world.start_apply(world.windows.groups()[0]).run()
    with pytest.raises(NotFound):
        of_frame(world)


@pytest.mark.parametrize("frame_id", ["f", "f1 2", "f1.", "f1$"])
def test_frames_of_similar_ids_are_kept_apart(world: World, frame_id: str) -> None:
    datasets.create_dataset(world.process(), project=PROJECT, name="one", description="", shards=1, actor="admin")
    upload(world, add("f1"), add(frame_id), dataset="one")
    history_pages = history.frame_history(
        world.process(), project=PROJECT, dataset="one", frame_id="f1", limit=100, cursor=None
    )
    assert len(history_pages.items) == 1


def test_the_cursor_of_another_frame_is_refused(seven: World) -> None:
    upload(seven, add("other"))
    with pytest.raises(InvalidRequest) as refusal:
        of_frame(seven, "other", cursor=of_frame(seven, limit=1).cursor)
    assert refusal.value.code == "foreign_cursor"


def invented(world: World, n: int, frame_id: str = "f1") -> str:
    """Returns an invented cursor that continues at commit `n`."""
    uid = dataset_records.get(world.process(), PROJECT, DATASET).uid
    return encode_cursor(f"{uid}#history#{frame_id}", n)


@pytest.mark.parametrize(("frame_id", "n"), [("f1", 0), ("ghost", 0), ("ghost", 7)])
def test_a_made_up_cursor_to_where_nothing_is_leads_to_an_empty_page(seven: World, frame_id: str, n: int) -> None:
    assert of_frame(seven, frame_id, cursor=invented(seven, n, frame_id)) == Page(items=[], cursor=None)


def test_a_made_up_cursor_shows_nothing_that_is_in_no_version(seven: World) -> None:
    published = of_frame(seven).items
    send(seven, add("f1", turn=7))
    seven.start_apply(seven.windows.groups()[0]).run()
    assert of_frame(seven, cursor=invented(seven, 10**11)).items == published


# Labels


def test_a_label_changes_where_its_frame_changes_it(world: World) -> None:
    for row in (add("f1", "l1"), relabel(hard=True), modify("f1", metadata={"turn": 1}), relabel(hard=False)):
        upload(world, row)
    newest, older, first = of_label(world).items
    assert label_kinds(of_label(world)) == [(Op.MODIFY, "modified"), (Op.MODIFY, "modified"), (Op.ADD, "added")]
    assert newest.before == older.after
    assert older.before == first.after
    assert newest.after is not None
    assert newest.after["attributes"] == {"hard": False}


def test_a_label_that_is_removed_and_added_again_has_both_lives_in_its_history(world: World) -> None:
    for row in (add("f1", "l1", "l2"), modify("f1") | {"remove_labels": ["l1"]}, add("f1", "l1", "l2")):
        upload(world, row)
    assert label_kinds(of_label(world)) == [(Op.ADD, "added"), (Op.MODIFY, "removed"), (Op.ADD, "added")]
    assert label_kinds(of_label(world, "l2")) == [(Op.ADD, "added")]


def test_a_label_goes_and_comes_with_its_frame(world: World) -> None:
    for row in (add("f1", "l1"), delete("f1"), add("f1", "l1")):
        upload(world, row)
    assert label_kinds(of_label(world)) == [(Op.ADD, "added"), (Op.DELETE, "removed"), (Op.ADD, "added")]


def test_a_frame_that_is_replaced_without_a_label_removes_it(world: World) -> None:
    for row in (add("f1", "l1"), add("f1", "l2")):
        upload(world, row)
    assert label_kinds(of_label(world)) == [(Op.ADD, "removed"), (Op.ADD, "added")]


@pytest.mark.parametrize("limit", [1, 3])
def test_pages_of_a_labels_history_tell_what_the_whole_tells(seven: World, limit: int) -> None:
    upload(seven, relabel(hard=True))
    complete = of_label(seven).items
    history_pages = pages(lambda cursor: of_label(seven, limit=limit, cursor=cursor))
    assert [revision for page in history_pages for revision in page] == complete
    assert [revision.change for revision in complete] == ["modified", "added"]


def test_a_page_without_a_change_of_the_label_leads_on_to_the_next(seven: World) -> None:
    page = of_label(seven, limit=3)
    assert page.items == []
    assert page.cursor is not None


def test_a_label_that_never_was_has_an_empty_history(seven: World) -> None:
    assert of_label(seven, "l9") == Page(items=[], cursor=None)


def test_a_label_of_a_frame_that_never_was_has_no_history(world: World) -> None:
    with pytest.raises(NotFound, match="never held a frame 'f1'"):
        of_label(world)


def test_the_cursor_of_the_frame_is_not_that_of_its_label(seven: World) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        of_label(seven, cursor=of_frame(seven, limit=1).cursor)
    assert refusal.value.code == "foreign_cursor"


STEPS: list[Callable[[str], Any]] = [
    lambda frame_id: add(frame_id, "l1"),
    lambda frame_id: add(frame_id, "l2", "l1"),
    lambda frame_id: modify(frame_id, labels=[{"id": "l1", "type": "CLASSIFICATION_2D", "class": "stork"}]),
    lambda frame_id: modify(frame_id) | {"remove_labels": ["l1"]},
    lambda frame_id: modify(frame_id, metadata={"turn": 1}),
    delete,
]


def test_the_history_of_a_label_is_its_life_without_gaps_whatever_happens_to_it(world: World) -> None:
    lives = {f"f{number}": steps for number, steps in enumerate(product(STEPS, repeat=2))}
    upload(world, *(add(frame_id, "l1") for frame_id in lives))
    for turn in range(2):
        upload(world, *(steps[turn](frame_id) for frame_id, steps in lives.items()))
    for frame_id in lives:
        changes = of_label(world, frame_id=frame_id).items[::-1]
        assert [change.before for change in changes] == [None, *(change.after for change in changes[:-1])]
        assert changes[-1].after == present_label(world, frame_id)


def present_label(world: World, frame_id: str) -> Any:
    batch = frames.batch_get(world.process(), project=PROJECT, dataset=DATASET, frame_ids=[frame_id], version="LATEST")
    labels = [
        label for item in batch.items for label in json.loads(item.frame).get("labels", []) if label["id"] == "l1"
    ]
    return labels[0] if labels else None
