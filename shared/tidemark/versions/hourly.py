"""The list of versions thinned to one an hour, for who picks a time: a busy dataset has hundreds of versions an hour.

Times grow with the dense numbers of versions, so the newest version of the hour before is found by galloping back from
the first one of an hour that is known, and by bisection. No version is read that is not looked at for that.
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
    """The newest version of each hour (UTC) that has any, newest first (R8).

    An hour of n versions takes some 2 log2(n) reads, and a page ends after about `MAX_VERSIONS_EXAMINED` of them, so
    that it may be short while its cursor goes on. Raises NotFound and InvalidRequest.
    """
    found = dataset_records.get(backend, project, dataset)
    scope = f"versions by hour:{found.uid}"
    latest = dataset_records.state(backend, found.uid).latest
    number = min(int(decode_cursor(scope, cursor, int)[0]), latest) if cursor else latest  # one may be made up
    examined: set[int] = set()

    def version(number: int) -> Version:
        examined.add(number)
        return existing_version(backend, found, number)

    items: list[Version] = []
    while number and len(items) < limit and len(examined) < MAX_VERSIONS_EXAMINED:
        items.append(version(number))
        number = _newest_before(_hour(items[-1].created_at), number, lambda one: version(one).created_at)
    return Page(items=items, cursor=encode_cursor(scope, number) if number else None)


def _newest_before(moment: datetime, number: int, created_at: Callable[[int], datetime]) -> int:
    """The newest version below `number`, itself not before `moment`, that is; 0 if there is none."""
    step = 1
    while number > step and created_at(number - step) >= moment:
        number, step = number - step, step * 2
    oldest = max(number - step, 0)
    return bisect_left(range(oldest + 1, number), moment, key=created_at) + oldest


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
