"""Depth: how many miRNA reads the libraries of a table hold, and which hold too few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidExpressionError

if TYPE_CHECKING:
    from mirrisk.expression import Expression

MIN_READS = 100_000
"""Default number of miRNA reads below which a library is called shallow."""

SHOWN = 10


def depth_notes(expression: Expression, min_reads: float = MIN_READS) -> tuple[str, ...]:
    """Tell the range of library sizes and which samples lie below a number of reads.

    Nothing is said of a table that does not tell its reads.
    """
    reads = expression.reads
    if reads is None:
        return ()
    low, middle, high = (f"{value:,.0f}" for value in np.quantile(reads, (0, 0.5, 1)))
    note = f"miRNA reads per sample: {low} to {high}, median {middle}"
    if len(reads) == 1:
        note = f"miRNA reads of the sample: {middle}"
    shallow = _between(expression, 0, min_reads)
    if shallow:
        note += f"; fewer than {min_reads:,.0f} in {len(shallow)}: {_names(shallow)}"
    return (note,)


def depth_warning(expression: Expression, min_reads: float = MIN_READS) -> str:
    """Say what becomes of samples with too few reads; empty where there are none.

    Raises
    ------
    InvalidExpressionError
        If ``min_reads`` is no number of reads.
    """
    if not 0 <= min_reads < np.inf:
        raise InvalidExpressionError(
            f"min_reads is {min_reads}", expected="a number of miRNA reads, 0 or more"
        )
    # A sample without a read is reported as empty, and not scored.
    shallow = _between(expression, 1, min_reads)
    if not shallow:
        return ""
    which = (
        f"sample {shallow[0]} holds"
        if len(shallow) == 1
        else f"{len(shallow)} samples ({_names(shallow)}) hold"
    )
    return (
        f"{which} fewer than {min_reads:,.0f} miRNA reads. This alone keeps no sample from being "
        "scored, but miRNAs that so few reads cannot show are set aside (below_detection), which "
        "lowers coverage"
    )


def _between(expression: Expression, least: float, below: float) -> list[str]:
    """Return the samples with at least and fewer than so many reads."""
    reads = expression.reads
    if reads is None:
        return []
    return [expression.samples[i] for i in np.flatnonzero((reads >= least) & (reads < below))]


def _names(samples: list[str]) -> str:
    more = f" and {len(samples) - SHOWN} more" if len(samples) > SHOWN else ""
    return ", ".join(samples[:SHOWN]) + more
