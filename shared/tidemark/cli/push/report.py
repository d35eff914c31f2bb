"""What became of a push: counts, and the first errors, each with the place of its row."""

import json
from collections.abc import Iterable
from typing import IO, NamedTuple

from tidemark.client.models import Json, RowError, Upload
from tidemark.client.push.rows import Place, Unsent
from tidemark.client.push.transport import Delivery

ERRORS_TOLD = 20
UNSENT = "unsent"


class Told(NamedTuple):
    """An error as it is told."""

    place: Place
    frame_id: str | None
    outcome: str
    reason: str
    pointer: str
    message: str

    def document(self) -> Json:
        """For scripts, in the words of the API."""
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
    """Counts what was sent and what became of it. Rows are kept only where they are told."""

    def __init__(self, errors_to: IO[str] | None = None) -> None:
        """All errors go to `errors_to`, if that is given."""
        self.uploads: list[str] = []
        self.files = 0
        """Files that were put as they are."""
        self.rows = self.settled = 0
        """Rows that the API has taken, as far as they are counted, and those of them that have an outcome."""
        self.applied = self.dropped = self.failed = self.rejected = self.unsent = 0
        self.repeated = 0
        """Uploads that an earlier push had made."""
        self.versions: tuple[int, int] | None = None
        self.reasons: dict[str, str] = {}
        """Why uploads failed as a whole, by their ids."""
        self.errors: list[Told] = []
        self._errors_to = errors_to

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known that did not take effect."""
        return not (self.dropped or self.failed or self.rejected or self.unsent or self.reasons)

    @property
    def most_errors(self) -> int | None:
        """How many more errors are of use; None for all."""
        return None if self._errors_to else ERRORS_TOLD - len(self.errors)

    @property
    def untold(self) -> int:
        """Rows that did not take effect and are not among the errors that are kept."""
        without_effect = self.dropped + self.failed + self.rejected + self.unsent
        return without_effect - len({error.place for error in self.errors})

    def sent(self, delivery: Delivery) -> None:
        """Count rows that the API has taken."""
        self.uploads.append(delivery.upload)
        self.rows += delivery.rows
        self.files += delivery.files
        self.repeated += delivery.was_there

    def count(self, delivery: Delivery, upload: Upload) -> None:
        """Count what became of an upload that has settled."""
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

    def tell_errors(self, delivery: Delivery, errors: Iterable[RowError]) -> None:
        """Note why rows of a delivery did not take effect."""
        for error in errors:
            place = delivery.place(error)
            self._tell(Told(place, error.frame_id, error.outcome, error.code, error.pointer, error.message))

    def leave(self, line: Unsent) -> None:
        """Count a line that is not sent."""
        self.unsent += 1
        self._tell(Told(line.place, None, UNSENT, line.reason, "", line.message))

    def _tell(self, error: Told) -> None:
        if len(self.errors) < ERRORS_TOLD:
            self.errors.append(error)
        if self._errors_to:
            self._errors_to.write(json.dumps(error.document(), ensure_ascii=False) + "\n")
