"""The steps that fits to outcomes of every kind have in common."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MirriskWarning
from mirrisk.fitting.audit import audit_directions
from mirrisk.fitting.directions import Design
from mirrisk.fitting.grid import Grid
from mirrisk.fitting.report import caveats
from mirrisk.fitting.selection import entered_first, select_on_halves, to_select
from mirrisk.fitting.tuning import fit_at
from mirrisk.model import Cutoffs, FittedPanel

if TYPE_CHECKING:
    from mirrisk.fitting.cohort import Cohort
    from mirrisk.fitting.families import Family
    from mirrisk.fitting.predictors import Predictors
    from mirrisk.fitting.selection import Selection
    from mirrisk.fitting.settings import Settings
    from mirrisk.fitting.tuning import Model, Tuning
    from mirrisk.model import Link
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray


def make_grid(
    predictors: Predictors, y: Any, design: Design, settings: Settings, family: Family
) -> Grid:
    """Return the mixings and penalties to compare; one each where they are held."""
    if settings.mixing is not None and settings.penalty is not None:
        return Grid.held(settings.mixing, settings.penalty)
    return Grid.of(
        predictors.values,
        y,
        design,
        settings.mixings,
        n_penalties=settings.n_penalties,
        min_ratio=settings.min_ratio,
        family=family,
    )


def stability(
    cohort: Cohort,
    y: Any,
    happened: BoolArray,
    groups: IntArray | None,
    predictors: Predictors,
    tuning: Tuning,
    settings: Settings,
    family: Family,
) -> Selection | None:
    """Select on halves at the mixing chosen; None where that was not asked for."""
    if not settings.stability:
        return None
    wanted = to_select(len(predictors.candidates))

    def select(part: Predictors, outcome: Any) -> IntArray:
        design = Design.of(part.candidates.signs, settings.directions, len(part.covariates))
        return entered_first(
            part.values, outcome, design, tuning.mixing, wanted, len(part.candidates), family
        )

    return select_on_halves(
        cohort,
        y,
        happened,
        np.arange(len(y)) if groups is None else groups,
        predictors.candidates,
        select,
        wanted,
        pairs=settings.stability,
        seed=settings.seed,
        n_jobs=settings.n_jobs,
    )


def audit(
    predictors: Predictors,
    y: Any,
    association: FloatArray,
    model: Model,
    tuning: Tuning,
    settings: Settings,
    family: Family,
) -> dict[str, Any]:
    """Set the literature's directions beside those of a fit that ignores them."""
    free = model
    if settings.directions != "ignore" and predictors.candidates.signs.any():
        ignoring = Design.of(predictors.candidates.signs, "ignore", len(predictors.covariates))
        free = fit_at(predictors.values, y, ignoring, tuning.mixing, tuning.penalty, family)
    found = audit_directions(
        predictors,
        association,
        model.coefficients,
        free.coefficients,
        objective=model.objective,
        objective_unconstrained=free.objective,
    )
    return {"directions": settings.directions, **found.to_dict()}


def covariates_alone(predictors: Predictors, model: Model) -> bool:
    """Tell whether covariates have coefficients and no miRNA has."""
    of_mirnas = model.coefficients[~predictors.clinical]
    return bool(model.coefficients.any() and not of_mirnas.any())


def make_panel(
    predictors: Predictors,
    model: Model,
    link: Link,
    cutoffs: Cutoffs,
    selection: Selection | None,
    report: dict[str, Any],
    cancer: str | None,
) -> FittedPanel | None:
    """Make what is kept of a fit; None, with a warning, where it predicts nothing.

    The calibration slope becomes part of coefficients and cutoffs, so that what a panel says of
    itself is what its probabilities are made of: its link has the slope 1.
    """
    frequencies = None if selection is None else selection.frequencies
    slope = link.slope
    terms, covariates, features = predictors.terms(slope * model.coefficients, frequencies)
    report["selected"] = [term.mirna for term in terms]
    if not model.coefficients.any() or slope == 0:
        why = (
            "no candidate is left at the best penalty"
            if not model.coefficients.any()
            else "out of fold its predictions do not rise with the outcome"
        )
        report["null"] = f"nothing predicts the outcome better than its frequency: {why}"
        warnings.warn(report["null"], MirriskWarning, stacklevel=4)
        return None
    if not terms:
        warnings.warn(
            "no miRNA is left at the best penalty: the covariates alone predict",
            MirriskWarning,
            stacklevel=4,
        )
    joint = predictors.joint.part(features)
    return FittedPanel(
        id="fitted",
        version="0.0.0",
        title="A fitted panel",
        cancer=cancer,
        endpoint="not stated",
        caveats=caveats(report),
        reference=predictors.reference.restricted([term.key for term in terms]),
        terms=terms,
        covariates=covariates,
        mean=joint.mean,
        covariance=joint.covariance,
        link=replace(link, slope=1.0),
        cutoffs=replace(cutoffs, low=slope * cutoffs.low, high=slope * cutoffs.high),
        report=report,
    )
