"""Delimited text, in every form that laboratories and spreadsheets write it, to cells."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidTableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from mirrisk.vocabulary import FloatArray

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NAN", "na", "null", "NULL", "None", "-")
DELIMITERS = ("\t", ",", ";")
COMPRESSIONS = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
}
ZSTD = b"\x28\xb5\x2f\xfd"


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
                values[i, j] = float(str(cell))
            except ValueError:
                raise InvalidTableError(
                    f"{str(cell)!r} is no number",
                    where=f"row {cells.rows[i]!r}, column {cells.columns[j]!r}",
                    expected="a number, or an empty cell where nothing was measured",
                ) from None
    return values


def read_delimited(content: bytes, *, where: str) -> Cells:
    """Parse a delimited file: its first column names the rows, its first line the columns.

    Understands gzip, bzip2, xz and zstd; UTF-8 and UTF-16 (with its mark); LF, CRLF and CR;
    comma, tab and semicolon, the latter with a decimal comma; comment lines before the header;
    a header that is one name short, as R writes it.

    Raises
    ------
    InvalidTableError
        If it is no such file.
    """
    text = _unified(_decoded(_decompressed(content)))
    text, header_line = _without_comments(text)
    if not text.strip():
        raise InvalidTableError("the file is empty", where=where, expected="a header and samples")
    delimiter = _delimiter(header_line)
    lines = csv.reader(io.StringIO(text[:1_000_000]), delimiter=delimiter)
    header = next(lines)
    first = next((line for line in lines if line), None)
    if first is None:
        raise InvalidTableError(
            "the file has a header and nothing else", where=where, expected="at least one sample"
        )
    if len(first) == len(header) + 1:
        header = ["", *header]
    body = text[text.index("\n") + 1 :]
    table = _parse(body, len(header), delimiter, where)
    rows = tuple(str(cell).strip() for cell in table.column(0).to_pylist())
    columns = tuple(name.strip() for name in header[1:])
    return _to_cells(table, rows, columns, decimal_comma=delimiter == ";")


def _decompressed(content: bytes) -> bytes:
    try:
        if content.startswith(ZSTD):
            import pyarrow as pa

            return bytes(pa.CompressedInputStream(pa.BufferReader(content), "zstd").read())
        for magic, decompress in COMPRESSIONS.items():
            if content.startswith(magic):
                return bytes(decompress(content))
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InvalidTableError(
            f"the compressed file is damaged or cut short ({error})",
            remedy="copy or download it again",
        ) from None
    return content


def _decoded(content: bytes) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding)
    if b"\x00" in content[:100_000]:
        raise InvalidTableError(
            "the file holds NUL bytes: it is binary, or UTF-16 without its mark",
            expected="delimited text",
            remedy="save it as CSV in UTF-8",
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _unified(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_comments(text: str) -> tuple[str, str]:
    """Drop leading comment lines, but for a header that itself begins with ``#``."""
    start = 0
    previous = ""
    while text.startswith(("#", "\n"), start):
        end = text.find("\n", start)
        if end < 0:
            return "", ""
        previous = text[start:end]
        start = end + 1
    end = text.find("\n", start)
    line = text[start:] if end < 0 else text[start:end]
    if (
        previous.startswith("#")
        and previous.count(_delimiter(line)) == line.count(_delimiter(line)) > 0
    ):
        return previous.lstrip("#") + "\n" + text[start:], previous.lstrip("#")
    return text[start:], line


def _delimiter(line: str) -> str:
    bare = re.sub(r'"[^"]*"', "", line)
    return max(DELIMITERS, key=bare.count)


def _parse(body: str, width: int, delimiter: str, where: str) -> pa.Table:
    """Read the body as text columns; the fast reader of Arrow, its errors in our words."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [f"c{j}" for j in range(width)]
    data = body.encode()
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(
                column_names=names, block_size=max(len(data), 1 << 20) + 1, use_threads=True
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=list(MISSING),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise InvalidTableError(
            _ragged(str(error)), where=where, expected=f"{width} cells in every row"
        ) from None


def _ragged(message: str) -> str:
    """Translate Arrow's complaint about a row of another length."""
    found = re.search(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)", message)
    if not found:
        return f"the file cannot be divided into cells ({message.splitlines()[0]})"
    row = f"row {int(found[1])} after the header" if found[1] else "a row"
    return f"{row} has {found[3]} cells, the header {found[2]}"


def _to_cells(
    table: pa.Table, rows: tuple[str, ...], columns: tuple[str, ...], *, decimal_comma: bool
) -> Cells:
    import pyarrow as pa
    from pyarrow import compute

    values = np.full((len(columns), len(rows)), np.nan)
    text: dict[int, list[object]] = {}
    for j in range(len(columns)):
        column = compute.utf8_trim_whitespace(table.column(j + 1))
        if decimal_comma:
            column = compute.replace_substring(column, ",", ".")
        try:
            values[j] = compute.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            text[j] = column.to_pylist()
    return Cells(rows, columns, np.ascontiguousarray(values.T), text)
