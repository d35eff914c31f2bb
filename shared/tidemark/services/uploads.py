"""Following uploads: status, list, and what became of the rows that did not take effect (R29, R30)."""

from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.uploads import RowOutcome, Upload
from tidemark.store import catalog, shards, uploads
from tidemark.store.backend import Backend
from tidemark.store.uploads import UploadRecord


def get_upload(backend: Backend, *, project: str, dataset: str, upload: str) -> Upload:
    """An upload as it stands. Raises NotFound."""
    return uploads.get(backend, catalog.dataset(backend, project, dataset).uid, upload).upload


def list_uploads(backend: Backend, *, project: str, dataset: str, limit: int, cursor: str | None) -> Page[Upload]:
    """The uploads of a dataset, newest first; one that was accepted a moment ago may not be listed yet."""
    uid = catalog.dataset(backend, project, dataset).uid
    scope = f"uploads:{uid}"
    after = None
    if cursor is not None:
        accepted_at, upload = decode_cursor(scope, cursor, str, str)
        after = (str(accepted_at), str(upload))
    records, last = uploads.newest(backend, uid, limit, after)
    return Page(items=[record.upload for record in records], cursor=encode_cursor(scope, *last) if last else None)


def list_errors(
    backend: Backend, *, project: str, dataset: str, upload: str, limit: int, cursor: str | None
) -> Page[RowOutcome]:
    """The rows of an upload that did not take effect so far, in the order of its rows (R21, R30).

    A page goes on after a row, so nothing is told twice; of rows that are decided between two pages, the second has
    those that come after that row. A page costs the upload's record; a ranged GET of all rejected rows, if there are
    any; and if rows were dropped or have failed, a ranged GET of the windows and the markers of those that hold later
    rows, a hundred a request.
    """
    uid = catalog.dataset(backend, project, dataset).uid
    scope = f"errors:{uid}:{upload}"
    first, told = map(int, decode_cursor(scope, cursor, int, int)) if cursor else (0, 0)
    outcomes = _outcomes(backend, uploads.get(backend, uid, upload), first)
    end = told + limit
    more = None
    if end < len(outcomes):
        last = outcomes[end - 1].row
        more = encode_cursor(scope, last, sum(outcome.row == last for outcome in outcomes[:end]))
    return Page(items=outcomes[told:end], cursor=more)


def _outcomes(backend: Backend, record: UploadRecord, first: int) -> list[RowOutcome]:
    """Why rows did not take effect, from row `first` on. The errors of one row are there all at once, and never change
    or move."""
    outcomes = [
        RowOutcome(**error.model_dump(), outcome="rejected")
        for error in uploads.rejected_rows(backend, record)
        if error.row >= first
    ]
    if record.upload.dropped + record.upload.failed:
        plans = [plan for plan in uploads.plans(backend, record) if plan.rows[-1].row >= first]
        windows = [uploads.window(record, plan) for plan in plans]
        decided = shards.markers(backend, record.uid, [(window.plan.shard, window.id) for window in windows])
        outcomes.extend(outcome for marker in decided if marker for outcome in marker.outcomes if outcome.row >= first)
    return sorted(outcomes, key=lambda outcome: outcome.row)
