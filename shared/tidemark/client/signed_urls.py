"""Files to and from S3, by the signed URLs that the API hands out. The key of the API never goes there."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Self

import httpx2

from tidemark.client import api
from tidemark.client.api import AGENT, BUSY, Refused, Unreachable
from tidemark.client.models import Problem
from tidemark.client.retry import Transient, with_retries

SECONDS = 60.0
"""Without a byte, either way, after which a try is given up."""
CHUNK_BYTES = 256 * 1024
PASSING_CODES = frozenset({"RequestTimeout", "SlowDown"})
"""What S3 says, with whatever status, of a try that may be repeated."""
_CODE, _MESSAGE = (re.compile(f"<{name}>([^<]*)</{name}>") for name in ("Code", "Message"))


class SignedUrls:
    """A connection to where signed URLs lead. Several threads may use it at a time."""

    def __init__(self) -> None:
        self._http = httpx2.Client(headers={"user-agent": AGENT}, timeout=SECONDS, transport=api.new_transport())

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
        """Put what `body` gives, anew for each try. Raises Refused, Unreachable, and what `body` raises.

        `wait` waits for some seconds between two tries.
        """

        def attempt() -> None:
            with self._answered("PUT", url, headers=headers, content=body()) as answer:
                answer.read()

        with_retries(attempt, wait=wait)

    def fetch(self, url: str, into: IO[bytes], *, fetched: Callable[[int], None] = lambda _: None) -> None:
        """Write what lies at a URL into a file, which each try begins again. Raises Refused and Unreachable.

        `fetched` is told now and then how many bytes are written.
        """

        def attempt() -> None:
            into.seek(0)
            into.truncate()
            with self._answered("GET", url) as answer:
                for chunk in answer.iter_bytes(CHUNK_BYTES):
                    into.write(chunk)
                    fetched(into.tell())

        with_retries(attempt)

    @contextmanager
    def _answered(self, method: str, url: str, **request: Any) -> Iterator[httpx2.Response]:
        """A success that is still to be read. Raises Transient and Refused, also while it is."""
        try:
            with self._http.stream(method, url, **request) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                yield answer
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            unreachable = Unreachable(f"The transfer with {httpx2.URL(url).host} broke off: {reason}")
            unreachable.__cause__ = error
            raise Transient(unreachable) from error


def _refusal(answer: httpx2.Response) -> Transient | Refused:
    """What an answer that is no success says, in S3's own words where it has some."""
    code, message = (found[1] if (found := part.search(answer.text)) else "" for part in (_CODE, _MESSAGE))
    said = ": ".join(filter(None, [code, message])) or f"the answer is {answer.status_code}"
    refusal = Refused(answer.status_code, Problem(code=code or "storage", detail=f"S3 refuses: {said}"))
    return Transient(refusal) if answer.status_code in BUSY or code in PASSING_CODES else refusal
