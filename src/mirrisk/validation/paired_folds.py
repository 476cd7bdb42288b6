"""Two models judged in the same folds: the difference of their AUCs.

Only pairs of patients of one fold are compared, for both models, as in
:mod:`mirrisk.validation.fold_auc`. Pooling is no choice, least of all of risks averaged over
repeats: where a predictor has few distinct values, a patient's own absence from the training
folds breaks its ties, always to the worse. On TCGA-PRAD the AUC of Gleason's score alone falls
from 0.71 within folds to 0.65 so, and whatever is added to it seems to be of great value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.discrimination import difference_of
from mirrisk.validation.fold_auc import clustered_variance, placements

if TYPE_CHECKING:
    from mirrisk.validation.discrimination import AucDifference
    from mirrisk.validation.fold_auc import Placements
    from mirrisk.validation.resampling import CrossValidated
    from mirrisk.vocabulary import FloatArray, IntArray

METHOD = "paired, within folds"


def fold_auc_difference(
    y: FloatArray,
    a: CrossValidated,
    b: CrossValidated,
    patients: IntArray | None = None,
    *,
    level: float = 0.95,
) -> AucDifference:
    """Compare two models that were cross-validated with the same dealing of patients.

    Parameters
    ----------
    y : array of shape (n_samples,)
        0 and 1.
    a, b : CrossValidated
        Of the same samples, folds, repeats and seed.
    patients : array of int of shape (n_samples,), optional
    level : float, default 0.95

    Returns
    -------
    AucDifference
        Of the means over repeats, ``a`` less ``b``. Its variance is DeLong's for paired risks
        (Obuchowski's where patients have several samples) of each sample's mean placement, with
        the terms for models learned from other patients that
        :func:`mirrisk.validation.fold_auc.fold_auc` has. Limits are NaN without
        enough patients, and where neither AUC varies but they differ (0.5 and 1).

    References
    ----------
    Obuchowski NA. Nonparametric analysis of clustered ROC curve data. Biometrics 1997;53:567-578.
    doi:10.2307/2533958
    """
    events = y.astype(np.intp)
    compared = [_both(events, a, b, repeat) for repeat in range(a.repeats)]
    event = events == 1
    aucs = np.array([[model.auc(event) for model in pair] for pair in compared])
    aucs = aucs[~np.isnan(aucs).any(axis=1)]
    if not len(aucs):
        return difference_of(math.nan, math.nan, math.nan, level=level, method=METHOD)
    auc_a, auc_b = aucs.mean(axis=0).tolist()
    pairs = np.sum([first.pairs for first, _ in compared], axis=0)
    gain = np.sum([first.wins - second.wins for first, second in compared], axis=0)
    placed = pairs > 0
    codes = np.arange(len(y)) if patients is None else patients
    sampling, _, _ = clustered_variance(
        gain[placed] / pairs[placed] - (auc_a - auc_b), event[placed], codes[placed]
    )
    by_repeat = aucs[:, 0] - aucs[:, 1]
    luck = float(by_repeat.var(ddof=1)) if len(by_repeat) > 1 else 0.0
    variance = sampling * (1 + 1 / (a.folds - 1)) + luck
    try:
        return difference_of(auc_a, auc_b, variance, level=level, method=METHOD)
    except MismatchError:
        return difference_of(auc_a, auc_b, math.nan, level=level, method=METHOD)


def _both(
    events: IntArray, a: CrossValidated, b: CrossValidated, repeat: int
) -> tuple[Placements, Placements]:
    """Compare the samples of each fold by the risks of both models; each needs both."""
    given = ~np.isnan(a.risks[:, repeat]) & ~np.isnan(b.risks[:, repeat])
    folds = a.assignment[:, repeat]
    first, second = (np.where(given, model.risks[:, repeat], np.nan) for model in (a, b))
    return placements(events, first, folds), placements(events, second, folds)
