"""A result in ordered sentences: the flag, what it rests on, what would change it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtr

from mirrisk.alignment import arm_unresolved
from mirrisk.errors import NotFoundError
from mirrisk.model import FittedPanel
from mirrisk.result import REASONS, STATUSES, WHYS, PanelResult
from mirrisk.scoring import FLAGS
from mirrisk.vocabulary import SEQUENCING

if TYPE_CHECKING:
    from mirrisk.alignment import Slot
    from mirrisk.panel import Evidence, Member
    from mirrisk.vocabulary import FloatArray

Section = Literal["flag", "members", "not used", "fragility", "what would change it", "caveats"]

LARGEST_CHANGE = 6.0
"""Counterfactuals look as far as a 64-fold change of one member (log2 units or cycles)."""

STEP = 0.01
"""... in steps of this, the last digit that is told."""

SCALE = {
    "counts": "log2 CPM, composition corrected",
    "cpm": "log2 CPM, composition corrected",
    "log2": "log2",
    "ct": "-Ct, normalised",
    "delta_ct": "-delta Ct",
}

MEANING = {
    "high": "among the top tenth of the reference, which is not a probability of metastasis",
    "low": "among the bottom tenth of the reference, which is no reassurance",
    "average": "between the bottom and the top tenth of the reference, which is no reassurance",
    "indeterminate": "too near a cutoff, given what was measured and the size of the reference",
    "not_scored": "no statement is made",
}

REASON_TEXT = {
    "": "",
    "near_cutoff": "the score, with its uncertainty, lies across a cutoff",
    "low_coverage": "too little of the panel's weight was measured",
    "empty_sample": "the sample holds no reads or no measured miRNA",
    "unit_or_platform": "the sample does not look like the reference's samples: another unit, "
    "platform or protocol, or failed material",
    "partial_library": "it lacks counts of miRNAs that hold many of the reads (or their names are "
    "not understood), so the size of its library is unknown",
    "other_tissue": "the sample resembles another tissue more than the reference's",
}

STATUS_TEXT = {
    "missing": "not measured",
    "below_detection": "the library is too shallow for it",
    "specimen": "its direction is not known in this specimen",
    "contested": "the evidence contradicts itself",
    "ambiguous": "the column's name fits more than one miRNA",
}

WHY_TEXT = {
    "": "",
    "not_in_table": "no column of the table",
    "not_in_reference": "the reference's cohort did not measure it",
    "not_measured": "empty for this sample",
    "too_few_reads": "fewer than 10 reads to be expected at this sample's depth",
}


@dataclass(frozen=True)
class Explanation:
    """Sentences in order, each with the section that it belongs to."""

    sentences: tuple[tuple[Section, str], ...]

    def __str__(self) -> str:
        blocks = []
        for section, group in groupby(self.sentences, key=lambda pair: pair[0]):
            lines = [text for _, text in group]
            title = section.capitalize()
            blocks.append("\n".join([title, *(f"  {line}" for line in lines)]))
        return "\n\n".join(blocks)

    __repr__ = __str__


def explain(
    result: PanelResult, row: int, *, by: str = "member"
) -> tuple[tuple[Section, str], ...]:
    """Explain one sample's result on one panel.

    Parameters
    ----------
    result : PanelResult
    row : int
        The sample's position.
    by : {"member", "pathway"}

    Raises
    ------
    NotFoundError
        If ``by`` is neither.
    """
    if by not in ("member", "pathway"):
        raise NotFoundError(f"by is {by!r}", expected="member | pathway")
    one = _Sample(result, row)
    said: list[tuple[Section, str]] = [("flag", text) for text in one.flag_sentences()]
    if one.scored:
        members = one.pathways() if by == "pathway" else one.members()
        said += [("members", text) for text in members]
    said += [("not used", text) for text in one.unused()]
    if one.scored:
        said += [("fragility", one.fragility())]
        said += [("what would change it", one.counterfactual())]
    said += [("caveats", text) for text in one.caveats()]
    return tuple(said)


class _Sample:
    """One sample of a result, with the numbers that its sentences need."""

    def __init__(self, result: PanelResult, row: int) -> None:
        self.result, self.row = result, row
        self.reference = result.reference
        self.fitted = result.panel if isinstance(result.panel, FittedPanel) else None
        self.name = result.measured.expression.samples[row]
        self.flag = FLAGS[result.flags[row]]
        self.scored = self.flag != "not_scored"
        values, percentiles, _ = result.slot_values(slice(row, row + 1))
        self.values, self.percentiles = values[0], percentiles[0]
        status, why = result.slot_status(slice(row, row + 1))
        self.status = [STATUSES[i] for i in status[0]]
        self.why = [WHYS[i] for i in why[0]]
        slots = result.alignment.slots
        self.contributions = np.zeros(len(slots))
        self.contributions[list(result.alignment.scored)] = result.kernel.contributions[row]

    # -- sections ---------------------------------------------------------------------------

    def flag_sentences(self) -> list[str]:
        panel, reference, kernel = self.result.panel, self.reference, self.result.kernel
        reason = REASONS[self.result.reasons[self.row]]
        word = self.flag.replace("_", " ").upper()
        said = [f"Sample {self.name}: {word} on panel {panel.id} {panel.version} ({panel.title})."]
        if self.scored:
            said += self._probability_sentence() + self._score_sentences()
        if reason:
            said.append(f"Reason: {REASON_TEXT[reason]}{self._nearest()}.")
        if reason in ("unit_or_platform", "other_tissue"):
            said.append(self._misfit())
        said.append(f"This means {self._meaning()}.")
        coverage = float(kernel.coverage[self.row])
        said.append(f"{coverage:.0%} of the panel's weight in {reference.specimen} was measured.")
        said.append(
            f"Reference {reference.name}: {reference.n} samples, {reference.specimen}, "
            f"{reference.cancer or 'cancer not stated'}, {reference.level}, {reference.unit}"
            + (f"; {reference.protocol}" if reference.protocol else "")
            + "."
        )
        if self.result.alignment.single_marker:
            said.append("This is a single marker here: one member alone decides.")
        return said

    def _score_sentences(self) -> list[str]:
        """Say the score of what was measured, and what the full panel's may be."""
        kernel, (low_cut, high_cut) = self.result.kernel, self.result.composite.cutoffs
        score = float(self.result.score[self.row])
        low, high = (float(bound[self.row]) for bound in kernel.interval)
        said = [
            (
                f"Score {score:+.2f} from what was measured, {ordinal(ndtr(score))} percentile of "
                f"reference {self.reference.name}; cutoffs are {low_cut:+.2f} and {high_cut:+.2f}."
            ),
            (
                f"The full panel's score is estimated at {float(kernel.expected[self.row]):+.2f}, "
                f"between {low:+.2f} and {high:+.2f} (80%)."
            ),
        ]
        unseen = int((~self.result.visible[self.row] & self.result.composite.knowable).sum())
        if unseen:
            said.append(
                f"The library is too shallow for {unseen} miRNAs that the reference shows: the "
                "flag is about the others, the interval about all."
            )
        beyond = {"high": low < high_cut, "low": high > low_cut}
        if unseen and beyond.get(self.flag, False):
            said.append("That reaches across the cutoff: at a greater depth the flag may differ.")
        return said

    def _meaning(self) -> str:
        if self.fitted is not None:
            cutoffs = self.fitted.cutoffs
            own = {"high": cutoffs.high_means, "low": cutoffs.low_means}
            own["average"] = "between the cutoffs of the cohort that it was fitted on"
            return own.get(self.flag, MEANING[self.flag])
        return MEANING[self.flag]

    def _probability_sentence(self) -> list[str]:
        if self.fitted is None:
            return []
        probability = float(self.result.probability[self.row])
        report, link = self.fitted.report, self.fitted.link
        until = "" if link.horizon is None else f" until time {link.horizon:g}"
        n, events = report.get("n"), report.get("events")
        usual = f"; {events} of {n} had it in the cohort that it was fitted on" if n else ""
        what = self.fitted.endpoint
        return [f"Predicted probability of {what}{until}: {probability:.0%}{usual}."]

    def _misfit(self) -> str:
        """Say how far an unfit sample is from the reference."""
        measured, (low, high) = self.result.measured, self.reference.scale_limits
        return (
            f"Its distance from the reference is {measured.distance[self.row]:.1f} (limit "
            f"{self.reference.distance_limit:.1f}), its scale {measured.slope[self.row]:.2f} "
            f"({low:.2f} to {high:.2f}). Check its unit and its name; samples made by another "
            "protocol need a reference of their own."
        )

    def members(self) -> list[str]:
        """One sentence per measured miRNA, by the size of its member's contribution.

        What a member rests on is said with its first miRNA.
        """
        used = [i for i, status in enumerate(self.status) if status == "used"]
        total: dict[str, float] = {}
        for i in used:
            name = self._slot(i).member
            total[name] = total.get(name, 0.0) + self.contributions[i]
        used.sort(key=lambda i: (-abs(total[self._slot(i).member]), i))
        told: set[str] = set()
        said = []
        for i in used:
            slot = self._slot(i)
            support = "" if slot.claim is None or slot.member in told else _support(slot.claim)
            told.add(slot.member)
            said.append(" ".join(filter(None, (self._sentence(i), self._fitted_on(i), support))))
        return said

    def pathways(self) -> list[str]:
        """Contributions added up by pathway; a miRNA of several counts in each."""
        sums: dict[str, float] = {}
        names: dict[str, list[str]] = {}
        for i, status in enumerate(self.status):
            if status == "used":
                slot = self._slot(i)
                stated = slot.claim.pathways if slot.claim else ()
                for pathway in stated or ("no pathway stated",):
                    sums[pathway] = sums.get(pathway, 0.0) + self.contributions[i]
                    names.setdefault(pathway, []).append(slot.mirna or slot.member)
        order = sorted(sums, key=lambda pathway: -abs(sums[pathway]))
        said = [f"{sums[p]:+.2f}  {p}: {', '.join(names[p])}" for p in order]
        listed = [name for pathway in names.values() for name in pathway]
        if len(set(listed)) < len(listed):
            said.append("A miRNA of several pathways counts in each, so these do not add up.")
        return said

    def unused(self) -> list[str]:
        said = []
        for i, status in enumerate(self.status):
            if status == "used":
                continue
            slot, why = self._slot(i), WHY_TEXT[self.why[i]]
            said_of = STATUS_TEXT.get(status) or arm_unresolved(slot.mirna)
            text = f"{_named(slot)}: {said_of}"
            text += f", {why}" if why else ""
            if status == "specimen" and slot.claim:
                known = ", ".join(slot.claim.specimens)
                text += f" ({self.reference.specimen}; known in {known})"
            if status == "contested" and slot.claim and slot.claim.ruling:
                text += f". {slot.claim.ruling}"
            said.append(text.rstrip(".") + ".")
        return said

    def fragility(self) -> str:
        names = self.result.alignment.member_names
        fragile = [n for n, yes in zip(names, self.result.fragile[self.row], strict=True) if yes]
        m = int(self.result.present[self.row].sum())
        if not fragile:
            return f"None of the {m} members changes the flag when it alone is left out."
        verb = "changes" if len(fragile) == 1 else "change"
        return (
            f"{len(fragile)} of {m} members {verb} the flag when left out alone: "
            f"{', '.join(fragile)}."
        )

    def counterfactual(self) -> str:
        """Find the smallest change of one member's level that changes the flag."""
        best: tuple[float, str, str] | None = None
        for position in np.flatnonzero(self.result.present[self.row]):
            found = self._smallest_change(int(position))
            if found and (best is None or abs(found[0]) < abs(best[0])):
                best = (*found, self.result.alignment.member_names[position])
        if best is None:
            clinical = self.fitted is not None and bool(self.fitted.covariates)
            return (
                f"No change of a single {'miRNA' if clinical else 'member'} up to "
                f"{2**LARGEST_CHANGE:.0f}-fold would change the flag"
                + ("; clinical covariates were not varied." if clinical else ".")
            )
        change, flag, name = best
        word = "higher" if change > 0 else "lower"
        unit = "cycles" if self.reference.unit in ("ct", "delta_ct") else "log2 units"
        return (
            f"The flag would be {flag.replace('_', ' ')} if {name} were "
            f"{2 ** abs(change):.2f} times {word} ({abs(change):.2f} {unit}), "
            "all else being equal: the smallest such change of one member."
        )

    def caveats(self) -> list[str]:
        panel = self.result.panel
        said = [f"Endpoint: {panel.endpoint}.", *panel.caveats]
        if not any("research use only" in caveat.lower() for caveat in panel.caveats):
            said.append("Research use only: the panel is no validated diagnostic.")
        digests = panel.digest[:12], self.reference.digest[:12]
        return [*said, "Panel digest {}, reference digest {}.".format(*digests)]

    # -- details ----------------------------------------------------------------------------

    def _slot(self, i: int) -> Slot:
        return self.result.alignment.slots[i]

    def _nearest(self) -> str:
        nearest = self.result.measured.nearest[self.row]
        return f" (nearest: {nearest})" if nearest else ""

    def _sentence(self, i: int) -> str:
        """Say a measured miRNA's or covariate's value, its place, and what it adds."""
        slot, contribution = self._slot(i), self.contributions[i]
        effect = "raises" if contribution > 0 else "lowers"
        if slot.covariate is not None:
            mean = self.fitted.covariates[slot.covariate].mean if self.fitted else np.nan
            value = f"{self.values[i]:g}, where the cohort's mean is {mean:.3g}"
        else:
            place = ordinal(self.percentiles[i])
            value = f"{self.values[i]:.2f} {SCALE[self.reference.unit]}, {place} percentile"
        return (
            f"{contribution:+.2f}  {_named(slot, column=True)}: {value}; "
            f"risk when {_risk_when(slot)}, so this {effect} the score."
        )

    def _fitted_on(self, i: int) -> str:
        """Say the coefficient behind a fitted panel's miRNA or covariate."""
        slot, panel = self._slot(i), self.fitted
        if panel is None:
            return ""
        kind = "log odds" if panel.link.kind == "logistic" else "log hazard"
        if slot.covariate is not None:
            return f"Fitted: {slot.weight:+.2f} {kind} per standard deviation."
        frequency = panel.terms[i].frequency
        often = "" if frequency is None else f", selected in {frequency:.0%} of the halves"
        said = f"Fitted: {slot.weight:+.2f} {kind} per normal score{often}."
        if slot.claim is None or slot.claim.risk_when is None:
            return f"{said} No direction of the literature's: the cohort alone decided."
        if slot.claim.risk_when != _risk_when(slot):
            return f"{said} The literature's direction is the opposite: {slot.claim.risk_when}."
        return said

    def _smallest_change(self, position: int) -> tuple[float, str] | None:
        """Shift all of a member's levels together until the flag changes."""
        alignment, reference = self.result.alignment, self.reference
        columns = np.flatnonzero(alignment.members == position)
        if any(self._slot(alignment.scored[c]).covariate is not None for c in columns):
            return None  # a stage or an age is not a level that might be otherwise
        steps = np.arange(1, round(LARGEST_CHANGE / STEP) + 1, dtype=np.float64)
        changes = (steps[:, None] * np.array([STEP, -STEP])).reshape(-1)
        z = np.repeat(self.result.z[[self.row]], len(changes), axis=0)
        for column in columns:
            i = alignment.scored[column]
            if not np.isnan(z[0, column]):
                quantiles = reference.quantile_maps[reference.position[self._slot(i).key]]
                z[:, column] = quantiles.normal_score(self._changed(self.values[i], changes))
        flags = self.result.what_if(self.row, z).flag
        other = np.flatnonzero(flags != self.result.flags[self.row])
        if not len(other):
            return None
        return float(changes[other[0]]), FLAGS[flags[other[0]]]

    def _changed(self, value: float, changes: FloatArray) -> FloatArray:
        """Return a level after 2^changes-fold changes; of reads, which have the 1 added to CPM."""
        if self.reference.unit in SEQUENCING:
            return np.asarray(np.log2((np.exp2(value) - 1) * np.exp2(changes) + 1))
        return value + changes


def _named(slot: Slot, *, column: bool = False) -> str:
    """Name a miRNA with its member, and if asked the column that stands for it."""
    if not slot.mirna:
        return slot.member
    about = [] if slot.member == slot.mirna else [slot.member]
    if column and slot.matched != slot.mirna:
        about.append(f"column {slot.matched}")
    return f"{slot.mirna} ({', '.join(about)})" if about else slot.mirna


def _risk_when(slot: Slot) -> str:
    return "high" if slot.weight > 0 else "low"


def _support(member: Member) -> str:
    """Say what a member's direction rests on: mechanism, evidence, confidence, specimen."""
    parts = []
    if member.targets:
        parts.append(f"targets {', '.join(member.targets)}")
    if member.pathways:
        parts.append(f"pathways {', '.join(member.pathways)}")
    mechanism = f"Mechanism: {'; '.join(parts)}. " if parts else ""
    sources = "; ".join(filter(None, map(_source, member.evidence)))
    about = "" if member.bone_specific else " (not about bone in particular)"
    return (
        f"{mechanism}Evidence{about}: {sources}. {member.status.capitalize()} "
        f"(basis: {member.basis}), confidence {member.confidence}, "
        f"holds in {', '.join(member.specimens)}."
    )


def _source(evidence: Evidence) -> str:
    if evidence.study is None:
        numbers = ", ".join(map(str, evidence.references))
        word = "reference" if len(evidence.references) == 1 else "references"
        return f"the review{f', its {word} {numbers}' if numbers else ''}"
    study = evidence.study
    who = " ".join(filter(None, (study.author or study.title, str(study.year or ""))))
    where = f"doi:{study.doi}" if study.doi else (f"PMID {study.pmid}" if study.pmid else "")
    name = ", ".join(filter(None, (who, where)))
    read = evidence.read if evidence.read == "not read" else f"{evidence.read} read"
    return f"{name} ({read})" if name else ""


def ordinal(share: float | FloatArray) -> str:
    """Write a share from 0 to 1 as an ordinal percentile.

    Examples
    --------
    >>> ordinal(0.93), ordinal(0.214), ordinal(0.9996)
    ('93rd', '21st', 'above the 99th')
    """
    percent = float(share) * 100
    if percent < 1:
        return "below the 1st"
    if percent > 99:
        return "above the 99th"
    number = round(percent)
    ending = (
        "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number}{ending}"
