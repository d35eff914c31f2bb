"""Pushes rows in mutation requests, one request at a time, so that the rows take effect in their order."""

from collections.abc import Generator
from datetime import timedelta

from tidemark.client.api import Api, Refused
from tidemark.client.models import parse
from tidemark.client.push.local_rows import Source, Unsent
from tidemark.client.push.request_cutter import Request, RequestCutter
from tidemark.client.push.transport import Delivery, Stage
from tidemark.client.refs import DatasetRef
from tidemark.domain.uploads import Receipt, Upload

CLOCK_SKEW = timedelta(seconds=1)
"""Largest expected difference between the clocks of API Gateway and of a Lambda function."""


class ByRequests:
    """The transport that sends rows in mutation requests, in the order of the rows."""

    def __init__(self, api: Api, dataset: DatasetRef, source: Source, run: str) -> None:
        """`run` is the name of the push. The same rows are sent again only under another name."""
        self._api = api
        self._dataset = dataset
        self._source = source
        self._run = run
        self._began = api.time
        self._all_repeats = True
        """Whether an earlier push created every upload so far. After the first new upload, all are new."""
        self._rows = 0

    @property
    def stages(self) -> list[Stage]:
        """See Transport."""
        return [Stage("sent", self._source.size, self._source.read, f"{self._rows:,} rows")]

    def send(self) -> Generator[Delivery | Unsent | None, None, None]:
        """See Transport."""
        cutter = RequestCutter(self._run)
        for row in self._source:
            if isinstance(row, Unsent):
                yield row
            elif request := cutter.add(row):
                yield self._deliver(request)
        if request := cutter.rest():
            yield self._deliver(request)

    def _deliver(self, request: Request) -> Delivery:
        upload, rejected = self._post(request)
        self._rows += len(request.places)
        return Delivery(upload, request.places, rejected=rejected, is_repeat=self._is_repeat(upload))

    def _post(self, request: Request) -> tuple[str, int]:
        """Sends a request. Returns the id of the upload that it created, and the number of rejected rows."""
        try:
            path = (*self._dataset.path, "mutations")
            response = self._api.post(*path, body=request.body, idempotency_key=request.key)
        except Refused as refusal:
            # Every row was invalid. The API has still created an upload, which holds the errors.
            if refusal.problem.upload:
                return refusal.problem.upload, len(request.places)
            raise
        receipt = parse(Receipt, response)
        return receipt.upload, receipt.rejected

    def _is_repeat(self, upload_id: str) -> bool:
        """Returns whether an earlier push created an upload. A repeated request returns the first receipt, so only the
        time at which the upload was accepted shows this."""
        if self._all_repeats:
            upload = parse(Upload, self._api.get(*self._dataset.path, "uploads", upload_id))
            self._all_repeats = self._began is not None and upload.accepted_at < self._began - CLOCK_SKEW
        return self._all_repeats
