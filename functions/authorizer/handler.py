"""The authorizer: tells API Gateway whether a request may pass, and the API whose it is.

A key travels as `Authorization: Bearer` or as `x-api-key`; a token of the deployment's OpenID Connect issuer, if it has
one, as `Authorization: Bearer`. A request that carries a bad key or token is turned away here. One that carries none
passes as nobody: the API shows nobody nothing but its own description, and answers everything else with a 401 that says
how to send a key, which the gateway's own could not.
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

from tidemark.access.api_keys import authenticate
from tidemark.access.key_records import KeysTable
from tidemark.access.oidc import Issuer, TokenRefused, is_signed_token
from tidemark.domain.api_keys import Grant, parse_token

if TYPE_CHECKING:
    from tidemark.access.tokens import Verified

    Verify = Callable[[str], Verified]

MEMORY_SECONDS = 60
"""How long an answer is remembered: the longest that a revoked key can go on working."""
MEMORY_ENTRIES = 4096

logger = Logger()
tracer = Tracer()
metrics = Metrics()


class Answer(NamedTuple):
    """What a key or a token allows, None for nothing, and until when that may be remembered, as a Unix time."""

    grant: Grant | None
    until: float


_answers: LRUCache[bytes, Answer] = LRUCache(MEMORY_ENTRIES)

NOBODY: dict[str, Any] = {"isAuthorized": True, "context": {}}
REFUSED: dict[str, Any] = {"isAuthorized": False}


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """The simple answer of an HTTP API authorizer (payload format 2.0): pass or not, and what the key allows."""
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
    # The name stands by itself too, for the gateway's access log.
    return {"isAuthorized": True, "context": {"grant": grant.model_dump_json(), "actor": grant.name}}


def _tokens(headers: dict[str, str]) -> set[str]:
    """The distinct keys that a request carries; one that is not a bearer token can be no key."""
    tokens = {headers[name].strip() for name in ("x-api-key",) if name in headers}
    if "authorization" in headers:
        scheme, _, token = headers["authorization"].strip().partition(" ")
        tokens.add(token.strip() if scheme.lower() == "bearer" else "")
    return tokens


def _grant(text: str, *, is_bearer: bool) -> Grant | None:
    """What a key or a token allows, as remembered. What has the shape of neither is not looked up and takes no room."""
    if parse_token(text):
        return _remembered(text, _of_key)
    verify = _verifier()
    if verify and is_bearer and is_signed_token(text):
        return _remembered(text, partial(_of_token, verify))
    return None


def _remembered(text: str, find: Callable[[str], Answer]) -> Grant | None:
    # A hash as the key, so that a dump of the function's memory holds no secret longer than its request lasts.
    digest = hashlib.sha256(text.encode()).digest()
    answer = _answers.get(digest)
    if answer is None or answer.until <= _now():
        answer = find(text)
        if answer.until > _now():
            _answers[digest] = answer
    return answer.grant


def _of_key(text: str) -> Answer:
    until = _now() + MEMORY_SECONDS  # from before it is read: it may be revoked right after
    return Answer(authenticate(_table(), text), until)


def _of_token(verify: "Verify", text: str) -> Answer:
    """What a token allows, remembered no longer than it is good; a refusal is not, as its reason may pass."""
    now = _now()
    try:
        verified = verify(text)
    except TokenRefused as refusal:
        logger.info("token refused", reason=refusal.reason)
        return Answer(None, now)
    return Answer(verified.grant, min(now + MEMORY_SECONDS, verified.expires_at))


def _now() -> float:
    """The time of day: the monotonic clock may stand still while the environment is frozen, and answers would last."""
    return time.time()


@cache
def _table() -> KeysTable:
    return KeysTable.from_environment()


@cache
def _verifier() -> "Verify | None":
    """What verifies tokens of the deployment's issuer; None where it has none, and then nothing for it is loaded."""
    if "TIDEMARK_OIDC_ISSUER" not in os.environ:
        return None
    from tidemark.access.issuer import IssuerKeys  # noqa: PLC0415 - the same
    from tidemark.access.tokens import verify  # noqa: PLC0415 - its layer is there only where there is an issuer

    issuer = Issuer(
        url=os.environ["TIDEMARK_OIDC_ISSUER"],
        audience=os.environ["TIDEMARK_OIDC_AUDIENCE"],
        claim=os.environ["TIDEMARK_OIDC_CLAIM"],
    )
    return partial(verify, issuer, IssuerKeys(issuer.url))
