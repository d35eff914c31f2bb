"""`tidemark create`, `projects` and `datasets`: creating, and lists as tables, lines and JSON."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.integration.cli.conftest import Program, Service


def names(output: str) -> list[str]:
    return [line.split("\t")[0] for line in output.splitlines()]


def test_a_project_and_a_dataset_are_created_at_once(tidemark: Program, service: Service) -> None:
    result = tidemark("create", "road/spring", "--classes", "car, person", "--classes", "tram", "--shards", 2)
    assert (result.status, result.out) == (0, "Created project road.\nCreated dataset road/spring.\n")
    classes = service.client.get("/projects/road/class-map").json()["classes"]
    assert [entry["name"] for entry in classes] == ["car", "person", "tram"]
    assert service.client.get("/projects/road/datasets/spring").json()["shards"] == 2


def test_a_dataset_is_created_in_a_project_that_is_there(tidemark: Program, service: Service) -> None:
    result = tidemark("create", "birds/autumn", "--description", "Grey", "--json")
    assert result.status == 0
    assert json.loads(result.out)["description"] == "Grey"
    assert service.client.get("/projects/birds/datasets/autumn").status == 200


def test_a_project_without_classes_is_created_alone(tidemark: Program, service: Service) -> None:
    assert tidemark("create", "road").out == "Created project road.\n"
    assert service.client.get("/projects/road").status == 200


def test_a_misspelt_project_is_not_made_for_a_dataset(tidemark: Program, service: Service) -> None:
    assert tidemark("create", "brids/autumn").status == 3
    assert service.client.get("/projects/brids").status == 404


@pytest.mark.usefixtures("service")
def test_a_project_that_is_there_keeps_its_classes(tidemark: Program) -> None:
    result = tidemark("create", "birds/autumn", "--classes", "crow")
    assert result.status == 3
    assert result.err == "tidemark: Project 'birds' already exists.\n  at /name: Project 'birds' already exists.\n"


@pytest.mark.usefixtures("service")
def test_a_refusal_names_its_places(tidemark: Program) -> None:
    result = tidemark("create", "road", "--classes", "car,car")
    assert result.status == 3
    assert "  at /classes/1/name: The class 'car' is in the map twice." in result.err


@pytest.mark.parametrize("arguments", [["road", "--shards", "2"], ["road/"], ["a/b/c"]])
def test_wrong_usage_is_told_before_anything_is_made(tidemark: Program, service: Service, arguments: list[str]) -> None:
    assert tidemark("create", *arguments).status == 2
    assert service.requests == []


@pytest.mark.usefixtures("service")
def test_projects_and_datasets_are_listed(tidemark: Program) -> None:
    tidemark("create", "road/spring", "--classes", "car")
    tidemark("create", "road/autumn")
    assert names(tidemark("projects").out) == ["birds", "road"]
    assert names(tidemark("datasets", "road").out) == ["autumn", "spring"]
    assert [json.loads(line)["name"] for line in tidemark("projects", "--json").out.splitlines()] == ["birds", "road"]


@pytest.mark.usefixtures("service", "terminal")
def test_a_person_sees_a_table_and_that_there_is_more(tidemark: Program) -> None:
    tidemark("create", "road")
    result = tidemark("projects", "--limit", 1)
    heading, row = result.out.splitlines()
    assert heading.split() == ["PROJECT", "CREATED", "BY", "DESCRIPTION"]
    assert row.split()[0] == "birds"
    assert "There are more" in result.err
    assert tidemark("projects", "--limit", 2).err == ""


@pytest.mark.usefixtures("service", "terminal")
def test_a_narrow_screen_cuts_no_name(tidemark: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    tidemark("create", "r" * 100, "--description", "long " * 20)
    shown = tidemark("projects").out
    assert "r" * 100 in shown
    assert "2026-01-01 " in shown
    assert shown.count("long") == 20


@pytest.mark.usefixtures("service", "terminal")
def test_a_person_is_told_that_there_is_nothing(tidemark: Program) -> None:
    tidemark("create", "road")
    result = tidemark("datasets", "road")
    assert (result.status, result.out, result.err) == (0, "", "No datasets in road yet.\n")


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("service", "in_tokyo")
def test_times_are_the_readers_in_a_table_and_utc_for_scripts(
    tidemark: Program, request: pytest.FixtureRequest
) -> None:
    assert "\t2026-01-01T00:00:" in tidemark("projects").out
    assert '"2026-01-01T00:00:' in tidemark("projects", "--json").out
    request.getfixturevalue("terminal")
    assert "2026-01-01 09:00:" in tidemark("projects").out


def test_pages_are_read_to_the_end(tidemark: Program, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemark.client.api.MAX_PAGE_ITEMS", 2)
    for number in range(4):
        tidemark("create", f"p{number}")
    service.requests.clear()
    assert names(tidemark("projects").out) == ["birds", "p0", "p1", "p2", "p3"]
    assert len(service.requests) == 3
    assert names(tidemark("projects", "--limit", 3).out) == ["birds", "p0", "p1"]
