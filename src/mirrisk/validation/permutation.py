"""Whether a risk separates events from non-events better than chance: the permutation test.

References
----------
Phipson B, Smyth GK. Permutation P-values should never be zero: calculating exact P-values when
permutations are randomly drawn. Stat Appl Genet Mol Biol 2010;9:39. doi:10.2202/1544-6115.1585
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.outcome import binary_outcome, group_codes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray, IntArray

_CELLS = 2_000_000

_ROUNDING = 1e-12


@dataclass(frozen=True)
class PermutationTest:
    """An AUC held against those of permuted outcomes.

    Attributes
    ----------
    auc : float
    p_value : float
        One-sided: (1 + as_high) / (1 + n).
    as_high : int
        Permutations whose AUC is as high or higher.
    n : int
        Permutations drawn.
    seed : int
    """

    auc: float
    p_value: float
    as_high: int
    n: int
    seed: int

    def __str__(self) -> str:
        return (
            f"AUC {self.auc:.2f}, as high in {self.as_high:,} of {self.n:,} permutations "
            f"(one-sided p = {self.p_value:.2g})"
        )


def permutation_test(
    y: ArrayLike,
    risk: ArrayLike,
    *,
    n: int = 1000,
    seed: int = 0,
    groups: ArrayLike | None = None,
) -> PermutationTest:
    """Test whether an AUC is higher than that of a risk that knows nothing of the outcome.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    risk : array-like of shape (n_samples,)
        Higher where an event is more likely.
    n : int, default 1000
        Permutations.
    seed : int, default 0
    groups : array-like of shape (n_samples,), optional
        Whose sample each is; outcomes are permuted among groups, and the samples of a group keep
        one outcome.

    Returns
    -------
    PermutationTest
        For a constant risk p is 1.

    Raises
    ------
    MismatchError
        As `mirrisk.validation.outcome.binary_outcome` does, if n is below 1, or a group has
        samples with and without the event.

    References
    ----------
    doi:10.2202/1544-6115.1585

    Examples
    --------
    >>> print(permutation_test([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 5, 4, 6, 7, 8]))
    AUC 0.94, as high in ... of 1,000 permutations (one-sided p = 0.0...)
    """
    from scipy.stats import rankdata

    if n < 1:
        raise MismatchError(f"n={n}", expected="one permutation at least")
    outcome, values = binary_outcome(y, risk)
    codes = group_codes(groups, len(outcome))
    of_group = _outcome_of_groups(outcome, codes)
    ranks = rankdata(values)

    observed = float(_auc(outcome[None], ranks)[0])
    rng = np.random.default_rng(seed)
    size = max(1, _CELLS // len(outcome))
    as_high = 0
    for start in range(0, n, size):
        copies = np.tile(of_group, (min(size, n - start), 1))
        permuted = rng.permuted(copies, axis=1)[:, codes]
        as_high += int(np.count_nonzero(_auc(permuted, ranks) >= observed - _ROUNDING))
    return PermutationTest(observed, (1 + as_high) / (1 + n), as_high, n, seed)


def _auc(y: FloatArray, ranks: FloatArray) -> FloatArray:
    """Return the AUC of each row of outcomes; a permutation leaves the ranks as they are."""
    events = y.sum(axis=1)
    above = y @ ranks - events * (events + 1) / 2
    return np.asarray(above / (events * (y.shape[1] - events)))


def _outcome_of_groups(y: FloatArray, codes: IntArray) -> FloatArray:
    events, sizes = np.bincount(codes, weights=y), np.bincount(codes)
    mixed = (events > 0) & (events < sizes)
    if mixed.any():
        raise MismatchError(
            f"{np.count_nonzero(mixed)} of {len(sizes)} groups hold samples with and without "
            "the event",
            expected="one outcome per group: its samples keep it together",
        )
    return np.asarray(events / sizes)
