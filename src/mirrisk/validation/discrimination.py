"""How well a risk separates events from non-events: AUC, its interval, differences of AUCs.

Where events and non-events have the same risk, a pair counts one half. A constant risk so has an
AUC of 0.5.

References
----------
DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated receiver
operating characteristic curves. Biometrics 1988;44:837-845. doi:10.2307/2531595

Sun X, Xu W. Fast implementation of DeLong's algorithm for comparing the areas under correlated
receiver operating characteristic curves. IEEE Signal Process Lett 2014;21:1389-1393.
doi:10.1109/LSP.2014.2337313
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from mirrisk.errors import MismatchError
from mirrisk.validation.auc_limits import DEFAULT, Method, auc_limits
from mirrisk.validation.interval import Interval
from mirrisk.validation.outcome import binary_outcome, check_level
from mirrisk.validation.wording import p_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray

_ROUNDING = 1e-12
"""A variance below this is rounding: of unequal placements, two differ by 1 / n at least."""


@dataclass(frozen=True)
class DeLong:
    """An AUC with DeLong's variance.

    Attributes
    ----------
    auc, variance : float
    n, events : int
        Samples, and events among them.
    """

    auc: float
    variance: float
    n: int
    events: int

    def __str__(self) -> str:
        error = math.sqrt(self.variance)
        return f"AUC {self.auc:.2f} (SE {error:.3f}, n = {self.n}, {self.events} events)"


@dataclass(frozen=True)
class AucDifference:
    """Two AUCs compared.

    Attributes
    ----------
    auc_a, auc_b : float
    difference : float
        ``auc_a - auc_b``.
    standard_error : float
    statistic : float
        The difference in standard errors.
    df : float
        Degrees of freedom of its t distribution; infinite (normal) for paired risks.
    p_value : float
        Two-sided.
    low, high : float
        Limits of the difference.
    level : float
    method : str
        What the standard error is.
    """

    auc_a: float
    auc_b: float
    difference: float
    standard_error: float
    statistic: float
    df: float
    p_value: float
    low: float
    high: float
    level: float
    method: str = ""

    def __str__(self) -> str:
        method = f", {self.method}" if self.method else ""
        return (
            f"difference of AUC {self.difference:+.2f} ({self.auc_a:.2f} - {self.auc_b:.2f}; "
            f"{100 * self.level:.4g}% CI {self.low:+.2f} to {self.high:+.2f}, "
            f"{p_value(self.p_value)}{method})"
        )


def auc(y: ArrayLike, risk: ArrayLike) -> float:
    """Return the area under the receiver operating characteristic curve.

    The probability that a sample with the event has the higher risk than one without; ties count
    one half.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    risk : array-like of shape (n_samples,)
        Higher where an event is more likely.

    Returns
    -------
    float

    Raises
    ------
    MismatchError
        As `mirrisk.validation.outcome.binary_outcome` does.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    outcome, values = binary_outcome(y, risk)
    return float(auc_of_rows(outcome, values))


def auc_of_rows(y: FloatArray, risk: FloatArray) -> FloatArray:
    """Return the AUC of each row; NaN where a row lacks events or non-events.

    Parameters
    ----------
    y, risk : arrays of shape (..., n_samples)
        Checked before.

    Returns
    -------
    array of shape (...)
    """
    from scipy.stats import rankdata

    events = y.sum(axis=-1)
    pairs = events * (y.shape[-1] - events)
    above = (rankdata(risk, axis=-1) * y).sum(axis=-1) - events * (events + 1) / 2
    return np.asarray(np.where(pairs > 0, above, np.nan) / np.maximum(pairs, 1))


def delong(y: ArrayLike, risk: ArrayLike) -> DeLong:
    """Return the AUC with DeLong's variance.

    Parameters
    ----------
    y, risk : array-like of shape (n_samples,)
        As in `auc`.

    Returns
    -------
    DeLong
        The variance is 0 for a constant risk and for an AUC of 0 or 1, where it tells nothing.

    Raises
    ------
    MismatchError
        As `auc` does, and with fewer than two events or two non-events.

    References
    ----------
    doi:10.2307/2531595, doi:10.1109/LSP.2014.2337313; checked against the R package pROC.

    Examples
    --------
    >>> print(delong([0, 0, 0, 1, 1, 1], [0.1, 0.3, 0.5, 0.4, 0.6, 0.8]))
    AUC 0.89 (SE 0.157, n = 6, 3 events)
    """
    outcome, values = binary_outcome(y, risk)
    _check_replicated(outcome)
    return _delong(outcome, values)


def delong_test(
    y: ArrayLike,
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    *,
    y_b: ArrayLike | None = None,
    level: float = 0.95,
) -> AucDifference:
    """Compare two AUCs.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    risk_a : array-like of shape (n_samples,)
        Higher where an event is more likely.
    risk_b : array-like of shape (n_samples,), or (n_samples_b,) with `y_b`
        Another risk of the same samples; with `y_b`, a risk of other samples.
    y_b : array-like of shape (n_samples_b,), optional
        The outcome of the other samples: the comparison is then unpaired.
    level : float, default 0.95

    Returns
    -------
    AucDifference
        Paired, by the normal distribution; unpaired, by the t distribution with Welch's degrees
        of freedom. Two paired risks that rank every pair alike differ by 0, with p = 1.

    Raises
    ------
    MismatchError
        As `delong` does, and where both variances are 0 but the AUCs differ (such as a constant
        risk and a perfect one): then the data tell no standard error.

    References
    ----------
    doi:10.2307/2531595; checked against the R package pROC (``roc.test``).

    Examples
    --------
    >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> print(delong_test(y, [1, 2, 3, 5, 4, 6, 7, 8], [2, 1, 6, 3, 5, 4, 8, 7]))
    difference of AUC +0.06 (0.94 - 0.88; 95% CI -0.27 to +0.39, p = 0.71, paired DeLong)
    """
    check_level(level)
    outcome, first = binary_outcome(y, risk_a)
    if y_b is None:
        _, second = binary_outcome(y, risk_b)
        _check_replicated(outcome)
        return _paired(outcome, first, second, level)
    other, second = binary_outcome(y_b, risk_b)
    _check_replicated(outcome)
    _check_replicated(other)
    return _unpaired(_delong(outcome, first), _delong(other, second), level)


def auc_interval(
    y: ArrayLike, risk: ArrayLike, level: float = 0.95, method: Method = DEFAULT
) -> Interval:
    """Return the AUC with confidence limits.

    Parameters
    ----------
    y, risk : array-like of shape (n_samples,)
        As in `auc`. Samples count as independent; for several samples of a patient see
        `mirrisk.validation.bootstrap.bootstrap_interval`.
    level : float, default 0.95
    method : {"binormal-score", "logit-DeLong", "DeLong", "Newcombe"}
        The first keeps its coverage in small cohorts (docs/validation.md); "DeLong" is pROC's.

    Returns
    -------
    Interval
        For an AUC of 1 the lower limit is the AUC whose binormal standard error is its distance
        from 1 divided by the normal quantile, the upper limit is 1; likewise for 0. A constant
        risk has the limits of any risk with AUC 0.5 and the binormal variance.

    Raises
    ------
    MismatchError
        As `auc` does, or if the level or the method is none.

    References
    ----------
    See `mirrisk.validation.auc_limits`.

    Examples
    --------
    >>> print(auc_interval([0] * 6 + [1] * 4, [1, 2, 3, 4, 6, 7, 5, 8, 9, 10]))
    AUC 0.92 (95% CI 0.52 to 0.99, binormal-score)
    >>> print(auc_interval([0] * 6 + [1] * 4, range(10)))
    AUC 1.00 (95% CI 0.63 to 1.00, binormal-score)
    """
    check_level(level)
    outcome, values = binary_outcome(y, risk)
    events = int(outcome.sum())
    others = len(outcome) - events
    if min(events, others) > 1:
        found = _delong(outcome, values)
        estimate, variance = found.auc, found.variance
    else:
        estimate, variance = float(auc_of_rows(outcome, values)), math.nan
    low, high = auc_limits(
        np.array([estimate]), np.array([variance]), events, others, level, method
    )
    return Interval(estimate, float(low[0]), float(high[0]), level, method, "AUC")


# -- placements -------------------------------------------------------------------------------


class _Placements(NamedTuple):
    """The share of non-events below each event, and of events above each non-event."""

    of_events: FloatArray
    of_others: FloatArray


def _placements(y: FloatArray, risk: FloatArray) -> _Placements:
    """Subtract ranks within the own class from ranks among all: two sorts instead of all pairs."""
    from scipy.stats import rankdata

    is_event = y == 1
    ranks = rankdata(risk)
    events, others = risk[is_event], risk[~is_event]
    below = ranks[is_event] - rankdata(events)
    above = len(events) - (ranks[~is_event] - rankdata(others))
    return _Placements(below / len(others), above / len(events))


def _delong(y: FloatArray, risk: FloatArray) -> DeLong:
    placements = _placements(y, risk)
    variance = float(sum(np.var(each, ddof=1) / len(each) for each in placements))
    return DeLong(
        auc=float(placements.of_events.mean()),
        variance=0.0 if variance < _ROUNDING**2 else variance,
        n=len(y),
        events=len(placements.of_events),
    )


def _paired(y: FloatArray, first: FloatArray, second: FloatArray, level: float) -> AucDifference:
    a, b = _placements(y, first), _placements(y, second)
    variance = float(
        sum(np.var(one - other, ddof=1) / len(one) for one, other in zip(a, b, strict=True))
    )
    return difference_of(
        float(a.of_events.mean()),
        float(b.of_events.mean()),
        variance,
        level=level,
        method="paired DeLong",
    )


def _unpaired(a: DeLong, b: DeLong, level: float) -> AucDifference:
    variance = a.variance + b.variance
    denominator = a.variance**2 / (a.n - 1) + b.variance**2 / (b.n - 1)
    df = variance**2 / denominator if denominator else float(a.n + b.n - 2)
    return difference_of(a.auc, b.auc, variance, df=df, level=level, method="unpaired DeLong")


def difference_of(
    a: float, b: float, variance: float, *, df: float = math.inf, level: float, method: str
) -> AucDifference:
    """Compare two AUCs by the variance of their difference; where it is NaN, so is its error.

    Raises
    ------
    MismatchError
        If it is 0 and they differ.
    """
    error = 0.0 if variance <= _ROUNDING**2 else math.sqrt(variance)
    difference = 0.0 if abs(a - b) <= _ROUNDING else a - b
    if not error and difference:
        raise MismatchError(
            f"AUC {a:.3g} and {b:.3g} both have a variance of 0",
            expected="risks of which one at least orders some pairs wrongly and some rightly",
            remedy="give the interval of each (auc_interval)",
        )
    statistic = difference / error if error else 0.0
    # The t distribution with infinite degrees of freedom is the normal one.
    margin = float(stdtrit(df, (1 + level) / 2)) * error
    return AucDifference(
        auc_a=a,
        auc_b=b,
        difference=difference,
        standard_error=error,
        statistic=statistic,
        df=df,
        p_value=2 * float(stdtr(df, -abs(statistic))),
        low=difference - margin,
        high=difference + margin,
        level=level,
        method=method,
    )


def _check_replicated(y: FloatArray) -> None:
    events = int(y.sum())
    if min(events, len(y) - events) < 2:
        raise MismatchError(
            f"{events} events and {len(y) - events} non-events",
            expected="two of each at least, for a variance",
            remedy="auc_interval also answers with one",
        )
