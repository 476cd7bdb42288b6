"""The cohort that a panel was fitted on: stored figures are the answer, apparent ones are not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.discrimination import auc
from mirrisk.validation.interval import Interval
from mirrisk.validation.time_to_event import harrell_of_patients

if TYPE_CHECKING:
    from mirrisk.model import FittedPanel
    from mirrisk.validation.cases import Cases
    from mirrisk.validation.crossfit import Judged


OF_PATIENTS = ("linear_predictors", "risks", "assignment", "warnings")
"""Parts of a validation that tell of single patients, should a file hold them."""

MEASURES = {"auc": "AUC", "c": "Harrell's C"}
"""What a validation that was stored may be about, by its key there."""


@dataclass(frozen=True)
class Apparent:
    """A panel on the samples that it was fitted on: what it could not but do well.

    ``discrimination`` (AUC, or Harrell's C of follow-up) and ``brier`` are NaN where they are not
    defined (one class; no probability of this outcome).
    """

    n: int
    events: int
    discrimination: float
    brier: float


@dataclass(frozen=True)
class StoredFigures:
    """What validation at the time of fitting found, as the panel's file has it.

    Attributes
    ----------
    discrimination : Interval
        Of samples that the models did not see.
    n, events : int
        Of the cohort that the panel was fitted on.
    said : tuple of str
        The validation in its own words.
    validation : dict
        All of it, as plain types.
    cutoffs : dict or None
        What the panel's cutoffs achieve out of fold.
    apparent : Apparent
    """

    discrimination: Interval
    n: int
    events: int
    said: tuple[str, ...]
    validation: dict[str, Any]
    cutoffs: dict[str, Any] | None
    apparent: Apparent


def stored_figures(panel: FittedPanel, cases: Cases, judged: Judged) -> StoredFigures:
    """Return the figures that a panel's file holds, with the apparent ones beside them.

    Raises
    ------
    MismatchError
        If it holds none: the apparent figures are no answer.
    """
    validation = panel.report.get("validation") or {}
    found = _discrimination(validation)
    if found is None:
        raise MismatchError(
            f"panel {panel.id!r} was fitted on these very samples, and its file holds no "
            "validation: figures on them would be apparent ones",
            expected="samples that it was not fitted on, or a panel that was validated when it "
            "was fitted",
            remedy="fit it again with nested cross-validation (mirrisk fit ... --repeats 10), or "
            "validate it on other patients",
        )
    return StoredFigures(
        discrimination=found,
        n=int(validation.get("n", panel.report.get("n", 0))),
        events=int(validation.get("events", panel.report.get("events", 0))),
        said=_words(validation.get("said", ())),
        validation={k: v for k, v in validation.items() if k not in OF_PATIENTS},
        cutoffs=panel.report.get("cutoffs"),
        apparent=_apparent(panel, cases, judged),
    )


def _discrimination(validation: dict[str, Any]) -> Interval | None:
    """Return the main figure: of nested cross-validation, else freed of optimism."""
    for key, measure in MEASURES.items():
        stored = validation.get(key)
        if isinstance(stored, dict) and stored.get("estimate") is not None:
            low, high = (_number(stored.get(side)) for side in ("low", "high"))
            level, method = float(stored.get("level", 0.95)), str(stored.get("method", ""))
            return Interval(float(stored["estimate"]), low, high, level, method, measure)
    for stored in validation.get("measures", ()):
        named = MEASURES.get(str(stored.get("name")).lower())
        if named and stored.get("corrected") is not None:
            # The bootstrap of optimism tells no interval.
            corrected = float(stored["corrected"])
            return Interval(corrected, math.nan, math.nan, 0.95, "optimism bootstrap", named)
    return None


def _apparent(panel: FittedPanel, cases: Cases, judged: Judged) -> Apparent:
    scored = judged.scored
    y, probability = cases.y[scored], judged.probability[scored]
    comparable = panel.link.kind == "logistic" and cases.follow_up is None and len(y) > 0
    return Apparent(
        n=len(y),
        events=int(y.sum()),
        discrimination=_apparent_discrimination(cases, judged),
        brier=float(np.mean((probability - y) ** 2)) if comparable else math.nan,
    )


def _apparent_discrimination(cases: Cases, judged: Judged) -> float:
    scored = judged.scored
    try:
        if cases.follow_up is None:
            return auc(cases.y[scored], judged.score[scored])
        data = cases.follow_up.take(scored)
        return harrell_of_patients(data, judged.score[scored], cases.patients[scored]).estimate
    except MismatchError:
        return math.nan


def _words(said: str | list[str]) -> tuple[str, ...]:
    return tuple(said.splitlines() if isinstance(said, str) else map(str, said))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
