"""`tidemark versions` and `frames`: what a dataset holds, and held."""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, LimitOption, connect
from tidemark.cli.output import Column, View, show_list, tell
from tidemark.client.api import Api
from tidemark.client.models import FrameAt, FrameBatch, Json, Version
from tidemark.client.refs import DatasetRef
from tidemark.domain.limits import MAX_BATCH_FRAMES

PARTIAL = 1
LATEST = "LATEST"
SHOWN_VALUE = 40
"""Characters of a metadata value in a table."""


class Spacing(StrEnum):
    """How a list of versions is thinned."""

    HOUR = "hour"


def _metadata(frame: FrameAt) -> str:
    given: dict[str, Any] = frame.frame.get("metadata", {})
    return ", ".join(f"{name}: {_short(value)}" for name, value in given.items())


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_VALUE else text[:SHOWN_VALUE] + "…"


VERSIONS = View[Version](
    Version,
    [
        Column("VERSION", lambda version: version.number),
        Column("CREATED", lambda version: version.created_at),
        Column("FRAMES", lambda version: version.frames),
        Column("LABELS", lambda version: version.labels),
        Column("BY", lambda version: ", ".join(dict.fromkeys(upload.actor for upload in version.uploads))),
        Column("UPLOADS", lambda version: " ".join(upload.id for upload in version.uploads), folds=True),
    ],
)
FRAMES = View[FrameAt](
    FrameAt,
    [
        Column("FRAME", lambda frame: str(frame.frame["frame_id"])),
        Column("SENSORS", lambda frame: len(frame.frame.get("sensors", ()))),
        Column("LABELS", lambda frame: len(frame.frame.get("labels", ()))),
        Column("CHANGED", lambda frame: frame.at),
        Column("BY", lambda frame: frame.actor),
        Column("METADATA", _metadata, folds=True),
    ],
)


def versions(
    dataset: DatasetArgument,
    every: Annotated[
        Spacing | None, typer.Option("--every", help="The newest of each hour (UTC) alone.", show_default=False)
    ] = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the versions of a dataset, newest first."""
    with connect() as api:
        show_list(
            lambda most: api.items(*dataset.path, "versions", most=most, every=every),
            VERSIONS,
            limit=limit,
            as_json=as_json,
            none=f"{dataset} is empty; it is at version 0.",
        )


def frames(
    dataset: DatasetArgument,
    frame_ids: Annotated[list[str] | None, typer.Argument(metavar="[FRAME_ID]…", show_default=False)] = None,
    version: Annotated[
        str,
        typer.Option("--version", metavar="VERSION", help="A number, a checkpoint, a time with its zone, or LATEST."),
    ] = LATEST,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read frames as of a version: all, or those named. With --json they come whole, a frame a line.

    Frames that are named and not there are told, and make the exit status 1.
    """
    with connect() as api:
        if not frame_ids:
            show_list(
                lambda most: api.items(*dataset.path, "frames", most=most, version=version),
                FRAMES,
                limit=limit,
                as_json=as_json,
                none=f"{dataset} holds no frames at version {version}.",
            )
            return
        wanted = frame_ids[:limit]
        missing: list[str] = []
        # All that was asked for is shown; a table of it needs no limit of its own.
        show_list(
            lambda _: _named(api, dataset, wanted, version, missing),
            FRAMES,
            limit=len(wanted),
            as_json=as_json,
            none="None of these frames is there.",
        )
        for frame_id in missing:
            tell(f"{dataset} has no frame {frame_id!r} at version {version}.")
        if missing:
            raise typer.Exit(PARTIAL)


def _named(api: Api, dataset: DatasetRef, wanted: list[str], version: str, missing: list[str]) -> Iterator[Json]:
    """The frames of these ids, all as of one version; ids that it does not hold go to `missing`."""
    at = version
    todo = list(dict.fromkeys(wanted))
    while todo:
        body = json.dumps({"frame_ids": todo[:MAX_BATCH_FRAMES], "version": at}).encode()
        batch = FrameBatch.model_validate(api.ask(*dataset.path, "frames", "batch-get", body=body))
        at = str(batch.version)
        missing += batch.missing
        yield from batch.items
        todo = batch.unread + todo[MAX_BATCH_FRAMES:]
