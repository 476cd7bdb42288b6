"""The report of a fit: plain types for the file, sentences for a reader."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.fitting.candidates import count_reasons
from mirrisk.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mirrisk.fitting.calibration import ChosenCutoffs
    from mirrisk.fitting.counting import Counted
    from mirrisk.fitting.predictors import Predictors
    from mirrisk.fitting.sample_size import Support
    from mirrisk.fitting.tuning import Tuning
    from mirrisk.panel import Panel
    from mirrisk.reference.measuring import Measured
    from mirrisk.validation.interval import Proportion

AT_WEAKEST = (
    "The penalty is the weakest of its path: a weaker one might predict better still. A predictor "
    "may all but give the outcome away; look whether it is part of the outcome's definition."
)

COVARIATES_ALONE = "Holds no miRNA: its covariates alone predict."

TOOLS = ("mirrisk", "numpy", "scipy", "scikit-learn")
"""Whose versions a fit depends on."""


@dataclass(frozen=True)
class Summary:
    """What a fit found: ``content`` as plain types, in words as a string."""

    content: dict[str, Any]

    def __str__(self) -> str:
        return "\n".join(_sentences(self.content))


def described(predictors: Predictors, counted: Counted, support: Support) -> dict[str, Any]:
    """Tell what a model was fitted to, and what the cohort supports."""
    candidates, gaps = predictors.candidates, np.isnan(predictors.observed)
    return {
        **counted.to_dict(),
        "candidates": {
            "count": len(candidates),
            "with_direction": int((candidates.signs != 0).sum()),
            "left_out": count_reasons(predictors.left_out),
            "panel_left_out": candidates.left_out,
        },
        "covariates": list(predictors.covariates),
        "covariates_known": (~gaps[:, predictors.clinical]).sum(axis=0).tolist(),
        "imputed_share": float(gaps.mean()),
        "unlike_the_others": sum(map(bool, predictors.measured.unfit)),
        "notes": _notes(predictors.measured),
        "sample_size": support.to_dict(),
    }


def _notes(measured: Measured) -> list[dict[str, Any]]:
    """Count what was noted of samples: a file to be shared names none."""
    return [
        {"reason": note.without_samples(), "count": note.n_samples}
        if isinstance(note, Note)
        else {"reason": note, "count": None}
        for note in measured.notes
    ]


def tuning_report(tuning: Tuning, rule: str, repeats: int, *, held: bool) -> dict[str, Any]:
    """Tell which penalty was chosen, and how."""
    mixing, penalty = tuning.at
    followed = int((~np.isnan(tuning.deviance[mixing])).sum())
    return {
        "held": held,
        "mixing": tuning.mixing,
        "penalty": tuning.penalty,
        "rule": None if held else rule,
        "mixings": list(tuning.grid.mixings),
        "penalties": followed,
        "at_weakest": tuning.at_weakest,
        "folds": tuning.folds,
        "repeats": repeats,
        "skipped_folds": tuning.skipped,
        "deviance": float(tuning.deviance[mixing, penalty]),
        "deviance_error": float(tuning.error[mixing, penalty]),
        # The strongest penalty of a path leaves no candidate in.
        "deviance_without_mirnas": None if held else float(tuning.deviance[mixing, 0]),
    }


def cutoff_report(
    cutoffs: ChosenCutoffs, sensitivity: float, specificity: float, slope: float
) -> dict[str, Any]:
    """Tell what the cutoffs were chosen for, and what they achieve out of fold.

    ``slope`` is that of the calibration, which the panel's coefficients and cutoffs hold.
    """
    return {
        "low": slope * cutoffs.low,
        "high": slope * cutoffs.high,
        "target_sensitivity": sensitivity,
        "target_specificity": specificity,
        "sensitivity": _proportion(cutoffs.sensitivity),
        "specificity": _proportion(cutoffs.specificity),
        "merged": cutoffs.merged,
    }


def provenance(predictors: Predictors, panel: Panel | None, seed: int) -> dict[str, Any]:
    """Tell what a fit can be repeated with."""
    reference = predictors.reference
    return {
        "panel": None
        if panel is None
        else {"id": panel.id, "version": panel.version, "digest": panel.digest},
        "unit": reference.unit,
        "level": reference.level,
        "specimen": reference.specimen,
        "seed": seed,
        "versions": {tool: version(tool) for tool in TOOLS},
    }


def caveats(report: dict[str, Any]) -> tuple[str, ...]:
    """Return what everyone who is shown a score of the panel should know."""
    fitted = f"{report['n']} samples with {report['events']} events"
    if "patients" in report:
        fitted += f", of {report['patients']} patients"
    said = [
        (
            f"Fitted on {fitted}; what it is worth in other patients is not known before it was "
            "validated in them."
        )
    ]
    if not report["selected"]:
        said.append(COVARIATES_ALONE)
    if report["sample_size"]["shortfall"]:
        said.append(report["sample_size"]["said"])
    if report["accepted_small"]:
        said.append("The cohort is below the least size for a fit; that was accepted.")
    if report["outcome"]["kind"] == "survival":
        said += _of_survival(report["outcome"])
    return tuple(said)


def _of_survival(outcome: dict[str, Any]) -> Iterator[str]:
    if outcome["deaths_without_event"]:
        yield outcome["said"]
    if outcome["few_followed"]:
        yield (
            f"Only {outcome['followed_to_horizon']} samples were followed to the horizon, "
            f"{outcome['horizon']:g}: the probability rests on few."
        )


def _proportion(share: Proportion) -> dict[str, Any]:
    return {**asdict(share), "estimate": share.estimate}


# -- in words ---------------------------------------------------------------------------------


def _sentences(report: dict[str, Any]) -> Iterator[str]:
    yield from _of_outcome(report)
    if report["accepted_small"]:
        yield "The cohort is below the least size for a fit; that was accepted."
    yield from _of_candidates(report)
    yield report["sample_size"]["said"]
    yield from _of_tuning(report["tuning"])
    if "null" in report:
        yield f"No panel: {report['null']}."
    else:
        names = ", ".join(report["selected"]) or "none"
        yield f"Selected miRNAs ({len(report['selected'])}): {names}."
        yield from _of_cutoffs(report["cutoffs"], report["outcome"])
    yield from _of_audit(report.get("audit"))
    if report.get("comparison"):
        yield report["comparison"]["said"]
    yield from _of_stability(report["stability"])


def _of_outcome(report: dict[str, Any]) -> Iterator[str]:
    outcome = report["outcome"]
    counted = f"{report['n']} samples, {report['events']} with the event"
    if "patients" in report:
        counted += (
            f", of {report['patients']} patients, {report['patients_with_event']} with the event"
        )
    if outcome["kind"] == "binary":
        yield f"{counted} ({outcome['event']}; not: {outcome['other']})."
        return
    yield (
        f"{counted}, {outcome['events_by_horizon']} of them by {outcome['horizon']:g}; "
        f"{outcome['censored_before_horizon']} were censored before, "
        f"{outcome['followed_to_horizon']} followed to it or longer."
    )
    yield outcome["said"]


def _of_candidates(report: dict[str, Any]) -> Iterator[str]:
    found = report["candidates"]
    told = f"{found['with_direction']} of them with a direction of the literature"
    if report["provenance"]["panel"] is None:
        told = "no panel of the literature was given, so that no direction counts"
    yield f"Candidates: {found['count']} miRNAs, {told} (directions: {report['directions']})."
    if found["left_out"]:
        told = "; ".join(f"{count} {why}" for why, count in found["left_out"].items())
        yield f"Left out: {told}."
    if found["panel_left_out"]:
        told = "; ".join(f"{name} ({why})" for name, why in found["panel_left_out"].items())
        yield f"Of the panel no candidates: {told}."
    if report["covariates"]:
        told = ", ".join(
            name if known == report["n"] else f"{name} (known for {known} of {report['n']})"
            for name, known in zip(report["covariates"], report["covariates_known"], strict=True)
        )
        yield f"Covariates, not penalised: {told}."
    if report["imputed_share"]:
        share = report["imputed_share"]
        yield (
            f"Missing or below detection: {f'{share:.1%}' if share >= 0.001 else 'below 0.1%'} of "
            "the values, which are estimated from what each sample shows."
        )
    if report["unlike_the_others"]:
        yield f"Samples that look unlike the others, and were kept: {report['unlike_the_others']}."
    for note in report["notes"]:
        of = "" if note["count"] is None else f"; samples: {note['count']}"
        yield f"{note['reason'][0].upper()}{note['reason'][1:]}{of}."


def _of_tuning(tuning: dict[str, Any]) -> Iterator[str]:
    how = "held as given" if tuning["held"] else f"chosen by {tuning['rule']}"
    skipped = f", {tuning['skipped_folds']} skipped" if tuning["skipped_folds"] else ""
    yield (
        f"Mixing {tuning['mixing']:g}, penalty {tuning['penalty']:.4g} ({how}; "
        f"folds: {tuning['folds']}, repeats: {tuning['repeats']}{skipped})."
    )
    if tuning["at_weakest"]:
        yield AT_WEAKEST


def _of_cutoffs(cutoffs: dict[str, Any], outcome: dict[str, Any]) -> Iterator[str]:
    told = [
        f"{name} {share['estimate']:.2f} ({share['count']}/{share['of']}, 95% CI "
        f"{share['low']:.2f} to {share['high']:.2f})"
        for name, share in (
            ("sensitivity", cutoffs["sensitivity"]),
            ("specificity", cutoffs["specificity"]),
        )
    ]
    when = ""
    if outcome["kind"] == "survival":
        when = f", of the status at {outcome['horizon']:g}, of those in whom it is known"
    yield (
        f"Out of fold: not low has {told[0]}, not high {told[1]}{when}. The cutoffs were chosen "
        "on these predictions; in other patients they may do worse."
    )
    if cutoffs["merged"]:
        yield "The targets of the cutoffs crossed: both are their midpoint."


def _of_audit(audit: dict[str, Any] | None) -> Iterator[str]:
    if audit is None or not audit["terms"]:
        return
    if audit["opposed"]:
        yield (
            "Without regard to the literature these would be fitted against its direction: "
            f"{', '.join(audit['opposed'])} (objective {audit['objective']:.4f}, without regard "
            f"{audit['objective_unconstrained']:.4f})."
        )
    else:
        yield "Without regard to the literature none would be fitted against its direction."
    if audit["negative_shares"]:
        yield f"Negative share of the variance: {', '.join(audit['negative_shares'])}."


def _of_stability(stability: dict[str, Any] | None) -> Iterator[str]:
    if stability is None:
        return
    bound = stability["false_selections_at_most"]
    most = ""
    if bound is not None:
        most = f" (at most {bound:.2g} that are no better than chance are to be expected)"
    yield (
        f"Each of {2 * stability['pairs']} halves selects the {stability['wanted_per_half']} that "
        f"enter first; selected by {stability['threshold']:.0%} of them or more: "
        f"{', '.join(stability['stable']) or 'none'}{most}."
    )
    if stability["failed_halves"]:
        yield (
            f"{stability['failed_halves']:.0%} of the halves could not be fitted: no bound on "
            "chance selections holds."
        )
