# SPDX-License-Identifier: BSD-2-Clause
"""What a bench is, and what it gives: tables, which become Markdown and JSON, and pictures."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Table:
    title: str
    columns: list[str]
    rows: list[list]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """The first column is text, the others are figures."""
        cells = [[text(cell) for cell in row] for row in self.rows]
        lines = [f"### {self.title}", "", row_of(self.columns), row_of(["---"] + ["---:"] * (len(self.columns) - 1))]
        lines += [row_of(row) for row in cells] + [""]
        return "\n".join(lines + [line for note in self.notes for line in (note, "")]) + "\n"

    def objects(self) -> dict:
        return {"title": self.title, "rows": [dict(zip(self.columns, row)) for row in self.rows], "notes": self.notes}


@dataclass
class Result:
    tables: list[Table]
    pictures: dict[str, str] = field(default_factory=dict)
    # Sentences on goals that were missed.
    failures: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        return "".join(table.markdown() for table in self.tables)

    def json(self) -> str:
        return json.dumps([table.objects() for table in self.tables], indent=1) + "\n"


@dataclass(frozen=True)
class Bench:
    """run(folder, quick): the folder is for logs."""

    name: str
    measures: str
    run: Callable[[Path, bool], Result]


def row_of(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def text(cell) -> str:
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
