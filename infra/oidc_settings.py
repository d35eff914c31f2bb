"""Reads the context values that name the OpenID Connect issuer whose tokens a deployment accepts beside API keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

DEFAULT_CLAIM = "groups"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts on which an issuer may be reached without TLS, so that the local stack can be tried with an issuer."""


@dataclass(frozen=True)
class OidcSettings:
    """The `iss` and `aud` that a token must have, and the name of the claim that lists what the token permits."""

    issuer: str
    audience: str
    claim: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The authorizer's environment variables."""
        return {
            "TIDEMARK_OIDC_ISSUER": self.issuer,
            "TIDEMARK_OIDC_AUDIENCE": self.audience,
            "TIDEMARK_OIDC_CLAIM": self.claim,
        }


def from_context(look_up: Callable[[str], Any]) -> OidcSettings | None:
    """Reads the context values `oidc_issuer`, `oidc_audience` and `oidc_claim`. Returns None without an issuer.

    `look_up` returns a context value by name. Raises ValueError if the values are invalid or incomplete.
    """
    issuer, audience = look_up("oidc_issuer"), look_up("oidc_audience")
    if issuer is None:
        if audience is not None or look_up("oidc_claim") is not None:
            raise ValueError("oidc_audience and oidc_claim have no effect without oidc_issuer; set that too")
        return None
    _check(issuer)
    if not isinstance(audience, str) or not audience:
        raise ValueError("oidc_issuer needs oidc_audience: the `aud` of the tokens for Tidemark")
    return OidcSettings(issuer, audience, look_up("oidc_claim") or DEFAULT_CLAIM)


def _check(issuer: Any) -> None:
    parts = urlsplit(issuer if isinstance(issuer, str) else "")
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not (is_safe and parts.hostname) or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(
            f"oidc_issuer must be an https URL without query, exactly as in `iss` of the tokens; got {issuer!r}"
        )
