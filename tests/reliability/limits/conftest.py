"""Fixtures: accounts with the limits that the template sets."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.reliability.limits.deployed import deployed_limits
from tests.simulation.account import Account, new_account

MakeAccount = Callable[..., Account]


@pytest.fixture
def make_account() -> Iterator[MakeAccount]:
    """Returns a function that creates an account with the template's limits, except those given."""
    with ExitStack() as stack:
        yield lambda seed=0, **limits: stack.enter_context(new_account(seed, **deployed_limits() | limits))
