"""Minimise a smooth loss plus an elastic net penalty within limits, for descending penalties.

Proximal Newton: the loss is replaced by its quadratic approximation with the exact information
matrix; that plus penalty is minimised within the limits; a line search on the objective itself
makes every step one downwards. Only a working set of columns takes part: those that are not 0 or
that the strong rule expects not to stay so. All others are checked afterwards, so that the rule
costs time when it errs, never the optimum.

References
----------
Lee JD, Sun Y, Saunders MA. Proximal Newton-type methods for minimizing composite functions.
SIAM J Optim 2014;24:1420-1443. doi:10.1137/130921428

Tibshirani R, Bien J, Friedman J, et al. Strong rules for discarding predictors in lasso-type
problems. J R Stat Soc B 2012;74:245-266. doi:10.1111/j.1467-9868.2011.01004.x
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from mirrisk.fitting.bounded_lasso import BoundedLasso
from mirrisk.fitting.columns import Columns

if TYPE_CHECKING:
    from mirrisk.vocabulary import BoolArray, FloatArray

MAX_NEWTON = 100
"""Newton steps on one working set. Two to five are usual."""

MAX_HALVINGS = 40
"""Halvings of a step; after these it is rounding alone that the objective still shows."""

SUFFICIENT = 1e-4
"""Share of the decrease that the slope promises which a step must reach (Armijo)."""

DAMPING = 1e-10
"""Added to the information matrix, as a share of its diagonal: collinear columns."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SmoothLoss(Columns, ABC):
    """A convex loss of a linear predictor, with the penalty and limits of its columns."""

    @abstractmethod
    def objective(self, lambdas: FloatArray, gammas: FloatArray) -> FloatArray:
        """Return the loss plus penalty, for each lambda."""

    @abstractmethod
    def score(self, gammas: FloatArray) -> FloatArray:
        """Return the downward gradient of the loss, for each lambda."""

    @abstractmethod
    def information(self, gamma: FloatArray) -> FloatArray:
        """Return the matrix of second derivatives of the loss."""


def descend(
    problem: SmoothLoss, lambdas: FloatArray, gamma: FloatArray, tolerance: float
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
    problem: SmoothLoss, lam: float, before: float, gamma: FloatArray
) -> BoolArray:
    """Apply the sequential strong rule: slopes hardly change faster than the penalty."""
    slope = np.abs(problem.score(gamma[None])[0])
    bar = problem.alpha * problem.share * (2 * lam - before)
    return np.asarray((gamma != 0) | (slope >= bar))


def _solve_one(
    problem: SmoothLoss, lam: float, gamma: FloatArray, working: BoolArray, tolerance: float
) -> FloatArray:
    while True:
        gamma = gamma.copy()
        gamma[working] = newton(problem.keep(working), lam, gamma[working], tolerance)
        score = problem.score(gamma[None])
        left = problem.descent(np.array([lam]), gamma[None], score)[0]
        missed = (left > tolerance) & ~working
        if not missed.any():
            return gamma
        working = working | missed


def newton(problem: SmoothLoss, lam: float, gamma: FloatArray, tolerance: float) -> FloatArray:
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
    problem: SmoothLoss, lambdas: FloatArray, gamma: FloatArray, aim: FloatArray, slope: float
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
    problem: SmoothLoss, lam: float, gamma: FloatArray, score: FloatArray, tolerance: float
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
