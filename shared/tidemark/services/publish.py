"""Publishing: settled windows complete their uploads, complete uploads become versions.

Serial by dataset: its messages form one group of the queue. A late or doubled invocation is refused by the conditions
on the upload records and on the version number, and starts over from what is there.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tidemark.domain.errors import Unavailable
from tidemark.domain.uploads import Upload, UploadStatus, settled_status
from tidemark.domain.versions import ShardState, Version, VersionUpload
from tidemark.domain.windows import FileRead, Settled
from tidemark.store import catalog, file_uploads, parts, shards, table, versions
from tidemark.store.backend import Backend
from tidemark.store.events import VersionPublished, announce
from tidemark.store.file_uploads import FileUpload
from tidemark.store.parts import Part
from tidemark.store.table import TransactionRefused

RACES = 5
"""Times that a publication starts over because another invocation was faster."""
TICK = timedelta(microseconds=1)
"""The least by which times of versions differ: what a time tells apart."""


def publish(backend: Backend, uid: str, news: Iterable[Settled | FileRead]) -> list[VersionPublished]:
    """Record settled windows, and files that were read, of one dataset; uploads that are complete by it share one new
    version.

    Announces, and answers, the versions that the uploads named here have settled into, those of an earlier try
    included, so that every version is announced at least once. Raises Unavailable where others were faster each time.
    """
    told = list(news)
    for _ in range(RACES):
        try:
            numbers = _record(backend, uid, told)
        except TransactionRefused:
            continue
        published = _published(backend, uid, numbers)
        announce(backend, published)
        return published
    raise Unavailable(f"Dataset {uid} kept changing under its publication.")


class _Finished(NamedTuple):
    """An upload that settles now."""

    upload: Upload
    write: Any
    """The write that says so."""


def _record(backend: Backend, uid: str, news: list[Settled | FileRead]) -> set[int]:
    """Bring parts and uploads up to date, publishing a version if uploads are complete; answers the versions that the
    uploads named in the news are in."""
    settled = _settled_parts(backend, uid, [one for one in news if isinstance(one, Settled)])
    whole = [part for part in settled if not part.name]
    names = {part.upload.id for part in settled if part.name and _is_complete(part)}
    names |= {one.upload for one in news if isinstance(one, FileRead)}
    found = [file_uploads.find(backend, uid, name) for name in sorted(names)]
    of_files = [record for record in found if record is not None]
    waiting = [part for part in whole if part.upload.status is UploadStatus.PENDING and _is_complete(part)]
    complete: list[Part | FileUpload] = [*waiting, *(record for record in of_files if record.is_complete)]
    numbers = {part.upload.version for part in whole} | {record.upload.version for record in of_files}
    if complete:
        numbers.add(_settle(backend, uid, complete))
    return {number for number in numbers if number is not None}


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
        if not _is_complete(settled):
            parts.update(backend, settled)
        elif settled.name:
            file_uploads.settle_part(backend, settled)
    return after


def _is_complete(part: Part) -> bool:
    return part.upload.windows_settled == part.upload.windows


def _settle(backend: Backend, uid: str, complete: list[Part | FileUpload]) -> int | None:
    """Settle uploads, in a new version if there was anything to apply; answers its number."""
    state = catalog.state(backend, uid)
    now = backend.clock()
    # Readers find a version by its time, so times grow, whatever this machine's clock says: had two versions one time,
    # a read of that time would get the first until the second is there, and then the second.
    at = max(now, state.latest_at + TICK) if state.latest_at else now
    number = state.latest + 1
    finished: list[_Finished] = []
    for record in complete:
        if record.upload.windows:
            finished.append(_finished(backend, record, number, at))
        else:
            table.put_if(backend, _finished(backend, record, None, at).write)
    if not finished:
        return None
    heads = shards.heads(backend, uid, state.shards)
    version = Version(
        number=number,
        created_at=at,
        uploads=tuple(
            VersionUpload(id=one.upload.id, actor=one.upload.actor, accepted_at=one.upload.accepted_at)
            for one in finished
        ),
        shards=tuple(ShardState(head.n, head.frames, head.labels) for head in heads),
    )
    versions.publish(backend, uid, version, [one.write for one in finished])
    return number


def _finished(backend: Backend, record: Part | FileUpload, version: int | None, at: datetime) -> _Finished:
    upload = record.upload
    status = settled_status(
        rejected=upload.rejected, applied=upload.applied, dropped=upload.dropped, failed=upload.failed
    )
    upload = upload.model_copy(update={"status": status, "version": version, "settled_at": at})
    if isinstance(record, Part):
        return _Finished(upload, parts.replacement(backend, replace(record, upload=upload)))
    return _Finished(upload, file_uploads.finish(backend, replace(record, upload=upload)))


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
