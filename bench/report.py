"""Tables of results, for a terminal and for `docs/performance.md`, from the same rows.

In the document a line `<!-- table: TITLE -->` stands above each table; `fill` writes the tables
anew from the results, and a test compares, so that the document cannot drift from what was stored.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table as Shown

_PLACE = re.compile(r"^<!-- table: (?P<title>.+?) -->\n(?:\|.*\n)*", re.MULTILINE)


@dataclass
class Table:
    """Rows of text under a title. The first `words` columns are words, the others figures."""

    title: str
    columns: Sequence[str]
    words: int = 1
    rows: list[Sequence[str]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """One row; None is an empty cell."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.title}: {len(cells)} cells, {len(self.columns)} columns")
        self.rows.append(["" if cell is None else str(cell) for cell in cells])

    def shown(self) -> Shown:
        """For a terminal."""
        table = Shown(title=self.title, title_justify="left")
        for number, name in enumerate(self.columns):
            table.add_column(name, justify="left" if number < self.words else "right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For the document."""
        rule = ["---" if number < self.words else "--:" for number in range(len(self.columns))]
        lines = [_row(self.columns), "|" + "|".join(rule) + "|", *map(_row, self.rows)]
        return "\n".join(lines) + "\n"


def fill(text: str, tables: Iterable[Table]) -> str:
    """The document with these tables written anew; others stay as they are."""
    by_title = {table.title: table for table in tables}

    def written(place: re.Match[str]) -> str:
        table = by_title.get(place["title"])
        if table is None:
            return place.group()
        return f"<!-- table: {table.title} -->\n{table.markdown()}"

    return _PLACE.sub(written, text)


def titles(text: str) -> list[str]:
    """The titles of the tables that the document shows."""
    return [place["title"] for place in _PLACE.finditer(text)]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def targets(of: str, found: Iterable[Mapping[str, Any]], form: str = "{}") -> Table:
    """The table of the targets of a measurement: what was asked for and what it came to."""
    table = Table(f"Targets of {of}", ("target", "limit", "reached", "met"))
    for row in found:
        figures = (form.format(row[name]) for name in ("limit", "reached"))
        table.add(row["target"], *figures, "yes" if row["met"] else "**no**")
    return table
