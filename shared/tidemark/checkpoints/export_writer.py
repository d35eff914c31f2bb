"""Writing an export of a checkpoint, page by page, from its manifest (R15)."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from tempfile import SpooledTemporaryFile
from typing import IO

from tidemark.aws import bucket
from tidemark.aws.backend import Backend
from tidemark.aws.shard_progress import ShardProgress
from tidemark.checkpoints import export_records, objects
from tidemark.checkpoints.coco import Numbering
from tidemark.checkpoints.coco_file import ANNOTATIONS, IMAGES, fragment_key
from tidemark.checkpoints.model import CheckpointWork, Manifest, ManifestPage, WrittenFiles
from tidemark.checkpoints.objects import export_key, page_name
from tidemark.checkpoints.pages import Payload, pieces
from tidemark.checkpoints.parquet import Writer, export_row, export_schema, manifest_frames
from tidemark.domain.canonical import canonical_json
from tidemark.domain.exports import Export, ExportFormat, WrittenFile
from tidemark.domain.limits import MAX_INFLATION_RATIO
from tidemark.versions import checkpoint_names

SPOOLED_BYTES = 32 * 1024 * 1024
"""Bytes of a file that are kept in memory; a longer one is on the function's disk until it is put."""
GZIP_LEVEL = 6
GZIP_WINDOW = 31
"""zlib's word for the largest window, within gzip's head and tail."""
MOST_PACKED = MAX_INFLATION_RATIO // 2
"""Text that is packed better is packed worse: an upload takes no more than twice that of a file, wherever in it one
looks."""
JSON_TYPE = objects.JSON_TYPE


class ExportWriter:
    """Writes the pages of one shard of an export. They are those of the manifest, which is ready."""

    def __init__(self, backend: Backend, work: CheckpointWork, form: ExportFormat, shard: int) -> None:
        self._backend = backend
        self._work = work
        self._form = form
        self._manifest = objects.manifest(backend, work)
        self._pages = self._manifest.of_shard(shard)

    def write(self, task: ShardProgress) -> ShardProgress:
        """Write the next page; answers how far the shard is then. A page that is written again is the same."""
        if task.pages == len(self._pages):
            return replace(task, done=True)
        page = self._pages[task.pages]
        if self._form is ExportFormat.COCO:
            self._write_coco(page)
        else:
            self._write_file(page, _write_parquet if self._form is ExportFormat.PARQUET else _write_jsonl)
        pages = task.pages + 1
        return replace(task, pages=pages, counted=task.counted + page.frames, done=pages == len(self._pages))

    def _write_file(
        self, page: ManifestPage, write: Callable[[IO[bytes], Manifest, Iterator[list[Payload]]], None]
    ) -> None:
        with SpooledTemporaryFile(SPOOLED_BYTES) as file:
            write(file, self._manifest, self._pieces(page))
            key = export_key(self._work.uid, self._work.checkpoint, self._form, file_name(self._form, page))
            objects.put_file(self._backend, key, file, self._form.media_type)

    def _write_coco(self, page: ManifestPage) -> None:
        """Write a page's share of the one file: its images, and its annotations, each with commas between them."""
        work = self._work
        class_map = checkpoint_names.class_map(self._backend, work.uid, work.checkpoint, work.project)
        categories = {entry.name: entry.id for entry in class_map.classes}
        before = self._manifest.before(page.shard, page.page)
        numbering = Numbering(*before, categories, self._manifest.keypoints)
        with SpooledTemporaryFile(SPOOLED_BYTES) as images, SpooledTemporaryFile(SPOOLED_BYTES) as annotations:
            for piece in self._pieces(page):
                for payload in piece:
                    for file, items in zip((images, annotations), numbering.number(payload.frame), strict=True):
                        for item in items:
                            file.write((b",\n" if file.tell() else b"") + canonical_json(item))
            for kind, file in ((IMAGES, images), (ANNOTATIONS, annotations)):
                objects.put_file(self._backend, fragment_key(work, kind, page), file, JSON_TYPE)

    def _pieces(self, page: ManifestPage) -> Iterator[list[Payload]]:
        key = objects.manifest_page_key(self._work, page.shard, page.page)
        return pieces(self._backend, manifest_frames(bucket.read(self._backend, key)))


def file_name(form: ExportFormat, page: ManifestPage) -> str:
    """The name of the file that a page is."""
    return f"frames-{page_name(page.shard, page.page)}.{form.suffix}"


def finish_files(backend: Backend, work: CheckpointWork, form: ExportFormat) -> None:
    """Note the files of an export whose pages are files of their own, and say that it is ready."""
    manifest = objects.manifest(backend, work)

    def written(page: ManifestPage) -> WrittenFile:
        name = file_name(form, page)
        found = bucket.find(backend, export_key(work.uid, work.checkpoint, form, name))
        if found is None:
            raise LookupError(f"{name} of the export was written and is gone")
        return WrittenFile(name=name, rows=page.frames, bytes=found.size)

    finish(backend, work, form, WrittenFiles(files=backend.parallel(written, manifest.pages)))


def finish(backend: Backend, work: CheckpointWork, form: ExportFormat, files: WrittenFiles) -> None:
    """Note the files of an export, and say that it is ready."""
    objects.write_files(backend, work, form, files)
    now = backend.clock()
    totals = {
        "files": len(files.files),
        "rows": sum(file.rows for file in files.files),
        "bytes": sum(file.bytes for file in files.files),
        "left_out": files.left_out,
    }
    export_records.edit(
        backend,
        work.uid,
        work.checkpoint,
        form,
        lambda before: existing(before).ready(now).model_copy(update=totals),
    )


def existing(export: Export | None) -> Export:
    """An export that is on record. Raises LookupError for none."""
    if export is None:
        raise LookupError("there is no record of the export")
    return export


def _write_parquet(file: IO[bytes], manifest: Manifest, found: Iterator[list[Payload]]) -> None:
    with Writer(file, export_schema(manifest.metadata_schema)) as writer:
        for piece in found:
            writer.write(export_row(payload.version, payload.frame) for payload in piece)


def _write_jsonl(file: IO[bytes], _: Manifest, found: Iterator[list[Payload]]) -> None:
    for piece in found:
        file.write(_packed(b"".join(b'{"frame":' + payload.text + b',"op":"ADD"}\n' for payload in piece)))
    if not file.tell():
        file.write(_packed(b""))


def _packed(text: bytes) -> bytes:
    """A text in gzip, so that an upload takes it however often it repeats itself. Several follow each other in a file.

    They have no time of writing in their heads, so that what is written again is the same.
    """
    packed = gzip.compress(text, GZIP_LEVEL, mtime=0)
    if len(text) <= len(packed) * MOST_PACKED:
        return packed
    letter_by_letter = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
    return letter_by_letter.compress(text) + letter_by_letter.flush()
