"""Computes the request units that DynamoDB charges, by its developer guide. Pure: sizes in, units out.

Items are in DynamoDB's JSON, `{"PK": {"S": "…"}, …}`. The rules are in the chapters "Item sizes and formats", "Read and
write operations" and "Global secondary indexes". Emulators do not follow them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Any

Item = Mapping[str, Mapping[str, Any]]

WRITE_BYTES = 1024
READ_BYTES = 4096
CONTAINER_BYTES = 3
"""Bytes of a list or a map itself."""
ELEMENT_BYTES = 1
"""Bytes per element of a list or a map, besides the element's size."""
STORAGE_BYTES = 100
"""Bytes per stored item. They count for storage, not for requests."""


def item_size(item: Item) -> int:
    """Returns the bytes of an item: its attributes' names and values."""
    return sum(_text(name) + value_size(value) for name, value in item.items())


def value_size(value: Mapping[str, Any]) -> int:
    """Returns the bytes of a value."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            size = _text(content)
        case "N":
            size = _number(content)
        case "B":
            size = len(content)
        case "BOOL" | "NULL":
            size = 1
        case "SS" | "NS" | "BS":
            size = sum(value_size({kind[0]: element}) for element in content)
        case "L":
            size = CONTAINER_BYTES + sum(ELEMENT_BYTES + value_size(element) for element in content)
        case "M":
            sizes = (ELEMENT_BYTES + _text(name) + value_size(element) for name, element in content.items())
            size = CONTAINER_BYTES + sum(sizes)
        case _:
            raise ValueError(f"{kind} is not a DynamoDB type")
    return size


def write_units(before: Item | None, after: Item | None, *, transactional: bool = False) -> int:
    """Returns the units of a write that took effect: one per KB of the larger state, or two in a transaction."""
    size = max(item_size(state) for state in (before or {}, after or {}))
    return _units(size, WRITE_BYTES) * (2 if transactional else 1)


@dataclass(frozen=True)
class Index:
    """A global secondary index: its keys, and the other attributes that it projects besides the table's keys."""

    keys: tuple[str, ...]
    includes: tuple[str, ...] = ()

    def entry(self, item: Item | None) -> Item | None:
        """Returns the index entry of an item; None if the item lacks one of the index's keys."""
        if item is None or any(key not in item for key in self.keys):
            return None
        return {name: item[name] for name in ("PK", "SK", *self.keys, *self.includes) if name in item}

    def write_units(self, before: Item | None, after: Item | None) -> int:
        """Returns the units of updating the index. This happens after the write, so a transaction does not double them.

        An added, removed or changed entry is one write, changed keys are two, an unchanged entry is none.
        """
        old, new = self.entry(before), self.entry(after)
        if old == new:
            return 0
        if old and new and any(old[key] != new[key] for key in self.keys):
            return write_units(old, None) + write_units(None, new)
        return write_units(old, new)


def get_units(sizes: Iterable[int], *, consistent: bool) -> float:
    """Returns the units of GetItem and BatchGetItem. Items count one by one, a missing item as size 0."""
    return sum(_units(size, READ_BYTES) for size in sizes) * _share(consistent)


def query_units(sizes: Iterable[int], *, consistent: bool) -> float:
    """Returns the units of one Query. Its items count together."""
    return _units(sum(sizes), READ_BYTES) * _share(consistent)


def _share(consistent: bool) -> float:
    return 1 if consistent else 0.5


def _units(size: int, step: int) -> int:
    return max(1, ceil(size / step))


def _text(value: str) -> int:
    return len(value.encode())


def _number(value: str) -> int:
    sign, digits, _ = Decimal(value).normalize().as_tuple()
    return 1 + (0 if digits == (0,) else ceil(len(digits) / 2)) + sign
