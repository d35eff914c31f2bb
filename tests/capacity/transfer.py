"""Model of a clone: a workflow that pages through the source's shards, then intake sends the windows."""

from collections.abc import Iterator
from itertools import groupby, zip_longest

from tests.capacity import requests
from tests.capacity.bucket import SlowDown
from tests.capacity.clock import Process
from tests.capacity.dynamodb import Conflict, Throttled
from tests.capacity.intake import MAX_WINDOW_ROWS, WORK_SECONDS, SendingChunks
from tests.capacity.queues import Message
from tests.capacity.service import Chunk, Service, Upload, Window
from tests.capacity.steps import Execution, StepError

ROW_CPU_SECONDS = 0.00015
"""CPU to read a frame's version and write its row, from `make bench` with a third added for Lambda's processors."""
ITEM_READ_UNITS = 0.2
"""Read units of a frame's version, with the versions that a page reads in vain."""
STEP_WAIT_SECONDS = (5.0, 30.0)
"""How long a step waits after a transient error, before it goes on."""


class Clone:
    """A clone of a version into a new dataset."""

    def __init__(self, service: Service, upload: Upload, source: str, frames: int) -> None:
        self._service = service
        self._upload = upload
        self._source = source
        shards = upload.dataset.shards
        self._left = [frames // shards + (shard < frames % shards) for shard in range(shards)]
        self._pages: list[list[Window]] = []
        self.function = service.function("transfer", 1024)
        self.execution = Execution(self.function, self._visit)
        service.uploads.append(upload)
        service.clock.start(self._run())

    def _run(self) -> Process[None]:
        service, dataset = self._service, self._upload.dataset
        if not (yield from self.execution.run(range(dataset.shards))):
            service.ledger.stopped_transfers += 1
            return
        self._upload.is_read = True
        for page in self._pages:
            dataset.rows_in_flight += page[0].chunk.rows
            dataset.windows_in_flight += len(page)
        yield from service.patiently(lambda: service.table.transact({dataset.records: 2}, 1, [self._upload.record]))
        yield from service.files.send(Message(SendingChunks(self._chunks()), lineage={"transfer": 1}))

    def _chunks(self) -> Iterator[list[Window]]:
        """Yields windows that are sent together: of a page of all shards; in the earlier design, of a single chunk."""
        pages = sorted(self._pages, key=lambda page: page[0].shard)
        if not self._service.design.side_by_side:
            yield from pages
            return
        by_shard = [list(group) for _, group in groupby(pages, key=lambda page: page[0].shard)]
        for group in zip_longest(*by_shard, fillvalue=[]):
            yield [window for page in group for window in page]

    def _visit(self, shard: int) -> Process[bool]:
        """Makes pages of a shard until the time is up. Raises StepError."""
        service, began = self._service, self._service.clock.now
        while self._left[shard]:
            try:
                yield from self._page(shard)
            except (Throttled, Conflict, SlowDown) as error:
                service.ledger.failed(error)
                if not service.design.waits_in_steps:
                    raise StepError from None
                yield service.clock.random.uniform(*STEP_WAIT_SECONDS)
            if service.clock.now - began > WORK_SECONDS:
                break
        return not self._left[shard]

    def _page(self, shard: int) -> Process[None]:
        service, upload = self._service, self._upload
        dataset, table = upload.dataset, service.table
        rows = min(self._left[shard], service.design.page_rows)
        source = f"{self._source}#{shard}"
        yield from service.sdk(lambda: table.read(source, rows * ITEM_READ_UNITS, items=rows))
        yield self.function.cpu(service.busy(rows * ROW_CPU_SECONDS))
        yield from service.bucket.put(f"packs/{dataset.uid}")
        _, _, stored = requests.clone_page(service.design)
        shared = [upload.record] if service.design.shared_totals else []
        yield from service.patiently(lambda: table.transact({dataset.records: stored.units}, 3, shared))
        self._left[shard] -= rows
        chunk = Chunk(upload, rows, -(-rows // MAX_WINDOW_ROWS))
        upload.chunks += 1
        self._pages.append(
            [Window(chunk, shard, min(MAX_WINDOW_ROWS, rows - start)) for start in range(0, rows, MAX_WINDOW_ROWS)]
        )
