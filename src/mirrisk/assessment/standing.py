"""What every result says of its panels and its reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scipy.special import ndtr

from mirrisk.alignment import arm_unresolved
from mirrisk.notes import COUNT, Note
from mirrisk.scoring import CUTOFFS, FLAGS

if TYPE_CHECKING:
    from mirrisk.reference import Reference
    from mirrisk.result import PanelResult

OFF = 0.05
"""So far from a tenth may the shares of a reference's own scores beyond the cutoffs be."""


def standing_notes(results: tuple[PanelResult, ...], reference: Reference) -> list[str]:
    """Return what is to be said of panels, reference and table, whatever the samples are."""
    notes = [
        f"panel {result.panel.id} is a single marker here: "
        f"{result.alignment.member_names[0]} alone decides"
        for result in results
        if result.alignment.single_marker
    ]
    for result in results:
        absent = [s.mirna for s in result.alignment.slots if s.why == "not_in_table"]
        if absent:
            notes.append(
                f"panel {result.panel.id}: no column for {', '.join(absent)}"
                " (`mirrisk names TABLE` suggests what may be meant)"
            )
        notes += [*_never_used(result), *_across(result), *_not_normal(result, reference)]
    if reference.is_cohort:
        notes.append(
            f"the reference is this table itself ({reference.n} samples): a tenth of them is "
            "flagged high even if all, or none, are at high risk"
        )
    return notes


def _never_used(result: PanelResult) -> list[str]:
    """Say what of a panel no sample can be scored on, where that is part of its weight."""
    reach = float(result.alignment.shares.sum())
    if reach > 1 - 1e-9:
        return []
    why = {
        slot.mirna: arm_unresolved(slot.mirna)
        if slot.status == "arm_not_resolved"
        else "the reference does not hold it"
        for slot in result.alignment.slots
        if slot.status == "arm_not_resolved" or slot.why == "not_in_reference"
    }
    if not why:
        return []
    named = "; ".join(f"{mirna} ({reason})" for mirna, reason in why.items())
    note = (
        f"panel {result.panel.id}: no sample can be scored on {named}: what is left is "
        f"{reach:.0%} of the panel's weight, and the most that coverage can be"
    )
    return [note]


def _not_normal(result: PanelResult, reference: Reference) -> list[str]:
    """Say where the reference's own scores are not distributed as percentiles take them to be."""
    panel = result.panel
    if reference.panels.get(panel.id) != panel.digest:
        return []  # of another version of the panel, or of a fitted one with cutoffs of its own
    low, high = reference.beyond_cutoffs(panel.id)
    meant = ndtr(CUTOFFS[0])
    by_chance = 2 * math.sqrt(meant * (1 - meant) / reference.n)
    if not max(abs(low - meant), abs(high - meant)) > OFF + by_chance:
        return []
    note = (
        f"panel {panel.id}: of the own samples of reference {reference.name} {high:.0%} score "
        f"above the cutoff of high, {low:.0%} below that of low, where {meant:.0%} are meant: "
        "their scores are not normally distributed, and percentiles are only approximate"
    )
    return [note]


def _across(result: PanelResult) -> list[Note]:
    """Say how many certain flags a deeper library might change."""
    low, high = result.kernel.interval
    low_cut, high_cut = result.composite.cutoffs
    hidden = (~result.visible & result.composite.knowable).any(axis=1)
    said = []
    for flag, across in (("high", low < high_cut), ("low", high > low_cut)):
        doubtful = (result.flags == FLAGS.index(flag)) & hidden & across
        if doubtful.any():
            template = (
                f"panel {result.panel.id}: of those flagged {flag}, {COUNT} have an interval "
                "that reaches across the cutoff: the library is too shallow for the rest of the "
                "panel, and at a greater depth the flag may differ"
            )
            said.append(Note.of(template, doubtful, result.measured.expression.samples))
    return said
