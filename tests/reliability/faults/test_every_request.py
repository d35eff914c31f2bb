"""One fault at the requests of every operation in turn. `make faults` tries every request; this tries some of them.

A crash happens right after a request took effect. A crash before a request is the same as one after the request before
it, since AWS then holds the same.
"""

import pytest

from tests.reliability.faults.injection import Fault
from tests.reliability.faults.operations import OPERATIONS, check_recovery, faulted

EVERY = 6
"""Every how many requests of an operation are tried here. The first one differs by operation."""
FEWER = ("apply", "publish", "give up", "read file", "retry", "finish roll back", "restore", "clone, asked for again")


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_at_any_request_loses_and_doubles_nothing(name: str) -> None:
    operation = OPERATIONS[name]
    for case in faulted(operation, None, every=EVERY, first=list(OPERATIONS).index(name) % EVERY + 1):
        check_recovery(case, operation)


@pytest.mark.parametrize("fault", [Fault.OUTAGE, Fault.LOST_FOR_GOOD, Fault.CONFLICT], ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", FEWER)
def test_a_request_that_fails_for_good_loses_and_doubles_nothing(name: str, fault: Fault) -> None:
    operation = OPERATIONS[name]
    for case in faulted(operation, fault, every=6, first=FEWER.index(name) % 3 + 2):
        check_recovery(case, operation)
