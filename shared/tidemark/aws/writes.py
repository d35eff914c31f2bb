"""Builds writes of items and their conditions, and sends none of them.

`table.write` makes one write. `table.transact` makes several, all or none.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, marshal

Write = dict[str, dict[str, Any]]
"""One write in the format of TransactWriteItems: the kind of write, such as `Put`, and its parameters."""

ATTRIBUTE_NAME = re.compile(r"#(\w+)")
"""Matches an attribute name in an expression. With a `#`, the name may be one of DynamoDB's reserved words."""


class Condition(NamedTuple):
    """A condition that an item must meet when it is written."""

    expression: str
    """A condition expression, with `#` before names that may be reserved and `:` before values."""
    values: Mapping[str, Any] = {}
    """The values in the expression, by name."""


ABSENT = Condition("attribute_not_exists(PK)")
PRESENT = Condition("attribute_exists(PK)")


def at_count(attribute: str, count: int) -> Condition:
    """Returns the condition that an item's counter is still `count`. A count of 0 means that there is no item."""
    return Condition(f"#{attribute} = :seen", {"seen": count}) if count else ABSENT


def put(backend: Backend, key: Key, item: Mapping[str, Any], condition: Condition | None = None) -> Write:
    """Returns the write that stores an item, replacing any existing one under its key."""
    request = {"Item": key.attributes() | marshal(item)}
    return {"Put": _request(backend, request, "", {}, condition)}


def new(backend: Backend, key: Key, item: Mapping[str, Any]) -> Write:
    """Returns the write that stores an item, on condition that there is none under its key."""
    return put(backend, key, item, ABSENT)


def revised(backend: Backend, key: Key, item: Mapping[str, Any], revision: int) -> Write:
    """Returns the write that stores an item with the next revision, on condition that the stored one has `revision`.

    A revision of 0 means that there is no item yet.
    """
    return put(backend, key, {**item, "revision": revision + 1}, at_count("revision", revision))


def replaced(backend: Backend, key: Key, attribute: str, before: Item, text: str) -> Write:
    """Returns the write that replaces the text in an attribute, on condition that the text is still as in `before`."""
    revision = {"revision": before["revision"] + 1} if "revision" in before else {}
    return put(backend, key, {**before, attribute: text, **revision}, unchanged(attribute, before[attribute]))


def unchanged(attribute: str, text: str) -> Condition:
    """Returns the condition that an attribute still holds `text`."""
    return Condition(f"#{attribute} = :unchanged", {"unchanged": text})


def update(
    backend: Backend, key: Key, expression: str, values: Mapping[str, Any], condition: Condition | None = None
) -> Write:
    """Returns the write that changes an item's attributes by an update expression."""
    request = {"Key": key.attributes(), "UpdateExpression": expression}
    return {"Update": _request(backend, request, expression, values, condition)}


def delete(backend: Backend, key: Key, condition: Condition | None = None) -> Write:
    """Returns the write that deletes an item."""
    return {"Delete": _request(backend, {"Key": key.attributes()}, "", {}, condition)}


def check(backend: Backend, key: Key, condition: Condition) -> Write:
    """Returns a write that changes nothing, but fails its transaction unless `condition` holds."""
    return {"ConditionCheck": _request(backend, {"Key": key.attributes()}, "", {}, condition)}


def _request(
    backend: Backend,
    request: Mapping[str, Any],
    expression: str,
    values: Mapping[str, Any],
    condition: Condition | None,
) -> dict[str, Any]:
    """Returns the parameters of a write: `request`, its condition, and the names and values in both expressions."""
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
