"""`tidemark storage`."""

import json

import pytest

from tests.integration.cli.conftest import TRAIN, Program, Service
from tests.integration.cli.rows import add, delete, lines


@pytest.fixture
def pushed(tidemark: Program, service: Service) -> Service:
    tidemark("push", TRAIN, "-", stdin=lines(add("f1"), add("f2")))
    tidemark("push", TRAIN, "-", stdin=lines(delete("f1")))
    return service


@pytest.mark.usefixtures("pushed")
def test_what_a_dataset_takes_is_told_line_by_line(tidemark: Program) -> None:
    cells = [line.split("\t") for line in tidemark("storage", TRAIN).out.splitlines()]
    assert [cell[:2] for cell in cells] == [
        ["versions", "2"],
        ["frame versions", "3"],
        ["live frames", ""],
        ["packs in S3", "2"],
        ["checkpoints in S3", "0"],
        ["exports in S3", "0"],
    ]
    assert int(cells[1][2]) == 2 * int(cells[2][2]) > 0


def test_what_it_takes_several_answers_to_count_is_added_up(
    pushed: Service, tidemark: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.api.resources.storage.ENOUGH_MILLISECONDS", 1_000_000)
    pushed.requests.clear()
    found = json.loads(tidemark("storage", TRAIN, "--json").out)
    assert len(pushed.requests) == 2
    assert found["packs"]["objects"] == 2
    assert "cursor" not in found
