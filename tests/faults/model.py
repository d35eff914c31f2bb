"""The eight invariants of the design, checked against the oracle on what a world holds at any moment."""

import json
from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta

from tests.faults import oracle
from tests.faults.invocation import Invocation
from tests.faults.oracle import Row, State
from tests.faults.world import World
from tidemark.domain.class_map import ClassInput
from tidemark.domain.datasets import Mode
from tidemark.domain.files import NewFile
from tidemark.domain.orders import ResumeUpload
from tidemark.domain.uploads import Receipt, Source, Upload, UploadStatus, upload_id_of
from tidemark.domain.versions import Version
from tidemark.domain.windows import Window
from tidemark.services import datasets, file_uploads, frames, intake, projects, retry, rollbacks, uploads, versions
from tidemark.services.intake import derived_upload_id
from tidemark.services.resume import sweep
from tidemark.store import shards, stored_files
from tidemark.store import uploads as store
from tidemark.store.backend import Backend

ACTOR = "annotator"
PAGE = 3
"""Frames to a page when a version is read: small, so that versions have several."""


@dataclass
class Submission:
    """What a client sent, and what it was told."""

    rows: list[Row]
    key: str
    receipt: Receipt | None = None
    first_row: int = 0
    """Number of the first row: 1 for a file, whose rows go by their lines."""

    @property
    def by_file(self) -> bool:
        """Whether the rows were sent in a file."""
        return self.first_row == 1

    @property
    def body(self) -> bytes:
        """What the client sends, the same every time."""
        return json.dumps({"mutations": self.rows}).encode()

    @property
    def text(self) -> bytes:
        """The rows as a file."""
        return b"".join(json.dumps(row).encode() + b"\n" for row in self.rows)


@dataclass
class DatasetModel:
    """A dataset, what was submitted to it, and every answer it gave for a version."""

    project: str
    name: str
    uid: str
    shards: int
    submissions: dict[str, Submission] = field(default_factory=dict)
    """By upload id."""
    snapshots: dict[int, State] = field(default_factory=dict)
    rollbacks: dict[str, int] = field(default_factory=dict)
    """The versions that roll backs lead to, by their upload ids."""

    def where(self) -> dict[str, str]:
        """The dataset as arguments of a service."""
        return {"project": self.project, "dataset": self.name}


def start_submit(world: World, model: DatasetModel, rows: list[Row], key: str) -> Invocation:
    """A client sends rows, or sends them again: it waits for its receipt, and remembers it."""
    upload_id = derived_upload_id(model.uid, ACTOR, key)
    submission = model.submissions.setdefault(upload_id, Submission(rows, key))
    backend = world.process()

    def operation() -> Receipt:
        receipt = intake.submit(
            backend, **model.where(), body=submission.body, actor=ACTOR, idempotency_key=submission.key
        )
        assert receipt.upload == upload_id
        assert submission.receipt in (None, receipt), "a repeat was answered differently (3)"
        submission.receipt = receipt
        return receipt

    return Invocation(f"submit {key}", operation)


def start_file(world: World, model: DatasetModel, rows: list[Row], key: str) -> Invocation:
    """A client sends rows in a file, or sends them again: announces it, puts it, and completes the upload."""
    backend = world.process()
    files = [NewFile(name="rows.jsonl")]

    def operation() -> Upload:
        receipt = file_uploads.create(backend, **model.where(), files=files, actor=ACTOR, request=key)
        submission = model.submissions.setdefault(receipt.upload, Submission(rows, key, first_row=1))
        (stored,) = stored_files.of_upload(backend, model.uid, receipt.upload)
        backend.s3.put_object(Bucket=backend.bucket, Key=stored.source.key, Body=submission.text)
        return file_uploads.complete(backend, **model.where(), upload=receipt.upload)

    return Invocation(f"send file {key}", operation)


def start_retry(world: World, model: DatasetModel, upload_id: str) -> Invocation:
    """Somebody retries an upload."""
    backend = world.process()
    return Invocation(f"retry {upload_id}", lambda: retry.retry(backend, **model.where(), upload=upload_id))


def start_rollback(world: World, model: DatasetModel, to: int) -> Invocation:
    """Somebody rolls the dataset back to a version."""
    backend = world.process()
    request = f"roll-back-{len(model.rollbacks)}"
    model.rollbacks[upload_id_of("rollback", model.uid, request)] = to
    where = model.where()
    return Invocation(
        f"roll back to {to}",
        lambda: rollbacks.roll_back(backend, **where, version=str(to), message="", actor=ACTOR, request=request),
    )


def resume(world: World, model: DatasetModel, upload_id: str) -> None:
    """Have an upload resumed, as the sweep does."""
    world.orders.append(ResumeUpload(uid=model.uid, upload=upload_id))


def is_recorded(world: World, model: DatasetModel, upload_id: str) -> bool:
    """Whether an upload came so far that a sweep can find it."""
    return store.find(world.process(), model.uid, upload_id) is not None


def sweep_and_drain(world: World) -> None:
    """Half an hour passes, the sweep runs, and all that is under way comes to its end."""
    world.let_five_minutes_pass()
    world.now += timedelta(minutes=31)
    sweep(world.process(), world.now)
    world.drain()


def create_dataset(world: World, project: str, name: str, count: int, mode: Mode = Mode.STREAMING) -> DatasetModel:
    """A project with the oracle's class map, and an empty dataset in it."""
    backend = world.process()
    classes = [ClassInput(name=name) for name in oracle.CLASSES]
    projects.create_project(backend, name=project, description="", classes=classes, actor="admin")
    dataset = datasets.create_dataset(
        backend, project=project, name=name, description="", shards=count, actor="admin", mode=mode
    )
    return DatasetModel(project, name, dataset.uid, count)


@dataclass(frozen=True)
class _Commit:
    window: Window
    n: int
    late: bool
    """Whether its window was never sent in its turn, but only again."""
    frame_ids: list[str]
    """The frames that it changed."""


def check(world: World, model: DatasetModel) -> None:
    """Hold a dataset to the invariants (their numbers are the design's)."""
    backend = world.process()
    log = {shard: _commits(world, backend, model, shard) for shard in range(model.shards)}
    for commits in log.values():
        _exactly_once(commits)
        _in_order(world, commits)
    _storage(backend, model, log)
    last = latest(world, model)
    heads: dict[int, Version] = {}
    for number in range(1, last + 1):
        heads[number] = versions.get_version(backend, **model.where(), version=str(number))
        _version(backend, model, heads[number], log)
    for upload_id in model.rollbacks:
        record = store.find(backend, model.uid, upload_id)
        if record is not None and record.version is not None:
            assert record.version in heads, f"roll back {upload_id} settled into a version that is not there (5)"
            assert record.rows == record.applied + record.dropped + record.failed, "a row is lost (6)"
    for upload_id, submission in model.submissions.items():
        record = store.find(backend, model.uid, upload_id)
        if record is not None:
            _upload(backend, model, record, heads, log)
        else:
            assert submission.receipt is None, f"upload {upload_id} was accepted and is not there (6)"
            assert not _applied(log, upload_id), f"windows of upload {upload_id} were applied, and it is not there (6)"


def _applied(log: dict[int, list[_Commit]], upload_id: str) -> list[_Commit]:
    return [commit for commits in log.values() for commit in commits if commit.window.upload == upload_id]


def check_all_settled(world: World, model: DatasetModel) -> None:
    """Nothing lost (6): when nothing is under way any more, every upload has settled and every row has an outcome."""
    backend = world.process()
    for upload_id in [*model.submissions, *model.rollbacks]:
        upload = store.find(backend, model.uid, upload_id)
        if upload is not None:
            assert upload.status is not UploadStatus.PENDING, f"{upload} never settled"
            assert upload.windows_settled == upload.windows or upload.source is Source.ROLLBACK
    assert not datasets.get_dataset(backend, model.project, model.name).activity.pending_uploads


def _commits(world: World, backend: Backend, model: DatasetModel, shard: int) -> list[_Commit]:
    answer = backend.dynamodb.query(
        TableName=backend.table,
        KeyConditionExpression="PK = :pk AND begins_with(SK, :c)",
        ExpressionAttributeValues={":pk": {"S": f"D#{model.uid}#{shard}"}, ":c": {"S": "C#"}},
        ConsistentRead=True,
    )
    sent: dict[str, list[Window]] = defaultdict(list)
    for message in world.windows.taken[f"{model.uid}#{shard}"]:
        sent[message.deduplication_id].append(Window.model_validate_json(message.body))
    found = []
    for item in answer["Items"]:
        copies = sent[item["window"]["S"]]
        changed = [frame["L"][0]["S"] for frame in item["frames"]["L"]]
        found.append(_Commit(copies[-1], int(item["SK"]["S"][2:]), all(copy.again for copy in copies), changed))
    assert [commit.n for commit in found] == list(range(1, len(found) + 1)), "the log of a shard has a gap"
    assert {commit.window.dataset for commit in found} <= {model.uid}, "a window of another dataset (8)"
    return found


def _exactly_once(commits: list[_Commit]) -> None:
    applied = [(commit.window.upload, commit.window.part, commit.window.plan.number) for commit in commits]
    assert len(applied) == len(set(applied)), f"a window was applied twice (3): {applied}"


def _in_order(world: World, commits: list[_Commit]) -> None:
    """Order (4): what changes a frame was sent to its shard after everything that changed the frame before.

    What was only sent again, after a sender died, gives way to whatever was accepted after it.
    """
    last: dict[str, tuple[int, Window]] = {}
    for commit in commits:
        window = commit.window
        group = world.windows.taken[f"{window.dataset}#{window.plan.shard}"]
        position = [message.deduplication_id for message in group].index(window.id)
        superseded = _outcomes(world.process(), window, "superseded")
        if window.plan.restore is not None:
            last.update(dict.fromkeys(commit.frame_ids, (position, window)))
        for row in window.plan.rows:
            before, earlier = last.get(row.frame_id, (-1, window))
            if row.row in superseded:
                assert _is_later(earlier, window), f"{window.id} gave way to {earlier.id} without need"
            else:
                overruled = commit.late and _is_later(earlier, window)
                assert not overruled, f"{window.id} undid {earlier.id} on {row.frame_id}, accepted after it (4)"
                assert before < position, f"{window.id} undid {earlier.id} on {row.frame_id}, sent after it (4)"
                last[row.frame_id] = (position, window)


def _is_later(one: Window, other: Window) -> bool:
    """Whether a window was accepted after another one: in a later upload, or further on in the same file."""
    if one.upload != other.upload:
        return one.accepted_at > other.accepted_at
    return (one.part, one.plan.number) > (other.part, other.plan.number)


def _storage(backend: Backend, model: DatasetModel, log: dict[int, list[_Commit]]) -> None:
    """Counts (7) of what the heads of the shards say is stored, held against the markers and the frame versions."""
    for shard, head in enumerate(shards.heads(backend, model.uid, model.shards)):
        applied = [_marker(backend, commit.window).applied for commit in log[shard]]
        assert head.revisions == sum(applied), "frame versions (7)"
        stored = dict.fromkeys(frame_id for commit in log[shard] for frame_id in _frame_ids(commit.window))
        found = [shards.revisions(backend, model.uid, shard, frame_id, head.n, limit=1000) for frame_id in stored]
        lengths = [[version.pointer.length if version.pointer else 0 for version in each] for each in found]
        assert head.revisions == sum(len(each) for each in lengths), "frame versions (7)"
        assert head.payload_bytes == sum(sum(each) for each in lengths), "bytes of payloads (7)"
        assert head.live_bytes == sum(each[0] for each in lengths if each), "bytes of live payloads (7)"


def _frame_ids(window: Window) -> list[str]:
    return [row.frame_id for row in window.plan.rows]


def _marker(backend: Backend, window: Window) -> shards.Marker:
    [marker] = shards.markers(backend, window.dataset, [(window.plan.shard, window.id)])
    assert marker is not None, f"window {window.id} was applied and has no marker (3)"
    return marker


def _outcomes(backend: Backend, window: Window, code: str) -> set[int]:
    return {outcome.row for outcome in _marker(backend, window).outcomes if outcome.code == code}


def _version(backend: Backend, model: DatasetModel, version: Version, log: dict[int, list[_Commit]]) -> None:
    """Snapshot (1), whole windows (2) and counts (7) of one version, read page by page."""
    content = read(backend, model, version.number)
    if version.number in model.snapshots:
        assert content == model.snapshots[version.number], f"version {version.number} changed (1)"
    else:
        expected: State = {}
        for shard, commits in log.items():
            assert version.shards[shard].head <= len(commits)
            expected |= _state_of(backend, model, commits[: version.shards[shard].head])
        assert content == expected, f"version {version.number} is not what its windows make (2)"
        model.snapshots[version.number] = content
    assert version.frames == len(content), "live frames (7)"
    assert version.labels == sum(len(frame["labels"]) for frame in content.values()), "live labels (7)"


def _state_of(backend: Backend, model: DatasetModel, commits: list[_Commit]) -> State:
    """What a shard holds after these commits, from its first on."""
    state: State = {}
    for number, commit in enumerate(commits):
        if commit.window.upload in model.rollbacks:
            _restore(backend, model, commits[:number], commit, state)
        else:
            _replay(backend, model, commit, state)
    return state


def _restore(backend: Backend, model: DatasetModel, before: list[_Commit], commit: _Commit, state: State) -> None:
    """A window of a roll back: the frames that it changed are as they were, and after its last one all are (R10)."""
    window = commit.window
    to = versions.get_version(backend, **model.where(), version=str(model.rollbacks[window.upload]))
    wanted = _state_of(backend, model, before[: to.shards[window.plan.shard].head])
    for frame_id in commit.frame_ids:
        state.pop(frame_id, None)
        if frame_id in wanted:
            state[frame_id] = wanted[frame_id]
    mine = [one for one in before if one.window.upload == window.upload]
    [marker] = shards.markers(backend, window.dataset, [(window.plan.shard, window.id)])
    assert marker is not None
    assert marker.applied == len(commit.frame_ids), "outcomes (6)"
    record = store.get(backend, model.uid, window.upload)
    if window.plan.restore is not None and window.attempt == 0 and record.windows_failed + record.retries == 0:
        assert state == wanted, f"after {len(mine)} windows, roll back {window.upload} has not restored its shard (R10)"


def _replay(backend: Backend, model: DatasetModel, commit: _Commit, state: State) -> None:
    window = commit.window
    submission = model.submissions[window.upload]
    superseded = _outcomes(backend, window, "superseded")
    seen = {"applied": 0, "dropped": len(superseded), "failed": 0}
    for row in window.plan.rows:
        if row.row not in superseded:
            seen[oracle.apply(state, deepcopy(submission.rows[row.row - submission.first_row]))] += 1
    marker = _marker(backend, window)
    assert seen == {"applied": marker.applied, "dropped": marker.dropped, "failed": marker.failed}, "outcomes (6)"


def latest(world: World, model: DatasetModel) -> int:
    """The number of the latest version."""
    return versions.get_version(world.process(), **model.where(), version="LATEST").number


def read(backend: Backend, model: DatasetModel, version: int) -> State:
    """A version as its readers see it, page by page."""
    content: State = {}
    cursor: str | None = None
    while True:
        page = frames.list_frames(backend, **model.where(), version=str(version), limit=PAGE, cursor=cursor)
        for item in page.items:
            frame = json.loads(item.frame)
            frame_id = frame["frame_id"]
            assert frame_id not in content, "a frame twice in one version"
            content[frame_id] = oracle.plain(frame)
        cursor = page.cursor
        if cursor is None:
            return content


def _upload(
    backend: Backend,
    model: DatasetModel,
    upload: Upload,
    heads: dict[int, Version],
    log: dict[int, list[_Commit]],
) -> None:
    """Dense versions (5) and nothing lost (6) for one upload."""
    rows, by_file = model.submissions[upload.id].rows, model.submissions[upload.id].by_file
    if upload.status is UploadStatus.WAITING or upload.files_read < upload.files:
        assert upload.version is None, "an upload settled before its files were read (5)"
        return
    assert upload.rows == len(rows)
    assert upload.rejected == len(oracle.rejected(rows, repeats=by_file))
    if upload.status is UploadStatus.PENDING:
        return
    assert upload.rejected + upload.applied + upload.dropped + upload.failed == upload.rows, "a row is lost (6)"
    outcomes = uploads.list_errors(backend, **model.where(), upload=upload.id, limit=1000, cursor=None).items
    assert len({outcome.row for outcome in outcomes}) == upload.rows - upload.applied, "a row without a reason (6)"
    if upload.version is None:
        assert upload.status is UploadStatus.FAILED
        assert upload.rejected == upload.rows
        return
    assert upload.version in heads, f"upload {upload.id} settled into a version that is not there (5)"
    contained = sum(
        len(commit.window.plan.rows)
        for shard, commits in log.items()
        for commit in commits[: heads[upload.version].shards[shard].head]
        if commit.window.upload == upload.id
    )
    given_up = sum(outcome.code == "window_failed" for outcome in outcomes)
    assert contained + given_up + upload.rejected == upload.rows, "its version does not contain it (5)"
