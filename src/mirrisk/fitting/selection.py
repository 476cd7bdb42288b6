"""How often each candidate is selected when a fit is repeated, whole, on halves of the cohort.

A half selects the first candidates that enter as the penalty falls, as many as were fixed before
(Meinshausen and Buehlmann 2010, doi:10.1111/j.1467-9868.2010.00740.x): a penalty that was tuned
on all samples would let each half know of the other, and the bound is about halves that do not.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MirriskError, MirriskWarning
from mirrisk.fitting.following import LOOSE
from mirrisk.fitting.grid import Grid
from mirrisk.fitting.predictors import Predictors
from mirrisk.fitting.stability import expected_false_selections, stability_selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirrisk.fitting.candidates import Candidates
    from mirrisk.fitting.cohort import Cohort
    from mirrisk.fitting.directions import Design
    from mirrisk.fitting.families import Family
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

THRESHOLD = 0.75
"""A candidate that this share of the halves selects is called stable."""

EXPECTED = 0.8
"""What q is chosen for: ``q = sqrt(EXPECTED * p)`` of p candidates. Meinshausen and Buehlmann's
bound is then ``EXPECTED / (2 * THRESHOLD - 1)``, 1.6 false selections; the r-concave is below."""

N_PENALTIES, MIN_RATIO = 30, 0.05
"""Of the path that candidates enter along; it is followed on where too few have entered."""


@dataclass(frozen=True, eq=False)
class Selection:
    """How often each candidate was selected.

    Attributes
    ----------
    names : tuple of str
    frequencies : ndarray of shape (n_candidates,)
        Share of the halves, 0 to 1.
    selected : float
        How many candidates a half selected on average: fewer than wanted where no more entered.
    wanted : int
        How many a half was to select: q of the bound.
    pairs : int
    failed : float
        Share of the halves that could not be fitted; they select nothing.
    """

    names: tuple[str, ...]
    frequencies: FloatArray
    selected: float
    wanted: int
    pairs: int
    failed: float

    @property
    def stable(self) -> tuple[str, ...]:
        """Candidates at or above the threshold."""
        chosen = np.flatnonzero(self.frequencies >= THRESHOLD - 1e-9)
        return tuple(self.names[j] for j in chosen)

    @property
    def false_selections(self) -> float | None:
        """The r-concave bound on the stable ones that are no better than chance.

        None without a bound: halves could not be fitted (it holds for all halves, not for those
        that could), there was only one pair, or halves select so many that the theory says
        nothing.
        """
        if self.failed or self.pairs < 2:
            return None
        bound = expected_false_selections(
            self.wanted,
            len(self.names),
            THRESHOLD,
            "r-concave",
            pairs=self.pairs,
            exact=True,
        )
        return bound if bound < len(self.names) else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, the most frequent first."""
        order = np.argsort(-self.frequencies, kind="stable")
        return {
            "pairs": self.pairs,
            "threshold": THRESHOLD,
            "stable": list(self.stable),
            "selected_per_half": self.selected,
            "wanted_per_half": self.wanted,
            "false_selections_at_most": self.false_selections,
            "failed_halves": self.failed,
            "frequencies": {
                self.names[j]: float(self.frequencies[j]) for j in order if self.frequencies[j]
            },
        }


def select_on_halves(
    cohort: Cohort,
    y: Any,
    happened: BoolArray,
    patients: IntArray,
    candidates: Candidates,
    select: Callable[[Predictors, Any], IntArray],
    wanted: int,
    *,
    pairs: int,
    seed: int,
    n_jobs: int = 1,
) -> Selection:
    """Repeat a fit on complementary halves of the patients.

    The reference and all else that features need are learned anew on each half, so that it
    depends on its samples alone, as the bound demands.

    Parameters
    ----------
    cohort : Cohort
    y : sequence of n_samples
        Outcomes: ``y[rows]`` are those of some samples.
    happened : ndarray of bool, shape (n_samples,)
        Who has the event; each half has half of the patients with one.
    patients : ndarray of shape (n_samples,)
        Number of the patient of each sample, from 0.
    candidates : Candidates
    select : callable
        Takes the predictors of a half and its outcomes (the rows of `y`) and returns the places
        of the half's candidates that it selects.
    wanted : int
        How many that are at most; see :func:`to_select`.
    pairs, seed, n_jobs : int
    """
    eventful = np.zeros(int(patients.max()) + 1, dtype=np.intp)
    np.maximum.at(eventful, patients, happened.astype(np.intp))
    place = {key: j for j, key in enumerate(candidates.keys)}

    def select_there(half: IntArray) -> Any:
        rows = np.flatnonzero(np.isin(patients, half))
        # The last place tells a half that could not be fitted.
        chosen = np.zeros(len(candidates) + 1, dtype=bool)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MirriskWarning)
                predictors = Predictors.learn(cohort.take(rows), candidates, accept_small=True)
                found = select(predictors, y[rows])
        except MirriskError:
            chosen[-1] = True
            return chosen
        for j in found:
            chosen[place[predictors.candidates.keys[j]]] = True
        return chosen

    stability = stability_selection(
        select_there, len(eventful), pairs=pairs, seed=seed, strata=eventful, n_jobs=n_jobs
    )
    failed = float(stability.frequencies[-1])
    return Selection(
        names=candidates.names,
        frequencies=stability.frequencies[:-1],
        selected=stability.selected - failed,
        wanted=wanted,
        pairs=pairs,
        failed=failed,
    )


def to_select(candidates: int) -> int:
    """Return how many of the candidates a half is to select: q of the bound."""
    return math.ceil(math.sqrt(EXPECTED * candidates))


def entered_first(
    values: FloatArray,
    y: Any,
    design: Design,
    mixing: float,
    wanted: int,
    candidates: int,
    family: Family,
) -> IntArray:
    """Return the candidates that enter first as the penalty falls.

    Of those that enter at one penalty the one with the greatest coefficient is first.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Candidates first.
    y : sequence of n_samples
        Outcomes, as the family takes them.
    design : Design
    mixing : float
    wanted : int
        How many to return; fewer where no more enter.
    candidates : int
    family : Family
    """
    grid = Grid.of(
        values, y, design, (mixing,), n_penalties=N_PENALTIES, min_ratio=MIN_RATIO, family=family
    )
    penalties = grid.whole(0)
    for count in (N_PENALTIES // 2, N_PENALTIES, len(penalties)):
        found = _coefficients(values, y, design, mixing, penalties[:count], family)[:, :candidates]
        entered = found != 0
        if entered.any(axis=0).sum() >= wanted:
            break
    ever = np.flatnonzero(entered.any(axis=0))
    first = entered[:, ever].argmax(axis=0)
    order = np.lexsort((-np.abs(found[first, ever]), first))
    return np.asarray(ever[order[:wanted]], dtype=np.intp)


def _coefficients(
    values: FloatArray,
    y: Any,
    design: Design,
    mixing: float,
    penalties: FloatArray,
    family: Family,
) -> FloatArray:
    path = family.path(
        design.columns(values),
        y,
        alpha=mixing,
        lambdas=penalties * design.scale,
        lower=design.lower,
        upper=design.upper,
        penalty_factors=design.factors,
        standardize=False,
        tolerance=LOOSE,
    )
    return design.merged(path.coefficients)
