"""The OpenID Connect issuer whose tokens a deployment takes beside API keys, if it is given one by context values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

DEFAULT_CLAIM = "groups"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts whose issuer may be asked without TLS, so that the stack on one machine can be tried with one."""


@dataclass(frozen=True)
class OidcSettings:
    """Whose tokens are good: what `iss` and `aud` must be, and the claim that tells what a token allows."""

    issuer: str
    audience: str
    claim: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which the authorizer knows."""
        return {
            "TIDEMARK_OIDC_ISSUER": self.issuer,
            "TIDEMARK_OIDC_AUDIENCE": self.audience,
            "TIDEMARK_OIDC_CLAIM": self.claim,
        }


def from_context(look_up: Callable[[str], Any]) -> OidcSettings | None:
    """What the context values `oidc_issuer`, `oidc_audience` and `oidc_claim` say; None without an issuer.

    Raises ValueError for values that make no issuer.
    """
    issuer, audience = look_up("oidc_issuer"), look_up("oidc_audience")
    if issuer is None:
        if audience is not None or look_up("oidc_claim") is not None:
            raise ValueError("oidc_audience and oidc_claim are of no use without oidc_issuer; give that too.")
        return None
    _check(issuer)
    if not isinstance(audience, str) or not audience:
        raise ValueError("oidc_issuer needs oidc_audience: what stands in `aud` of the tokens that are for Tidemark.")
    return OidcSettings(issuer, audience, look_up("oidc_claim") or DEFAULT_CLAIM)


def _check(issuer: Any) -> None:
    parts = urlsplit(issuer if isinstance(issuer, str) else "")
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not (is_safe and parts.hostname) or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(
            f"oidc_issuer is an https URL without query, just as it stands in `iss` of the tokens; this is {issuer!r}."
        )
