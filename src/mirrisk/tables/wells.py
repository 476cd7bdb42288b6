"""Undetermined qPCR wells: found by how they are printed, then missing or at a stated limit."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidExpressionError
from mirrisk.expression import LIMITS
from mirrisk.tables.cells import UNDETERMINED, is_number, number

if TYPE_CHECKING:
    from mirrisk.tables.cells import Cells
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray, Undetermined, Unit

CYCLES: tuple[Unit, ...] = ("ct", "delta_ct")

LAST_CYCLE = 40.0
"""Where most runs end, and with it the limit of detection unless another one is stated."""

MISSING_BIAS = {
    "undetermined": "an undetermined well also means low expression, so what is left of its miRNA "
    "reads too high",
    "empty": "if they were undetermined, what is left of these miRNAs reads too high",
}
LIMIT_BIAS = "values pile up at the limit, and differences below it vanish"


def limit_of(how: Undetermined, limit: float | None, unit: Unit) -> float | None:
    """Return the Ct that undetermined wells are set to, None where they are missing.

    Raises
    ------
    InvalidExpressionError
        If a limit makes no sense for the table.
    """
    if how == "missing":
        if limit is not None:
            raise InvalidExpressionError(
                f"limit is {limit:g}, but undetermined wells are taken for missing",
                remedy='set them to it: undetermined="limit" in Python, --undetermined limit on '
                "the command line",
            )
        return None
    if unit != "ct":
        raise InvalidExpressionError(
            f"undetermined={how!r} for a table in {unit}",
            expected="Ct values (unit ct): only they have a limit of detection in cycles",
        )
    chosen = LAST_CYCLE if limit is None else float(limit)
    lowest, highest = LIMITS["ct"]
    if not lowest <= chosen <= highest:
        raise InvalidExpressionError(
            f"limit is {chosen:g}", expected=f"a Ct from {lowest:g} to {highest:g}"
        )
    return chosen


def without_undetermined(cells: Cells) -> Cells:
    """Empty the wells that are printed as undetermined, and mark them."""
    wells = np.zeros(cells.values.shape, dtype=bool)
    for j, column in cells.text.items():
        wells[:, j] = [_is_undetermined(cell) for cell in column]
    if not wells.any():
        return cells
    values, text = cells.values.copy(), {}
    for j, column in cells.text.items():
        rest = [None if well else cell for cell, well in zip(column, wells[:, j], strict=True)]
        if all(cell is None or is_number(cell) for cell in rest):
            values[:, j] = [np.nan if cell is None else number(cell) for cell in rest]
        else:
            text[j] = rest
    return replace(cells, values=values, text=text, undetermined=wells)


def _is_undetermined(cell: object) -> bool:
    return isinstance(cell, str) and bool(re.fullmatch(UNDETERMINED, cell.strip(), re.IGNORECASE))


@dataclass(frozen=True)
class Wells:
    """The wells of a Ct or delta-Ct table, as read.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Cycles; NaN where a well is empty or undetermined.
    printed : ndarray of bool, shape (n_samples, n_columns), optional
        Wells printed as undetermined.
    mirnas : ndarray of int
        Columns that are miRNAs.
    limit : float, optional
        Ct that undetermined wells are set to; without it they are missing.
    empty : bool
        Whether empty wells are undetermined ones.
    """

    values: FloatArray
    printed: BoolArray | None
    mirnas: IntArray
    limit: float | None
    empty: bool

    def cycles(self) -> FloatArray:
        """Return the values with undetermined wells, and later Ct, at the limit."""
        return self.values if self.limit is None else np.where(self._late, self.limit, self.values)

    @cached_property
    def _absent(self) -> BoolArray:
        return np.isnan(self.values)

    @cached_property
    def _printed(self) -> BoolArray:
        none = np.zeros(self.values.shape, dtype=bool)
        return none if self.printed is None else self.printed & self._absent

    @cached_property
    def _late(self) -> BoolArray:
        """Wells that are set to the limit."""
        if self.limit is None:
            return np.zeros(self.values.shape, dtype=bool)
        # A sample without one determined miRNA failed as a whole: its wells stay missing.
        sound = (self.values[:, self.mirnas] < self.limit).any(axis=1, keepdims=True)
        wells = self._absent if self.empty else self._printed
        return np.asarray((wells | (self.values > self.limit)) & sound)

    def notes(self) -> list[str]:
        """Say how many wells of miRNAs held no Ct, what was made of them, and with what bias."""
        absent, printed, late = (
            part[:, self.mirnas] for part in (self._absent, self._printed, self._late)
        )
        notes = []
        if late.any():
            notes.append(
                f"{_share(late)} undetermined or later than {self.limit:g} cycles, set to "
                f"{self.limit:g}: {LIMIT_BIAS}"
            )
        left = absent & ~late
        for what, wells in (("undetermined", left & printed), ("empty", left & ~printed)):
            if wells.any():
                notes.append(f"{_share(wells)} {what}, taken for missing: {MISSING_BIAS[what]}")
        return notes


def _share(wells: BoolArray) -> str:
    count = int(wells.sum())
    share = count / wells.size
    percent = f"{share:.0%}" if share >= 0.005 else "below 1%"
    return f"{count:,} of {wells.size:,} wells ({percent}) {'is' if count == 1 else 'are'}"
