"""Which run is reported, and when a target is missed."""

from collections import Counter

from tests.bench.cpu import Cpu
from tests.bench.measured import representative
from tests.bench.metering import Tally
from tests.bench.process import Usage
from tests.bench.targets import Target


def _run(requests: int, cpu: float, round_trips: int) -> dict[str, Usage]:
    tally = Tally(Counter({"dynamodb.GetItem": requests}))
    return {"api": Usage(1, tally, Cpu(ours=cpu), round_trips=round_trips)}


def test_the_run_with_the_fewest_requests_is_reported_with_the_least_cpu_time_and_round_trips_of_all() -> None:
    assert representative([_run(3, 5, 3), _run(1, 9, 2), _run(2, 7, 1)]) == _run(1, 5, 1)


def test_a_target_is_met_up_to_its_limit() -> None:
    assert Target("units", measured=20, most=20).met
    assert not Target("units", measured=21, most=20).met
