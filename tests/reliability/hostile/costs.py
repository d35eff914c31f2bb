"""Measures what one request costs in the function, whatever its body."""

import time
from dataclasses import dataclass

from tests.simulation.gateway import Client

DATASET = "/projects/birds/datasets/train"
JSON = {"content-type": "application/json"}
MAX_SECONDS = 5.0
"""Most CPU time for a response. The function has 28 s, at about half the speed of a development machine."""
MAX_ANSWER = 128 * 1024
"""Most bytes of a refusal, which reports at most a hundred errors."""


@dataclass(frozen=True)
class Cost:
    """The cost of one request."""

    status: int
    code: str
    seconds: float
    """CPU time."""
    bytes: int
    """Size of the response."""

    def complaint(self) -> str | None:
        """Returns what exceeds its limit, or None."""
        if self.status >= 500:
            return f"the response is {self.status}"
        if self.seconds > MAX_SECONDS:
            return f"it takes {self.seconds:.1f} s of CPU time, more than {MAX_SECONDS:.0f} s"
        return f"the response has {self.bytes:,} bytes, more than {MAX_ANSWER:,}" if self.bytes > MAX_ANSWER else None


def cost_of(client: Client, body: bytes, dataset: str = DATASET) -> Cost:
    """Sends a body and measures the cost. The client belongs to a deployment on moto, whose CPU time is included."""
    began = time.process_time()
    answer = client.send("POST", f"{dataset}/mutations", body, JSON)
    seconds = time.process_time() - began
    return Cost(int(answer.status), answer.json().get("code", ""), seconds, len(answer.text.encode()))
