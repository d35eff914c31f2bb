"""`python -m tests.reliability.soak [--seconds N] [--seed N]`: runs only the soak and writes no document."""

import argparse
import sys

from tests.reliability.soak.figures import SECONDS, find


def main() -> None:
    """Runs the soak and prints its figures. Exits with an error if there are violations."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long the soak runs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="seed of all actions (default: the time)")
    arguments = parser.parse_args()
    findings = find(arguments.seconds, arguments.seed)
    for table in findings.tables:
        print(f"\n{table.text}", flush=True)
    if findings.violations:
        sys.exit("\n".join(findings.violations))


if __name__ == "__main__":
    main()
