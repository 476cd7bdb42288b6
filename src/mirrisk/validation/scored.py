"""Which samples of a cohort a panel may be judged on, and what it says of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.reference import Reference, shipped_references
from mirrisk.result import REASONS
from mirrisk.tables.clinical import clinical_values
from mirrisk.validation.cases import LeftOut
from mirrisk.validation.crossfit import against, cross_fitted, deal, without_names
from mirrisk.validation.samples import eventful

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.expression import Expression
    from mirrisk.model import FittedPanel
    from mirrisk.panel import Panel
    from mirrisk.validation.cases import Cases
    from mirrisk.validation.crossfit import Judged
    from mirrisk.vocabulary import BoolArray

CROSS_FITTED = "cross-fitted"

TCGA = "TCGA-"

MOST = 0.5
"""With a larger share of known samples a cohort is taken for the one that a panel was fitted on:
the others were altered on the way more likely than they are new."""


class NothingScoredError(MismatchError):
    """No sample with a known outcome was scored."""


@dataclass(frozen=True, eq=False)
class Scored:
    """The cases with what the panel says of them, and relative to what.

    Attributes
    ----------
    expression : Expression
        Of the cases alone.
    cases : Cases
    judged : Judged
    reference, digest : str
        The digest is empty where the cases were cross-fitted.
    learned_from : str
        What the reference was learned from, in words.
    notes : tuple of str
    training : bool
        Whether the cases are the cohort that the panel was fitted on.
    """

    expression: Expression
    cases: Cases
    judged: Judged
    reference: str
    digest: str
    learned_from: str
    notes: tuple[str, ...]
    training: bool = False

    @property
    def cross_fitted(self) -> bool:
        """Whether each case was scored against a reference of others among them."""
        return not self.digest


def score_fitted(panel: FittedPanel, expression: Expression, cases: Cases) -> Scored:
    """Score the cases on a fitted panel.

    Patients that it was fitted on are left out with all of their samples. Where most cases are
    of such patients, the cohort is taken for the one that it was fitted on.
    """
    # Death is an event or competes with one, as it was when the panel was fitted.
    default = "event" if panel.link.kind == "cox" else "competes"
    if panel.report.get("outcome", {}).get("death", default) == "event":
        cases = cases.with_competing_as_events()
    seen = panel.reference.holds(expression.take(cases.rows))
    of_seen = np.isin(cases.patients, cases.patients[seen])
    training = bool(seen.mean() > MOST or of_seen.all())
    note = _recognition_note(panel, seen, of_seen, training=training)
    if of_seen.any() and not training:
        cases = cases.take(
            ~of_seen,
            LeftOut("the panel was fitted on them", int(seen.sum())),
            LeftOut(
                "further samples of patients that the panel was fitted on",
                int(np.count_nonzero(of_seen & ~seen)),
            ),
        )
    here = expression.take(cases.rows)
    names = [covariate.name for covariate in panel.covariates]
    given = len(cases.covariates.columns) and names
    frame = cases.covariates.set_axis(list(here.samples)) if given else None
    clinical, said = clinical_values(frame, names, here.samples, f"panel {panel.id!r}")
    judged, noted = against(panel, panel.reference, here, clinical)
    return Scored(
        here,
        cases,
        judged,
        panel.reference.name,
        panel.reference.digest,
        f"{panel.reference.n} samples",
        (*filter(None, (note,)), *without_names((*said, *noted))),
        training=training,
    )


def _recognition_note(
    panel: FittedPanel, seen: BoolArray, of_seen: BoolArray, *, training: bool
) -> str:
    """Say what is known of whether the panel was fitted on the samples."""
    if not panel.reference.samples:
        return (
            "the panel's file does not tell which samples it was fitted on: if these are some of "
            "them, the figures are apparent ones"
        )
    if not training:
        return (
            "samples that the panel was fitted on are recognised by the order of their commonest "
            "miRNAs; one whose values were altered may not be"
        )
    unknown = int(np.count_nonzero(~seen))
    if not unknown:
        return ""
    others = int(np.count_nonzero(of_seen & ~seen))
    return (
        f"{unknown} of {len(seen)} samples were not recognised as ones that the panel was fitted "
        f"on ({others} of them are of its patients), but most were, so that all count as such: to "
        "validate on other patients give these alone"
    )


def score_curated(
    panel: Panel,
    expression: Expression,
    cases: Cases,
    reference: Reference | str | Path | None,
    *,
    folds: int,
    seed: int,
    n_jobs: int | None,
) -> Scored:
    """Score the cases on a panel of the literature, against a reference that holds none of them.

    Without a reference, or where the one given holds any, they are cross-fitted.
    """
    here = expression.take(cases.rows)
    notes: tuple[str, ...] = ()
    if reference is not None and reference != CROSS_FITTED:
        given = reference if isinstance(reference, Reference) else Reference.load(reference)
        held = int(np.count_nonzero(given.holds(here)))
        if not held:
            judged, noted = against(panel, given, here)
            noted = (*without_names(noted), *_provenance_notes(given, here))
            return Scored(
                here, cases, judged, given.name, given.digest, f"{given.n} samples", noted
            )
        said = (
            f"reference {given.name} holds {held} of these {len(here)} samples and cannot judge "
            "them: all were scored cross-fitted instead, against references of each other"
        )
        notes = (said,)
    patients = cases.patients
    parts = deal(eventful(patients, cases.y), folds, seed)[patients]
    judged, noted = cross_fitted(panel, here, parts, patients, n_jobs=n_jobs, grouped=cases.grouped)
    sizes = len(here) - np.bincount(parts)
    of = " to ".join(map(str, sorted({int(sizes.min()), int(sizes.max())})))
    learned = f"{folds} references of {of} samples of other patients, seed {seed}"
    return Scored(here, cases, judged, CROSS_FITTED, "", learned, (*notes, *noted))


def _provenance_notes(reference: Reference, expression: Expression) -> tuple[str, ...]:
    """Say whether a reference without fingerprints may hold the samples."""
    if reference.samples:
        return ()
    tcga = sum(name.startswith(TCGA) for name in expression.samples)
    if reference.name in shipped_references():
        if not tcga:
            return ()
        said = (
            f"{tcga} samples are named like TCGA's, which reference {reference.name} was learned "
            "from: they may be among its samples; leave the reference out to score them "
            "cross-fitted"
        )
        return (said,)
    said = (
        f"reference {reference.name} does not tell which samples it was learned from: they may be "
        "among these"
    )
    return (said,)


def require_scored(scored: Scored) -> None:
    """Refuse a cohort of which nothing was scored.

    Raises
    ------
    NothingScoredError
    """
    if not scored.judged.scored.any():
        told = ", ".join(f"{each.count} {each.reason}" for each in unscored(scored.judged))
        raise NothingScoredError(
            f"none of {len(scored.cases)} samples with a known outcome was scored: {told}",
            remedy="`mirrisk score` tells of each sample why",
        )


def unscored(judged: Judged) -> tuple[LeftOut, ...]:
    """Count the samples that were not scored by reason."""
    lost = judged.reasons[~judged.scored]
    counts = Counter(REASONS[reason] or "not scored" for reason in lost)
    return tuple(LeftOut(reason, count) for reason, count in counts.most_common())
