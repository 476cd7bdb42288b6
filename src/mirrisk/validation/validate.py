"""Validate any panel on a cohort: nothing is judged on what it was learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.catalog import load_panel
from mirrisk.errors import MismatchError
from mirrisk.model import FittedPanel
from mirrisk.reference import COHORT
from mirrisk.tables import as_expression
from mirrisk.validation.binary import BinaryFigures, evaluate
from mirrisk.validation.cases import Cases, gather
from mirrisk.validation.clinical_models import compare_with_covariates
from mirrisk.validation.crossfit import cross_fitted
from mirrisk.validation.parts import Sites, member_figures, subgroup_parts, within_sites
from mirrisk.validation.report import Cohort, Subject, Validation
from mirrisk.validation.scored import (
    CROSS_FITTED,
    Scored,
    require_scored,
    score_curated,
    score_fitted,
    unscored,
)
from mirrisk.validation.time_to_event import SurvivalFigures, evaluate_follow_up
from mirrisk.validation.training import StoredFigures, stored_figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from mirrisk.catalog import PanelLike
    from mirrisk.panel import Panel
    from mirrisk.reference import Reference
    from mirrisk.vocabulary import FloatArray, Level, Specimen, Unit


@dataclass(frozen=True)
class _Settings:
    folds: int
    repeats: int
    thresholds: Sequence[float] | None
    horizon: float | None
    resamples: int
    seed: int
    n_jobs: int | None


def validate(
    panel: PanelLike,
    X: object,
    y: object = None,
    *,
    time: object = None,
    event: object = None,
    horizon: float | None = None,
    reference: Reference | str | Path | None = None,
    event_class: object = None,
    covariates: pd.DataFrame | None = None,
    baseline: pd.DataFrame | None = None,
    compare: object = None,
    groups: object = None,
    sites: object = None,
    subgroups: object = None,
    thresholds: Sequence[float] | None = None,
    folds: int = 5,
    repeats: int = 10,
    resamples: int = 2000,
    seed: int = 0,
    n_jobs: int | None = 1,
    unit: Unit | None = None,
    level: Level | None = None,
    specimen: Specimen | None = None,
    feature_names: Sequence[str] | None = None,
) -> Validation:
    """Find out how good a panel is on a cohort, and how sure that is.

    Parameters
    ----------
    panel : str, Path, Panel or FittedPanel
        Id of a shipped panel, a signature file, or a fitted panel (its file).
    X : Expression, DataFrame, or array of shape (n_samples, n_features)
        As for :func:`mirrisk.score`.
    y : array-like or Series of shape (n_samples,), optional
        Of two classes, the second in order being the event; missing where not known. For a
        fitted panel of two classes they must be those that it was fitted to. A Series goes by
        the names of samples (unless its index is the default one, which only counts rows),
        anything else by their order; so do all below.
    time, event : array-like or Series of shape (n_samples,), optional
        Instead of `y`: time to the event or the end of follow-up, and 0 censored, 1 event, from
        2 up competing events.
    horizon : float, optional
        With `time`: when risks are told; default that of a fitted panel.
    reference : Reference, str or Path, optional
        For a panel of the literature. Default ``"cross-fitted"``: each sample is scored against
        a reference learned from other patients of X. A reference that holds samples of X is
        never used on them: then all of X is cross-fitted, and a note says so.
    event_class : str, number or bool, optional
        The class of `y` that is the event, where it is not the second in order, or where a
        fitted panel calls it by another word.
    covariates : DataFrame, optional
        The clinical columns of numbers that a fitted panel needs, by sample.
    baseline : DataFrame, optional
        What the panel is to add to: clinical columns of numbers, by sample.
    compare : DataFrame or mapping, optional
        Other risks of the samples, each to be compared with the panel's.
    groups : array-like or Series, optional
        The patient of each sample, where patients have several.
    sites : array-like or Series, optional
        Where each sample is from.
    subgroups : DataFrame or Series, optional
        Columns in whose levels the AUC is told.
    thresholds : sequence of float, optional
        Of net benefit, for a fitted panel.
    folds : int, default 5
        Of cross-fitting (a single pass), and of the models with the baseline.
    repeats : int, default 10
        Of the models with the baseline.
    resamples : int, default 2000
        Of bootstraps and permutations.
    seed : int, default 0
    n_jobs : int, default 1
        Processes that learn references; -1 for all cores. No number changes the result.
    unit, level, specimen, feature_names
        As for :func:`mirrisk.score`.

    Returns
    -------
    Validation
        ``print`` it, or take ``to_dict()`` or ``tables``. On the cohort that a fitted panel was
        fitted on it holds the figures of that panel's own validation, with the apparent ones
        labelled so; on a part of that cohort among others only the others count.

    Raises
    ------
    NothingScoredError
        If the panel scores no sample whose outcome is known.
    MismatchError
        If outcome, table, panel and reference do not hold together, the outcome's classes being
        others than a fitted panel's among it; if the samples that were
        scored are not of both classes; if a fitted panel that was never validated meets the
        cohort that it was fitted on.

    Notes
    -----
    Research use only: no panel of mirrisk is a validated diagnostic.

    Examples
    --------
    >>> from mirrisk.simulate import cohort
    >>> simulated = cohort("tcga-prad", 120, panel="prostate", shifted=0.3, shift=0.15, seed=1)
    >>> found = validate("prostate", simulated.counts, simulated.truth["shifted"], resamples=200)
    >>> found.subject.reference
    'cross-fitted'
    """
    loaded = load_panel(panel)
    fitted = loaded if isinstance(loaded, FittedPanel) else None
    _check_arguments(fitted, reference, covariates, thresholds, time, horizon)
    expression = as_expression(
        X, unit=unit, level=level, specimen=specimen, feature_names=feature_names
    )
    cases = gather(
        expression.samples,
        y=y,
        time=time,
        event=event,
        groups=groups,
        sites=sites,
        subgroups=subgroups,
        covariates=covariates,
        baseline=baseline,
        others=compare,
        event_class=event_class,
        fitted_to=None if fitted is None else _classes_of(fitted),
    )
    if fitted is not None and horizon is None and time is not None:
        horizon = fitted.link.horizon
    how = _Settings(folds, repeats, thresholds, horizon, resamples, seed, n_jobs)
    if isinstance(loaded, FittedPanel):
        scored = score_fitted(loaded, expression, cases)
    else:
        scored = score_curated(
            loaded, expression, cases, reference, folds=folds, seed=seed, n_jobs=n_jobs
        )
    require_scored(scored)
    return _report(loaded, scored, how)


def _classes_of(panel: FittedPanel) -> tuple[str, str] | None:
    """Return what a panel of two classes calls no event and the event; None where not told."""
    outcome = panel.report.get("outcome", {})
    if panel.link.kind != "logistic" or not {"event", "other"} <= set(outcome):
        return None
    return str(outcome["other"]), str(outcome["event"])


def _check_arguments(
    fitted: FittedPanel | None,
    reference: object,
    covariates: object,
    thresholds: object,
    time: object,
    horizon: float | None,
) -> None:
    if fitted is not None and reference is not None:
        raise MismatchError(
            f"a reference for the fitted panel {fitted.id!r}, which brings its own",
            remedy="leave the reference out",
        )
    if isinstance(reference, str) and reference == COHORT:
        raise MismatchError(
            "the cohort as its own reference would hold every sample that it judges",
            expected=f"a reference of other samples, or {CROSS_FITTED}",
            remedy="leave the reference out: each sample is scored against other patients",
        )
    if covariates is not None and not (fitted and fitted.covariates):
        raise MismatchError(
            "covariates for a panel that has none",
            expected="the clinical columns that a fitted panel was fitted with",
            remedy="name what the panel is to add to as baseline= (--baseline)",
        )
    if fitted is None and thresholds:
        raise MismatchError(
            "thresholds for a panel of the literature, which gives no probability",
            expected="a fitted panel",
            remedy="leave thresholds out; the flags tell what a cutoff does",
        )
    if horizon is not None and time is None:
        raise MismatchError("a horizon without times", expected="time and event with a horizon")


# -- figures ----------------------------------------------------------------------------------


def _report(panel: Panel | FittedPanel, scored: Scored, how: _Settings) -> Validation:
    figures, notes = _figures(panel, scored, how)
    parts: dict[str, Any] = {}
    if isinstance(figures, BinaryFigures):
        parts, said = _parts(panel, scored, how)
        notes = (*notes, *said)
    elif isinstance(figures, SurvivalFigures):
        notes = (*notes, *_not_for_follow_up(scored.cases))
    return Validation(
        subject=_subject(panel, scored),
        cohort=_cohort(scored),
        figures=figures,
        notes=(*scored.cases.notes, *scored.notes, *notes),
        seed=how.seed,
        resamples=how.resamples,
        **parts,
    )


def _figures(
    panel: Panel | FittedPanel, scored: Scored, how: _Settings
) -> tuple[BinaryFigures | SurvivalFigures | StoredFigures, tuple[str, ...]]:
    cases, judged = scored.cases, scored.judged
    fitted = panel if isinstance(panel, FittedPanel) else None
    if fitted is not None and scored.training:
        said = (
            "these are samples that the panel was fitted on: the figures are those of its own "
            "validation, on samples that the models had not seen"
        )
        return stored_figures(fitted, cases, judged), (said,)
    logistic = fitted is not None and fitted.link.kind == "logistic"
    if cases.follow_up is not None:
        followed = evaluate_follow_up(
            cases,
            judged,
            None if logistic else fitted,
            horizon=how.horizon,
            thresholds=how.thresholds,
            resamples=how.resamples,
            seed=how.seed,
        )
        if logistic:
            said = "the panel predicts no risk until a time: its probability only ranks samples"
            return followed, (*followed.notes, said)
        return followed, followed.notes
    found = evaluate(
        cases,
        judged,
        fitted=fitted is not None,
        probabilities=logistic,
        thresholds=how.thresholds,
        resamples=how.resamples,
        seed=how.seed,
    )
    if fitted is not None and not logistic:
        said = "no calibration: the panel predicts the risk until a time, the outcome has no time"
        return found, (*found.notes, said)
    return found, found.notes


def _parts(
    panel: Panel | FittedPanel, scored: Scored, how: _Settings
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return members, subgroups, sites and the comparison with covariates."""
    kept = scored.judged.scored
    judged, cases = scored.judged.take(kept), scored.cases.take(kept)
    risk = judged.probability if isinstance(panel, FittedPanel) else judged.score
    patients = cases.groups
    notes: list[str] = []
    found: dict[str, Any] = {
        "members": member_figures(cases.y, risk, judged, patients),
        "subgroups": subgroup_parts(cases, risk, patients),
    }
    if cases.sites is not None:
        try:
            found["sites"] = _sites(panel, scored, risk, how)
        except MismatchError as fault:
            notes.append(f"no figures per site: {fault.what}")
    if len(cases.baseline.columns):
        try:
            found["clinical"] = compare_with_covariates(
                cases.y,
                judged.score,
                cases.baseline.to_numpy(),
                tuple(map(str, cases.baseline.columns)),
                patients,
                folds=how.folds,
                repeats=how.repeats,
                resamples=how.resamples,
                seed=how.seed,
            )
        except MismatchError as fault:
            notes.append(f"no comparison with the baseline: {fault.what}")
    return found, tuple(notes)


def _sites(panel: Panel | FittedPanel, scored: Scored, risk: FloatArray, how: _Settings) -> Sites:
    """Leave each site out of the references; where nothing is learned, tell of each as it is."""
    cases = scored.cases
    kept = scored.judged.scored
    if isinstance(panel, FittedPanel) or not scored.cross_fitted:
        words, y, patients = cases.sites[kept], cases.y[kept], cases.patients[kept]
        return within_sites(words, y, risk, patients, left_out=False)
    names, at = np.unique(cases.sites.astype(str), return_inverse=True)
    events = np.bincount(at, weights=cases.y)
    # A site of one class has no pair to compare, and needs no reference.
    both = np.flatnonzero((events > 0) & (events < np.bincount(at)))
    if not len(both) or len(names) < 2:
        raise MismatchError(f"{len(names)} sites, {len(both)} with and without events")
    judged, _ = cross_fitted(
        panel,
        scored.expression,
        np.asarray(at, dtype=np.intp),
        cases.patients,
        n_jobs=how.n_jobs,
        wanted=both.tolist(),
    )
    # Sites of one class are counted with the scores that they have.
    score = np.where(np.isin(at, both), judged.score, scored.judged.score)
    return within_sites(cases.sites, cases.y, score, cases.patients, left_out=True)


def _not_for_follow_up(cases: Cases) -> tuple[str, ...]:
    given = {
        "sites": cases.sites is not None,
        "subgroups": len(cases.subgroups.columns),
        "baseline": len(cases.baseline.columns),
        "other risks": len(cases.others.columns),
    }
    names = [name for name, there in given.items() if there]
    if not names:
        return ()
    return (f"{', '.join(names)}: figures of these are told of outcomes of two classes only",)


# -- what it is about -------------------------------------------------------------------------


def _subject(panel: Panel | FittedPanel, scored: Scored) -> Subject:
    return Subject(
        panel=panel.id,
        version=panel.version,
        title=panel.title,
        endpoint=panel.endpoint,
        digest=panel.digest,
        kind=panel.link.kind if isinstance(panel, FittedPanel) else "literature",
        caveats=panel.caveats,
        reference=scored.reference,
        reference_digest=scored.digest,
        reference_n=scored.learned_from,
    )


def _cohort(scored: Scored) -> Cohort:
    lost = unscored(scored.judged)
    kept = scored.cases.take(scored.judged.scored)
    return Cohort(
        n=len(kept),
        events=kept.events,
        competing=kept.competing,
        patients=int(kept.patients.max()) + 1,
        outcome=kept.outcome,
        event=kept.event,
        other=kept.other,
        left_out=(*kept.left_out, *lost),
        not_scored=lost,
    )
