"""`tidemark versions` and `frames`: lists a dataset's versions, and reads its frames as of a version."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, LimitOption, VersionOption, connect
from tidemark.cli.exit_status import ExitStatus
from tidemark.cli.output import Column, View, print_list, print_note
from tidemark.client.api import Api
from tidemark.client.models import FrameAt, FrameBatch, Json, parse
from tidemark.client.refs import DatasetRef
from tidemark.domain.limits import MAX_BATCH_FRAMES
from tidemark.domain.versions import Spacing, VersionSummary

LATEST = "LATEST"
MAX_VALUE_SHOWN = 40
"""Most characters of a metadata value in a table. Longer values are cut."""


def _metadata(frame: FrameAt) -> str:
    metadata: dict[str, Any] = frame.frame.get("metadata", {})
    return ", ".join(f"{name}: {_short(value)}" for name, value in metadata.items())


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_SHOWN else text[:MAX_VALUE_SHOWN] + "…"


VERSIONS = View(
    VersionSummary,
    [
        Column("VERSION", lambda version: version.number),
        Column("CREATED", lambda version: version.created_at),
        Column("FRAMES", lambda version: version.frames),
        Column("LABELS", lambda version: version.labels),
        Column("BY", lambda version: ", ".join(dict.fromkeys(upload.actor for upload in version.uploads))),
        Column("UPLOADS", lambda version: " ".join(upload.id for upload in version.uploads), folds=True),
    ],
)
FRAMES = View(
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
        Spacing | None, typer.Option("--every", help="Only the newest of each hour (UTC).", show_default=False)
    ] = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the versions of a dataset, newest first."""
    with connect() as api:
        print_list(
            lambda most: api.items(*dataset.path, "versions", most=most, every=every),
            VERSIONS,
            limit=limit,
            as_json=as_json,
            none=f"{dataset} is empty; it is at version 0.",
        )


def frames(
    dataset: DatasetArgument,
    frame_ids: Annotated[list[str] | None, typer.Argument(metavar="[FRAME_ID]…", show_default=False)] = None,
    version: VersionOption = LATEST,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read frames as of a version: all, or those named. With --json they are complete, one frame a line.

    Named frames that do not exist are reported, and the exit status is 1.
    """
    with connect() as api:
        if not frame_ids:
            print_list(
                lambda most: api.items(*dataset.path, "frames", most=most, version=version),
                FRAMES,
                limit=limit,
                as_json=as_json,
                none=f"{dataset} has no frames at version {version}.",
            )
            return
        wanted = frame_ids[:limit]
        missing: list[str] = []
        # All requested frames are shown, even if there are more than a table shows by default.
        print_list(
            lambda _: _named(api, dataset, wanted, version, missing),
            FRAMES,
            limit=len(wanted),
            as_json=as_json,
            none="None of these frames exists.",
        )
        for frame_id in missing:
            print_note(f"{dataset} has no frame {frame_id!r} at version {version}.")
        if missing:
            raise typer.Exit(ExitStatus.PARTIAL)


def _named(api: Api, dataset: DatasetRef, wanted: list[str], version: str, missing: list[str]) -> Iterator[Json]:
    """Yields the frames with the `wanted` ids, all as of one version. Appends ids that do not exist to `missing`."""
    remaining = list(dict.fromkeys(wanted))
    while remaining:
        body = {"frame_ids": remaining[:MAX_BATCH_FRAMES], "version": version}
        batch = parse(FrameBatch, api.query(*dataset.path, "frames", "batch-get", body=body))
        version = str(batch.version)
        missing += batch.missing
        yield from batch.items
        remaining = batch.unread + remaining[MAX_BATCH_FRAMES:]
