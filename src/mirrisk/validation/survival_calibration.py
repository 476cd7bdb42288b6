"""Do predicted risks of an event by a horizon hold, under censoring and competing events.

Who is censored before the horizon has no outcome there. The observed risk is the cumulative
incidence; intercept and slope regress its jackknife pseudo-observations on the complementary
log-log of the predicted risk, and the curve smooths them.

References
----------
van Geloven N, Giardiello D, Bonneville EF, et al. Validation of prediction models in the presence
of competing risks: a guide through modern methods. BMJ 2022;377:e069249.
doi:10.1136/bmj-2021-069249
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.validation.calibration_curve import CalibrationCurve
from mirrisk.validation.estimate import Estimate
from mirrisk.validation.follow_up import check_horizon, follow_up, refuse_beyond
from mirrisk.validation.incidence import cumulative_incidence, kaplan_meier
from mirrisk.validation.outcome import check_aligned, check_level, probability
from mirrisk.validation.pseudo_observations import pseudo_observations

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.validation.follow_up import FollowUp
    from mirrisk.vocabulary import FloatArray

_POLISHING_STEPS = 10
_TOLERANCE = 1e-10
_PLATEAU = 1e-6
_CERTAIN = 1 - 1e-15


@dataclass(frozen=True)
class SurvivalCalibration:
    """How predicted risks by a horizon compare with what happened.

    Attributes
    ----------
    horizon : float
    n, events, competing, censored : int
        Samples; events, competing events and ends of follow-up by the horizon.
    observed_risk : Estimate
        Cumulative incidence at the horizon (1 minus Kaplan-Meier where nothing competes).
    mean_predicted_risk : float
    observed_to_expected : Estimate
        Their ratio, with an interval on the logarithmic scale.
    in_the_large : Estimate
        Intercept on the complementary log-log scale where the slope is held at 1; 0 is ideal.
    intercept, slope : Estimate
        On that scale; 0 and 1 are ideal. Standard errors are robust ones.
    curve : CalibrationCurve
    notes : tuple of str
        Why something is NaN.
    """

    horizon: float
    n: int
    events: int
    competing: int
    censored: int
    observed_risk: Estimate
    mean_predicted_risk: float
    observed_to_expected: Estimate
    in_the_large: Estimate
    intercept: Estimate
    slope: Estimate
    curve: CalibrationCurve
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"Calibration at {self.horizon:g} on {self.n} samples",
            f"  events by then            {self.events}; competing {self.competing}",
            f"  censored before           {self.censored}",
            f"  observed risk             {self.observed_risk}",
            f"  mean predicted risk       {self.mean_predicted_risk:.3g}",
            f"  observed to expected      {self.observed_to_expected}",
            f"  calibration in the large  {self.in_the_large}",
            f"  calibration slope         {self.slope}",
            f"  {self.curve}",
            *(f"  note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def calibration_at(
    time: ArrayLike, event: ArrayLike, risk: ArrayLike, horizon: float, *, level: float = 0.95
) -> SurvivalCalibration:
    """Compare predicted risks of the event by a horizon with what happened.

    Parameters
    ----------
    time : array-like of shape (n_samples,)
        To the first event, of whatever kind, or the end of follow-up.
    event : array-like of shape (n_samples,)
        0 censored, 1 the event, from 2 up competing events.
    risk : array-like of shape (n_samples,)
        Predicted probability of the event by the horizon, of samples the model was not fitted to.
    horizon : float
        A time up to which samples are followed.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    SurvivalCalibration
        NaN, with the reason in ``notes``: intercepts and slope where a risk is exactly 0 or 1 or
        no event is observed by the horizon; the slope where the risk is the same for all.

    Raises
    ------
    MismatchError
        If a risk is NaN or outside 0 to 1, nobody is followed up to the horizon, or see
        :mod:`mirrisk.validation.follow_up`.

    References
    ----------
    doi:10.1136/bmj-2021-069249
    """
    data, predicted = follow_up(time, event, competing=True), probability(risk)
    check_aligned(time, risk, "time", "risk")
    at = check_horizon(horizon)
    check_level(level)
    refuse_beyond(data, at)
    observed = _observed_risk(data, at, level)
    by_then = data.time <= at
    outcome = pseudo_observations(data, at)
    coefficients, notes = _recalibrated(predicted, outcome, observed, level)
    return SurvivalCalibration(
        horizon=at,
        n=len(predicted),
        events=int(np.count_nonzero(by_then & data.happened)),
        competing=int(np.count_nonzero(by_then & data.competed)),
        censored=int(np.count_nonzero((data.time < at) & (data.event == 0))),
        observed_risk=observed,
        mean_predicted_risk=float(predicted.mean()),
        observed_to_expected=_ratio(observed, float(predicted.mean()), level),
        in_the_large=coefficients[0],
        intercept=coefficients[1],
        slope=coefficients[2],
        curve=CalibrationCurve.of(predicted, outcome),
        notes=notes,
    )


def _observed_risk(data: FollowUp, horizon: float, level: float) -> Estimate:
    if data.competed.any():
        return cumulative_incidence(data.time, data.event, horizon, level=level).estimates[0]
    free = kaplan_meier(data.time, data.event, horizon, level=level).estimates[0]
    return Estimate(1 - free.value, free.standard_error, 1 - free.high, 1 - free.low, level)


# -- on the complementary log-log scale ---------------------------------------------------------


def _recalibrated(
    risk: FloatArray, outcome: FloatArray, observed: Estimate, level: float
) -> tuple[tuple[Estimate, Estimate, Estimate], tuple[str, ...]]:
    nothing = Estimate.undefined(level)
    extreme = int(np.count_nonzero((risk == 0) | (risk == 1)))
    if extreme:
        why = f"{extreme} of {len(risk)} predicted risks are exactly 0 or 1: no intercept or slope"
        return (nothing,) * 3, (why,)
    if not 0 < observed.value < 1:
        why = f"the observed risk is {observed.value:g}: no intercept or slope"
        return (nothing,) * 3, (why,)
    log_log = np.log(-np.log1p(-risk))
    ones = np.ones((len(risk), 1))
    shifted, notes = _try(ones, log_log, outcome, level)
    if np.ptp(risk) == 0:
        why = "the predicted risk is the same for all: no slope"
        return (shifted[0], nothing, nothing), (*notes, why)
    sloped, more = _try(np.column_stack([ones, log_log]), 0 * log_log, outcome, level)
    return (shifted[0], sloped[0], sloped[1]), (*notes, *more)


def _try(
    design: FloatArray, offset: FloatArray, outcome: FloatArray, level: float
) -> tuple[list[Estimate], tuple[str, ...]]:
    """Fit by generalised estimating equations (independence), with robust standard errors."""
    # In an orthogonal basis it does not matter how little the risks differ.
    basis, triangle = np.linalg.qr(design)
    start = triangle @ _of_risks_that_hold(design)
    found = _least_squares(basis, offset, outcome, start)
    if found is None:
        what = "in the large " if design.shape[1] == 1 else ""
        why = f"the recalibration {what}does not converge: too few events, or risks too extreme"
        return [Estimate.undefined(level)] * design.shape[1], (why,)
    mean, gradient = _mean_and_gradient(basis, offset, found)
    influence = (gradient * (outcome - mean)[:, np.newaxis]) @ np.linalg.inv(gradient.T @ gradient)
    to_coefficients = np.linalg.inv(triangle)
    errors = np.sqrt(np.sum((influence @ to_coefficients.T) ** 2, axis=0))
    pairs = zip((to_coefficients @ found).tolist(), errors.tolist(), strict=True)
    return [Estimate.wald(*pair, level) for pair in pairs], ()


def _least_squares(
    basis: FloatArray, offset: FloatArray, outcome: FloatArray, start: FloatArray
) -> FloatArray | None:
    """Minimise half the squared distance of outcome and mean; None where there is no minimum."""
    from scipy.optimize import minimize

    def loss(theta: FloatArray) -> float:
        return float(np.sum((outcome - _mean_and_gradient(basis, offset, theta)[0]) ** 2)) / 2

    def gradient(theta: FloatArray) -> FloatArray:
        mean, slopes = _mean_and_gradient(basis, offset, theta)
        return np.asarray(slopes.T @ (mean - outcome))

    def hessian(theta: FloatArray) -> FloatArray:
        # Pseudo-observations beyond 0 and 1 leave residuals that Gauss-Newton may not neglect.
        mean, slopes = _mean_and_gradient(basis, offset, theta)
        bend = (mean - outcome) * (1 + np.log1p(-np.minimum(mean, _CERTAIN)))
        return np.asarray(slopes.T @ slopes + slopes.T @ (bend[:, np.newaxis] * basis))

    found = minimize(loss, start, method="trust-exact", jac=gradient, hess=hessian)
    theta = np.asarray(found.x)
    for _ in range(_POLISHING_STEPS):
        # A plateau, where every risk is 0 or 1, is no minimum.
        if np.linalg.eigvalsh(hessian(theta))[0] < _PLATEAU:
            return None
        if np.abs(gradient(theta)).max() <= _TOLERANCE:
            return theta
        theta = theta - np.linalg.solve(hessian(theta), gradient(theta))
    return None


def _of_risks_that_hold(design: FloatArray) -> FloatArray:
    return np.zeros(1) if design.shape[1] == 1 else np.array([0.0, 1.0])


def _mean_and_gradient(
    design: FloatArray, offset: FloatArray, theta: FloatArray
) -> tuple[FloatArray, FloatArray]:
    hazard = np.exp(np.clip(offset + design @ theta, -700, 6.5))
    return -np.expm1(-hazard), design * (hazard * np.exp(-hazard))[:, np.newaxis]


def _ratio(observed: Estimate, expected: float, level: float) -> Estimate:
    if not (observed.value and expected):
        return Estimate.undefined(level)
    error = observed.standard_error / expected
    return Estimate.log_wald(observed.value / expected, error, level)
