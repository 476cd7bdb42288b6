"""What the layouts of pipelines have in common: columns that mean one thing, rows to be summed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidTableError
from mirrisk.expression import index_features
from mirrisk.nomenclature.facts import current_mature
from mirrisk.tables.cells import Cells, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mirrisk.vocabulary import FloatArray, Unit


def named_by(cells: Cells, column: str) -> Cells | None:
    """Return the cells with rows named by a column; None where there is no such column.

    It is the column of names as a rule, another one where row numbers stand in front.
    """
    if cells.corner == column:
        return cells
    if column not in cells.columns:
        return None
    j = cells.columns.index(column)
    rest = cells.take([i for i in range(len(cells.columns)) if i != j])
    rows = tuple("" if name is None else str(name) for name in cells.text.get(j, ()))
    return replace(rest, rows=rows, corner=column) if rows else None


def chosen_column(unit: Unit | None, columns: Mapping[Unit, str], layout: str) -> tuple[Unit, str]:
    """Return the unit to be read, counts unless the user says otherwise, and its column.

    Raises
    ------
    InvalidTableError
        If the layout does not hold the unit that the user states.
    """
    chosen: Unit = unit or "counts"
    if chosen not in columns:
        raise InvalidTableError(
            f"the unit was said to be {chosen}, but this is {layout}",
            expected=" or ".join(columns),
        )
    return chosen, columns[chosen]


def column_of(cells: Cells, name: str) -> FloatArray:
    """Return the numbers in one column."""
    return numbers(cells.take([cells.columns.index(name)]))[:, 0]


def one_sample(
    name: str, features: Sequence[str], values: FloatArray, unit: Unit, *notes: str
) -> Cells:
    """Return the cells of a table of one sample."""
    return Cells((name,), tuple(features), values[None, :], notes=notes, unit=unit)


def summed(names: Sequence[str], values: FloatArray) -> tuple[tuple[str, ...], FloatArray]:
    """Sum rows of one name; a missing value is no read.

    Returns
    -------
    tuple of str, ndarray of shape (n_names, n_columns)
        In the order in which the names first occur.
    """
    import pandas as pd

    group, found = pd.factorize(np.array(names, dtype=object))
    sums = np.empty((len(found), values.shape[1]))
    for j, column in enumerate(np.nan_to_num(values.T, nan=0.0)):
        # Within a name from the smallest up, so that the order of rows cannot bear upon the sum.
        order = np.lexsort((column, group))
        sums[:, j] = np.bincount(group[order], weights=column[order], minlength=len(found))
    return tuple(map(str, found)), sums


def with_unread(cells: Cells, *, by_accession: bool = False) -> Cells:
    """Add the panels' miRNAs that a table of samples in rows does not list, with 0 reads.

    For layouts that list what was read and nothing else. The list is always the same one, so
    that a sample's result does not depend on what its neighbours happened to show. They get the
    names that they have where they are listed: miRBase's, or accessions.
    """
    index = index_features(cells.columns, "mature")
    known = {r.key for r in index.resolutions} | set(index.ambiguous)
    unread = [
        entry.accession if by_accession else name
        for name, entry in current_mature().items()
        if name not in known
    ]
    zeros = np.zeros((len(cells.rows), len(unread)))
    return replace(
        cells, columns=(*cells.columns, *unread), values=np.hstack([cells.values, zeros])
    )
