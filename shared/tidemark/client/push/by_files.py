"""Pushes whole files: uploads several at a time by signed URLs. The service then reads the rows in the files."""

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
from tidemark.client.models import UnexpectedResponse, parse
from tidemark.client.push.local_files import CHUNK_BYTES, Announcement, DigestedFile, FileState, LocalFile, digest
from tidemark.client.push.local_rows import Place, Unsent
from tidemark.client.push.transport import Delivery, Stage
from tidemark.client.refs import DatasetRef
from tidemark.client.signed_urls import SignedUrls
from tidemark.domain.limits import MAX_UPLOAD_FILES
from tidemark.domain.upload_files import FileUploadReceipt, SignedFile
from tidemark.domain.uploads import Upload, UploadStatus

THREADS = 4
"""Most files that are uploaded at the same time. One connection to S3 seldom uses the full bandwidth."""
TICK_SECONDS = 0.2
"""Seconds between two updates of the progress."""
MIN_URL_SECONDS = 60
"""Shortest remaining lifetime of a signed URL when a file's upload to the URL begins."""

T = TypeVar("T")
R = TypeVar("R")


class ByFiles:
    """The transport that uploads whole files. Rows keep their order within a file, but files have no order."""

    def __init__(self, api: Api, dataset: DatasetRef, files: Sequence[LocalFile], run: str) -> None:
        """`run` is the name of the push. The same files are sent again only under another name."""
        self._api = api
        self._dataset = dataset
        self._files = files
        self._run = run
        self._size = sum(file.path.stat().st_size for file in files)
        self._digested, self._sent = _Counter(), _Counter()
        self._stopped = Event()

    @property
    def stages(self) -> list[Stage]:
        """See Transport."""
        counts = {"digested": self._digested.total(), "sent": self._sent.total()}
        return [Stage(name, self._size, done, decimal(done)) for name, done in counts.items()]

    def send(self) -> Generator[Delivery | Unsent | None, None, None]:
        """Uploads the files, up to `MAX_UPLOAD_FILES` in each upload. See Transport.

        An unreadable file ends the push before the upload with that file is announced. A file that changes while it is
        being pushed ends the push before the upload with that file is completed.
        """
        with SignedUrls() as urls, ThreadPoolExecutor(THREADS) as pool:
            try:
                for first in range(0, len(self._files), MAX_UPLOAD_FILES):
                    yield from self._upload(urls, pool, self._files[first : first + MAX_UPLOAD_FILES])
            except _UnfitFile as unfit:
                yield Unsent(Place(unfit.file.shown, 1), unfit.reason, str(unfit))
            finally:
                # If the push ends early, each thread ends at its next block of bytes.
                self._stopped.set()
                pool.shutdown(cancel_futures=True)

    def _upload(
        self, urls: SignedUrls, pool: ThreadPoolExecutor, files: Sequence[LocalFile]
    ) -> Generator[Delivery | None, None, None]:
        digested = yield from _in_parallel(pool, self._digest, files)
        announced = _AnnouncedUpload(self._api, self._dataset, Announcement.of(digested, self._run))
        path = (*self._dataset.path, "uploads", announced.upload)
        is_repeat = parse(Upload, self._api.get(*path)).status is not UploadStatus.WAITING
        if is_repeat:
            for file in digested:
                self._sent.set(file.file, file.state.size)
        else:
            yield from _in_parallel(pool, partial(self._put, urls, announced), list(enumerate(digested)))
            self._api.start(*path, "complete")
        yield Delivery(announced.upload, file_names={file.name: file.shown for file in files}, is_repeat=is_repeat)

    def _digest(self, file: LocalFile) -> DigestedFile:
        def progress(size: int) -> None:
            self._check_stopped()
            self._digested.set(file, size)

        try:
            return digest(file, progress)
        except OSError as error:
            raise _unreadable(file, error) from error

    def _put(self, urls: SignedUrls, announced: "_AnnouncedUpload", numbered: tuple[int, DigestedFile]) -> None:
        number, digested = numbered
        target = announced.target(number)
        try:
            try:
                self._put_to(target, urls, digested)
            except Refused as refusal:
                if refusal.status != HTTPStatus.FORBIDDEN:
                    raise
                # A URL stops working early if the credentials that signed it expire.
                self._put_to(announced.target(number, instead_of=target), urls, digested)
        except (Refused, Unreachable) as failure:
            failure.add_note(f"{digested.file.shown} was not uploaded.")
            raise
        except OSError as error:
            raise _unreadable(digested.file, error) from error

    def _put_to(self, target: SignedFile, urls: SignedUrls, digested: DigestedFile) -> None:
        if target.url is None:
            raise UnexpectedResponse(
                f"The API wants {digested.file.shown} in parts; is this version of tidemark too old?"
            )
        urls.put(target.url, target.headers, lambda: self._body(digested), wait=self._wait)

    def _body(self, digested: DigestedFile) -> Iterator[bytes]:
        """Yields the bytes of a file, in chunks, for one attempt at its upload.

        Raises OSError, and _UnfitFile if the file has changed since it was announced.
        """
        sent = 0
        with digested.file.path.open("rb") as content:
            while True:
                self._sent.set(digested.file, sent)
                chunk = content.read(CHUNK_BYTES)
                self._check_stopped()
                if FileState.of(content) != digested.state:
                    raise _UnfitFile(digested.file, "changed", "The file changed while it was being pushed.")
                if not chunk:
                    return
                yield chunk
                sent += len(chunk)

    def _wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise _Stopped


class _AnnouncedUpload:
    """An upload that has been announced to the API, and the signed URLs for its files."""

    def __init__(self, api: Api, dataset: DatasetRef, announcement: Announcement) -> None:
        self._api = api
        self._path = (*dataset.path, "uploads")
        self._announcement = announcement
        self._lock = Lock()
        self._announce()

    @property
    def upload(self) -> str:
        """Id of the upload."""
        return self._receipt.upload

    def target(self, number: int, *, instead_of: SignedFile | None = None) -> SignedFile:
        """Returns the signed URL for file `number`, as a response lists it.

        Requests new URLs if the current ones have nearly expired, or if this file's current URL is `instead_of`, which
        has failed.
        """
        with self._lock:
            if time.monotonic() > self._good_until or self._receipt.files[number] == instead_of:
                self._announce()
            return self._receipt.files[number]

    def _announce(self) -> None:
        """Announces the upload. A repeated call gets new URLs for the same upload, by the same idempotency key."""
        body, key = self._announcement
        self._receipt = parse(FileUploadReceipt, self._api.post(*self._path, body=body, idempotency_key=key))
        expires = min(file.expires_at for file in self._receipt.files)
        seconds = (expires - (self._api.time or datetime.now(UTC))).total_seconds()
        self._good_until = time.monotonic() + seconds - MIN_URL_SECONDS


class _Counter:
    """Counts the bytes done of each file. Threads set the counts, and a progress bar shows their total."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._bytes: dict[LocalFile, int] = {}

    def set(self, file: LocalFile, size: int) -> None:
        """Sets the number of bytes of a file that are done."""
        with self._lock:
            self._bytes[file] = size

    def total(self) -> int:
        """Returns the number of bytes that are done, over all files."""
        with self._lock:
            return sum(self._bytes.values())


class _UnfitFile(Exception):
    """Raised for a file that cannot be pushed, because it is unreadable or has changed."""

    def __init__(self, file: LocalFile, reason: str, message: str) -> None:
        super().__init__(message)
        self.file = file
        self.reason = reason


class _Stopped(Exception):
    """Raised in a thread to end it, because the push has ended."""


def _unreadable(file: LocalFile, error: OSError) -> _UnfitFile:
    return _UnfitFile(file, "unreadable", f"The file cannot be read: {error.strerror}.")


def _in_parallel(
    pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T]
) -> Generator[None, None, list[R]]:
    """Calls `work` for all items in the pool's threads, and returns the results in the order of the items.

    Yields None every `TICK_SECONDS` until all calls are done. Raises the first exception that a call raises.
    """
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
