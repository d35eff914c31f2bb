"""Makes random ids follow from a seed."""

import hashlib
import secrets
import uuid
from contextlib import ExitStack
from unittest.mock import patch

from tests.simulation.invocation import Invocation, current


def seed_ids(stack: ExitStack, seed: int) -> None:
    """Derives ids from the seed until the stack is closed. Each invocation counts its own ids."""
    Invocation.started = 0
    outside = [0]

    def token(size: int) -> bytes:
        invocation = current()
        if invocation is None:
            outside[0] += 1
            name = f"{seed}/{outside[0]}"
        else:
            invocation.ids += 1
            name = f"{seed}/{invocation.number}/{invocation.ids}"
        return hashlib.sha256(name.encode()).digest()[:size]

    stack.enter_context(patch.object(uuid, "uuid4", lambda: uuid.UUID(bytes=token(16), version=4)))
    stack.enter_context(patch.object(secrets, "token_hex", lambda size: token(size).hex()))
