"""`python -m tests.reliability.faults --seed N`: replay the schedule of a seed, move by move and request by request."""

import argparse
import sys

from tests.reliability.faults import planted
from tests.reliability.faults.schedules import run
from tests.reliability.faults.shrinking import shrunk


def main() -> None:
    """Print the schedule of a seed, and end with an error where it finds a violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.faults", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="the seed of the schedule")
    parser.add_argument("--plant", choices=sorted(planted.PLANTS), help="a fault to put into the code before")
    parser.add_argument("--shrink", action="store_true", help="leave out moves that the violation does not need")
    parser.add_argument("--digest", action="store_true", help="print a digest of the schedule alone")
    asked = parser.parse_args()
    plant = planted.PLANTS[asked.plant][1] if asked.plant else None
    outcome = run(asked.seed, plant=plant)
    if asked.shrink and outcome.violation:
        outcome = shrunk(outcome, plant)
    print(outcome.digest if asked.digest else "\n".join(outcome.trace))
    if outcome.violation:
        sys.exit(f"seed {asked.seed}: {outcome.violation}")


if __name__ == "__main__":
    main()
