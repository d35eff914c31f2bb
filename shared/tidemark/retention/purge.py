"""Purging datasets: the deletion for good of one that is archived, by a workflow (see `purge_steps`)."""

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
from tidemark.domain.workflows import ABANDONED, Failure, PurgeWork
from tidemark.uploads import records as upload_records

SETTLES = timedelta(seconds=2 * DEFINITION_TTL_SECONDS)
"""How long a dataset has to be archived before it is purged: by then every process knows that it is, and whatever one
that did not has accepted is on record."""


def begin_purge(backend: Backend, *, project: str, dataset: str, confirmation: str, actor: str) -> Dataset:
    """Begin to delete an archived dataset; nothing of it reads any more when this has answered.

    A repeat changes nothing but for a purge that failed, or told of no end for long: it is begun anew. Raises NotFound,
    InvalidRequest (`not_confirmed`), Conflict (`dataset_not_archived`, `just_archived`, `uploads_pending`,
    `clone_pending`, `dataset_changed`).
    """
    before = dataset_records.definition(backend, project, dataset)
    if confirmation != dataset:
        raise InvalidRequest(
            f"A purge cannot be undone. To confirm it, give the dataset's name: {dataset!r}.",
            code="not_confirmed",
            pointer="/name",
        )
    after = before.dataset.model_copy(update={"purge": _attempt(before.dataset.purge, backend.clock(), actor)})
    if before.dataset.purge is None:
        _begin(backend, before, after)
    elif after != before.dataset:
        after = dataset_records.edit(backend, project, dataset, lambda now: after if now == before.dataset else now)
    if after.purge is not None:
        work = PurgeWork(project=project, dataset=dataset, uid=after.uid, attempt=after.purge.attempt)
        workflows.start(backend, Workflow.PURGE, work, after.shards, name=f"{after.uid}-{after.purge.attempt}")
    return after


def record_failure(backend: Backend, work: PurgeWork, failure: Failure) -> None:
    """Record why an attempt at a purge broke off, unless another one has begun since, or it is all done."""

    def edit(now: Dataset) -> Dataset:
        if now.uid != work.uid or now.purge is None or now.purge.attempt != work.attempt:
            return now
        reason = f"{failure.told}; the purge goes on where it stopped when it is asked for again."
        return now.model_copy(update={"purge": now.purge.model_copy(update={"failure": reason})})

    try:
        dataset_records.edit(backend, work.project, work.dataset, edit)
    except NotFound:
        return


def _attempt(purge: Purge | None, now: datetime, actor: str) -> Purge:
    """The attempt that a request stands for: the one under way, if there is one."""
    if purge is None:
        return Purge(requested_at=now, requested_by=actor)
    if purge.failure is None and now - purge.requested_at < ABANDONED:
        return purge
    again = {"requested_at": now, "requested_by": actor, "attempt": purge.attempt + 1, "failure": None}
    return purge.model_copy(update=again)


def _begin(backend: Backend, before: Definition, after: Dataset) -> None:
    seen = dataset_records.state(backend, after.uid)  # before all else is looked at: no clone is begun from here on
    _check(backend, before.dataset)
    try:
        dataset_records.begin_purge(backend, before, after, seen)
    except ConditionFailed:
        raise Conflict(
            f"Dataset {after.name!r} has changed meanwhile, or a clone of it was begun; look at it, and ask again.",
            code="dataset_changed",
        ) from None


def _check(backend: Backend, dataset: Dataset) -> None:
    """Raises Conflict for a dataset that cannot be purged now."""
    if dataset.archived_at is None:
        raise Conflict(
            f"Dataset {dataset.name!r} is not archived; archive it before it is purged.", code="dataset_not_archived"
        )
    if backend.clock() - dataset.archived_at < SETTLES:
        raise Conflict(
            f"Dataset {dataset.name!r} was archived a moment ago, and uploads to it may still come to light; purge it "
            f"after {(dataset.archived_at + SETTLES).isoformat(timespec='seconds')}.",
            code="just_archived",
        )
    pending = len(upload_records.pending(backend, dataset.uid))
    if pending:
        raise Conflict(
            f"Dataset {dataset.name!r} has uploads that are pending ({pending}); purge it when they have settled.",
            code="uploads_pending",
        )
    for uid in clone_references.referrers(backend, dataset.uid):
        _check_clone(backend, dataset, uid)


def _check_clone(backend: Backend, dataset: Dataset, uid: str) -> None:
    """Raises Conflict while a clone has not taken yet what it is to take."""
    clone = dataset_records.find_state(backend, uid)
    if clone is None:
        return
    filling = upload_records.find(backend, uid, upload_id_of("clone", uid))
    if clone.latest == 0 or (filling is not None and filling.settled_at is None):
        raise Conflict(
            f"Dataset {clone.project}/{clone.name} is being cloned from {dataset.name!r}, or from a clone of it, and "
            "has not got all yet; wait until it is at version 1, or purge it first.",
            code="clone_pending",
        )
