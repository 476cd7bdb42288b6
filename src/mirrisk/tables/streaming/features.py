"""Delimited text with miRNAs in rows: the rows needed are picked in one pass over the file."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.errors import InvalidExpressionError, InvalidTableError
from mirrisk.expression import LARGEST_SEEN_LOG, LIMITS, FeatureIndex, refuse_repeats
from mirrisk.tables.assembly import ANNOTATION
from mirrisk.tables.cells import MISSING, Cells, is_number, number, numbers, refuse_too_many
from mirrisk.tables.delimited import read_delimited
from mirrisk.tables.streaming.head import (
    HEAD_ROWS,
    Settled,
    needed,
    refuse_layouts,
    refuse_total,
    resolved,
    settle,
)
from mirrisk.tables.streaming.part import UnstreamableError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from mirrisk.nomenclature import Resolution
    from mirrisk.tables.assembly import Reading
    from mirrisk.tables.streaming.part import Part
    from mirrisk.tables.streaming.samples import Layout
    from mirrisk.vocabulary import FloatArray, IntArray, Unit


class Row(NamedTuple):
    """One line of the file: a miRNA, and its cells as they stand there."""

    name: str
    cells: bytes
    resolution: Resolution


@dataclass
class Sums:
    """What all rows of one level add up to, sample by sample.

    Whole numbers add up to the same in any order. ``elsewhere`` is the first value that a sample
    has in a row that is not kept: it tells an empty sample from one that holds other miRNAs.
    """

    total: FloatArray
    filled: IntArray
    elsewhere: FloatArray
    outsider: Row | None = None
    whole: bool = True
    fault: InvalidExpressionError | None = None

    @classmethod
    def of(cls, n: int) -> Sums:
        """Return the sums of no row."""
        return cls(np.zeros(n), np.zeros(n, dtype=np.intp), np.full(n, np.nan))

    def add(self, row: Row, values: FloatArray, *, kept: bool) -> None:
        """Add a row."""
        absent = np.isnan(values)
        filled = np.where(absent, 0.0, values)
        self.total += filled
        self.filled += ~absent
        self.whole = self.whole and bool((filled == np.floor(filled)).all())
        if not kept:
            self.outsider = self.outsider or row
            self.elsewhere = np.where(np.isnan(self.elsewhere), values, self.elsewhere)


@dataclass
class FeaturesInRows:
    """A reader of lines that are miRNAs.

    Parameters
    ----------
    layout : Layout
    how : Reading
    keys : collection of str, optional
        The miRNAs needed; all if omitted.
    aside : int
        Leading columns of annotation.
    parse_all : bool
        Whether every row is parsed, for library sizes.
    """

    layout: Layout
    how: Reading
    keys: Collection[str] | None
    aside: int
    parse_all: bool
    head: list[list[str]] = field(default_factory=list)
    kept: list[tuple[Row, FloatArray]] = field(default_factory=list)
    sums: dict[str | None, Sums] = field(default_factory=dict)
    library: FloatArray | None = None
    lines: int = 0

    @property
    def samples(self) -> tuple[str, ...]:
        """The samples, one per column."""
        return self.layout.columns[self.aside :]

    def read(self, blocks: Iterable[bytes]) -> None:
        """Pass over the file, once.

        Raises
        ------
        InvalidTableError
            If a row has another length than the header, or a cell that is needed is no number.
        UnstreamableError
            If cells are quoted, or rows have no name.
        """
        refuse_repeats(self.samples, "sample", "give every sample a name of its own")
        for block in blocks:
            rows = [self._row(line) for line in block.split(b"\n") if line]
            refuse_too_many(self.lines, "features in rows", self.layout.where)
            refuse_total({row.name for row in rows})
            chosen = [row for row in rows if self._parsed(row)]
            for row, values in zip(chosen, self._numbers(chosen), strict=True):
                self._take(row, values)

    def _row(self, line: bytes) -> Row:
        self.lines += 1
        delimiter = self.layout.delimiter.encode()
        start = 0
        if line.startswith(b'"'):
            start = line.find(b'"', 1) + 1
            name, rest = line[1 : start - 1], line[start:]
            if rest[:1] != delimiter:
                raise UnstreamableError("quotes")
            rest = rest[1:]
        else:
            name, _, rest = line.partition(delimiter)
        if b'"' in rest:
            raise UnstreamableError("quoted cells")
        text = name.decode().strip()
        if not text:
            raise UnstreamableError("a row without a name")
        width = len(self.layout.columns)
        found = rest.count(delimiter) + 1
        if found != width:
            raise InvalidTableError(
                f"{found + 1} cells",
                where=f"{self.layout.where}, row {self.lines} after the header",
                expected=f"{width + 1} cells in every row, as in the header",
                remedy="add or remove delimiters in this row",
            )
        first = rest.split(delimiter, self.aside + HEAD_ROWS)[: self.aside + HEAD_ROWS]
        self.head.append([text, *(cell.decode() for cell in first)])
        if self.aside:
            rest = rest.split(delimiter, self.aside)[self.aside]
        return Row(text, rest, resolved((text,), self.how)[0])

    def _parsed(self, row: Row) -> bool:
        if row.name == self.how.library_column:
            return True
        return needed(row.resolution, None if self.parse_all else self.keys)

    def _take(self, row: Row, values: FloatArray) -> None:
        if row.name == self.how.library_column:
            self.library = values
            return
        level, kept = row.resolution.level, needed(row.resolution, self.keys)
        if kept:
            self.kept.append((row, values.copy()))  # a view would keep all of its block
        if self.parse_all:
            sums = self.sums.setdefault(level, Sums.of(len(self.samples)))
            sums.add(row, values, kept=kept)
            if sums.fault is None:
                sums.fault = _fault(row.name, values, self.samples, self.how.unit or "counts")

    def _numbers(self, rows: list[Row]) -> FloatArray:
        """Return the cells of rows as numbers: shape (n_rows, n_samples)."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        shape = (len(rows), len(self.samples))
        if not rows:
            return np.empty(shape)
        delimiter = self.layout.delimiter.encode()
        # One long column instead of many short ones: Arrow's cost is by the column.
        column = delimiter.join(row.cells for row in rows).replace(delimiter, b"\n") + b"\n"
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(column),
                read_options=arrow_csv.ReadOptions(
                    column_names=["x"],
                    block_size=len(column) + 1,
                    use_threads=False,  # see ahead
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter="\x1f", quote_char=False, ignore_empty_lines=False
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={"x": pa.float64()}, null_values=MISSING
                ),
            )
        except pa.ArrowInvalid:
            return np.stack([self._careful(row) for row in rows])
        values = np.asarray(table.column(0).to_numpy(zero_copy_only=False))
        return values.reshape(shape)

    def _careful(self, row: Row) -> FloatArray:
        """Parse cells one by one, naming the first that is no number."""
        cells = [cell.strip() for cell in row.cells.decode().split(self.layout.delimiter)]
        values = np.full((1, len(cells)), np.nan)
        text: dict[int, list[object]] = {}
        for j, cell in enumerate(cells):
            if is_number(cell):
                values[0, j] = number(cell)
            elif cell not in MISSING:
                text[j] = [cell]
        found: FloatArray = numbers(Cells((row.name,), self.samples, values, text))[0]
        return found

    # -- what came of it --------------------------------------------------------------------

    def settled(self, path: Path) -> Settled:
        """Settle how the table is read, on the first samples and all miRNAs."""
        names = self.layout.head.names[: 1 + self.aside + HEAD_ROWS]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([names, *self.head])
        cells = read_delimited(text.getvalue().encode(), where=self.layout.where)
        refuse_layouts(cells, path, self.how)
        found = settle(cells, self.how, self.keys)
        if found.first.unit in ("counts", "cpm") and not self.parse_all:
            raise UnstreamableError("all rows are needed")
        expected = [row.name for row, _ in self.kept]
        index = found.first.index
        known = set(index.features)
        if any(name not in known for name in expected):
            raise UnstreamableError("rows set aside")
        index = FeatureIndex(
            tuple(expected), tuple(row.resolution for row, _ in self.kept), index.level
        )
        return replace(found, index=index)

    def parts(self, settled: Settled, rows: int) -> Iterator[Part]:
        """Yield samples, so many at a time.

        Raises
        ------
        UnstreamableError
            If counts are fractions, whose sum depends on the order in which they are added.
        """
        values = np.empty((len(self.kept), len(self.samples)))
        for i, (_, row) in enumerate(self.kept):
            values[i] = row
        self.kept = []
        sums = self._sums(settled)
        if sums is not None:
            settled, values = _with_outsider(settled, values, sums)
        if self.library is not None:
            values = np.vstack([values, self.library])
        for start in range(0, len(self.samples), rows):
            part = slice(start, start + rows)
            yield settled.part(
                self.samples[part],
                np.ascontiguousarray(values[:, part].T),
                None if sums is None else sums.total[part],
                None if sums is None else sums.filled[part],
            )

    def lacks_a_sample(self) -> bool:
        """Tell whether a sample has no value in the rows that are kept."""
        if self.parse_all:
            return False
        filled = np.zeros(len(self.samples), dtype=bool)
        for _, row in self.kept:
            filled |= ~np.isnan(row)
        return not filled.all()

    def _sums(self, settled: Settled) -> Sums | None:
        """Return the sums over the rows of the table's level."""
        if not self.parse_all:
            return None
        of_level = [self.sums[k] for k in (settled.first.level, None) if k in self.sums]
        unit = settled.first.unit
        whole = Sums.of(len(self.samples))
        for sums in of_level:
            if sums.fault is not None and unit in ("counts", "cpm"):
                raise sums.fault
            if unit == "counts" and self.library is None and not sums.whole:
                raise UnstreamableError("fractional counts")
            whole.total += sums.total
            whole.filled += sums.filled
            whole.outsider = whole.outsider or sums.outsider
            whole.elsewhere = np.where(np.isnan(whole.elsewhere), sums.elsewhere, whole.elsewhere)
        return whole


def _with_outsider(settled: Settled, values: FloatArray, sums: Sums) -> tuple[Settled, FloatArray]:
    """Add a row that no panel reads, where a sample has no value in those that are read."""
    row = sums.outsider
    if row is None or not np.isnan(values).all(axis=0).any():
        return settled, values
    index = settled.index
    index = FeatureIndex(
        (*index.features, row.name), (*index.resolutions, row.resolution), index.level
    )
    return replace(settled, index=index), np.vstack([values, sums.elsewhere])


def _fault(
    name: str, values: FloatArray, samples: tuple[str, ...], unit: Unit
) -> InvalidExpressionError | None:
    """Return what is wrong with a row of reads, if anything."""
    lowest, _ = LIMITS[unit]
    bad = np.flatnonzero(np.isinf(values) | (values < lowest))
    if not len(bad):
        return None
    value = values[bad[0]]
    kind = "negative value" if np.isfinite(value) else "infinite value"
    return InvalidExpressionError(
        f"{kind} {value:g}",
        where=f"sample {samples[bad[0]]!r}, column {name!r}",
        expected=f"finite {unit}, zero or more",
        remedy="correct the cell, leave it empty if it was not measured, "
        "or state the table's real unit",
    )


class Sketch:
    """The first lines of a file with miRNAs in rows, before any is taken apart for good.

    Parameters
    ----------
    layout : Layout
    body : str
        Lines after the header.
    how : Reading
    """

    def __init__(self, layout: Layout, body: str, how: Reading) -> None:
        lines = csv.reader(body.splitlines(), delimiter=layout.delimiter)
        rows = [[cell.strip() for cell in line] for line in lines if line]
        if any(len(row) != len(layout.head.names) for row in rows):
            raise UnstreamableError("rows of other lengths")
        self.names = [name.strip() for name in layout.columns]
        self.rows = [row[1:] for row in rows if resolved((row[0],), how)[0].is_mirna]
        self.how = how

    def aside(self) -> int:
        """Return how many leading columns are no samples.

        Raises
        ------
        UnstreamableError
            If other columns may be none, either.
        """
        if not self.rows:
            raise UnstreamableError("no miRNA in the first rows")
        words = [[_is_word(cell) for cell in column] for column in zip(*self.rows, strict=True)]
        aside = {
            j for j, name in enumerate(self.names) if all(words[j]) or ANNOTATION.fullmatch(name)
        }
        doubtful = any(any(column) for j, column in enumerate(words) if j not in aside)
        if doubtful or aside != set(range(len(aside))):
            raise UnstreamableError("columns that may be no samples")
        return len(aside)

    def holds_reads(self) -> bool:
        """Tell whether the table may hold counts or CPM, of which every row is needed."""
        if self.how.unit is not None:
            return self.how.unit in ("counts", "cpm")
        cells = [c for row in self.rows for c in row[:HEAD_ROWS] if c not in MISSING]
        values = np.array([number(cell) for cell in cells if is_number(cell)])
        whole = bool((values == np.floor(values)).all())
        return whole or bool(values.max() >= LARGEST_SEEN_LOG)


def _is_word(cell: str) -> bool:
    return cell not in MISSING and not is_number(cell)
