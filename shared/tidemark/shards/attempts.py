"""Counts the attempts at windows that keep failing, to give up those that cannot be applied.

SQS counts deliveries, and a delivery may fail because a table was throttled or Lambda ran no function. Such a delivery
says nothing about the window, so the count here leaves it out. A process that dies cannot say why, so an attempt counts
when it begins. An attempt that fails for a transient reason clears the count: the attempts before it may have died for
the same reason.
"""

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, shard_pk
from tidemark.domain.windows import Window

ATTEMPTS = "attempts"
"""Attribute with the set of counted attempts. A request that is sent twice, because its response was lost, counts
once."""


def begin(backend: Backend, window: Window, delivery: int) -> int:
    """Counts the attempt of a delivery, given by its number. Returns the attempts counted so far. One write."""
    return len(table.add(backend, _key(window), ATTEMPTS, {str(delivery)}))


def clear(backend: Backend, window: Window) -> None:
    """Clears the count. One write."""
    table.write(backend, writes.update(backend, _key(window), f"REMOVE #{ATTEMPTS}", {}))


def _key(window: Window) -> Key:
    return Key(shard_pk(window.dataset, window.plan.shard), f"A#{window.id}")
