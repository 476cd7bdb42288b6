"""What a panel says of a cohort's samples, none of them scored against a reference that holds it.

Cross-fitting is a single pass: the patients are dealt into folds, and the samples of each fold are
scored against a reference learned from the other folds. A reference knows nothing of outcomes, so
that another dealing changes little (docs/validation.md tells how much), and with one pass score,
percentile and flag of a sample are of one reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.model import FittedPanel
from mirrisk.notes import AddedUp, Note
from mirrisk.reference import Reference
from mirrisk.reference.learning import MIN_SAMPLES
from mirrisk.result import REASONS, score_panel
from mirrisk.scoring import FLAGS, score_samples
from mirrisk.validation.parallel import run_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mirrisk.expression import Expression
    from mirrisk.panel import Panel
    from mirrisk.result import PanelResult
    from mirrisk.scoring import Scores
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

NOT_SCORED = FLAGS.index("not_scored")


@dataclass(frozen=True, eq=False)
class Judged:
    """What a panel says of samples; NaN where it says nothing.

    Attributes
    ----------
    score : array of shape (n_samples,)
        In standard deviations of the reference; of a fitted panel the estimate of the full
        panel's score.
    probability : array of shape (n_samples,)
        Of a fitted panel.
    flags, reasons : arrays of int of shape (n_samples,)
        Positions in ``FLAGS`` and ``REASONS``.
    members : tuple of str
    directions : array of shape (n_members,)
        1 where a high level means risk, -1 where a low one does, 0 where a member has miRNAs of
        both kinds.
    levels : array of shape (n_samples, n_members)
        Mean normal score of each member's miRNAs, signed so that higher means risk.
    without : array of shape (n_samples, n_members)
        Score with one member left out; NaN where nothing else is left.
    """

    score: FloatArray
    probability: FloatArray
    flags: IntArray
    reasons: IntArray
    members: tuple[str, ...]
    directions: IntArray
    levels: FloatArray
    without: FloatArray

    @property
    def scored(self) -> BoolArray:
        """Who has a score."""
        return np.asarray(self.flags != NOT_SCORED)

    def take(self, which: BoolArray) -> Judged:
        """Return some samples."""
        parts = ("score", "probability", "flags", "reasons", "levels", "without")
        return replace(self, **{name: getattr(self, name)[which] for name in parts})

    @classmethod
    def of(cls, result: PanelResult) -> Judged:
        """Take what a validation needs of a result."""
        composite, scored = result.composite, result.scored
        names = result.alignment.member_names
        fitted = isinstance(result.panel, FittedPanel)

        def score_of(kernel: Scores) -> FloatArray:
            found = kernel.expected if fitted else kernel.score
            return np.where(scored, found, np.nan)

        columns = [np.flatnonzero(composite.members == m) for m in range(len(names))]
        seen = np.where(result.visible, result.z, np.nan)
        without = np.full((len(scored), len(names)), np.nan)
        for m in range(len(names)) if len(names) > 1 else ():
            rest = score_samples(
                result.z, result.visible, composite.without(m), min_coverage=result.min_coverage
            )
            without[:, m] = score_of(rest)
        return cls(
            score=score_of(result.kernel),
            probability=result.probability,
            flags=result.flags,
            reasons=result.reasons,
            members=names,
            directions=np.array([_direction(composite.weights[c]) for c in columns], dtype=np.intp),
            levels=np.column_stack([_level(seen[:, c], composite.weights[c]) for c in columns]),
            without=without,
        )


def against(
    panel: Panel | FittedPanel,
    reference: Reference,
    expression: Expression,
    clinical: FloatArray | None = None,
) -> tuple[Judged, tuple[str, ...]]:
    """Score samples against one reference, and tell what was noted of them, by name."""
    measured = reference.measure(expression)
    result = score_panel(panel, reference, measured, covariates=clinical)
    return Judged.of(result), measured.notes


def without_names(notes: Iterable[str]) -> tuple[str, ...]:
    """Count the samples that notes name: a report tells nothing of single patients."""
    return tuple(note.without_names() if isinstance(note, Note) else note for note in notes)


def deal(eventful: BoolArray, folds: int, seed: int) -> IntArray:
    """Deal patients into folds: equal shares, give or take one, with and without an event."""
    rng = np.random.default_rng(seed)
    order = np.concatenate(
        [rng.permutation(np.flatnonzero(eventful)), rng.permutation(np.flatnonzero(~eventful))]
    )
    fold = np.empty(len(eventful), dtype=np.intp)
    fold[order] = np.arange(len(eventful)) % folds
    return fold


def cross_fitted(
    panel: Panel,
    expression: Expression,
    parts: IntArray,
    patients: IntArray,
    *,
    n_jobs: int | None = 1,
    wanted: Sequence[int] | None = None,
    grouped: bool = False,
) -> tuple[Judged, tuple[str, ...]]:
    """Score each part of a cohort against a reference of the patients of no sample in it.

    Parameters
    ----------
    panel : Panel
    expression : Expression
    parts : array of int of shape (n_samples,)
        The part of each sample, from 0: its fold or its site.
    patients : array of int of shape (n_samples,)
        Who has samples in a part is left out of its reference with all samples.
    n_jobs : int, optional
    wanted : sequence of int, optional
        Parts to score; samples of others are not scored.
    grouped : bool, default False
        Whether the caller said who the patients are.

    Returns
    -------
    Judged
    notes : tuple of str
        Of all parts together, without names.

    Raises
    ------
    MismatchError
        If too few samples are left for a reference, or one cannot be learned.
    """
    tasks = list(range(int(parts.max()) + 1)) if wanted is None else list(wanted)
    rest = [int(np.count_nonzero(_others(parts, patients, part))) for part in tasks]
    if min(rest) < MIN_SAMPLES:
        raise MismatchError(
            f"only {min(rest)} other samples to learn a reference from",
            expected=f"{MIN_SAMPLES} at least, beside those that are scored against it",
            remedy="name a reference (--reference), or validate on more samples",
        )
    shared = (panel, expression, parts, patients)
    outcomes = run_tasks(_score_part, shared, tasks, n_jobs=n_jobs, names=expression.samples)
    for outcome in outcomes:
        if outcome.error:
            raise MismatchError(
                f"a reference of the other samples cannot be used: {outcome.error}",
                remedy="name a reference (--reference)",
            )
    told = [outcome.value for outcome in outcomes]
    whole = _assembled(len(expression), [(rows, judged) for rows, judged, _, _ in told])
    notes = AddedUp()
    for _, _, _, said in told:
        notes.add(said)
    for outcome in outcomes:
        notes.add(outcome.warnings)
    copies = sum(count for _, _, count, _ in told)
    if copies:
        said = (
            "samples that look like copies of some that their reference was learned from: "
            f"{copies}" + ("" if grouped else "; if the patients were not told, give them (groups)")
        )
        notes.add((said,))
    return whole, without_names(notes.of(len(expression)))


def _others(parts: IntArray, patients: IntArray, part: int) -> BoolArray:
    return np.asarray(~np.isin(patients, patients[parts == part]))


def _score_part(
    panel: Panel, expression: Expression, parts: IntArray, patients: IntArray, part: int
) -> tuple[IntArray, Judged, int, tuple[str, ...]]:
    rows = np.flatnonzero(parts == part)
    reference = Reference.fit_keys(
        expression.take(_others(parts, patients, part)),
        (),
        name="cross-fitted",
        cancer=panel.cancer,
        panels=(panel,),
    )
    here = expression.take(rows)
    judged, notes = against(panel, reference, here)
    return rows, judged, int(np.count_nonzero(reference.holds(here))), notes


def _assembled(n: int, parts: list[tuple[IntArray, Judged]]) -> Judged:
    """Put samples of several parts into one order; a member may be unknown to some references."""
    names = tuple(dict.fromkeys(name for _, judged in parts for name in judged.members))
    directions = np.zeros(len(names), dtype=np.intp)
    arrays: dict[str, Any] = {
        "score": np.full(n, np.nan),
        "probability": np.full(n, np.nan),
        "flags": np.full(n, NOT_SCORED),
        "reasons": np.full(n, REASONS.index("")),
    }
    members = {name: np.full((n, len(names)), np.nan) for name in ("levels", "without")}
    for rows, judged in parts:
        at = np.array([names.index(name) for name in judged.members], dtype=np.intp)
        directions[at] = judged.directions
        for name, array in arrays.items():
            array[rows] = getattr(judged, name)
        for name, array in members.items():
            array[rows[:, None], at] = getattr(judged, name)
    return Judged(members=names, directions=directions, **arrays, **members)


def _direction(weights: FloatArray) -> int:
    signs = np.unique(np.sign(weights))
    return int(signs[0]) if len(signs) == 1 else 0


def _level(z: FloatArray, weights: FloatArray) -> FloatArray:
    """Average signed normal scores over the miRNAs that were measured."""
    seen = ~np.isnan(z)
    total = np.sum(seen * np.abs(weights), axis=1)
    signed = np.where(seen, z * weights, 0.0).sum(axis=1)
    return np.asarray(np.divide(signed, total, out=np.full(len(z), np.nan), where=total > 0))
