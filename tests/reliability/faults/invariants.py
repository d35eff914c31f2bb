"""Checks the eight invariants of the design, at any moment, against the oracle."""

from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from tests.reliability.faults import oracle
from tests.reliability.faults.model import DatasetModel, latest, read
from tests.reliability.faults.oracle import State
from tests.simulation.world import World
from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import shard_pk
from tidemark.datasets import datasets
from tidemark.domain.datasets import Mode
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.domain.versions import Version
from tidemark.domain.windows import Window
from tidemark.shards import log as shard_log
from tidemark.shards.frame_versions import ABOVE_ALL_IDS
from tidemark.shards.log import Marker
from tidemark.uploads import follow
from tidemark.uploads import records as store
from tidemark.versions import resolve


@dataclass(frozen=True)
class _Commit:
    window: Window
    n: int
    late: bool
    """Whether its window was only ever sent again, never in its original order."""
    frame_ids: list[str]
    """The frames that the commit changed."""
    marker: Marker | None
    """The marker of its window. A last window of several transactions has none before the last of them."""
    superseded: frozenset[int]
    """Rows of the window that were dropped in favour of later ones."""


Log = dict[int, list[_Commit]]
"""The commits of a dataset, by shard."""


def check(world: World, model: DatasetModel) -> None:
    """Checks a dataset against the invariants. Assertion messages give the design's numbers."""
    backend = world.process()
    log = {shard: _commits(world, backend, model, shard) for shard in range(model.shards)}
    for commits in log.values():
        _exactly_once(commits)
        _in_order(world, commits)
    _storage(backend, model, log)
    last = latest(world, model)
    heads = {
        number: resolve.get_version(backend, **model.where(), version=str(number)) for number in range(1, last + 1)
    }
    assert all(number <= last for number in model.snapshots), f"a version later than the latest, {last}, was read (5)"
    for number in range(1, last + 1):
        _version(backend, model, heads, number, log)
        for listed in heads[number].uploads:
            upload = store.get(backend, model.uid, listed.id)
            assert number in upload.versions, f"version {number} lists upload {listed.id}, which does not list it (5)"
    for upload_id in model.rollbacks:
        record = store.find(backend, model.uid, upload_id)
        if record is not None and record.version is not None:
            assert record.version in heads, f"roll back {upload_id} settled into a version that does not exist (5)"
            assert record.rows == record.applied + record.dropped + record.failed, "a row is lost (6)"
    for upload_id, submission in model.submissions.items():
        record = store.find(backend, model.uid, upload_id)
        if record is not None:
            _upload(backend, model, record, heads, log)
        else:
            assert submission.receipt is None, f"upload {upload_id} was accepted and is not stored (6)"
            assert not _applied(log, upload_id), f"windows of upload {upload_id} were applied, and it is not stored (6)"


def _applied(log: Log, upload_id: str) -> list[_Commit]:
    return [commit for commits in log.values() for commit in commits if commit.window.upload == upload_id]


def check_all_settled(world: World, model: DatasetModel) -> None:
    """Checks, when nothing is running any more, that every upload has settled and every row has an outcome (6)."""
    backend = world.process()
    for upload_id in model.uploads():
        upload = store.find(backend, model.uid, upload_id)
        if upload is not None and upload.status is not UploadStatus.WAITING:
            assert upload.status is not UploadStatus.PENDING, f"{upload} has not settled (6)"
            assert upload.windows_settled == upload.windows or upload.is_chunked, f"{upload} has unsettled windows (6)"
    assert not datasets.get_dataset(backend, model.project, model.name).activity.pending_uploads


def _commits(world: World, backend: Backend, model: DatasetModel, shard: int) -> list[_Commit]:
    items, stopped = table.query(backend, shard_pk(model.uid, shard), "C#", "C#~")
    assert stopped is None
    sent: dict[str, list[Window]] = defaultdict(list)
    for message in world.windows.taken[f"{model.uid}#{shard}"]:
        sent[message.deduplication_id].append(Window.model_validate_json(message.body))
    names = list(dict.fromkeys(item["window"] for item in items))
    markers = dict(zip(names, shard_log.markers(backend, model.uid, [(shard, name) for name in names]), strict=True))
    commits = []
    for item in items:
        marker = markers[item["window"]]
        copies = sent[item["window"]]
        assert copies, f"window {item['window']} was applied and never sent (3)"
        changed = [frame_id for frame_id, _ in item["frames"]]
        gave_way = frozenset(row.row for row in marker.outcomes if row.code == "superseded") if marker else frozenset()
        late = all(copy.again for copy in copies)
        commits.append(_Commit(copies[-1], int(item["SK"][2:]), late, changed, marker, gave_way))
    assert [commit.n for commit in commits] == list(range(1, len(commits) + 1)), "the log of a shard has a gap"
    assert {commit.window.dataset for commit in commits} <= {model.uid}, "a window of another dataset (8)"
    assert {commit.window.upload for commit in commits} <= set(model.uploads()), "an upload of another dataset (8)"
    return commits


def _exactly_once(commits: list[_Commit]) -> None:
    """Checks that a window is one commit (3). Only the last window of a roll back may take several."""
    of_rows = [commit for commit in commits if commit.window.plan.restore is None]
    applied = [(commit.window.upload, commit.window.chunk, commit.window.plan.number) for commit in of_rows]
    assert len(applied) == len(set(applied)), f"a window was applied twice (3): {applied}"
    for commit in of_rows:
        assert commit.marker is not None, f"window {commit.window.id} was applied and has no marker (3)"


def _in_order(world: World, commits: list[_Commit]) -> None:
    """Checks that each change of a frame was sent to its shard after all earlier changes of that frame (4).

    A window that was only sent again, after its sender crashed, must not undo changes that were accepted after it.
    """
    last: dict[str, tuple[int, Window]] = {}
    for commit in commits:
        window = commit.window
        group = world.windows.taken[f"{window.dataset}#{window.plan.shard}"]
        position = [message.deduplication_id for message in group].index(window.id)
        superseded = commit.superseded
        if window.plan.restore is not None:
            last.update(dict.fromkeys(commit.frame_ids, (position, window)))
        for row in window.plan.rows:
            before, earlier = last.get(row.frame_id, (-1, window))
            if row.row in superseded:
                assert _is_later(earlier, window), f"{window.id} was dropped for {earlier.id}, accepted before it"
            else:
                overruled = commit.late and _is_later(earlier, window)
                assert not overruled, f"{window.id} undid {earlier.id} on {row.frame_id}, accepted after it (4)"
                assert before < position, f"{window.id} undid {earlier.id} on {row.frame_id}, sent after it (4)"
                if row.frame_id in commit.frame_ids:  # a row that changed nothing cannot be undone
                    last[row.frame_id] = (position, window)


def _is_later(window: Window, other: Window) -> bool:
    """Whether a window was accepted after another one: in a later upload, or further on in the same file."""
    if window.upload != other.upload:
        return window.accepted_at > other.accepted_at
    return (window.chunk, window.plan.number) > (other.chunk, other.plan.number)


def _storage(backend: Backend, model: DatasetModel, log: Log) -> None:
    """Checks the counts in the shard heads (7) against the commits and the stored frame versions."""
    for shard, head in enumerate(shard_log.shard_heads(backend, model.uid, model.shards)):
        assert head.n == len(log[shard]), f"the log of shard {shard} is longer or shorter than its head says (2)"
        items, stopped = table.query(backend, shard_pk(model.uid, shard), "F#", ABOVE_ALL_IDS)
        assert stopped is None
        lengths: dict[str, list[int]] = defaultdict(list)
        stored = set()
        for item in items:
            _, frame_id, n = item["SK"].split("#")
            stored.add((int(n), frame_id))
            lengths[frame_id].append(int(item.get("length", 0)))
        changed = {(commit.n, frame_id) for commit in log[shard] for frame_id in commit.frame_ids}
        assert stored == changed, "the stored frame versions are not those of the commits (2)"
        assert head.revisions == len(stored), "frame versions (7)"
        assert head.payload_bytes == sum(map(sum, lengths.values())), "bytes of payloads (7)"
        assert head.live_bytes == sum(each[-1] for each in lengths.values()), "bytes of live payloads (7)"


def _version(backend: Backend, model: DatasetModel, heads: dict[int, Version], number: int, log: Log) -> None:
    """Checks snapshot (1), whole windows (2) and counts (7) of one version, read page by page."""
    version = heads[number]
    before = heads.get(number - 1)
    content = read(backend, model, number)
    assert content == model.snapshots.get(number, content), f"version {number} changed (1)"
    expected: State = {}
    for shard, commits in log.items():
        head = version.shards[shard].head
        assert head <= len(commits), f"version {number} contains commits that do not exist (2)"
        assert before is None or before.shards[shard].head <= head, f"version {number} loses commits (5)"
        expected |= _state_of(backend, model, commits[:head], commits)
    assert content == expected, f"version {number} differs from its windows' result (2)"
    model.snapshots[number] = content
    assert before is None or before.created_at < version.created_at, "versions are not in the order of their times (5)"
    assert version.frames == len(content), "live frames (7)"
    assert version.labels == sum(len(frame["labels"]) for frame in content.values()), "live labels (7)"
    if model.cloned is not None and number == 1:
        assert content == model.cloned.content, f"a clone differs from version {model.cloned.version} (2)"


def _state_of(backend: Backend, model: DatasetModel, commits: Sequence[_Commit], log: Sequence[_Commit]) -> State:
    """Returns the frames of a shard after these commits, counted from the first of its `log`.

    The last window of a roll back may take several commits, and a version of another upload may be among them.
    """
    state: State = {}
    for number, commit in enumerate(commits):
        if commit.window.upload in model.rollbacks:
            _restore(backend, model, log, commits[:number], commit, state)
        elif model.cloned is not None and commit.window.upload == model.cloned.upload:
            state |= {row.frame_id: deepcopy(model.cloned.content[row.frame_id]) for row in commit.window.plan.rows}
        else:
            _replay(model, commit, state)
    return state


def _restore(
    backend: Backend,
    model: DatasetModel,
    log: Sequence[_Commit],
    before: Sequence[_Commit],
    commit: _Commit,
    state: State,
) -> None:
    """Applies a window of a roll back to `state`: its frames become as they were, after the last window all (R10)."""
    window = commit.window
    to = resolve.get_version(backend, **model.where(), version=str(model.rollbacks[window.upload]))
    target = _state_of(backend, model, before[: to.shards[window.plan.shard].head], log)
    for frame_id in commit.frame_ids:
        state.pop(frame_id, None)
        if frame_id in target:
            state[frame_id] = target[frame_id]
    if commit.marker is not None and window.plan.restore is None:
        assert commit.marker.applied == len(commit.frame_ids), "wrong outcomes (6)"
    record = store.get(backend, model.uid, window.upload)
    is_last = window.plan.restore is not None and commit.marker is not None and not _goes_on(commit, log)
    if is_last and window.attempt == 0 and record.windows_failed + record.retries == 0:
        assert state == target, f"roll back {window.upload} has not restored its shard (R10)"


def _goes_on(commit: _Commit, log: Sequence[_Commit]) -> bool:
    """Whether a window continues in a later commit."""
    return any(later.window.id == commit.window.id for later in log[commit.n :])


def _replay(model: DatasetModel, commit: _Commit, state: State) -> None:
    window, marker = commit.window, commit.marker
    assert marker is not None
    submission = model.submissions[window.upload]
    outcomes = {"applied": 0, "dropped": len(commit.superseded), "failed": 0}
    for row in window.plan.rows:
        if row.row not in commit.superseded:
            outcomes[oracle.apply(state, deepcopy(submission.rows[row.row - submission.first_row]))] += 1
    assert outcomes == {"applied": marker.applied, "dropped": marker.dropped, "failed": marker.failed}, (
        "wrong outcomes (6)"
    )


def _upload(
    backend: Backend,
    model: DatasetModel,
    upload: Upload,
    heads: dict[int, Version],
    log: Log,
) -> None:
    """Checks dense versions (5) and nothing lost (6) for one upload."""
    rows, by_file = model.submissions[upload.id].rows, model.submissions[upload.id].by_file
    if upload.status is UploadStatus.WAITING or upload.files_read < upload.files:
        assert upload.version is None, "an upload settled before its files were read (5)"
        return
    assert upload.rows == len(rows)
    wrong = len(oracle.rejected(rows, repeats=by_file))
    if upload.mode is Mode.BATCH and upload.settled_at is not None and upload.version is None:
        assert upload.reason, "a refused BATCH upload has no reason (6)"
        assert not _applied(log, upload.id) or upload.windows_failed, "a refused BATCH upload was applied in part (R22)"
        return
    assert upload.rejected == wrong
    if upload.status is UploadStatus.PENDING:
        return
    assert upload.rejected + upload.applied + upload.dropped + upload.failed == upload.rows, "a row is lost (6)"
    outcomes = follow.list_errors(backend, **model.where(), upload=upload.id, limit=1000, cursor=None).items
    assert len({outcome.row for outcome in outcomes}) == upload.rows - upload.applied, "a row has no reason (6)"
    if upload.version is None:
        assert upload.status is UploadStatus.FAILED
        assert upload.rejected == upload.rows
        return
    assert upload.version in heads, f"upload {upload.id} settled into a version that does not exist (5)"
    contained = sum(
        len(commit.window.plan.rows)
        for shard, commits in log.items()
        for commit in commits[: heads[upload.version].shards[shard].head]
        if commit.window.upload == upload.id
    )
    if upload.mode is Mode.BATCH:
        assert (upload.applied, contained) == (upload.rows, upload.rows), "a BATCH upload in part (R22)"
    given_up = sum(outcome.code == "window_failed" for outcome in outcomes)
    assert contained + given_up + upload.rejected == upload.rows, "an upload's version does not contain it (5)"
