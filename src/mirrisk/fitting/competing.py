"""Competing risks: the Fine-Gray model.

The cumulative incidence is that of :mod:`mirrisk.validation.incidence`.

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

from mirrisk.fitting.columns import table
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
