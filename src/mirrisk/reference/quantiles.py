"""Distributions of features in a reference, and a value's place in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.vocabulary import FloatArray

LEVELS = np.linspace(0.0, 1.0, 101)
"""The probabilities of a grid's 101 points."""

DECIMALS = 4
"""Grid values are rounded, so that equal values stay equal in the file."""

TAIL_MIN_SD = 0.01
"""A floor under the unit of the tails: rounding a grid must not look like a step beyond it."""

MIN_EIGENVALUE = 1e-4

TAIL_LIMIT = 2.0
"""How far, in normal scores, a value beyond the reference's extremes can go past them."""


def fit_grid(values: FloatArray) -> FloatArray:
    """Return the 101 quantiles of one feature's measured values (no NaN): shape (101,)."""
    return np.round(np.quantile(values, LEVELS), DECIMALS)


@dataclass(frozen=True)
class QuantileMap:
    """The monotone map from values to percentiles and normal scores of one feature.

    Equal neighbouring quantiles (a flat run, as the zeros of a rare miRNA make it) share their
    mid-rank. The smallest and the largest of n values stand at 0.5/n and 1 - 0.5/n. Beyond
    them the normal score goes on linearly, one unit per standard deviation, at most
    ``TAIL_LIMIT`` further: a lower value means a lower score, until there.

    Attributes
    ----------
    knots, probabilities : ndarray of shape (n_knots,)
        Distinct quantiles, and the share of the reference below each.
    sd : float
        Standard deviation of the feature, in the knots' unit.
    """

    knots: FloatArray
    probabilities: FloatArray
    sd: float

    @classmethod
    def from_grid(cls, grid: FloatArray, sd: float, n: int) -> QuantileMap:
        """Build the map from a stored grid."""
        # A grid ascends: where it steps up, a run of equal quantiles begins.
        first = np.concatenate([[0], np.flatnonzero(grid[1:] > grid[:-1]) + 1])
        last = np.append(first[1:] - 1, len(grid) - 1)
        probabilities = np.clip((LEVELS[first] + LEVELS[last]) / 2, 0.5 / n, 1 - 0.5 / n)
        # Of 50 samples or fewer the ends reach past their neighbours: a plateau, were these kept.
        kept = (probabilities > probabilities[0]) & (probabilities < probabilities[-1])
        kept[[0, -1]] = True
        return cls(grid[first][kept], probabilities[kept], max(sd, TAIL_MIN_SD))

    def percentile(self, values: FloatArray) -> FloatArray:
        """Return the share of the reference below each value (mid-rank), between 0 and 1."""
        return np.interp(values, self.knots, self.probabilities)

    def normal_score(self, values: FloatArray) -> FloatArray:
        """Return each value's normal score; NaN stays NaN."""
        return _normal_score(self.percentile(values), values, *self._ends)

    @property
    def _ends(self) -> tuple[float, float, float]:
        return float(self.knots[0]), float(self.knots[-1]), self.sd

    def value_at(self, z: FloatArray | float) -> FloatArray:
        """Return the values whose normal scores are ``z``: the inverse, for counterfactuals.

        Inside a flat run every score has the run's value. Beyond the extremes the line goes on
        without the limit that :meth:`normal_score` sets.
        """
        lowest, highest = ndtri(self.probabilities[[0, -1]])
        inside = np.interp(ndtr(z), self.probabilities, self.knots)
        beyond = np.minimum(z - lowest, 0) + np.maximum(z - highest, 0)
        return np.asarray(inside + beyond * self.sd)


def normal_scores(maps: Sequence[QuantileMap], values: FloatArray) -> FloatArray:
    """Return the normal scores of several features at once; NaN stays NaN.

    Parameters
    ----------
    maps : sequence of QuantileMap, one per feature
    values : ndarray of shape (n_samples, n_features)
    """
    columns = np.ascontiguousarray(values.T)
    percentiles = np.empty(columns.shape)
    ends = np.empty((len(maps), 3, 1))
    for row, (one, column) in enumerate(zip(maps, columns, strict=True)):
        percentiles[row] = one.percentile(column)
        ends[row, :, 0] = one._ends
    return np.ascontiguousarray(_normal_score(percentiles, columns, *ends.swapaxes(0, 1)).T)


def _normal_score(
    percentile: FloatArray,
    values: FloatArray,
    lowest: FloatArray | float,
    highest: FloatArray | float,
    sd: FloatArray | float,
) -> FloatArray:
    below = np.clip((lowest - values) / sd, 0, TAIL_LIMIT)
    above = np.clip((values - highest) / sd, 0, TAIL_LIMIT)
    return np.asarray(ndtri(percentile) - below + above)


class Distributions(NamedTuple):
    """Distributions of some features, and the moments of their normal scores together.

    Attributes
    ----------
    grids : ndarray of shape (n_features, 101)
    sd, measured : ndarray of shape (n_features,)
        Standard deviation and number of values behind each grid.
    mean, covariance : ndarray of shape (n_features,) and (n_features, n_features)
        Of the normal scores; the covariance is shrunken.
    """

    grids: FloatArray
    sd: FloatArray
    measured: FloatArray
    mean: FloatArray
    covariance: FloatArray


def fit_distributions(values: FloatArray) -> Distributions:
    """Learn the distributions of some features and how they move together.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        NaN where not measured.
    """
    grids, sds = _grids_and_sds(values)
    counts = (~np.isnan(values)).sum(axis=0)
    maps = [
        QuantileMap.from_grid(grid, float(sd), int(n))
        for grid, sd, n in zip(grids, sds, counts, strict=True)
    ]
    z = normal_scores(maps, values)
    mean = np.nanmean(z, axis=0)
    return Distributions(
        grids=grids,
        sd=sds,
        measured=counts.astype(float),
        mean=mean,
        covariance=shrunken_covariance(z - mean),
    )


def _grids_and_sds(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the quantiles and the standard deviation of each column's measured values."""
    columns = np.ascontiguousarray(values.T)
    grids, sds = np.empty((len(columns), len(LEVELS))), np.empty(len(columns))
    whole = ~np.isnan(columns).any(axis=1)
    if whole.any():
        # The same as fit_grid of each, to the last bit, in a third of the time.
        grids[whole] = np.round(np.quantile(columns[whole], LEVELS, axis=1).T, DECIMALS)
        sds[whole] = columns[whole].std(axis=1, ddof=1)
    for j in np.flatnonzero(~whole):
        measured = columns[j][~np.isnan(columns[j])]
        grids[j] = fit_grid(measured)
        sds[j] = measured.std(ddof=1)
    return grids, np.round(sds, DECIMALS)


def shrunken_covariance(centred: FloatArray) -> FloatArray:
    """Shrunken covariance of centred scores with gaps.

    Gaps are filled with the mean, which shrinks a covariance by the share of samples where both
    features were measured: that is undone pair by pair. What is then no longer positive
    semidefinite is made so by lifting its eigenvalues.
    """
    from sklearn.covariance import ledoit_wolf  # only fitting pays for this import

    measured = ~np.isnan(centred)
    matrix, _ = ledoit_wolf(np.where(measured, centred, 0.0), assume_centered=True)
    if measured.all():
        return np.asarray(matrix)
    together = (measured.T.astype(float) @ measured) / len(measured)
    matrix = np.where(together > 0, matrix / np.maximum(together, 1 / len(measured)), 0.0)
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, MIN_EIGENVALUE)) @ vectors.T)
