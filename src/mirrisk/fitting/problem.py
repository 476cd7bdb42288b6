"""The problem of penalised logistic regression: its input, its objective, when it is solved.

A problem is held on centred columns of unit variance, where the coefficient of column j is
``gamma_j = beta_j * sd_j`` and its penalty ``lambda * (l1_j * |gamma_j| + l2_j * gamma_j**2 / 2)``.
Columns whose coefficient must be 0 (constant ones, or both limits 0) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from mirrisk.errors import InvalidExpressionError, MismatchError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray

ROUNDING = 10 * np.finfo(np.float64).eps
"""A column whose standard deviation is less than this share of its mean is a constant."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Penalised logistic regression on standardised columns.

    Attributes
    ----------
    Z : array of shape (n_samples, n_columns)
        Centred columns of unit weighted variance, column by column in memory.
    y, weights : arrays of shape (n_samples,)
        0 and 1; weights above 0 that add up to 1.
    alpha : float
        Mixing, 0 (ridge) to 1 (lasso).
    share, square_share : arrays of shape (n_columns,)
        Penalty of ``|gamma|`` and of ``gamma**2`` per unit of lambda, before mixing.
    lower, upper : arrays of shape (n_columns,)
        Limits on gamma.
    columns : boolean array of shape (n_features,)
        The columns of X that Z holds.
    means, sds : arrays of shape (n_columns,)
        What they were before.
    """

    Z: FloatArray
    y: FloatArray
    weights: FloatArray
    alpha: float
    share: FloatArray
    square_share: FloatArray
    lower: FloatArray
    upper: FloatArray
    columns: BoolArray
    means: FloatArray
    sds: FloatArray

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
        if not 0 <= alpha <= 1:
            raise MismatchError(f"alpha={alpha}", expected="0 (ridge) to 1 (lasso)")
        values = _table(X)
        outcome = _outcome(y, len(values))
        mass = _weights(weights, outcome)
        values, outcome, mass = values[mass > 0], outcome[mass > 0], mass[mass > 0]
        factors = _factors(penalty_factors, values.shape[1])
        least, most = _limits(lower, upper, values.shape[1])

        means = mass @ values
        centred = values - means
        sds = np.sqrt(mass @ centred**2)
        columns = (sds > ROUNDING * np.abs(means)) & (least < most)
        means, sds, factors = means[columns], sds[columns], factors[columns]
        return cls(
            Z=np.asfortranarray(centred[:, columns] / sds),
            y=outcome,
            weights=mass,
            alpha=float(alpha),
            share=factors if standardize else factors / sds,
            square_share=factors if standardize else factors / sds**2,
            lower=least[columns] * sds,
            upper=most[columns] * sds,
            columns=columns,
            means=means,
            sds=sds,
        )

    @property
    def unpenalised(self) -> BoolArray:
        """Which columns bear no penalty."""
        return np.asarray(self.share == 0)

    def keep(self, which: BoolArray) -> Problem:
        """Return the problem of some of the columns alone."""
        columns = self.columns.copy()
        columns[columns] = which
        parts = ("share", "square_share", "lower", "upper", "means", "sds")
        kept = {name: getattr(self, name)[which] for name in parts}
        return replace(self, Z=np.asfortranarray(self.Z[:, which]), columns=columns, **kept)

    def linear_predictors(self, intercepts: FloatArray, gammas: FloatArray) -> FloatArray:
        """Return the log odds, an array of shape (n_lambdas, n_samples)."""
        return np.asarray(intercepts[:, None] + gammas @ self.Z.T)

    def residuals(self, eta: FloatArray) -> FloatArray:
        """Return the weighted residuals y - P(y = 1) for log odds `eta`, in the same shape."""
        return np.asarray((self.y - expit(eta)) * self.weights)

    def objective(self, lambdas: FloatArray, gammas: FloatArray, eta: FloatArray) -> FloatArray:
        """Return the mean negative log-likelihood plus penalty, for each lambda."""
        losses = np.logaddexp(0.0, eta) - self.y * eta
        l1 = self.alpha * (np.abs(gammas) @ self.share)
        l2 = (1 - self.alpha) / 2 * (gammas**2 @ self.square_share)
        return np.asarray(losses @ self.weights + lambdas * (l1 + l2))

    def violation(self, lambdas: FloatArray, gammas: FloatArray, eta: FloatArray) -> FloatArray:
        """Return the steepest descent that is left along any one coefficient, for each lambda.

        At the optimum the objective falls neither to the right of a coefficient (unless that is
        at its upper limit) nor to its left (unless at the lower); at 0 the slopes to either
        side differ by twice the L1 penalty.
        """
        residuals = self.residuals(eta)
        l1 = lambdas[:, None] * self.alpha * self.share
        l2 = lambdas[:, None] * (1 - self.alpha) * self.square_share
        smooth = l2 * gammas - residuals @ self.Z
        rightward = smooth + np.where(gammas >= 0, l1, -l1)
        leftward = smooth + np.where(gammas > 0, l1, -l1)
        descent = np.maximum(
            np.where(gammas < self.upper, -rightward, 0.0),
            np.where(gammas > self.lower, leftward, 0.0),
        )
        of_intercept = np.abs(residuals.sum(axis=1))
        return np.asarray(np.maximum(of_intercept, descent.max(axis=1, initial=0.0)))


# -- what a user gives ------------------------------------------------------------------------


def _table(X: ArrayLike) -> FloatArray:
    values = numbers(X, "X")
    if values.ndim != 2 or not values.size:
        raise InvalidExpressionError(
            f"X has the shape {values.shape}", expected="samples in rows, features in columns"
        )
    wrong = ~np.isfinite(values)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InvalidExpressionError(
            f"X holds {values[row, column]} ({np.count_nonzero(wrong)} such cells in all)",
            where=f"row {row}, column {column}",
            expected="finite numbers",
            remedy="impute or leave out what was not measured before fitting",
        )
    return values


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


def _factors(penalty_factors: ArrayLike | None, n: int) -> FloatArray:
    if penalty_factors is None:
        return np.ones(n)
    factors = numbers(penalty_factors, "penalty_factors")
    if factors.shape != (n,):
        raise MismatchError(
            f"penalty_factors has the shape {factors.shape}, X has {n} columns",
            expected="one factor per column",
        )
    if not (np.isfinite(factors) & (factors >= 0)).all() or not factors.any():
        raise MismatchError(
            "a penalty factor is negative or not finite, or all are 0",
            expected="0 or more, at least one above 0",
            remedy="to keep a coefficient at 0 set both its limits to 0",
        )
    return np.asarray(factors * (n / factors.sum()))


def _limits(lower: ArrayLike, upper: ArrayLike, n: int) -> tuple[FloatArray, FloatArray]:
    limits = numbers(lower, "lower"), numbers(upper, "upper")
    for name, limit in zip(("lower", "upper"), limits, strict=True):
        if limit.shape not in {(), (n,)}:
            raise MismatchError(
                f"{name} has the shape {limit.shape}, X has {n} columns",
                expected="one limit for all columns, or one per column",
            )
    if not ((limits[0] <= 0).all() and (limits[1] >= 0).all()):
        raise MismatchError(
            "a limit rules out the coefficient 0", expected="lower <= 0 and upper >= 0"
        )
    return np.broadcast_to(limits[0], n), np.broadcast_to(limits[1], n)


def numbers(values: ArrayLike, name: str) -> FloatArray:
    """Return an array of floats, or say what is none."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MismatchError(f"{name} is not numeric: {error}", expected="numbers") from error
