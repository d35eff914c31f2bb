"""`tidemark diff`: what differs between two versions of a dataset."""

from collections.abc import Iterator
from typing import Annotated

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, LimitOption, connect
from tidemark.cli.commands.history import frame_change
from tidemark.cli.output import Column, View, print_json, show_list
from tidemark.client.api import Api
from tidemark.client.models import Counted, DiffSummary, FrameDiff, Json
from tidemark.client.refs import DatasetRef
from tidemark.domain.diffs import DiffTotals, add_up

FRAMES = View[FrameDiff](
    FrameDiff,
    [
        Column("FRAME", lambda frame: frame.frame_id),
        Column("LABELS", lambda frame: _label_counts(frame.labels)),
        Column("CHANGE", lambda frame: frame_change(frame.model_dump()), folds=True),
    ],
)
TOTALS = View[Counted](
    Counted,
    [
        Column("OF", lambda counted: counted.of),
        Column("ADDED", lambda counted: counted.added),
        Column("REMOVED", lambda counted: counted.removed),
        Column("MODIFIED", lambda counted: counted.modified),
    ],
)


def diff(
    dataset: DatasetArgument,
    before: Annotated[str, typer.Argument(metavar="FROM", show_default=False)],
    after: Annotated[str, typer.Argument(metavar="TO", show_default=False)],
    summary: Annotated[bool, typer.Option("--summary", help="Totals alone, by class.")] = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the frames that differ between two versions, each a number, a time with its zone, or LATEST.

    FROM may be newer than TO; then the list tells the way back.
    """
    ends = {"from": before, "to": after}
    with connect() as api:
        if not summary:
            show_list(
                lambda most: api.items(*dataset.path, "diff", most=most, **ends),
                FRAMES,
                limit=limit,
                as_json=as_json,
                none=f"{dataset} holds the same at {before} and {after}.",
            )
            return
        totals = _totals(api, dataset, ends)
        if as_json:
            print_json(totals)
            return
        counted = list(_counted(totals))
        show_list(lambda most: iter(counted[:most]), TOTALS, limit=limit or len(counted), as_json=False, none="")


def _totals(api: Api, dataset: DatasetRef, ends: dict[str, str]) -> Json:
    """The totals of a diff, from as many answers as it takes."""
    cursor: str | None = None
    parts: list[DiffTotals] = []
    while True:
        answer = DiffSummary.model_validate(api.get(*dataset.path, "diff", "summary", cursor=cursor, **ends))
        parts.append(DiffTotals.model_validate(answer.model_dump(include={"frames", "labels", "classes"})))
        cursor = answer.cursor
        if cursor is None:
            return {"from": answer.from_version, "to": answer.to_version, **add_up(parts).model_dump()}


def _counted(totals: Json) -> Iterator[Json]:
    for of in ("frames", "labels"):
        yield {"of": of, **totals[of]}
    for name, counts in totals["classes"].items():
        yield {"of": f"class {name}", **counts}


def _label_counts(labels: Json) -> str:
    """How many labels came, went and changed: `+2 -1 ~3`."""
    counts = [("+", labels["added"]), ("-", labels["removed"]), ("~", labels["modified"])]
    return " ".join(f"{sign}{len(group):,}" for sign, group in counts if group)
