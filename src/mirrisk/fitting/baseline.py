"""From log hazards to risks: Breslow's estimate of the baseline hazard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.columns import numbers
from mirrisk.fitting.risk_sets import RiskSets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray


@dataclass(frozen=True, eq=False)
class Baseline:
    """Cumulative hazard where the linear predictor is 0: a step function.

    Attributes
    ----------
    times : array of shape (n_times,)
        The distinct times of events, ascending.
    hazard : array of shape (n_times,)
        Cumulative hazard from each of them on; before the first it is 0.
    end : float
        The end of the longest follow-up: nothing is known beyond it.
    """

    times: FloatArray
    hazard: FloatArray
    end: float

    def hazard_at(self, horizon: float) -> float:
        """Return the cumulative hazard up to and including a time.

        Raises
        ------
        MismatchError
            The horizon is not above 0, or beyond the longest follow-up.
        """
        if not 0 < horizon <= self.end:
            raise MismatchError(
                f"the horizon is {horizon:g}, the longest follow-up {self.end:g}",
                expected="a time above 0 within follow-up",
            )
        passed = int(np.searchsorted(self.times, horizon, side="right"))
        return float(self.hazard[passed - 1]) if passed else 0.0

    def survival_at(self, horizon: float, linear_predictors: ArrayLike = 0.0) -> FloatArray:
        """Return the probability of no event up to and including a time.

        Parameters
        ----------
        horizon : float
            Above 0, at most the longest follow-up.
        linear_predictors : array, default 0
            Log hazards on the scale that the baseline was estimated with.

        Returns
        -------
        array
            Of the shape of `linear_predictors`. With rows of
            :func:`mirrisk.fitting.competing.subdistribution_rows` 1 minus the cumulative
            incidence of the event.

        Raises
        ------
        MismatchError
            The horizon is not above 0, or beyond the longest follow-up.

        Examples
        --------
        >>> breslow([1, 2, 3], [1, 1, 0], [0, 0, 0]).survival_at(2).round(3)
        np.float64(0.435)
        """
        eta = numbers(linear_predictors, "linear_predictors")
        return np.exp(-self.hazard_at(horizon) * np.exp(eta))


def breslow(
    time: ArrayLike,
    event: ArrayLike,
    linear_predictors: ArrayLike,
    *,
    start: ArrayLike | None = None,
    sample: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Baseline:
    """Estimate the baseline cumulative hazard for given log hazards, by Breslow's formula.

    At each event time it rises by the (weighted) number of events over the sum of the hazard
    ratios of those at risk.

    Parameters
    ----------
    time, event, start, sample, weights
        As for :func:`mirrisk.fitting.cox.fit_cox_path`.
    linear_predictors : array of shape (n_samples,)
        Log hazards; what they are for a linear predictor of 0 is the baseline.

    Returns
    -------
    Baseline

    Raises
    ------
    MismatchError
        Times or events are unusable, or the number of linear predictors is another.

    References
    ----------
    Breslow NE. Discussion of Professor Cox's paper. J R Stat Soc B 1972;34:216-217.

    Examples
    --------
    Of three at risk one has the event, then one of two:

    >>> breslow([1, 2, 3], [1, 1, 0], [0, 0, 0]).hazard.round(3)
    array([0.333, 0.833])
    """
    eta = numbers(linear_predictors, "linear_predictors")
    if eta.ndim != 1 or not np.isfinite(eta).all():
        raise MismatchError(
            f"linear_predictors has the shape {eta.shape}, or is not finite",
            expected="a finite number per sample",
        )
    risk = RiskSets.of(time, event, start=start, weights=weights, sample=sample, n_samples=len(eta))
    return Baseline(risk.times, np.cumsum(risk.hazard_steps(eta)), risk.end)
