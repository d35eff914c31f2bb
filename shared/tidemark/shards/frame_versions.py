"""Frame versions: stores the state that each commit gives a frame, and reads a shard's frames and their histories."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import NUMBER_DIGITS, Item, Key, padded, shard_pk
from tidemark.aws.writes import Write
from tidemark.domain.frames.operations import Op
from tidemark.shards.packs import PayloadPointer

ABOVE_ALL_IDS = "F$"
"""Upper bound for queries of frame versions: sorts right after every sort key that starts with `F#`."""
FIRST_QUERY_ITEMS = 100
"""Usual number of items that the first query of a list reads. Most frames have few versions."""
QUERY_GROWTH = (1, 4, 16)
"""Sizes of a list's queries, as multiples of the first query's size. The list stops after the last query."""
ITEMS_PER_QUERY_COST = 10
"""Frame versions that a range query reads for the cost of another query: a version has some 350 bytes, and a read unit
covers 4 KB."""
NEWEST_COMMIT = 10**NUMBER_DIGITS - 1
"""Stands for the head where a shard's newest commit is meant, whatever its number."""
MIN_RUN_FRAMES = 5
"""Fewest frames that `newest_versions` looks for in a range. For fewer, a query each is one round trip."""
MAX_RUN_FRAMES = 16
"""Most frames that `newest_versions` looks for in one range. A window of 96 frames has six ranges, so that its queries
run side by side. A range that does not pay costs one query of these 16."""


@dataclass(frozen=True, slots=True)
class FrameVersion:
    """A frame's state after a commit that changed the frame, as the log stores it."""

    frame_id: str
    n: int
    """Number of the commit in the shard's log."""
    op: Op
    pointer: PayloadPointer | None
    """Where the frame's payload is stored; None for a DELETE."""
    labels: int
    classes: dict[str, int]
    upload: str
    actor: str
    at: datetime

    @property
    def payload(self) -> PayloadPointer:
        """Where the frame's payload is stored. Raises LookupError for a DELETE, which has no payload."""
        if self.pointer is None:
            raise LookupError(f"version {self.n} of frame {self.frame_id!r} is a {self.op}")
        return self.pointer


def frame_at(backend: Backend, uid: str, shard: int, frame_id: str, head: int) -> FrameVersion | None:
    """Returns a frame's newest version as of commit `head`, which may be a DELETE, or None. One query of one item."""
    versions = frame_history(backend, uid, shard, frame_id, head, limit=1)
    return versions[0] if versions else None


def frame_history(
    backend: Backend, uid: str, shard: int, frame_id: str, head: int, *, limit: int
) -> list[FrameVersion]:
    """Returns the newest `limit` versions of a frame as of commit `head`, newest first."""
    versions: list[FrameVersion] = []
    high: str | None = _frame_sk(frame_id, head)
    while high is not None and len(versions) < limit:
        items, stopped = table.query(
            backend,
            shard_pk(uid, shard),
            _frame_sk(frame_id, 0),
            high,
            forward=False,
            limit=limit - len(versions),
        )
        versions.extend(_frame_version(item) for item in items)
        high = _frame_sk(frame_id, versions[-1].n - 1) if stopped and versions else None
    return versions


def get_many(backend: Backend, uid: str, changes: Sequence[tuple[int, str, int]]) -> list[FrameVersion]:
    """Returns the frame versions for `changes`, given as (shard, frame id, commit), in this order.

    All of them must exist. One request per hundred.
    """
    keys = [Key(shard_pk(uid, shard), _frame_sk(frame_id, n)) for shard, frame_id, n in changes]
    items = table.get_many(backend, keys)
    return [_frame_version(items[key]) for key in keys]


def newest_versions(
    backend: Backend, uid: str, shard: int, frame_ids: Iterable[str], head: int
) -> dict[str, FrameVersion]:
    """Returns the newest versions of frames as of commit `head`, by frame id, without frames that have none.

    Frames that are close together in the shard share range queries, and each of the others takes a query of its own.
    The first query of a range reads no more than a query of one frame costs. The range goes on only while it is the
    cheaper way:

    - Where frames are next to each other and have up to nine versions, sixteen of them take two queries or three.
    - Where they are apart, the first query of the range still finds its first frame. The requests and the read units
      are those of a query per frame, and the range takes one round trip more.
    - Where histories are longer, the first query finds nothing, and costs a sixteenth more.
    """
    ordered = sorted(set(frame_ids), key=lambda frame_id: f"{frame_id}#")
    runs = [ordered[start : start + MAX_RUN_FRAMES] for start in range(0, len(ordered), MAX_RUN_FRAMES)]
    histories: dict[str, list[FrameVersion]] = {}
    for scanned in backend.parallel(lambda run: _scan_run(backend, uid, shard, run, head), runs):
        histories |= scanned
    newest = {frame_id: history[-1] for frame_id, history in histories.items() if history}
    apart = [frame_id for frame_id in ordered if frame_id not in histories]
    single = backend.parallel(lambda frame_id: frame_at(backend, uid, shard, frame_id, head), apart)
    return newest | {version.frame_id: version for version in single if version}


def _scan_run(
    backend: Backend, uid: str, shard: int, frame_ids: Sequence[str], head: int
) -> dict[str, list[FrameVersion]]:
    if len(frame_ids) < MIN_RUN_FRAMES:
        return {}
    return scan_histories(backend, uid, shard, frame_ids, head, first_items=ITEMS_PER_QUERY_COST)


def scan_histories(
    backend: Backend,
    uid: str,
    shard: int,
    frame_ids: Sequence[str],
    head: int,
    *,
    first_items: int = FIRST_QUERY_ITEMS,
) -> dict[str, list[FrameVersion]]:
    """Returns the histories, as of commit `head`, of the first frames in `frame_ids`, by frame id.

    `frame_ids` must be in key order. A history has all of its frame's versions, oldest first.

    Reads a range of sort keys, and stops once that costs as much as a query per frame would. The result therefore has
    all of the frames if they are most of the shard, and few or none if they are far apart. The first query reads up to
    `first_items` versions. Each further one reads twice what the remaining frames take if they are like the first, and
    no more than single queries would cost.
    """
    histories: dict[str, list[FrameVersion]] = {frame_id: [] for frame_id in frame_ids}
    low, high = _frame_sk(frame_ids[0], 0), _frame_sk(frame_ids[-1], head)
    size = first_items
    complete = read = 0
    while True:
        size = min(size, ITEMS_PER_QUERY_COST * (len(frame_ids) - complete))
        items, stopped = table.query(backend, shard_pk(uid, shard), low, high, limit=size)
        for version in map(_frame_version, items):
            if version.n <= head and version.frame_id in histories:
                histories[version.frame_id].append(version)
        if stopped is None:
            return histories
        while _frame_sk(frame_ids[complete], head) < stopped:
            complete += 1
        read += len(items)
        reached = complete + bool(histories[frame_ids[complete]])  # the last one may have more versions
        if read >= reached * ITEMS_PER_QUERY_COST:
            return {frame_id: histories[frame_id] for frame_id in frame_ids[:complete]}
        low, size = f"{stopped}!", 2 * (len(frame_ids) - complete) * ceil(read / reached)


def live_frames(
    backend: Backend, uid: str, shard: int, head: int, after: str, *, limit: int
) -> tuple[list[FrameVersion], str | None]:
    """Returns up to `limit` live frames of a shard as of commit `head`, in key order, starting after frame id `after`.

    The queries also read other versions of the frames, including those committed after `head`. If there are very many
    of these, the list stops early. The second value is then the frame id up to which the list is complete; otherwise it
    is None.
    """
    alive: list[FrameVersion] = []
    newest: FrameVersion | None = None
    low = f"F#{after}$" if after else "F#"
    reached = after
    for size in (max(limit + 1, FIRST_QUERY_ITEMS) * factor for factor in QUERY_GROWTH):
        items, stopped = table.query(backend, shard_pk(uid, shard), low, ABOVE_ALL_IDS, limit=size)
        versions = [_frame_version(item) for item in items]
        for version in versions:
            if newest is not None and version.frame_id != newest.frame_id:
                alive.extend(_if_alive(newest))
                newest = None
                if len(alive) == limit:
                    return alive, None
            if version.n <= head:
                newest = version
        if stopped is None:
            return [*alive, *_if_alive(newest)], None
        last = versions[-1]
        before = [version.frame_id for version in versions if version.frame_id != last.frame_id]
        if last.n <= head and before:  # the next version of the last frame may be below `head` too
            low, reached = f"{stopped}!", before[-1]
            continue
        if last.n <= head:  # all items are versions of one frame, so query the newest one directly
            newest = frame_at(backend, uid, shard, last.frame_id, head)
        low, reached = f"F#{last.frame_id}$", last.frame_id
        alive.extend(_if_alive(newest))
        newest = None
        if len(alive) == limit:
            return alive, None
    return alive, reached


def _if_alive(newest: FrameVersion | None) -> list[FrameVersion]:
    return [newest] if newest is not None and newest.op is not Op.DELETE else []


def put(backend: Backend, pk: str, version: FrameVersion) -> Write:
    """Returns the write that stores a frame version in the shard with the partition key `pk`."""
    # Bypasses the general serializer to save time: every frame of an upload goes through here.
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


def _frame_sk(frame_id: str, n: int) -> str:
    return f"F#{frame_id}#{padded(n)}"


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
