"""Runs the soak: all actors for some time, then the final check."""

import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random
from typing import Any

from infra.local.stack import LocalStack
from tests.reliability.soak.closing import close
from tests.reliability.soak.others import Curator, Flood, Intruder
from tests.reliability.soak.readers import Memory, Reader
from tests.reliability.soak.senders import Sender
from tests.reliability.soak.stage import Stage
from tests.reliability.soak.tally import Tally

READERS = 3
PLACES_OF_SENDERS = (0, 0, 0, 1, 1, 2, 2, 3)
"""The dataset of each of the eight senders."""


def soak(stack: LocalStack, seconds: float, seed: int) -> Tally:
    """Runs all actors for some seconds and returns the tally. What each actor does follows from the seed; the timing
    does not."""
    tally = Tally()
    with closing(Stage(stack, tally)) as stage:
        _run(stage, seconds, seed)
    return tally


def _run(stage: Stage, seconds: float, seed: int) -> None:
    memory = Memory(Random(f"{seed}"))
    senders = [
        Sender(stage, stage.places[place], number, Random(f"{seed}-{number}"))
        for number, place in enumerate(PLACES_OF_SENDERS)
    ]
    flood = Flood(stage)
    actors: list[Any] = [
        *senders,
        *(Reader(stage, memory, Random(f"{seed}-reader-{number}")) for number in range(READERS)),
        Curator(stage, memory, Random(f"{seed}-curator")),
        flood,
        Intruder(stage, Random(f"{seed}-intruder")),
    ]
    flood.begin()
    for sender in senders:
        sender.begin()
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(len(actors)) as pool:
        list(pool.map(lambda actor: _work(actor, stage.tally, lambda: time.monotonic() < until), actors))
    close(stage, senders)


def _work(actor: Any, tally: Tally, goes_on: Callable[[], bool]) -> None:
    """Runs one actor. Ending early, for any reason, is a violation."""
    try:
        actor.work(goes_on)
    except Exception:  # noqa: BLE001 - told with all that is known of it
        tally.violate("ended early", f"{type(actor).__name__}: {traceback.format_exc()}")
