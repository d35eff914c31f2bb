"""Publishing: settled windows complete their uploads, complete uploads become versions.

Serial by dataset: its messages form one group of the queue. A late or doubled invocation is refused by the conditions
on the upload records and on the version number, and starts over from what is there.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.events import UploadSettled, VersionPublished, announce
from tidemark.aws.table import ConditionFailed
from tidemark.aws.writes import Write
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Mode
from tidemark.domain.errors import Unavailable
from tidemark.domain.uploads import Source, Upload, UploadStatus, settled_status
from tidemark.domain.versions import ShardState, Version, VersionUpload
from tidemark.domain.windows import PublishMessage, WindowSettled
from tidemark.shards import log
from tidemark.uploads import chunked_uploads, chunks
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.chunks import Chunk
from tidemark.versions import records as version_records

RACES = 5
"""Times that a publication starts over because another invocation was faster."""
TICK = timedelta(microseconds=1)
"""The least by which times of versions differ: what a time tells apart."""


def publish(backend: Backend, uid: str, messages: Iterable[PublishMessage]) -> list[VersionPublished]:
    """Record settled windows, and files that were read, of one dataset; uploads that are complete by it share one new
    version.

    Announces, and answers, the uploads named here that have settled and the versions that they are in, those of an
    earlier try included, so that each is announced at least once. Raises Unavailable where others were faster each
    time.
    """
    told = list(messages)
    for _ in range(RACES):
        try:
            settled = _record(backend, uid, told)
        except ConditionFailed:
            continue
        published = _published(backend, uid, settled)
        ended = [UploadSettled.of(uid, one.upload) for one in settled if one.upload.settled_at is not None]
        announce(backend, [*published, *ended])
        return published
    raise Unavailable(f"Dataset {uid} kept changing under its publication.")


class _Named(NamedTuple):
    """An upload that the news are of."""

    upload: Upload
    versions: tuple[int, ...] = ()
    """Those that it settled into and that are to be announced."""


def _record(backend: Backend, uid: str, messages: list[PublishMessage]) -> list[_Named]:
    """Bring chunks and uploads up to date, publishing a version if uploads are complete; answers the uploads named in
    the news that have settled, or had settled before a retry. PublishMessage that come again may be of a try that was not
    announced."""
    told = [one for one in messages if isinstance(one, WindowSettled)]
    asked = {one.upload for one in messages if not isinstance(one, WindowSettled)}
    after, repeated = _settled_chunks(backend, uid, told)
    again = asked | repeated
    names = again | {chunk.upload.id for chunk in after if chunk.name and chunk.is_settled}
    whole = {chunk.upload.id: chunk for chunk in after if not chunk.name}
    found = [chunked_uploads.find(backend, uid, name) for name in sorted(names - whole.keys())]
    records: list[Chunk | ChunkedUpload] = [*whole.values(), *(record for record in found if record is not None)]
    complete = [record for record in records if _is_complete(record)]
    before = [_Named(one.upload, one.upload.versions) for one in records if one.upload.id in again]
    return before + (_settle(backend, uid, complete) if complete else [])


def _is_complete(record: Chunk | ChunkedUpload) -> bool:
    if isinstance(record, ChunkedUpload):
        return record.is_complete
    return record.upload.status is UploadStatus.PENDING and record.is_settled


def _settled_chunks(backend: Backend, uid: str, messages: list[WindowSettled]) -> tuple[list[Chunk], set[str]]:
    """The chunks that the news are of, brought up to date, and the uploads of which some news were known already.

    A chunk that is an upload of its own and is complete by them is not written yet: that is for the version that it
    settles into.
    """
    by_chunk: dict[tuple[str, str], list[WindowSettled]] = defaultdict(list)
    for one in messages:
        by_chunk[one.upload, one.chunk].append(one)
    after: list[Chunk] = []
    repeated: set[str] = set()
    for chunk in chunks.find_many(backend, uid, sorted(by_chunk)):
        told = by_chunk[chunk.upload.id, chunk.name]
        settled = chunks.settle(chunk, told)
        after.append(settled)
        if not all(chunks.is_unsettled(chunk, one) for one in told):
            repeated.add(chunk.upload.id)
        if settled is chunk:
            continue
        if not settled.is_settled:
            chunks.update(backend, settled)
        elif settled.name:
            chunked_uploads.settle_chunk(backend, settled)
    return after, repeated


def _settle(backend: Backend, uid: str, complete: list[Chunk | ChunkedUpload]) -> list[_Named]:
    """Settle uploads, those that may have changed something in a new version; answers them."""
    state = dataset_records.state(backend, uid)
    now = backend.clock()
    # Readers find a version by its time, so times grow, whatever this machine's clock says: had two versions one time,
    # a read of that time would get the first until the second is there, and then the second.
    at = max(now, state.latest_at + TICK) if state.latest_at else now
    number = state.latest + 1
    settled = [_ended(record, number, at) for record in complete]
    for one in settled:
        if one.upload.version is None:
            table.write(backend, one.write(backend))
    changing = [one for one in settled if one.upload.version is not None]
    if changing:
        heads = log.shard_heads(backend, uid, state.shards)
        version = Version(
            number=number,
            created_at=at,
            uploads=tuple(
                VersionUpload(id=one.upload.id, actor=one.upload.actor, accepted_at=one.upload.accepted_at)
                for one in changing
            ),
            shards=tuple(ShardState(head.n, head.frames, head.labels) for head in heads),
        )
        version_records.publish(backend, uid, version, [one.write(backend) for one in changing])
    return [_Named(one.upload, one.upload.versions[-1:]) for one in settled]


class _Ended(NamedTuple):
    """An upload that settles now."""

    record: Chunk | ChunkedUpload
    upload: Upload

    def write(self, backend: Backend) -> Write:
        """The write that says so."""
        if isinstance(self.record, Chunk):
            return chunks.replacement(backend, replace(self.record, upload=self.upload))
        return chunked_uploads.finish(backend, replace(self.record, upload=self.upload))


def _ended(record: Chunk | ChunkedUpload, version: int, at: datetime) -> _Ended:
    """An upload as it is once it has settled, in a version unless nothing of it was to be applied, or not all of it
    was though it must be (R22, R32)."""
    upload = record.upload
    refused = record.refused if isinstance(record, ChunkedUpload) else None
    is_whole = upload.mode is Mode.BATCH or upload.source is Source.CLONE
    incomplete = is_whole and upload.windows_failed > 0
    changes: dict[str, Any] = {"settled_at": at}
    if refused is not None:
        changes |= {"status": UploadStatus.FAILED, "reason": refused, "rejected": upload.rows}
    elif incomplete:
        changes |= {
            "status": UploadStatus.FAILED,
            "reason": INCOMPLETE.format(upload.failed, WHOLE[upload.source is Source.CLONE]),
        }
    else:
        changes["status"] = settled_status(
            rejected=upload.rejected,
            applied=upload.applied,
            dropped=upload.dropped,
            failed=upload.failed,
            windows_failed=upload.windows_failed,
        )
        if upload.windows or upload.source is Source.CLONE:
            changes |= {"version": version, "versions": (*upload.versions, version)}
    return _Ended(record, upload.model_copy(update=changes))


INCOMPLETE = (
    "{:,} of its rows could not be applied, and {} all rows or none: it stays empty until a retry of the upload has "
    "applied them."
)
WHOLE = ("a BATCH dataset takes", "a clone has")


def _published(backend: Backend, uid: str, settled: list[_Named]) -> list[VersionPublished]:
    numbers = {number for one in settled for number in one.versions}
    if not numbers:
        return []
    state = dataset_records.state(backend, uid)
    return [
        VersionPublished(
            project=state.project, dataset=state.name, uid=uid, version=number, uploads=_uploads(backend, uid, number)
        )
        for number in sorted(numbers)
    ]


def _uploads(backend: Backend, uid: str, number: int) -> list[str]:
    """All uploads of a version: those named in this try's messages may be only some of them, and repeats must not differ
    from the first event."""
    version = version_records.find_published(backend, uid, number)
    if version is None:
        raise LookupError(f"version {number} of {uid} is missing, though uploads have settled into it")
    return [upload.id for upload in version.uploads]
