"""Cuts rows into requests: as many rows as a request may have, at most one for each frame.

The API accepts one row per frame in a request, so a second row for a frame starts the next request. Only the rows
decide where a request ends, not the file names. Two pushes that start with the same rows therefore send the same
requests with the same idempotency keys, up to the request with the first row that differs.
"""

from hashlib import sha256
from typing import NamedTuple

from tidemark.client.push.local_rows import Place, Row
from tidemark.domain.limits import MAX_REQUEST_BYTES, MAX_REQUEST_ROWS

HEAD, SEPARATOR, TAIL = b'{"mutations": [', b",\n", b"]}"
CUT_RULE = "1"
"""Version of the rule that cuts requests and derives their idempotency keys. Raise it when the rule changes."""


class Places:
    """The places of a request's rows, stored as runs of consecutive lines. Most requests have a single run."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, Place]] = []
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def add(self, place: Place) -> None:
        """Adds the place of the next row."""
        if not self._runs or place != self._in(self._runs[-1], self._rows):
            self._runs.append((self._rows, place))
        self._rows += 1

    def __getitem__(self, row: int) -> Place:
        """Returns the place of a row, given the row's number in the request, from 0."""
        return self._in(next(run for run in reversed(self._runs) if run[0] <= row), row)

    @staticmethod
    def _in(run: tuple[int, Place], row: int) -> Place:
        first, place = run
        return Place(place.file, place.line + row - first)


class Request(NamedTuple):
    """A mutation request: its body, its idempotency key, and the places of its rows."""

    body: bytes
    key: str
    places: Places


class RequestCutter:
    """Collects rows and returns them as requests."""

    def __init__(self, run: str) -> None:
        """`run` is the name of the push. The same rows have other idempotency keys under another name."""
        self._chain = sha256(f"tidemark push\0{CUT_RULE}\0{run}".encode())
        self._start()

    def _start(self) -> None:
        self._texts: list[bytes] = []
        self._size = len(HEAD) + len(TAIL)
        self._frames: set[str] = set()
        self._places = Places()

    def add(self, row: Row) -> Request | None:
        """Adds a row to the current request, and returns None. If the row does not fit, returns the current request
        and adds the row to a new one."""
        full = None
        if not self._has_room(row):
            full = self.rest()
        self._texts.append(row.text)
        self._size += len(row.text) + len(SEPARATOR)
        self._places.add(row.place)
        if row.frame_id is not None:
            self._frames.add(row.frame_id)
        return full

    def rest(self) -> Request | None:
        """Returns a request with the rows added since the last request; None if there are none."""
        if not self._texts:
            return None
        body = HEAD + SEPARATOR.join(self._texts) + TAIL
        # The idempotency key depends on all rows so far. If a row differs from an earlier push, all later keys differ
        # too, so that the rows after it are sent again, in order.
        self._chain.update(sha256(body).digest())
        request = Request(body, f"push-{self._chain.hexdigest()}", self._places)
        self._start()
        return request

    def _has_room(self, row: Row) -> bool:
        return (
            len(self._texts) < MAX_REQUEST_ROWS
            and self._size + len(row.text) + len(SEPARATOR) <= MAX_REQUEST_BYTES
            and row.frame_id not in self._frames
        )
