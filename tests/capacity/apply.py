"""Models of apply, which applies windows and reports their outcomes, and of dead_letter, which gives windows up."""

from tests.capacity import requests
from tests.capacity.clock import Process
from tests.capacity.dynamodb import Conflict, Throttled
from tests.capacity.functions import DONE, Failed, FifoMapping, after
from tests.capacity.queues import Message
from tests.capacity.service import Service, Window

CPU_SECONDS = 0.010
ROW_CPU_SECONDS = 0.00008
"""CPU of a call, and more for each row, from `make bench` with a third added for Lambda's processors."""
FIRST_COUNTED_RECEIVE = 3
"""From this receive of a window on, apply counts attempts itself, in an item of the shard."""


class Apply:
    """The functions apply and dead_letter."""

    def __init__(self, service: Service, concurrency: int) -> None:
        self._service = service
        self.function = service.function("apply", 1769)
        self.dead_letter = service.function("dead_letter", 512)
        self.mapping = FifoMapping(self.function, service.windows, self._handle, batch=1, concurrency=concurrency)
        FifoMapping(self.dead_letter, service.windows_dead, self._give_up, batch=10, concurrency=2)

    def _handle(self, batch: list[Message]) -> Process[Failed]:
        (message,) = batch
        service = self._service
        window: Window = message.body
        is_counted = not service.design.counts_transient and message.receives >= FIRST_COUNTED_RECEIVE
        log = window.chunk.upload.dataset.log(window.shard)
        try:
            if is_counted:
                yield from service.sdk(lambda: service.table.write(log, 1))
            yield from self._apply(window, message)
        except (Throttled, Conflict) as error:
            service.ledger.failed(error)
            if is_counted:
                yield from self._uncount(log)
            wait = service.postponed(service.design.postponement, message.receives)
            if wait is not None:
                yield service.clock.spread(service.limits.times.send)
            return Failed([message], wait)
        return DONE

    def _uncount(self, log: str) -> Process[None]:
        try:
            yield from self._service.sdk(lambda: self._service.table.write(log, 1))
        except Throttled:
            return

    def _apply(self, window: Window, message: Message) -> Process[None]:
        service, rows = self._service, window.rows
        log = window.chunk.upload.dataset.log(window.shard)
        yield self.function.cpu(service.busy(CPU_SECONDS + rows * ROW_CPU_SECONDS))
        yield from service.sdk(lambda: service.table.read(log, 2))
        if not window.is_applied:
            units = requests.commit(rows).units
            yield from service.patiently(
                lambda: service.table.transact({log: units}, rows + 3),
                service.design.tries,
                service.design.throttle_wait,
            )
            window.is_applied = True
            assert message.received_at is not None
            ledger = service.ledger
            if ledger.applied(service.clock.now, rows, message.sent_at, message.received_at):
                ledger.written = sum(partition.written for partition in service.log_partitions())
        yield from self._report(window, after(message, "apply"))

    def _report(self, window: Window, lineage: dict[str, int]) -> Process[None]:
        """Reports a window: as a message, or in its chunk's tally, whose last window sends a message."""
        service, chunk = self._service, window.chunk
        records = chunk.upload.dataset.records
        body: object = window
        if requests.tallies(service.design, chunk.windows):
            units = requests.report(service.design, chunk.windows).units
            yield from service.sdk(lambda: service.table.write(records, units))
            chunk.decided += 1
            if chunk.decided < chunk.windows:
                return
            body = chunk
        yield from service.send(service.settled, [Message(body, chunk.upload.dataset.uid, lineage)])

    def _give_up(self, batch: list[Message]) -> Process[Failed]:
        service = self._service
        yield self.dead_letter.cpu(service.busy(CPU_SECONDS))
        for message in batch:
            window: Window = message.body
            if not window.is_applied:
                window.is_applied = True
                service.ledger.given_up += 1
                service.ledger.failed_rows += window.rows
            yield from self._report(window, after(message, "dead_letter"))
        return DONE
