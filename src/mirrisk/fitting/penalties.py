"""The penalties along a path, and what all that solve along one have to take care of."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MirriskWarning, MismatchError
from mirrisk.fitting.columns import Columns, numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray

LEAST_MIXING = 1e-3
"""Ridge leaves no coefficient at 0; as in glmnet its path starts as if the mixing were this."""

FLOOR, FLOOR_WIDE = 1e-4, 0.01
"""How weak a penalty may get, as a share of the strongest, and with more features than samples: as
in glmnet."""

SLACK = 10.0
"""A solution is doubted if a condition of optimality is missed by so many tolerances."""


def given_lambdas(lambdas: ArrayLike) -> FloatArray:
    """Return a user's penalties, descending."""
    penalties = numbers(lambdas, "lambdas")
    if penalties.ndim != 1 or not penalties.size:
        raise MismatchError(
            f"lambdas has the shape {penalties.shape}", expected="a list of penalties"
        )
    wrong = penalties[~(np.isfinite(penalties) & (penalties > 0))]
    if wrong.size:
        raise MismatchError(f"lambdas holds {wrong[0]}", expected="finite numbers above 0")
    return np.sort(penalties)[::-1]


def default_lambdas(
    start: float, n_lambdas: int, min_ratio: float | None, *, shape: tuple[int, int]
) -> FloatArray:
    """Return penalties from `start` downwards, for X of a shape."""
    if min_ratio is None:
        min_ratio = least_ratio(shape)
    if n_lambdas < 1 or not 0 < min_ratio < 1:
        raise MismatchError(
            f"n_lambdas={n_lambdas}, min_ratio={min_ratio}",
            expected="1 or more, and a share above 0 and below 1",
        )
    # Where no coefficient ever leaves 0 every penalty gives the same model: any start will do.
    start = start or 1.0
    return np.geomspace(start, start * min_ratio, n_lambdas)


def least_ratio(shape: tuple[int, int]) -> float:
    """Return the weakest penalty as a share of the strongest, for X of a shape."""
    n_samples, n_features = shape
    return FLOOR_WIDE if n_samples < n_features else FLOOR


def least_lambda_of_zeros(columns: Columns, score: FloatArray) -> float:
    """Return the least penalty that keeps every penalised coefficient at 0.

    `score` is the gradient of the mean log-likelihood at the model of the unpenalised columns.
    """
    upward = np.where(columns.upper > 0, score, 0.0)
    downward = np.where(columns.lower < 0, -score, 0.0)
    steepest = np.maximum(np.maximum(upward, downward), 0.0)
    penalised = ~columns.unpenalised
    l1 = max(columns.alpha, LEAST_MIXING) * columns.share[penalised]
    return float(np.max(steepest[penalised] / l1, initial=0.0))


def check_tolerance(tolerance: float) -> None:
    """Refuse a tolerance that no solution meets."""
    if not tolerance > 0:
        raise MismatchError(f"tolerance={tolerance}", expected="a number above 0")


def warn_of_doubtful(lambdas: FloatArray, violation: FloatArray, tolerance: float) -> None:
    """Warn the caller's caller of solutions that miss a condition of optimality."""
    doubtful = np.count_nonzero(violation > SLACK * tolerance)
    if doubtful:
        worst = np.argmax(violation)
        warnings.warn(
            f"{doubtful} of {len(lambdas)} penalties were not solved to the tolerance: at "
            f"lambda={lambdas[worst]:.3g} a slope of {violation[worst]:.1g} is left. "
            "Use stronger penalties, or a greater tolerance.",
            MirriskWarning,
            stacklevel=3,
        )


@cache
def threads() -> Any:
    """Return the control of the numerical libraries' threads.

    On cohorts of hundreds of samples several threads are slower than one, many times so when
    other processes want the same cores. To find the libraries takes a while, so it is done
    once.
    """
    import sklearn.utils  # noqa: F401 - brings libraries of its own, which must be found as well
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
