"""What happened in a soak: counted, timed, and what must not be in words. Many threads tell of it."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

MAX_TOLD = 20
"""Violations of one kind that are told in words; all are counted."""


class Tally:
    """Counts by name, seconds by what took them, and violations by kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.violations: defaultdict[str, list[str]] = defaultdict(list)
        self._lock = threading.Lock()

    def count(self, name: str, number: int = 1) -> None:
        """Something happened, so many times."""
        with self._lock:
            self.counts[name] += number

    def violate(self, kind: str, what: str) -> None:
        """Something happened that must not."""
        with self._lock:
            self.violations[kind].append(what)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Time what is done meanwhile."""
        began = monotonic()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[what].append(monotonic() - began)

    def share(self, what: str, part: float) -> float:
        """The seconds that this part of all that was timed took at most; 0 where nothing was."""
        taken = sorted(self.seconds[what])
        return taken[min(int(part * len(taken)), len(taken) - 1)] if taken else 0.0

    def told(self) -> list[str]:
        """Violations in words, some of each kind."""
        lines = []
        for kind, found in sorted(self.violations.items()):
            lines += [f"{kind}: {what}" for what in found[:MAX_TOLD]]
            if len(found) > MAX_TOLD:
                lines.append(f"{kind}: {len(found) - MAX_TOLD} more")
        return lines
