"""Waits for what Tidemark does after it has responded: uploads, checkpoints and exports, all by their `status`."""

import time
from collections.abc import Sequence

from rich.progress import Progress

from examples.digits.client import Api, Json

IN_PROGRESS = {"PENDING", "WRITING"}
POLL_SECONDS = 0.1
TIMEOUT_SECONDS = 120


class Failed(Exception):
    """An upload, checkpoint or export that has failed."""


def wait_for(api: Api, path: str) -> Json:
    """Returns what is at `path` once it is done. Raises Failed, TimeoutError, and what `Api.get` raises."""
    (done,) = wait_for_all(api, [path])
    if done["status"] == "FAILED":
        raise Failed(f"{path} has failed: {done['reason']}")
    return done


def wait_for_all(api: Api, paths: Sequence[str], progress: Progress | None = None) -> list[Json]:
    """Returns what is at all paths once none is in progress, failed or not. `progress` shows the windows of uploads."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    task = progress.add_task("windows settled", total=None) if progress else None
    while True:
        states = [api.get(path) for path in paths]
        if progress is not None and task is not None:
            done, windows = (sum(state[count] for state in states) for count in ("windows_settled", "windows"))
            progress.update(task, completed=done, total=windows)
        if all(state["status"] not in IN_PROGRESS for state in states):
            return states
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not done after {TIMEOUT_SECONDS} s: {', '.join(paths)}.")
        time.sleep(POLL_SECONDS)
