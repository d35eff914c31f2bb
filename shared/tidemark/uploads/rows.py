"""Lists the rows of an upload, with their labels and outcomes (R30)."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from pydantic_core import to_json

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.errors import RowError
from tidemark.domain.frames.operations import Op
from tidemark.domain.limits import MAX_PAGE_BYTES
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.upload_rows import CarriedLabels, Outcome, RowFault, UploadRow, carried_labels
from tidemark.domain.uploads import Upload
from tidemark.domain.windows import WindowPlan, WindowRow
from tidemark.shards import packs
from tidemark.shards.log import Marker
from tidemark.shards.packs import PayloadPointer
from tidemark.uploads import chunks
from tidemark.uploads import records as upload_records
from tidemark.uploads.chunks import Chunk
from tidemark.uploads.follow import (
    MAX_PAGE_CHUNKS,
    REQUEST_CHUNK,
    chunks_with_files,
    cursor_name,
    window_markers,
)

CHUNKS_PER_QUERY = 10
"""Chunk records that one query reads. Most pages are full after one or two chunks."""

Position = tuple[str, int]
"""Where a page begins: the name of a chunk, as in a cursor, and the number of a row in that chunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row of an upload, without its payload."""

    chunk: Chunk
    file: str | None
    number: int
    accepted: tuple[WindowPlan, WindowRow] | None = None
    """The window's plan and the row in it; None for a row that was rejected on arrival."""
    outcome: Outcome = "rejected"
    errors: Sequence[RowError] = ()

    @property
    def payload(self) -> PayloadPointer | None:
        """Where the row's payload is stored; None for a rejected row and for a DELETE."""
        if self.accepted is None or self.accepted[1].op is Op.DELETE:
            return None
        return packs.payload_of(self.accepted[1], self.chunk.pack)

    @property
    def size(self) -> int:
        """Bytes of the row's payload; 0 if it has none."""
        return self.payload.length if self.payload else 0


def list_rows(
    backend: Backend, *, project: str, dataset: str, upload: str, limit: int, cursor: str | None
) -> Page[UploadRow]:
    """Returns a page of all rows of an upload with their outcomes, in the order of files and rows (R30).

    A page ends early at `MAX_PAGE_BYTES` of payloads or of the response, and after `MAX_PAGE_CHUNKS` chunks. Only a
    limited number of errors is stored for each file, so rejected rows beyond that limit are counted but not listed.
    Raises NotFound.

    Reads the upload's record and, if the upload came in files, their records. Each chunk costs a ranged GET for its
    windows' plans, and another if rows were rejected. Unless all accepted rows of a chunk were applied, the markers of
    the page's windows cost a request per hundred. Payloads close to each other share a ranged GET.
    """
    uid = dataset_records.get(backend, project, dataset).uid
    scope = f"rows:{uid}:{upload}"
    name, first = decode_cursor(scope, cursor, str, int) if cursor else (REQUEST_CHUNK, 0)
    record = upload_records.get(backend, uid, upload)
    rows, following = _collect(backend, uid, record, (str(name), int(first)), limit)
    items = _with_labels(backend, rows)
    sizes = [len(to_json(item)) for item in items]
    kept = _fitting(sizes, MAX_PAGE_BYTES) or min(len(items), 1)
    if kept < len(items):
        following = cursor_name(rows[kept].chunk), rows[kept].number
    return Page(items=items[:kept], cursor=encode_cursor(scope, *following) if following else None)


def _collect(
    backend: Backend, uid: str, upload: Upload, start: Position, limit: int
) -> tuple[list[_Row], Position | None]:
    """Returns the rows of the page that begins at `start`, and where the next page begins, or None after the last."""
    name, first = start
    page: list[_Row] = []
    room = MAX_PAGE_BYTES
    is_refused = upload.settled_at is not None and upload.windows_settled < upload.windows
    first_chunk = "" if name == REQUEST_CHUNK else name
    upload_chunks = chunks_with_files(backend, uid, upload, first_chunk, page_size=CHUNKS_PER_QUERY)
    for count, (chunk, file) in enumerate(upload_chunks):
        begin = first if cursor_name(chunk) == name else 0
        if count == MAX_PAGE_CHUNKS or len(page) == limit:
            return page, (cursor_name(chunk), begin)
        rows = _rows(backend, chunk, file, begin)
        fitting = _fitting([row.size for row in rows], room)
        taken = min(fitting if page else max(fitting, 1), limit - len(page))
        page += _refused(rows[:taken], upload) if is_refused else _with_outcomes(backend, chunk, rows[:taken])
        if taken < len(rows):
            return page, (cursor_name(chunk), rows[taken].number)
        room -= sum(row.size for row in rows)
    return page, None


def _fitting(sizes: Sequence[int], room: int) -> int:
    """Returns how many of the first `sizes` add up to at most `room`."""
    return bisect_right(list(accumulate(sizes)), room)


def _rows(backend: Backend, chunk: Chunk, file: str | None, begin: int) -> list[_Row]:
    """Returns the rows of a chunk from row `begin` (inclusive) on. Outcomes of accepted rows are not yet filled in."""
    errors_by_row: dict[int, list[RowError]] = defaultdict(list)
    for error in chunks.rejected_rows(backend, chunk):
        if error.row >= begin:
            errors_by_row[error.row].append(error)
    plans = chunks.plans(backend, chunk) if chunk.upload.windows else []
    rows = [_Row(chunk=chunk, file=file, number=number, errors=errors) for number, errors in errors_by_row.items()]
    rows += [
        _Row(chunk=chunk, file=file, number=row.row, accepted=(plan, row))
        for plan in plans
        for row in plan.rows
        if row.row >= begin
    ]
    return sorted(rows, key=lambda row: row.number)


def _refused(rows: list[_Row], upload: Upload) -> list[_Row]:
    """Returns the rows of an upload that a BATCH dataset refused as a whole, with that error for each valid row."""
    return [replace(row, errors=[_refusal(row, upload)]) if row.accepted else row for row in rows]


def _refusal(row: _Row, upload: Upload) -> RowError:
    return RowError(
        row=row.number,
        frame_id=row.accepted[1].frame_id if row.accepted else None,
        code="upload_refused",
        pointer="",
        message=f"The row was not taken because the upload was refused as a whole: {upload.reason}",
    )


def _with_outcomes(backend: Backend, chunk: Chunk, rows: list[_Row]) -> list[_Row]:
    """Returns the rows of a chunk with their outcomes filled in."""
    counts = chunk.upload
    if counts.windows_settled == counts.windows and not counts.dropped + counts.failed:
        return [replace(row, outcome="applied") if row.accepted else row for row in rows]
    plans = {row.accepted[0].number: row.accepted[0] for row in rows if row.accepted}
    markers = dict(zip(plans, window_markers(backend, chunk, list(plans.values())), strict=True))
    return [_with_outcome(row, markers[row.accepted[0].number]) if row.accepted else row for row in rows]


def _with_outcome(row: _Row, marker: Marker | None) -> _Row:
    """Returns an accepted row with its outcome according to the window's marker, or pending without a marker."""
    if marker is None:
        return replace(row, outcome="pending")
    outcomes = [outcome for outcome in marker.outcomes if outcome.row == row.number]
    return replace(row, outcome=outcomes[0].outcome, errors=outcomes) if outcomes else replace(row, outcome="applied")


def _with_labels(backend: Backend, rows: list[_Row]) -> list[UploadRow]:
    """Returns the rows as users see them, with the labels read from their payloads."""
    pointers = [row.payload for row in rows if row.payload]
    payloads = dict(zip(pointers, packs.read_payloads(backend, pointers), strict=True))
    return [_item(row, payloads[row.payload] if row.payload else b"") for row in rows]


def _item(row: _Row, payload: bytes) -> UploadRow:
    accepted = row.accepted[1] if row.accepted else None
    labels: CarriedLabels | None = carried_labels(accepted.op, payload) if accepted else None
    return UploadRow(
        file=row.file,
        row=row.number,
        op=accepted.op if accepted else None,
        frame_id=accepted.frame_id if accepted else row.errors[0].frame_id,
        outcome=row.outcome,
        labels=labels.labels if labels else None,
        remove_labels=labels.remove_labels if labels else None,
        errors=tuple(RowFault(code=error.code, pointer=error.pointer, message=error.message) for error in row.errors),
    )
