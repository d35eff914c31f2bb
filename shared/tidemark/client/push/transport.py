"""How what is pushed travels to the API: what the ways there have in common."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from tidemark.client.models import RowError
from tidemark.client.push.rows import Place, Unsent


class Delivery(NamedTuple):
    """Rows that the API has taken: the upload that they became, and where they are from."""

    upload: str
    place: Callable[[RowError], Place]
    """Where the row of an error is from."""
    rows: int = 0
    """Its rows; none where the service has yet to count them."""
    rejected: int = 0
    """Rows that were refused on arrival."""
    files: int = 0
    """Files that it consists of; none if it went as a request."""
    was_there: bool = False
    """Whether an earlier push had made it."""


class Stage(NamedTuple):
    """A part of the way, as a bar shows it."""

    name: str
    size: int | None
    """Bytes that take it; None if that is not known."""
    done: Callable[[], int]
    """How many of them have."""
    told: Callable[[], str]
    """The same, for a person."""


class Transport(Protocol):
    """A way for a source to the API."""

    @property
    def stages(self) -> Sequence[Stage]:
        """The parts of the way, in their order."""

    def send(self) -> Iterator[Delivery | Unsent | None]:
        """Send what the source holds; tells what was taken as it is taken, and what could not be sent.

        None is told now and then while there is nothing to tell. Raises client.Refused and client.Unreachable.
        """
