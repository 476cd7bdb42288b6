"""The problem of penalised logistic regression: its input, its objective, when it is solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from mirrisk.errors import MismatchError
from mirrisk.fitting.columns import Columns, check_mixing, numbers, standardised, table
from mirrisk.fitting.proximal_newton import SmoothLoss

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem(Columns):
    """Penalised logistic regression on standardised columns.

    Attributes
    ----------
    y, weights : arrays of shape (n_samples,)
        0 and 1; weights above 0 that add up to 1.
    """

    y: FloatArray
    weights: FloatArray

    @classmethod
    def of(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        *,
        alpha: float,
        lower: ArrayLike,
        upper: ArrayLike,
        penalty_factors: ArrayLike | None,
        weights: ArrayLike | None,
        standardize: bool,
    ) -> Problem:
        """Check what a user gave (see :func:`mirrisk.fitting.elastic_net.fit_path`)."""
        check_mixing(alpha)
        values = table(X)
        outcome = _outcome(y, len(values))
        mass = _weights(weights, outcome)
        values, outcome, mass = values[mass > 0], outcome[mass > 0], mass[mass > 0]
        fields = standardised(
            values,
            mass,
            alpha=alpha,
            lower=lower,
            upper=upper,
            penalty_factors=penalty_factors,
            standardize=standardize,
        )
        return cls(y=outcome, weights=mass, **fields)

    def with_intercept(self) -> LogisticLoss:
        """Return the same with the intercept as a first, unpenalised column of ones."""
        ones = np.ones((len(self.y), 1))
        first = {"share": 0.0, "square_share": 0.0, "lower": -np.inf, "upper": np.inf}
        first |= {"means": 0.0, "sds": 1.0}
        fields = {name: np.append(value, getattr(self, name)) for name, value in first.items()}
        return LogisticLoss(
            Z=np.asfortranarray(np.hstack([ones, self.Z])),
            alpha=self.alpha,
            columns=np.ones(self.Z.shape[1] + 1, dtype=bool),
            y=self.y,
            weights=self.weights,
            **fields,
        )

    def linear_predictors(self, intercepts: FloatArray, gammas: FloatArray) -> FloatArray:
        """Return the log odds, an array of shape (n_lambdas, n_samples)."""
        return np.asarray(intercepts[:, None] + gammas @ self.Z.T)

    def residuals(self, eta: FloatArray) -> FloatArray:
        """Return the weighted residuals y - P(y = 1) for log odds `eta`, in the same shape."""
        return np.asarray((self.y - expit(eta)) * self.weights)

    def objective(self, lambdas: FloatArray, gammas: FloatArray, eta: FloatArray) -> FloatArray:
        """Return the mean negative log-likelihood plus penalty, for each lambda."""
        losses = np.logaddexp(0.0, eta) - self.y * eta
        return np.asarray(losses @ self.weights + self.penalty(lambdas, gammas))

    def violation(self, lambdas: FloatArray, gammas: FloatArray, eta: FloatArray) -> FloatArray:
        """Return the steepest descent that is left along any one coefficient, for each lambda."""
        residuals = self.residuals(eta)
        descent = self.descent(lambdas, gammas, residuals @ self.Z)
        of_intercept = np.abs(residuals.sum(axis=1))
        return np.asarray(np.maximum(of_intercept, descent.max(axis=1, initial=0.0)))


@dataclass(frozen=True, eq=False, kw_only=True)
class LogisticLoss(SmoothLoss):
    """The mean negative log-likelihood of a problem whose intercept is one of the columns.

    Attributes
    ----------
    y, weights : arrays of shape (n_samples,)
    """

    y: FloatArray
    weights: FloatArray

    def objective(self, lambdas: FloatArray, gammas: FloatArray) -> FloatArray:
        """Return the loss plus penalty, for each lambda."""
        eta = gammas @ self.Z.T
        losses = np.logaddexp(0.0, eta) - self.y * eta
        return np.asarray(losses @ self.weights + self.penalty(lambdas, gammas))

    def score(self, gammas: FloatArray) -> FloatArray:
        """Return the downward gradient of the loss, for each lambda."""
        residuals = (self.y - expit(gammas @ self.Z.T)) * self.weights
        return np.asarray(residuals @ self.Z)

    def information(self, gamma: FloatArray) -> FloatArray:
        """Return the Fisher information."""
        p = expit(self.Z @ gamma)
        return np.asarray((self.Z.T * (p * (1 - p) * self.weights)) @ self.Z)


def _outcome(y: ArrayLike, n: int) -> FloatArray:
    outcome = numbers(y, "y")
    if outcome.shape != (n,):
        raise MismatchError(
            f"y has the shape {outcome.shape}, X has {n} rows", expected="one outcome per sample"
        )
    other = outcome[~np.isin(outcome, (0, 1))]
    if other.size:
        raise MismatchError(f"y holds {other[0]}", expected="0 and 1 only")
    return outcome


def _weights(weights: ArrayLike | None, y: FloatArray) -> FloatArray:
    given = np.ones(len(y)) if weights is None else numbers(weights, "weights")
    if given.shape != y.shape:
        raise MismatchError(
            f"weights has the shape {given.shape}, y {y.shape}", expected="one weight per sample"
        )
    if not (np.isfinite(given) & (given >= 0)).all():
        raise MismatchError("a weight is negative or not finite", expected="0 or more")
    classes = np.unique(y[given > 0])
    if len(classes) < 2:
        counted = "" if weights is None else " among samples of a weight above 0"
        found = f"only {classes[0]:.0f}" if len(classes) else "no value"
        raise MismatchError(
            f"y holds {found}{counted}", expected="samples of both classes, 0 and 1"
        )
    return np.asarray(given / given.sum())
