"""The steps of a purge. All of them delete what is there, so that each may be taken again, and by two at once.

First the shards, side by side; with them go the frame versions of the dataset. Then the packs: its own, and those of
purged datasets that it was a clone of, but for what is used by clones that are left. For these, all of the frame
versions are looked at; each pack that they use is on record before a pack is deleted. Then the records; the name comes
last, so that it is free when nothing is left.

A clone holds what it uses of a purged dataset, however many clones are between them: all datasets before a clone are on
record when it is made, and clones that are made meanwhile are looked at as well.
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

LOWEST, HIGHEST = "!", "~"
"""Before and after all sort keys."""
OBJECTS = ("checkpoints", "exports", "uploads")
"""What lies in S3 for a dataset, beside packs."""


def delete_shard(backend: Backend, work: PurgeWork, shard: int, has_time: HasTime) -> bool:
    """Delete the log of a shard for as long as there is time; tells whether it is gone."""
    if _definition(backend, work) is None:
        return True
    return table.delete_range(backend, shard_pk(work.uid, shard), LOWEST, HIGHEST, has_time)


def finish(backend: Backend, work: PurgeWork, has_time: HasTime) -> bool:
    """Delete all but the shards for as long as there is time; tells whether nothing is left."""
    found = _definition(backend, work)
    if found is None:
        return True
    if not _packs_are_deleted(found):
        return _delete_packs(backend, work, has_time)
    gone = all(bucket.delete_under(backend, f"{kind}/{work.uid}/", has_time) for kind in OBJECTS)
    return gone and _delete_records(backend, work, has_time) and dataset_records.forget(backend, found)


def _definition(backend: Backend, work: PurgeWork) -> Definition | None:
    """The dataset that is being purged; None where it is gone, and its name perhaps another one's."""
    try:
        found = dataset_records.definition(backend, work.project, work.dataset)
    except NotFound:
        return None
    return found if found.dataset.uid == work.uid and found.dataset.purge else None


def _packs_are_deleted(found: Definition) -> bool:
    return found.dataset.purge is not None and found.dataset.purge.packs_deleted


def _delete_packs(backend: Backend, work: PurgeWork, has_time: HasTime) -> bool:
    """Delete the packs that nobody uses any more; False, as there is more to do after that."""
    sources = clone_references.sources(backend, work.uid)
    for source in sources:
        clone_references.release(backend, work.uid, source)
    # A source that is purged from now on looks itself at who is left.
    purged = [work.uid, *(source for source in sources if dataset_records.find_state(backend, source) is None)]
    if all(_keep_used(backend, work, uid, has_time) for uid in purged) and all(
        _delete_unused(backend, work, uid, has_time) for uid in purged
    ):
        _record_packs_deleted(backend, work)
    return False


def _record_packs_deleted(backend: Backend, work: PurgeWork) -> None:
    found = _definition(backend, work)
    if found is None or found.dataset.purge is None:
        return
    purge = found.dataset.purge.model_copy(update={"packs_deleted": True})
    after = found.dataset.model_copy(update={"purge": purge})
    dataset_records.edit(backend, work.project, work.dataset, lambda now: after if now == found.dataset else now)


def _keep_used(backend: Backend, work: PurgeWork, uid: str, has_time: HasTime) -> bool:
    """Put on record which packs of a purged dataset its clones use; tells whether all are.

    Ends when the same clones were found done twice in a row, or being purged, or with nothing of theirs yet: a clone
    that has not got all takes it from one that was looked at, or that can be purged only when it has. So by the second
    look, either that one was there at the first, or this one has got all and is looked at itself.
    """
    done: list[str] | None = None
    while True:
        clones = clone_references.referrers(backend, uid)
        todo = [task for clone in clones for task in _tasks(backend, work, uid, clone)]
        if not todo and clones == done:
            return True
        done = None if todo else clones
        for clone, task in todo:
            _keep_page(backend, uid, clone, task)
            if not has_time():
                return False


def _tasks(backend: Backend, work: PurgeWork, uid: str, clone: str) -> list[tuple[str, ShardProgress]]:
    """The shards of a clone that are still to be looked at. One that is being purged needs nothing, and one that has
    not got all yet nothing but what is looked at elsewhere; what it has by now would not be all."""
    state = dataset_records.find_state(backend, clone)
    if state is None or state.latest == 0:
        return []
    tasks = shard_progress.find_all(backend, work.uid, f"{uid}-{clone}", state.shards)
    return [(clone, task) for task in tasks if not task.done]


def _keep_page(backend: Backend, uid: str, clone: str, task: ShardProgress) -> None:
    packs, come_to = pack_use.used(backend, clone, task.shard, task.cursor)
    own = {pack for pack in packs if pack.startswith(f"{uid}/")}
    pack_use.keep(backend, task.uid, own)
    after = replace(
        task,
        cursor=come_to or "",
        pages=task.pages + 1,
        counted=task.counted + len(own),
        done=come_to is None,
    )
    try:
        shard_progress.advance(backend, task, after)
    except ConditionFailed:  # another invocation was faster; what it did is seen at the next look
        return


def _delete_unused(backend: Backend, work: PurgeWork, uid: str, has_time: HasTime) -> bool:
    """Delete the packs of a purged dataset that are not on record as used; tells whether they are gone."""
    kept = pack_use.kept(backend, work.uid, uid)
    found = _definition(backend, work)
    if found is None or _packs_are_deleted(found):
        return True  # another invocation was faster, and may have begun to delete the records of what is used
    return bucket.delete_under(backend, f"packs/{uid}/", has_time, frozenset(f"packs/{pack}" for pack in kept))


def _delete_records(backend: Backend, work: PurgeWork, has_time: HasTime) -> bool:
    """Delete what the dataset has on record, but for its clones, which may still use packs of it."""
    pk = dataset_pk(work.uid)
    return table.delete_range(backend, pk, LOWEST, "R#", has_time) and table.delete_range(
        backend, pk, "R$", HIGHEST, has_time
    )
