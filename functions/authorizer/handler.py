"""Authorizes requests for API Gateway: admits or refuses each request, and passes its grant to the API function.

An API key is sent as `Authorization: Bearer` or as `x-api-key`. If the deployment has an OpenID Connect issuer, the
issuer's tokens are sent as `Authorization: Bearer`. A request with an invalid API key or token is refused here. A
request with neither is admitted without a grant: the API function then returns a 401 that explains how to send an API
key, which API Gateway's own 401 does not.
"""

import hashlib
import os
import time
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from cachetools import LRUCache

from functions.runtime import IN_LAMBDA
from tidemark.access.api_keys import authenticate
from tidemark.access.key_records import KeysTable
from tidemark.access.oidc import Issuer, TokenRefused, is_signed_token
from tidemark.domain.api_keys import Grant, parse_token

if TYPE_CHECKING:
    from tidemark.access.tokens import Verified

    Verify = Callable[[str], Verified]

MEMORY_SECONDS = 60
"""Seconds that a grant is cached, and so the longest time that a revoked API key still works."""
MEMORY_ENTRIES = 4096
"""Most decisions cached at once. The least recently used is dropped first."""

logger = Logger()
tracer = Tracer()
metrics = Metrics()


class Decision(NamedTuple):
    """The grant of an API key or token, or None for a refusal, and the Unix time until which to cache the decision."""

    grant: Grant | None
    until: float


_decisions: LRUCache[bytes, Decision] = LRUCache(MEMORY_ENTRIES)

NOBODY: dict[str, Any] = {"isAuthorized": True, "context": {}}
REFUSED: dict[str, Any] = {"isAuthorized": False}


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Returns an authorizer's simple response (payload format 2.0): whether the request is admitted, and its grant."""
    headers = event.get("headers") or {}
    tokens = _tokens(headers)
    if not tokens:
        return NOBODY
    grant = _grant(tokens.pop(), is_bearer="authorization" in headers) if len(tokens) == 1 else None
    if grant is None:
        logger.info("key refused")
        metrics.add_metric("KeysRefused", MetricUnit.Count, 1)
        metrics.flush_metrics()
        return REFUSED
    # The gateway's access log needs the name as a field of its own.
    return {"isAuthorized": True, "context": {"grant": grant.model_dump_json(), "actor": grant.name}}


def _tokens(headers: dict[str, str]) -> set[str]:
    """Returns the distinct API keys and tokens of a request; "" for an `Authorization` scheme other than Bearer."""
    tokens = {headers[name].strip() for name in ("x-api-key",) if name in headers}
    if "authorization" in headers:
        scheme, _, token = headers["authorization"].strip().partition(" ")
        tokens.add(token.strip() if scheme.lower() == "bearer" else "")
    return tokens


def _grant(text: str, *, is_bearer: bool) -> Grant | None:
    """Returns the grant of an API key or token, from the cache if possible; None if the key or token is refused.

    Text that has the format of neither is refused without a look-up, and the refusal is not cached.
    """
    if parse_token(text):
        return _cached(text, _decide_key)
    verify = _verifier()
    if verify and is_bearer and is_signed_token(text):
        return _cached(text, partial(_decide_token, verify))
    return None


def _cached(text: str, decide: Callable[[str], Decision]) -> Grant | None:
    # The cache holds hashes of keys and tokens, so that no secret stays in memory for longer than a request.
    digest = hashlib.sha256(text.encode()).digest()
    decision = _decisions.get(digest)
    if decision is None or decision.until <= _now():
        decision = decide(text)
        if decision.until > _now():
            _decisions[digest] = decision
    return decision.grant


def _decide_key(text: str) -> Decision:
    until = _now() + MEMORY_SECONDS  # counted from before the read: the key may be revoked right after it
    return Decision(authenticate(_table(), text), until)


def _decide_token(verify: "Verify", text: str) -> Decision:
    """Verifies a token. A refusal is not cached, since its reason may be temporary.

    A grant is cached for `MEMORY_SECONDS`, or until the token expires if that is sooner.
    """
    now = _now()
    try:
        verified = verify(text)
    except TokenRefused as refusal:
        logger.info("token refused", reason=refusal.reason)
        return Decision(None, now)
    return Decision(verified.grant, min(now + MEMORY_SECONDS, verified.expires_at))


def _now() -> float:
    """Returns the Unix time.

    A monotonic clock may stop while Lambda freezes the function, so that grants would be cached for too long.
    """
    return time.time()


@cache
def _table() -> KeysTable:
    return KeysTable.from_environment()


@cache
def _verifier() -> "Verify | None":
    """Returns a function that verifies the issuer's tokens. Without an issuer, returns None and imports nothing."""
    if "TIDEMARK_OIDC_ISSUER" not in os.environ:
        return None
    from tidemark.access.issuer import IssuerKeys  # noqa: PLC0415 - needs the layer, as below
    from tidemark.access.tokens import verify  # noqa: PLC0415 - only deployments with an issuer have the layer

    issuer = Issuer(
        url=os.environ["TIDEMARK_OIDC_ISSUER"],
        audience=os.environ["TIDEMARK_OIDC_AUDIENCE"],
        claim=os.environ["TIDEMARK_OIDC_CLAIM"],
    )
    return partial(verify, issuer, IssuerKeys(issuer.url))


if IN_LAMBDA:
    _table()  # creates the client while the function loads, for the reason in `functions.api.handler`
