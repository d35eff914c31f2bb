"""Putting the one COCO file together, from what was written of each page (R15).

The file is streamed to S3 in parts. How far it is, is on record after each part, so that a call that runs out of time,
or dies, is gone on from by the next.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from tidemark.aws import bucket, multipart, shard_progress, table
from tidemark.aws.backend import Backend
from tidemark.aws.shard_progress import ShardProgress
from tidemark.checkpoints import objects
from tidemark.checkpoints.coco import categories
from tidemark.checkpoints.model import CheckpointWork, Manifest, ManifestPage, WrittenFiles
from tidemark.checkpoints.objects import export_key, page_name
from tidemark.checkpoints.pages import version_of
from tidemark.domain.canonical import canonical_json
from tidemark.domain.exports import ExportFormat, WrittenFile
from tidemark.versions import checkpoint_names

FILE = "coco.json"
IMAGES, ANNOTATIONS = "images", "annotations"
END = b"\n]}\n"
"""How the file ends."""
DELETED_PAGES = 500
"""Pages whose fragments, two of each, are deleted by one request."""
PART_BYTES = 32 * 1024 * 1024
"""A part of the file, in memory while it is put: ten thousand of them, S3's limit, make 320 GB."""


class Progress(BaseModel):
    """How far the file is."""

    model_config = ConfigDict(frozen=True)

    upload: str
    """S3's id of the upload in parts."""
    parts: list[str] = []
    """Entity tags of the parts that are put."""
    piece: int = 0
    """The piece that the next part begins in."""
    offset: int = 0
    """Bytes of it that are in earlier parts."""
    size: int = 0
    """Bytes of all parts that are put."""


class _Bytes(NamedTuple):
    """A few bytes of the file's own."""

    data: bytes

    def read(self, _: Backend, first: int) -> Iterator[bytes]:
        yield self.data[first:]


class _Stored(NamedTuple):
    """An object that goes into the file whole."""

    key: str

    def read(self, backend: Backend, first: int) -> Iterator[bytes]:
        return bucket.stream(backend, bucket.Object(key=self.key), first)


_Piece = _Bytes | _Stored


def fragment_key(work: CheckpointWork, kind: str, page: ManifestPage) -> str:
    """Where a page's share of the images or annotations lies until they are put together, and longer."""
    name = f"fragments/{page_name(page.shard, page.page)}.{kind}.json"
    return export_key(work.uid, work.checkpoint, ExportFormat.COCO, name)


def finish_coco(backend: Backend, work: CheckpointWork, has_time: Callable[[], bool]) -> WrittenFiles | None:
    """Write as much of the file as there is time for, one part at least; answers it when it is there, whole."""
    manifest = objects.manifest(backend, work)
    # Not a shard's task but the whole's, which comes after those of all shards.
    whole = len(version_of(backend, work).shards)
    file = _File(backend, work, manifest)
    while True:
        task = shard_progress.find(backend, work.uid, work.name, whole)
        if task.done:
            images = sum(page.images for page in manifest.pages)
            written = WrittenFile(name=FILE, rows=images, bytes=task.counted)
            return WrittenFiles(files=[written], left_out=manifest.left_out)
        # Where another call was first, it has put the same part, and this one goes on from there.
        with suppress(table.ConditionFailed):
            shard_progress.advance(backend, task, file.go_on(task))
        if not has_time():
            return None


def remove_fragments(backend: Backend, work: CheckpointWork) -> None:
    """Delete what was written of each page, once the file is there."""
    manifest = objects.manifest(backend, work)
    for start in range(0, len(manifest.pages), DELETED_PAGES):
        pages = manifest.pages[start : start + DELETED_PAGES]
        bucket.delete(backend, [fragment_key(work, kind, page) for page in pages for kind in (IMAGES, ANNOTATIONS)])


class _File:
    """The file while it is written."""

    def __init__(self, backend: Backend, work: CheckpointWork, manifest: Manifest) -> None:
        self._backend = backend
        self._key = export_key(work.uid, work.checkpoint, ExportFormat.COCO, FILE)
        self._pieces = list(_pieces(backend, work, manifest))

    def go_on(self, task: ShardProgress) -> ShardProgress:
        """Begin the file, put its next part, or put it together; answers how far it is then."""
        if not task.cursor:
            return self._begun(task)
        progress = Progress.model_validate_json(task.cursor)
        if progress.piece < len(self._pieces):
            return self._with_part(task, progress)
        tags = dict(enumerate(progress.parts, 1))
        multipart.complete(self._backend, self._key, progress.upload, tags)
        found = bucket.find(self._backend, self._key)
        if found is None or found.size != progress.size:
            return self._begun(task)  # S3 has thrown the parts away, as it does after some days
        return replace(task, done=True, counted=progress.size)

    def _begun(self, task: ShardProgress) -> ShardProgress:
        upload = multipart.create_download(self._backend, self._key, media_type=ExportFormat.COCO.media_type)
        return replace(task, cursor=Progress(upload=upload).model_dump_json())

    def _with_part(self, task: ShardProgress, progress: Progress) -> ShardProgress:
        data, piece, offset = self._next_part(progress)
        tag = multipart.upload_part(self._backend, self._key, progress.upload, len(progress.parts) + 1, data)
        if tag is None:
            return self._begun(task)
        after = Progress(
            upload=progress.upload,
            parts=[*progress.parts, tag],
            piece=piece,
            offset=offset,
            size=progress.size + len(data),
        )
        return replace(task, cursor=after.model_dump_json(), pages=task.pages + 1)

    def _next_part(self, progress: Progress) -> tuple[bytes, int, int]:
        """The next part, and where the one after it begins."""
        data = bytearray()
        piece, offset = progress.piece, progress.offset
        while piece < len(self._pieces):
            for chunk in self._pieces[piece].read(self._backend, offset):
                taken = chunk[: PART_BYTES - len(data)]
                data += taken
                offset += len(taken)
                if len(data) == PART_BYTES:
                    is_end = piece == len(self._pieces) - 1 and offset == len(END)  # after which no part is to be empty
                    return (bytes(data), piece + 1, 0) if is_end else (bytes(data), piece, offset)
            piece, offset = piece + 1, 0
        return bytes(data), piece, offset


def _pieces(backend: Backend, work: CheckpointWork, manifest: Manifest) -> Iterator[_Piece]:
    """What the file consists of."""
    images = [page for page in manifest.pages if page.images]
    annotations = [page for page in manifest.pages if page.annotations]
    yield _Bytes(_beginning(backend, work, manifest) + b',"images":[\n')
    yield from _joined(fragment_key(work, IMAGES, page) for page in images)
    yield _Bytes(b'\n],"annotations":[\n')
    yield from _joined(fragment_key(work, ANNOTATIONS, page) for page in annotations)
    yield _Bytes(END)


def _joined(keys: Iterable[str]) -> Iterator[_Piece]:
    for position, key in enumerate(keys):
        if position:
            yield _Bytes(b",\n")
        yield _Stored(key)


def _beginning(backend: Backend, work: CheckpointWork, manifest: Manifest) -> bytes:
    """The file up to its images, without the brace that would end it: the same whenever it is asked for."""
    checkpoint = checkpoint_names.find(backend, work.uid, work.checkpoint)
    if checkpoint is None:
        raise LookupError(f"there is no checkpoint {work.checkpoint!r} of {work.uid}")
    class_map = checkpoint_names.class_map(backend, work.uid, work.checkpoint, work.project)
    classes = [(entry.id, entry.name) for entry in class_map.classes]
    head: dict[str, Any] = {
        "info": {
            "description": f"Checkpoint {checkpoint.name} of project {work.project}, version {checkpoint.version}",
            "date_created": checkpoint.created_at.isoformat(),
            "left_out": manifest.left_out,
        },
        "licenses": [],
        "categories": categories(classes, manifest.keypoints),
    }
    return canonical_json(head)[:-1]
