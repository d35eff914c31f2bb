import pytest

from tests.reliability.report import Table, insert_tables

DOCUMENT = "# Title\n<!-- figures: a -->\nold\n<!-- end -->\nbetween\n<!-- figures: b -->\n<!-- end -->\n"


def _table(name: str) -> Table:
    return Table(name=name, columns=("what", "times"), rows=[("crash | stop", 1200)], note="Measured.")


def test_a_table_takes_the_place_of_the_one_before_it_and_leaves_the_rest() -> None:
    once = insert_tables(DOCUMENT, [_table("a")])
    assert "old" not in once
    assert "| crash \\| stop | 1,200 |\n\nMeasured.\n<!-- end -->\nbetween\n" in once
    assert insert_tables(once, [_table("a")]) == once


def test_a_table_without_a_place_is_refused() -> None:
    with pytest.raises(LookupError, match="'c'"):
        insert_tables(DOCUMENT, [_table("c")])
