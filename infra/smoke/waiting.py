"""Waits for what Tidemark does after it has responded, for a bounded time: uploads, manifests, exports and purges."""

import sys
import time

from tidemark.client.api import Api
from tidemark.client.models import Json
from tidemark.client.polling import responses

UNDER_WAY = ("WAITING", "PENDING", "WRITING")
FIRST_PAUSE, MAX_PAUSE = 0.1, 2.0
"""First and longest pause between two polls, in seconds."""
PROGRESS_SECONDS = 30.0
"""Seconds between two lines on standard error about what is waited for."""
COUNTS = ("rows", "applied", "files_read", "shards_read", "windows", "windows_settled")
"""Counts of an upload that such a line names."""


class Failed(Exception):
    """Raised when something has failed as a whole, so that the steps after it have nothing to use."""


class TimedOut(Exception):
    """Raised when something is not done in time."""


def until_done(api: Api, path: tuple[str, ...], seconds: float) -> Json:
    """Polls an upload, a checkpoint or an export until it is no longer under way, and returns it. Raises TimedOut."""
    began = reported = time.monotonic()
    for response in responses(api, path, first=FIRST_PAUSE, longest=MAX_PAUSE):
        if response["status"] not in UNDER_WAY:
            return response
        now = time.monotonic()
        progress = ", ".join(f"{name} {response[name]:,}" for name in COUNTS if response.get(name))
        if now - began > seconds:
            raise TimedOut(f"{'/'.join(path[-2:])} is {response['status']} after {seconds:.0f} s ({progress}).")
        if now - reported > PROGRESS_SECONDS:
            reported = now
            print(f"    {now - began:,.0f} s: {response['status']}, {progress}", file=sys.stderr, flush=True)
    raise AssertionError("polling never ends by itself")
