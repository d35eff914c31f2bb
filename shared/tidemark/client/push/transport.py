"""The interface of both transports of a push (mutation requests and whole files), and the types they yield."""

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple, Protocol

from tidemark.client.push.local_rows import Place, Unsent
from tidemark.client.push.request_cutter import Places
from tidemark.domain.uploads import RowOutcome


class Delivery(NamedTuple):
    """Rows that the API accepted as one upload, and how to find their places on this machine."""

    upload: str
    """Id of the upload."""
    places: Places | None = None
    """Places of the rows in a request, by row number; None for an upload of files."""
    file_names: Mapping[str, str] | None = None
    """The names shown to the user, by the names sent to the service; None for a request."""
    rejected: int = 0
    """Number of rows that the API rejected as invalid when it accepted the request."""
    is_repeat: bool = False
    """Whether an earlier push created the upload."""

    @property
    def rows(self) -> int:
        """Number of rows; 0 for an upload of files, whose rows only the service counts."""
        return len(self.places) if self.places else 0

    @property
    def files(self) -> int:
        """Number of files; 0 for a request."""
        return len(self.file_names) if self.file_names else 0

    def place(self, error: RowOutcome) -> Place:
        """Returns the place on this machine of the row that an error is about."""
        if self.places:
            return self.places[error.row]
        name = error.file or ""
        return Place((self.file_names or {}).get(name, name), error.row)


class Stage(NamedTuple):
    """A stage of sending, and its progress."""

    name: str
    size: int | None
    """Bytes in total; None if unknown."""
    done: int
    """Bytes done so far."""
    amount: str
    """Progress as a text for people, such as `12 rows` or `3.5 MB`."""


class Transport(Protocol):
    """A way to send a source to the API."""

    @property
    def stages(self) -> Sequence[Stage]:
        """The stages of sending, in order, with their progress so far."""

    def send(self) -> Generator[Delivery | Unsent | None, None, None]:
        """Sends the source. Yields a Delivery for each upload the API accepts, and an Unsent for each line not sent.

        May yield None at intervals while there is nothing to report. Closing the generator stops the sending. Raises
        Refused and Unreachable.
        """
