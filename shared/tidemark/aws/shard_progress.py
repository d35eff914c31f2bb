"""How far a workflow has come in each shard of a dataset, so that it can go on after anything."""

from dataclasses import dataclass

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, dataset_pk, padded
from tidemark.aws.writes import Write


@dataclass(frozen=True, kw_only=True)
class ShardProgress:
    """One shard of a workflow."""

    uid: str
    """The dataset's that holds the record."""
    work: str
    """Names the work among all of the dataset."""
    shard: int
    cursor: str = ""
    """Where the next page begins, in the workflow's own words; empty at the beginning."""
    pages: int = 0
    """Pages that are done."""
    counted: int = 0
    """What its pages have counted, in the workflow's own units."""
    done: bool = False
    revision: int = 0
    """0 while nothing is on record."""


def find(backend: Backend, uid: str, work: str, shard: int) -> ShardProgress:
    """A shard of a workflow as it stands, read consistently; at its beginning where nothing is on record."""
    item = table.get(backend, _key(uid, work, shard))
    return _task(uid, work, shard, item) if item else ShardProgress(uid=uid, work=work, shard=shard)


def find_all(backend: Backend, uid: str, work: str, shards: int) -> list[ShardProgress]:
    """All shards of a workflow: a request for each hundred."""
    keys = [_key(uid, work, shard) for shard in range(shards)]
    found = table.get_many(backend, keys)
    return [
        _task(uid, work, shard, found[key]) if key in found else ShardProgress(uid=uid, work=work, shard=shard)
        for shard, key in enumerate(keys)
    ]


def advance(backend: Backend, before: ShardProgress, after: ShardProgress) -> None:
    """Record that a page is done. Raises ConditionFailed where another invocation has gone on from `before`."""
    table.write(backend, replacement(backend, before, after))


def replacement(backend: Backend, before: ShardProgress, after: ShardProgress) -> Write:
    """The write that records a finished page, on condition that no other invocation has gone on from `before`."""
    item = {"cursor": after.cursor, "pages": after.pages, "counted": after.counted, "done": after.done}
    return writes.revised(backend, _key(before.uid, before.work, before.shard), item, before.revision)


def _key(uid: str, work: str, shard: int) -> Key:
    return Key(dataset_pk(uid), f"T#{work}#{padded(shard)}")


def _task(uid: str, work: str, shard: int, item: Item) -> ShardProgress:
    return ShardProgress(
        uid=uid,
        work=work,
        shard=shard,
        cursor=item["cursor"],
        pages=int(item["pages"]),
        counted=int(item["counted"]),
        done=item["done"],
        revision=int(item["revision"]),
    )
