"""Links in the pages lead somewhere, and the pages name every error code and every metric of the code."""

import re
from pathlib import Path

import pytest

from tests.docs.codes import SOURCES, codes, composed_codes
from tests.docs.pages import ROOT, anchor

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def prose(page: Path) -> str:
    return CODE_BLOCK.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Returns the fragments that lead to the headings of a page."""
    return {anchor(heading) for heading in HEADING.findall(prose(page))}


def relative_links() -> list[tuple[Path, str]]:
    return [(page, target) for page in PAGES for target in LINK.findall(prose(page)) if "://" not in target]


@pytest.mark.parametrize(("page", "target"), relative_links(), ids=lambda part: str(getattr(part, "name", part)))
def test_a_link_leads_to_what_is_there(page: Path, target: str) -> None:
    path, _, fragment = target.partition("#")
    linked = (page.parent / path).resolve() if path else page
    assert linked.exists()
    assert not fragment or fragment in anchors(linked)


def documented() -> set[str]:
    return set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", (ROOT / "docs" / "api" / "errors.md").read_text()))


def test_codes_are_found_where_they_are_written() -> None:
    assert {"unknown_class", "nothing_accepted", "key_missing", "superseded", "metadata_type"} <= codes()
    assert composed_codes() == {"duplicate_[a-z_]+_id", "unknown_[a-z_]+"}


def test_every_error_code_is_documented() -> None:
    assert codes() - documented() == set()


@pytest.mark.parametrize("part", ["sensor", "coordinate_frame", "label"])
def test_codes_that_name_a_part_are_documented(part: str) -> None:
    assert f"duplicate_{part}_id" in documented()


def test_the_metrics_in_the_page_on_operations_are_those_of_the_code() -> None:
    names = [argument for source in SOURCES for argument in re.findall(r"add_metric\(([^,]+),", source.read_text())]
    counted = {name for argument in names for name in re.findall(r'"(\w+)"', argument)}
    (section,) = re.findall(r"^## Metrics$(.*?)^## ", (ROOT / "docs" / "operations.md").read_text(), re.M | re.S)
    assert set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", section)) == counted
