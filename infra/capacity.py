"""Reads the context values that size a deployment: the calls of Lambda at once, and the table's warm throughput."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CONCURRENCY = "concurrency"
"""Name of the context value with the number of Lambda calls at once to plan for: the account's quota, or less."""

WRITE_UNITS = "warm_write_units"
"""Name of the context value with the write units a second for which the table is prepared."""

DEFAULT_CONCURRENCY = 1000
"""Lambda's default quota of an account and region. New accounts start with less, often 10."""

MIN_CONCURRENCY = 10
"""Fewest calls at once with which a deployment works. Each of the four queues takes at least `MIN_CALLS`."""

MIN_CALLS = 2
"""Fewest calls at once to which an event source mapping of SQS can be limited: Lambda's minimum."""

MAX_APPLY_CALLS = 100
"""Most windows applied at once: enough for six datasets of 16 shards at full speed, and a tenth of an account's usual
quota, so that the API always has room."""

MAX_INTAKE_CALLS = 20
"""Most files read at once. Together they fill the windows queue faster than most datasets' shards empty it, so reading
more files at once would not finish them sooner."""

MAX_PUBLISH_CALLS = 20
"""Most batches of messages published at once. Publishing a batch takes some 50 ms."""

MAX_WORKFLOW_SHARDS = 16
"""Most shards that one execution of a workflow processes at once: all shards of a dataset that has the default
number."""

FRESH_WRITE_UNITS = 4000
"""Write units a second that DynamoDB prepares every new on-demand table for, without charge."""

DEFAULT_WRITE_UNITS = 16_000
"""Write units a second that the table is prepared for: 1,000 for each partition, and as many partitions as a dataset of
the default size has shards. With `FRESH_WRITE_UNITS` the first large load of every deployment would be
throttled. Write units above those of a fresh table are charged once (docs/costs.md)."""


@dataclass(frozen=True)
class Capacity:
    """How many calls each queue and workflow may make at once, and the write units that the table is prepared for."""

    concurrency: int
    """Calls at once that the account should allow. More change nothing."""
    apply_calls: int
    intake_calls: int
    publish_calls: int
    dead_letter_calls: int
    workflow_shards: int
    """Shards that an execution of a workflow processes at once."""
    write_units: int | None
    """None if the table starts like any new table."""


def from_context(look_up: Callable[[str], Any]) -> Capacity:
    """Reads the context values `concurrency` and `warm_write_units`, which `look_up` returns by name.

    Apply gets a quarter of the concurrency, intake and publish a twentieth each, an execution of a workflow a tenth,
    up to the maximum of each. From 40 calls on, all of them together leave half of the calls to the API. With 10 they
    leave one in the worst case, and usually three, since dead_letter is rarely called. Only a deployment whose calls
    can apply `MAX_WORKFLOW_SHARDS` shards at once has its table prepared by default. Raises ValueError if a value is
    not a whole number or too small.
    """
    calls = _number(look_up, CONCURRENCY, DEFAULT_CONCURRENCY, MIN_CONCURRENCY)
    apply_calls = _share(calls, 4, MIN_CALLS, MAX_APPLY_CALLS)
    default = DEFAULT_WRITE_UNITS if apply_calls >= MAX_WORKFLOW_SHARDS else FRESH_WRITE_UNITS
    write_units = _number(look_up, WRITE_UNITS, default, FRESH_WRITE_UNITS)
    return Capacity(
        concurrency=min(calls, 4 * MAX_APPLY_CALLS),
        apply_calls=apply_calls,
        intake_calls=_share(calls, 20, MIN_CALLS, MAX_INTAKE_CALLS),
        publish_calls=_share(calls, 20, MIN_CALLS, MAX_PUBLISH_CALLS),
        dead_letter_calls=MIN_CALLS,
        workflow_shards=_share(calls, 10, 1, MAX_WORKFLOW_SHARDS),
        write_units=write_units if write_units > FRESH_WRITE_UNITS else None,
    )


def _share(calls: int, divisor: int, least: int, most: int) -> int:
    return min(max(calls // divisor, least), most)


def _number(look_up: Callable[[str], Any], name: str, default: int, least: int) -> int:
    """Returns a context value as a number. `-c name=…` gives it as a string, cdk.json as a number."""
    value = look_up(name)
    if value is None:
        return default
    text = str(value)
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise ValueError(f"{name} must be a whole number of at least {least}; got {value!r}")
    return int(text)
