"""The benchmark's report: tables for the terminal, a page for the documentation, JSON for programs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.measured import Measured
from tests.bench.metering import COSTS
from tests.bench.prices import GIGABYTE, MILLION, OF_AWS, dollars, monthly_dollars
from tests.bench.process import FUNCTIONS, OUTSIDE, Usage
from tests.bench.targets import Target

KINDS = (*COSTS, *OF_AWS)
HEADER = """\
# Measured costs

*`make bench` writes this page; do not edit it.* It has the figures behind [Costs](costs.md), measured on {when} with
Python {python} on {cores} cores. `tests/bench/scenario.py` has the operations and `tests/bench/prices.py` the prices.
`build/bench.json` has the same figures by operation and function.
"""
Row = Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table of the report. Its first column is text, the others are figures."""

    title: str
    columns: Row
    rows: Sequence[Row]
    note: str


def text(lines: Sequence[Measured], cold: Mapping[str, float], targets: Sequence[Target]) -> str:
    """Returns the report for the terminal."""
    return "\n\n".join(
        "\n".join([table.title, *_aligned(table), *(f"  {line}" for line in table.note.splitlines())])
        for table in _tables(lines, cold, targets)
    )


def page(
    lines: Sequence[Measured],
    cold: Mapping[str, float],
    targets: Sequence[Target],
    *,
    when: str,
    python: str,
    cores: int,
) -> str:
    """Returns the report as a page in Markdown."""
    header = HEADER.format(when=when, python=python, cores=cores)
    return "\n".join([header, *(_section(table) for table in _tables(lines, cold, targets))])


def document(lines: Sequence[Measured], cold: Mapping[str, float], targets: Sequence[Target]) -> dict[str, Any]:
    """Returns the report as JSON, by operation and function."""
    return {
        "operations": {line.operation.name: _operation(line) for line in lines},
        "cold_starts": {function: round(seconds, 3) for function, seconds in cold.items()},
        "targets": [{**asdict(target), "met": target.met} for target in targets],
    }


def _tables(lines: Sequence[Measured], cold: Mapping[str, float], targets: Sequence[Target]) -> Iterator[Table]:
    yield Table("Units and times", USAGE_COLUMNS, [_usage_row(line) for line in lines], USAGE_NOTE)
    yield _dollars(lines)
    yield _write_units(lines)
    yield _requests(lines)
    yield _round_trips(lines)
    yield Table("Cold starts", COLD_COLUMNS, [(name, f"{seconds:.2f}") for name, seconds in cold.items()], COLD_NOTE)
    stored = [_storage_row(line) for line in lines if line.total.tally.table_bytes > 0]
    yield Table("Storage of a million frames", STORAGE_COLUMNS, stored, STORAGE_NOTE)
    yield Table("Targets", TARGET_COLUMNS, [_target_row(target) for target in targets], TARGET_NOTE)


USAGE_COLUMNS = (
    "operation",
    "write units",
    "read units",
    "S3 PUT",
    "S3 GET",
    "SQS charged",
    "events",
    "Lambda calls",
    "transitions",
    "CPU ms, ours",
    "CPU ms, SDK",
    "s, emulator",
)
USAGE_NOTE = """\
The counts are from the run with the fewest requests, when the functions have the API key, the dataset, its class map,
its schema and the version record in memory. CPU time and seconds are the least of all runs. "Ours" is our code and the
libraries it calls; the SDK builds, signs and sends requests. The seconds are those of the deployed functions on the
emulator, until the upload has settled or the response has arrived. SQS charges a request for each 64 KB of messages.
Events are those that Tidemark sends, transitions those of Step Functions."""


def _usage_row(line: Measured) -> Row:
    total = line.total
    return (
        line.operation.name,
        f"{total.tally.write_units:,.0f}",
        f"{total.tally.read_units:,.0f}",
        f"{line.requests('s3.PutObject'):,}",
        f"{line.requests('s3.GetObject'):,}",
        f"{total.tally.sqs_charged:,}",
        f"{total.tally.events:,}",
        f"{total.calls:,}",
        f"{total.transitions:,}",
        f"{total.cpu.ours:,.1f}",
        f"{total.cpu.sdk:,.1f}",
        f"{line.seconds:.2f}",
    )


DOLLARS_NOTE = """\
For a million frames that are written or read; for histories, a million of them. Lambda's time is computed: the CPU time
above, divided by the share of a core that the function's memory buys, and 10 ms for each request that it waits for,
queries and GETs 16 at a time. Everything else is counted."""


def _dollars(lines: Sequence[Measured]) -> Table:
    costs = {line.operation: dollars(line.functions) for line in lines}
    services = [service for service in next(iter(costs.values()), {}) if any(cost[service] for cost in costs.values())]

    def row(line: Measured) -> Row:
        cost, scale = costs[line.operation], MILLION / line.operation.frames
        return (line.operation.name, *(f"{cost[s] * scale:.3f}" for s in services), f"{sum(cost.values()) * scale:.2f}")

    return Table("Dollars for a million frames", ("operation", *services, "total"), [*map(row, lines)], DOLLARS_NOTE)


UNITS_NOTE = "Without operations that only read."


def _write_units(lines: Sequence[Measured]) -> Table:
    writing = [line for line in lines if line.total.tally.write_units]
    names = [
        name
        for name in (*FUNCTIONS, OUTSIDE)
        if any(name in line.functions and line.functions[name].tally.write_units for line in writing)
    ]
    rows = [
        (
            line.operation.name,
            *(f"{line.functions.get(name, Usage()).tally.write_units:,.0f}" for name in names),
        )
        for line in writing
    ]
    return Table("Write units by function", ("operation", *names), rows, UNITS_NOTE)


REQUESTS_NOTE = "SendMessage, ReceiveMessage and DeleteMessageBatch are EventBridge's and Lambda's."


def _requests(lines: Sequence[Measured]) -> Table:
    kinds = [kind for kind in KINDS if any(line.requests(kind) for line in lines)]
    rows = [(line.operation.name, *(f"{line.requests(kind):,}" for kind in kinds)) for line in lines]
    return Table("Requests to AWS", ("operation", *(kind.partition(".")[2] for kind in kinds)), rows, REQUESTS_NOTE)


ROUND_TRIPS_NOTE = """\
The longest chain of requests in a call of which none begins before the last has ended: what latency is made of. As with
the counts, functions have definitions in memory. An `api` that adds to the count of a key's requests, every tenth time,
or counts what a dataset has in flight, every two seconds, makes a round trip more for each."""


def _round_trips(lines: Sequence[Measured]) -> Table:
    single = [line for line in lines if line.operation.is_of_one_frame]
    names = [
        name
        for name in FUNCTIONS
        if any(name in line.functions and line.functions[name].round_trips for line in single)
    ]
    rows = [
        (line.operation.name, *(f"{line.functions.get(name, Usage()).round_trips:,}" for name in names))
        for line in single
    ]
    return Table("Sequential round trips of a call", ("operation", *names), rows, ROUND_TRIPS_NOTE)


COLD_COLUMNS = ("function", "s of CPU to load")
COLD_NOTE = """\
The least CPU time of five new processes that load the function from a bundle with bytecode, as it is deployed, and
create its AWS clients. A cold request waits for `authorizer` and `api`, one after the other. Lambda also fetches the
code and starts an execution environment."""

STORAGE_COLUMNS = ("operation", "DynamoDB, GB", "S3, GB", "$ a month")
STORAGE_NOTE = """\
What the operation leaves. DynamoDB's share counts the index entries and the 100 bytes that are charged for each item;
its price includes point-in-time recovery."""


def _storage_row(line: Measured) -> Row:
    scale = MILLION / line.operation.frames
    table, bucket = line.total.tally.table_bytes * scale, line.total.tally.pack_bytes * scale
    return (
        line.operation.name,
        f"{table / GIGABYTE:.2f}",
        f"{bucket / GIGABYTE:.2f}",
        f"{monthly_dollars(table, bucket):.2f}",
    )


TARGET_COLUMNS = ("target", "measured", "at most", "result")
TARGET_NOTE = "A target of CPU time depends on the machine, so that missing it is no error."


def _target_row(target: Target) -> Row:
    verdict = "met" if target.met else "MISSED" if target.counted else "missed (CPU time: no error)"
    return target.name, f"{target.measured:.3g}", f"{target.most:.3g}", verdict


def _aligned(table: Table) -> Iterator[str]:
    """Yields the lines of a table, the first column left, the others right."""
    rows = [table.columns, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        yield "  " + "  ".join(cells).rstrip()


def _section(table: Table) -> str:
    rule = ["---", *("--:" for _ in table.columns[1:])]
    rows = [_cells(table.columns), _cells(rule), *map(_cells, table.rows)]
    return "\n".join([f"## {table.title}", "", *rows, "", table.note, ""])


def _cells(row: Iterable[str]) -> str:
    return f"| {' | '.join(row)} |"


def _operation(line: Measured) -> dict[str, Any]:
    costs = dollars(line.functions)
    return {
        "frames": line.operation.frames,
        "runs": line.operation.times,
        "seconds": round(line.seconds, 3),
        **_usage(line.total),
        "dollars": {"total": sum(costs.values()), **costs},
        "functions": {name: _usage(usage) for name, usage in line.functions.items()},
    }


def _usage(usage: Usage) -> dict[str, Any]:
    tally = usage.tally
    return {
        "calls": usage.calls,
        "requests": dict(tally.requests),
        "write_units": tally.write_units,
        "read_units": tally.read_units,
        "sqs_charged": tally.sqs_charged,
        "events": tally.events,
        "cpu_ms": {"ours": round(usage.cpu.ours, 2), "sdk": round(usage.cpu.sdk, 2)},
        "table_bytes": tally.table_bytes,
        "pack_bytes": tally.pack_bytes,
        "carried_bytes": usage.carried_bytes,
        "log_bytes": usage.log_bytes,
        "transitions": usage.transitions,
        "round_trips": usage.round_trips,
    }
