"""How strong a penalty is best: repeated cross-validation inside one training set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.families import BINOMIAL
from mirrisk.fitting.following import Fits
from mirrisk.fitting.grid import Grid, leading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mirrisk.fitting.directions import Design
    from mirrisk.fitting.families import Family, Path
    from mirrisk.fitting.folds import Fold
    from mirrisk.fitting.following import Followed
    from mirrisk.vocabulary import FloatArray

Rule = Literal["min", "one_se"]


class Model(NamedTuple):
    """A penalised model: one penalty of a path.

    Attributes
    ----------
    intercept : float
        0 where the kind of outcome has none.
    coefficients : ndarray of shape (n_features,)
    objective : float
        Mean negative log-likelihood plus penalty.
    """

    intercept: float
    coefficients: FloatArray
    objective: float


@dataclass(frozen=True, eq=False)
class Tuning:
    """What cross-validation found.

    Attributes
    ----------
    grid : Grid
        As far as its paths were followed; NaN beyond.
    deviance, error : ndarray of shape (n_mixings, n_penalties)
        Mean deviance per held-out sample (of survival: less that without any predictor), and its
        standard error over folds; NaN where a path was not followed so far.
    at : (int, int)
        The mixing and penalty that were chosen.
    etas : ndarray of shape (n_repeats, n_samples)
        Out-of-fold centred linear predictors at the chosen penalty; NaN where a fold was skipped.
    folds, skipped : int
        Fits asked for, and those that could not be made.
    at_weakest : bool
        Whether the last penalty of a path was chosen: a weaker one might be better.
    """

    grid: Grid
    deviance: FloatArray
    error: FloatArray
    at: tuple[int, int]
    etas: FloatArray
    folds: int
    skipped: int
    at_weakest: bool

    @property
    def mixing(self) -> float:
        """The mixing chosen."""
        return self.grid.mixings[self.at[0]]

    @property
    def penalty(self) -> float:
        """The penalty chosen."""
        return float(self.grid.penalties[self.at])


def tune(
    values: FloatArray,
    centre: FloatArray,
    y: Any,
    design: Design,
    grid: Grid,
    folds: Sequence[Sequence[Fold]],
    *,
    rule: Rule = "min",
    n_jobs: int = 1,
    family: Family = BINOMIAL,
) -> Tuning:
    """Choose mixing and penalty by the deviance of held-out samples.

    The weak half of a path costs several times what the strong half does. It is left out, per
    mixing, where the deviance has turned before: where half-way it is more than one standard
    error above its least. Where it is least at the end of a path, and by no more than one standard
    error greater than that of the best mixing, the path is followed on, if need be to the weakest
    penalty that the grid allows.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Complete.
    centre : ndarray of shape (n_features,)
        What linear predictors are centred at.
    y : sequence of n_samples
        Outcomes, as the family takes them.
    design : Design
    grid : Grid
        Of the whole training set, so that the folds compare the same penalties.
    folds : list of list of (training rows, held-out rows)
        Per repeat.
    rule : {"min", "one_se"}
        The least deviance; or the strongest penalty, at the same mixing, whose deviance is
        within one standard error of it.
    n_jobs : int, default 1
    family : Family, default BINOMIAL
        The kind of outcome.

    Raises
    ------
    MismatchError
        If no fold could be fitted.
    """
    if rule not in get_args(Rule):
        raise MismatchError(f"rule is {rule!r}", expected=" | ".join(get_args(Rule)))
    flat = [fold for repeat in folds for fold in repeat]
    sizes = [len(repeat) for repeat in folds]
    columns = design.columns(values)
    fits = Fits(columns, y, design, family, flat, sizes, n_jobs)
    count = grid.penalties.shape[1]
    if count == 1:
        found = [
            fits.at(mixing, leading(values, y, design, mixing, float(penalty), family))
            for mixing, (penalty,) in zip(grid.mixings, grid.penalties, strict=True)
        ]
    else:
        found = _followed_on(
            fits,
            [fits.follow(m, grid.whole(i), count) for i, m in enumerate(grid.mixings)],
        )
    mean, error, penalties = (
        _side_by_side(parts)
        for parts in zip(
            *((one.mean, one.error, one.penalties[: len(one.mean)]) for one in found), strict=True
        )
    )
    at = _choose(mean, error, rule)
    chosen = found[at[0]].paths
    centred = columns - centre[design.features]
    etas = np.stack(
        [
            _out_of_fold(centred, repeat, chosen[end - len(repeat) : end], at[1])
            for repeat, end in zip(folds, np.cumsum(sizes), strict=True)
        ]
    )
    weakest = bool(count > 1 and at[1] == len(found[at[0]].mean) - 1)
    followed = Grid(grid.mixings, penalties, grid.weakest)
    return Tuning(followed, mean, error, at, etas, len(flat), chosen.count(None), weakest)


def _followed_on(fits: Fits, found: list[Followed]) -> list[Followed]:
    """Follow paths on as long as the best penalty is the last one, and a promising one."""
    while True:
        enough = min(found, key=lambda one: one.least).almost_least
        on = [one.at_end and one.least <= enough for one in found]
        if not any(on):
            return found
        found = [
            fits.follow_on(one) if further else one for one, further in zip(found, on, strict=True)
        ]


def _side_by_side(rows: Sequence[FloatArray]) -> FloatArray:
    """Put rows of different lengths into one array, with NaN beyond their ends."""
    array = np.full((len(rows), max(map(len, rows))), np.nan)
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array


def fit_at(
    values: FloatArray,
    y: Any,
    design: Design,
    mixing: float,
    penalty: float,
    family: Family = BINOMIAL,
) -> Model:
    """Fit at one penalty, to the solver's full tolerance.

    Warns
    -----
    MirriskWarning
        If the solver did not reach its tolerance.
    """
    path = family.path(
        design.columns(values),
        y,
        alpha=mixing,
        lambdas=leading(values, y, design, mixing, penalty, family) * design.scale,
        lower=design.lower,
        upper=design.upper,
        penalty_factors=design.factors,
        standardize=False,
    )
    return Model(
        float(path.intercepts[-1]),
        design.merged(path.coefficients[-1]),
        float(path.objective[-1]),
    )


def _out_of_fold(
    centred: FloatArray, folds: Sequence[Fold], fitted: Sequence[Path | None], penalty: int
) -> FloatArray:
    """Return the linear predictors of held-out samples in one repeat; NaN where skipped."""
    etas = np.full(len(centred), np.nan)
    for (_, held), path in zip(folds, fitted, strict=True):
        if path is not None:
            etas[held] = centred[held] @ path.coefficients[penalty]
    return etas


def _choose(mean: FloatArray, error: FloatArray, rule: Rule) -> tuple[int, int]:
    """Return the place of the mixing and penalty that a rule chooses; of equal ones the first."""
    best = np.unravel_index(np.nanargmin(mean), mean.shape)
    mixing, penalty = int(best[0]), int(best[1])
    if rule == "one_se":
        near = mean[mixing] <= mean[mixing, penalty] + error[mixing, penalty]
        penalty = int(np.argmax(near))
    return mixing, penalty
