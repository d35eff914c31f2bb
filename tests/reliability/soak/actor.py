"""Someone with an API key: every request is counted and timed, and answers that nobody expects are told."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2

from infra.local.stack import LocalStack
from tests.reliability.soak.tally import Tally
from tests.stack.client import Json

TRIES = 8
SECONDS = 90.0
BUSY = 429
FAULT = 500
PROBLEM = "application/problem+json"


class Unexpected(Exception):
    """An answer that was not to come. It is on record already."""


class Actor:
    """Sends requests, and sends them again as a good client does."""

    def __init__(self, stack: LocalStack, tally: Tally, key: str | None) -> None:
        self.http = httpx2.Client(base_url=stack.api, headers={"x-api-key": key} if key else {}, timeout=SECONDS)
        self.tally = tally

    def ask(self, what: str, method: str, where: str, *, expected: tuple[int, ...] = (200,), **request: Any) -> Any:
        """The JSON that a request is answered with, after as many tries as it takes. Raises Unexpected."""
        answer = self._persistently(what, method, where, request)
        if answer is None or answer.status_code not in expected:
            said = "no answer" if answer is None else f"{answer.status_code} {answer.text[:300]}"
            self.tally.violate("unexpected answer", f"{method} {where}: {said}")
            raise Unexpected(said)
        return answer.json() if answer.content else None

    def read(self, what: str, where: str, **parameters: Any) -> Any:
        """What a GET answers."""
        return self.ask(what, "GET", where, params=parameters)

    def items(self, what: str, where: str, **parameters: Any) -> Iterator[Json]:
        """All items of a list, page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.read(what, where, **parameters, **cursor)
            yield from page["items"]
            if page["cursor"] is None:
                return
            cursor = {"cursor": page["cursor"]}

    def once(self, what: str, method: str, where: str, **request: Any) -> httpx2.Response:
        """The first answer to a request, whatever it is."""
        with self.tally.timed(what):
            answer = self.http.request(method, where, **request)
        self.tally.count("requests")
        if answer.status_code >= FAULT:
            self._fault(f"{method} {where}: {answer.status_code} {answer.text[:300]}", answer)
        return answer

    def _fault(self, what: str, answer: httpx2.Response) -> None:
        """The API's own faults must not be; the gateway's are those of functions that the machine gave no time."""
        if answer.headers.get("content-type") == PROBLEM:
            self.tally.violate("5xx of the API", what)
        else:
            self.tally.count("5xx of the gateway")

    def _persistently(self, what: str, method: str, where: str, request: dict[str, Any]) -> httpx2.Response | None:
        answer = None
        for attempt in range(TRIES):
            try:
                answer = self.once(what, method, where, **request)
            except httpx2.TransportError as error:
                self.tally.count("no answer")
                self.tally.violate("no answer", f"{method} {where}: {error!r}")
                time.sleep(attempt)
                continue
            if answer.status_code == BUSY:
                self.tally.count("429 to those who do no harm")
                time.sleep(int(answer.headers["retry-after"]))
            elif answer.status_code >= FAULT:
                time.sleep(attempt)
            else:
                return answer
        return answer
