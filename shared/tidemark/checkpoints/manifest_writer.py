"""Writing the manifest of a checkpoint: which frames it holds and where they lie, and its statistics (R15)."""

from dataclasses import replace
from tempfile import SpooledTemporaryFile

from pydantic import BaseModel, ConfigDict

from tidemark.aws import shard_progress
from tidemark.aws.backend import Backend
from tidemark.aws.shard_progress import ShardProgress
from tidemark.checkpoints import objects
from tidemark.checkpoints.coco import CocoCounts, CocoTally
from tidemark.checkpoints.model import CheckpointWork, Manifest, ManifestPage
from tidemark.checkpoints.pages import next_page, pieces, version_of
from tidemark.checkpoints.parquet import Writer, manifest_row, manifest_schema
from tidemark.domain.frames.schema import Schema
from tidemark.domain.statistics import Statistics, Tally
from tidemark.domain.versions import Version
from tidemark.shards.frame_versions import FrameVersion
from tidemark.versions import checkpoint_names

SPOOLED_BYTES = 32 * 1024 * 1024
"""Bytes of a file that are kept in memory; a longer one is on the function's disk until it is put."""
AT_ONCE = 64
"""Summaries of pages that are in memory at once."""


class PageSummary(BaseModel):
    """What the frames of a page add up to."""

    model_config = ConfigDict(frozen=True)

    statistics: Statistics
    coco: CocoCounts


class ManifestWriter:
    """Writes the manifest's pages of one shard."""

    def __init__(self, backend: Backend, work: CheckpointWork, shard: int) -> None:
        self._backend = backend
        self._work = work
        self._shard = shard
        self._state = version_of(backend, work).shards[shard]
        self._schema = checkpoint_names.schema(backend, work.uid, work.checkpoint)

    def write(self, task: ShardProgress) -> ShardProgress:
        """Write the next page; answers how far the shard is then. A page that is written again is the same.

        The first shard has a page even if no frame is in it, so that every checkpoint has one.
        """
        found = next_page(self._backend, self._work.uid, self._shard, self._state, task.cursor, task.counted)
        is_page = bool(found) or (self._shard == 0 and not task.pages)
        if is_page:
            self._write(task.pages, found)
        counted = task.counted + len(found)
        return replace(
            task,
            cursor=found[-1].frame_id if found else task.cursor,
            pages=task.pages + is_page,
            counted=counted,
            done=counted == self._state.frames,
        )

    def _write(self, page: int, found: list[FrameVersion]) -> None:
        tally, coco = Tally(self._schema), CocoTally()
        with SpooledTemporaryFile(SPOOLED_BYTES) as file:
            with Writer(file, manifest_schema(self._schema)) as writer:
                for piece in pieces(self._backend, found):
                    frames = [(payload.version, payload.frame) for payload in piece]
                    writer.write(manifest_row(version, frame) for version, frame in frames)
                    for version, frame in frames:
                        tally.add(frame, version.classes)
                        coco.add(frame)
            key = objects.manifest_page_key(self._work, self._shard, page)
            objects.put_file(self._backend, key, file, objects.PARQUET_TYPE)
        summary = PageSummary(statistics=tally.result(), coco=coco.result())
        key = objects.summary_key(self._work, self._shard, page)
        objects.put_model(self._backend, key, summary)


def finish_manifest(backend: Backend, work: CheckpointWork) -> None:
    """Add up what the pages hold, and say that the checkpoint is ready."""
    version = version_of(backend, work)
    schema = checkpoint_names.schema(backend, work.uid, work.checkpoint)
    manifest, statistics = _added_up(backend, work, version, schema)
    if (statistics.frames, statistics.labels) != (version.frames, version.labels):
        raise LookupError(f"the manifest of {work.checkpoint!r} of {work.uid} does not hold what its version does")
    objects.put_manifest(backend, work, manifest, statistics)
    now = backend.clock()
    checkpoint_names.edit(backend, work.uid, work.checkpoint, lambda before: before.ready(now))


def _added_up(backend: Backend, work: CheckpointWork, version: Version, schema: Schema) -> tuple[Manifest, Statistics]:
    tasks = shard_progress.find_all(backend, work.uid, work.name, len(version.shards))
    numbers = [(task.shard, page) for task in tasks for page in range(task.pages)]
    tally, coco = Tally(schema), CocoTally()
    pages: list[ManifestPage] = []

    def read(number: tuple[int, int]) -> PageSummary:
        return objects.read_model(backend, objects.summary_key(work, *number), PageSummary)

    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        for (shard, page), summary in zip(some, backend.parallel(read, some), strict=True):
            tally.merge(summary.statistics)
            coco.merge(summary.coco)
            pages.append(_page(shard, page, summary))
    counts = coco.result()
    known = counts.keypoints
    manifest = Manifest(
        version=version.number, metadata_schema=schema, pages=pages, keypoints=known or {}, left_out=counts.left_out
    )
    return manifest, tally.result()


def _page(shard: int, page: int, summary: PageSummary) -> ManifestPage:
    return ManifestPage(
        shard=shard,
        page=page,
        frames=summary.statistics.frames,
        images=summary.coco.images,
        annotations=summary.coco.annotations,
    )
