"""The slope of a linear predictor in a Cox model.

References
----------
Efron B. The efficiency of Cox's likelihood function for censored data. J Am Stat Assoc
1977;72:557-565. doi:10.1080/01621459.1977.10480613
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.estimate import Estimate
from mirrisk.validation.follow_up import FollowUp, follow_up
from mirrisk.validation.outcome import check_aligned, check_level, finite

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray

_STEPS = 100
_TOLERANCE = 1e-10


def cox_calibration_slope(
    time: ArrayLike, event: ArrayLike, linear_predictor: ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Estimate the slope of a linear predictor in a Cox model, over the whole follow-up.

    Parameters
    ----------
    time : array-like of shape (n_samples,)
        To the event or the end of follow-up.
    event : array-like of shape (n_samples,)
        1 or True for the event, 0 or False for the end of follow-up.
    linear_predictor : array-like of shape (n_samples,)
        Logarithm of the relative hazard; of a risk by a horizon, ``log(-log(1 - risk))``.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    Estimate
        1 is ideal; below 1 the predictions are too extreme. Ties by Efron's method, as R's
        ``coxph``.

    Raises
    ------
    MismatchError
        If the linear predictor is constant or not finite, orders the events perfectly, there is
        no event, or see :mod:`mirrisk.validation.follow_up`.
    """
    data, predictor = follow_up(time, event, at_least=1), finite(linear_predictor, "predictor")
    check_aligned(time, linear_predictor, "time", "linear_predictor")
    check_level(level)
    scale = float(predictor.std())
    if np.ptp(predictor) == 0:
        raise MismatchError(
            f"linear_predictor is {predictor[0]:g} for every sample", expected="one that varies"
        )
    standardised = (predictor - predictor.mean()) / scale
    slope, information = _cox_newton(data, standardised)
    return Estimate.wald(slope / scale, 1 / math.sqrt(information) / scale, level)


def _cox_newton(data: FollowUp, x: FloatArray) -> tuple[float, float]:
    """Return the maximum partial likelihood estimate and the information there."""
    order = np.argsort(-data.time, kind="stable")
    time, happened, x = data.time[order], data.happened[order], x[order]
    beta = 0.0
    for _ in range(_STEPS):
        score, information = _cox_score(time, happened, x, beta)
        if information <= _TOLERANCE or abs(beta) > 50:
            break
        step = score / information
        beta += float(np.clip(step, -1, 1))
        if abs(step) < _TOLERANCE:
            return beta, _cox_score(time, happened, x, beta)[1]
    raise MismatchError(
        "the linear predictor has no finite slope: it orders the events perfectly, or at no event "
        "is another sample at risk",
        expected="events that do not follow the linear predictor without exception",
    )


def _cox_score(
    time: FloatArray, happened: BoolArray, x: FloatArray, beta: float
) -> tuple[float, float]:
    """Return derivative and information of Efron's log partial likelihood; times descend."""
    moments = np.exp(beta * x) * np.array([np.ones_like(x), x, x**2])
    risk_set = np.cumsum(moments, axis=1)
    last = np.searchsorted(-time, -time, side="right") - 1
    score = information = 0.0
    for at in np.unique(time[happened]):
        tied = happened & (time == at)
        deaths = int(tied.sum())
        among = moments[:, tied].sum(axis=1)
        total = risk_set[:, last[np.argmax(tied)]]
        # Efron: the deaths leave the risk set one after another, each a bit of all.
        share = np.arange(deaths) / deaths
        s0, s1, s2 = total[:, np.newaxis] - among[:, np.newaxis] * share
        score += float(x[tied].sum() - np.sum(s1 / s0))
        information += float(np.sum(s2 / s0 - (s1 / s0) ** 2))
    return score, information
