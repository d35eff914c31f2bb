"""Model of publish, which records outcomes and publishes versions. It is serial for each dataset."""

from collections import Counter
from functools import partial

from tests.capacity import requests
from tests.capacity.clock import Process
from tests.capacity.dynamodb import Conflict, Throttled
from tests.capacity.functions import DONE, Failed, FifoMapping
from tests.capacity.queues import Message
from tests.capacity.service import Chunk, Dataset, Service, Upload, Window

CPU_SECONDS = 0.008
CHUNK_CPU_SECONDS = 0.0012
"""CPU of a call, and more for each chunk, from `make bench` with a third added for Lambda's processors."""
WINDOW_CPU_SECONDS = 0.00003
"""More CPU for each outcome in a tally."""


class Publish:
    """The function publish."""

    def __init__(self, service: Service, concurrency: int) -> None:
        self._service = service
        self.function = service.function("publish", service.design.publish_memory)
        self.mapping = FifoMapping(self.function, service.settled, self._handle, batch=10, concurrency=concurrency)

    def _handle(self, batch: list[Message]) -> Process[Failed]:
        service = self._service
        try:
            yield from self._publish([message.body for message in batch])
        except (Throttled, Conflict) as error:
            service.ledger.failed(error)
            wait = service.postponed(service.design.publish_postponement, batch[0].receives)
            if wait is not None:
                yield service.clock.spread(service.limits.times.send)
            return Failed(batch, wait)
        return DONE

    def _publish(self, bodies: list[Window | Chunk | Upload]) -> Process[None]:
        service = self._service
        outcomes = _outcomes(bodies)
        received = sum(outcomes.values())
        cpu = CPU_SECONDS + len(outcomes) * CHUNK_CPU_SECONDS + received * WINDOW_CPU_SECONDS
        yield self.function.cpu(service.busy(cpu))
        uploads = {body if isinstance(body, Upload) else _chunk(body).upload: None for body in bodies}
        dataset = next(iter(uploads)).dataset
        reads = [self._read_chunks(dataset, outcomes)] if outcomes else []
        if service.design.side_by_side:
            reads.append(self._read_dataset(dataset))
        yield from service.all(reads)
        by_upload: dict[Upload, list[Chunk]] = {upload: [] for upload in uploads}
        for chunk in outcomes:
            by_upload[chunk.upload].append(chunk)
        yield from service.all(self._record(upload, chunks, outcomes) for upload, chunks in by_upload.items())
        _mark(bodies)
        complete = [upload for upload in uploads if upload.is_complete]
        if complete:
            yield from self._settle(dataset, complete)

    def _read_chunks(self, dataset: Dataset, outcomes: Counter[Chunk]) -> Process[None]:
        yield from self._service.sdk(lambda: self._service.table.read(dataset.records, 2 * len(outcomes)))

    def _read_dataset(self, dataset: Dataset) -> Process[None]:
        """Reads a dataset's state, then the heads of its shards."""
        service, table = self._service, self._service.table
        yield from service.sdk(lambda: table.read(dataset.records, 1))
        yield from service.sdk(lambda: table.read(dataset.log(0), dataset.shards))

    def _record(self, upload: Upload, chunks: list[Chunk], outcomes: Counter[Chunk]) -> Process[None]:
        """Records outcomes of an upload's chunks, and adds decided chunks to its totals."""
        table, records = self._service.table, upload.dataset.records
        decided = []
        for chunk in chunks:
            if chunk.recorded + outcomes[chunk] >= chunk.windows:
                decided.append(chunk)
            elif outcomes[chunk]:
                yield from self._service.patiently(lambda: table.write(records, requests.UPDATE_CHUNK.units))
                chunk.recorded += outcomes[chunk]
        if not any(chunk.is_whole_upload for chunk in chunks):
            yield from self._service.sdk(lambda: table.read(records, 1))
        together = self._service.design.side_by_side
        for group in [decided] if together else [[chunk] for chunk in decided]:
            new = [chunk for chunk in group if chunk.recorded < chunk.windows]
            if new and not new[0].is_whole_upload:
                write = requests.settle_chunks(len(new))
                yield from self._service.patiently(
                    partial(
                        table.transact,
                        {records: write.units},
                        len(new) + 1,
                        [upload.record],
                        {f"unsettled {upload.dataset.uid[0]}": write.index_units},
                    )
                )
            for chunk in new:
                chunk.recorded = chunk.windows
                upload.chunks_settled += 1
                upload.dataset.rows_in_flight -= chunk.rows
                upload.dataset.windows_in_flight -= chunk.windows

    def _settle(self, dataset: Dataset, complete: list[Upload]) -> Process[None]:
        """Publishes a version into which complete uploads settle, and announces both."""
        service, table = self._service, self._service.table
        if not service.design.side_by_side:
            yield from self._read_dataset(dataset)
        write = requests.version(len(complete), dataset.shards)
        yield from service.patiently(
            lambda: table.transact(
                {dataset.records: write.units},
                len(complete) + 2,
                [upload.record for upload in complete],
                {f"unsettled {dataset.uid[0]}": write.index_units},
            )
        )
        for upload in complete:
            upload.settled_at = service.clock.now
            took = service.clock.now - upload.accepted_at
            service.ledger.longest_settling = max(service.ledger.longest_settling, took)
        if not service.design.side_by_side:
            yield from service.sdk(lambda: table.read(dataset.records, 1))
        for _ in range(0, len(complete) + 1, service.limits.queues.batch):
            yield service.clock.spread(service.limits.times.events)


def _chunk(body: Window | Chunk) -> Chunk:
    return body if isinstance(body, Chunk) else body.chunk


def _outcomes(bodies: list[Window | Chunk | Upload]) -> Counter[Chunk]:
    """Returns the number of outcomes that a call receives, by chunk."""
    outcomes: Counter[Chunk] = Counter()
    for body in bodies:
        if isinstance(body, Chunk):
            outcomes[body] = body.windows
        elif isinstance(body, Window):
            outcomes[body.chunk] += not body.is_recorded
    return outcomes


def _mark(bodies: list[Window | Chunk | Upload]) -> None:
    for body in bodies:
        if isinstance(body, Window):
            body.is_recorded = True
