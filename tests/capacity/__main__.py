"""`make capacity` runs this: it simulates all loads and prints the tables. `--write` writes docs/capacity.md.

Exits with an error if a target is missed. Takes a few minutes on two cores.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.capacity.loads import run
from tests.capacity.report import JOBS, page, targets

PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"


def main() -> None:
    """Simulates, prints, and writes the page if asked to."""
    began = time.monotonic()
    results = {}
    with ProcessPoolExecutor() as pool:
        for job, found in zip(JOBS, pool.map(run, JOBS), strict=True):
            results[job] = found
            progress = (
                f"{len(results)}/{len(JOBS)} {job.load.name}, {job.design.name}: {found.rows_per_second:,.0f} rows/s"
            )
            print(progress, file=sys.stderr, flush=True)
    text = page(results)
    print(text)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    print(f"Simulated in {time.monotonic() - began:.0f} s.", file=sys.stderr)
    if missed := [target.name for target in targets(results) if not target.met]:
        sys.exit(f"Targets missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
