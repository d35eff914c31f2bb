"""Reading local rows: every line is a row, blank, or an error with its place."""

import gzip
import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.cli.rows import add, delete, lines, modify
from tidemark.client.push.local_rows import MAX_LINE, Row, Source, Unsent


def read(path: Path) -> list[Row | Unsent]:
    return list(Source(str(path)))


def wrong(path: Path) -> list[tuple[int, str]]:
    return [(line.place.line, line.reason) for line in read(path) if isinstance(line, Unsent)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


def test_a_row_is_kept_as_it_was_written(file: Path) -> None:
    text = b'{"op":  "DELETE", "frame_id": "a", "n": 1.50}'
    file.write_bytes(text + b"\n")
    (row,) = read(file)
    assert isinstance(row, Row)
    assert (row.text, row.frame_id, str(row.place)) == (text, "a", f"{file}:1")


@pytest.mark.parametrize("row", [add("f1"), modify("f1"), delete("f1")], ids=["add", "modify", "delete"])
def test_the_frame_of_a_row_is_known(file: Path, row: object) -> None:
    file.write_bytes(lines(row))
    assert [row.frame_id for row in read(file) if isinstance(row, Row)] == ["f1"]


@pytest.mark.parametrize("value", [1, None, [], "text", {}, {"frame": 1}, {"frame": {"frame_id": 7}}])
def test_json_that_is_no_mutation_is_left_to_the_api(file: Path, value: object) -> None:
    file.write_bytes(lines(value))
    assert [row.frame_id for row in read(file) if isinstance(row, Row)] == [None]


def test_blank_lines_count_and_are_passed_over(file: Path) -> None:
    file.write_bytes(b"\n  \r\n" + lines(delete("a")) + b"\t\n" + lines(delete("b")).rstrip(b"\n"))
    assert [row.place.line for row in read(file)] == [3, 5]


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_a_row(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + lines(delete("a"), delete("b")).replace(b"\n", b"\r\n"))
    assert [isinstance(row, Row) for row in read(file)] == [True, True]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"op": ', "malformed_json"),
        (b"{} {}", "malformed_json"),
        (b'"\xff"', "malformed_json"),
        (b"[" * 100_000, "too_deep"),
        (b'"' + b"a" * MAX_LINE + b'"', "line_too_long"),
        (b'"a"' + b" " * MAX_LINE + b'"b"', "line_too_long"),
    ],
    ids=["unfinished", "two values", "no UTF-8", "deep", "long", "long with blanks"],
)
def test_a_line_that_cannot_be_sent_is_told_alone(file: Path, line: bytes, reason: str) -> None:
    file.write_bytes(lines(delete("a")) + line + b"\n" + lines(delete("b")))
    assert wrong(file) == [(2, reason)]
    assert [row.place.line for row in read(file)] == [1, 2, 3]


def test_a_number_of_thousands_of_digits_is_a_number(file: Path) -> None:
    file.write_bytes(b'{"frame_id": "a", "n": ' + b"9" * 5000 + b"}\n")
    assert wrong(file) == []


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_rows_is_an_error(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert [reason for _, reason in wrong(file)] == ["no_rows"]


def test_gzip_is_known_by_its_bytes_whatever_the_file_is_called(file: Path) -> None:
    file.write_bytes(gzip.compress(lines(delete("a"))) + gzip.compress(lines(delete("b"))))
    assert [row.frame_id for row in read(file) if isinstance(row, Row)] == ["a", "b"]


def test_a_folder_is_read_in_the_order_of_names_and_only_files_of_rows(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.ndjson", "c.jsonl.gz", ".d.jsonl", "readme.txt"):
        content = lines(delete(name))
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (tmp_path / "folder.jsonl").mkdir()
    found = [row.frame_id for row in read(tmp_path) if isinstance(row, Row)]
    assert found == ["a.ndjson", "b.jsonl", "c.jsonl.gz"]


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:-60] + b"\xff" * 60])
def test_a_broken_file_is_told_and_ends_the_push(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    rows = lines(*(delete(f"f{n}-{os.urandom(4).hex()}") for n in range(2000)))
    (tmp_path / "a.jsonl.gz").write_bytes(damage(gzip.compress(rows)))
    (tmp_path / "b.jsonl").write_bytes(lines(delete("later")))
    *rest, last = read(tmp_path)
    assert rest
    assert all(isinstance(row, Row) for row in rest)
    assert (last.place.file, isinstance(last, Unsent)) == (str(tmp_path / "a.jsonl.gz"), True)


def test_a_file_that_went_away_is_told(file: Path) -> None:
    file.write_bytes(lines(delete("a")))
    source = Source(str(file))
    file.unlink()
    assert [line.reason for line in source if isinstance(line, Unsent)] == ["unreadable"]


def test_a_pipe_is_read_like_a_file(file: Path) -> None:
    os.mkfifo(file)
    writer = threading.Thread(target=file.write_bytes, args=(lines(delete("a")),))
    writer.start()
    source = Source(str(file))
    assert [row.frame_id for row in source if isinstance(row, Row)] == ["a"]
    assert (source.size, source.read) == (None, 0)
    writer.join()


def test_what_is_read_of_a_file_is_known(file: Path) -> None:
    file.write_bytes(lines(*(delete(f"f{n}") for n in range(10))))
    source = Source(str(file))
    list(source)
    assert source.read == source.size == file.stat().st_size


def test_stdin_is_not_read_further_than_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as stdin, os.fdopen(theirs, "wb", buffering=0) as sender:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
        rows = iter(Source("-"))
        for number in range(1, 4):
            sender.write(lines(delete("a")))
            assert str(next(rows).place) == f"stdin:{number}"
