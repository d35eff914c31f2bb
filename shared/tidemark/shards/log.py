"""A shard's log: its head, its commits, the and markers of applied windows.

Only `commit` writes here, beside `mark_failed` for windows that are given up, and a commit is one transaction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, padded, shard_pk
from tidemark.aws.writes import Write
from tidemark.domain.uploads import RowOutcome
from tidemark.domain.windows import FIRST_TOKEN, FencingToken, Window, WindowSettled
from tidemark.shards import frame_versions
from tidemark.shards.frame_versions import FrameVersion

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Head:
    """How far a shard's log has come, and what is alive in it."""

    n: int = 0
    frames: int = 0
    labels: int = 0
    highest: str = ""
    """The highest frame id that the shard ever held."""
    token: FencingToken = FIRST_TOKEN
    """Of the window applied last; a window with an earlier one is stale."""
    revisions: int = 0
    """Frame versions that the shard has, DELETEs included."""
    live_bytes: int = 0
    """Bytes of the payloads of the live frames."""
    payload_bytes: int = 0
    """Bytes of the payloads of all frame versions, each counted as often as a frame version has it."""


class Commit(NamedTuple):
    """One entry of a shard's log: the window behind it, by its place in its upload, and the frames it changed."""

    n: int
    upload: str
    chunk: str
    number: int
    frame_ids: list[str]


@dataclass(frozen=True, slots=True)
class Marker:
    """What became of a window; it exists from the moment that this is decided."""

    applied: int
    dropped: int
    failed: int
    found: int = 0
    """Rows that it came to by itself, at its turn."""
    outcomes: tuple[RowOutcome, ...] = ()
    """The rows that did not take effect."""
    given_up: bool = False
    """Whether it was never applied, so that it may be tried once more."""

    def settled(self, window: Window) -> WindowSettled:
        """The message that tells the dataset so."""
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
    """The head of a window's shard and the window's marker, if it has one: one request."""
    pk = shard_pk(window.dataset, window.plan.shard)
    head_key, marker_key = Key(pk, "HEAD"), _marker_key(pk, window.id)
    found = table.get_many(backend, [head_key, marker_key])
    marker = found.get(marker_key)
    return _head(found.get(head_key)), _marker(marker) if marker else None


def shard_heads(backend: Backend, uid: str, shards: int) -> list[Head]:
    """The heads of all shards of a dataset: one request."""
    keys = [Key(shard_pk(uid, shard), "HEAD") for shard in range(shards)]
    found = table.get_many(backend, keys)
    return [_head(found.get(key)) for key in keys]


def markers(backend: Backend, uid: str, windows: Sequence[tuple[int, str]]) -> list[Marker | None]:
    """The markers of windows given as (shard, window id), None for those not decided yet."""
    keys = [_marker_key(shard_pk(uid, shard), window_id) for shard, window_id in windows]
    found = table.get_many(backend, keys)
    return [_marker(found[key]) if key in found else None for key in keys]


def changed_frames(backend: Backend, uid: str, shard: int, low: int, high: int) -> dict[str, int]:
    """The ids of the frames that commits `low` < n ≤ `high` of a shard changed, each with the newest of these commits,
    in order of the frames' keys. A request for each MB of commits."""
    found: dict[str, int] = {}
    for commit in commits(backend, uid, shard, low, high):
        found.update(dict.fromkeys(commit.frame_ids, commit.n))
    return dict(sorted(found.items(), key=lambda change: f"{change[0]}#"))


def commits(backend: Backend, uid: str, shard: int, low: int, high: int) -> Iterator[Commit]:
    """The commits `low` < n ≤ `high` of a shard, oldest first: a request for each MB."""
    for item in table.query_all(backend, shard_pk(uid, shard), f"C#{padded(low + 1)}", f"C#{padded(high)}"):
        frame_ids = [frame_id for frame_id, _ in item["frames"]]
        yield Commit(int(item["SK"][2:]), item["upload"], item["part"], int(item["number"]), frame_ids)


def commit(
    backend: Backend,
    window: Window,
    head: Head,
    new_head: Head,
    versions: Sequence[FrameVersion],
    marker: Marker | None,
    at: datetime,
) -> None:
    """Append a window to its shard's log: frame versions, commit record, marker and head in one transaction.

    Without a marker there is more of the window to come; one that was given up meanwhile takes no more.

    Raises ConditionFailed when the head is no longer `head` or the window is marked already.
    """
    pk = shard_pk(window.dataset, window.plan.shard)
    commit_item = {
        "window": window.id,
        "upload": window.upload,
        "part": window.chunk,
        "number": window.plan.number,
        "at": at.isoformat(),
        "frames": [[version.frame_id, version.op] for version in versions],
    }
    table.transact(
        backend,
        [
            _move_head(backend, pk, head, new_head),
            _mark(backend, _marker_key(pk, window.id), marker),
            writes.put(backend, Key(pk, f"C#{padded(new_head.n)}"), commit_item),
            *(frame_versions.put(backend, pk, version) for version in versions),
        ],
    )


def _mark(backend: Backend, key: Key, marker: Marker | None) -> Write:
    """The write that marks a window, on condition that it has no marker. Without a marker it is only that condition."""
    return (
        writes.check(backend, key, writes.ABSENT) if marker is None else writes.new(backend, key, _marker_item(marker))
    )


def window_positions(backend: Backend, uid: str, shard: int, numbers: Sequence[int]) -> dict[int, tuple[str, int]]:
    """The places in their uploads of the windows behind commits of a shard: by commit, the chunk and the number."""
    keys = {Key(shard_pk(uid, shard), f"C#{padded(number)}"): number for number in numbers}
    found = table.get_many(backend, keys)
    return {keys[key]: (str(item["part"]), int(item["number"])) for key, item in found.items()}


def mark_failed(backend: Backend, window: Window, marker: Marker) -> bool:
    """Decide that a window failed, unless it has been decided already; tells whether this call decided it."""
    pk = shard_pk(window.dataset, window.plan.shard)
    return table.put_new(backend, _marker_key(pk, window.id), _marker_item(marker))


def _move_head(backend: Backend, pk: str, expected: Head, new: Head) -> Write:
    """The write that moves a shard's head, on condition that it still is where it was read."""
    return writes.put(backend, Key(pk, "HEAD"), _head_item(new), writes.at_count("n", expected.n))


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
