"""`make bench` runs this: it measures, prints the report, and writes it to docs/costs-measured.md and build/bench.json.

Two passes over the same operations, on a local stack of its own: the functions in this process, where their requests
can be counted and their CPU time taken, then the deployed functions through the HTTPS API, by the clock. Then the cold
starts of all functions. Exits with an error if a counted target is missed.
"""

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from infra.local.server import ROOT, free_port, stop
from infra.local.stack import LocalStack, up
from tests.bench.cold import cold_starts
from tests.bench.deployed import Deployed
from tests.bench.measured import Measured, Run, representative
from tests.bench.process import process
from tests.bench.report import document, page, text
from tests.bench.scenario import Operation, operations, prepare
from tests.bench.targets import targets, targets_of_cold_starts

FIRST_PORT = 15566
"""Away from the ports of `make up` and of the tests."""
PAGE = ROOT / "docs" / "costs-measured.md"
RESULT = ROOT / "build" / "bench.json"


def main() -> None:
    """Measures, prints and writes the report."""
    began = time.monotonic()
    with _stack() as stack:
        key = stack.make_key("admin")
        _say("Counting requests and CPU time, the functions in this process …")
        counted = dict(_counted(stack, key))
        _say("Taking the time of the deployed functions …")
        lines = [Measured(operation, counted[operation.name], took) for operation, took in _timed(stack, key)]
    _say("Taking the CPU time of cold starts …")
    cold = cold_starts()
    checked = [*targets({line.operation.name: line for line in lines}), *targets_of_cold_starts(cold)]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document(lines, cold, checked), indent=2) + "\n")
    when = f"{datetime.now(UTC):%-d %B %Y}"
    PAGE.write_text(
        page(lines, cold, checked, when=when, python=platform.python_version(), cores=os.cpu_count() or 1),
        encoding="utf-8",
    )
    written = " and ".join(str(path.relative_to(ROOT)) for path in (PAGE, RESULT))
    print(f"\n{text(lines, cold, checked)}\n\nWrote {written} in {time.monotonic() - began:.0f} s.")
    if missed := [target.name for target in checked if target.counted and not target.met]:
        sys.exit(f"Targets missed: {'; '.join(missed)}")


@contextmanager
def _stack() -> Iterator[LocalStack]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            yield up(home, free_port(FIRST_PORT))
        finally:
            stop(home)


def _counted(stack: LocalStack, key: str) -> Iterator[tuple[str, Run]]:
    with process(stack, key) as functions:

        def counted(operation: Operation, number: int) -> Run:
            functions.take()
            # Waiting costs CPU time, too: caches of the processor run cold. The least of all runs is reported.
            functions.round_trips.delays = operation.is_of_one_frame and number % 2 == 0
            operation.run(number)
            return functions.take()

        prepare(functions)
        for operation in operations(functions, "counted"):
            yield operation.name, representative([counted(operation, number) for number in range(operation.times)])


def _timed(stack: LocalStack, key: str) -> Iterator[tuple[Operation, float]]:
    """Yields each operation with the seconds that it takes, the least of several runs."""
    with closing(Deployed(stack, key)) as door:

        def took(operation: Operation, number: int) -> float:
            began = time.monotonic()
            operation.run(number)
            return time.monotonic() - began

        for operation in operations(door, "timed"):
            yield operation, min(took(operation, number) for number in range(operation.times))


def _say(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    main()
