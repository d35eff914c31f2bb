"""The API on moto, with the fixtures of the API's integration tests."""

from tests.integration.api.conftest import api, world

__all__ = ["api", "world"]
