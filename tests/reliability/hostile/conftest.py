"""The API over real services on moto, as the tests of its routes have it."""

from tests.integration.api.conftest import api, world

__all__ = ["api", "world"]
