"""Roles: the simulated DynamoDB denies a function what its reviewed role does not permit, as IAM would."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tests.support.permissions import REVIEWED

_role: ContextVar[str | None] = ContextVar("role", default=None)
ACTIONS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
"""The permission that each write of a transaction needs."""


@contextmanager
def acting_as(function: str) -> Iterator[None]:
    """Sends the requests of this thread under a function's role, such as `Apply`."""
    token = _role.set(function)
    try:
        yield
    finally:
        _role.reset(token)


def denied_action(operation: str, body: dict[str, Any]) -> str | None:
    """Returns the action of a request to DynamoDB that the current role does not permit; None if it permits all."""
    role = _role.get()
    if role is None:
        return None
    index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
    permitted = REVIEWED[role].get(f"DataTable{index}", set())
    writes = [ACTIONS[kind] for write in body.get("TransactItems", []) for kind in write]
    for action in writes if operation == "TransactWriteItems" else [operation]:
        if f"dynamodb:{action}" not in permitted:
            return f"{role} may not call {action} on DataTable{index}"
    return None
