"""The report: tables for people, JSON for programs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tests.bench.measured import Measured
from tests.bench.metering import COSTS
from tests.bench.prices import OF_AWS, dollars
from tests.bench.process import Usage
from tests.bench.targets import Target

KINDS = (*COSTS, *OF_AWS)
LEGEND = """\
  Counts are those of warm functions; CPU time and seconds are the least of several runs. Seconds are those of the
  deployed functions on the emulator, until the upload has settled or the answer is there. "$ a million": a million such
  operations at the list prices of docs/costs.md."""
Row = Sequence[str]


def text(lines: Sequence[Measured], targets: Sequence[Target]) -> str:
    """The report as tables."""
    return "\n\n".join(
        "\n".join(part)
        for part in (
            ["What it costs", *_table(COST_COLUMNS, map(_costs, lines)), LEGEND],
            ["AWS requests by kind", *_table(_kind_columns(lines), (_kinds(line, lines) for line in lines))],
            ["Targets", *_table(("", "measured", "at most", ""), map(_target, targets))],
        )
    )


def document(lines: Sequence[Measured], targets: Sequence[Target]) -> dict[str, Any]:
    """The report as JSON, by operation and function."""
    return {
        "operations": {line.operation.name: _operation(line) for line in lines},
        "targets": [{**asdict(target), "met": target.met} for target in targets],
    }


COST_COLUMNS = (
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
    "$ a million",
)


def _costs(line: Measured) -> Row:
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
        f"{sum(dollars(line.functions).values()) * 1_000_000:,.2f}",
    )


def _kind_columns(lines: Sequence[Measured]) -> Row:
    return ("operation", *(kind.partition(".")[2] for kind in _kinds_of(lines)))


def _kinds(line: Measured, lines: Sequence[Measured]) -> Row:
    return (line.operation.name, *(f"{line.requests(kind):,}" for kind in _kinds_of(lines)))


def _kinds_of(lines: Sequence[Measured]) -> list[str]:
    return [kind for kind in KINDS if any(line.requests(kind) for line in lines)]


def _target(target: Target) -> Row:
    verdict = "met" if target.met else "MISSED" if target.counted else "missed (CPU time: no error)"
    return target.name, f"{target.measured:.3g}", f"{target.most:.3g}", verdict


def _table(header: Row, rows: Iterable[Row]) -> Iterator[str]:
    """Lines of a table, the first column left, the others right."""
    all_rows = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*all_rows, strict=True)]
    for first, *others in all_rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        yield "  " + "  ".join(cells).rstrip()


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
    }
