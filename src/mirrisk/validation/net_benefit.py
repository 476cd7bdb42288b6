"""Is a risk useful: net benefit of acting on it at a threshold, against acting on all or on none.

A threshold t says that one needless action is worth t / (1 - t) of one that was needed. Net benefit
counts actions that were needed, less the needless ones at that price, per sample.

References
----------
Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction models. Med
Decis Making 2006;26:565-574. doi:10.1177/0272989X06295361

Vickers AJ, Cronin AM, Elkin EB, Gonen M. Extensions to decision curve analysis, a novel method for
evaluating diagnostic tests, prediction models and molecular markers. BMC Med Inform Decis Mak
2008;8:53. doi:10.1186/1472-6947-8-53
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.follow_up import check_horizon, follow_up, refuse_beyond
from mirrisk.validation.incidence import LifeTable
from mirrisk.validation.outcome import binary_outcome, check_aligned, finite, probability

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import ArrayLike

    from mirrisk.validation.follow_up import FollowUp
    from mirrisk.vocabulary import BoolArray, FloatArray

_SHOWN = 10


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit at some thresholds.

    Attributes
    ----------
    thresholds : tuple of float
    positive_rate : tuple of float
        Share of samples whose risk reaches the threshold: those treated.
    true_positive_rate, false_positive_rate : tuple of float
        Shares of all samples, not sensitivity and 1 - specificity. NaN where those who reach the
        threshold are not followed up to the horizon.
    model, treat_all : tuple of float
        Net benefit; treating none has 0.
    prevalence : float
        Share with the event (by the horizon).
    n : int
    horizon : float or None
        Of survival data.
    """

    thresholds: tuple[float, ...]
    positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    false_positive_rate: tuple[float, ...]
    model: tuple[float, ...]
    treat_all: tuple[float, ...]
    prevalence: float
    n: int
    horizon: float | None = None

    @property
    def treat_none(self) -> tuple[float, ...]:
        """Net benefit of treating none: 0 at every threshold."""
        return (0.0,) * len(self.thresholds)

    @property
    def standardised(self) -> tuple[float, ...]:
        """Net benefit of the model as a share of the greatest possible; NaN without events."""
        if not self.prevalence:
            return (float("nan"),) * len(self.thresholds)
        return tuple(benefit / self.prevalence for benefit in self.model)

    @property
    def interventions_avoided(self) -> tuple[float, ...]:
        """Needless actions fewer than by treating all, net, per sample; NaN at threshold 0."""
        rows = zip(self.thresholds, self.model, self.treat_all, strict=True)
        return tuple((m - a) * (1 - t) / t if t else float("nan") for t, m, a in rows)

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row per threshold."""
        import pandas as pd

        return pd.DataFrame(
            {
                "threshold": self.thresholds,
                "positive_rate": self.positive_rate,
                "true_positive_rate": self.true_positive_rate,
                "false_positive_rate": self.false_positive_rate,
                "net_benefit": self.model,
                "net_benefit_treat_all": self.treat_all,
                "net_benefit_treat_none": self.treat_none,
                "standardised_net_benefit": self.standardised,
                "interventions_avoided": self.interventions_avoided,
            }
        )

    def __str__(self) -> str:
        by = "" if self.horizon is None else f" by {self.horizon:g}"
        head = f"Net benefit on {self.n} samples, {self.prevalence:.1%} with the event{by}"
        rows = list(zip(self.thresholds, self.model, self.treat_all, strict=True))
        shown = rows[:: -(-len(rows) // _SHOWN)]
        lines = [f"  threshold {t:.3g}: model {m:.4f}, treat all {a:.4f}" for t, m, a in shown]
        left = len(rows) - len(shown)
        return "\n".join([head, *lines, *([f"  ({left} more thresholds)"] if left else [])])


def net_benefit(
    y: ArrayLike,
    p: ArrayLike,
    thresholds: ArrayLike,
    *,
    time: ArrayLike | None = None,
    horizon: float | None = None,
) -> DecisionCurve:
    """Compute the decision curve of a predicted risk.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 or True for an event, 0 or False for none; with ``time``, 0 for the end of follow-up and
        from 2 up for competing events.
    p : array-like of shape (n_samples,)
        Predicted risk of the event (by the horizon), 0 to 1. Who reaches a threshold exactly is
        treated, but at threshold 0 nobody whose risk is 0.
    thresholds : float or array-like of shape (n_thresholds,)
        From 0 and below 1.
    time : array-like of shape (n_samples,), optional
        To the event or the end of follow-up.
    horizon : float, optional
        The time by which the event counts; with ``time`` only.

    Returns
    -------
    DecisionCurve
        Equal to the R package dcurves. Under censoring the events among those treated are their
        cumulative incidence at the horizon (1 minus Kaplan-Meier where nothing competes). A cohort
        without events has a curve: no action is of benefit there.

    Raises
    ------
    MismatchError
        If y or p are not as described, a threshold is outside the range, only one of ``time`` and
        ``horizon`` is given, nobody is followed up to the horizon, or see
        :mod:`mirrisk.validation.follow_up`.

    References
    ----------
    doi:10.1177/0272989X06295361, doi:10.1186/1472-6947-8-53

    Examples
    --------
    >>> curve = net_benefit([1, 0, 1, 0, 0], [0.9, 0.3, 0.2, 0.1, 0.6], [0.25, 0.5])
    >>> [round(benefit, 3) for benefit in curve.model]
    [0.067, 0.0]
    """
    predicted, asked = probability(p), _thresholds(thresholds)
    if (time is None) != (horizon is None):
        raise MismatchError(
            f"only {'horizon' if time is None else 'time'} is given",
            expected="both time and horizon for survival data, neither for a binary outcome",
        )
    if time is None or horizon is None:
        outcome, _ = binary_outcome(y, p, both_classes=False)
        return _curve(predicted, asked, lambda treated: float(outcome[treated].mean()), None)
    data, at = follow_up(time, y, competing=True), check_horizon(horizon)
    check_aligned(y, p, "y", "p")
    refuse_beyond(data, at)
    return _curve(predicted, asked, lambda treated: _risk_among(data, treated, at), at)


def _curve(
    risk: FloatArray,
    thresholds: FloatArray,
    risk_among: Callable[[BoolArray], float],
    horizon: float | None,
) -> DecisionCurve:
    prevalence = risk_among(np.ones(len(risk), dtype=bool))
    treated = [(risk >= threshold) & (risk > 0) for threshold in thresholds]
    positive = np.array([who.mean() for who in treated])
    true = positive * [risk_among(who) if who.any() else 0.0 for who in treated]
    false = positive - true
    price = thresholds / (1 - thresholds)
    return DecisionCurve(
        thresholds=tuple(thresholds.tolist()),
        positive_rate=tuple(positive.tolist()),
        true_positive_rate=tuple(true.tolist()),
        false_positive_rate=tuple(false.tolist()),
        model=tuple((true - price * false).tolist()),
        treat_all=tuple((prevalence - price * (1 - prevalence)).tolist()),
        prevalence=prevalence,
        n=len(risk),
        horizon=horizon,
    )


def _risk_among(data: FollowUp, who: BoolArray, horizon: float) -> float:
    table = LifeTable.of(data.take(who))
    return float(table.incidence_by(np.array([horizon]))[0])


def _thresholds(thresholds: ArrayLike) -> FloatArray:
    asked = finite(np.atleast_1d(np.asarray(thresholds, dtype=np.float64)), "thresholds")
    outside = asked[(asked < 0) | (asked >= 1)]
    if outside.size:
        raise MismatchError(
            f"threshold {outside[0]:g}",
            expected="thresholds from 0 and below 1: at 1 no needless action has a price",
        )
    return asked
