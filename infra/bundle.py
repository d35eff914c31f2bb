"""The folder that all functions are deployed from: pinned dependencies, `tidemark` and `functions`."""

import shutil
import subprocess
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements" / "runtime.txt"
SOURCES = (ROOT / "shared" / "tidemark", ROOT / "functions")
LEFT_OUT = ("__pycache__", "cli")
"""Folders of the sources that no function imports: the command line needs packages that are not deployed."""

PYTHON = "3.14"
"""The version of Lambda's Python runtime; `infra.functions` names the same."""


class Target(StrEnum):
    """Where a bundle is to run: AWS's arm64 machines, or this machine under this interpreter."""

    AWS = "aws"
    LOCAL = "local"


def _wheels_for(target: Target) -> list[str]:
    if target is Target.LOCAL:
        return []
    return ["--python-platform", "aarch64-manylinux_2_28", "--python-version", PYTHON]


def build_bundle(target: Target, folder: Path) -> Path:
    """Fill `folder` and return it. Raises CalledProcessError if a dependency cannot be had.

    The same sources give the same bytes, so that an unchanged bundle is not uploaded again.
    """
    shutil.rmtree(folder, ignore_errors=True)
    # The lock file leaves out what Lambda's runtime brings, so what it lists is installed as listed: no resolution.
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    subprocess.run([*command, *_wheels_for(target), "--target", folder, "-r", REQUIREMENTS], check=True)
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for source in SOURCES:
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return folder
