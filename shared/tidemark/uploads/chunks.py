"""Chunks of uploads: rows that are validated together and share a pack.

A chunk is stored before its first window is sent, and updated as its windows settle. An upload that arrives in a
request has a single chunk, whose record is also the upload's record.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, dataset_pk
from tidemark.aws.writes import Write
from tidemark.catalog import schema_records
from tidemark.catalog.schema_records import SchemaUpdate
from tidemark.domain.errors import RowError
from tidemark.domain.uploads import InFlight, Source, Upload
from tidemark.domain.windows import ChunkSettled, Window, WindowPlan, WindowSettled, chunk_source, window_id
from tidemark.shards import packs
from tidemark.shards.packs import ByteRange
from tidemark.uploads import records as upload_records
from tidemark.uploads import tallies

PLANS = TypeAdapter(list[WindowPlan])
ERRORS = TypeAdapter(list[RowError])


class Counts(NamedTuple):
    """Number of a chunk's accepted rows by outcome, and of its settled windows."""

    applied: int = 0
    dropped: int = 0
    failed: int = 0
    windows_settled: int = 0
    windows_failed: int = 0
    found: int = 0
    """Rows that windows of a roll back generated when they were applied."""

    def since(self, before: "Counts") -> dict[str, int]:
        """Returns each count's change since `before`, by name."""
        return {name: now - then for name, now, then in zip(self._fields, self, before, strict=True)}


NO_COUNTS = Counts()


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """The stored record of a chunk: its counts, and what is needed to send its windows again."""

    uid: str
    """The dataset's uid."""
    upload: Upload
    """The chunk's upload, with the counts of this chunk alone."""
    name: str = ""
    """Name of the chunk; empty for the only chunk of a request. Names sort in the order of the upload's rows."""
    body_digest: str = ""
    """Digest of the request's body; empty if the chunk was not sent in a request."""
    pack: str
    index: ByteRange
    """Location of the windows' plans in the pack."""
    errors: ByteRange | None
    """Location of the rejected rows' errors in the pack; None if no rows were rejected."""
    deletes: bool
    """Whether any rows of the chunk are DELETEs."""
    settled: frozenset[int] = frozenset()
    """Numbers of the windows that have an outcome."""
    given_up: frozenset[int] = frozenset()
    """Numbers of the settled windows that were given up."""
    attempts: Mapping[int, int] = field(default_factory=dict)
    """The current attempt, by window number, of each window that was given up and sent again."""
    found: int = 0
    """Rows that the chunk's windows generated when they were applied. All other rows existed when the chunk was
    made."""
    counted: Counts = NO_COUNTS
    """The chunk's counts that are already part of its upload's totals."""
    revision: int = 1

    @property
    def counts(self) -> Counts:
        """The chunk's rows by outcome, and its settled windows, so far."""
        upload = self.upload
        windows = upload.windows_settled, upload.windows_failed
        return Counts(upload.applied, upload.dropped, upload.failed, *windows, self.found)

    @property
    def is_settled(self) -> bool:
        """Whether all of the chunk's windows have an outcome."""
        return self.upload.windows_settled == self.upload.windows

    def with_upload(self, changes: Mapping[str, Any]) -> "Chunk":
        """Returns the chunk with `changes` made to fields of its upload."""
        return replace(self, upload=self.upload.model_copy(update=changes))


def create(backend: Backend, chunk: Chunk, schema_update: SchemaUpdate | None, fills: Write | None = None) -> bool:
    """Stores an upload of a single chunk, in one transaction with the schema update of its rows.

    `fills` is the write that records that the upload fills a BATCH dataset. Returns False if the upload already exists.
    Raises ConditionFailed if another upload fills the dataset, otherwise SchemaConflict if the schema has changed.
    """
    if schema_update is None and fills is None:
        return table.put_new(backend, _key(chunk.uid, chunk.upload.id), _item(chunk))
    requests = [new(backend, chunk), *([fills] if fills else [])]
    try:
        schema_records.write_with_schema(backend, chunk.uid, requests, schema_update)
    except table.ConditionFailed as refused:
        if not refused.failed[0]:
            raise
        return False
    return True


def new(backend: Backend, chunk: Chunk) -> Write:
    """Returns the write that stores a new chunk, on condition that its name is free."""
    return writes.new(backend, _key(chunk.uid, chunk.upload.id, chunk.name), _item(chunk))


def update(backend: Backend, chunk: Chunk) -> None:
    """Replaces a chunk. Raises ConditionFailed if the chunk has changed since it was read."""
    table.write(backend, replacement(backend, chunk))


def replacement(backend: Backend, chunk: Chunk) -> Write:
    """Returns the write that replaces a chunk, on condition that the chunk has not changed since it was read."""
    return writes.revised(backend, _key(chunk.uid, chunk.upload.id, chunk.name), _item(chunk), chunk.revision)


def find(backend: Backend, uid: str, upload_id: str, name: str = "") -> Chunk | None:
    """Reads a chunk of an upload consistently. None if the chunk does not exist."""
    matches = find_many(backend, uid, [(upload_id, name)])
    return matches[0] if matches else None


def get(backend: Backend, uid: str, upload_id: str, name: str = "") -> Chunk:
    """Reads a chunk that must exist, consistently. Raises LookupError if it does not."""
    chunk = find(backend, uid, upload_id, name)
    if chunk is None:
        raise LookupError(f"chunk {name!r} of upload {upload_id} of {uid} is missing")
    return chunk


def find_many(backend: Backend, uid: str, names: list[tuple[str, str]]) -> list[Chunk]:
    """Reads chunks, given as (upload id, chunk name), consistently and in this order. Leaves out missing chunks."""
    return find_with_outcomes(backend, uid, names, [])[0]


def of_upload(
    backend: Backend, uid: str, upload_id: str, first: str = "", *, page_size: int | None = None
) -> Iterator[Chunk]:
    """Yields the chunks of an upload of several chunks, in order, from the chunk named `first` (inclusive) on.

    One query for each `page_size` chunks; if it is None, for each megabyte.
    """
    prefix = f"P#{upload_id}#"
    for item in table.query_all(backend, dataset_pk(uid), f"{prefix}{first}", f"{prefix}~", page_size=page_size):
        yield _read(uid, item)


def find_with_outcomes(
    backend: Backend, uid: str, names: list[tuple[str, str]], settled: Sequence[ChunkSettled]
) -> tuple[list[Chunk], list[WindowSettled]]:
    """Reads chunks like `find_many`, and the outcomes in the tallies of settled chunks. One request per hundred items.

    Leaves out missing chunks, as of a purged dataset. Raises LookupError if a settled chunk exists without a tally.
    """
    keys = [_key(uid, upload_id, name) for upload_id, name in names]
    tally_keys = [tallies.key(uid, message.upload, message.chunk) for message in settled]
    items = table.get_many(backend, [*keys, *tally_keys])
    outcomes = [
        outcome
        for message, tally in zip(settled, tally_keys, strict=True)
        if _key(uid, message.upload, message.chunk) in items
        for outcome in tallies.outcomes(message, items[tally])
    ]
    return [_read(uid, items[key]) for key in keys if key in items], outcomes


def plans(backend: Backend, chunk: Chunk) -> list[WindowPlan]:
    """Reads the plans of a chunk's windows. One ranged GET."""
    return PLANS.validate_json(packs.read_range(backend, chunk.pack, chunk.index))


def rejected_rows(backend: Backend, chunk: Chunk) -> list[RowError]:
    """Reads the errors of the rows that were rejected on arrival. One ranged GET, or none without rejected rows."""
    if chunk.errors is None:
        return []
    return ERRORS.validate_json(packs.read_range(backend, chunk.pack, chunk.errors))


def window(chunk: Chunk, plan: WindowPlan, *, again: bool = False, until: str = "") -> Window:
    """Returns a window of a chunk as a message to send, in the window's current attempt.

    `again` and `until` are the message's fields of these names.
    """
    return Window(
        dataset=chunk.uid,
        upload=chunk.upload.id,
        chunk=chunk.name,
        pack=chunk.pack,
        actor=chunk.upload.actor,
        accepted_at=chunk.upload.accepted_at,
        plan=plan,
        again=again,
        until="" if plan.restore else until,
        attempt=chunk.attempts.get(plan.number, 0),
        # A chunk of an older release may have outcomes that no tally holds.
        siblings=0 if chunk.settled else tallies.siblings(chunk.upload.windows),
    )


def unsettled_windows(backend: Backend, chunk: Chunk, until: str = "") -> list[Window]:
    """Returns the windows of a chunk that have no recorded outcome, as messages to send again. One ranged GET.

    `until` is the id of a roll back's last window in the chunk's shard; empty for other uploads.
    """
    unsettled = (plan for plan in plans(backend, chunk) if plan.number not in chunk.settled)
    # A roll back's window gives way to later changes only in a retry, or once its shard's last window has an outcome.
    gives_way = chunk.upload.source is not Source.ROLLBACK
    return [window(chunk, plan, again=gives_way or plan.number in chunk.attempts, until=until) for plan in unsettled]


def last_windows(backend: Backend, uid: str, upload_id: str, names: list[str]) -> dict[int, str]:
    """Returns the id of the last window of each named chunk, by the number of the chunk's file or shard.

    One request per hundred chunks.
    """
    last_chunks = find_many(backend, uid, [(upload_id, name) for name in names])
    return {
        chunk_source(chunk.name): window_id(upload_id, chunk.name, chunk.upload.windows - 1) for chunk in last_chunks
    }


def settle(chunk: Chunk, messages: list[WindowSettled]) -> Chunk:
    """Returns the chunk with the outcomes in `messages` added. Outcomes that the chunk already has are ignored."""
    fresh = {message.window: message for message in messages if is_unsettled(chunk, message)}
    if not fresh:
        return chunk
    upload = chunk.upload
    settled = chunk.settled | fresh.keys()
    given_up = chunk.given_up | {message.window for message in fresh.values() if message.given_up}
    found = sum(message.found for message in fresh.values())
    return replace(chunk, settled=settled, given_up=given_up, found=chunk.found + found).with_upload(
        {
            "rows": upload.rows + found,
            "applied": upload.applied + sum(message.applied for message in fresh.values()),
            "dropped": upload.dropped + sum(message.dropped for message in fresh.values()),
            "failed": upload.failed + sum(message.failed for message in fresh.values()),
            "windows_settled": len(settled),
            "windows_failed": len(given_up),
        }
    )


def is_unsettled(chunk: Chunk, message: WindowSettled) -> bool:
    """Returns whether `message` is new to a chunk.

    A message is new if its window is unsettled and its attempt is the window's current one.
    """
    return message.window not in chunk.settled and message.attempt == chunk.attempts.get(message.window, 0)


def reopen(backend: Backend, chunk: Chunk) -> Chunk:
    """Returns the chunk with its given-up windows unsettled again, each in a new attempt. One ranged GET."""
    upload = chunk.upload
    failed = sum(len(plan.rows) for plan in plans(backend, chunk) if plan.number in chunk.given_up)
    attempts = dict(chunk.attempts) | {number: chunk.attempts.get(number, 0) + 1 for number in chunk.given_up}
    settled = chunk.settled - chunk.given_up
    changes = {"failed": upload.failed - failed, "windows_settled": len(settled), "windows_failed": 0}
    return replace(chunk, settled=settled, given_up=frozenset(), attempts=attempts).with_upload(changes)


def _key(uid: str, upload_id: str, chunk: str = "") -> Key:
    return Key(dataset_pk(uid), f"P#{upload_id}#{chunk}" if chunk else f"U#{upload_id}")


def _item(chunk: Chunk) -> dict[str, Any]:
    upload = chunk.upload
    # All rows of a request count as in flight until its last window has an outcome. Otherwise, each window would cost
    # an index write.
    in_flight = InFlight(upload.rows - upload.rejected, upload.windows)
    listed: dict[str, Any] = {}
    if not chunk.name:
        listed = upload_records.index_attributes(chunk.uid, upload, deletes=chunk.deletes, in_flight=in_flight)
    return listed | {
        "upload": upload.model_dump_json(),
        "body": chunk.body_digest,
        "pack": chunk.pack,
        "index": json.dumps(chunk.index),
        "errors": json.dumps(chunk.errors) if chunk.errors else None,
        "settled": set(chunk.settled) or None,
        "given_up": set(chunk.given_up) or None,
        "found": chunk.found,
        "counted": json.dumps(chunk.counted) if chunk.name else None,
        "attempts": json.dumps(dict(chunk.attempts)) if chunk.attempts else None,
        "revision": chunk.revision,
        "deletes": chunk.deletes,
    }


def _read(uid: str, item: Item) -> Chunk:
    _, _, *name = item["SK"].split("#")
    return Chunk(
        uid=uid,
        name="".join(name),
        upload=Upload.model_validate_json(item["upload"]),
        body_digest=item["body"],
        pack=item["pack"],
        index=ByteRange(*json.loads(item["index"])),
        errors=ByteRange(*json.loads(item["errors"])) if "errors" in item else None,
        deletes=item["deletes"],
        settled=frozenset(int(number) for number in item.get("settled", ())),
        given_up=frozenset(int(number) for number in item.get("given_up", ())),
        attempts={int(number): attempt for number, attempt in json.loads(item.get("attempts", "{}")).items()},
        found=int(item.get("found", 0)),
        counted=Counts(*json.loads(item["counted"])) if "counted" in item else NO_COUNTS,
        revision=int(item["revision"]),
    )
