"""Sends the deployed stack requests generated from its description, and bodies that contradict their headers."""

from http import HTTPStatus
from typing import NamedTuple

from functions.api.http.router import BASE_PATH
from infra.local.stack import LocalStack
from tests.reliability.hostile.described import ANYTHING, CHECKS, Driven, Json, Named, config, drive
from tests.reliability.hostile.envelopes import ENVELOPES, status_of
from tests.support.deployed.client import Caller, path, wait_until
from tests.support.deployed.rows import add, box

FIRST_PORT = 17566
"""Far from the ports of `make up`, the tests and the other parts."""
SEED = 1


class Round(NamedTuple):
    """One run of generated requests."""

    what: str
    role: str
    named: bool
    phases: tuple[str, ...]
    examples: int
    seconds: int


ROUNDS = (
    Round("key `admin`, existing resources", "admin", True, ("examples", "coverage", "fuzzing"), 8, 180),
    Round("key `admin`, linked calls", "admin", True, ("stateful",), 30, 30),
    Round("key `write`, any names", "write", False, ("examples", "fuzzing"), 6, 40),
    Round("key `read`, existing resources", "read", True, ("examples", "fuzzing"), 4, 30),
)


def drive_by_description(stack: LocalStack) -> dict[str, Driven]:
    """Runs all rounds. Returns the results by the round's name."""
    admin = Caller(stack, stack.make_key("admin"))
    document: Json = admin.read("/openapi.json")
    named = _furnish(admin)
    driven = {}
    for each in ROUNDS:
        how = config(
            named if each.named else ANYTHING,
            origin=stack.server.endpoint,
            key=stack.make_key(each.role),
            phases=each.phases,
            examples=each.examples,
            seconds=each.seconds,
            seed=SEED,
            checks=(*CHECKS, "ignored_auth") if each.role == "admin" and each.named else CHECKS,
        )
        driven[each.what] = drive(document, how)
    return driven


def send_envelopes(stack: LocalStack) -> list[str]:
    """Sends bodies that contradict their headers. Returns a line for each that was accepted or caused an error."""
    key = stack.make_key("admin")
    admin = Caller(stack, key)
    dataset = admin.new_dataset()
    complaints = []
    for name, envelope in ENVELOPES.items():
        status = status_of(stack.server.endpoint, f"{BASE_PATH}{dataset.at('mutations')}", key, envelope)
        if status is not None and status not in (*range(400, 500), HTTPStatus.NOT_IMPLEMENTED):
            complaints.append(f"a body with {name!r} gets {status}")
        if dataset.read("uploads")["items"]:
            complaints.append(f"a body with {name!r} was accepted")
            dataset = admin.new_dataset()
    return complaints


def _furnish(admin: Caller) -> Named:
    dataset = admin.new_dataset()
    upload = dataset.upload(add("cam-1", box("a"), speed=1), add("cam-2", box("b")))
    admin.create(dataset.at("checkpoints"), {"name": "golden"})
    wait_until(lambda: dataset.read("checkpoints", "golden")["status"] == "READY", "the checkpoint to be ready")
    admin.create(path("projects", dataset.project, "datasets"), {"name": "spare"})
    return Named(dataset.project, dataset.name, "spare", "cam-1", "a", upload["id"], "golden")
