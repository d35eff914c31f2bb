"""Finds the packs that a dataset's frame versions use, and records the packs that a purge must not delete."""

from collections.abc import Iterable

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, dataset_pk, shard_pk
from tidemark.shards.frame_versions import ABOVE_ALL_IDS

MAX_QUERY_FRAME_VERSIONS = 5000
"""Most frame versions that one query reads. DynamoDB ends a query at 1 MB, which holds about 3,000."""


def next_used(backend: Backend, uid: str, shard: int, after: str) -> tuple[set[str], str | None]:
    """Returns the packs that the next frame versions of a shard use, and the sort key at which reading stopped.

    Starts after the frame version with the sort key `after`, or at the first if that is empty. The returned sort key is
    None at the end. One query.
    """
    low = f"{after}!" if after else "F#"
    items, stopped = table.query(
        backend, shard_pk(uid, shard), low, ABOVE_ALL_IDS, limit=MAX_QUERY_FRAME_VERSIONS, attributes=["SK", "pack"]
    )
    return {item["pack"] for item in items if "pack" in item}, stopped


def protect(backend: Backend, purged: str, packs: Iterable[str]) -> None:
    """Records packs that the purge of dataset `purged` must not delete. A repeat changes nothing."""
    table.write_many(
        backend, [{"PutRequest": {"Item": Key(dataset_pk(purged), f"K#{pack}").attributes()}} for pack in packs]
    )


def protected(backend: Backend, purged: str, owner: str) -> set[str]:
    """Returns the packs of dataset `owner` that the purge of dataset `purged` must not delete. A query per megabyte."""
    items = table.query_all(backend, dataset_pk(purged), f"K#{owner}/", f"K#{owner}/~", attributes=["SK"])
    return {item["SK"].removeprefix("K#") for item in items}
