"""What usage costs in dollars: list prices of us-east-1 as of November 2026, on demand, without free tiers."""

from collections.abc import Mapping
from math import ceil

from tests.bench.process import Usage

MILLION, GIGABYTE = 1_000_000, 10**9

WRITE_UNIT = 0.625 / MILLION
READ_UNIT = 0.125 / MILLION
S3_PUT = 5.0 / MILLION
S3_GET = 0.4 / MILLION
SQS_REQUEST = 0.5 / MILLION
"""Of a FIFO queue."""
API_REQUEST = 1.0 / MILLION
"""Of an HTTP API, for each `API_CHUNK` that it carries."""
API_CHUNK = 512 * 1024
LAMBDA_CALL = 0.2 / MILLION
LAMBDA_GIGABYTE_SECOND = 0.0000133334
"""On ARM."""
EVENT = 1.0 / MILLION
"""Of our own, and of those that S3 puts on the bus for what is done to the bucket's objects."""
TRANSITION = 25.0 / MILLION
"""From one state of a standard workflow to the next."""
LOG_BYTE = 0.5 / GIGABYTE
TABLE_BYTE_MONTH = (0.25 + 0.20) / GIGABYTE
"""Storage, and point-in-time recovery of it."""
BUCKET_BYTE_MONTH = 0.023 / GIGABYTE

MEMORY_MB = {
    "authorizer": 512,
    "api": 1024,
    "intake": 1024,
    "apply": 1769,
    "publish": 512,
    "transfer": 1024,
    "checkpoint": 1769,
}
"""As `infra/functions.py` has it."""
CORE_MB = 1769
"""The memory with which a function has a core of its own."""
ROUND_TRIP = 0.010
"""Seconds that a function is assumed to wait for a request."""
PARALLEL = {"dynamodb.Query": 16, "s3.GetObject": 16}
"""Kinds of which a function makes as many at once."""
OF_AWS = ("sqs.SendMessage", "sqs.ReceiveMessage", "sqs.DeleteMessageBatch")
"""Requests of EventBridge and Lambda, which no function waits for."""
PUTS = (
    "s3.PutObject",
    "s3.PutObjectTagging",
    "s3.CreateMultipartUpload",
    "s3.UploadPart",
    "s3.CompleteMultipartUpload",
    "s3.ListObjectsV2",
)
GETS = ("s3.GetObject", "s3.HeadObject")
"""Kinds by what S3 charges for them. It tells EventBridge of each of the former."""


def dollars(functions: Mapping[str, Usage]) -> dict[str, float]:
    """What the calls of functions cost, by what is charged. Lambda's time is computed, everything else was counted."""
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
