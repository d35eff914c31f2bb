"""Payloads are read as they were written, or reading fails."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.world import World
from tidemark.aws.backend import Backend
from tidemark.domain.canonical import digest
from tidemark.domain.errors import Unavailable
from tidemark.shards import packs
from tidemark.shards.packs import PackCorrupt, PackWriter, PayloadPointer

LINES = st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=6)


def written(backend: Backend, lines: list[bytes]) -> list[PayloadPointer]:
    pack = PackWriter("uid")
    spans = [pack.add(line) for line in lines]
    pack.write(backend)
    return [PayloadPointer(pack.name, *span, digest(line)) for span, line in zip(spans, lines, strict=True)]


@given(LINES, LINES, st.randoms())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_payloads_are_read_in_the_order_asked_for_from_any_packs(
    world: World, one: list[bytes], other: list[bytes], order: Random
) -> None:
    backend = world.process()
    payloads = dict(zip([*written(backend, one), *written(backend, other)], [*one, *other], strict=True))
    wanted = [*payloads, *payloads]
    order.shuffle(wanted)
    assert packs.read_payloads(backend, wanted) == [payloads[pointer] for pointer in wanted]


def test_a_payload_that_is_not_as_it_was_written_is_not_read(world: World) -> None:
    backend = world.process()
    good, bad = written(backend, [b"good", b"bad"])
    object_key = packs.object_key(good.pack)
    backend.s3.put_object(Bucket=backend.bucket, Key=object_key, Body=b"good\nbat\n")
    assert packs.read_payloads(backend, [good]) == [b"good"]
    with pytest.raises(PackCorrupt):
        packs.read_payloads(backend, [good, bad])


class Flaky:
    """An S3 client whose first responses fail while their body is read."""

    def __init__(self, s3: Any, error: Exception, times: int) -> None:
        self.reads = 0
        self._s3 = s3
        self._error = error
        self._times = times

    def get_object(self, **request: Any) -> Any:
        """Returns the object, or a response whose body fails."""
        self.reads += 1
        if self.reads > self._times:
            return self._s3.get_object(**request)
        return {"Body": self}

    def read(self) -> bytes:
        """Fails."""
        raise self._error


BREAKS = [
    IncompleteReadError(actual_bytes=1, expected_bytes=4),
    ResponseStreamingError(error="Connection broken"),
    ReadTimeoutError(endpoint_url="https://s3"),
]


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_an_answer_that_breaks_off_is_asked_for_again(world: World, error: Exception) -> None:
    backend = world.process()
    pointers = written(backend, [b"good"])
    s3: Any = Flaky(backend.s3, error, packs.MAX_ATTEMPTS - 1)
    assert packs.read_payloads(replace(backend, s3=s3), pointers) == [b"good"]
    assert s3.reads == packs.MAX_ATTEMPTS


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_answers_that_break_off_again_and_again_are_unavailability(world: World, error: Exception) -> None:
    backend = world.process()
    pointers = written(backend, [b"good"])
    s3: Any = Flaky(backend.s3, error, packs.MAX_ATTEMPTS)
    with pytest.raises(Unavailable):
        packs.read_payloads(replace(backend, s3=s3), pointers)
    assert s3.reads == packs.MAX_ATTEMPTS


def test_no_two_packs_have_one_name() -> None:
    assert len({PackWriter("uid").name for _ in range(100)}) == 100
