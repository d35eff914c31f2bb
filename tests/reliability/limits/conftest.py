"""Fixtures: the limits that the template sets, and accounts with them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from infra import STACK
from infra.local.assembly import assembly
from tests.infra.template import Template
from tests.simulation.account import Account, new_account
from tests.simulation.deployment import WORKERS, name_of

QUEUES = {"window_receives": "Windows", "settled_receives": "Settled", "file_receives": "Files"}
MakeAccount = Callable[..., Account]


@pytest.fixture(scope="session")
def deployed() -> dict[str, Any]:
    """The limits that the template sets: receives by queue, and the functions whose loops are allowed."""
    template = Template(json.loads((assembly() / f"{STACK}.template.json").read_text()))
    limits: dict[str, Any] = {
        name: template.properties("SQS::Queue", f"Ingest{queue}")["RedrivePolicy"]["maxReceiveCount"]
        for name, queue in QUEUES.items()
    }
    allowed = {
        properties["Handler"].split(".")[1]
        for function in template.of_type("Lambda::Function").values()
        if (properties := function["Properties"]).get("RecursiveLoop") == "Allow"
    }
    return limits | {"loops_allowed": frozenset(allowed) & {name_of(function) for function in WORKERS}}


@pytest.fixture
def make_account(deployed: dict[str, Any]) -> Iterator[MakeAccount]:
    """Returns a function that creates an account with the template's limits, except those given."""
    with ExitStack() as stack:
        yield lambda seed=0, **limits: stack.enter_context(new_account(seed, **deployed | limits))
