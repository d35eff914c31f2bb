"""The storage that a dataset uses: the counts in its shard heads, and its objects in S3."""

from collections.abc import Callable, Iterator

from tidemark.aws import bucket
from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.pages import decode_cursor, encode_cursor
from tidemark.domain.storage import Objects, StorageReport
from tidemark.shards import log

OBJECT_KINDS = ("checkpoints", "exports", "packs")
"""A dataset's objects in S3: those under `{kind}/{uid}/`."""


def report_storage(
    backend: Backend, *, project: str, dataset: str, cursor: str | None, has_time: Callable[[], bool]
) -> StorageReport:
    """Returns the storage that a dataset uses now. Counts objects from `cursor` on, as long as there is time.

    The objects of a dataset are the sum of those in all responses, up to the one without a cursor. The other counts are
    complete in each response. Two reads, and a request for each thousand objects. Raises NotFound and InvalidRequest.
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
    """Yields pages of a thousand objects, each with the number of its kind, from `after` in kind `first` on."""
    for number in range(first, len(OBJECT_KINDS)):
        prefix = _prefix(number, uid)
        start = f"{prefix}{after}" if after is not None and number == first else None
        for page in bucket.list_pages(backend, prefix, start):
            yield number, page


def _prefix(number: int, uid: str) -> str:
    return f"{OBJECT_KINDS[number]}/{uid}/"
