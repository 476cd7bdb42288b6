"""The whole of a logistic fit: from a cohort and its outcomes to a fitted panel with its report."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MirriskWarning, MismatchError
from mirrisk.fitting.calibration import Calibration, ChosenCutoffs, calibrate, choose_cutoffs
from mirrisk.fitting.comparison import WithinFoldAUC, compare_with_curated, curated_scores
from mirrisk.fitting.counting import Counted, check_events
from mirrisk.fitting.directions import Design
from mirrisk.fitting.families import BINOMIAL
from mirrisk.fitting.folds import make_folds
from mirrisk.fitting.predictors import Predictors
from mirrisk.fitting.report import cutoff_report, described, provenance, tuning_report
from mirrisk.fitting.sample_size import supported
from mirrisk.fitting.steps import audit, covariates_alone, make_grid, make_panel, stability
from mirrisk.fitting.tuning import fit_at, tune
from mirrisk.model import Cutoffs, Link
from mirrisk.validation.logistic import SeparatedError, fit_logistic

if TYPE_CHECKING:
    from mirrisk.fitting.candidates import Candidates
    from mirrisk.fitting.cohort import Cohort
    from mirrisk.fitting.settings import Settings
    from mirrisk.fitting.tuning import Tuning
    from mirrisk.model import FittedPanel
    from mirrisk.panel import Panel
    from mirrisk.vocabulary import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """What a logistic fit gave.

    Attributes
    ----------
    tuning : Tuning
    panel : FittedPanel or None
        None where nothing predicts the outcome better than its frequency.
    frequency : float
        Of the event.
    report : dict
        Plain types.
    """

    tuning: Tuning
    panel: FittedPanel | None
    frequency: float
    report: dict[str, Any]


def fit_logistic_panel(
    cohort: Cohort,
    y: FloatArray,
    candidates: Candidates,
    settings: Settings,
    *,
    panel: Panel | None = None,
    cancer: str | None = None,
    groups: IntArray | None = None,
    classes: tuple[str, str] = ("0", "1"),
) -> LogisticFit:
    """Fit, tune, calibrate, cut off, audit.

    Parameters
    ----------
    cohort : Cohort
    y : ndarray of shape (n_samples,)
        0 and 1.
    candidates : Candidates
    settings : Settings
    panel : Panel, optional
        Of the literature.
    cancer : str, optional
    groups : ndarray of shape (n_samples,), optional
        Number of the patient of each sample, from 0.
    classes : (str, str)
        What no event and the event are called.

    Raises
    ------
    MismatchError
        On too few events or non-events, covariates that separate the classes, and settings out
        of range.

    Warns
    -----
    MirriskWarning
        Of a cohort that is too small for its candidates, and of a model without any miRNA.
    """
    counted = Counted.of(y == 1, groups)
    check_events(counted, accept_small=settings.accept_small)
    other, event = classes
    held = settings.held
    predictors = Predictors.learn(
        cohort, candidates, panel, cancer=cancer, accept_small=settings.accept_small
    )
    check_covariates(predictors, y)
    count = len(predictors.covariates)
    design = Design.of(predictors.candidates.signs, settings.directions, count)
    folds = make_folds(
        y, groups, folds=settings.folds, repeats=settings.repeats, seed=settings.seed
    )
    # Features and gaps are those of the whole cohort in every inner fold: no outcome has a part
    # in them, so that the held-out deviance is hardly better for it. (Not never: Moscovich and
    # Rosset, J R Stat Soc B 2022;84:1474-1502.)
    tuning = tune(
        predictors.values,
        predictors.joint.mean,
        y,
        design,
        make_grid(predictors, y, design, settings, BINOMIAL),
        folds,
        rule=settings.rule,
        n_jobs=settings.n_jobs,
    )
    model = fit_at(predictors.values, y, design, tuning.mixing, tuning.penalty)
    calibration, cutoffs = _calibrated(tuning, y, settings)
    support = supported(counted.n, counted.events, int(design.count), unit=counted.unit)
    if not support.sufficient:
        warnings.warn(str(support), MirriskWarning, stacklevel=3)
    selection = stability(cohort, y, y == 1, groups, predictors, tuning, settings, BINOMIAL)
    report = {
        "outcome": {"kind": "binary", "event": event, "other": other},
        **described(predictors, counted, support),
        "accepted_small": counted.is_small(),
        "directions": settings.directions,
        "tuning": tuning_report(tuning, settings.rule, settings.repeats, held=held),
        "calibration": calibration._asdict(),
        "cutoffs": cutoff_report(
            cutoffs, settings.sensitivity, settings.specificity, calibration.slope
        ),
        "stability": None if selection is None else selection.to_dict(),
        "provenance": provenance(predictors, panel, settings.seed),
    }
    if settings.audit:
        report["audit"] = audit(predictors, y, y, model, tuning, settings, BINOMIAL)
        if panel is not None:
            scores = curated_scores(predictors, panel)
            report["comparison"] = compare_with_curated(
                panel,
                scores,
                tuning.etas,
                folds,
                WithinFoldAUC(y),
                groups,
                covariates_alone=covariates_alone(predictors, model),
            )
    link = Link("logistic", *calibration)
    fitted = make_panel(predictors, model, link, _cutoffs(cutoffs), selection, report, cancer)
    return LogisticFit(tuning, fitted, float(y.mean()), report)


def check_covariates(predictors: Predictors, y: FloatArray) -> None:
    """Refuse covariates, which bear no penalty, without finite coefficients of their own.

    Raises
    ------
    MismatchError
    """
    if not predictors.covariates:
        return
    values = predictors.values[:, predictors.clinical]
    design = np.column_stack([np.ones(len(y)), values])
    names = ", ".join(predictors.covariates)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise MismatchError(
            "a covariate follows from the others (or from them and a constant)",
            where=names,
            remedy="leave one out: of columns of 0 and 1 for all categories, any",
        )
    try:
        fit_logistic(design, y)
    except SeparatedError:
        raise MismatchError(
            "the covariates separate the classes: no finite coefficients are optimal",
            where=names,
            remedy="leave out the covariate that the outcome was defined by, or merge rare "
            "categories",
        ) from None


def _calibrated(
    tuning: Tuning, y: FloatArray, settings: Settings
) -> tuple[Calibration, ChosenCutoffs]:
    """Learn from predictors of samples that the fit had not seen.

    Each repeat has a say in the calibration, which is about single models; a sample counts once.
    Cutoffs need one predictor per sample: the mean.
    """
    known = ~np.isnan(tuning.etas)
    seen = known.any(axis=0)
    if len(np.unique(y[seen])) < 2:
        raise MismatchError(
            "no event, or no non-event, could be predicted out of fold: there are too few of them",
            expected="two or more of each, of different patients",
        )
    weights = known / np.maximum(known.sum(axis=0), 1)
    outcomes = np.broadcast_to(y, known.shape)
    calibration = calibrate(tuning.etas[known], outcomes[known], weights[known])
    mean = np.nanmean(tuning.etas[:, seen], axis=0)
    cutoffs = choose_cutoffs(
        mean, y[seen], sensitivity=settings.sensitivity, specificity=settings.specificity
    )
    return calibration, cutoffs


def _cutoffs(cutoffs: ChosenCutoffs) -> Cutoffs:
    return Cutoffs(
        cutoffs.low,
        cutoffs.high,
        low_means=f"sensitivity {cutoffs.sensitivity} out of fold above it",
        high_means=f"specificity {cutoffs.specificity} out of fold below it",
    )
