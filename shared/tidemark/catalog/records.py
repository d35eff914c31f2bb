"""Definitions in the table: created once for a request, listed by name."""

from typing import TYPE_CHECKING, Any

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Key

if TYPE_CHECKING:
    pass


def list_items(backend: Backend, pk: str, low: str, high: str, limit: int) -> list[table.Item]:
    items: list[table.Item] = []
    start: str | None = low
    while start is not None and len(items) < limit:
        more, stopped = table.query(backend, pk, start, high, limit=limit - len(items))
        items.extend(more)
        start = f"{stopped} " if stopped else None
    return items


def create(backend: Backend, key: Key, definition: str, request: str | None, others: list[Any]) -> str | None:
    """Write a definition and `others` that belong to it; answers the definition that `request` has made, if it has."""
    try:
        table.transact(backend, [table.creation(backend, key, {"definition": definition, "request": request}), *others])
    except table.TransactionRefused:
        existing = table.get(backend, key) or {}
        made_by_this = request is not None and existing.get("request") == request
        return str(existing["definition"]) if made_by_this else None
    return definition
