"""Cutting accepted rows into windows."""

from hypothesis import given
from hypothesis import strategies as st

from tidemark.domain.frames.operations import Op
from tidemark.domain.ids import shard_of
from tidemark.domain.limits import MAX_WINDOW_BYTES, MAX_WINDOW_FRAMES
from tidemark.domain.rows.validation import AcceptedRow
from tidemark.domain.windows import WindowPlan, WindowRow, cut, message_bytes


def _row(number: int, classes: dict[str, int] | None = None) -> AcceptedRow:
    return AcceptedRow(
        row=number, op=Op.ADD, frame_id=f"frame {number}", payload=b"{}", labels=0, classes=classes or {}
    )


@given(count=st.integers(min_value=0, max_value=1000), shards=st.integers(min_value=1, max_value=64))
def test_every_row_is_in_one_window_of_its_shard_in_order(count: int, shards: int) -> None:
    rows = [_row(number) for number in range(count)]
    windows = cut(rows, shards)
    assert sorted(row.row for _, window in windows for row in window) == list(range(count))
    for shard in range(shards):
        shard_rows = [row.row for number, window in windows if number == shard for row in window]
        assert shard_rows == [row.row for row in rows if shard_of(row.frame_id, shards) == shard]


@given(count=st.integers(min_value=1, max_value=500))
def test_a_window_fits_a_transaction_with_its_head_commit_and_marker(count: int) -> None:
    dynamodb_limit = 100
    windows = cut([_row(number) for number in range(count)], 1)
    assert all(len(window) + 3 <= dynamodb_limit for _, window in windows)
    assert all(len(window) == MAX_WINDOW_FRAMES for _, window in windows[:-1])


def test_a_window_of_frames_with_many_classes_fits_a_message() -> None:
    classes = {f"class number {number}": 10**6 for number in range(1000)}
    windows = cut([_row(number, classes) for number in range(20)], 1)
    assert len(windows) > 1
    for _, window in windows:
        assert sum(map(message_bytes, window)) <= MAX_WINDOW_BYTES


@given(name=st.text(min_size=1, max_size=128), labels=st.integers(min_value=0, max_value=5000))
def test_a_rows_size_in_a_message_is_never_underestimated(name: str, labels: int) -> None:
    accepted = AcceptedRow(row=999, op=Op.MODIFY, frame_id=name, payload=b"", labels=labels, classes={name: labels})
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    pack = f"{0:016x}/{0:032x}"
    row = WindowRow(999, Op.MODIFY, name, 5 * 2**20, 2**20, "f" * 64, labels, {name: labels}, pack)
    empty = len(WindowPlan(number=0, shard=0, rows=[]).model_dump_json().encode())
    written = len(WindowPlan(number=0, shard=0, rows=[row]).model_dump_json().encode()) - empty
    assert written <= message_bytes(accepted)
