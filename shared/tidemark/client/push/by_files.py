"""Files as they are, by signed URLs, several at a time; the service reads them itself."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from threading import Event, Lock
from typing import TypeVar

from rich.filesize import decimal

from tidemark.client.api import Api, Refused, Unreachable
from tidemark.client.models import WAITING, FileReceipt, RowError, SignedFile, Upload
from tidemark.client.push.files import CHUNK_BYTES, Announcement, Digested, File, State, digested
from tidemark.client.push.rows import Place, Unsent
from tidemark.client.push.transport import Delivery, Stage
from tidemark.client.refs import DatasetRef
from tidemark.client.signed_urls import SignedUrls
from tidemark.domain.limits import MAX_UPLOAD_FILES

AT_A_TIME = 4
"""Files on their way together: one connection to S3 seldom fills a line."""
TICK_SECONDS = 0.2
STILL_GOOD_SECONDS = 60
"""What a URL should be good for when a file is begun to be put to it."""

T = TypeVar("T")
R = TypeVar("R")


class ByFiles:
    """The transport of files. Rows keep their order in each; files have none."""

    def __init__(self, api: Api, dataset: DatasetRef, files: Sequence[File], run: str) -> None:
        """`run` sets this push apart from one of the same files under another name."""
        self._api = api
        self._dataset = dataset
        self._files = files
        self._run = run
        self._digested, self._sent = _Counter(), _Counter()
        self._stopped = Event()
        size = sum(file.path.stat().st_size for file in files)
        self.stages = (
            Stage("digested", size, self._digested.count, self._digested.told),
            Stage("sent", size, self._sent.count, self._sent.told),
        )

    def send(self) -> Iterator[Delivery | Unsent | None]:
        """Send the files in as many uploads as they need, as Transport says.

        A file that cannot be read ends the push before its upload is announced; one that is written to, before its
        upload is completed.
        """
        with SignedUrls() as urls, ThreadPoolExecutor(AT_A_TIME) as pool:
            try:
                for first in range(0, len(self._files), MAX_UPLOAD_FILES):
                    yield from self._upload(urls, pool, self._files[first : first + MAX_UPLOAD_FILES])
            except _Unfit as unfit:
                yield Unsent(Place(unfit.file.shown, 1), unfit.reason, str(unfit))
            finally:
                # Where this ends early, those that are underway end at their next chunk.
                self._stopped.set()
                pool.shutdown(cancel_futures=True)

    def _upload(
        self, urls: SignedUrls, pool: ThreadPoolExecutor, files: Sequence[File]
    ) -> Generator[Delivery | None, None, None]:
        known = yield from _together(pool, self._digest, files)
        announced = _Announced(self._api, self._dataset, Announcement.of(known, self._run))
        path = (*self._dataset.path, "uploads", announced.upload)
        was_there = Upload.model_validate(self._api.get(*path)).status != WAITING
        if was_there:
            for file in known:
                self._sent.note(file.file, file.state.size)
        else:
            yield from _together(pool, partial(self._put, urls, announced), list(enumerate(known)))
            self._api.start(*path, "complete")
        shown = {file.name: file.shown for file in files}

        def place(error: RowError) -> Place:
            name = error.file or ""
            return Place(shown.get(name, name), error.row)

        yield Delivery(announced.upload, place, files=len(files), was_there=was_there)

    def _digest(self, file: File) -> Digested:
        def is_read(size: int) -> None:
            self._go_on()
            self._digested.note(file, size)

        try:
            return digested(file, is_read)
        except OSError as error:
            raise _unreadable(file, error) from error

    def _put(self, urls: SignedUrls, announced: "_Announced", numbered: tuple[int, Digested]) -> None:
        number, known = numbered
        target = announced.target(number)
        try:
            try:
                self._put_to(target, urls, known)
            except Refused as refusal:
                if refusal.status != HTTPStatus.FORBIDDEN:
                    raise
                # A URL may expire before its time, with the credentials that it was signed with.
                self._put_to(announced.target(number, instead_of=target), urls, known)
        except (Refused, Unreachable) as failure:
            failure.add_note(f"{known.file.shown} was not put.")
            raise
        except OSError as error:
            raise _unreadable(known.file, error) from error

    def _put_to(self, target: SignedFile, urls: SignedUrls, known: Digested) -> None:
        urls.put(target.url, target.headers, lambda: self._body(known), wait=self._wait)

    def _body(self, known: Digested) -> Iterator[bytes]:
        """What a file holds, for one try. Raises OSError, and _Unfit where it is not what was announced."""
        sent = 0
        with known.file.path.open("rb") as opened:
            while True:
                self._sent.note(known.file, sent)
                chunk = opened.read(CHUNK_BYTES)
                self._go_on()
                if State.of(opened) != known.state:
                    raise _Unfit(known.file, "changed", "The file was written to while it was pushed.")
                if not chunk:
                    return
                yield chunk
                sent += len(chunk)

    def _wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise _Stopped


class _Announced:
    """An upload that waits for its files, and where they are to be put."""

    def __init__(self, api: Api, dataset: DatasetRef, announcement: Announcement) -> None:
        self._api = api
        self._path = (*dataset.path, "uploads")
        self._announcement = announcement
        self._lock = Lock()
        self._announce()

    @property
    def upload(self) -> str:
        """Its id."""
        return self._receipt.upload

    def target(self, number: int, *, instead_of: SignedFile | None = None) -> SignedFile:
        """Where a file is to be put; by a new URL where the old one is good no longer, or was refused."""
        with self._lock:
            if time.monotonic() > self._good_until or self._receipt.files[number] == instead_of:
                self._announce()
            return self._receipt.files[number]

    def _announce(self) -> None:
        """Announce it, or ask again for URLs of the same upload."""
        body, key = self._announcement
        self._receipt = FileReceipt.model_validate(self._api.post(*self._path, body=body, idempotency_key=key))
        expires = min(file.expires_at for file in self._receipt.files)
        seconds = (expires - (self._api.time or datetime.now(UTC))).total_seconds()
        self._good_until = time.monotonic() + seconds - STILL_GOOD_SECONDS


class _Counter:
    """How many bytes of each file have come so far. Threads note it, and a bar shows it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._bytes: dict[File, int] = {}

    def note(self, file: File, size: int) -> None:
        """So many bytes of a file have come."""
        with self._lock:
            self._bytes[file] = size

    def count(self) -> int:
        """The bytes of all files."""
        with self._lock:
            return sum(self._bytes.values())

    def told(self) -> str:
        """The same, for a person."""
        return decimal(self.count())


class _Unfit(Exception):
    """A file that cannot be pushed as it is."""

    def __init__(self, file: File, reason: str, message: str) -> None:
        super().__init__(message)
        self.file = file
        self.reason = reason


class _Stopped(Exception):
    """The push has ended; what is still underway ends too."""


def _unreadable(file: File, error: OSError) -> _Unfit:
    return _Unfit(file, "unreadable", f"The file cannot be read: {error.strerror}.")


def _together(pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T]) -> Generator[None, None, list[R]]:
    """What `work` makes of all items, in their order; tells None now and then. Raises what it raises of any of them."""
    futures = [pool.submit(work, item) for item in items]
    waiting = True
    while waiting:
        done, rest = wait(futures, TICK_SECONDS, FIRST_EXCEPTION)
        for future in done:
            future.result()
        waiting = bool(rest)
        if waiting:
            yield None
    return [future.result() for future in futures]
