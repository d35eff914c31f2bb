"""Files that list an upload's errors, as JSON lines for programs and CSV for spreadsheets (R30)."""

import csv
import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from io import StringIO

from pydantic import BaseModel, ConfigDict

from tidemark.domain.uploads import RowOutcome

COLUMNS = ("file", "row", "frame_id", "outcome", "code", "pointer", "message")
"""Column names of the CSV format: every field of a row's outcome."""
_COMPUTED = "=+@\uff1d\uff0b\uff0d\uff20-"
"""Characters that make a spreadsheet treat a cell as a formula if the cell starts with one, in all character widths."""
FORMULA = re.compile(f'^(?=[\t\r\n{_COMPUTED}])|(?<=[;\t\r\n])(?=["\\s]*[{_COMPUTED}])')
"""Matches the places in a text where a spreadsheet would start a formula, even after the spreadsheet drops whitespace
or quotation marks. Such places can be inside the text, because spreadsheets split cells at semicolons where the comma
is the decimal separator."""


class ErrorFormat(StrEnum):
    """Format of an error file."""

    JSONL = "jsonl"
    """JSON lines, with one error per line as in the list of errors."""
    CSV = "csv"
    """CSV with a header line, then one error per line, quoted as in RFC 4180."""

    @property
    def media_type(self) -> str:
        """Media type of an error file in this format."""
        return "text/csv; charset=utf-8" if self is ErrorFormat.CSV else "application/jsonl"


class ErrorFile(BaseModel):
    """A file of an upload's errors, ready to download."""

    model_config = ConfigDict(frozen=True)

    url: str
    """Signed URL. Anyone who has it can download the file."""
    expires_at: datetime
    """When the URL expires at the latest."""
    format: ErrorFormat
    errors: int
    """Number of errors in the file."""
    truncated: bool
    """Whether the upload may have more errors than the file."""


def header(form: ErrorFormat) -> bytes:
    """Returns the start of an error file: the column names for CSV, nothing for JSON lines."""
    return _csv([COLUMNS]) if form is ErrorFormat.CSV else b""


def lines(form: ErrorFormat, errors: Iterable[RowOutcome]) -> bytes:
    """Returns errors as lines of an error file, in UTF-8."""
    if form is ErrorFormat.JSONL:
        return b"".join(error.model_dump_json().encode() + b"\n" for error in errors)
    return _csv([_cell(getattr(error, column)) for column in COLUMNS] for error in errors)


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: str | int | None) -> str:
    """Returns a value as the text of a CSV cell. Ids and file names come from users, and a spreadsheet must not run
    them as formulas. An apostrophe before a formula makes it text."""
    return "" if value is None else FORMULA.sub("'", str(value))
