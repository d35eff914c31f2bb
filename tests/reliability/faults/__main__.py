"""`python -m tests.reliability.faults --seed N`: replays a seed's schedule, move by move and request by request."""

import argparse
import sys

from tests.reliability.faults import planted
from tests.reliability.faults.schedules import run
from tests.reliability.faults.shrinking import shrunk


def main() -> None:
    """Prints the schedule of a seed. Exits with an error if it finds a violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.faults", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="the seed of the schedule")
    parser.add_argument("--plant", choices=sorted(planted.PLANTS), help="a bug to plant in the code first")
    parser.add_argument("--shrink", action="store_true", help="remove moves that the violation does not need")
    parser.add_argument("--digest", action="store_true", help="print only a digest of the schedule")
    arguments = parser.parse_args()
    plant = planted.PLANTS[arguments.plant][1] if arguments.plant else None
    outcome = run(arguments.seed, plant=plant)
    if arguments.shrink and outcome.violation:
        outcome = shrunk(outcome, plant)
    print(outcome.digest if arguments.digest else "\n".join(outcome.trace))
    if outcome.violation:
        sys.exit(f"seed {arguments.seed}: {outcome.violation}")


if __name__ == "__main__":
    main()
