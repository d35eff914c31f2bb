"""Costly bodies get a response of bounded size in bounded time, and change nothing."""

import pytest

from tests.reliability.hostile.bodies import bodies
from tests.reliability.hostile.costs import DATASET, cost_of
from tests.simulation.gateway import Client

BODIES = bodies()
ANSWERED = {
    "nested lists": (422, "too_deep"),
    "nested objects": (422, "too_deep"),
    "two million zeros": (413, "too_large"),
    "one field, many times": (422, "duplicate_name"),
    "a number of four million digits": (422, "nothing_accepted"),
    "control characters": (400, "malformed_json"),
    "metadata of another type": (202, ""),
}
"""Bodies of `make faults` that are tried here too."""


@pytest.mark.parametrize("name", ANSWERED)
def test_a_costly_body_is_answered_within_bounds(api: Client, name: str) -> None:
    cost = cost_of(api, BODIES[name])
    assert (cost.status, cost.code) == ANSWERED[name]
    assert cost.complaint() is None


def test_each_of_very_many_faulty_rows_is_told_why(api: Client) -> None:
    cost = cost_of(api, BODIES["invalid labels"])
    assert cost.complaint() is None
    (upload,) = api.get(f"{DATASET}/uploads").json()["items"]
    errors = []
    cursor = ""
    while cursor is not None:
        page = api.get(f"{DATASET}/uploads/{upload['id']}/errors?limit=1000{cursor}").json()
        errors += page["items"]
        cursor = page["cursor"] and f"&cursor={page['cursor']}"
    assert {(error["row"], error["frame_id"]) for error in errors} == {(row, f"f{row}") for row in range(1000)}
    assert len(errors) < 2000
