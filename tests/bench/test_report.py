"""What the report says of a measured operation."""

from collections import Counter

from tests.bench.measured import Measured
from tests.bench.metering import Tally
from tests.bench.process import Usage
from tests.bench.report import page, text
from tests.bench.scenario import Operation
from tests.bench.targets import Target

WRITING = Measured(
    Operation("ADD 1,000 frames", 1000, 3, lambda _: None),
    {
        "api": Usage(calls=1, tally=Tally(write_units=4, table_bytes=500_000, pack_bytes=1_000_000)),
        "apply": Usage(calls=16, tally=Tally(Counter({"dynamodb.TransactWriteItems": 16}), write_units=2156)),
    },
    seconds=1.5,
)
READING = Measured(
    Operation("read a frame", 1, 3, lambda _: None),
    {"api": Usage(calls=1, tally=Tally(Counter({"dynamodb.Query": 1}), read_units=1), round_trips=2)},
    seconds=0.02,
)
TARGETS = [Target("write units a frame", 2.16, 2.4), Target("CPU ms a frame", 0.9, 0.5, counted=False)]
COLD = {"api": 0.412, "authorizer": 0.2}
PAGE = page([WRITING, READING], COLD, TARGETS, when="1 March 2026", python="3.11.9", cores=2)


def _section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_page_says_what_wrote_it_and_when() -> None:
    assert "`make bench` writes this page" in PAGE
    assert "measured on 1 March 2026" in PAGE


def test_units_are_listed_in_all_and_by_function() -> None:
    assert "| ADD 1,000 frames | 2,160 | 0 |" in _section("Units and times")
    assert "| operation | api | apply |" in _section("Write units by function")
    assert "| ADD 1,000 frames | 4 | 2,156 |" in _section("Write units by function")


def test_dollars_are_those_of_a_million_frames() -> None:
    dynamodb = 2160 * 1000 * 0.625e-6
    assert f"| ADD 1,000 frames | {dynamodb:.3f} |" in _section("Dollars for a million frames")


def test_storage_is_that_of_a_million_frames_and_of_what_writes() -> None:
    dollars = 0.5 * 0.45 + 1.0 * 0.023
    assert f"| ADD 1,000 frames | 0.50 | 1.00 | {dollars:.2f} |" in _section("Storage of a million frames")
    assert "read a frame" not in _section("Storage of a million frames")


def test_round_trips_are_those_of_single_frames() -> None:
    section = _section("Sequential round trips of a call")
    assert "| read a frame | 2 |" in section
    assert "ADD 1,000 frames" not in section


def test_cold_starts_are_listed_by_function() -> None:
    assert "| api | 0.41 |" in _section("Cold starts")


def test_missed_targets_are_marked() -> None:
    assert "| write units a frame | 2.16 | 2.4 | met |" in PAGE
    assert "| CPU ms a frame | 0.9 | 0.5 | missed (CPU time: no error) |" in PAGE


def test_the_terminal_shows_the_same_tables() -> None:
    shown = text([WRITING, READING], COLD, TARGETS)
    assert "Dollars for a million frames" in shown
    assert "  ADD 1,000 frames" in shown
