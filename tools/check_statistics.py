"""Statistics of the evaluation, written anew with numpy, scipy and scikit-learn alone.

Plain and slow on purpose: every pair of an event and a non-event is looked at, so that nothing is
shared with the package, not even the way that it counts.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special, stats
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.intp]]

Z = float(stats.norm.ppf(0.975))

HERMITE = np.polynomial.hermite_e.hermegauss(150)
"""Nodes and weights of a normal variable: to 1e-14 for what is integrated here."""


class Limits(NamedTuple):
    """An estimate with its 95% limits."""

    estimate: float
    low: float
    high: float


def wins(y: FloatArray, risk: FloatArray) -> FloatArray:
    """Return 1, 0.5 or 0 for each pair of an event (rows) and a non-event (columns)."""
    case, other = risk[y == 1][:, None], risk[y == 0][None, :]
    return np.asarray((case > other) + (case == other) / 2)


def auc(y: FloatArray, risk: FloatArray) -> Limits:
    """Return the AUC by scikit-learn, checked against scipy, with the binormal score interval."""
    area = float(roc_auc_score(y, risk))
    test = stats.mannwhitneyu(risk[y == 1], risk[y == 0])
    if abs(test.statistic / (y.sum() * (len(y) - y.sum())) - area) > 1e-12:
        raise ArithmeticError("scipy and scikit-learn do not agree")
    return score_limits(area, delong(wins(y, risk)), int(y.sum()), int(len(y) - y.sum()))


def delong(pairs: FloatArray) -> float:
    """Return DeLong's variance of the mean of a matrix of pairs."""
    rows, columns = pairs.mean(axis=1), pairs.mean(axis=0)
    return float(rows.var(ddof=1) / len(rows) + columns.var(ddof=1) / len(columns))


def binormal_variance(area: float, events: int, others: int) -> float:
    """Return Bamber's variance for two normal distributions of equal spread, by quadrature."""
    nodes, weights = HERMITE
    apart = math.sqrt(2) * special.ndtri(area)
    both = float((weights * special.ndtr(apart - nodes) ** 2).sum() / weights.sum())
    within = area * (1 - area) + (events + others - 2) * (both - area**2)
    return float(within / (events * others))


def score_limits(area: float, variance: float, events: int, others: int) -> Limits:
    """Return limits whose distance is 1.96 standard errors at the limit."""
    inflation = max(1.0, variance / binormal_variance(area, events, others))

    def beyond(t: float) -> float:
        return (area - t) ** 2 - Z**2 * inflation * binormal_variance(t, events, others)

    low = optimize.brentq(beyond, 1e-9, area, xtol=1e-15, rtol=1e-14)
    high = optimize.brentq(beyond, area, 1 - 1e-9, xtol=1e-15, rtol=1e-14)
    return Limits(area, float(low), float(high))


def auc_difference(y: FloatArray, first: FloatArray, second: FloatArray) -> Limits:
    """Return the difference of two AUCs with DeLong's paired limits."""
    apart = wins(y, first) - wins(y, second)
    return normal_limits(float(apart.mean()), delong(apart))


def normal_limits(estimate: float, variance: float) -> Limits:
    """Return limits of a normal distribution."""
    half = Z * math.sqrt(variance)
    return Limits(estimate, estimate - half, estimate + half)


def share(count: int, of: int) -> Limits:
    """Return a share with exact limits."""
    interval = stats.binomtest(count, of).proportion_ci(0.95, method="exact")
    return Limits(count / of, float(interval.low), float(interval.high))


def auc_within(y: FloatArray, risk: FloatArray, groups: Any) -> Limits:
    """Return the AUC over pairs of the same group, with its score interval.

    Of those alone who are in a pair; the variance is that of their shares of pairs won around the
    AUC of all pairs.
    """
    same = groups[y == 1][:, None] == groups[y == 0][None, :]
    won = wins(y, risk) * same
    area = float(won.sum() / same.sum())
    variance, sizes = 0.0, []
    for axis in (1, 0):
        paired = same.sum(axis=axis)
        placed = won.sum(axis=axis)[paired > 0] / paired[paired > 0]
        m = len(placed)
        variance += float(np.sum((placed - area) ** 2)) / (m * (m - 1))
        sizes.append(m)
    return score_limits(area, variance, *sizes)


# -- models with covariates -------------------------------------------------------------------


def out_of_fold(X: FloatArray, y: FloatArray, assignment: IntArray) -> FloatArray:
    """Return risks of logistic models: shape (n_samples, n_repeats)."""
    risks = np.empty(assignment.shape)
    for repeat in range(assignment.shape[1]):
        for fold in np.unique(assignment[:, repeat]):
            test = assignment[:, repeat] == fold
            model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
            model.fit(X[~test], y[~test])
            risks[test, repeat] = model.predict_proba(X[test])[:, 1]
    return risks


class Repeated(NamedTuple):
    """Pairs within folds: the AUC of each repeat, and each sample's mean share of pairs won."""

    by_repeat: FloatArray
    of_events: FloatArray
    of_others: FloatArray


def within_folds(y: FloatArray, risks: FloatArray, assignment: IntArray) -> Repeated:
    """Compare events with non-events of their own fold, in every repeat."""
    won = total = np.zeros((int(y.sum()), int(len(y) - y.sum())))
    by_repeat = []
    for repeat in range(risks.shape[1]):
        fold = assignment[:, repeat]
        same = fold[y == 1][:, None] == fold[y == 0][None, :]
        each = wins(y, risks[:, repeat]) * same
        by_repeat.append(each.sum() / same.sum())
        won, total = won + each, total + same
    return Repeated(
        np.array(by_repeat),
        won.sum(axis=1) / total.sum(axis=1),
        won.sum(axis=0) / total.sum(axis=0),
    )


def repeated_variance(found: Repeated, folds: int) -> float:
    """Return the variance of a mean over repeats, for other patients to learn from and judge.

    Variances of the placements around the AUC (not around their own means, which differ from it
    a little where folds differ in size), with Nadeau and Bengio's factor, and that of repeats.
    """
    mean = found.by_repeat.mean()
    sampling = 0.0
    for placed in (found.of_events, found.of_others):
        sampling += np.sum((placed - mean) ** 2) / (len(placed) * (len(placed) - 1))
    return float(sampling * (1 + 1 / (folds - 1)) + found.by_repeat.var(ddof=1))


def repeated_auc(y: FloatArray, risks: FloatArray, assignment: IntArray) -> Limits:
    """Return the mean AUC within folds, with its score interval."""
    found = within_folds(y, risks, assignment)
    events = int(y.sum())
    return score_limits(
        float(found.by_repeat.mean()),
        repeated_variance(found, int(assignment.max()) + 1),
        events,
        len(y) - events,
    )


def repeated_difference(
    y: FloatArray, first: FloatArray, second: FloatArray, assignment: IntArray
) -> Limits:
    """Return the difference of two models' mean AUCs within folds, with normal limits."""
    a, b = (within_folds(y, risks, assignment) for risks in (first, second))
    apart = Repeated(*(one - other for one, other in zip(a, b, strict=True)))
    variance = repeated_variance(apart, int(assignment.max()) + 1)
    return normal_limits(float(apart.by_repeat.mean()), variance)


# -- times ------------------------------------------------------------------------------------


def harrell(time: FloatArray, event: FloatArray, risk: FloatArray) -> Limits:
    """Return Harrell's C over all pairs, with the infinitesimal jackknife's limits.

    Symmetric on the logit scale, by the t distribution with a degree of freedom less than events.
    """
    earlier = (event == 1)[:, None] & (
        (time[:, None] < time[None, :]) | ((time[:, None] == time[None, :]) & (event == 0)[None, :])
    )
    right = (risk[:, None] > risk[None, :]) + (risk[:, None] == risk[None, :]) / 2
    won = earlier * right
    index = won.sum() / earlier.sum()
    mine = (won.sum(axis=0) + won.sum(axis=1)) - index * (earlier.sum(axis=0) + earlier.sum(axis=1))
    variance = np.sum((mine / earlier.sum()) ** 2) * len(time) / (len(time) - 1)
    half = stats.t.ppf(0.975, event.sum() - 1) * math.sqrt(variance) / (index * (1 - index))
    low, high = (float(special.expit(special.logit(index) + side * half)) for side in (-1, 1))
    return Limits(float(index), low, high)
