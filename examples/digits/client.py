"""A small client of Tidemark's HTTPS API: JSON in and out, problems as exceptions, busy moments waited out."""

import time
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx2

Json = dict[str, Any]

BUSY = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
MAX_ATTEMPTS = 6


class Refused(Exception):
    """The API refused a request; `status` and `problem` (RFC 9457) say why."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status}: {problem.get('detail') or problem.get('message')}")
        self.status = status
        self.problem = problem


class Api:
    """The API at one address with one key."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http

    @classmethod
    def at(cls, address: str, key: str) -> "Api":
        """Returns the API at `address`, which ends with its version: `…/api/v2`."""
        # The first requests after a deployment wait for functions to start.
        return cls(httpx2.Client(base_url=address, headers={"x-api-key": key}, timeout=60))

    def get(self, path: str, **parameters: str | int | None) -> Json:
        """Reads `path`. Raises Refused, and httpx2.TransportError if there is no response."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._call("GET", path, params=given)

    def post(self, path: str, body: Json) -> Json:
        """Sends `body` to `path`. It takes effect once, however often it is sent. Raises what `get` raises."""
        return self._call("POST", path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})

    def items(self, path: str, **parameters: str | int | None) -> Iterator[Json]:
        """Yields all items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **parameters)
            yield from page["items"]
            cursor = page.get("cursor")
            if cursor is None:
                return

    def _call(self, method: str, path: str, **request: Any) -> Json:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                response = self._http.request(method, path, **request)
            except httpx2.TransportError:
                if attempt == MAX_ATTEMPTS:
                    raise
            else:
                if response.status_code not in BUSY or attempt == MAX_ATTEMPTS:
                    return _content(response)
            time.sleep(0.25 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")


def _content(response: httpx2.Response) -> Json:
    content: Json = response.json()
    if response.is_error:
        raise Refused(response.status_code, content)
    return content
