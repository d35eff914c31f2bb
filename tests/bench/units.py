"""What DynamoDB charges, in request units, by the rules of its developer guide. Pure: sizes in, units out.

Items are given as DynamoDB takes them, `{"PK": {"S": "…"}, …}`. The rules are those of "Item sizes and formats", "Read
and write operations" and "Global secondary indexes". Emulators do not follow them.
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
"""Of a list or a map, whatever is in it."""
ELEMENT_BYTES = 1
"""Of each element of a list or a map, beside its own size."""
STORAGE_BYTES = 100
"""Of each item that is stored; storage is charged with it, requests are not."""


def item_size(item: Item) -> int:
    """Bytes of an item: the names of its attributes and their values."""
    return sum(_text(name) + value_size(value) for name, value in item.items())


def value_size(value: Mapping[str, Any]) -> int:
    """Bytes of one value."""
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
            raise ValueError(f"{kind} is no type of DynamoDB's")
    return size


def write_units(before: Item | None, after: Item | None, *, transactional: bool = False) -> int:
    """Units of a write that took effect: a unit for each KB of the larger of the two states, two in a transaction."""
    size = max(item_size(state) for state in (before or {}, after or {}))
    return _units(size, WRITE_BYTES) * (2 if transactional else 1)


@dataclass(frozen=True)
class Index:
    """A global secondary index: its own keys, and what it projects beside them and the table's."""

    keys: tuple[str, ...]
    includes: tuple[str, ...] = ()

    def entry(self, item: Item | None) -> Item | None:
        """What the index holds of an item; None where the item lacks one of its keys."""
        if item is None or any(key not in item for key in self.keys):
            return None
        return {name: item[name] for name in ("PK", "SK", *self.keys, *self.includes) if name in item}

    def write_units(self, before: Item | None, after: Item | None) -> int:
        """Units of bringing the index up to date; the index does so after the write, so a transaction doubles nothing.

        One write for an entry that comes, goes or changes, two where its keys change, none where it stays as it was.
        """
        old, new = self.entry(before), self.entry(after)
        if old == new:
            return 0
        if old and new and any(old[key] != new[key] for key in self.keys):
            return write_units(old, None) + write_units(None, new)
        return write_units(old, new)


def get_units(sizes: Iterable[int], *, consistent: bool) -> float:
    """Units of GetItem and BatchGetItem: every item alone, one that is not there as one of no size."""
    return sum(_units(size, READ_BYTES) for size in sizes) * _share(consistent)


def query_units(sizes: Iterable[int], *, consistent: bool) -> float:
    """Units of one Query: its items together."""
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
