"""The table of coefficients: its columns, its rows, their numbers."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.errors import InvalidTableError, NotFoundError, did_you_mean
from mirrisk.tables.decoding import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIRED = ("mirna", "coefficient")
WRITTEN = {"mirna": "miRNA"}
"""How columns are written where that is not in lower case, which is how they are compared."""
ONCE = ("cutoff", "unit", "citation", "doi", "pmid")
"""Columns about the whole score: constant, or given in one row."""
COLUMNS = (*REQUIRED, *ONCE, "member")

MOST_SHOWN = 30
"""Columns of a table that are named where one is not found."""

MINUS = str.maketrans("\N{MINUS SIGN}\N{EN DASH}", "--")
"""What publications print in place of the hyphen that numbers are read with."""


@dataclass(frozen=True)
class Row:
    """One row of the table: its cells by column (empty where there is none), and its place."""

    place: str
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    @property
    def named(self) -> str:
        """Its place, with its miRNA."""
        return f"{self.place} ({self['mirna']})"


def read_rows(path: str) -> tuple[list[Row], tuple[str, ...]]:
    """Return the rows of a table, and the columns that mean nothing here.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InvalidTableError
        If it has no rows, not both required columns, or rows of another length.
    """
    try:
        text = text_of(Path(path).read_bytes())
    except OSError as error:
        raise NotFoundError(f"cannot be read: {error.strerror}", where=path) from None
    except InvalidTableError as error:
        raise InvalidTableError(error.what, where=path, remedy=error.remedy) from None
    lines = _filled_lines(text, path)
    if not lines:
        raise InvalidTableError("the file is empty", where=path, expected=_columns_expected())
    (_, names), *body = lines
    header = [name.lower() for name in names]
    _check_header(header, names, path)
    if not body:
        raise InvalidTableError("no row below the header", where=path, expected="a row per miRNA")
    rows = []
    for line, cells in body:
        place = f"{path}, row {line}"
        if len(cells) != len(header):
            raise InvalidTableError(
                f"{len(cells)} cells, where the header has {len(header)}",
                where=f"{place} ({cells[0]!r})",
                expected="as many cells in every row; a cell with a comma in it in quotes",
            )
        rows.append(Row(place, dict(zip(header, cells, strict=True))))
    return rows, tuple(name for name in names if name.lower() not in COLUMNS)


def _filled_lines(text: str, path: str) -> list[tuple[int, list[str]]]:
    """Return the cells of each row that is not empty, with its number in the file."""
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    try:
        return [
            (line, [cell.strip() for cell in cells])
            for line, cells in enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), 1)
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise InvalidTableError(f"not a table: {error}", where=path) from None


def _check_header(header: list[str], names: list[str], path: str) -> None:
    for column in REQUIRED:
        if column not in header:
            raise InvalidTableError(
                f"no column {WRITTEN.get(column, column)!r} among {_shown(names)}"
                + did_you_mean(column, header),
                where=path,
                expected=_columns_expected(),
            )
    for name in header:
        if header.count(name) > 1 and name in COLUMNS:
            raise InvalidTableError(f"column {name!r} occurs twice", where=path)


def _shown(names: list[str]) -> str:
    more = ", ..." if len(names) > MOST_SHOWN else ""
    return ", ".join(map(repr, names[:MOST_SHOWN])) + more


def _columns_expected() -> str:
    return f"the columns miRNA and coefficient, optionally {', '.join(COLUMNS[2:])}"


def number(text: str, what: str, place: str) -> float:
    """Return a cell as a finite number.

    Raises
    ------
    InvalidTableError
        If it is none.
    """
    try:
        value = float("nan" if "_" in text else text.translate(MINUS))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidTableError(
            f"{what} is {text!r}",
            where=place,
            expected="a finite number, with a point before its decimals",
        )
    return value
