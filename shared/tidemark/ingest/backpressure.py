"""Backpressure: limits on how many rows and windows of a dataset may be in flight, which means accepted but undecided.

All datasets share a queue, and SQS searches only part of a queue for work, so no dataset may fill that part. A dataset
that has reached its quota refuses requests. It never refuses files: their reading pauses once half of the quota is in
flight, so that bulk loads from files leave room for requests. Counts come from an index that lags, and a process
remembers them for two seconds. Within that time, a dataset may accept more than its quota. If counting fails, because
the index is throttled for example, the last count holds for another two seconds.
"""

import logging
from datetime import UTC, datetime, timedelta

from tidemark.aws.backend import Backend
from tidemark.aws.transient import is_transient
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import TooManyInFlight
from tidemark.domain.limits import MAX_ROWS_IN_FLIGHT, MAX_WINDOWS_IN_FLIGHT
from tidemark.domain.uploads import InFlight
from tidemark.uploads import records as upload_records

logger = logging.getLogger(__name__)

QUOTA = InFlight(MAX_ROWS_IN_FLIGHT, MAX_WINDOWS_IN_FLIGHT)
"""The rows and windows in flight at which a dataset refuses requests. Reaching either number is enough."""
FILE_QUOTA = InFlight(MAX_ROWS_IN_FLIGHT // 2, MAX_WINDOWS_IN_FLIGHT // 2)
"""The rows and windows in flight at which reading of files pauses: half of `QUOTA`, to leave room for requests."""

COUNT_TTL = timedelta(seconds=2)
"""How long a process remembers what a dataset has in flight, so that counting costs a busy dataset little."""


def refuse_if_full(backend: Backend, dataset: Dataset) -> None:
    """Raises TooManyInFlight (`too_many_rows_in_flight`) if a dataset has reached its quota."""
    count = _in_flight(backend, dataset.uid)
    if count.reaches(QUOTA):
        raise TooManyInFlight(
            f"The dataset {dataset.name!r} has at least {count.rows:,} rows and {count.windows:,} windows in flight. "
            f"It takes more below {QUOTA.rows:,} rows and {QUOTA.windows:,} windows. Send the request again later."
        )


def may_read_files(backend: Backend, uid: str) -> bool:
    """Returns whether a dataset has less in flight than `FILE_QUOTA`, so that its files may be read further."""
    return not _in_flight(backend, uid).reaches(FILE_QUOTA)


def is_full(backend: Backend, uid: str) -> bool:
    """Returns whether a dataset has reached `QUOTA`."""
    return _in_flight(backend, uid).reaches(QUOTA)


def _in_flight(backend: Backend, uid: str) -> InFlight:
    now = backend.clock()
    counted_at, count = backend.memory.in_flight.get(uid, (datetime.min.replace(tzinfo=UTC), InFlight()))
    if not timedelta() <= now - counted_at < COUNT_TTL:
        try:
            count = upload_records.in_flight(backend, uid, most=QUOTA, count_ttl=COUNT_TTL)
        except Exception as error:
            # A count that fails must not stop a dataset whose rows can be accepted and applied.
            if not is_transient(error):
                raise
            logger.warning("rows in flight not counted", exc_info=True)
        backend.memory.in_flight[uid] = backend.clock(), count
    return count
