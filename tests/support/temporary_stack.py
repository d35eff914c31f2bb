"""A local stack that exists only during a measurement."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.server import free_port, stop
from infra.local.stack import LocalStack, up


@contextmanager
def temporary_stack(first_port: int) -> Iterator[LocalStack]:
    """Yields a stack on the first free port from `first_port` on. Its data is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            yield up(home, free_port(first_port))
        finally:
            stop(home)
