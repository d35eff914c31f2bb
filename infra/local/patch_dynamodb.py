"""Patches the emulator's DynamoDB: how fast it evaluates a key condition, and how it measures a transaction."""

import json
import re
import sys
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import dynamodb

_RANGE = re.compile(r"(\w+) = (:\w+) AND (\w+) BETWEEN (:\w+) AND (:\w+)")
"""Matches the common key condition: a partition, and a range of sort keys with inclusive bounds."""

Item = dict[str, dict[str, Any]]


def apply() -> None:
    """Applies all patches of this module."""
    _evaluate_ranges_fast()
    _measure_transactions_by_their_items()


def _evaluate_ranges_fast() -> None:
    """Patches the evaluation of a partition and a range of string sort keys. Other conditions are not affected.

    The emulator parses the text of the condition again for each item of the partition. A query of a thousand items
    then blocks all other requests for tens of milliseconds, thirty times as long as with this patch. AWS reads only the
    items in the range.
    """
    evaluate = dynamodb._evaluate_condition

    def evaluate_range(
        condition: str, item: Item, values: Item, names: dict[str, str] | None, *args: str, **kwargs: str
    ) -> bool:
        match = _RANGE.fullmatch(condition)
        if match is None:
            result: bool = evaluate(condition, item, values, names, *args, **kwargs)
            return result
        partition, value, sort, low, high = match.groups()
        return item[partition] == values[value] and bool(values[low]["S"] <= item[sort]["S"] <= values[high]["S"])

    dynamodb._evaluate_condition = evaluate_range


def _measure_transactions_by_their_items() -> None:
    """Makes the emulator measure the items that a transaction puts, as AWS does.

    The emulator measures the request as JSON, where a letter beyond ASCII takes six bytes. A window whose frames have
    many classes with such names is then refused, although AWS takes it. Other writes are still measured as JSON.
    """
    write, most = dynamodb._transact_write_items, dynamodb._DDB_TXN_MAX_BYTES
    dynamodb._DDB_TXN_MAX_BYTES = sys.maxsize

    def write_within_limit(data: dict[str, Any]) -> Any:
        if sum(map(_size, data.get("TransactItems") or [])) > most:
            message = "Transaction request exceeds the 4MB transaction size limit"
            return error_response_json("ValidationException", message, 400)
        return write(data)

    dynamodb._transact_write_items = write_within_limit


def _size(member: dict[str, Any]) -> int:
    if "Put" in member:
        size: int = dynamodb._item_size_bytes(member["Put"]["Item"])
        return size
    return len(json.dumps(member))
