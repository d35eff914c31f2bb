"""Definitions of projects and datasets in the table: each is created once for a request and listed by name."""

from collections.abc import Sequence

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key
from tidemark.aws.writes import Write


def create(backend: Backend, key: Key, definition: str, request: str | None, others: Sequence[Write]) -> str | None:
    """Stores a definition, and makes `others` in the same transaction.

    Returns the definition, or the existing one if the same `request` created it. None if the key is taken.
    """
    item = {"definition": definition, "request": request}
    try:
        table.transact(backend, [writes.new(backend, key, item), *others])
    except table.ConditionFailed:
        existing = table.get(backend, key) or {}
        is_repeat = request is not None and existing.get("request") == request
        return str(existing["definition"]) if is_repeat else None
    return definition


def list_items(backend: Backend, pk: str, low: str, high: str, limit: int) -> list[Item]:
    """Returns up to `limit` items of a partition with `low` ≤ SK ≤ `high`, sorted by SK."""
    items: list[Item] = []
    start: str | None = low
    while start is not None and len(items) < limit:
        page, stopped = table.query(backend, pk, start, high, limit=limit - len(items))
        items.extend(page)
        start = f"{stopped} " if stopped else None
    return items
