"""Idempotency of small writes: stores a write's first response for a day and returns it to repeats (R20).

Submitting mutations does not need this, since the upload's id derives from the idempotency key. Errors are not stored:
a request that failed changed nothing and may be sent again.
"""

import base64
import os
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)

from functions.api.http import request_body
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router
from tidemark.domain.canonical import canonical_json, digest
from tidemark.domain.errors import Conflict, IdempotencyMismatch, Unavailable

RESPONSE_TTL_SECONDS = 24 * 60 * 60
"""Seconds that a response is stored: a day, which is longer than clients retry a request."""


def once(router: Router, key: str | None, write: Callable[[], WriteResponse]) -> Response[Any]:
    """Runs `write` for the current request, or returns the stored response if its idempotency key was used before.

    Without an idempotency key, `write` always runs. Idempotency keys are scoped to the caller, the HTTP method and the
    URL path. Raises IdempotencyMismatch if the idempotency key was used with another body, and Conflict while the first
    request is still running. Raises Unavailable if the table of stored responses cannot be reached.
    """
    if key is None:
        return write().to_http()
    request = _request(router, key)
    _config().register_lambda_context(router.lambda_context)
    try:
        return load(_idempotent_write()(request=request, write=write)).to_http()
    except IdempotencyValidationError:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used before with another body; use a new key for a new request.",
            pointer="Idempotency-Key",
        ) from None
    except IdempotencyAlreadyInProgressError:
        raise Conflict(
            "The first request with this Idempotency-Key is still running; send this one again in a moment.",
            code="idempotency_key_in_use",
            pointer="Idempotency-Key",
        ) from None
    except (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError) as error:
        raise Unavailable("The store of idempotency keys is unavailable; send the request again.") from error


def request_fingerprint(router: Router, key: str | None) -> str | None:
    """Returns a digest that is equal for the current request and its repeats; None without an idempotency key.

    The digest is stored with the resource that the request creates. A repeat then finds that resource even if the
    function died before it stored the first response.
    """
    return None if key is None else digest(canonical_json(_request(router, key)))


def dump(response: WriteResponse) -> dict[str, Any]:
    """Returns the response as a JSON object to store.

    The body is compressed: escaped as JSON inside JSON, the largest class map would exceed DynamoDB's item size limit.
    """
    body = base64.b64encode(zlib.compress(response.body.encode())).decode()
    return {"status": response.status, "body": body, "location": response.location}


def load(stored: Mapping[str, Any]) -> WriteResponse:
    """Returns the response from a JSON object that `dump` returned."""
    body = zlib.decompress(base64.b64decode(stored["body"])).decode()
    return WriteResponse(stored["status"], body, stored["location"])


def _request(router: Router, key: str) -> dict[str, Any]:
    event = router.current_event
    return {
        "key": [router.caller.name, event.http_method, event.path, key],
        "body": request_body.json_object(event.raw_event),
    }


@cache
def _config() -> IdempotencyConfig:
    return IdempotencyConfig(
        event_key_jmespath="key",
        payload_validation_jmespath="body",
        expires_after_seconds=RESPONSE_TTL_SECONDS,
        hash_function="sha256",
        raise_on_no_idempotency_key=True,
    )


@cache
def _idempotent_write() -> Callable[..., Mapping[str, Any]]:
    idempotent_write: Callable[..., Mapping[str, Any]] = idempotent_function(
        _write,
        data_keyword_argument="request",
        persistence_store=DynamoDBPersistenceLayer(os.environ["TIDEMARK_IDEMPOTENCY_TABLE"]),
        config=_config(),
        key_prefix="api",
    )
    return idempotent_write


def _write(*, request: Mapping[str, Any], write: Callable[[], WriteResponse]) -> Mapping[str, Any]:
    del request  # Powertools derives the stored response's key from it
    return dump(write())
