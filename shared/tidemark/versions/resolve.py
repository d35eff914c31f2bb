"""Lists versions, and finds the version that a client names by number, checkpoint, time or LATEST."""

import re
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.domain.ids import is_checkpoint_name
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.versions import Version
from tidemark.versions import checkpoint_names
from tidemark.versions import records as version_records

LATEST = "LATEST"
VERSION_FORMS = "a number, the name of a checkpoint, an ISO 8601 time such as 2026-01-31T12:00:00Z, or LATEST"
"""The ways to name a version, as text for error messages."""
MAX_NUMBER_DIGITS = 12
MAX_PUBLICATION_TIME = timedelta(seconds=60)
"""Longest time from reading the clock for a new version to storing it, plus the difference between two clocks."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})?")


def get_version(backend: Backend, *, project: str, dataset: str, version: str) -> Version:
    """Returns the version that `version` names. Raises NotFound and InvalidRequest."""
    return resolve(backend, dataset_records.get(backend, project, dataset), version)


def list_versions(backend: Backend, *, project: str, dataset: str, limit: int, cursor: str | None) -> Page[Version]:
    """Returns a page of the versions of a dataset, newest first (R8)."""
    record = dataset_records.get(backend, project, dataset)
    scope = f"versions:{record.uid}"
    if cursor is None:
        below = dataset_records.state(backend, record.uid).latest + 1
    else:
        below = int(decode_cursor(scope, cursor, int)[0])
    versions = version_records.newest(backend, record.uid, below, limit)
    next_cursor = encode_cursor(scope, versions[-1].number) if versions and versions[-1].number > 1 else None
    return Page(items=versions, cursor=next_cursor)


def resolve(backend: Backend, dataset: Dataset, version: str, *, named_by: str = "version") -> Version:
    """Returns the version that a client names (R7, R14).

    A version is named by its number, by a checkpoint, by an ISO 8601 time (the version current then), or by LATEST.

    Raises NotFound for an unknown number or checkpoint. Raises InvalidRequest for other text, and for a time that is
    not over yet. Both errors point to `named_by`: the parameter that names the version, or the JSON pointer of its
    field.
    """
    try:
        return _resolve(backend, dataset, version)
    except (NotFound, InvalidRequest) as error:
        error.pointer = named_by
        raise


def latest_version(backend: Backend, dataset: Dataset) -> Version:
    """Returns the latest version, which includes everything that settled before this call."""
    return existing_version(backend, dataset, dataset_records.state(backend, dataset.uid).latest)


def numbered_version(backend: Backend, dataset: Dataset, number: str) -> Version:
    """Returns the version with a number given in decimal digits. Raises NotFound."""
    version = None
    if len(number) <= MAX_NUMBER_DIGITS:
        version = version_records.find(backend, dataset, int(number))
    if version is None:
        latest = dataset_records.state(backend, dataset.uid).latest
        raise NotFound(
            f"Dataset {dataset.name!r} has no version {number[:20]}; its latest is {latest}.",
            code="unknown_version",
            pointer="version",
        )
    return version


def existing_version(backend: Backend, dataset: Dataset, number: int) -> Version:
    """Returns a version that is known to exist. Raises NotFound if the dataset has been purged meanwhile."""
    version = version_records.find(backend, dataset, number)
    if version is None:
        dataset_records.state(backend, dataset.uid)  # raises NotFound after a purge
        raise LookupError(f"version {number} of {dataset.uid} is missing, though later ones exist")
    return version


def _resolve(backend: Backend, dataset: Dataset, version: str) -> Version:
    if version == LATEST:
        return latest_version(backend, dataset)
    if version.isascii() and version.isdigit():
        return numbered_version(backend, dataset, version)
    if is_checkpoint_name(version):
        return _checkpoint_version(backend, dataset, version)
    return _version_at(backend, dataset, _moment(version))


def _checkpoint_version(backend: Backend, dataset: Dataset, name: str) -> Version:
    ref = checkpoint_names.ref(backend, dataset.uid, name)
    if ref is None:
        raise NotFound(
            f"Dataset {dataset.name!r} has no checkpoint {name!r}. A version is {VERSION_FORMS}.",
            code="unknown_checkpoint",
            pointer="version",
        )
    return existing_version(backend, dataset, ref.version)


def _version_at(backend: Backend, dataset: Dataset, moment: datetime) -> Version:
    # Times grow with version numbers, so bisection finds the version, with one more read whenever the number of
    # versions doubles. An index by time would cost every publication a write, for few readers.
    state = dataset_records.state(backend, dataset.uid)
    if state.latest_at is None or state.latest_at < moment:
        _refuse_unless_past(backend, moment)
        return existing_version(backend, dataset, state.latest)
    if state.latest_at == moment:
        return existing_version(backend, dataset, state.latest)
    number = bisect_right(
        range(1, state.latest), moment, key=lambda number: existing_version(backend, dataset, number).created_at
    )
    return existing_version(backend, dataset, number)


def _refuse_unless_past(backend: Backend, moment: datetime) -> None:
    """Raises InvalidRequest if a version up to `moment` may still be published, which would change the result (R7)."""
    if moment > backend.clock() - MAX_PUBLICATION_TIME:
        raise InvalidRequest(
            f"The time {moment.isoformat()} is not {MAX_PUBLICATION_TIME.seconds} s past, and a version up to it may "
            "still be published; read LATEST, or that time a little later.",
            code="time_not_over",
            pointer="version",
        )


def _moment(text: str) -> datetime:
    if _is_date(text):
        raise _unknown(f"{text!r} is a date; give a time such as {text[:10]}T00:00:00Z.")
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unknown(f"{text[:80]!r} names no version: give {VERSION_FORMS}.") from None
    raise _unknown(f"The time {text!r} has no zone; end it with Z or an offset (a plus sign is written %2B in a URL).")


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text[:10]))
    except ValueError:
        return False


def _unknown(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="unknown_version", pointer="version")
