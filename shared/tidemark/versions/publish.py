"""Publishing: records windows' outcomes in their uploads, and publishes a version once uploads are complete.

Publishing is serial for each dataset, because a dataset's messages form one message group of the FIFO queue. A late or
repeated invocation fails the conditions on the upload records or on the version number, and starts again from the
stored state.
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

MAX_ATTEMPTS = 5
"""Most attempts at one publication while other invocations keep being faster."""
MIN_TIME_STEP = timedelta(microseconds=1)
"""Least difference between the times of two versions: the resolution of a stored time."""
INCOMPLETE = (
    "{:,} of its rows could not be applied, but {} all rows or none: it stays empty until a retry of the upload has "
    "applied them."
)
"""Template of the reason why an upload failed that had to be applied whole: the number of failed rows, and a phrase of
`TAKES_ALL`."""
TAKES_ALL = ("a BATCH dataset takes", "a clone takes")
"""Phrases for `INCOMPLETE`: for an upload of a BATCH dataset, and for an upload that fills a clone."""


def publish(backend: Backend, uid: str, messages: Iterable[PublishMessage]) -> list[VersionPublished]:
    """Processes messages about one dataset's settled windows and finished files. Returns the announced versions.

    Uploads that become complete settle, and share one new version. Announces the settled uploads and their versions as
    events. If a message is redelivered, its upload may have settled earlier and is announced again, so every upload is
    announced at least once. Raises Unavailable if other invocations were faster in every attempt.
    """
    pending = list(messages)
    for _ in range(MAX_ATTEMPTS):
        try:
            settled_uploads = _record(backend, uid, pending)
        except ConditionFailed:
            continue
        published = _published_versions(backend, uid, settled_uploads)
        settled_events = [
            UploadSettled.of(uid, settled.upload)
            for settled in settled_uploads
            if settled.upload.settled_at is not None
        ]
        announce(backend, [*published, *settled_events])
        return published
    raise Unavailable(f"Dataset {uid} kept changing during its publication.")


class _SettledUpload(NamedTuple):
    """An upload to announce if it has settled."""

    upload: Upload
    versions: tuple[int, ...] = ()
    """Numbers of the versions to announce, into which the upload settled."""


def _record(backend: Backend, uid: str, messages: list[PublishMessage]) -> list[_SettledUpload]:
    """Applies messages to chunks and uploads, and publishes a version if uploads are complete.

    Returns the uploads that settle now. Also returns the uploads of redelivered messages, because an earlier attempt
    may have stopped before it announced these uploads.
    """
    window_messages = [message for message in messages if isinstance(message, WindowSettled)]
    checked = {message.upload for message in messages if not isinstance(message, WindowSettled)}
    updated_chunks, redelivered = _settle_chunks(backend, uid, window_messages)
    announced_again = checked | redelivered
    names = announced_again | {chunk.upload.id for chunk in updated_chunks if chunk.name and chunk.is_settled}
    requests = {chunk.upload.id: chunk for chunk in updated_chunks if not chunk.name}
    chunked = [chunked_uploads.find(backend, uid, name) for name in sorted(names - requests.keys())]
    records: list[Chunk | ChunkedUpload] = [*requests.values(), *(record for record in chunked if record is not None)]
    complete = [record for record in records if _is_complete(record)]
    settled_before = [
        _SettledUpload(record.upload, record.upload.versions)
        for record in records
        if record.upload.id in announced_again
    ]
    return settled_before + (_settle(backend, uid, complete) if complete else [])


def _is_complete(record: Chunk | ChunkedUpload) -> bool:
    if isinstance(record, ChunkedUpload):
        return record.is_complete
    return record.upload.status is UploadStatus.PENDING and record.is_settled


def _settle_chunks(backend: Backend, uid: str, messages: list[WindowSettled]) -> tuple[list[Chunk], set[str]]:
    """Applies messages to their chunks. Returns the updated chunks, and the ids of uploads with a redelivered message.

    The only chunk of a request, once complete, is not stored here: the write that settles its upload stores it.
    """
    by_chunk: dict[tuple[str, str], list[WindowSettled]] = defaultdict(list)
    for message in messages:
        by_chunk[message.upload, message.chunk].append(message)
    updated_chunks: list[Chunk] = []
    redelivered: set[str] = set()
    for chunk in chunks.find_many(backend, uid, sorted(by_chunk)):
        chunk_messages = by_chunk[chunk.upload.id, chunk.name]
        updated = chunks.settle(chunk, chunk_messages)
        updated_chunks.append(updated)
        if not all(chunks.is_unsettled(chunk, message) for message in chunk_messages):
            redelivered.add(chunk.upload.id)
        if updated is chunk:
            continue
        if not updated.is_settled:
            chunks.update(backend, updated)
        elif updated.name:
            chunked_uploads.settle_chunk(backend, updated)
    return updated_chunks, redelivered


def _settle(backend: Backend, uid: str, complete: list[Chunk | ChunkedUpload]) -> list[_SettledUpload]:
    """Settles complete uploads and returns them. Uploads that may have changed a frame share one new version."""
    state = dataset_records.state(backend, uid)
    now = backend.clock()
    # Readers find a version by its time, so times must grow, whatever this machine's clock says. If two versions had
    # the same time, a read of that time would return the first until the second exists, and then the second.
    at = max(now, state.latest_at + MIN_TIME_STEP) if state.latest_at else now
    number = state.latest + 1
    settlements = [_settlement(record, number, at) for record in complete]
    for settlement in settlements:
        if settlement.upload.version is None:
            table.write(backend, settlement.write(backend))
    changing = [settlement for settlement in settlements if settlement.upload.version is not None]
    if changing:
        heads = log.shard_heads(backend, uid, state.shards)
        version = Version(
            number=number,
            created_at=at,
            uploads=tuple(
                VersionUpload(id=upload.id, actor=upload.actor, accepted_at=upload.accepted_at)
                for upload in (settlement.upload for settlement in changing)
            ),
            shards=tuple(ShardState(head.n, head.frames, head.labels) for head in heads),
        )
        version_records.publish(backend, uid, version, [settlement.write(backend) for settlement in changing])
    return [_SettledUpload(settlement.upload, settlement.upload.versions[-1:]) for settlement in settlements]


class _Settlement(NamedTuple):
    """An upload that settles now."""

    record: Chunk | ChunkedUpload
    """The record as it was read."""
    upload: Upload
    """The upload after it has settled."""

    def write(self, backend: Backend) -> Write:
        """Returns the write that settles the upload."""
        if isinstance(self.record, Chunk):
            return chunks.replacement(backend, replace(self.record, upload=self.upload))
        return chunked_uploads.finish(backend, replace(self.record, upload=self.upload))


def _settlement(record: Chunk | ChunkedUpload, version: int, at: datetime) -> _Settlement:
    """Returns the settlement of a complete upload at time `at`.

    The upload settles into `version`, unless it was refused, had nothing to apply, or had to be applied whole and was
    not (R22, R32).
    """
    upload = record.upload
    is_clone = upload.source is Source.CLONE
    refused = record.refused if isinstance(record, ChunkedUpload) else None
    is_incomplete = (upload.mode is Mode.BATCH or is_clone) and upload.windows_failed > 0
    changes: dict[str, Any] = {"settled_at": at}
    if refused is not None:
        changes |= {"status": UploadStatus.FAILED, "reason": refused, "rejected": upload.rows}
    elif is_incomplete:
        changes |= {"status": UploadStatus.FAILED, "reason": INCOMPLETE.format(upload.failed, TAKES_ALL[is_clone])}
    else:
        changes["status"] = settled_status(
            rejected=upload.rejected,
            applied=upload.applied,
            dropped=upload.dropped,
            failed=upload.failed,
            windows_failed=upload.windows_failed,
        )
        if upload.windows or is_clone:
            changes |= {"version": version, "versions": (*upload.versions, version)}
    return _Settlement(record, upload.model_copy(update=changes))


def _published_versions(backend: Backend, uid: str, settled_uploads: list[_SettledUpload]) -> list[VersionPublished]:
    numbers = {number for settled in settled_uploads for number in settled.versions}
    if not numbers:
        return []
    state = dataset_records.state(backend, uid)
    return [
        VersionPublished(
            project=state.project,
            dataset=state.name,
            uid=uid,
            version=number,
            uploads=_all_uploads(backend, uid, number),
        )
        for number in sorted(numbers)
    ]


def _all_uploads(backend: Backend, uid: str, number: int) -> list[str]:
    """Returns the ids of all uploads in a version, from the version's record.

    This attempt's messages may name only some of the uploads, but a repeated event must equal the first event.
    """
    version = version_records.find_published(backend, uid, number)
    if version is None:
        raise LookupError(f"version {number} of {uid} is missing, though uploads have settled into it")
    return [upload.id for upload in version.uploads]
