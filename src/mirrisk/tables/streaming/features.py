"""Delimited text with miRNAs in rows: the rows needed are picked in one pass over the file."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.errors import InvalidExpressionError, InvalidTableError
from mirrisk.expression import LARGEST_SEEN_LOG, LIMITS, FeatureIndex, impossible, refuse_repeats
from mirrisk.tables.assembly import ANNOTATION
from mirrisk.tables.cells import MISSING, Cells, is_number, number, numbers, refuse_too_many
from mirrisk.tables.delimited import floats_of, read_delimited
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
    blank : frozenset of int
        Samples without a cell in the first lines: such a column may turn out to hold words.
    """

    layout: Layout
    how: Reading
    keys: Collection[str] | None
    aside: int
    parse_all: bool
    blank: frozenset[int] = frozenset()
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

        shape = (len(rows), len(self.samples))
        if not rows:
            return np.empty(shape)
        delimiter = self.layout.delimiter.encode()
        try:
            values = floats_of(delimiter.join(row.cells for row in rows), delimiter)
        except pa.ArrowInvalid:
            return np.stack([self._careful(row) for row in rows])
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
                if j in self.blank:
                    raise UnstreamableError("a column that may be no sample")
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
        for i in reversed(range(len(self.kept))):
            values[i] = self.kept.pop()[1]  # no row is in memory twice
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
    return impossible(values[bad[0]], unit, samples[bad[0]], name)


def sketched(layout: Layout, body: str, how: Reading) -> tuple[int, frozenset[int], bool]:
    """Look at the first lines of a file with miRNAs in rows, before any is taken apart for good.

    Parameters
    ----------
    layout : Layout
    body : str
        Lines after the header.
    how : Reading

    Returns
    -------
    aside : int
        How many leading columns are no samples.
    blank : frozenset of int
        The samples, behind these columns, that have no cell here.
    reads : bool
        Whether the table may hold counts or CPM, of which every row is needed.

    Raises
    ------
    UnstreamableError
        If other columns may be no samples, either.
    """
    lines = [line for line in csv.reader(body.splitlines(), delimiter=layout.delimiter) if line]
    if any(len(line) != len(layout.head.names) for line in lines):
        raise UnstreamableError("rows of other lengths")
    rows = [line[1:] for line in lines if resolved((line[0].strip(),), how)[0].is_mirna]
    if not rows:
        raise UnstreamableError("no miRNA in the first rows")
    aside, blank = _columns_aside([name.strip() for name in layout.columns], rows)
    return aside, blank, _holds_reads(rows, how)


def _columns_aside(names: list[str], rows: list[list[str]]) -> tuple[int, frozenset[int]]:
    columns = [[cell.strip() for cell in column] for column in zip(*rows, strict=True)]
    words = [[_is_word(cell) for cell in column] for column in columns]
    aside = {j for j, name in enumerate(names) if all(words[j]) or ANNOTATION.fullmatch(name)}
    doubtful = any(any(column) for j, column in enumerate(words) if j not in aside)
    if doubtful or aside != set(range(len(aside))) or len(aside) == len(columns):
        raise UnstreamableError("columns that may be no samples")
    samples = columns[len(aside) :]
    return len(aside), frozenset(j for j, cells in enumerate(samples) if set(cells) <= set(MISSING))


def _holds_reads(rows: list[list[str]], how: Reading) -> bool:
    if how.unit is not None:
        return how.unit in ("counts", "cpm")
    cells = [cell.strip() for row in rows for cell in row[:HEAD_ROWS]]
    values = np.array([number(cell) for cell in cells if cell not in MISSING and is_number(cell)])
    whole = bool((values == np.floor(values)).all())
    return whole or bool(values.max() >= LARGEST_SEEN_LOG)


def _is_word(cell: str) -> bool:
    return cell not in MISSING and not is_number(cell)
