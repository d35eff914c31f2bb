"""The smoke test's comparison: it accepts what a version must hold, and reports every way to differ from that."""

from collections.abc import Callable

import pytest

from infra.smoke.rows import (
    CHANGED,
    MAX_SHOWN,
    Content,
    Json,
    add,
    changes,
    differences,
    frame,
    number_of,
    wide_changes,
    wide_classes,
    wide_rows,
)
from tidemark.domain.limits import MAX_CLASSES_PER_FRAME, MAX_ID_BYTES, MAX_ID_CHARACTERS, MAX_WINDOW_FRAMES

FRAMES = 300


def held(content: Content) -> list[Json]:
    """Returns all frames of a content, as the API returns them: with fields that were not sent and are empty."""
    frames = [content.frame(number) for number in range(content.added)]
    return [{**frame, "sensors": [], "coordinate_frames": []} for frame in frames if frame]


@pytest.mark.parametrize("content", [Content(0), Content(FRAMES), Content(FRAMES, is_changed=True)])
def test_what_a_version_must_hold_does_not_differ(content: Content) -> None:
    frames = held(content)
    assert differences(content, frames) == []
    assert (len(frames), sum(len(frame["labels"]) for frame in frames)) == (content.frames, content.labels)


def test_the_changes_lead_to_the_changed_content() -> None:
    frames = {number: add(number)["frame"] for number in range(FRAMES)}
    for row in changes():
        number = number_of(row.get("frame", row))
        if row["op"] == "DELETE":
            del frames[number]
        else:
            labels = zip(frames[number]["labels"], row["frame"]["labels"], strict=True)
            frames[number] = {**frames[number], "labels": [{**label, **change} for label, change in labels]}
    assert differences(Content(FRAMES, is_changed=True), frames.values()) == []
    assert differences(Content(FRAMES), frames.values())[-1] == f"… and {CHANGED - MAX_SHOWN} more"


def without_a_label(frames: list[Json]) -> list[Json]:
    return [{**frames[0], "labels": frames[0]["labels"][1:]}, *frames[1:]]


@pytest.mark.parametrize(
    ("spoil", "difference"),
    [
        (lambda frames: frames[1:], "smoke-00000000 is missing"),
        (lambda frames: [*frames, frames[7]], "smoke-00000007 was read twice"),
        (lambda frames: [*frames, frame(FRAMES)], "smoke-00000300 should not be there"),
        (lambda frames: [*frames, {"frame_id": "another"}], "another should not be there"),
        (without_a_label, "smoke-00000000 is "),
    ],
)
def test_a_difference_is_reported(spoil: Callable[[list[Json]], list[Json]], difference: str) -> None:
    (found,) = differences(Content(FRAMES), spoil(held(Content(FRAMES))))
    assert found.startswith(difference)


def test_many_differences_are_counted() -> None:
    found = differences(Content(FRAMES), [])
    assert len(found) == MAX_SHOWN + 1
    assert found[-1] == f"… and {FRAMES - MAX_SHOWN} more"


def test_the_widest_window_is_as_wide_as_the_limits_allow() -> None:
    classes = wide_classes()
    assert len(set(classes)) == len(classes) == MAX_CLASSES_PER_FRAME
    assert {(len(name), len(name.encode())) for name in classes} == {(MAX_ID_CHARACTERS, MAX_ID_BYTES)}
    rows = list(wide_rows())
    assert {tuple(label["class"] for label in row["frame"]["labels"]) for row in rows} == {tuple(classes)}
    changed = [row["frame"]["frame_id"] for row in wide_changes()]
    assert changed == [row["frame"]["frame_id"] for row in rows]
    assert len(changed) == MAX_WINDOW_FRAMES
