"""What the answer to one request costs, in the function that gives it, whatever is in its body."""

import time
from dataclasses import dataclass

from tests.simulation.gateway import Client

DATASET = "/projects/birds/datasets/train"
JSON = {"content-type": "application/json"}
MAX_SECONDS = 5.0
"""CPU time for an answer, at most: the function has 28 s, at some half of the speed of a machine like this one."""
MAX_ANSWER = 128 * 1024
"""Bytes of an answer to what was refused: faults are told by the hundred, whatever there are."""


@dataclass(frozen=True)
class Cost:
    """What one request cost."""

    status: int
    code: str
    seconds: float
    """Of CPU time."""
    bytes: int
    """Of the answer."""

    def complaint(self) -> str | None:
        """What must not be, or None."""
        if self.status >= 500:
            return f"it is answered {self.status}"
        if self.seconds > MAX_SECONDS:
            return f"it takes {self.seconds:.1f} s of CPU time"
        return f"its answer has {self.bytes:,} bytes" if self.bytes > MAX_ANSWER else None


def cost_of(client: Client, body: bytes, dataset: str = DATASET) -> Cost:
    """Send a body, and see what that costs. The client is that of a deployment on moto, whose work is counted too."""
    began = time.process_time()
    answer = client.send("POST", f"{dataset}/mutations", body, JSON)
    seconds = time.process_time() - began
    return Cost(int(answer.status), answer.json().get("code", ""), seconds, len(answer.text.encode()))
