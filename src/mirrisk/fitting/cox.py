"""Elastic net Cox regression along a path of penalties, to the optimum glmnet defines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.fitting.cox_problem import CoxProblem, null_model, solve
from mirrisk.fitting.penalties import (
    check_tolerance,
    default_lambdas,
    given_lambdas,
    least_lambda_of_zeros,
    threads,
    warn_of_doubtful,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray


@dataclass(frozen=True, eq=False)
class CoxPath:
    """Coefficients for each penalty, from the strongest to the weakest.

    Attributes
    ----------
    lambdas : array of shape (n_lambdas,)
        The penalties, descending.
    coefficients : array of shape (n_lambdas, n_features)
        Log hazard ratios per unit of each column of X as it was given, with exact zeros.
    objective : array of shape (n_lambdas,)
        The minimum: negative log partial likelihood per sample plus penalty.
    violation : array of shape (n_lambdas,)
        How far from optimal a solution is: the steepest descent of the objective that is left
        along any one coefficient, per standard deviation of its column.
    """

    lambdas: FloatArray
    coefficients: FloatArray
    objective: FloatArray
    violation: FloatArray


def fit_cox_path(
    X: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    start: ArrayLike | None = None,
    sample: ArrayLike | None = None,
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
) -> CoxPath:
    r"""Fit Cox regression with an elastic net penalty, for each of many penalties.

    For each :math:`\lambda` this minimises over the coefficients

    .. math:: -\frac{1}{n} \sum_{i: \text{event}} w_i \left(x_i \beta -
        \log \sum_{j \in R(t_i)} w_j e^{x_j \beta}\right)
        + \lambda \sum_j f_j \left(\alpha |\beta_j| + \frac{1 - \alpha}{2} \beta_j^2\right)

    subject to :math:`l_j \le \beta_j \le u_j`: the partial likelihood with Breslow's treatment
    of ties; :math:`R(t)` are the rows with start < t <= time; the weights are rescaled to a
    mean of 1. With `standardize` the penalty, though not the limits, is on the coefficients of
    columns divided by their standard deviation. The problem is that of the R package glmnet
    (``family = "cox"``), as are the defaults, but for the start of the path where there are
    limits (see `lambdas`) and for the scale where samples have several rows (see `sample`).

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Finite numbers. A constant column gets the coefficient 0.
    time : array of shape (n_rows,)
        End of follow-up, above 0. One row per sample, unless `sample` says otherwise.
    event : array of shape (n_rows,)
        How it ended: 0 (or False) censored, 1 (or True) event. At least one event.
    start : array of shape (n_rows,), optional
        Start of follow-up, 0 or more and before `time`: delayed entry. By default 0.
    sample : int array of shape (n_rows,), optional
        The row of X that each row of follow-up belongs to, where samples have several (see
        :func:`mirrisk.fitting.competing.subdistribution_rows`). n and the standard deviations
        count each sample once, by the weight of its heaviest row, where glmnet, which knows
        rows only, counts rows.
    alpha : float, default 1
        Mixing of the penalty, 0 (ridge) to 1 (lasso).
    lambdas : array of shape (n_lambdas,), optional
        Penalties, above 0, in any order. By default `n_lambdas` of them, evenly spaced on the
        log scale, from :func:`cox_lambda_max` to `min_ratio` of it. That takes account of the
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
    weights : array of shape (n_rows,), optional
        0 or more, by default 1; only their ratios matter.
    standardize : bool, default True
        Penalise per standard deviation of a column (denominator n, weighted), not per unit.
    tolerance : float, default 1e-7
        Iteration ends when no slope of the objective along a coefficient, per standard
        deviation, is steeper. The default gives the objective to 1e-10 or so.

    Returns
    -------
    CoxPath

    Raises
    ------
    InvalidExpressionError
        `X` is no table of finite numbers.
    MismatchError
        Times or events are unusable (see :func:`mirrisk.fitting.endpoint.metastasis_free`); an
        argument is out of its range or has the wrong shape; no finite coefficients of the
        unpenalised columns are optimal.

    Warns
    -----
    MirriskWarning
        A solution misses a condition of optimality by more than ten tolerances.

    References
    ----------
    Simon N, Friedman J, Hastie T, Tibshirani R. Regularization paths for Cox's proportional
    hazards model via coordinate descent. J Stat Softw 2011;39(5):1-13.
    doi:10.18637/jss.v039.i05

    Examples
    --------
    >>> X = [[0, 2], [1, 0], [2, 1], [3, 2], [4, 0], [5, 1]]
    >>> path = fit_cox_path(X, [9, 8, 5, 6, 2, 1], [0, 1, 1, 0, 1, 1], lambdas=[0.2, 0.1], lower=0)
    >>> path.coefficients.round(2)
    array([[0.63, 0.  ],
           [0.95, 0.  ]])
    """
    problem = CoxProblem.of(
        X,
        time,
        event,
        start=start,
        sample=sample,
        alpha=alpha,
        lower=lower,
        upper=upper,
        penalty_factors=penalty_factors,
        weights=weights,
        standardize=standardize,
    )
    check_tolerance(tolerance)
    with threads().limit(limits=1):
        if lambdas is None:
            shape = problem.risk.n, len(problem.columns)
            penalties = default_lambdas(_lambda_max(problem), n_lambdas, min_ratio, shape=shape)
        else:
            penalties = given_lambdas(lambdas)
        gammas = solve(problem, penalties, tolerance)
        path = CoxPath(
            lambdas=penalties,
            coefficients=problem.unstandardised(gammas),
            objective=problem.objective(penalties, gammas),
            violation=problem.violation(penalties, gammas),
        )
    warn_of_doubtful(path.lambdas, path.violation, tolerance)
    return path


def cox_lambda_max(
    X: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    start: ArrayLike | None = None,
    sample: ArrayLike | None = None,
    alpha: float = 1.0,
    lower: ArrayLike = -np.inf,
    upper: ArrayLike = np.inf,
    penalty_factors: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    standardize: bool = True,
) -> float:
    """Return the least penalty at which every penalised coefficient is 0.

    Parameters
    ----------
    X, time, event, start, sample, alpha, lower, upper, penalty_factors, weights, standardize
        As for :func:`fit_cox_path`. Below a mixing of 0.001 the answer is that for 0.001, since
        ridge leaves no coefficient at 0.

    Returns
    -------
    float
        0 if no penalised coefficient leaves 0 at any penalty.

    Raises
    ------
    InvalidExpressionError, MismatchError
        As for :func:`fit_cox_path`.

    Examples
    --------
    Of two samples at risk the one with the greater value has the event: the slope of the log
    partial likelihood is 1 - 0 = half the distance of the two values, per sample a half.

    >>> cox_lambda_max([[1], [-1]], [1, 2], [1, 0])
    0.5
    """
    problem = CoxProblem.of(
        X,
        time,
        event,
        start=start,
        sample=sample,
        alpha=alpha,
        lower=lower,
        upper=upper,
        penalty_factors=penalty_factors,
        weights=weights,
        standardize=standardize,
    )
    with threads().limit(limits=1):
        return _lambda_max(problem)


def _lambda_max(problem: CoxProblem) -> float:
    return least_lambda_of_zeros(problem, problem.score(null_model(problem)[None])[0])
