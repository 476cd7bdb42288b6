"""Paths of penalties in every fold of a cross-validation, followed as far as is worthwhile."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MirriskWarning, MismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.fitting.directions import Design
    from mirrisk.fitting.families import Family, Path
    from mirrisk.fitting.folds import Fold
    from mirrisk.vocabulary import FloatArray, IntArray

LOOSE = 1e-4
"""Tolerance of paths that are only compared: deviances then agree to three digits or more."""

LONG_PATH = 10
"""A path of so many penalties is first followed half-way."""

FURTHER = 10
"""By so many penalties at a time is a path followed on."""


@dataclass(frozen=True, eq=False)
class Followed:
    """The path of one mixing, as far as it was followed.

    Attributes
    ----------
    mixing : float
    penalties : ndarray of shape (n_penalties,)
        As far as the path may be followed.
    paths : list of Path or None
        Per fold; None where it could not be fitted.
    mean, error : ndarray of shape (n_followed,)
        Mean deviance per held-out sample, and its standard error over folds.
    """

    mixing: float
    penalties: FloatArray
    paths: list[Path | None]
    mean: FloatArray
    error: FloatArray

    @property
    def least(self) -> float:
        """The least deviance."""
        return float(self.mean.min())

    @property
    def almost_least(self) -> float:
        """One standard error above the least deviance."""
        at = int(np.argmin(self.mean))
        return float(self.mean[at] + self.error[at])

    @property
    def at_end(self) -> bool:
        """Whether the last penalty is the best, though weaker ones are allowed."""
        return int(np.argmin(self.mean)) == len(self.mean) - 1 < len(self.penalties) - 1

    @property
    def has_turned(self) -> bool:
        """Whether the deviance ends more than one standard error above its least."""
        return bool(self.mean[-1] > self.almost_least)


@dataclass(frozen=True, eq=False)
class Fits:
    """What is fitted in the folds of a cross-validation: samples, outcomes, columns.

    Attributes
    ----------
    columns : ndarray of shape (n_samples, n_columns)
    y : sequence of n_samples
        Outcomes, as the family takes them.
    design : Design
    family : Family
    folds : list of (training rows, held-out rows)
    sizes : list of int
        How many folds each repeat has.
    n_jobs : int
    """

    columns: FloatArray
    y: Any
    design: Design
    family: Family
    folds: Sequence[Fold]
    sizes: Sequence[int]
    n_jobs: int

    def follow(self, mixing: float, penalties: FloatArray, count: int) -> Followed:
        """Follow a path for some penalties: half-way first, and on unless the deviance has turned.

        The weak half of a path costs several times what the strong half does.

        Raises
        ------
        MismatchError
            If no fold could be fitted.
        """
        half = count if count < LONG_PATH else (count + 1) // 2
        found = self._until(mixing, penalties, half)
        if half < count and not found.has_turned:
            found = self._until(mixing, penalties, count)
        return found

    def follow_on(self, followed: Followed) -> Followed:
        """Follow a path on by some penalties, to which every other one before leads."""
        done = len(followed.mean)
        penalties = followed.penalties[: done + FURTHER]
        led = np.append(penalties[:done:2], penalties[done:])
        paths = self._paths(followed.mixing, led, len(penalties) - done)
        joined = [
            None if before is None or after is None else before.followed_by(after)
            for before, after in zip(followed.paths, paths, strict=True)
        ]
        return self._judged(followed.mixing, followed.penalties, joined)

    def at(self, mixing: float, led: FloatArray) -> Followed:
        """Fit at the last of some penalties."""
        return self._judged(mixing, led[-1:], self._paths(mixing, led, 1))

    def _until(self, mixing: float, penalties: FloatArray, count: int) -> Followed:
        return self._judged(mixing, penalties, self._paths(mixing, penalties[:count], count))

    def _judged(self, mixing: float, penalties: FloatArray, paths: list[Path | None]) -> Followed:
        if all(path is None for path in paths):
            raise MismatchError(
                f"none of {len(paths)} folds could be fitted: their training samples are of one "
                "class (or without an event), or the covariates separate events from the others",
                remedy="leave covariates out, or add samples",
            )
        return Followed(mixing, penalties, paths, *_over_folds(self._deviances(paths), self.sizes))

    def _paths(self, mixing: float, penalties: FloatArray, kept: int) -> list[Path | None]:
        how = self.design, mixing, penalties, kept, self.family
        if self.n_jobs == 1:
            return [_fold_path(self.columns, self.y, train, *how) for train, _ in self.folds]
        from joblib import Parallel, delayed

        found = Parallel(n_jobs=self.n_jobs)(
            delayed(_fold_path)(self.columns, self.y, train, *how) for train, _ in self.folds
        )
        return list(found)

    def _deviances(self, paths: Sequence[Path | None]) -> FloatArray:
        """Return the deviance of held-out samples: (n_folds, n_penalties), NaN where skipped."""
        count = next(len(path.coefficients) for path in paths if path is not None)
        deviances = np.full((len(self.folds), count), np.nan)
        for i, ((_, held), path) in enumerate(zip(self.folds, paths, strict=True)):
            if path is not None:
                deviances[i] = self.family.deviance(self.columns, self.y, held, path)
        return deviances


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


def _over_folds(deviances: FloatArray, sizes: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard error over folds.

    Repeats divide the same samples again: the error is that of one repeat, averaged over them.
    """
    repeats = np.split(deviances, np.cumsum(sizes)[:-1])
    fitted = [part[~np.isnan(part).any(axis=1)] for part in repeats]
    mean = np.mean([part.mean(axis=0) for part in fitted if len(part)], axis=0)
    errors = [part.std(axis=0, ddof=1) / np.sqrt(len(part)) for part in fitted if len(part) > 1]
    return mean, np.mean(errors, axis=0) if errors else np.zeros_like(mean)
