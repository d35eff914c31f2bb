"""`tidemark uploads`, `errors`, `versions`, `frames` and `history`: reading back what was pushed."""

import json

import pytest

from tests.integration.cli.conftest import TRAIN, Program, Service
from tests.integration.cli.rows import add, delete, lines, modify


@pytest.fixture
def pushed(tidemark: Program, service: Service) -> Service:
    """A dataset at version 2: `f1` and `f2` were added, then `f1` was changed, and one row was dropped."""
    tidemark("push", TRAIN, "-", stdin=lines(add("f1", "heron", n=1), add("f2")))
    relabel = {"op": "MODIFY", "frame": {"frame_id": "f1", "labels": [{"id": "l0", "class": "stork"}]}}
    relabel["frame"]["metadata"] = {"n": 2}  # type: ignore[index]
    tidemark("push", TRAIN, "-", stdin=lines(relabel, delete("f9")))
    return service


def documents(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.usefixtures("pushed")
def test_uploads_are_listed_newest_first(tidemark: Program) -> None:
    cells = [line.split("\t") for line in tidemark("uploads", TRAIN).out.splitlines()]
    assert [(cell[1], cell[3], *cell[4:]) for cell in cells] == [
        ("SETTLED", "ann", "2", "2", "1", "1", "0", "0"),
        ("SETTLED", "ann", "1", "2", "2", "0", "0", "0"),
    ]


@pytest.mark.usefixtures("pushed")
def test_the_errors_of_an_upload_are_listed(tidemark: Program) -> None:
    newest = documents(tidemark("uploads", TRAIN, "--json").out)[0]["id"]
    assert tidemark("errors", TRAIN, newest).out.split("\t")[1:5] == ["1", "f9", "dropped", "unknown_frame"]
    (error,) = documents(tidemark("errors", TRAIN, newest, "--json").out)
    assert (error["row"], error["outcome"]) == (1, "dropped")


@pytest.mark.usefixtures("pushed")
def test_errors_of_an_upload_that_is_not_there_are_refused(tidemark: Program) -> None:
    result = tidemark("errors", TRAIN, "0" * 32)
    assert result.status == 3
    assert result.err.startswith("tidemark: ")


@pytest.mark.usefixtures("pushed")
def test_versions_are_listed_newest_first(tidemark: Program) -> None:
    found = documents(tidemark("versions", TRAIN, "--json").out)
    assert [(version["number"], version["frames"], version["labels"]) for version in found] == [(2, 2, 1), (1, 2, 1)]
    assert [line.split("\t")[0] for line in tidemark("versions", TRAIN, "--limit", 1).out.splitlines()] == ["2"]


@pytest.mark.usefixtures("pushed")
def test_versions_are_listed_one_an_hour(tidemark: Program) -> None:
    assert [
        version["number"] for version in documents(tidemark("versions", TRAIN, "--every", "hour", "--json").out)
    ] == [2]
    assert tidemark("versions", TRAIN, "--every", "day").status == 2


@pytest.mark.usefixtures("pushed")
def test_frames_are_read_whole_as_of_a_version(tidemark: Program) -> None:
    found = documents(tidemark("frames", TRAIN, "--version", 1, "--json").out)
    frames = {item["frame"]["frame_id"]: item["frame"] for item in found}  # type: ignore[index]
    assert frames["f1"] == add("f1", "heron", n=1)["frame"]
    assert set(frames) == {"f1", "f2"}
    assert {item["version"] for item in found} == {1}


@pytest.mark.usefixtures("pushed", "terminal")
def test_frames_are_a_table_to_a_person(tidemark: Program) -> None:
    heading, *rows = tidemark("frames", TRAIN).out.splitlines()
    assert heading.split() == ["FRAME", "SENSORS", "LABELS", "CHANGED", "BY", "METADATA"]
    assert {row.split()[0] for row in rows} == {"f1", "f2"}
    assert any(row.rstrip().endswith("n: 2") for row in rows)


@pytest.mark.usefixtures("pushed")
def test_frames_that_are_named_are_read(tidemark: Program) -> None:
    result = tidemark("frames", TRAIN, "f2", "f1", "f2", "--json")
    found = documents(result.out)
    assert (result.status, [item["frame"]["frame_id"] for item in found]) == (0, ["f2", "f1"])  # type: ignore[index]


@pytest.mark.usefixtures("pushed")
def test_a_named_frame_that_is_not_there_is_told_and_no_success(tidemark: Program) -> None:
    result = tidemark("frames", TRAIN, "f1", "f9")
    assert (result.status, len(result.out.splitlines())) == (1, 1)
    assert result.err == "birds/train has no frame 'f9' at version LATEST.\n"


def test_named_frames_are_read_in_several_requests_as_of_one_version(tidemark: Program, service: Service) -> None:
    rows = lines(*(add(f"f{n}") for n in range(150)))
    tidemark("push", TRAIN, "-", stdin=rows)
    service.requests.clear()
    assert len(tidemark("frames", TRAIN, *(f"f{n}" for n in range(150))).out.splitlines()) == 150
    asked = [json.loads(request.content) for request in service.requests]
    assert [(len(body["frame_ids"]), body["version"]) for body in asked] == [(100, "LATEST"), (50, "1")]


@pytest.mark.usefixtures("pushed")
def test_a_version_that_is_not_there_is_refused(tidemark: Program) -> None:
    result = tidemark("frames", TRAIN, "--version", 9)
    assert (result.status, result.out) == (3, "")
    assert result.err.startswith("tidemark: Dataset 'train' has no version 9; its latest is 2.\n")


@pytest.mark.usefixtures("pushed")
def test_what_was_read_can_be_pushed_elsewhere(tidemark: Program) -> None:
    tidemark("create", "birds/copy")
    read = documents(tidemark("frames", TRAIN, "--json").out)
    rows = lines(*({"op": "ADD", "frame": item["frame"]} for item in read))
    assert tidemark("push", "birds/copy", "-", stdin=rows).status == 0
    copied = documents(tidemark("frames", "birds/copy", "--json").out)
    assert {item["digest"] for item in copied} == {item["digest"] for item in read}


@pytest.mark.usefixtures("pushed")
def test_the_history_of_a_frame_tells_what_changed(tidemark: Program) -> None:
    newest, oldest = (line.split("\t") for line in tidemark("history", TRAIN, "f1").out.splitlines())
    assert newest[1:4] == ["ann", "MODIFY", "n: 1 → 2; label l0: class heron → stork"]
    assert oldest[1:4] == ["ann", "ADD", "added"]


@pytest.mark.usefixtures("pushed")
def test_the_history_of_a_label_tells_what_changed(tidemark: Program) -> None:
    newest, oldest = (line.split("\t") for line in tidemark("history", TRAIN, "f1", "--label", "l0").out.splitlines())
    assert (newest[3], oldest[3]) == ("class heron → stork", "added: heron")


def test_a_history_names_parts_that_come_and_go(tidemark: Program, service: Service) -> None:
    rows = [add("f1", "heron", "stork"), modify("f1"), add("f1", "stork"), add("f1", "stork", "heron", "heron")]
    tidemark("push", TRAIN, "-", stdin=lines(*rows, delete("f1")))
    told = [line.split("\t")[3] for line in tidemark("history", TRAIN, "f1").out.splitlines()]
    assert told == [
        "removed",
        "+label l1, l2",
        "-label l1; label l0: class heron → stork",
        "no difference",
        "added",
    ]
    assert service.sent


@pytest.mark.usefixtures("pushed")
def test_ids_may_hold_any_letters(tidemark: Program) -> None:
    tidemark("push", TRAIN, "-", stdin=lines(add("Straße 1+2&3=4")))
    assert tidemark("history", TRAIN, "Straße 1+2&3=4").status == 0
    assert tidemark("frames", TRAIN, "Straße 1+2&3=4").status == 0


@pytest.mark.usefixtures("service")
def test_what_a_row_says_is_no_command_to_a_terminal(tidemark: Program) -> None:
    tidemark("push", TRAIN, "-", stdin=lines(add("f1", note="\x1b[2Jgone\n[red]no[/]")))
    assert "note: �[2Jgone�[red]no[/]" in tidemark("frames", TRAIN).out
