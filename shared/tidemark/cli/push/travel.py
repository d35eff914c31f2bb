"""How what is pushed travels to the API."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from tidemark.cli.client import Api, Refused
from tidemark.cli.push.requests import Cutter, Places, Request
from tidemark.cli.push.rows import Source, Unsent
from tidemark.cli.session import DatasetRef
from tidemark.cli.shapes import Receipt


class Delivery(NamedTuple):
    """Rows that the API has taken: the upload that they became, and where they are from."""

    upload: str
    places: Places
    rejected: int
    """Rows that were refused on arrival."""


class Transport(Protocol):
    """A way for a source to the API."""

    def send(self, source: Source) -> Iterator[Delivery | Unsent]:
        """Send what `source` holds, in its order; tells what was taken as it is taken, and what could not be sent.

        Raises client.Refused and client.Unreachable.
        """


class ByRequests:
    """Rows travel in requests of mutations, one after the other, so that none overtakes another."""

    def __init__(self, api: Api, dataset: DatasetRef, run: str) -> None:
        self._api = api
        self._dataset = dataset
        self._run = run

    def send(self, source: Source) -> Iterator[Delivery | Unsent]:
        """Send the rows of `source`, as Transport says."""
        cutter = Cutter(self._run)
        for row in source:
            if isinstance(row, Unsent):
                yield row
            else:
                yield from self._delivered(cutter.add(row))
        yield from self._delivered(cutter.rest())

    def _delivered(self, request: Request | None) -> Iterator[Delivery]:
        if request:
            yield self._post(request)

    def _post(self, request: Request) -> Delivery:
        try:
            path = (*self._dataset.path, "mutations")
            answer = self._api.post(*path, body=request.body, idempotency_key=request.key)
        except Refused as refusal:
            # Not one row was valid. That is on record as an upload like any other, with the errors of its rows.
            if refusal.problem.upload:
                return Delivery(refusal.problem.upload, request.places, len(request.places))
            raise
        receipt = Receipt.model_validate(answer)
        return Delivery(receipt.upload, request.places, receipt.rejected)
