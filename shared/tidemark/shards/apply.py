"""Applying windows: the only writer of frame versions.

A window's rows are resolved against their frames at the shard's head. A transaction then commits the result, on
condition that the head has not moved and the window has no marker. Applying a window twice, late, or in two invocations
at once therefore has no further effect.

The order of the reads matters. The frames' newest versions are read after the head: whatever is committed between the
two reads moves the head, so the transaction fails. If the head were read last, a commit between the two reads would go
unnoticed, and its change would be lost. Payloads never change, so that they may be fetched at any time. For a window of
few rows they are therefore fetched beside the head, by a guess which versions the head will name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tidemark.aws.backend import Backend
from tidemark.aws.table import ConditionFailed
from tidemark.domain.canonical import digest
from tidemark.domain.errors import Unavailable
from tidemark.domain.frames.merge import Effect, Merged, MergeRefused, effect, merge
from tidemark.domain.frames.operations import Op
from tidemark.domain.uploads import RowOutcome
from tidemark.domain.windows import FencingToken, Window, WindowRow, WindowSettled, chunk_source
from tidemark.shards import frame_versions, log, packs, restore
from tidemark.shards.frame_versions import FrameVersion
from tidemark.shards.log import Head, Marker
from tidemark.shards.packs import PackWriter, PayloadPointer

MAX_ATTEMPTS = 5
"""Most attempts to commit a window while other invocations keep moving the shard's head."""
MAX_GUESSED_ROWS = 4
"""Most MODIFY rows of a window whose payloads are fetched by a guess. This saves a round trip, for one more query a
frame. The sender of a few rows waits for that round trip; in a large window it makes no difference."""


@dataclass(frozen=True, slots=True)
class _FrameWrite:
    """A frame's new state, as a row of the window makes it."""

    row: WindowRow
    pointer: PayloadPointer | None
    """Where the frame's payload is stored; None for a frame that is removed."""
    labels: int
    classes: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Shard:
    """A shard as a window finds it."""

    head: Head
    marker: Marker | None
    current: dict[str, FrameVersion]
    """The newest versions, as of `head`, of the window's frames, by frame id, without frames that have none. Empty if
    the window has an outcome, and for a window that restores frames."""


class StaleDelivery(Exception):
    """Raised when an invocation is so slow that later windows of its shard have been applied meanwhile.

    The window's message has then been redelivered to another invocation, or given up; the window's outcome is decided
    there.
    """


def apply_window(backend: Backend, window: Window, token: FencingToken) -> WindowSettled:
    """Applies a window to its shard, unless the window already has an outcome. Returns the window's outcome.

    `token` is the fencing token of the window's message. Raises StaleDelivery if later windows of the shard have been
    applied. Raises Unavailable if other invocations keep moving the shard's head; the window must then be applied
    later.
    """
    for _ in range(MAX_ATTEMPTS):
        shard, payloads = _read(backend, window)
        marker = shard.marker
        if marker is None and token.is_before(shard.head.token):
            raise StaleDelivery(f"window {window.id} has token {token}, the shard has {shard.head.token}")
        if marker is None:
            try:
                marker = _commit(backend, window, token, shard, payloads)
            except ConditionFailed:
                continue
        return marker.settled(window)
    raise Unavailable(f"Other windows kept moving the head of shard {window.plan.shard} before window {window.id}.")


def _read(backend: Backend, window: Window) -> tuple[_Shard, dict[PayloadPointer, bytes]]:
    """Reads the window's shard, and for a few MODIFY rows the payloads that they will probably merge."""
    rows = [row for row in window.plan.rows if row.op is Op.MODIFY]
    if not 0 < len(rows) <= MAX_GUESSED_ROWS:
        return _shard(backend, window), {}
    payloads, shard = backend.both(lambda: _guessed_payloads(backend, window, rows), lambda: _shard(backend, window))
    return shard, payloads


def _shard(backend: Backend, window: Window) -> _Shard:
    """Reads the window's shard: first its head, then the newest versions of the window's frames.

    A frame id above the highest that the shard has ever held is new, so it costs no read.
    """
    head, marker = log.head_and_marker(backend, window)
    if marker is not None:
        return _Shard(head, marker, {})
    known_ids = [row.frame_id for row in window.plan.rows if row.frame_id <= head.highest]
    current = frame_versions.newest_versions(backend, window.dataset, window.plan.shard, known_ids, head.n)
    return _Shard(head, None, current)


def _guessed_payloads(backend: Backend, window: Window, rows: Sequence[WindowRow]) -> dict[PayloadPointer, bytes]:
    """Fetches the payloads that MODIFY rows will probably merge: their patches, and their frames' newest states."""
    shard, frame_ids = window.plan.shard, [row.frame_id for row in rows]
    versions = frame_versions.newest_versions(backend, window.dataset, shard, frame_ids, frame_versions.NEWEST_COMMIT)
    states = [version.pointer for version in versions.values() if version.pointer is not None]
    pointers = [*states, *(packs.payload_of(row, window.pack) for row in rows)]
    return dict(zip(pointers, packs.read_payloads(backend, pointers), strict=True))


def _commit(
    backend: Backend, window: Window, token: FencingToken, shard: _Shard, payloads: dict[PayloadPointer, bytes]
) -> Marker:
    """Commits a window and returns its marker, which the last transaction writes. Raises ConditionFailed.

    A window with given rows takes one transaction. A window that restores frames takes as many as its rows need.
    `payloads` holds payloads that are already read.
    """
    head = shard.head
    if window.plan.restore is None:
        writes, outcomes = _resolve(backend, window, window.plan.rows, shard.current, payloads)
        marker = _marker(len(writes), outcomes)
        _append(backend, window, token, head, writes, shard.current, marker)
        return marker
    remaining = restore.remaining_rows(backend, window, head)
    applied = remaining.restored
    for number, rows in enumerate(remaining.batches, 1):
        writes, _ = _resolve(backend, window, rows, remaining.current, {})
        applied += len(writes)
        marker = replace(_marker(applied, []), found=applied)
        is_last = number == len(remaining.batches)
        head = _append(backend, window, token, head, writes, remaining.current, marker if is_last else None)
    return marker


def _resolve(
    backend: Backend,
    window: Window,
    rows: Sequence[WindowRow],
    current: dict[str, FrameVersion],
    payloads: dict[PayloadPointer, bytes],
) -> tuple[list[_FrameWrite], list[RowOutcome]]:
    """Returns the new states of the rows' frames, and the outcomes of the rows that do not take effect."""
    writes: list[_FrameWrite] = []
    outcomes: list[RowOutcome] = []
    merges: list[WindowRow] = []
    gives_way = rows is window.plan.rows and _gives_way(backend, window)
    superseded = _superseded_frames(backend, window, current) if gives_way else frozenset()
    for row in rows:
        newest = current.get(row.frame_id)
        if newest and row.frame_id in superseded:
            outcomes.append(_superseded(row, newest))
            continue
        match effect(row.op, exists=newest is not None and newest.op is not Op.DELETE):
            case Effect.PUT:
                writes.append(_FrameWrite(row, packs.payload_of(row, window.pack), row.labels, row.classes))
            case Effect.MERGE:
                merges.append(row)
            case Effect.REMOVE:
                writes.append(_FrameWrite(row, None, 0, {}))
            case Effect.NOTHING:
                outcomes.append(_unknown_frame(row))
    if merges:
        merged, refused = _merge(backend, window, merges, current, payloads)
        writes.extend(merged)
        outcomes.extend(refused)
    return writes, outcomes


def _gives_way(backend: Backend, window: Window) -> bool:
    """Returns whether later windows may have been applied before this one.

    If so, this window's rows give way to those windows' changes.
    """
    if window.again or not window.until:
        return window.again
    return log.markers(backend, window.dataset, [(window.plan.shard, window.until)]) != [None]


def _superseded_frames(backend: Backend, window: Window, current: dict[str, FrameVersion]) -> frozenset[str]:
    """Returns the ids of frames that a later upload, or a later row of the same file, has already changed."""
    superseded = {version.frame_id for version in current.values() if version.at > window.accepted_at}
    same_upload = [version for version in current.values() if window.chunk and version.upload == window.upload]
    positions: dict[int, tuple[str, int]] = {}
    if same_upload:
        commits = [version.n for version in same_upload]
        positions = log.window_positions(backend, window.dataset, window.plan.shard, commits)
    own_position = (window.chunk, window.plan.number)
    source = chunk_source(window.chunk) if window.chunk else None
    superseded |= {
        version.frame_id
        for version in same_upload
        if positions[version.n] > own_position and chunk_source(positions[version.n][0]) == source
    }
    return frozenset(superseded)


def _merge(
    backend: Backend,
    window: Window,
    rows: list[WindowRow],
    current: dict[str, FrameVersion],
    payloads: dict[PayloadPointer, bytes],
) -> tuple[list[_FrameWrite], list[RowOutcome]]:
    """Merges MODIFY rows into their frames (R17, R19). Writes the merged payloads to a new pack. `payloads` holds
    payloads that are already read.

    Returns the frames' new states, and the outcomes of the rows that cannot be merged.
    """
    states = [current[row.frame_id].payload for row in rows]
    patches = [packs.payload_of(row, window.pack) for row in rows]
    missing = [pointer for pointer in (*states, *patches) if pointer not in payloads]
    known = payloads | dict(zip(missing, packs.read_payloads(backend, missing), strict=True))
    pack = PackWriter(window.dataset)
    writes: list[_FrameWrite] = []
    refused: list[RowOutcome] = []
    for row, state, patch in zip(rows, states, patches, strict=True):
        try:
            merged = merge(known[state], known[patch])
        except MergeRefused as refusal:
            refused.append(_outcome(row, "failed", refusal.code, refusal.message, pointer=refusal.pointer or ""))
            continue
        writes.append(_merged_frame(pack, row, merged))
    if writes:
        pack.write(backend)
    return writes, refused


def _merged_frame(pack: PackWriter, row: WindowRow, merged: Merged) -> _FrameWrite:
    byte_range = pack.add(merged.payload)
    pointer = PayloadPointer(pack.name, byte_range.offset, byte_range.length, digest(merged.payload))
    return _FrameWrite(row, pointer, merged.labels, merged.classes)


def _append(
    backend: Backend,
    window: Window,
    token: FencingToken,
    head: Head,
    writes: Sequence[_FrameWrite],
    current: dict[str, FrameVersion],
    marker: Marker | None,
) -> Head:
    """Commits frame writes to the shard's log in one transaction. Returns the new head. Raises ConditionFailed."""
    after = _advanced(head, token, writes, current)
    versions = [
        FrameVersion(
            frame_id=write.row.frame_id,
            n=after.n,
            op=write.row.op,
            pointer=write.pointer,
            labels=write.labels,
            classes=write.classes,
            upload=window.upload,
            actor=window.actor,
            at=window.accepted_at,
        )
        for write in writes
    ]
    log.commit(backend, window, head, after, versions, marker, backend.clock())
    return after


def _advanced(head: Head, token: FencingToken, writes: Sequence[_FrameWrite], current: dict[str, FrameVersion]) -> Head:
    """Returns the shard's head after the writes. `current` holds the frame versions that the writes replace."""
    frames, labels, added, replaced_bytes = head.frames, head.labels, 0, 0
    for write in writes:
        replaced = current.get(write.row.frame_id)
        frames += (write.pointer is not None) - bool(replaced and replaced.pointer)
        labels += write.labels - (replaced.labels if replaced else 0)
        added += write.pointer.length if write.pointer else 0
        replaced_bytes += replaced.pointer.length if replaced and replaced.pointer else 0
    return Head(
        n=head.n + 1,
        frames=frames,
        labels=labels,
        highest=max([head.highest, *(write.row.frame_id for write in writes)]),
        token=token,
        revisions=head.revisions + len(writes),
        live_bytes=head.live_bytes + added - replaced_bytes,
        payload_bytes=head.payload_bytes + added,
    )


def _marker(applied: int, outcomes: Sequence[RowOutcome]) -> Marker:
    return Marker(
        applied=applied,
        dropped=sum(outcome.outcome == "dropped" for outcome in outcomes),
        failed=sum(outcome.outcome == "failed" for outcome in outcomes),
        outcomes=tuple(outcomes),
    )


def _superseded(row: WindowRow, newest: FrameVersion) -> RowOutcome:
    return _outcome(
        row,
        "dropped",
        "superseded",
        f"Frame {row.frame_id!r} keeps the change of a later row, in upload {newest.upload}.",
    )


def _unknown_frame(row: WindowRow) -> RowOutcome:
    return _outcome(
        row,
        "dropped",
        "unknown_frame",
        f"{row.op} of frame {row.frame_id!r}, which is not in the dataset; nothing was changed.",
    )


def _outcome(
    row: WindowRow, outcome: Literal["dropped", "failed"], code: str, message: str, *, pointer: str = ""
) -> RowOutcome:
    return RowOutcome(row=row.row, frame_id=row.frame_id, code=code, pointer=pointer, message=message, outcome=outcome)
