"""Update a panel on a new cohort, only as far as the cohort asks for it.

Before a model is fitted anew on few patients, the closed test asks whether an existing one holds
in them (see :mod:`mirrisk.fitting.closed_test`). What comes of it is a fitted panel again.
``start`` makes a model of what is updated, ``cohort`` the numbers of the new samples, ``apply``
tests and makes the panel, with the cutoffs of ``cutoffs``; ``result`` says what came of it.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.catalog import load_panel
from mirrisk.errors import MirriskWarning
from mirrisk.fitting.counting import Counted, check_events
from mirrisk.fitting.labels import Labels, Patients, aligned_labels
from mirrisk.fitting.sample_size import supported
from mirrisk.fitting.updating.apply import apply, choose
from mirrisk.fitting.updating.cohort import NO_OUTCOME, Observed, UpdateCohort
from mirrisk.fitting.updating.result import Updated, against_literature, caveats, report
from mirrisk.fitting.updating.start import starting_model
from mirrisk.model import FittedPanel, check_identity
from mirrisk.panel import PANEL_ID, VERSION, Panel
from mirrisk.reference import COHORT
from mirrisk.tables import as_expression
from mirrisk.validation.discrimination import auc_interval
from mirrisk.validation.scored import NothingScoredError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mirrisk.catalog import PanelLike
    from mirrisk.expression import Expression
    from mirrisk.fitting.closed_test import ClosedTest
    from mirrisk.fitting.sample_size import Support
    from mirrisk.reference import Reference
    from mirrisk.validation.interval import Interval
    from mirrisk.vocabulary import Specimen, Unit

__all__ = ["Updated", "update"]

SEEN = "the panel was fitted on samples of these patients"


def update(
    panel: PanelLike,
    X: object,
    y: object,
    *,
    groups: object = None,
    event_class: object = None,
    covariates: pd.DataFrame | None = None,
    reference: Reference | str | Path | None = None,
    alpha: float = 0.05,
    accept_small: bool = False,
    id: str | None = None,  # noqa: A002  (the name that the file has for it)
    version: str = "1.0.0",
    unit: Unit | None = None,
    specimen: Specimen | None = None,
    cohort_name: str = "",
) -> Updated:
    """Choose by the closed test how far a panel must be updated for a cohort, and do it.

    The original model, a new intercept (recalibration in the large), a new intercept and slope
    (logistic recalibration) and new coefficients throughout (revision) are compared. What a
    sample lacks is estimated from what it has, as it is when the panel is scored. With fewer
    than 10 events (or non-events) for each coefficient nothing is revised: the procedure ends at
    logistic recalibration, and says so.

    Parameters
    ----------
    panel : FittedPanel, Panel, str or Path
        A fitted panel of a binary outcome, or one of the literature. The latter gives a score,
        no log odds: of it there is no original model to keep, and the procedure starts at
        logistic recalibration of the score.
    X : Expression, DataFrame, or what else :func:`mirrisk.tables.as_expression` takes
        The new cohort.
    y : Series, or array-like of shape (n_samples,)
        The outcome, of two classes: those that a fitted panel was fitted to. A Series is matched
        by the samples' names, in any order. Samples without an outcome are left out and counted.
    groups : Series, or array-like of shape (n_samples,), optional
        Whose each sample is, where patients may have several: those who have are refused, for
        likelihoods and tests take samples for independent. Without it every sample counts as a
        patient of its own.
    event_class : str, number or bool, optional
        Which class is the event; default that of the fitted panel. A panel of the literature,
        and one whose report does not tell, takes the second in order, numbers as numbers.
    covariates : DataFrame, optional
        The clinical columns that the panel needs, indexed by sample.
    reference : "cohort", or for a panel of the literature also Reference, str or Path
        A fitted panel brings its own; ``"cohort"`` replaces it by that of the new cohort, for
        samples made by another protocol. "Original" then means the old coefficients on the new
        normal scores. A panel of the literature needs one.
    alpha : float, default 0.05
        The level of the procedure. In large cohorts an original that holds is given up with this
        probability; in small ones with a greater.
    accept_small : bool, default False
        Update even on fewer than 10 events or non-events; the report says so.
    id : str, optional
        Of the updated panel; default the original's with ``-updated``.
    version : str, default "1.0.0"
    unit, specimen
        As for :func:`mirrisk.read`.
    cohort_name : str, optional
        What reports call the cohort.

    Returns
    -------
    Updated
        Its ``panel`` keeps the cutoffs of the original as long as the coefficients stay; new
        coefficients get new ones (sensitivity 0.9, specificity 0.9).

    Raises
    ------
    NothingScoredError
        If no sample with a known outcome can take part.
    MismatchError
        If the panel predicts survival, y does not belong to the samples or is of other classes
        than the panel's, a patient has several samples, too few are left, or events and
        non-events are separated.
    InvalidReferenceError
        If a panel of the literature comes without a reference, or none can be learned.

    Warns
    -----
    MirriskWarning
        Where the cohort is too small for the parameters that were estimated.

    References
    ----------
    Vergouwe Y, Nieboer D, Oostenbrink R, et al. A closed testing procedure to select an
    appropriate method for updating prediction models. Stat Med 2017;36:4529-4539.
    doi:10.1002/sim.7179
    """
    original = load_panel(panel)
    name = f"{original.id}-updated" if id is None else id
    check_identity("id", name, PANEL_ID)
    check_identity("version", version, VERSION)
    expression = as_expression(X, unit=unit, specimen=specimen)
    labels = aligned_labels(y, expression.samples, event_class, _fitted_to(original))
    patients = Patients.of(groups, expression.samples)
    start = starting_model(
        original,
        expression,
        covariates=covariates,
        reference=reference,
        cohort_name=cohort_name,
        accept_small=accept_small,
    )
    observed = Observed.of(start, expression, covariates)
    reasons = observed.reasons(labels.values, patients.unknown(len(expression)))
    seen = _leave_out_seen(reasons, original, expression, patients)
    usable = np.asarray(reasons == "", dtype=bool)
    patients.require_one_sample_each(usable, expression.samples)
    _require_any(reasons)
    counted = Counted.of(labels.values[usable] == 1, None)
    check_events(counted, accept_small=accept_small)
    cohort = UpdateCohort.of(start, observed, usable, labels.values)
    fitted = isinstance(original, FittedPanel)
    own_reference = isinstance(reference, str) and reference == COHORT
    test, fallback = choose(cohort, alpha, of_log_odds=fitted)
    made, unseen = apply(start, cohort, test, keep_cutoffs=fitted)
    auc, support = auc_interval(cohort.y, cohort.log_odds), _support(test)
    auc_revised = None if unseen is None else auc_interval(cohort.y, unseen)
    left_out = {
        str(why): tuple(np.array(expression.samples, dtype=object)[reasons == why])
        for why in dict.fromkeys(reasons[~usable])
    }
    small, opposed = counted.is_small(), _opposed(made)
    if support is not None and not support.sufficient:
        warnings.warn(str(support), MirriskWarning, stacklevel=2)
    return Updated(
        panel=replace(
            made,
            id=name,
            version=version,
            # So that a validation knows whom the updated panel has seen.
            reference=made.reference
            if test.chosen == "original"
            else made.reference.also_holding(expression),
            title=f"{original.title}, updated" + (f" on {cohort_name}" if cohort_name else ""),
            caveats=(
                *original.caveats,
                *caveats(test, support, left_out, opposed, small=small),
            ),
            report=report(
                original,
                test,
                auc,
                auc_revised,
                support,
                left_out,
                classes=(labels.other, labels.event),
                small=small,
                cohort_name=cohort_name,
                own_reference=own_reference,
            ),
        ),
        original=original,
        test=test,
        auc=auc,
        auc_revised=auc_revised,
        classes=(labels.other, labels.event),
        support=support,
        left_out=left_out,
        accepted_small=small,
        notes=(
            *expression.notes,
            *dict.fromkeys((*labels.notes, *patients.notes)),
            *observed.notes,
            *seen,
            *_notes(original, cohort, opposed, own_reference=own_reference),
            *_reversed(auc, labels),
            *fallback,
        ),
    )


def _support(test: ClosedTest) -> Support | None:
    """Return what the cohort supports; an intercept alone is counted as one parameter."""
    if test.chosen == "original":
        return None
    return supported(test.n, test.events, max(1, len(test.coefficients) - 1))


def _opposed(panel: FittedPanel) -> list[str]:
    """Return the miRNAs whose coefficient has the sign that the literature does not expect."""
    return [
        term.mirna
        for term in panel.terms
        if term.claim is not None and term.coefficient * term.claim.sign < 0
    ]


def _fitted_to(original: Panel | FittedPanel) -> tuple[str, str] | None:
    """Return what a fitted panel calls no event and the event, if its report tells."""
    outcome = original.report.get("outcome", {}) if isinstance(original, FittedPanel) else {}
    if not outcome.get("event") or not outcome.get("other"):
        return None
    return outcome["other"], outcome["event"]


def _leave_out_seen(
    reasons: Any, original: Panel | FittedPanel, expression: Expression, patients: Patients
) -> list[str]:
    """Give samples of patients whom the panel was fitted on a reason not to take part.

    Unless there are no others: then all take part, and a note says what that is worth.
    """
    if isinstance(original, Panel):
        return []
    usable = np.asarray(reasons == "", dtype=bool)
    seen = usable & patients.with_any(original.reference.holds(expression))
    if not seen.any():
        return []
    if (seen != usable).any():
        reasons[seen] = SEEN
        return []
    said = (
        f"The panel was fitted on all these {int(seen.sum())} samples, or others of their "
        "patients: its AUC before the update is apparent, and an update on them proves nothing."
    )
    return [said]


def _require_any(reasons: Any) -> None:
    """Refuse a cohort of which no sample can take part, with the commonest reasons.

    Raises
    ------
    NothingScoredError
    """
    with_outcome = Counter(str(why) for why in reasons if why != NO_OUTCOME)
    if "" in with_outcome:
        return
    told = "; ".join(f"{count} {why}" for why, count in with_outcome.most_common())
    raise NothingScoredError(
        f"none of {with_outcome.total()} samples with a known outcome was scored: {told}",
        remedy="`mirrisk score` tells of each sample why",
    )


def _reversed(before: Interval, labels: Labels) -> list[str]:
    """Ask whether the event is the event where the panel predicts the opposite."""
    if not before.high < 0.5:
        return []
    said = (
        "Before the update the panel predicts the opposite of this outcome: make sure that "
        f"{labels.event!r} is the event and {labels.other!r} is not."
    )
    return [said]


def _notes(
    original: Panel | FittedPanel, cohort: UpdateCohort, opposed: list[str], *, own_reference: bool
) -> list[str]:
    notes = []
    if isinstance(original, Panel):
        notes.append(
            "A panel of the literature gives a score, no log odds: there is no original model to "
            "keep, and the procedure starts at logistic recalibration of the score."
        )
    elif own_reference:
        notes.append(
            "The new cohort's own reference replaces the panel's: the original is the old "
            "coefficients on the new normal scores."
        )
    absent = int((~cohort.estimable).sum())
    if absent:
        notes.append(
            f"{absent} of {len(cohort.features)} predictors were not measured in the new cohort, "
            "or do not vary in it: a revision is without them."
        )
    return [*notes, against_literature(opposed)] if opposed else notes
