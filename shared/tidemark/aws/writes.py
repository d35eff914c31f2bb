"""Writes of items and their conditions, as values. `table.write` makes one; `table.transact` makes all or none."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, marshal

Write = dict[str, dict[str, Any]]
"""One write as TransactWriteItems takes it: what to do, such as `Put`, and its parameters."""

NAME = re.compile(r"#(\w+)")
"""An attribute's name in an expression. Written with `#`, it may be a word that DynamoDB reserves."""


class Condition(NamedTuple):
    """What must hold of an item when its write is made. `values` are those that the expression names with a colon."""

    expression: str
    values: Mapping[str, Any] = {}


ABSENT = Condition("attribute_not_exists(PK)")
PRESENT = Condition("attribute_exists(PK)")


def at_count(attribute: str, count: int) -> Condition:
    """The condition that a counter of an item has not moved since it was read; 0 stands for no item."""
    return Condition(f"#{attribute} = :seen", {"seen": count}) if count else ABSENT


def put(backend: Backend, key: Key, item: Mapping[str, Any], condition: Condition | None = None) -> Write:
    """The write that stores an item, in place of any other under its key."""
    request = {"Item": key.attributes() | marshal(item)}
    return {"Put": _request(backend, request, "", {}, condition)}


def new(backend: Backend, key: Key, item: Mapping[str, Any]) -> Write:
    """The write that stores an item, on condition that its key is free."""
    return put(backend, key, item, ABSENT)


def revised(backend: Backend, key: Key, item: Mapping[str, Any], revision: int) -> Write:
    """The write that stores an item, on condition that it is still at `revision`; 0 stands for no item."""
    return put(backend, key, {**item, "revision": revision + 1}, at_count("revision", revision))


def replaced(backend: Backend, key: Key, attribute: str, before: Item, text: str) -> Write:
    """The write that replaces the text in an attribute, on condition that it is as it was `before`."""
    values = {"text": text}
    expression = f"SET #{attribute} = :text"
    if "revision" in before:
        expression += ", #revision = :revision"
        values["revision"] = before["revision"] + 1
    return update(backend, key, expression, values, unchanged(attribute, before[attribute]))


def unchanged(attribute: str, text: str) -> Condition:
    """The condition that an attribute still holds a text."""
    return Condition(f"#{attribute} = :unchanged", {"unchanged": text})


def update(
    backend: Backend, key: Key, expression: str, values: Mapping[str, Any], condition: Condition | None = None
) -> Write:
    """The write that changes attributes of an item by an update expression."""
    request = {"Key": key.attributes(), "UpdateExpression": expression}
    return {"Update": _request(backend, request, expression, values, condition)}


def delete(backend: Backend, key: Key, condition: Condition | None = None) -> Write:
    """The write that deletes an item."""
    return {"Delete": _request(backend, {"Key": key.attributes()}, "", {}, condition)}


def check(backend: Backend, key: Key, condition: Condition) -> Write:
    """Part of a transaction that writes nothing and holds it to a condition."""
    return {"ConditionCheck": _request(backend, {"Key": key.attributes()}, "", {}, condition)}


def _request(
    backend: Backend,
    request: Mapping[str, Any],
    expression: str,
    values: Mapping[str, Any],
    condition: Condition | None,
) -> dict[str, Any]:
    """A request of DynamoDB, with its condition, and the names and values of both expressions."""
    parts: dict[str, Any] = {"TableName": backend.table, **request}
    if condition is not None:
        parts["ConditionExpression"] = condition.expression
        expression += f" {condition.expression}"
        values = {**values, **condition.values}
    if names := NAME.findall(expression):
        parts["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if values:
        parts["ExpressionAttributeValues"] = {f":{name}": value for name, value in marshal(values).items()}
    return parts
