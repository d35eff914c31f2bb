"""`tidemark history`: how a frame, or one label of it, came to be as it is."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, LimitOption, connect
from tidemark.cli.output import Column, View, show_list
from tidemark.client.models import FrameRevision, Json, LabelRevision

PARTS = {"sensors": "sensor", "coordinate_frames": "coordinate frame", "labels": "label"}


def history(
    dataset: DatasetArgument,
    frame_id: Annotated[str, typer.Argument(metavar="FRAME_ID", show_default=False)],
    label: Annotated[
        str | None, typer.Option("--label", metavar="ID", help="Of this label alone.", show_default=False)
    ] = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the changes of a frame, newest first: when, by whom, by which upload, and what changed."""
    with connect() as api:
        frame = (*dataset.path, "frames", frame_id)
        if label is None:
            show_list(
                lambda most: api.items(*frame, "history", most=most),
                FRAME,
                limit=limit,
                as_json=as_json,
                none="No changes.",
            )
            return
        show_list(
            lambda most: api.items(*frame, "labels", label, "history", most=most),
            LABEL,
            limit=limit,
            as_json=as_json,
            none=f"Frame {frame_id} never had a label {label}.",
        )


def frame_change(changes: Json) -> str:
    """What changed of a frame, in a few words."""
    if changes["change"] != "modified":
        return {"none": "no difference"}.get(changes["change"], str(changes["change"]))
    return "; ".join(_differences(changes))


def label_change(revision: LabelRevision) -> str:
    """What changed of a label, in a few words."""
    if revision.before is None or revision.after is None:
        label = revision.after or revision.before or {}
        return f"{revision.change}: {label.get('class', label.get('type', ''))}"
    return _fields(revision.before, revision.after)


FRAME = View[FrameRevision](
    FrameRevision,
    [
        Column("AT", lambda revision: revision.at),
        Column("BY", lambda revision: revision.actor),
        Column("OP", lambda revision: revision.op),
        Column("CHANGE", lambda revision: frame_change(revision.changes), folds=True),
        Column("UPLOAD", lambda revision: revision.upload),
    ],
)
LABEL = View[LabelRevision](
    LabelRevision,
    [
        Column("AT", lambda revision: revision.at),
        Column("BY", lambda revision: revision.actor),
        Column("OP", lambda revision: revision.op),
        Column("CHANGE", label_change, folds=True),
        Column("UPLOAD", lambda revision: revision.upload),
    ],
)


def _differences(changes: Json) -> Iterator[str]:
    for kind in ("fields", "metadata"):
        for name, value in changes[kind].items():
            yield f"{name}: {_value(value['before'])} → {_value(value['after'])}"
    for kind, noun in PARTS.items():
        parts = changes[kind]
        for sign, group in (("+", "added"), ("-", "removed")):
            if parts[group]:
                yield f"{sign}{noun} {', '.join(part['id'] for part in parts[group])}"
        for part in parts["modified"]:
            yield f"{noun} {part['id']}: {_fields(part['before'], part['after'])}"
        if parts["order"]:
            yield f"order of {noun}s"


def _fields(before: Json, after: Json) -> str:
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {_value(before.get(name))} → {_value(after.get(name))}" for name in names)


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
