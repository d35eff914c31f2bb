"""The deployed stack, driven by its own description with keys of each role, and by requests that lie of themselves."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from functions.api.http.router import BASE_PATH
from infra.local.server import free_port, stop
from infra.local.stack import LocalStack, up
from tests.reliability.hostile.described import ANYTHING, CHECKS, Driven, Json, Named, config, drive
from tests.reliability.hostile.envelopes import ENVELOPES, status_of
from tests.support.deployed.client import Caller, path, wait_until
from tests.support.deployed.rows import add, box

FIRST_PORT = 17566
"""Away from the ports of `make up`, of the tests and of the other parts."""
SEED = 1


class Round(NamedTuple):
    """How the stack is driven once."""

    what: str
    role: str
    named: bool
    phases: tuple[str, ...]
    examples: int
    seconds: int


ROUNDS = (
    Round("key `admin`, of what is there", "admin", True, ("examples", "coverage", "fuzzing"), 8, 180),
    Round("key `admin`, call after call", "admin", True, ("stateful",), 30, 30),
    Round("key `write`, of anything", "write", False, ("examples", "fuzzing"), 6, 40),
    Round("key `read`, of what is there", "read", True, ("examples", "fuzzing"), 4, 30),
)


@contextmanager
def deployed() -> Iterator[LocalStack]:
    """A stack of its own, which forgets everything after."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            yield up(home, free_port(FIRST_PORT))
        finally:
            stop(home)


def drive_by_description(stack: LocalStack) -> dict[str, Driven]:
    """Each round by what it is."""
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
    """What was taken, or broke something, of the requests that say what is not so."""
    key = stack.make_key("admin")
    admin = Caller(stack, key)
    dataset = admin.new_dataset()
    complaints = []
    for name, envelope in ENVELOPES.items():
        status = status_of(stack.server.endpoint, f"{BASE_PATH}{dataset.at('mutations')}", key, envelope)
        if status is not None and status not in (*range(400, 500), HTTPStatus.NOT_IMPLEMENTED):
            complaints.append(f"a body of the kind {name!r} is answered {status}")
        if dataset.read("uploads")["items"]:
            complaints.append(f"a body of the kind {name!r} was taken")
            dataset = admin.new_dataset()
    return complaints


def _furnish(admin: Caller) -> Named:
    dataset = admin.new_dataset()
    upload = dataset.upload(add("cam-1", box("a"), speed=1), add("cam-2", box("b")))
    admin.create(dataset.at("checkpoints"), {"name": "golden"})
    wait_until(lambda: dataset.read("checkpoints", "golden")["status"] == "READY", "the checkpoint to be ready")
    admin.create(path("projects", dataset.project, "datasets"), {"name": "spare"})
    return Named(dataset.project, dataset.name, "spare", "cam-1", "a", upload["id"], "golden")
