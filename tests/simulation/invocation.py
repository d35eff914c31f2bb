"""Invocations: operations that pause before each request to AWS until a test lets them go on.

Each invocation has a thread of its own, and exactly one thread runs at any time. A retry by the AWS client counts as a
request. In a world whose transactions take time, an invocation also pauses while AWS works on its transaction.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

STALL_TIMEOUT = 60
"""Seconds that an invocation may take between two requests before the test fails."""


class Crash(BaseException):
    """Ends an invocation as the death of its process would. Not an Exception, so that no product code catches it."""


Perform = Callable[[AWSPreparedRequest], AWSResponse]
"""Sends a request to AWS and returns the response."""


class Trouble(Protocol):
    """Decides what happens to a request and its response on the way."""

    def meet(self, call: str, request: AWSPreparedRequest, perform: Perform) -> AWSResponse:
        """Returns the response to a request. Raises what the HTTP client raises if there is no response."""


class Invocation:
    """An operation that pauses before each of its requests to AWS."""

    current = threading.local()
    started = 0
    """Number of invocations so far. A schedule starts counting at 0."""

    def __init__(
        self,
        name: str,
        operation: Callable[[], Any],
        *,
        backend: Any = None,
        trouble: Trouble | None = None,
        save: Callable[[], Callable[[], None]] = lambda: lambda: None,
        lineage: Mapping[str, int] | None = None,
    ) -> None:
        self.name = name
        self.number = Invocation.started
        Invocation.started += 1
        self.result: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self.calls: list[str] = []
        self.backend = backend
        """The backend of this process, for functions that keep theirs in a module."""
        self.caught: list[BaseException] = []
        """Errors that a function caught and reported, message by message."""
        self.ids = 0
        """Number of random ids that the operation generated."""
        self.save = save
        """Saves the module state of the process before other invocations run, and returns a function to put it back."""
        self.trouble = trouble
        """Faults in its requests."""
        self.lineage = lineage or {}
        """How often each function was called in the chain of messages that led here, this call included."""
        self.sleeps: float | None = None
        """Seconds for which it sleeps at this pause; None if it pauses at a request."""
        self._operation = operation
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._crash_before = self._crash_after = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._await()

    def step(self) -> None:
        """Lets the next request through and pauses before the one after it, or ends."""
        self._go.release()
        self._await()

    def run_to(self, call: str) -> "Invocation":
        """Lets requests through until the invocation pauses before this AWS call. Fails if it ends before."""
        while self.calls[-1:] != [call]:
            assert not self.finished, f"{self.name} never calls {call}"
            self.step()
        return self

    def run(self) -> "Invocation":
        """Lets all requests through until the operation ends."""
        while not self.finished:
            self.step()
        return self

    def crash(self, *, after: bool) -> None:
        """Crashes before the next request, or right after it took effect.

        A transaction that AWS is working on takes effect in either case.
        """
        self._crash_before, self._crash_after = not after, after
        while not self.finished:
            self.step()

    @property
    def crashed(self) -> bool:
        """Whether the operation crashed, rather than returned or raised."""
        return isinstance(self.error, Crash)

    def request(self, call: str, request: AWSPreparedRequest, perform: Perform) -> AWSResponse:
        """Sends a request to AWS, once a test lets it through. Called in the invocation's thread."""
        self.calls.append(call)
        self.pause()
        if self._crash_before:
            raise Crash(call)
        try:
            return self.trouble.meet(call, request, perform) if self.trouble else perform(request)
        finally:
            if self._crash_before or self._crash_after:
                raise Crash(call)

    def sleep(self, seconds: float) -> None:
        """Pauses for simulated seconds. Called in the invocation's thread."""
        self.sleeps = seconds
        self.pause()
        self.sleeps = None
        if self._crash_before:
            raise Crash("sleep")

    def pause(self) -> None:
        """Waits until a test lets the invocation go on. Called in the invocation's thread."""
        put_back = self.save()
        self._stopped.release()
        self._go.acquire()
        put_back()

    def _run(self) -> None:
        Invocation.current.value = self
        try:
            self.result = self._operation()
        except (Exception, Crash) as error:  # noqa: BLE001 - the test decides which errors are expected
            self.error = error
        self.finished = True
        self._stopped.release()

    def _await(self) -> None:
        if not self._stopped.acquire(timeout=STALL_TIMEOUT):
            raise TimeoutError(f"{self.name} neither made an AWS call nor ended in time: {self.calls}")


def current() -> Invocation | None:
    """Returns the invocation that runs in this thread; None outside of one."""
    invocation: Invocation | None = getattr(Invocation.current, "value", None)
    return invocation
