"""The bars of a push: one for each stage of its transport, and one for what has settled."""

import sys
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tidemark.cli.push.report import Report
from tidemark.client.push.follow import Follower
from tidemark.client.push.transport import Stage


class Bars:
    """Bars on stderr while a person looks at it; they go away at the end, and the summary stays."""

    def __init__(self, stages: Sequence[Stage], report: Report, *, settling: bool) -> None:
        console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._report = report
        self._stages = [(stage, self._progress.add_task(stage.name, total=stage.size, told="")) for stage in stages]
        self._settled = self._progress.add_task("settled", total=None, told="") if settling else None

    def show(self, follower: Follower) -> None:
        """Draw how far the stages are, and what the report and the follower know of what has settled."""
        for stage, task in self._stages:
            self._progress.update(task, completed=stage.done(), told=stage.told())
        if self._settled is not None:
            settled, rows = self._report.settled, self._report.rows
            told = ""
            if follower.underway:
                delivery, upload = follower.underway
                settled, rows = settled + upload.decided, rows + upload.rows - delivery.rows
                if delivery.files:
                    told = f", {upload.files_read:,} of {upload.files:,} files read, "
                    told += f"{upload.windows_settled:,} of {upload.windows:,} windows settled"
            self._progress.update(
                self._settled, completed=settled, total=rows or None, told=f"{settled:,} of {rows:,} rows{told}"
            )

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()
