"""`python -m tests.reliability [part …]`: what `make faults` runs. Writes the figures into
`docs/reliability.md`, and ends with an error where something was found that must not be."""

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module

from tests.reliability.report import DOCUMENT, Findings, written

PARTS = {
    "faults": "tests.reliability.faults.figures",
    "access": "tests.reliability.access.figures",
    "hostile": "tests.reliability.hostile.figures",
    "soak": "tests.reliability.soak.figures",
}
"""The parts of the proof, in the order in which they run: each a module with `find() -> Findings`."""


def main() -> None:
    """Run the parts that are asked for, all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all of them by default")
    asked = parser.parse_args().parts or list(PARTS)
    if unknown := [name for name in asked if name not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}")
    violations: list[str] = []
    for name in asked:
        began = time.monotonic()
        find: Callable[[], Findings] = import_module(PARTS[name]).find
        found = find()
        DOCUMENT.write_text(written(DOCUMENT.read_text(), found.tables))
        for table in found.tables:
            print(f"\n{table.text}", flush=True)
        print(f"\n{name}: {time.monotonic() - began:.0f} s, violations: {len(found.violations)}", flush=True)
        violations += found.violations
    if violations:
        sys.exit("\n".join(violations))


if __name__ == "__main__":
    main()
