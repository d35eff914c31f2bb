"""What the function keeps between requests: its connection to the deployment."""

from functools import cache

from tidemark.aws.backend import Backend


@cache
def backend() -> Backend:
    """The deployment that the function's environment names, connected on the first request."""
    return Backend.from_environment()
