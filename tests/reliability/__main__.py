"""`python -m tests.reliability [part …]`: what `make faults` runs. Writes the figures into `docs/reliability.md`, and
exits with an error if there are violations."""

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module

from tests.reliability.report import DOCUMENT, Findings, insert_tables

PARTS = {
    "faults": "tests.reliability.faults.figures",
    "limits": "tests.reliability.limits.figures",
    "access": "tests.reliability.access.figures",
    "hostile": "tests.reliability.hostile.figures",
    "soak": "tests.reliability.soak.figures",
}
"""The parts, in the order in which they run. Each is a module with `find() -> Findings`."""


def main() -> None:
    """Runs the given parts, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)} (default: all)")
    parts = parser.parse_args().parts or list(PARTS)
    if unknown := [name for name in parts if name not in PARTS]:
        parser.error(f"unknown part: {', '.join(unknown)}")
    violations: list[str] = []
    for name in parts:
        began = time.monotonic()
        find: Callable[[], Findings] = import_module(PARTS[name]).find
        findings = find()
        DOCUMENT.write_text(insert_tables(DOCUMENT.read_text(), findings.tables))
        for table in findings.tables:
            print(f"\n{table.text}", flush=True)
        print(f"\n{name}: {time.monotonic() - began:.0f} s, violations: {len(findings.violations)}", flush=True)
        violations += findings.violations
    if violations:
        sys.exit("\n".join(violations))


if __name__ == "__main__":
    main()
