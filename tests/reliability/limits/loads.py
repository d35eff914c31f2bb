"""Loads of rows in a simulated account, and what must hold once they are done."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from typing import Any

from tests.reliability.faults import invariants, model, requests
from tests.reliability.faults.model import DatasetModel, Submission
from tests.reliability.faults.oracle import Row
from tests.reliability.faults.requests import Refused
from tests.simulation.account import Account
from tests.simulation.deployment import Caller
from tests.simulation.invocation import Invocation
from tests.simulation.world import result_of
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.uploads import follow

START = datetime(2026, 1, 1, tzinfo=UTC)
"""When a simulated world begins."""
CLIENT_PAUSE = timedelta(seconds=20)
"""How long a refused client waits until it repeats its request."""


def add(frame_id: str) -> Row:
    """Returns an ADD of a frame with a label."""
    label = {"id": "l0", "type": "CLASSIFICATION_2D", "class": "car"}
    return {"op": "ADD", "frame": {"frame_id": frame_id, "labels": [label]}}


def modify(frame_id: str) -> Row:
    """Returns a MODIFY of a frame's metadata."""
    return {"op": "MODIFY", "frame": {"frame_id": frame_id, "metadata": {"city": "Oslo"}}}


def adds(name: str, count: int) -> list[Row]:
    """Returns ADDs of frames whose ids begin with `name`."""
    return [add(f"{name}-{number}") for number in range(count)]


def dataset(account: Account, shards: int = 1, name: str = "train") -> DatasetModel:
    """Creates an empty dataset."""
    return model.create_dataset(account, "ours", name, shards)


def submit(account: Account, to: DatasetModel, rows: list[Row], key: str) -> None:
    """Sends rows in a request that is accepted before anything else happens."""
    result_of(requests.start_submit(account, to, rows, key).run())


def submit_file(account: Account, to: DatasetModel, rows: list[Row], key: str) -> None:
    """Sends rows in a file that is accepted before anything else happens."""
    result_of(requests.start_file(account, to, rows, key).run())


def submit_files(account: Account, to: DatasetModel, files: list[list[Row]], key: str) -> str:
    """Sends an upload of several files and returns its id."""

    def operation(caller: Caller) -> str:
        names = [{"name": f"file-{number}.jsonl"} for number in range(len(files))]
        body = json.dumps({"files": names}).encode()
        upload = str(caller.send("POST", f"{requests.path(to)}/uploads", body, Idempotency_Key=key).json()["upload"])
        for number, rows in enumerate(files):
            caller.put(f"uploads/{to.uid}/{upload}/{number:04d}", Submission(rows, key).text)
        assert caller.send("POST", f"{requests.path(to)}/uploads/{upload}/complete").status == HTTPStatus.ACCEPTED
        return upload

    return str(result_of(account.start_client(f"send files {key}", operation).run()))


def send(account: Account, to: DatasetModel, rows: list[Row], key: str) -> None:
    """Starts a client that sends rows in a request, again and again until it is accepted."""
    persist(account, lambda: requests.start_submit(account, to, rows, key))


def send_file(account: Account, to: DatasetModel, rows: list[Row], key: str) -> None:
    """Starts a client that sends rows in a file, again and again until it is accepted."""
    persist(account, lambda: requests.start_file(account, to, rows, key))


def persist(account: Account, start: Callable[[], Invocation]) -> None:
    """Starts a client, again and again until it is accepted."""

    def repeat(ended: Invocation) -> None:
        if isinstance(ended.error, Refused):
            account.at(account.now + CLIENT_PAUSE, lambda: persist(account, start))

    account.start(start(), repeat)


def upload(account: Account, to: DatasetModel, upload_id: str) -> Upload:
    """Returns an upload."""
    return follow.get_upload(account.process(), **to.where(), upload=upload_id)


def upload_of(account: Account, to: DatasetModel, key: str) -> Upload:
    """Returns the upload of the rows that were sent with a key."""
    (upload_id,) = [name for name, sent in to.submissions.items() if sent.key == key]
    return upload(account, to, upload_id)


def check_all_applied(account: Account, *datasets: DatasetModel) -> None:
    """Checks the invariants, that every upload is settled with every row applied, and that no message was dropped."""
    assert (account.dead, account.settled_dead, account.files_dead) == ([], [], [])
    for each in datasets:
        invariants.check(account, each)
        invariants.check_all_settled(account, each)
        for sent in each.submissions.values():
            record = upload_of(account, each, sent.key)
            assert (record.status, record.applied, record.failed) == (UploadStatus.SETTLED, len(sent.rows), 0), sent.key


def waits_of(account: Account, function: str) -> dict[str, list[float]]:
    """Returns the seconds between the deliveries of each message to a function, by the message's id."""
    times: dict[str, list[Any]] = {}
    for delivery in account.deliveries:
        if delivery.function == function:
            for name in delivery.ids:
                times.setdefault(name, []).append(delivery.at)
    return {name: [(later - earlier).total_seconds() for earlier, later in pairwise(at)] for name, at in times.items()}
