"""Waiting for what Tidemark does after it has answered: uploads, checkpoints and exports, all by their `status`."""

import time
from collections.abc import Sequence

from rich.progress import Progress

from examples.digits.client import Api, Json

UNDER_WAY = {"PENDING", "WRITING"}
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 120


class Failed(Exception):
    """What was waited for has failed for good."""


def finished(api: Api, path: str) -> Json:
    """What lies at `path` once it is done. Raises Failed with its reason, TimeoutError, and as `Api.get`."""
    (done,) = all_finished(api, [path])
    if done["status"] == "FAILED":
        raise Failed(f"{path} has failed: {done['reason']}")
    return done


def all_finished(api: Api, paths: Sequence[str], progress: Progress | None = None) -> list[Json]:
    """What lies at all paths once none is under way, whatever came of it; meanwhile, windows of uploads are shown."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    task = progress.add_task("windows settled", total=None) if progress else None
    while True:
        seen = [api.get(path) for path in paths]
        if progress is not None and task is not None:
            done, windows = (sum(one[count] for one in seen) for count in ("windows_settled", "windows"))
            progress.update(task, completed=done, total=windows)
        if all(one["status"] not in UNDER_WAY for one in seen):
            return seen
        if time.monotonic() > give_up:
            raise TimeoutError(f"Not done after {PATIENCE_SECONDS} s: {', '.join(paths)}.")
        time.sleep(POLL_SECONDS)
