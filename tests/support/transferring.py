"""Roll backs and clones in a line each, and what datasets hold."""

import json

from tests.simulation.world import World
from tests.support.sending import DATASET, PROJECT
from tests.support.strategies import Json
from tidemark.domain.datasets import Dataset
from tidemark.domain.uploads import Upload
from tidemark.transfers import clone as clones
from tidemark.transfers import rollback
from tidemark.uploads import follow
from tidemark.versions import frames

State = dict[str, Json]


def roll_back(
    world: World, to: int | str, *, dataset: str = DATASET, key: str | None = None, message: str = ""
) -> Upload:
    """Begin a roll back; nothing of it has happened yet."""
    return rollback.roll_back(
        world.process(),
        project=PROJECT,
        dataset=dataset,
        version=str(to),
        message=message,
        actor="ann",
        request=key,
    )


def rolled_back(world: World, to: int | str, *, dataset: str = DATASET) -> Upload:
    """A roll back that has settled."""
    begun = roll_back(world, to, dataset=dataset)
    world.drain()
    return upload(world, begun.id, dataset=dataset)


def clone(
    world: World,
    name: str | None,
    *,
    dataset: str = DATASET,
    version: int | str = "LATEST",
    into: str | None = None,
    key: str | None = None,
) -> tuple[Dataset, Upload]:
    """Begin a clone; nothing of it is there yet."""
    return clones.clone(
        world.process(),
        project=PROJECT,
        dataset=dataset,
        version=str(version),
        into=into,
        name=name,
        description="",
        actor="ann",
        request=key,
    )


def cloned(world: World, name: str | None, **given: str) -> Upload:
    """A clone that has settled."""
    made, begun = clone(world, name, **given)
    world.drain()
    return follow.get_upload(world.process(), project=made.project, dataset=made.name, upload=begun.id)


def upload(world: World, upload_id: str, *, dataset: str = DATASET) -> Upload:
    """An upload as it stands."""
    return follow.get_upload(world.process(), project=PROJECT, dataset=dataset, upload=upload_id)


def state(world: World, version: int | str | None, *, dataset: str = DATASET, project: str = PROJECT) -> State:
    """The frames of a dataset in a version, by their ids."""
    found: State = {}
    cursor: str | None = None
    while True:
        page = frames.list_frames(
            world.process(), project=project, dataset=dataset, version=str(version), limit=100, cursor=cursor
        )
        found.update((frame["frame_id"], frame) for frame in (json.loads(item.frame) for item in page.items))
        cursor = page.cursor
        if cursor is None:
            return found
