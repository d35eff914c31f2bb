"""Builds the folders to deploy: the code that all functions share, and layers with packages that few functions need.

The folders hold the bytecode of all modules, because a function cannot store it: AWS mounts the code read-only, so that
each new execution environment would compile every module that it loads. That is half of the CPU time of a cold start.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
SOURCES = (ROOT / "shared" / "tidemark", ROOT / "functions")
LEFT_OUT = ("__pycache__", "cli", "client")
"""Source folders that are not deployed. No function imports them, and the command line needs packages of its own."""

PARQUET_LEFT_OUT = (
    *("include", "includes", "src", "tests", "*.pxd", "*.pxi", "*.pyx", "conftest.py", "benchmark.py", "jvm.py"),
    *("*flight*", "*orc*", "substrait.py", "_substrait*", "*cuda*", "*parquet_encryption*", "*cpp_tests*"),
    *("libarrow_s3.so*", "_s3fs*", "_gcsfs*", "_azurefs*", "_hdfs*"),
    # The same library under the names for linkers; at run time libarrow_python.so.<n> is loaded.
    *("libarrow_python.so", "libarrow_python.so.*.*"),
)
"""Patterns of pyarrow's files that are not deployed: two fifths of its size. Neither these files nor pyarrow's own
access to S3 and similar stores is needed to read and write Parquet files. `libarrow_substrait` is deployed although
nothing here uses it, because pyarrow does not load without it."""

PYTHON = "3.14"
"""Python version of the functions, the same as in `infra.lambda_function.RUNTIME`."""
INTERPRETERS = ROOT / "build" / "python"
"""Folder of the Python interpreter that uv downloads if this machine has none of version `PYTHON`."""
CODE_MOUNT, LAYER_MOUNT = "/var/task", "/opt"
"""Folders where AWS mounts a function's code and its layers. Tracebacks show these paths."""


class Target(StrEnum):
    """The machine that a bundle is built for: AWS's arm64 machines, or this machine with this Python interpreter."""

    AWS = "aws"
    LOCAL = "local"


@dataclass(frozen=True)
class Bundles:
    """The folders that are deployed."""

    functions: Path
    """Folder with the code of all functions: pinned dependencies, `tidemark` and `functions`."""
    parquet: Path
    """Folder of a layer with the needed files of pyarrow in its subfolder `python`, which Lambda adds to Python's
    path."""
    oidc: Path | None = None
    """Folder of a layer with PyJWT for the authorizer; None for a deployment without an OpenID Connect issuer."""


def build(target: Target, folder: Path, *, oidc: bool = False) -> Bundles:
    """Builds the bundles for `target` in `folder`. Builds the layer with PyJWT only if `oidc` is true.

    The same sources give the same bytes, so that an unchanged bundle is not uploaded again. Without an interpreter of
    the functions' Python version, builds without bytecode and says so on standard error. Raises CalledProcessError if
    a dependency cannot be installed, or a module not be compiled.
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
    _compile(target, folder, CODE_MOUNT)
    return folder


def _parquet(target: Target, folder: Path) -> Path:
    packages = folder / "python"
    _install(target, REQUIREMENTS / "parquet.txt", packages)
    for path in [path for pattern in PARQUET_LEFT_OUT for path in (packages / "pyarrow").glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    _compile(target, folder, LAYER_MOUNT)
    return folder


def _oidc(target: Target, folder: Path) -> Path:
    _install(target, REQUIREMENTS / "oidc.txt", folder / "python")
    _compile(target, folder, LAYER_MOUNT)
    return folder


def _install(target: Target, requirements: Path, folder: Path) -> None:
    """Replaces the contents of `folder` by the packages of a lock file, as `target` needs them."""
    shutil.rmtree(folder, ignore_errors=True)
    # No dependencies are resolved: the lock file omits the packages that Lambda's runtime provides.
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    options = [*_wheels_for(target), "--no-compile-bytecode"]
    subprocess.run([*command, *options, "--target", folder, "-r", requirements], check=True)
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)


def _wheels_for(target: Target) -> list[str]:
    if target is Target.LOCAL:
        return []
    return ["--python-platform", "aarch64-manylinux_2_28", "--python-version", PYTHON]


def _compile(target: Target, folder: Path, mount: str) -> None:
    """Adds the bytecode of all modules in `folder`, which AWS mounts at `mount`."""
    python = sys.executable if target is Target.LOCAL else _interpreter()
    if python is None:
        return
    # Unchecked: Python loads the bytecode without looking at the source, whose time of change differs in every build.
    command = [python, "-W", "ignore", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, "-s", folder, "-p", mount, folder], check=True)


@cache
def _interpreter() -> str | None:
    """Returns the path of an interpreter of the functions' Python version, from this machine or downloaded by uv.

    Returns None, and says so on standard error, if there is none and the download fails.
    """
    ours = {**os.environ, "UV_PYTHON_INSTALL_DIR": str(INTERPRETERS), "UV_HTTP_RETRIES": "1"}
    find = ["uv", "python", "find", "--no-python-downloads", PYTHON]
    for environment in (os.environ, ours):
        found = subprocess.run(find, env=environment, capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.strip()
    install = ["uv", "python", "install", "--no-bin", PYTHON]
    installed = subprocess.run(install, env=ours, capture_output=True, text=True, check=False)
    if installed.returncode == 0:
        return subprocess.run(find, env=ours, capture_output=True, text=True, check=True).stdout.strip()
    reason = " ".join(installed.stderr.split())
    print(f"Bundles have no bytecode, so that functions take twice as long to start: {reason}", file=sys.stderr)
    return None
