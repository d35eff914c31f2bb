"""`tidemark delete`, `unarchive` and `purge`."""

import json
from datetime import timedelta

import pytest

from tests.integration.cli.conftest import TRAIN, Program, Service, problem
from tests.support.purges import purges
from tidemark.client import retrying
from tidemark.domain.api_keys import Role
from tidemark.domain.workflows import Failure, PurgeWork
from tidemark.retention import purge


def names(output: str) -> list[str]:
    return [line.split("\t")[0] for line in output.splitlines()]


@pytest.fixture
def archived(tidemark: Program, service: Service) -> Service:
    tidemark("delete", TRAIN)
    service.world.now += timedelta(minutes=3)
    return service


@pytest.mark.usefixtures("service")
def test_a_dataset_is_archived_and_put_back(tidemark: Program) -> None:
    assert tidemark("delete", TRAIN).out == "Archived birds/train; `tidemark unarchive` puts it back.\n"
    assert tidemark("datasets", "birds").out == ""
    assert names(tidemark("datasets", "birds", "--archived").out) == ["train"]
    assert tidemark("unarchive", TRAIN).out == "birds/train is listed again.\n"
    assert names(tidemark("datasets", "birds").out) == names(tidemark("datasets", "birds", "--all").out) == ["train"]
    assert tidemark("datasets", "birds", "--all", "--archived").status == 2


def test_it_takes_a_key_of_an_admin(tidemark: Program, service: Service) -> None:
    service.as_role(Role.WRITE)
    result = tidemark("delete", TRAIN)
    assert result.status == 3
    assert "needs 'admin'" in result.err


@pytest.fixture
def working(archived: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """An archived dataset whose purge runs during the first pause."""

    def pause(_: float) -> None:
        archived.world.run_purge(purges(archived.world)[-1])

    monkeypatch.setattr(retrying, "pause", pause)
    return archived


@pytest.mark.usefixtures("working")
def test_a_purge_is_waited_for(tidemark: Program) -> None:
    assert tidemark("purge", TRAIN, "--confirm", "train").out == "Purged birds/train; its name is free.\n"
    assert tidemark("create", TRAIN).status == 0


def test_a_purge_need_not_be_waited_for(tidemark: Program, archived: Service) -> None:
    result = tidemark("purge", TRAIN, "--confirm", "train", "--no-wait", "--json")
    assert json.loads(result.out)["purge"]["attempt"] == 1
    assert len(purges(archived.world)) == 1


def test_a_purge_that_fails_says_why(tidemark: Program, archived: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def pause(_: float) -> None:
        work = PurgeWork.model_validate(purges(archived.world)[-1].input["work"])
        failure = Failure.model_validate({"Error": "Throttled"})
        purge.record_failure(archived.world.process(), work, failure)

    monkeypatch.setattr(retrying, "pause", pause)
    result = tidemark("purge", TRAIN, "--confirm", "train")
    assert (result.status, result.err[:19]) == (1, "tidemark: Throttled")


def test_a_purge_is_not_begun_without_the_name(tidemark: Program, archived: Service) -> None:
    assert tidemark("purge", TRAIN).status == 2
    refused = tidemark("purge", TRAIN, "--confirm", "trian")
    assert refused.status == 3
    assert "To confirm it" in refused.err
    assert purges(archived.world) == []


def test_a_refusal_while_it_waits_is_told(tidemark: Program, archived: Service) -> None:
    archived.faults = [None, problem(403, "role_too_low", "no longer")]
    result = tidemark("purge", TRAIN, "--confirm", "train")
    assert (result.status, result.err) == (3, "tidemark: no longer\n")
