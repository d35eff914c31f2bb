"""Chunks of uploads: rows that intake took at once. Written before their first window is sent, kept up to date as
windows settle. A request makes an upload of one chunk, which is kept as the upload's own record."""

import json
from collections.abc import Iterator, Mapping
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
from tidemark.domain.windows import Window, WindowPlan, WindowSettled, chunk_source, window_id
from tidemark.shards import packs
from tidemark.shards.packs import ByteRange
from tidemark.uploads import records as upload_records

PLANS = TypeAdapter(list[WindowPlan])
ERRORS = TypeAdapter(list[RowError])


class Counts(NamedTuple):
    """Rows by what became of them, and windows that are decided."""

    applied: int = 0
    dropped: int = 0
    failed: int = 0
    windows_settled: int = 0
    windows_failed: int = 0
    found: int = 0
    """Rows that its windows came to by themselves."""

    def since(self, before: "Counts") -> dict[str, int]:
        """What has come to these counts since they were as before, by name."""
        return {name: now - then for name, now, then in zip(self._fields, self, before, strict=True)}


NO_COUNTS = Counts()


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A chunk as it is kept: its counts, and what is needed to send its windows again."""

    uid: str
    """The dataset's."""
    upload: Upload
    """The upload, with the counts of this chunk."""
    name: str = ""
    """Sorts in the order of the upload's rows; empty for the one chunk of a request."""
    body_digest: str = ""
    """Of the request's body."""
    pack: str
    index: ByteRange
    """Where the upload's windows lie in its pack."""
    errors: ByteRange | None
    """Where its rejected rows lie in its pack."""
    deletes: bool
    settled: frozenset[int] = frozenset()
    """Numbers of the windows that have settled."""
    given_up: frozenset[int] = frozenset()
    """Numbers of those among them that were given up."""
    attempts: Mapping[int, int] = field(default_factory=dict)
    """Of windows that were given up and sent again, the number of the attempt that counts."""
    found: int = 0
    """Rows that its windows came to by themselves, when it was their turn; its other ones were known when it was made.
    """
    counted: Counts = NO_COUNTS
    """What the totals of an upload of several chunks hold of it."""
    revision: int = 1

    @property
    def counts(self) -> "Counts":
        """What became of its windows so far."""
        upload = self.upload
        windows = upload.windows_settled, upload.windows_failed
        return Counts(upload.applied, upload.dropped, upload.failed, *windows, self.found)

    @property
    def is_settled(self) -> bool:
        """Whether all its windows are decided."""
        return self.upload.windows_settled == self.upload.windows

    def with_upload(self, changes: Mapping[str, Any]) -> "Chunk":
        """The chunk with changes to what its sender sees."""
        return replace(self, upload=self.upload.model_copy(update=changes))


def create(backend: Backend, chunk: Chunk, schema_update: SchemaUpdate | None, fills: Write | None = None) -> bool:
    """Write the one chunk of an upload, and with it the upload, what its rows teach the dataset, and `fills`, the write
    by which it becomes the upload of a BATCH dataset.

    False if the upload exists already. Raises SchemaConflict, and ConditionFailed where it may not fill the dataset.
    """
    if schema_update is None and fills is None:
        return table.put_new(backend, _key(chunk.uid, chunk.upload.id), _item(chunk))
    try:
        schema_records.write_with_schema(
            backend, chunk.uid, [new(backend, chunk), *([fills] if fills else [])], schema_update
        )
    except table.ConditionFailed as refused:
        if not refused.failed[0]:
            raise
        return False
    return True


def find(backend: Backend, uid: str, upload_id: str, name: str = "") -> Chunk | None:
    """A chunk of an upload, read consistently, or None."""
    found = find_many(backend, uid, [(upload_id, name)])
    return found[0] if found else None


def get(backend: Backend, uid: str, upload_id: str, name: str = "") -> Chunk:
    """A chunk that is known to be there, read consistently."""
    chunk = find(backend, uid, upload_id, name)
    if chunk is None:
        raise LookupError(f"part {name!r} of upload {upload_id} of {uid} is missing")
    return chunk


def of_upload(
    backend: Backend, uid: str, upload_id: str, first: str = "", *, page_size: int | None = None
) -> Iterator[Chunk]:
    """The chunks of an upload that has several, in their order, from the one named `first` on; read `page_size` of them
    to a request, or as many as it takes."""
    prefix = f"P#{upload_id}#"
    for item in table.query_all(backend, dataset_pk(uid), f"{prefix}{first}", f"{prefix}~", page_size=page_size):
        yield _read(uid, item)


def find_many(backend: Backend, uid: str, names: list[tuple[str, str]]) -> list[Chunk]:
    """The chunks of several (upload, chunk), in the order asked for, read consistently; unknown ones are left out."""
    keys = [_key(uid, upload_id, name) for upload_id, name in names]
    found = table.get_many(backend, keys)
    return [_read(uid, found[key]) for key in keys if key in found]


def plans(backend: Backend, chunk: Chunk) -> list[WindowPlan]:
    """The windows that an upload was cut into, as they were written: one ranged GET."""
    return PLANS.validate_json(packs.read_range(backend, chunk.pack, chunk.index))


def unsettled_windows(backend: Backend, chunk: Chunk, until: str = "") -> list[Window]:
    """The windows of an upload whose outcome its chunk does not know yet, as they were written, to be sent again.

    `until` is the last window of a roll back in the shard of this chunk.
    """
    unsettled = (plan for plan in plans(backend, chunk) if plan.number not in chunk.settled)
    # A roll back gives way to nothing until its last window has had its turn, unless it is retried after that.
    gives_way = chunk.upload.source is not Source.ROLLBACK
    return [window(chunk, plan, again=gives_way or plan.number in chunk.attempts, until=until) for plan in unsettled]


def last_windows(backend: Backend, uid: str, upload_id: str, names: list[str]) -> dict[int, str]:
    """The ids of the last windows of these chunks of an upload, by their sources: a request for each hundred."""
    found = find_many(backend, uid, [(upload_id, name) for name in names])
    return {chunk_source(chunk.name): window_id(upload_id, chunk.name, chunk.upload.windows - 1) for chunk in found}


def window(chunk: Chunk, plan: WindowPlan, *, again: bool = False, until: str = "") -> Window:
    """A window of an upload, in the attempt that counts, ready to be sent."""
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
    )


def rejected_rows(backend: Backend, chunk: Chunk) -> list[RowError]:
    """Why rows of an upload were refused on arrival: one ranged GET, none if there were no such rows."""
    if chunk.errors is None:
        return []
    return ERRORS.validate_json(packs.read_range(backend, chunk.pack, chunk.errors))


def is_unsettled(chunk: Chunk, one: WindowSettled) -> bool:
    """Whether a chunk does not know this of its window; it knows all of earlier attempts."""
    return one.window not in chunk.settled and one.attempt == chunk.attempts.get(one.window, 0)


def settle(chunk: Chunk, messages: list[WindowSettled]) -> Chunk:
    """The chunk after windows have settled; ones that it knows already change nothing."""
    fresh = {one.window: one for one in messages if is_unsettled(chunk, one)}
    if not fresh:
        return chunk
    upload = chunk.upload
    settled = chunk.settled | fresh.keys()
    given_up = chunk.given_up | {one.window for one in fresh.values() if one.given_up}
    found = sum(one.found for one in fresh.values())
    return replace(chunk, settled=settled, given_up=given_up, found=chunk.found + found).with_upload(
        {
            "rows": upload.rows + found,
            "applied": upload.applied + sum(one.applied for one in fresh.values()),
            "dropped": upload.dropped + sum(one.dropped for one in fresh.values()),
            "failed": upload.failed + sum(one.failed for one in fresh.values()),
            "windows_settled": len(settled),
            "windows_failed": len(given_up),
        }
    )


def reopen(backend: Backend, chunk: Chunk) -> Chunk:
    """The chunk with the windows that were given up to be decided once more: one ranged GET."""
    upload = chunk.upload
    failed = sum(len(plan.rows) for plan in plans(backend, chunk) if plan.number in chunk.given_up)
    attempts = dict(chunk.attempts) | {number: chunk.attempts.get(number, 0) + 1 for number in chunk.given_up}
    settled = chunk.settled - chunk.given_up
    changes = {"failed": upload.failed - failed, "windows_settled": len(settled), "windows_failed": 0}
    return replace(chunk, settled=settled, given_up=frozenset(), attempts=attempts).with_upload(changes)


def update(backend: Backend, chunk: Chunk) -> None:
    """Bring a chunk up to date. Raises ConditionFailed when it has changed since it was read."""
    table.write(backend, replacement(backend, chunk))


def replacement(backend: Backend, chunk: Chunk) -> Write:
    """The write that replaces a chunk, on condition that it has not changed since it was read."""
    return writes.revised(backend, _key(chunk.uid, chunk.upload.id, chunk.name), _item(chunk), chunk.revision)


def new(backend: Backend, chunk: Chunk) -> Write:
    """The write that stores a new chunk, on condition that there is none of its name."""
    return writes.new(backend, _key(chunk.uid, chunk.upload.id, chunk.name), _item(chunk))


def _key(uid: str, upload_id: str, chunk: str = "") -> Key:
    return Key(dataset_pk(uid), f"P#{upload_id}#{chunk}" if chunk else f"U#{upload_id}")


def _item(chunk: Chunk) -> dict[str, Any]:
    upload = chunk.upload
    # All of a request counts until the last of it is decided: less would be a write of the index for each window.
    in_flight = InFlight(upload.rows - upload.rejected, upload.windows)
    listed = (
        {}
        if chunk.name
        else upload_records.index_attributes(chunk.uid, upload, deletes=chunk.deletes, in_flight=in_flight)
    )
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
