"""Rows in requests of mutations, one after the other, so that none overtakes another."""

from collections.abc import Iterator
from datetime import timedelta

from tidemark.client.api import Api, Refused
from tidemark.client.models import Receipt, Upload
from tidemark.client.push.requests import Cutter, Request
from tidemark.client.push.rows import Source, Unsent
from tidemark.client.push.transport import Delivery, Stage
from tidemark.client.refs import DatasetRef

CLOCKS_DIFFER = timedelta(seconds=1)
"""By which the clocks of the gateway and of a function may differ."""


class ByRequests:
    """The transport of rows, in their order."""

    def __init__(self, api: Api, dataset: DatasetRef, source: Source, run: str) -> None:
        """`run` sets this push apart from one of the same rows under another name."""
        self._api = api
        self._dataset = dataset
        self._source = source
        self._run = run
        self._began = api.time
        self._all_were_there = True
        """Whether an earlier push had made every upload so far: where one is new, all after it are."""
        self._rows = 0
        self.stages = (Stage("sent", source.size, lambda: source.read, lambda: f"{self._rows:,} rows"),)

    def send(self) -> Iterator[Delivery | Unsent | None]:
        """Send the rows of the source, as Transport says."""
        cutter = Cutter(self._run)
        for row in self._source:
            if isinstance(row, Unsent):
                yield row
            else:
                yield from self._delivered(cutter.add(row))
        yield from self._delivered(cutter.rest())

    def _delivered(self, request: Request | None) -> Iterator[Delivery]:
        if request is None:
            return
        upload, rejected = self._post(request)
        self._rows += len(request.places)
        yield Delivery(
            upload,
            lambda error: request.places[error.row],
            rows=len(request.places),
            rejected=rejected,
            was_there=self._was_there(upload),
        )

    def _post(self, request: Request) -> tuple[str, int]:
        """Send a request; answers the upload that it became, and how many of its rows were rejected."""
        try:
            path = (*self._dataset.path, "mutations")
            answer = self._api.post(*path, body=request.body, idempotency_key=request.key)
        except Refused as refusal:
            # Not one row was valid. That is on record as an upload like any other, with the errors of its rows.
            if refusal.problem.upload:
                return refusal.problem.upload, len(request.places)
            raise
        receipt = Receipt.model_validate(answer)
        return receipt.upload, receipt.rejected

    def _was_there(self, upload_id: str) -> bool:
        """Whether an upload is one of an earlier push: its receipt is the same."""
        if self._all_were_there:
            upload = Upload.model_validate(self._api.get(*self._dataset.path, "uploads", upload_id))
            self._all_were_there = self._began is not None and upload.accepted_at < self._began - CLOCKS_DIFFER
        return self._all_were_there
