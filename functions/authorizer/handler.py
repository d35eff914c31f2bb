"""The authorizer: tells API Gateway whether a request may pass, and the API whose it is.

A key travels as `Authorization: Bearer` or as `x-api-key`. A request that carries a bad key is turned away here. One
that carries none passes as nobody: the API shows nobody nothing but its own description, and answers everything else
with a 401 that says how to send a key, which the gateway's own could not.
"""

import hashlib
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from cachetools import TTLCache

from tidemark.domain.api_keys import Grant
from tidemark.services.api_keys import authenticate
from tidemark.store.api_keys import KeysTable

MEMORY_SECONDS = 60
"""How long an answer is remembered: the longest that a revoked key can go on working."""
MEMORY_ENTRIES = 4096

logger = Logger()
tracer = Tracer()
metrics = Metrics()

_answers: TTLCache[bytes, Grant | None] = TTLCache(MEMORY_ENTRIES, MEMORY_SECONDS)

NOBODY: dict[str, Any] = {"isAuthorized": True, "context": {}}
REFUSED: dict[str, Any] = {"isAuthorized": False}


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """The simple answer of an HTTP API authorizer (payload format 2.0): pass or not, and what the key allows."""
    tokens = _tokens(event.get("headers") or {})
    if not tokens:
        return NOBODY
    grant = _grant(tokens.pop()) if len(tokens) == 1 else None
    if grant is None:
        logger.info("key refused")
        metrics.add_metric("KeysRefused", MetricUnit.Count, 1)
        metrics.flush_metrics()
        return REFUSED
    return {"isAuthorized": True, "context": {"grant": grant.model_dump_json()}}


def _tokens(headers: dict[str, str]) -> set[str]:
    """The distinct keys that a request carries; one that is not a bearer token can be no key."""
    tokens = {headers[name].strip() for name in ("x-api-key",) if name in headers}
    if "authorization" in headers:
        scheme, _, token = headers["authorization"].strip().partition(" ")
        tokens.add(token.strip() if scheme.lower() == "bearer" else "")
    return tokens


def _grant(token: str) -> Grant | None:
    # A hash as the key, so that a dump of the function's memory holds no secret longer than its request lasts.
    remembered = hashlib.sha256(token.encode()).digest()
    try:
        return _answers[remembered]
    except KeyError:
        grant = _answers[remembered] = authenticate(_table(), token)
        return grant


@cache
def _table() -> KeysTable:
    return KeysTable.from_environment()
