"""Penalised Cox regression as a problem of optimisation, and its solution.

Proximal Newton: the partial likelihood is replaced by its quadratic approximation with the exact
information matrix; that plus penalty is minimised within the limits; a line search on the
objective itself makes every step one downwards. Only a working set of columns
takes part: those that are not 0 or that the strong rule expects not to stay so. All others are
checked afterwards, so that the rule costs time when it errs, never the optimum.

References
----------
Simon N, Friedman J, Hastie T, Tibshirani R. Regularization paths for Cox's proportional hazards
model via coordinate descent. J Stat Softw 2011;39(5):1-13. doi:10.18637/jss.v039.i05

Tibshirani R, Bien J, Friedman J, et al. Strong rules for discarding predictors in lasso-type
problems. J R Stat Soc B 2012;74:245-266. doi:10.1111/j.1467-9868.2011.01004.x

Lee JD, Sun Y, Saunders MA. Proximal Newton-type methods for minimizing composite functions.
SIAM J Optim 2014;24:1420-1443. doi:10.1137/130921428
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from mirrisk.errors import MismatchError
from mirrisk.fitting.bounded_lasso import BoundedLasso
from mirrisk.fitting.columns import Columns, check_mixing, standardised, table
from mirrisk.fitting.risk_sets import RiskSets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray

MAX_NEWTON = 100
"""Newton steps on one working set. Two to five are usual."""

MAX_HALVINGS = 40
"""Halvings of a step; after these it is rounding alone that the objective still shows."""

SUFFICIENT = 1e-4
"""Share of the decrease that the slope promises which a step must reach (Armijo)."""

DAMPING = 1e-10
"""Added to the information matrix, as a share of its diagonal: collinear columns."""

FLAT = 1e-6
"""Less information than this, as a share of that without predictors: a likelihood without end."""


@dataclass(frozen=True, eq=False, kw_only=True)
class CoxProblem(Columns):
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
        gamma[kept] = _newton(part, 1.0, gamma[kept], 1e-10)
        _refuse_monotone(part, gamma[kept])
    return gamma


def solve(problem: CoxProblem, lambdas: FloatArray, tolerance: float) -> FloatArray:
    """Return coefficients on the standardised columns for descending penalties."""
    gamma = null_model(problem)
    if problem.alpha == 0 and not problem.bounded and not problem.unpenalised.any():
        components, back = problem.in_components()
        return np.asarray(_descend(components, lambdas, np.zeros(len(back)), tolerance) @ back)
    return _descend(problem, lambdas, gamma, tolerance)


def _descend(
    problem: CoxProblem, lambdas: FloatArray, gamma: FloatArray, tolerance: float
) -> FloatArray:
    """Solve for each penalty, from the solution for the one before it."""
    gammas = np.zeros((len(lambdas), len(gamma)))
    before = lambdas[0]
    for i, lam in enumerate(lambdas):
        working = _expected_nonzero(problem, lam, before, gamma)
        gamma, before = _solve_one(problem, lam, gamma, working, tolerance), lam
        gammas[i] = gamma
    return gammas


def _expected_nonzero(
    problem: CoxProblem, lam: float, before: float, gamma: FloatArray
) -> BoolArray:
    """Apply the sequential strong rule: slopes hardly change faster than the penalty."""
    slope = np.abs(problem.score(gamma[None])[0])
    bar = problem.alpha * problem.share * (2 * lam - before)
    return np.asarray((gamma != 0) | (slope >= bar))


def _solve_one(
    problem: CoxProblem, lam: float, gamma: FloatArray, working: BoolArray, tolerance: float
) -> FloatArray:
    while True:
        gamma = gamma.copy()
        gamma[working] = _newton(problem.keep(working), lam, gamma[working], tolerance)
        score = problem.score(gamma[None])
        left = problem.descent(np.array([lam]), gamma[None], score)[0]
        missed = (left > tolerance) & ~working
        if not missed.any():
            return gamma
        working = working | missed


def _newton(problem: CoxProblem, lam: float, gamma: FloatArray, tolerance: float) -> FloatArray:
    """Minimise the objective by Newton steps; never ends higher than it began."""
    if not len(gamma):
        return gamma
    lambdas = np.array([lam])
    for _ in range(MAX_NEWTON):
        score = problem.score(gamma[None])
        left = problem.descent(lambdas, gamma[None], score).max()
        if left <= tolerance:
            break
        aim = _minimum_of_quadratic(problem, lam, gamma, score[0], tolerance)
        change = problem.penalty(lambdas, np.array([gamma, aim]))
        slope = change[1] - change[0] - score[0] @ (aim - gamma)
        moved = _line_search(problem, lambdas, gamma, aim, slope)
        if moved is None:
            break
        gamma = moved
    return gamma


def _line_search(
    problem: CoxProblem, lambdas: FloatArray, gamma: FloatArray, aim: FloatArray, slope: float
) -> FloatArray | None:
    """Return the first point on the way back from the aim where the objective fell enough."""
    now = problem.objective(lambdas, gamma[None])[0]
    rounding = 4 * np.finfo(np.float64).eps * abs(now)
    share = 1.0
    for _ in range(MAX_HALVINGS):
        there = gamma + share * (aim - gamma) if share < 1 else aim
        value = problem.objective(lambdas, there[None])[0]
        if value <= now + SUFFICIENT * share * min(slope, 0.0) + rounding:
            return there
        share /= 2
    return None


def _minimum_of_quadratic(
    problem: CoxProblem, lam: float, gamma: FloatArray, score: FloatArray, tolerance: float
) -> FloatArray:
    """Minimise the quadratic approximation at gamma plus penalty, within the limits."""
    matrix = problem.information(gamma)
    linear = matrix @ gamma + score
    diagonal = np.diag_indices_from(matrix)
    matrix[diagonal] += DAMPING * matrix[diagonal].max()
    matrix[diagonal] += lam * (1 - problem.alpha) * problem.square_share
    l1 = lam * problem.alpha * problem.share
    if not l1.any() and not problem.bounded:
        return np.asarray(cho_solve(cho_factor(matrix), linear))
    lasso = BoundedLasso(matrix, linear, l1, problem.lower, problem.upper)
    return lasso.minimum(gamma, tolerance / 10)


def _refuse_monotone(problem: CoxProblem, gamma: FloatArray) -> None:
    """Refuse unpenalised columns without finite optimal coefficients (Heinze & Schemper 2001).

    Where the likelihood grows without end along some direction the iteration stops where it is
    flat: with next to no information on that direction, compared with where it began.
    """
    free = (gamma > problem.lower) & (gamma < problem.upper)
    before, after = (problem.information(g)[np.ix_(free, free)] for g in (0 * gamma, gamma))
    values, vectors = np.linalg.eigh(before)
    known = values > DAMPING * values.max(initial=0.0)
    whiten = vectors[:, known] / np.sqrt(values[known])
    if known.any() and np.linalg.eigvalsh(whiten.T @ after @ whiten)[0] < FLAT:
        columns = ", ".join(map(str, np.flatnonzero(problem.columns)))
        raise MismatchError(
            "the likelihood grows without end: no finite coefficients are optimal "
            "(some combination of unpenalised columns ranks every event above all at risk)",
            where=f"columns {columns}",
            remedy="penalise them, or leave some out",
        )
