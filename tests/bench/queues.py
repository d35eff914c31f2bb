"""SQS, EventBridge and Step Functions for the benchmark: accept messages and deliver them as Lambda receives them."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

FILES, WINDOWS, SETTLED = "files", "windows.fifo", "settled.fifo"
BATCHES = {FILES: 1, WINDOWS: 1, SETTLED: 10}
"""Batch sizes of the queues' functions, as in `infra/functions.py`."""

Json = dict[str, Any]


class Queues:
    """Waiting messages by queue and message group. A standard queue is one group."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, deque[Json]]] = {queue: defaultdict(deque) for queue in BATCHES}
        self.executions: deque[tuple[str, Json]] = deque()
        """Started workflows that have not run, with their inputs."""
        self._sequence = count(18_850_000_000_000_000_000)

    def answer(self, model: Any, params: Json, **_: Any) -> Any:
        """An SDK hook. Returns the responses of SQS, EventBridge and Step Functions; None for other services."""
        if model.name == "StartExecution":
            body = json.loads(params["body"])
            self.executions.append((body["stateMachineArn"], json.loads(body["input"])))
            return SimpleNamespace(status_code=200, headers={}), {"executionArn": body["name"], "startDate": 0}
        if model.name == "SendMessageBatch":
            return SimpleNamespace(status_code=200, headers={}), self._send(json.loads(params["body"]))
        if model.name == "PutEvents":
            return SimpleNamespace(status_code=200, headers={}), {"FailedEntryCount": 0, "Entries": []}
        return None

    def send(self, queue: str, body: str) -> None:
        """Adds a message that no function sends to a standard queue."""
        self._send({"QueueUrl": queue, "Entries": [{"Id": "0", "MessageBody": body}]})

    def batches(self, queue: str) -> Iterator[list[Json]]:
        """Yields the records of each call, group by group in turn, until nothing is waiting."""
        groups = self._waiting[queue]
        while waiting := [group for group in groups.values() if group]:
            for group in waiting:
                yield [group.popleft() for _ in range(min(BATCHES[queue], len(group)))]

    def _send(self, body: Json) -> Json:
        queue = body["QueueUrl"]
        for entry in body["Entries"]:
            self._waiting[queue][entry.get("MessageGroupId", "")].append(_record(queue, entry, next(self._sequence)))
        return {"Successful": [{"Id": entry["Id"]} for entry in body["Entries"]], "Failed": []}


def _record(queue: str, entry: Json, sequence: int) -> Json:
    """Returns a message as Lambda passes it to a function."""
    fifo = (
        {"MessageGroupId": entry["MessageGroupId"], "SequenceNumber": str(sequence)}
        if "MessageGroupId" in entry
        else {}
    )
    return {
        "messageId": entry.get("MessageDeduplicationId", str(sequence)),
        "receiptHandle": "handle",
        "body": entry["MessageBody"],
        "attributes": {
            **fifo,
            "SentTimestamp": str(time.time_ns() // 1_000_000),
            "ApproximateReceiveCount": "1",
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue}",
        "awsRegion": "us-east-1",
    }
