"""Ids that are made by chance, made by a seed."""

import hashlib
import secrets
import uuid
from contextlib import ExitStack
from unittest.mock import patch

from tests.simulation.invocation import Invocation, current


def seed_ids(stack: ExitStack, seed: int) -> None:
    """Until the stack is closed, ids are the seed's: each invocation counts its own."""
    Invocation.started = 0
    mine = [0]

    def token(size: int) -> bytes:
        invocation = current()
        if invocation is None:
            mine[0] += 1
            name = f"{seed}/{mine[0]}"
        else:
            invocation.ids += 1
            name = f"{seed}/{invocation.number}/{invocation.ids}"
        return hashlib.sha256(name.encode()).digest()[:size]

    stack.enter_context(patch.object(uuid, "uuid4", lambda: uuid.UUID(bytes=token(16), version=4)))
    stack.enter_context(patch.object(secrets, "token_hex", lambda size: token(size).hex()))
