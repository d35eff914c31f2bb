"""Writes of items and their conditions, as values.

`table.write` makes one write. `table.transact` makes several, all or none.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, marshal

Write = dict[str, dict[str, Any]]
"""One write in the format of TransactWriteItems: the kind, such as `Put`, and its parameters."""

ATTRIBUTE_NAME = re.compile(r"#(\w+)")
"""An attribute's name in an expression. With a `#`, it may be one of DynamoDB's reserved words."""


class Condition(NamedTuple):
    """What must be true of an item when it is written."""

    expression: str
    """A condition expression, with `#` before names that may be reserved and `:` before values."""
    values: Mapping[str, Any] = {}
    """The expression's values, by name."""


ABSENT = Condition("attribute_not_exists(PK)")
PRESENT = Condition("attribute_exists(PK)")


def at_count(attribute: str, count: int) -> Condition:
    """The condition that a counter of an item has not changed since it was read. 0 means that there is no item."""
    return Condition(f"#{attribute} = :seen", {"seen": count}) if count else ABSENT


def put(backend: Backend, key: Key, item: Mapping[str, Any], condition: Condition | None = None) -> Write:
    """The write that stores an item, replacing any other under its key."""
    request = {"Item": key.attributes() | marshal(item)}
    return {"Put": _request(backend, request, "", {}, condition)}


def new(backend: Backend, key: Key, item: Mapping[str, Any]) -> Write:
    """The write that stores an item, on condition that its key is free."""
    return put(backend, key, item, ABSENT)


def revised(backend: Backend, key: Key, item: Mapping[str, Any], revision: int) -> Write:
    """The write that stores an item, on condition that it is still at `revision`. 0 means that there is no item."""
    return put(backend, key, {**item, "revision": revision + 1}, at_count("revision", revision))


def replaced(backend: Backend, key: Key, attribute: str, before: Item, text: str) -> Write:
    """The write that replaces the text in an attribute, on condition that it is still as in `before`."""
    revision = {"revision": before["revision"] + 1} if "revision" in before else {}
    return put(backend, key, {**before, attribute: text, **revision}, unchanged(attribute, before[attribute]))


def unchanged(attribute: str, text: str) -> Condition:
    """The condition that an attribute still holds a text."""
    return Condition(f"#{attribute} = :unchanged", {"unchanged": text})


def update(
    backend: Backend, key: Key, expression: str, values: Mapping[str, Any], condition: Condition | None = None
) -> Write:
    """The write that changes an item's attributes by an update expression."""
    request = {"Key": key.attributes(), "UpdateExpression": expression}
    return {"Update": _request(backend, request, expression, values, condition)}


def delete(backend: Backend, key: Key, condition: Condition | None = None) -> Write:
    """The write that deletes an item."""
    return {"Delete": _request(backend, {"Key": key.attributes()}, "", {}, condition)}


def check(backend: Backend, key: Key, condition: Condition) -> Write:
    """The write that changes nothing, and makes its transaction depend on a condition."""
    return {"ConditionCheck": _request(backend, {"Key": key.attributes()}, "", {}, condition)}


def _request(
    backend: Backend,
    request: Mapping[str, Any],
    expression: str,
    values: Mapping[str, Any],
    condition: Condition | None,
) -> dict[str, Any]:
    """Completes a request with its condition, and with the names and values of both expressions."""
    parameters: dict[str, Any] = {"TableName": backend.table, **request}
    if condition is not None:
        parameters["ConditionExpression"] = condition.expression
        expression += f" {condition.expression}"
        values = {**values, **condition.values}
    if names := ATTRIBUTE_NAME.findall(expression):
        parameters["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if values:
        parameters["ExpressionAttributeValues"] = {f":{name}": value for name, value in marshal(values).items()}
    return parameters
