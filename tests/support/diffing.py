"""Diffs of a dataset's versions, read whole."""

from functools import partial
from typing import Any

from tests.simulation.world import World
from tests.support.sending import DATASET, PROJECT
from tidemark.domain.diffs import DiffSummary, DiffTotals, FrameDiff, add_up
from tidemark.versions import diff as diffs
from tidemark.versions.diff import DiffPage

Version = int | str


def page(
    world: World,
    before: Version,
    after: Version,
    *,
    limit: int = 1000,
    cursor: str | None = None,
    project: str = PROJECT,
    dataset: str = DATASET,
) -> DiffPage:
    """A page of a diff."""
    return diffs.diff_versions(
        world.process(),
        project=project,
        dataset=dataset,
        from_version=str(before),
        to_version=str(after),
        limit=limit,
        cursor=cursor,
    )


def pages(world: World, before: Version, after: Version, **given: Any) -> list[DiffPage]:
    """All pages of a diff."""
    read = partial(page, world, before, after, **given)
    found = [read()]
    while found[-1].cursor is not None:
        found.append(read(cursor=found[-1].cursor))
    return found


def diff(world: World, before: Version, after: Version, **given: Any) -> list[FrameDiff]:
    """All items of a diff."""
    return [item for one in pages(world, before, after, **given) for item in one.items]


def summary(
    world: World,
    before: Version,
    after: Version,
    *,
    cursor: str | None = None,
    has_time: bool = True,
    project: str = PROJECT,
    dataset: str = DATASET,
) -> DiffSummary:
    """One answer with totals."""
    return diffs.summarize_diff(
        world.process(),
        project=project,
        dataset=dataset,
        from_version=str(before),
        to_version=str(after),
        cursor=cursor,
        has_time=lambda: has_time,
    )


def totals(world: World, before: Version, after: Version, **given: Any) -> DiffTotals:
    """The totals of a diff, from as many answers as it takes."""
    read = partial(summary, world, before, after, **given)
    found = [read()]
    while found[-1].cursor is not None:
        found.append(read(cursor=found[-1].cursor))
    return add_up(found)
