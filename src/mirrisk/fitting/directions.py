"""What the literature's directions ask of a penalised fit: limits on signs, or lower penalties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from mirrisk.errors import MismatchError

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray, IntArray

Directions = Literal["constrain", "prefer", "ignore"]

PREFERRED = 0.5
"""Share of the penalty that is left for a coefficient in the literature's direction."""


@dataclass(frozen=True, eq=False)
class Design:
    """The columns of a penalised fit, made of the features: candidates, then covariates.

    Attributes
    ----------
    features : ndarray of shape (n_columns,)
        The feature that each column is.
    count : int
        How many features there are.
    lower, upper : ndarray of shape (n_columns,)
        Limits on the coefficients.
    factors : ndarray of shape (n_columns,)
        Of the penalty; 0 for covariates, which are not penalised.
    """

    features: IntArray
    count: int
    lower: FloatArray
    upper: FloatArray
    factors: FloatArray

    @classmethod
    def of(cls, signs: IntArray, directions: Directions, covariates: int = 0) -> Design:
        """Lay directions over candidates.

        Parameters
        ----------
        signs : ndarray of shape (n_candidates,)
            The literature's: 1, -1, or 0 where it says nothing.
        directions : {"constrain", "prefer", "ignore"}
            ``"constrain"``: no coefficient has the sign that opposes the literature.
            ``"prefer"``: the candidate is entered twice, in the literature's direction at half
            the penalty and in the other at the whole, each limited to its sign; the coefficient
            is their sum. ``"ignore"``: the literature has no say.
        covariates : int, default 0
            How many follow the candidates.
        """
        if directions not in get_args(Directions):
            raise MismatchError(
                f"directions is {directions!r}", expected=" | ".join(get_args(Directions))
            )
        signs = np.zeros_like(signs) if directions == "ignore" else signs
        again = np.flatnonzero(signs) if directions == "prefer" else np.array([], dtype=np.intp)
        limits = np.concatenate([signs, -signs[again], np.zeros(covariates, dtype=np.intp)])
        factors = np.ones(len(limits))
        factors[: len(signs)] = np.where((signs != 0) & (directions == "prefer"), PREFERRED, 1.0)
        factors[len(limits) - covariates :] = 0.0
        count = len(signs) + covariates
        return cls(
            features=np.concatenate([np.arange(len(signs)), again, np.arange(len(signs), count)]),
            count=count,
            lower=np.where(limits > 0, 0.0, -np.inf),
            upper=np.where(limits < 0, 0.0, np.inf),
            factors=factors,
        )

    def columns(self, values: FloatArray) -> FloatArray:
        """Return the columns of the fit."""
        return values[:, self.features]

    def merged(self, coefficients: FloatArray) -> FloatArray:
        """Return one coefficient per feature: shape (..., n_features)."""
        if len(self.features) == self.count:
            return coefficients
        sums = np.zeros((self.count, len(self.features)))
        sums[self.features, np.arange(len(self.features))] = 1.0
        return np.asarray(coefficients @ sums.T)

    @property
    def scale(self) -> float:
        """What a penalty per unit factor is for a solver that scales the factors to a mean of 1."""
        return float(self.factors.mean())
