"""Splits CPU time between our code and the AWS SDK, whose cost per request does not depend on our code.

Hooks of the SDK mark each request. During a request, the calling thread's CPU time is the SDK's, except that of the
meter's hooks. The rest of the process's CPU time is ours: our code and its other libraries. This is right even if
several threads share a core.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Cpu:
    """Milliseconds of CPU time."""

    ours: float = 0
    sdk: float = 0
    """The SDK's part: building, signing, sending and parsing requests, here without TLS."""

    def __add__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.ours + other.ours, self.sdk + other.sdk)


class CpuClock:
    """Measures the CPU time of blocks run under `measure`."""

    def __init__(self) -> None:
        self._sdk = self._metering = 0.0
        self._lock = threading.Lock()

    def attach(self, session: Any) -> None:
        """Adds hooks to a boto3 session, around all other hooks."""
        session.events.register_first("before-parameter-build", self._entered)
        session.events.register_last("before-parameter-build", self._began)
        session.events.register_first("after-call", self._ended)
        session.events.register_last("after-call", self._left)

    @contextmanager
    def measure(self) -> Iterator[Cpu]:
        """Yields the CPU time of the block, filled in at its end. Only one block may run at a time."""
        cpu = Cpu()
        sdk, metering, process = self._sdk, self._metering, time.process_time()
        yield cpu
        cpu.sdk = (self._sdk - sdk) * 1000
        cpu.ours = (time.process_time() - process - (self._metering - metering)) * 1000 - cpu.sdk

    def _entered(self, context: dict[str, Any], **_: Any) -> None:
        context["entered"] = time.thread_time()

    def _began(self, context: dict[str, Any], **_: Any) -> None:
        context["began"] = time.thread_time()

    def _ended(self, context: dict[str, Any], **_: Any) -> None:
        context["ended"] = time.thread_time()

    def _left(self, context: dict[str, Any], **_: Any) -> None:
        with self._lock:
            self._sdk += context["ended"] - context["began"]
            self._metering += context["began"] - context["entered"] + time.thread_time() - context["ended"]
