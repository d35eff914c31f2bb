"""The pages point to what is there, and name every error code and every metric of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidemark.domain import problems

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [*(ROOT / "shared" / "tidemark").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]

CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

CODE_AT = {"Problem": 0, "PydanticCustomError": 0, "HttpRefusal": 1, "_core": 1, "_outcome": 2}
"""Calls that take a code, and at which position."""
NEVER_SHOWN = {"contradiction"}
"""It carries other problems, which are shown in its place."""


def prose(page: Path) -> str:
    return CODE_BLOCK.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """The fragments that lead to the headings of a page."""
    kept = (re.sub(r"[^\w\- ]", "", heading) for heading in HEADING.findall(prose(page)))
    return {heading.strip().lower().replace(" ", "-") for heading in kept}


def relative_links() -> list[tuple[Path, str]]:
    return [(page, target) for page in PAGES for target in LINK.findall(prose(page)) if "://" not in target]


@pytest.mark.parametrize(("page", "target"), relative_links(), ids=lambda part: str(getattr(part, "name", part)))
def test_a_link_leads_to_what_is_there(page: Path, target: str) -> None:
    path, _, fragment = target.partition("#")
    found = (page.parent / path).resolve() if path else page
    assert found.exists()
    assert not fragment or fragment in anchors(found)


def code_of(call: ast.Call) -> ast.expr | None:
    """What a call gives as an error's code, if it gives one."""
    for keyword in call.keywords:
        if keyword.arg == "code":
            return keyword.value
    name = call.func.id if isinstance(call.func, ast.Name) else None
    position = CODE_AT.get(name) if name else None
    return call.args[position] if position is not None and len(call.args) > position else None


def expressions() -> Iterator[ast.expr]:
    """Every expression in the code that stands for an error's code."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call):
                code = code_of(node)
                if code is not None:
                    yield code
            elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "code" for t in node.targets):
                yield node.value


def codes() -> set[str]:
    written = {e.value for e in expressions() if isinstance(e, ast.Constant) and isinstance(e.value, str)}
    return (written | {code for code, _ in problems._CODES_AND_SENTENCES.values()}) - NEVER_SHOWN


def composed_codes() -> set[str]:
    """Patterns of the codes that are put together from a part's name."""
    return {
        "".join(str(part.value) if isinstance(part, ast.Constant) else "[a-z_]+" for part in expression.values)
        for expression in expressions()
        if isinstance(expression, ast.JoinedStr)
    }


def documented() -> set[str]:
    return set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", (ROOT / "docs" / "api.md").read_text()))


def test_codes_are_found_where_they_are_written() -> None:
    assert {"unknown_class", "nothing_accepted", "key_missing", "superseded", "metadata_type"} <= codes()
    assert composed_codes() == {"duplicate_[a-z_]+_id", "unknown_[a-z_]+"}


def test_every_error_code_is_documented() -> None:
    assert codes() - documented() == set()


@pytest.mark.parametrize("part", ["sensor", "coordinate_frame", "label"])
def test_codes_that_name_a_part_are_documented(part: str) -> None:
    assert f"duplicate_{part}_id" in documented()


def test_the_metrics_in_the_page_on_operations_are_those_of_the_code() -> None:
    counted = {name for source in SOURCES for name in re.findall(r'add_metric\("(\w+)"', source.read_text())}
    (section,) = re.findall(r"^## Metrics$(.*?)^## ", (ROOT / "docs" / "operations.md").read_text(), re.M | re.S)
    assert set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", section)) == counted
