"""Parquet, one file or a folder of them: samples in rows by row, miRNAs in rows by column."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.tables.assembly import ANNOTATION
from mirrisk.tables.cells import Cells, numbered, refuse_too_many, without_blanks
from mirrisk.tables.columnar import cells_of_arrow, damaged, is_numeric, is_text, pandas_index
from mirrisk.tables.streaming.head import (
    HEAD_ROWS,
    mirnas,
    refuse_layouts,
    refuse_total,
    resolved,
    settle,
)
from mirrisk.tables.streaming.part import UnstreamableError
from mirrisk.tables.streaming.samples import matrix

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from mirrisk.tables.assembly import Reading
    from mirrisk.tables.streaming.part import Part


@dataclass(frozen=True)
class Dataset:
    """The files of a Parquet data set, one below the other.

    Parameters
    ----------
    path : Path
        What the user named.
    parts : tuple of Path
    """

    path: Path
    parts: tuple[Path, ...]

    @cached_property
    def files(self) -> tuple[Any, ...]:
        """The open files; their columns and types are the same."""
        import pyarrow as pa
        from pyarrow import parquet

        try:
            files = tuple(parquet.ParquetFile(path) for path in self.parts)
        except (pa.ArrowException, OSError):
            raise UnstreamableError("damaged") from None
        schemas = [file.schema_arrow for file in files]
        if any(not schema.equals(schemas[0]) for schema in schemas):
            raise UnstreamableError("files with other columns or types")
        names = schemas[0].names
        if len(set(names)) < len(names):
            raise UnstreamableError("columns without a name of their own")
        return files

    @property
    def schema(self) -> pa.Schema:
        """Columns and types."""
        return self.files[0].schema_arrow

    @cached_property
    def names_column(self) -> str | None:
        """The column that names the rows, as the reader of whole tables finds it."""
        schema = self.schema
        index = pandas_index(schema.empty_table())
        if len(index) > 1:
            raise UnstreamableError("several levels")
        if index:
            return str(index[0])
        for name, kind in zip(schema.names, schema.types, strict=True):
            if is_text(kind):
                column = self.read([name]).column(0)
                if 2 * len(column.unique()) > len(column):
                    return str(name)
        return None

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """The columns of numbers."""
        kinds = zip(self.schema.names, self.schema.types, strict=True)
        return tuple(n for n, kind in kinds if n != self.names_column and is_numeric(kind))

    @cached_property
    def worded(self) -> tuple[str, ...]:
        """The other columns, but for that of the names."""
        known = {*self.numeric, self.names_column}
        return tuple(name for name in self.schema.names if name not in known)

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The names of all rows."""
        if self.names_column is None:
            return tuple(f"sample_{i + 1}" for i in range(self.n_rows))
        column = self.read([self.names_column]).column(0).to_pylist()
        return tuple("" if name is None else str(name) for name in column)

    @property
    def n_rows(self) -> int:
        """How many rows all files hold."""
        return sum(file.metadata.num_rows for file in self.files)

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Read some columns of all rows."""
        import pyarrow as pa

        with _intact(self.path):
            # Selected again: Parquet gives a.b with a, too.
            return pa.concat_tables(
                [file.read(columns=list(columns)).select(list(columns)) for file in self.files]
            )

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Read some columns, so many rows at a time."""
        import pyarrow as pa

        with _intact(self.path):
            for file in self.files:
                for batch in file.iter_batches(batch_size=rows, columns=list(columns)):
                    yield pa.Table.from_batches([batch]).select(list(columns))

    def parts_of_samples_in_rows(
        self, how: Reading, keys: Collection[str] | None, rows: int
    ) -> Iterator[Part]:
        """Yield samples, so many rows at a time, with the columns needed.

        Raises
        ------
        UnstreamableError
            If the table is not one of samples in rows, plain and named.
        """
        settled = settle(self._cells(self._first(HEAD_ROWS)), how, keys)
        columns, start = settled.columns, 0
        for table in self.batches(columns, rows):
            names = self.rows[start : start + table.num_rows]
            values = matrix(_as_floats(table))
            narrow = len(settled.index.features) < len(settled.first.features)
            if narrow and np.isnan(values).all(axis=1).any():
                # An empty sample, or one that holds other miRNAs than those needed?
                wide = settled.widened()
                whole = self._rows(wide.columns, start, table.num_rows)
                yield wide.part(names, matrix(_as_floats(whole)))
            else:
                yield settled.part(names, values)
            start += table.num_rows

    def parts_of_features_in_rows(
        self, how: Reading, keys: Collection[str] | None, rows: int
    ) -> Iterator[Part]:
        """Yield samples, so many columns at a time, with all miRNAs.

        Raises
        ------
        UnstreamableError
            If a column may be no sample.
        """
        aside = [name for name in self.numeric if ANNOTATION.fullmatch(name.strip())]
        samples = [name for name in self.numeric if name not in set(aside)]
        beside = {*aside, *self.worded, *samples[:HEAD_ROWS]}
        first = self.read([n for n in self.schema.names if n in {*beside, self.names_column}])
        settled = settle(self._cells(first), how, keys).widened()
        place = {name: i for i, name in enumerate(self.rows)}
        if len(place) < len(self.rows):
            raise UnstreamableError("rows of one name")
        chosen = [place[name] for name in settled.columns]
        for start in range(0, len(samples), rows):
            names = samples[start : start + rows]
            values = matrix(_as_floats(self.read(names)))[chosen]
            yield settled.part(tuple(names), np.ascontiguousarray(values.T))

    def turned(self, how: Reading) -> bool:
        """Tell whether miRNAs stand in rows, as the reader of whole tables does.

        Raises
        ------
        UnstreamableError
            If names do not settle it, or text stands where numbers are to be.
        """
        refuse_too_many(len(self.schema.names), "columns", str(self.path))
        refuse_total(self.rows)
        if "" in self.rows or "" in self.schema.names:
            raise UnstreamableError("rows without a name")
        if self.worded and numbered(self.rows):
            raise UnstreamableError("numbered rows")
        down, across = mirnas(self.rows, how), mirnas((*self.numeric, *self.worded), how)
        turned = down > across
        if how.orientation is not None:
            turned = how.orientation == "features_in_rows"
        elif not down and not across:
            raise UnstreamableError("no miRNA")
        named = self.rows if turned else self.worded
        if not turned and any(r.is_mirna for r in resolved(named, how)):
            raise UnstreamableError("miRNAs as text")
        if how.library_column in self.worded:
            raise UnstreamableError("library sizes as text")
        return turned

    def _cells(self, table: pa.Table) -> Cells:
        cells = cells_of_arrow(table, str(self.path))
        named = next(iter(set(table.column_names) - set(cells.columns)), None)
        if named != self.names_column:
            raise UnstreamableError("a few rows are named by another column than all of them")
        if self.path.is_dir():
            note = f"read as one data set: {len(self.parts)} Parquet files"
            cells = replace(cells, notes=(note, *cells.notes))
        return cells

    def _first(self, rows: int) -> pa.Table:
        return self._rows(self.schema.names, 0, rows)

    def _rows(self, columns: Sequence[str], start: int, count: int) -> pa.Table:
        """Read some rows, reading no further than they stand."""
        import pyarrow as pa

        tables, left = [], count
        for table in self.batches(columns, 1024):
            if start < table.num_rows and left:
                tables.append(table.slice(start, left))
                left -= tables[-1].num_rows
            start = max(start - table.num_rows, 0)
            if not left:
                break
        return pa.concat_tables(tables) if tables else self.schema.empty_table().select(columns)


def parquet_parts(
    dataset: Dataset, how: Reading, keys: Collection[str] | None, rows: int
) -> Iterator[Part]:
    """Yield the samples of a Parquet file or data set, so many at a time.

    Raises
    ------
    InvalidTableError, InvalidExpressionError
        If the table does not hold together.
    UnstreamableError
        If it is to be read as a whole.
    """
    turned = dataset.turned(how)
    head = dataset._cells(dataset._first(HEAD_ROWS))
    if without_blanks(head, "") is not head:
        raise UnstreamableError("blank rows")
    refuse_layouts(head, dataset.path, how)
    if turned:
        yield from dataset.parts_of_features_in_rows(how, keys, rows)
    else:
        yield from dataset.parts_of_samples_in_rows(how, keys, rows)


@contextmanager
def _intact(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError):
        raise damaged("Parquet", str(path)) from None


def _as_floats(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    columns = [
        column if column.type == pa.float64() else column.cast(pa.float64(), safe=False)
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)
