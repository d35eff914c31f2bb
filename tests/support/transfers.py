"""Roll backs and clones in one line each."""

from tests.simulation.world import World
from tests.support.uploads import DATASET, PROJECT, get_upload
from tidemark.domain.datasets import Dataset
from tidemark.domain.uploads import Upload
from tidemark.transfers import clone as clones
from tidemark.transfers import rollback
from tidemark.uploads import follow


def start_rollback(
    world: World, to: int | str, *, dataset: str = DATASET, key: str | None = None, message: str = ""
) -> Upload:
    """Starts a roll back. Its workflow has not run yet."""
    return rollback.roll_back(
        world.process(),
        project=PROJECT,
        dataset=dataset,
        version=str(to),
        message=message,
        actor="ann",
        request=key,
    )


def roll_back(world: World, to: int | str, *, dataset: str = DATASET) -> Upload:
    """Rolls a dataset back and runs the world until that has settled."""
    started = start_rollback(world, to, dataset=dataset)
    world.drain()
    return get_upload(world, started.id, dataset=dataset)


def start_clone(
    world: World,
    name: str | None,
    *,
    dataset: str = DATASET,
    version: int | str = "LATEST",
    into: str | None = None,
    key: str | None = None,
) -> tuple[Dataset, Upload]:
    """Starts a clone. Its frames are not copied yet."""
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


def clone(world: World, name: str | None, **options: str) -> Upload:
    """Clones a dataset and runs the world until that has settled."""
    copy, started = start_clone(world, name, **options)
    world.drain()
    return follow.get_upload(world.process(), project=copy.project, dataset=copy.name, upload=started.id)
