"""What the dataset must hold at each version, in plain dictionaries, and how that differs from what is read.

It uses none of Tidemark's code, so that the comparison proves something.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from examples.digits.client import Json

Frames = dict[str, Json]
Changes = Mapping[str, Json | None]
"""The frames that an upload changes, as they are after it; None for a deleted one."""

KINDS = ("added", "removed", "modified")
"""How a frame or a label can differ between two versions."""


@dataclass(frozen=True)
class Expected:
    """The content of a version: certainly `frames`, and perhaps `in_flight`, from uploads that settled later."""

    frames: Frames
    in_flight: Frames = field(default_factory=dict)


class Ledger:
    """The expected state of a dataset, version by version."""

    def __init__(self) -> None:
        self.now: Frames = {}
        self.versions: dict[int, Expected] = {0: Expected({})}

    def settled(self, uploads: Sequence[tuple[int, Changes]]) -> None:
        """Enters uploads that were in flight together, each with the version that it settled into.

        Uploads with the same version are complete in it. An upload with a later version may be in an earlier one in
        part, window by window, so uploads sent together must add different frames.
        """
        for version in sorted({version for version, _ in uploads}):
            for changes in [changes for at, changes in uploads if at == version]:
                touched = {**self.now, **changes}
                self.now = {frame_id: frame for frame_id, frame in touched.items() if frame is not None}
            later = [changes for at, changes in uploads if at > version]
            in_flight = {name: frame for changes in later for name, frame in changes.items() if frame is not None}
            self.versions[version] = Expected(self.now, in_flight)

    def rolled_back(self, version: int, *, to: int) -> None:
        """Enters a version that restores an earlier one, while nothing else is in flight.

        Raises ValueError if the earlier version may hold uploads in part, since its content is then unknown.
        """
        restored = self.versions[to]
        if restored.in_flight:
            raise ValueError(f"what version {to} held of uploads in flight is not known")
        self.now = restored.frames
        self.versions[version] = restored


def differences(expected: Expected, seen: Iterable[Json]) -> list[str]:
    """Returns how the frames that were read differ from the expected ones, in one sentence for each."""
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
        elif _without_empty(frame) != _without_empty(known):
            wrong.append(f"{frame_id} is {_without_empty(frame)}, expected {_without_empty(known)}")
    return [*wrong, *(f"{frame_id} is missing" for frame_id in sorted(missing))]


def totals(before: Frames, after: Frames) -> Json:
    """Returns how many frames and labels differ, in total and by class, like the summary of a diff."""
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
    """Returns the changes by class. A label with a new class is removed from the old class and added to the new one."""
    if old and new and old["class"] == new["class"]:
        return [(new["class"], "modified")]
    return [(label["class"], kind) for label, kind in ((old, "removed"), (new, "added")) if label]


def _without_empty(value: Any) -> Any:
    """Returns a value without its empty lists and objects, which the API returns even if they were not given."""
    if isinstance(value, dict):
        items = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item not in ([], {})}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value
