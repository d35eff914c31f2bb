"""The page docs/capacity.md is the one that the simulation writes."""

from pathlib import Path

from tests.capacity import text
from tests.capacity.loads import COMPARED, OTHERWISE, SMALL_SIZED
from tests.capacity.report import PLANTED

PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"


def test_the_page_has_the_text_of_the_generator() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for section in (text.HEADER, text.COMPARED_NOTE, text.RAISING, text.PLANTED_NOTE, text.OTHERWISE_NOTE):
        assert section.strip("\n") in page


def test_the_page_has_all_loads_bounds_and_assumptions() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for load in COMPARED:
        assert page.count(f"| {load.name} | before |") == page.count(f"| {load.name} | after |") == 1
    assert page.count(f"| {SMALL_SIZED.name} | after |") == 1
    for load in OTHERWISE:
        assert f"| {load.name} |" in page
    for job in PLANTED:
        assert page.count(f"| {job.load.name} | {job.design.name} |") == 1
    for size, what in text.BINDS:
        assert f"| {size} | {what} |" in page
    for assumption, source, check in text.ASSUMPTIONS:
        assert f"| {assumption} | {source} | {check} |" in page


def test_the_page_reports_no_missed_target() -> None:
    assert "MISSED" not in PAGE.read_text(encoding="utf-8")
