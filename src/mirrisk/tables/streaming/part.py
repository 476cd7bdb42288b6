"""Some samples of a table whose unit, level and names were settled on its first rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.arrays import take_columns
from mirrisk.errors import MirriskError
from mirrisk.expression import MIN_LIBRARY_MIRNAS, Expression, repeated_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray


MOST_CELLS = 1 << 20
"""Parts of fewer cells are joined: some of the cost of a score is by the table."""


class UnstreamableError(MirriskError):
    """A table that only the reader of whole tables reads exactly; never seen by users."""


@dataclass(frozen=True, eq=False, repr=False)
class Part(Expression):
    """Some samples of a table, and of its columns those that are needed.

    What an Expression finds out from its first samples (whether the unit is plausible, whether
    there are enough miRNAs) was found out from those of the table; here every cell is checked,
    and nothing that depends on which samples happen to be in the part.

    Parameters
    ----------
    sums : ndarray of shape (n_samples,), optional
        Sums over the miRNA columns of the table, where not all of them are here.
    filled : ndarray of int, shape (n_samples,), optional
        How many cells of these columns hold a value.
    """

    sums: FloatArray | None = None
    filled: IntArray | None = None

    def __post_init__(self) -> None:
        values = self.values.view()
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        if self.unit in ("counts", "cpm"):
            columns = self.index.at_level
            self._check_cells(take_columns(self.values, columns), columns)
            self._check_library()

    @cached_property
    def totals(self) -> FloatArray:
        """Row sums over the miRNA columns of the table: shape (n_samples,)."""
        return super().totals if self.sums is None else self.sums

    @cached_property
    def partial(self) -> BoolArray:
        """Samples whose counts cannot be the whole library: too few of their cells are filled."""
        if self.filled is not None and self.sums_its_library:
            return np.asarray(self.filled < MIN_LIBRARY_MIRNAS)
        return super().partial

    @cached_property
    def log2_cpm(self) -> bool:
        """Not told by a part: a reference is fitted on whole tables."""
        return False


def part_of(expression: Expression, rows: slice) -> Part:
    """Return some samples of an Expression."""
    library = expression.library_size
    sums = expression.sums if isinstance(expression, Part) else None
    filled = expression.filled if isinstance(expression, Part) else None
    return Part(
        expression.values[rows],
        expression.samples[rows],
        expression.index,
        expression.unit,
        expression.specimen,
        None if library is None else library[rows],
        expression.notes,
        undetermined=expression.undetermined,
        limit=expression.limit,
        sums=None if sums is None else sums[rows],
        filled=None if filled is None else filled[rows],
    )


def joined(tables: Sequence[Expression]) -> Expression:
    """Put tables of the same columns one below the other."""
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    library = [table.library_size for table in tables if table.library_size is not None]
    return Part(
        np.concatenate([table.values for table in tables]),
        tuple(sample for table in tables for sample in table.samples),
        first.index,
        first.unit,
        first.specimen,
        np.concatenate(library) if library else None,
        first.notes,
        undetermined=first.undetermined,
        limit=first.limit,
    )


def gathered(parts: Iterable[Part], rows: int, cells: int = MOST_CELLS) -> Iterator[Expression]:
    """Yield parts of at most so many samples, and of about so many cells."""
    waiting: list[Part] = []
    for part in parts:
        size = sum(map(len, waiting)) + len(part)
        columns = len(part.features)
        if waiting and (
            size > rows
            or size * columns > cells
            or part.index is not waiting[0].index
            or part.sums is not None
        ):
            yield joined(waiting)
            waiting = []
        for start in range(0, len(part), rows):
            if len(part) > rows:
                yield part_of(part, slice(start, start + rows))
            else:
                waiting.append(part)
    if waiting:
        yield joined(waiting)


class Seen:
    """The samples seen so far, eight bytes each, to refuse one that comes again.

    Names are compared by a hash of 64 bits: among a million samples two different names have one
    with a probability of 3e-8.
    """

    def __init__(self) -> None:
        self._runs: list[IntArray] = []

    def add(self, samples: tuple[str, ...]) -> None:
        """Take note of samples.

        Raises
        ------
        InvalidExpressionError
            If one of them was there before.
        """
        new = np.array([hash(name) for name in samples], dtype=np.int64)
        again = np.zeros(len(new), dtype=bool)
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, new), len(run) - 1)
            again |= run[places] == new
        names = [samples[i] for i in np.flatnonzero(again)]
        known: set[str] = set()
        names += [name for name in samples if name in known or known.add(name)]  # type: ignore[func-returns-value]
        if names:
            again_named = tuple(dict.fromkeys(names))
            raise repeated_names(again_named, "sample", "give every sample a name of its own")
        # Sorted runs of falling length: few to search, and each name is sorted few times.
        run = np.sort(new)
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        if len(run):
            self._runs.append(run)
