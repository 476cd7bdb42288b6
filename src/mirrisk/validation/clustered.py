"""Shares and variances of samples of which some are of one patient.

References
----------
Korn EL, Graubard BI. Confidence intervals for proportions with small expected number of positive
counts estimated from survey data. Survey Methodology 1998;24:193-201.

Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models. Biometrika
1986;73:13-22. doi:10.1093/biomet/73.1.13
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.validation.estimate import Estimate, exact_limits
from mirrisk.validation.interval import Proportion, clopper_pearson

if TYPE_CHECKING:
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray


def repeated(patients: IntArray | None) -> IntArray | None:
    """Return the patients where any has several samples, else None: nothing is clustered then."""
    if patients is None or len(np.unique(patients)) == len(patients):
        return None
    return patients


def share_of(hit: BoolArray, patients: IntArray | None, level: float = 0.95) -> Proportion:
    """Return a share of samples with limits for patients.

    Parameters
    ----------
    hit : array of bool of shape (n_samples,)
    patients : array of int of shape (n_samples,), optional
    level : float, default 0.95

    Returns
    -------
    Proportion
        Where patients have several samples: Clopper and Pearson's limits at the number of
        independent samples that would have the variance between patients (Korn and Graubard), no
        more than there are; the number of patients where all samples are alike.

    Examples
    --------
    >>> alone = np.arange(12) < 10
    >>> print(share_of(alone, None))
    0.83 (10/12, 95% CI 0.52 to 0.98)
    >>> print(share_of(np.tile(alone, 4), np.tile(np.arange(12), 4)))
    0.83 (40/48, 95% CI 0.50 to 0.98)
    """
    count, n = int(np.count_nonzero(hit)), len(hit)
    patients = repeated(patients)
    if patients is None:
        return clopper_pearson(count, n, level)
    variance = _variance(hit, patients)
    share = count / n
    effective = float(len(np.unique(patients)))
    if 0 < count < n:
        effective = min(share * (1 - share) / variance, float(n)) if variance else float(n)
    low, high = exact_limits(share * effective, effective, level)
    return Proportion(count, n, low, high, level)


def estimated_share(hit: BoolArray, patients: IntArray | None, level: float = 0.95) -> Estimate:
    """Return what :func:`share_of` does, with a standard error; there is one sample at least."""
    found, patients = share_of(hit, patients, level), repeated(patients)
    share = found.estimate
    variance = share * (1 - share) / len(hit) if patients is None else _variance(hit, patients)
    return Estimate(share, math.sqrt(variance), found.low, found.high, level)


def sum_by_patient(scores: FloatArray, patients: IntArray) -> FloatArray:
    """Return the sum of each patient's rows, scaled for the number of patients (m / (m - 1)).

    Its inner product with itself is the middle of Liang and Zeger's sandwich.
    """
    _, at = np.unique(patients, return_inverse=True)
    sums = np.zeros((int(at.max()) + 1, scores.shape[1]))
    np.add.at(sums, at, scores)
    m = len(sums)
    return np.asarray(sums * math.sqrt(m / (m - 1)) if m > 1 else np.full_like(sums, np.nan))


def _variance(hit: BoolArray, patients: IntArray) -> float:
    deviations = (hit - np.mean(hit))[:, np.newaxis]
    sums = sum_by_patient(deviations, patients)[:, 0]
    variance = float(sums @ sums) / len(hit) ** 2
    # Sums that cancel within each patient leave rounding only.
    return variance if variance > 1e-15 else 0.0
