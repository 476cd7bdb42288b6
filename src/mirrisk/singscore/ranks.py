"""Ranks of a set's members within each sample, the set's score, and its null.

The null of the p-value
-----------------------
Under the null the members are a random draw, without replacement, of the ranks of this sample.
The score is, up to a constant, a linear statistic sum(c_i r_i) over the n ranks r_i, where c_i is
1/(k w) for the k members of the up set, -1/(k w) for those of the down set (k and w its own) and
0 for the rest; w is the set's span, the greatest minus the least mean rank. For such a statistic
and any fixed ranks, tied or not,

    mean     = rbar sum(c_i)
    variance = S^2 (sum(c_i^2) - sum(c_i)^2 / n),   S^2 = sum((r_i - rbar)^2) / (n - 1)

exactly. Written out, with the covariance -S^2/n of the two mean ranks of one draw,

    variance = S^2 [(n - k_u)/(n k_u w_u^2) + (n - k_d)/(n k_d w_d^2) + 2/(n w_u w_d)].

Without ties S^2 = n (n + 1)/12; ties lower it, and it is taken from the ranks as they are. That
the standardised score is normal is the approximation (it holds as the members and the others
grow in number: Hajek 1960, the central limit theorem for draws from a finite population); there
is no correction for continuity. For sets of a few members read it as a rough figure: no exact
p-value could be smaller than one over the number of possible draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import ndtr

if TYPE_CHECKING:
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

Alternative = Literal["two-sided", "greater", "less"]

MAD_CONSTANT = 1.4826
"""R's ``mad``: makes the median absolute deviation estimate a normal distribution's SD."""

_BLOCK_BYTES = 1 << 21
"""Samples are sorted in blocks of this size, so that a block stays in the processor's cache."""


class Ranks(NamedTuple):
    """What scoring needs of the ranks of a table: a row or entry per sample."""

    members: FloatArray
    """The members' ranks; NaN where not measured."""
    n: FloatArray
    """How many features were measured."""
    mean: FloatArray
    """The mean of all n ranks ..."""
    variance: FloatArray
    """... and their variance, with divisor n - 1."""


def rank(values: FloatArray, columns: list[int], *, folded: bool) -> Ranks:
    """Rank each row; of all ranks keep the members' and two moments.

    Every figure is a whole number (or a half) held exactly, so that no result depends on the
    order of columns or rows, or on how the rows fall into blocks.
    """
    n_samples, n_features = values.shape
    width = 1 << n_features.bit_length()
    height = max(1, min(n_samples, _BLOCK_BYTES // (8 * width)))
    # The padding up to a power of two lets the binary search run without checks of its bounds.
    buffer = np.full((height, width), np.nan)
    blocks = []
    for start in range(0, max(n_samples, 1), height):
        block = values[start : start + height]
        ordered = buffer[: len(block)]
        ordered[:, :n_features] = block
        ordered[:, :n_features].sort(axis=1)
        blocks.append(_rank_block(ordered, n_features, block[:, columns], folded=folded))
    return Ranks(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _rank_block(
    ordered: FloatArray, n_features: int, members: FloatArray, *, folded: bool
) -> Ranks:
    # Every measured value is below infinity: one more query counts them.
    infinity = np.full((len(members), 1), np.inf)
    below = _count_below(ordered, np.hstack([members, infinity]))
    n = below[:, -1]
    ranks = np.where(np.isnan(members), np.nan, below[:, :-1] + 1.0)
    tied = ordered[:, 1:n_features] == ordered[:, : n_features - 1]
    if folded:
        all_ranks = _ranks_in_order(tied, n)
        middle = np.ceil(_row_medians(all_ranks, n))[:, np.newaxis]
        ranks, all_ranks = np.abs(ranks - middle), np.abs(all_ranks - middle)
        total, squares = np.nansum(all_ranks, axis=1), np.nansum(np.square(all_ranks), axis=1)
    else:
        total, squares = _sums_of_ranks(tied, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Ranks(ranks, n, total / n, (n * squares - total**2) / (n * (n - 1)))


def _count_below(ordered: FloatArray, queries: FloatArray) -> FloatArray:
    """Count the values of each sorted row that are less than each query of the same row.

    A binary search of all queries at once. The rows are as long as a power of two and end in at
    least one NaN, which is less than nothing.
    """
    height, width = ordered.shape
    flat = ordered.reshape(-1)
    before: IntArray = np.arange(height)[:, np.newaxis] * width - 1
    last_below = np.repeat(before, queries.shape[1], axis=1)
    step = width // 2
    while step:
        last_below += step * (flat.take(last_below + step) < queries)
        step //= 2
    return (last_below - before).astype(np.float64)


def _ranks_in_order(tied: BoolArray, n: FloatArray) -> FloatArray:
    """Return the ranks 1..n of sorted rows, NaN after the n-th.

    ``tied[:, i]`` tells whether the value at place i + 1 equals the one before it.
    """
    place = np.arange(1.0, tied.shape[1] + 2.0)
    ranks = np.empty((len(tied), len(place)))
    ranks[:, 0] = 1.0
    np.copyto(ranks[:, 1:], np.where(tied, 0.0, place[1:]))
    np.maximum.accumulate(ranks, axis=1, out=ranks)
    ranks[place > n[:, np.newaxis]] = np.nan
    return ranks


def _sums_of_ranks(tied: BoolArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the sum of the ranks of each sorted row, and of their squares.

    Those of 1..n, less what ties take away: a run of t ties from place s on has t times the rank
    s instead of s, s + 1, ..., s + t - 1.
    """
    total, squares = n * (n + 1) / 2, n * (n + 1) * (2 * n + 1) / 6
    if tied.any():
        # Every row begins and ends untied, so that no run crosses rows of the flat array.
        flat = np.pad(tied, ((0, 0), (1, 1))).reshape(-1)
        first = np.flatnonzero(flat[1:] > flat[:-1])
        last = np.flatnonzero(flat[1:] < flat[:-1])
        row, place = np.divmod(first, tied.shape[1] + 2)
        s, t = place + 1.0, last - first + 1.0
        total -= np.bincount(row, t * (t - 1) / 2, len(n))
        squares -= np.bincount(row, t * (t - 1) * (6 * s + 2 * t - 1) / 6, len(n))
    return total, squares


def _row_medians(ordered: FloatArray, n: FloatArray) -> FloatArray:
    """Return the median of the first n values of each sorted row; NaN where n is 0."""
    upper = (n // 2).astype(np.intp)[:, np.newaxis]
    lower = (np.maximum(n - 1, 0) // 2).astype(np.intp)[:, np.newaxis]
    middle = np.take_along_axis(ordered, lower, 1) + np.take_along_axis(ordered, upper, 1)
    return middle[:, 0] / 2


class SetScore(NamedTuple):
    """One set's score in each sample."""

    k: FloatArray
    """Members measured."""
    span: FloatArray
    """The greatest minus the least mean rank that k members can have (w in the derivation)."""
    deviation: FloatArray
    """The score minus its mean under the null."""
    score: FloatArray
    dispersion: FloatArray


def score_set(
    ranks: Ranks, members: slice, *, sign: int = 1, folded: bool, offset: float
) -> SetScore:
    """Scale the mean rank of a set's members by the least and greatest that it can have."""
    own = np.sort(ranks.members[:, members], axis=1)
    k = np.count_nonzero(~np.isnan(own), axis=1).astype(np.float64)
    if not own.shape[1]:
        nothing = np.full(len(own), np.nan)
        return SetScore(k, nothing, nothing, nothing, nothing)
    # Folding leaves about half as many distinct ranks, of the set as of the sample.
    size, background = (k // 2, (ranks.n + 1) // 2) if folded else (k, ranks.n)
    span = np.where((k > 0) & (background > size), background - size, np.nan)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(own, axis=1) / k
    scaled = (mean - (size + 1) / 2) / span
    return SetScore(
        k=k,
        span=span,
        deviation=sign * (mean - ranks.mean) / span,
        score=(scaled if sign > 0 else 1.0 - scaled) - offset,
        dispersion=_mad(own, k),
    )


def _mad(ordered: FloatArray, k: FloatArray) -> FloatArray:
    distance = np.abs(ordered - _row_medians(ordered, k)[:, np.newaxis])
    return MAD_CONSTANT * _row_medians(np.sort(distance, axis=1), k)


def p_value(ranks: Ranks, sets: list[SetScore], alternative: Alternative) -> FloatArray:
    """Return the p-value of the sum of the sets' scores, as derived above."""
    n = ranks.n
    deviation = np.sum([s.deviation for s in sets], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.sum([(n - s.k) / (n * s.k * s.span**2) for s in sets], axis=0)
        if len(sets) == 2:
            factor += 2 / (n * sets[0].span * sets[1].span)
        sd = np.sqrt(ranks.variance * factor)
        z = deviation / sd
    tail = {"two-sided": 2 * ndtr(-np.abs(z)), "greater": ndtr(-z), "less": ndtr(z)}[alternative]
    # All ranks tied, or all drawn: every draw has the same score, as extreme as this one.
    return np.where(sd == 0, 1.0, tail)
