"""Strict reading of users' JSON: only UTF-8 is accepted, and nothing is lost silently."""

import json
from collections import Counter
from typing import Any

from tidemark.domain.errors import InvalidRequest

MAX_DIGITS = 100
"""Most characters of a whole number that are parsed. A number this long is out of every range, so its other digits do
not matter."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class RepeatingObject(dict[str, Any]):
    """A JSON object in which a name occurs more than once. JSON parsers keep only the last value of the name, so the
    other values would be lost silently."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        ((self.repeated, _),) = Counter(name for name, _ in pairs).most_common(1)
        """A name that occurs more than once."""


def read_json(data: bytes, what: str = "body", *, find_repeats: bool = True) -> Any:
    """Returns the JSON value in `data`. A JSON object that repeats a name becomes a RepeatingObject. NaN and infinity
    are accepted as numbers.

    `what` names the data in error messages. Without `find_repeats`, a JSON object that repeats a name becomes a plain
    dict; reading then takes a third less time. Raises InvalidRequest (`malformed_json`, `too_deep`).
    """
    if data.startswith(BYTE_ORDER_MARK):
        raise InvalidRequest(f"The {what} begins with a byte order mark. Send it without one.", code="malformed_json")
    try:
        pairs_hook = _object if find_repeats else None
        return json.loads(data.decode(), object_pairs_hook=pairs_hook, parse_int=_whole_number)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The {what} is not UTF-8 at byte {error.start}.", code="malformed_json") from None
    except RecursionError:
        raise InvalidRequest(f"The {what} is nested too deeply.", code="too_deep") from None
    except json.JSONDecodeError as error:
        # Omits "line 1", which the sender of a file would take for the file's first line.
        place = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"The {what} is not JSON: {error.msg}: {place}.", code="malformed_json") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else RepeatingObject(pairs)


def _whole_number(text: str) -> int:
    # Python refuses thousands of digits, and with them the whole text. The first hundred digits are out of every range
    # just as the number is, so the range check reports them.
    return int(text[:MAX_DIGITS])
