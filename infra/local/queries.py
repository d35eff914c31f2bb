"""How the emulator evaluates the condition of a query, without holding all else up.

The emulator's own way parses the text of the condition again for every item of the partition, so that a query of a
thousand items holds everything else up for tens of milliseconds: thirty times as long as here. AWS goes straight to the
range.
"""

import re
from typing import Any

from ministack.services import dynamodb

_RANGE = re.compile(r"(\w+) = (:\w+) AND (\w+) BETWEEN (:\w+) AND (:\w+)")
"""A partition and a range of sort keys."""

Item = dict[str, dict[str, Any]]


def adapt() -> None:
    """Have the emulator compare keys that are text as what they are; all other conditions stay its own affair."""
    evaluate = dynamodb._evaluate_condition

    def evaluated(text: str, item: Item, values: Item, names: dict[str, str] | None, *slot: str, **named: str) -> bool:
        parts = _RANGE.fullmatch(text)
        if parts is None:
            answer: bool = evaluate(text, item, values, names, *slot, **named)
            return answer
        partition, wanted, sort, low, high = parts.groups()
        return item[partition] == values[wanted] and bool(values[low]["S"] <= item[sort]["S"] <= values[high]["S"])

    dynamodb._evaluate_condition = evaluated
