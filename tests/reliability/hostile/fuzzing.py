"""Fuzzing by coverage (atheris): `python -m tests.reliability.hostile.fuzzing TARGET SECONDS FOLDER`.

Tries one target and ends with an error where it crashes; FOLDER keeps what was tried, and what crashed it."""

import importlib
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

TARGETS = {
    "JSON": "tests.reliability.hostile.fuzz_json",
    "rows": "tests.reliability.hostile.fuzz_rows",
    "row files": "tests.reliability.hostile.fuzz_files",
    "ids": "tests.reliability.hostile.fuzz_ids",
    "cursors, versions, times": "tests.reliability.hostile.fuzz_parameters",
}
MAX_INPUT = 16 * 1024
"""Bytes of an input. What is large is tried by `bodies`."""
SLOW_SECONDS = 5
"""What takes longer for one input is a violation."""
MEMORY_MB = 1024
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_CRASHED = re.compile(r"Test unit written to (\S+)")


class Fuzzed(NamedTuple):
    """What came of one target."""

    runs: int
    crash: str | None
    """The input that crashed it, as Python bytes, and the last words; None if none did."""


def is_here() -> bool:
    """Whether atheris is installed, which is for Linux alone."""
    return find_spec("atheris") is not None


def fuzz(name: str, seconds: int) -> Fuzzed:
    """Fuzz one target for a while, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.reliability.hostile.fuzzing", name, str(seconds), folder]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - ourselves
        runs = _RUNS.search(ended.stderr)
        if ended.returncode == 0 and runs is not None:
            return Fuzzed(int(runs[1]), None)
        crashed = _CRASHED.search(ended.stderr)
        found = repr(Path(crashed[1]).read_bytes()) if crashed else "no input"
        return Fuzzed(int(runs[1]) if runs else 0, f"{found}: {ended.stderr[-1500:]}")


def main(name: str, seconds: str, folder: str) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris  # noqa: PLC0415 - not everywhere

    with atheris.instrument_imports(include=["tidemark"]):
        fuzzed = importlib.import_module(TARGETS[name])
    for number, seed in enumerate(fuzzed.SEEDS):
        (Path(folder) / f"seed-{number}").write_bytes(seed)
    bounds = [f"-max_total_time={seconds}", f"-max_len={MAX_INPUT}", f"-timeout={SLOW_SECONDS}"]
    bounds += [f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1", f"-artifact_prefix={folder}/", folder]
    atheris.Setup([sys.argv[0], *bounds], fuzzed.target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
