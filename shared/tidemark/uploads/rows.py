"""The rows of an upload, with the labels that they carry and what became of each (R30)."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from pydantic_core import to_json

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.errors import RowError
from tidemark.domain.frames.mutations import Op
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
from tidemark.uploads.follow import MAX_PAGE_CHUNKS, REQUEST_CHUNK, chunks_with_files, window_markers

CHUNKS_PER_QUERY = 10
"""Records of chunks that are read at once: the pages of most uploads are full after one chunk or two."""

Position = tuple[str, int]
"""Where a page goes on: the name of a chunk, and the row in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row as it is known before its payload is read."""

    chunk: Chunk
    file: str | None
    number: int
    accepted: tuple[WindowPlan, WindowRow] | None = None
    """The row and the window that it is in; None if it was refused on arrival."""
    outcome: Outcome = "rejected"
    errors: Sequence[RowError] = ()

    @property
    def payload(self) -> PayloadPointer | None:
        """Where its payload lies; a row that was refused on arrival and a DELETE have none."""
        if self.accepted is None or self.accepted[1].op is Op.DELETE:
            return None
        return packs.payload_of(self.accepted[1], self.chunk.pack)

    @property
    def size(self) -> int:
        """Bytes of its payload."""
        return self.payload.length if self.payload else 0


def list_rows(
    backend: Backend, *, project: str, dataset: str, upload: str, limit: int, cursor: str | None
) -> Page[UploadRow]:
    """Every row of an upload as it stands, in the order of files and rows (R30). Raises NotFound.

    A page ends early at `MAX_PAGE_BYTES`, of payloads or of what is told of them, and after `MAX_PAGE_CHUNKS` chunks. It
    costs the upload's record, and of its files if it came in some; for each chunk a ranged GET of its windows, one of
    its rejected rows if there are any, and unless all of it was applied, the markers of the windows that hold rows of
    the page, a hundred a request; and the ranged GETs of the payloads, which those that lie close share.

    Rows that were rejected when as many errors of their file were kept as are kept of one are counted, not listed.
    """
    uid = dataset_records.get(backend, project, dataset).uid
    scope = f"rows:{uid}:{upload}"
    name, first = decode_cursor(scope, cursor, str, int) if cursor else (REQUEST_CHUNK, 0)
    record = upload_records.get(backend, uid, upload)
    rows, following = _gathered(backend, uid, record, (str(name), int(first)), limit)
    items = _told(backend, rows)
    sizes = [len(to_json(item)) for item in items]
    kept = _fitting(sizes, MAX_PAGE_BYTES) or min(len(items), 1)
    if kept < len(items):
        following = _name(rows[kept].chunk), rows[kept].number
    return Page(items=items[:kept], cursor=encode_cursor(scope, *following) if following else None)


def _gathered(
    backend: Backend, uid: str, upload: Upload, place: Position, limit: int
) -> tuple[list[_Row], Position | None]:
    """The rows of a page that begins at `place`, and where the next one begins if there may be more."""
    name, first = place
    found: list[_Row] = []
    room = MAX_PAGE_BYTES
    is_refused = upload.settled_at is not None and upload.windows_settled < upload.windows
    placed = chunks_with_files(backend, uid, upload, "" if name == REQUEST_CHUNK else name, page_size=CHUNKS_PER_QUERY)
    for count, (chunk, file) in enumerate(placed):
        begin = first if _name(chunk) == name else 0
        if count == MAX_PAGE_CHUNKS or len(found) == limit:
            return found, (_name(chunk), begin)
        rows = _rows(backend, chunk, file, begin)
        fitting = _fitting([row.size for row in rows], room)
        taken = min(fitting if found else max(fitting, 1), limit - len(found))
        found += _refused(rows[:taken], upload) if is_refused else _judged(backend, chunk, rows[:taken])
        if taken < len(rows):
            return found, (_name(chunk), rows[taken].number)
        room -= sum(row.size for row in rows)
    return found, None


def _name(chunk: Chunk) -> str:
    return chunk.name or REQUEST_CHUNK


def _fitting(sizes: Sequence[int], room: int) -> int:
    """How many of the first of these sizes fit together."""
    return bisect_right(list(accumulate(sizes)), room)


def _rows(backend: Backend, chunk: Chunk, file: str | None, begin: int) -> list[_Row]:
    """The rows of a chunk from row `begin` on, without what became of those that were accepted."""
    errors: dict[int, list[RowError]] = defaultdict(list)
    for error in chunks.rejected_rows(backend, chunk):
        if error.row >= begin:
            errors[error.row].append(error)
    plans = chunks.plans(backend, chunk) if chunk.upload.windows else []
    rows = [_Row(chunk=chunk, file=file, number=number, errors=why) for number, why in errors.items()]
    rows += [
        _Row(chunk=chunk, file=file, number=row.row, accepted=(plan, row))
        for plan in plans
        for row in plan.rows
        if row.row >= begin
    ]
    return sorted(rows, key=lambda row: row.number)


def _refused(rows: list[_Row], upload: Upload) -> list[_Row]:
    """Rows of an upload that a BATCH dataset has refused as a whole, so that the sound ones were not taken either."""
    return [replace(row, errors=[_of_the_whole(row, upload)]) if row.accepted else row for row in rows]


def _of_the_whole(row: _Row, upload: Upload) -> RowError:
    return RowError(
        row=row.number,
        frame_id=row.accepted[1].frame_id if row.accepted else None,
        code="upload_refused",
        pointer="",
        message=f"The row was not taken because the upload was refused as a whole: {upload.reason}",
    )


def _judged(backend: Backend, chunk: Chunk, rows: list[_Row]) -> list[_Row]:
    """Rows of a chunk with what became of them."""
    counts = chunk.upload
    if counts.windows_settled == counts.windows and not counts.dropped + counts.failed:
        return [replace(row, outcome="applied") if row.accepted else row for row in rows]
    plans = {row.accepted[0].number: row.accepted[0] for row in rows if row.accepted}
    markers = dict(zip(plans, window_markers(backend, chunk, list(plans.values())), strict=True))
    return [_after(row, markers[row.accepted[0].number]) if row.accepted else row for row in rows]


def _after(row: _Row, marker: Marker | None) -> _Row:
    """An accepted row with what its window's marker says of it."""
    if marker is None:
        return replace(row, outcome="pending")
    told = [outcome for outcome in marker.outcomes if outcome.row == row.number]
    return replace(row, outcome=told[0].outcome, errors=told) if told else replace(row, outcome="applied")


def _told(backend: Backend, rows: list[_Row]) -> list[UploadRow]:
    """Rows as their sender is told of them, with the labels that are in their payloads."""
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
        errors=tuple(RowFault(code=why.code, pointer=why.pointer, message=why.message) for why in row.errors),
    )
