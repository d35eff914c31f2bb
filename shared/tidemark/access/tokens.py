"""Verification of tokens signed by an OpenID Connect issuer.

Only the authorizer of a deployment with an issuer loads this, because PyJWT is in a layer of its own.
"""

from typing import NamedTuple

import jwt
from jwt.exceptions import PyJWTError

from tidemark.access.issuer import IssuerKeys
from tidemark.access.oidc import Issuer, TokenRefused, grant_of
from tidemark.domain.api_keys import Grant

ALGORITHMS = ("RS256", "ES256")
"""Accepted signature algorithms. All are asymmetric, so that the published keys cannot sign."""
LEEWAY_SECONDS = 30
"""Largest accepted difference between the issuer's clock and ours."""
REQUIRED_CLAIMS = ("exp", "iat", "iss", "aud", "sub")


class Verified(NamedTuple):
    """The grant of a valid token, and the Unix time at which the token expires."""

    grant: Grant
    expires_at: int


def verify(issuer: Issuer, keys: IssuerKeys, text: str) -> Verified:
    """Verifies the token `text`, which must be well-formed. Reads the issuer's keys unless they are remembered.

    Raises TokenRefused if the issuer has not signed the token, if it is for another audience, not valid now, or grants
    nothing. Raises IssuerUnreachable.
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
