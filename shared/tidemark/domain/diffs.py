"""Diffs: the differences between two versions of a dataset, frame by frame and in total (R11)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.canonical import canonical_json
from tidemark.domain.frames.changes import FrameChange, Json

ItemKey = tuple[str, ...]
"""Identifies an item that counts towards a class: a label by its id, or a mask instance by the ids of its label and the
instance."""


class Digests(BaseModel):
    """Digests of a frame's earlier and later state; None for a state in which the frame does not exist."""

    model_config = ConfigDict(frozen=True)

    before: str | None
    after: str | None


class _Subject(BaseModel):
    frame_id: str
    digest: Digests


class FrameDiff(FrameChange, _Subject):
    """The differences in one frame between two versions. They suffice to build the later state from the earlier one."""


class ChangeCounts(BaseModel):
    """Numbers of items added, removed and modified."""

    model_config = ConfigDict(frozen=True)

    added: int = 0
    removed: int = 0
    modified: int = 0


class DiffTotals(BaseModel):
    """Totals of the differences between two versions of a dataset, in all frames or in some."""

    model_config = ConfigDict(frozen=True)

    frames: ChangeCounts = ChangeCounts()
    labels: ChangeCounts = ChangeCounts()
    """Numbers of labels added, removed and modified, including the labels of added and removed frames. A mask counts as
    one label."""
    classes: dict[str, ChangeCounts] = {}
    """Numbers of labels and mask instances added, removed and modified, by class. A label whose class changed counts as
    removed from the old class and added to the new one, so that `added` minus `removed` is the growth of the class."""


class DiffSummary(DiffTotals):
    """The totals of a diff. If there is a cursor, the totals cover only as many frames as there was time to count."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    from_version: int = Field(alias="from")
    to_version: int = Field(alias="to")
    cursor: str | None


def add_up(all_totals: Iterable[DiffTotals]) -> DiffTotals:
    """Returns the sum of several totals."""
    frames: list[ChangeCounts] = []
    labels: list[ChangeCounts] = []
    classes: list[tuple[str, ChangeCounts]] = []
    for totals in all_totals:
        frames.append(totals.frames)
        labels.append(totals.labels)
        classes.extend(totals.classes.items())
    return DiffTotals(frames=_sum(frames), labels=_sum(labels), classes=_by_class(classes))


def totals_of_added(labels: int, classes: Mapping[str, int]) -> DiffTotals:
    """Returns the totals of one added frame. `classes` is its number of labels and mask instances, by class."""
    return DiffTotals(
        frames=ChangeCounts(added=1),
        labels=ChangeCounts(added=labels),
        classes={name: ChangeCounts(added=count) for name, count in classes.items()},
    )


def totals_of_removed(labels: int, classes: Mapping[str, int]) -> DiffTotals:
    """Returns the totals of one removed frame. `classes` is its number of labels and mask instances, by class."""
    return DiffTotals(
        frames=ChangeCounts(removed=1),
        labels=ChangeCounts(removed=labels),
        classes={name: ChangeCounts(removed=count) for name, count in classes.items()},
    )


def totals_of_modified(change: FrameChange) -> DiffTotals:
    """Returns the totals of one frame that exists in both versions and differs."""
    labels = change.labels
    before = _classed_items([*labels.removed, *(label.before for label in labels.modified)])
    after = _classed_items([*labels.added, *(label.after for label in labels.modified)])
    return DiffTotals(
        frames=ChangeCounts(modified=1),
        labels=ChangeCounts(added=len(labels.added), removed=len(labels.removed), modified=len(labels.modified)),
        classes=_by_class(_class_changes(before, after)),
    )


def _sum(all_counts: Sequence[ChangeCounts]) -> ChangeCounts:
    return ChangeCounts(
        added=sum(counts.added for counts in all_counts),
        removed=sum(counts.removed for counts in all_counts),
        modified=sum(counts.modified for counts in all_counts),
    )


def _by_class(class_counts: Iterable[tuple[str, ChangeCounts]]) -> dict[str, ChangeCounts]:
    classes: dict[str, list[ChangeCounts]] = defaultdict(list)
    for name, counts in class_counts:
        classes[name].append(counts)
    return {name: _sum(counts) for name, counts in sorted(classes.items())}


def _classed_items(labels: Iterable[Json]) -> dict[ItemKey, Json]:
    """Returns the labels and mask instances that have a class, by `ItemKey`."""
    items: dict[ItemKey, Json] = {}
    for label in labels:
        items[label["id"],] = label
        items.update({(label["id"], str(instance["id"])): instance for instance in label.get("instances", [])})
    return {key: item for key, item in items.items() if "class" in item}


def _class_changes(before: Mapping[ItemKey, Json], after: Mapping[ItemKey, Json]) -> Iterator[tuple[str, ChangeCounts]]:
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if old and new and old["class"] == new["class"]:
            if canonical_json(old) != canonical_json(new):
                yield new["class"], ChangeCounts(modified=1)
            continue
        if old:
            yield old["class"], ChangeCounts(removed=1)
        if new:
            yield new["class"], ChangeCounts(added=1)
