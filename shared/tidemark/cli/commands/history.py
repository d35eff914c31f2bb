"""`tidemark history`: lists the changes to a frame, or to one of its labels."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, LimitOption, connect
from tidemark.cli.output import Column, View, print_list
from tidemark.client.models import Json
from tidemark.domain.frames.changes import FrameChange
from tidemark.domain.frames.revisions import FrameRevision, LabelRevision


def history(
    dataset: DatasetArgument,
    frame_id: Annotated[str, typer.Argument(metavar="FRAME_ID", show_default=False)],
    label: Annotated[
        str | None, typer.Option("--label", metavar="ID", help="Only changes of this label.", show_default=False)
    ] = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the changes of a frame, newest first: when, by whom, by which upload, and what changed."""
    with connect() as api:
        frame = (*dataset.path, "frames", frame_id)
        if label is None:
            print_list(
                lambda most: api.items(*frame, "history", most=most),
                FRAME,
                limit=limit,
                as_json=as_json,
                none="No changes.",
            )
            return
        print_list(
            lambda most: api.items(*frame, "labels", label, "history", most=most),
            LABEL,
            limit=limit,
            as_json=as_json,
            none=f"Frame {frame_id} never had a label {label}.",
        )


def frame_change(change: FrameChange) -> str:
    """Returns a description of a frame's change, on one line."""
    if change.change == "modified":
        return "; ".join(_differences(change))
    return "no difference" if change.change == "none" else change.change


def label_change(revision: LabelRevision) -> str:
    """Returns a description of a label's change, on one line."""
    if revision.before is None or revision.after is None:
        label = revision.after or revision.before or {}
        return f"{revision.change}: {label.get('class', label.get('type', ''))}"
    return _fields(revision.before, revision.after)


FRAME = View(
    FrameRevision,
    [
        Column("AT", lambda revision: revision.at),
        Column("BY", lambda revision: revision.actor),
        Column("OP", lambda revision: revision.op),
        Column("CHANGE", lambda revision: frame_change(revision.changes), folds=True),
        Column("UPLOAD", lambda revision: revision.upload),
    ],
)
LABEL = View(
    LabelRevision,
    [
        Column("AT", lambda revision: revision.at),
        Column("BY", lambda revision: revision.actor),
        Column("OP", lambda revision: revision.op),
        Column("CHANGE", label_change, folds=True),
        Column("UPLOAD", lambda revision: revision.upload),
    ],
)


def _differences(change: FrameChange) -> Iterator[str]:
    for values in (change.fields, change.metadata):
        for name, value in values.items():
            yield f"{name}: {_value(value.before)} → {_value(value.after)}"
    lists = {"sensor": change.sensors, "coordinate frame": change.coordinate_frames, "label": change.labels}
    for noun, items in lists.items():
        for sign, group in (("+", items.added), ("-", items.removed)):
            if group:
                yield f"{sign}{noun} {', '.join(item['id'] for item in group)}"
        for item in items.modified:
            yield f"{noun} {item.id}: {_fields(item.before, item.after)}"
        if items.order:
            yield f"order of {noun}s"


def _fields(before: Json, after: Json) -> str:
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {_value(before.get(name))} → {_value(after.get(name))}" for name in names)


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
