"""The steps of a purge. Each step may be repeated, or run twice at once, because it deletes only what still exists.

1. The logs of all shards are deleted in parallel, including the frame versions.
2. The packs are deleted: the dataset's own packs, and the packs of purged datasets that the dataset was cloned from.
   Packs that other clones use stay. To find them, all frame versions of those clones are read. Each pack in use is
   recorded before the first pack is deleted.
3. The records are deleted. The dataset's definition comes last, so that its name is free only once nothing is left.

A clone keeps the packs that it uses of a purged dataset, even if it was cloned from a clone of that dataset: creating a
clone records all datasets that it descends from. Clones created during a purge are read as well.
"""

from collections.abc import Callable
from dataclasses import replace

from tidemark.aws import bucket, shard_progress, table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import dataset_pk, shard_pk
from tidemark.aws.shard_progress import ShardProgress
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import clone_references, dataset_records
from tidemark.catalog.dataset_records import Definition
from tidemark.domain.errors import NotFound
from tidemark.domain.workflows import PurgeWork
from tidemark.retention import pack_use

HasTime = Callable[[], bool]

LOWEST_SK, HIGHEST_SK = "!", "~"
"""Bounds of a sort key range that covers a whole partition."""
OBJECT_KINDS = ("checkpoints", "exports", "uploads")
"""Kinds of S3 objects, other than packs, that belong to a dataset. Their S3 keys begin with `{kind}/{uid}/`."""


def delete_shard(backend: Backend, work: PurgeWork, shard: int, has_time: HasTime) -> bool:
    """Deletes a shard's log while `has_time` returns True. Returns whether nothing of the log is left."""
    if _definition(backend, work) is None:
        return True
    return table.delete_range(backend, shard_pk(work.uid, shard), LOWEST_SK, HIGHEST_SK, has_time)


def finish(backend: Backend, work: PurgeWork, has_time: HasTime) -> bool:
    """Deletes all of a dataset except its shards while `has_time` returns True. Returns whether nothing is left."""
    definition = _definition(backend, work)
    if definition is None:
        return True
    if not _packs_are_deleted(definition):
        return _delete_packs(backend, work, has_time)
    objects_are_gone = all(bucket.delete_under(backend, f"{kind}/{work.uid}/", has_time) for kind in OBJECT_KINDS)
    return objects_are_gone and _delete_records(backend, work, has_time) and dataset_records.forget(backend, definition)


def _definition(backend: Backend, work: PurgeWork) -> Definition | None:
    """Returns the definition of the dataset being purged. None if it is gone, even if a new dataset has its name."""
    try:
        definition = dataset_records.definition(backend, work.project, work.dataset)
    except NotFound:
        return None
    return definition if definition.dataset.uid == work.uid and definition.dataset.purge else None


def _packs_are_deleted(definition: Definition) -> bool:
    return definition.dataset.purge is not None and definition.dataset.purge.packs_deleted


def _delete_packs(backend: Backend, work: PurgeWork, has_time: HasTime) -> bool:
    """Deletes the packs that no dataset uses any more. Returns False, because the records are deleted after that."""
    sources = clone_references.sources(backend, work.uid)
    for source in sources:
        clone_references.release(backend, work.uid, source)
    # If a source is purged later, that purge looks up the clones that the source then has.
    purged = [work.uid, *(source for source in sources if dataset_records.find_state(backend, source) is None)]
    if all(_protect_used(backend, work, uid, has_time) for uid in purged) and all(
        _delete_unused(backend, work, uid, has_time) for uid in purged
    ):
        _record_packs_deleted(backend, work)
    return False


def _protect_used(backend: Backend, work: PurgeWork, uid: str, has_time: HasTime) -> bool:
    """Records which packs of a purged dataset its clones use. Returns False if time ran out before all are recorded.

    Looks up the clones until two lookups in a row return the same clones, each of which is read, is being purged, or is
    incomplete (at version 0). An incomplete clone takes its frames from a dataset that was read, or from a dataset that
    can be purged only once the clone is complete. So at the second lookup, either that dataset was among the clones of
    the first lookup, or the clone is complete and is read itself.
    """
    read_clones: list[str] | None = None
    while True:
        clones = clone_references.referrers(backend, uid)
        unread = [shard for clone in clones for shard in _unread_shards(backend, work, uid, clone)]
        if not unread and clones == read_clones:
            return True
        read_clones = None if unread else clones
        for clone, task in unread:
            _protect_page(backend, uid, clone, task)
            if not has_time():
                return False


def _unread_shards(backend: Backend, work: PurgeWork, uid: str, clone: str) -> list[tuple[str, ShardProgress]]:
    """Returns the shards of a clone that are still to be read, as pairs of the clone's uid and the shard's progress.

    A clone that is being purged has none, because it needs no packs. An incomplete clone has none either: the frames
    that it still takes are read in another dataset, and reading the clone now would miss them.
    """
    state = dataset_records.find_state(backend, clone)
    if state is None or state.latest == 0:
        return []
    tasks = shard_progress.find_all(backend, work.uid, f"{uid}-{clone}", state.shards)
    return [(clone, task) for task in tasks if not task.done]


def _protect_page(backend: Backend, uid: str, clone: str, task: ShardProgress) -> None:
    packs, stopped_at = pack_use.next_used(backend, clone, task.shard, task.cursor)
    used = {pack for pack in packs if pack.startswith(f"{uid}/")}
    pack_use.protect(backend, task.uid, used)
    after = replace(
        task,
        cursor=stopped_at or "",
        pages=task.pages + 1,
        counted=task.counted + len(used),
        done=stopped_at is None,
    )
    try:
        shard_progress.advance(backend, task, after)
    except ConditionFailed:  # another invocation was faster; the next lookup reads the new progress
        return


def _delete_unused(backend: Backend, work: PurgeWork, uid: str, has_time: HasTime) -> bool:
    """Deletes the unprotected packs of a purged dataset. Returns whether no unprotected pack is left."""
    protected = pack_use.protected(backend, work.uid, uid)
    definition = _definition(backend, work)
    if definition is None or _packs_are_deleted(definition):
        return True  # another invocation was faster, and may be deleting the records of protected packs
    return bucket.delete_under(backend, f"packs/{uid}/", has_time, frozenset(f"packs/{pack}" for pack in protected))


def _record_packs_deleted(backend: Backend, work: PurgeWork) -> None:
    definition = _definition(backend, work)
    if definition is None or definition.dataset.purge is None:
        return
    before = definition.dataset
    purge = definition.dataset.purge.model_copy(update={"packs_deleted": True})
    after = before.model_copy(update={"purge": purge})
    dataset_records.edit(backend, work.project, work.dataset, lambda now: after if now == before else now)


def _delete_records(backend: Backend, work: PurgeWork, has_time: HasTime) -> bool:
    """Deletes the dataset's records except the references to its clones, which may still use its packs."""
    pk = dataset_pk(work.uid)
    return table.delete_range(backend, pk, LOWEST_SK, "R#", has_time) and table.delete_range(
        backend, pk, "R$", HIGHEST_SK, has_time
    )
