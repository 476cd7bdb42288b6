"""How the features of a cohort move together, and what those measured say of those missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky

if TYPE_CHECKING:
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

FURTHER = 0.05
"""By this share of what is left a covariance that gaps made indefinite is shrunken further: the
size of a step, small beside the shrinkage itself."""

MIN_EIGENVALUE = 1e-4
"""The least eigenvalue, relative to their mean, of a covariance that can be relied on: its inverse
fills gaps, and is then exact to some twelve digits."""


@dataclass(frozen=True, eq=False)
class JointNormal:
    """Mean and covariance of the features of a cohort, taken to be jointly normal.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
    covariance : ndarray of shape (n_features, n_features)
        Shrunken (Ledoit and Wolf 2004, doi:10.1016/S0047-259X(03)00096-4), positive definite.
    """

    mean: FloatArray
    covariance: FloatArray

    @classmethod
    def learn(cls, values: FloatArray) -> JointNormal:
        """Learn it from samples with gaps.

        Gaps are filled with the mean, which shrinks a covariance by the share of samples where
        both features were measured: that is undone pair by pair. The result need not be positive
        definite; it is then shrunken further, step by step, until it is.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_features)
            NaN where not measured; every feature was in some sample.
        """
        mean = np.nanmean(values, axis=0)
        measured = ~np.isnan(values)
        centred = np.where(measured, values - mean, 0.0)
        intensity = shrinkage(centred)
        covariance = centred.T @ centred / len(centred)
        if not measured.all():
            together = measured.astype(float).T @ measured / len(measured)
            covariance = np.where(together > 0, covariance / np.maximum(together, 1e-300), 0.0)
        return cls(mean, _definite(covariance, intensity))

    def fill(self, values: FloatArray) -> FloatArray:
        """Put in place of each gap its expectation given what the sample shows.

        With the precision P the expectation of the missing M given the measured O is
        ``m_M - P_MM^-1 P_MO (x_O - m_O)``: what is solved is as large as the gaps.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_features)
        """
        missing = np.isnan(values)
        filled = values.copy()
        if not missing.any():
            return filled
        affected = np.flatnonzero(missing.any(axis=0))
        precision = _precision_rows(self.covariance, affected)
        for gaps, rows in _by_pattern(missing):
            seen, own = ~gaps, precision[gaps[affected]]
            centred = values[np.ix_(rows, seen)] - self.mean[seen]
            moved = np.linalg.solve(own[:, gaps], own[:, seen] @ centred.T)
            filled[np.ix_(rows, gaps)] = self.mean[gaps] - moved.T
        return filled

    def part(self, features: list[int]) -> JointNormal:
        """Return the joint distribution of some features."""
        return JointNormal(self.mean[features], self.covariance[np.ix_(features, features)])


def shrinkage(centred: FloatArray) -> float:
    """Return Ledoit and Wolf's optimal weight of the scaled identity, 0 to 1.

    That of :func:`sklearn.covariance.ledoit_wolf_shrinkage`. Norms of the covariance are taken
    here from the products of samples, of which there are fewer than products of miRNAs: a fit
    needs it in every fold.

    Parameters
    ----------
    centred : ndarray of shape (n_samples, n_features)
        Of mean 0.
    """
    n, p = centred.shape
    products = centred @ centred.T
    squares = np.diag(products)
    trace = squares.sum() / n
    norm = np.sum(products**2) / n**2
    dispersion = norm - trace**2 / p
    error = (np.sum(squares**2) / n - norm) / n
    return float(np.clip(error / dispersion, 0.0, 1.0)) if dispersion > 0 else 0.0


def _definite(covariance: FloatArray, intensity: float) -> FloatArray:
    """Shrink a covariance towards the identity by an intensity, or as far as is needed."""
    target = np.trace(covariance) / len(covariance)
    while True:
        shrunken = (1 - intensity) * covariance
        _add_to_diagonal(shrunken, (intensity - MIN_EIGENVALUE) * target)
        try:
            cholesky(shrunken, lower=True, check_finite=False)
        except LinAlgError:
            intensity += FURTHER * (1 - intensity)
        else:
            _add_to_diagonal(shrunken, MIN_EIGENVALUE * target)
            return np.asarray(shrunken)


def _add_to_diagonal(matrix: FloatArray, value: float) -> None:
    matrix.flat[:: len(matrix) + 1] += value


def _precision_rows(covariance: FloatArray, rows: IntArray) -> FloatArray:
    """Return some rows of the inverse of a covariance."""
    factor = cholesky(covariance, lower=True, check_finite=False)
    columns = np.zeros((len(covariance), len(rows)))
    columns[rows, np.arange(len(rows))] = 1.0
    return np.asarray(cho_solve((factor, True), columns, check_finite=False).T)


def _by_pattern(missing: BoolArray) -> list[tuple[BoolArray, IntArray]]:
    """Group the samples with gaps by which features are missing."""
    patterns, of_sample = np.unique(missing, axis=0, return_inverse=True)
    of_sample = of_sample.reshape(-1)
    return [(gaps, np.flatnonzero(of_sample == i)) for i, gaps in enumerate(patterns) if gaps.any()]
