"""Throttling: limits the requests of each API key, so that no API key crowds out the others.

API Gateway's HTTP APIs cannot limit requests by API key, so the function counts requests, and
`tidemark.access.throttling` decides which of them to refuse. The function's execution environments share the counts in
DynamoDB: an item for each API key and time window, which expires.
"""

import math
import os
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from functions.api.http.deployment import backend
from functions.api.http.problem import HttpError, retry_after
from tidemark.access.throttling import MAX_KEY_REQUESTS, WINDOW_SECONDS, Meter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CLOCK_SKEW_SECONDS = 60
"""Seconds from the end of a time window to the expiry of the window's shared counts. Clocks of execution environments
differ by less."""

ONE_QUICK_ATTEMPT = Config(retries={"total_max_attempts": 1}, connect_timeout=0.5, read_timeout=0.5)
"""Settings of the DynamoDB client for shared counts. The timeouts are short, because a request waits for the count and
then proceeds without it. There are no retries, because a retry might count requests twice."""

logger = Logger(child=True)
metrics = Metrics()


class Throttle:
    """Counts the requests of each API key in this execution environment, and refuses requests above the limit."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Callable[[], datetime]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._window = 0
        self._meters: defaultdict[str, Meter] = defaultdict(Meter)

    def check(self, key: str) -> None:
        """Counts a request of the API key, or the caller with a token, named `key`.

        Raises HttpError (429, `too_many_requests`) if `key` has sent too many requests in the current time window.
        """
        now = self._clock().timestamp()
        window = int(now // WINDOW_SECONDS)
        if window != self._window:
            self._window = window
            self._meters.clear()
        if not self._meters[key].accepts(lambda count: self._add_to_shared_count(key, count)):
            seconds = math.ceil((window + 1) * WINDOW_SECONDS - now)
            raise HttpError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                f"{key!r} has sent more than {MAX_KEY_REQUESTS:,} requests within {WINDOW_SECONDS} s; send "
                f"this one again in {seconds} s.",
                retry_after(seconds),
            )

    def _add_to_shared_count(self, key: str, count: int) -> int | None:
        """Adds `count` to the count of `key` that execution environments share. Returns the sum; None on failure."""
        try:
            response = self._dynamodb.update_item(
                TableName=self._table,
                Key={"id": {"S": f"requests#{key}#{self._window}"}},
                UpdateExpression="ADD #count :count SET expiration = :expiration",
                ExpressionAttributeNames={"#count": "count"},
                ExpressionAttributeValues={
                    ":count": {"N": str(count)},
                    ":expiration": {"N": str((self._window + 1) * WINDOW_SECONDS + CLOCK_SKEW_SECONDS)},
                },
                ReturnValues="UPDATED_NEW",
            )
        except (BotoCoreError, ClientError):
            # A failure to count is ours, so no request is refused for it.
            logger.warning("requests not counted", exc_info=True)
            metrics.add_metric("RequestsUncounted", MetricUnit.Count, count)
            metrics.flush_metrics()
            return None
        return int(response["Attributes"]["count"]["N"])


@cache
def throttle() -> Throttle:
    """Returns the throttle of this execution environment."""
    client = boto3.client("dynamodb", config=ONE_QUICK_ATTEMPT)
    return Throttle(client, os.environ["TIDEMARK_IDEMPOTENCY_TABLE"], lambda: backend().clock())


def count_throttled(reason: str) -> None:
    """Adds one request to the metric `RequestsThrottled`. `reason` is the error code of the request's 429 response."""
    metrics.add_dimension("reason", reason)
    metrics.add_metric("RequestsThrottled", MetricUnit.Count, 1)
    metrics.flush_metrics()
