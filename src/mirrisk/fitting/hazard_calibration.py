"""From out-of-fold linear predictors of survival to probabilities: slope and baseline hazard."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import brentq

from mirrisk.errors import MismatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirrisk.fitting.outcome import SurvivalOutcome
    from mirrisk.fitting.risk_sets import RiskSets
    from mirrisk.vocabulary import FloatArray, IntArray

STEEPEST = 5.0
"""Log hazard per standard deviation of the linear predictor: where out of fold it ranks the events
without a mistake, no finite slope is optimal, and this one is taken. A hazard 148 times as high
(exp 5) per standard deviation is beyond any marker known to us."""

FEWEST = 5
"""Events between two points of an exported baseline: no patient's own time is to be read off."""

POINTS = 100
"""Points of an exported baseline, evenly spaced, beside the horizon."""


class Baseline(NamedTuple):
    """A cumulated baseline hazard as it is exported: a step function.

    Attributes
    ----------
    times, hazard : ndarray of shape (n_points,)
        Ascending.
    end : float
        Of follow-up: the longest, rounded down to two digits (no earlier than the horizon), for
        it too is the time of a patient.
    """

    times: FloatArray
    hazard: FloatArray
    end: float


def calibration_slope(etas: FloatArray, outcome: SurvivalOutcome) -> float:
    """Return the coefficient of the linear predictor in Cox regression on it, not below 0.

    Each repeat has a say: the sum of their partial likelihoods is maximised. The slope is about
    single models, not about the mean of their predictions.

    Parameters
    ----------
    etas : ndarray of shape (n_repeats, n_samples)
        Out-of-fold linear predictors; NaN where not known.
    outcome : SurvivalOutcome

    Returns
    -------
    float
        0 where the predictions do not rise with the hazard, or do not differ.
    """
    repeats = _repeats(etas, outcome)
    spread = float(np.nanstd(etas))
    if not repeats or spread == 0:
        return 0.0

    def rise(slope: float) -> float:
        """Return the derivative of the log-likelihood: it falls with the slope."""
        return float(sum(eta @ risk.score(slope * eta) for risk, eta in repeats))

    steepest = STEEPEST / spread
    if rise(0.0) <= 0:
        return 0.0
    if rise(steepest) >= 0:
        return steepest
    return float(brentq(rise, 0.0, steepest, xtol=1e-12 * steepest, rtol=1e-12))


def exported_baseline(
    etas: FloatArray, slope: float, outcome: SurvivalOutcome, horizon: float
) -> Baseline:
    """Estimate the cumulated baseline hazard at the calibrated linear predictor (Breslow).

    It is that which makes the out-of-fold risks right on average, each repeat with a say, and
    exact at the horizon. Elsewhere it is drawn straight between points that hold at least five
    events from one to the next and lie between the times of events, and read at 100 evenly
    spaced times: what is exported does not tell when a patient had the event.

    Parameters
    ----------
    etas : ndarray of shape (n_repeats, n_samples)
        Out-of-fold linear predictors; NaN where not known.
    slope : float
        0 for the baseline of everyone: Nelson's and Aalen's estimate.
    outcome : SurvivalOutcome
    horizon : float
        Within follow-up.

    Raises
    ------
    MismatchError
        If no event that could be predicted out of fold falls before the horizon.
    """
    repeats = _repeats(etas, outcome)
    end = max(rounded_down(float(outcome.time.max())), horizon)
    times, counts = np.unique(outcome.time[outcome.happened], return_counts=True)
    hazards = [breslow(risk, slope * eta) for risk, eta in repeats]

    def hazard_at(at: FloatArray) -> FloatArray:
        return np.asarray(np.mean([hazard(at) for hazard in hazards], axis=0))

    if not hazards or hazard_at(np.array([horizon]))[0] == 0:
        raise MismatchError(
            f"no event could be predicted out of fold until the horizon, {horizon:g}",
            expected=f"a horizon after several events; the first is at {times[0]:g}",
        )
    anchors = _anchors(times, np.cumsum(counts), horizon)
    knots = np.concatenate([[0.0], anchors])
    grid = np.union1d(np.linspace(0, min(anchors[-1], end), POINTS + 1)[1:], [horizon])
    heights = np.concatenate([[0.0], hazard_at(anchors)])
    return Baseline(grid, np.interp(grid, knots, heights), end)


def breslow(risk: RiskSets, eta: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Return the cumulated baseline hazard, as a function of times, for given log hazards.

    At each event time it rises by the (weighted) number of events over the sum of the hazard
    ratios of those at risk.

    References
    ----------
    Breslow NE. Discussion of Professor Cox's paper. J R Stat Soc B 1972;34:216-217.

    Examples
    --------
    Of three at risk one has the event, then one of two:

    >>> from mirrisk.fitting.risk_sets import RiskSets
    >>> breslow(RiskSets.of([1, 2, 3], [1, 1, 0]), np.zeros(3))(np.array([0.5, 1.0, 2.5])).round(3)
    array([0.   , 0.333, 0.833])
    """
    hazard = np.append(0.0, np.cumsum(risk.hazard_steps(eta)))
    return lambda at: np.asarray(hazard[np.searchsorted(risk.times, at, side="right")])


def _repeats(etas: FloatArray, outcome: SurvivalOutcome) -> list[tuple[RiskSets, FloatArray]]:
    """Return risk sets and predictors of who was predicted, for each repeat that has events."""
    found = []
    for eta in etas:
        known = ~np.isnan(eta)
        part = outcome[known]
        if part.events:
            found.append((part.risk_sets(), eta[known]))
    return found


def _anchors(times: FloatArray, events: IntArray, horizon: float) -> FloatArray:
    """Return times between events, at least five of which lie between one and the next.

    Parameters
    ----------
    times : ndarray of shape (n_times,)
        Of events, ascending.
    events : ndarray of shape (n_times,)
        How many there were until each.
    horizon : float
        One of the anchors.
    """
    total = int(events[-1])
    until = int(events[np.searchsorted(times, horizon, side="right") - 1])
    between = np.append((times[:-1] + times[1:]) / 2, _rounded_up(float(times[-1])))
    kept, last = [horizon], 0
    for at, count in zip(between.tolist(), events.tolist(), strict=True):
        if min(count - last, abs(count - until), total - count or FEWEST) >= FEWEST:
            kept.append(at)
            last = count
    return np.sort(kept)


def rounded_down(time: float) -> float:
    """Return a time of two digits that is no later."""
    unit = 10.0 ** (np.floor(np.log10(time)) - 1)
    return float(np.floor(time / unit) * unit)


def _rounded_up(time: float) -> float:
    """Return a time of two digits that is no earlier."""
    unit = 10.0 ** (np.floor(np.log10(time)) - 1)
    return float(np.ceil(time / unit) * unit)
