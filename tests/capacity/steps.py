"""Step Functions under load: a map over shards whose steps are repeated until they are done, with retries."""

from collections.abc import Callable, Sequence

from tests.capacity.clock import Clock, Process
from tests.capacity.functions import Function

MAX_PARALLEL = 16
RETRIES = 8
INTERVAL_SECONDS = 2.0
BACKOFF = 2.5
MAX_DELAY_SECONDS = 300.0
"""The retries of a step, as `infra/workflows.py` sets them. Each delay is shortened at random (jitter FULL)."""


class StepError(Exception):
    """Raised when a step fails, or its invocation is throttled."""


class Execution:
    """An execution. `step` does a visit to a shard and returns whether the shard is done."""

    def __init__(self, function: Function, step: Callable[[int], Process[bool]]) -> None:
        self.failed = False
        """Whether a step failed for good."""
        self._function = function
        self._step = step

    def run(self, shards: Sequence[int]) -> Process[bool]:
        """Processes all shards. Returns whether all are done."""
        waiting = list(reversed(shards))
        clock = self._function.account.clock

        def worker() -> Process[None]:
            while waiting and not self.failed:
                yield from self._shard(clock, waiting.pop())

        yield from clock.together(worker() for _ in range(MAX_PARALLEL))
        return not self.failed

    def _shard(self, clock: Clock, shard: int) -> Process[None]:
        done = False
        while not done and not self.failed:
            done = yield from self._visit(clock, shard)

    def _visit(self, clock: Clock, shard: int) -> Process[bool]:
        """Calls the function once, with retries, which each visit has anew."""
        for attempt in range(RETRIES + 1):
            yield clock.spread(self._function.account.times.state)
            outcome: list[bool] = []
            if self._function.account.enter():
                yield from self._function.run(self._caught(shard, outcome))
            if outcome:
                return outcome[0]
            if attempt < RETRIES:
                yield clock.random.uniform(0, min(MAX_DELAY_SECONDS, INTERVAL_SECONDS * BACKOFF**attempt))
        self.failed = True
        return False

    def _caught(self, shard: int, outcome: list[bool]) -> Process[None]:
        try:
            outcome.append((yield from self._step(shard)))
        except StepError:
            return
