"""A message that is delivered again changes nothing: windows are applied, and settled, exactly once.

SQS delivers at least once, and senders that crash send again. A client can only repeat its request, which
`test_idempotency` tests. No request sends a second copy of a window with another deduplication id, so these tests send
it to the queue themselves.
"""

from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.support.deployed import inside
from tests.support.deployed.client import Dataset, Json
from tests.support.deployed.rows import add, box, delete, modify
from tidemark.aws.backend import Backend
from tidemark.domain.windows import WindowSettled


@pytest.fixture(scope="module")
def backend(stack: LocalStack) -> Backend:
    return inside.backend_of(stack)


@pytest.fixture
def uploads(dataset: Dataset) -> list[Json]:
    """Two settled uploads, of which the second changes frames of the first."""
    first = dataset.upload(*(add(f"cam-{number}", box("a"), clicks=1) for number in range(12)))
    second = dataset.upload(
        *(modify(f"cam-{number}", box("b"), clicks=2) for number in range(6)), delete("cam-6"), modify("cam-99")
    )
    return [first, second]


def everything(dataset: Dataset) -> dict[str, Any]:
    """Returns everything that a reader can see of a dataset."""
    latest = dataset.read()
    return {
        "dataset": latest,
        "frames": [dataset.items("frames", version=version) for version in range(latest["latest"] + 1)],
        "versions": dataset.items("versions"),
        "uploads": dataset.items("uploads"),
        "histories": [dataset.history(f"cam-{number}") for number in range(12)],
    }


@pytest.mark.parametrize("which", [0, 1])
def test_a_window_delivered_again_changes_nothing(
    dataset: Dataset, uploads: list[Json], backend: Backend, which: int
) -> None:
    before = everything(dataset)
    windows = inside.windows_of(backend, before["dataset"]["uid"], uploads[which]["id"])
    for window in windows:
        group = f"{window.dataset}#{window.plan.shard}"
        inside.put(backend, backend.windows_queue_url, group, window.model_dump_json(), f"copy-of-{window.id}")
    inside.wait_until_drained(backend)
    assert everything(dataset) == before


def test_news_of_a_settled_window_delivered_again_changes_nothing(
    dataset: Dataset, uploads: list[Json], backend: Backend
) -> None:
    before = everything(dataset)
    uid, upload = before["dataset"]["uid"], uploads[1]["id"]
    for window in inside.windows_of(backend, uid, upload):
        settled = WindowSettled(
            dataset=uid, upload=upload, window=window.plan.number, applied=len(window.plan.rows), dropped=0, failed=0
        )
        inside.put(backend, backend.settled_queue_url, uid, settled.model_dump_json(), f"copy-of-{window.id}")
    inside.wait_until_drained(backend)
    assert everything(dataset) == before
