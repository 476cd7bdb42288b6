"""How a panel does in parts of a cohort, and what each of its members has to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.cases import words
from mirrisk.validation.clustered_auc import auc_with_interval
from mirrisk.validation.discrimination import auc
from mirrisk.validation.fold_auc import fold_auc, placements

if TYPE_CHECKING:
    from mirrisk.validation.cases import Cases
    from mirrisk.validation.crossfit import Judged
    from mirrisk.validation.interval import Interval
    from mirrisk.vocabulary import FloatArray, IntArray

FEWEST = 5
"""Parts of fewer samples are told together: a figure of one or two patients is one of them."""

MOST_LEVELS = 50

OTHERS = "(smaller ones together)"


@dataclass(frozen=True)
class Part:
    """The AUC in one level of a subgroup, or at one site.

    ``auc`` is None where the level lacks events or non-events, or was put together of several.
    """

    name: str
    level: str
    n: int
    events: int
    auc: Interval | None


@dataclass(frozen=True)
class Sites:
    """Each site, and all pairs of patients of one site together.

    ``left_out`` tells whether each site was scored against a reference of all others; where the
    reference is given nothing is learned from any site.
    """

    parts: tuple[Part, ...]
    within: Interval
    left_out: bool


@dataclass(frozen=True)
class MemberFigures:
    """One member of a panel on a cohort.

    Attributes
    ----------
    member : str
    risk_when : str
        ``high`` or ``low``; ``mixed`` where its miRNAs differ.
    n : int
        Samples in which any of it was measured.
    auc : Interval or None
        Of its own normal score, signed so that above 0.5 agrees with the panel's direction.
    auc_without : float
        Of the panel without it; NaN where nothing else is left.
    influence : float
        AUC of the panel less `auc_without`: above 0 the member helps here.
    """

    member: str
    risk_when: str
    n: int
    auc: Interval | None
    auc_without: float
    influence: float


def subgroup_parts(cases: Cases, risk: FloatArray, patients: IntArray | None) -> tuple[Part, ...]:
    """Return the AUC in every level of every subgroup.

    Raises
    ------
    MismatchError
        If a subgroup has more levels than anybody reads.
    """
    parts: list[Part] = []
    for name in cases.subgroups.columns:
        levels = words(cases.subgroups[name])
        if len(set(levels)) > MOST_LEVELS:
            raise MismatchError(
                f"subgroup {name!r} has {len(set(levels))} levels",
                expected=f"{MOST_LEVELS} at most",
                remedy="make groups of its values first",
            )
        parts += parts_of(str(name), levels, cases.y, risk, patients)
    return tuple(parts)


def parts_of(
    name: str, levels: Any, y: FloatArray, risk: FloatArray, patients: IntArray | None
) -> list[Part]:
    """Return the AUC at each level; levels of few samples are counted together."""
    found, small = [], np.zeros(len(y), dtype=bool)
    for level in sorted(set(levels)):
        here = levels == level
        if here.sum() < FEWEST:
            small |= here
            continue
        inside = None if patients is None else patients[here]
        one_class = len(np.unique(y[here])) < 2
        interval = None if one_class else auc_with_interval(y[here], risk[here], inside)
        found.append(Part(name, str(level), int(here.sum()), int(y[here].sum()), interval))
    if small.any():
        found.append(Part(name, OTHERS, int(small.sum()), int(y[small].sum()), None))
    return found


def within_sites(
    places: Any, y: FloatArray, risk: FloatArray, patients: IntArray, *, left_out: bool
) -> Sites:
    """Return the AUC at each site, and over pairs of the same site.

    Parameters
    ----------
    places : array of str of shape (n_samples,)
    y, risk : arrays of shape (n_samples,)
        A risk that is NaN is left out.
    patients : array of int of shape (n_samples,)
    left_out : bool
        What :class:`Sites` has of that name.
    """
    known = ~np.isnan(risk)
    places, y, risk, patients = places[known], y[known], risk[known], patients[known]
    _, at = np.unique(places.astype(str), return_inverse=True)
    events = y.astype(np.intp)
    pairs = placements(events, risk, np.asarray(at, dtype=np.intp))
    return Sites(
        parts=tuple(parts_of("site", places, y, risk, patients)),
        within=fold_auc(events, [pairs], patients, 0.95),
        left_out=left_out,
    )


def member_figures(
    y: FloatArray, risk: FloatArray, judged: Judged, patients: IntArray | None
) -> tuple[MemberFigures, ...]:
    """Return each member's own AUC and its influence, on samples that are scored.

    Parameters
    ----------
    y, risk : arrays of shape (n_samples,)
    judged : Judged
        Of the same samples.
    patients : array of int of shape (n_samples,), optional
    """
    whole = auc(y, risk)
    found = []
    for m, name in enumerate(judged.members):
        level, left = judged.levels[:, m], judged.without[:, m]
        seen = ~np.isnan(level)
        classes = len(np.unique(y[seen]))
        inside = None if patients is None else patients[seen]
        rest = auc(y, left) if not np.isnan(left).any() else float("nan")
        found.append(
            MemberFigures(
                member=name,
                risk_when={1: "high", -1: "low"}.get(int(judged.directions[m]), "mixed"),
                n=int(seen.sum()),
                auc=auc_with_interval(y[seen], level[seen], inside) if classes == 2 else None,
                auc_without=rest,
                influence=whole - rest,
            )
        )
    return tuple(found)
