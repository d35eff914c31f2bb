"""The bundles contain what the functions need, for the machines they run on, and nothing that the runtime provides."""

import importlib.util
import marshal
import subprocess
import sys
from pathlib import Path

import pytest

from infra import bundle as building
from infra.bundle import Bundles, Target, build

ELF_AARCH64 = 183
"""The machine type in an ELF header."""
HASHED_AND_UNCHECKED = 1
"""The flags of bytecode that has its source's hash, which Python does not check."""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    return build(Target.AWS, tmp_path_factory.mktemp("aws"), oidc=True)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    return build(Target.LOCAL, tmp_path_factory.mktemp("local"), oidc=True)


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


def test_what_is_left_of_pyarrow_writes_and_reads_parquet_files(local: Bundles) -> None:
    layer = local.parquet / "python"
    bare = [sys.executable, "-S", "-P", "-c", ROUND_TRIP]
    process = subprocess.run(bare, env={"PYTHONPATH": str(layer)}, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert (process.stdout, process.stderr) == (f"{layer}/pyarrow/__init__.py\n", "")


@pytest.mark.parametrize("target", Target)
def test_the_same_sources_make_the_same_bundles(
    target: Target, bundles: Bundles, local: Bundles, tmp_path: Path
) -> None:
    first = bundles if target is Target.AWS else local
    again = build(target, tmp_path)
    assert _contents(again.functions) == _contents(first.functions)
    assert _contents(again.parquet) == _contents(first.parquet)


def test_every_module_has_bytecode_that_is_loaded_without_a_look_at_its_source(local: Bundles) -> None:
    assert local.oidc is not None
    for folder in (local.functions, local.parquet, local.oidc):
        assert _bytecode(folder) == {importlib.util.cache_from_source(str(module)) for module in folder.rglob("*.py")}
        assert {_flags(Path(file)) for file in _bytecode(folder)} == {HASHED_AND_UNCHECKED}


def test_tracebacks_show_the_paths_of_aws(local: Bundles) -> None:
    assert _compiled_path(local.functions / "functions/api/handler.py") == "/var/task/functions/api/handler.py"
    assert _compiled_path(local.parquet / "python/pyarrow/parquet/core.py") == "/opt/python/pyarrow/parquet/core.py"


def test_the_bytecode_for_aws_is_that_of_its_python_version_only(bundles: Bundles) -> None:
    """A machine that has no such interpreter and cannot download it builds none."""
    for folder in (bundles.functions, bundles.parquet):
        modules = {*map(str, folder.rglob("*.py"))}
        compiled = {file.replace("__pycache__/", "").replace(".cpython-314.pyc", ".py") for file in _bytecode(folder)}
        assert compiled in (modules, set())


def test_an_interpreter_of_this_machine_compiles_for_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(building, "PYTHON", f"3.{sys.version_info.minor}")
    monkeypatch.setattr(building, "_interpreter", building._interpreter.__wrapped__)
    (tmp_path / "module.py").touch()
    building._compile(Target.AWS, tmp_path, "/opt")
    assert _compiled_path(tmp_path / "module.py") == "/opt/module.py"


def test_a_build_without_an_interpreter_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "PYTHON", "3.99")
    (tmp_path / "module.py").touch()
    monkeypatch.setattr(building, "_interpreter", building._interpreter.__wrapped__)
    building._compile(Target.AWS, tmp_path, "/opt")
    assert [*tmp_path.iterdir()] == [tmp_path / "module.py"]
    assert capsys.readouterr().err.startswith("Bundles have no bytecode")


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


def _bytecode(folder: Path) -> set[str]:
    return {str(file) for file in folder.rglob("*.pyc")}


def _flags(bytecode: Path) -> int:
    return int.from_bytes(bytecode.read_bytes()[4:8], "little")


def _compiled_path(module: Path) -> str:
    """Returns the path of a module's source in its bytecode."""
    file = Path(importlib.util.cache_from_source(str(module)))
    code = marshal.loads(file.read_bytes()[16:])  # noqa: S302 - our own build's
    return str(code.co_filename)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
