"""Checkpoints: versions frozen under a name, with a description and metadata (R12, R13).

A workflow writes their manifests and statistics (R15).
"""

from collections.abc import Callable

from tidemark.aws import workflows
from tidemark.aws.backend import Backend
from tidemark.aws.workflows import Workflow
from tidemark.catalog import dataset_records
from tidemark.checkpoints import objects
from tidemark.checkpoints.model import CheckpointWork
from tidemark.domain.checkpoints import Checkpoint, CheckpointPatch, check_size
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict, NotFound
from tidemark.domain.exports import ExportFormat
from tidemark.domain.frames.fields import Scalar
from tidemark.domain.limits import MAX_CHECKPOINTS_EXAMINED, MAX_PAGE_BYTES
from tidemark.domain.pages import Archived, Page, decode_cursor, encode_cursor
from tidemark.domain.statistics import Statistics
from tidemark.domain.versions import Version
from tidemark.domain.workflows import Artifact, ArtifactStatus
from tidemark.versions import checkpoint_names
from tidemark.versions.resolve import resolve


def create_checkpoint(
    backend: Backend,
    *,
    project: str,
    dataset: str,
    name: str,
    version: str,
    description: str,
    metadata: dict[str, Scalar],
    actor: str,
    request: str | None = None,
) -> Checkpoint:
    """Freezes a version under a name (R12), and starts writing the checkpoint's manifest (R15).

    `version` is resolved once, now, so that the checkpoint stays on that version. The checkpoint can be read before its
    manifest is ready. A repeat with the same `request` id returns the checkpoint first created, whatever has been
    published since. If a failure prevents the writing from starting, a repeat or `retry_checkpoint` starts it.

    Raises what `resolve` raises. Raises Conflict if the name is taken or the dataset has no version to freeze, and
    TooLarge for metadata beyond the limit.
    """
    check_size(metadata)
    record = dataset_records.get(backend, project, dataset)
    at = _version_to_freeze(backend, record, version)
    now = backend.clock()
    checkpoint = Checkpoint(
        name=name,
        version=at.number,
        frames=at.frames,
        labels=at.labels,
        description=description,
        metadata=metadata,
        created_at=now,
        created_by=actor,
    ).begun(now)
    created = checkpoint_names.create(backend, record.uid, checkpoint, request)
    if created is None:
        raise Conflict(
            f"Dataset {dataset!r} already has a checkpoint {name!r}; archived checkpoints keep their names.",
            code="checkpoint_exists",
            pointer="/name",
        )
    start_writing(backend, record, name, created)
    return created


def retry_checkpoint(backend: Backend, *, project: str, dataset: str, checkpoint: str) -> Checkpoint:
    """Starts writing a checkpoint's manifest again, if the last attempt failed, was abandoned, or never started.

    Changes nothing if an attempt is in progress or the manifest is ready. Raises NotFound.
    """
    record = dataset_records.get(backend, project, dataset)
    now = backend.clock()
    begun = _existing(
        record, checkpoint, checkpoint_names.edit(backend, record.uid, checkpoint, lambda before: before.begun(now))
    )
    start_writing(backend, record, checkpoint, begun)
    return begun


def start_writing(
    backend: Backend, dataset: Dataset, checkpoint: str, artifact: Artifact, form: ExportFormat | None = None
) -> None:
    """Starts the workflow for the current attempt at writing an artifact: the checkpoint's manifest, or with `form` its
    export in that format.

    Does nothing if the attempt's workflow has already started, or if the artifact's status is not WRITING.
    """
    if artifact.status is ArtifactStatus.WRITING:
        work = CheckpointWork(
            uid=dataset.uid, project=dataset.project, checkpoint=checkpoint, format=form, attempt=artifact.attempt
        )
        workflows.start(backend, Workflow.CHECKPOINT, work, dataset.shards, name=work.execution)


def get_statistics(backend: Backend, *, project: str, dataset: str, checkpoint: str) -> Statistics:
    """Returns the statistics of a checkpoint's frames (R15). Raises NotFound, and Conflict before they are ready."""
    record = dataset_records.get(backend, project, dataset)
    check_is_ready(find_checkpoint(backend, record, checkpoint))
    return objects.statistics(backend, record.uid, checkpoint)


def check_is_ready(checkpoint: Checkpoint) -> None:
    """Raises Conflict if the manifest of a checkpoint is not ready."""
    if checkpoint.status is ArtifactStatus.WRITING:
        raise Conflict(
            f"The manifest of checkpoint {checkpoint.name!r} is being written; try again when its status is READY.",
            code="checkpoint_not_ready",
            pointer="checkpoint",
        )
    if checkpoint.status is ArtifactStatus.FAILED:
        raise Conflict(
            f"The manifest of checkpoint {checkpoint.name!r} could not be written ({checkpoint.reason}); retry it.",
            code="checkpoint_not_ready",
            pointer="checkpoint",
        )


def get_checkpoint(backend: Backend, *, project: str, dataset: str, checkpoint: str) -> Checkpoint:
    """Returns a checkpoint, archived or not. Raises NotFound."""
    return find_checkpoint(backend, dataset_records.get(backend, project, dataset), checkpoint)


def find_checkpoint(backend: Backend, dataset: Dataset, name: str) -> Checkpoint:
    """Returns a checkpoint of a dataset, archived or not. Raises NotFound."""
    return _existing(dataset, name, checkpoint_names.find(backend, dataset.uid, name))


def list_checkpoints(
    backend: Backend, *, project: str, dataset: str, archived: Archived, limit: int, cursor: str | None
) -> Page[Checkpoint]:
    """Returns a page of a dataset's checkpoints, newest first. `archived` selects active checkpoints, archived or both.

    Examines at most `MAX_CHECKPOINTS_EXAMINED` checkpoints, so a page may be short or empty although more pages follow.
    Raises NotFound.
    """
    uid = dataset_records.get(backend, project, dataset).uid
    scope = f"checkpoints:{uid}:{archived}"
    after = str(decode_cursor(scope, cursor, str)[0]) if cursor else None
    items: list[Checkpoint] = []
    size = 0
    for examined, checkpoint in enumerate(checkpoint_names.newest(backend, uid, after, at_once=limit), 1):
        if archived.takes(checkpoint.archived_at):
            items.append(checkpoint)
            size += len(checkpoint.model_dump_json().encode())
        if len(items) == limit or size >= MAX_PAGE_BYTES or examined == MAX_CHECKPOINTS_EXAMINED:
            return Page(items=items, cursor=encode_cursor(scope, checkpoint_names.sort_key(checkpoint)))
    return Page(items=items, cursor=None)


def edit_checkpoint(
    backend: Backend, *, project: str, dataset: str, checkpoint: str, patch: CheckpointPatch
) -> Checkpoint:
    """Changes a checkpoint's description and metadata (R13).

    Raises NotFound, and TooLarge for metadata beyond the limit.
    """
    return _edit(backend, project, dataset, checkpoint, patch.apply)


def archive_checkpoint(backend: Backend, *, project: str, dataset: str, checkpoint: str, actor: str) -> Checkpoint:
    """Archives a checkpoint: it is no longer listed, but can still be read by name (R13). Raises NotFound."""
    now = backend.clock()
    return _edit(backend, project, dataset, checkpoint, lambda before: before.archived(now, actor))


def unarchive_checkpoint(backend: Backend, *, project: str, dataset: str, checkpoint: str) -> Checkpoint:
    """Restores an archived checkpoint, so that it is listed again. Raises NotFound."""
    return _edit(backend, project, dataset, checkpoint, Checkpoint.unarchived)


def _version_to_freeze(backend: Backend, dataset: Dataset, version: str) -> Version:
    """Resolves the version to freeze. Raises Conflict for version 0, the empty one, which nobody freezes on purpose."""
    at = resolve(backend, dataset, version, named_by="/version")
    if at.number == 0:
        raise Conflict(
            f"Nothing had settled in dataset {dataset.name!r} by then, so there is no version to freeze; wait until "
            "an upload has settled. The empty beginning can be read as version 0.",
            code="nothing_to_freeze",
            pointer="/version",
        )
    return at


def _edit(
    backend: Backend, project: str, dataset: str, name: str, change: Callable[[Checkpoint], Checkpoint]
) -> Checkpoint:
    record = dataset_records.get(backend, project, dataset)
    return _existing(record, name, checkpoint_names.edit(backend, record.uid, name, change))


def _existing(dataset: Dataset, name: str, checkpoint: Checkpoint | None) -> Checkpoint:
    if checkpoint is None:
        raise NotFound(
            f"Dataset {dataset.name!r} has no checkpoint {name!r}.", code="unknown_checkpoint", pointer="checkpoint"
        )
    return checkpoint
