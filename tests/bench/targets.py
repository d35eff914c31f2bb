"""The most that common operations may cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.bench.measured import Measured
from tests.bench.scenario import ADD_BULK, ADD_ONE, MODIFY_BULK, MODIFY_ONE, READ_OF_MANY, READ_OF_ONE


@dataclass(frozen=True)
class Target:
    """A figure and its limit."""

    name: str
    measured: float
    most: float
    counted: bool = True
    """Whether the figure is counted. Counts are the same in every run, so a miss is an error; CPU time varies."""

    @property
    def met(self) -> bool:
        """Whether the figure is within its limit."""
        return self.measured <= self.most


def targets(lines: Mapping[str, Measured]) -> Iterator[Target]:
    """Yields all targets, from the measured operations by name."""
    bulk = lines[ADD_BULK]
    frames = bulk.operation.frames
    yield Target(f"{ADD_BULK}: write units a frame", bulk.total.tally.write_units / frames, 2.4)
    yield Target(f"{ADD_BULK}: S3 PUTs a frame", bulk.requests("s3.PutObject") / frames, 0.02)
    for name in (ADD_ONE, MODIFY_ONE):
        yield Target(f"{name}: write units", lines[name].total.tally.write_units, 20)
    for name in (READ_OF_ONE, READ_OF_MANY):
        line = lines[name]
        yield Target(f"{name}: DynamoDB queries", line.requests("dynamodb.Query"), 1)
        yield Target(f"{name}: S3 GETs", line.requests("s3.GetObject"), 1)
        yield Target(f"{name}: all requests", line.total.tally.requests.total(), 2)
    for name in (ADD_ONE, MODIFY_ONE):
        for function in ("api", "apply", "publish"):
            round_trips = lines[name].functions[function].round_trips
            yield Target(f"{name}: sequential round trips in {function}", round_trips, 5)
    modify = lines[MODIFY_BULK]
    # A query a frame was nearly all of what the AWS SDK took of a MODIFY.
    yield Target(f"{MODIFY_BULK}: DynamoDB queries a frame", modify.requests("dynamodb.Query") / frames, 0.2)
    for line, most in ((bulk, 0.3), (modify, 0.5)):
        name = f"{line.operation.name}: ms of CPU a frame in api and apply"
        yield Target(name, _cpu(line), most, counted=False)


def targets_of_cold_starts(seconds: Mapping[str, float]) -> Iterator[Target]:
    """Yields the targets of cold starts, from the seconds of CPU time by function. A request may wait for both."""
    for function, most in (("api", 0.8), ("authorizer", 0.35)):
        yield Target(f"{function}: s of CPU to load", seconds[function], most, counted=False)


def _cpu(line: Measured) -> float:
    return sum(line.functions[name].cpu.ours for name in ("api", "apply")) / line.operation.frames
