"""The result of a push: counts, and the first errors, each with the place of its row."""

import json
from collections.abc import Iterable
from typing import IO, NamedTuple

from tidemark.client.models import Json
from tidemark.client.push.local_rows import Place, Unsent
from tidemark.client.push.transport import Delivery
from tidemark.domain.uploads import RowOutcome, Upload

MAX_ERRORS = 20
"""Errors that are printed; `--errors` writes all of them to a file."""
UNSENT = "unsent"


class ReportedError(NamedTuple):
    """Why a row had no effect, with its place on this machine."""

    place: Place
    frame_id: str | None
    outcome: str
    reason: str
    pointer: str
    message: str

    def document(self) -> Json:
        """Returns the error for scripts, with the API's names."""
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
    """Counts what was sent, and with what outcome. Of the rows, only the first errors are held."""

    def __init__(self, errors_to: IO[str] | None = None) -> None:
        """All errors are written to `errors_to`, if it is given."""
        self.uploads: list[str] = []
        self.files = 0
        """Files that were uploaded as they are."""
        self.rows = self.settled = 0
        """Rows that the API has accepted and counted, and how many of them have an outcome."""
        self.applied = self.dropped = self.failed = self.rejected = self.unsent = 0
        self.repeated = 0
        """Uploads that an earlier push had created."""
        self.versions: tuple[int, int] | None = None
        """The first and the last version that the uploads settled into."""
        self.reasons: dict[str, str] = {}
        """Why uploads failed as a whole, by their ids."""
        self.errors: list[ReportedError] = []
        self._errors_to = errors_to

    @property
    def is_complete(self) -> bool:
        """Whether every row took effect, as far as that is known."""
        return not (self.dropped or self.failed or self.rejected or self.unsent or self.reasons)

    @property
    def most_errors(self) -> int | None:
        """How many more errors there is use for; None for all."""
        return None if self._errors_to else MAX_ERRORS - len(self.errors)

    @property
    def unlisted(self) -> int:
        """Rows without effect that are not among `errors`."""
        without_effect = self.dropped + self.failed + self.rejected + self.unsent
        return without_effect - len({error.place for error in self.errors})

    def add_delivery(self, delivery: Delivery) -> None:
        """Counts rows that the API has accepted."""
        self.uploads.append(delivery.upload)
        self.rows += delivery.rows
        self.files += delivery.files
        self.repeated += delivery.is_repeat

    def add_settled(self, delivery: Delivery, upload: Upload) -> None:
        """Counts the outcomes of an upload that has settled."""
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
        """Adds the errors of a delivery's rows."""
        for error in errors:
            place = delivery.place(error)
            self._add(ReportedError(place, error.frame_id, error.outcome, error.code, error.pointer, error.message))

    def add_unsent(self, line: Unsent) -> None:
        """Counts a line that is not sent, and adds its error."""
        self.unsent += 1
        self._add(ReportedError(line.place, None, UNSENT, line.reason, "", line.message))

    def _add(self, error: ReportedError) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)
        if self._errors_to:
            self._errors_to.write(json.dumps(error.document(), ensure_ascii=False) + "\n")
