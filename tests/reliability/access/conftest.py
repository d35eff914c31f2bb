"""One deployment for the tests of a module: they change nothing in it that another one counts on."""

from collections.abc import Iterator

import pytest

from tests.reliability.access.deployment import Deployment, deployed


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with deployed() as made:
        yield made
