"""Competing risks: the Fine-Gray model and the cumulative incidence.

The hazard of the subdistribution counts those among the ones at risk whom the competing event has
taken, for as long as they would have been followed: each with the probability of not being
censored meanwhile. So weighted, Cox regression fits the model, with or without a penalty.

References
----------
Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. J Am
Stat Assoc 1999;94:496-509. doi:10.1080/01621459.1999.10474144

Geskus RB. Cause-specific cumulative incidence estimation and the Fine and Gray model under both
left truncation and right censoring. Biometrics 2011;67:39-49.
doi:10.1111/j.1541-0420.2010.01420.x
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.columns import numbers, table
from mirrisk.fitting.cox_likelihood import fit_cox
from mirrisk.fitting.endpoint import CENSORED, COMPETING, EVENT, Outcome, time_to_metastasis
from mirrisk.fitting.risk_sets import RiskSets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray, IntArray


class SubdistributionRows(NamedTuple):
    """Follow-up for the hazard of the subdistribution: what Cox regression takes.

    Attributes
    ----------
    sample : int array of shape (n_rows,)
        The sample that each row belongs to. Each has one row, and more after a competing event.
    start, time : arrays of shape (n_rows,)
        At risk after `start` up to and including `time`.
    event : int array of shape (n_rows,)
        1 if the event of interest ended the row, else 0.
    weights : array of shape (n_rows,)
        1, and after a competing event the probability of not being censored since.
    """

    sample: IntArray
    start: FloatArray
    time: FloatArray
    event: IntArray
    weights: FloatArray


def subdistribution_rows(time: ArrayLike, event: ArrayLike) -> SubdistributionRows:
    """Return the rows of follow-up with which Cox regression is the Fine-Gray model.

    A sample with a competing event at T stays at risk after it, with the weight G(t-)/G(T-), where
    G is the Kaplan-Meier estimate of not being censored. Where a censoring and an event fall on
    the same time, who has the event counts as at risk of being censored, as in the R package
    cmprsk; survival's ``finegray`` puts the censoring a moment later, and differs there.

    Parameters
    ----------
    time, event
        As for :func:`mirrisk.fitting.endpoint.time_to_metastasis`.

    Returns
    -------
    SubdistributionRows
        The weights are those at the times of events, which are all that matters to the fit; rows
        end there.

    Raises
    ------
    MismatchError
        Times or events are unusable.

    References
    ----------
    Geskus 2011; Fine and Gray 1999 (see the module).

    Examples
    --------
    The first sample died at 1; of the three others one is censored at 2. At 3 the dead sample
    counts by 2/3.

    >>> rows = subdistribution_rows([1, 2, 3, 4], [2, 0, 1, 0])
    >>> rows.sample, rows.start, rows.time
    (array([0, 1, 2, 3, 0]), array([0., 0., 0., 0., 1.]), array([1., 2., 3., 4., 3.]))
    >>> rows.weights.round(3)
    array([1.   , 1.   , 1.   , 1.   , 0.667])

    They are fitted as
    ``fit_cox_path(X, rows.time, rows.event, start=rows.start, sample=rows.sample,
    weights=rows.weights)``.
    """
    outcome = time_to_metastasis(time, event)
    ends, uncensored = _steps_of_weight(outcome)
    taken = np.flatnonzero(outcome.event == COMPETING)
    since = outcome.time[taken]
    # A row for every step that ends after the competing event.
    first = np.searchsorted(ends, since, side="right")
    count = len(ends) - first
    which = np.repeat(np.arange(len(taken)), count)
    step = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count) + first[which]
    begins = np.append(0.0, ends[:-1])
    n = len(outcome.time)
    return SubdistributionRows(
        sample=np.append(np.arange(n), taken[which]),
        start=np.append(np.zeros(n), np.maximum(begins[step], since[which])),
        time=np.append(outcome.time, ends[step]),
        event=np.append(outcome.event == EVENT, np.zeros(len(which))).astype(np.intp),
        weights=np.append(np.ones(n), uncensored[step] / _uncensored_before(outcome, since)[which]),
    )


@dataclass(frozen=True, eq=False)
class FineGray:
    """The Fine-Gray model, fitted without penalty.

    Attributes
    ----------
    coefficients : array of shape (n_features,)
        Log ratios of the subdistribution's hazard per unit.
    covariance : array of shape (n_features, n_features)
        Of the coefficients: the sandwich estimate, which knows that the weights are estimated.
    log_likelihood, null_log_likelihood : float
        Log pseudo partial likelihood at the coefficients, and with all of them 0.
    """

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float
    null_log_likelihood: float

    @property
    def standard_errors(self) -> FloatArray:
        """Robust standard errors of the coefficients."""
        return np.sqrt(np.diag(self.covariance))


def fine_gray(X: ArrayLike, time: ArrayLike, event: ArrayLike) -> FineGray:
    """Fit the Fine-Gray model without penalty, with robust standard errors.

    Equal to ``crr`` of the R package cmprsk.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Finite numbers.
    time, event
        As for :func:`mirrisk.fitting.endpoint.time_to_metastasis`.

    Returns
    -------
    FineGray

    Raises
    ------
    InvalidExpressionError, MismatchError
        As for :func:`mirrisk.fitting.cox_likelihood.fit_cox`.

    References
    ----------
    Fine and Gray 1999 (see the module); the variance is that of their section 3.
    """
    outcome = time_to_metastasis(time, event)
    values = table(X)
    sample, start, stop, happened, weights = subdistribution_rows(*outcome)
    fit = fit_cox(values, stop, happened, start=start, sample=sample, weights=weights)
    risk = RiskSets.of(
        stop, happened, start=start, sample=sample, weights=weights, n_samples=len(values)
    )
    influence = _influence(values - values.mean(axis=0), outcome, risk, fit.coefficients)
    return FineGray(
        coefficients=fit.coefficients,
        covariance=fit.covariance @ (influence.T @ influence) @ fit.covariance,
        log_likelihood=fit.log_likelihood,
        null_log_likelihood=fit.null_log_likelihood,
    )


class CumulativeIncidence(NamedTuple):
    """Probability of having had an event of each kind.

    Attributes
    ----------
    times : array of shape (n_times,)
    event, competing : arrays of shape (n_times,)
        Cumulative incidence of the event (code 1) and of the competing event (code 2).
    event_variance, competing_variance : arrays of shape (n_times,)
    """

    times: FloatArray
    event: FloatArray
    competing: FloatArray
    event_variance: FloatArray
    competing_variance: FloatArray


def cumulative_incidence(
    time: ArrayLike, event: ArrayLike, times: ArrayLike
) -> CumulativeIncidence:
    """Estimate the cumulative incidence of both kinds of event (Aalen-Johansen).

    Equal to ``cuminc`` of the R package cmprsk. 1 minus Kaplan-Meier with deaths as censored
    would be too high.

    Parameters
    ----------
    time, event
        As for :func:`mirrisk.fitting.endpoint.time_to_metastasis`.
    times : array of shape (n_times,)
        Where to estimate: 0 or more, at most the longest follow-up.

    Returns
    -------
    CumulativeIncidence

    Raises
    ------
    MismatchError
        Times or events are unusable; a time asked for is negative or beyond follow-up.

    References
    ----------
    Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov chains based on
    censored observations. Scand J Stat 1978;5:141-150.

    Aalen O. Nonparametric estimation of partial transition probabilities in multiple decrement
    models. Ann Stat 1978;6:534-545 (the variance, here with a correction for ties).

    Examples
    --------
    Of four one has the event, of the three others one dies, one of two has the event.

    >>> at = cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0], [1, 2, 3])
    >>> at.event, at.competing
    (array([0.25, 0.25, 0.5 ]), array([0.  , 0.25, 0.25]))
    """
    outcome = time_to_metastasis(time, event)
    wanted = np.atleast_1d(numbers(times, "times"))
    last = outcome.time.max()
    if wanted.ndim != 1 or not ((wanted >= 0) & (wanted <= last)).all():
        raise MismatchError(
            f"times asks for {wanted.min():g} to {wanted.max():g}, follow-up ends at {last:g}",
            expected="times within follow-up",
        )
    steps = np.unique(outcome.time[outcome.event != CENSORED])
    at_risk = _count_from(outcome.time, steps)
    events, competing = (
        _count_at(outcome.time[outcome.event == code], steps) for code in (EVENT, COMPETING)
    )
    passed = np.searchsorted(steps, wanted, side="right")
    first, first_variance = _incidence(events, competing, at_risk, passed)
    second, second_variance = _incidence(competing, events, at_risk, passed)
    return CumulativeIncidence(wanted, first, second, first_variance, second_variance)


# -- censoring --------------------------------------------------------------------------------


def _uncensored_before(outcome: Outcome, at: FloatArray) -> FloatArray:
    """Return the probability G(t-) of not being censored before each time, by Kaplan-Meier."""
    ends = np.unique(outcome.time[outcome.event == CENSORED])
    share = _count_at(outcome.time[outcome.event == CENSORED], ends)
    share = share / _count_from(outcome.time, ends)
    survival = np.append(1.0, np.cumprod(1 - share))
    return survival[np.searchsorted(ends, at, side="left")]


def _steps_of_weight(outcome: Outcome) -> tuple[FloatArray, FloatArray]:
    """Return the last event times before G(t-) falls, and G(t-) there."""
    times = np.unique(outcome.time[outcome.event == EVENT])
    uncensored = _uncensored_before(outcome, times)
    last = np.append(uncensored[1:] < uncensored[:-1], True)
    return times[last], uncensored[last]


def _count_from(time: FloatArray, at: FloatArray) -> FloatArray:
    """Return how many are followed up to each time or longer."""
    return np.asarray(len(time) - np.searchsorted(np.sort(time), at, side="left"), dtype=float)


def _count_at(time: FloatArray, at: FloatArray) -> FloatArray:
    """Return how many fall on each of some ascending times that hold them all."""
    return np.bincount(np.searchsorted(at, time), minlength=len(at)).astype(float)


# -- variance ---------------------------------------------------------------------------------


def _influence(
    Z: FloatArray, outcome: Outcome, risk: RiskSets, coefficients: FloatArray
) -> FloatArray:
    """Return each sample's share in the score: by its events, and by its share in the weights."""
    shares = risk.shares(Z @ coefficients) * risk.deaths[:, None]
    expected = (shares @ Z) / risk.deaths[:, None]
    happened = outcome.event == EVENT
    residuals = shares.T @ expected - Z * shares.sum(axis=0)[:, None]
    residuals[happened] += (
        Z[happened] - expected[np.searchsorted(risk.times, outcome.time[happened])]
    )
    return np.asarray(residuals + _influence_of_weights(Z, outcome, risk, shares, expected))


def _influence_of_weights(
    Z: FloatArray, outcome: Outcome, risk: RiskSets, shares: FloatArray, expected: FloatArray
) -> FloatArray:
    """Return what each sample's censoring, expected and met, does to the score by way of G."""
    time, code = outcome
    ends = np.unique(time[code == CENSORED])
    at_risk = _count_from(time, ends)
    hazard = _count_at(time[code == CENSORED], ends) / at_risk
    effect = np.zeros((len(ends), Z.shape[1]))
    for i, end in enumerate(ends):
        taken = (code == COMPETING) & (time < end)
        part = shares[risk.times >= end][:, taken]
        later = expected[risk.times >= end]
        effect[i] = (part.sum(axis=0) @ Z[taken] - part.sum(axis=1) @ later) / at_risk[i]
    compensated = np.vstack([np.zeros(Z.shape[1]), np.cumsum(effect * hazard[:, None], axis=0)])
    influence = -compensated[np.searchsorted(ends, time, side="right")]
    censored = code == CENSORED
    influence[censored] += effect[np.searchsorted(ends, time[censored])]
    return influence


def _incidence(
    deaths: FloatArray, others: FloatArray, at_risk: FloatArray, passed: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return the cumulative incidence of one kind of event after some of the steps, its variance.

    An event of the kind at s moves the incidence at t > s up by itself and down by what it takes
    from those who could follow; one of the other kind does the latter alone.
    """
    free = np.cumprod(1 - (deaths + others) / at_risk)
    before = np.append(1.0, free[:-1])
    curve = np.cumsum(before * deaths / at_risk)
    own, other = ((before / at_risk) ** 2 * d * _of_ties(d, at_risk) for d in (deaths, others))
    variance = np.zeros(len(passed))
    for i, k in enumerate(passed):
        follow = (curve[k - 1] if k else 0.0) - curve[:k]
        # After the last at risk nothing follows.
        share = np.divide(follow, free[:k], out=np.zeros(k), where=free[:k] > 0)
        variance[i] = (1 - share) ** 2 @ own[:k] + share**2 @ other[:k]
    return np.append(0.0, curve)[passed], variance


def _of_ties(deaths: FloatArray, at_risk: FloatArray) -> FloatArray:
    """Return the correction for drawing several at once without replacement."""
    return np.asarray(1 - np.maximum(deaths - 1, 0) / np.maximum(at_risk - 1, 1))
