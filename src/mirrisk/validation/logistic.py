"""Logistic regression of a few coefficients by maximum likelihood, without penalty.

References
----------
Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models. Biometrika
1986;73:13-22. doi:10.1093/biomet/73.1.13

Konis K. Linear programming algorithms for detecting separated data in binary logistic regression
models. DPhil thesis, University of Oxford, 2007.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.clustered import sum_by_patient

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray, IntArray

_SEPARATION_TOLERANCE = 1e-5
"""Mean distance from a separating plane that the linear program's own tolerance cannot make."""

_SCORE_TOLERANCE = 1e-10
"""Greatest derivative of the mean log-likelihood at its maximum."""

_POLISHING_STEPS = 10


class SeparatedError(MismatchError):
    """Events and non-events lie on two sides of a plane: the coefficients are infinite."""


class NotConvergedError(MismatchError):
    """No maximum of the likelihood was found."""


class LogisticFit(NamedTuple):
    """A fitted model.

    Attributes
    ----------
    coefficients, standard_errors : arrays of shape (n_columns,)
        The errors are from the Fisher information; for clustered samples Liang and Zeger's.
    log_likelihood : float
        Natural logarithm.
    """

    coefficients: FloatArray
    standard_errors: FloatArray
    log_likelihood: float


def log_likelihood(log_odds: FloatArray, y: FloatArray) -> float:
    """Return the natural logarithm of the likelihood of outcomes 0 and 1."""
    return float(np.sum(y * log_odds - np.logaddexp(0, log_odds)))


def fit_logistic(
    design: FloatArray,
    y: FloatArray,
    offset: FloatArray | float = 0.0,
    patients: IntArray | None = None,
) -> LogisticFit:
    """Maximise the likelihood of ``offset + design @ coefficients``.

    Parameters
    ----------
    design : array of shape (n_samples, n_columns)
        Linearly independent columns, with one of ones for an intercept.
    y : array of shape (n_samples,)
        0 and 1.
    offset : array of shape (n_samples,), default 0
        Log odds that are given.
    patients : array of int of shape (n_samples,), optional
        Samples of one patient are not independent: standard errors are then a sandwich.

    Raises
    ------
    SeparatedError
        If a plane separates events from non-events, also where samples lie on it.
    NotConvergedError
        If columns or offset are too extreme.
    """
    # In an orthogonal basis units and correlations of the columns do not matter.
    q, r = np.linalg.qr(design)
    basis, triangle = q * np.sqrt(len(y)), r / np.sqrt(len(y))
    _refuse_separation(basis, y)
    offsets = np.broadcast_to(np.asarray(offset, dtype=np.float64), y.shape)
    in_basis, information = _maximise(basis, offsets, y)
    to_coefficients = np.linalg.inv(triangle)
    spread = np.linalg.inv(information)
    if patients is not None:
        probability = np.exp(-np.logaddexp(0, -(offsets + basis @ in_basis)))
        sums = sum_by_patient(basis * (y - probability)[:, np.newaxis], patients)
        spread = spread @ (sums.T @ sums) @ spread
    covariance = to_coefficients @ spread @ to_coefficients.T
    return LogisticFit(
        coefficients=to_coefficients @ in_basis,
        standard_errors=np.sqrt(np.diag(covariance)),
        log_likelihood=log_likelihood(offsets + basis @ in_basis, y),
    )


def _maximise(
    basis: FloatArray, offset: FloatArray, y: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the maximum likelihood estimate and the Fisher information there."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(theta: FloatArray) -> float:
        return -log_likelihood(offset + basis @ theta, y) / len(y)

    def gradient(theta: FloatArray) -> FloatArray:
        return np.asarray(basis.T @ (expit(offset + basis @ theta) - y) / len(y))

    def hessian(theta: FloatArray) -> FloatArray:
        p = expit(offset + basis @ theta)
        return np.asarray((basis.T * (p * (1 - p))) @ basis / len(y))

    start = np.zeros(basis.shape[1])
    found = minimize(
        loss, start, method="trust-exact", jac=gradient, hess=hessian, options={"gtol": 1e-5}
    )
    theta = np.asarray(found.x)
    # Closer by than this a change of the loss is lost in rounding, and a trust region shrinks
    # for nothing; plain Newton steps need the gradient only.
    for _ in range(_POLISHING_STEPS):
        if np.abs(gradient(theta)).max() <= _SCORE_TOLERANCE:
            return theta, hessian(theta) * len(y)
        theta = theta - np.linalg.lstsq(hessian(theta), gradient(theta), rcond=None)[0]
    raise NotConvergedError(
        "the logistic fit does not converge",
        expected="predictors and log odds of moderate size",
        remedy="look for extreme values among them",
    )


def _refuse_separation(basis: FloatArray, y: FloatArray) -> None:
    """Refuse data whose likelihood has no maximum: a linear program looks for the plane."""
    from scipy.optimize import linprog

    signed = basis * (2 * y - 1)[:, np.newaxis]
    found = linprog(
        -signed.mean(axis=0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1), method="highs"
    )
    if not found.success or -found.fun <= _SEPARATION_TOLERANCE:
        return
    raise SeparatedError(
        "a plane separates events from non-events, so the coefficients are infinite",
        expected="events and non-events that overlap",
        remedy="more samples, or fewer predictors",
    )
