"""Which errors are transient: AWS is busy or out of reach, so that the same work may succeed later."""

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
)

from tidemark.aws.events import EventsRefused
from tidemark.aws.queues import SendFailed
from tidemark.aws.table import Conflicting, Contended, LargeThrottled
from tidemark.aws.transient import is_transient
from tidemark.domain.errors import Conflict, InvalidRequest, Unavailable
from tidemark.shards.packs import PackCorrupt, PackGone, ReadInterrupted


def refused(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")


@pytest.mark.parametrize(
    "error",
    [
        refused("ProvisionedThroughputExceededException"),
        refused("ThrottlingException"),
        refused("SlowDown", 503),
        refused("InternalServerError", 500),
        refused("KMSThrottlingException", 500),
        refused("RequestTimeout"),
        refused("ExecutionLimitExceeded"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        EndpointConnectionError(endpoint_url="https://dynamodb"),
        ConnectTimeoutError(endpoint_url="https://dynamodb"),
        ReadTimeoutError(endpoint_url="https://s3"),
        Contended(),
        Conflicting(),
        LargeThrottled(),
        ReadInterrupted(),
        SendFailed("busy", is_final=False),
        EventsRefused(["ThrottlingException", "InternalFailure"]),
        Unavailable("Other windows kept moving the head."),
    ],
    ids=repr,
)
def test_errors_of_a_busy_aws_are_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        refused("AccessDeniedException"),
        refused("ResourceNotFoundException"),
        refused("ValidationException"),
        SendFailed("malformed", is_final=True),
        EventsRefused(["ThrottlingException", "NotAuthorizedForSourceException"]),
        PackGone(),
        PackCorrupt(),
        InvalidRequest("no"),
        Conflict("no"),
        LookupError("no"),
        ValueError("no"),
    ],
    ids=repr,
)
def test_errors_that_the_same_work_meets_again_are_not_transient(error: Exception) -> None:
    assert not is_transient(error)
