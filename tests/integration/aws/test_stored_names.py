"""Items and messages keep their names: earlier releases' data stays readable, and two releases may run side by side."""

import json

import pytest

from tests.simulation.world import World
from tests.support.checkpoint_workflow import run_all
from tests.support.exports import freeze
from tests.support.transfers import start_clone, start_rollback
from tests.support.uploads import add, lines, modify, upload, upload_files
from tidemark.domain.intake_tasks import ResumeUpload

ATTRIBUTES = {
    "CP#": "place version",
    "CS#": "kept",
    "CT#": "checkpoint revision",
    "CLASSMAP": "classes revision",
    "DATASET#": "definition",
    "HEAD": "frames highest labels live_bytes n payload_bytes revisions turn",
    "C#": "at frames number part upload window",
    "F#": "actor at digest labels length offset op pack upload",
    "I#": "cursor file labels parts revision source told windows",
    "META": "clones latest latest_at name project rolled_back_by shards",
    "O#": "outcomes",
    "P#": "body counted deletes errors found index pack revision settled upload",
    "R#": "",
    "SCHEMA": "revision schema",
    "SOURCES": "uids",
    "T#": "counted cursor done pages revision totals",
    "U#": "accepted_at applied body dataset deletes dropped failed files_read found index labels pack "
    "project rejected released retries revision rows settled settled_at shards_read totals_complete transfer upload "
    "windows windows_failed windows_settled",
    "V#": "version",
    "W#": "applied dropped failed",
}
"""The attributes that items have, besides their keys, by what their sort keys start with."""
WINDOW = {
    "dataset", "upload", "part", "pack", "actor", "accepted_at", "plan", "again", "until", "attempt", "siblings",
}  # fmt: skip
SETTLED = {
    "dataset", "upload", "part", "window", "attempt", "applied", "dropped", "failed", "found", "given_up",
}  # fmt: skip


@pytest.fixture
def used(world: World) -> World:
    upload(world, add("a", split="x"), add("b"))
    world.drain()
    upload_files(world, lines(add("c"), modify("a", metadata={"n": 1})), lines({"op": "NO"}))
    world.drain()
    freeze(world)
    run_all(world)
    start_clone(world, "copy")
    world.drain()
    start_rollback(world, 1)
    world.drain()
    return world


@pytest.mark.parametrize("prefix", ATTRIBUTES)
def test_items_keep_their_attributes(used: World, prefix: str) -> None:
    backend = used.process()
    items = backend.dynamodb.scan(TableName=backend.table)["Items"]
    names = {name for item in items if item["SK"]["S"].startswith(prefix) for name in item}
    assert names - {"PK", "SK"} == set(ATTRIBUTES[prefix].split())


def test_messages_keep_their_fields(used: World) -> None:
    windows = [message for messages in used.windows.taken.values() for message in messages]
    settled = [message for messages in used.settled.taken.values() for message in messages]
    assert {name for message in windows for name in json.loads(message.body)} == WINDOW
    assert {name for message in settled for name in json.loads(message.body)} - {"kind", "since", "chunk"} == SETTLED


def test_a_task_keeps_the_name_of_the_chunk_that_it_resumes_from() -> None:
    task = ResumeUpload(uid="u", upload="x", chunk="0000-00000001")
    assert json.loads(task.model_dump_json())["part"] == "0000-00000001"
    assert ResumeUpload.model_validate_json(task.model_dump_json()) == task
