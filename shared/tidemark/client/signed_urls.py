"""Transfers files to and from S3 by the signed URLs that the API returns. The API key is never sent there."""

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
"""Time without a byte in either direction after which an attempt is given up."""
CHUNK_BYTES = 256 * 1024
TRANSIENT_CODES = frozenset({"RequestTimeout", "SlowDown"})
"""S3's error codes, with whatever status, after which a request may be repeated."""
_CODE, _MESSAGE = (re.compile(f"<{name}>([^<]*)</{name}>") for name in ("Code", "Message"))


class SignedUrls:
    """A connection for requests to signed URLs. Several threads may use it at the same time."""

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
        """Uploads the bytes that `body` yields; it is called once for each attempt.

        `wait` pauses for some seconds between two attempts. Raises Refused, Unreachable, and what `body` raises.
        """

        def attempt() -> None:
            with self._success("PUT", url, headers=headers, content=body()) as response:
                response.read()

        with_retries(attempt, wait=wait)

    def fetch(self, url: str, into: IO[bytes], *, fetched: Callable[[int], None] = lambda _: None) -> None:
        """Downloads a URL into a file; each attempt starts over. Raises Refused and Unreachable.

        `fetched` is called with the bytes written so far, after each chunk.
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
        """Sends a request; the body of its successful response is still to be read.

        Raises Refused. Raises Transient, also while the body is read.
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
    """Returns the error in a response, in S3's own words if it has any."""
    code, message = (match[1] if (match := pattern.search(response.text)) else "" for pattern in (_CODE, _MESSAGE))
    reason = ": ".join(filter(None, [code, message])) or f"status {response.status_code}"
    refusal = Refused(response.status_code, Problem(code=code or "storage", detail=f"S3 refuses: {reason}"))
    return Transient(refusal) if response.status_code in BUSY or code in TRANSIENT_CODES else refusal
