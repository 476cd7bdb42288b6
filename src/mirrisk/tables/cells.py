"""Cells: a table before anything is known of its meaning, and the numbers in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from mirrisk import nomenclature
from mirrisk.errors import InvalidTableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.errors import MirriskError
    from mirrisk.vocabulary import BoolArray, FloatArray, Unit

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NAN", "na", "null", "NULL", "None", "-")
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)"
UNDETERMINED = r"undet(?:ermined|erm)?\.?|und|n[./]?d\.?|no[ _-]?c[tq]|not (?:detected|determined)"
"""How exports of qPCR instruments print a well that never crossed the threshold."""

REMEDIES = (
    (r"[+-]?\d{1,3}(?:[,.'’ \u00a0\u202f]\d{3})+(?:[.,]\d+)?", "write no thousands separators"),
    (r"[+-]?\d+,\d+", "write a decimal point, or divide the cells by semicolons"),
    (
        rf"(?i:\d{{1,2}}[-. ]{MONTH}|{MONTH}[-. ]\d{{1,4}}|\d{{4}}-\d\d-\d\d.*)",
        "a spreadsheet made a date of it: set the cell right in the file it came from",
    ),
    (
        rf"(?i:{UNDETERMINED})",
        'an undetermined qPCR well? State the unit: unit="ct" in Python, --unit ct in commands',
    ),
)
"""What cells that are no numbers look like, and what to do about it."""

LONGEST_SHOWN = 40

NAME_HEADERS = re.compile(
    "(sample|patient|subject|mirna|feature|gene)s?_?(id|name)?|id|name|barcode", re.IGNORECASE
)

MOST_FEATURES = 200_000
"""miRBase 22 has fewer than 50,000 mature miRNAs, of all species together."""


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
    undetermined : ndarray of bool, shape (n_rows, n_columns), optional
        Where a qPCR well was printed as undetermined; its value is NaN.
    corner : str
        What the header calls the column of names; empty where it calls it nothing.
    notes : tuple of str
        What was found or decided on the way here, in sentences.
    unit : str, optional
        Where the layout of the file tells it.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: FloatArray
    text: dict[int, list[object]] = field(default_factory=dict)
    undetermined: BoolArray | None = None
    corner: str = ""
    notes: tuple[str, ...] = ()
    unit: Unit | None = None

    def take(self, columns: Sequence[int]) -> Cells:
        """Return some of the columns."""
        text = {new: self.text[old] for new, old in enumerate(columns) if old in self.text}
        names = tuple(self.columns[j] for j in columns)
        wells = None if self.undetermined is None else self.undetermined[:, columns]
        values = self.values[:, columns]
        return replace(self, columns=names, values=values, text=text, undetermined=wells)

    def take_rows(self, rows: Sequence[int]) -> Cells:
        """Return some of the rows."""
        text = {j: [column[i] for i in rows] for j, column in self.text.items()}
        names = tuple(self.rows[i] for i in rows)
        wells = None if self.undetermined is None else self.undetermined[rows]
        return replace(self, rows=names, values=self.values[rows], text=text, undetermined=wells)


def without_blanks(cells: Cells, where: str) -> Cells:
    """Drop rows and columns that hold neither name nor value; a value needs both names.

    Raises
    ------
    InvalidTableError
        If a row or column with a value has no name.
    """
    filled = ~np.isnan(cells.values)
    for j, column in cells.text.items():
        filled[:, j] = [cell is not None for cell in column]
    rows = [i for i, name in enumerate(cells.rows) if name or filled[i].any()]
    columns = [j for j, name in enumerate(cells.columns) if name or filled[:, j].any()]
    for kind, names, kept in (("row", cells.rows, rows), ("column", cells.columns, columns)):
        nameless = next((i for i in kept if not names[i]), None)
        if nameless is not None:
            place = "after the header" if kind == "row" else "after the names"
            raise InvalidTableError(
                f"{kind} {nameless + 1} {place} has no name",
                where=where,
                expected=f"a name for every {kind} that holds a value",
                remedy=f"name the {kind}, or delete it",
            )
    if len(rows) < len(cells.rows):
        cells = cells.take_rows(rows)
    return cells if len(columns) == len(cells.columns) else cells.take(columns)


def refuse_too_many(count: int, what: str, where: str = "") -> None:
    """Refuse more features than there can be miRNAs, before they cost minutes.

    Raises
    ------
    InvalidTableError
    """
    if count > MOST_FEATURES:
        raise InvalidTableError(
            f"{count:,} {what}",
            where=where,
            expected=f"at most {MOST_FEATURES:,}: a table of miRNAs and samples",
            remedy="sum isomiRs to miRNAs first; divide samples among several files",
        )


def located(error: MirriskError, place: str) -> MirriskError:
    """Add a place, such as a file's name, to an error that does not tell it."""
    if error.where.startswith(place):
        return error
    where = f"{place}, {error.where}" if error.where else place
    return type(error)(error.what, where=where, expected=error.expected, remedy=error.remedy)


def numbered(rows: Sequence[str]) -> bool:
    """Tell whether rows are merely numbered, from 0 or 1 on."""
    return any(all(row == str(i) for i, row in enumerate(rows, start)) for start in (0, 1))


def named_by_text(cells: Cells) -> Cells:
    """Let rows that are merely numbered take the names of a column of text, saying so.

    A column headed as names usually are goes first, else the first that tells most rows apart.
    """
    if not numbered(cells.rows) or cells.corner.lower() not in ("", "index", "unnamed: 0"):
        return cells
    apart = [
        j
        for j, column in cells.text.items()
        if None not in column
        and not nomenclature.resolve(cells.columns[j]).is_mirna
        and 2 * len(set(column)) > len(column)
        and 2 * sum(map(is_number, column)) < len(column)
    ]
    if not apart:
        return cells
    headed = [j for j in apart if NAME_HEADERS.fullmatch(cells.columns[j].strip())]
    chosen = (headed or apart)[0]
    rest = cells.take([j for j in range(len(cells.columns)) if j != chosen])
    names = tuple(map(str, cells.text[chosen]))
    told = f"names are taken from column {cells.columns[chosen]!r}, the rows are only numbered"
    return replace(rest, rows=names, corner="", notes=(*rest.notes, told))


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
