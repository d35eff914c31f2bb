"""Model of intake, which reads files and sends their windows, and sends the windows of transfers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from tests.capacity import requests
from tests.capacity.bucket import SlowDown
from tests.capacity.clock import Process
from tests.capacity.dynamodb import Conflict, Throttled
from tests.capacity.functions import DONE, Failed, Mapping, after
from tests.capacity.queues import Message
from tests.capacity.service import Chunk, Dataset, Service, Upload, Window

ROW_CPU_SECONDS = 0.0003
"""CPU to parse, validate and pack a row, from `make bench` with a third added for Lambda's processors."""
WORK_SECONDS = 240
"""How long a call works, of its 300 seconds."""
COUNT_SECONDS = 2
"""How long a process remembers what a dataset has in flight."""
MAX_WINDOW_ROWS = 96
SWEEP_SECONDS = 900
RESUMED_AFTER_SECONDS = 1800
"""A sweep resumes uploads after this time, then whenever it has doubled."""


@dataclass(eq=False)
class File:
    """A file that is read."""

    upload: Upload
    left: int
    """Rows not yet read."""
    paused_until: float | None = None
    unsent: list[Window] = field(default_factory=list)
    """Windows of the last chunk, until they are sent: the next invocation sends them again."""
    is_being_read: bool = False
    """Whether an invocation reads it. Another one would stop at its first conditional write."""


@dataclass(eq=False)
class SendingChunks:
    """A task to send the windows of a transfer, chunk by chunk."""

    chunks: Iterator[list[Window]]
    next_chunk: list[Window] = field(default_factory=list)


@dataclass
class _Count:
    """What a process remembers of the rows and windows in flight."""

    rows: int
    windows: int
    at: float


class Intake:
    """The function intake."""

    def __init__(self, service: Service, concurrency: int) -> None:
        self._service = service
        self.function = service.function("intake", 1024)
        self.files: list[File] = []
        self.mapping = Mapping(
            self.function,
            service.files,
            self._handle,
            concurrency=concurrency,
            recursive=service.design.may_loop,
        )
        service.clock.after(SWEEP_SECONDS, self._sweep)

    def load(self, upload: Upload, files: list[int]) -> None:
        """Starts an upload of files with so many rows each."""
        upload.accepted_at = self._service.clock.now
        self._service.uploads.append(upload)
        for rows in files:
            file = File(upload, rows)
            self.files.append(file)
            self._service.files.add(Message(file))

    def _sweep(self) -> None:
        """Starts reading anew where an upload has been pending for long, as the sweep does."""
        now = self._service.clock.now
        for file in self.files:
            age, due = now - file.upload.accepted_at, RESUMED_AFTER_SECONDS
            while due <= age:
                if age < due + 2 * SWEEP_SECONDS and (file.left or file.unsent):
                    self._service.files.add(Message(file))
                    break
                due *= 2
        self._service.clock.after(SWEEP_SECONDS, self._sweep)

    def _handle(self, batch: list[Message]) -> Process[Failed]:
        (message,) = batch
        service = self._service
        try:
            if isinstance(message.body, File):
                yield from self._read(message.body, message)
            else:
                yield from self._send_chunks(message.body, message)
        except (Throttled, Conflict, SlowDown) as error:
            service.ledger.failed(error)
            wait = service.postponed(service.design.publish_postponement, message.receives)
            if wait is not None:
                yield service.clock.spread(service.limits.times.send)
            return Failed([message], wait)
        return DONE

    def _read(self, file: File, message: Message) -> Process[None]:
        if file.is_being_read or not (file.left or file.unsent):
            return
        file.is_being_read = True
        try:
            yield from self._read_on(file, message)
        finally:
            file.is_being_read = False

    def _read_on(self, file: File, message: Message) -> Process[None]:
        service, upload = self._service, file.upload
        dataset = upload.dataset
        began = service.clock.now
        yield from service.sdk(lambda: service.table.read(dataset.records, 1))
        yield from service.sdk(lambda: service.table.read(dataset.records, 1))
        yield from self._send(file, after(message, "intake"))
        count = _Count(0, 0, -COUNT_SECONDS)
        if file.left and (yield from self._must_wait(dataset, count, file)):
            if file.paused_until is not None and file.paused_until > service.clock.now:
                return  # the delayed task reads on
            yield from self._pause(file, message)
            return
        yield service.clock.spread(service.limits.times.get)
        while file.left:
            rows = min(file.left, service.design.rows_of_chunk(dataset.shards))
            yield self.function.cpu(service.busy(rows * ROW_CPU_SECONDS))
            yield from self._store(file, rows, after(message, "intake"))
            if not file.left:
                break
            if (yield from self._must_wait(dataset, count)):
                yield from self._pause(file, message)
                return
            if service.clock.now - began > WORK_SECONDS:
                yield from service.files.send(Message(file, lineage=after(message, "intake")))
                return
        if not upload.is_read and not any(other.left or other.unsent for other in self.files if other.upload is upload):
            upload.is_read = True
            yield from service.send(service.settled, [Message(upload, dataset.uid, after(message, "intake"))])

    def _store(self, file: File, rows: int, lineage: dict[str, int]) -> Process[None]:
        """Stores a chunk and sends its windows."""
        service, upload = self._service, file.upload
        dataset, table = upload.dataset, service.table
        _, stored, *counted = requests.store_chunk(service.design)
        yield from service.bucket.put(f"packs/{dataset.uid}")
        shared = [upload.record] if service.design.shared_totals else []
        index = f"unsettled {dataset.uid[0]}"
        yield from service.patiently(
            lambda: table.transact(
                {dataset.records: stored.units}, 3, shared, {index: stored.index_units} if stored.index_units else {}
            )
        )
        file.left -= rows
        chunk = Chunk(upload, rows, 0)
        windows = cut(service, chunk, rows)
        chunk.windows = len(windows)
        file.unsent = windows
        upload.chunks += 1
        dataset.rows_in_flight += rows
        dataset.windows_in_flight += len(windows)
        for count in counted:
            yield from service.patiently(
                partial(table.write, dataset.records, count.units, upload.record, {index: count.index_units})
            )
        yield from self._send(file, lineage)

    def _send(self, file: File, lineage: dict[str, int]) -> Process[None]:
        if file.unsent:
            yield from send_windows(self._service, file.unsent, lineage)
            file.unsent = []

    def _must_wait(self, dataset: Dataset, count: _Count, waiting: File | None = None) -> Process[bool]:
        """Returns whether reading must pause because the dataset has too much in flight."""
        service = self._service
        if service.clock.now - count.at >= COUNT_SECONDS:
            yield service.clock.spread(service.limits.times.read)  # one query of an index
            count.rows, count.windows = dataset.rows_in_flight, dataset.windows_in_flight
            count.at = service.clock.now
        quota = service.design.file_quota
        if count.rows < quota and count.windows < quota // 50:
            return False
        has_waited = waiting is not None and waiting.paused_until is not None
        return not has_waited or count.rows >= 2 * quota or count.windows >= quota // 25

    def _pause(self, file: File, message: Message) -> Process[None]:
        """Pauses the reading of a file by a new, delayed message."""
        service = self._service
        pause = round(service.clock.random.uniform(*service.design.pause))
        file.paused_until = service.clock.now + pause / 2  # clocks differ, so the delayed task may seem early
        yield from service.patiently(lambda: service.table.write(file.upload.dataset.records, 1))
        yield from service.files.send(Message(file, lineage=after(message, "intake")), pause)

    def _send_chunks(self, task: SendingChunks, message: Message) -> Process[None]:
        """Sends the windows of a transfer, chunk by chunk, until the time is up."""
        service, began = self._service, self._service.clock.now
        lineage = after(message, "intake")
        while True:
            task.next_chunk = task.next_chunk or next(task.chunks, [])
            if not task.next_chunk:
                return
            dataset = task.next_chunk[0].chunk.upload.dataset
            yield from service.bucket.get(f"packs/{dataset.uid}")
            yield from send_windows(service, task.next_chunk, lineage)
            task.next_chunk = []
            if service.clock.now - began > WORK_SECONDS:
                yield from service.files.send(Message(task, lineage=lineage))
                return


def cut(service: Service, chunk: Chunk, rows: int) -> list[Window]:
    """Cuts rows whose frames fall at random into the shards. Full windows of a shard come before its last one."""
    random, shards = service.clock.random, chunk.upload.dataset.shards
    counts = [0] * shards
    for _ in range(rows):
        counts[int(random.random() * shards)] += 1
    windows: list[Window] = []
    level = 0
    while any(count > level for count in counts):
        windows += [
            Window(chunk, shard, min(MAX_WINDOW_ROWS, count - level))
            for shard, count in enumerate(counts)
            if count > level
        ]
        level += MAX_WINDOW_ROWS
    return windows


def send_windows(service: Service, windows: list[Window], lineage: dict[str, int]) -> Process[None]:
    """Sends windows, each to its shard's group."""
    messages = [Message(window, window.chunk.upload.dataset.log(window.shard), lineage) for window in windows]
    yield from service.send(service.windows, messages)
