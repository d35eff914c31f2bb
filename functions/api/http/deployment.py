"""The connection to the deployment, shared by all requests of one function environment."""

from functools import cache

from tidemark.aws.backend import Backend


@cache
def backend() -> Backend:
    """Returns the deployment that the environment variables name. The first call connects to it."""
    return Backend.from_environment()
