"""Which packs the frame versions of a dataset point into, and which are to be protected when another one is purged."""

from collections.abc import Iterable

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, dataset_pk, shard_pk
from tidemark.shards.frame_versions import ABOVE_ALL_IDS

MAX_QUERY_FRAME_VERSIONS = 5000
"""Frame versions that are looked at by one query; DynamoDB ends it at 1 MB, which has some 3,000."""


def next_used(backend: Backend, uid: str, shard: int, after: str) -> tuple[set[str], str | None]:
    """The packs of the next frame versions of a shard, from the one after the place `after` on; and the place that was
    come to, None at the end. One query."""
    low = f"{after}!" if after else "F#"
    items, stopped = table.query(
        backend, shard_pk(uid, shard), low, ABOVE_ALL_IDS, limit=MAX_QUERY_FRAME_VERSIONS, attributes=["SK", "pack"]
    )
    return {item["pack"] for item in items if "pack" in item}, stopped


def protect(backend: Backend, purged: str, packs: Iterable[str]) -> None:
    """Put on record that the purge of a dataset is to protect packs; a repeat changes nothing."""
    table.write_many(
        backend, [{"PutRequest": {"Item": Key(dataset_pk(purged), f"K#{pack}").attributes()}} for pack in packs]
    )


def protected(backend: Backend, purged: str, of: str) -> set[str]:
    """The packs of dataset `of` that the purge of a dataset is to protect. A query for each megabyte."""
    protected = table.query_all(backend, dataset_pk(purged), f"K#{of}/", f"K#{of}/~", attributes=["SK"])
    return {item["SK"].removeprefix("K#") for item in protected}
