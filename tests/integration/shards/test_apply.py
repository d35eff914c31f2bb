"""Applying windows: in full or not at all, once, in order, with an outcome for each row (R16-R20)."""

from typing import Any, NamedTuple

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.queues import Message
from tests.simulation.world import World
from tests.support.uploads import DATASET, PROJECT, add, delete, modify, send, upload
from tidemark.domain.errors import NotFound, Unavailable
from tidemark.domain.frames.frames import Frame
from tidemark.domain.uploads import RowOutcome
from tidemark.domain.versions import Version
from tidemark.domain.windows import FencingToken, Window, WindowSettled
from tidemark.recovery import giving_up
from tidemark.shards import apply
from tidemark.uploads import follow
from tidemark.versions import frames, resolve


class Sent(NamedTuple):
    """An upload of one window, and the window's message."""

    upload: str
    message: Message

    @property
    def window(self) -> Window:
        """The window in the message."""
        return Window.model_validate_json(self.message.body)


def sent(world: World, *rows: Any, key: str | None = None) -> Sent:
    """Submits rows of one shard and leaves their window queued."""
    receipt = send(world, *rows, key=key)
    (message,) = [
        message
        for messages in world.windows.waiting.values()
        for message in messages
        if message.deduplication_id == f"{receipt.upload}-0"
    ]
    return Sent(receipt.upload, message)


def apply_now(world: World, window: Window, token: FencingToken) -> WindowSettled:
    return apply.apply_window(world.process(), window, token)


def frame(world: World, frame_id: str = "f1") -> Frame:
    read = frames.get_frame(world.process(), project=PROJECT, dataset=DATASET, frame_id=frame_id, version="LATEST")
    return Frame.model_validate_json(read.frame)


def latest(world: World) -> Version:
    return resolve.get_version(world.process(), project=PROJECT, dataset=DATASET, version="LATEST")


def digests(world: World) -> list[str]:
    page = frames.list_frames(
        world.process(), project=PROJECT, dataset=DATASET, version="LATEST", limit=100, cursor=None
    )
    return [item.digest for item in page.items]


def outcomes(world: World, upload_id: str) -> list[RowOutcome]:
    return follow.list_errors(
        world.process(), project=PROJECT, dataset=DATASET, upload=upload_id, limit=100, cursor=None
    ).items


def codes(world: World, upload_id: str) -> list[tuple[str | None, str, str]]:
    return [(outcome.frame_id, outcome.outcome, outcome.code) for outcome in outcomes(world, upload_id)]


# Operations


def test_an_add_of_a_known_frame_replaces_it_whole(world: World) -> None:
    upload(world, add("f1", "l1", "l2", city="Oslo", speed=7))
    upload(world, add("f1", "l3", city="Rome"))
    assert frame(world).metadata == {"city": "Rome"}
    assert [label.id for label in frame(world).labels] == ["l3"]
    assert latest(world).labels == 1


def test_a_modify_changes_what_it_gives_and_leaves_the_rest(world: World) -> None:
    upload(world, add("f1", "l1", "l2", city="Oslo", speed=7))
    upload(world, modify("f1", metadata={"city": "Rome"}) | {"remove_labels": ["l1"]})
    assert frame(world).metadata == {"city": "Rome", "speed": 7}
    assert [label.id for label in frame(world).labels] == ["l2"]
    assert latest(world).labels == 1


def test_a_deleted_frame_can_be_added_again_and_is_new(world: World) -> None:
    for row in (add("f1", "l1", city="Oslo"), delete("f1"), add("f1", speed=7)):
        upload(world, row)
    assert frame(world).metadata == {"speed": 7}
    assert (latest(world).frames, latest(world).labels) == (1, 0)


@pytest.mark.parametrize("row", [modify("f1", metadata={"city": "Rome"}), delete("f1")], ids=["MODIFY", "DELETE"])
@pytest.mark.parametrize("before", [[], [add("f1"), delete("f1")]], ids=["never there", "deleted"])
def test_a_change_of_a_frame_that_is_not_there_is_dropped_and_reported(
    world: World, before: list[Any], row: Any
) -> None:
    for earlier in before:
        upload(world, earlier)
    assert codes(world, upload(world, row).upload) == [("f1", "dropped", "unknown_frame")]
    with pytest.raises(NotFound):
        frame(world)


def test_a_modify_that_does_not_suit_its_frame_fails_alone_and_says_where(world: World) -> None:
    upload(world, add("f1", "l1", city="Oslo"), add("f2"))
    refused = modify("f1", metadata={"city": "Rome"}, labels=[{"id": "l9", "attributes": {"hard": True}}])
    last = upload(world, refused, modify("f2", metadata={"city": "Rome"})).upload
    (failure,) = outcomes(world, last)
    assert (failure.row, failure.frame_id, failure.outcome) == (0, "f1", "failed")
    assert (failure.code, failure.pointer) == ("unknown_part", "/frame/labels/0")
    assert frame(world, "f1").metadata == {"city": "Oslo"}
    assert frame(world, "f2").metadata == {"city": "Rome"}


def test_a_row_is_held_against_its_frame_as_it_is_in_its_turn(world: World) -> None:
    for row in (add("f1", city="Oslo"), delete("f1"), modify("f1", metadata={"city": "Rome"}), add("f1", speed=7)):
        send(world, row)
    world.drain()
    assert frame(world).metadata == {"speed": 7}


# Applied once


def test_a_window_delivered_again_changes_nothing_and_is_answered_as_before(world: World) -> None:
    window, token = sent(world, add("f1", "l1")).window, FencingToken(1, 1)
    first = apply_now(world, window, token)
    before = world.writes
    assert apply_now(world, window, token) == first
    assert world.writes == before


def test_a_window_delivered_again_after_later_ones_is_answered_as_before(world: World) -> None:
    early, late = sent(world, add("f1", city="Oslo")), sent(world, add("f1", city="Rome"))
    first = apply_now(world, early.window, early.message.token)
    apply_now(world, late.window, late.message.token)
    assert apply_now(world, early.window, early.message.token) == first
    world.drain()
    assert frame(world).metadata == {"city": "Rome"}


def test_a_window_that_was_given_up_stays_so(world: World) -> None:
    late = sent(world, add("f1"))
    given_up = giving_up.give_up(world.process(), late.window)
    assert apply_now(world, late.window, late.message.token) == given_up
    assert given_up.failed == 1


def test_a_window_that_was_applied_cannot_be_given_up(world: World) -> None:
    late = sent(world, add("f1"))
    applied = apply_now(world, late.window, late.message.token)
    assert giving_up.give_up(world.process(), late.window) == applied
    assert applied.applied == 1


# In order


def test_a_window_whose_turn_has_passed_is_refused_and_changes_nothing(world: World) -> None:
    early, late = sent(world, add("f1", city="Oslo")), sent(world, add("f1", city="Rome"))
    apply_now(world, late.window, late.message.token)
    before = world.writes
    with pytest.raises(apply.StaleDelivery):
        apply_now(world, early.window, early.message.token)
    assert world.writes == before


@pytest.mark.parametrize("token", [FencingToken(5, 1), FencingToken(1, 5), FencingToken(9, 9)], ids=repr)
def test_a_window_is_applied_unless_both_counts_say_that_its_turn_has_passed(world: World, token: FencingToken) -> None:
    apply_now(world, sent(world, add("f1")).window, FencingToken(3, 3))
    assert apply_now(world, sent(world, delete("f1")).window, token).applied == 1


# Sent again


def overtaken(world: World, *rows: Any) -> Sent:
    """Returns an upload of frame `f1` whose window was lost and is sent again after later uploads of `rows`."""
    first = sent(world, add("f1", city="Oslo"), key="lost")
    world.windows.delete(first.message)
    for row in rows:
        upload(world, row)
    world.windows.seen.clear()
    return sent(world, add("f1", city="Oslo"), key="lost")


@pytest.mark.parametrize("later", [[add("f1")], [add("f1"), delete("f1")]], ids=["changed", "deleted"])
def test_a_row_sent_again_gives_way_to_a_change_that_was_accepted_after_it(world: World, later: list[Any]) -> None:
    again = overtaken(world, *later)
    before, (change,) = digests(world), latest(world).uploads
    world.drain()
    (outcome,) = outcomes(world, again.upload)
    assert (outcome.outcome, outcome.code) == ("dropped", "superseded")
    assert change.id in outcome.message
    assert digests(world) == before


def test_a_row_sent_again_is_applied_where_nobody_changed_its_frame_meanwhile(world: World) -> None:
    upload(world, add("f1", city="Rome"))
    again = overtaken(world, add("f2"))
    world.drain()
    assert outcomes(world, again.upload) == []
    assert frame(world).metadata == {"city": "Oslo"}


def test_a_row_sent_once_applies_in_the_order_of_the_queue(world: World) -> None:
    early, late = sent(world, add("f1", city="Oslo")), sent(world, add("f1", city="Rome"))
    apply_now(world, late.window, FencingToken(1, 1))
    assert apply_now(world, early.window, FencingToken(2, 2)).applied == 1


# Concurrently


def test_a_window_that_is_outrun_starts_over_from_the_new_head(world: World) -> None:
    early, late = sent(world, add("f1", "l1")), sent(world, modify("f1", metadata={"city": "Rome"}))
    outrun = world.redeliver(late.message).run_to("dynamodb.TransactWriteItems")
    world.redeliver(early.message).run()
    assert outrun.run().result.applied == 1
    world.drain()
    assert (frame(world).metadata, len(frame(world).labels)) == ({"city": "Rome"}, 1)


def test_a_window_that_is_outrun_again_and_again_is_left_for_later(world: World) -> None:
    others = [sent(world, add("f1", n=number)) for number in range(apply.MAX_ATTEMPTS)]
    last = sent(world, add("f1", n=apply.MAX_ATTEMPTS))
    outrun = world.redeliver(last.message)
    for other in others:
        outrun.run_to("dynamodb.TransactWriteItems")
        world.redeliver(other.message).run()
        outrun.step()
    assert isinstance(outrun.run().error, Unavailable)
    world.drain()
    assert frame(world).metadata == {"n": apply.MAX_ATTEMPTS}


def guessed(world: World) -> tuple[Sent, Invocation]:
    """Returns an earlier window that is not applied yet, and a MODIFY that has fetched its payloads by a guess and is
    about to read the shard's head."""
    upload(world, add("f1", "l1", city="Oslo"))
    early, late = sent(world, modify("f1", metadata={"speed": 7})), sent(world, modify("f1", metadata={"city": "Rome"}))
    return early, world.redeliver(late.message).run_to("dynamodb.BatchGetItem")


def test_a_change_between_the_guess_and_the_head_is_not_lost(world: World) -> None:
    early, modifying = guessed(world)
    assert modifying.calls.count("s3.GetObject") == 2
    world.redeliver(early.message).run()
    assert modifying.run().result.applied == 1
    world.drain()
    assert frame(world).metadata == {"city": "Rome", "speed": 7}


def test_a_change_between_the_head_and_the_commit_is_not_lost(world: World) -> None:
    early, modifying = guessed(world)
    modifying.run_to("dynamodb.Query")
    world.redeliver(early.message).run()
    assert modifying.run().result.applied == 1
    world.drain()
    assert frame(world).metadata == {"city": "Rome", "speed": 7}


def test_a_modify_row_reads_no_payload_after_the_head(world: World) -> None:
    upload(world, add("f1", "l1"))
    modifying = world.redeliver(sent(world, modify("f1", metadata={"city": "Rome"})).message).run()
    head = modifying.calls.index("dynamodb.BatchGetItem")
    assert modifying.calls[head:][:4] == [
        "dynamodb.BatchGetItem",
        "dynamodb.Query",
        "s3.PutObject",
        "dynamodb.TransactWriteItems",
    ]


def test_rows_of_new_frames_read_nothing_but_the_head_and_the_marker(world: World) -> None:
    upload(world, add("f1"))
    adding = world.redeliver(sent(world, add("f9")).message).run()
    assert adding.calls[:2] == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
