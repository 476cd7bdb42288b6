"""The model that an update starts from: log odds by a panel, on a reference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidReferenceError, MismatchError
from mirrisk.fitting.cohort import require_variation
from mirrisk.fitting.joint import JointNormal
from mirrisk.fitting.updating.cohort import Observed
from mirrisk.model import Cutoffs, FittedPanel, Link, Term
from mirrisk.panel import Panel
from mirrisk.reference import COHORT, Reference

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mirrisk.expression import Expression


def starting_model(
    original: Panel | FittedPanel,
    expression: Expression,
    *,
    covariates: pd.DataFrame | None,
    reference: Reference | str | Path | None,
    cohort_name: str,
    accept_small: bool,
) -> FittedPanel:
    """Return the model whose log odds are to be compared with outcomes.

    A panel of the literature becomes one whose log odds are its score; with ``"cohort"`` the
    new cohort's reference takes the place of a fitted panel's own.

    Raises
    ------
    MismatchError
        If the panel is none of a binary outcome, or panel, reference and table do not hold
        together.
    InvalidReferenceError
        If a reference is missing, or cannot be learned.
    """
    own_name = f"{cohort_name or 'cohort of the update'} (n = {len(expression)})"
    if isinstance(original, Panel):
        found = _reference(original, expression, reference, own_name, accept_small)
        return _of_literature(original, found, expression)
    if original.link.kind != "logistic":
        raise MismatchError(
            f"panel {original.id!r} predicts the time to an event ({original.link.kind})",
            expected="a panel of a binary outcome",
            remedy="updating panels of survival is not supported: fit anew with `mirrisk fit "
            "--time COLUMN --event COLUMN` (in Python: PanelSurvival)",
        )
    if reference is None:
        return original
    if not isinstance(reference, str) or reference != COHORT:
        raise MismatchError(
            f"a reference for the fitted panel {original.id!r}, which brings its own",
            expected=f"none, or {COHORT!r}: that of the new cohort",
        )
    return _on_its_own_reference(original, expression, covariates, own_name, accept_small)


def _reference(
    panel: Panel,
    expression: Expression,
    reference: Reference | str | Path | None,
    own_name: str,
    accept_small: bool,
) -> Reference:
    if reference is None:
        raise InvalidReferenceError(
            f"no reference for panel {panel.id!r} of the literature",
            expected=f"a reference, its id or file, or {COHORT!r}: the new cohort itself",
        )
    if isinstance(reference, Reference):
        return reference
    if str(reference) != COHORT:
        return Reference.load(reference)
    return Reference.fit_keys(
        expression,
        (),
        name=own_name,
        cancer=panel.cancer,
        panels=(panel,),
        accept_small=accept_small,
    )


def _of_literature(panel: Panel, reference: Reference, expression: Expression) -> FittedPanel:
    """Return a panel of the literature as a model whose log odds are its score.

    It has no cutoffs to keep: its coefficients change whatever is chosen.
    """
    reference.check_panel(panel)
    alignment, composite = reference.lay(panel, expression.index)
    slots = alignment.scored_slots
    part = reference.restricted([slot.key for slot in slots])
    spread = float(np.sqrt(composite.weights @ part.covariance @ composite.weights))
    return FittedPanel(
        id=panel.id,
        version=panel.version,
        title=panel.title,
        cancer=panel.cancer,
        endpoint=panel.endpoint,
        caveats=panel.caveats,
        reference=part,
        terms=tuple(
            Term(slot.key, slot.mirna, slot.weight / spread, claim=slot.claim) for slot in slots
        ),
        covariates=(),
        mean=part.mean,
        covariance=part.covariance,
        link=Link("logistic"),
        cutoffs=Cutoffs(0.0, 0.0, "", ""),
    )


def _on_its_own_reference(
    panel: FittedPanel,
    expression: Expression,
    covariates: pd.DataFrame | None,
    own_name: str,
    accept_small: bool,
) -> FittedPanel:
    """Return a panel with the new cohort's reference and means in place of its own.

    Its formula stays, in normal scores and covariates; as it is centred elsewhere, intercept and
    cutoffs move along.
    """
    reference = _learned(panel, expression, own_name, accept_small)
    moved = replace(panel, reference=reference)
    observed = Observed.of(moved, expression, covariates)
    require_variation(observed.clinical, [covariate.name for covariate in panel.covariates])
    fit = [not reason for reason in observed.unfit]
    known = observed.values[fit]
    unseen = np.asarray(np.isnan(known).all(axis=0))
    if unseen.any():
        names = [term.mirna for term in panel.terms]
        hidden = [names[f] for f, none in zip(observed.features, unseen, strict=True) if none]
        raise _no_distribution(hidden)
    # Features without a coefficient have no part in anything: they stay where they are.
    mean, covariance = panel.mean.copy(), panel.covariance.copy()
    joint = JointNormal.learn(known)
    mean[observed.features] = joint.mean
    covariance[np.ix_(observed.features, observed.features)] = joint.covariance
    shift = float(panel.coefficients @ (mean - panel.mean))
    link, cutoffs = panel.link, panel.cutoffs
    return replace(
        moved,
        mean=mean,
        covariance=covariance,
        link=replace(link, intercept=link.intercept + link.slope * shift),
        cutoffs=replace(cutoffs, low=cutoffs.low - shift, high=cutoffs.high - shift),
    )


def _learned(
    panel: FittedPanel, expression: Expression, own_name: str, accept_small: bool
) -> Reference:
    """Return the new cohort's reference on the panel's miRNAs."""
    keys = [term.key for term in panel.terms]
    if not keys:
        raise MismatchError(
            f"panel {panel.id!r} holds no miRNA that a reference would be for",
            remedy="leave the reference out",
        )
    mine, theirs = panel.reference.level, expression.level
    if mine != theirs:
        raise MismatchError(
            f"the table is at {theirs} level, panel {panel.id!r} at {mine} level",
            expected=f"one level, for reference={COHORT!r}",
        )
    whole = Reference.fit_keys(
        expression, keys, name=own_name, cancer=panel.cancer, accept_small=accept_small
    )
    absent = [term.mirna for term in panel.terms if term.key not in whole.position]
    if absent:
        raise _no_distribution(absent)
    return whole.restricted(keys)


def _no_distribution(mirnas: list[str]) -> MismatchError:
    return MismatchError(
        f"no distribution of {', '.join(mirnas)} can be learned from the new cohort",
        expected="every miRNA of the panel measured in 10 samples or more, and not constant",
        remedy="keep the panel's own reference, by which what is missing is estimated, or fit anew",
    )
