"""Builds the folders to deploy: the code that all functions share, and layers with packages that few of them need."""

import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
SOURCES = (ROOT / "shared" / "tidemark", ROOT / "functions")
LEFT_OUT = ("__pycache__", "cli", "client")
"""Folders of the sources that no function imports; the command line also needs packages that are not deployed."""

PARQUET_LEFT_OUT = (
    *("include", "includes", "src", "tests", "*.pxd", "*.pxi", "*.pyx", "conftest.py", "benchmark.py", "jvm.py"),
    *("*flight*", "*orc*", "substrait.py", "_substrait*", "*cuda*", "*parquet_encryption*", "*cpp_tests*"),
    *("libarrow_s3.so*", "_s3fs*", "_gcsfs*", "_azurefs*", "_hdfs*"),
    # The same library under the names for linkers; at run time libarrow_python.so.<n> is loaded.
    *("libarrow_python.so", "libarrow_python.so.*.*"),
)
"""Files of pyarrow, two fifths of its size, that are not needed to read and write Parquet files; nor is pyarrow's own
access to S3 and the like. `libarrow_substrait` stays, although nothing here uses it: pyarrow does not load without."""

PYTHON = "3.14"
"""The version of Lambda's Python runtime, the same as `infra.lambda_function.RUNTIME`."""


class Target(StrEnum):
    """Where a bundle runs: on AWS's arm64 machines, or on this machine under this interpreter."""

    AWS = "aws"
    LOCAL = "local"


@dataclass(frozen=True)
class Bundles:
    """The folders of a deployment."""

    functions: Path
    """The code of all functions: pinned dependencies, `tidemark` and `functions`."""
    parquet: Path
    """A layer with the needed files of pyarrow in its folder `python`, which Lambda adds to Python's path."""
    oidc: Path | None = None
    """A layer with PyJWT, for the authorizer of a deployment with an OpenID Connect issuer."""


def build(target: Target, folder: Path, *, oidc: bool = False) -> Bundles:
    """Builds the bundles in `folder`; the layer with PyJWT only with `oidc`.

    The same sources give the same bytes, so that an unchanged bundle is not uploaded again. Raises CalledProcessError
    if a dependency cannot be installed.
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
    for path in [path for pattern in PARQUET_LEFT_OUT for path in (packages / "pyarrow").glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return folder


def _oidc(target: Target, folder: Path) -> Path:
    _install(target, REQUIREMENTS / "oidc.txt", folder / "python")
    return folder


def _install(target: Target, requirements: Path, folder: Path) -> None:
    """Replaces `folder` with the packages of a lock file."""
    shutil.rmtree(folder, ignore_errors=True)
    # No dependencies are resolved: the lock file omits the packages that Lambda's runtime provides.
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    subprocess.run([*command, *_wheels_for(target), "--target", folder, "-r", requirements], check=True)
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)


def _wheels_for(target: Target) -> list[str]:
    if target is Target.LOCAL:
        return []
    return ["--python-platform", "aarch64-manylinux_2_28", "--python-version", PYTHON]
