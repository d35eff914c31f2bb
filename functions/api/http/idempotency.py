"""Idempotency of small writes: the answer to a first request is kept for a day and given to its repeats (R20).

Mutations have no need of it: their upload's id derives from the key. Only an answer is kept, never a refusal: a request
that was refused changed nothing and may be sent again.
"""

import base64
import os
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

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
from pydantic import BaseModel

from functions.api.http import request_body
from functions.api.http.router import Routes
from tidemark.domain.canonical import canonical_json, digest
from tidemark.domain.errors import Conflict, IdempotencyMismatch, Unavailable

KEPT_SECONDS = 24 * 60 * 60


class Answer(NamedTuple):
    """What a small write answers."""

    status: int
    body: str
    location: str | None = None

    @classmethod
    def of(cls, model: BaseModel, *, status: int, location: str | None = None) -> "Answer":
        """An answer whose body is `model`, which is found at `location`."""
        return cls(status, model.model_dump_json(by_alias=True), location)

    @classmethod
    def of_kept(cls, kept: Mapping[str, Any]) -> "Answer":
        """The answer that `kept` was made of."""
        body = zlib.decompress(base64.b64decode(kept["body"])).decode()
        return cls(kept["status"], body, kept["location"])

    def kept(self) -> dict[str, Any]:
        """The answer as JSON to be kept.

        The body is compressed: as JSON inside JSON, the largest class map would outgrow the item that it is kept in.
        """
        body = base64.b64encode(zlib.compress(self.body.encode())).decode()
        return {"status": self.status, "body": body, "location": self.location}

    def response(self) -> Response[Any]:
        """The answer as HTTP gives it."""
        headers = {"Location": self.location} if self.location else {}
        return Response(self.status, content_type=request_body.JSON_TYPE, body=self.body, headers=headers)


def once(router: Routes, key: str | None, write: Callable[[], Answer]) -> Response[Any]:
    """Answer the router's current request by `write`, or as it was answered when its idempotency key was first seen.

    Keys belong to the API key, the method and the path. Raises IdempotencyMismatch for a key that was used with another
    body, Conflict while the first request is still running, and Unavailable where the answers cannot be reached.
    """
    if key is None:
        return write().response()
    request = _request(router, key)
    _config().register_lambda_context(router.lambda_context)
    try:
        return Answer.of_kept(_remembered()(request=request, write=write)).response()
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
        raise Unavailable("The request could not be made safe to repeat; send it again.") from error


def request_name(router: Routes, key: str | None) -> str | None:
    """Names the router's current request, the same for its repeats; None for one without an idempotency key.

    What it creates is kept with this name, so that a repeat finds it even where the first answer was lost before it was
    kept.
    """
    return None if key is None else digest(canonical_json(_request(router, key)))


def _request(router: Routes, key: str) -> dict[str, Any]:
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
        expires_after_seconds=KEPT_SECONDS,
        hash_function="sha256",
        raise_on_no_idempotency_key=True,
    )


@cache
def _remembered() -> Callable[..., Mapping[str, Any]]:
    remembered: Callable[..., Mapping[str, Any]] = idempotent_function(
        _answer,
        data_keyword_argument="request",
        persistence_store=DynamoDBPersistenceLayer(os.environ["TIDEMARK_IDEMPOTENCY_TABLE"]),
        config=_config(),
        key_prefix="api",
    )
    return remembered


def _answer(*, request: Mapping[str, Any], write: Callable[[], Answer]) -> Mapping[str, Any]:
    del request  # it is what the kept answer is found by
    return write().kept()
