"""Sheets of Excel workbooks to cells."""

from __future__ import annotations

import io
import warnings
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import InvalidTableError, NotFoundError
from mirrisk.tables.cells import MISSING, Cells, refuse_too_many, without_blanks
from mirrisk.tables.extras import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = list[Any]

WORKBOOK = "xl/workbook.xml"


def read_excel(content: bytes, sheet: str | None, where: str) -> Cells:
    """Read a sheet of a workbook (.xlsx), the first unless another one is named.

    The header is the first row with a cell beyond the first column: a title above it is left
    out, and said to be. Formulas give the values that Excel stored with them.

    Raises
    ------
    NotFoundError
        If there is no such sheet.
    InvalidTableError
        If the file is no workbook, the sheet no table, or a formula was never calculated.
    MissingExtraError
        If openpyxl is not installed.
    """
    _check_zip(content, where)
    names, name, rows = _sheet(content, sheet, where, calculated=False)
    place = f"{where}, sheet {name!r}"
    if any(_is_formula(cell) for row in rows for cell in row):
        formulas = rows
        *_, rows = _sheet(content, name, where, calculated=True)
        _check_calculated(formulas, rows, place)
    cells = _cells(rows, place)
    others = [other for other in names if other != name]
    if sheet is None and others:
        note = f"sheet {name!r} was read; the others: {', '.join(others)}"
        cells = replace(cells, notes=(note, *cells.notes))
    return cells


def _check_zip(content: bytes, where: str) -> None:
    """Refuse what begins like a workbook and is none: every .zip does."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = archive.namelist()
    except zipfile.BadZipFile:
        raise InvalidTableError(
            "an Excel workbook or zip archive, damaged or cut short",
            where=where,
            remedy="copy or download it again",
        ) from None
    if WORKBOOK not in inside:
        raise InvalidTableError(
            "a zip archive, but no Excel workbook (.xlsx)",
            where=where,
            expected="a table",
            remedy="unpack it; save an OpenDocument sheet as .xlsx or CSV",
        )


def _sheet(
    content: bytes, sheet: str | None, where: str, *, calculated: bool
) -> tuple[list[str], str, list[Row]]:
    """Return all sheets' names, and one's name and rows, with formulas or what they gave."""
    book = _open(content, where, calculated=calculated)
    names = [str(found.title) for found in book.worksheets]
    if not names:
        raise InvalidTableError("the workbook has no sheet with cells", where=where)
    chosen = names[0] if sheet is None else sheet
    if chosen not in names:
        raise NotFoundError(
            f"no sheet {chosen!r}", where=where, expected="one of " + ", ".join(map(repr, names))
        )
    found = book.worksheets[names.index(chosen)]
    found.reset_dimensions()  # some writers state them wrongly
    return names, chosen, [list(row) for row in found.iter_rows(values_only=True)]


def _open(content: bytes, where: str, *, calculated: bool) -> Any:
    openpyxl = require("openpyxl", extra="excel", what="an Excel workbook")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drawings and the like, which hold no cells
            return openpyxl.load_workbook(
                io.BytesIO(content), read_only=True, data_only=calculated, keep_links=False
            )
    except Exception as error:  # openpyxl lets whatever its XML readers raise pass
        raise InvalidTableError(
            f"the workbook cannot be read ({type(error).__name__})",
            where=where,
            remedy="open it in Excel and save it again as .xlsx, or as CSV in UTF-8",
        ) from None


def _is_formula(cell: object) -> bool:
    return isinstance(cell, str) and cell.startswith("=")


def _check_calculated(formulas: Sequence[Row], values: Sequence[Row], where: str) -> None:
    """Refuse a formula without a stored value: taken for an empty cell it would be missing."""
    letter = require("openpyxl.utils", extra="excel", what="a workbook").get_column_letter
    for i, (row, found) in enumerate(zip(formulas, values, strict=True)):
        for j, cell in enumerate(row):
            if _is_formula(cell) and found[j] is None:
                raise InvalidTableError(
                    f"the formula {cell!r} was never calculated",
                    where=f"{where}, cell {letter(j + 1)}{i + 1}",
                    expected="values, or formulas with the value that Excel found",
                    remedy="open the file in Excel and save it, or paste the values",
                )


def _cells(rows: Sequence[Row], where: str) -> Cells:
    header = next((i for i, row in enumerate(rows) if any(map(_is_filled, row[1:]))), None)
    if header is None:
        raise InvalidTableError(
            "the sheet holds no table",
            where=where,
            expected="names in the first column, values in the others",
        )
    width = max(len(row) for row in rows)
    refuse_too_many(width - 1, "columns", where)
    corner, *columns = _padded(rows[header], width)
    body = [_padded(row, width) for row in rows[header + 1 :]]
    if not any(_is_filled(cell) for row in body for cell in row):
        raise InvalidTableError(
            "the sheet has a header and nothing else", where=where, expected="at least one sample"
        )
    values = np.full((len(body), width - 1), np.nan)
    text: dict[int, list[object]] = {}
    for j in range(width - 1):
        column = [row[j + 1] if _is_filled(row[j + 1]) else None for row in body]
        if all(cell is None or _is_number(cell) for cell in column):
            values[:, j] = [np.nan if cell is None else float(cell) for cell in column]
        else:
            text[j] = column
    names = tuple(_name(row[0]) for row in body)
    cells = Cells(names, tuple(map(_name, columns)), values, text, corner=_name(corner))
    above = sum(any(map(_is_filled, row)) for row in rows[:header])
    if above:
        cells = replace(cells, notes=(f"left out above the header: {above} rows of the sheet",))
    return without_blanks(cells, where)


def _padded(row: Row, width: int) -> Row:
    return row + [None] * (width - len(row))


def _is_filled(cell: object) -> bool:
    return cell is not None and not (isinstance(cell, str) and cell.strip() in MISSING)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _name(cell: object) -> str:
    """Return a cell as a name; Excel keeps whole numbers as 7.0 at times."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip()
