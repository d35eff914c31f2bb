"""What the ways to send rows, in requests or as files, have in common."""

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple, Protocol

from tidemark.client.push.local_rows import Place, Unsent
from tidemark.client.push.request_cutter import Places
from tidemark.domain.uploads import RowOutcome


class Delivery(NamedTuple):
    """Rows that the API accepted as one upload, and where they come from."""

    upload: str
    places: Places | None = None
    """The lines of the rows of a request; None for an upload of files."""
    file_names: Mapping[str, str] | None = None
    """The names that the user knows, by the names that the service knows; None for an upload of a request."""
    rejected: int = 0
    """Rows that were rejected on arrival."""
    is_repeat: bool = False
    """Whether an earlier push had created the upload."""

    @property
    def rows(self) -> int:
        """Number of rows; 0 if the service has yet to count them."""
        return len(self.places) if self.places else 0

    @property
    def files(self) -> int:
        """Number of files; 0 for a request."""
        return len(self.file_names) if self.file_names else 0

    def place(self, error: RowOutcome) -> Place:
        """Returns where the row of an error comes from."""
        if self.places:
            return self.places[error.row]
        name = error.file or ""
        return Place((self.file_names or {}).get(name, name), error.row)


class Stage(NamedTuple):
    """A stage of sending, and how far it is."""

    name: str
    size: int | None
    """Bytes in total; None if not known."""
    done: int
    """Bytes done so far."""
    amount: str
    """What is done so far, for a person."""


class Transport(Protocol):
    """A way to send a source to the API."""

    @property
    def stages(self) -> Sequence[Stage]:
        """The stages in their order, as far as they are now."""

    def send(self) -> Generator[Delivery | Unsent | None, None, None]:
        """Sends the source. Yields each delivery as the API accepts it, and each line that cannot be sent.

        Yields None now and then while there is nothing to report. Raises Refused and Unreachable.
        Closing the generator stops what is being sent.
        """
