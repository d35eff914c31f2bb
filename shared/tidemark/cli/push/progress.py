"""The two bars of a push: what is sent, and what has settled."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tidemark.cli.push.report import Report
from tidemark.cli.push.rows import Source


class Bars:
    """Bars on stderr while a person looks at it; they go away at the end, and the summary stays."""

    def __init__(self, source: Source, report: Report, *, settling: bool) -> None:
        console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rows]:,} rows"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._source = source
        self._report = report
        # How many rows a source has is known when it is read; how many bytes, before.
        self._sent = self._progress.add_task("sent", total=source.size, rows=0)
        self._settled = self._progress.add_task("settled", total=None, rows=0) if settling else None

    def show(self, underway: int = 0) -> None:
        """Draw what the report knows, and rows `underway` of an upload that it does not count yet."""
        self._progress.update(self._sent, completed=self._source.read, rows=self._report.rows)
        if self._settled is not None:
            settled = self._report.settled + underway
            self._progress.update(self._settled, completed=settled, total=self._report.rows or None, rows=settled)

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()
