"""API callers whose requests are counted and timed, and whose unexpected responses are violations."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2

from infra.local.stack import LocalStack
from tests.reliability.soak.tally import Tally
from tests.support.deployed.client import Json

TRIES = 8
SECONDS = 90.0
BUSY = 429
FAULT = 500
PROBLEM = "application/problem+json"


class Unexpected(Exception):
    """Raised after an unexpected response, which the tally already has."""


class Actor:
    """Sends requests with one API key, and repeats them as a well-behaved client does."""

    def __init__(self, stack: LocalStack, tally: Tally, key: str | None) -> None:
        self.http = httpx2.Client(base_url=stack.api, headers={"x-api-key": key} if key else {}, timeout=SECONDS)
        self.tally = tally

    def ask(self, what: str, method: str, where: str, *, expected: tuple[int, ...] = (200,), **request: Any) -> Any:
        """Sends a request, with retries, and returns the response's JSON. Raises Unexpected for any other status."""
        answer = self._with_retries(what, method, where, request)
        if answer is None or answer.status_code not in expected:
            outcome = "no response" if answer is None else f"{answer.status_code} {answer.text[:300]}"
            self.tally.violate("unexpected response", f"{method} {where}: {outcome}")
            raise Unexpected(outcome)
        return answer.json() if answer.content else None

    def read(self, what: str, where: str, **parameters: Any) -> Any:
        """Sends a GET and returns the JSON of the response."""
        return self.ask(what, "GET", where, params=parameters)

    def items(self, what: str, where: str, **parameters: Any) -> Iterator[Json]:
        """Yields all items of a list, page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.read(what, where, **parameters, **cursor)
            yield from page["items"]
            if page["cursor"] is None:
                return
            cursor = {"cursor": page["cursor"]}

    def once(self, what: str, method: str, where: str, **request: Any) -> httpx2.Response:
        """Sends a request once and returns the response, whatever its status."""
        with self.tally.timed(what):
            answer = self.http.request(method, where, **request)
        self.tally.count("requests")
        if answer.status_code >= FAULT:
            self._fault(f"{method} {where}: {answer.status_code} {answer.text[:300]}", answer)
        return answer

    def _fault(self, what: str, answer: httpx2.Response) -> None:
        """Counts a 5xx. Those of the API are violations; those of the gateway are timeouts on a busy machine."""
        if answer.headers.get("content-type") == PROBLEM:
            self.tally.violate("5xx of the API", what)
        else:
            self.tally.count("5xx of the gateway")

    def _with_retries(self, what: str, method: str, where: str, request: dict[str, Any]) -> httpx2.Response | None:
        answer = None
        for attempt in range(TRIES):
            try:
                answer = self.once(what, method, where, **request)
            except httpx2.TransportError as error:
                self.tally.count("no response")
                self.tally.violate("no response", f"{method} {where}: {error!r}")
                time.sleep(attempt)
                continue
            if answer.status_code == BUSY:
                self.tally.count("429 to other keys")
                time.sleep(int(answer.headers["retry-after"]))
            elif answer.status_code >= FAULT:
                time.sleep(attempt)
            else:
                return answer
        return answer
