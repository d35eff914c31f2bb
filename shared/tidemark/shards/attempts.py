"""Counts the attempts at windows that keep failing, to give up those that cannot be applied.

SQS counts deliveries, and a delivery may fail because a table was throttled or Lambda ran no function. Such a delivery
says nothing about the window, so the count here leaves it out. A process that dies cannot say why, so an attempt counts
when it begins, and no longer counts once it has failed for a transient reason.
"""

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, shard_pk
from tidemark.domain.windows import Window

ATTEMPTS = "attempts"


def begin(backend: Backend, window: Window) -> int:
    """Counts an attempt at a window. Returns the number of attempts counted so far. One write."""
    return int(table.add(backend, _key(window), ATTEMPTS, 1))


def excuse(backend: Backend, window: Window) -> None:
    """Takes back the attempt that `begin` counted last, because it failed for a transient reason. One write."""
    table.add(backend, _key(window), ATTEMPTS, -1)


def _key(window: Window) -> Key:
    return Key(shard_pk(window.dataset, window.plan.shard), f"A#{window.id}")
