"""Elastic net logistic regression along a path of penalties, to the optimum glmnet defines.

The solver is glum's: iteratively reweighted least squares, coordinate descent inside. This module
chooses the path of penalties and checks every solution against the conditions of optimality.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linprog
from scipy.special import logit

from mirrisk.errors import MirriskWarning, MismatchError
from mirrisk.fitting.problem import Problem, numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray

MAX_ITERATIONS = 1000
"""Newton steps per penalty. Three are usual; only penalties close to none need more than ten."""

LEAST_MIXING = 1e-3
"""Ridge leaves no coefficient at 0; as in glmnet its path starts as if the mixing were this."""

RANK = 1e-10
"""Principal components of relatively less variation than this are rounding errors."""

SLACK = 10.0
"""A solution is doubted if a condition of optimality is missed by so many tolerances."""


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
        Iteration ends when the slopes of the objective along all coefficients, per standard
        deviation, add up to less. The default gives the objective to 1e-10 or so.

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
    if not tolerance > 0:
        raise MismatchError(f"tolerance={tolerance}", expected="a number above 0")
    _refuse_separation(problem)
    with _threads().limit(limits=1):
        if lambdas is None:
            penalties = _default_lambdas(problem, n_lambdas, min_ratio)
        else:
            penalties = _given_lambdas(lambdas)
        path = _path(problem, penalties, *_solve(problem, penalties, tolerance))
    _warn_of_doubtful(path, tolerance)
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
    with _threads().limit(limits=1):
        return _lambda_max(problem)


# -- the path of penalties --------------------------------------------------------------------


def _given_lambdas(lambdas: ArrayLike) -> FloatArray:
    penalties = numbers(lambdas, "lambdas")
    if penalties.ndim != 1 or not penalties.size:
        raise MismatchError(
            f"lambdas has the shape {penalties.shape}", expected="a list of penalties"
        )
    wrong = penalties[~(np.isfinite(penalties) & (penalties > 0))]
    if wrong.size:
        raise MismatchError(f"lambdas holds {wrong[0]}", expected="finite numbers above 0")
    return np.sort(penalties)[::-1]


def _default_lambdas(problem: Problem, n_lambdas: int, min_ratio: float | None) -> FloatArray:
    if min_ratio is None:
        n_samples, n_features = len(problem.y), len(problem.columns)
        min_ratio = 0.01 if n_samples < n_features else 1e-4
    if n_lambdas < 1 or not 0 < min_ratio < 1:
        raise MismatchError(
            f"n_lambdas={n_lambdas}, min_ratio={min_ratio}",
            expected="1 or more, and a share above 0 and below 1",
        )
    # Where no coefficient ever leaves 0 every penalty gives the same model: any start will do.
    start = _lambda_max(problem) or 1.0
    return np.geomspace(start, start * min_ratio, n_lambdas)


def _lambda_max(problem: Problem) -> float:
    intercept, gammas = _null_model(problem)
    score = (problem.residuals(problem.linear_predictors(intercept, gammas)) @ problem.Z)[0]
    upward = np.where(problem.upper > 0, score, 0.0)
    downward = np.where(problem.lower < 0, -score, 0.0)
    steepest = np.maximum(np.maximum(upward, downward), 0.0)
    penalised = ~problem.unpenalised
    l1 = max(problem.alpha, LEAST_MIXING) * problem.share[penalised]
    return float(np.max(steepest[penalised] / l1, initial=0.0))


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
    if not problem.Z.shape[1]:
        intercept = logit(problem.weights @ problem.y)
        return np.full(len(lambdas), intercept), np.zeros((len(lambdas), 0))
    bounded = np.isfinite(problem.lower).any() or np.isfinite(problem.upper).any()
    if problem.alpha == 0 and not bounded and not problem.unpenalised.any():
        return _solve_ridge(problem, lambdas, tolerance)
    return _run(problem, lambdas, tolerance, bounded=bool(bounded))


def _solve_ridge(
    problem: Problem, lambdas: FloatArray, tolerance: float
) -> tuple[FloatArray, FloatArray]:
    """Solve in the space of the samples, which ridge's coefficients do not leave.

    With every column divided by the root of its penalty that is the same for all directions, so
    that the columns can be replaced by their principal components, no more than samples.
    """
    roots = np.sqrt(problem.square_share)
    U, s, V = np.linalg.svd(problem.Z / roots, full_matrices=False)
    U, s, V = U[:, s > RANK * s[0]], s[s > RANK * s[0]], V[s > RANK * s[0]]
    ones = np.ones(len(s))
    components = replace(
        problem,
        Z=np.asfortranarray(U * s),
        share=ones,
        square_share=ones,
        lower=-np.inf * ones,
        upper=np.inf * ones,
    )
    intercepts, gammas = _run(components, lambdas, tolerance, solver="irls-ls")
    return intercepts, (gammas @ V) / roots


def _run(
    problem: Problem,
    lambdas: FloatArray,
    tolerance: float,
    *,
    bounded: bool = False,
    solver: str = "irls-cd",
) -> tuple[FloatArray, FloatArray]:
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(
        family="binomial",
        solver=solver,
        alpha=lambdas,
        alpha_search=True,
        l1_ratio=problem.alpha,
        P1=problem.share,
        P2=problem.square_share,
        lower_bounds=problem.lower if bounded else None,
        upper_bounds=problem.upper if bounded else None,
        gradient_tol=tolerance,
        max_iter=MAX_ITERATIONS,
    )
    # glum warns of steps that rounding makes useless; what counts is checked at the solution.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(problem.Z, problem.y, sample_weight=problem.weights)
    return np.asarray(model.intercept_path_), np.asarray(model.coef_path_)


@cache
def _threads() -> Any:
    """Return the control of the numerical libraries' threads.

    On cohorts of hundreds of samples several threads are slower than one, many times so when
    other processes want the same cores. To find the libraries takes a while, so it is done
    once, when glum has brought its own.
    """
    import glum  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


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
    coefficients = np.zeros((len(lambdas), len(problem.columns)))
    coefficients[:, problem.columns] = gammas / problem.sds
    return Path(
        lambdas=lambdas,
        coefficients=coefficients,
        intercepts=intercepts - coefficients[:, problem.columns] @ problem.means,
        objective=problem.objective(lambdas, gammas, eta),
        violation=problem.violation(lambdas, gammas, eta),
    )


def _warn_of_doubtful(path: Path, tolerance: float) -> None:
    doubtful = np.count_nonzero(path.violation > SLACK * tolerance)
    if doubtful:
        worst = np.argmax(path.violation)
        warnings.warn(
            f"{doubtful} of {len(path.lambdas)} penalties were not solved to the tolerance: at "
            f"lambda={path.lambdas[worst]:.3g} a slope of {path.violation[worst]:.1g} is left. "
            "Use stronger penalties, or a greater tolerance.",
            MirriskWarning,
            stacklevel=3,
        )
