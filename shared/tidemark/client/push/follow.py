"""Follows the uploads of a push until each has settled, while more are being sent."""

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
"""Most unsettled uploads of a push. Sending pauses while there are more, so that memory does not grow with the push,
and a slow dataset is not flooded."""
POLL_SECONDS = 1.0
"""Shortest time between two polls while sending. Each poll delays the next request."""
FIRST_PAUSE, MAX_PAUSE = 0.1, 1.0
"""First and longest pause between two polls while sending is paused, in seconds."""


class Followed(NamedTuple):
    """A delivery, and the state of its upload at the last poll."""

    delivery: Delivery
    upload: Upload


class Follower:
    """Polls the uploads of a push in the order they were sent, which is nearly the order they settle in."""

    def __init__(self, api: Api, dataset: DatasetRef) -> None:
        self._api = api
        self._dataset = dataset
        self._pending: deque[Delivery] = deque()
        self._last_poll = time.monotonic()
        self.underway: Followed | None = None
        """The oldest upload that had not settled at the last poll; None if all had."""

    def follow(
        self, sent: Generator[Delivery | Unsent | None, None, None]
    ) -> Generator[Delivery | Unsent | Followed | None, None, None]:
        """Yields the items of `sent` as they arrive, and a Followed for each delivery whose upload has settled.

        Ends when all uploads have settled. While waiting for uploads, yields None after each poll, so that the caller
        can update progress bars.
        Closes `sent`, even when a poll fails, so that the transport's threads end then and not later.
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
        """Polls until at most `most` uploads are unsettled. Yields those that settle, and None after each poll."""
        while len(self._pending) > most:
            before = len(self._pending)
            for _ in polls(FIRST_PAUSE, MAX_PAUSE):
                yield from self._poll()
                yield None
                if len(self._pending) < before:
                    break

    def _poll(self) -> Iterator[Followed]:
        """Reads pending uploads, oldest first. Yields each that has settled, and stops at the first that has not."""
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
