"""The first rows of a table, read as whole tables are: they settle how all of it is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mirrisk.expression import ROWS_FOR_INFERENCE, index_features
from mirrisk.tables.assembly import Reading, library_of, to_expression
from mirrisk.tables.cells import Cells, numbered, numbers
from mirrisk.tables.pipelines import TOTAL, recognised
from mirrisk.tables.streaming.part import Part, UnstreamableError
from mirrisk.tables.wells import CYCLES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from mirrisk.expression import Expression, FeatureIndex
    from mirrisk.nomenclature import Resolution
    from mirrisk.vocabulary import FloatArray, IntArray

HEAD_ROWS = ROWS_FOR_INFERENCE

MAYBE_MIRNA = re.compile(r"mir|let|mi(?:mat)?\d|^x?\d{6}", re.IGNORECASE)
"""What every name of a miRNA holds; names of samples seldom do."""


def mirnas(names: Sequence[str], how: Reading) -> int:
    """Return how many names denote miRNAs."""
    suspects = [name for name in names if MAYBE_MIRNA.search(name)]
    if not suspects:
        return 0
    return sum(r.is_mirna for r in resolved(suspects, how))


def resolved(names: Sequence[str], how: Reading) -> tuple[Resolution, ...]:
    """Return what names denote."""
    return index_features(names, how.level, how.aliases).resolutions


def refuse_whole_only(how: Reading) -> None:
    """Pass by what only the reader of whole tables does."""
    if (
        how.unit in CYCLES
        or how.undetermined != "missing"
        or how.limit is not None
        or how.duplicates is not None
        or how.sheet is not None
        or how.layer is not None
        or how.assemble is not None
        or not isinstance(how.library_size, str | None)
    ):
        raise UnstreamableError("read as a whole")


def refuse_layouts(cells: Cells, path: Path, how: Reading) -> None:
    """Pass by layouts of pipelines, and by rows that are only numbered."""
    if recognised(cells, path, how.unit) is not cells:
        raise UnstreamableError("the layout of a pipeline")
    if cells.text and numbered(cells.rows):
        raise UnstreamableError("numbered rows")


def refuse_total(names: Collection[str]) -> None:
    """Pass by miRge's row of sums, wherever it stands."""
    if TOTAL in names:
        raise UnstreamableError("the layout of a pipeline")


@dataclass(frozen=True)
class Settled:
    """How all samples of a table are read, once its first ones have been.

    Parameters
    ----------
    first : Expression
        The first samples, with all columns.
    index : FeatureIndex
        The columns that are needed.
    library : str, optional
        The column with library sizes.
    """

    first: Expression
    index: FeatureIndex
    library: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to be read."""
        return (*self.index.features, *(() if self.library is None else (self.library,)))

    def widened(self) -> Settled:
        """Return the same with all miRNA columns."""
        return replace(self, index=_reduced(self.first.index, None))

    def part(
        self,
        samples: tuple[str, ...],
        values: FloatArray,
        sums: FloatArray | None = None,
        filled: IntArray | None = None,
    ) -> Part:
        """Make an Expression of samples and the values in ``columns``."""
        library = None
        if self.library is not None:
            sizes = Cells(samples, (self.library,), values[:, -1:])
            library, _ = library_of(sizes, self.library)
            values = values[:, :-1]
        return Part(
            values,
            samples,
            self.index,
            self.first.unit,
            self.first.specimen,
            library,
            self.first.notes,
            sums=sums,
            filled=filled,
        )

    def part_of_cells(self, cells: Cells) -> Part:
        """Make an Expression of cells with samples in rows."""
        place = {name: j for j, name in enumerate(cells.columns)}
        chosen = cells.take([place[name] for name in self.columns])
        return self.part(cells.rows, numbers(chosen))


def settle(cells: Cells, how: Reading, keys: Collection[str] | None) -> Settled:
    """Find out from the first samples how all of them are to be read.

    Parameters
    ----------
    cells : Cells
        Of at least the samples that units are inferred from, unless there are fewer.
    how : Reading
    keys : collection of str, optional
        The miRNAs that are needed; all if omitted.
    """
    first = to_expression(cells, how)
    if first.unit in CYCLES:
        raise UnstreamableError("read as a whole")
    # Counts need all of the library, and CPM are checked by their sum; log2 values stand alone.
    return Settled(
        first, _reduced(first.index, keys if first.unit == "log2" else None), how.library_column
    )


def _reduced(index: FeatureIndex, keys: Collection[str] | None) -> FeatureIndex:
    """Keep the columns that denote one of the miRNAs needed, or may do so."""
    names = [
        name
        for name, resolution in zip(index.features, index.resolutions, strict=True)
        if needed(resolution, keys)
    ]
    kept = [r for r in index.resolutions if needed(r, keys)]
    return type(index)(tuple(names), tuple(kept), index.level)


def needed(resolution: Resolution, keys: Collection[str] | None) -> bool:
    """Tell whether a column is needed to score and explain some miRNAs."""
    if keys is None or resolution.match == "ambiguous":
        return resolution.is_mirna
    return resolution.key in keys or resolution.stem_loop in keys
