"""Random loads in random accounts, all from a seed. `python -m tests.reliability.limits SEED` runs a seed's load."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from unittest.mock import patch

from tests.reliability.faults import invariants, model, requests, rows
from tests.reliability.faults.model import DatasetModel
from tests.reliability.limits import loads
from tests.reliability.limits.deployed import deployed_limits
from tests.simulation.account import Account, new_account
from tests.simulation.invocation import Invocation
from tidemark.aws.keys import dataset_pk, shard_pk
from tidemark.domain import windows
from tidemark.domain.uploads import UploadStatus
from tidemark.ingest import file_reader
from tidemark.shards import restore
from tidemark.transfers import workflow
from tidemark.uploads import records as upload_records

MINUTES = 20
"""Time in which clients send and partitions are throttled."""
SWEEPS = 12
"""Sweeps within which everything must settle after that."""
MAX_KILLS = 6
"""Most calls that Lambda kills. A window is given up after ten, so none is here."""


@dataclass
class Result:
    """What happened in a load."""

    minutes: float = 0
    """Simulated minutes until everything had settled."""
    calls: int = 0
    """Calls of functions with messages."""
    failures: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    """Requests to throttled partitions."""
    conflicts: int = 0


def run(seed: int) -> Result:
    """Runs the load of a seed in an account with the template's limits.

    Checks that nothing is lost and no row fails.
    """
    random = Random(f"{seed}/load")
    limits = deployed_limits() | {"concurrency": random.choice([2, 10, 1000])}
    frames = random.randint(1, 3)
    with (
        patch.object(windows, "MAX_WINDOW_FRAMES", frames),
        patch.object(restore, "MAX_WINDOW_FRAMES", frames),
        patch.object(file_reader, "MAX_CHUNK_ROWS", random.choice([2, 5])),
        patch.object(workflow, "MAX_CHUNK_ROWS", 3),
        new_account(seed, **limits) as account,
    ):
        datasets = [model.create_dataset(account, "ours", name, random.choice([1, 2, 4])) for name in ("train", "test")]
        _disturb(account, datasets, random)
        for dataset in datasets:
            _load(account, dataset, random)
        account.run()
        account.tables.capacity.release()
        for _ in range(SWEEPS):
            if not any(_pending(account, dataset) for dataset in datasets):
                break
            account.sweep()
            account.run()
        _check(account, datasets)
        minutes = (account.now - loads.START) / timedelta(minutes=1)
        return Result(
            minutes=minutes,
            calls=len(account.deliveries),
            failures=account.failures,
            throttled=account.throttled,
            refused=account.tables.capacity.refused,
            conflicts=account.tables.conflicted,
        )


def _disturb(account: Account, datasets: list[DatasetModel], random: Random) -> None:
    """Limits the table, throttles some partitions for some minutes, and kills some calls."""
    account.tables.conflicts = random.random() < 0.7
    account.chunks_per_call = random.choice([2, 3, None])
    if random.random() < 0.5:
        account.tables.capacity.write_units = random.choice([10, 50])
    for _ in range(random.randint(0, 4)):
        dataset = random.choice(datasets)
        partition = random.choice([dataset_pk(dataset.uid), shard_pk(dataset.uid, random.randrange(dataset.shards))])
        begin = account.now + timedelta(minutes=random.uniform(0, MINUTES))
        end = begin + timedelta(minutes=random.uniform(0.1, MINUTES))
        account.at(begin, partial(account.tables.capacity.throttle, partition, until=end))
    kills = iter(range(random.randint(0, MAX_KILLS)))
    draws = Random(random.random())

    def kill(_: Invocation) -> bool:
        return draws.random() < 0.01 and next(kills, None) is not None

    account.kills = kill


def _load(account: Account, dataset: DatasetModel, random: Random) -> None:
    """Has clients send requests and files, and roll back, at random times."""
    spread = random.choice([0, MINUTES / 4])
    for number in range(random.randint(3, 12)):
        drawn = rows.drawn(random)
        send = loads.send_file if random.random() < 0.5 else loads.send
        key = f"{dataset.name}-{number}"
        at = account.now + timedelta(minutes=random.uniform(0, spread))
        account.at(at, partial(send, account, dataset, drawn, key))
    if random.random() < 0.5:
        at = account.now + timedelta(minutes=random.uniform(MINUTES / 4, MINUTES))
        account.at(at, lambda: _roll_back(account, dataset))


def _roll_back(account: Account, dataset: DatasetModel) -> None:
    to = model.latest(account, dataset) // 2
    loads.persist(account, lambda: requests.start_rollback(account, dataset, to, "back"))


def _pending(account: Account, dataset: DatasetModel) -> bool:
    backend = account.process()
    records = [upload_records.find(backend, dataset.uid, upload) for upload in dataset.uploads()]
    return any(record is not None and record.status is UploadStatus.PENDING for record in records)


def _check(account: Account, datasets: list[DatasetModel]) -> None:
    assert (account.settled_dead, account.files_dead) == ([], []), "a message was dropped (6)"
    for dataset in datasets:
        invariants.check(account, dataset)
        invariants.check_all_settled(account, dataset)
        for upload_id in dataset.uploads():
            upload = upload_records.find(account.process(), dataset.uid, upload_id)
            assert upload is not None, f"{upload_id} was never accepted"
            assert upload.windows_failed == 0, f"windows of {upload_id} were given up"
