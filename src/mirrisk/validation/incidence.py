"""Survival and cumulative incidence that a cohort shows: Kaplan-Meier and Aalen-Johansen.

References
----------
Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. J Am Stat Assoc
1958;53:457-481. doi:10.1080/01621459.1958.10501452

Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov chains based on
censored observations. Scand J Stat 1978;5:141-150.

Gray RJ. A class of K-sample tests for comparing the cumulative incidence of a competing risk.
Ann Stat 1988;16:1141-1154. doi:10.1214/aos/1176350951
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.validation.estimate import Estimate, normal_quantile
from mirrisk.validation.follow_up import FollowUp, check_times, follow_up
from mirrisk.validation.outcome import check_level

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray


@dataclass(frozen=True)
class IncidenceCurve:
    """A share of the cohort at some times.

    Attributes
    ----------
    what : {"survival", "cumulative incidence"}
    times : tuple of float
        As asked for.
    estimates : tuple of Estimate
        One per time; the interval is symmetric on the complementary log-log scale. Undefined
        beyond the last observed time, unless nobody is left there; without an interval where the
        share is 0 or 1.
    at_risk : tuple of int
        Samples observed up to each time at least.
    """

    what: str
    times: tuple[float, ...]
    estimates: tuple[Estimate, ...]
    at_risk: tuple[int, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """The estimates alone."""
        return tuple(estimate.value for estimate in self.estimates)

    def __str__(self) -> str:
        rows = zip(self.times, self.at_risk, self.estimates, strict=True)
        return "\n".join(
            [f"{self.what.capitalize()}", *(f"  {t:g}: {e}, {n} at risk" for t, n, e in rows)]
        )


def kaplan_meier(
    time: ArrayLike, event: ArrayLike, times: ArrayLike, *, level: float = 0.95
) -> IncidenceCurve:
    """Estimate the share without the event at some times, by Kaplan and Meier.

    Parameters
    ----------
    time : array-like of shape (n_samples,)
        To the event or the end of follow-up.
    event : array-like of shape (n_samples,)
        1 or True for the event, 0 or False for the end of follow-up.
    times : float or array-like of shape (n_times,)
        When to tell it.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    IncidenceCurve
        Survival with Greenwood's standard errors, as R's ``survfit(conf.type="log-log")``. A
        competing event is not the end of follow-up: see :func:`cumulative_incidence`.

    Raises
    ------
    MismatchError
        See :mod:`mirrisk.validation.follow_up`.

    References
    ----------
    doi:10.1080/01621459.1958.10501452

    Examples
    --------
    >>> kaplan_meier([1, 2, 3, 4], [1, 0, 1, 0], [2, 3]).values
    (0.75, 0.375)
    """
    data, asked = follow_up(time, event), check_times(times)
    check_level(level)
    table = LifeTable.of(data)
    survival, error = table.survival(asked)
    return _curve("survival", table, asked, survival, error, level)


def cumulative_incidence(
    time: ArrayLike, event: ArrayLike, times: ArrayLike, *, level: float = 0.95
) -> IncidenceCurve:
    """Estimate the share with the event by some times, where other events prevent it.

    Parameters
    ----------
    time : array-like of shape (n_samples,)
        To the first event, of whatever kind, or the end of follow-up.
    event : array-like of shape (n_samples,)
        0 censored, 1 the event, from 2 up competing events.
    times : float or array-like of shape (n_times,)
    level : float, default 0.95

    Returns
    -------
    IncidenceCurve
        Aalen and Johansen's estimate with Gray's standard errors, as ``cuminc`` of the R package
        cmprsk.

    Raises
    ------
    MismatchError
        See :mod:`mirrisk.validation.follow_up`.

    References
    ----------
    doi:10.1214/aos/1176350951

    Examples
    --------
    >>> cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0], [2, 3]).values
    (0.25, 0.5)
    """
    data, asked = follow_up(time, event, competing=True), check_times(times)
    check_level(level)
    table = LifeTable.of(data)
    incidence, error = table.incidence(asked)
    return _curve("cumulative incidence", table, asked, incidence, error, level)


def _curve(
    what: str,
    table: LifeTable,
    times: FloatArray,
    share: FloatArray,
    error: FloatArray,
    level: float,
) -> IncidenceCurve:
    inside = (share > 0) & (share < 1)
    safe = np.where(inside, share, 0.5)
    spread = normal_quantile(level) * error / (safe * -np.log(safe))
    low, high = (np.where(inside, safe ** np.exp(s * spread), np.nan) for s in (1, -1))
    limits = zip(share.tolist(), error.tolist(), low.tolist(), high.tolist(), strict=True)
    return IncidenceCurve(
        what=what,
        times=tuple(times.tolist()),
        estimates=tuple(Estimate(value, e, lo, hi, level) for value, e, lo, hi in limits),
        at_risk=tuple(table.at_risk_at(times).tolist()),
    )


class LifeTable(NamedTuple):
    """Counts at each distinct time.

    Attributes
    ----------
    times : array of shape (n_times,)
        Distinct observed times, ascending.
    at_risk : array of shape (n_times,)
        Samples observed up to it at least.
    events, competing, censored : arrays of shape (n_times,)
        Those whose time ends there, of each kind. Those censored are at risk of its events.
    """

    times: FloatArray
    at_risk: FloatArray
    events: FloatArray
    competing: FloatArray
    censored: FloatArray

    @classmethod
    def of(cls, data: FollowUp) -> LifeTable:
        """Count."""
        times, at = np.unique(data.time, return_inverse=True)
        kind = np.minimum(data.event, 2)
        counts = np.zeros((len(times), 3))
        np.add.at(counts, (at, kind), 1)
        ended = counts.sum(axis=1)
        at_risk = len(data.time) - np.cumsum(ended) + ended
        return cls(times, at_risk, counts[:, 1], counts[:, 2], counts[:, 0])

    def at_risk_at(self, times: FloatArray) -> FloatArray:
        """Return how many are at risk at any times."""
        padded = np.append(self.at_risk, 0).astype(int)
        return np.asarray(padded[np.searchsorted(self.times, times, side="left")])

    def survival(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the share free of any event at some times, and Greenwood's standard error."""
        left = self.at_risk - self.events - self.competing
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = (self.at_risk - left) / (self.at_risk * left)
            error = self._after() * np.sqrt(np.cumsum(terms))
        return self._at(times, self._after(), 1.0), self._at(times, error, 0.0)

    def incidence(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the share with the event by some times, and Gray's standard error."""
        curve, value = self.incidence_curve(), self.incidence_by(times)
        pairs = zip(times.tolist(), value.tolist(), strict=True)
        variances = [self._incidence_variance(curve, *pair) for pair in pairs]
        return value, np.sqrt(np.array(variances))

    def incidence_by(self, times: FloatArray) -> FloatArray:
        """Return the share with the event by some times."""
        return self._at(times, self.incidence_curve(), 0.0)

    def incidence_curve(self) -> FloatArray:
        """Return the cumulative incidence at each distinct time."""
        after = self._after()
        before = np.append(1.0, after[:-1])
        return np.asarray(np.cumsum(before * self.events / self.at_risk))

    def _incidence_variance(self, curve: FloatArray, time: float, value: float) -> float:
        if np.isnan(value):
            return float("nan")
        until = self.times <= time
        at_risk, events, competing = (x[until] for x in self[1:4])
        after = self._after()[until]
        before = np.append(1.0, after)[:-1]
        # Where nobody is left nothing can follow, and the curve is at its end.
        later = np.divide(curve[until] - value, after, out=np.zeros_like(after), where=after > 0)
        parts = ((events, 1 + later), (competing, later))
        ties = [1 - np.maximum(d - 1, 0) / np.maximum(at_risk - 1, 1) for d, _ in parts]
        return float(
            sum(
                np.sum((before * effect / at_risk) ** 2 * d * tie)
                for (d, effect), tie in zip(parts, ties, strict=True)
            )
        )

    def _after(self) -> FloatArray:
        """Return the share free of any event just after each distinct time."""
        return np.asarray(np.cumprod(1 - (self.events + self.competing) / self.at_risk))

    def _at(self, times: FloatArray, values: FloatArray, start: float) -> FloatArray:
        """Read a step function; NaN beyond the last time unless nobody is left."""
        found = np.append(start, values)[np.searchsorted(self.times, times, side="right")]
        unknown = (times > self.times[-1]) & (self._after()[-1] > 0)
        return np.where(unknown, np.nan, found)


class Censoring(NamedTuple):
    """The share not yet censored, as a step function.

    Events at a time come before censorings at the same time.
    """

    times: FloatArray
    after: FloatArray

    @classmethod
    def of(cls, data: FollowUp) -> Censoring:
        """Estimate it by Kaplan and Meier with the roles of event and censoring exchanged."""
        table = LifeTable.of(data)
        at_risk = table.at_risk - table.events - table.competing
        share = np.divide(table.censored, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
        return cls(table.times, np.append(1.0, np.cumprod(1 - share)))

    def at(self, times: FloatArray) -> FloatArray:
        """Return the share not censored up to and at some times."""
        return np.asarray(self.after[np.searchsorted(self.times, times, side="right")])

    def before(self, times: FloatArray) -> FloatArray:
        """Return the share not censored before some times."""
        return np.asarray(self.after[np.searchsorted(self.times, times, side="left")])
