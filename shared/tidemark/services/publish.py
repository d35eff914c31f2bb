"""Publishing: settled windows complete their uploads, complete uploads become versions.

Serial by dataset: its messages form one group of the queue. A late or doubled invocation is refused by the conditions
on the upload records and on the version number, and starts over from what is there.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from tidemark.domain.errors import Unavailable
from tidemark.domain.uploads import settled_status
from tidemark.domain.versions import ShardState, Version, VersionUpload
from tidemark.domain.windows import Settled
from tidemark.store import catalog, shards, uploads, versions
from tidemark.store.backend import Backend
from tidemark.store.events import VersionPublished, announce
from tidemark.store.table import TransactionRefused
from tidemark.store.uploads import UploadRecord

RACES = 5
"""Times that a publication starts over because another invocation was faster."""
TICK = timedelta(microseconds=1)
"""The least by which times of versions differ: what a time tells apart."""


def publish(backend: Backend, uid: str, settled: Iterable[Settled]) -> list[VersionPublished]:
    """Record settled windows of one dataset; uploads that are complete by it share one new version.

    Announces, and answers, the versions that the uploads named here have settled into, those of an earlier try
    included, so that every version is announced at least once. Raises Unavailable where others were faster each time.
    """
    news: dict[str, list[Settled]] = defaultdict(list)
    for one in settled:
        news[one.upload].append(one)
    for _ in range(RACES):
        try:
            records = _record(backend, uid, news)
        except TransactionRefused:
            continue
        published = _published(backend, uid, records)
        announce(backend, published)
        return published
    raise Unavailable(f"Dataset {uid} kept changing under its publication.")


def _record(backend: Backend, uid: str, news: dict[str, list[Settled]]) -> list[UploadRecord]:
    """Bring the upload records up to date, publishing a version if any of them is complete; answers them all."""
    before = uploads.find_many(backend, uid, sorted(news))
    after = [uploads.settle(record, news[record.upload.id]) for record in before]
    changed = [record for record, old in zip(after, before, strict=True) if record is not old]
    complete = [record for record in changed if record.upload.windows_settled == record.upload.windows]
    for record in changed:
        if record not in complete:
            uploads.update(backend, record)
    if not complete:
        return after
    finished = {record.upload.id: record for record in _publish(backend, uid, complete)}
    return [finished.get(record.upload.id, record) for record in after]


def _publish(backend: Backend, uid: str, complete: list[UploadRecord]) -> list[UploadRecord]:
    state = catalog.state(backend, uid)
    heads = shards.heads(backend, uid, state.shards)
    now = backend.clock()
    version = Version(
        number=state.latest + 1,
        # Readers find a version by its time, so times grow, whatever this machine's clock says: had two versions one
        # time, a read of that time would get the first until the second is there, and then the second.
        created_at=max(now, state.latest_at + TICK) if state.latest_at else now,
        uploads=tuple(
            VersionUpload(id=record.upload.id, actor=record.upload.actor, accepted_at=record.upload.accepted_at)
            for record in complete
        ),
        shards=tuple(ShardState(head.n, head.frames, head.labels) for head in heads),
    )
    finished = [_finished(record, version.number, version.created_at) for record in complete]
    versions.publish(backend, uid, version, finished)
    return finished


def _finished(record: UploadRecord, version: int, at: datetime) -> UploadRecord:
    upload = record.upload
    status = settled_status(
        rejected=upload.rejected, applied=upload.applied, dropped=upload.dropped, failed=upload.failed
    )
    return record.updated({"status": status, "version": version, "settled_at": at})


def _published(backend: Backend, uid: str, records: list[UploadRecord]) -> list[VersionPublished]:
    numbers = sorted({record.upload.version for record in records if record.upload.version is not None})
    if not numbers:
        return []
    state = catalog.state(backend, uid)
    return [
        VersionPublished(
            project=state.project, dataset=state.name, uid=uid, version=number, uploads=_uploads(backend, uid, number)
        )
        for number in numbers
    ]


def _uploads(backend: Backend, uid: str, number: int) -> list[str]:
    """All uploads of a version: those named in this try's messages may be a part of them, and repeats must not differ
    from the first event."""
    version = versions.find_published(backend, uid, number)
    if version is None:
        raise LookupError(f"version {number} of {uid} is missing, though uploads have settled into it")
    return [upload.id for upload in version.uploads]
