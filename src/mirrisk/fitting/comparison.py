"""What a fitted panel gains on the curated one, of which nothing is fitted, in the same folds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.result import score_panel
from mirrisk.validation.estimate import normal_quantile
from mirrisk.validation.fold_auc import clustered_variance, placements
from mirrisk.validation.fold_concordance import compare_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.fitting.folds import Fold
    from mirrisk.fitting.predictors import Predictors
    from mirrisk.panel import Panel
    from mirrisk.vocabulary import FloatArray, IntArray

LEVEL = 0.95
"""Of the interval of the difference."""


class Repeat(NamedTuple):
    """Two risks in one repeat of cross-validation, known for the same samples.

    Attributes
    ----------
    fitted, curated : ndarray of shape (n_samples,)
        NaN where either is not known.
    folds : ndarray of shape (n_samples,)
        The fold that each sample was held out in.
    """

    fitted: FloatArray
    curated: FloatArray
    folds: IntArray


class Gain(NamedTuple):
    """How well two risks tell who has the event, and an interval of the difference."""

    fitted: float
    curated: float
    low: float
    high: float


class Discrimination(Protocol):
    """A measure of how well risks tell who has the event, over pairs of samples of one fold."""

    key: str
    name: str

    def compare(self, repeats: Sequence[Repeat], patients: IntArray) -> Gain:
        """Compare two risks; NaN without pairs.

        The variance of the difference is that over patients of all repeats together, and, as in
        :func:`mirrisk.validation.fold_auc.fold_auc`, has terms for models that were learned from
        other patients.
        """


@dataclass(frozen=True, eq=False)
class WithinFoldAUC:
    """The AUC for an outcome of 0 and 1."""

    y: FloatArray
    key = "auc"
    name = "AUC"

    def compare(self, repeats: Sequence[Repeat], patients: IntArray) -> Gain:
        """Compare by DeLong's variance of paired risks (Obuchowski's of several samples)."""
        event = self.y == 1
        codes = event.astype(np.intp)
        found = [
            tuple(placements(codes, risk, one.folds) for risk in (one.fitted, one.curated))
            for one in repeats
        ]
        aucs = np.array([[placed.auc(event) for placed in pair] for pair in found])
        pairs = np.sum([first.pairs for first, _ in found], axis=0)
        gains = np.sum([first.wins - second.wins for first, second in found], axis=0)
        if np.isnan(aucs).all():
            return Gain(math.nan, math.nan, math.nan, math.nan)
        placed = pairs > 0
        fitted, curated = np.nanmean(aucs, axis=0).tolist()
        variance, _, _ = clustered_variance(
            gains[placed] / pairs[placed] - (fitted - curated), event[placed], patients[placed]
        )
        return _gain(aucs, variance, repeats)


@dataclass(frozen=True, eq=False)
class WithinFoldC:
    """Harrell's C for follow-up; where death competes, the dead never have the event."""

    time: FloatArray
    event: IntArray
    key = "c"
    name = "Harrell's C"

    def compare(self, repeats: Sequence[Repeat], patients: IntArray) -> Gain:
        """Compare by the infinitesimal jackknife over patients."""
        found = [
            tuple(
                compare_within(self.time, self.event, risk, one.folds)
                for risk in (one.fitted, one.curated)
            )
            for one in repeats
        ]
        cs = np.array([[compared.c for compared in pair] for pair in found])
        if np.isnan(cs).all():
            return Gain(math.nan, math.nan, math.nan, math.nan)
        every = np.sum([first.all for first, _ in found], axis=0)
        right = np.sum([first.right - second.right for first, second in found], axis=0)
        fitted, curated = np.nanmean(cs, axis=0).tolist()
        influence = 2 * (right - (fitted - curated) * every) / every.sum()
        of_patient = np.bincount(patients, influence)
        return _gain(cs, float(of_patient @ of_patient), repeats)


def _gain(reached: FloatArray, sampling: float, repeats: Sequence[Repeat]) -> Gain:
    """Put an interval round the mean difference over repeats: shape (n_repeats, 2)."""
    fitted, curated = np.nanmean(reached, axis=0).tolist()
    by_repeat = reached[:, 0] - reached[:, 1]
    by_repeat = by_repeat[~np.isnan(by_repeat)]
    luck = float(by_repeat.var(ddof=1)) if len(by_repeat) > 1 else 0.0
    folds = max(len(np.unique(one.folds)) for one in repeats)
    half = normal_quantile(LEVEL) * math.sqrt(sampling * (1 + 1 / (folds - 1)) + luck)
    difference = fitted - curated
    return Gain(fitted, curated, difference - half, difference + half)


def curated_scores(predictors: Predictors, panel: Panel) -> FloatArray | None:
    """Return the curated panel's scores of the cohort, NaN where a sample has none.

    None where the cohort cannot serve the panel. No outcome has a part in them.
    """
    try:
        return score_panel(panel, predictors.reference, predictors.measured).score
    except MismatchError:
        return None


def compare_with_curated(
    panel: Panel,
    scores: FloatArray | None,
    etas: FloatArray,
    folds: Sequence[Sequence[Fold]],
    discrimination: Discrimination,
    groups: IntArray | None = None,
    *,
    covariates_alone: bool = False,
) -> dict[str, Any]:
    """Compare a fitted panel out of fold with the curated one.

    The fitted panel is flattered: its penalty is the one that did best in these very folds. It is
    said to do better only where the interval of the difference excludes 0 even so, and never
    where it holds no miRNA.

    Parameters
    ----------
    panel : Panel
    scores : ndarray of shape (n_samples,), optional
        The curated panel's.
    etas : ndarray of shape (n_repeats, n_samples)
        Out-of-fold linear predictors.
    folds : list of list of (training rows, held-out rows)
        Per repeat; only samples of one fold are compared with each other.
    discrimination : Discrimination
        What is compared.
    groups : ndarray of shape (n_samples,), optional
        Number of the patient of each sample, from 0.
    covariates_alone : bool, default False
        Whether the fitted panel holds no miRNA: the difference is then its covariates'.
    """
    told: dict[str, Any] = {"panel": panel.id, "version": panel.version, "digest": panel.digest}
    if scores is None:
        return {**told, "said": f"The curated panel {panel.id} cannot be scored in this cohort."}
    repeats = [_side_by_side(scores, eta, repeat) for eta, repeat in zip(etas, folds, strict=True)]
    patients = np.arange(len(scores)) if groups is None else groups
    gain = discrimination.compare(repeats, patients)
    if np.isnan(gain.fitted) or np.isnan(gain.curated):
        return {**told, "said": "No fold holds events and non-events that both panels score."}
    key = discrimination.key
    count = int(np.any([~np.isnan(one.fitted) for one in repeats], axis=0).sum())
    return {
        **told,
        "n": count,
        f"{key}_fitted": gain.fitted,
        f"{key}_curated": gain.curated,
        "difference": gain.fitted - gain.curated,
        "low": None if np.isnan(gain.low) else gain.low,
        "high": None if np.isnan(gain.high) else gain.high,
        "level": LEVEL,
        "beats_curated": bool(gain.low > 0) and not covariates_alone,
        "said": (_said_of_covariates if covariates_alone else _said)(
            gain, discrimination.name, panel.id, count
        ),
    }


def _said(gain: Gain, name: str, panel: str, count: int) -> str:
    if gain.low > 0:
        verdict = "does better"
    elif gain.high < 0:
        verdict = "does worse"
    else:
        verdict = "is not shown to do better"
    return (
        f"Out of fold the fitted panel {verdict} than the curated panel {panel} alone, of which "
        f"nothing is fitted: {_figures(gain, name, count)}. The fitted panel's figure is "
        "flattered: its penalty was chosen in these folds."
    )


def _said_of_covariates(gain: Gain, name: str, panel: str, count: int) -> str:
    return (
        "The fitted panel holds no miRNA: what tells it from the curated panel "
        f"{panel} are its covariates alone. Out of fold, theirs against the curated panel's: "
        f"{_figures(gain, name, count)}."
    )


def _figures(gain: Gain, name: str, count: int) -> str:
    interval = "interval not known"
    if not np.isnan(gain.low):
        interval = f"{LEVEL:.0%} CI {gain.low:+.2f} to {gain.high:+.2f}"
    return (
        f"{name} {gain.fitted:.2f} against {gain.curated:.2f}, difference "
        f"{gain.fitted - gain.curated:+.2f} ({interval}; {count} samples, the same folds)"
    )


def _side_by_side(scores: FloatArray, eta: FloatArray, folds: Sequence[Fold]) -> Repeat:
    """Return both risks where both are known."""
    fold_of = np.zeros(len(scores), dtype=np.intp)
    for number, (_, held) in enumerate(folds):
        fold_of[held] = number
    known = ~np.isnan(eta) & ~np.isnan(scores)
    fitted, curated = (np.where(known, risk, np.nan) for risk in (eta, scores))
    return Repeat(fitted, curated, fold_of)
