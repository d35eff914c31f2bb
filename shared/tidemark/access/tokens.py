"""Verifies tokens signed by an OpenID Connect issuer.

Only the authorizer of a deployment with an issuer imports this module: PyJWT is installed in a Lambda layer of its own.
"""

from typing import NamedTuple

import jwt
from jwt.exceptions import PyJWTError

from tidemark.access.issuer import IssuerKeys
from tidemark.access.oidc import Issuer, TokenRefused, grant_of
from tidemark.domain.api_keys import Grant

ALGORITHMS = ("RS256", "ES256")
"""Accepted signature algorithms. All are asymmetric, so the issuer's published keys cannot be used to sign tokens."""
LEEWAY_SECONDS = 30
"""Largest difference accepted between the issuer's clock and the authorizer's."""
REQUIRED_CLAIMS = ("exp", "iat", "iss", "aud", "sub")
"""Claims without which a token is refused."""


class Verified(NamedTuple):
    """The grant of a valid token, and the Unix time at which the token expires."""

    grant: Grant
    expires_at: int


def verify(issuer: Issuer, keys: IssuerKeys, text: str) -> Verified:
    """Verifies a token and returns its grant. Fetches the issuer's signing keys unless they are cached.

    `text` must satisfy `is_signed_token`. Raises TokenRefused if the issuer did not sign the token, or if the token is
    for another audience, has expired, is not valid yet, or grants nothing. Raises IssuerUnreachable.
    """
    try:
        header = jwt.get_unverified_header(text)
        if header.get("alg") not in ALGORITHMS:
            raise TokenRefused("bad_algorithm")
        key = keys.find(header.get("kid", ""))
        if key is None:
            raise TokenRefused("unknown_signing_key")
        claims = jwt.decode(
            text,
            key,
            algorithms=ALGORITHMS,
            issuer=issuer.url,
            audience=issuer.audience,
            leeway=LEEWAY_SECONDS,
            options={"require": [*REQUIRED_CLAIMS], "enforce_minimum_key_length": True},
        )
    except PyJWTError as error:
        raise TokenRefused(type(error).__name__) from error
    return Verified(grant_of(claims, issuer.claim), int(claims["exp"]))
