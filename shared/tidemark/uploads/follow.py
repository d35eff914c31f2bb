"""Following uploads: an upload's status, lists of uploads, and the rows that did not take effect (R29, R30)."""

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
"""The name, in a cursor, of the only chunk of a request, whose own name is empty."""
MAX_PAGE_CHUNKS = 100
"""Most chunks that are read from packs for one page. Each takes a few requests in a row, and the API must respond
within 28 s."""
MAX_CHUNKS_EXAMINED = 10_000
"""Most chunk records that are read for one page of errors. Most chunks have no errors."""
MIN_FILTERED_PAGE = 100
"""Fewest uploads that a filtered list reads at a time, because one request reads a hundred records."""


def get_upload(backend: Backend, *, project: str, dataset: str, upload: str) -> Upload:
    """Returns an upload with its current status. Raises NotFound."""
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
    """Returns a page of a dataset's uploads that pass the filter, newest first (R29). Raises NotFound.

    A page may be short or empty although more pages follow; see `_page`.
    """
    uid = dataset_records.get(backend, project, dataset).uid
    return _page(backend, "dataset", uid, wanted, limit, cursor)


def list_project_uploads(
    backend: Backend, *, project: str, limit: int, cursor: str | None, wanted: UploadFilter = ANY_UPLOAD
) -> Page[Upload]:
    """Returns a page of a project's uploads that pass the filter, newest first (R29). Raises NotFound.

    A page may be short or empty although more pages follow; see `_page`.
    """
    return _page(backend, "project", project_records.get(backend, project).name, wanted, limit, cursor)


def _page(
    backend: Backend, scope: ListScope, name: str, wanted: UploadFilter, limit: int, cursor: str | None
) -> Page[Upload]:
    """Returns a page of the uploads of a dataset or a project. Uploads accepted a moment ago may be missing.

    A page examines at most `MAX_UPLOADS_EXAMINED` uploads, so it is short or empty if few of them pass the filter. More
    uploads follow as long as the page has a cursor. Every hundred uploads examined cost a query and a read of their
    records.
    """
    cursor_scope = ":".join(("uploads", scope, name, *(value or "" for value in wanted)))
    after = Position(*map(str, decode_cursor(cursor_scope, cursor, str, str, str))) if cursor is not None else None
    page_size = limit if wanted == ANY_UPLOAD else max(limit, MIN_FILTERED_PAGE)
    uploads = upload_records.newest_first(backend, scope, name, after, wanted, page_size=page_size)
    items: list[Upload] = []
    for examined, (position, upload) in enumerate(uploads, 1):
        if upload is not None:
            items.append(upload)
        if len(items) == limit or examined == MAX_UPLOADS_EXAMINED:
            return Page(items=items, cursor=encode_cursor(cursor_scope, *position))
    return Page(items=items, cursor=None)


def list_errors(
    backend: Backend, *, project: str, dataset: str, upload: str, limit: int, cursor: str | None
) -> Page[RowOutcome]:
    """Returns a page of the rows that have not taken effect so far, in the order of files and rows (R21, R30).

    A page starts after the last row of the previous page, so no row is listed twice. A row that settles between two
    pages is listed only if it comes after that last row. A page ends early after `MAX_PAGE_CHUNKS` chunks with errors,
    or `MAX_CHUNKS_EXAMINED` chunks in all. Raises NotFound.

    Reads the upload's record and, if the upload came in files, their records. Each chunk with errors costs a ranged GET
    for its windows' plans, and another if rows were rejected. The markers of the windows with rows on or after the
    page's first row cost a request per hundred.
    """
    uid = dataset_records.get(backend, project, dataset).uid
    scope = f"errors:{uid}:{upload}"
    name, first, listed = decode_cursor(scope, cursor, str, int, int) if cursor else (REQUEST_CHUNK, 0, 0)
    items: list[RowOutcome] = []
    record = upload_records.get(backend, uid, upload)
    if record.settled_at is not None and not record.has_errors:
        return Page(items=[], cursor=None)
    read = 0
    upload_chunks = chunks_with_files(backend, uid, record, "" if name == REQUEST_CHUNK else str(name))
    for examined, (chunk, file) in enumerate(upload_chunks):
        if cursor_name(chunk) != name:
            first = listed = 0
        if read == MAX_PAGE_CHUNKS or examined == MAX_CHUNKS_EXAMINED:
            return Page(items=items, cursor=encode_cursor(scope, cursor_name(chunk), 0, 0))
        if not chunk.upload.has_errors:
            continue
        read += 1
        outcomes = row_outcomes(backend, chunk, file, int(first))
        end = int(listed) + limit - len(items)
        items.extend(outcomes[int(listed) : end])
        if end < len(outcomes):
            last = outcomes[end - 1].row if end else 0
            listed_of_last = sum(outcome.row == last for outcome in outcomes[:end])
            return Page(items=items, cursor=encode_cursor(scope, cursor_name(chunk), last, listed_of_last))
    return Page(items=items, cursor=None)


def row_outcomes(backend: Backend, chunk: Chunk, file: str | None, first: int = 0) -> list[RowOutcome]:
    """Returns the outcomes of a chunk's rows that did not take effect, sorted by row, from row `first` (inclusive) on.

    Each outcome gets the file name `file`. The outcomes of one row appear together, and never change or move.
    """
    outcomes = [
        RowOutcome(**error.model_dump(), outcome="rejected", file=file)
        for error in chunks.rejected_rows(backend, chunk)
        if error.row >= first
    ]
    if chunk.upload.has_errors:
        plans = [plan for plan in chunks.plans(backend, chunk) if plan.has_rows_from(first)]
        markers = window_markers(backend, chunk, plans)
        marked = (outcome for marker in markers if marker for outcome in marker.outcomes if outcome.row >= first)
        outcomes.extend(outcome.model_copy(update={"file": file}) for outcome in marked)
    return sorted(outcomes, key=lambda outcome: outcome.row)


def chunks_with_files(
    backend: Backend, uid: str, upload: Upload, first: str = "", *, page_size: int | None = None
) -> Iterator[tuple[Chunk, str | None]]:
    """Yields the chunks of an upload in order, from the chunk named `first` (inclusive) on, each with its file's name.

    The file's name is None for rows that were not in a file. One query for each `page_size` chunks; if it is None, for
    each megabyte.
    """
    if not upload.is_chunked:
        yield chunks.get(backend, uid, upload.id), None
        return
    files = file_records.of_upload(backend, uid, upload.id) if upload.files else []
    names = {file.number: file.file.name for file in files}
    for chunk in chunks.of_upload(backend, uid, upload.id, first, page_size=page_size):
        yield chunk, names.get(chunk_source(chunk.name))


def window_markers(backend: Backend, chunk: Chunk, plans: Sequence[WindowPlan]) -> list[Marker | None]:
    """Reads the markers of a chunk's windows, given by their plans. None for a window without an outcome."""
    windows = [chunks.window(chunk, plan) for plan in plans]
    return log.markers(backend, chunk.uid, [(window.plan.shard, window.id) for window in windows])


def cursor_name(chunk: Chunk) -> str:
    """Returns the name that identifies a chunk in a cursor."""
    return chunk.name or REQUEST_CHUNK
