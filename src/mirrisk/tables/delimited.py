"""Text to cells: header, delimiter, rows; what cannot be divided is said precisely."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidTableError
from mirrisk.tables.cells import (
    MISSING,
    Cells,
    is_number,
    open_quote,
    refuse_too_many,
    without_blanks,
)
from mirrisk.tables.decoding import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from mirrisk.vocabulary import FloatArray

DELIMITERS = ("\t", ",", ";")


def read_delimited(content: bytes, *, where: str) -> Cells:
    """Parse a delimited file: its first column names the rows, its first line the columns.

    Understands gzip, bzip2, xz and zstd; UTF-8, and UTF-16 and UTF-32 with their mark; LF, CRLF
    and CR; comma, tab and semicolon, the latter with a decimal comma; comment lines and
    ``sep=;`` before the header; a header that is one name short, as R writes it. Rows and
    columns without a name and without a value, as spreadsheets leave them behind, are dropped.

    Raises
    ------
    InvalidTableError
        If it is no such file.
    """
    names, table, delimiter = divided(content, where=where)
    return without_blanks(to_cells(table, names, decimal_comma=delimiter == ";"), where)


def divided(content: bytes, *, where: str) -> tuple[tuple[str, ...], pa.Table, str]:
    """Return the header, the rows as columns of text, and what divides them.

    Raises
    ------
    InvalidTableError
        If it is no such file.
    """
    text, delimiter = without_preamble(text_of(content))
    if not text.strip():
        raise InvalidTableError("the file is empty", where=where, expected="a header and samples")
    head = head_of(text, delimiter, where)
    table = parse_text(text[head.length :], head, delimiter, where)
    if head.one_short and not any(map(str.strip, table.column(len(head.names) - 1).to_pylist())):
        raise InvalidTableError(
            "every row ends with an empty cell for which the header has no name",
            where=where,
            expected="as many cells in the header as in the rows",
            remedy="remove the delimiter at the end of each row, or add one to the header",
        )
    return head.names, table, delimiter


@dataclass(frozen=True)
class Head:
    """The header: its names, that of the row names included, and its length in characters."""

    names: tuple[str, ...]
    length: int
    one_short: bool


def head_of(text: str, delimiter: str, where: str) -> Head:
    """Parse the header, and enough of the first row to tell whether the header is one short."""
    lines = csv.reader(_lines(text), delimiter=delimiter)
    try:
        names = next(lines)
    except csv.Error:  # a cell longer than any name can be
        raise _open_header(where) from None
    refuse_too_many(len(names) - 1, "columns", where)
    length = _end_of_line(text, lines.line_num)
    first = _first_row(lines)
    if first is None and any("\n" in name for name in names):
        raise _open_header(where)
    if first is None:
        raise InvalidTableError(
            "the file has a header and nothing else", where=where, expected="at least one sample"
        )
    if len(names) == len(first) == 1:
        raise InvalidTableError(
            "the file has one column: no commas, tabs or semicolons divide it",
            where=where,
            expected="names in the first column, values in the others",
            remedy="save it as CSV (in R: write.csv)",
        )
    one_short = len(first) == len(names) + 1
    return Head(("", *names) if one_short else tuple(names), length, one_short)


def _open_header(where: str) -> InvalidTableError:
    return InvalidTableError(
        "a quote is left open in the header",
        where=where,
        expected="names, each on one line",
        remedy="close the quote",
    )


def _first_row(lines: Iterator[list[str]]) -> list[str] | None:
    """Return the next row that is not blank, None where there is none."""
    try:
        return next((line for line in lines if line), None)
    except csv.Error:  # a cell as long as the file: what is wrong is found when all is parsed
        return []


def _lines(text: str, start: int = 0) -> Iterator[str]:
    """Yield lines one by one: a header may be as long as the rest of the file."""
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _end_of_line(text: str, count: int) -> int:
    """Return where the line after the first ``count`` lines begins."""
    end = 0
    for _ in range(count):
        end = text.find("\n", end) + 1 or len(text)
    return end


def without_preamble(text: str) -> tuple[str, str]:
    """Drop what stands before the header; return the rest and its delimiter."""
    stated = re.match(r'"?sep=(.)"?\n', text, re.IGNORECASE)
    if stated:  # Excel's own way of naming the delimiter
        return text[stated.end() :], stated[1]
    text = _without_comments(text)
    lines = _lines(text)
    header, first = next(lines, ""), next(lines, "")
    # A header that is one name short may have no delimiter at all.
    return text, _delimiter(header) or _delimiter(first) or ","


def _without_comments(text: str) -> str:
    """Drop leading comment lines, but for a header that itself begins with ``#``."""
    start = 0
    comment = ""
    while text.startswith(("#", "\n"), start):
        end = text.find("\n", start)
        if end < 0:
            return ""
        comment = text[start:end] or comment
        start = end + 1
    line = next(_lines(text, start), "")
    delimiter = _delimiter(line)
    if not delimiter or comment.count(delimiter) != line.count(delimiter):
        return text[start:]
    # As many cells in the comment as in the next line: the header, if the next holds values.
    cells = [cell.strip().strip('"') for cell in line.split(delimiter)[1:]]
    if any(cell in MISSING or is_number(cell.replace(",", ".")) for cell in cells):
        return comment.lstrip("#") + "\n" + text[start:]
    return text[start:]


def _delimiter(line: str) -> str:
    """Return the delimiter that divides a line most often; empty where none does."""
    bare = re.sub(r'"[^"]*"', "", line)
    found = max(DELIMITERS, key=bare.count)
    return found if found in bare else ""


def parse_text(body: str, head: Head, delimiter: str, where: str) -> pa.Table:
    """Read the body as text columns; the fast reader of Arrow, its errors in our words."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [f"c{j}" for j in range(len(head.names))]
    data = body.encode()
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(
                column_names=names, block_size=max(len(data), 1 << 20) + 1, use_threads=True
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise _indivisible(body, head, delimiter, where, str(error)) from None


def _indivisible(
    body: str, head: Head, delimiter: str, where: str, message: str
) -> InvalidTableError:
    """Say which row has another length than the header."""
    width = len(head.names)
    expected = f"{width} cells in every row, as in the header"
    if any("\n" in name for name in head.names):
        return _open_header(where)
    row, cells = _odd_row(body, width, delimiter)
    if row:
        where = f"{where}, row {row} after the header"
        torn = next((cell for cell in cells if "\n" in cell), None)
        if torn is None:
            what = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
            remedy = "add or remove delimiters in this row"
        else:
            what, remedy = open_quote(torn), "close the quote"
        return InvalidTableError(what, where=where, expected=expected, remedy=remedy)
    what = f"the file cannot be divided into cells ({message.splitlines()[0]})"
    return InvalidTableError(what, where=where, expected=expected)


def _odd_row(body: str, width: int, delimiter: str) -> tuple[int, list[str]]:
    """Return the number and the cells of the first row of another length, 0 if there is none."""
    number_of_row = 0
    try:
        for row in csv.reader(_lines(body), delimiter=delimiter):
            number_of_row += bool(row)
            if row and len(row) != width:
                return number_of_row, row
    except csv.Error:
        return number_of_row + 1, [body[body.find('"') :]]
    return 0, []


def to_cells(table: pa.Table, header: Sequence[str], *, decimal_comma: bool) -> Cells:
    """Turn columns of text into cells: numbers where they are such, text where they are not."""
    import pyarrow as pa
    from pyarrow import compute

    corner, *columns = (name.strip() for name in header)
    rows = tuple(cell.strip() for cell in table.column(0).to_pylist())
    texts = [table.column(j + 1) for j in range(len(columns))]
    try:
        # All columns as one where they are numbers throughout: Arrow's cost is by the column.
        joined = pa.chunked_array([c for text in texts for c in text.chunks], pa.string())
        numeric = _as_floats(compute.utf8_trim_whitespace(joined), decimal_comma=decimal_comma)
    except pa.ArrowInvalid:
        values = np.full((len(columns), len(rows)), np.nan)
    else:
        values = np.ascontiguousarray(numeric.reshape(len(columns), len(rows)).T)
        return Cells(rows, tuple(columns), values, {}, corner=corner)
    text: dict[int, list[object]] = {}
    for j, cells in enumerate(texts):
        column = compute.utf8_trim_whitespace(cells)
        try:
            values[j] = _as_floats(column, decimal_comma=decimal_comma)
        except pa.ArrowInvalid:
            words = [None if cell in MISSING else cell for cell in column.to_pylist()]
            text[j] = [_with_point(cell) if decimal_comma else cell for cell in words]
    return Cells(rows, tuple(columns), np.ascontiguousarray(values.T), text, corner=corner)


def _as_floats(column: pa.ChunkedArray, *, decimal_comma: bool) -> FloatArray:
    """Cast a column of text; ArrowInvalid where a cell is no number."""
    import pyarrow as pa
    from pyarrow import compute

    if decimal_comma:
        column = compute.replace_substring(column, ",", ".")
    try:
        numeric = compute.cast(column, pa.float64())
    except pa.ArrowInvalid:
        absent = compute.is_in(column, value_set=pa.array(MISSING))
        numeric = compute.cast(compute.if_else(absent, None, column), pa.float64())
    return np.asarray(numeric.to_numpy(zero_copy_only=False))


def floats_of(cells: bytes, delimiter: bytes) -> FloatArray:
    """Read cells as numbers, NaN where one is empty; ArrowInvalid where one is anything else.

    They are taken for one long column instead of many short ones: Arrow's cost is by the column.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    column = cells.replace(delimiter, b"\n") + b"\n"
    table = arrow_csv.read_csv(
        pa.BufferReader(column),
        read_options=arrow_csv.ReadOptions(
            column_names=["x"],
            block_size=len(column) + 1,
            use_threads=False,  # see streaming.ahead
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter="\x1f", quote_char=False, ignore_empty_lines=False
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={"x": pa.float64()}, null_values=MISSING
        ),
    )
    return np.asarray(table.column(0).to_numpy())


def _with_point(cell: str | None) -> str | None:
    """Write a decimal comma as a point; what is no number either way stays as it stands."""
    pointed = cell and cell.replace(",", ".")
    return pointed if pointed and is_number(pointed) else cell
