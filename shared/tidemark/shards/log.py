"""A shard's log: its head, its commits, and the markers of windows that have an outcome.

Only two functions write to the log: `commit`, in one transaction, and `mark_failed`, for windows that are given up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, padded, shard_pk
from tidemark.aws.writes import Write
from tidemark.domain.uploads import RowOutcome
from tidemark.domain.windows import FIRST_TOKEN, FencingToken, Window, WindowSettled
from tidemark.shards import frame_versions
from tidemark.shards.frame_versions import FrameVersion


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a shard after its newest commit."""

    n: int = 0
    """Number of the newest commit; 0 if there is none."""
    frames: int = 0
    labels: int = 0
    highest: str = ""
    """The highest frame id that the shard has ever held; empty if there is none."""
    token: FencingToken = FIRST_TOKEN
    """Fencing token of the window applied last. A window with an earlier token is stale."""
    revisions: int = 0
    """Frame versions in the shard, DELETEs included."""
    live_bytes: int = 0
    """Bytes of the payloads of the live frames."""
    payload_bytes: int = 0
    """Bytes of the payloads of all frame versions. A payload shared by several versions counts once for each."""


class Commit(NamedTuple):
    """An entry of a shard's log: the window that was committed and the frames that it changed."""

    n: int
    upload: str
    chunk: str
    number: int
    """The window's number in its chunk."""
    frame_ids: list[str]


@dataclass(frozen=True, slots=True)
class Marker:
    """The stored outcome of a window. A window without a marker has no outcome yet."""

    applied: int
    dropped: int
    failed: int
    found: int = 0
    """Rows that a window of a roll back generated when it was applied; 0 for other windows."""
    outcomes: tuple[RowOutcome, ...] = ()
    """Outcomes of the rows that did not take effect."""
    given_up: bool = False
    """Whether the window failed without being applied, so that a retry may apply it."""

    def settled(self, window: Window) -> WindowSettled:
        """Returns the message that reports the window's outcome to publish."""
        return WindowSettled(
            dataset=window.dataset,
            upload=window.upload,
            chunk=window.chunk,
            window=window.plan.number,
            attempt=window.attempt,
            applied=self.applied,
            dropped=self.dropped,
            failed=self.failed,
            found=self.found,
            given_up=self.given_up,
        )


def head_and_marker(backend: Backend, window: Window) -> tuple[Head, Marker | None]:
    """Reads the head of a window's shard and the window's marker, if it has one. One request."""
    pk = shard_pk(window.dataset, window.plan.shard)
    head_key, marker_key = Key(pk, "HEAD"), _marker_key(pk, window.id)
    items = table.get_many(backend, [head_key, marker_key])
    marker = items.get(marker_key)
    return _head(items.get(head_key)), _marker(marker) if marker else None


def commit(
    backend: Backend,
    window: Window,
    head: Head,
    new_head: Head,
    versions: Sequence[FrameVersion],
    marker: Marker | None,
    at: datetime,
) -> None:
    """Appends a window to its shard's log: frame versions, commit record, marker and head, in one transaction.

    `marker` is None if more commits of the same window follow. Raises ConditionFailed if the shard's head is no longer
    `head`, or the window already has a marker, for example because it was given up.
    """
    pk = shard_pk(window.dataset, window.plan.shard)
    commit_item = {
        "window": window.id,
        "upload": window.upload,
        "part": window.chunk,
        "number": window.plan.number,
        "at": at.isoformat(),
    }
    # Bypasses the general serializer to save time, as `frame_versions.put` does.
    frames = [{"L": [{"S": version.frame_id}, {"S": version.op}]} for version in versions]
    commit_record = writes.put(backend, Key(pk, f"C#{padded(new_head.n)}"), commit_item)
    commit_record["Put"]["Item"]["frames"] = {"L": frames}
    table.transact(
        backend,
        [
            _move_head(backend, pk, head, new_head),
            _mark(backend, _marker_key(pk, window.id), marker),
            commit_record,
            *(frame_versions.put(backend, pk, version) for version in versions),
        ],
        is_large=True,
    )


def mark_failed(backend: Backend, window: Window, marker: Marker) -> bool:
    """Stores the marker of a window that is given up, unless the window has one. Returns whether it was stored."""
    pk = shard_pk(window.dataset, window.plan.shard)
    return table.put_new(backend, _marker_key(pk, window.id), _marker_item(marker))


def shard_heads(backend: Backend, uid: str, shards: int) -> list[Head]:
    """Reads the heads of all shards of a dataset, in the shards' order. One request per hundred shards."""
    keys = [Key(shard_pk(uid, shard), "HEAD") for shard in range(shards)]
    items = table.get_many(backend, keys)
    return [_head(items.get(key)) for key in keys]


def markers(backend: Backend, uid: str, windows: Sequence[tuple[int, str]]) -> list[Marker | None]:
    """Reads the markers of windows, given as (shard, window id), in order. None for a window without an outcome."""
    keys = [_marker_key(shard_pk(uid, shard), window_id) for shard, window_id in windows]
    items = table.get_many(backend, keys)
    return [_marker(items[key]) if key in items else None for key in keys]


def commits(backend: Backend, uid: str, shard: int, low: int, high: int) -> Iterator[Commit]:
    """Yields the commits of a shard with `low` < n ≤ `high`, oldest first. One request per MB."""
    for item in table.query_all(backend, shard_pk(uid, shard), f"C#{padded(low + 1)}", f"C#{padded(high)}"):
        frame_ids = [frame_id for frame_id, _ in item["frames"]]
        yield Commit(int(item["SK"][2:]), item["upload"], item["part"], int(item["number"]), frame_ids)


def changed_frames(backend: Backend, uid: str, shard: int, low: int, high: int) -> dict[str, int]:
    """Returns the frames that a shard's commits with `low` < n ≤ `high` changed, by frame id in key order.

    The value is the number of the newest of these commits that changed the frame. One request per MB of commits.
    """
    newest: dict[str, int] = {}
    for commit in commits(backend, uid, shard, low, high):
        newest.update(dict.fromkeys(commit.frame_ids, commit.n))
    return dict(sorted(newest.items(), key=lambda change: f"{change[0]}#"))


def window_positions(backend: Backend, uid: str, shard: int, numbers: Sequence[int]) -> dict[int, tuple[str, int]]:
    """Returns, for each of these commits of a shard, the name of the window's chunk and the window's number in it."""
    keys = {Key(shard_pk(uid, shard), f"C#{padded(number)}"): number for number in numbers}
    items = table.get_many(backend, keys)
    return {keys[key]: (str(item["part"]), int(item["number"])) for key, item in items.items()}


def _move_head(backend: Backend, pk: str, expected: Head, new: Head) -> Write:
    """Returns the write that replaces a shard's head, on condition that it is still `expected`."""
    return writes.put(backend, Key(pk, "HEAD"), _head_item(new), writes.at_count("n", expected.n))


def _mark(backend: Backend, key: Key, marker: Marker | None) -> Write:
    """Returns the write that stores a window's marker, on condition that the window has none.

    If `marker` is None, the write only checks this condition.
    """
    if marker is None:
        return writes.check(backend, key, writes.ABSENT)
    return writes.new(backend, key, _marker_item(marker))


def _head_item(head: Head) -> dict[str, Any]:
    fields = asdict(head)
    token = fields.pop("token")
    return {**fields, "turn": token}


def _head(item: Item | None) -> Head:
    if item is None:
        return Head()
    token = FencingToken(*map(int, item["turn"]))
    return Head(
        n=int(item["n"]),
        frames=int(item["frames"]),
        labels=int(item["labels"]),
        highest=item["highest"],
        token=token,
        revisions=int(item["revisions"]),
        live_bytes=int(item["live_bytes"]),
        payload_bytes=int(item["payload_bytes"]),
    )


def _marker_key(pk: str, window_id: str) -> Key:
    return Key(pk, f"W#{window_id}")


def _marker_item(marker: Marker) -> dict[str, Any]:
    return {
        "applied": marker.applied,
        "dropped": marker.dropped,
        "failed": marker.failed,
        "found": marker.found or None,
        "outcomes": [outcome.model_dump() for outcome in marker.outcomes] or None,
        "given_up": marker.given_up or None,
    }


def _marker(item: Item) -> Marker:
    outcomes = tuple(RowOutcome.model_validate(outcome) for outcome in item.get("outcomes", []))
    given_up = bool(item.get("given_up"))
    return Marker(
        applied=int(item["applied"]),
        dropped=int(item["dropped"]),
        failed=int(item["failed"]),
        found=int(item.get("found", 0)),
        outcomes=outcomes,
        given_up=given_up,
    )
