"""Rates: what a partition, an index, a message group or a prefix takes in a second."""


class Rate:
    """Capacity that refills with time, up to what `seconds` of it hold. It may be overdrawn by one large request."""

    __slots__ = ("_at", "_left", "depth", "per_second", "taken")

    def __init__(self, per_second: float, seconds: float = 1.0) -> None:
        self.per_second = per_second
        self.depth = per_second * seconds
        self.taken = 0.0
        """Everything taken so far."""
        self._left = self.depth
        self._at = 0.0

    def left(self, now: float) -> float:
        """Returns the capacity that is left at a time; negative if it is overdrawn."""
        self._left = min(self.depth, self._left + (now - self._at) * self.per_second)
        self._at = now
        return self._left

    def admits(self, now: float, amount: float) -> bool:
        """Returns whether a request for `amount` may be made. A request larger than the depth needs it full."""
        return self.left(now) >= min(amount, self.depth) - 1e-9

    def take(self, now: float, amount: float) -> None:
        """Takes `amount`, whether or not as much is left."""
        self.left(now)
        self._left -= amount
        self.taken += amount
