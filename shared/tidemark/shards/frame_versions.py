"""Frame versions: what each commit made of a frame, and reads of them in a shard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, padded, shard_pk
from tidemark.aws.writes import Write
from tidemark.domain.frames.mutations import Op
from tidemark.shards.packs import PayloadPointer

ABOVE_ALL_IDS = "F$"
"""Sorts right after every key that starts with `F#`."""


@dataclass(frozen=True, slots=True)
class FrameVersion:
    """One change of one frame, as the log keeps it. `pointer` is None for a DELETE."""

    frame_id: str
    n: int
    op: Op
    pointer: PayloadPointer | None
    labels: int
    classes: dict[str, int]
    upload: str
    actor: str
    at: datetime

    @property
    def payload(self) -> PayloadPointer:
        """Where the frame's payload lies. Raises LookupError for a DELETE, which has none."""
        if self.pointer is None:
            raise LookupError(f"version {self.n} of frame {self.frame_id!r} is a {self.op}")
        return self.pointer


def frame_at(backend: Backend, uid: str, shard: int, frame_id: str, head: int) -> FrameVersion | None:
    """The newest version of a frame at or below `head`, DELETE included: one query of one item."""
    found = frame_history(backend, uid, shard, frame_id, head, limit=1)
    return found[0] if found else None


def frame_history(
    backend: Backend, uid: str, shard: int, frame_id: str, head: int, *, limit: int
) -> list[FrameVersion]:
    """The newest `limit` versions of a frame at or below `head`, newest first."""
    found: list[FrameVersion] = []
    high: str | None = _frame_sk(frame_id, head)
    while high is not None and len(found) < limit:
        items, stopped = table.query(
            backend,
            shard_pk(uid, shard),
            _frame_sk(frame_id, 0),
            high,
            forward=False,
            limit=limit - len(found),
        )
        found.extend(_frame_version(item) for item in items)
        high = _frame_sk(frame_id, found[-1].n - 1) if stopped and found else None
    return found


def get_many(backend: Backend, uid: str, changes: Sequence[tuple[int, str, int]]) -> list[FrameVersion]:
    """The frame versions of these shards, frame ids and commits, all of which exist: one request for each hundred."""
    keys = [Key(shard_pk(uid, shard), _frame_sk(frame_id, n)) for shard, frame_id, n in changes]
    found = table.get_many(backend, keys)
    return [_frame_version(found[key]) for key in keys]


def scan_histories(
    backend: Backend, uid: str, shard: int, frame_ids: Sequence[str], head: int
) -> dict[str, list[FrameVersion]]:
    """All versions at or below `head`, oldest first, of the first of these frames, which are in order of their keys.

    Goes on as long as what lies between them is so little that reading it along costs less than a read for each: for
    all of them where most frames of the shard are asked for, for a few or none where they lie far apart.
    """
    found: dict[str, list[FrameVersion]] = {frame_id: [] for frame_id in frame_ids}
    low, high = _frame_sk(frame_ids[0], 0), _frame_sk(frame_ids[-1], head)
    size = min(MIN_QUERY_ITEMS, ITEMS_PER_QUERY_COST * len(frame_ids))
    complete = seen = 0
    while True:
        items, stopped = table.query(backend, shard_pk(uid, shard), low, high, limit=size)
        for version in map(_frame_version, items):
            if version.n <= head and version.frame_id in found:
                found[version.frame_id].append(version)
        if stopped is None:
            return found
        while _frame_sk(frame_ids[complete], head) < stopped:
            complete += 1
        seen += len(items)
        if seen > complete * ITEMS_PER_QUERY_COST:
            return {frame_id: found[frame_id] for frame_id in frame_ids[:complete]}
        low, size = f"{stopped}!", size * 4


ITEMS_PER_QUERY_COST = 10
"""Frame versions read in a row that cost what one read of its own does: they have some 350 bytes, a read unit 4 KB."""


def live_frames(
    backend: Backend, uid: str, shard: int, head: int, after: str, *, limit: int
) -> tuple[list[FrameVersion], str | None]:
    """The live frames of a shard as of `head`, in order of their keys, that come after frame id `after`: up to `limit`.

    Reads what lies between, and what came after `head` lies there too. Where that is very much, it breaks off, and
    answers also the frame id that it has come to.
    """
    alive: list[FrameVersion] = []
    newest: FrameVersion | None = None
    low = f"F#{after}$" if after else "F#"
    come_to = after
    for size in (max(limit + 1, MIN_QUERY_ITEMS) * grown for grown in QUERY_GROWTH):
        items, stopped = table.query(backend, shard_pk(uid, shard), low, ABOVE_ALL_IDS, limit=size)
        versions = [_frame_version(item) for item in items]
        for version in versions:
            if newest is not None and version.frame_id != newest.frame_id:
                alive.extend(_living(newest))
                newest = None
                if len(alive) == limit:
                    return alive, None
            if version.n <= head:
                newest = version
        if stopped is None:
            return [*alive, *_living(newest)], None
        last = versions[-1]
        before = [version.frame_id for version in versions if version.frame_id != last.frame_id]
        if last.n <= head and before:  # its next version may count as well
            low, come_to = f"{stopped}!", before[-1]
            continue
        if last.n <= head:  # nothing but versions of one frame: go straight to the one that counts
            newest = frame_at(backend, uid, shard, last.frame_id, head)
        low, come_to = f"F#{last.frame_id}$", last.frame_id
        alive.extend(_living(newest))
        newest = None
        if len(alive) == limit:
            return alive, None
    return alive, come_to


MIN_QUERY_ITEMS = 100
"""Items of the first query of a list, at least; most frames have but a few versions."""


QUERY_GROWTH = (1, 4, 16)
"""How the queries of a list grow before it breaks off."""


def _living(newest: FrameVersion | None) -> list[FrameVersion]:
    return [newest] if newest is not None and newest.op is not Op.DELETE else []


def _frame_sk(frame_id: str, n: int) -> str:
    return f"F#{frame_id}#{padded(n)}"


def put(backend: Backend, pk: str, version: FrameVersion) -> Write:
    # Written by hand, not through the general serializer: this is the hot path, one for every frame of an upload.
    item: dict[str, Any] = {
        "PK": {"S": pk},
        "SK": {"S": _frame_sk(version.frame_id, version.n)},
        "op": {"S": version.op},
        "upload": {"S": version.upload},
        "actor": {"S": version.actor},
        "at": {"S": version.at.isoformat()},
    }
    if version.pointer is not None:
        item |= {
            "pack": {"S": version.pointer.pack},
            "offset": {"N": str(version.pointer.offset)},
            "length": {"N": str(version.pointer.length)},
            "digest": {"S": version.pointer.digest},
            "labels": {"N": str(version.labels)},
        }
        if version.classes:
            item["classes"] = {"M": {name: {"N": str(count)} for name, count in version.classes.items()}}
    return {"Put": {"TableName": backend.table, "Item": item}}


def _frame_version(item: Item) -> FrameVersion:
    _, frame_id, n = item["SK"].split("#")
    pointer = None
    if "pack" in item:
        pointer = PayloadPointer(item["pack"], int(item["offset"]), int(item["length"]), item["digest"])
    return FrameVersion(
        frame_id=frame_id,
        n=int(n),
        op=Op(item["op"]),
        pointer=pointer,
        labels=int(item.get("labels", 0)),
        classes={name: int(count) for name, count in item.get("classes", {}).items()},
        upload=item["upload"],
        actor=item["actor"],
        at=datetime.fromisoformat(item["at"]),
    )
