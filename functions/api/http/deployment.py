"""The connection to the deployment's AWS resources, shared by all requests of one execution environment."""

from functools import cache

from tidemark.aws.backend import Backend


@cache
def backend() -> Backend:
    """Returns the AWS clients and resource names of the deployment, which the first call reads from the environment."""
    return Backend.from_environment()
