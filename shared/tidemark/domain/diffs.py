"""Diffs: what differs between two versions of a dataset, frame by frame and in total (R11)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.canonical import canonical_json
from tidemark.domain.frames.changes import FrameChange, Json

Unit = tuple[str, ...]
"""What counts for a class: a label, by its id, or an instance of a mask, by the ids of both."""


class Digests(BaseModel):
    """The digests of a frame before and after; None where it is not there."""

    model_config = ConfigDict(frozen=True)

    before: str | None
    after: str | None


class _Subject(BaseModel):
    frame_id: str
    digest: Digests


class FrameDiff(FrameChange, _Subject):
    """What differs between two versions of a dataset in one frame: enough to make the later state from the earlier."""


class ChangeCounts(BaseModel):
    """How many were added, removed and modified."""

    model_config = ConfigDict(frozen=True)

    added: int = 0
    removed: int = 0
    modified: int = 0


class DiffTotals(BaseModel):
    """How much differs between two versions of a dataset, or in a part of its frames."""

    model_config = ConfigDict(frozen=True)

    frames: ChangeCounts = ChangeCounts()
    labels: ChangeCounts = ChangeCounts()
    """Labels of frames that were added and removed count too. A mask is one label."""
    classes: dict[str, ChangeCounts] = {}
    """By class, labels and instances of masks. One that changed its class was removed from the old and added to the
    new one, so that `added` less `removed` is by how much a class has grown."""


class DiffSummary(DiffTotals):
    """The totals of a diff. With a cursor, they cover only as many frames as there was time to count."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    from_version: int = Field(alias="from")
    to_version: int = Field(alias="to")
    cursor: str | None


def add_up(parts: Iterable[DiffTotals]) -> DiffTotals:
    """The totals of a whole, from those of its parts."""
    frames: list[ChangeCounts] = []
    labels: list[ChangeCounts] = []
    classes: list[tuple[str, ChangeCounts]] = []
    for part in parts:
        frames.append(part.frames)
        labels.append(part.labels)
        classes.extend(part.classes.items())
    return DiffTotals(frames=_sum(frames), labels=_sum(labels), classes=_by_class(classes))


def totals_of_added(labels: int, classes: Mapping[str, int]) -> DiffTotals:
    """The totals of a frame that was added with so many labels, of which so many are of each class."""
    return DiffTotals(
        frames=ChangeCounts(added=1),
        labels=ChangeCounts(added=labels),
        classes={name: ChangeCounts(added=count) for name, count in classes.items()},
    )


def totals_of_removed(labels: int, classes: Mapping[str, int]) -> DiffTotals:
    """The totals of a frame that was removed with so many labels, of which so many were of each class."""
    return DiffTotals(
        frames=ChangeCounts(removed=1),
        labels=ChangeCounts(removed=labels),
        classes={name: ChangeCounts(removed=count) for name, count in classes.items()},
    )


def totals_of_modified(change: FrameChange) -> DiffTotals:
    """The totals of a frame that is in both versions and differs."""
    labels = change.labels
    before = _units([*labels.removed, *(part.before for part in labels.modified)])
    after = _units([*labels.added, *(part.after for part in labels.modified)])
    return DiffTotals(
        frames=ChangeCounts(modified=1),
        labels=ChangeCounts(added=len(labels.added), removed=len(labels.removed), modified=len(labels.modified)),
        classes=_by_class(_class_changes(before, after)),
    )


def _sum(parts: Sequence[ChangeCounts]) -> ChangeCounts:
    return ChangeCounts(
        added=sum(part.added for part in parts),
        removed=sum(part.removed for part in parts),
        modified=sum(part.modified for part in parts),
    )


def _by_class(parts: Iterable[tuple[str, ChangeCounts]]) -> dict[str, ChangeCounts]:
    classes: dict[str, list[ChangeCounts]] = defaultdict(list)
    for name, counts in parts:
        classes[name].append(counts)
    return {name: _sum(counts) for name, counts in sorted(classes.items())}


def _units(labels: Iterable[Json]) -> dict[Unit, Json]:
    """Labels and instances that have a class."""
    units: dict[Unit, Json] = {}
    for label in labels:
        units[label["id"],] = label
        units.update({(label["id"], str(one["id"])): one for one in label.get("instances", [])})
    return {unit: content for unit, content in units.items() if "class" in content}


def _class_changes(before: Mapping[Unit, Json], after: Mapping[Unit, Json]) -> Iterator[tuple[str, ChangeCounts]]:
    for unit in {**before, **after}:
        old, new = before.get(unit), after.get(unit)
        if old and new and old["class"] == new["class"]:
            if canonical_json(old) != canonical_json(new):
                yield new["class"], ChangeCounts(modified=1)
            continue
        if old:
            yield old["class"], ChangeCounts(removed=1)
        if new:
            yield new["class"], ChangeCounts(added=1)
