"""Counts, times and violations of a soak, recorded from many threads."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

MAX_DESCRIBED = 20
"""Most violations of one kind that are described. All are counted."""


class Tally:
    """Counts by name, seconds by what took them, and violations by kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.violations: defaultdict[str, list[str]] = defaultdict(list)
        self._lock = threading.Lock()

    def count(self, name: str, number: int = 1) -> None:
        """Counts an event."""
        with self._lock:
            self.counts[name] += number

    def violate(self, kind: str, what: str) -> None:
        """Records a violation."""
        with self._lock:
            self.violations[kind].append(what)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Times the block."""
        began = monotonic()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[what].append(monotonic() - began)

    def quantile(self, what: str, part: float) -> float:
        """Returns the quantile `part` of the times, in seconds; 0 without times."""
        taken = sorted(self.seconds[what])
        return taken[min(int(part * len(taken)), len(taken) - 1)] if taken else 0.0

    def lines(self) -> list[str]:
        """Describes the violations, some of each kind."""
        lines = []
        for kind, descriptions in sorted(self.violations.items()):
            lines += [f"{kind}: {what}" for what in descriptions[:MAX_DESCRIBED]]
            if len(descriptions) > MAX_DESCRIBED:
                lines.append(f"{kind}: {len(descriptions) - MAX_DESCRIBED} more")
        return lines
