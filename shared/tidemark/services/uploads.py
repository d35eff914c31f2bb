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
    """The rows of an upload that did not take effect so far, in the order of its rows (R21, R30)."""
    uid = catalog.dataset(backend, project, dataset).uid
    scope = f"errors:{uid}:{upload}"
    start = int(decode_cursor(scope, cursor, int)[0]) if cursor else 0
    outcomes = _outcomes(backend, uploads.get(backend, uid, upload))
    end = start + limit
    more = encode_cursor(scope, end) if end < len(outcomes) else None
    return Page(items=outcomes[max(start, 0) : end], cursor=more)


def _outcomes(backend: Backend, record: UploadRecord) -> list[RowOutcome]:
    outcomes = [
        RowOutcome(**error.model_dump(), outcome="rejected") for error in uploads.rejected_rows(backend, record)
    ]
    if record.upload.dropped + record.upload.failed:
        windows = [uploads.window(record, plan) for plan in uploads.plans(backend, record)]
        decided = shards.markers(backend, record.uid, [(window.plan.shard, window.id) for window in windows])
        outcomes.extend(outcome for marker in decided if marker for outcome in marker.outcomes)
    return sorted(outcomes, key=lambda outcome: outcome.row)
