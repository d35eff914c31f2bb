"""The fuzz targets of `make faults`, run with their seed inputs, with altered ones and with random bytes."""

import importlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reliability.hostile.fuzzing import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_have_an_outcome(name: str) -> None:
    fuzzed = importlib.import_module(TARGETS[name])
    for seed in fuzzed.SEEDS:
        fuzzed.target(seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=150)
@given(st.data())
def test_spoiled_seeds_have_an_outcome(name: str, data: st.DataObject) -> None:
    fuzzed = importlib.import_module(TARGETS[name])
    seed = bytearray(data.draw(st.sampled_from([seed for seed in fuzzed.SEEDS if len(seed) < 5000])))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(seed)))
        until = data.draw(st.integers(at, len(seed)))
        seed[at:until] = data.draw(st.binary(max_size=8))
    fuzzed.target(bytes(seed))


@pytest.mark.parametrize("name", TARGETS)
@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_any_bytes_have_an_outcome(name: str, data: bytes) -> None:
    importlib.import_module(TARGETS[name]).target(data)
