"""Functions that are killed at any moment of a load lose nothing and double nothing.

A function's process is killed as Lambda kills one that exceeds its time or memory: without notice, between any two
steps. No request does that, so this test kills the processes of its own emulator.
"""

import gzip
import os
import random
import signal
import threading
from contextlib import ExitStack, suppress

import pytest

from infra.local.stack import LocalStack
from tests.support.deployed import inside
from tests.support.deployed.client import Caller, Dataset
from tests.support.deployed.files import lines, put
from tests.support.deployed.rows import add, box
from tidemark.aws.backend import Backend

FILES, ROWS, SINGLES = 5, 900, 500
"""5,000 frames: 4,500 in files and 500 by requests."""
KILLS = {"apply": 12, "publish": 12, "intake": 3}
"""How often each function is killed. The load's messages must not use up their attempts, which are four for a file."""
AGAIN_AFTER = 2
"""Seconds between two deliveries of a message; see `inside.impatient`."""
EVERY = 0.4
"""Seconds between two kills."""


@pytest.fixture(scope="module")
def backend(stack: LocalStack) -> Backend:
    return inside.backend_of(stack)


class Killer(threading.Thread):
    """Kills processes of the given functions until it has killed enough or is stopped."""

    def __init__(self, stack: LocalStack) -> None:
        super().__init__()
        self.killed: list[str] = []
        self._stack = stack
        self._left = [name for name, times in KILLS.items() for _ in range(times)]
        random.Random(5000).shuffle(self._left)
        self._ended = threading.Event()

    def run(self) -> None:
        """Kills one process after the other, at whatever step it is."""
        while self._left and not self._ended.wait(EVERY):
            name = self._left[-1]
            running = inside.processes_of(self._stack, name)
            if not running:
                self._left.insert(0, self._left.pop())
                continue
            with suppress(ProcessLookupError):
                os.kill(random.choice(running), signal.SIGKILL)
                self.killed.append(self._left.pop())

    def end(self) -> None:
        """Stops killing."""
        self._ended.set()
        self.join()


def test_killing_functions_during_a_load_loses_and_doubles_nothing(
    stack: LocalStack, backend: Backend, admin: Caller
) -> None:
    dataset = admin.new_dataset(shards=8)
    frames = {f"file-{file}": [f"f-{file}-{row:04d}" for row in range(ROWS)] for file in range(FILES)}
    contents = {
        name: gzip.compress(lines(add(frame, box("a"), n=number) for number, frame in enumerate(frame_ids)))
        for name, frame_ids in frames.items()
    }
    killer = Killer(stack)
    with ExitStack() as impatience:
        for queue in (backend.files_queue_url, backend.windows_queue_url, backend.settled_queue_url):
            impatience.enter_context(inside.impatient(backend, queue, AGAIN_AFTER))
        killer.start()
        try:
            upload = put(dataset, **contents)
            sent = [_send(dataset, start) for start in range(0, SINGLES, 25)]
            files = dataset.settled(upload)
            settled = [dataset.settled(upload_id) for upload_id in sent]
        finally:
            killer.end()
    assert KILLS.keys() <= set(killer.killed), "not every function was killed; the load was over too soon"
    assert (files["status"], files["rows"], files["applied"]) == ("SETTLED", FILES * ROWS, FILES * ROWS)
    assert {(request["status"], request["applied"]) for request in settled} == {("SETTLED", 25)}
    stored = dataset.frames()
    assert len(stored) == FILES * ROWS + SINGLES
    details = dataset.read()
    assert (details["frames"], details["labels"]) == (FILES * ROWS + SINGLES, FILES * ROWS)
    for frame in ("f-0-0000", "f-4-0899", "single-0499"):
        (change,) = dataset.items("frames", frame, "history")
        assert change["op"] == "ADD"


def _send(dataset: Dataset, start: int) -> str:
    return dataset.send(*(add(f"single-{number:04d}") for number in range(start, start + 25)), key=f"key-{start}")
