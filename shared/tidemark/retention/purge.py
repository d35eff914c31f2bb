"""Starts purges of archived datasets, and records why they fail. A workflow deletes the data (see `purge_steps`)."""

from datetime import datetime, timedelta

from tidemark.aws import workflows
from tidemark.aws.backend import DEFINITION_TTL_SECONDS, Backend
from tidemark.aws.table import ConditionFailed
from tidemark.aws.workflows import Workflow
from tidemark.catalog import clone_references, dataset_records
from tidemark.catalog.dataset_records import Definition
from tidemark.domain.datasets import Dataset, Purge
from tidemark.domain.errors import Conflict, InvalidRequest, NotFound
from tidemark.domain.uploads import upload_id_of
from tidemark.domain.workflows import ABANDONED_AFTER, Failure, PurgeWork
from tidemark.uploads import records as upload_records

MIN_ARCHIVED_TIME = timedelta(seconds=2 * DEFINITION_TTL_SECONDS)
"""Shortest time from archiving a dataset to its purge. By then every process knows that the dataset is archived, and
all uploads that any process accepted before are stored."""


def begin_purge(backend: Backend, *, project: str, dataset: str, confirmation: str, actor: str) -> Dataset:
    """Starts the purge of an archived dataset. Nothing of the dataset can be read once this returns.

    `confirmation` must be the dataset's name. A repeat starts another attempt if the last attempt failed or was
    abandoned. Otherwise a repeat changes nothing.

    Raises NotFound and InvalidRequest (`not_confirmed`). Raises Conflict (`dataset_not_archived`, `just_archived`,
    `uploads_pending`, `clone_pending`, `dataset_changed`).
    """
    before = dataset_records.definition(backend, project, dataset)
    if confirmation != dataset:
        raise InvalidRequest(
            f"A purge cannot be undone. To confirm it, give the dataset's name: {dataset!r}.",
            code="not_confirmed",
            pointer="/name",
        )
    after = before.dataset.model_copy(update={"purge": _next_attempt(before.dataset.purge, backend.clock(), actor)})
    if before.dataset.purge is None:
        _begin(backend, before, after)
    elif after != before.dataset:
        after = dataset_records.edit(backend, project, dataset, lambda now: after if now == before.dataset else now)
    if after.purge is not None:
        work = PurgeWork(project=project, dataset=dataset, uid=after.uid, attempt=after.purge.attempt)
        workflows.start(backend, Workflow.PURGE, work, after.shards, name=f"{after.uid}-{after.purge.attempt}")
    return after


def record_failure(backend: Backend, work: PurgeWork, failure: Failure) -> None:
    """Records why an attempt at a purge failed, unless another attempt has started since or the purge is complete."""

    def with_failure(now: Dataset) -> Dataset:
        if now.uid != work.uid or now.purge is None or now.purge.attempt != work.attempt:
            return now
        reason = f"{failure.summary}; request the purge again to continue where it stopped."
        return now.model_copy(update={"purge": now.purge.model_copy(update={"failure": reason})})

    try:
        dataset_records.edit(backend, work.project, work.dataset, with_failure)
    except NotFound:
        return


def _next_attempt(purge: Purge | None, now: datetime, actor: str) -> Purge:
    """Returns the attempt for a purge request: the current attempt if it is in progress, otherwise a new attempt."""
    if purge is None:
        return Purge(requested_at=now, requested_by=actor)
    if purge.failure is None and now - purge.requested_at < ABANDONED_AFTER:
        return purge
    changes = {"requested_at": now, "requested_by": actor, "attempt": purge.attempt + 1, "failure": None}
    return purge.model_copy(update=changes)


def _begin(backend: Backend, before: Definition, after: Dataset) -> None:
    seen = dataset_records.state(backend, after.uid)  # read first: `begin_purge` fails if a clone is started after this
    _refuse_unless_purgeable(backend, before.dataset)
    try:
        dataset_records.begin_purge(backend, before, after, seen)
    except ConditionFailed:
        raise Conflict(
            f"Dataset {after.name!r} has changed meanwhile, or a clone of it was started; check it, and request the "
            "purge again.",
            code="dataset_changed",
        ) from None


def _refuse_unless_purgeable(backend: Backend, dataset: Dataset) -> None:
    """Raises Conflict for a dataset that cannot be purged now."""
    if dataset.archived_at is None:
        raise Conflict(
            f"Dataset {dataset.name!r} is not archived; archive it before you purge it.", code="dataset_not_archived"
        )
    if backend.clock() - dataset.archived_at < MIN_ARCHIVED_TIME:
        raise Conflict(
            f"Dataset {dataset.name!r} was archived a moment ago, and uploads to it may still arrive; purge it "
            f"after {(dataset.archived_at + MIN_ARCHIVED_TIME).isoformat(timespec='seconds')}.",
            code="just_archived",
        )
    pending = len(upload_records.pending(backend, dataset.uid))
    if pending:
        raise Conflict(
            f"Dataset {dataset.name!r} has pending uploads ({pending}); purge it when they have settled.",
            code="uploads_pending",
        )
    for uid in clone_references.referrers(backend, dataset.uid):
        _refuse_while_clone_fills(backend, dataset, uid)


def _refuse_while_clone_fills(backend: Backend, dataset: Dataset, uid: str) -> None:
    """Raises Conflict while the clone with this uid still lacks frames that it takes from `dataset`."""
    clone = dataset_records.find_state(backend, uid)
    if clone is None:
        return
    filling = upload_records.find(backend, uid, upload_id_of("clone", uid))
    if clone.latest == 0 or (filling is not None and filling.settled_at is None):
        raise Conflict(
            f"Dataset {clone.project}/{clone.name} is being cloned from {dataset.name!r}, or from a clone of it; wait "
            "until it is at version 1, or purge it first.",
            code="clone_pending",
        )
