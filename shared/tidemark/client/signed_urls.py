"""Transfers files to and from S3 by the signed URLs that the API returns. The API key is never sent to S3."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Self

import httpx2

from tidemark.client import api
from tidemark.client.api import AGENT, BUSY, Refused, Unreachable
from tidemark.client.models import Problem
from tidemark.client.retrying import Transient, with_retries

TIMEOUT_SECONDS = 60.0
"""Longest time without a byte in either direction before an attempt fails."""
CHUNK_BYTES = 256 * 1024
TRANSIENT_CODES = frozenset({"RequestTimeout", "SlowDown"})
"""S3 error codes after which a request is retried, whatever the HTTP status."""
_CODE, _MESSAGE = (re.compile(f"<{name}>([^<]*)</{name}>") for name in ("Code", "Message"))


class SignedUrls:
    """A client for requests to signed URLs. Threads may share it."""

    def __init__(self) -> None:
        transport = api.new_transport()
        self._http = httpx2.Client(headers={"user-agent": AGENT}, timeout=TIMEOUT_SECONDS, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def put(
        self,
        url: str,
        headers: Mapping[str, str],
        body: Callable[[], Iterable[bytes]],
        *,
        wait: Callable[[float], None] | None = None,
    ) -> None:
        """Uploads bytes to a URL, with retries. `body` is called for each attempt and returns the bytes, in chunks.

        `wait` pauses for a number of seconds between two attempts. Raises Refused, Unreachable, and what `body` raises.
        """

        def attempt() -> None:
            with self._success("PUT", url, headers=headers, content=body()) as response:
                response.read()

        with_retries(attempt, wait=wait)

    def fetch(self, url: str, into: IO[bytes], *, fetched: Callable[[int], None] = lambda _: None) -> None:
        """Downloads a URL into a file, with retries. Each attempt starts over with an empty file.

        After each chunk, calls `fetched` with the number of bytes written so far. Raises Refused and Unreachable.
        """

        def attempt() -> None:
            into.seek(0)
            into.truncate()
            with self._success("GET", url) as response:
                for chunk in response.iter_bytes(CHUNK_BYTES):
                    into.write(chunk)
                    fetched(into.tell())

        with_retries(attempt)

    @contextmanager
    def _success(self, method: str, url: str, **request: Any) -> Iterator[httpx2.Response]:
        """Sends a request and yields its successful response, whose body the caller reads inside the context.

        Raises Refused, and Transient for what may be retried, including a connection lost while the body is read.
        """
        try:
            with self._http.stream(method, url, **request) as response:
                if not response.is_success:
                    response.read()
                    raise _refusal(response)
                yield response
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            unreachable = Unreachable(f"The transfer with {httpx2.URL(url).host} broke off: {reason}")
            unreachable.__cause__ = error
            raise Transient(unreachable) from error


def _refusal(response: httpx2.Response) -> Transient | Refused:
    """Returns the error of a failed response, with S3's own code and message if the response has them."""
    code, message = (match[1] if (match := pattern.search(response.text)) else "" for pattern in (_CODE, _MESSAGE))
    reason = ": ".join(filter(None, [code, message])) or f"status {response.status_code}"
    refusal = Refused(response.status_code, Problem(code=code or "storage", detail=f"S3 refuses: {reason}"))
    return Transient(refusal) if response.status_code in BUSY or code in TRANSIENT_CODES else refusal
