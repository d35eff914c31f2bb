"""One deployment, as a function uses it: AWS clients, resource names, a clock, and the process's cache."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from cachetools import LRUCache, TTLCache

from tidemark.domain.checkpoints import CheckpointRef
from tidemark.domain.datasets import Dataset
from tidemark.domain.frames.class_map import ClassMap
from tidemark.domain.frames.schema import Schema
from tidemark.domain.projects import Project
from tidemark.domain.uploads import InFlight
from tidemark.domain.versions import Version

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

A = TypeVar("A")
B = TypeVar("B")

PATIENCE_SECONDS = 30
"""Patience of the functions that no client waits for. Two writes of one item overlap for milliseconds, so even twenty
writers of an item are all served in this time."""
SHORT_PATIENCE_SECONDS = 15
"""Patience of such functions whose timeout is 30 seconds."""

WORKERS = 16
"""Most calls that `Backend.parallel` makes at once. A Lambda function waits more than it computes."""

DEFINITION_TTL_SECONDS = 60
"""How long a process caches definitions, in seconds. Definitions only ever grow (R2, R3), so a cached one may be
incomplete but is never wrong. Before a request is refused for what is missing from a definition, the definition is read
again."""

WORKFLOW_ARN_PREFIX = "TIDEMARK_WORKFLOW_"
"""Prefix of the environment variables that hold the ARNs of state machines."""

MAX_ATTEMPTS = 5
"""Most attempts of the AWS clients at a request that fails."""

CLIENT_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
    connect_timeout=2,
    read_timeout=10,
    max_pool_connections=WORKERS * 2,
    signature_version="v4",
    parameter_validation=False,
)
S3_CONFIG = CLIENT_CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))
"""Configuration of the S3 client. Its URLs are signed for the bucket's regional host, because the global host redirects
and a signature is valid for one host only."""


def _ttl_cache(size: int) -> TTLCache[Any, Any]:
    # Uses the time of day, because the monotonic clock may stop while Lambda has frozen the process.
    return TTLCache(size, DEFINITION_TTL_SECONDS, timer=time.time)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A process's cache, which lasts from request to request.

    Definitions expire after `DEFINITION_TTL_SECONDS`. Other entries stay until newer ones displace them: records that
    never change, and counts with the time of counting.
    """

    projects: TTLCache[str, Project] = field(default_factory=lambda: _ttl_cache(1024))
    class_maps: TTLCache[str, tuple[ClassMap, int]] = field(default_factory=lambda: _ttl_cache(256))
    datasets: TTLCache[tuple[str, str], Dataset] = field(default_factory=lambda: _ttl_cache(1024))
    schemas: TTLCache[tuple[str, str], tuple[Schema, int]] = field(default_factory=lambda: _ttl_cache(256))
    versions: LRUCache[tuple[str, int], Version] = field(default_factory=lambda: LRUCache(4096))
    complete_clones: LRUCache[str, bool] = field(default_factory=lambda: LRUCache(4096))
    """Uids of the clones that have received all their frames. Every value is True."""
    in_flight: LRUCache[str, tuple[datetime, InFlight]] = field(default_factory=lambda: LRUCache(1024))
    """A dataset's rows and windows in flight, and the time at which they were counted, by the dataset's uid."""
    checkpoint_refs: LRUCache[tuple[str, str], CheckpointRef] = field(default_factory=lambda: LRUCache(4096))


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One deployment, as a function uses it. With `workers=1`, all calls are serial, for tests that depend on order."""

    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    sqs: "SQSClient"
    events: "EventBridgeClient"
    states: "SFNClient"
    table: str
    bucket: str = ""
    windows_queue_url: str = ""
    settled_queue_url: str = ""
    files_queue_url: str = ""
    windows_dead_queue_url: str = ""
    settled_dead_queue_url: str = ""
    files_dead_queue_url: str = ""
    workflow_arns: Mapping[str, str] = field(default_factory=dict)
    """ARNs of the state machines that the function may start, by the value of `Workflow`."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    workers: int = WORKERS
    patience: float = 0
    """Seconds for which a write is repeated while other writes of the same item are in progress, beyond the usual
    number of attempts. The API must respond within seconds and has none."""
    memory: Memory = field(default_factory=Memory)

    @classmethod
    def from_environment(cls, *, patience: float = 0, attempts: int = MAX_ATTEMPTS) -> "Backend":
        """Returns the backend for the deployment that the function's environment variables name.

        Each function has variables only for the resources that it uses. The other names are empty. `attempts` is how
        often the AWS clients send a request that fails.
        """
        retries = Config(retries={"mode": "standard", "total_max_attempts": attempts})
        config, s3_config = CLIENT_CONFIG.merge(retries), S3_CONFIG.merge(retries)
        return cls(
            dynamodb=boto3.client("dynamodb", config=config),
            s3=boto3.client("s3", config=s3_config),
            sqs=boto3.client("sqs", config=config),
            events=boto3.client("events", config=config),
            states=boto3.client("stepfunctions", config=config),
            table=os.environ["TIDEMARK_TABLE"],
            bucket=os.environ.get("TIDEMARK_BUCKET", ""),
            windows_queue_url=os.environ.get("TIDEMARK_WINDOWS_QUEUE_URL", ""),
            settled_queue_url=os.environ.get("TIDEMARK_SETTLED_QUEUE_URL", ""),
            files_queue_url=os.environ.get("TIDEMARK_FILES_QUEUE_URL", ""),
            windows_dead_queue_url=os.environ.get("TIDEMARK_WINDOWS_DEAD_QUEUE_URL", ""),
            settled_dead_queue_url=os.environ.get("TIDEMARK_SETTLED_DEAD_QUEUE_URL", ""),
            files_dead_queue_url=os.environ.get("TIDEMARK_FILES_DEAD_QUEUE_URL", ""),
            workflow_arns={
                name.removeprefix(WORKFLOW_ARN_PREFIX).lower(): arn
                for name, arn in os.environ.items()
                if name.startswith(WORKFLOW_ARN_PREFIX)
            },
            patience=patience,
        )

    def parallel(self, call: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Calls `call` with each item, on up to `workers` threads. Returns the results in the items' order.

        Raises the error of the first item whose call fails.
        """
        inputs = list(items)
        if self.workers == 1 or len(inputs) < 2:  # noqa: PLR2004 - one item needs no thread
            return [call(item) for item in inputs]
        with ThreadPoolExecutor(min(self.workers, len(inputs))) as pool:
            return list(pool.map(call, inputs))

    def both(self, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        """Makes two calls, at once if there are several `workers`. Returns both results. Raises the error of either."""
        if self.workers == 1:
            return first(), second()
        with ThreadPoolExecutor(1) as pool:
            started = pool.submit(first)
            result = second()
            return started.result(), result
