"""Writes a checkpoint's manifest, which lists its frames and where their payloads are, and its statistics (R15)."""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from tidemark.aws import shard_progress
from tidemark.aws.backend import Backend
from tidemark.aws.shard_progress import ShardProgress
from tidemark.checkpoints import objects
from tidemark.checkpoints.coco import CocoCounts, CocoTally
from tidemark.checkpoints.frame_pages import checkpoint_version, next_page, read_batches
from tidemark.checkpoints.model import CheckpointWork, Manifest, ManifestPage
from tidemark.checkpoints.parquet import RowWriter, manifest_row, manifest_schema
from tidemark.domain.frames.schema import Schema
from tidemark.domain.statistics import Statistics, Tally
from tidemark.domain.versions import Version
from tidemark.shards.frame_versions import FrameVersion
from tidemark.versions import checkpoint_names

MAX_SUMMARIES_READ = 64
"""Most page summaries read at a time, in parallel, so that memory does not grow with the checkpoint."""


class PageSummary(BaseModel):
    """Statistics and COCO counts of the frames on a page."""

    model_config = ConfigDict(frozen=True)

    statistics: Statistics
    coco: CocoCounts


class ManifestWriter:
    """Writes one shard's pages of a manifest."""

    def __init__(self, backend: Backend, work: CheckpointWork, shard: int) -> None:
        self._backend = backend
        self._work = work
        self._shard = shard
        self._state = checkpoint_version(backend, work).shards[shard]
        self._schema = checkpoint_names.schema(backend, work.uid, work.checkpoint)

    def write(self, task: ShardProgress) -> ShardProgress:
        """Writes the shard's next page, and returns the new progress. Writing a page again writes the same bytes.

        The first shard has a page even if it has no frames, so that every manifest has at least one page.
        """
        frames = next_page(self._backend, self._work.uid, self._shard, self._state, task.cursor, task.counted)
        has_page = bool(frames) or (self._shard == 0 and not task.pages)
        if has_page:
            self._write(task.pages, frames)
        counted = task.counted + len(frames)
        return replace(
            task,
            cursor=frames[-1].frame_id if frames else task.cursor,
            pages=task.pages + has_page,
            counted=counted,
            done=counted == self._state.frames,
        )

    def _write(self, page: int, frames: list[FrameVersion]) -> None:
        tally, coco = Tally(self._schema), CocoTally()
        with objects.spooled_file() as file:
            with RowWriter(file, manifest_schema(self._schema)) as writer:
                for batch in read_batches(self._backend, frames):
                    parsed = [(payload.version, payload.frame) for payload in batch]
                    writer.write(manifest_row(version, frame) for version, frame in parsed)
                    for version, frame in parsed:
                        tally.add(frame, version.classes)
                        coco.add(frame)
            key = objects.manifest_page_key(self._work, self._shard, page)
            objects.write_file(self._backend, key, file, objects.PARQUET_TYPE)
        summary = PageSummary(statistics=tally.result(), coco=coco.result())
        key = objects.summary_key(self._work, self._shard, page)
        objects.write_model(self._backend, key, summary)


def finish_manifest(backend: Backend, work: CheckpointWork) -> None:
    """Adds up the page summaries, writes the manifest and the statistics, and marks the checkpoint as ready.

    Raises LookupError if the frames or labels counted differ in number from the version's.
    """
    version = checkpoint_version(backend, work)
    schema = checkpoint_names.schema(backend, work.uid, work.checkpoint)
    manifest, statistics = _add_up_pages(backend, work, version, schema)
    if (statistics.frames, statistics.labels) != (version.frames, version.labels):
        raise LookupError(f"the manifest of {work.checkpoint!r} of {work.uid} has other counts than its version")
    objects.write_manifest(backend, work, manifest, statistics)
    now = backend.clock()
    checkpoint_names.edit(backend, work.uid, work.checkpoint, lambda before: before.ready(now))


def _add_up_pages(
    backend: Backend, work: CheckpointWork, version: Version, schema: Schema
) -> tuple[Manifest, Statistics]:
    tasks = shard_progress.find_all(backend, work.uid, work.name, len(version.shards))
    numbers = [(task.shard, page) for task in tasks for page in range(task.pages)]
    tally, coco = Tally(schema), CocoTally()
    pages: list[ManifestPage] = []

    def read(number: tuple[int, int]) -> PageSummary:
        return objects.read_model(backend, objects.summary_key(work, *number), PageSummary)

    for start in range(0, len(numbers), MAX_SUMMARIES_READ):
        batch = numbers[start : start + MAX_SUMMARIES_READ]
        for (shard, page), summary in zip(batch, backend.parallel(read, batch), strict=True):
            tally.merge(summary.statistics)
            coco.merge(summary.coco)
            pages.append(_manifest_page(shard, page, summary))
    counts = coco.result()
    manifest = Manifest(
        version=version.number,
        metadata_schema=schema,
        pages=pages,
        keypoints=counts.keypoints or {},
        left_out=counts.left_out,
    )
    return manifest, tally.result()


def _manifest_page(shard: int, page: int, summary: PageSummary) -> ManifestPage:
    return ManifestPage(
        shard=shard,
        page=page,
        frames=summary.statistics.frames,
        images=summary.coco.images,
        annotations=summary.coco.annotations,
    )
