"""Array kernels: contributions, score, interval, flag, fragility. Samples in rows, no names.

Notation, for the F features that a panel consists of in a specimen: z the normal scores in the
reference, mu and C their mean and covariance there, a the signed weights. NaN marks what was not
measured. The full panel's score is a'(z - mu) / sqrt(a'Ca), N(0, 1) in the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy.special import ndtr, ndtri

from mirrisk.arrays import row_sums

if TYPE_CHECKING:
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

Flag = Literal["high", "average", "low", "indeterminate", "not_scored"]
FLAGS: tuple[Flag, ...] = get_args(Flag)

MIN_VARIANCE = 1e-6
"""A floor under a'Ca and under conditional variances, against rounding."""

CERTAINTY = 0.8
"""A flag needs this probability that the full score lies beyond its cutoff."""

INTERVAL = 0.8
"""Probability that the interval of the full score covers."""


@dataclass(frozen=True)
class Scores:
    """What the kernel finds for n samples, m members, F features.

    Attributes
    ----------
    score : ndarray of shape (n,)
        Standardised sum of what was measured; NaN where coverage is too low.
    expected, sd : ndarray of shape (n,)
        The full panel's score given what was measured, and its standard deviation.
    coverage : ndarray of shape (n,)
        Share of the panel's weight that was measured, 0 to 1.
    flag : ndarray of shape (n,)
        Positions in ``FLAGS``.
    present : ndarray of bool, shape (n, m)
        Members of which anything was measured.
    fragile : ndarray of bool, shape (n, m)
        Where leaving out one member alone changes the flag.
    contributions : ndarray of shape (n, F)
        Sum to the score; 0 where not measured.
    """

    score: FloatArray
    expected: FloatArray
    sd: FloatArray
    coverage: FloatArray
    flag: IntArray
    present: BoolArray
    fragile: BoolArray
    contributions: FloatArray

    @property
    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bound of the full panel's score."""
        half = ndtri((1 + INTERVAL) / 2) * self.sd
        return self.expected - half, self.expected + half


def score_samples(
    z: FloatArray,
    *,
    weights: FloatArray,
    shares: FloatArray,
    members: IntArray,
    mean: FloatArray,
    covariance: FloatArray,
    n_reference: int,
    cutoffs: tuple[float, float],
    min_coverage: float,
) -> Scores:
    """Score samples on one panel.

    Parameters
    ----------
    z : ndarray of shape (n_samples, n_features)
        Normal scores in the reference; NaN where not measured.
    weights, shares, members : ndarray of shape (n_features,)
        Signed weight, part of the panel's weight, and position of the member of each feature.
    mean, covariance : ndarray of shape (n_features,) and (n_features, n_features)
        Of the normal scores in the reference.
    n_reference : int
        Samples of the reference; its sampling error is part of the interval.
    cutoffs : (float, float)
        Scores at or below the first are low, at or above the second high.
    min_coverage : float
        Below it a sample is not scored.
    """
    measured = ~np.isnan(z)
    centred = np.where(measured, z - mean, 0.0)
    patterns, pattern_of = _patterns(measured)
    norm = np.sqrt(_variances(patterns, weights, covariance))[pattern_of]
    contributions = centred * weights / norm[:, None]
    coverage = row_sums(measured * shares)
    # Shares are fractions: 0.5 of the weight must not fail for the last bit of a sum.
    enough = coverage >= min_coverage - 1e-9
    enough &= measured.any(axis=1)
    expected, sd = _full_score(centred, patterns, pattern_of, weights, covariance, n_reference)
    flag = np.where(enough, _flags(expected, sd, cutoffs), FLAGS.index("not_scored"))
    present = np.zeros((len(z), int(members.max()) + 1), dtype=bool)
    fragile = present.copy()
    for member in range(present.shape[1]):
        present[:, member] = measured[:, members == member].any(axis=1)
        without = np.where(members == member, 0.0, weights)
        if without.any():
            kept = patterns & (members != member)
            changed = _flags(
                *_full_score(centred, kept, pattern_of, without, covariance, n_reference), cutoffs
            )
            fragile[:, member] = changed != flag
        else:
            fragile[:, member] = True  # nothing is left of a single marker
    fragile &= present & enough[:, None]
    return Scores(
        score=np.where(enough, row_sums(contributions), np.nan),
        expected=np.where(enough, expected, np.nan),
        sd=np.where(enough, sd, np.nan),
        coverage=coverage,
        flag=flag,
        present=present,
        fragile=fragile,
        contributions=contributions,
    )


def _patterns(measured: BoolArray) -> tuple[BoolArray, IntArray]:
    """Return the distinct patterns of what was measured, and each sample's pattern."""
    packed = np.packbits(measured, axis=1)
    _, first, pattern_of = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return measured[first], pattern_of.reshape(-1)


def _variances(patterns: BoolArray, weights: FloatArray, covariance: FloatArray) -> FloatArray:
    """Variance of the weighted sum over each pattern's features."""
    masked = patterns * weights
    quadratic = row_sums(np.stack([row_sums(m * covariance) for m in masked]) * masked)
    return np.maximum(quadratic, MIN_VARIANCE)


def _full_score(
    centred: FloatArray,
    patterns: BoolArray,
    pattern_of: IntArray,
    weights: FloatArray,
    covariance: FloatArray,
    n_reference: int,
) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of the full panel's score given what was measured.

    The Gaussian conditional of the features not measured, and the reference's own sampling
    error: a standardised score s from n samples has a variance of about (1 + s^2 / 2) / n.
    """
    total = max(float(weights @ covariance @ weights), MIN_VARIANCE)
    coefficients = np.empty(patterns.shape)
    variances = np.empty(len(patterns))
    for row, seen in enumerate(patterns):
        coefficients[row], variances[row] = _conditional(seen, weights, covariance)
    scale = np.sqrt(total)
    expected = row_sums(centred * coefficients[pattern_of]) / scale
    variance = variances[pattern_of] / total + (1 + expected**2 / 2) / n_reference
    return expected, np.sqrt(variance)


def _conditional(
    seen: BoolArray, weights: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, float]:
    """Coefficients of the measured features in E[a'z | measured], and the variance that is left."""
    hidden = ~seen & (weights != 0)
    coefficients = np.where(seen, weights, 0.0)
    if not hidden.any():
        return coefficients, 0.0
    a = weights[hidden]
    variance = float(a @ covariance[np.ix_(hidden, hidden)] @ a)
    if seen.any():
        cross = covariance[np.ix_(seen, hidden)] @ a
        inner = covariance[np.ix_(seen, seen)]
        regression = np.linalg.solve(inner + MIN_VARIANCE * np.eye(len(inner)), cross)
        coefficients[seen] += regression
        variance -= float(cross @ regression)
    return coefficients, max(variance, 0.0)


def _flags(expected: FloatArray, sd: FloatArray, cutoffs: tuple[float, float]) -> IntArray:
    low, high = cutoffs
    p_high = ndtr((expected - high) / sd)
    p_low = ndtr((low - expected) / sd)
    average = (p_high < 1 - CERTAINTY) & (p_low < 1 - CERTAINTY)
    flag = np.full(len(expected), FLAGS.index("indeterminate"), dtype=np.intp)
    flag[average] = FLAGS.index("average")
    flag[p_low >= CERTAINTY] = FLAGS.index("low")
    flag[p_high >= CERTAINTY] = FLAGS.index("high")
    return flag
