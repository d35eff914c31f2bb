"""`python -m tests.reliability.limits FIRST [LAST]`: runs the random loads of some seeds and prints what happened."""

import argparse
import sys

from tests.reliability.limits.random_loads import run


def main() -> None:
    """Prints the result of each seed. Exits with an error if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.limits", description=__doc__)
    parser.add_argument("first", type=int, help="the first seed")
    parser.add_argument("last", type=int, nargs="?", help="the last seed; the first one if it is left out")
    arguments = parser.parse_args()
    violations = 0
    for seed in range(arguments.first, (arguments.last or arguments.first) + 1):
        try:
            print(seed, run(seed), flush=True)
        except AssertionError as violation:
            violations += 1
            print(seed, "violation:", str(violation).split("\n", maxsplit=1)[0], flush=True)
    if violations:
        sys.exit(f"{violations} violations")


if __name__ == "__main__":
    main()
