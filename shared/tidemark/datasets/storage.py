"""What storage a dataset takes: counts that its shards keep, and the objects that lie in S3 for it."""

from collections.abc import Callable, Iterator

from tidemark.aws import bucket
from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.pages import decode_cursor, encode_cursor
from tidemark.domain.storage import Objects, StorageReport
from tidemark.shards import log

KINDS = ("checkpoints", "exports", "packs")
"""What lies in S3 for a dataset, under `{kind}/{uid}/`."""


def report_storage(
    backend: Backend, *, project: str, dataset: str, cursor: str | None, has_time: Callable[[], bool]
) -> StorageReport:
    """What storage a dataset takes now, of its objects from the beginning or from `cursor` on, as far as there is time.

    Two reads, and a request for each thousand objects. The objects of all answers, from the first to the one without a
    cursor, add up; the other counts are whole in each. Raises NotFound and InvalidRequest.
    """
    found = dataset_records.get(backend, project, dataset)
    heads = log.shard_heads(backend, found.uid, found.shards)
    scope = f"storage:{found.uid}"
    first, after = decode_cursor(scope, cursor, int, str) if cursor else (0, None)
    counted = dict.fromkeys(KINDS, Objects())
    rest: tuple[int, str] | None = None
    for number, page in _pages(backend, found.uid, int(first), None if after is None else str(after)):
        for one in page:
            counted[KINDS[number]] = counted[KINDS[number]].with_one(one.size)
        if page and not has_time():
            rest = number, page[-1].key.removeprefix(_prefix(number, found.uid))
            break
    return StorageReport(
        versions=dataset_records.state(backend, found.uid).latest,
        frame_versions=sum(head.revisions for head in heads),
        payload_bytes=sum(head.payload_bytes for head in heads),
        live_bytes=sum(head.live_bytes for head in heads),
        cursor=encode_cursor(scope, *rest) if rest else None,
        **counted,
    )


def _pages(backend: Backend, uid: str, first: int, after: str | None) -> Iterator[tuple[int, list[bucket.Object]]]:
    """The objects by the thousand, each with the number of its kind, from kind `first` on, there from after `after`."""
    for number in range(first, len(KINDS)):
        prefix = _prefix(number, uid)
        start = f"{prefix}{after}" if after is not None and number == first else None
        for page in bucket.list_pages(backend, prefix, start):
            yield number, page


def _prefix(number: int, uid: str) -> str:
    return f"{KINDS[number]}/{uid}/"
