"""Parts of uploads: rows that intake took at once. Written before their first window is sent, kept up to date as
windows settle. A request makes an upload of one part, which is kept as the upload's own record."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Item, Key, dataset_pk
from tidemark.catalog import schema_records
from tidemark.catalog.schema_records import SchemaGrowth
from tidemark.domain.errors import RowError
from tidemark.domain.uploads import InFlight, Source, Upload
from tidemark.domain.windows import Settled, Window, WindowPlan, chunk_source, window_id
from tidemark.shards import packs
from tidemark.shards.packs import Span
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


NOTHING = Counts()


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part as it is kept: its counts, and what is needed to send its windows again."""

    uid: str
    """The dataset's."""
    upload: Upload
    """The upload, with the counts of this part."""
    name: str = ""
    """Sorts in the order of the upload's rows; empty for the one part of a request."""
    body_digest: str = ""
    """Of the request's body."""
    pack: str
    index: Span
    """Where the upload's windows lie in its pack."""
    errors: Span | None
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
    counted: Counts = NOTHING
    """What the totals of an upload of several parts hold of it."""
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

    def updated(self, changes: Mapping[str, Any]) -> "Part":
        """The part with changes to what its sender sees."""
        return replace(self, upload=self.upload.model_copy(update=changes))


def create(backend: Backend, part: Part, growth: SchemaGrowth | None, fills: Any = None) -> bool:
    """Write the one part of an upload, and with it the upload, what its rows teach the dataset, and `fills`, the write
    by which it becomes the upload of a BATCH dataset.

    False if the upload exists already. Raises SchemaMoved, and TransactionRefused where it may not fill the dataset.
    """
    if growth is None and fills is None:
        return table.put_new(backend, _key(part.uid, part.upload.id), _item(part))
    writes: list[Any] = [table.creation(backend, *new(part)), *([{"Update": fills}] if fills else [])]
    try:
        schema_records.teach(backend, part.uid, writes, growth)
    except table.TransactionRefused as refused:
        if not refused.failed[0]:
            raise
        return False
    return True


def find(backend: Backend, uid: str, upload_id: str, name: str = "") -> Part | None:
    """A part of an upload, read consistently, or None."""
    found = find_many(backend, uid, [(upload_id, name)])
    return found[0] if found else None


def get(backend: Backend, uid: str, upload_id: str, name: str = "") -> Part:
    """A part that is known to be there, read consistently."""
    part = find(backend, uid, upload_id, name)
    if part is None:
        raise LookupError(f"part {name!r} of upload {upload_id} of {uid} is missing")
    return part


def of_upload(
    backend: Backend, uid: str, upload_id: str, first: str = "", *, at_once: int | None = None
) -> Iterator[Part]:
    """The parts of an upload that has several, in their order, from the one named `first` on; read `at_once` of them
    to a request, or as many as it takes."""
    prefix = f"P#{upload_id}#"
    for item in table.query_all(backend, dataset_pk(uid), f"{prefix}{first}", f"{prefix}~", at_once=at_once):
        yield _read(uid, item)


def find_many(backend: Backend, uid: str, names: list[tuple[str, str]]) -> list[Part]:
    """The parts of several (upload, part), in the order asked for, read consistently; unknown ones are left out."""
    keys = [_key(uid, upload_id, name) for upload_id, name in names]
    found = table.get_many(backend, keys)
    return [_read(uid, found[key]) for key in keys if key in found]


def plans(backend: Backend, part: Part) -> list[WindowPlan]:
    """The windows that an upload was cut into, as they were written: one ranged GET."""
    return PLANS.validate_json(packs.read_span(backend, part.pack, part.index))


def unsettled_windows(backend: Backend, part: Part, until: str = "") -> list[Window]:
    """The windows of an upload whose outcome its part does not know yet, as they were written, to be sent again.

    `until` is the last window of a roll back in the shard of this part.
    """
    unsettled = (plan for plan in plans(backend, part) if plan.number not in part.settled)
    # A roll back gives way to nothing until its last window has had its turn, unless it is retried after that.
    gives_way = part.upload.source is not Source.ROLLBACK
    return [window(part, plan, again=gives_way or plan.number in part.attempts, until=until) for plan in unsettled]


def last_windows(backend: Backend, uid: str, upload_id: str, names: list[str]) -> dict[int, str]:
    """The ids of the last windows of these parts of an upload, by their sources: a request for each hundred."""
    found = find_many(backend, uid, [(upload_id, name) for name in names])
    return {chunk_source(part.name): window_id(upload_id, part.name, part.upload.windows - 1) for part in found}


def window(part: Part, plan: WindowPlan, *, again: bool = False, until: str = "") -> Window:
    """A window of an upload, in the attempt that counts, ready to be sent."""
    return Window(
        dataset=part.uid,
        upload=part.upload.id,
        part=part.name,
        pack=part.pack,
        actor=part.upload.actor,
        accepted_at=part.upload.accepted_at,
        plan=plan,
        again=again,
        until="" if plan.restore else until,
        attempt=part.attempts.get(plan.number, 0),
    )


def rejected_rows(backend: Backend, part: Part) -> list[RowError]:
    """Why rows of an upload were refused on arrival: one ranged GET, none if there were no such rows."""
    if part.errors is None:
        return []
    return ERRORS.validate_json(packs.read_span(backend, part.pack, part.errors))


def is_new(part: Part, one: Settled) -> bool:
    """Whether a part does not know this of its window; it knows all of earlier attempts."""
    return one.window not in part.settled and one.attempt == part.attempts.get(one.window, 0)


def settle(part: Part, news: list[Settled]) -> Part:
    """The part after windows have settled; ones that it knows already change nothing."""
    fresh = {one.window: one for one in news if is_new(part, one)}
    if not fresh:
        return part
    upload = part.upload
    settled = part.settled | fresh.keys()
    given_up = part.given_up | {one.window for one in fresh.values() if one.given_up}
    found = sum(one.found for one in fresh.values())
    return replace(part, settled=settled, given_up=given_up, found=part.found + found).updated(
        {
            "rows": upload.rows + found,
            "applied": upload.applied + sum(one.applied for one in fresh.values()),
            "dropped": upload.dropped + sum(one.dropped for one in fresh.values()),
            "failed": upload.failed + sum(one.failed for one in fresh.values()),
            "windows_settled": len(settled),
            "windows_failed": len(given_up),
        }
    )


def reopen(backend: Backend, part: Part) -> Part:
    """The part with the windows that were given up to be decided once more: one ranged GET."""
    upload = part.upload
    failed = sum(len(plan.rows) for plan in plans(backend, part) if plan.number in part.given_up)
    attempts = dict(part.attempts) | {number: part.attempts.get(number, 0) + 1 for number in part.given_up}
    settled = part.settled - part.given_up
    changes = {"failed": upload.failed - failed, "windows_settled": len(settled), "windows_failed": 0}
    return replace(part, settled=settled, given_up=frozenset(), attempts=attempts).updated(changes)


def update(backend: Backend, part: Part) -> None:
    """Bring a part up to date. Raises TransactionRefused when it has changed since it was read."""
    table.put_if(backend, replacement(backend, part))


def replacement(backend: Backend, part: Part) -> Any:
    """The write that brings a part up to date, on condition that it has not changed since it was read."""
    return {
        "TableName": backend.table,
        "Item": table.put(*new(replace(part, revision=part.revision + 1))),
        "ConditionExpression": "revision = :seen",
        "ExpressionAttributeValues": {":seen": {"N": str(part.revision)}},
    }


def new(part: Part) -> tuple[Key, dict[str, Any]]:
    """Where a part lies, and how it is written."""
    return _key(part.uid, part.upload.id, part.name), _item(part)


def _key(uid: str, upload_id: str, part: str = "") -> Key:
    return Key(dataset_pk(uid), f"P#{upload_id}#{part}" if part else f"U#{upload_id}")


def _item(part: Part) -> dict[str, Any]:
    upload = part.upload
    # All of a request counts until the last of it is decided: less would be a write of the index for each window.
    in_flight = InFlight(upload.rows - upload.rejected, upload.windows)
    listed = {} if part.name else upload_records.indexed(part.uid, upload, deletes=part.deletes, in_flight=in_flight)
    return listed | {
        "upload": upload.model_dump_json(),
        "body": part.body_digest,
        "pack": part.pack,
        "index": json.dumps(part.index),
        "errors": json.dumps(part.errors) if part.errors else None,
        "settled": set(part.settled) or None,
        "given_up": set(part.given_up) or None,
        "found": part.found,
        "counted": json.dumps(part.counted) if part.name else None,
        "attempts": json.dumps(dict(part.attempts)) if part.attempts else None,
        "revision": part.revision,
        "deletes": part.deletes,
    }


def _read(uid: str, item: Item) -> Part:
    _, _, *name = item["SK"].split("#")
    return Part(
        uid=uid,
        name="".join(name),
        upload=Upload.model_validate_json(item["upload"]),
        body_digest=item["body"],
        pack=item["pack"],
        index=Span(*json.loads(item["index"])),
        errors=Span(*json.loads(item["errors"])) if "errors" in item else None,
        deletes=item["deletes"],
        settled=frozenset(int(number) for number in item.get("settled", ())),
        given_up=frozenset(int(number) for number in item.get("given_up", ())),
        attempts={int(number): attempt for number, attempt in json.loads(item.get("attempts", "{}")).items()},
        found=int(item.get("found", 0)),
        counted=Counts(*json.loads(item["counted"])) if "counted" in item else NOTHING,
        revision=int(item["revision"]),
    )
