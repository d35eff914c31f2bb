"""The frames of a version, read page by page as a client reads them."""

import json

from tests.simulation.world import World
from tests.support.pages import items
from tests.support.strategies import Json
from tests.support.uploads import DATASET, PROJECT
from tidemark.versions import frames
from tidemark.versions.frames import FrameAt

State = dict[str, Json]
"""Frames by frame id."""


def frames_at(
    world: World, version: int | str | None, *, limit: int = 100, dataset: str = DATASET, project: str = PROJECT
) -> dict[str, FrameAt]:
    """Returns the frames of a version with their digests, by frame id, read in pages of `limit`."""
    listed = items(
        lambda cursor: frames.list_frames(
            world.process(), project=project, dataset=dataset, version=str(version), limit=limit, cursor=cursor
        )
    )
    return {json.loads(item.frame)["frame_id"]: item for item in listed}


def state(world: World, version: int | str | None, *, dataset: str = DATASET, project: str = PROJECT) -> State:
    """Returns the documents of a version's frames, by frame id."""
    listed = frames_at(world, version, dataset=dataset, project=project)
    return {frame_id: json.loads(item.frame) for frame_id, item in listed.items()}
