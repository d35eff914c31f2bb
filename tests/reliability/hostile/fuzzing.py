"""Coverage-guided fuzzing with atheris: `python -m tests.reliability.hostile.fuzzing TARGET SECONDS FOLDER`.

Fuzzes one target and exits with an error if it crashes. FOLDER receives the corpus and the crashing input."""

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
"""Most bytes of an input. `bodies` has the large inputs."""
SLOW_SECONDS = 5
"""Seconds for one input. More is a violation."""
MEMORY_MB = 1024
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_CRASHED = re.compile(r"Test unit written to (\S+)")


class Fuzzed(NamedTuple):
    """The result of one target."""

    runs: int
    crash: str | None
    """The crashing input as Python bytes, with the error; None if there was no crash."""


def is_here() -> bool:
    """Whether atheris is installed. It exists only for Linux."""
    return find_spec("atheris") is not None


def fuzz(name: str, seconds: int) -> Fuzzed:
    """Fuzzes one target for some seconds, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.reliability.hostile.fuzzing", name, str(seconds), folder]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - ourselves
        runs = _RUNS.search(ended.stderr)
        if ended.returncode == 0 and runs is not None:
            return Fuzzed(int(runs[1]), None)
        crashed = _CRASHED.search(ended.stderr)
        crashing_input = repr(Path(crashed[1]).read_bytes()) if crashed else "no input"
        return Fuzzed(int(runs[1]) if runs else 0, f"{crashing_input}: {ended.stderr[-1500:]}")


def main(name: str, seconds: str, folder: str) -> None:
    """Fuzzes one target in this process, which ends afterwards."""
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
