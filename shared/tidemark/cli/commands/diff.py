"""`tidemark diff`: lists or counts the differences between two versions of a dataset."""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, LimitOption, connect
from tidemark.cli.commands.history import frame_change
from tidemark.cli.output import Column, View, print_json, print_lines, print_list
from tidemark.client.models import Json, parse
from tidemark.domain.diffs import ChangeCounts, DiffSummary, FrameDiff, add_up
from tidemark.domain.frames.changes import ItemChanges

FRAMES = View(
    FrameDiff,
    [
        Column("FRAME", lambda frame: frame.frame_id),
        Column("LABELS", lambda frame: _label_counts(frame.labels)),
        Column("CHANGE", frame_change, folds=True),
    ],
)


class Line(NamedTuple):
    """A line of the summary: counts of changes to a subject, such as `labels`."""

    subject: str
    counts: ChangeCounts


TOTALS: list[Column[Line]] = [
    Column("OF", lambda line: line.subject),
    Column("ADDED", lambda line: line.counts.added),
    Column("REMOVED", lambda line: line.counts.removed),
    Column("MODIFIED", lambda line: line.counts.modified),
]


def diff(
    dataset: DatasetArgument,
    before: Annotated[str, typer.Argument(metavar="FROM", show_default=False)],
    after: Annotated[str, typer.Argument(metavar="TO", show_default=False)],
    summary: Annotated[bool, typer.Option("--summary", help="Only totals, also by class.")] = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the frames that differ between two versions, each a number, a time with its zone, or LATEST.

    If FROM is newer than TO, the list shows the way back.
    """
    ends: dict[str, Any] = {"from": before, "to": after}
    with connect() as api:
        if not summary:
            print_list(
                lambda most: api.items(*dataset.path, "diff", most=most, **ends),
                FRAMES,
                limit=limit,
                as_json=as_json,
                none=f"{dataset} is the same at {before} and {after}.",
            )
            return
        total = _total([parse(DiffSummary, part) for part in api.parts(*dataset.path, "diff", "summary", **ends)])
    if as_json:
        print_json(_document(total))
    else:
        print_lines(list(_lines(total)), TOTALS, limit=limit)


def _total(parts: list[DiffSummary]) -> DiffSummary:
    """Adds up the partial summaries of several responses."""
    totals = add_up(parts)
    return parts[-1].model_copy(update={"frames": totals.frames, "labels": totals.labels, "classes": totals.classes})


def _document(total: DiffSummary) -> Json:
    ends = {"from": total.from_version, "to": total.to_version}
    return ends | total.model_dump(include={"frames", "labels", "classes"})


def _lines(total: DiffSummary) -> Iterator[Line]:
    yield Line("frames", total.frames)
    yield Line("labels", total.labels)
    for name, counts in total.classes.items():
        yield Line(f"class {name}", counts)


def _label_counts(labels: ItemChanges) -> str:
    """Returns the numbers of labels added, removed and modified as text, such as `+2 -1 ~3`."""
    counts = {"+": len(labels.added), "-": len(labels.removed), "~": len(labels.modified)}
    return " ".join(f"{sign}{number:,}" for sign, number in counts.items() if number)
