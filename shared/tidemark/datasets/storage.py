"""Reports the storage that a dataset uses: the totals in its shard heads, and its S3 objects."""

from collections.abc import Callable, Iterator

from tidemark.aws import bucket
from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.pages import decode_cursor, encode_cursor
from tidemark.domain.storage import Objects, StorageReport
from tidemark.shards import log

OBJECT_KINDS = ("checkpoints", "exports", "packs")
"""Kinds of a dataset's S3 objects. The S3 keys of a kind begin with `{kind}/{uid}/`."""


def report_storage(
    backend: Backend, *, project: str, dataset: str, cursor: str | None, has_time: Callable[[], bool]
) -> StorageReport:
    """Returns the storage that a dataset uses now. Counts S3 objects from `cursor` on, while `has_time` returns True.

    Each report has only the S3 objects counted in its own call. Their total is the sum over all reports, up to the one
    without a cursor. All other numbers are complete in every report. Makes two reads, and one request for each thousand
    S3 objects. Raises NotFound, and InvalidRequest for an invalid cursor.
    """
    record = dataset_records.get(backend, project, dataset)
    heads = log.shard_heads(backend, record.uid, record.shards)
    scope = f"storage:{record.uid}"
    first, after = decode_cursor(scope, cursor, int, str) if cursor else (0, None)
    counted = dict.fromkeys(OBJECT_KINDS, Objects())
    rest: tuple[int, str] | None = None
    for number, page in _pages(backend, record.uid, int(first), None if after is None else str(after)):
        for stored in page:
            counted[OBJECT_KINDS[number]] = counted[OBJECT_KINDS[number]].with_one(stored.size)
        if page and not has_time():
            rest = number, page[-1].key.removeprefix(_prefix(number, record.uid))
            break
    return StorageReport(
        versions=dataset_records.state(backend, record.uid).latest,
        frame_versions=sum(head.revisions for head in heads),
        payload_bytes=sum(head.payload_bytes for head in heads),
        live_bytes=sum(head.live_bytes for head in heads),
        cursor=encode_cursor(scope, *rest) if rest else None,
        **counted,
    )


def _pages(backend: Backend, uid: str, first: int, after: str | None) -> Iterator[tuple[int, list[bucket.Object]]]:
    """Yields pages of up to a thousand S3 objects, each with the index of its kind in OBJECT_KINDS.

    Starts in kind `first`, after the object whose S3 key ends in `after`.
    """
    for number in range(first, len(OBJECT_KINDS)):
        prefix = _prefix(number, uid)
        start = f"{prefix}{after}" if after is not None and number == first else None
        for page in bucket.list_pages(backend, prefix, start):
            yield number, page


def _prefix(number: int, uid: str) -> str:
    return f"{OBJECT_KINDS[number]}/{uid}/"
