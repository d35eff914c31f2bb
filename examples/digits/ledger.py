"""What the dataset has to hold at each version, in plain dictionaries, and how that differs from what is read.

It is kept without any of Tidemark's code, so that the comparison means something.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from examples.digits.client import Json

Frames = dict[str, Json]
Changes = Mapping[str, Json | None]
"""The frames that an upload touches, as they are after it; None for those that it deletes."""

KINDS = ("added", "removed", "modified")
"""The ways in which a frame or a label of one version can differ from that of another."""


@dataclass(frozen=True)
class Expected:
    """A version holds `frames`, and may hold `in_flight`: what came with uploads that had not settled by then."""

    frames: Frames
    in_flight: Frames = field(default_factory=dict)


class Ledger:
    """The expected state of a dataset, version by version."""

    def __init__(self) -> None:
        self.now: Frames = {}
        self.versions: dict[int, Expected] = {0: Expected({})}

    def settled(self, uploads: Sequence[tuple[int, Changes]]) -> None:
        """Enter uploads that were on their way together, each with the version that it names.

        Those that share a version are whole in it. One that names a later version may be in an earlier one in part,
        window by window, so uploads sent together must add different frames.
        """
        for version in sorted({version for version, _ in uploads}):
            for changes in [changes for at, changes in uploads if at == version]:
                touched = {**self.now, **changes}
                self.now = {frame_id: frame for frame_id, frame in touched.items() if frame is not None}
            later = [changes for at, changes in uploads if at > version]
            in_flight = {name: frame for changes in later for name, frame in changes.items() if frame is not None}
            self.versions[version] = Expected(self.now, in_flight)

    def rolled_back(self, version: int, *, to: int) -> None:
        """Enter a version that brings back an earlier one, while nothing else is on its way.

        Raises ValueError for an earlier version that may hold uploads in part: what comes back is not known.
        """
        restored = self.versions[to]
        if restored.in_flight:
            raise ValueError(f"what version {to} held of uploads in flight is not known")
        self.now = restored.frames
        self.versions[version] = restored


def differences(expected: Expected, seen: Iterable[Json]) -> list[str]:
    """How frames that were read differ from those expected, a sentence each; empty where they do not."""
    wrong: list[str] = []
    missing = set(expected.frames)
    read: set[str] = set()
    for frame in seen:
        frame_id = frame["frame_id"]
        if frame_id in read:
            wrong.append(f"{frame_id} was read twice")
        read.add(frame_id)
        missing.discard(frame_id)
        known = expected.frames.get(frame_id) or expected.in_flight.get(frame_id)
        if known is None:
            wrong.append(f"{frame_id} should not be there")
        elif _given(frame) != _given(known):
            wrong.append(f"{frame_id} is {_given(frame)}, expected {_given(known)}")
    return [*wrong, *(f"{frame_id} is missing" for frame_id in sorted(missing))]


def totals(before: Frames, after: Frames) -> Json:
    """How many frames and labels differ, in all and by class, as the summary of a diff tells it."""
    frames, labels = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    classes: dict[str, dict[str, int]] = {}
    for old, new in _differing(before, after):
        frames[_kind(old, new)] += 1
        for was, now in _differing(_labels(old), _labels(new)):
            labels[_kind(was, now)] += 1
            for name, kind in _by_class(was, now):
                classes.setdefault(name, dict.fromkeys(KINDS, 0))[kind] += 1
    return {"frames": frames, "labels": labels, "classes": classes}


def _differing(before: Frames, after: Frames) -> list[tuple[Json | None, Json | None]]:
    pairs = [(before.get(name), after.get(name)) for name in before.keys() | after.keys()]
    return [(old, new) for old, new in pairs if old != new]


def _kind(old: Json | None, new: Json | None) -> str:
    return "added" if old is None else "removed" if new is None else "modified"


def _labels(frame: Json | None) -> Frames:
    return {label["id"]: label for label in (frame or {}).get("labels", [])}


def _by_class(old: Json | None, new: Json | None) -> list[tuple[str, str]]:
    """A label whose class changed has left one class and come to the other."""
    if old and new and old["class"] == new["class"]:
        return [(new["class"], "modified")]
    return [(label["class"], kind) for label, kind in ((old, "removed"), (new, "added")) if label]


def _given(value: Any) -> Any:
    """A value without the empty lists and objects in it: the API answers with those that were left out."""
    if isinstance(value, dict):
        given = {key: _given(item) for key, item in value.items()}
        return {key: item for key, item in given.items() if item not in ([], {})}
    return [_given(item) for item in value] if isinstance(value, list) else value
