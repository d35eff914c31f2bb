"""A sender's ledger: the frames that its rows must have left. No other sender uses its frame ids."""

from collections import Counter
from random import Random
from typing import Any, NamedTuple

from tests.support.deployed.client import CLASSES
from tests.support.deployed.rows import add, box, delete, modify

Json = dict[str, Any]

MOST_FRAMES = 180
"""Number of frames that a sender keeps alive."""


class Frame(NamedTuple):
    """The content of a frame, as far as senders vary it."""

    metadata: Json
    classes: dict[str, str]
    """The classes of its labels, by label id."""


class Batch(NamedTuple):
    """Rows of one upload, with their expected outcomes."""

    rows: list[Json]
    applied: int
    dropped: int
    rejected: int


def seen(frame: Json) -> Frame:
    """Converts a frame from the API to a ledger's frame."""
    return Frame(frame.get("metadata", {}), {label["id"]: label["class"] for label in frame.get("labels", [])})


class Ledger:
    """The frames of one sender after its accepted rows."""

    def __init__(self, prefix: str, random: Random) -> None:
        self.prefix = prefix
        self.frames: dict[str, Frame] = {}
        self.changes: Counter[str] = Counter()
        """Number of rows that took effect, by frame: the expected length of its history."""
        self._random = random
        self._made = 0
        self._turn = 0

    @property
    def gone(self) -> list[str]:
        """Returns the ids of deleted frames."""
        return [frame_id for frame_id in self.changes if frame_id not in self.frames]

    def batch(self, most: int) -> Batch:
        """Returns rows for up to `most` frames, each frame once, and enters them as accepted."""
        self._turn += 1
        rows, kinds = [], Counter[str]()
        touched: set[str] = set()
        for _ in range(self._random.randint(1, most)):
            row, kind = self._row(touched)
            rows.append(row)
            kinds[kind] += 1
        return Batch(rows, kinds["applied"], kinds["dropped"], kinds["rejected"])

    def put_back(self, frames: dict[str, Frame]) -> None:
        """Enters a roll back to these frames."""
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
