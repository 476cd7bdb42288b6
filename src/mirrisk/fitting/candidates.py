"""Which miRNAs a fit may use, and what the literature says of each; no outcome is looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.alignment import arm_unresolved, reference_key
from mirrisk.errors import InvalidTableError, MismatchError, NotFoundError
from mirrisk.nomenclature import dominant_mature, resolve, stem_loop_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.expression import FeatureIndex
    from mirrisk.panel import Member, Panel
    from mirrisk.reference import Reference
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray, Specimen

MOST_MISSING = 0.5
"""A miRNA missing in a greater share of the samples would mostly be imputed: it is left out. Set
here, not taken from a source; the candidates left out are counted in the summary."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """miRNAs that a model may be made of.

    Attributes
    ----------
    keys : tuple of str
        Columns of the reference, at the table's level.
    names : tuple of str
        What results call them: the mature miRNA, or the column where that is not known.
    claims : tuple of Member or None
        The curated panel's member that each belongs to.
    signs : ndarray of shape (n_candidates,)
        1 where the literature says that a high level means risk, -1 a low one, 0 nothing.
    left_out : dict of str to str
        miRNA of the curated panel, or named by the user -> why it is no candidate.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    claims: tuple[Member | None, ...]
    signs: IntArray
    left_out: dict[str, str]

    def __len__(self) -> int:
        return len(self.keys)

    def keep(self, mask: BoolArray, why: dict[str, str]) -> Candidates:
        """Return some of the candidates; why the panel's are left out stays known."""
        kept = np.flatnonzero(mask)
        named = zip(self.keys, self.names, self.claims, strict=True)
        of_panel = {name: why[key] for key, name, claim in named if claim and key in why}
        return Candidates(
            keys=tuple(self.keys[i] for i in kept),
            names=tuple(self.names[i] for i in kept),
            claims=tuple(self.claims[i] for i in kept),
            signs=self.signs[kept],
            left_out=self.left_out | of_panel,
        )


def choose_candidates(
    wanted: str | Sequence[str], index: FeatureIndex, panel: Panel | None, specimen: Specimen
) -> Candidates:
    """Say which columns of a table are candidates.

    Parameters
    ----------
    wanted : "panel", "all", or sequence of str
        The miRNAs of the curated panel whose direction is known in the specimen; every miRNA of
        the table at its level; or miRNAs by name.
    index : FeatureIndex
        The table's columns.
    panel : Panel, optional
        Whose directions are known.
    specimen : {"tissue", "serum", "ev"}

    Raises
    ------
    MismatchError
        If the panel's are wanted without a panel, or none of them can be used.
    NotFoundError
        If a miRNA named is not in the table.
    """
    known, left_out = _of_panel(panel, index, specimen)
    if isinstance(wanted, str):
        keys = _by_word(wanted, index, panel, known, left_out)
    else:
        keys = list(dict.fromkeys(_named(str(name), index) for name in wanted))
        if not keys:
            raise MismatchError("candidates is an empty list", expected="names of miRNAs")
    return Candidates(
        keys=tuple(keys),
        names=_names(keys, known, index),
        claims=tuple(known[key][0] if key in known else None for key in keys),
        signs=np.array([known[key][0].sign if key in known else 0 for key in keys], dtype=np.intp),
        left_out=left_out,
    )


def usable(
    candidates: Candidates, reference: Reference, z: FloatArray
) -> tuple[BoolArray, dict[str, str]]:
    """Tell which candidates a cohort can speak for.

    Parameters
    ----------
    candidates : Candidates
    reference : Reference
        Fitted on the cohort.
    z : ndarray of shape (n_samples, n_candidates)
        Normal scores; NaN where missing, below detection, or without a distribution.

    Returns
    -------
    mask : ndarray of bool, shape (n_candidates,)
    why : dict of str to str
        Key of each candidate that is left out -> why.
    """
    known = {key: bool(reference.knowable[i]) for key, i in reference.position.items()}
    missing = np.isnan(z).mean(axis=0)
    constant = np.nanmax(z, axis=0, initial=-np.inf) <= np.nanmin(z, axis=0, initial=np.inf)
    why = {}
    for j, key in enumerate(candidates.keys):
        if key not in known:
            why[key] = "constant, or hardly measured"
        elif not known[key]:
            why[key] = "too rare for the cohort's libraries to show"
        elif missing[j] > MOST_MISSING:
            why[key] = "missing or below detection in most samples"
        elif constant[j]:
            why[key] = "constant, or hardly measured"
    return np.array([key not in why for key in candidates.keys], dtype=bool), why


def _of_panel(
    panel: Panel | None, index: FeatureIndex, specimen: Specimen
) -> tuple[dict[str, tuple[Member, str]], dict[str, str]]:
    """Return key -> (member, miRNA) where a direction is known, and why other miRNAs are not."""
    known: dict[str, tuple[Member, str]] = {}
    left_out: dict[str, str] = {}
    columns = index.columns_of(index.level)
    for member, mirna in panel.features() if panel is not None else ():
        key = reference_key(mirna.name, index.level)
        if not member.scored:
            left_out[mirna.name] = "contested: the literature gives no direction"
        elif specimen not in member.specimens:
            left_out[mirna.name] = f"no direction known in {specimen}"
        elif key is None:
            left_out[mirna.name] = arm_unresolved(mirna.name)
        elif key not in columns:
            left_out[mirna.name] = "not in the table"
        else:
            known[key] = (member, mirna.name)
    return known, left_out


def _by_word(
    wanted: str,
    index: FeatureIndex,
    panel: Panel | None,
    known: dict[str, tuple[Member, str]],
    left_out: dict[str, str],
) -> list[str]:
    if wanted == "all":
        return sorted(index.columns_of(index.level))
    if wanted != "panel":
        raise MismatchError(
            f"candidates is {wanted!r}", expected='"panel", "all", or a list of miRNAs'
        )
    if panel is None:
        raise MismatchError(
            'candidates="panel" without a panel',
            expected="a panel of the literature",
            remedy='give panel="prostate" or another, or candidates="all"',
        )
    if not known:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise MismatchError(
            f"no miRNA of panel {panel.id!r} can be a candidate",
            where=reasons,
            remedy='candidates="all" takes every miRNA of the table',
        )
    return list(known)


def _named(name: str, index: FeatureIndex) -> str:
    """Return the column key that a user's name of a miRNA denotes."""
    columns = index.columns_of(index.level)
    found = resolve(name)
    if not found.is_mirna or found.candidates:
        meant = f": it may be {' or '.join(found.candidates)}" if found.candidates else ""
        raise NotFoundError(
            f"{name!r} does not denote one miRNA{meant}", where="candidates", expected="its name"
        )
    key = found.key
    if found.level == "mature" and index.level == "stem-loop":
        mature = found.canonical or str(found.key)
        key = reference_key(mature, index.level)
        if key is None and stem_loop_of(mature) in columns:
            raise MismatchError(
                f"{name} has no column of its own: {arm_unresolved(mature)}",
                where="candidates",
                remedy="leave it out, or use a table of mature miRNAs",
            )
    if key not in columns:
        raise NotFoundError(
            f"no column of the table is {name}",
            where="candidates",
            expected=f"{index.level} miRNAs of the table",
            remedy="run `mirrisk names TABLE` to see how each column was read",
        )
    return str(key)


def _names(
    keys: Sequence[str], known: dict[str, tuple[Member, str]], index: FeatureIndex
) -> tuple[str, ...]:
    """Return the mature miRNA that each column mostly measures, or the column's key.

    The key also where two stem-loops share their mature miRNA.
    """
    named = [known[k][1] if k in known else _mature(k, index) for k in keys]
    times = Counter(named)
    return tuple(key if times[name] > 1 else name for key, name in zip(keys, named, strict=True))


def _mature(key: str, index: FeatureIndex) -> str:
    return key if index.level == "mature" else dominant_mature(key) or key


def require_any(mask: BoolArray, why: dict[str, str]) -> None:
    """Refuse to fit without a single candidate.

    Raises
    ------
    InvalidTableError
    """
    if mask.any():
        return
    counted = count_reasons(why)
    told = ", ".join(f"{count} {reason}" for reason, count in counted.items())
    raise InvalidTableError(
        f"no candidate miRNA is left: {told}", expected="miRNAs that vary between samples"
    )


def count_reasons(why: dict[str, str]) -> dict[str, int]:
    """Count candidates by why they were left out."""
    return dict(Counter(why.values()))
