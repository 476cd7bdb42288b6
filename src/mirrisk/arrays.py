"""Row reductions whose result for a sample never depends on its company.

NumPy adds along a row in another order when the array happens to lie column by column in memory;
these functions fix the layout first, so that a sample alone and in a batch agree to the last bit.
Matrix products (BLAS) give no such promise and are not used on samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray


def take_columns(values: FloatArray, columns: Sequence[int] | IntArray) -> FloatArray:
    """Return some columns as a row-contiguous array."""
    return np.ascontiguousarray(np.take(values, columns, axis=1))


def row_sums(values: FloatArray) -> FloatArray:
    """Sum each row, in the order of its columns."""
    return np.asarray(np.ascontiguousarray(values).sum(axis=1))


def row_means(values: FloatArray, measured: BoolArray) -> FloatArray:
    """Average each row's measured values; NaN for a row without any."""
    count = measured.sum(axis=1)
    total = row_sums(np.where(measured, values, 0.0))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def row_medians(values: FloatArray) -> FloatArray:
    """Median of each row's measured values; NaN for a row without any."""
    ordered = np.sort(values, axis=1)  # NaN sorts last
    count = (~np.isnan(values)).sum(axis=1)
    rows = np.arange(len(values))
    lower = ordered[rows, np.maximum(count - 1, 0) // 2]
    upper = ordered[rows, np.minimum(count // 2, values.shape[1] - 1)]
    return np.where(count > 0, (lower + upper) / 2, np.nan)


def distinct_rows(mask: BoolArray) -> tuple[IntArray, IntArray]:
    """Find the distinct rows of a mask: what depends on them alone is then computed once for each.

    Returns
    -------
    first : ndarray of shape (n_distinct,)
        A row where each stands.
    of_row : ndarray of shape (n_rows,)
        For each row its position among these.
    """
    if len(mask) and (mask == mask[0]).all():  # the usual table: nothing to sort
        return np.zeros(1, dtype=np.intp), np.zeros(len(mask), dtype=np.intp)
    packed = np.packbits(mask, axis=1)
    _, first, of_row = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return first, of_row.reshape(-1)
