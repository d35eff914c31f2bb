"""The limits that the template sets for queues and functions."""

import json
from functools import cache
from typing import Any

from infra import STACK
from infra.local.assembly import assembly
from tests.infra.template import Template
from tests.simulation.deployment import WORKERS, name_of

QUEUES = {"window_receives": "Windows", "settled_receives": "Settled", "file_receives": "Files"}
"""Logical names of the queues, by the name of their limit in `tests.simulation.account.Limits`."""


@cache
def deployed_limits() -> dict[str, Any]:
    """Returns the receives of each queue and the functions whose loops are allowed, as values of `Limits`."""
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
