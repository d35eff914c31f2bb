"""The loads that are simulated, each with the design before and after."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.capacity.apply import Apply
from tests.capacity.design import Design
from tests.capacity.dynamodb import Partition
from tests.capacity.intake import Intake
from tests.capacity.limits import FunctionLimits, Limits, TableLimits
from tests.capacity.publish import Publish
from tests.capacity.senders import Senders
from tests.capacity.service import MANY_CALLS, Calls, Dataset, Service, Upload
from tests.capacity.transfer import Clone

FRESH = Limits()
"""A new on-demand table, which takes 4,000 write units a second and does not grow."""
WARM = Limits(table=TableLimits(partitions=None, table_write_units=200_000))
"""A table whose item collections have a partition each, with its quota raised."""
SMALL_ACCOUNT = Limits(functions=FunctionLimits(concurrency=10))


MAX_HOURS = 12
"""When a simulation ends, whether or not everything has settled."""
STEP_SECONDS = 10.0
"""How often a simulation looks whether everything has settled."""


@dataclass
class Run:
    """A simulation that has ended."""

    service: Service
    calls: Calls
    apply: Apply
    publish: Publish
    intake: Intake

    @property
    def seconds(self) -> float:
        """Returns the time from the start until the last upload settled."""
        settled = [upload.settled_at for upload in self.service.uploads if upload.settled_at is not None]
        return max([*settled, self.service.ledger.last_applied, 1e-9])

    @property
    def is_done(self) -> bool:
        """Whether all uploads have settled."""
        return all(upload.settled_at is not None for upload in self.service.uploads)

    @property
    def rows_per_second(self) -> float:
        """Returns the rows applied a second, from the start until everything had settled."""
        return self.service.ledger.rows / self.seconds

    @property
    def stalls(self) -> int:
        """Returns how often a message group had to wait after a failed call."""
        return self.apply.mapping.stalls + self.publish.mapping.stalls

    @property
    def dropped_files(self) -> int:
        """Returns how many files ended in the dead-letter queue."""
        return len({message.body for message in self.service.files.dead})

    @property
    def capacity_used(self) -> float | None:
        """Returns the share of the table's write capacity that was used for good, while the load was full.

        None if the load was never full.
        """
        ledger = self.service.ledger
        if ledger.first_applied is None or ledger.loaded_at is None:
            return None
        available = sum(partition.writes.per_second for partition in self.service.log_partitions())
        return ledger.written / max(1e-9, available * (ledger.loaded_at - ledger.first_applied))

    def shares(self) -> dict[str, float]:
        """Returns how busy each resource was, as a share of the whole time."""
        service, seconds = self.service, self.seconds
        groups = self.apply.mapping.group_seconds
        logs = self.service.log_partitions()
        records = {service.table.partition(upload.dataset.records) for upload in service.uploads}
        return {
            "table": _share(logs, seconds),
            "a dataset's records": max((_share([p], seconds) for p in records if p not in logs), default=0.0),
            "publish": max(self.publish.mapping.group_seconds.values(), default=0.0) / seconds,
            "shards, one window at a time": sum(groups.values()) / max(1, len(groups)) / seconds,
            "intake": self.intake.function.busy_seconds / self.calls.intake / seconds,
            "the account's executions": service.account.full_seconds / seconds,
        }

    @property
    def binds(self) -> str:
        """Returns what was busiest, with its share of the time or of its capacity."""
        name, share = max(self.shares().items(), key=lambda item: item[1])
        return f"{name} {share:.0%}"


def _share(partitions: Sequence[Partition], seconds: float) -> float:
    """Returns the share of partitions' write capacity that was taken."""
    return sum(p.writes.taken for p in partitions) / max(1.0, sum(p.writes.per_second for p in partitions)) / seconds


def start(design: Design, limits: Limits, seed: int, calls: Calls = MANY_CALLS) -> Run:
    """Returns a deployment at rest."""
    service = Service(design, limits, seed)
    return Run(
        service,
        calls,
        Apply(service, calls.apply),
        Publish(service, calls.publish),
        Intake(service, calls.intake),
    )


def load_files(
    design: Design,
    limits: Limits,
    *,
    datasets: Sequence[int] = (16,),
    files: int = 20,
    rows: int = 200_000,
    seed: int = 1,
    calls: Calls = MANY_CALLS,
) -> Run:
    """Loads files into datasets, given by their numbers of shards, one upload of `files` files each."""
    run = start(design, limits, seed, calls)
    for number, shards in enumerate(datasets):
        dataset = Dataset(f"{number:x}{seed:04x}", shards)
        for shard in range(shards):
            run.service.table.partition(dataset.log(shard))
        run.intake.load(Upload(dataset, number), [rows] * files)
    run.service.ledger.asked_rows = len(datasets) * files * rows
    return _until_settled(run, MAX_HOURS * 3600)


def clone(design: Design, limits: Limits, *, shards: int = 16, frames: int = 5_000_000, seed: int = 1) -> Run:
    """Clones a version of so many frames."""
    run = start(design, limits, seed)
    dataset = Dataset(f"c{seed:04x}", shards)
    for shard in range(shards):
        run.service.table.partition(dataset.log(shard))
    run.service.ledger.asked_rows = frames
    Clone(run.service, Upload(dataset, 0), "source", frames)
    return _until_settled(run, MAX_HOURS * 3600)


def send_rows(
    design: Design, limits: Limits, *, clients: int = 200, pause: float = 1.0, minutes: float = 30, seed: int = 1
) -> Run:
    """Has clients send one row a request for some minutes, then waits until everything has settled."""
    run = start(design, limits, seed)
    senders = Senders(run.service, Dataset(f"a{seed:04x}", 16), clients=clients, pause=pause)
    run.service.clock.run(minutes * 60)
    senders.stop()
    return _until_settled(run, minutes * 60 + 4 * 3600)


def load_and_send(
    design: Design,
    limits: Limits,
    *,
    files: int = 20,
    rows: int = 50_000,
    clients: int = 5,
    pause: float = 5.0,
    calls: Calls = MANY_CALLS,
    seed: int = 1,
) -> Run:
    """Loads files into one dataset while clients send rows to another, as in an account with few executions."""
    run = start(design, limits, seed, calls)
    upload = Upload(Dataset(f"0{seed:04x}", 16), 0)
    run.intake.load(upload, [rows] * files)
    senders = Senders(run.service, Dataset(f"a{seed:04x}", 16), clients=clients, pause=pause)
    while upload.settled_at is None and run.service.clock.now < MAX_HOURS * 3600:
        run.service.clock.run(run.service.clock.now + STEP_SECONDS)
    senders.stop()
    return _until_settled(run, MAX_HOURS * 3600)


def _until_settled(run: Run, until: float) -> Run:
    """Runs a simulation until everything has settled, a transfer has failed, or a time is reached."""
    clock = run.service.clock
    while clock.now < until and not (run.is_done and run.service.uploads):
        if run.service.ledger.stopped_transfers:
            break
        clock.run(clock.now + STEP_SECONDS)
    return run


def with_table(limits: Limits, **changes: Any) -> Limits:
    """Returns limits of which the table's are changed."""
    return replace(limits, table=replace(limits.table, **changes))
