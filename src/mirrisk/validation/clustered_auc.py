"""AUCs, their intervals and differences, whether or not patients have several samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.clustered import repeated
from mirrisk.validation.discrimination import auc_interval, delong_test, difference_of
from mirrisk.validation.fold_auc import clustered_variance, fold_auc, placements
from mirrisk.validation.outcome import binary_outcome

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.validation.discrimination import AucDifference
    from mirrisk.validation.interval import Interval
    from mirrisk.vocabulary import IntArray


def auc_with_interval(
    y: ArrayLike, risk: ArrayLike, patients: IntArray | None = None, *, level: float = 0.95
) -> Interval:
    """Return the AUC with confidence limits for patients.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    risk : array-like of shape (n_samples,)
        Higher where an event is more likely.
    patients : array of int of shape (n_samples,), optional
        Number of the patient of each sample; without it each is its own.
    level : float, default 0.95

    Returns
    -------
    Interval
        That of :func:`mirrisk.validation.discrimination.auc_interval`; with patients the same
        limits with Obuchowski's variance for clustered samples in the place of DeLong's.

    Raises
    ------
    MismatchError
        As `auc_interval` does.

    References
    ----------
    Obuchowski NA. Nonparametric analysis of clustered ROC curve data. Biometrics 1997;53:567-578.
    doi:10.2307/2533958

    Examples
    --------
    >>> print(auc_with_interval([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]))
    AUC 0.89 (95% CI 0.38 to 0.99, binormal-score)
    """
    if patients is None:
        return auc_interval(y, risk, level)
    outcome, values = binary_outcome(y, risk)
    events = outcome.astype(np.intp)
    one_model = np.zeros(len(events), dtype=np.intp)
    return fold_auc(events, [placements(events, values, one_model)], patients, level)


def auc_difference(
    y: ArrayLike,
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    patients: IntArray | None = None,
    *,
    level: float = 0.95,
) -> AucDifference:
    """Compare the AUCs of two risks of the same samples, with a standard error for patients.

    Parameters
    ----------
    y, risk_a, risk_b : array-like of shape (n_samples,)
    patients : array of int of shape (n_samples,), optional
    level : float, default 0.95

    Returns
    -------
    AucDifference
        DeLong's; where patients have several samples Obuchowski's variance of the difference of
        placements takes the place of his.

    Raises
    ------
    MismatchError
        As :func:`mirrisk.validation.discrimination.delong_test` does, and with fewer than two
        patients with, or without, an event.

    References
    ----------
    doi:10.2307/2533958
    """
    patients = repeated(patients)
    if patients is None:
        return delong_test(y, risk_a, risk_b, level=level)
    outcome, first = binary_outcome(y, risk_a)
    _, second = binary_outcome(y, risk_b)
    events, one_model = outcome.astype(np.intp), np.zeros(len(outcome), dtype=np.intp)
    a, b = (placements(events, risk, one_model) for risk in (first, second))
    event = events == 1
    auc_a, auc_b = a.auc(event), b.auc(event)
    gain = (a.wins - b.wins) / a.pairs - (auc_a - auc_b)
    variance, with_event, without = clustered_variance(gain, event, patients)
    if min(with_event, without) < 2:
        raise MismatchError(
            f"{with_event} patients with an event and {without} without",
            expected="two of each at least, for a variance",
        )
    return difference_of(
        auc_a, auc_b, variance, level=level, method="paired, Obuchowski's for patients"
    )
