"""One fault, at the requests of every operation in turn. `make faults` takes every request; this takes a part of them.

A crash is one right after a request took effect; one before it is one after the request before, since what AWS holds is
the same.
"""

import pytest

from tests.reliability.faults.injection import Fault
from tests.reliability.faults.operations import OPERATIONS, disturbed, goes_well

EVERY = 6
"""Of the requests of an operation, each so many is taken here; others for each operation."""
FEWER = ("apply", "publish", "give up", "read file", "retry", "finish roll back", "restore", "clone, asked for again")


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_at_any_request_loses_and_doubles_nothing(name: str) -> None:
    operation = OPERATIONS[name]
    for case in disturbed(operation, None, every=EVERY, first=list(OPERATIONS).index(name) % EVERY + 1):
        goes_well(case, operation)


@pytest.mark.parametrize("fault", [Fault.OUTAGE, Fault.LOST_FOR_GOOD, Fault.CONFLICT], ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", FEWER)
def test_a_request_that_fails_for_good_loses_and_doubles_nothing(name: str, fault: Fault) -> None:
    operation = OPERATIONS[name]
    for case in disturbed(operation, fault, every=6, first=FEWER.index(name) % 3 + 2):
        goes_well(case, operation)
