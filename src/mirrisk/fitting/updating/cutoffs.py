"""Cutoffs of an updated panel: those of before, or new ones where the coefficients are new."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.calibration import choose_cutoffs
from mirrisk.model import Cutoffs
from mirrisk.validation.interval import clopper_pearson
from mirrisk.validation.logistic import fit_logistic

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray

FOLDS = 10
"""Of the cross-validation of a revision."""


def kept(cutoffs: Cutoffs, eta: FloatArray, y: FloatArray, slope: float = 1.0) -> Cutoffs:
    """Say what cutoffs that were chosen before achieve in the new cohort.

    Parameters
    ----------
    cutoffs : Cutoffs
    eta : ndarray of shape (n_samples,)
        The linear predictor that they were chosen on.
    y : ndarray of shape (n_samples,)
        0 and 1.
    slope : float, default 1
        Above 0: what the linear predictor is multiplied with from now on, and they along.
    """
    low, high = _achieved(cutoffs.low, cutoffs.high, eta, y)
    before = "kept from before the update, where it meant"
    return replace(
        cutoffs,
        low=slope * cutoffs.low,
        high=slope * cutoffs.high,
        low_means=f"{low} in the cohort of the update; {before}: {cutoffs.low_means}",
        high_means=f"{high} in the cohort of the update; {before}: {cutoffs.high_means}",
    )


def chosen_anew(eta: FloatArray, y: FloatArray, where: str) -> Cutoffs:
    """Choose cutoffs for a sensitivity and a specificity of 0.9, as a fit does."""
    found = choose_cutoffs(eta, y)
    low, high = _achieved(found.low, found.high, eta, y)
    return Cutoffs(found.low, found.high, f"{low} {where}", f"{high} {where}")


def out_of_fold(X: FloatArray, y: FloatArray) -> FloatArray | None:
    """Return linear predictors, without intercept, of revisions that had not seen their samples.

    Folds are stratified and go by the order of the samples. None where a fold cannot be fitted.
    """
    design = np.column_stack([np.ones(len(y)), X])
    fold = np.empty(len(y), dtype=np.intp)
    for outcome in (0, 1):
        rows = np.flatnonzero(y == outcome)
        fold[rows] = np.arange(len(rows)) % FOLDS
    eta = np.empty(len(y))
    for number in np.unique(fold):
        held = fold == number
        try:
            fitted = fit_logistic(design[~held], y[~held])
        except (MismatchError, np.linalg.LinAlgError):
            return None
        eta[held] = X[held] @ fitted.coefficients[1:]
    return eta


def _achieved(low: float, high: float, eta: FloatArray, y: FloatArray) -> tuple[str, str]:
    """Say what share of events and non-events the two cutoffs leave on the right side."""
    events, others = eta[y == 1], eta[y == 0]

    def share(of: FloatArray) -> str:
        return str(clopper_pearson(int(of.sum()), len(of)))

    return (
        f"sensitivity {share(events > low)}, specificity {share(others <= low)}",
        f"specificity {share(others < high)}, sensitivity {share(events >= high)}",
    )
