"""The deployed stack for a session of tests: an emulator of its own, on a free port, that forgets everything after."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.local.server import free_port
from infra.local.stack import LocalStack, up
from tests.support.deployed.client import Caller, Dataset

FIRST_PORT = 14566
"""Away from the port of `make up`, so that a developer's own stack may run beside the tests."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The real template with the functions as they are now: `stack.api`, `stack.make_key(role, projects)`."""
    home: Path = tmp_path_factory.mktemp("stack")
    running = up(home, free_port(FIRST_PORT))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def connect(stack: LocalStack) -> Iterator[Callable[[str | None], Caller]]:
    """Makes callers: one for an API key, or for None, who sends no key."""
    with ExitStack() as connections:

        def connected(key: str | None) -> Caller:
            caller = Caller(stack, key)
            connections.enter_context(caller.http)
            return caller

        yield connected


@pytest.fixture(scope="session")
def admin(stack: LocalStack, connect: Callable[[str | None], Caller]) -> Caller:
    """A caller who may do everything."""
    return connect(stack.make_key("admin"))


@pytest.fixture
def dataset(admin: Caller) -> Dataset:
    """An empty dataset of the test's own."""
    return admin.new_dataset()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lives here, so that `-m "not stack"` leaves it out."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.stack)
