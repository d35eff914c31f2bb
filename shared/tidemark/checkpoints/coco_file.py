"""Writes a checkpoint's COCO file: one file, joined from the fragments of all pages (R15).

The file is written to S3 by a multipart upload. Progress is stored after each part, so that if a call runs out of time
or fails, the next call continues after the last part.
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
from tidemark.checkpoints.frame_pages import checkpoint_version
from tidemark.checkpoints.model import CheckpointWork, Manifest, ManifestPage, WrittenFiles
from tidemark.checkpoints.objects import export_key, page_name
from tidemark.domain.canonical import canonical_json
from tidemark.domain.exports import ExportFormat, WrittenFile
from tidemark.versions import checkpoint_names

FILE_NAME = "coco.json"
IMAGES, ANNOTATIONS = "images", "annotations"
END = b"\n]}\n"
"""Last bytes of the COCO file."""
MAX_DELETED_PAGES = 500
"""Most pages whose fragments one request deletes. A page has two fragments, and S3 deletes at most a thousand objects
per request."""
PART_BYTES = 32 * 1024 * 1024
"""Bytes of each part but the last. A part is held in memory while it is uploaded. With S3's limit of 10,000 parts, the
file can have 320 GB."""


class Progress(BaseModel):
    """Progress of the COCO file's multipart upload, stored as the cursor of a ShardProgress."""

    model_config = ConfigDict(frozen=True)

    upload: str
    """S3's id of the multipart upload."""
    parts: list[str] = []
    """Entity tags of the uploaded parts, in order."""
    piece: int = 0
    """Index of the section in which the next part begins."""
    offset: int = 0
    """Offset in bytes in that section at which the next part begins."""
    size: int = 0
    """Total size of the uploaded parts in bytes."""


def finish_coco(backend: Backend, work: CheckpointWork, has_time: Callable[[], bool]) -> WrittenFiles | None:
    """Uploads parts of the COCO file while `has_time` returns True, at least one. Returns the export's files once the
    COCO file is complete; None if another call must continue."""
    manifest = objects.manifest(backend, work)
    # The file's progress is stored as if the file were one more shard, numbered after the last.
    file_task = len(checkpoint_version(backend, work).shards)
    file = _File(backend, work, manifest)
    while True:
        task = shard_progress.find(backend, work.uid, work.name, file_task)
        if task.done:
            images = sum(page.images for page in manifest.pages)
            written = WrittenFile(name=FILE_NAME, rows=images, bytes=task.counted)
            return WrittenFiles(files=[written], left_out=manifest.left_out)
        # If another invocation was faster, it has uploaded the same part, and this invocation continues after that.
        with suppress(table.ConditionFailed):
            shard_progress.advance(backend, task, file.advance(task))
        if not has_time():
            return None


def fragment_key(work: CheckpointWork, kind: str, page: ManifestPage) -> str:
    """Returns the S3 key of a page's fragment of the COCO file. `kind` is `IMAGES` or `ANNOTATIONS`."""
    name = f"fragments/{page_name(page.shard, page.page)}.{kind}.json"
    return export_key(work.uid, work.checkpoint, ExportFormat.COCO, name)


def remove_fragments(backend: Backend, work: CheckpointWork) -> None:
    """Deletes the fragments of all pages. Call this only after the COCO file is complete."""
    manifest = objects.manifest(backend, work)
    for start in range(0, len(manifest.pages), MAX_DELETED_PAGES):
        pages = manifest.pages[start : start + MAX_DELETED_PAGES]
        bucket.delete(backend, [fragment_key(work, kind, page) for page in pages for kind in (IMAGES, ANNOTATIONS)])


class _Literal(NamedTuple):
    """A section of the file whose bytes are in memory, not in an S3 object."""

    data: bytes

    def read(self, _: Backend, first: int) -> Iterator[bytes]:
        yield self.data[first:]


class _Fragment(NamedTuple):
    """A section of the file whose bytes are the content of an S3 object: a page's fragment."""

    key: str

    def read(self, backend: Backend, first: int) -> Iterator[bytes]:
        return bucket.stream(backend, bucket.Object(key=self.key), first)


_Section = _Literal | _Fragment


class _File:
    """The COCO file while it is being uploaded."""

    def __init__(self, backend: Backend, work: CheckpointWork, manifest: Manifest) -> None:
        self._backend = backend
        self._key = export_key(work.uid, work.checkpoint, ExportFormat.COCO, FILE_NAME)
        self._sections = list(_sections(backend, work, manifest))

    def advance(self, task: ShardProgress) -> ShardProgress:
        """Takes the next step: starts the multipart upload, uploads a part, or completes the upload. Returns the new
        progress."""
        if not task.cursor:
            return self._restarted(task)
        progress = Progress.model_validate_json(task.cursor)
        if progress.piece < len(self._sections):
            return self._with_part(task, progress)
        tags = dict(enumerate(progress.parts, 1))
        multipart.complete(self._backend, self._key, progress.upload, tags)
        file = bucket.find(self._backend, self._key)
        if file is None or file.size != progress.size:
            return self._restarted(task)  # S3 has deleted the parts, as it does after some days
        return replace(task, done=True, counted=progress.size)

    def _restarted(self, task: ShardProgress) -> ShardProgress:
        upload = multipart.create_download(self._backend, self._key, media_type=ExportFormat.COCO.media_type)
        return replace(task, cursor=Progress(upload=upload).model_dump_json())

    def _with_part(self, task: ShardProgress, progress: Progress) -> ShardProgress:
        data, section, offset = self._next_part(progress)
        tag = multipart.upload_part(self._backend, self._key, progress.upload, len(progress.parts) + 1, data)
        if tag is None:
            return self._restarted(task)
        after = Progress(
            upload=progress.upload,
            parts=[*progress.parts, tag],
            piece=section,
            offset=offset,
            size=progress.size + len(data),
        )
        return replace(task, cursor=after.model_dump_json(), pages=task.pages + 1)

    def _next_part(self, progress: Progress) -> tuple[bytes, int, int]:
        """Returns the bytes of the next part, and the section index and offset at which the following part begins."""
        data = bytearray()
        section, offset = progress.piece, progress.offset
        while section < len(self._sections):
            for chunk in self._sections[section].read(self._backend, offset):
                taken = chunk[: PART_BYTES - len(data)]
                data += taken
                offset += len(taken)
                if len(data) == PART_BYTES:
                    # At the end of the file, no empty part may follow.
                    is_end = section == len(self._sections) - 1 and offset == len(END)
                    return (bytes(data), section + 1, 0) if is_end else (bytes(data), section, offset)
            section, offset = section + 1, 0
        return bytes(data), section, offset


def _sections(backend: Backend, work: CheckpointWork, manifest: Manifest) -> Iterator[_Section]:
    """Yields the sections of the COCO file, in order."""
    images = [page for page in manifest.pages if page.images]
    annotations = [page for page in manifest.pages if page.annotations]
    yield _Literal(_head(backend, work, manifest) + b',"images":[\n')
    yield from _comma_separated(fragment_key(work, IMAGES, page) for page in images)
    yield _Literal(b'\n],"annotations":[\n')
    yield from _comma_separated(fragment_key(work, ANNOTATIONS, page) for page in annotations)
    yield _Literal(END)


def _comma_separated(keys: Iterable[str]) -> Iterator[_Section]:
    for position, key in enumerate(keys):
        if position:
            yield _Literal(b",\n")
        yield _Fragment(key)


def _head(backend: Backend, work: CheckpointWork, manifest: Manifest) -> bytes:
    """Returns the start of the file: a JSON object with all fields before `images`, without its closing brace.

    Every call returns the same bytes.
    """
    checkpoint = checkpoint_names.find(backend, work.uid, work.checkpoint)
    if checkpoint is None:
        raise LookupError(f"checkpoint {work.checkpoint!r} of {work.uid} does not exist")
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
