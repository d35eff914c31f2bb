"""Follows uploads until every row has an outcome, while others are still being sent."""

import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import NamedTuple

from tidemark.client.api import Api
from tidemark.client.models import parse
from tidemark.client.polling import polls
from tidemark.client.push.local_rows import Unsent
from tidemark.client.push.transport import Delivery
from tidemark.client.refs import DatasetRef
from tidemark.domain.uploads import Upload, UploadStatus

MAX_PENDING = 64
"""Unsettled uploads after which sending waits, so that memory does not grow with a push, and a dataset that cannot keep
up is not flooded."""
POLL_SECONDS = 1.0
"""Between two polls while sending goes on: each poll takes time from sending."""
FIRST_PAUSE, MAX_PAUSE = 0.1, 1.0
"""Seconds between two polls while sending waits."""


class Followed(NamedTuple):
    """A delivery and its upload, as last read."""

    delivery: Delivery
    upload: Upload


class Follower:
    """Polls uploads in the order in which they were sent, which is nearly the order in which they settle."""

    def __init__(self, api: Api, dataset: DatasetRef) -> None:
        self._api = api
        self._dataset = dataset
        self._pending: deque[Delivery] = deque()
        self._last_poll = time.monotonic()
        self.underway: Followed | None = None
        """The oldest upload that had not settled at the last poll."""

    def follow(
        self, sent: Generator[Delivery | Unsent | None, None, None]
    ) -> Generator[Delivery | Unsent | Followed | None, None, None]:
        """Yields what a transport sends, and each delivery again once its upload has settled. Ends when all have.

        Yields None after each poll while it waits, so that progress can be shown. Closes `sent`, even when a poll
        fails, so that the transport's threads end then and not later.
        """
        with closing(sent):
            for item in sent:
                yield item
                if isinstance(item, Unsent):
                    continue
                if item is not None:
                    self._pending.append(item)
                if time.monotonic() - self._last_poll >= POLL_SECONDS:
                    yield from self._poll()
                yield from self._wait_for(MAX_PENDING)
        yield from self._wait_for(0)

    def _wait_for(self, most: int) -> Iterator[Followed | None]:
        """Polls until at most so many uploads are unsettled."""
        while len(self._pending) > most:
            before = len(self._pending)
            for _ in polls(FIRST_PAUSE, MAX_PAUSE):
                yield from self._poll()
                yield None
                if len(self._pending) < before:
                    break

    def _poll(self) -> Iterator[Followed]:
        """Reads the oldest upload, and the next ones for as long as they have settled; yields those that have."""
        while self._pending:
            delivery = self._pending[0]
            upload = parse(Upload, self._api.get(*self._dataset.path, "uploads", delivery.upload))
            if upload.status is UploadStatus.PENDING:
                self.underway = Followed(delivery, upload)
                break
            self.underway = None
            self._pending.popleft()
            yield Followed(delivery, upload)
        self._last_poll = time.monotonic()
