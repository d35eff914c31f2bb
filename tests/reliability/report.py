"""The figures in `docs/reliability.md`: tables between markers, written by whoever measured them."""

import re
from dataclasses import dataclass, field
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of figures. `name` is that of its place in the document, between two markers."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[str | int, ...]]
    note: str = ""
    """A sentence below it: when it was measured, with what."""

    @property
    def text(self) -> str:
        """The table in Markdown."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        table = "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)
        return f"{table}\n\n{self.note}".strip()


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What one part of the proof found."""

    tables: list[Table]
    violations: list[str] = field(default_factory=list)
    """What must not be, each in a line, with what is needed to see it again."""


def written(document: str, tables: list[Table]) -> str:
    """The document with these tables in their places. Raises LookupError for a table that has no place."""
    for table in tables:
        place = re.compile(rf"(?<=<!-- figures: {re.escape(table.name)} -->\n).*?(?=<!-- end -->)", re.DOTALL)
        found = place.search(document)
        if found is None:
            raise LookupError(f"no place for the figures {table.name!r}")
        document = f"{document[: found.start()]}{table.text}\n{document[found.end() :]}"
    return document


def _cell(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value.replace("|", "\\|")
