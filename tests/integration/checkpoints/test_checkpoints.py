"""Checkpoints name versions for good, despite concurrent writes, creations and edits (R12-R14)."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.pages import items, pages
from tests.support.uploads import DATASET, PROJECT, add, delete, modify, send, upload
from tidemark.aws.backend import Backend
from tidemark.checkpoints import checkpoints
from tidemark.domain.checkpoints import Checkpoint, CheckpointPatch
from tidemark.domain.errors import Conflict, InvalidRequest, NotFound, TidemarkError, TooLarge
from tidemark.domain.pages import Archived, Page
from tidemark.versions import frames, resolve


def create(
    world: World,
    name: str,
    version: str = "LATEST",
    *,
    request: str | None = None,
    metadata: dict[str, Any] | None = None,
    description: str = "",
) -> Checkpoint:
    return checkpoints.create_checkpoint(
        world.process(),
        project=PROJECT,
        dataset=DATASET,
        name=name,
        version=version,
        description=description,
        metadata=metadata or {},
        actor="ann",
        request=request,
    )


def get(world: World, name: str) -> Checkpoint:
    return checkpoints.get_checkpoint(world.process(), project=PROJECT, dataset=DATASET, checkpoint=name)


def edit(world: World, name: str, **given: Any) -> Checkpoint:
    patch = CheckpointPatch(**given)
    return checkpoints.edit_checkpoint(world.process(), project=PROJECT, dataset=DATASET, checkpoint=name, patch=patch)


def archive(world: World, name: str, actor: str = "bob") -> Checkpoint:
    return checkpoints.archive_checkpoint(
        world.process(), project=PROJECT, dataset=DATASET, checkpoint=name, actor=actor
    )


def unarchive(world: World, name: str) -> Checkpoint:
    return checkpoints.unarchive_checkpoint(world.process(), project=PROJECT, dataset=DATASET, checkpoint=name)


def page(
    world: World, archived: Archived = Archived.NO, limit: int = 100, cursor: str | None = None
) -> Page[Checkpoint]:
    return checkpoints.list_checkpoints(
        world.process(), project=PROJECT, dataset=DATASET, archived=archived, limit=limit, cursor=cursor
    )


def names(world: World, archived: Archived = Archived.NO, limit: int = 100) -> list[str]:
    return [checkpoint.name for checkpoint in items(lambda cursor: page(world, archived, limit, cursor))]


def read(world: World, version: str) -> tuple[int, dict[str, Any]]:
    """Reads a version. Returns its number and its frames by id."""
    read_page = frames.list_frames(
        world.process(), project=PROJECT, dataset=DATASET, version=version, limit=100, cursor=None
    )
    return read_page.version, {(frame := json.loads(item.frame))["frame_id"]: frame for item in read_page.items}


def resolved(world: World, version: str, backend: Backend | None = None) -> int:
    return resolve.get_version(backend or world.process(), project=PROJECT, dataset=DATASET, version=version).number


def start_create(world: World, name: str, version: str = "LATEST", request: str | None = None) -> Invocation:
    return Invocation("create", lambda: create(world, name, version, request=request))


def start_edit(world: World, **metadata: Any) -> Invocation:
    return Invocation("edit", lambda: edit(world, "golden", metadata=metadata))


def stepped(invocation: Invocation, steps: int) -> Invocation:
    """Runs an invocation for some steps, so that it stops before the next call."""
    for _ in range(steps):
        invocation.step()
    return invocation


# Freezing


def test_a_checkpoint_reads_as_when_it_was_made_whatever_is_written_later(world: World) -> None:
    upload(world, *(add(f"f{number}", "l1", turn=0) for number in range(8)))
    create(world, "golden")
    before = read(world, "golden")
    assert before[0] == 1
    for turn in range(1, 4):
        upload(world, modify("f1", metadata={"turn": turn}), delete(f"f{turn + 1}"), add(f"new-{turn}"))
        assert read(world, "golden") == before
    assert read(world, "LATEST")[1] != before[1]


def test_a_checkpoint_of_the_latest_version_keeps_that_one_though_another_is_published_before_it_is_written(
    world: World,
) -> None:
    upload(world, add("f1"))
    calls = len(start_create(world, "measure").run().calls)
    for position in range(calls):
        latest = resolved(world, "LATEST")
        slow = stepped(start_create(world, f"golden-{position}"), position)
        upload(world, add(f"f-{position}"))
        frozen = slow.run().result.version
        assert frozen in {latest, latest + 1}
        assert resolved(world, f"golden-{position}") == frozen


def test_a_checkpoint_can_be_made_of_a_number_a_time_and_another_checkpoint(world: World) -> None:
    for number in range(3):
        upload(world, add(f"f{number}"))
    second = resolve.get_version(world.process(), project=PROJECT, dataset=DATASET, version="2").created_at
    assert create(world, "by-number", "1").version == 1
    assert create(world, "by-time", (second + timedelta(microseconds=1)).isoformat()).version == 2
    assert create(world, "by-name", "by-time").version == 2


def test_a_checkpoint_tells_what_its_version_holds_and_who_made_it(world: World) -> None:
    upload(world, add("f1", "l1", "l2"), add("f2"))
    made = create(world, "golden", metadata={"run": 42}, description="Spring")
    assert (made.frames, made.labels, made.created_by) == (2, 2, "ann")
    assert get(world, "golden") == made


@pytest.mark.parametrize("version", ["LATEST", "0", "2000-01-01T00:00:00Z"])
def test_the_empty_beginning_cannot_be_frozen(world: World, version: str) -> None:
    send(world, add("f1"))
    with pytest.raises(Conflict, match="no version to freeze") as refusal:
        create(world, "golden", version)
    assert (refusal.value.code, refusal.value.pointer) == ("nothing_to_freeze", "/version")
    assert names(world) == []


def test_a_version_from_which_all_is_deleted_can_be_frozen(world: World) -> None:
    upload(world, add("f1"))
    upload(world, delete("f1"))
    assert create(world, "emptied").frames == 0


@pytest.mark.parametrize(
    ("version", "kind", "code"),
    [
        ("9", NotFound, "unknown_version"),
        ("ghost", NotFound, "unknown_checkpoint"),
        ("latest", InvalidRequest, "unknown_version"),
        ("2999-01-01T00:00:00Z", InvalidRequest, "time_not_over"),
    ],
)
def test_what_names_no_version_is_frozen_by_no_checkpoint(
    world: World, version: str, kind: type[TidemarkError], code: str
) -> None:
    upload(world, add("f1"))
    with pytest.raises(kind) as refusal:
        create(world, "golden", version)
    assert (refusal.value.code, refusal.value.pointer) == (code, "/version")
    assert names(world) == []


# Names


def test_a_name_is_taken_once_in_a_dataset_also_by_an_archived_checkpoint(world: World) -> None:
    upload(world, add("f1"))
    create(world, "golden")
    archive(world, "golden")
    upload(world, add("f2"))
    with pytest.raises(Conflict, match="archived checkpoints keep their names") as refusal:
        create(world, "golden")
    assert refusal.value.code == "checkpoint_exists"
    assert resolved(world, "golden") == 1


def test_of_two_who_create_one_name_at_once_one_does_and_the_other_is_refused(world: World) -> None:
    upload(world, add("f1"))
    upload(world, add("f2"))
    calls = start_create(world, "measure", "1").run().calls
    before_it_is_there = calls.index("dynamodb.TransactWriteItems") + 1
    for position in range(before_it_is_there):
        name = f"golden-{position}"
        slow = stepped(start_create(world, name, "1"), position)
        create(world, name, "2")
        assert isinstance(slow.run().error, Conflict)
        assert (resolved(world, name), get(world, name).version) == (2, 2)
    assert len(names(world)) == before_it_is_there + 1


def test_a_request_that_is_repeated_gets_what_it_made_though_the_latest_version_is_another(world: World) -> None:
    upload(world, add("f1"))
    first = create(world, "golden", request="r1")
    upload(world, add("f2"))
    assert create(world, "golden", request="r1") == first
    with pytest.raises(Conflict):
        create(world, "golden", request="r2")


@pytest.mark.parametrize("after", [False, True])
def test_a_request_that_broke_off_anywhere_is_finished_by_its_repeat(world: World, after: bool) -> None:
    upload(world, add("f1"))
    calls = len(start_create(world, "measure").run().calls)
    for position in range(calls):
        name = f"golden-{position}"
        stepped(start_create(world, name, request=name), position).crash(after=after)
        made = create(world, name, request=name)
        assert get(world, name) == made
        assert names(world).count(name) == 1
    begun = [execution.input["work"]["checkpoint"] for execution in world.executions.values()]
    assert sorted(begun) == sorted(names(world)), "a manifest is written twice or not at all"


def test_a_name_that_is_not_there_is_told_with_what_a_version_may_be(world: World) -> None:
    with pytest.raises(NotFound, match=r"no checkpoint 'ghost'\. A version is a number, the name of a checkpoint,"):
        resolved(world, "ghost")


def test_a_name_that_was_not_there_is_found_once_it_is(world: World) -> None:
    upload(world, add("f1"))
    reader = world.process()
    with pytest.raises(NotFound):
        resolved(world, "golden", reader)
    create(world, "golden")
    assert resolved(world, "golden", reader) == 1


def test_a_checkpoint_costs_a_reader_one_read_and_later_none(world: World) -> None:
    upload(world, add("f1"))
    create(world, "golden")
    reader = world.process()
    resolved(world, "1", reader)  # the dataset and the version are cached now
    assert Invocation("read", lambda: resolved(world, "golden", reader)).run().calls == ["dynamodb.GetItem"]
    assert Invocation("read", lambda: resolved(world, "golden", reader)).run().calls == []


# Editing and archiving


def test_an_edit_sets_and_removes_what_it_gives_and_leaves_the_rest(world: World) -> None:
    upload(world, add("f1"))
    made = create(world, "golden", metadata={"run": 42, "owner": "ann", "ok": True}, description="Spring")
    edited = edit(world, "golden", metadata={"owner": None, "run": 43, "share": 0.5})
    assert edited == made.model_copy(update={"metadata": {"run": 43, "ok": True, "share": 0.5}})
    assert edit(world, "golden", description=None, metadata=None) == made.model_copy(
        update={"description": "", "metadata": {}}
    )
    assert get(world, "golden").metadata == {}


def test_an_edit_that_changes_nothing_writes_nothing(world: World) -> None:
    upload(world, add("f1"))
    made = create(world, "golden", metadata={"run": 42})
    before = world.writes
    assert edit(world, "golden") == edit(world, "golden", metadata={"run": 42}) == made
    assert world.writes == before


def test_metadata_does_not_outgrow_its_limits_edit_by_edit(world: World) -> None:
    upload(world, add("f1"))
    create(world, "golden", metadata={f"m{number}": number for number in range(100)})
    with pytest.raises(TooLarge, match="101 fields"):
        edit(world, "golden", metadata={"one": 1})
    edit(world, "golden", metadata=None)
    edit(world, "golden", metadata={"a": "x" * 8000, "b": "x" * 8000})
    with pytest.raises(TooLarge, match="at most 16,384"):
        edit(world, "golden", metadata={"c": "x" * 800})
    assert get(world, "golden").metadata.keys() == {"a", "b"}


def test_an_archived_checkpoint_is_not_listed_and_reads_as_before(world: World) -> None:
    upload(world, add("f1"))
    made = create(world, "golden")
    create(world, "silver")
    archived = archive(world, "golden")
    assert (archived.archived_by, archived.archived_at is not None) == ("bob", True)
    assert names(world) == ["silver"]
    assert names(world, Archived.YES) == ["golden"]
    assert names(world, Archived.ALL) == ["silver", "golden"]
    assert resolved(world, "golden") == 1
    assert unarchive(world, "golden") == made
    assert names(world) == ["silver", "golden"]


def test_archiving_twice_keeps_the_first_time_and_unarchiving_twice_changes_nothing(world: World) -> None:
    upload(world, add("f1"))
    create(world, "golden")
    assert archive(world, "golden") == archive(world, "golden", actor="cid")
    assert unarchive(world, "golden") == unarchive(world, "golden")


def test_of_two_changes_at_once_neither_is_lost(world: World) -> None:
    upload(world, add("f1"))
    create(world, "golden", metadata={"kept": True})
    calls = len(start_edit(world, slow=-1).run().calls)
    for position in range(calls):
        slow = stepped(start_edit(world, slow=position), position)
        edit(world, "golden", metadata={"fast": position})
        (archive if position % 2 else unarchive)(world, "golden")
        assert slow.run().error is None
        read_page = get(world, "golden")
        assert read_page.metadata == {"kept": True, "slow": position, "fast": position}
        assert (read_page.archived_at is not None) == bool(position % 2)


def test_what_is_not_there_is_neither_read_nor_changed(world: World) -> None:
    for attempt in (get, edit, archive, unarchive):
        with pytest.raises(NotFound, match="has no checkpoint 'ghost'"):
            attempt(world, "ghost")


# Lists


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_checkpoints_are_listed_newest_first_each_once(world: World, limit: int) -> None:
    upload(world, add("f1"))
    made = [create(world, name).name for name in ("b", "a", "z" * 128, "A.b", "c")]
    read_page = pages(lambda cursor: page(world, limit=limit, cursor=cursor))
    assert [checkpoint.name for part in read_page for checkpoint in part] == made[::-1]
    assert max(map(len, read_page)) <= limit


def test_checkpoints_of_one_moment_are_listed_each_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(world, add("f1"))
    monkeypatch.setattr(world, "tick", lambda: world.now.replace(microsecond=0))
    for name in ("b", "a", "c"):
        create(world, name)
    assert names(world, limit=1) == ["c", "b", "a"]


def test_a_page_with_few_that_are_wanted_ends_where_enough_were_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(world, add("f1"))
    for number in range(7):
        create(world, f"c{number}")
    archive(world, "c0")
    monkeypatch.setattr(checkpoints, "MAX_CHECKPOINTS_EXAMINED", 3)
    read_page = pages(lambda cursor: page(world, Archived.YES, 2, cursor))
    assert [[checkpoint.name for checkpoint in part] for part in read_page] == [[], [], ["c0"]]


def test_a_page_of_large_checkpoints_ends_early_and_the_list_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(world, add("f1"))
    for number in range(6):
        create(world, f"c{number}", metadata={"a": "x" * 8000})
    monkeypatch.setattr(checkpoints, "MAX_PAGE_BYTES", 20_000)
    read_page = pages(lambda cursor: page(world, cursor=cursor))
    assert [len(part) for part in read_page] == [3, 3, 0]


def test_a_cursor_is_of_one_list(world: World) -> None:
    upload(world, add("f1"))
    create(world, "a")
    create(world, "b")
    cursor = page(world, limit=1).cursor
    with pytest.raises(InvalidRequest) as refusal:
        page(world, Archived.ALL, cursor=cursor)
    assert refusal.value.code == "foreign_cursor"
