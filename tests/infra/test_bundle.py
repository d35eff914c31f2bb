"""The bundles contain what the functions need, for the machines they run on, and nothing that the runtime provides."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.bundle import Bundles, Target, build

ELF_AARCH64 = 183
"""The machine type in an ELF header."""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    return build(Target.AWS, tmp_path_factory.mktemp("aws"), oidc=True)


@pytest.fixture(scope="module")
def bundle(bundles: Bundles) -> Path:
    return bundles.functions


@pytest.fixture(scope="module")
def oidc(bundles: Bundles) -> Path:
    assert bundles.oidc is not None
    return bundles.oidc / "python"


@pytest.mark.parametrize(
    "function", ["api", "authorizer", "intake", "apply", "publish", "dead_letter", "transfer", "purge"]
)
def test_it_holds_every_handler(bundle: Path, function: str) -> None:
    assert (bundle / "functions" / function / "handler.py").is_file()


def test_it_leaves_out_the_sdk_that_lambda_brings(bundle: Path) -> None:
    assert not [name for name in ("boto3", "botocore", "s3transfer", "urllib3") if (bundle / name).exists()]


def test_it_leaves_out_the_command_line_and_what_that_needs(bundle: Path) -> None:
    assert (bundle / "tidemark" / "domain").is_dir()
    assert not [
        name for name in ("tidemark/cli", "tidemark/client", "typer", "rich", "httpx2") if (bundle / name).exists()
    ]


def test_its_binaries_are_for_lambdas_arm_machines(bundles: Bundles) -> None:
    for folder in (bundles.functions, bundles.parquet):
        binaries = [file.name for file in folder.rglob("*.cpython-*.so")]
        assert binaries
        assert all(name.endswith("-314-aarch64-linux-gnu.so") for name in binaries)


def test_the_binaries_of_the_layer_with_pyjwt_are_for_lambdas_arm_machines(oidc: Path) -> None:
    binaries = [*oidc.rglob("*.so")]
    assert binaries
    assert all(file.name.endswith(("-314-aarch64-linux-gnu.so", ".abi3.so")) for file in binaries)
    assert {int.from_bytes(file.read_bytes()[18:20], "little") for file in binaries} == {ELF_AARCH64}


def test_pyjwt_is_in_its_layer_only(bundle: Path, oidc: Path) -> None:
    assert (oidc / "jwt").is_dir()
    assert not (bundle / "jwt").exists()


def test_pyarrow_is_in_its_layer_only(bundles: Bundles) -> None:
    assert (bundles.parquet / "python" / "pyarrow").is_dir()
    assert not (bundles.functions / "pyarrow").exists()


def test_bundle_and_layer_keep_well_below_lambdas_limit(bundles: Bundles) -> None:
    assert _megabytes(bundles.functions) < 25
    assert _megabytes(bundles.functions) + _megabytes(bundles.parquet) < 125
    assert bundles.oidc is not None
    assert _megabytes(bundles.oidc) < 25


def test_what_is_left_of_pyarrow_writes_and_reads_parquet_files(tmp_path: Path) -> None:
    layer = build(Target.LOCAL, tmp_path).parquet / "python"
    bare = [sys.executable, "-S", "-P", "-c", ROUND_TRIP]
    process = subprocess.run(bare, env={"PYTHONPATH": str(layer)}, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert (process.stdout, process.stderr) == (f"{layer}/pyarrow/__init__.py\n", "")


def test_the_same_sources_make_the_same_bundles(bundles: Bundles, tmp_path: Path) -> None:
    again = build(Target.AWS, tmp_path)
    assert _contents(again.functions) == _contents(bundles.functions)
    assert _contents(again.parquet) == _contents(bundles.parquet)


ROUND_TRIP = """
import io
import pyarrow as pa
import pyarrow.parquet as pq

table = pa.table({"n": [1, None], "text": ["a", "b"], "boxes": [[{"class": "car", "x": 1.5}], []]})
file = io.BytesIO()
with pq.ParquetWriter(file, table.schema, compression="zstd") as writer:
    writer.write_table(table)
assert pq.ParquetFile(file).read().equals(table)
print(pa.__file__)
"""


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*")) / 1e6


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
