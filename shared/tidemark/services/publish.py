"""Publishing: settled windows complete their uploads, complete uploads become versions.

Serial by dataset: its messages form one group of the queue. A late or doubled invocation is refused by the conditions
on the upload records and on the version number, and starts over from what is there.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tidemark.domain.datasets import Mode
from tidemark.domain.errors import Unavailable
from tidemark.domain.uploads import Upload, UploadStatus, settled_status
from tidemark.domain.versions import ShardState, Version, VersionUpload
from tidemark.domain.windows import News, Settled
from tidemark.store import catalog, file_uploads, parts, shards, table, versions
from tidemark.store.backend import Backend
from tidemark.store.events import UploadSettled, VersionPublished, announce
from tidemark.store.file_uploads import FileUpload
from tidemark.store.parts import Part
from tidemark.store.table import TransactionRefused

RACES = 5
"""Times that a publication starts over because another invocation was faster."""
TICK = timedelta(microseconds=1)
"""The least by which times of versions differ: what a time tells apart."""


def publish(backend: Backend, uid: str, news: Iterable[News]) -> list[VersionPublished]:
    """Record settled windows, and files that were read, of one dataset; uploads that are complete by it share one new
    version.

    Announces, and answers, the uploads named here that have settled and the versions that they are in, those of an
    earlier try included, so that each is announced at least once. Raises Unavailable where others were faster each
    time.
    """
    told = list(news)
    for _ in range(RACES):
        try:
            settled = _record(backend, uid, told)
        except TransactionRefused:
            continue
        published = _published(backend, uid, {upload.version for upload in settled if upload.version is not None})
        announce(backend, [*published, *(UploadSettled.of(uid, upload) for upload in settled)])
        return published
    raise Unavailable(f"Dataset {uid} kept changing under its publication.")


def _record(backend: Backend, uid: str, news: list[News]) -> list[Upload]:
    """Bring parts and uploads up to date, publishing a version if uploads are complete; answers the uploads named in
    the news that have settled."""
    after = _settled_parts(backend, uid, [one for one in news if isinstance(one, Settled)])
    whole = [part for part in after if not part.name]
    names = {part.upload.id for part in after if part.name and part.is_settled}
    names |= {one.upload for one in news if not isinstance(one, Settled)}
    found = [file_uploads.find(backend, uid, name) for name in sorted(names - {part.upload.id for part in whole})]
    of_files = [record for record in found if record is not None]
    waiting = [part for part in whole if part.upload.status is UploadStatus.PENDING and part.is_settled]
    complete: list[Part | FileUpload] = [*waiting, *(record for record in of_files if record.is_complete)]
    uploads = [part.upload for part in whole] + [record.upload for record in of_files]
    before = [upload for upload in uploads if upload.settled_at is not None]
    return before + (_settle(backend, uid, complete) if complete else [])


def _settled_parts(backend: Backend, uid: str, news: list[Settled]) -> list[Part]:
    """The parts that the news are of, brought up to date. One that is an upload of its own and is complete by it is not
    written yet: that is for the version that it settles into."""
    by_part: dict[tuple[str, str], list[Settled]] = defaultdict(list)
    for one in news:
        by_part[one.upload, one.part].append(one)
    after: list[Part] = []
    for part in parts.find_many(backend, uid, sorted(by_part)):
        settled = parts.settle(part, by_part[part.upload.id, part.name])
        after.append(settled)
        if settled is part:
            continue
        if not settled.is_settled:
            parts.update(backend, settled)
        elif settled.name:
            file_uploads.settle_part(backend, settled)
    return after


def _settle(backend: Backend, uid: str, complete: list[Part | FileUpload]) -> list[Upload]:
    """Settle uploads, those that may have changed something in a new version; answers them."""
    state = catalog.state(backend, uid)
    now = backend.clock()
    # Readers find a version by its time, so times grow, whatever this machine's clock says: had two versions one time,
    # a read of that time would get the first until the second is there, and then the second.
    at = max(now, state.latest_at + TICK) if state.latest_at else now
    number = state.latest + 1
    settled = [_ended(record, number, at) for record in complete]
    for one in settled:
        if one.upload.version is None:
            table.put_if(backend, one.write(backend))
    changing = [one for one in settled if one.upload.version is not None]
    if changing:
        heads = shards.heads(backend, uid, state.shards)
        version = Version(
            number=number,
            created_at=at,
            uploads=tuple(
                VersionUpload(id=one.upload.id, actor=one.upload.actor, accepted_at=one.upload.accepted_at)
                for one in changing
            ),
            shards=tuple(ShardState(head.n, head.frames, head.labels) for head in heads),
        )
        versions.publish(backend, uid, version, [one.write(backend) for one in changing])
    return [one.upload for one in settled]


class _Ended(NamedTuple):
    """An upload that settles now."""

    record: Part | FileUpload
    upload: Upload

    def write(self, backend: Backend) -> Any:
        """The write that says so."""
        if isinstance(self.record, Part):
            return parts.replacement(backend, replace(self.record, upload=self.upload))
        return file_uploads.finish(backend, replace(self.record, upload=self.upload))


def _ended(record: Part | FileUpload, version: int, at: datetime) -> _Ended:
    """An upload as it is once it has settled, in a version unless nothing of it was to be applied, or not all of it
    was though it must be (R22)."""
    upload = record.upload
    refused = record.refused if isinstance(record, FileUpload) else None
    incomplete = upload.mode is Mode.BATCH and upload.failed > 0
    changes: dict[str, Any] = {"settled_at": at, "version": version if upload.windows else None}
    if refused is not None:
        changes |= {"status": UploadStatus.FAILED, "reason": refused, "rejected": upload.rows, "version": None}
    elif incomplete:
        changes |= {"status": UploadStatus.FAILED, "reason": INCOMPLETE.format(upload.failed), "version": None}
    else:
        changes["status"] = settled_status(
            rejected=upload.rejected, applied=upload.applied, dropped=upload.dropped, failed=upload.failed
        )
    return _Ended(record, upload.model_copy(update=changes))


INCOMPLETE = (
    "{:,} of its rows could not be applied, and a BATCH dataset takes all rows or none: it stays empty until a retry "
    "of the upload has applied them."
)


def _published(backend: Backend, uid: str, numbers: set[int]) -> list[VersionPublished]:
    if not numbers:
        return []
    state = catalog.state(backend, uid)
    return [
        VersionPublished(
            project=state.project, dataset=state.name, uid=uid, version=number, uploads=_uploads(backend, uid, number)
        )
        for number in sorted(numbers)
    ]


def _uploads(backend: Backend, uid: str, number: int) -> list[str]:
    """All uploads of a version: those named in this try's messages may be a part of them, and repeats must not differ
    from the first event."""
    version = versions.find_published(backend, uid, number)
    if version is None:
        raise LookupError(f"version {number} of {uid} is missing, though uploads have settled into it")
    return [upload.id for upload in version.uploads]
