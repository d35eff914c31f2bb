"""`python -m tests.reliability.soak [--seconds N] [--seed N]`: a soak by itself, which writes no document."""

import argparse
import sys

from tests.reliability.soak.figures import SECONDS, find


def main() -> None:
    """Run it, and end with an error where something was found that must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long everybody works (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="what they do (another each time)")
    asked = parser.parse_args()
    found = find(asked.seconds, asked.seed)
    for table in found.tables:
        print(f"\n{table.text}", flush=True)
    if found.violations:
        sys.exit("\n".join(found.violations))


if __name__ == "__main__":
    main()
