"""The checkpoint workflow, with calls that crash, are repeated or run twice at once (R15)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend

from tests.simulation.invocation import Invocation
from tests.simulation.world import Execution, World
from tests.support.checkpoint_workflow import fail, repeat, run_all, take
from tests.support.exports import GOLDEN, ask, checkpoint, coco, files, freeze, jsonl, parquet, stored, where
from tests.support.frames import frames_at
from tests.support.purges import archive_for_purge, begin_purge, objects, purges, uid_of
from tests.support.uploads import PROJECT, add, delete, upload
from tidemark.aws import shard_progress
from tidemark.checkpoints import checkpoints, coco_file, exports, frame_pages
from tidemark.checkpoints.model import CheckpointWork
from tidemark.datasets import projects
from tidemark.domain.exports import ExportFormat
from tidemark.domain.frames.class_map import ClassInput
from tidemark.domain.workflows import ABANDONED_AFTER, ArtifactStatus

Json = dict[str, Any]
BOX = {"type": "BBOX_2D", "class": "heron", "top": 1, "left": 2, "width": 3, "height": 4}


@pytest.fixture
def started(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A checkpoint with two frames per page, whose manifest is not written yet."""
    monkeypatch.setattr(frame_pages, "MAX_PAGE_FRAMES", 2)
    frames = [
        {"frame_id": f"f{n}", "metadata": {"turn": n}, "labels": [{"id": "l1", **BOX}] * (n % 2)} for n in range(9)
    ]
    upload(world, *({"op": "ADD", "frame": frame} for frame in frames))
    freeze(world)
    upload(world, delete("f0"), add("later"))
    return world


def only(world: World) -> Execution:
    """Returns the only execution that was started and has not run."""
    (execution,) = world.executions.values()
    return execution


def events(execution: Execution) -> list[Json]:
    """Returns the steps of a successful execution."""
    work = execution.input["work"]
    shards = [{"step": "shard", "work": work, "shard": shard} for shard in execution.input["shards"]]
    return [*shards, {"step": "finish", "work": work}]


def retry(world: World) -> None:
    checkpoints.retry_checkpoint(world.process(), **where())


def written(world: World, form: ExportFormat) -> Any:
    """Returns the content of an export as its readers see it."""
    if form is ExportFormat.COCO:
        return coco(world)
    return jsonl(world) if form is ExportFormat.JSONL else parquet(world).to_pylist()


def finish_manifest(world: World) -> None:
    run_all(world)
    assert checkpoint(world).status is ArtifactStatus.READY


@pytest.mark.parametrize("form", [None, *ExportFormat])
def test_a_step_that_dies_anywhere_is_made_good_by_its_repeat(started: World, form: ExportFormat | None) -> None:
    """A process crashes at each AWS call of every step in turn, then the step is repeated."""
    if form is not None:
        finish_manifest(started)
        ask(started, form)
    execution = only(started)
    for event in events(execution):
        done, survived = False, 0
        while not done:
            attempt = Invocation(event["step"], lambda event=event: take(started, event, lambda: False))  # type: ignore[misc]
            for _ in range(survived):
                if not attempt.finished:
                    attempt.step()
            if attempt.finished:
                assert attempt.error is None, attempt.error
                done, survived = attempt.result, 0
            else:
                attempt.crash(after=True)
                survived += 1
    started.executions.clear()
    if form is None:
        assert checkpoint(started).status is ArtifactStatus.READY
        statistics = checkpoints.get_statistics(started.process(), **where())
        assert (statistics.frames, statistics.labels) == (9, 4)
        return
    crashed = written(started, form)
    assert exports.get_export(started.process(), **where(), form=form).status is ArtifactStatus.READY
    assert len(crashed["images"] if form is ExportFormat.COCO else crashed) == 9


@pytest.mark.parametrize("form", list(ExportFormat))
def test_all_steps_taken_twice_put_the_same_objects(started: World, form: ExportFormat) -> None:
    first = only(started)
    finish_manifest(started)
    before = stored(started, "checkpoints/")
    for event in events(first):
        repeat(started, event)
    assert stored(started, "checkpoints/") == before
    ask(started, form)
    second = only(started)
    run_all(started)
    before = stored(started, "exports/")
    for event in events(second):
        repeat(started, event)
    assert stored(started, "exports/") == before


@pytest.mark.parametrize("form", [None, *ExportFormat])
def test_a_page_that_is_written_by_two_calls_at_once_is_written_once(started: World, form: ExportFormat | None) -> None:
    if form is not None:
        finish_manifest(started)
        ask(started, form)
    execution = only(started)
    for event in events(execution):
        paused = Invocation("one", lambda event=event: take(started, event))  # type: ignore[misc]
        while not paused.finished:
            competitor = Invocation("other", lambda event=event: take(started, event, lambda: False))  # type: ignore[misc]
            competitor.run()
            assert competitor.error is None or event["step"] == "finish", competitor.error
            paused.step()
        repeat(started, event)
    started.executions.clear()
    if form is not None:
        found = written(started, form)
        assert len(found["images"] if form is ExportFormat.COCO else found) == 9
        assert sum(file.rows for file in files(started, form)) == 9
    assert checkpoints.get_statistics(started.process(), **where()).frames == 9


def test_a_shard_is_written_page_by_page_while_there_is_time(started: World) -> None:
    event = events(only(started))[0]
    taken = repeat(started, event, lambda: False)
    assert taken > 1
    assert take(started, event), "a finished shard stays finished"


def test_a_failure_is_told_and_the_retry_goes_on_where_it_stopped(started: World) -> None:
    execution = only(started)
    first, *_ = events(execution)
    repeat(started, first)
    pages = stored(started, "checkpoints/")
    fail(
        started, execution, "PackCorrupt", '{"errorMessage": "payload is not what it was", "errorType": "PackCorrupt"}'
    )
    failed = checkpoint(started)
    assert (failed.status, failed.reason) == (ArtifactStatus.FAILED, "PackCorrupt: payload is not what it was")
    assert len(frames_at(started, GOLDEN)) == 9, "reads do not need a manifest"
    started.executions.clear()
    retry(started)
    again = only(started)
    assert again.name != execution.name
    assert checkpoint(started).reason is None
    run_all(started)
    assert checkpoint(started).status is ArtifactStatus.READY
    assert stored(started, "checkpoints/").items() >= pages.items()


def test_a_failure_of_an_attempt_that_was_followed_by_another_is_not_told(started: World) -> None:
    execution = only(started)
    fail(started, execution)
    retry(started)
    fail(started, execution)
    assert checkpoint(started).status is ArtifactStatus.WRITING
    run_all(started)
    fail(started, execution)
    assert checkpoint(started).status is ArtifactStatus.READY


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("", "States.Timeout"),
        ("no JSON", "States.Timeout: no JSON"),
        ("[]", "States.Timeout: []"),
        ('{"errorMessage": 1}', 'States.Timeout: {"errorMessage": 1}'),
        ("x" * 1000, f"States.Timeout: {'x' * 484}"),
    ],
)
def test_a_cause_of_any_kind_is_told(started: World, cause: str, reason: str) -> None:
    fail(started, only(started), "States.Timeout", cause)
    assert checkpoint(started).reason == reason


def test_what_is_under_way_is_not_begun_again_but_what_is_abandoned_is(started: World) -> None:
    retry(started)
    assert len(started.executions) == 1
    started.now += ABANDONED_AFTER + timedelta(seconds=60)
    retry(started)
    assert len(started.executions) == 2
    run_all(started)
    assert checkpoint(started).status is ArtifactStatus.READY
    retry(started)
    assert not started.executions


def test_an_export_that_failed_is_begun_again_by_the_next_request(started: World) -> None:
    finish_manifest(started)
    ask(started, ExportFormat.PARQUET)
    fail(started, only(started), "States.Timeout")
    failed = exports.get_export(started.process(), **where(), form=ExportFormat.PARQUET)
    assert (failed.status, failed.reason) == (ArtifactStatus.FAILED, "States.Timeout")
    started.executions.clear()
    assert ask(started, ExportFormat.PARQUET).attempt == 2
    run_all(started)
    ready = exports.get_export(started.process(), **where(), form=ExportFormat.PARQUET)
    assert (ready.status, ready.rows, ready.reason) == (ArtifactStatus.READY, 9, None)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco_file, "PART_BYTES", 100)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)


@pytest.fixture
def strict_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes moto return NoSuchUpload for an ended multipart upload, as S3 does, instead of failing."""
    for name in ("upload_part", "complete_multipart_upload"):
        monkeypatch.setattr(S3Backend, name, _strict(getattr(S3Backend, name)))


def _strict(call: Callable[..., Any]) -> Callable[..., Any]:
    def strict(self: S3Backend, bucket: str, multipart_id: str, *rest: Any) -> Any:
        if multipart_id not in self.get_bucket(bucket).multiparts:
            raise NoSuchUpload(upload_id=multipart_id)
        return call(self, bucket, multipart_id, *rest)

    return strict


def _shards_of_coco(world: World) -> Json:
    """Writes a COCO export except its file. Returns the remaining step."""
    ask(world, ExportFormat.COCO)
    *shards, finish = events(only(world))
    for event in shards:
        repeat(world, event)
    return finish


@pytest.mark.usefixtures("small_parts")
def test_a_coco_file_is_put_together_by_as_many_calls_as_it_takes(started: World) -> None:
    finish_manifest(started)
    assert repeat(started, _shards_of_coco(started), lambda: False) > 10
    assert len(coco(started)["images"]) == 9
    assert len(coco(started)["annotations"]) == 4


@pytest.mark.usefixtures("small_parts")
def test_a_coco_file_that_ends_with_a_part_has_no_empty_one(started: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finish_manifest(started)
    finish = _shards_of_coco(started)
    _calls_until_the_end(started, finish)
    work = CheckpointWork.model_validate(finish["work"])
    made = exports.get_export(started.process(), **where(), form=ExportFormat.COCO)
    assert made.bytes is not None
    monkeypatch.setattr(coco_file, "PART_BYTES", made.bytes)
    repeat(started, finish)
    assert shard_progress.find(started.process(), work.uid, work.name, 4).pages == 1
    assert len(coco(started)["images"]) == 9


@pytest.mark.usefixtures("small_parts", "strict_parts")
@pytest.mark.parametrize("left", [10, 2])
def test_a_coco_file_whose_parts_s3_has_thrown_away_is_begun_anew(started: World, left: int) -> None:
    """Calls left to the end: parts are still to be uploaded, or only to be joined."""
    finish_manifest(started)
    finish = _shards_of_coco(started)
    backend = started.process()
    calls = _calls_until_the_end(started, finish)
    for _ in range(calls - left):
        assert not take(started, finish, lambda: False)
    (multipart,) = backend.s3.list_multipart_uploads(Bucket=backend.bucket)["Uploads"]
    backend.s3.abort_multipart_upload(Bucket=backend.bucket, Key=multipart["Key"], UploadId=multipart["UploadId"])
    repeat(started, finish, lambda: False)
    assert len(coco(started)["annotations"]) == 4


def _calls_until_the_end(world: World, finish: Json) -> int:
    """Counts the calls of the last step by running it, then resets its progress and its files."""
    backend = world.process()
    work = CheckpointWork.model_validate(finish["work"])
    before = stored(world, "exports/")
    calls = repeat(world, finish, lambda: False)
    finished = shard_progress.find(backend, work.uid, work.name, 4)
    reset = replace(finished, cursor="", pages=0, counted=0, done=False)
    shard_progress.advance(backend, finished, reset)
    for key, body in before.items():
        backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=body)
    backend.s3.delete_object(Bucket=backend.bucket, Key=f"exports/{work.uid}/{work.checkpoint}/coco/coco.json")
    return calls


def test_classes_that_are_appended_while_a_coco_file_is_written_are_not_in_it(started: World) -> None:
    finish_manifest(started)
    finish = _shards_of_coco(started)
    classes = [ClassInput(name=name) for name in ("heron", "stork", "owl")]
    projects.put_class_map(started.process(), PROJECT, classes)
    repeat(started, finish)
    assert [category["name"] for category in coco(started)["categories"]] == ["heron", "stork"]


@pytest.mark.parametrize("step", ["shard", "finish"])
@pytest.mark.parametrize("form", [None, *ExportFormat])
def test_a_purge_leaves_nothing_in_s3_whatever_was_being_written(
    started: World, form: ExportFormat | None, step: str
) -> None:
    """The step pauses before each of its AWS calls in turn and resumes after the dataset is purged."""
    if form is not None:
        finish_manifest(started)
        ask(started, form)
    execution = only(started)
    uid = uid_of(started)
    *shards, finish = events(execution)
    for event in shards if step == "finish" else []:
        repeat(started, event)
    stopped = _stopped_before_each_call(started, finish if step == "finish" else shards[0])
    archive_for_purge(started)
    begin_purge(started)
    started.run_purge(purges(started)[-1])
    for attempt in stopped:
        attempt.run()
        assert (attempt.error, attempt.result) == (None, True)
    fail(started, execution)
    assert objects(started, uid) == []


def _stopped_before_each_call(world: World, event: Json) -> list[Invocation]:
    stopped: list[Invocation] = []
    while not (stopped and stopped[-1].finished):
        attempt = Invocation(event["step"], lambda: take(world, event))
        while not attempt.finished and len(attempt.calls) <= len(stopped):
            attempt.step()
        stopped.append(attempt)
    return stopped


def test_a_purge_ends_what_is_being_written_without_a_failure(started: World) -> None:
    finish_manifest(started)
    ask(started, ExportFormat.PARQUET)
    execution = only(started)
    archive_for_purge(started)
    begin_purge(started)
    assert all(take(started, event) for event in events(execution))
    fail(started, execution)
