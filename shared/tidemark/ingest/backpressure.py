"""Backpressure: limits on how much of a dataset may be in flight at once.

All datasets share a queue, and SQS searches only part of a queue for work. While a dataset's quota is in flight, its
requests are refused. Its files are not refused; reading them waits, from half of the quota on, so that a load of files
does not cause requests to be refused. Counts come from an index and are remembered for a moment, so they are late: what
arrives within some two seconds may exceed the quota.
"""

from datetime import UTC, datetime, timedelta

from tidemark.aws.backend import Backend
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import TooManyInFlight
from tidemark.domain.limits import MAX_ROWS_IN_FLIGHT, MAX_WINDOWS_IN_FLIGHT
from tidemark.domain.uploads import InFlight
from tidemark.uploads import records as upload_records

QUOTA = InFlight(MAX_ROWS_IN_FLIGHT, MAX_WINDOWS_IN_FLIGHT)
"""From this much in flight on, requests are refused."""
FILE_QUOTA = InFlight(MAX_ROWS_IN_FLIGHT // 2, MAX_WINDOWS_IN_FLIGHT // 2)
"""From this much in flight on, files are not read further."""

COUNT_TTL = timedelta(seconds=2)
"""How long a process remembers a count, so that counting costs a busy dataset little."""


def refuse_if_full(backend: Backend, dataset: Dataset) -> None:
    """Raises TooManyInFlight (`too_many_rows_in_flight`) if a dataset has its quota in flight."""
    count = _in_flight(backend, dataset.uid)
    if _reaches(count, QUOTA):
        raise TooManyInFlight(
            f"The dataset {dataset.name!r} has at least {count.rows:,} rows and {count.windows:,} windows in flight. "
            f"It takes more below {QUOTA.rows:,} rows and {QUOTA.windows:,} windows. Send the request again later."
        )


def may_read_files(backend: Backend, uid: str) -> bool:
    """Returns whether a dataset has so little in flight that its files may be read further."""
    return not _reaches(_in_flight(backend, uid), FILE_QUOTA)


def is_full(backend: Backend, uid: str) -> bool:
    """Returns whether a dataset has its quota in flight."""
    return _reaches(_in_flight(backend, uid), QUOTA)


def _reaches(count: InFlight, quota: InFlight) -> bool:
    return count.rows >= quota.rows or count.windows >= quota.windows


def _in_flight(backend: Backend, uid: str) -> InFlight:
    now = backend.clock()
    counted_at, count = backend.memory.in_flight.get(uid, (datetime.min.replace(tzinfo=UTC), InFlight()))
    if not timedelta() <= now - counted_at < COUNT_TTL:
        count = upload_records.in_flight(backend, uid, most=QUOTA)
        backend.memory.in_flight[uid] = backend.clock(), count
    return count
