"""References between clones and their sources: the datasets into whose packs a clone's frame versions may point.

A clone's sources are the cloned dataset and, if the cloned dataset is a clone itself, all sources of that dataset. A
clone lists all of its sources, and each source lists the clone. A purge may leave packs of a source behind for clones.
The source's references then stay as long as clones may use these packs.
"""

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, dataset_pk
from tidemark.aws.writes import Write
from tidemark.catalog import dataset_records
from tidemark.domain.errors import Conflict

MAX_SOURCES = 50
"""Most sources of a clone: the cloned dataset, that dataset's own source, and so on. One transaction records them
all."""


def record_clone(backend: Backend, source_uid: str, clone_uid: str) -> list[Write]:
    """Returns the writes that record a clone and its sources, for the transaction that creates the clone. One read.

    The sources are the cloned dataset and that dataset's own sources. The first write has the condition that the cloned
    dataset is not being purged. Raises Conflict (`too_many_clones`) for more than `MAX_SOURCES` sources.
    """
    all_sources = [source_uid, *sources(backend, source_uid)]
    if len(all_sources) > MAX_SOURCES:
        raise Conflict(
            f"The dataset is a clone of a clone, and so on, {MAX_SOURCES} times. Clone one of its sources instead.",
            code="too_many_clones",
        )
    return [
        dataset_records.count_clone(backend, source_uid),
        writes.put(backend, _sources_key(clone_uid), {"uids": all_sources}),
        *(writes.put(backend, _key(uid, clone_uid), {}) for uid in all_sources),
    ]


def referrers(backend: Backend, uid: str) -> list[str]:
    """Returns the uids of the clones that may use a dataset's packs, read consistently. One query per megabyte."""
    low, high = _key(uid, "").sk, _key(uid, "~").sk
    return [item["SK"].removeprefix(low) for item in table.query_all(backend, dataset_pk(uid), low, high)]


def sources(backend: Backend, uid: str) -> list[str]:
    """Returns the uids of a clone's sources, nearest first, including purged ones. Empty if the dataset is no clone."""
    item = table.get(backend, _sources_key(uid))
    return list(item["uids"]) if item else []


def release(backend: Backend, uid: str, source_uid: str) -> None:
    """Deletes the reference from a source to the clone `uid`, which no longer uses the source's packs.

    A repeat changes nothing.
    """
    table.write(backend, writes.delete(backend, _key(source_uid, uid)))


def _key(source_uid: str, clone_uid: str) -> Key:
    return Key(dataset_pk(source_uid), f"R#{clone_uid}")


def _sources_key(clone_uid: str) -> Key:
    return Key(dataset_pk(clone_uid), "SOURCES")
