"""S3 under load: request rates by prefix, which grow when S3 splits a prefix."""

from tests.capacity.clock import Clock, Process
from tests.capacity.limits import BucketLimits, Times
from tests.capacity.rates import Rate


class SlowDown(Exception):
    """Raised when a prefix takes no more requests at the moment."""


class Bucket:
    """A bucket."""

    def __init__(self, clock: Clock, limits: BucketLimits, times: Times) -> None:
        self._clock = clock
        self._limits = limits
        self._times = times
        self._rates: dict[tuple[str, bool], Rate] = {}
        self._refused_since: dict[tuple[str, bool], float] = {}

    def put(self, prefix: str) -> Process[None]:
        """Stores an object. Raises SlowDown."""
        yield from self._request(prefix, is_put=True)
        yield self._clock.spread(self._times.put)

    def get(self, prefix: str) -> Process[None]:
        """Reads a range of an object. Raises SlowDown."""
        yield from self._request(prefix, is_put=False)
        yield self._clock.spread(self._times.get)

    def _request(self, prefix: str, *, is_put: bool) -> Process[None]:
        now, key = self._clock.now, (prefix, is_put)
        rate = self._rates.setdefault(key, Rate(self._limits.puts if is_put else self._limits.gets))
        if rate.admits(now, 1):
            rate.take(now, 1)
            return
        if now - self._refused_since.setdefault(key, now) >= self._limits.split_after:
            self._refused_since[key] = now
            rate.per_second *= 2
            rate.depth *= 2
        yield self._clock.spread(self._times.refused)
        raise SlowDown
