"""Loads of rows in a simulated account, and what must hold once they are done."""

from itertools import pairwise
from typing import Any

from tests.reliability.faults import invariants, model, requests
from tests.reliability.faults.model import DatasetModel
from tests.reliability.faults.oracle import Row
from tests.simulation.account import Account
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.uploads import follow


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


def send(account: Account, to: DatasetModel, rows: list[Row], key: str) -> None:
    """Starts a client that sends rows in a request."""
    account.start(requests.start_submit(account, to, rows, key))


def send_file(account: Account, to: DatasetModel, rows: list[Row], key: str) -> None:
    """Starts a client that sends rows in a file."""
    account.start(requests.start_file(account, to, rows, key))


def upload_of(account: Account, to: DatasetModel, key: str) -> Upload:
    """Returns the upload of the rows that were sent with a key."""
    (upload_id,) = [name for name, sent in to.submissions.items() if sent.key == key]
    return follow.get_upload(account.process(), **to.where(), upload=upload_id)


def check_all_applied(account: Account, *datasets: DatasetModel) -> None:
    """Checks the invariants, that every upload is settled with every row applied, and that no message was dropped."""
    assert (account.dead, account.settled_dead, account.files_dead) == ([], [], [])
    for each in datasets:
        invariants.check(account, each)
        invariants.check_all_settled(account, each)
        for sent in each.submissions.values():
            upload = upload_of(account, each, sent.key)
            assert (upload.status, upload.applied, upload.failed) == (UploadStatus.SETTLED, len(sent.rows), 0), sent.key


def waits_of(account: Account, function: str) -> dict[str, list[float]]:
    """Returns the seconds between the deliveries of each message to a function, by the message's id."""
    times: dict[str, list[Any]] = {}
    for delivery in account.deliveries:
        if delivery.function == function:
            for name in delivery.ids:
                times.setdefault(name, []).append(delivery.at)
    return {name: [(later - earlier).total_seconds() for earlier, later in pairwise(at)] for name, at in times.items()}
