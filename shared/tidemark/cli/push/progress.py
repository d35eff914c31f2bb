"""The progress bars of a push: one for each stage of sending, and one for settled rows."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from tidemark.cli.output import progress_bars
from tidemark.cli.push.report import Report
from tidemark.client.push.follow import Followed
from tidemark.client.push.transport import Stage


class Bars:
    """Progress bars on stderr. They appear only on a terminal, and disappear at the end."""

    def __init__(self, stages: Sequence[Stage], *, settling: bool) -> None:
        """`settling` adds a bar for settled rows."""
        self._progress = progress_bars(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[amount]}"), TimeElapsedColumn()
        )
        self._stages = [self._progress.add_task(stage.name, total=stage.size, amount="") for stage in stages]
        self._settled = self._progress.add_task("settled", total=None, amount="") if settling else None

    def show(self, stages: Sequence[Stage], report: Report, underway: Followed | None) -> None:
        """Updates the bars. The settled rows include those of `underway`, the upload that is settling now."""
        for task, stage in zip(self._stages, stages, strict=True):
            self._progress.update(task, completed=stage.done, amount=stage.amount)
        if self._settled is None:
            return
        settled, rows, files = report.settled, report.rows, ""
        if underway:
            delivery, upload = underway
            settled, rows = settled + upload.decided, rows + upload.rows - delivery.rows
            if upload.files:
                files = f", {upload.files_read:,} of {upload.files:,} files read"
                files += f", {upload.windows_settled:,} of {upload.windows:,} windows settled"
        amount = f"{settled:,} of {rows:,} rows{files}"
        self._progress.update(self._settled, completed=settled, total=rows or None, amount=amount)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()
