"""Cells of CSV: what a spreadsheet would run, and what needs quotes."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets run a cell that begins so; a leading apostrophe makes it text."""


def rows_to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a few rows as CSV, their text cells neutralised, without importing pandas."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([neutralised(cell) for cell in row] for row in rows)
    return text.getvalue()


def neutralised(cell: object) -> object:
    """Return a cell as a spreadsheet may safely open it.

    Examples
    --------
    >>> neutralised("=1+1"), neutralised("S-01"), neutralised(-1.5)
    ("'=1+1", 'S-01', -1.5)
    """
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return "'" + cell
    return cell


def cell_to_csv(cell: str) -> str:
    """Return a text cell as it stands in CSV: neutralised, in quotes if it needs them.

    Examples
    --------
    >>> cell_to_csv("a,b"), cell_to_csv("=1"), cell_to_csv("plain")
    ('"a,b"', "'=1", 'plain')
    """
    text = io.StringIO()
    # Of line ends the writer puts into quotes those alone that it ends lines with.
    csv.writer(text, lineterminator="\r\n").writerow([neutralised(cell), ""])
    return text.getvalue()[: -len(",\r\n")]
