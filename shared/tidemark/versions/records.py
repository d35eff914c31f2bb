"""Version records in the table, numbered without gaps. They never change, so a process remembers them for good."""

from collections.abc import Sequence

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, dataset_pk, padded
from tidemark.aws.writes import Write
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.versions import Version, empty_version


def find(backend: Backend, dataset: Dataset, number: int) -> Version | None:
    """Returns a version, or None. Version 0 is the empty dataset. No read if this process has read or published it."""
    if number == 0:
        return empty_version(dataset.created_at, dataset.shards)
    return find_published(backend, dataset.uid, number)


def find_published(backend: Backend, uid: str, number: int) -> Version | None:
    """Returns a version from 1 on, or None. No read if this process has read or published the version before."""
    known = backend.memory.versions.get((uid, number))
    if known is not None:
        return known
    item = table.get(backend, _key(uid, number))
    if item is None:
        return None
    version = Version.model_validate_json(item["version"])
    backend.memory.versions[uid, number] = version
    return version


def newest(backend: Backend, uid: str, below: int, limit: int) -> list[Version]:
    """Returns up to `limit` versions with numbers less than `below`, newest first."""
    versions: list[Version] = []
    high: int | None = below - 1
    while high and len(versions) < limit:
        items, stopped = table.query(
            backend,
            dataset_pk(uid),
            f"V#{padded(1)}",
            f"V#{padded(high)}",
            forward=False,
            limit=limit - len(versions),
        )
        versions.extend(Version.model_validate_json(item["version"]) for item in items)
        high = versions[-1].number - 1 if stopped else None
    return versions


def publish(backend: Backend, uid: str, version: Version, settled: Sequence[Write]) -> None:
    """Stores the next version, makes it the latest, and makes the writes that settle its uploads, in one transaction.

    Raises ConditionFailed if another invocation published first.
    """
    item = {"version": version.model_dump_json()}
    latest = dataset_records.publish_version(backend, uid, version.number, version.created_at)
    table.transact(backend, [writes.new(backend, _key(uid, version.number), item), latest, *settled])
    backend.memory.versions[uid, version.number] = version


def _key(uid: str, number: int) -> Key:
    return Key(dataset_pk(uid), f"V#{padded(number)}")
