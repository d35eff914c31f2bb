"""A workflow's progress in each shard of a dataset, from which the workflow resumes after an interruption."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, dataset_pk, padded
from tidemark.aws.writes import Write


@dataclass(frozen=True, kw_only=True)
class ShardProgress:
    """A workflow's progress in one shard."""

    uid: str
    """The uid of the dataset that the record belongs to."""
    work: str
    """Id of the workflow's work, unique within the dataset."""
    shard: int
    cursor: str = ""
    """Where the workflow's next page begins, in the workflow's own format; empty before the first page."""
    pages: int = 0
    """Number of pages finished."""
    counted: int = 0
    """Total count over the finished pages, in a unit that the workflow chooses."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """Further totals over the finished pages, by name."""
    done: bool = False
    revision: int = 0
    """Revision of the stored progress; 0 if none is stored."""


def find(backend: Backend, uid: str, work: str, shard: int) -> ShardProgress:
    """Reads a workflow's progress in a shard consistently. Returns the initial progress if none is stored."""
    item = table.get(backend, _key(uid, work, shard))
    return _progress(uid, work, shard, item)


def find_all(backend: Backend, uid: str, work: str, shards: int) -> list[ShardProgress]:
    """Reads a workflow's progress in all shards consistently. One request per hundred shards."""
    keys = [_key(uid, work, shard) for shard in range(shards)]
    items = table.get_many(backend, keys)
    return [_progress(uid, work, shard, items.get(key)) for shard, key in enumerate(keys)]


def advance(backend: Backend, before: ShardProgress, after: ShardProgress) -> None:
    """Stores the progress after a page. Raises ConditionFailed if the stored progress is no longer `before`."""
    table.write(backend, replacement(backend, before, after))


def replacement(backend: Backend, before: ShardProgress, after: ShardProgress) -> Write:
    """Returns the write that stores the progress after a page, on condition that the stored one is still `before`."""
    item: dict[str, Any] = {"cursor": after.cursor, "pages": after.pages, "counted": after.counted, "done": after.done}
    if after.totals:
        item["totals"] = dict(after.totals)
    return writes.revised(backend, _key(before.uid, before.work, before.shard), item, before.revision)


def _key(uid: str, work: str, shard: int) -> Key:
    return Key(dataset_pk(uid), f"T#{work}#{padded(shard)}")


def _progress(uid: str, work: str, shard: int, item: Item | None) -> ShardProgress:
    if item is None:
        return ShardProgress(uid=uid, work=work, shard=shard)
    return ShardProgress(
        uid=uid,
        work=work,
        shard=shard,
        cursor=item["cursor"],
        pages=int(item["pages"]),
        counted=int(item["counted"]),
        totals={name: int(total) for name, total in item.get("totals", {}).items()},
        done=item["done"],
        revision=int(item["revision"]),
    )
