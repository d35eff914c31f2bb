"""The page on limits names every limit with its present value, and no limit that is gone."""

import re
from pathlib import Path

import pytest

from tidemark.access import throttling
from tidemark.domain import limits

PAGE = Path(__file__).resolve().parents[3] / "docs" / "limits.md"
LIMITS: dict[str, int] = {name: value for name, value in vars(limits).items() if name.isupper()} | {
    "MAX_KEY_REQUESTS": throttling.MAX_KEY_REQUESTS
}


@pytest.mark.parametrize(("name", "value"), LIMITS.items())
def test_a_limit_is_documented_with_its_value(name: str, value: int) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|") and f"`{name}`" in line]
    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].split("|")]
    assert f"{value:,}" in cells


def test_no_other_limit_is_documented() -> None:
    assert set(re.findall(r"`((?:MAX|DEFAULT)_[A-Z_]+)`", PAGE.read_text())) == LIMITS.keys()
