"""Converts usage to dollars, at the list prices of us-east-1 as of November 2026, on demand, without free tiers."""

from collections.abc import Mapping
from math import ceil

from tests.bench.process import Usage

MILLION, GIGABYTE = 1_000_000, 10**9

WRITE_UNIT = 0.625 / MILLION
READ_UNIT = 0.125 / MILLION
S3_PUT = 5.0 / MILLION
S3_GET = 0.4 / MILLION
SQS_REQUEST = 0.5 / MILLION
"""Per request to a FIFO queue."""
API_REQUEST = 1.0 / MILLION
"""Per request to an HTTP API, for each `API_CHUNK` of data."""
API_CHUNK = 512 * 1024
LAMBDA_CALL = 0.2 / MILLION
LAMBDA_GIGABYTE_SECOND = 0.0000133334
"""Lambda on ARM."""
EVENT = 1.0 / MILLION
"""Per event: our own, and those that S3 sends for changes of the bucket's objects."""
TRANSITION = 25.0 / MILLION
"""Per state transition of a standard workflow."""
LOG_BYTE = 0.5 / GIGABYTE
TABLE_BYTE_MONTH = (0.25 + 0.20) / GIGABYTE
"""Storage, and point-in-time recovery of it."""
BUCKET_BYTE_MONTH = 0.023 / GIGABYTE

MEMORY_MB = {
    "authorizer": 512,
    "api": 1024,
    "intake": 1024,
    "apply": 1769,
    "publish": 1024,
    "transfer": 1024,
    "checkpoint": 1769,
}
"""Memory of each function, as in `infra/functions.py`."""
CORE_MB = 1769
"""Memory with which a function has a full core."""
ROUND_TRIP = 0.010
"""Assumed seconds that a function waits for a request."""
PARALLEL = {"dynamodb.Query": 16, "s3.GetObject": 16}
"""Number of parallel requests, for kinds that functions send in parallel."""
OF_AWS = ("sqs.SendMessage", "sqs.ReceiveMessage", "sqs.DeleteMessageBatch")
"""Requests of EventBridge and Lambda, for which no function waits."""
PUTS = (
    "s3.PutObject",
    "s3.PutObjectTagging",
    "s3.CreateMultipartUpload",
    "s3.UploadPart",
    "s3.UploadPartCopy",
    "s3.CompleteMultipartUpload",
    "s3.ListObjectsV2",
)
GETS = ("s3.GetObject", "s3.HeadObject")
"""Kinds of requests by S3's price class. S3 sends an event for each of the former."""


def dollars(functions: Mapping[str, Usage]) -> dict[str, float]:
    """Returns the cost of the functions' calls by service. Lambda's time is computed, everything else was counted."""
    total = sum(functions.values(), Usage())
    tally, requests = total.tally, total.tally.requests
    puts, gets = (sum(requests[kind] for kind in kinds) for kinds in (PUTS, GETS))
    return {
        "DynamoDB": tally.write_units * WRITE_UNIT + tally.read_units * READ_UNIT,
        "S3": puts * S3_PUT + gets * S3_GET,
        "SQS": tally.sqs_charged * SQS_REQUEST,
        "API Gateway": _api_requests(functions.get("api", Usage())) * API_REQUEST,
        "Lambda": total.calls * LAMBDA_CALL
        + sum(_lambda_time(name, usage) for name, usage in functions.items() if usage.calls),
        "EventBridge": (tally.events + puts) * EVENT,
        "Step Functions": total.transitions * TRANSITION,
        "logs": total.log_bytes * LOG_BYTE,
    }


def monthly_dollars(table_bytes: float, bucket_bytes: float) -> float:
    """Returns what a month of storage costs, in DynamoDB and in S3."""
    return table_bytes * TABLE_BYTE_MONTH + bucket_bytes * BUCKET_BYTE_MONTH


def _api_requests(api: Usage) -> int:
    return max(api.calls, ceil(api.carried_bytes / API_CHUNK))


def _lambda_time(function: str, usage: Usage) -> float:
    memory = MEMORY_MB[function]
    computing = (usage.cpu.ours + usage.cpu.sdk) / 1000 * CORE_MB / memory
    waits = sum(
        ceil(count / PARALLEL.get(kind, 1)) for kind, count in usage.tally.requests.items() if kind not in OF_AWS
    )
    return (computing + waits * ROUND_TRIP) * memory / 1024 * LAMBDA_GIGABYTE_SECOND
