"""Files of an upload's errors, for programs (JSON lines) and for spreadsheets (CSV) (R30)."""

import csv
import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from io import StringIO

from pydantic import BaseModel, ConfigDict

from tidemark.domain.uploads import RowOutcome

COLUMNS = ("file", "row", "frame_id", "outcome", "code", "pointer", "message")
"""Of the CSV: all that a row's outcome tells."""
_COMPUTED = "=+@\uff1d\uff0b\uff0d\uff20-"
"""What the text of a cell begins with that a spreadsheet computes, in the widths of all scripts."""
FORMULA = re.compile(f'^(?=[\t\r\n{_COMPUTED}])|(?<=[;\t\r\n])(?=["\\s]*[{_COMPUTED}])')
"""Where a cell begins that a spreadsheet would compute, perhaps after it has dropped white space or quotation marks:
also within a text, since where a comma is the decimal sign, spreadsheets part cells at semicolons."""


class ErrorFormat(StrEnum):
    """How the errors are written."""

    JSONL = "jsonl"
    """An error a line, as the list of errors has it."""
    CSV = "csv"
    """A line of column names, then an error a line, quoted as RFC 4180 has it."""

    @property
    def media_type(self) -> str:
        """Of the file."""
        return "text/csv; charset=utf-8" if self is ErrorFormat.CSV else "application/jsonl"


class ErrorFile(BaseModel):
    """A file of an upload's errors, ready to be fetched."""

    model_config = ConfigDict(frozen=True)

    url: str
    """Signed: whoever has it may fetch the file."""
    expires_at: datetime
    """Until when, at most."""
    format: ErrorFormat
    errors: int
    """Errors in the file."""
    truncated: bool
    """Whether there may be more errors than the file holds."""


def beginning(form: ErrorFormat) -> bytes:
    """What a file begins with."""
    return _csv([COLUMNS]) if form is ErrorFormat.CSV else b""


def lines(form: ErrorFormat, errors: Iterable[RowOutcome]) -> bytes:
    """Errors as lines of a file, in UTF-8."""
    if form is ErrorFormat.JSONL:
        return b"".join(error.model_dump_json().encode() + b"\n" for error in errors)
    return _csv([_cell(getattr(error, column)) for column in COLUMNS] for error in errors)


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    written = StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def _cell(value: str | int | None) -> str:
    """A value as the text of a cell. Ids and file names are their senders' own, and no spreadsheet is to run them: what
    it would is made text by an apostrophe before it."""
    return "" if value is None else FORMULA.sub("'", str(value))
