"""Diffs between versions of a dataset, read to their end."""

from typing import Any

from tests.simulation.world import World
from tests.support.pages import all_pages
from tests.support.uploads import DATASET, PROJECT
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
    """Returns one page of a diff."""
    return diffs.diff_versions(world.process(), **_ends(project, dataset, before, after), limit=limit, cursor=cursor)


def pages(world: World, before: Version, after: Version, **options: Any) -> list[DiffPage]:
    """Returns all pages of a diff."""
    return all_pages(lambda cursor: page(world, before, after, cursor=cursor, **options))


def diff(world: World, before: Version, after: Version, **options: Any) -> list[FrameDiff]:
    """Returns all items of a diff."""
    return [item for part in pages(world, before, after, **options) for item in part.items]


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
    """Returns one response with totals, which may be partial."""
    return diffs.summarize_diff(
        world.process(), **_ends(project, dataset, before, after), cursor=cursor, has_time=lambda: has_time
    )


def totals(world: World, before: Version, after: Version, **options: Any) -> DiffTotals:
    """Returns the totals of a diff, added up from as many responses as it takes."""
    return add_up(all_pages(lambda cursor: summary(world, before, after, cursor=cursor, **options)))


def _ends(project: str, dataset: str, before: Version, after: Version) -> dict[str, str]:
    return {"project": project, "dataset": dataset, "from_version": str(before), "to_version": str(after)}
