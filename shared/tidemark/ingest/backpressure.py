"""Back-pressure: how much of a dataset may be on its way at a time.

All datasets share a queue in which SQS looks for work only so far. Requests are refused once a dataset has its quota in
flight; files are not, their reading waits, and from half of the quota on, so that a load of files does not have
requests refused. The count is read from an index and remembered for a moment, so it is late: what arrives within some
two seconds may come on top.
"""

from datetime import UTC, datetime, timedelta

from tidemark.aws.backend import Backend
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import TooManyInFlight
from tidemark.domain.limits import MAX_ROWS_IN_FLIGHT, MAX_WINDOWS_IN_FLIGHT
from tidemark.domain.uploads import InFlight
from tidemark.uploads import records as upload_records

QUOTA = InFlight(MAX_ROWS_IN_FLIGHT, MAX_WINDOWS_IN_FLIGHT)
FILE_QUOTA = InFlight(MAX_ROWS_IN_FLIGHT // 2, MAX_WINDOWS_IN_FLIGHT // 2)
"""What may be in flight for a file to be read further."""

COUNT_TTL = timedelta(seconds=2)
"""How long a process trusts what it has counted, so that counting costs a busy dataset little."""


def refuse_if_full(backend: Backend, dataset: Dataset) -> None:
    """Raises TooManyInFlight (`too_many_rows_in_flight`) where a dataset has its quota in flight."""
    found = _in_flight(backend, dataset.uid)
    if _fills(found, QUOTA):
        raise TooManyInFlight(
            f"The dataset {dataset.name!r} has {found.rows:,} rows or more on their way, in {found.windows:,} windows; "
            f"it takes more when there are less than {QUOTA.rows:,} rows and {QUOTA.windows:,} windows. Send the "
            "request again in a moment."
        )


def may_read_files(backend: Backend, uid: str) -> bool:
    """Whether a dataset has so little in flight that its files are read further."""
    return not _fills(_in_flight(backend, uid), FILE_QUOTA)


def is_full(backend: Backend, uid: str) -> bool:
    """Whether a dataset has its quota in flight."""
    return _fills(_in_flight(backend, uid), QUOTA)


def _fills(found: InFlight, quota: InFlight) -> bool:
    return found.rows >= quota.rows or found.windows >= quota.windows


def _in_flight(backend: Backend, uid: str) -> InFlight:
    now = backend.clock()
    at, found = backend.memory.in_flight.get(uid, (datetime.min.replace(tzinfo=UTC), InFlight()))
    if not timedelta() <= now - at < COUNT_TTL:
        found = upload_records.in_flight(backend, uid, most=QUOTA)
        backend.memory.in_flight[uid] = backend.clock(), found
    return found
