"""The columns of a penalised regression: standardised, with their penalties and limits.

A problem is held on centred columns of unit variance, where the coefficient of column j is
``gamma_j = beta_j * sd_j`` and its penalty ``lambda * (l1_j * |gamma_j| + l2_j * gamma_j**2 / 2)``.
Columns whose coefficient must be 0 (constant ones, or both limits 0) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mirrisk.errors import InvalidExpressionError, MismatchError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray

ROUNDING = 10 * np.finfo(np.float64).eps
"""A column whose standard deviation is less than this share of its mean is a constant."""

RANK = 1e-10
"""Principal components of relatively less variation than this are rounding errors."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Columns:
    """Standardised columns, the penalty and the limits of their coefficients.

    Attributes
    ----------
    Z : array of shape (n_samples, n_columns)
        Centred columns of unit weighted variance, column by column in memory.
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
    alpha: float
    share: FloatArray
    square_share: FloatArray
    lower: FloatArray
    upper: FloatArray
    columns: BoolArray
    means: FloatArray
    sds: FloatArray

    @property
    def unpenalised(self) -> BoolArray:
        """Which columns bear no penalty."""
        return np.asarray(self.share == 0)

    @property
    def bounded(self) -> bool:
        """Whether any coefficient has a limit."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    def keep(self, which: BoolArray) -> Self:
        """Return the problem of some of the columns alone."""
        columns = self.columns.copy()
        columns[columns] = which
        parts = ("share", "square_share", "lower", "upper", "means", "sds")
        kept = {name: getattr(self, name)[which] for name in parts}
        return replace(self, Z=np.asfortranarray(self.Z[:, which]), columns=columns, **kept)

    def in_components(self) -> tuple[Self, FloatArray]:
        """Return ridge's problem in principal components, and the matrix that leads back.

        Ridge's coefficients do not leave the space of the samples. With every column divided by
        the root of its penalty that is the same for all directions, so that the columns can be
        replaced by their principal components, no more than samples. ``gammas @ back`` are the
        coefficients of the columns.
        """
        roots = np.sqrt(self.square_share)
        U, s, V = np.linalg.svd(self.Z / roots, full_matrices=False)
        U, s, V = U[:, s > RANK * s[0]], s[s > RANK * s[0]], V[s > RANK * s[0]]
        ones = np.ones(len(s))
        components = replace(
            self,
            Z=np.asfortranarray(U * s),
            share=ones,
            square_share=ones,
            lower=-np.inf * ones,
            upper=np.inf * ones,
            columns=np.ones(len(s), dtype=bool),
            means=0 * ones,
            sds=ones,
        )
        return components, np.asarray(V / roots)

    def unstandardised(self, gammas: FloatArray) -> FloatArray:
        """Return coefficients per unit of every column of X, 0 for those left out."""
        coefficients = np.zeros((len(gammas), len(self.columns)))
        coefficients[:, self.columns] = gammas / self.sds
        return coefficients

    def penalty(self, lambdas: FloatArray, gammas: FloatArray) -> FloatArray:
        """Return the penalty of the coefficients, for each lambda."""
        l1 = self.alpha * (np.abs(gammas) @ self.share)
        l2 = (1 - self.alpha) / 2 * (gammas**2 @ self.square_share)
        return np.asarray(lambdas * (l1 + l2))

    def descent(self, lambdas: FloatArray, gammas: FloatArray, score: FloatArray) -> FloatArray:
        """Return the slope of descent that is left along each coefficient, for each lambda.

        At the optimum the objective falls neither to the right of a coefficient (unless that is
        at its upper limit) nor to its left (unless at the lower); at 0 the slopes to either
        side differ by twice the L1 penalty. `score` is the gradient of the mean log-likelihood.
        """
        l1 = lambdas[:, None] * self.alpha * self.share
        smooth = lambdas[:, None] * (1 - self.alpha) * self.square_share * gammas - score
        rightward = smooth + np.where(gammas >= 0, l1, -l1)
        leftward = smooth + np.where(gammas > 0, l1, -l1)
        return np.maximum(
            np.where(gammas < self.upper, np.maximum(-rightward, 0.0), 0.0),
            np.where(gammas > self.lower, np.maximum(leftward, 0.0), 0.0),
        )


def standardised(
    values: FloatArray,
    mass: FloatArray,
    *,
    alpha: float,
    lower: ArrayLike,
    upper: ArrayLike,
    penalty_factors: ArrayLike | None,
    standardize: bool,
) -> dict[str, Any]:
    """Return the fields of :class:`Columns` for checked values, the samples' masses adding to 1."""
    factors = _factors(penalty_factors, values.shape[1])
    least, most = _limits(lower, upper, values.shape[1])
    means = mass @ values
    centred = values - means
    sds = np.sqrt(mass @ centred**2)
    columns = (sds > ROUNDING * np.abs(means)) & (least < most)
    means, sds, factors = means[columns], sds[columns], factors[columns]
    return {
        "Z": np.asfortranarray(centred[:, columns] / sds),
        "alpha": float(alpha),
        "share": factors if standardize else factors / sds,
        "square_share": factors if standardize else factors / sds**2,
        "lower": least[columns] * sds,
        "upper": most[columns] * sds,
        "columns": columns,
        "means": means,
        "sds": sds,
    }


# -- what a user gives ------------------------------------------------------------------------


def check_mixing(alpha: float) -> None:
    """Refuse a mixing that is none."""
    if not 0 <= alpha <= 1:
        raise MismatchError(f"alpha={alpha}", expected="0 (ridge) to 1 (lasso)")


def table(X: ArrayLike) -> FloatArray:
    """Return X as a table of finite numbers, or say what is wrong with it."""
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
