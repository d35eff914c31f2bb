"""JSON as users send it, read strictly: in UTF-8, and with nothing in it lost without a word."""

import json
from collections import Counter
from typing import Any

from tidemark.domain.errors import InvalidRequest

MAX_DIGITS = 100
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class RepeatingObject(dict[str, Any]):
    """An object in which a name stands twice: JSON keeps the last of its values, and so would lose one unseen."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        ((self.repeated, _),) = Counter(name for name, _ in pairs).most_common(1)
        """A name that stands twice, or more often."""


def read_json(data: bytes, what: str = "body", *, find_repeats: bool = True) -> Any:
    """The value that `data` holds; an object that repeats a name is a RepeatingObject, NaN and infinity are numbers.

    `what` is what `data` is to its sender, and stands in the words of a refusal. Without `find_repeats`, an object that
    repeats a name is a plain dict; reading then takes a third less time.
    Raises InvalidRequest (`malformed_json`, `too_deep`).
    """
    if data.startswith(BYTE_ORDER_MARK):
        raise InvalidRequest(f"The {what} begins with a byte order mark; send it without.", code="malformed_json")
    try:
        pairs_hook = _object if find_repeats else None
        return json.loads(data.decode(), object_pairs_hook=pairs_hook, parse_int=_whole_number)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The {what} is not UTF-8 at byte {error.start}.", code="malformed_json") from None
    except RecursionError:
        raise InvalidRequest(f"The {what} is nested too deeply to be read.", code="too_deep") from None
    except json.JSONDecodeError as error:
        # A line of a file is line 1 to the parser, which its sender would take for a line of the file.
        place = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"The {what} is not JSON: {error.msg}: {place}.", code="malformed_json") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else RepeatingObject(pairs)


def _whole_number(text: str) -> int:
    # Python refuses to parse thousands of digits, and with them the whole text. Where a number begins with a hundred,
    # these are out of every range as the number is, and whoever checks the range says so.
    return int(text[:MAX_DIGITS])
