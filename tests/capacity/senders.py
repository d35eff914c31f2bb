"""Model of clients that send one row a request, and of the API that accepts them."""

from tests.capacity import requests
from tests.capacity.clock import Process
from tests.capacity.dynamodb import Conflict, Throttled
from tests.capacity.intake import COUNT_SECONDS
from tests.capacity.queues import Message
from tests.capacity.service import Chunk, Dataset, Service, Upload, Window

API_CPU_SECONDS = 0.004
AUTHORIZER_CPU_SECONDS = 0.002
QUOTA = 10_000
"""Windows in flight at which a dataset refuses requests."""
REFUSED_SECONDS = (5.0, 30.0)
"""How long a client waits after a refused or failed request."""


class Senders:
    """Clients that each send one row, wait for the response, pause, and send the next."""

    def __init__(self, service: Service, dataset: Dataset, *, clients: int, pause: float) -> None:
        self._service = service
        self._dataset = dataset
        self._pause = pause
        self._sends = True
        self._counted_at = float(-COUNT_SECONDS)
        self._count = 0
        self.api = service.function("api", 1769)
        self.authorizer = service.function("authorizer", 1024)
        for _ in range(clients):
            service.clock.start(self._client())

    def stop(self) -> None:
        """Lets each client end after its present request."""
        self._sends = False

    def _client(self) -> Process[None]:
        service = self._service
        yield service.clock.random.uniform(0, 2 * self._pause)
        while self._sends:
            outcome = yield from self._request()
            if outcome == "accepted":
                service.ledger.accepted += 1
                yield service.clock.random.uniform(0, 2 * self._pause)
                continue
            if outcome == "refused":
                service.ledger.refused += 1
            else:
                service.ledger.unavailable += 1
            yield service.clock.random.uniform(*REFUSED_SECONDS)

    def _request(self) -> Process[str]:
        """Sends one request through the gateway. Returns `accepted`, `refused` or `unavailable`."""
        service = self._service
        for function, seconds in ((self.authorizer, AUTHORIZER_CPU_SECONDS), (self.api, API_CPU_SECONDS)):
            if not service.account.enter():
                return "unavailable"
            outcome: list[str] = []
            work = self._accept(outcome) if function is self.api else self._authorize()
            yield from function.run(self._computed(function.cpu(seconds), work))
        return outcome[0]

    def _computed(self, seconds: float, work: Process[None]) -> Process[None]:
        yield self._service.busy(seconds)
        yield from work

    def _authorize(self) -> Process[None]:
        yield self._service.clock.spread(self._service.limits.times.read)

    def _accept(self, outcome: list[str]) -> Process[None]:
        try:
            outcome.append((yield from self._store()))
        except (Throttled, Conflict):
            outcome.append("unavailable")

    def _store(self) -> Process[str]:
        service, dataset = self._service, self._dataset
        if (yield from self._is_full()):
            return "refused"
        pack, record = requests.ACCEPT_ROW
        assert pack.kind == "s3.PutObject"
        yield from service.bucket.put(f"packs/{dataset.uid}")
        upload = Upload(dataset, len(service.uploads), is_read=True, accepted_at=service.clock.now, chunks=1)
        indexes = {f"unsettled {dataset.uid[0]}": 1.0, f"uploads {dataset.uid}": 1.0, "project_uploads": 1.0}
        yield from service.sdk(lambda: service.table.write(dataset.records, record.units, upload.record, indexes))
        service.uploads.append(upload)
        dataset.rows_in_flight += 1
        dataset.windows_in_flight += 1
        shard = service.clock.random.randrange(dataset.shards)
        window = Window(Chunk(upload, 1, 1, is_whole_upload=True), shard, 1)
        yield from service.send(service.windows, [Message(window, dataset.log(shard), {"api": 1})])
        return "accepted"

    def _is_full(self) -> Process[bool]:
        """Returns whether the dataset has too much in flight, as counted at most two seconds ago.

        Every process counts for itself; here they share the count and its units are those of one process.
        """
        service, dataset = self._service, self._dataset
        if service.clock.now - self._counted_at >= COUNT_SECONDS:
            self._counted_at = service.clock.now
            self._count = dataset.windows_in_flight
            yield service.clock.spread(service.limits.times.read)
        return self._count >= QUOTA
