"""One deployment for all tests of a module, none of which changes what another relies on."""

from collections.abc import Iterator

import pytest

from tests.reliability.access.deployment import Deployment, deployed


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with deployed() as made:
        yield made
