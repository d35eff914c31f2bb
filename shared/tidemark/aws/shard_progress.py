"""A workflow's progress in each shard of a dataset, from which it resumes after any interruption."""

from dataclasses import dataclass

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, dataset_pk, padded
from tidemark.aws.writes import Write


@dataclass(frozen=True, kw_only=True)
class ShardProgress:
    """How far a workflow has got in one shard."""

    uid: str
    """The uid of the dataset that the record belongs to."""
    work: str
    """Identifies the workflow's work within the dataset."""
    shard: int
    cursor: str = ""
    """Where the next page begins, in the workflow's own format; empty at the beginning."""
    pages: int = 0
    """Pages finished."""
    counted: int = 0
    """Total over the finished pages, in the workflow's own unit."""
    done: bool = False
    revision: int = 0
    """0 before the first record."""


def find(backend: Backend, uid: str, work: str, shard: int) -> ShardProgress:
    """Reads the progress in a shard consistently. Without a record, it is at the beginning."""
    item = table.get(backend, _key(uid, work, shard))
    return _progress(uid, work, shard, item)


def find_all(backend: Backend, uid: str, work: str, shards: int) -> list[ShardProgress]:
    """Reads the progress in all shards consistently. One request per hundred shards."""
    keys = [_key(uid, work, shard) for shard in range(shards)]
    items = table.get_many(backend, keys)
    return [_progress(uid, work, shard, items.get(key)) for shard, key in enumerate(keys)]


def advance(backend: Backend, before: ShardProgress, after: ShardProgress) -> None:
    """Records a finished page. Raises ConditionFailed if another invocation has recorded one since `before`."""
    table.write(backend, replacement(backend, before, after))


def replacement(backend: Backend, before: ShardProgress, after: ShardProgress) -> Write:
    """The write that records a finished page, on condition that the record is still as it was `before`."""
    item = {"cursor": after.cursor, "pages": after.pages, "counted": after.counted, "done": after.done}
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
        done=item["done"],
        revision=int(item["revision"]),
    )
