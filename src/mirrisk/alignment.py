"""Alignment: which columns of a table serve which members of a panel, and why others do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from mirrisk import nomenclature
from mirrisk.errors import MismatchError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mirrisk.expression import FeatureIndex
    from mirrisk.panel import AnyPanel, Member, Mirna, Panel
    from mirrisk.vocabulary import FloatArray, IntArray, Level, Specimen

Status = Literal[
    "used",
    "missing",
    "below_detection",
    "arm_not_resolved",
    "specimen",
    "contested",
    "ambiguous",
]

Why = Literal["", "not_in_table", "not_in_reference", "not_measured", "too_few_reads"]
"""The detail behind a status of ``missing`` or ``below_detection``."""


@dataclass(frozen=True)
class Slot:
    """One mature miRNA of a panel, as this table and this reference can serve it.

    Attributes
    ----------
    member : str
        Name of the member that it belongs to.
    mirna : str
        Its name; empty for a clinical covariate.
    key : str
        The column of the reference that it reads.
    status : str
        Whether its value takes part, or why not.
    why : str
        The detail behind a status of ``missing`` or ``below_detection``.
    matched : str
        The table's columns that it reads, as they are headed there.
    weight : float
        Its signed share in the score, 0 where it has none.
    share : float
        Its part of the panel's weight in this specimen.
    claim : Member, optional
        What the literature says of it; always there in panels of the literature.
    covariate : int, optional
        The position of a clinical covariate in its fitted panel.
    """

    member: str
    mirna: str
    key: str
    status: Status
    why: Why
    matched: str
    weight: float
    share: float
    claim: Member | None = None
    covariate: int | None = None


@dataclass(frozen=True)
class Alignment:
    """A panel laid over a table and a reference.

    Attributes
    ----------
    panel : Panel or FittedPanel
    specimen : {"tissue", "serum", "ev"}
    slots : tuple of Slot
        One per mature miRNA, in panel order, then one per clinical covariate of a fitted panel.
    """

    panel: AnyPanel
    specimen: Specimen
    slots: tuple[Slot, ...]

    @property
    def scored(self) -> tuple[int, ...]:
        """Positions of ``scored_slots`` among ``slots``."""
        return tuple(i for i, slot in enumerate(self.slots) if slot.weight != 0)

    @property
    def scored_slots(self) -> tuple[Slot, ...]:
        """The slots that the full panel consists of here."""
        return tuple(slot for slot in self.slots if slot.weight != 0)

    @property
    def weights(self) -> FloatArray:
        """Signed weights of the scored slots."""
        return np.array([slot.weight for slot in self.scored_slots])

    @property
    def shares(self) -> FloatArray:
        """What each scored slot adds to the coverage when it is measured."""
        return np.array([slot.share for slot in self.scored_slots])

    @property
    def members(self) -> IntArray:
        """For each scored slot, the position of its member among ``member_names``."""
        names = self.member_names
        return np.array([names.index(self.slots[i].member) for i in self.scored], dtype=np.intp)

    @property
    def member_names(self) -> tuple[str, ...]:
        """Names of the members that have a scored slot, in panel order."""
        return tuple(dict.fromkeys(slot.member for slot in self.scored_slots))

    @property
    def single_marker(self) -> bool:
        """Whether one member alone carries the panel here."""
        return len(self.member_names) == 1

    def per_normal_score(self, sd: Mapping[str, float]) -> Alignment:
        """Return the panel with weights that are per log2 unit made weights per normal score.

        A normal score is that of a value's place in the reference: where values are normally
        distributed, (value - mean) / SD. So w (value - mean) is w SD times the normal score.
        The shares, which tell the coverage, stay those of the weights as they are written:
        they must be known of miRNAs that the reference lacks, too.

        Parameters
        ----------
        sd : mapping of str to float
            Standard deviation of each key in the reference, above 0, in log2 units.
        """
        slots = (replace(s, weight=s.weight * sd[s.key]) if s.weight else s for s in self.slots)
        return replace(self, slots=tuple(slots))


def reference_key(mirna: str, level: Level) -> str | None:
    """Return the column that stands for a mature miRNA at a level, None where none does.

    A stem-loop stands in only for its dominant arm.
    """
    if level == "mature":
        return mirna
    stem_loop = nomenclature.stem_loop_of(mirna)
    return stem_loop if nomenclature.dominant_mature(stem_loop) == mirna else None


def arm_unresolved(mirna: str) -> str:
    """Say why no column of stem-loops stands for a mature miRNA, where none does."""
    dominant = nomenclature.dominant_mature(nomenclature.stem_loop_of(mirna))
    if dominant is None:
        return "the table holds stem-loops, and which arm this one mostly is, mirrisk does not know"
    return f"the table holds stem-loops, and this one is mostly the other arm, {dominant}"


def align(
    panel: Panel,
    *,
    specimen: Specimen,
    level: Level,
    reference_keys: Collection[str],
    index: FeatureIndex,
) -> Alignment:
    """Lay a panel over the columns of a table and of a reference.

    Parameters
    ----------
    panel : Panel
    specimen : {"tissue", "serum", "ev"}
        Members are used only where their direction holds in it.
    level : {"mature", "stem-loop"}
        The reference's level.
    reference_keys : collection of str
        The miRNAs whose distribution the reference holds.
    index : FeatureIndex
        The table's columns.

    Raises
    ------
    MismatchError
        If no member of the panel has a direction in this specimen.
    """
    usable = panel.scorable(specimen)
    if not usable:
        known_in = sorted({s for member in panel.members for s in member.specimens})
        raise MismatchError(
            f"panel {panel.id!r} has no member whose direction is known in {specimen}",
            expected=f"specimen {' or '.join(known_in)}",
            remedy="choose another panel; directions are never carried over between specimens",
        )
    columns = index.columns_of(level)
    total = sum(member.weight for member in usable)
    slots: list[Slot] = []
    for member in panel.members:
        keys = [reference_key(mirna.name, level) for mirna in member.mirnas]
        resolvable = sum(key is not None for key in keys)
        known = sum(key in reference_keys for key in keys)
        for mirna, key in zip(member.mirnas, keys, strict=True):
            status, why = _status(member, mirna, key, specimen, reference_keys, index, columns)
            holds = member.scored and specimen in member.specimens
            counts = holds and key is not None and key in reference_keys
            slots.append(
                Slot(
                    member=member.name,
                    mirna=mirna.name,
                    key=key or "",
                    status=status,
                    why=why,
                    matched=" + ".join(index.features[c] for c in columns.get(key or "", ())),
                    weight=member.weight * member.sign / known if counts else 0.0,
                    share=member.weight / resolvable / total if counts else 0.0,
                    claim=member,
                )
            )
    if not any(slot.weight for slot in slots):
        raise MismatchError(
            f"the reference holds no member of panel {panel.id!r} that can be scored in {specimen}",
            remedy="use a reference whose cohort measured them",
        )
    return Alignment(panel, specimen, tuple(slots))


def _status(
    member: Member,
    mirna: Mirna,
    key: str | None,
    specimen: Specimen,
    reference_keys: Collection[str],
    index: FeatureIndex,
    columns: Collection[str],
) -> tuple[Status, Why]:
    if not member.scored:
        return "contested", ""
    if specimen not in member.specimens:
        return "specimen", ""
    if key is None:
        return "arm_not_resolved", ""
    if key not in reference_keys:
        return "missing", "not_in_reference"
    if key in columns:
        return "used", ""
    if mirna.name in index.ambiguous or key in index.ambiguous:
        return "ambiguous", ""
    return "missing", "not_in_table"
