"""The whole of a survival fit: from a cohort and its follow-up to a fitted panel."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MirriskWarning, MismatchError
from mirrisk.fitting.calibration import choose_cutoffs
from mirrisk.fitting.comparison import WithinFoldC, compare_with_curated, curated_scores
from mirrisk.fitting.counting import Counted, check_events, mean_by_patient
from mirrisk.fitting.cox_likelihood import DependentError, fit_cox
from mirrisk.fitting.directions import Design
from mirrisk.fitting.endpoint import COMPETING
from mirrisk.fitting.families import HAZARDS
from mirrisk.fitting.folds import make_folds
from mirrisk.fitting.hazard_calibration import calibration_slope, exported_baseline
from mirrisk.fitting.predictors import Predictors
from mirrisk.fitting.report import cutoff_report, described, provenance, tuning_report
from mirrisk.fitting.sample_size import supported
from mirrisk.fitting.steps import audit, covariates_alone, make_grid, make_panel, stability
from mirrisk.fitting.tuning import fit_at, tune
from mirrisk.model import Cutoffs, Link

if TYPE_CHECKING:
    from mirrisk.fitting.calibration import ChosenCutoffs
    from mirrisk.fitting.candidates import Candidates
    from mirrisk.fitting.cohort import Cohort
    from mirrisk.fitting.hazard_calibration import Baseline
    from mirrisk.fitting.outcome import SurvivalOutcome
    from mirrisk.fitting.settings import Settings
    from mirrisk.fitting.tuning import Tuning
    from mirrisk.model import FittedPanel
    from mirrisk.panel import Panel
    from mirrisk.vocabulary import IntArray

FEW_FOLLOWED = 10
"""Where fewer samples are followed to the horizon, that is a caveat: the rule of the least events
(see :mod:`mirrisk.fitting.counting`), of those who went without."""

ENDPOINTS = {
    ("event", False): "Nothing competes with the event.",
    ("event", True): (
        "The endpoint is the event or death, whichever comes first (as in metastasis-free "
        "survival): {deaths} deaths count as events. The other endpoint, with death as a "
        "competing event, would answer how probable the event itself is, in a world where some "
        "die before it."
    ),
    ("competes", False): (
        "The endpoint is the event, with which death would compete; no death without it is in "
        "the cohort, so that this is Cox regression."
    ),
    ("competes", True): (
        "The endpoint is the event, with which {deaths} deaths without it compete (Fine and "
        "Gray): the risk is that of the event itself, in a world where some die before it. The "
        "other endpoint, with death counted as an event, would answer how probable it is to have "
        "the event or to die."
    ),
}


@dataclass(frozen=True, eq=False)
class SurvivalFit:
    """What a survival fit gave.

    Attributes
    ----------
    tuning : Tuning
    panel : FittedPanel or None
        None where nothing predicts the outcome better than its frequency.
    link : Link
        The panel's; where there is none, that of the frequency.
    report : dict
        Plain types.
    """

    tuning: Tuning
    panel: FittedPanel | None
    link: Link
    report: dict[str, Any]


def fit_survival_panel(
    cohort: Cohort,
    outcome: SurvivalOutcome,
    horizon: float | None,
    candidates: Candidates,
    settings: Settings,
    *,
    panel: Panel | None = None,
    cancer: str | None = None,
    groups: IntArray | None = None,
) -> SurvivalFit:
    """Fit, tune, calibrate, cut off, audit.

    Parameters
    ----------
    cohort : Cohort
    outcome : SurvivalOutcome
    horizon : float
        The probability is that of an event until then.
    candidates : Candidates
    settings : Settings
    panel : Panel, optional
        Of the literature.
    cancer : str, optional
    groups : ndarray of shape (n_samples,), optional
        Number of the patient of each sample, from 0.

    Raises
    ------
    MismatchError
        On too few events, a horizon outside of follow-up, covariates that order all events, and
        settings out of range.

    Warns
    -----
    MirriskWarning
        Of a cohort that is too small for its candidates, and of a model without any miRNA.
    """
    counted = Counted.of(outcome.happened, groups)
    check_events(counted, accept_small=settings.accept_small, classes=False)
    until = check_horizon(horizon, outcome)
    held = settings.held
    predictors = Predictors.learn(
        cohort, candidates, panel, cancer=cancer, accept_small=settings.accept_small
    )
    _check_covariates(predictors, outcome)
    design = Design.of(predictors.candidates.signs, settings.directions, len(predictors.covariates))
    folds = make_folds(
        outcome.happened.astype(np.float64),
        groups,
        folds=settings.folds,
        repeats=settings.repeats,
        seed=settings.seed,
        needed=(1,),
    )
    tuning = tune(
        predictors.values,
        predictors.joint.mean,
        outcome,
        design,
        make_grid(predictors, outcome, design, settings, HAZARDS),
        folds,
        rule=settings.rule,
        n_jobs=settings.n_jobs,
        family=HAZARDS,
    )
    at = tuning.mixing, tuning.penalty
    model = fit_at(predictors.values, outcome, design, *at, HAZARDS)
    slope = calibration_slope(tuning.etas, outcome) if model.coefficients.any() else 0.0
    baseline = exported_baseline(tuning.etas, slope, outcome, until)
    link = _link(outcome, slope, until, baseline)
    cutoffs = _chosen_cutoffs(tuning, outcome, until, settings)
    support = supported(
        counted.n,
        counted.events,
        int(design.count),
        timepoint=until,
        mean_follow_up=float(mean_by_patient(outcome.time, groups).mean()),
        unit=counted.unit,
    )
    if not support.sufficient:
        warnings.warn(str(support), MirriskWarning, stacklevel=3)
    selection = stability(
        cohort, outcome, outcome.happened, groups, predictors, tuning, settings, HAZARDS
    )
    report = {
        "outcome": _described(outcome, until),
        **described(predictors, counted, support),
        "accepted_small": counted.is_small(classes=False),
        "directions": settings.directions,
        "tuning": tuning_report(tuning, settings.rule, settings.repeats, held=held),
        "calibration": {
            "slope": slope,
            "risk_of_the_mean": float(link.probability(np.zeros(1))[0]),
            "baseline_points": len(link.times),
        },
        "cutoffs": cutoff_report(cutoffs, settings.sensitivity, settings.specificity, slope),
        "stability": None if selection is None else selection.to_dict(),
        "provenance": provenance(predictors, panel, settings.seed),
    }
    if settings.audit:
        report["audit"] = audit(
            predictors, outcome, outcome.residuals(), model, tuning, settings, HAZARDS
        )
        if panel is not None:
            scores = curated_scores(predictors, panel)
            compared = WithinFoldC(outcome.time, outcome.event)
            report["comparison"] = compare_with_curated(
                panel,
                scores,
                tuning.etas,
                folds,
                compared,
                groups,
                covariates_alone=covariates_alone(predictors, model),
            )
    words = _words(cutoffs, until)
    fitted = make_panel(predictors, model, link, words, selection, report, cancer)
    return SurvivalFit(tuning, fitted, link if fitted is None else fitted.link, report)


# -- checks -----------------------------------------------------------------------------------


def check_horizon(horizon: float | None, outcome: SurvivalOutcome) -> float:
    """Refuse a horizon that is none, or by which the cohort cannot tell who has the event.

    Raises
    ------
    MismatchError
    """
    end, first = float(outcome.time.max()), float(outcome.time[outcome.happened].min())
    until = np.nan if horizon is None else float(horizon)
    if not 0 < until <= end:
        raise MismatchError(
            "no horizon: a probability of an event until when?"
            if horizon is None
            else f"the horizon is {until:g}, the longest follow-up {end:g}",
            expected="horizon=, a time above 0 within follow-up, in its unit",
        )
    status = outcome.by(until)
    if not (status == 1).any():
        raise MismatchError(
            f"no event falls before the horizon, {until:g}",
            expected=f"a horizon after several events; the first is at {first:g}",
        )
    if not (status == 0).any():
        raise MismatchError(
            f"no sample is known to be without the event at the horizon, {until:g}",
            expected="an earlier horizon, to which some are followed without an event",
        )
    return until


def _check_covariates(predictors: Predictors, outcome: SurvivalOutcome) -> None:
    """Refuse covariates, which bear no penalty, without finite coefficients of their own."""
    if not predictors.covariates:
        return
    try:
        fit_cox(predictors.values[:, predictors.clinical], **outcome.rows)
    except DependentError:
        raise MismatchError(
            "a covariate follows from the others",
            where=", ".join(predictors.covariates),
            remedy="leave one out: of columns of 0 and 1 for all categories, any",
        ) from None
    except MismatchError:
        raise MismatchError(
            "the covariates order the events without exception: no finite coefficients are optimal",
            where=", ".join(predictors.covariates),
            remedy="leave out the covariate that the outcome was defined by, or merge rare "
            "categories",
        ) from None


# -- parts ------------------------------------------------------------------------------------


def _link(outcome: SurvivalOutcome, slope: float, horizon: float, baseline: Baseline) -> Link:
    return Link(
        "cox" if outcome.death == "event" else "fine-gray",
        slope=slope,
        horizon=horizon,
        times=tuple(baseline.times.tolist()),
        hazard=tuple(baseline.hazard.tolist()),
        end=baseline.end,
    )


def _chosen_cutoffs(
    tuning: Tuning, outcome: SurvivalOutcome, horizon: float, settings: Settings
) -> ChosenCutoffs:
    """Cut off at the horizon, among those whose status is known there.

    Who was censored before it is left out, as is told beside the shares. Where censoring does not
    depend on the risk, and nothing competes, that holds the specificity right: all who went
    without the event were followed as long. The sensitivity comes out high, if anything: an early
    event, which the predictor tells best, is seldomer hidden by censoring than a late one.
    """
    seen = ~np.isnan(tuning.etas).all(axis=0)
    status = np.where(seen, outcome.by(horizon), np.nan)
    known = ~np.isnan(status)
    if len(np.unique(status[known])) < 2:
        raise MismatchError(
            "no event until the horizon, or nobody without one, could be predicted out of fold",
            expected="two or more of each, of different patients",
        )
    return choose_cutoffs(
        np.nanmean(tuning.etas[:, known], axis=0),
        status[known],
        sensitivity=settings.sensitivity,
        specificity=settings.specificity,
    )


def _words(cutoffs: ChosenCutoffs, horizon: float) -> Cutoffs:
    by = f"out of fold, of the status at time {horizon:g}, of those in whom it is known"
    return Cutoffs(
        cutoffs.low,
        cutoffs.high,
        low_means=f"sensitivity {cutoffs.sensitivity} above it ({by})",
        high_means=f"specificity {cutoffs.specificity} below it ({by})",
    )


def _described(outcome: SurvivalOutcome, horizon: float) -> dict[str, Any]:
    status = outcome.by(horizon)
    competing = (outcome.event == COMPETING) & (outcome.time <= horizon)
    followed = int((outcome.time >= horizon).sum())
    words = ENDPOINTS[outcome.death, bool(outcome.deaths)]
    return {
        "kind": "survival",
        "death": outcome.death,
        "horizon": horizon,
        "competing_events": outcome.competing,
        "deaths_without_event": outcome.deaths,
        "events_by_horizon": int((status == 1).sum()),
        "competing_by_horizon": int(competing.sum()),
        "censored_before_horizon": int(np.isnan(status).sum()),
        "followed_to_horizon": followed,
        "few_followed": followed < FEW_FOLLOWED,
        "said": words.format(deaths=outcome.deaths),
    }
