"""Penalised Cox regression as a problem of optimisation.

References
----------
Simon N, Friedman J, Hastie T, Tibshirani R. Regularization paths for Cox's proportional hazards
model via coordinate descent. J Stat Softw 2011;39(5):1-13. doi:10.18637/jss.v039.i05
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.columns import check_mixing, standardised, table
from mirrisk.fitting.proximal_newton import DAMPING, SmoothLoss, descend, newton
from mirrisk.fitting.risk_sets import RiskSets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray

ENDLESS = 300.0
"""Log hazards do not lie so far apart; where they do, they were on their way to infinity."""

FLAT = 1e-6
"""Less information than this, as a share of that without predictors: a likelihood without end."""


@dataclass(frozen=True, eq=False, kw_only=True)
class CoxProblem(SmoothLoss):
    """Penalised Cox regression on standardised columns.

    Attributes
    ----------
    risk : RiskSets
    """

    risk: RiskSets

    @classmethod
    def of(
        cls,
        X: ArrayLike,
        time: ArrayLike,
        event: ArrayLike,
        *,
        start: ArrayLike | None,
        sample: ArrayLike | None,
        alpha: float,
        lower: ArrayLike,
        upper: ArrayLike,
        penalty_factors: ArrayLike | None,
        weights: ArrayLike | None,
        standardize: bool,
    ) -> CoxProblem:
        """Check what a user gave (see :func:`mirrisk.fitting.cox.fit_cox_path`)."""
        check_mixing(alpha)
        values = table(X)
        risk = RiskSets.of(
            time, event, start=start, weights=weights, sample=sample, n_samples=len(values)
        )
        columns = standardised(
            values,
            risk.mass / risk.mass.sum(),
            alpha=alpha,
            lower=lower,
            upper=upper,
            penalty_factors=penalty_factors,
            standardize=standardize,
        )
        return cls(risk=risk, **columns)

    def without_penalty(self) -> CoxProblem:
        """Return the problem of maximum likelihood."""
        nothing = np.zeros(self.Z.shape[1])
        return replace(self, share=nothing, square_share=nothing)

    def objective(self, lambdas: FloatArray, gammas: FloatArray) -> FloatArray:
        """Return minus the log partial likelihood per sample plus penalty, for each lambda."""
        log_likelihoods = self.risk.log_likelihood(gammas @ self.Z.T)
        return np.asarray(self.penalty(lambdas, gammas) - log_likelihoods / self.risk.n)

    def score(self, gammas: FloatArray) -> FloatArray:
        """Return the gradient of the log partial likelihood per sample, for each lambda."""
        return np.asarray(self.risk.score(gammas @ self.Z.T) @ self.Z / self.risk.n)

    def information(self, gamma: FloatArray) -> FloatArray:
        """Return the information matrix per sample."""
        return self.risk.information(self.Z @ gamma, self.Z) / self.risk.n

    def violation(self, lambdas: FloatArray, gammas: FloatArray) -> FloatArray:
        """Return the steepest descent that is left along any one coefficient, for each lambda."""
        descent = self.descent(lambdas, gammas, self.score(gammas))
        return np.asarray(descent.max(axis=1, initial=0.0))


def null_model(problem: CoxProblem) -> FloatArray:
    """Return the coefficients of the unpenalised columns alone, all others 0.

    Raises
    ------
    MismatchError
        No finite coefficients are optimal.
    """
    gamma = np.zeros(problem.Z.shape[1])
    kept = problem.unpenalised
    if kept.any():
        part = problem.keep(kept)
        gamma[kept] = newton(part, 1.0, gamma[kept], 1e-10)
        _refuse_monotone(part, gamma[kept])
    return gamma


def solve(problem: CoxProblem, lambdas: FloatArray, tolerance: float) -> FloatArray:
    """Return coefficients on the standardised columns for descending penalties."""
    gamma = null_model(problem)
    if problem.alpha == 0 and not problem.bounded and not problem.unpenalised.any():
        components, back = problem.in_components()
        return np.asarray(descend(components, lambdas, np.zeros(len(back)), tolerance) @ back)
    return descend(problem, lambdas, gamma, tolerance)


def _refuse_monotone(problem: CoxProblem, gamma: FloatArray) -> None:
    """Refuse unpenalised columns without finite optimal coefficients (Heinze & Schemper 2001).

    Where the likelihood grows without end along some direction the iteration stops where it is
    flat: with next to no information on that direction, compared with where it began. Where it
    stops for want of digits instead, log hazards lie absurdly far apart.
    """
    spread = float(np.ptp(problem.Z @ gamma)) if len(gamma) else 0.0
    free = (gamma > problem.lower) & (gamma < problem.upper)
    before, after = (problem.information(g)[np.ix_(free, free)] for g in (0 * gamma, gamma))
    values, vectors = np.linalg.eigh(before)
    known = values > DAMPING * values.max(initial=0.0)
    whiten = vectors[:, known] / np.sqrt(values[known])
    flat = known.any() and np.linalg.eigvalsh(whiten.T @ after @ whiten)[0] < FLAT
    if flat or spread > ENDLESS:
        columns = ", ".join(map(str, np.flatnonzero(problem.columns)))
        raise MismatchError(
            "the likelihood grows without end: no finite coefficients are optimal "
            "(some combination of unpenalised columns ranks every event above all at risk)",
            where=f"columns {columns}",
            remedy="penalise them, or leave some out",
        )
