"""What is deployed, as folders: one that all functions share, and layers for what few of them need."""

import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
SOURCES = (ROOT / "shared" / "tidemark", ROOT / "functions")
LEFT_OUT = ("__pycache__", "cli", "client")
"""Folders of the sources that no function imports: the command line needs packages that are not deployed."""

PARQUET_LEFT_OUT = (
    *("include", "includes", "src", "tests", "*.pxd", "*.pxi", "*.pyx", "conftest.py", "benchmark.py", "jvm.py"),
    *("*flight*", "*orc*", "substrait.py", "_substrait*", "*cuda*", "*parquet_encryption*", "*cpp_tests*"),
    *("libarrow_s3.so*", "_s3fs*", "_gcsfs*", "_azurefs*", "_hdfs*"),
    # The same library again under the names that a linker looks for; what is loaded asks for libarrow_python.so.<n>.
    *("libarrow_python.so", "libarrow_python.so.*.*"),
)
"""What of pyarrow is needed neither to read nor to write a Parquet file, wherever that lies: two fifths.
`libarrow_substrait` stays, though nothing here speaks it: pyarrow does not load without."""

PYTHON = "3.14"
"""The version of Lambda's Python runtime; `infra.lambda_function` names the same."""


class Target(StrEnum):
    """Where a bundle is to run: AWS's arm64 machines, or this machine under this interpreter."""

    AWS = "aws"
    LOCAL = "local"


@dataclass(frozen=True)
class Bundles:
    """The folders of a deployment."""

    functions: Path
    """The code of all functions: pinned dependencies, `tidemark` and `functions`."""
    parquet: Path
    """A layer, of which Lambda puts `python` on the path: pyarrow, as far as it is needed."""
    oidc: Path | None = None
    """Such a layer with PyJWT, for the authorizer of a deployment that has an OpenID Connect issuer."""


def build(target: Target, folder: Path, *, oidc: bool = False) -> Bundles:
    """Fill two folders in `folder`, and with `oidc` a third. Raises CalledProcessError if a dependency cannot be had.

    The same sources give the same bytes, so that an unchanged bundle is not uploaded again.
    """
    return Bundles(
        functions=_functions(target, folder / "functions"),
        parquet=_parquet(target, folder / "parquet"),
        oidc=_oidc(target, folder / "oidc") if oidc else None,
    )


def _functions(target: Target, folder: Path) -> Path:
    _install(target, REQUIREMENTS / "runtime.txt", folder)
    for source in SOURCES:
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return folder


def _parquet(target: Target, folder: Path) -> Path:
    packages = folder / "python"
    _install(target, REQUIREMENTS / "parquet.txt", packages)
    for found in [file for pattern in PARQUET_LEFT_OUT for file in (packages / "pyarrow").glob(pattern)]:
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)
    return folder


def _oidc(target: Target, folder: Path) -> Path:
    _install(target, REQUIREMENTS / "oidc.txt", folder / "python")
    return folder


def _install(target: Target, requirements: Path, folder: Path) -> None:
    """Fill `folder` with the packages of a lock file and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    # The lock file leaves out what Lambda's runtime brings, so what it lists is installed as listed: no resolution.
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    subprocess.run([*command, *_wheels_for(target), "--target", folder, "-r", requirements], check=True)
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)


def _wheels_for(target: Target) -> list[str]:
    if target is Target.LOCAL:
        return []
    return ["--python-platform", "aarch64-manylinux_2_28", "--python-version", PYTHON]
