"""The receiver operating characteristic curve, and average precision.

References
----------
Pedregosa F, Varoquaux G, Gramfort A, et al. Scikit-learn: machine learning in Python. J Mach
Learn Res 2011;12:2825-2830.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mirrisk.validation.bootstrap import bootstrap_interval
from mirrisk.validation.outcome import binary_outcome

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.validation.bootstrap import BootstrapInterval
    from mirrisk.vocabulary import FloatArray


def roc_curve(y: ArrayLike, risk: ArrayLike) -> pd.DataFrame:
    """Return the points of the receiver operating characteristic curve.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    risk : array-like of shape (n_samples,)
        Higher where an event is more likely.

    Returns
    -------
    DataFrame
        Columns ``cutoff``, ``sensitivity``, ``specificity``, one row per distinct risk, from the
        highest down, after a first row whose cutoff is infinite. A sample is positive if its
        risk is at least the cutoff. A constant risk has two points.

    Raises
    ------
    MismatchError
        As `mirrisk.validation.outcome.binary_outcome` does.

    Examples
    --------
    >>> print(roc_curve([0, 1, 0, 1], [1.0, 2.0, 2.0, 3.0]).to_string(index=False))
     cutoff  sensitivity  specificity
        inf          0.0          1.0
        3.0          0.5          1.0
        2.0          1.0          0.5
        1.0          1.0          0.0
    """
    from sklearn.metrics import roc_curve as points

    outcome, values = binary_outcome(y, risk)
    false_positive, true_positive, cutoffs = points(outcome, values, drop_intermediate=False)
    return pd.DataFrame(
        {"cutoff": cutoffs, "sensitivity": true_positive, "specificity": 1 - false_positive}
    )


def average_precision(
    y: ArrayLike,
    risk: ArrayLike,
    *,
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> BootstrapInterval:
    """Return the average precision with limits by the stratified bootstrap.

    The mean, over events, of the share of events among the samples whose risk is as high or
    higher. A risk that tells nothing has the share of events in the cohort: the figure of one
    cohort cannot be held against that of another with a different share.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    risk : array-like of shape (n_samples,)
        Higher where an event is more likely.
    n, seed, level, groups
        As in `mirrisk.validation.bootstrap.bootstrap_interval`.

    Returns
    -------
    BootstrapInterval
        The estimate is scikit-learn's ``average_precision_score``.

    Raises
    ------
    MismatchError
        As `bootstrap_interval` does.

    Examples
    --------
    >>> y = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    >>> print(average_precision(y, [1, 2, 3, 4, 6, 7, 5, 8, 9, 10], n=200))
    average precision 0.92 (95% CI ... to 1.00, stratified percentile bootstrap, 200 resamples)
    """
    return bootstrap_interval(
        average_precision_of_rows,
        y,
        risk,
        n=n,
        seed=seed,
        level=level,
        groups=groups,
        vectorized=True,
        measure="average precision",
    )


def average_precision_of_rows(y: FloatArray, risk: FloatArray) -> FloatArray:
    """Return the average precision of each row.

    Parameters
    ----------
    y, risk : arrays of shape (n_rows, n_samples)
        Checked before.

    Returns
    -------
    array of shape (n_rows,)
        NaN for a row without events.
    """
    order = np.argsort(-risk, axis=1, kind="stable")
    events = np.take_along_axis(y, order, axis=1)
    ordered = np.take_along_axis(risk, order, axis=1)
    precision = events.cumsum(axis=1) / np.arange(1, y.shape[1] + 1)
    # Samples of the same risk are taken in together: their precision is that of the last of them.
    places = np.arange(y.shape[1])
    is_last = np.diff(ordered, axis=1, append=-np.inf) != 0
    last = np.where(is_last, places, y.shape[1])[:, ::-1]
    last = np.minimum.accumulate(last, axis=1)[:, ::-1]
    total = (events * np.take_along_axis(precision, last, axis=1)).sum(axis=1)
    number = y.sum(axis=1)
    return np.asarray(np.where(number > 0, total, np.nan) / np.maximum(number, 1))
