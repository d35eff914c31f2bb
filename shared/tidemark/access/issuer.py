"""The keys by which an OpenID Connect issuer signs, as it publishes them: read over HTTPS and remembered for a while.

Only the authorizer of a deployment that has an issuer loads this; PyJWT is in a layer of its own.
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
"""How long an issuer may take to answer twice, whatever it does with the time: what is left of the authorizer's five
seconds is for the answer to whoever waits."""
MAX_KEY_AGE_SECONDS = 600
"""How long keys are trusted: a key that the issuer withdraws works that much longer."""
MIN_FETCH_INTERVAL_SECONDS = 30
"""Between two looks at the issuer, however many tokens name keys that it does not have, or however long it is down."""


class IssuerUnreachable(Exception):
    """The issuer's keys are not known: it does not answer, or not as an issuer does."""


class IssuerKeys:
    """The signing keys of one issuer, in one process."""

    # Not the monotonic clock, which may stand still while a function's environment is frozen.
    def __init__(self, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")

    def find(self, kid: str) -> PyJWK | None:
        """The key of that id, or None. At most two requests to the issuer: when the keys are to be read anew, and when
        the id is unknown; none within `MIN_FETCH_INTERVAL_SECONDS` of the last ones. Raises IssuerUnreachable."""
        may_fetch = self._clock() - self._tried_at >= MIN_FETCH_INTERVAL_SECONDS
        if self._clock() - self._fetched_at >= MAX_KEY_AGE_SECONDS:
            if not may_fetch:
                raise IssuerUnreachable("it was asked a moment ago, in vain")
            self._fetch()
        elif kid not in self._keys and may_fetch:
            self._fetch()
        return self._keys.get(kid)

    def _fetch(self) -> None:
        self._tried_at = self._clock()
        # The client's own timeout is for each read of a socket, so that an answer in drops would never end.
        reader = ThreadPoolExecutor(1)
        try:
            keys = reader.submit(self._published).result(timeout=FETCH_TIMEOUT_SECONDS)
        except (PyJWTError, HTTPException, OSError, ValueError) as error:
            raise IssuerUnreachable(str(error) or f"it has not answered within {FETCH_TIMEOUT_SECONDS} s") from error
        finally:
            reader.shutdown(wait=False)
        self._keys = {str(key.key_id): key for key in keys}
        self._fetched_at = self._clock()

    def _published(self) -> list[PyJWK]:
        described = _document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration").fetch_data()
        if described.get("issuer") != self._issuer:
            raise IssuerUnreachable("it describes itself as another issuer")
        return _document(_checked(self._issuer, described.get("jwks_uri"))).get_signing_keys()


def _document(url: str) -> PyJWKClient:
    """A reader of a document that follows no redirect and remembers nothing."""
    return PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_SECONDS)


def _checked(issuer: str, url: Any) -> str:
    """The address of the keys, which is read as safely as the issuer's own. Raises ValueError."""
    if not isinstance(url, str) or urlsplit(url).scheme not in {"https", urlsplit(issuer).scheme}:
        raise ValueError(f"the issuer's jwks_uri is no address by HTTPS: {url!r}")
    return url
