"""How strong a penalty is best: repeated cross-validation inside one training set."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from mirrisk.errors import MirriskWarning, MismatchError
from mirrisk.fitting.families import BINOMIAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mirrisk.fitting.directions import Design
    from mirrisk.fitting.families import Family, Path
    from mirrisk.fitting.folds import Fold
    from mirrisk.vocabulary import FloatArray, IntArray

Rule = Literal["min", "one_se"]

LOOSE = 1e-4
"""Tolerance of paths that are only compared: deviances then agree to three digits or more."""

STEP = 0.85
"""A solver is led to a penalty by stronger ones, each this share of the one before: warm starts
along a path cost less than one cold start."""

LONG_PATH = 10
"""A path of so many penalties is first followed half-way; see :func:`tune`."""


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
class Grid:
    """The mixings and penalties that are compared.

    Attributes
    ----------
    mixings : tuple of float
    penalties : ndarray of shape (n_mixings, n_penalties)
        Descending; per normal score, of a candidate that the literature says nothing of.
    """

    mixings: tuple[float, ...]
    penalties: FloatArray

    @classmethod
    def of(
        cls,
        values: FloatArray,
        y: Any,
        design: Design,
        mixings: Sequence[float],
        *,
        n_penalties: int,
        min_ratio: float,
        family: Family = BINOMIAL,
    ) -> Grid:
        """Space penalties evenly on the log scale, from the least that leaves nothing in.

        Raises
        ------
        MismatchError
            If no finite coefficients of the covariates are optimal, or an argument is out of
            range.
        """
        if not mixings or not all(0 <= mixing <= 1 for mixing in mixings):
            raise MismatchError(f"mixings is {mixings!r}", expected="numbers from 0 to 1")
        if n_penalties < 1 or not 0 < min_ratio < 1:
            raise MismatchError(
                f"n_penalties={n_penalties}, min_ratio={min_ratio}",
                expected="1 or more, and a share above 0 and below 1",
            )
        starts = [strongest(values, y, design, mixing, family) for mixing in mixings]
        # Where no coefficient ever leaves 0 every penalty gives the same model: any will do.
        paths = [np.geomspace(s, s * min_ratio, n_penalties) for s in (x or 1.0 for x in starts)]
        return cls(tuple(map(float, mixings)), np.array(paths))

    @classmethod
    def held(cls, mixing: float, penalty: float) -> Grid:
        """Return the grid of one penalty.

        Raises
        ------
        MismatchError
            If an argument is out of range.
        """
        if not 0 <= mixing <= 1 or not 0 < penalty < np.inf:
            raise MismatchError(
                f"mixing={mixing}, penalty={penalty}",
                expected="from 0 to 1, and a finite number above 0",
            )
        return cls((float(mixing),), np.array([[float(penalty)]]))


@dataclass(frozen=True, eq=False)
class Tuning:
    """What cross-validation found.

    Attributes
    ----------
    grid : Grid
    deviance, error : ndarray of shape (n_mixings, n_penalties)
        Mean deviance per held-out sample (of survival: less that without any predictor), and its
        standard error over folds; NaN where a path was not followed so far.
    at : (int, int)
        The mixing and penalty that were chosen.
    etas : ndarray of shape (n_repeats, n_samples)
        Out-of-fold centred linear predictors at the chosen penalty; NaN where a fold was skipped.
    folds, skipped : int
        Fits asked for, and those that could not be made.
    """

    grid: Grid
    deviance: FloatArray
    error: FloatArray
    at: tuple[int, int]
    etas: FloatArray
    folds: int
    skipped: int

    @property
    def mixing(self) -> float:
        """The mixing chosen."""
        return self.grid.mixings[self.at[0]]

    @property
    def penalty(self) -> float:
        """The penalty chosen."""
        return float(self.grid.penalties[self.at])


def strongest(
    values: FloatArray, y: Any, design: Design, mixing: float, family: Family = BINOMIAL
) -> float:
    """Return the least penalty that leaves no candidate in, per unit factor."""
    return (
        family.strongest(
            design.columns(values),
            y,
            alpha=mixing,
            lower=design.lower,
            upper=design.upper,
            penalty_factors=design.factors,
            standardize=False,
        )
        / design.scale
    )


def _leading(
    values: FloatArray, y: Any, design: Design, mixing: float, penalty: float, family: Family
) -> FloatArray:
    """Return penalties from the strongest to one, which is the last."""
    start = strongest(values, y, design, mixing, family)
    if start <= penalty:
        return np.array([penalty])
    steps = int(np.ceil(np.log(penalty / start) / np.log(STEP)))
    return np.append(np.geomspace(start, penalty, steps + 1)[:-1], penalty)


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
    error above its least.

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
    n_penalties = grid.penalties.shape[1]
    half = n_penalties if n_penalties < LONG_PATH else (n_penalties + 1) // 2

    def paths(mixing: int, until: int) -> list[Path | None]:
        penalties, alpha = grid.penalties[mixing, :until], grid.mixings[mixing]
        if n_penalties == 1:
            penalties = _leading(values, y, design, alpha, float(penalties[0]), family)
        return _each_fold(columns, y, design, alpha, penalties, until, flat, n_jobs, family)

    mean, error = (np.full(grid.penalties.shape, np.nan) for _ in range(2))
    found = []
    for m in range(len(grid.mixings)):
        fitted = paths(m, half)
        _require_any(fitted)
        told = _over_folds(_deviances(columns, y, flat, fitted, family), sizes)
        if half < n_penalties and not _has_turned(*told):
            fitted = paths(m, n_penalties)
            told = _over_folds(_deviances(columns, y, flat, fitted, family), sizes)
        mean[m, : len(told[0])], error[m, : len(told[0])] = told
        found.append(fitted)
    at = _choose(mean, error, rule)
    chosen = found[at[0]]
    centred = columns - centre[design.features]
    etas = np.stack(
        [
            _out_of_fold(centred, repeat, chosen[end - len(repeat) : end], at[1])
            for repeat, end in zip(folds, np.cumsum(sizes), strict=True)
        ]
    )
    return Tuning(grid, mean, error, at, etas, len(flat), chosen.count(None))


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
        lambdas=_leading(values, y, design, mixing, penalty, family) * design.scale,
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


def _each_fold(
    columns: FloatArray,
    y: Any,
    design: Design,
    mixing: float,
    penalties: FloatArray,
    kept: int,
    folds: Sequence[Fold],
    n_jobs: int,
    family: Family,
) -> list[Path | None]:
    how = design, mixing, penalties, kept, family
    if n_jobs == 1:
        return [_fold_path(columns, y, train, *how) for train, _ in folds]
    from joblib import Parallel, delayed

    found = Parallel(n_jobs=n_jobs)(
        delayed(_fold_path)(columns, y, train, *how) for train, _ in folds
    )
    return list(found)


def _fold_path(
    columns: FloatArray,
    y: Any,
    train: IntArray,
    design: Design,
    mixing: float,
    penalties: FloatArray,
    kept: int,
    family: Family,
) -> Path | None:
    """Return the models of the last penalties; None if there are none."""
    if not family.fits(y[train]):
        return None
    try:
        with warnings.catch_warnings():
            # Of a penalty that is too weak here; the fit that is kept warns by itself.
            warnings.simplefilter("ignore", MirriskWarning)
            path = family.path(
                columns[train],
                y[train],
                alpha=mixing,
                lambdas=penalties * design.scale,
                lower=design.lower,
                upper=design.upper,
                penalty_factors=design.factors,
                standardize=False,
                tolerance=LOOSE,
            )
    except MismatchError:
        # The input was checked: what can still be refused is covariates that separate.
        return None
    return path.last(kept)


def _require_any(fitted: Sequence[Path | None]) -> None:
    if all(path is None for path in fitted):
        raise MismatchError(
            f"none of {len(fitted)} folds could be fitted: their training samples are of one "
            "class (or without an event), or the covariates separate events from the others",
            remedy="leave covariates out, or add samples",
        )


def _deviances(
    columns: FloatArray,
    y: Any,
    folds: Sequence[Fold],
    fitted: Sequence[Path | None],
    family: Family,
) -> FloatArray:
    """Return the deviance of held-out samples: (n_folds, n_penalties), NaN where skipped."""
    count = next(len(path.coefficients) for path in fitted if path is not None)
    deviances = np.full((len(folds), count), np.nan)
    for i, ((_, held), path) in enumerate(zip(folds, fitted, strict=True)):
        if path is not None:
            deviances[i] = family.deviance(columns, y, held, path)
    return deviances


def _over_folds(deviances: FloatArray, sizes: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard error over folds.

    Repeats divide the same samples again: the error is that of one repeat, averaged over them.
    """
    repeats = np.split(deviances, np.cumsum(sizes)[:-1])
    fitted = [part[~np.isnan(part).any(axis=1)] for part in repeats]
    mean = np.mean([part.mean(axis=0) for part in fitted if len(part)], axis=0)
    errors = [part.std(axis=0, ddof=1) / np.sqrt(len(part)) for part in fitted if len(part) > 1]
    return mean, np.mean(errors, axis=0) if errors else np.zeros_like(mean)


def _out_of_fold(
    centred: FloatArray, folds: Sequence[Fold], fitted: Sequence[Path | None], penalty: int
) -> FloatArray:
    """Return the linear predictors of held-out samples in one repeat; NaN where skipped."""
    etas = np.full(len(centred), np.nan)
    for (_, held), path in zip(folds, fitted, strict=True):
        if path is not None:
            etas[held] = centred[held] @ path.coefficients[penalty]
    return etas


def _has_turned(mean: FloatArray, error: FloatArray) -> bool:
    """Tell whether the deviance ends more than one standard error above its least."""
    least = int(np.argmin(mean))
    return bool(mean[-1] > mean[least] + error[least])


def _choose(mean: FloatArray, error: FloatArray, rule: Rule) -> tuple[int, int]:
    """Return the place of the mixing and penalty that a rule chooses; of equal ones the first."""
    best = np.unravel_index(np.nanargmin(mean), mean.shape)
    mixing, penalty = int(best[0]), int(best[1])
    if rule == "one_se":
        near = mean[mixing] <= mean[mixing, penalty] + error[mixing, penalty]
        penalty = int(np.argmax(near))
    return mixing, penalty
