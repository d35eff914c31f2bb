"""Simulated time: an event loop whose processes are generators.

A process yields the seconds it waits, or a `Signal` that it waits for. Time passes only between events, so an hour of
load takes as long as its events take to compute. The order of events depends on the seed alone.
"""

import heapq
from collections.abc import Callable, Generator, Iterable
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")


class Signal:
    """An event that processes wait for. Once it has fired, waiting for it takes no time."""

    def __init__(self) -> None:
        self.fired = False
        self.waiting: list[Callable[[], None]] = []


Process = Generator[float | Signal, None, T]


class Clock:
    """The event loop, the time in seconds since the start of the simulation, and its source of chance."""

    def __init__(self, seed: int = 0) -> None:
        self.now = 0.0
        self.random = Random(seed)
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0

    def at(self, time: float, call: Callable[[], None]) -> None:
        """Calls `call` at a time. Calls for the same time happen in the sequence in which they were planned."""
        self._sequence += 1
        heapq.heappush(self._queue, (time, self._sequence, call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Calls `call` after some seconds."""
        self.at(self.now + seconds, call)

    def start(self, process: Process[Any], done: Callable[[], None] | None = None) -> None:
        """Starts a process now. Calls `done` when it ends. An exception that the process raises ends the simulation."""
        self.at(self.now, lambda: self._resume(process, done))

    def run(self, until: float) -> None:
        """Runs the events up to a time."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, call = heapq.heappop(self._queue)
            call()
        self.now = until

    def fire(self, signal: Signal) -> None:
        """Fires a signal: all processes that wait for it go on."""
        signal.fired = True
        waiting, signal.waiting = signal.waiting, []
        for resume in waiting:
            self.at(self.now, resume)

    def together(self, processes: Iterable[Process[Any]]) -> Process[None]:
        """Runs processes side by side and ends when the last one has ended. Raises the first exception of any."""
        errors: list[Exception] = []
        signal = Signal()
        running = 0

        def guarded(process: Process[Any]) -> Process[None]:
            try:
                yield from process
            except Exception as error:  # noqa: BLE001 - raised below, by the process that waits
                errors.append(error)

        def ended() -> None:
            nonlocal running
            running -= 1
            if running == 0:
                self.fire(signal)

        for process in processes:
            running += 1
            self.start(guarded(process), ended)
        if running:
            yield signal
        if errors:
            raise errors[0]

    def spread(self, seconds: float) -> float:
        """Returns a random duration with this mean: service times have a floor and a tail."""
        return seconds * (0.6 + 0.4 * self.random.expovariate(1.0))

    def _resume(self, process: Process[Any], done: Callable[[], None] | None) -> None:
        try:
            waits_for = process.send(None)
        except StopIteration:
            if done is not None:
                done()
            return
        if isinstance(waits_for, Signal) and not waits_for.fired:
            waits_for.waiting.append(lambda: self._resume(process, done))
            return
        seconds = 0.0 if isinstance(waits_for, Signal) else waits_for
        self.at(self.now + seconds, lambda: self._resume(process, done))
