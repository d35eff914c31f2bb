"""Cuts rows into requests: as many rows as a request may have, with each frame once.

The API takes one row per frame in a request, so a row for a frame that is already in the current request begins the
next one. Only the rows decide where a request ends. The same rows after the same rows thus make the same request with
the same key, whatever the files are called, and a repeated push is recognised up to the first row that differs.
"""

from hashlib import sha256
from typing import NamedTuple

from tidemark.client.push.local_rows import Place, Row
from tidemark.domain.limits import MAX_REQUEST_BYTES, MAX_REQUEST_ROWS

HEAD, SEPARATOR, TAIL = b'{"mutations": [', b",\n", b"]}"
CUT_RULE = "1"
"""Version of the rule that cuts requests and makes their keys. It changes with the rule."""


class Places:
    """Where the rows of a request come from, held as runs of consecutive lines: mostly a single run."""

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
        """Returns the place of a row, by its number in the request."""
        return self._in(next(run for run in reversed(self._runs) if run[0] <= row), row)

    @staticmethod
    def _in(run: tuple[int, Place], row: int) -> Place:
        first, place = run
        return Place(place.file, place.line + row - first)


class Request(NamedTuple):
    """The body of a request, its Idempotency-Key, and where its rows come from."""

    body: bytes
    key: str
    places: Places


class RequestCutter:
    """Collects rows and returns them as requests."""

    def __init__(self, run: str) -> None:
        """`run` is the name of the push: under another name, the same rows make new requests."""
        self._chain = sha256(f"tidemark push\0{CUT_RULE}\0{run}".encode())
        self._start()

    def _start(self) -> None:
        self._texts: list[bytes] = []
        self._size = len(HEAD) + len(TAIL)
        self._frames: set[str] = set()
        self._places = Places()

    def add(self, row: Row) -> Request | None:
        """Adds a row. Returns the request before it if the row did not fit into that."""
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
        """Returns the request of the remaining rows; None if there are none."""
        if not self._texts:
            return None
        body = HEAD + SEPARATOR.join(self._texts) + TAIL
        # A key stands for all rows up to here. Where a row differs, all keys from there on differ too, so that the rows
        # after it are sent anew and in their order.
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
