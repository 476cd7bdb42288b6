"""Depth: how many miRNA reads the libraries of a table hold, and which hold too few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidExpressionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.expression import Expression
    from mirrisk.vocabulary import FloatArray

MIN_READS = 100_000
"""Default number of miRNA reads below which a library is called shallow."""

SHOWN = 10
"""So many shallow samples are named; more are counted."""


@dataclass(frozen=True)
class Shallow:
    """Libraries of fewer reads than wished; one without a read is empty, and no shallow one.

    Attributes
    ----------
    count : int
    names : tuple of str
        The first of the samples, as many as are shown.
    """

    count: int = 0
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, samples: Sequence[str], reads: FloatArray | None, min_reads: float) -> Shallow:
        """Return those of some samples; none where reads are not known."""
        if reads is None:
            return cls()
        rows = np.flatnonzero((reads >= 1) & (reads < min_reads))
        return cls(len(rows), tuple(samples[row] for row in rows[:SHOWN]))

    def plus(self, other: Shallow) -> Shallow:
        """Return those of two parts of a table, one below the other."""
        return Shallow(self.count + other.count, (self.names + other.names)[:SHOWN])

    def __str__(self) -> str:
        """Name them."""
        more = f" and {self.count - SHOWN} more" if self.count > SHOWN else ""
        return ", ".join(self.names) + more

    def note(self, reads: FloatArray | None, min_reads: float) -> tuple[str, ...]:
        """Tell the range of library sizes, and which are shallow; nothing where none are known."""
        if reads is None:
            return ()
        low, middle, high = (f"{value:,.0f}" for value in np.quantile(reads, (0, 0.5, 1)))
        note = f"miRNA reads per sample: {low} to {high}, median {middle}"
        if len(reads) == 1:
            note = f"miRNA reads of the sample: {middle}"
        if self.count:
            note += f"; fewer than {min_reads:,.0f} in {self.count}: {self}"
        return (note,)

    def warning(self, min_reads: float) -> str:
        """Say what becomes of them; empty where there are none."""
        if not self.count:
            return ""
        which = f"sample {self} holds" if self.count == 1 else f"{self.count} samples ({self}) hold"
        return (
            f"{which} fewer than {min_reads:,.0f} miRNA reads. This alone keeps no sample from "
            "being scored, but miRNAs that so few reads cannot show are set aside "
            "(below_detection), which lowers coverage"
        )


def check_min_reads(min_reads: float) -> None:
    """Refuse what is no number of reads.

    Raises
    ------
    InvalidExpressionError
    """
    if not 0 <= min_reads < np.inf:
        raise InvalidExpressionError(
            f"min_reads is {min_reads}", expected="a number of miRNA reads, 0 or more"
        )


def depth_notes(expression: Expression, min_reads: float = MIN_READS) -> tuple[str, ...]:
    """Tell the range of library sizes and which samples lie below a number of reads.

    Nothing is said of a table that does not tell its reads.
    """
    shallow = Shallow.of(expression.samples, expression.reads, min_reads)
    return shallow.note(expression.reads, min_reads)


def depth_warning(expression: Expression, min_reads: float = MIN_READS) -> str:
    """Say what becomes of samples with too few reads; empty where there are none.

    Raises
    ------
    InvalidExpressionError
        If ``min_reads`` is no number of reads.
    """
    check_min_reads(min_reads)
    return Shallow.of(expression.samples, expression.reads, min_reads).warning(min_reads)
