"""A simulated deployment with one small dataset, whose queues each test drains itself."""

from collections.abc import Iterator

import pytest

from tests.simulation.world import World, new_world
from tests.support.uploads import DATASET, PROJECT
from tidemark.datasets import datasets, projects
from tidemark.domain.frames.class_map import ClassInput


@pytest.fixture
def world() -> Iterator[World]:
    with new_world() as world:
        classes = [ClassInput(name="heron"), ClassInput(name="stork")]
        projects.create_project(world.process(), name=PROJECT, description="", classes=classes, actor="admin")
        datasets.create_dataset(world.process(), project=PROJECT, name=DATASET, description="", shards=4, actor="admin")
        yield world
