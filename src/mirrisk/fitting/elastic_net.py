"""Elastic net logistic regression along a path of penalties, to the optimum glmnet defines.

This module chooses the path of penalties, solves it (:mod:`mirrisk.fitting.proximal_newton`) and
checks every solution against the conditions of optimality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog
from scipy.special import logit

from mirrisk.errors import MismatchError
from mirrisk.fitting.penalties import (
    check_tolerance,
    default_lambdas,
    given_lambdas,
    least_lambda_of_zeros,
    threads,
    warn_of_doubtful,
)
from mirrisk.fitting.problem import Problem
from mirrisk.fitting.proximal_newton import descend

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray


MARGIN = 100
"""What is asked for is bettered by so much: Newton's last step gains more digits than it costs."""


@dataclass(frozen=True, eq=False)
class Path:
    """Coefficients for each penalty, from the strongest to the weakest.

    Attributes
    ----------
    lambdas : array of shape (n_lambdas,)
        The penalties, descending.
    coefficients : array of shape (n_lambdas, n_features)
        Log odds per unit of each column of X as it was given, with exact zeros.
    intercepts : array of shape (n_lambdas,)
        Log odds where every column is 0.
    objective : array of shape (n_lambdas,)
        The minimum: mean negative log-likelihood plus penalty.
    violation : array of shape (n_lambdas,)
        How far from optimal a solution is: the steepest descent of the objective that is left
        along any one coefficient, per standard deviation of its column.
    """

    lambdas: FloatArray
    coefficients: FloatArray
    intercepts: FloatArray
    objective: FloatArray
    violation: FloatArray


def fit_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: float = 1.0,
    lambdas: ArrayLike | None = None,
    n_lambdas: int = 100,
    min_ratio: float | None = None,
    lower: ArrayLike = -np.inf,
    upper: ArrayLike = np.inf,
    penalty_factors: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    standardize: bool = True,
    tolerance: float = 1e-7,
) -> Path:
    r"""Fit logistic regression with an elastic net penalty, for each of many penalties.

    For each :math:`\lambda` this minimises, over the coefficients and an unpenalised intercept,

    .. math:: -\frac{1}{\sum_i w_i} \sum_i w_i \log P(y_i \mid x_i)
        + \lambda \sum_j f_j \left(\alpha |\beta_j| + \frac{1 - \alpha}{2} \beta_j^2\right)

    subject to :math:`l_j \le \beta_j \le u_j`. With `standardize` the penalty, though not the
    limits, is on the coefficients of columns divided by their standard deviation. The problem
    is that of the R package glmnet (``family = "binomial"``), as are the defaults, but for the
    start of the path where there are limits (see `lambdas`).

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Finite numbers. A constant column gets the coefficient 0.
    y : array of shape (n_samples,)
        0 and 1 (or False and True); both must occur.
    alpha : float, default 1
        Mixing of the penalty, 0 (ridge) to 1 (lasso).
    lambdas : array of shape (n_lambdas,), optional
        Penalties, above 0, in any order. By default `n_lambdas` of them, evenly spaced on the
        log scale, from `lambda_max` to `min_ratio` of it. `lambda_max` takes account of the
        limits, which the start of glmnet's path does not.
    n_lambdas : int, default 100
        Length of the default path.
    min_ratio : float, optional
        The weakest penalty of the default path as a share of the strongest; by default 0.01
        with fewer samples than features, else 0.0001.
    lower, upper : float or array of shape (n_features,), default no limits
        Limits on the coefficients of X as given: `lower` at most 0, `upper` at least 0.
        ``lower=0`` keeps a coefficient from being negative.
    penalty_factors : array of shape (n_features,), optional
        0 or more, by default 1; 0 leaves a coefficient unpenalised. They are rescaled to a mean
        of 1 over all columns.
    weights : array of shape (n_samples,), optional
        0 or more, by default 1; only their ratios matter.
    standardize : bool, default True
        Penalise per standard deviation of a column (denominator n, weighted), not per unit.
    tolerance : float, default 1e-7
        Iteration ends when no slope of the objective along a coefficient, per standard
        deviation, is steeper. The default gives the objective to 1e-12 or so.

    Returns
    -------
    Path

    Raises
    ------
    InvalidExpressionError
        `X` is no table of finite numbers.
    MismatchError
        `y` has one class or other values than 0 and 1; an argument is out of its range or has
        the wrong shape; the unpenalised columns separate the classes, so that no finite
        coefficients are optimal.

    Warns
    -----
    MirriskWarning
        A solution misses a condition of optimality by more than ten tolerances.

    References
    ----------
    Friedman J, Hastie T, Tibshirani R. Regularization paths for generalized linear models via
    coordinate descent. Journal of Statistical Software 2010;33(1). doi:10.18637/jss.v033.i01

    Examples
    --------
    >>> X = [[0, 2], [1, 0], [2, 1], [3, 2], [4, 0], [5, 1]]
    >>> path = fit_path(X, [0, 0, 1, 0, 1, 1], lambdas=[0.2, 0.1], lower=0)
    >>> path.coefficients.round(2)
    array([[0.35, 0.  ],
           [0.66, 0.  ]])
    """
    problem = Problem.of(
        X,
        y,
        alpha=alpha,
        lower=lower,
        upper=upper,
        penalty_factors=penalty_factors,
        weights=weights,
        standardize=standardize,
    )
    check_tolerance(tolerance)
    _refuse_separation(problem)
    with threads().limit(limits=1):
        if lambdas is None:
            shape = len(problem.y), len(problem.columns)
            penalties = default_lambdas(_lambda_max(problem), n_lambdas, min_ratio, shape=shape)
        else:
            penalties = given_lambdas(lambdas)
        path = _path(problem, penalties, *_solve(problem, penalties, tolerance))
    warn_of_doubtful(path.lambdas, path.violation, tolerance)
    return path


def lambda_max(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: float = 1.0,
    lower: ArrayLike = -np.inf,
    upper: ArrayLike = np.inf,
    penalty_factors: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    standardize: bool = True,
) -> float:
    """Return the least penalty at which every penalised coefficient is 0.

    It follows from the conditions of optimality at the model of the intercept and the
    unpenalised columns: along no penalised coefficient may the log-likelihood rise, in a
    direction that the limits leave open, more steeply than the penalty.

    Parameters
    ----------
    X, y, alpha, lower, upper, penalty_factors, weights, standardize
        As for :func:`fit_path`. Below a mixing of 0.001 the answer is that for 0.001, since
        ridge leaves no coefficient at 0.

    Returns
    -------
    float
        0 if no penalised coefficient leaves 0 at any penalty.

    Raises
    ------
    InvalidExpressionError, MismatchError
        As for :func:`fit_path`.

    Examples
    --------
    >>> lambda_max([[-1], [1], [-1], [1]], [0, 1, 0, 1])
    0.5
    """
    problem = Problem.of(
        X,
        y,
        alpha=alpha,
        lower=lower,
        upper=upper,
        penalty_factors=penalty_factors,
        weights=weights,
        standardize=standardize,
    )
    _refuse_separation(problem)
    with threads().limit(limits=1):
        return _lambda_max(problem)


# -- the path of penalties --------------------------------------------------------------------


def _lambda_max(problem: Problem) -> float:
    intercept, gammas = _null_model(problem)
    score = (problem.residuals(problem.linear_predictors(intercept, gammas)) @ problem.Z)[0]
    return least_lambda_of_zeros(problem, score)


def _null_model(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Fit the intercept and the unpenalised columns alone."""
    gammas = np.zeros((1, problem.Z.shape[1]))
    kept = problem.unpenalised
    intercept, gammas[:, kept] = _solve(problem.keep(kept), np.ones(1), 1e-9)
    return intercept, gammas


# -- solving ----------------------------------------------------------------------------------


def _solve(
    problem: Problem, lambdas: FloatArray, tolerance: float
) -> tuple[FloatArray, FloatArray]:
    """Return intercepts and coefficients on the standardised columns, each warm-started."""
    back = None
    plain_ridge = problem.alpha == 0 and not problem.bounded and not problem.unpenalised.any()
    if plain_ridge and problem.Z.shape[1]:
        problem, back = problem.in_components()
    loss = problem.with_intercept()
    start = np.zeros(loss.Z.shape[1])
    start[0] = logit(problem.weights @ problem.y)
    found = descend(loss, lambdas, start, tolerance / MARGIN)
    gammas = found[:, 1:] if back is None else found[:, 1:] @ back
    return found[:, 0], np.asarray(gammas)


def _refuse_separation(problem: Problem) -> None:
    """Refuse unpenalised columns without finite optimal coefficients (Albert & Anderson 1984).

    There are none if some direction that the limits leave open raises no sample's probability of
    the wrong class and lowers one: a linear program.
    """
    part = problem.keep(problem.unpenalised)
    if not part.Z.shape[1]:
        return
    sides = np.where(part.y > 0, 1.0, -1.0)[:, None]
    margins = sides * np.column_stack([np.ones(len(part.y)), part.Z])
    open_ends = [
        (0.0 if np.isfinite(low) else None, 0.0 if np.isfinite(high) else None)
        for low, high in zip(part.lower, part.upper, strict=True)
    ]
    found = linprog(
        -margins.sum(axis=0),
        A_ub=np.vstack([-margins, margins]),
        b_ub=np.repeat([0.0, 1.0], len(margins)),
        bounds=[(None, None), *open_ends],
    )
    if found.status == 0 and -found.fun > 1e-6:
        columns = ", ".join(map(str, np.flatnonzero(part.columns)))
        raise MismatchError(
            "the unpenalised columns separate the classes: no finite coefficients are optimal",
            where=f"columns {columns}",
            remedy="penalise them, or leave some out",
        )


def _path(
    problem: Problem, lambdas: FloatArray, intercepts: FloatArray, gammas: FloatArray
) -> Path:
    """Return the solutions on the scale of X, and how good they are."""
    eta = problem.linear_predictors(intercepts, gammas)
    coefficients = problem.unstandardised(gammas)
    return Path(
        lambdas=lambdas,
        coefficients=coefficients,
        intercepts=intercepts - coefficients[:, problem.columns] @ problem.means,
        objective=problem.objective(lambdas, gammas, eta),
        violation=problem.violation(lambdas, gammas, eta),
    )
