"""The bundle holds what the functions need, for the machine they run on, and nothing that the runtime brings."""

from pathlib import Path

import pytest

from infra.bundle import Target, build_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bundle(Target.AWS, tmp_path_factory.mktemp("bundle") / "aws")


@pytest.mark.parametrize(
    "function", ["api", "authorizer", "intake", "apply", "publish", "dead_letter", "transfer", "purge"]
)
def test_it_holds_every_handler(bundle: Path, function: str) -> None:
    assert (bundle / "functions" / function / "handler.py").is_file()


def test_it_leaves_out_the_sdk_that_lambda_brings(bundle: Path) -> None:
    assert not [name for name in ("boto3", "botocore", "s3transfer", "urllib3") if (bundle / name).exists()]


def test_it_leaves_out_the_command_line_and_what_that_needs(bundle: Path) -> None:
    assert (bundle / "tidemark" / "domain").is_dir()
    assert not [name for name in ("tidemark/cli", "typer", "rich", "httpx2") if (bundle / name).exists()]


def test_its_binaries_are_for_lambdas_arm_machines(bundle: Path) -> None:
    binaries = [file.name for file in bundle.rglob("*.so")]
    assert binaries
    assert all(name.endswith("-314-aarch64-linux-gnu.so") for name in binaries)


def test_the_same_sources_make_the_same_bundle(bundle: Path, tmp_path: Path) -> None:
    again = build_bundle(Target.AWS, tmp_path / "again")
    assert _contents(again) == _contents(bundle)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
