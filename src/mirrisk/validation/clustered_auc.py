"""The AUC of a risk with its interval, whether or not patients have several samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mirrisk.validation.discrimination import auc_interval
from mirrisk.validation.fold_auc import fold_auc, placements
from mirrisk.validation.outcome import binary_outcome

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

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
