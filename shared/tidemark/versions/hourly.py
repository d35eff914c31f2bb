"""The version list reduced to one version an hour, for picking a time: a busy dataset has hundreds of versions an hour.

Times grow with version numbers. Therefore a galloping search, and then a bisection, finds the newest version before a
given hour. Only the versions that the search compares are read.
"""

from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.limits import MAX_VERSIONS_EXAMINED
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.versions import Version
from tidemark.versions.resolve import existing_version


def list_hourly_versions(
    backend: Backend, *, project: str, dataset: str, limit: int, cursor: str | None
) -> Page[Version]:
    """Returns a page with the newest version of each hour (UTC) in which any version was published, newest first (R8).

    An hour with n versions takes about 2 log2(n) reads. A page ends after about `MAX_VERSIONS_EXAMINED` reads, so it
    may hold fewer than `limit` versions although more pages follow. Raises NotFound and InvalidRequest.
    """
    record = dataset_records.get(backend, project, dataset)
    scope = f"versions by hour:{record.uid}"
    latest = dataset_records.state(backend, record.uid).latest
    # A forged cursor may name a version that does not exist yet.
    number = min(int(decode_cursor(scope, cursor, int)[0]), latest) if cursor else latest
    examined: set[int] = set()

    def version(number: int) -> Version:
        examined.add(number)
        return existing_version(backend, record, number)

    items: list[Version] = []
    while number and len(items) < limit and len(examined) < MAX_VERSIONS_EXAMINED:
        items.append(version(number))
        number = _newest_before(_hour(items[-1].created_at), number, lambda older: version(older).created_at)
    return Page(items=items, cursor=encode_cursor(scope, number) if number else None)


def _newest_before(moment: datetime, number: int, created_at: Callable[[int], datetime]) -> int:
    """Returns the number of the newest version created before `moment`, or 0 if there is none.

    `number` is the number of a version created at `moment` or later.
    """
    step = 1
    while number > step and created_at(number - step) >= moment:
        number, step = number - step, step * 2
    oldest = max(number - step, 0)
    return bisect_left(range(oldest + 1, number), moment, key=created_at) + oldest


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
