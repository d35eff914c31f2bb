"""`tidemark checkpoint`: versions under names."""

import json

import pytest

from tests.integration.cli.conftest import TRAIN, Program, Service
from tests.integration.cli.rows import add, delete, lines


@pytest.fixture
def frozen(tidemark: Program, service: Service) -> Service:
    """A dataset at version 2, with checkpoint `golden` of version 1, which still has `f1`."""
    tidemark("push", TRAIN, "-", stdin=lines(add("f1", "heron"), add("f2")))
    made = tidemark(
        "checkpoint",
        "create",
        TRAIN,
        "golden",
        "--description",
        "Spring",
        "--metadata",
        "run=42",
        "--metadata",
        "by=ann",
    )
    assert (made.status, made.out) == (0, "Checkpoint golden of birds/train is version 1.\n")
    tidemark("push", TRAIN, "-", stdin=lines(delete("f1")))
    return service


def listed(tidemark: Program, *options: str) -> list[str]:
    return [
        json.loads(line)["name"] for line in tidemark("checkpoint", "list", TRAIN, "--json", *options).out.splitlines()
    ]


@pytest.mark.usefixtures("frozen")
def test_frames_are_read_by_the_name_of_a_checkpoint(tidemark: Program) -> None:
    out = tidemark("frames", TRAIN, "--version", "golden", "--json").out
    assert {json.loads(line)["frame"]["frame_id"] for line in out.splitlines()} == {"f1", "f2"}


@pytest.mark.usefixtures("frozen")
def test_a_checkpoint_of_another_version_is_made_and_told_as_json(tidemark: Program) -> None:
    made = json.loads(tidemark("checkpoint", "create", TRAIN, "again", "--version", "golden", "--json").out)
    assert (made["version"], made["metadata"]) == (1, {})
    assert listed(tidemark) == ["again", "golden"]


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("n=7", 7),
        ("n=0.5", 0.5),
        ("n=true", True),
        ('n="7"', "7"),
        ("n=a=b", "a=b"),
        ("n=", ""),
        ("n=null", "null"),
        ("n=[1]", "[1]"),
        ("n=NaN", "NaN"),
        ("n=7 runs", "7 runs"),
    ],
)
def test_values_of_metadata_are_numbers_true_or_false_where_they_look_so(
    tidemark: Program, given: str, kept: object
) -> None:
    made = json.loads(tidemark("checkpoint", "create", TRAIN, "other", "--metadata", given, "--json").out)
    assert made["metadata"] == {"n": kept}


@pytest.mark.usefixtures("frozen")
def test_a_checkpoint_is_shown(tidemark: Program) -> None:
    name, version, frames, labels, status, _, by, archived, description, metadata = (
        tidemark("checkpoint", "show", TRAIN, "golden").out.rstrip("\n").split("\t")
    )
    assert (name, version, frames, labels, by, archived) == ("golden", "1", "2", "1", "ann", "")
    assert status == "READY"
    assert (description, metadata) == ("Spring", "run: 42, by: ann")


@pytest.mark.usefixtures("frozen")
def test_an_edit_sets_and_removes_what_is_given_and_leaves_the_rest(tidemark: Program) -> None:
    result = tidemark("checkpoint", "edit", TRAIN, "golden", "--metadata", "ok=true", "--remove", "run")
    assert (result.status, result.out) == (0, "Changed checkpoint golden of birds/train.\n")
    found = json.loads(tidemark("checkpoint", "show", TRAIN, "golden", "--json").out)
    assert (found["description"], found["metadata"]) == ("Spring", {"by": "ann", "ok": True})


@pytest.mark.usefixtures("frozen")
def test_an_archived_checkpoint_is_listed_when_asked_for_and_reads(tidemark: Program) -> None:
    tidemark("checkpoint", "create", TRAIN, "silver")
    assert tidemark("checkpoint", "archive", TRAIN, "golden").out == "Archived checkpoint golden of birds/train.\n"
    assert listed(tidemark) == ["silver"]
    assert listed(tidemark, "--archived") == ["golden"]
    assert listed(tidemark, "--all") == ["silver", "golden"]
    assert tidemark("frames", TRAIN, "f1", "--version", "golden").status == 0
    tidemark("checkpoint", "unarchive", TRAIN, "golden")
    assert listed(tidemark) == ["silver", "golden"]


@pytest.mark.usefixtures("frozen", "terminal")
def test_a_person_is_told_that_there_are_none(tidemark: Program) -> None:
    assert tidemark("checkpoint", "list", TRAIN, "--archived").err == "birds/train has no archived checkpoints.\n"


@pytest.mark.usefixtures("frozen")
def test_a_name_that_is_taken_or_not_there_is_refused(tidemark: Program) -> None:
    assert tidemark("checkpoint", "create", TRAIN, "golden").status == 3
    result = tidemark("frames", TRAIN, "--version", "ghost")
    assert result.status == 3
    assert result.err.startswith("tidemark: Dataset 'train' has no checkpoint 'ghost'. A version is a number,")


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", TRAIN, "golden", "--metadata", "run"],
        ["create", TRAIN, "golden", "--metadata", "=42"],
        ["edit", TRAIN, "golden"],
        ["list", TRAIN, "--all", "--archived"],
        ["show", "birds", "golden"],
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(tidemark: Program, service: Service, arguments: list[str]) -> None:
    assert tidemark("checkpoint", *arguments).status == 2
    assert service.requests == []
