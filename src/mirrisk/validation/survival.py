"""How good a predicted risk of survival data is, at times: AUC and Brier score under censoring.

Those censored before a time are made up for by weighting the others with the inverse of the share
G not yet censored (Kaplan-Meier on the same samples, events before censorings at ties; G(T-) for
an event at T), which assumes that censoring does not depend on the risk. Equal to ``Score`` of the
R package riskRegression with ``cens.model="km"``; scikit-survival takes G(T) for G(T-) and differs
where an event and a censoring share a time.

References
----------
Graf E, Schmoor C, Sauerbrei W, Schumacher M. Assessment and comparison of prognostic classification
schemes for survival data. Stat Med 1999;18:2529-2545.
doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5

Hung H, Chiang CT. Estimation methods for time-dependent AUC models with survival data. Can J Stat
2010;38:8-26. doi:10.1002/cjs.10046
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.concordance import Concordance, harrell_c, uno_c
from mirrisk.validation.cox_slope import cox_calibration_slope
from mirrisk.validation.follow_up import check_horizon, check_times, follow_up, refuse_beyond
from mirrisk.validation.incidence import (
    Censoring,
    IncidenceCurve,
    LifeTable,
    cumulative_incidence,
    kaplan_meier,
)
from mirrisk.validation.outcome import check_aligned, finite
from mirrisk.validation.survival_calibration import SurvivalCalibration, calibration_at

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.validation.follow_up import FollowUp
    from mirrisk.vocabulary import FloatArray

__all__ = [
    "Concordance",
    "IncidenceCurve",
    "IntegratedBrier",
    "SurvivalCalibration",
    "TimeDependentAUC",
    "brier_at",
    "calibration_at",
    "cox_calibration_slope",
    "cumulative_incidence",
    "harrell_c",
    "integrated_brier",
    "kaplan_meier",
    "time_dependent_auc",
    "uno_c",
]


@dataclass(frozen=True)
class TimeDependentAUC:
    """AUC of telling those with the event by a time from those without it then.

    Attributes
    ----------
    times : tuple of float
    auc : tuple of float
        NaN at a time by which there is no event, or after which nobody is followed.
    cases, controls : tuple of int
        Observed events by each time, and samples followed beyond it.
    """

    times: tuple[float, ...]
    auc: tuple[float, ...]
    cases: tuple[int, ...]
    controls: tuple[int, ...]

    def __str__(self) -> str:
        rows = zip(self.times, self.auc, self.cases, self.controls, strict=True)
        return "\n".join(
            [
                "Time-dependent AUC",
                *(f"  {t:g}: {a:.3f} ({d} events by then, {c} followed on)" for t, a, d, c in rows),
            ]
        )


@dataclass(frozen=True)
class IntegratedBrier:
    """Brier scores over time and their mean.

    Attributes
    ----------
    times : tuple of float
    brier, null_brier : tuple of float
        Of the predictions at each time, and of the cohort's own Kaplan-Meier estimate for everyone.
    integrated, null_integrated : float
        Means over the span of the times, by the trapezoidal rule.
    """

    times: tuple[float, ...]
    brier: tuple[float, ...]
    null_brier: tuple[float, ...]
    integrated: float
    null_integrated: float

    @property
    def scaled(self) -> float:
        """1 minus the ratio of the two means; NaN where the second is 0."""
        return 1 - self.integrated / self.null_integrated if self.null_integrated else float("nan")

    def __str__(self) -> str:
        return (
            f"Integrated Brier score, time {self.times[0]:g} to {self.times[-1]:g}: "
            f"{self.integrated:.3g} (same risk for everyone: {self.null_integrated:.3g}; "
            f"scaled {self.scaled:.3g})"
        )


def time_dependent_auc(
    time: ArrayLike, event: ArrayLike, risk: ArrayLike, times: ArrayLike
) -> TimeDependentAUC:
    """Compute the cumulative/dynamic AUC at some times.

    Parameters
    ----------
    time : array-like of shape (n_samples,)
        To the event or the end of follow-up.
    event : array-like of shape (n_samples,)
        1 or True for the event, 0 or False for the end of follow-up.
    risk : array-like of shape (n_samples,)
        Any numbers, higher where the event comes earlier; ties count one half.
    times : float or array-like of shape (n_times,)

    Raises
    ------
    MismatchError
        If there is no event, a risk is NaN, or see :mod:`mirrisk.validation.follow_up`.

    References
    ----------
    doi:10.1002/cjs.10046

    Examples
    --------
    >>> time_dependent_auc([1, 2, 3, 4], [1, 1, 0, 1], [0.9, 0.4, 0.6, 0.1], 2).auc
    (0.75,)
    """
    data, risks = follow_up(time, event, at_least=1), finite(risk, "risk")
    check_aligned(time, risk, "time", "risk")
    asked = check_times(times)
    cases = [data.happened & (data.time <= at) for at in asked]
    controls = [data.time > at for at in asked]
    # The weight of the controls, 1/G(t), is the same for all and cancels.
    weight = _inverse(Censoring.of(data).before(data.time))
    auc = [
        _weighted_auc(risks[case], weight[case], risks[control])
        for case, control in zip(cases, controls, strict=True)
    ]
    return TimeDependentAUC(
        times=tuple(asked.tolist()),
        auc=tuple(auc),
        cases=tuple(int(case.sum()) for case in cases),
        controls=tuple(int(control.sum()) for control in controls),
    )


def brier_at(
    time: ArrayLike, event: ArrayLike, survival_probability: ArrayLike, at: float
) -> float:
    """Compute the Brier score of predicted survival at a time.

    Parameters
    ----------
    time, event
        As for :func:`time_dependent_auc`.
    survival_probability : array-like of shape (n_samples,)
        Predicted probability of no event up to and at that time.
    at : float
        The time.

    Returns
    -------
    float
        Mean squared error, 0 to 1 but for the weighting.

    Raises
    ------
    MismatchError
        If a probability is NaN or outside 0 to 1, nobody is followed up to the time, or see
        :mod:`mirrisk.validation.follow_up`.
    """
    at = check_horizon(at, "at")
    result = integrated_brier(time, event, np.reshape(survival_probability, (-1, 1)), [at])
    return result.brier[0]


def integrated_brier(
    time: ArrayLike, event: ArrayLike, survival_probabilities: ArrayLike, times: ArrayLike
) -> IntegratedBrier:
    """Compute Brier scores over time and integrate them.

    Parameters
    ----------
    time, event
        As for :func:`time_dependent_auc`.
    survival_probabilities : array-like of shape (n_samples, n_times)
        Predicted probability of no event up to and at each time.
    times : array-like of shape (n_times,)
        Ascending.

    Returns
    -------
    IntegratedBrier
        With a single time the means are its Brier scores.

    Raises
    ------
    MismatchError
        As for :func:`brier_at`, or if the times do not ascend.

    References
    ----------
    doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5
    """
    data, asked = follow_up(time, event), check_times(times)
    if (np.diff(asked) <= 0).any():
        raise MismatchError("times do not ascend", expected="each later than the one before")
    predicted = _survival_probabilities(survival_probabilities, (len(data.time), len(asked)))
    null, _ = LifeTable.of(data).survival(asked)
    refuse_beyond(data, float(asked[-1]), "time")
    weights = _graf_weights(data, asked)
    brier = np.mean(weights * (predicted - (data.time[:, np.newaxis] > asked)) ** 2, axis=0)
    unmodelled = np.mean(weights * (null - (data.time[:, np.newaxis] > asked)) ** 2, axis=0)
    return IntegratedBrier(
        times=tuple(asked.tolist()),
        brier=tuple(brier.tolist()),
        null_brier=tuple(unmodelled.tolist()),
        integrated=_mean_over(asked, brier),
        null_integrated=_mean_over(asked, unmodelled),
    )


def _weighted_auc(cases: FloatArray, weight: FloatArray, controls: FloatArray) -> float:
    if not (len(cases) and len(controls)):
        return float("nan")
    ordered = np.sort(controls)
    below = np.searchsorted(ordered, cases, side="left")
    up_to = np.searchsorted(ordered, cases, side="right")
    return float(weight @ (below + up_to) / (2 * weight.sum() * len(controls)))


def _graf_weights(data: FollowUp, times: FloatArray) -> FloatArray:
    """Return Graf's weights: 0 for those censored before a time."""
    censoring = Censoring.of(data)
    at_event = _inverse(censoring.before(data.time)) * data.happened
    beyond = data.time[:, np.newaxis] > times
    return np.where(beyond, _inverse(censoring.at(times)), at_event[:, np.newaxis])


def _inverse(share: FloatArray) -> FloatArray:
    return np.divide(1.0, share, out=np.zeros_like(share), where=share > 0)


def _mean_over(times: FloatArray, values: FloatArray) -> float:
    if len(times) == 1:
        return float(values[0])
    return float(np.trapezoid(values, times) / (times[-1] - times[0]))


def _survival_probabilities(values: ArrayLike, shape: tuple[int, int]) -> FloatArray:
    table = np.asarray(values, dtype=np.float64)
    if table.shape != shape:
        raise MismatchError(
            f"survival probabilities have the shape {table.shape}",
            expected=f"a row per sample and a column per time, {shape}",
        )
    wrong = np.argwhere(~((table >= 0) & (table <= 1)))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise MismatchError(
            f"a survival probability is {table[row, column]:g}",
            where=f"position {row}, time {column + 1}",
            expected="probabilities of no event, 0 to 1",
        )
    return table
