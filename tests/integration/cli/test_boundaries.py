"""The command line knows the service by its HTTPS API alone, and the functions are deployed without it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "shared" / "tidemark"
CLI = sorted([*(PACKAGE / "cli").rglob("*.py"), *(PACKAGE / "client").rglob("*.py")])
DEPLOYED = [source for source in (*PACKAGE.rglob("*.py"), *(ROOT / "functions").rglob("*.py")) if source not in CLI]


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("source", CLI, ids=lambda source: source.name)
def test_it_reaches_for_nothing_of_the_service_but_its_domain(source: Path) -> None:
    inside = {name for name in imported(source) if name.startswith("tidemark.")}
    assert {
        name for name in inside if not name.startswith(("tidemark.cli", "tidemark.client", "tidemark.domain"))
    } == set()
    assert {"boto3", "botocore", "functions"}.isdisjoint(imported(source))


def test_nothing_that_is_deployed_needs_it() -> None:
    needed = {name.split(".")[0] for source in DEPLOYED for name in imported(source)}
    assert needed.isdisjoint({"typer", "rich", "httpx2"})
    assert not [
        name for source in DEPLOYED for name in imported(source) if name.startswith(("tidemark.cli", "tidemark.client"))
    ]
