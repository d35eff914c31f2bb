"""Parallel requests: as many at once as there are workers, results in order, the first error raised."""

import threading
from typing import Any

import pytest

from tidemark.aws.backend import Backend


def backend(workers: int) -> Backend:
    nothing: Any = None
    return Backend(dynamodb=nothing, s3=nothing, sqs=nothing, events=nothing, states=nothing, table="", workers=workers)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_answers_come_in_the_order_of_the_questions(workers: int, count: int) -> None:
    assert backend(workers).parallel(lambda number: number * 2, range(count)) == [n * 2 for n in range(count)]


def test_as_many_are_asked_at_once_as_there_are_workers() -> None:
    together = threading.Barrier(3, timeout=10)
    backend(3).parallel(lambda _: together.wait(), range(6))


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_is_raised(workers: int) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise KeyError(number)

    with pytest.raises(KeyError):
        backend(workers).parallel(fail, range(4))
