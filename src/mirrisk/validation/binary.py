"""All that an outcome of two classes tells about a risk, from the kernels of this package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy.special import ndtr

from mirrisk.errors import MismatchError
from mirrisk.scoring import FLAGS, Flag
from mirrisk.validation.calibration import calibration, calibration_of_percentiles
from mirrisk.validation.clustered import repeated, share_of
from mirrisk.validation.clustered_auc import auc_difference, auc_with_interval
from mirrisk.validation.cutoffs import at_cutoff, cutoff_for
from mirrisk.validation.discrimination import auc
from mirrisk.validation.estimate import Estimate
from mirrisk.validation.logistic import fit_logistic
from mirrisk.validation.net_benefit import net_benefit
from mirrisk.validation.permutation import permutation_test
from mirrisk.validation.roc import average_precision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mirrisk.validation.bootstrap import BootstrapInterval
    from mirrisk.validation.calibration import Calibration, PercentileCalibration
    from mirrisk.validation.cases import Cases
    from mirrisk.validation.crossfit import Judged
    from mirrisk.validation.cutoffs import Cutoff
    from mirrisk.validation.discrimination import AucDifference
    from mirrisk.validation.interval import Interval, Proportion
    from mirrisk.validation.net_benefit import DecisionCurve
    from mirrisk.validation.permutation import PermutationTest
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

T = TypeVar("T")

COUNTS_SAMPLES = (
    "patients have several samples: limits and standard errors are for patients; the tests of "
    "Kolmogorov and Smirnov and of Spiegelhalter and likelihood ratios count samples, so that "
    "their p-values are too small"
)

TARGET = 0.9
"""Sensitivity, and specificity, that cutoffs are looked for."""

TARGETS = (f"sensitivity {TARGET:g}", f"specificity {TARGET:g}")
"""What each of the cutoffs is to reach, in words."""

ORDER: tuple[Flag, ...] = ("high", "average", "low", "indeterminate", "not_scored")


@dataclass(frozen=True)
class FlagRow:
    """The samples with one flag, and the share of events among them."""

    flag: Flag
    n: int
    events: int
    share: Proportion


@dataclass(frozen=True)
class Flags:
    """What flags mean on a cohort.

    Attributes
    ----------
    rows : tuple of FlagRow
    high : Cutoff
        "high" taken for a positive test, all other scored samples for negative ones.
    not_low : Cutoff
        All scored samples but "low" taken for positive.
    """

    rows: tuple[FlagRow, ...]
    high: Cutoff
    not_low: Cutoff


@dataclass(frozen=True)
class Recalibration:
    """The log odds of the event as a straight line in the score.

    Attributes
    ----------
    intercept, slope : Estimate
        The slope is per standard deviation of the reference.
    odds_ratio : Estimate
        exp(slope), with exponentiated limits.
    """

    intercept: Estimate
    slope: Estimate
    odds_ratio: Estimate


@dataclass(frozen=True)
class Bounds:
    """The AUC of all samples, had those not scored had some risk.

    Attributes
    ----------
    n, events : int
        Samples not scored, and events among them.
    as_lowest, as_highest : float
        All of them given the lowest, or the highest, risk.
    least, greatest : float
        Their events lowest and non-events highest, and the reverse: no risks give less or more.
    """

    n: int
    events: int
    as_lowest: float
    as_highest: float
    least: float
    greatest: float


@dataclass(frozen=True)
class Comparison:
    """The panel against another risk, on the samples that have both."""

    name: str
    n: int
    events: int
    panel: Interval
    other: Interval
    difference: AucDifference


@dataclass(frozen=True)
class BinaryFigures:
    """How good a risk is; None where the data cannot tell, with the reason in ``notes``."""

    auc: Interval
    permutation: PermutationTest | None
    average_precision: BootstrapInterval | None
    calibration: Calibration | None
    percentiles: PercentileCalibration | None
    percentiles_of_non_events: PercentileCalibration | None
    recalibration: Recalibration | None
    flags: Flags
    cutoffs: tuple[Cutoff, ...]
    net_benefit: DecisionCurve | None
    comparisons: tuple[Comparison, ...]
    bounds: Bounds | None
    notes: tuple[str, ...]


def evaluate(
    cases: Cases,
    judged: Judged,
    *,
    fitted: bool,
    probabilities: bool,
    thresholds: Sequence[float] | None,
    resamples: int,
    seed: int,
) -> BinaryFigures:
    """Evaluate a risk on a binary outcome.

    Parameters
    ----------
    cases : Cases
        Among which some may not be scored.
    judged : Judged
        Of the same samples.
    fitted : bool
        Whether the risk is the probability of a fitted panel; else its score.
    probabilities : bool
        Whether this probability is one of this outcome, so that it can be held against it.
    thresholds : sequence of float, optional
        Of net benefit.
    resamples, seed : int

    Raises
    ------
    MismatchError
        If the scored samples are not of both classes.
    """
    notes: list[str] = []
    scored = judged.scored
    y, groups = cases.y[scored], cases.groups
    patients = None if groups is None else groups[scored]
    score = judged.score[scored]
    risk = judged.probability[scored] if fitted else score
    calibrated = fitted and probabilities
    if repeated(patients) is not None:
        notes.append(COUNTS_SAMPLES)
    return BinaryFigures(
        auc=auc_with_interval(y, risk, patients),
        permutation=_or_note(
            notes,
            "no permutation test",
            lambda: permutation_test(y, risk, n=resamples, seed=seed, groups=patients),
        ),
        average_precision=_or_note(
            notes,
            "no average precision",
            lambda: average_precision(y, risk, n=resamples, seed=seed, groups=patients),
        ),
        calibration=calibration(y, risk, groups=patients) if calibrated else None,
        percentiles=None if fitted else calibration_of_percentiles(ndtr(score), groups=patients),
        percentiles_of_non_events=None
        if fitted
        else calibration_of_percentiles(
            ndtr(score[y == 0]), groups=None if patients is None else patients[y == 0]
        ),
        recalibration=None
        if calibrated
        else _or_note(notes, "no odds ratio", lambda: recalibrated(y, score, patients)),
        flags=flags_of(cases.y, judged, groups),
        cutoffs=(
            cutoff_for(y, risk, sensitivity=TARGET, groups=patients),
            cutoff_for(y, risk, specificity=TARGET, groups=patients),
        ),
        net_benefit=net_benefit(y, risk, list(thresholds)) if thresholds and calibrated else None,
        comparisons=_comparisons(cases, judged, fitted, notes),
        bounds=bounds_of(cases.y, judged.probability if fitted else judged.score, scored),
        notes=tuple(notes),
    )


def recalibrated(
    y: FloatArray, score: FloatArray, patients: IntArray | None = None
) -> Recalibration:
    """Regress the log odds of the event on the score; standard errors are for patients.

    Raises
    ------
    MismatchError
        If the score is the same for all, or separates events from non-events.
    """
    if np.ptp(score) == 0:
        raise MismatchError("the score is the same for all samples")
    design = np.column_stack([np.ones(len(y)), score])
    fit = fit_logistic(design, y, patients=repeated(patients))
    intercept, slope = (
        Estimate.wald(float(value), float(error), 0.95)
        for value, error in zip(fit.coefficients, fit.standard_errors, strict=True)
    )
    ratio = float(np.exp(slope.value))
    odds_ratio = Estimate(
        ratio,
        ratio * slope.standard_error,
        float(np.exp(slope.low)),
        float(np.exp(slope.high)),
        slope.level,
    )
    return Recalibration(intercept, slope, odds_ratio)


def flags_of(y: FloatArray, judged: Judged, patients: IntArray | None = None) -> Flags:
    """Cross flags with the outcome; sensitivity and specificity are those of scored samples."""
    rows = []
    for flag in ORDER:
        here = judged.flags == FLAGS.index(flag)
        share = share_of(y[here] == 1, None if patients is None else patients[here])
        rows.append(FlagRow(flag, share.of, share.count, share))
    scored = judged.scored
    outcome, flags = y[scored], judged.flags[scored]
    high = (flags == FLAGS.index("high")).astype(float)
    not_low = (flags != FLAGS.index("low")).astype(float)
    groups = None if patients is None else patients[scored]
    return Flags(
        tuple(rows),
        at_cutoff(outcome, high, 1, groups=groups),
        at_cutoff(outcome, not_low, 1, groups=groups),
    )


def bounds_of(y: FloatArray, risk: FloatArray, scored: BoolArray) -> Bounds | None:
    """Bound the AUC of all samples; None where all are scored."""
    lost = ~scored
    if not lost.any():
        return None
    low, high = float(risk[scored].min()) - 1, float(risk[scored].max()) + 1

    def filled(of_events: float, of_others: float) -> float:
        return auc(y, np.where(scored, risk, np.where(y == 1, of_events, of_others)))

    return Bounds(
        n=int(lost.sum()),
        events=int(y[lost].sum()),
        as_lowest=filled(low, low),
        as_highest=filled(high, high),
        least=filled(low, high),
        greatest=filled(high, low),
    )


def _comparisons(
    cases: Cases, judged: Judged, fitted: bool, notes: list[str]
) -> tuple[Comparison, ...]:
    tried = [
        _or_note(
            notes,
            f"no comparison with {name}",
            partial(_compared, str(name), cases, judged, fitted),
        )
        for name in cases.others.columns
    ]
    return tuple(found for found in tried if found is not None)


def _compared(name: str, cases: Cases, judged: Judged, fitted: bool) -> Comparison:
    other = cases.others[name].to_numpy()
    both = judged.scored & ~np.isnan(other)
    y = cases.y[both]
    if not len(y):
        raise MismatchError("it is known of no sample that was scored")
    patients = None if cases.groups is None else cases.groups[both]
    risk = (judged.probability if fitted else judged.score)[both]
    return Comparison(
        name=name,
        n=len(y),
        events=int(y.sum()),
        panel=auc_with_interval(y, risk, patients),
        other=auc_with_interval(y, other[both], patients),
        difference=auc_difference(y, risk, other[both], patients),
    )


def _or_note(notes: list[str], what: str, compute: Callable[[], T]) -> T | None:
    """Compute a figure, or note why there is none."""
    try:
        return compute()
    except MismatchError as fault:
        notes.append(f"{what}: {fault.what}")
        return None
