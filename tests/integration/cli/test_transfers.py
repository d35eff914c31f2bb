"""`tidemark rollback` and `tidemark clone`."""

import json

import pytest

from tests.integration.cli.conftest import TRAIN, Program, Service
from tests.integration.cli.rows import add, delete, lines


@pytest.fixture
def changed(tidemark: Program, service: Service) -> Service:
    """A dataset at version 2, which deleted `f1`."""
    tidemark("push", TRAIN, "-", stdin=lines(add("f1", "heron"), add("f2")))
    tidemark("push", TRAIN, "-", stdin=lines(delete("f1")))
    return service


def frame_ids(tidemark: Program, dataset: str) -> list[str]:
    out = tidemark("frames", dataset, "--json").out
    return sorted(json.loads(line)["frame"]["frame_id"] for line in out.splitlines())


@pytest.mark.usefixtures("changed")
def test_a_roll_back_is_waited_for_and_told(tidemark: Program) -> None:
    result = tidemark("rollback", TRAIN, "1", "-m", "f1 was fine")
    assert result.status == 0
    assert result.out.startswith("birds/train is as it was in 1: version 3, 1 frames, ")
    assert frame_ids(tidemark, TRAIN) == ["f1", "f2"]


@pytest.mark.usefixtures("changed")
def test_a_roll_back_keeps_its_reason(tidemark: Program) -> None:
    upload = json.loads(tidemark("rollback", TRAIN, "1", "-m", "f1 was fine", "--json").out)
    assert (upload["status"], upload["message"]) == ("SETTLED", "f1 was fine")


def test_a_roll_back_need_not_be_waited_for(tidemark: Program, changed: Service) -> None:
    changed.slow = 100
    result = tidemark("rollback", TRAIN, "1", "--no-wait")
    assert (result.status, result.out.split(", by upload ")[0]) == (0, "birds/train is being rolled back to 1")
    assert changed.slow == 100


def test_a_roll_back_is_followed_until_it_has_settled(tidemark: Program, changed: Service) -> None:
    changed.slow = 3
    assert "version 3" in tidemark("rollback", TRAIN, "1").out


def test_a_roll_back_of_which_windows_were_given_up_is_not_told_as_done(
    tidemark: Program, changed: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settle() -> None:
        world = changed.world
        for execution in world.transfers():
            world.run_transfer(execution)
        for task in list(world.tasks):
            world.start_task(task).run()
        for group in world.windows.groups():
            world.bury(world.first_window(group))
        world.drain()

    monkeypatch.setattr(changed, "_settle", settle)
    result = tidemark("rollback", TRAIN, "1")
    assert result.status == 1
    assert "is as it was" not in result.out
    assert "`tidemark retry` sends its failed windows again" in result.out


@pytest.mark.usefixtures("changed")
def test_a_roll_back_to_nowhere_is_refused(tidemark: Program) -> None:
    result = tidemark("rollback", TRAIN, "9")
    assert result.status == 3
    assert "9" in result.err


@pytest.mark.usefixtures("changed")
def test_a_clone_is_waited_for_and_told(tidemark: Program) -> None:
    result = tidemark("clone", TRAIN, "copy", "--version", "1")
    assert result.status == 0
    assert result.out.startswith("birds/copy is a clone of birds/train, version 1: version 1, 2 frames, ")
    assert frame_ids(tidemark, "birds/copy") == ["f1", "f2"]


@pytest.mark.usefixtures("changed")
def test_a_clone_can_be_made_in_another_project(tidemark: Program, service: Service) -> None:
    classes = [{"name": "heron"}, {"name": "stork"}]
    assert service.client.post("/projects", {"name": "zoo", "classes": classes}).status == 201
    made = json.loads(tidemark("clone", TRAIN, "zoo/copy", "--json").out)
    assert (made["dataset"]["project"], made["dataset"]["name"], made["upload"]["status"]) == ("zoo", "copy", "SETTLED")


@pytest.mark.usefixtures("changed")
def test_a_clone_whose_name_is_taken_is_refused(tidemark: Program) -> None:
    result = tidemark("clone", TRAIN, "train")
    assert (result.status, "already has a dataset 'train'" in result.err) == (3, True)
