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
from tidemark.catalog.dataset_records import DatasetState
from tidemark.domain.datasets import Mode
from tidemark.domain.errors import Unavailable
from tidemark.domain.uploads import Source, Upload, UploadStatus, settled_status
from tidemark.domain.versions import ShardState, Version, VersionUpload
from tidemark.domain.windows import CheckUpload, ChunkSettled, PublishMessage, WindowSettled
from tidemark.shards import log
from tidemark.shards.log import Head
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
    """Processes messages about one dataset's settled windows, settled chunks and finished files.

    Uploads that become complete settle, and share one new version. Announces the settled uploads and their versions as
    events. If a message is redelivered, its upload may have settled earlier and is announced again, so every upload is
    announced at least once. Returns the announced versions. Raises Unavailable if other invocations were faster in
    every attempt.
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
    may have stopped before it announced these uploads. Returns none if the dataset was purged meanwhile.

    The dataset is read beside the chunks, for uploads of requests: only the message of their last window completes
    them, and all their windows have been applied before it. An upload of several chunks may count windows that were
    applied after the heads were read, by another invocation. Once it is complete, the dataset is read again.
    """
    (updated_chunks, redelivered), dataset = backend.both(
        lambda: _updated_chunks(backend, uid, messages), lambda: _find_dataset(backend, uid)
    )
    if dataset is None:
        return []
    announced_again = redelivered | {message.upload for message in messages if isinstance(message, CheckUpload)}
    requests = [chunk for chunk in updated_chunks if not chunk.name]
    settled_chunks: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in updated_chunks:
        if chunk.name and chunk.is_settled and chunk.counts != chunk.counted:
            settled_chunks[chunk.upload.id].append(chunk)
    names = (announced_again | settled_chunks.keys()) - {chunk.upload.id for chunk in requests}
    found = backend.parallel(lambda name: chunked_uploads.find(backend, uid, name), sorted(names))
    stored: list[Chunk | ChunkedUpload] = [*requests, *(record for record in found if record is not None)]
    records = [
        _Record(record, settled_chunks[record.upload.id]) if isinstance(record, ChunkedUpload) else _Record(record, [])
        for record in stored
    ]
    complete = [record for record in records if record.is_complete]
    if any(isinstance(record.stored, ChunkedUpload) for record in complete):
        dataset = _find_dataset(backend, uid)
        if dataset is None:
            return []
    incomplete = [record for record in records if record.chunks and not record.is_complete]
    backend.parallel(lambda record: chunked_uploads.settle_chunks(backend, record.chunks), incomplete)
    settled_before = [
        _SettledUpload(record.upload, record.upload.versions)
        for record in stored
        if record.upload.id in announced_again
    ]
    return settled_before + (_settle(backend, uid, dataset, complete) if complete else [])


class _Dataset(NamedTuple):
    """The state of a dataset, and of its shards in order."""

    state: DatasetState
    heads: list[Head]


def _find_dataset(backend: Backend, uid: str) -> _Dataset | None:
    state = dataset_records.find_state(backend, uid)
    return _Dataset(state, log.shard_heads(backend, uid, state.shards)) if state else None


def _updated_chunks(backend: Backend, uid: str, messages: list[PublishMessage]) -> tuple[list[Chunk], set[str]]:
    """Applies messages to their chunks. Returns the updated chunks, and the ids of uploads with a redelivered message.

    Stores the chunks that are not settled yet. The others are stored together with their upload.
    """
    # A message may be in a batch twice: SQS ignores a repeat for five minutes only.
    chunk_messages = list(dict.fromkeys(message for message in messages if isinstance(message, ChunkSettled)))
    by_chunk: dict[tuple[str, str], list[WindowSettled]] = defaultdict(list)
    for message in messages:
        if not isinstance(message, CheckUpload):
            by_chunk[message.upload, message.chunk].extend([message] if isinstance(message, WindowSettled) else [])
    found, tallied = chunks.find_with_outcomes(backend, uid, sorted(by_chunk), chunk_messages)
    for outcome in tallied:
        by_chunk[outcome.upload, outcome.chunk].append(outcome)
    updated_chunks: list[Chunk] = []
    redelivered: set[str] = set()
    for chunk in found:
        outcomes = by_chunk[chunk.upload.id, chunk.name]
        updated = chunks.settle(chunk, outcomes)
        updated_chunks.append(updated)
        if not all(chunks.is_unsettled(chunk, outcome) for outcome in outcomes):
            redelivered.add(chunk.upload.id)
        if updated is not chunk and not updated.is_settled:
            chunks.update(backend, updated)
    return updated_chunks, redelivered


class _Record(NamedTuple):
    """The stored record of an upload, and what messages change about it."""

    stored: Chunk | ChunkedUpload
    chunks: list[Chunk]
    """Chunks that are settled now, and that the record's totals do not include yet."""

    @property
    def current(self) -> Chunk | ChunkedUpload:
        """The record, with the chunks' outcomes included."""
        return self.stored.with_settled(self.chunks) if isinstance(self.stored, ChunkedUpload) else self.stored

    @property
    def is_complete(self) -> bool:
        """Whether the upload is pending, and can settle now."""
        current = self.current
        if isinstance(current, ChunkedUpload):
            return current.is_complete
        return current.upload.status is UploadStatus.PENDING and current.is_settled


def _settle(backend: Backend, uid: str, dataset: _Dataset, complete: list[_Record]) -> list[_SettledUpload]:
    """Settles complete uploads and returns them. Uploads that may have changed a frame share one new version."""
    state = dataset.state
    now = backend.clock()
    # Readers find a version by its time, so times must grow, whatever this machine's clock says. If two versions had
    # the same time, a read of that time would return the first until the second exists, and then the second.
    at = max(now, state.latest_at + MIN_TIME_STEP) if state.latest_at else now
    number = state.latest + 1
    settlements = [_settlement(record, number, at) for record in complete]
    for settlement in settlements:
        if settlement.upload.version is None:
            settlement.store(backend)
    changing = [settlement for settlement in settlements if settlement.upload.version is not None]
    if changing:
        version = Version(
            number=number,
            created_at=at,
            uploads=tuple(
                VersionUpload(id=upload.id, actor=upload.actor, accepted_at=upload.accepted_at)
                for upload in (settlement.upload for settlement in changing)
            ),
            shards=tuple(ShardState(head.n, head.frames, head.labels) for head in dataset.heads),
        )
        writes = [write for settlement in changing for write in settlement.writes(backend)]
        version_records.publish(backend, uid, version, writes)
    return [_SettledUpload(settlement.upload, settlement.upload.versions[-1:]) for settlement in settlements]


class _Settlement(NamedTuple):
    """An upload that settles now."""

    record: _Record
    upload: Upload
    """The upload after it has settled."""

    def writes(self, backend: Backend) -> list[Write]:
        """Returns the writes that settle the upload."""
        record = self.record.current
        if isinstance(record, Chunk):
            return [chunks.replacement(backend, replace(record, upload=self.upload))]
        finish = chunked_uploads.finish(backend, replace(record, upload=self.upload))
        return [finish, *chunked_uploads.store_settled(backend, self.record.chunks)]

    def store(self, backend: Backend) -> None:
        """Settles the upload without a version. Raises ConditionFailed if it has changed since it was read."""
        writes = self.writes(backend)
        if len(writes) == 1:  # a transaction would cost twice as much
            table.write(backend, writes[0])
        else:
            table.transact(backend, writes)


def _settlement(complete: _Record, version: int, at: datetime) -> _Settlement:
    """Returns the settlement of a complete upload at time `at`.

    The upload settles into `version`, unless it was refused, had nothing to apply, or had to be applied whole and was
    not (R22, R32).
    """
    record = complete.current
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
    return _Settlement(complete, upload.model_copy(update=changes))


def _published_versions(backend: Backend, uid: str, settled_uploads: list[_SettledUpload]) -> list[VersionPublished]:
    numbers = {number for settled in settled_uploads for number in settled.versions}
    return [
        VersionPublished(
            project=settled_uploads[0].upload.project,
            dataset=settled_uploads[0].upload.dataset,
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
