"""Cox regression without penalty, and what the partial likelihood says of given predictors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.columns import numbers
from mirrisk.fitting.cox_problem import CoxProblem, null_model
from mirrisk.fitting.risk_sets import RiskSets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray

COLLINEAR = 1e-9
"""Columns whose correlation matrix has a smaller eigenvalue depend on one another."""


class DependentError(MismatchError):
    """Columns of which one follows from the others: no one set of coefficients is optimal."""


@dataclass(frozen=True, eq=False)
class CoxFit:
    """Cox regression by maximum partial likelihood.

    Attributes
    ----------
    coefficients : array of shape (n_features,)
        Log hazard ratios per unit.
    covariance : array of shape (n_features, n_features)
        Of the coefficients: the inverse of the information matrix.
    log_likelihood, null_log_likelihood : float
        Log partial likelihood at the coefficients, and with all of them 0.
    """

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float
    null_log_likelihood: float

    @property
    def standard_errors(self) -> FloatArray:
        """Standard errors of the coefficients."""
        return np.sqrt(np.diag(self.covariance))


def fit_cox(
    X: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    start: ArrayLike | None = None,
    sample: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> CoxFit:
    """Fit Cox regression without penalty (Breslow's treatment of ties).

    The weights are rescaled to a mean of 1: standard errors are those of as many samples as there
    are, not of the sum of the weights.

    Parameters
    ----------
    X, time, event, start, sample, weights
        As for :func:`mirrisk.fitting.cox.fit_cox_path`.

    Returns
    -------
    CoxFit

    Raises
    ------
    InvalidExpressionError
        `X` is no table of finite numbers.
    MismatchError
        Times or events are unusable; columns are constant; no finite coefficients are optimal.
    DependentError
        Columns depend linearly on one another. (It is a MismatchError.)

    References
    ----------
    Cox DR. Regression models and life-tables. J R Stat Soc B 1972;34:187-220.

    Examples
    --------
    >>> fit = fit_cox([[1.0], [0.0], [0.0], [1.0]], [1, 2, 3, 4], [1, 1, 1, 1])
    >>> fit.coefficients.round(3), round(fit.null_log_likelihood, 3)
    (array([-0.481]), -3.178)
    """
    problem = CoxProblem.of(
        X,
        time,
        event,
        start=start,
        sample=sample,
        alpha=0.0,
        lower=-np.inf,
        upper=np.inf,
        penalty_factors=None,
        weights=weights,
        standardize=True,
    )
    _refuse_dependent(problem)
    problem = problem.without_penalty()
    gamma = null_model(problem)
    information = problem.information(gamma) * problem.risk.n
    likelihoods = problem.risk.log_likelihood(np.stack([problem.Z @ gamma, 0 * problem.Z[:, 0]]))
    return CoxFit(
        coefficients=gamma / problem.sds,
        covariance=np.linalg.inv(information) / np.outer(problem.sds, problem.sds),
        log_likelihood=float(likelihoods[0]),
        null_log_likelihood=float(likelihoods[1]),
    )


def log_partial_likelihood(
    time: ArrayLike,
    event: ArrayLike,
    linear_predictors: ArrayLike,
    *,
    start: ArrayLike | None = None,
    sample: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> FloatArray:
    """Return the log partial likelihood (Breslow) of given log hazards.

    Parameters
    ----------
    time, event, start, sample, weights
        As for :func:`mirrisk.fitting.cox.fit_cox_path`.
    linear_predictors : array of shape (..., n_samples)
        Log hazards of one model or of several.

    Returns
    -------
    array of shape (...)

    Raises
    ------
    MismatchError
        Times or events are unusable, or the number of linear predictors is another.

    Examples
    --------
    One of two at risk has the event, both equally likely:

    >>> log_partial_likelihood([1, 2], [1, 0], [0, 0]).round(3)
    np.float64(-0.693)
    """
    eta = _predictors(linear_predictors)
    risk = RiskSets.of(
        time, event, start=start, weights=weights, sample=sample, n_samples=eta.shape[-1]
    )
    return risk.log_likelihood(eta)


def cross_validated_deviance(
    time: ArrayLike,
    event: ArrayLike,
    linear_predictors: ArrayLike,
    training: ArrayLike,
    *,
    start: ArrayLike | None = None,
    sample: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> FloatArray:
    """Return the deviance of samples that a model has not seen, for one fold.

    Those left out may hold too few events for a partial likelihood of their own, so that it is
    taken as the difference: -2 times the log partial likelihood of all samples less that of the
    training samples, both at the coefficients fitted to the training samples. The penalty with
    the smallest sum over the folds predicts best.

    Parameters
    ----------
    time, event, start, sample, weights
        Of all samples, as for :func:`mirrisk.fitting.cox.fit_cox_path`.
    linear_predictors : array of shape (..., n_samples)
        Log hazards of all samples by the models fitted to the training samples, one per penalty.
    training : boolean array of shape (n_samples,)
        The samples that the models were fitted to.

    Returns
    -------
    array of shape (...)
        The deviance; of the same unit for every fold, so that folds add up.

    Raises
    ------
    MismatchError
        Times or events are unusable, the number of linear predictors is another, or there are
        no events among the training samples.

    References
    ----------
    Verweij PJM, van Houwelingen HC. Cross-validation in survival analysis. Stat Med
    1993;12:2305-2314. doi:10.1002/sim.4780122407

    Examples
    --------
    The third sample is left out. Among the training samples one of two has the event, and with
    the third one of three and one of two: -2 log(1/3 * 1/2) + 2 log(1/2) = 2 log(3).

    >>> deviance = cross_validated_deviance([1, 3, 2], [1, 0, 1], [0, 0, 0], [True, True, False])
    >>> deviance.round(3)
    np.float64(2.197)
    """
    eta = _predictors(linear_predictors)
    known = np.asarray(training)
    if known.dtype != bool or known.shape != eta.shape[-1:]:
        raise MismatchError(
            f"training holds {known.dtype} and has the shape {known.shape}",
            expected="True or False for each sample",
        )
    mass = np.ones(np.shape(time)) if weights is None else numbers(weights, "weights")
    owner = np.arange(len(known)) if sample is None else np.asarray(sample)
    everyone, part = (
        RiskSets.of(time, event, start=start, weights=m, sample=sample, n_samples=len(known))
        for m in (mass, np.where(known[owner], mass, 0.0))
    )
    # Risk sets are rescaled to a mean weight of 1, which here must be the same in both.
    scale = everyone.mass[known].sum() / part.mass[known].sum()
    trained = scale * (part.log_likelihood(eta) - part.deaths.sum() * np.log(scale))
    return np.asarray(-2 * (everyone.log_likelihood(eta) - trained))


def _predictors(linear_predictors: ArrayLike) -> FloatArray:
    eta = numbers(linear_predictors, "linear_predictors")
    if not eta.ndim or not np.isfinite(eta).all():
        raise MismatchError(
            f"linear_predictors has the shape {eta.shape}, or is not finite",
            expected="a finite number per sample",
        )
    return eta


def _refuse_dependent(problem: CoxProblem) -> None:
    constant = np.flatnonzero(~problem.columns)
    if constant.size:
        raise MismatchError(
            "constant columns have no coefficient",
            where=f"columns {', '.join(map(str, constant))}",
            remedy="leave them out",
        )
    correlation = problem.Z.T @ (problem.Z * problem.risk.mass[:, None]) / problem.risk.n
    if np.linalg.eigvalsh(correlation)[0] < COLLINEAR:
        raise DependentError(
            f"{problem.Z.shape[1]} columns depend linearly on one another",
            where=f"{problem.risk.n} samples",
            expected="columns none of which follows from the others",
            remedy="leave some out, or fit with a penalty (fit_cox_path)",
        )
