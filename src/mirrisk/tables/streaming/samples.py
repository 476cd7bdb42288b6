"""Delimited text with samples in rows: each block of lines is a part of the table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import InvalidTableError
from mirrisk.tables.cells import MISSING, Cells, refuse_too_many, without_blanks
from mirrisk.tables.delimited import Head, head_of, parse_text, to_cells
from mirrisk.tables.streaming.head import Settled, mirnas, refuse_total
from mirrisk.tables.streaming.part import UnstreamableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from mirrisk.tables.assembly import Reading
    from mirrisk.tables.streaming.part import Part
    from mirrisk.vocabulary import FloatArray


LARGEST_BLOCK = (1 << 31) - 1
"""Bytes that Arrow takes at once: any block of ours, which it does not copy."""


@dataclass(frozen=True)
class Layout:
    """How a delimited file is divided."""

    head: Head
    delimiter: str
    where: str

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, without that of the names."""
        return tuple(name.strip() for name in self.head.names[1:])

    def cells(self, body: str) -> Cells:
        """Read lines as the reader of whole tables does."""
        table = parse_text(body, self.head, self.delimiter, self.where)
        return to_cells(table, self.head.names, decimal_comma=self.delimiter == ";")


@dataclass
class SamplesInRows:
    """A reader of lines that are samples.

    Parameters
    ----------
    layout : Layout
    settled : Settled
    how : Reading
    """

    layout: Layout
    settled: Settled
    how: Reading
    lines: int = 0
    mirnas_down: int = 0
    _plans: dict[tuple[str, ...], tuple[list[str], dict[str, Any]]] = field(default_factory=dict)

    def parts(self, blocks: Iterable[bytes]) -> Iterator[Part]:
        """Yield a part of the table for every block of lines.

        Raises
        ------
        InvalidTableError, InvalidExpressionError
            If a cell, a row or a name does not hold.
        UnstreamableError
            If so many rows are named like miRNAs that they may be the features.
        """
        for block in blocks:
            if block.isspace():
                continue
            part = self._part(block)
            refuse_total(part.samples)
            self._watch_orientation(part.samples)
            if len(part):
                yield part

    def _watch_orientation(self, names: tuple[str, ...]) -> None:
        if self.how.orientation is None:
            self.mirnas_down += mirnas(names, self.how)
            if self.mirnas_down > len(self.settled.first.index.at_level) // 2:
                raise UnstreamableError("miRNAs in rows")

    def _part(self, block: bytes) -> Part:
        found = self._quick(block, self.settled)
        if found is None:
            return self._careful(block)
        samples, values = found
        self.lines += len(samples)
        if self._is_blank(values):
            # An empty sample, or one that holds other miRNAs than those needed?
            wide = self.settled.widened()
            whole = self._quick(block, wide)
            return self._careful(block) if whole is None else wide.part(*whole)
        return self.settled.part(samples, values)

    def _is_blank(self, values: FloatArray) -> bool:
        narrow = len(self.settled.index.features) < len(self.settled.first.features)
        return narrow and bool(np.isnan(values).all(axis=1).any())

    def _quick(self, block: bytes, settled: Settled) -> tuple[tuple[str, ...], FloatArray] | None:
        """Parse the columns needed straight to numbers; None where that is not to be had."""
        import pyarrow as pa
        from pyarrow import csv

        if self.layout.delimiter == ";":  # decimal commas
            return None
        columns, options = self._plan(settled)
        try:
            table = csv.read_csv(pa.BufferReader(block), **options)
        except pa.ArrowInvalid:
            return None
        samples = tuple(name.strip() for name in table.column(0).to_pylist())
        return ("" not in samples and (samples, matrix(table.select(columns)))) or None

    def _plan(self, settled: Settled) -> tuple[list[str], dict[str, Any]]:
        """Return which columns are parsed, and the options of Arrow: made once, for all blocks."""
        import pyarrow as pa
        from pyarrow import csv

        known = self._plans.get(settled.columns)
        if known is not None:
            return known
        place = {name: j for j, name in enumerate(self.layout.columns, start=1)}
        columns = [f"c{place[name]}" for name in settled.columns]
        options = {
            "read_options": csv.ReadOptions(
                column_names=[f"c{j}" for j in range(len(self.layout.head.names))],
                block_size=LARGEST_BLOCK,
                use_threads=False,  # see ahead
            ),
            "parse_options": csv.ParseOptions(delimiter=self.layout.delimiter),
            "convert_options": csv.ConvertOptions(
                column_types={"c0": pa.string(), **dict.fromkeys(columns, pa.float64())},
                include_columns=["c0", *columns],
                null_values=MISSING,
                strings_can_be_null=False,
            ),
        }
        self._plans[settled.columns] = columns, options
        return columns, options

    def _careful(self, block: bytes) -> Part:
        """Parse all cells as text first: a cell is no number, or a row of another length."""
        try:
            cells = self.layout.cells(block.decode())
            before = len(cells.rows)
            cells = without_blanks(cells, self.layout.where)
            part = self.settled.part_of_cells(cells)
        except InvalidTableError as error:
            raise _moved(error, self.lines) from None
        self.lines += before
        narrow = len(self.settled.index.features) < len(self.settled.first.features)
        if narrow and np.isnan(part.values).all(axis=1).any():
            return self.settled.widened().part_of_cells(cells)
        return part


def matrix(table: pa.Table) -> FloatArray:
    """Return a table of numbers as an array of samples x columns; NaN where it holds null."""
    batches = table.combine_chunks().to_batches()
    if not batches or not table.num_columns:
        return np.full((table.num_rows, table.num_columns), np.nan)
    blocks = [batch.to_tensor(null_to_nan=True).to_numpy() for batch in batches]
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _moved(error: InvalidTableError, lines: int) -> InvalidTableError:
    """Count the row of an error from the header on, not from its block."""

    def counted(found: re.Match[str]) -> str:
        return f"row {int(found[1]) + lines} after the header"

    pattern = r"\brow (\d+) after the header"
    what, where = (re.sub(pattern, counted, text) for text in (error.what, error.where))
    return type(error)(what, where=where, expected=error.expected, remedy=error.remedy)


def layout_of(text: str, delimiter: str, where: str) -> Layout:
    """Divide the header of a file into names.

    Raises
    ------
    UnstreamableError
        If a column has no name, or two have one.
    """
    head = head_of(text, delimiter, where)
    layout = Layout(head, delimiter, where)
    names = layout.columns
    refuse_too_many(len(names), "columns", where)
    if "" in names or len(set(names)) < len(names):
        raise UnstreamableError("columns without a name of their own")
    return layout
