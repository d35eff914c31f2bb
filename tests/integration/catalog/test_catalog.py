"""Projects, class maps and datasets: created once, listed in order, and changed without lost updates (R1, R2)."""

import time
from unittest.mock import patch

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.pages import pages
from tests.support.uploads import DATASET, PROJECT
from tidemark.aws.backend import DEFINITION_TTL_SECONDS, Memory
from tidemark.datasets import datasets, projects
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict, NotFound
from tidemark.domain.frames.class_map import ClassInput
from tidemark.domain.pages import Archived, Page
from tidemark.domain.projects import Project

NAMES = ["0", "A", "_x", "a", "a-", "a-b", "a.b", "aB", "ab", "z" * 128]
"""Names in the order of their characters. Some sort before the characters of key prefixes, some after."""


def classes(*names: str) -> list[ClassInput]:
    return [ClassInput(name=name) for name in names]


def create_project(world: World, name: str, *class_names: str) -> Project:
    return projects.create_project(
        world.process(), name=name, description="", classes=classes(*class_names), actor="admin"
    )


def create_dataset(world: World, name: str, project: str = PROJECT) -> Dataset:
    return datasets.create_dataset(world.process(), project=project, name=name, description="", shards=1, actor="admin")


def class_names(world: World, project: str = PROJECT) -> list[str]:
    return [entry.name for entry in projects.get_class_map(world.process(), project).classes]


def list_projects(
    world: World, limit: int, cursor: str | None = None, only: frozenset[str] | None = None
) -> Page[Project]:
    return projects.list_projects(world.process(), only=only, limit=limit, cursor=cursor)


def list_datasets(world: World, project: str, limit: int, cursor: str | None = None) -> Page[Dataset]:
    return datasets.list_datasets(world.process(), project=project, archived=Archived.NO, limit=limit, cursor=cursor)


# Creation


def test_of_two_projects_of_one_name_created_at_once_one_is_made_with_its_own_classes(world: World) -> None:
    slow = Invocation("create", lambda: create_project(world, "new", "slow"))
    create_project(world, "new", "fast")
    assert isinstance(slow.run().error, Conflict)
    assert class_names(world, "new") == ["fast"]


def test_of_two_datasets_of_one_name_the_first_stays(world: World) -> None:
    first = create_dataset(world, "new")
    with pytest.raises(Conflict):
        create_dataset(world, "new")
    assert datasets.get_dataset(world.process(), PROJECT, "new").uid == first.uid


def test_a_name_may_be_that_of_datasets_in_several_projects(world: World) -> None:
    create_project(world, "other")
    assert create_dataset(world, DATASET, "other").uid != datasets.get_dataset(world.process(), PROJECT, DATASET).uid


def test_a_dataset_needs_a_project(world: World) -> None:
    with pytest.raises(NotFound, match="no project 'ghosts'"):
        create_dataset(world, "new", "ghosts")


def test_where_there_is_no_project_the_project_is_said_to_be_missing(world: World) -> None:
    with pytest.raises(NotFound, match="no project 'ghosts'"):
        datasets.get_dataset(world.process(), "ghosts", DATASET)


# Lists


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_projects_are_listed_in_order_each_once(world: World, limit: int) -> None:
    for name in NAMES[::-1]:
        create_project(world, name)
    listed = pages(lambda cursor: list_projects(world, limit, cursor))
    assert [project.name for page in listed for project in page] == sorted([*NAMES, PROJECT])
    assert max(map(len, listed)) <= limit


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_the_projects_of_a_key_are_listed_in_order_each_once(world: World, limit: int) -> None:
    for name in NAMES:
        create_project(world, name)
    wanted = frozenset({"ab", "a", "ghosts", PROJECT})
    listed = pages(lambda cursor: list_projects(world, limit, cursor, only=wanted))
    assert [project.name for page in listed for project in page] == ["a", "ab", PROJECT]


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_datasets_are_listed_in_order_each_once(world: World, limit: int) -> None:
    create_project(world, "full")
    for name in NAMES[::-1]:
        create_dataset(world, name, "full")
    listed = pages(lambda cursor: list_datasets(world, "full", limit, cursor))
    assert [dataset.name for page in listed for dataset in page] == NAMES
    assert max(map(len, listed)) <= limit


def test_a_list_shows_no_datasets_of_another_project(world: World) -> None:
    create_project(world, "birds-2")
    create_dataset(world, "other", "birds-2")
    assert [dataset.name for dataset in list_datasets(world, PROJECT, 10).items] == [DATASET]


def test_the_datasets_of_an_unknown_project_are_not_an_empty_list(world: World) -> None:
    with pytest.raises(NotFound):
        list_datasets(world, "ghosts", 10)


# Class maps


def test_classes_that_are_appended_come_after_the_others(world: World) -> None:
    projects.put_class_map(world.process(), PROJECT, classes("heron", "stork", "crane"))
    assert class_names(world) == ["heron", "stork", "crane"]


def test_the_same_class_map_again_writes_nothing(world: World) -> None:
    before = world.writes
    projects.put_class_map(world.process(), PROJECT, classes("heron", "stork"))
    assert world.writes == before


def start_append(world: World, name: str) -> Invocation:
    longer = classes(*class_names(world), name)
    return Invocation("append", lambda: projects.put_class_map(world.process(), PROJECT, longer))


def test_a_class_map_is_read_once_to_be_changed(world: World) -> None:
    assert start_append(world, "crane").run().calls == ["dynamodb.GetItem", "dynamodb.PutItem"]


def test_of_two_changes_of_a_class_map_at_once_one_is_made_and_the_other_refused(world: World) -> None:
    calls = len(start_append(world, "first").run().calls)
    for position in range(1, calls):
        slow = start_append(world, "slow")
        for _ in range(position):
            slow.step()
        start_append(world, f"fast-{position}").run()
        assert isinstance(slow.run().error, Conflict)
    assert class_names(world) == ["heron", "stork", "first", *(f"fast-{position}" for position in range(1, calls))]


def test_the_class_map_of_an_unknown_project_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="no project 'ghosts'"):
        projects.get_class_map(world.process(), "ghosts")


def test_definitions_are_remembered_by_the_time_of_day_for_a_process_may_be_frozen(world: World) -> None:
    now = [1000.0]
    with patch.object(time, "time", lambda: now[0]):
        memory = Memory()
        memory.projects[PROJECT] = projects.get_project(world.process(), PROJECT)
        assert PROJECT in memory.projects
        now[0] += DEFINITION_TTL_SECONDS
        assert PROJECT not in memory.projects
