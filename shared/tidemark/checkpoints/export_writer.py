"""Writes an export of a checkpoint, page by page, from the checkpoint's manifest (R15)."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import IO

from tidemark.aws import bucket
from tidemark.aws.backend import Backend
from tidemark.aws.shard_progress import ShardProgress
from tidemark.checkpoints import export_records, objects
from tidemark.checkpoints.coco import Numbering
from tidemark.checkpoints.coco_file import ANNOTATIONS, IMAGES, fragment_key
from tidemark.checkpoints.frame_pages import FramePayload, read_batches
from tidemark.checkpoints.model import CheckpointWork, Manifest, ManifestPage, WrittenFiles
from tidemark.checkpoints.objects import export_key, page_name
from tidemark.checkpoints.parquet import RowWriter, export_row, export_schema, manifest_frames
from tidemark.domain.canonical import canonical_json
from tidemark.domain.exports import ExportFormat, WrittenFile
from tidemark.domain.limits import MAX_INFLATION_RATIO
from tidemark.versions import checkpoint_names

GZIP_LEVEL = 6
GZIP_WINDOW = 31
"""zlib's `wbits` for the largest window, with a gzip header and trailer."""
MAX_COMPRESSION_RATIO = MAX_INFLATION_RATIO // 2
"""Highest compression ratio of exported text. It is half of the ratio that uploads accept, so that an exported file can
be uploaded again. Text that compresses better is compressed by a weaker method instead."""


class ExportWriter:
    """Writes one shard's pages of an export. The export has the same pages as the manifest, which must be ready."""

    def __init__(self, backend: Backend, work: CheckpointWork, form: ExportFormat, shard: int) -> None:
        self._backend = backend
        self._work = work
        self._form = form
        self._manifest = objects.manifest(backend, work)
        self._pages = self._manifest.pages_of(shard)

    def write(self, task: ShardProgress) -> ShardProgress:
        """Writes the shard's next page, and returns the new progress. Writing a page again writes the same bytes."""
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
        self, page: ManifestPage, write: Callable[[IO[bytes], Manifest, Iterator[list[FramePayload]]], None]
    ) -> None:
        with objects.spooled_file() as file:
            write(file, self._manifest, self._batches(page))
            key = export_key(self._work.uid, self._work.checkpoint, self._form, file_name(self._form, page))
            objects.write_file(self._backend, key, file, self._form.media_type)

    def _write_coco(self, page: ManifestPage) -> None:
        """Writes a page's two fragments of the COCO file: a comma-separated list of images, and one of annotations."""
        work = self._work
        class_map = checkpoint_names.class_map(self._backend, work.uid, work.checkpoint, work.project)
        categories = {entry.name: entry.id for entry in class_map.classes}
        before = self._manifest.counts_before(page.shard, page.page)
        numbering = Numbering(*before, categories, self._manifest.keypoints)
        with objects.spooled_file() as images, objects.spooled_file() as annotations:
            for batch in self._batches(page):
                for payload in batch:
                    for file, items in zip((images, annotations), numbering.number(payload.frame), strict=True):
                        for item in items:
                            file.write((b",\n" if file.tell() else b"") + canonical_json(item))
            for kind, file in ((IMAGES, images), (ANNOTATIONS, annotations)):
                objects.write_file(self._backend, fragment_key(work, kind, page), file, objects.JSON_TYPE)

    def _batches(self, page: ManifestPage) -> Iterator[list[FramePayload]]:
        key = objects.manifest_page_key(self._work, page.shard, page.page)
        return read_batches(self._backend, manifest_frames(bucket.read(self._backend, key)))


def file_name(form: ExportFormat, page: ManifestPage) -> str:
    """Returns the name of the file that holds a page of an export."""
    return f"frames-{page_name(page.shard, page.page)}.{form.suffix}"


def finish_page_files(backend: Backend, work: CheckpointWork, form: ExportFormat) -> None:
    """Stores the file list of an export that has one file per page, and marks the export as ready."""
    manifest = objects.manifest(backend, work)

    def written(page: ManifestPage) -> WrittenFile:
        name = file_name(form, page)
        file = bucket.find(backend, export_key(work.uid, work.checkpoint, form, name))
        if file is None:
            raise LookupError(f"file {name} of the export was written, but no longer exists")
        return WrittenFile(name=name, rows=page.frames, bytes=file.size)

    record_files(backend, work, form, WrittenFiles(files=backend.parallel(written, manifest.pages)))


def record_files(backend: Backend, work: CheckpointWork, form: ExportFormat, files: WrittenFiles) -> None:
    """Stores an export's file list, and marks the export as ready."""
    objects.write_file_list(backend, work, form, files)
    now = backend.clock()
    totals = {
        "files": len(files.files),
        "rows": sum(file.rows for file in files.files),
        "bytes": sum(file.bytes for file in files.files),
        "left_out": files.left_out,
    }
    export_records.edit_existing(
        backend,
        work.uid,
        work.checkpoint,
        form,
        lambda before: before.ready(now).model_copy(update=totals),
    )


def _write_parquet(file: IO[bytes], manifest: Manifest, batches: Iterator[list[FramePayload]]) -> None:
    with RowWriter(file, export_schema(manifest.metadata_schema)) as writer:
        for batch in batches:
            writer.write(export_row(payload.version, payload.frame) for payload in batch)


def _write_jsonl(file: IO[bytes], _: Manifest, batches: Iterator[list[FramePayload]]) -> None:
    for batch in batches:
        file.write(_gzipped(b"".join(b'{"frame":' + payload.text + b',"op":"ADD"}\n' for payload in batch)))
    if not file.tell():
        file.write(_gzipped(b""))


def _gzipped(text: bytes) -> bytes:
    """Compresses a text to a gzip member; a file has several. Uploads accept it, however repetitive the text is.

    The gzip header has no time, so that writing a page again writes the same bytes.
    """
    compressed = gzip.compress(text, GZIP_LEVEL, mtime=0)
    if len(text) <= len(compressed) * MAX_COMPRESSION_RATIO:
        return compressed
    without_matches = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
    return without_matches.compress(text) + without_matches.flush()
