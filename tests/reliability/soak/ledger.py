"""What a sender has sent and what must have come of it: the frames of its own ids, of which nobody else sends any."""

from collections import Counter
from random import Random
from typing import Any, NamedTuple

from tests.support.deployed.client import CLASSES
from tests.support.deployed.rows import add, box, delete, modify

Json = dict[str, Any]

MOST_FRAMES = 180
"""Frames that a sender keeps alive."""


class Frame(NamedTuple):
    """What a frame must hold, as far as senders vary it."""

    metadata: Json
    classes: dict[str, str]
    """Of its labels, by their ids."""


class Batch(NamedTuple):
    """Rows for one upload, and what must become of them."""

    rows: list[Json]
    applied: int
    dropped: int
    rejected: int


def seen(frame: Json) -> Frame:
    """A frame as the API gives it, in the terms of a ledger."""
    return Frame(frame.get("metadata", {}), {label["id"]: label["class"] for label in frame.get("labels", [])})


class Ledger:
    """The frames of one sender as its accepted rows have left them."""

    def __init__(self, prefix: str, random: Random) -> None:
        self.prefix = prefix
        self.frames: dict[str, Frame] = {}
        self.changes: Counter[str] = Counter()
        """Rows that took effect, by frame: as many as its history must have."""
        self._random = random
        self._made = 0
        self._turn = 0

    @property
    def gone(self) -> list[str]:
        """Frames that were there once."""
        return [frame_id for frame_id in self.changes if frame_id not in self.frames]

    def batch(self, most: int) -> Batch:
        """Rows for up to so many frames, no frame twice, which the ledger counts as taken."""
        self._turn += 1
        rows, kinds = [], Counter[str]()
        touched: set[str] = set()
        for _ in range(self._random.randint(1, most)):
            row, kind = self._row(touched)
            rows.append(row)
            kinds[kind] += 1
        return Batch(rows, kinds["applied"], kinds["dropped"], kinds["rejected"])

    def put_back(self, frames: dict[str, Frame]) -> None:
        """Take a roll back to these frames as done."""
        self.frames = dict(frames)

    def _row(self, touched: set[str]) -> tuple[Json, str]:
        choice = self._random.random()
        known = [frame_id for frame_id in self.frames if frame_id not in touched]
        if choice < 0.02:
            return add(f"{self.prefix}wrong", box("a", "unicorn")), "rejected"
        if choice < 0.05:
            return modify(f"{self.prefix}unknown-{self._turn}-{len(touched)}-{choice}", turn=1), "dropped"
        if known and (choice < 0.2 or len(self.frames) > MOST_FRAMES):
            frame_id = self._random.choice(known)
            del self.frames[frame_id]
            row = delete(frame_id)
        elif known and choice < 0.5:
            frame_id, label, name = self._random.choice(known), *self._label()
            before = self.frames[frame_id]
            change = {"turn": self._turn, f"k{self._turn % 3}": self._random.randrange(100)}
            self.frames[frame_id] = Frame({**before.metadata, **change}, {**before.classes, label: name})
            row = modify(frame_id, box(label, name), **change)
        else:
            frame_id = self._random.choice(known) if known and choice < 0.6 else self._new()
            labels = dict(self._label() for _ in range(self._random.randint(0, 3)))
            metadata = {"turn": self._turn, "sender": self.prefix}
            self.frames[frame_id] = Frame(metadata, labels)
            row = add(frame_id, *(box(label, name) for label, name in labels.items()), **metadata)
        touched.add(frame_id)
        self.changes[frame_id] += 1
        return row, "applied"

    def _new(self) -> str:
        self._made += 1
        return f"{self.prefix}{self._made}"

    def _label(self) -> tuple[str, str]:
        return f"l{self._random.randint(1, 4)}", self._random.choice(CLASSES)
