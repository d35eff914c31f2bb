"""`make docs` runs this: it writes the generated tables of docs/api/ again."""

from tests.docs.pages import PAGES, filled
from tests.docs.tables import tables


def main() -> None:
    """Writes the tables that are out of date and prints their pages."""
    kinds = tables()
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = filled(old, kinds)
        if new != old:
            page.write_text(new, encoding="utf-8")
            print(f"docs/api/{page.name}")


if __name__ == "__main__":
    main()
