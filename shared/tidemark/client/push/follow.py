"""Following uploads until every row has an outcome, while others are still being sent."""

import time
from collections import deque
from collections.abc import Callable

from tidemark.client import retry
from tidemark.client.api import Api
from tidemark.client.models import PENDING, Upload
from tidemark.client.push.transport import Delivery
from tidemark.client.refs import DatasetRef

MOST_PENDING = 64
"""Uploads that may be unsettled before sending waits: what is kept of a push does not grow with it, and a dataset that
cannot keep up is not buried."""
LOOK_SECONDS = 1.0
"""Between two looks while sending goes on: a look takes time from sending."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0


class Follower:
    """Looks at uploads in the order in which they were sent, which is nearly the one in which they settle."""

    def __init__(
        self,
        api: Api,
        dataset: DatasetRef,
        settled: Callable[[Delivery, Upload], None],
        waiting: Callable[["Follower"], None],
    ) -> None:
        """`settled` is told each delivery once, with what became of it; `waiting` is called after each look."""
        self._api = api
        self._dataset = dataset
        self._settled = settled
        self._waiting = waiting
        self._pending: deque[Delivery] = deque()
        self._last_look = time.monotonic()
        self.underway: tuple[Delivery, Upload] | None = None
        """The one that is looked at and has not settled, as it was at the last look."""

    def add(self, delivery: Delivery) -> None:
        """Follow one more; looks after the others now and then, and waits where too many are unsettled."""
        self._pending.append(delivery)
        self.glance()
        self._wait_for(MOST_PENDING)

    def glance(self) -> None:
        """Look, if the last look was some time ago."""
        if time.monotonic() - self._last_look >= LOOK_SECONDS:
            self._look()

    def finish(self) -> None:
        """Return when all have settled."""
        self._wait_for(0)

    def _wait_for(self, most: int) -> None:
        seconds = FIRST_PAUSE
        while len(self._pending) > most:
            if self._look():
                seconds = FIRST_PAUSE
            else:
                retry.pause(seconds)
                seconds = min(1.5 * seconds, LONGEST_PAUSE)
            self._waiting(self)

    def _look(self) -> bool:
        """Look at the oldest, and on as long as they have settled; answers whether one had."""
        before = len(self._pending)
        while self._pending:
            answer = self._api.get(*self._dataset.path, "uploads", self._pending[0].upload)
            upload = Upload.model_validate(answer)
            if upload.status == PENDING:
                self.underway = self._pending[0], upload
                break
            self.underway = None
            self._settled(self._pending.popleft(), upload)
        self._last_look = time.monotonic()
        return len(self._pending) < before
