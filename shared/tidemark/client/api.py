"""The HTTPS API as the command line calls it: one place for the key, problem documents, repeats and pages."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Self
from urllib.parse import quote

import httpx2
from pydantic import ValidationError

from tidemark.client.models import Fault, Json, Page, Problem
from tidemark.client.retry import ATTEMPTS, LONGEST_PAUSE, Transient, with_retries
from tidemark.domain.limits import MAX_PAGE_ITEMS

BUSY = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request, with the same key, may succeed."""
IN_USE = "idempotency_key_in_use"
"""The one conflict that passes: the first request with that key is still running."""

AGENT = f"tidemark/{version('tidemark')}"

FIRST_ATTEMPTS = 3
"""Tries at the first request: an address that is wrong is told soon."""
SECONDS = 60.0
"""The gateway answers within thirty; more is for the way."""


class Refused(Exception):
    """The API refused a request; what it said is for whoever runs the command."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.detail or problem.message or f"The API answered {status}.")
        self.status = status
        self.problem = problem

    @property
    def lines(self) -> list[str]:
        """The refusal in sentences: the whole, then each fault that says more, with its place."""
        if self.status == HTTPStatus.FORBIDDEN and not self.problem.code:
            return ["The API does not take this key: it is unknown or revoked."]
        faults = [_fault(fault) for fault in self.problem.errors if fault.detail != str(self) or fault.pointer]
        logged = [f"The service's logs know it as {self.problem.request_id}."] if self._is_theirs else []
        return [str(self), *faults, *logged]

    @property
    def _is_theirs(self) -> bool:
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR and bool(self.problem.request_id)


class Unreachable(Exception):
    """Nobody answered, or not as Tidemark's API does."""


def new_transport() -> httpx2.BaseTransport | None:
    """What carries requests; None for the network. Tests put the API itself here."""
    return None


class Api:
    """The API at one address with one key."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        headers = {"x-api-key": key, "user-agent": AGENT, "content-type": "application/json"}
        self._http = httpx2.Client(headers=headers, timeout=SECONDS, transport=new_transport())
        self._answered = False
        self._asks_to_wait = False
        """Whether the latest answer said when to come again, which no wrong address does."""
        self.time: datetime | None = None
        """The time of the latest answer by the clock of the service, to the second."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, *path: str, **query: str | int | None) -> Json:
        """What lies at a path, given in its parts. Raises Refused and Unreachable, as all calls do."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._call("GET", path, params=given)

    def post(self, *path: str, body: bytes, idempotency_key: str) -> Json:
        """Send `body`, which takes effect once, however often it has to be sent."""
        return self._call("POST", path, content=body, headers={"idempotency-key": idempotency_key})

    def patch(self, *path: str, body: bytes, idempotency_key: str) -> Json:
        """Change what lies at a path by `body`, once, however often it has to be sent."""
        return self._call("PATCH", path, content=body, headers={"idempotency-key": idempotency_key})

    def ask(self, *path: str, body: bytes) -> Json:
        """Send a question that is too long for a path; it changes nothing."""
        return self._call("POST", path, content=body)

    def start(self, *path: str) -> Json:
        """Let begin what lies at a path. What has begun is not begun again."""
        return self._call("POST", path)

    def delete(self, *path: str) -> Json:
        """Take away what lies at a path. What is taken away already stays so."""
        return self._call("DELETE", path)

    def items(self, *path: str, most: int | None = None, **query: str | int | None) -> Iterator[Json]:
        """The items of a list, page by page: all of them, or the first `most`."""
        cursor: str | None = None
        given = 0
        while most is None or given < most:
            limit = MAX_PAGE_ITEMS if most is None else min(MAX_PAGE_ITEMS, most - given)
            answer = self.get(*path, limit=limit, cursor=cursor, **query)
            page = _understood(answer, self._address)
            given += len(page.items)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def _call(self, method: str, path: tuple[str, ...], **request: Any) -> Json:
        url = "/".join([self._address, *(quote(part, safe="") for part in path)])
        answered = self._answered

        def attempts() -> int:
            return ATTEMPTS if answered or self._asks_to_wait else FIRST_ATTEMPTS

        return with_retries(lambda: self._try(method, url, request), attempts=attempts)

    def _try(self, method: str, url: str, request: dict[str, Any]) -> Json:
        try:
            answer = self._http.request(method, url, **request)
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            unreachable = Unreachable(f"Nobody answers at {self._address}: {reason}")
            unreachable.__cause__ = error
            raise Transient(unreachable) from error
        self._answered = True
        self.time = _date(answer)
        if answer.is_success:
            return self._content(answer)
        refusal = Refused(answer.status_code, _problem(answer))
        if _is_transient(refusal):
            seconds = _retry_after(answer)
            self._asks_to_wait = seconds > 0
            raise Transient(refusal, seconds)
        raise refusal

    def _content(self, answer: httpx2.Response) -> Json:
        try:
            content = answer.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Unreachable(f"What answers at {self._address} is not Tidemark's API; is the address right?")
        return content


def _is_transient(refusal: Refused) -> bool:
    if refusal.status == HTTPStatus.CONFLICT:
        return refusal.problem.code == IN_USE
    return refusal.status in BUSY


def _retry_after(answer: httpx2.Response) -> float:
    given = answer.headers.get("retry-after", "")
    return min(float(given), LONGEST_PAUSE) if given.isascii() and given.isdigit() else 0


def _date(answer: httpx2.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def _problem(answer: httpx2.Response) -> Problem:
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        return Problem(detail=f"The answer is {answer.status_code} and no problem document; is the address right?")


def _understood(answer: Json, address: str) -> Page:
    try:
        return Page.model_validate(answer)
    except ValidationError:
        raise Unreachable(f"What answers at {address} is not Tidemark's API; is the address right?") from None


def _fault(fault: Fault) -> str:
    place = fault.pointer or fault.parameter
    return f"  at {place}: {fault.detail}" if place else f"  {fault.detail}"
