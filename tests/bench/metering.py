"""Meters AWS requests with hooks of the SDK: their number by kind, and the units that they consume.

A write's units depend on the item before it, so the meter reads the items of a write before and after it, with a
client that is not metered.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from tests.bench.units import (
    STORAGE_BYTES,
    Index,
    Item,
    get_units,
    item_size,
    query_units,
    write_units,
)

INDEXES = (
    Index(("unsettled", "unsettled_order"), ("deletes", "rows_in_flight", "windows_in_flight")),
    Index(("dataset", "accepted_at")),
    Index(("project", "accepted_at")),
)
"""The main table's indexes `unsettled`, `uploads`, `project_uploads`. Items of other tables do not have their keys."""
CHUNK = 64 * 1024
"""Bytes per request that SQS charges, and per event that EventBridge charges."""
CHARGED_OF_EVENT = ("Source", "DetailType", "Detail")
"""The fields whose bytes EventBridge counts."""

Key = tuple[str, str, str]
"""Table, PK and SK. For a table with the key `id`, the id and an empty SK."""
Observe = Callable[[list[Key]], dict[Key, Item]]
"""Reads items without metering. Missing items are left out."""


@dataclass
class Tally:
    """The cost of some requests."""

    requests: Counter[str] = field(default_factory=Counter)
    """Number of requests by kind, such as `dynamodb.Query`."""
    write_units: float = 0
    read_units: float = 0
    sqs_charged: int = 0
    """Requests that SQS charges."""
    events: int = 0
    """Events that EventBridge charges."""
    table_bytes: int = 0
    """Growth of the table, with the overhead charged per item."""
    pack_bytes: int = 0
    """Growth of the bucket."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.requests + other.requests,
            self.write_units + other.write_units,
            self.read_units + other.read_units,
            self.sqs_charged + other.sqs_charged,
            self.events + other.events,
            self.table_bytes + other.table_bytes,
            self.pack_bytes + other.pack_bytes,
        )


class Meter:
    """Tallies the requests of every client created from a session after `attach`."""

    def __init__(self, observe: Observe) -> None:
        self.tally = Tally()
        self._observe = observe
        self._lock = threading.Lock()

    def attach(self, session: Any) -> None:
        """Adds hooks to a boto3 session."""
        session.events.register("before-parameter-build", self._before)
        session.events.register("after-call", self._after)

    def take(self) -> Tally:
        """Returns the tally since the last call, and resets it."""
        taken, self.tally = self.tally, Tally()
        return taken

    def deliver(self, size: int) -> None:
        """Counts Lambda's requests to deliver a batch of messages of `size` bytes: one to receive, one to delete."""
        self.tally.requests.update(("sqs.ReceiveMessage", "sqs.DeleteMessageBatch"))
        self.tally.sqs_charged += chunks(size) + 1

    def _before(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        context["metered"] = params
        if model.name in ("PutItem", "UpdateItem", "TransactWriteItems"):
            context["keys"] = [key_of(write) for write in writes_of(params)]
            context["before"] = self._observe(context["keys"])

    def _after(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if "Error" in parsed:  # an error costs units too, but the benchmark expects none
            raise AssertionError(f"{model.name} was refused: {parsed['Error']}")
        call = f"{model.service_model.service_name}.{model.name}"
        added = COSTS[call](context["metered"], parsed)
        if "keys" in context:
            after = self._observe(context["keys"])
            states = [(context["before"].get(key), after.get(key)) for key in context["keys"]]
            added += write_cost(states, transactional=model.name == "TransactWriteItems")
        added.requests[call] += 1
        with self._lock:
            self.tally += added


def write_cost(states: list[tuple[Item | None, Item | None]], *, transactional: bool) -> Tally:
    """Returns the cost of a write request, from the states of its items before and after."""
    return Tally(
        write_units=sum(
            write_units(*state, transactional=transactional) + sum(index.write_units(*state) for index in INDEXES)
            for state in states
        ),
        table_bytes=sum(stored_bytes(after) - stored_bytes(before) for before, after in states),
    )


def stored_bytes(item: Item | None) -> int:
    """Returns the stored bytes of an item and its index entries."""
    held = [item, *(index.entry(item) for index in INDEXES)]
    return sum(item_size(state) + STORAGE_BYTES for state in held if state)


def writes_of(params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yields the writes of a request, each with its table and its item or key."""
    for transacted in params.get("TransactItems", [{"alone": params}]):
        yield from transacted.values()


def key_of(write: Mapping[str, Any]) -> Key:
    """Returns the key of a write."""
    return key_in(write["TableName"], write.get("Key") or write["Item"])


def key_in(table: str, item: Item) -> Key:
    """Returns the key of an item, or of attributes with at least the key."""
    return (table, item["PK"]["S"], item["SK"]["S"]) if "PK" in item else (table, item["id"]["S"], "")


def chunks(size: int) -> int:
    """Returns the requests that SQS charges for `size` bytes, which are also the events that EventBridge charges."""
    return max(1, ceil(size / CHUNK))


def _get_item(params: Mapping[str, Any], parsed: Mapping[str, Any]) -> Tally:
    size = item_size(parsed.get("Item", {}))
    return Tally(read_units=get_units([size], consistent=params.get("ConsistentRead", False)))


def _batch_get_item(params: Mapping[str, Any], parsed: Mapping[str, Any]) -> Tally:
    units = 0.0
    for table, read in params["RequestItems"].items():
        sizes = [item_size(item) for item in parsed["Responses"].get(table, [])]
        absent = [0] * (len(read["Keys"]) - len(sizes))
        units += get_units([*sizes, *absent], consistent=read.get("ConsistentRead", False))
    return Tally(read_units=units)


def _query(params: Mapping[str, Any], parsed: Mapping[str, Any]) -> Tally:
    sizes = [item_size(item) for item in parsed["Items"]]
    return Tally(read_units=query_units(sizes, consistent=params.get("ConsistentRead", False)))


def _put_bytes(params: Mapping[str, Any], _: Mapping[str, Any]) -> Tally:
    body = params["Body"]
    if isinstance(body, bytes):
        return Tally(pack_bytes=len(body))
    return Tally(pack_bytes=body.seek(0, os.SEEK_END))  # a file that has been sent


def _send_message_batch(params: Mapping[str, Any], _: Mapping[str, Any]) -> Tally:
    return Tally(sqs_charged=chunks(sum(len(entry["MessageBody"].encode()) for entry in params["Entries"])))


def _put_events(params: Mapping[str, Any], _: Mapping[str, Any]) -> Tally:
    sizes = [sum(len(entry[name].encode()) for name in CHARGED_OF_EVENT) for entry in params["Entries"]]
    return Tally(events=sum(map(chunks, sizes)))


def _requests_only(_params: Mapping[str, Any], _parsed: Mapping[str, Any]) -> Tally:
    return Tally()


COSTS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Tally]] = {
    "dynamodb.GetItem": _get_item,
    "dynamodb.BatchGetItem": _batch_get_item,
    "dynamodb.Query": _query,
    "dynamodb.PutItem": _requests_only,
    "dynamodb.UpdateItem": _requests_only,
    "dynamodb.TransactWriteItems": _requests_only,
    "s3.PutObject": _put_bytes,
    "s3.PutObjectTagging": _requests_only,
    "s3.CreateMultipartUpload": _requests_only,
    "s3.UploadPart": _put_bytes,
    "s3.CompleteMultipartUpload": _requests_only,
    "s3.ListObjectsV2": _requests_only,
    "s3.DeleteObject": _requests_only,
    "s3.DeleteObjects": _requests_only,
    "s3.GetObject": _requests_only,
    "s3.HeadObject": _requests_only,
    "sqs.SendMessageBatch": _send_message_batch,
    "events.PutEvents": _put_events,
    "stepfunctions.StartExecution": _requests_only,
}
"""Cost functions by kind of request, without write units. A kind that is missing here fails the benchmark."""
