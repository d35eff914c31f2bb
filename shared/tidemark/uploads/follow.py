"""Following uploads: status, list, and what became of the rows that did not take effect (R29, R30)."""

from collections.abc import Iterator, Sequence

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records, project_records
from tidemark.domain.limits import MAX_UPLOADS_EXAMINED
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.uploads import ANY_UPLOAD, RowOutcome, Upload, UploadFilter
from tidemark.domain.windows import WindowPlan, chunk_source
from tidemark.shards import log
from tidemark.shards.log import Marker
from tidemark.uploads import chunks, file_records
from tidemark.uploads import records as upload_records
from tidemark.uploads.chunks import Chunk
from tidemark.uploads.records import ListScope, Position

REQUEST_CHUNK = "-"
"""Stands in a cursor for the one chunk of an upload that came in a request, which has no name."""
MAX_PAGE_CHUNKS = 100
"""Chunks that are read for one page: each takes some requests, one after another, and the API has 28 s in all."""
MAX_CHUNKS_EXAMINED = 10_000
"""Chunks whose records are looked at for a page of errors; most have none."""
MIN_FILTERED_PAGE = 100
"""Uploads, at least, that a list with a filter reads at once: their records come a hundred to a request."""


def get_upload(backend: Backend, *, project: str, dataset: str, upload: str) -> Upload:
    """An upload as it stands. Raises NotFound."""
    return upload_records.get(backend, dataset_records.get(backend, project, dataset).uid, upload)


def list_uploads(
    backend: Backend,
    *,
    project: str,
    dataset: str,
    limit: int,
    cursor: str | None,
    wanted: UploadFilter = ANY_UPLOAD,
) -> Page[Upload]:
    """The uploads of a dataset that are wanted, newest first (R29); see `_listed`. Raises NotFound."""
    uid = dataset_records.get(backend, project, dataset).uid
    return _listed(backend, "dataset", uid, wanted, limit, cursor)


def list_project_uploads(
    backend: Backend, *, project: str, limit: int, cursor: str | None, wanted: UploadFilter = ANY_UPLOAD
) -> Page[Upload]:
    """The uploads of all datasets of a project that are wanted, newest first (R29); see `_listed`. Raises NotFound."""
    return _listed(backend, "project", project_records.get(backend, project).name, wanted, limit, cursor)


def _listed(
    backend: Backend, of: ListScope, name: str, wanted: UploadFilter, limit: int, cursor: str | None
) -> Page[Upload]:
    """A page of a list of uploads; one that was accepted a moment ago may not be listed yet.

    No more than `MAX_UPLOADS_EXAMINED` are looked at for it, so that one on which few are wanted may be short, or
    empty: the list goes on as long as there is a cursor. A page costs a query for each hundred uploads that are looked
    at, and the records of these.
    """
    scope = ":".join(("uploads", of, name, *(asked or "" for asked in wanted)))
    after = Position(*map(str, decode_cursor(scope, cursor, str, str, str))) if cursor is not None else None
    page_size = limit if wanted == ANY_UPLOAD else max(limit, MIN_FILTERED_PAGE)
    items: list[Upload] = []
    for examined, (place, upload) in enumerate(
        upload_records.newest_first(backend, of, name, after, page_size=page_size), 1
    ):
        if wanted.takes(upload):
            items.append(upload)
        if len(items) == limit or examined == MAX_UPLOADS_EXAMINED:
            return Page(items=items, cursor=encode_cursor(scope, *place))
    return Page(items=items, cursor=None)


def list_errors(
    backend: Backend, *, project: str, dataset: str, upload: str, limit: int, cursor: str | None
) -> Page[RowOutcome]:
    """The rows of an upload that did not take effect so far, in the order of its files and rows (R21, R30).

    A page goes on after a row, so nothing is told twice; of rows that are decided between two pages, the second has
    those that come after that row. A page costs the upload's record, and of its files if it came in some; for each chunk
    with such rows a ranged GET of its rejected ones, if there are any; and if rows were dropped or have failed, a
    ranged GET of its windows and the markers of those that hold later rows, a hundred a request. It ends early after
    `MAX_PAGE_CHUNKS` of such chunks, or a look at `MAX_CHUNKS_EXAMINED` in all.
    """
    uid = dataset_records.get(backend, project, dataset).uid
    scope = f"errors:{uid}:{upload}"
    name, first, told = decode_cursor(scope, cursor, str, int, int) if cursor else (REQUEST_CHUNK, 0, 0)
    items: list[RowOutcome] = []
    record = upload_records.get(backend, uid, upload)
    if record.settled_at is not None and not record.has_errors:
        return Page(items=[], cursor=None)
    placed = chunks_with_files(backend, uid, record, "" if name == REQUEST_CHUNK else str(name))
    read = 0
    for examined, (chunk, file) in enumerate(placed):
        if (chunk.name or REQUEST_CHUNK) != name:
            first = told = 0
        if read == MAX_PAGE_CHUNKS or examined == MAX_CHUNKS_EXAMINED:
            return Page(items=items, cursor=encode_cursor(scope, chunk.name or REQUEST_CHUNK, 0, 0))
        if not chunk.upload.has_errors:
            continue
        read += 1
        outcomes = row_outcomes(backend, chunk, file, int(first))
        room = limit - len(items)
        end = int(told) + room
        items.extend(outcomes[int(told) : end])
        if end < len(outcomes):
            last = outcomes[end - 1].row if end else 0
            passed = sum(outcome.row == last for outcome in outcomes[:end])
            return Page(items=items, cursor=encode_cursor(scope, chunk.name or REQUEST_CHUNK, last, passed))
    return Page(items=items, cursor=None)


def chunks_with_files(
    backend: Backend, uid: str, upload: Upload, first: str = "", *, page_size: int | None = None
) -> Iterator[tuple[Chunk, str | None]]:
    """The chunks of an upload in their order, from the one named `first` on, each with the name of its file; the records
    of `page_size` are read by a request."""
    if not upload.is_chunked:
        yield chunks.get(backend, uid, upload.id), None
        return
    files = file_records.of_upload(backend, uid, upload.id) if upload.files else []
    names = {file.number: file.file.name for file in files}
    for chunk in chunks.of_upload(backend, uid, upload.id, first, page_size=page_size):
        yield chunk, names.get(chunk_source(chunk.name))


def window_markers(backend: Backend, chunk: Chunk, plans: Sequence[WindowPlan]) -> list[Marker | None]:
    """What became of windows of a chunk; None for those that are not decided yet."""
    windows = [chunks.window(chunk, plan) for plan in plans]
    return log.markers(backend, chunk.uid, [(window.plan.shard, window.id) for window in windows])


def row_outcomes(backend: Backend, chunk: Chunk, file: str | None, first: int = 0) -> list[RowOutcome]:
    """Why rows of a chunk did not take effect, from row `first` on, each with the file given. The errors of one row are
    there all at once, and never change or move."""
    outcomes = [
        RowOutcome(**error.model_dump(), outcome="rejected", file=file)
        for error in chunks.rejected_rows(backend, chunk)
        if error.row >= first
    ]
    if chunk.upload.has_errors:
        plans = [plan for plan in chunks.plans(backend, chunk) if plan.has_rows_from(first)]
        markers = window_markers(backend, chunk, plans)
        told = (outcome for marker in markers if marker for outcome in marker.outcomes if outcome.row >= first)
        outcomes.extend(outcome.model_copy(update={"file": file}) for outcome in told)
    return sorted(outcomes, key=lambda outcome: outcome.row)
