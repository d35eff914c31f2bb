"""Recognises transient errors: errors of AWS's load, network or faults, which the same request may not meet again."""

from http import HTTPStatus

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as AwsConnectionError

from tidemark.domain.errors import TidemarkError

THROTTLED = frozenset(
    {
        "ExecutionLimitExceeded",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""AWS error codes that mean a request was throttled, or took too long, and may be sent again later."""


def is_transient(error: BaseException) -> bool:
    """Returns whether an error may not recur, so that the work that raised it is only postponed.

    The same work may succeed later without any change to it, to the code or to the stored data.
    """
    if isinstance(error, TidemarkError):
        return error.is_transient
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in THROTTLED or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, AwsConnectionError | HTTPClientError | IncompleteReadError)
