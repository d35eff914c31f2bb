"""Checkpoints: freezing versions under names, and keeping what people say about them (R12, R13); their manifests and
statistics, which a workflow writes (R15)."""

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
from tidemark.domain.frames.fields import Scalar
from tidemark.domain.limits import MAX_CHECKPOINTS_EXAMINED, MAX_PAGE_BYTES
from tidemark.domain.pages import Archived, Page, decode_cursor, encode_cursor
from tidemark.domain.statistics import Statistics
from tidemark.domain.versions import Version
from tidemark.domain.workflows import ArtifactStatus
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
    """Give the version that `version` names now a name, for good (R12), and let its manifest be written (R15). A repeat
    of the same `request` gets what it made the first time, whatever was published meanwhile.

    Reads by the name wait for no manifest. Where this dies before the writing has begun, the repeat begins it, or
    `retry_checkpoint`.

    Raises what `resolve` raises, Conflict where the name is taken or the dataset has no version to freeze, and TooLarge
    for the metadata.
    """
    check_size(metadata)
    found = dataset_records.get(backend, project, dataset)
    at = _version_to_freeze(backend, found, version)
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
    created = checkpoint_names.create(backend, found.uid, checkpoint, request)
    if created is None:
        raise Conflict(
            f"There is a checkpoint {name!r} of dataset {dataset!r} already; an archived one keeps its name, too.",
            code="checkpoint_exists",
            pointer="/name",
        )
    _start_writing(backend, found, created)
    return created


def retry_checkpoint(backend: Backend, *, project: str, dataset: str, checkpoint: str) -> Checkpoint:
    """Write the manifest of a checkpoint where that failed, or never began, or began long ago and told of no end.

    It may be repeated: what is under way is not begun again, and what is ready stays. Raises NotFound.
    """
    found = dataset_records.get(backend, project, dataset)
    now = backend.clock()
    begun = _existing(
        found, checkpoint, checkpoint_names.edit(backend, found.uid, checkpoint, lambda before: before.begun(now))
    )
    _start_writing(backend, found, begun)
    return begun


def get_statistics(backend: Backend, *, project: str, dataset: str, checkpoint: str) -> Statistics:
    """What the frames of a checkpoint hold, counted (R15). Raises NotFound, and Conflict before they are counted."""
    found = dataset_records.get(backend, project, dataset)
    check_is_ready(find_checkpoint(backend, found, checkpoint))
    return objects.statistics(backend, found.uid, checkpoint)


def check_is_ready(checkpoint: Checkpoint) -> None:
    """Raise Conflict for a checkpoint whose manifest is not written."""
    if checkpoint.status is ArtifactStatus.WRITING:
        raise Conflict(
            f"The manifest of checkpoint {checkpoint.name!r} is being written; ask again when its status is READY.",
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
    """A checkpoint, archived or not. Raises NotFound."""
    return find_checkpoint(backend, dataset_records.get(backend, project, dataset), checkpoint)


def find_checkpoint(backend: Backend, dataset: Dataset, name: str) -> Checkpoint:
    """A checkpoint of a dataset, archived or not. Raises NotFound."""
    return _existing(dataset, name, checkpoint_names.find(backend, dataset.uid, name))


def list_checkpoints(
    backend: Backend, *, project: str, dataset: str, archived: Archived, limit: int, cursor: str | None
) -> Page[Checkpoint]:
    """The checkpoints of a dataset that are wanted, newest first.

    No more than `MAX_CHECKPOINTS_EXAMINED` are looked at for a page, so that one on which few are wanted may be short,
    or empty: the list goes on as long as there is a cursor. Raises NotFound.
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
    """Change a checkpoint's description and metadata (R13). Raises NotFound, and TooLarge for the metadata."""
    return _edit(backend, project, dataset, checkpoint, patch.apply)


def archive_checkpoint(backend: Backend, *, project: str, dataset: str, checkpoint: str, actor: str) -> Checkpoint:
    """Take a checkpoint out of the list; it reads as before (R13). Raises NotFound."""
    now = backend.clock()
    return _edit(backend, project, dataset, checkpoint, lambda before: before.archived(now, actor))


def unarchive_checkpoint(backend: Backend, *, project: str, dataset: str, checkpoint: str) -> Checkpoint:
    """Put an archived checkpoint back into the list. Raises NotFound."""
    return _edit(backend, project, dataset, checkpoint, Checkpoint.unarchived)


def _start_writing(backend: Backend, dataset: Dataset, checkpoint: Checkpoint) -> None:
    """Let the manifest be written, unless the attempt has begun already, or there is none."""
    if checkpoint.status is ArtifactStatus.WRITING:
        work = CheckpointWork(
            uid=dataset.uid, project=dataset.project, checkpoint=checkpoint.name, attempt=checkpoint.attempt
        )
        workflows.start(backend, Workflow.CHECKPOINT, work, dataset.shards, name=work.execution)


def _version_to_freeze(backend: Backend, dataset: Dataset, version: str) -> Version:
    """The version to freeze. The one before all versions, which no list has, is what was meant by nobody."""
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
    backend: Backend, project: str, dataset: str, name: str, edit: Callable[[Checkpoint], Checkpoint]
) -> Checkpoint:
    found = dataset_records.get(backend, project, dataset)
    return _existing(found, name, checkpoint_names.edit(backend, found.uid, name, edit))


def _existing(dataset: Dataset, name: str, found: Checkpoint | None) -> Checkpoint:
    if found is None:
        raise NotFound(
            f"Dataset {dataset.name!r} has no checkpoint {name!r}.", code="unknown_checkpoint", pointer="checkpoint"
        )
    return found
