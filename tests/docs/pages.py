"""The pages of docs/api/, and the markers between which their tables are generated.

    <!-- table: fields Upload -->
    …
    <!-- end -->

The first word names the kind of table, the others say what it holds.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))

MARKED = re.compile(r"^<!-- table: ([\w -]+) -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)

Tables = Mapping[str, Callable[..., str]]
"""Makes a table of each kind from the words that follow the kind in the marker."""


def filled(text: str, tables: Tables) -> str:
    """Returns a page's text with its tables generated again."""

    def table(marked: re.Match[str]) -> str:
        kind, *words = marked[1].split()
        return f"<!-- table: {marked[1]} -->\n{tables[kind](*words)}\n<!-- end -->"

    return MARKED.sub(table, text)


def markers() -> Iterator[list[str]]:
    """Yields the words of every marker of all pages."""
    for page in PAGES:
        for marked in MARKED.finditer(page.read_text(encoding="utf-8")):
            yield marked[1].split()


def places() -> dict[str, str]:
    """Returns where each model's fields are listed, as a link from another page of the folder."""
    found: dict[str, str] = {}
    for page in PAGES:
        heading = ""
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                heading = line.lstrip("# ")
            elif marked := re.fullmatch(r"<!-- table: (?:body|fields) (\w+) -->", line):
                found.setdefault(marked[1], f"{page.name}#{anchor(heading)}")
    return found


def anchor(heading: str) -> str:
    """Returns the fragment that leads to a heading."""
    return re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
