"""Writes tables of figures into `docs/reliability.md`, between markers."""

import re
from dataclasses import dataclass, field
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of figures. `name` is the name in the document's marker."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[str | int, ...]]
    note: str = ""
    """A sentence below the table: when and how it was measured."""

    @property
    def text(self) -> str:
        """The table as Markdown."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        table = "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)
        return f"{table}\n\n{self.note}".strip()


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The figures and violations of one part."""

    tables: list[Table]
    violations: list[str] = field(default_factory=list)
    """One line per violation, with the command that reproduces it."""


def insert_tables(document: str, tables: list[Table]) -> str:
    """Returns the document with these tables between their markers. Raises LookupError if a marker is missing."""
    for table in tables:
        marked = re.compile(rf"(?<=<!-- figures: {re.escape(table.name)} -->\n).*?(?=<!-- end -->)", re.DOTALL)
        match = marked.search(document)
        if match is None:
            raise LookupError(f"no marker for the figures {table.name!r}")
        document = f"{document[: match.start()]}{table.text}\n{document[match.end() :]}"
    return document


def _cell(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value.replace("|", "\\|")
