"""An OpenID Connect issuer's signing keys, read over HTTPS and remembered for a while.

Only the authorizer of a deployment with an issuer loads this, because PyJWT is in a layer of its own.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWTError

FETCH_TIMEOUT_SECONDS = 3.5
"""Longest time for both requests to the issuer together. It leaves the authorizer, which times out after five seconds,
time to respond."""
MAX_KEY_AGE_SECONDS = 600
"""Age at which keys are read again. A key that the issuer withdraws is accepted until then."""
MIN_FETCH_INTERVAL_SECONDS = 30
"""Shortest time between two fetches, even if many tokens name unknown keys or the issuer is down."""


class IssuerUnreachable(Exception):
    """Raised when the issuer's keys are unknown, because it does not respond or its response is invalid."""


class IssuerKeys:
    """The signing keys of one issuer, as one process remembers them."""

    # Not the monotonic clock: it may stop while a function's environment is frozen.
    def __init__(self, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")

    def find(self, kid: str) -> PyJWK | None:
        """Returns the key with an id, or None. Raises IssuerUnreachable.

        Makes two requests to the issuer if its keys are too old or the id is unknown, but none within
        `MIN_FETCH_INTERVAL_SECONDS` of the last fetch.
        """
        may_fetch = self._clock() - self._tried_at >= MIN_FETCH_INTERVAL_SECONDS
        if self._clock() - self._fetched_at >= MAX_KEY_AGE_SECONDS:
            if not may_fetch:
                raise IssuerUnreachable("a fetch failed a moment ago")
            self._fetch()
        elif kid not in self._keys and may_fetch:
            self._fetch()
        return self._keys.get(kid)

    def _fetch(self) -> None:
        self._tried_at = self._clock()
        # The client's own timeout is for each read of a socket, so a response that trickles in would never time out.
        reader = ThreadPoolExecutor(1)
        try:
            keys = reader.submit(self._published).result(timeout=FETCH_TIMEOUT_SECONDS)
        except (PyJWTError, HTTPException, OSError, ValueError) as error:
            raise IssuerUnreachable(str(error) or f"it has not responded within {FETCH_TIMEOUT_SECONDS} s") from error
        finally:
            reader.shutdown(wait=False)
        self._keys = {str(key.key_id): key for key in keys}
        self._fetched_at = self._clock()

    def _published(self) -> list[PyJWK]:
        configuration = _document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration").fetch_data()
        if configuration.get("issuer") != self._issuer:
            raise IssuerUnreachable("its configuration names another issuer")
        return _document(_checked_url(self._issuer, configuration.get("jwks_uri"))).get_signing_keys()


def _document(url: str) -> PyJWKClient:
    """Returns a reader of a document. It follows no redirect and caches nothing."""
    return PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_SECONDS)


def _checked_url(issuer: str, url: Any) -> str:
    """Returns the URL of the keys. Raises ValueError unless it is at least as safe to read as the issuer's own."""
    if not isinstance(url, str) or urlsplit(url).scheme not in {"https", urlsplit(issuer).scheme}:
        raise ValueError(f"the issuer's jwks_uri is not an HTTPS URL: {url!r}")
    return url
