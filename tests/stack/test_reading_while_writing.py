"""Readers of a version are not disturbed by writers: not a frame of any page changes (R7)."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.stack.client import Dataset, Json
from tests.stack.rows import add, box, delete, modify

FRAMES = 60
UPLOADS = 6
PAGE = 7


@pytest.fixture
def filled(dataset: Dataset) -> Dataset:
    """The dataset with `FRAMES` frames, at version 1."""
    dataset.upload(*(add(f"cam-{number}", box("a"), turn=-1) for number in range(FRAMES)))
    return dataset


def _write(dataset: Dataset) -> None:
    """Publish `UPLOADS` versions, each of which relabels, replaces, deletes and adds frames everywhere."""
    for turn in range(UPLOADS):
        rows: list[Json] = [add(f"new-{turn}-{number}") for number in range(5)]
        for number in range(FRAMES):
            frame_id = f"cam-{number}"
            match (number + turn) % 4:
                case 0:
                    rows.append(modify(frame_id, box("a", "tram"), turn=turn))
                case 1:
                    rows.append(delete(frame_id))
                case 2:
                    rows.append(add(frame_id, box("b"), turn=turn))
        dataset.upload(*rows)


@contextmanager
def _writer(dataset: Dataset) -> Iterator[Future[None]]:
    """A writer at work meanwhile; its own failure is the test's."""
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_write, dataset)
        yield writing
        writing.result()


def test_every_page_of_a_version_stays_as_it_was_while_later_ones_are_published(filled: Dataset) -> None:
    def pages() -> list[Json]:
        return list(filled.caller.pages(filled.at("frames"), version=1, limit=PAGE))

    before = pages()
    rounds = 0
    with _writer(filled) as writing:
        while not writing.done():
            assert pages() == before
            rounds += 1
    assert rounds > 1
    assert pages() == before


def test_paging_through_the_latest_version_sees_one_version(filled: Dataset) -> None:
    seen: dict[int, list[Json]] = {}
    with _writer(filled) as writing:
        while not writing.done():
            pages = list(filled.caller.pages(filled.at("frames"), limit=PAGE))
            (version,) = {page["version"] for page in pages}
            seen[version] = [item["frame"] for page in pages for item in page["items"]]
    assert len(seen) > 1
    for version, frames in seen.items():
        assert {frame["frame_id"]: frame for frame in frames} == filled.frames(version)
        assert len(frames) == filled.read("versions", str(version))["frames"]


def test_a_frame_read_at_a_version_stays_as_it_was_while_it_is_rewritten(filled: Dataset) -> None:
    before = filled.read("frames", "cam-3", version=1)
    with _writer(filled) as writing:
        while not writing.done():
            assert filled.read("frames", "cam-3", version=1) == before
