"""Cutting rows into requests: as many rows as one may have, and each frame once.

The API takes one row for a frame in a request, so a row for a frame that is in the present request begins the next one.
Requests are cut by the rows alone. The same rows after the same rows thus make the same request with the same key,
whatever the files are called, and a push that is repeated is recognised up to where it differs.
"""

from hashlib import sha256
from typing import NamedTuple

from tidemark.client.push.rows import Place, Row
from tidemark.domain.limits import MAX_REQUEST_BYTES, MAX_REQUEST_ROWS

HEAD, BETWEEN, TAIL = b'{"mutations": [', b",\n", b"]}"
CUT = "1"
"""The rule by which requests are cut and keys are made; another rule, another number."""


class Places:
    """Where the rows of a request are from, kept as runs of consecutive lines: mostly a single one."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, Place]] = []
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def add(self, place: Place) -> None:
        """Note where the next row is from."""
        if not self._runs or place != self._in(self._runs[-1], self._rows):
            self._runs.append((self._rows, place))
        self._rows += 1

    def __getitem__(self, row: int) -> Place:
        """Where a row is from, by its number in the request."""
        return self._in(next(run for run in reversed(self._runs) if run[0] <= row), row)

    @staticmethod
    def _in(run: tuple[int, Place], row: int) -> Place:
        first, place = run
        return Place(place.file, place.line + row - first)


class Request(NamedTuple):
    """The body of a request, its Idempotency-Key, and where its rows are from."""

    body: bytes
    key: str
    places: Places


class Cutter:
    """Takes rows and gives requests."""

    def __init__(self, run: str) -> None:
        """`run` sets this push apart from one of the same rows under another name."""
        self._chain = sha256(f"tidemark push\0{CUT}\0{run}".encode())
        self._start()

    def _start(self) -> None:
        self._texts: list[bytes] = []
        self._size = len(HEAD) + len(TAIL)
        self._frames: set[str] = set()
        self._places = Places()

    def add(self, row: Row) -> Request | None:
        """Take a row; answers the request before it, if that has no room for it."""
        full = None
        if not self._has_room(row):
            full = self.rest()
        self._texts.append(row.text)
        self._size += len(row.text) + len(BETWEEN)
        self._places.add(row.place)
        if row.frame_id is not None:
            self._frames.add(row.frame_id)
        return full

    def rest(self) -> Request | None:
        """The request of the rows that are left, if there are any."""
        if not self._texts:
            return None
        body = HEAD + BETWEEN.join(self._texts) + TAIL
        # A key stands for all rows up to here: where one differs, all requests from there on are other ones, and are
        # sent in their order.
        self._chain.update(sha256(body).digest())
        request = Request(body, f"push-{self._chain.hexdigest()}", self._places)
        self._start()
        return request

    def _has_room(self, row: Row) -> bool:
        return (
            len(self._texts) < MAX_REQUEST_ROWS
            and self._size + len(row.text) + len(BETWEEN) <= MAX_REQUEST_BYTES
            and row.frame_id not in self._frames
        )
