"""Collects the result of a push: counts of rows by outcome, and the first errors, each with the place of its row."""

import json
from collections.abc import Iterable
from typing import IO, NamedTuple

from tidemark.client.models import Json
from tidemark.client.push.local_rows import Place, Unsent
from tidemark.client.push.transport import Delivery
from tidemark.domain.uploads import RowOutcome, Upload

MAX_ERRORS = 20
"""Most errors that are printed. With `--errors`, all errors are also written to a file."""
UNSENT = "unsent"
"""Outcome of a line that was not sent, next to the outcomes of the API."""


class ReportedError(NamedTuple):
    """Why a row had no effect, with the row's place on this machine."""

    place: Place
    frame_id: str | None
    outcome: str
    reason: str
    pointer: str
    message: str

    def document(self) -> Json:
        """Returns the error as a JSON object for scripts. Its fields are named as in the API."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "frame_id": self.frame_id,
            "outcome": self.outcome,
            "code": self.reason,
            "pointer": self.pointer,
            "message": self.message,
        }


class Report:
    """Counts uploads and rows by outcome. Stores only the first `MAX_ERRORS` errors, so that memory does not grow."""

    def __init__(self, errors_to: IO[str] | None = None) -> None:
        """If `errors_to` is given, all errors are written there as JSON lines."""
        self.uploads: list[str] = []
        """Ids of all uploads of the push, in the order they were sent."""
        self.files = 0
        """Number of files uploaded whole, with `--files`."""
        self.rows = self.settled = 0
        """Number of rows that the API has accepted and counted; of these, the number in settled uploads."""
        self.applied = self.dropped = self.failed = self.rejected = self.unsent = 0
        self.repeated = 0
        """Number of uploads that an earlier push created."""
        self.versions: tuple[int, int] | None = None
        """Lowest and highest version that the uploads settled in; None before any has."""
        self.reasons: dict[str, str] = {}
        """Reasons why uploads failed as a whole, by upload id."""
        self.errors: list[ReportedError] = []
        self._errors_to = errors_to

    @property
    def is_complete(self) -> bool:
        """Whether every row took effect, as far as outcomes are known."""
        return not (self.dropped or self.failed or self.rejected or self.unsent or self.reasons)

    @property
    def most_errors(self) -> int | None:
        """How many more errors to read from the API; None for all."""
        return None if self._errors_to else MAX_ERRORS - len(self.errors)

    @property
    def unlisted(self) -> int:
        """Number of rows without effect that have no error in `errors`."""
        without_effect = self.dropped + self.failed + self.rejected + self.unsent
        return without_effect - len({error.place for error in self.errors})

    def add_delivery(self, delivery: Delivery) -> None:
        """Counts the rows and files of an upload that the API has accepted."""
        self.uploads.append(delivery.upload)
        self.rows += delivery.rows
        self.files += delivery.files
        self.repeated += delivery.is_repeat

    def add_settled(self, delivery: Delivery, upload: Upload) -> None:
        """Counts the outcomes of a settled upload's rows."""
        self.rows += upload.rows - delivery.rows
        self.settled += upload.rows
        self.applied += upload.applied
        self.dropped += upload.dropped
        self.failed += upload.failed
        self.rejected += upload.rejected
        if upload.reason is not None:
            self.reasons[upload.id] = upload.reason
        if upload.version is not None:
            first, last = self.versions or (upload.version, upload.version)
            self.versions = min(first, upload.version), max(last, upload.version)

    def add_errors(self, delivery: Delivery, errors: Iterable[RowOutcome]) -> None:
        """Adds errors that the API reports for a delivery's rows. Does not change the counts."""
        for error in errors:
            place = delivery.place(error)
            self._add(ReportedError(place, error.frame_id, error.outcome, error.code, error.pointer, error.message))

    def add_unsent(self, line: Unsent) -> None:
        """Counts a line that was not sent, and adds its error."""
        self.unsent += 1
        self._add(ReportedError(line.place, None, UNSENT, line.reason, "", line.message))

    def _add(self, error: ReportedError) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)
        if self._errors_to:
            self._errors_to.write(json.dumps(error.document(), ensure_ascii=False) + "\n")
