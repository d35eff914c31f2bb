"""Fetches an OpenID Connect issuer's signing keys over HTTPS, and caches them.

Only the authorizer of a deployment with an issuer imports this module: PyJWT is installed in a Lambda layer of its own.
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
"""Longest time for a fetch, which makes two requests to the issuer. The authorizer times out after five seconds, and
needs the rest to respond."""
MAX_KEY_AGE_SECONDS = 600
"""Age at which cached signing keys are fetched again. A key that the issuer withdraws is accepted until then."""
MIN_FETCH_INTERVAL_SECONDS = 30
"""Shortest time between two fetches. It limits the load on the issuer when tokens name unknown signing keys, or when
the issuer is down."""


class IssuerUnreachable(Exception):
    """Raised when the signing keys cannot be fetched: the issuer does not respond, or its response is invalid."""


class IssuerKeys:
    """The signing keys of one issuer, cached in one process."""

    # Not the monotonic clock: it may stop while a function's environment is frozen.
    def __init__(self, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")

    def find(self, kid: str) -> PyJWK | None:
        """Returns the signing key with id `kid`, or None if the issuer has no such key. Raises IssuerUnreachable.

        Fetches the keys, by two requests to the issuer, if the cached keys are too old or `kid` is not among them.
        Never fetches within `MIN_FETCH_INTERVAL_SECONDS` of the last attempt.
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
        # The HTTP client's timeout applies to each socket read, so a response that trickles in would never time out.
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
    """Returns a PyJWT client for the JSON document at a URL. The client neither follows redirects nor caches."""
    return PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_SECONDS)


def _checked_url(issuer: str, url: Any) -> str:
    """Returns the URL of the signing keys. Raises ValueError unless the URL uses HTTPS or the issuer URL's scheme."""
    if not isinstance(url, str) or urlsplit(url).scheme not in {"https", urlsplit(issuer).scheme}:
        raise ValueError(f"the issuer's jwks_uri is not an HTTPS URL: {url!r}")
    return url
