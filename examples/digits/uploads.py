"""Sends mutations in requests, and follows their uploads until they settle."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from examples.digits.client import Api, Json
from examples.digits.ledger import Changes
from examples.digits.waiting import wait_for_all

REQUEST_ROWS = 1000
"""The API's limit."""


@dataclass(frozen=True)
class Step:
    """Mutations for one request, one for each frame, and the frames as they must be afterwards."""

    rows: Sequence[Json]
    changes: Changes


@dataclass(frozen=True)
class Sent:
    """Settled uploads, with the seconds until all were accepted, and until all had settled."""

    uploads: list[Json]
    accepted_after: float
    settled_after: float

    @property
    def rows(self) -> int:
        """Number of rows in all requests."""
        return sum(upload["rows"] for upload in self.uploads)


def bars(console: Console) -> Progress:
    """Returns progress bars that disappear when they are done; the summary line stays."""
    return Progress(
        TextColumn("  {task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def send(api: Api, dataset: str, requests: Sequence[Sequence[Json]], console: Console) -> Sent:
    """Sends requests of at most `REQUEST_ROWS` mutations each, then waits until every upload has settled.

    Raises Refused, and TimeoutError if an upload does not settle.
    """
    began = time.monotonic()
    receipts: list[Json] = []
    with bars(console) as progress:
        task = progress.add_task("rows accepted", total=sum(map(len, requests)))
        for rows in requests:
            receipts.append(api.post(f"{dataset}/mutations", {"mutations": rows}))
            progress.advance(task, len(rows))
        accepted_after = time.monotonic() - began
        paths = [f"{dataset}/uploads/{receipt['upload']}" for receipt in receipts]
        uploads = wait_for_all(api, paths, progress)
    return Sent(uploads, accepted_after, time.monotonic() - began)
