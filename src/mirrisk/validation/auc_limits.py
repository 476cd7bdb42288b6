"""Confidence limits of AUCs, for one cohort or for many at once.

The default is a score interval: its limits are those AUC ``t`` whose distance from the estimate
is ``z`` standard errors *at t*, not at the estimate. Near 1 the estimated variance vanishes while
the limit's does not, and AUC = 1 needs no rule of its own. The variance at ``t`` is that of two
normal distributions of equal spread, multiplied by the factor by which DeLong's variance exceeds
it at the estimate where it does: a cohort's own variance may widen the interval, but some ten
events cannot narrow it. The combination is mirrisk's own; its coverage is measured in
docs/validation.md.

References
----------
Bamber D. The area above the ordinal dominance graph and the area below the receiver operating
characteristic graph. J Math Psychol 1975;12:387-415. doi:10.1016/0022-2496(75)90001-2

DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated receiver
operating characteristic curves. Biometrics 1988;44:837-845. doi:10.2307/2531595

Newcombe RG. Confidence intervals for an effect size measure based on the Mann-Whitney statistic.
Part 2: asymptotic methods and evaluation. Stat Med 2006;25:559-573. doi:10.1002/sim.2324
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy.special import expit, logit, ndtri, owens_t

from mirrisk.errors import MismatchError
from mirrisk.validation.estimate import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirrisk.vocabulary import FloatArray

Method = Literal["binormal-score", "logit-DeLong", "DeLong", "Newcombe"]

DEFAULT: Method = "binormal-score"

_HALVINGS = 60
"""Of an interval of length 1: to less than rounding."""


def auc_limits(
    auc: FloatArray,
    variance: FloatArray,
    events: int,
    others: int,
    level: float = 0.95,
    method: Method = DEFAULT,
) -> tuple[FloatArray, FloatArray]:
    """Return the limits of AUCs that were found in cohorts of the same size.

    Parameters
    ----------
    auc : array of shape (n_cohorts,)
        0 to 1.
    variance : array of shape (n_cohorts,)
        DeLong's. Where it is 0 (AUC 0 or 1, constant risk) or unknown (NaN: fewer than two
        events or non-events), every method but Newcombe's, which needs none, answers with the
        score interval of the binormal variance.
    events, others : int
        Samples with and without the event in each.
    level : float, default 0.95
    method : {"binormal-score", "logit-DeLong", "DeLong", "Newcombe"}

    Returns
    -------
    low, high : arrays of shape (n_cohorts,)

    Raises
    ------
    MismatchError
        If the method is not one of these.
    """
    z = normal_quantile(level)
    if method == "Newcombe":
        return _score_limits(auc, lambda t: _exponential_variance(t, events, others), z)
    if method == "binormal-score":
        return _binormal_limits(auc, variance, events, others, z)
    if method not in get_args(Method):
        raise MismatchError(f"method {method!r}", expected=" or ".join(get_args(Method)))
    unknown = ~(variance > 0)
    low, high = (_logit_limits if method == "logit-DeLong" else _wald_limits)(
        np.where(unknown, 0.5, auc), np.where(unknown, 1.0, variance), z
    )
    without = _binormal_limits(auc, np.zeros_like(variance), events, others, z)
    return np.where(unknown, without[0], low), np.where(unknown, without[1], high)


def binormal_variance(auc: FloatArray, events: int, others: int) -> FloatArray:
    """Return the variance of the AUC of two normal distributions of equal spread.

    Parameters
    ----------
    auc : array
        The true AUC, 0 to 1.
    events, others : int
        Samples with and without the event.

    Returns
    -------
    array

    Notes
    -----
    Bamber's variance, in which the probability that two events are above one non-event (and that
    one event is above two non-events) is that of two standard normal variables of correlation 1/2
    both lying below Phi^-1(AUC), by Owen's T function.
    """
    both = auc - 2 * owens_t(ndtri(auc), 1 / math.sqrt(3))
    spread = both - auc**2
    pairs = events * others
    return np.asarray((auc * (1 - auc) + (events + others - 2) * spread) / pairs)


def _exponential_variance(auc: FloatArray, events: int, others: int) -> FloatArray:
    """Return Hanley and McNeil's variance with Newcombe's (method 5) equal sample sizes."""
    half = (events + others) / 2 - 1
    factor = 1 + half * (1 - auc) / (2 - auc) + half * auc / (1 + auc)
    return np.asarray(auc * (1 - auc) * factor / (events * others))


def _binormal_limits(
    auc: FloatArray, variance: FloatArray, events: int, others: int, z: float
) -> tuple[FloatArray, FloatArray]:
    model = binormal_variance(auc, events, others)
    known = (variance > 0) & (model > 0)
    ratio = np.where(known, variance, 1.0) / np.where(known, model, 1.0)
    inflation = np.maximum(1.0, ratio)
    return _score_limits(auc, lambda t: inflation * binormal_variance(t, events, others), z)


def _score_limits(
    auc: FloatArray, variance_at: Callable[[FloatArray], FloatArray], z: float
) -> tuple[FloatArray, FloatArray]:
    """Solve ``|auc - t| = z * sqrt(variance_at(t))`` on either side of each AUC."""

    def farthest_within(end: float) -> FloatArray:
        within, beyond = auc, np.full_like(auc, end)
        for _ in range(_HALVINGS):
            middle = (within + beyond) / 2
            inside = (auc - middle) ** 2 <= z**2 * variance_at(middle)
            within, beyond = np.where(inside, middle, within), np.where(inside, beyond, middle)
        return within

    return farthest_within(0.0), farthest_within(1.0)


def _logit_limits(auc: FloatArray, variance: FloatArray, z: float) -> tuple[FloatArray, FloatArray]:
    margin = z * np.sqrt(variance) / (auc * (1 - auc))
    return np.asarray(expit(logit(auc) - margin)), np.asarray(expit(logit(auc) + margin))


def _wald_limits(auc: FloatArray, variance: FloatArray, z: float) -> tuple[FloatArray, FloatArray]:
    margin = z * np.sqrt(variance)
    return np.maximum(auc - margin, 0.0), np.minimum(auc + margin, 1.0)
