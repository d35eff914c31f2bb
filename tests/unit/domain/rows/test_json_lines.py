"""Reading row files: every line is reported, good or bad, for any bytes, chunking and point of resumption."""

import gzip
import io
import json
import random
import tarfile
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deployed.rows import Json, add, box, delete
from tidemark.domain.frames.class_map import ClassInput, ClassMap
from tidemark.domain.frames.schema import Schema
from tidemark.domain.limits import MAX_LINE_BYTES
from tidemark.domain.rows import inflate, json_lines
from tidemark.domain.rows.inflate import FileFault
from tidemark.domain.rows.json_lines import START, Cursor, FileError, FileRow, LineError, RowFileReader
from tidemark.domain.rows.validation import AcceptedRow, RowValidator

MB = 1024 * 1024
BOM = b"\xef\xbb\xbf"
Found = tuple[list[FileRow | LineError], FileError | None]


def _json(row: Json) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()


LINES = st.one_of(
    st.sampled_from([delete("a"), delete("b"), add("c", box("1"), name="Fußgänger")]).map(_json),
    st.sampled_from([b"", b" ", b"\t\r", b"1", b"null", b"{", b"\xff", b"a\0b", b"[" * 5000, BOM, b'"' + b"x" * 200]),
    st.binary(max_size=8),
)
TEXTS = st.builds(
    lambda mark, lines, newline, last: mark + newline.join(lines) + last,
    st.sampled_from([b"", BOM]),
    st.lists(LINES, max_size=12),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n"]),
)
"""Files of good, bad and blank lines. Some start with binary data, and some like gzip."""


def read(chunks: Iterable[bytes], start: Cursor = START) -> Found:
    """Returns all lines and the error of a file. Callers compare by repr where NaN can occur, which does not equal
    itself."""
    reader = RowFileReader(chunks, start)
    return list(reader), reader.error


def failed(chunks: Iterable[bytes]) -> tuple[int, str]:
    """Returns the number of lines in a file, and the code of the error that ends it."""
    found, error = read(chunks)
    assert error is not None
    assert error.message.endswith(".")
    return len(found), error.code


def parts(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Returns the bytes, cut at these positions."""
    at = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(at)]


def members(text: bytes, cuts: Iterable[int]) -> bytes:
    """Returns the text as consecutive gzip members."""
    return b"".join(gzip.compress(part) for part in parts(text, cuts))


@pytest.fixture(scope="module", autouse=True)
def small_sizes() -> Iterator[None]:
    """Uses blocks and pieces of a few bytes, so that a line spans several, and a piece holds several lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inflate, "BLOCK_BYTES", 16)
        patch.setattr(inflate, "PIECE_BYTES", 32)
        patch.setattr(json_lines, "MAX_LINE_BYTES", 190)
        yield


@pytest.fixture
def real_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "BLOCK_BYTES", 16 * 1024)
    monkeypatch.setattr(inflate, "PIECE_BYTES", 64 * 1024)
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", MAX_LINE_BYTES)


# Properties


@given(TEXTS, st.lists(st.integers(0, 4000), max_size=6), st.booleans())
def test_chunks_make_no_difference(text: bytes, cuts: list[int], packed: bool) -> None:
    file = gzip.compress(text) if packed else text
    found = repr(read([file]))
    assert repr(read(parts(file, cuts))) == found
    assert repr(read(bytes([byte]) for byte in file)) == found


@given(TEXTS.filter(lambda text: not text.startswith(b"\x1f\x8b")), st.lists(st.integers(0, 4000), max_size=4))
def test_gzip_makes_no_difference(text: bytes, cuts: list[int]) -> None:
    assert repr(read([members(text, cuts)])) == repr(read([text]))


@given(TEXTS, st.booleans(), st.integers(0, 5000))
def test_going_on_at_any_line_tells_what_reading_at_once_tells(text: bytes, packed: bool, cut: int) -> None:
    file = gzip.compress(text) if packed else text
    if packed:
        file = file[: max(len(file) - cut % 40, 20)]
    lines, error = read([file])
    reader = RowFileReader([file])
    for count, _ in enumerate(reader, 1):
        cursor = Cursor(*json.loads(json.dumps(reader.cursor)))
        rest, end = read([file[cursor.first_byte :]], cursor)
        assert repr(lines[count:]) == repr(rest)
        assert end == error
    for position, line in enumerate(lines):
        cursor = Cursor(line.line, line.offset, packed)
        assert repr(read([file[cursor.first_byte :]], cursor)) == repr((lines[position:], error))


@given(
    st.binary(max_size=400)
    | st.binary(max_size=200).map(lambda data: b"\x1f\x8b\x08\0" + data)
    | st.binary(max_size=2000)
    .map(gzip.compress)
    .flatmap(lambda file: st.permutations(parts(file, [10, 20])))
    .map(b"".join)
)
def test_any_bytes_are_read(file: bytes) -> None:
    found, error = read([file])
    assert found or error
    assert [line.line for line in found] == sorted({line.line for line in found})
    assert all(isinstance(line, FileRow) or (line.code and line.message) for line in found)


@given(TEXTS)
def test_lines_are_those_of_the_text(text: bytes) -> None:
    lines = text.split(b"\n")
    for line in read([text])[0]:
        assert line.offset == sum(len(before) + 1 for before in lines[: line.line - 1])
        if isinstance(line, FileRow):
            raw = lines[line.line - 1].removeprefix(BOM if line.line == 1 else b"")
            assert repr(json.loads(raw)) == repr(line.value)


# Lines


def test_rows_are_those_of_the_api() -> None:
    rows = [add("a", box("1")), {"op": "MODIFY", "frame": {"frame_id": "b"}}, delete("c")]
    found, error = read([b"\n".join(map(_json, rows))])
    validator = RowValidator(ClassMap().append([ClassInput(name="car")]), Schema())
    assert error is None
    for position, line in enumerate(found):
        assert isinstance(line, FileRow)
        accepted = validator.check(position, line.value)
        assert isinstance(accepted, AcceptedRow)
        assert (accepted.op, line.line) == (rows[position]["op"], position + 1)


@pytest.mark.parametrize(
    ("bad", "code", "message"),
    [
        (b'{"op": }', "malformed_json", "The line is not JSON: Expecting value: column 8."),
        (b'{"op": "\xe4"}', "malformed_json", "The line is not UTF-8 at byte 8."),
        (b"\0\0", "malformed_json", "The line is not JSON: Expecting value: column 1."),
        (BOM + b"{}", "malformed_json", "The line begins with a byte order mark. Send it without one."),
        (b"[" * 180_000, "too_deep", "The line is nested too deeply."),
        (b" " * 200_001, "line_too_long", "The line has more than 200,000 bytes, more than any valid row. "
         "Put each row on its own line."),
    ],
)  # fmt: skip
def test_a_bad_line_is_told_alone(monkeypatch: pytest.MonkeyPatch, bad: bytes, code: str, message: str) -> None:
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", 200_000)
    good = _json(delete("a"))
    found, error = read([b"\n".join([good, b"", bad, good])])
    assert error is None
    first, third, fourth = found
    assert first == FileRow(1, 0, delete("a"))
    assert third == LineError(3, len(good) + 2, code, message)
    assert fourth == FileRow(4, len(good) + len(bad) + 3, delete("a"))


def test_a_line_may_be_as_long_as_the_limit() -> None:
    longest = b'"' + b"x" * 188 + b'"'
    found, _ = read([longest + b"\n" + longest[:-1] + b'x"\n' + longest])
    assert [type(line) for line in found] == [FileRow, LineError, FileRow]


@pytest.mark.usefixtures("real_sizes")
def test_a_line_of_20_mb_is_passed_over() -> None:
    chunks = [b"1\n", *repeat(b"x" * MB, 20), b"\n2"]
    found, error = read(chunks)
    assert error is None
    assert [(line.line, line.offset) for line in found] == [(1, 0), (2, 2), (3, 20 * MB + 3)]
    assert isinstance(found[1], LineError)


def test_a_file_as_windows_makes_it() -> None:
    found, error = read([BOM + b'{"a": 1}\r\n\r\n{"a": 2}\r\n'])
    assert error is None
    assert found == [FileRow(1, 0, {"a": 1}), FileRow(3, 15, {"a": 2})]


def test_a_last_line_needs_no_newline() -> None:
    assert read([b"1\n2"]) == read([b"1\n2\n"])


def test_a_chunk_that_fails_to_come_leaves_a_place_to_go_on() -> None:
    file = b"1\n2\n3\n" * 200

    def broken() -> Iterator[bytes]:
        yield file[:1001]
        raise ConnectionError

    reader = RowFileReader(broken())
    before: list[FileRow | LineError] = []
    with pytest.raises(ConnectionError):
        before.extend(reader)
    assert before
    assert reader.error is None
    rest, _ = read([file[reader.cursor.first_byte :]], reader.cursor)
    assert before + rest == read([file])[0]


# Invalid files


@pytest.mark.parametrize(
    "file", [b"", b"\n", b"\r\n \t\n\n", BOM, BOM + b"\r\n", gzip.compress(b"", mtime=0), gzip.compress(b"\n", mtime=0)]
)
def test_a_file_without_rows_is_an_error(file: bytes) -> None:
    assert failed([file]) == (0, "no_rows")


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("rows.jsonl"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("file", "looks"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
        (b"PK\x03\x04" + bytes(100), "a zip archive"),
        (b"PAR1" + bytes(100), "Parquet"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "Zstandard"),
        ('{"op": "DELETE"}'.encode("utf-16"), "text in UTF-16"),
        ('{"op": "DELETE", "frame_id": 1}'.encode("utf-16-le"), "binary data"),
        (gzip.compress(b"1", mtime=0), "gzip inside gzip"),
        (random.Random(1).randbytes(4000), "binary data"),
        (tar(), "a tar archive"),
    ],
)
def test_a_file_that_is_no_text_is_told_from_its_first_bytes(file: bytes, looks: str) -> None:
    error = FileError(
        1,
        FileFault.UNSUPPORTED_FORMAT,
        f"The file looks like {looks}. Send JSON lines in UTF-8, uncompressed or as gzip.",
    )
    assert read([gzip.compress(file)]) == ([], error)
    if looks != "gzip inside gzip":
        assert read([file]) == ([], error)


def test_no_more_of_it_is_read_than_its_beginning() -> None:
    chunks = iter([b"\x89PNG\r\n\x1a\n" + bytes(1000), b"not", b"read"])
    assert failed(chunks) == (0, "unsupported_format")
    assert list(chunks) == [b"not", b"read"]


def packed_lines(count: int) -> tuple[bytes, bytes]:
    """Returns lines that hardly compress, and their gzip."""
    draw = random.Random(2)
    text = b"".join(b'"%d"\n' % draw.getrandbits(200) for _ in range(count))
    return text, gzip.compress(text)


@pytest.mark.parametrize("left", [3, 10, 18, 200, 1000, -9, -8, -1])
def test_gzip_that_ends_too_early_tells_the_lines_before(left: int) -> None:
    text, file = packed_lines(50)
    lines, error = read([file[:left]])
    whole = zlib.decompressobj(31).decompress(file[:left]).count(b"\n")
    assert lines == read([text])[0][:whole]
    assert error is not None
    assert (error.line, error.code) == (whole + 1, "truncated_gzip")


def test_of_gzip_that_ends_too_early_all_text_is_read() -> None:
    file = gzip.compress(b"1\n" * 1000)
    for end in range(10, len(file) - 8):
        lines, error = read([file[:end]])
        assert len(lines) == zlib.decompressobj(31).decompress(file[:end]).count(b"\n")
        assert error is not None
        assert error.code == "truncated_gzip"


def test_damaged_gzip_tells_the_lines_before() -> None:
    text, file = packed_lines(500)
    damaged = bytearray(file)
    damaged[len(file) // 2 : len(file) // 2 + 20] = b"\xff" * 20
    lines, error = read([bytes(damaged)])
    assert error is not None
    assert (error.line, error.code) == (len(lines) + 1, "corrupt_gzip")
    assert 200 < len(lines) < 500
    assert lines[:200] == read([text])[0][:200]


def test_a_false_checksum_is_damage() -> None:
    _, file = packed_lines(50)
    error = read([file[:-6] + b"\0\0" + file[-4:]])[1]
    assert error is not None
    assert error.message == "The gzip data of the file is damaged: incorrect data check."


def test_what_follows_gzip_and_is_none_is_damage() -> None:
    found, error = read([gzip.compress(b"1\n2\n3") + b"surplus"])
    assert [line.line for line in found] == [1, 2]
    message = "The gzip data of the file is damaged: the gzip data is followed by something else."
    assert error == FileError(3, FileFault.CORRUPT_GZIP, message)


def test_zeros_after_gzip_are_passed_over() -> None:
    assert read([gzip.compress(b"1\n"), bytes(100), gzip.compress(b"2\n"), bytes(100)]) == read([b"1\n2\n"])


# Limits of a file


def limit(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    for module in (inflate, json_lines):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_read_up_to_its_last_line(monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    limit(monkeypatch, "MAX_FILE_LINES", 5)
    pack = gzip.compress if packed else bytes
    assert read([pack(b"1\n" * 5)])[1] is None
    assert read([pack(b"1\n\n\n\n1")])[1] is None
    for text in (b"1\n" * 5 + b"1", b"1\n" * 5 + b"\n\n", b"1\n" * 5 + b"x" * 1000):
        lines, error = read([pack(text)])
        assert len(lines) == 5
        assert error is not None
        assert (error.line, error.code) == (6, "too_many_lines")
        cursor = Cursor(5, 8, packed)
        assert read([pack(text)[cursor.first_byte :]], cursor) == (lines[4:], error)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("size", "whole"), [(99, 49), (100, 50), (101, 50)])
def test_a_file_is_read_up_to_its_last_byte(
    monkeypatch: pytest.MonkeyPatch, packed: bool, size: int, whole: int
) -> None:
    limit(monkeypatch, "MAX_FILE_BYTES", size)
    pack = gzip.compress if packed else bytes
    assert read([pack(b"1\n" * whole)])[1] is None
    text = b"1\n" * 200
    lines, error = read([pack(text)])
    assert len(lines) == whole
    assert error is not None
    assert (error.line, error.code) == (whole + 1, "file_too_large")
    cursor = Cursor(41, 80, packed)
    assert read([pack(text)[cursor.first_byte :]], cursor) == (lines[40:], error)


def test_a_gzip_file_may_itself_be_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, "MAX_FILE_BYTES", 1000)
    assert failed([gzip.compress(b""), *repeat(gzip.compress(b""), 100)]) == (0, "file_too_large")


@pytest.mark.usefixtures("real_sizes")
def test_a_bomb_fails_early() -> None:
    chunks = iter([gzip.compress(b"1\n" + b" " * 40 * MB)[:-8], *repeat(b"never read", 100)])
    reader = RowFileReader(chunks)
    assert [line.line for line in reader] == [1]
    assert reader.error is not None
    assert (reader.error.line, reader.error.code) == (2, "inflates_too_far")
    assert next(chunks) == b"never read"


@pytest.mark.usefixtures("real_sizes")
def test_what_is_alike_is_no_bomb() -> None:
    rows = [
        {"op": "MODIFY", "frame": {"frame_id": f"drive-07_cam-front_{n:06d}", "metadata": {"ok": True}}}
        for n in range(20_000)
    ]
    text = b"".join(_json(row) + b"\n" for row in rows) * 10
    file = gzip.compress(text)
    assert len(text) > inflate.RATIO_FROM_BYTES
    assert len(text) > 15 * len(file)
    assert sum(map(len, inflate.inflated(inflate.blocks([file])))) == len(text)


# Memory


def peak_memory(chunks: Iterable[bytes]) -> tuple[int, RowFileReader]:
    """Reads a file. Returns the peak memory in bytes, and the reader."""
    reader = RowFileReader(chunks)
    tracemalloc.start()
    try:
        for _ in reader:
            pass
        return tracemalloc.get_traced_memory()[1], reader
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("real_sizes")
@pytest.mark.parametrize("content", [b" ", b"x"])
def test_a_bomb_takes_no_memory(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    limit(monkeypatch, "MAX_INFLATION_RATIO", 2000)
    limit(monkeypatch, "MAX_LINE_BYTES", MB)
    peak, reader = peak_memory(repeat(gzip.compress(content * MB), 500))
    assert peak < 4 * MB
    assert reader.cursor == Cursor(2, 500 * MB, True)


@pytest.mark.usefixtures("real_sizes")
def test_a_bomb_of_newlines_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, "MAX_FILE_LINES", 100_000)
    peak, reader = peak_memory(repeat(gzip.compress(b"\n" * MB), 500))
    assert peak < 2 * MB
    assert reader.error is not None
    assert reader.error.code == "too_many_lines"


@pytest.mark.usefixtures("real_sizes")
def test_a_file_without_newline_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, "MAX_LINE_BYTES", MB)
    peak, reader = peak_memory(repeat(b"x" * MB, 200))
    assert peak < 4 * MB
    assert reader.cursor == Cursor(2, 200 * MB)


@pytest.mark.usefixtures("real_sizes")
def test_a_large_file_takes_the_memory_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, "MAX_LINE_BYTES", MB)
    line = b'"' + b"x" * (MB // 2) + b'"\n'
    peak, reader = peak_memory(repeat(line, 200))
    assert peak < 8 * MB
    assert reader.cursor.line == 201
