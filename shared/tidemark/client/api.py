"""The command line's client for the HTTPS API: authentication, retries, paging and error responses."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Self
from urllib.parse import quote

import httpx2
from pydantic import ValidationError

from tidemark.client.models import Continued, Json, JsonPage, Problem, ProblemDetail, UnexpectedResponse, parse
from tidemark.client.retrying import MAX_ATTEMPTS, MAX_PAUSE, Transient, with_retries
from tidemark.domain.limits import MAX_PAGE_ITEMS

BUSY = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses after which the same request, with the same idempotency key, may succeed."""
IN_USE = "idempotency_key_in_use"
"""Error code of the only 409 response worth retrying: the first request with the idempotency key is still running."""

AGENT = f"tidemark/{version('tidemark')}"

MAX_FIRST_ATTEMPTS = 3
"""Most attempts at a request if the server has responded to no earlier one. Few, so that a wrong address is reported
soon."""
TIMEOUT_SECONDS = 60.0
"""Longest wait for the network or the server. API Gateway responds within 30 seconds; the rest is for the network."""


class Refused(Exception):
    """Raised when the API refuses a request. `problem` is the reason, worded for the user."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.detail or problem.message or f"The API returned status {status}.")
        self.status = status
        self.problem = problem

    @property
    def lines(self) -> list[str]:
        """Lines to print: a summary, each error that says more than the summary, and a server error's request id."""
        if self.status == HTTPStatus.FORBIDDEN and not self.problem.code:
            return ["The API rejects this key: it is unknown or revoked."]
        errors = [_error_line(error) for error in self.problem.errors if error.detail != str(self) or error.pointer]
        logged = [f"In the service's logs it is request {self.problem.request_id}."] if self._is_server_error else []
        return [str(self), *errors, *logged]

    @property
    def _is_server_error(self) -> bool:
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR and bool(self.problem.request_id)


class Unreachable(Exception):
    """Raised when a server does not respond, or responds unlike Tidemark's API."""


def new_transport() -> httpx2.BaseTransport | None:
    """Returns the HTTP transport; None for the real network. Tests replace this function to call the API in process."""
    return None


class Api:
    """A client for the API at one address, with one API key.

    Every call retries transient failures, which may take minutes. When it gives up, it raises Refused if the API
    refused the request, and Unreachable if the API did not respond.
    """

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        headers = {"x-api-key": key, "user-agent": AGENT, "content-type": "application/json"}
        self._http = httpx2.Client(headers=headers, timeout=TIMEOUT_SECONDS, transport=new_transport())
        self._has_responded = False
        self._asks_to_wait = False
        """Whether the latest retriable error had a Retry-After header. Servers at wrong addresses send none."""
        self.time: datetime | None = None
        """Time of the latest response by the server's clock, to the second; None if unknown."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, *path: str, **query: str | int | None) -> Json:
        """Sends a GET request and returns the response. `path` is the segments of the URL path, as in all methods.

        Query parameters that are None are left out.
        """
        given = {name: value for name, value in query.items() if value is not None}
        return self._call("GET", path, params=given)

    def post(self, *path: str, body: Json | bytes, idempotency_key: str | None = None) -> Json:
        """Sends a POST request, which takes effect once even if it is retried. Returns the response.

        Without an `idempotency_key`, generates one for this call.
        """
        return self._write("POST", path, body, idempotency_key)

    def patch(self, *path: str, body: Json) -> Json:
        """Sends a PATCH request, which takes effect once even if it is retried. Returns the response."""
        return self._write("PATCH", path, body, None)

    def query(self, *path: str, body: Json) -> Json:
        """Sends a read-only query by POST, because it is too long for a URL. Returns the response."""
        return self._call("POST", path, content=_encoded(body))

    def start(self, *path: str) -> Json:
        """Starts an action on a resource, by a POST request without a body, and returns the response.

        Starting the same action again has no effect.
        """
        return self._call("POST", path)

    def delete(self, *path: str) -> Json:
        """Sends a DELETE request and returns the response. Deleting the same resource again has no effect."""
        return self._call("DELETE", path)

    def items(
        self, *path: str, most: int | None = None, page_size: int | None = None, **query: str | int | None
    ) -> Iterator[Json]:
        """Yields the items of a list, one request per page: all items, or the first `most`.

        A page has `page_size` items, by default as many as the API allows.
        """
        cursor: str | None = None
        count = 0
        while most is None or count < most:
            size = page_size or MAX_PAGE_ITEMS
            limit = size if most is None else min(size, most - count)
            page = self._page(self.get(*path, limit=limit, cursor=cursor, **query))
            count += len(page.items)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def parts(self, *path: str, **query: str | int | None) -> Iterator[Json]:
        """Yields the responses that together make up one report, following the cursor of each to the next."""
        cursor: str | None = None
        while True:
            response = self.get(*path, cursor=cursor, **query)
            yield response
            cursor = parse(Continued, response).cursor
            if cursor is None:
                return

    def _page(self, response: Json) -> JsonPage:
        try:
            return parse(JsonPage, response)
        except UnexpectedResponse:
            raise self._foreign() from None

    def _foreign(self) -> Unreachable:
        return Unreachable(f"The server at {self._address} does not respond like Tidemark's API; is the address right?")

    def _write(self, method: str, path: tuple[str, ...], body: Json | bytes, idempotency_key: str | None) -> Json:
        content = body if isinstance(body, bytes) else _encoded(body)
        headers = {"idempotency-key": idempotency_key or str(uuid.uuid4())}
        return self._call(method, path, content=content, headers=headers)

    def _call(self, method: str, path: tuple[str, ...], **request: Any) -> Json:
        url = "/".join([self._address, *(quote(segment, safe="") for segment in path)])
        had_responded = self._has_responded

        def attempts() -> int:
            return MAX_ATTEMPTS if had_responded or self._asks_to_wait else MAX_FIRST_ATTEMPTS

        return with_retries(lambda: self._attempt(method, url, request), attempts=attempts)

    def _attempt(self, method: str, url: str, request: dict[str, Any]) -> Json:
        try:
            response = self._http.request(method, url, **request)
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            unreachable = Unreachable(f"No response from {self._address}: {reason}")
            unreachable.__cause__ = error
            raise Transient(unreachable) from error
        self._has_responded = True
        self.time = _date(response)
        if response.is_success:
            return self._content(response)
        refusal = Refused(response.status_code, _problem(response))
        if _is_transient(refusal):
            seconds = _retry_after(response)
            self._asks_to_wait = seconds > 0
            raise Transient(refusal, seconds)
        raise refusal

    def _content(self, response: httpx2.Response) -> Json:
        try:
            content = response.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise self._foreign()
        return content


def _encoded(body: Json) -> bytes:
    return json.dumps(body).encode()


def _is_transient(refusal: Refused) -> bool:
    if refusal.status == HTTPStatus.CONFLICT:
        return refusal.problem.code == IN_USE
    return refusal.status in BUSY


def _retry_after(response: httpx2.Response) -> float:
    value = response.headers.get("retry-after", "")
    return min(float(value), MAX_PAUSE) if value.isascii() and value.isdigit() else 0


def _date(response: httpx2.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def _problem(response: httpx2.Response) -> Problem:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        status = response.status_code
        return Problem(detail=f"The response has status {status} and is no problem document; is the address right?")


def _error_line(error: ProblemDetail) -> str:
    place = error.pointer or error.parameter
    return f"  at {place}: {error.detail}" if place else f"  {error.detail}"
