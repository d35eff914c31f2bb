"""For some seconds all kinds of clients work at once: nothing is lost, doubled, changed or shown to strangers.

Writers do not disturb the readers of a version (R7), every accepted mutation takes effect once (R20), and versions are
dense. `python -m tests.reliability.soak` runs the same for longer.
"""

from infra.local.stack import LocalStack
from tests.reliability.soak.others import REFUSED
from tests.reliability.soak.soak import soak

SECONDS = 8


def test_all_that_senders_send_is_in_its_versions_and_stays_while_others_read_flood_and_intrude(
    stack: LocalStack,
) -> None:
    tally = soak(stack, SECONDS, seed=1)
    assert tally.lines() == []
    assert min(tally.counts[what] for what in ("uploads", "frames verified", "versions read in full", REFUSED)) > 0
