"""Error files, as programs and spreadsheets read them (R30)."""

import csv
import json
from io import StringIO

import pytest

from tidemark.domain.error_files import COLUMNS, ErrorFormat, header, lines
from tidemark.domain.uploads import RowOutcome


def error(frame_id: str | None = "f1", *, file: str | None = None, message: str = "It is wrong.") -> RowOutcome:
    return RowOutcome(
        row=3,
        frame_id=frame_id,
        code="unknown_class",
        pointer="/frame/labels/0/class",
        message=message,
        outcome="rejected",
        file=file,
    )


def table(*errors: RowOutcome) -> list[list[str]]:
    text = (header(ErrorFormat.CSV) + lines(ErrorFormat.CSV, errors)).decode()
    return list(csv.reader(StringIO(text, newline="")))


def test_a_line_of_json_is_an_error_as_it_is_listed() -> None:
    errors = [error("Straße 1"), error(None, file="a.jsonl", message='He said "no",\nthen left.')]
    written = header(ErrorFormat.JSONL) + lines(ErrorFormat.JSONL, errors)
    assert [json.loads(line) for line in written.splitlines()] == [error.model_dump() for error in errors]


def test_a_csv_begins_with_the_names_of_all_that_an_error_tells() -> None:
    assert table() == [list(COLUMNS)]
    assert set(COLUMNS) == RowOutcome.model_fields.keys()


def test_a_csv_holds_an_error_a_line_whatever_its_text() -> None:
    message = 'He said "no", twice;\r\nthen left.'
    (_, line) = table(error("Straße 1", file="a,b.jsonl", message=message))
    assert line == ["a,b.jsonl", "3", "Straße 1", "rejected", "unknown_class", "/frame/labels/0/class", message]


def test_what_an_error_does_not_tell_is_an_empty_cell() -> None:
    (_, line) = table(error(None))
    assert (line[0], line[2]) == ("", "")


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_text_that_a_spreadsheet_would_run_is_made_text(begins: str) -> None:
    formula = begins + 'cmd|"/c calc"!A1'
    (_, line) = table(error(formula, file=formula, message=formula))
    assert [line[0], line[2], line[6]] == [f"'{formula}"] * 3


def test_text_behind_a_semicolon_is_made_text_too() -> None:
    (_, line) = table(error("a;=1+1", message='One; two;@three;"=4;\n"  =5'))
    assert [line[2], line[6]] == ["a;'=1+1", "One; two;'@three;'\"=4;'\n'\"  =5"]


def test_parted_at_semicolons_no_cell_is_one_that_a_spreadsheet_would_run() -> None:
    text = lines(ErrorFormat.CSV, [error('x;"=1+1;y', file='";"=2"')]).decode()
    cells = [cell for line in csv.reader(StringIO(text, newline=""), delimiter=";") for cell in line]
    assert not [cell for cell in cells if cell.lstrip()[:1] in {"=", "+", "-", "@"}]


def test_other_text_is_written_as_it_is() -> None:
    (_, line) = table(error("a=1", message="'quoted'"))
    assert [line[2], line[6]] == ["a=1", "'quoted'"]


def test_a_program_reads_what_a_spreadsheet_would_run() -> None:
    assert json.loads(lines(ErrorFormat.JSONL, [error("=1+1")]))["frame_id"] == "=1+1"
