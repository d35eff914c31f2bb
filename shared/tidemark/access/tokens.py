"""Tokens that an OpenID Connect issuer has signed: whether one is good, and what it allows.

Only the authorizer of a deployment that has an issuer loads this; PyJWT is in a layer of its own.
"""

from typing import NamedTuple

import jwt
from jwt.exceptions import PyJWTError

from tidemark.access.issuer import IssuerKeys
from tidemark.access.oidc import Issuer, TokenRefused, grant_of
from tidemark.domain.api_keys import Grant

ALGORITHMS = ("RS256", "ES256")
"""Signatures that only the issuer can make; none that whoever reads its keys could make too."""
LEEWAY_SECONDS = 30
"""How far the issuer's clock and ours may be apart."""
REQUIRED = ("exp", "iat", "iss", "aud", "sub")


class Verified(NamedTuple):
    """A good token: what it allows, and until when, as a Unix time."""

    grant: Grant
    expires_at: int


def verify(issuer: Issuer, keys: IssuerKeys, text: str) -> Verified:
    """What the token `text` allows, which has the shape of one. Reads the issuer's keys where they are not remembered.

    Raises TokenRefused for a token that the issuer has not signed, that is not for our audience, not good now, or
    allows nothing, and IssuerUnreachable.
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
            options={"require": [*REQUIRED], "enforce_minimum_key_length": True},
        )
    except PyJWTError as error:
        raise TokenRefused(type(error).__name__) from error
    return Verified(grant_of(claims, issuer.claim), int(claims["exp"]))
