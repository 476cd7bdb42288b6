"""Cells: a table before anything is known of its meaning, and the numbers in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirrisk.errors import InvalidTableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.vocabulary import FloatArray

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NAN", "na", "null", "NULL", "None", "-")
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)"
REMEDIES = (
    (r"[+-]?\d{1,3}(?:[,.'’ \u00a0\u202f]\d{3})+(?:[.,]\d+)?", "write no thousands separators"),
    (r"[+-]?\d+,\d+", "write a decimal point, or divide the cells by semicolons"),
    (
        rf"(?i:\d{{1,2}}[-. ]{MONTH}|{MONTH}[-. ]\d{{1,4}}|\d{{4}}-\d\d-\d\d.*)",
        "a spreadsheet made a date of it: set the cell right in the file it came from",
    ),
)
"""What cells that are no numbers look like, and what to do about it."""

LONGEST_SHOWN = 40


@dataclass(frozen=True)
class Cells:
    """A table before anything is known of its meaning.

    Parameters
    ----------
    rows, columns : tuple of str
        Names.
    values : ndarray of shape (n_rows, n_columns)
        Numbers; NaN where a cell is empty or in a column of text.
    text : dict of int to list
        Columns that hold anything but numbers, cell by cell; None where a cell is empty.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: FloatArray
    text: dict[int, list[object]] = field(default_factory=dict)

    def take(self, columns: Sequence[int]) -> Cells:
        """Return some of the columns."""
        text = {new: self.text[old] for new, old in enumerate(columns) if old in self.text}
        names = tuple(self.columns[j] for j in columns)
        return Cells(self.rows, names, self.values[:, columns], text)

    def take_rows(self, rows: Sequence[int]) -> Cells:
        """Return some of the rows."""
        text = {j: [column[i] for i in rows] for j, column in self.text.items()}
        names = tuple(self.rows[i] for i in rows)
        return Cells(names, self.columns, self.values[rows], text)


def numbers(cells: Cells) -> FloatArray:
    """Return the values, with columns of text read as numbers.

    Raises
    ------
    InvalidTableError
        Naming the first cell that is no number.
    """
    if not cells.text:
        return cells.values
    values = cells.values.copy()
    for j, column in cells.text.items():
        for i, cell in enumerate(column):
            if cell is None:
                continue
            try:
                values[i, j] = number(cell)
            except ValueError:
                what, remedy = _no_number(str(cell))
                raise InvalidTableError(
                    what,
                    where=f"row {cells.rows[i]!r}, column {cells.columns[j]!r}",
                    expected="a number, or an empty cell where nothing was measured",
                    remedy=remedy,
                ) from None
    return values


def number(cell: object) -> float:
    """Read one cell as tables write numbers.

    Raises
    ------
    ValueError
        If it is none; ``1_000`` is a number in Python alone.
    """
    text = str(cell)
    if "_" in text:
        raise ValueError(text)
    return float(text)


def is_number(cell: object) -> bool:
    """Tell whether a cell holds a number."""
    try:
        number(cell)
    except ValueError:
        return False
    return True


def _no_number(cell: str) -> tuple[str, str]:
    """Say what is wrong with a cell that is no number, and what to do about it."""
    if "\n" in cell:
        return open_quote(cell), "close the quote"
    shown = repr(cell if len(cell) <= LONGEST_SHOWN else cell[:LONGEST_SHOWN] + "...")
    for pattern, remedy in REMEDIES:
        if re.fullmatch(pattern, cell):
            return f"{shown} is no number", remedy
    return f"{shown} is no number", "correct the cell, or leave it empty"


def open_quote(cell: str) -> str:
    """Say that a cell swallowed the lines that follow it."""
    return f"a quote is left open: the cell runs on over {len(cell.splitlines())} lines"
