"""Small files of one layout: what was found out from one serves those that are like it."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mirrisk.errors import InvalidExpressionError
from mirrisk.expression import infer_unit
from mirrisk.tables import read
from mirrisk.tables.assembly import ANNOTATION, FRACTIONS
from mirrisk.tables.cells import MISSING
from mirrisk.tables.delimited import floats_of

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.expression import Expression
    from mirrisk.tables.assembly import Reading
    from mirrisk.vocabulary import FloatArray, IntArray

GZIP = b"\x1f\x8b"
LARGEST = 1 << 22
DELIMITERS = (b"\t", b",", b";")
PREAMBLES = (b"#", b"\n", b"\xef\xbb\xbf", b"sep=", b'"sep=')

OF_PIPELINES = (b"miRNA_ID", b"UID", b"name", b"Hybridization REF")
"""What heads the names in layouts that are known by their other headers."""

FEWEST_MIRNAS = 4 * 16
"""So many that names of samples, even if they look like miRNAs, do not bear on orientation."""

MOST_SAMPLES = 16
PLAIN_UNITS = ("counts", "cpm", "log2")


class Grid(NamedTuple):
    """Numbers as they stand in a file, samples in rows, and what names their columns."""

    samples: tuple[str, ...]
    values: FloatArray
    names: Any


@dataclass(frozen=True)
class Pattern:
    """A table that was read, and how to read another that differs in samples and values only.

    Parameters
    ----------
    expression : Expression
    delimiter, header : bytes
        Of samples in rows the whole header, else what heads the column of names.
    turned : bool
        Whether miRNAs stand in rows.
    names : object
        What names the miRNAs: the header, or a column of Arrow.
    columns : ndarray of int
        Where the columns of the Expression stand in the file.
    """

    expression: Expression
    delimiter: bytes
    header: bytes
    turned: bool
    names: Any
    columns: IntArray


class AlikeReader:
    """Reads files as :func:`mirrisk.read` does, quickly where one is like the one before.

    Parameters
    ----------
    how : Reading
    """

    def __init__(self, how: Reading) -> None:
        self.how = how
        self.pattern: Pattern | None = None
        self._arguments = {name: getattr(how, name) for name in how.__dataclass_fields__}
        self._plain = (
            how.library_size is None
            and how.duplicates is None
            and how.undetermined == "missing"
            and how.limit is None
            and how.sheet is None
            and how.layer is None
            and how.assemble is None
        )

    def read(self, path: str | Path, content: bytes | None = None) -> Expression:
        """Read a file.

        Parameters
        ----------
        path : str or Path
        content : bytes, optional
            The file's, if it was read already.

        Raises
        ------
        MirriskError
            As :func:`mirrisk.read` does.
        """
        text = self._text(content)
        if text is not None and self.pattern is not None:
            found = self._like(text, self.pattern)
            if found is not None:
                return found
        expression = read(path, **self._arguments)
        self.pattern = self._pattern(text, expression) if text is not None else None
        return expression

    def _text(self, content: bytes | None) -> bytes | None:
        """Return the bytes of plain text in UTF-8; None where there is anything uncommon."""
        if not self._plain or content is None or len(content) > LARGEST:
            return None
        if content.startswith(GZIP):
            try:
                content = gzip.decompress(content)
            except (OSError, EOFError, zlib.error):
                return None
        if b"\x00" in content or content[:8].lower().startswith(PREAMBLES):
            return None
        if b"\r" in content and content.count(b"\r") != content.count(b"\r\n"):
            return None
        return content.replace(b"\r\n", b"\n")

    def _pattern(self, text: bytes, expression: Expression) -> Pattern | None:
        """Return how others like it are read, once it is shown that this one is read so."""
        if expression.unit not in PLAIN_UNITS or FRACTIONS in expression.notes:
            return None
        if len(expression) > MOST_SAMPLES:
            return None
        if len(expression.index.at_level) < FEWEST_MIRNAS:
            return None
        header = text.partition(b"\n")[0]
        for delimiter in DELIMITERS[:2]:
            for turned in (True, False):
                grid = _grid(text, delimiter, turned=turned)
                if grid is None or grid.samples != expression.samples:
                    continue
                names = _names(grid, turned=turned)
                place = {name: j for j, name in enumerate(names)}
                if len(place) < len(names) or any(f not in place for f in expression.features):
                    continue
                columns = np.array([place[name] for name in expression.features], dtype=np.intp)
                if np.array_equal(grid.values[:, columns], expression.values, equal_nan=True):
                    corner = header.partition(delimiter)[0] if turned else header
                    return Pattern(expression, delimiter, corner, turned, grid.names, columns)
        return None

    def _like(self, text: bytes, pattern: Pattern) -> Expression | None:
        """Read a table by the pattern of another; None where it is not like it."""
        header = text.partition(b"\n")[0]
        corner = header.partition(pattern.delimiter)[0] if pattern.turned else header
        if corner != pattern.header:
            return None
        grid = _grid(text, pattern.delimiter, turned=pattern.turned)
        if grid is None or len(grid.samples) > MOST_SAMPLES or not _same(grid.names, pattern.names):
            return None
        known = pattern.expression
        if len(grid.samples) != len(known):
            return None  # what is inferred may go by how many there are
        values = np.ascontiguousarray(grid.values[:, pattern.columns])
        if not self._unit_holds(values, known):
            return None
        try:
            return replace(known, values=values, samples=grid.samples)
        except InvalidExpressionError:
            return None  # what is wrong is told by the reader of whole tables

    def _unit_holds(self, values: FloatArray, known: Expression) -> bool:
        """Tell whether the unit would be found, and told, as it was."""
        cells = values[:, known.index.at_level]
        measured = cells[~np.isnan(cells)]
        if known.unit == "counts" and bool((measured != np.floor(measured)).any()):
            return False
        if self.how.unit is not None:
            return True
        try:
            unit, reason = infer_unit(values, known.index.at_level)
        except InvalidExpressionError:
            return False
        return unit == known.unit and f"unit taken for {unit}: {reason}" in known.notes


def _same(names: Any, others: Any) -> bool:
    return bool(names == others if isinstance(names, bytes) else names.equals(others))


def _names(grid: Grid, *, turned: bool) -> list[str]:
    if turned:
        return [name.strip() for name in grid.names.to_pylist()]
    delimiter = b"\t" if b"\t" in grid.names else b","
    return [cell.decode().strip().strip('"') for cell in grid.names.split(delimiter)[1:]]


def _grid(text: bytes, delimiter: bytes, *, turned: bool) -> Grid | None:
    """Divide a plain table of one orientation; None where it is not plain."""
    header, _, body = text.partition(b"\n")
    try:
        return _columns(header, body, delimiter) if turned else _rows(header, body, delimiter)
    except UnicodeDecodeError:
        return None


def _columns(header: bytes, body: bytes, delimiter: bytes) -> Grid | None:
    import pyarrow as pa
    from pyarrow import csv

    corner, *cells = header.split(delimiter)
    if any(other in header for other in DELIMITERS if other != delimiter):
        return None
    if corner.strip(b' "') in OF_PIPELINES or not 0 < len(cells) <= MOST_SAMPLES or not body:
        return None
    samples = tuple(map(_bare, cells))
    if "" in samples or any(map(ANNOTATION.fullmatch, samples)):
        return None
    names = [f"c{j}" for j in range(len(samples) + 1)]
    try:
        table = csv.read_csv(
            pa.BufferReader(body),
            read_options=csv.ReadOptions(
                column_names=names, block_size=len(body) + 1, use_threads=False
            ),
            parse_options=csv.ParseOptions(delimiter=delimiter.decode()),
            convert_options=csv.ConvertOptions(
                column_types={"c0": pa.string(), **dict.fromkeys(names[1:], pa.float64())},
                null_values=MISSING,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    values = [table.column(j).to_numpy() for j in range(1, len(names))]
    return Grid(samples, np.stack(values), table.column(0).combine_chunks())


def _rows(header: bytes, body: bytes, delimiter: bytes) -> Grid | None:
    import pyarrow as pa

    lines = [line for line in body.split(b"\n") if line]
    if not 0 < len(lines) <= MOST_SAMPLES:
        return None
    parts = [line.partition(delimiter) for line in lines]
    width = header.count(delimiter)
    if any(cells.count(delimiter) != width - 1 or b'"' in cells for _, _, cells in parts):
        return None
    try:
        cells = floats_of(delimiter.join(cells for _, _, cells in parts), delimiter)
    except pa.ArrowInvalid:
        return None
    values = cells.reshape(len(lines), width)
    samples = tuple(_bare(name) for name, _, _ in parts)
    return None if "" in samples else Grid(samples, values, header)


def _bare(cell: bytes) -> str:
    """Return a name without quotes; one that needs them stays different, and is read whole."""
    text = cell.decode().strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return "" if '"' in text else text
