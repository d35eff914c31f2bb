"""Invocations: operations that stop before every request to AWS until they are told to go on.

Each runs in a thread of its own, of which exactly one runs at any time. A request that the client repeats by itself is
one more.
"""

import threading
from collections.abc import Callable
from typing import Any, Protocol

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

PATIENCE = 60
"""Seconds that a thread may take from one request to the next before the test is given up."""


class Crash(BaseException):
    """The process dies here. Not an Exception, so that nothing in the product can catch it."""


Perform = Callable[[AWSPreparedRequest], AWSResponse]
"""Has AWS do what a request asks for; answers what AWS answers."""


class Trouble(Protocol):
    """What may happen to a request on its way and back."""

    def meet(self, call: str, request: AWSPreparedRequest, perform: Perform) -> AWSResponse:
        """The answer to a request; raises what the HTTP client raises where there is none."""


class Invocation:
    """An operation that stops before each of its requests to AWS."""

    current = threading.local()
    started = 0
    """How many have been started; a schedule counts them from 0 on."""

    def __init__(
        self,
        name: str,
        operation: Callable[[], Any],
        *,
        backend: Any = None,
        trouble: Trouble | None = None,
        keep: Callable[[], Callable[[], None]] = lambda: lambda: None,
    ) -> None:
        self.name = name
        self.number = Invocation.started
        Invocation.started += 1
        self.result: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self.calls: list[str] = []
        self.backend = backend
        """The deployment as this process sees it, for functions that keep theirs in a module."""
        self.caught: list[BaseException] = []
        """What a function has caught and reported, message by message."""
        self.ids = 0
        """Ids that it has made."""
        self.keep = keep
        """Keeps what the process has in its modules, where others run before it goes on; answers how to put it back."""
        self.trouble = trouble
        """What its requests meet."""
        self._operation = operation
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._crash_before = self._crash_after = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._await()

    def step(self) -> None:
        """Let the next request through and stop before the one after it, or at the end."""
        self._go.release()
        self._await()

    def run(self) -> "Invocation":
        """Let all requests through, to the end."""
        while not self.finished:
            self.step()
        return self

    def crash(self, *, after: bool) -> None:
        """Die before the next request, or right after it took effect."""
        self._crash_before, self._crash_after = not after, after
        while not self.finished:
            self.step()

    @property
    def crashed(self) -> bool:
        """Whether it died rather than answered or raised."""
        return isinstance(self.error, Crash)

    def request(self, call: str, request: AWSPreparedRequest, perform: Perform) -> AWSResponse:
        """Called in the thread, for each request to AWS."""
        self.calls.append(call)
        put_back = self.keep()
        self._stopped.release()
        self._go.acquire()
        put_back()
        if self._crash_before:
            raise Crash(call)
        try:
            return self.trouble.meet(call, request, perform) if self.trouble else perform(request)
        finally:
            if self._crash_after:
                raise Crash(call)

    def _run(self) -> None:
        Invocation.current.value = self
        try:
            self.result = self._operation()
        except (Exception, Crash) as error:  # noqa: BLE001 - kept for whoever scheduled it
            self.error = error
        self.finished = True
        self._stopped.release()

    def _await(self) -> None:
        if not self._stopped.acquire(timeout=PATIENCE):
            raise TimeoutError(f"{self.name} stopped neither at an AWS call nor at its end: {self.calls}")


def current() -> Invocation | None:
    """The invocation that this thread runs, if it runs one."""
    found: Invocation | None = getattr(Invocation.current, "value", None)
    return found
