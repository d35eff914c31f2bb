"""The deployed stack that all tests of a session share: an emulator with empty data, on a free port."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.local.server import free_port
from infra.local.stack import LocalStack, up
from tests.support.deployed.client import Caller, Dataset

FIRST_PORT = 14566
"""Far from the port of `make up`, so that a developer's own stack can run beside the tests."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The real template with the current code of the functions."""
    home: Path = tmp_path_factory.mktemp("stack")
    running = up(home, free_port(FIRST_PORT))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def connect(stack: LocalStack) -> Iterator[Callable[[str | None], Caller]]:
    """Returns a function that creates a caller with an API key, or without one for None."""
    with ExitStack() as connections:

        def create_caller(key: str | None) -> Caller:
            caller = Caller(stack, key)
            connections.enter_context(caller.http)
            return caller

        yield create_caller


@pytest.fixture(scope="session")
def admin(stack: LocalStack, connect: Callable[[str | None], Caller]) -> Caller:
    """A caller with an admin key for all projects."""
    return connect(stack.make_key("admin"))


@pytest.fixture
def dataset(admin: Caller) -> Dataset:
    """A new, empty dataset."""
    return admin.new_dataset()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this folder, so that `-m "not stack"` skips them."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.stack)
