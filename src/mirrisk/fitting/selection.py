"""How often each candidate is selected when a fit is repeated, whole, on halves of the cohort."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MirriskError, MirriskWarning
from mirrisk.fitting.predictors import Predictors
from mirrisk.fitting.stability import expected_false_selections, stability_selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirrisk.fitting.candidates import Candidates
    from mirrisk.fitting.cohort import Cohort
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

THRESHOLD = 0.75
"""A candidate that this share of the halves selects is called stable."""


@dataclass(frozen=True, eq=False)
class Selection:
    """How often each candidate was selected.

    Attributes
    ----------
    names : tuple of str
    frequencies : ndarray of shape (n_candidates,)
        Share of the halves, 0 to 1.
    selected : float
        How many candidates a half selected on average.
    pairs : int
    failed : float
        Share of the halves that could not be fitted; they select nothing.
    """

    names: tuple[str, ...]
    frequencies: FloatArray
    selected: float
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

        None without a bound: nothing was selected, there was only one pair, or halves select so
        many that the theory says nothing.
        """
        if not self.selected or self.pairs < 2:
            return None
        bound = expected_false_selections(
            self.selected,
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
    coefficients: Callable[[Predictors, Any], FloatArray],
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
    coefficients : callable
        Takes the predictors of a half and its outcomes (the rows of `y`) and returns the
        coefficients, candidates first.
    pairs, seed, n_jobs : int
    """
    eventful = np.zeros(int(patients.max()) + 1, dtype=np.intp)
    np.maximum.at(eventful, patients, happened.astype(np.intp))
    place = {key: j for j, key in enumerate(candidates.keys)}

    def select(half: IntArray) -> Any:
        rows = np.flatnonzero(np.isin(patients, half))
        # The last place tells a half that could not be fitted.
        chosen = np.zeros(len(candidates) + 1, dtype=bool)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MirriskWarning)
                predictors = Predictors.learn(cohort.take(rows), candidates, accept_small=True)
                found = coefficients(predictors, y[rows])
        except MirriskError:
            chosen[-1] = True
            return chosen
        for key, coefficient in zip(predictors.candidates.keys, found, strict=False):
            chosen[place[key]] = coefficient != 0
        return chosen

    stability = stability_selection(
        select, len(eventful), pairs=pairs, seed=seed, strata=eventful, n_jobs=n_jobs
    )
    failed = float(stability.frequencies[-1])
    return Selection(
        names=candidates.names,
        frequencies=stability.frequencies[:-1],
        selected=stability.selected - failed,
        pairs=pairs,
        failed=failed,
    )
