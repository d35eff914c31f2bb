"""Throttling: no API key takes so much of the API that others find no room.

HTTP APIs have no limits by key, so the function counts; `tidemark.access.throttling` decides. The count that
all environments of the function share is an item for each key and window, which expires.
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
from functions.api.http.problem import HttpRefusal, retry_after
from tidemark.access.throttling import WINDOW_SECONDS, Meter
from tidemark.domain.limits import MAX_KEY_REQUESTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_SECONDS = 60
"""How long a count is kept after its window, for clocks that differ."""

# A request waits for this, and is answered without it: one try, and no patience. A second try might count twice.
HASTY = Config(retries={"total_max_attempts": 1}, connect_timeout=0.5, read_timeout=0.5)

logger = Logger(child=True)
metrics = Metrics()


class Throttle:
    """The requests of all keys, as one environment of the function counts them."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Callable[[], datetime]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._window = 0
        self._meters: defaultdict[str, Meter] = defaultdict(Meter)

    def check(self, key: str) -> None:
        """Count a request of the key of that name.

        Raises HttpRefusal (429, `too_many_requests`) until the window is over, once the key has sent too many.
        """
        now = self._clock().timestamp()
        window = int(now // WINDOW_SECONDS)
        if window != self._window:
            self._window = window
            self._meters.clear()
        if not self._meters[key].accepts(lambda count: self._shared(key, count)):
            seconds = math.ceil((window + 1) * WINDOW_SECONDS - now)
            raise HttpRefusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                f"{key!r} has sent more than {MAX_KEY_REQUESTS:,} requests within {WINDOW_SECONDS} s; send "
                f"this one again in {seconds} s.",
                retry_after(seconds),
            )

    def _shared(self, key: str, count: int) -> int | None:
        """Add to what all environments have counted of a key in the window, and answer it; None if that fails."""
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key={"id": {"S": f"requests#{key}#{self._window}"}},
                UpdateExpression="ADD #count :count SET expiration = :expiration",
                ExpressionAttributeNames={"#count": "count"},
                ExpressionAttributeValues={
                    ":count": {"N": str(count)},
                    ":expiration": {"N": str((self._window + 1) * WINDOW_SECONDS + KEPT_SECONDS)},
                },
                ReturnValues="UPDATED_NEW",
            )
        except (BotoCoreError, ClientError):
            # Whoever sends nothing wrong is not to be refused because we cannot count.
            logger.warning("requests not counted", exc_info=True)
            metrics.add_metric("RequestsUncounted", MetricUnit.Count, count)
            metrics.flush_metrics()
            return None
        return int(answer["Attributes"]["count"]["N"])


@cache
def throttle() -> Throttle:
    """The one of this environment of the function, made on its first request."""
    client = boto3.client("dynamodb", config=HASTY)
    return Throttle(client, os.environ["TIDEMARK_IDEMPOTENCY_TABLE"], lambda: backend().clock())


def tell(reason: str) -> None:
    """Count a request that was refused with 429, whatever was too much."""
    metrics.add_dimension("reason", reason)
    metrics.add_metric("RequestsThrottled", MetricUnit.Count, 1)
    metrics.flush_metrics()
