"""`tidemark diff`: what differs between two versions."""

import json

import pytest

from functions.api.resources import diffs
from tests.integration.cli.conftest import TRAIN, Program, Service
from tests.integration.cli.rows import add, delete, lines
from tidemark.versions import changed_frames
from tidemark.versions import diff as services


@pytest.fixture
def versions(tidemark: Program, service: Service) -> Service:
    """Version 1 has `f1` and `f2`. In version 2, `f1` is relabelled, `f2` deleted and `f3` added."""
    tidemark("push", TRAIN, "-", stdin=lines(add("f1", "heron", n=1), add("f2", "heron", "stork")))
    relabel = {"op": "MODIFY", "frame": {"frame_id": "f1", "labels": [{"id": "l0", "class": "stork"}]}}
    tidemark("push", TRAIN, "-", stdin=lines(relabel, delete("f2"), add("f3", "stork")))
    return service


def cells(output: str) -> list[list[str]]:
    return sorted(line.split("\t") for line in output.splitlines())


@pytest.mark.usefixtures("versions")
def test_frames_that_differ_are_told_with_what_changed(tidemark: Program) -> None:
    result = tidemark("diff", TRAIN, 1, "LATEST")
    assert result.status == 0
    assert cells(result.out) == [
        ["f1", "~1", "label l0: class heron → stork"],
        ["f2", "-2", "removed"],
        ["f3", "+1", "added"],
    ]


@pytest.mark.usefixtures("versions")
def test_the_way_back_is_told_where_the_first_version_is_the_newer(tidemark: Program) -> None:
    assert cells(tidemark("diff", TRAIN, 2, 1).out) == [
        ["f1", "~1", "label l0: class stork → heron"],
        ["f2", "+2", "added"],
        ["f3", "-1", "removed"],
    ]


@pytest.mark.usefixtures("versions", "terminal")
def test_a_diff_is_a_table_to_a_person(tidemark: Program) -> None:
    heading, *rows = tidemark("diff", TRAIN, 1, 2).out.splitlines()
    assert heading.split() == ["FRAME", "LABELS", "CHANGE"]
    assert {row.split()[0] for row in rows} == {"f1", "f2", "f3"}


@pytest.mark.usefixtures("versions", "terminal")
def test_versions_that_hold_the_same_are_said_to(tidemark: Program) -> None:
    result = tidemark("diff", TRAIN, 2, "LATEST")
    assert (result.status, result.out, result.err) == (0, "", "birds/train is the same at 2 and LATEST.\n")


@pytest.mark.usefixtures("versions")
def test_items_come_whole_in_json(tidemark: Program) -> None:
    items = [json.loads(line) for line in tidemark("diff", TRAIN, 1, 2, "--json").out.splitlines()]
    assert {item["frame_id"]: item["change"] for item in items} == {"f1": "modified", "f2": "removed", "f3": "added"}
    assert all(item["digest"].keys() == {"before", "after"} for item in items)


@pytest.mark.usefixtures("versions")
def test_a_summary_counts_frames_labels_and_classes(tidemark: Program) -> None:
    told = [line.split("\t") for line in tidemark("diff", TRAIN, 1, 2, "--summary").out.splitlines()]
    assert told == [
        ["frames", "1", "1", "1"],
        ["labels", "1", "2", "1"],
        ["class heron", "0", "2", "0"],
        ["class stork", "2", "1", "0"],
    ]


@pytest.mark.usefixtures("versions", "terminal")
def test_a_summary_is_a_table_to_a_person(tidemark: Program) -> None:
    heading, frames, *_ = tidemark("diff", TRAIN, 1, 2, "--summary").out.splitlines()
    assert (heading.split(), frames.split()) == (["OF", "ADDED", "REMOVED", "MODIFIED"], ["frames", "1", "1", "1"])


def test_a_summary_of_several_answers_is_added_up(
    tidemark: Program, versions: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tidemark("diff", TRAIN, 0, 2, "--summary", "--json").out
    monkeypatch.setattr(changed_frames, "MAX_DIFF_EXAMINED", 1)
    monkeypatch.setattr(services, "MAX_DIFF_EXAMINED", 1)
    monkeypatch.setattr(diffs, "ENOUGH_MILLISECONDS", 10**6)
    versions.requests.clear()
    assert tidemark("diff", TRAIN, 0, 2, "--summary", "--json").out == whole
    assert len(versions.requests) > 1
    assert json.loads(whole)["frames"] == {"added": 2, "removed": 0, "modified": 0}


@pytest.mark.usefixtures("versions")
def test_a_version_that_is_not_there_is_refused(tidemark: Program) -> None:
    result = tidemark("diff", TRAIN, 1, 9)
    assert (result.status, result.out) == (3, "")
    assert result.err.startswith("tidemark: Dataset 'train' has no version 9; its latest is 2.\n")
