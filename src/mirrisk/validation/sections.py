"""A validation part by part, in words and rows: the same for a terminal, a page and plain text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mirrisk.validation.binary import TARGETS, BinaryFigures
from mirrisk.validation.discrimination import AucDifference
from mirrisk.validation.training import StoredFigures
from mirrisk.validation.wording import Section, estimate, number, p_value, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mirrisk.validation.bootstrap import BootstrapInterval
    from mirrisk.validation.clinical_models import ClinicalComparison
    from mirrisk.validation.net_benefit import DecisionCurve
    from mirrisk.validation.parts import Part
    from mirrisk.validation.report import Cohort, Validation
    from mirrisk.validation.time_to_event import SurvivalFigures

UNCORRECTED = "no interval is corrected for how many there are"


def sections(validation: Validation) -> Iterator[Section]:
    """Yield a validation part by part, after its headline."""
    yield _about(validation)
    # What was decided on the way bears on every figure: it goes before them.
    if validation.notes:
        yield Section("Notes", remarks=validation.notes)
    figures = validation.figures
    if isinstance(figures, StoredFigures):
        yield _stored(figures)
    elif isinstance(figures, BinaryFigures):
        yield from _binary(figures)
    else:
        yield from _survival(figures)
    yield from _clinical(validation)
    yield from _members(validation)
    yield from _subgroups(validation)
    if validation.subject.caveats and validation.subject.kind != "literature":
        yield Section("Caveats of the panel", remarks=validation.subject.caveats)


# -- what it is about -------------------------------------------------------------------------


def _about(validation: Validation) -> Section:
    subject, cohort = validation.subject, validation.cohort
    digest = subject.reference_digest
    kind = "of the literature" if subject.kind == "literature" else f"fitted, {subject.kind}"
    facts = [
        ("panel", f"{subject.panel} {subject.version} ({kind}), digest {subject.digest[:12]}"),
        ("its endpoint", subject.endpoint),
        (
            "reference",
            f"{subject.reference}: {subject.reference_n}"
            + (f", digest {digest[:12]}" if digest else ""),
        ),
        ("outcome", _outcome(cohort)),
    ]
    if cohort.patients != cohort.n:
        facts.append(("patients", str(cohort.patients)))
    if cohort.competing:
        facts.append(("competing", plural(cohort.competing, "competing event")))
    facts += [
        ("left out", f"{plural(each.count, 'sample')}: {each.reason.replace('_', ' ')}")
        for each in cohort.left_out
    ]
    if not isinstance(validation.figures, StoredFigures):
        drawn = f"{validation.resamples:,} resamples and permutations, seed {validation.seed}"
        facts.append(("drawn", drawn))
    return Section("What was validated", tuple(facts))


def _outcome(cohort: Cohort) -> str:
    classes = f"the event is {cohort.event}, no event {cohort.other}"
    return f"{cohort.outcome}: {classes}" if cohort.outcome else classes


def _stored(figures: StoredFigures) -> Section:
    apparent, measure = figures.apparent, figures.discrimination.measure
    facts = [
        (measure, f"{estimate(figures.discrimination)}, of samples that the models had not seen"),
        (
            f"{measure}, apparent",
            f"{number(apparent.discrimination, 2)} on the samples that it was fitted on: no answer",
        ),
    ]
    if not math.isnan(apparent.brier):
        facts.append(("Brier score, apparent", f"{apparent.brier:.3f}"))
    if figures.cutoffs:
        for name, of in (("sensitivity", "not low"), ("specificity", "not high")):
            share = figures.cutoffs.get(name)
            if share:
                said = (
                    f"{share['estimate']:.2f} ({share['count']}/{share['of']}, 95% CI "
                    f"{share['low']:.2f} to {share['high']:.2f}), out of fold"
                )
                facts.append((f"{name} of {of}", said))
    return Section(
        "Figures of the fit's own validation",
        tuple(facts),
        remarks=figures.said,
    )


# -- outcomes of two classes ------------------------------------------------------------------


def _binary(figures: BinaryFigures) -> Iterator[Section]:
    yield Section("Discrimination", tuple(_discrimination(figures)))
    yield from _calibration(figures)
    yield from _flags(figures)
    yield _cutoffs(figures)
    yield from _net_benefit(figures.net_benefit)
    if figures.comparisons:
        method = figures.comparisons[0].difference.method
        yield Section(
            "Against other risks",
            columns=("risk", "n", "events", "its AUC", "panel's AUC", "difference", ""),
            rows=tuple(
                (
                    each.name,
                    str(each.n),
                    str(each.events),
                    estimate(each.other),
                    f"{each.panel.estimate:.2f}",
                    _gain(each.difference),
                    p_value(each.difference.p_value),
                )
                for each in figures.comparisons
            ),
            remarks=(f"difference: panel less the other ({method}), on samples with both",),
        )


def _discrimination(figures: BinaryFigures) -> Iterator[tuple[str, str]]:
    yield "AUC", f"{estimate(figures.auc)}, {figures.auc.method}"
    test = figures.permutation
    if test:
        yield (
            "permutations",
            f"as high in {test.as_high:,} of {test.n:,}, {p_value(test.p_value)} (one-sided)",
        )
    precision = figures.average_precision
    if precision:
        failed = f"; {precision.failed} resamples failed" if precision.failed else ""
        yield "average precision", f"{estimate(precision)}, bootstrap{failed}"
    bounds = figures.bounds
    if bounds:
        said = (
            f"{bounds.n} ({plural(bounds.events, 'event')}): AUC {bounds.as_lowest:.2f} if "
            f"their risk were the lowest, {bounds.as_highest:.2f} if the highest; whatever it be, "
            f"{bounds.least:.2f} to {bounds.greatest:.2f}"
        )
        yield "with those not scored", said


def _calibration(figures: BinaryFigures) -> Iterator[Section]:
    found = figures.calibration
    if found:
        facts = [
            ("observed risk", estimate(found.observed_risk)),
            ("mean predicted risk", f"{found.mean_predicted_risk:.2f}"),
            ("in the large", f"{estimate(found.in_the_large)}; 0 is ideal"),
            ("slope", f"{estimate(found.slope)}; 1 is ideal"),
            ("Brier score", f"{found.brier:.3f} (scaled {number(found.scaled_brier, 3)})"),
            ("curve", str(found.curve)),
        ]
        yield Section("Calibration of probabilities", tuple(facts), remarks=found.notes)
        return
    facts = []
    for name, part in (
        ("all", figures.percentiles),
        ("non-events", figures.percentiles_of_non_events),
    ):
        if part:
            said = (
                f"{part.above.value:.1%} above the 90th ({part.above.low:.1%} to "
                f"{part.above.high:.1%}), {part.below.value:.1%} below the 10th, "
                f"Kolmogorov-Smirnov {p_value(part.ks_p)}"
            )
            facts.append((name, said))
    ratio = figures.recalibration
    if ratio:
        said = f"{estimate(ratio.odds_ratio)} per SD of the reference"
        facts.append(("odds ratio", said))
    if facts:
        yield Section("Percentiles", tuple(facts))


def _flags(figures: BinaryFigures) -> Iterator[Section]:
    flags = figures.flags
    facts = []
    for name, found in (("high", flags.high), ("not low", flags.not_low)):
        facts.append((f"{name}: sensitivity", str(found.sensitivity)))
        facts.append((f"{name}: specificity", str(found.specificity)))
    yield Section(
        "Flags",
        tuple(facts),
        columns=("flag", "n", "events", "share of events"),
        rows=tuple(
            (row.flag.replace("_", " "), str(row.n), str(row.events), str(row.share))
            for row in flags.rows
            if row.n
        ),
    )


def _cutoffs(figures: BinaryFigures) -> Section:
    return Section(
        "Cutoffs",
        columns=("target", "risk >=", "sensitivity", "specificity"),
        rows=tuple(
            (target, number(each.value, 3), str(each.sensitivity), str(each.specificity))
            for target, each in zip(TARGETS, figures.cutoffs, strict=True)
        ),
        remarks=("chosen and judged on the same samples: judge them on others",),
    )


def _net_benefit(curve: DecisionCurve | None) -> Iterator[Section]:
    if curve is None:
        return
    rows = zip(curve.thresholds, curve.model, curve.treat_all, strict=True)
    yield Section(
        "Net benefit",
        columns=("threshold", "panel", "treat all", "treat none"),
        rows=tuple((f"{t:g}", f"{m:+.4f}", f"{a:+.4f}", "0") for t, m, a in rows),
    )


# -- follow-up --------------------------------------------------------------------------------


def _survival(figures: SurvivalFigures) -> Iterator[Section]:
    facts = []
    for found in (figures.harrell_c, figures.uno_c, figures.auc_at_horizon):
        if found:
            failed = getattr(found, "failed", 0)
            more = f"; {failed:,} resamples failed" if failed else ""
            facts.append((found.measure, f"{estimate(found)}, {found.method}{more}"))
    yield Section("Discrimination", tuple(facts))
    if figures.calibration:
        held = figures.calibration
        facts = [
            ("observed risk", estimate(held.observed_risk)),
            ("mean predicted risk", f"{held.mean_predicted_risk:.2f}"),
            ("observed to expected", estimate(held.observed_to_expected)),
            ("slope", f"{estimate(held.slope)}; 1 is ideal"),
        ]
        if figures.brier:
            said = f"{figures.brier.integrated:.3f} (scaled {number(figures.brier.scaled, 3)})"
            facts.append(("integrated Brier score", said))
        yield Section(f"Calibration at {held.horizon:g}", tuple(facts), remarks=held.notes)
    if figures.incidence:
        yield Section(
            f"Cumulative incidence at {figures.horizon:g} by flag",
            columns=("flag", "n", "events", "at risk then", "incidence"),
            rows=tuple(
                (
                    row.flag.replace("_", " "),
                    str(row.n),
                    str(row.events),
                    str(row.at_risk),
                    estimate(row.incidence),
                )
                for row in figures.incidence
            ),
        )
    yield from _net_benefit(figures.net_benefit)


# -- parts ------------------------------------------------------------------------------------


def _clinical(validation: Validation) -> Iterator[Section]:
    found = validation.clinical
    if found is None:
        return
    imputed = f", {found.imputed} with a missing value imputed" if found.imputed else ""
    scheme = (
        f"{found.repeats} x {found.folds}-fold cross-validation, n = {found.n}, "
        f"{plural(found.events, 'event')}"
    )
    yield Section(
        f"Against the clinical baseline ({', '.join(found.covariates)})",
        columns=("model", "AUC out of fold", "by repeat"),
        rows=tuple(
            (
                model.name,
                estimate(model.auc),
                f"{number(model.lowest, 2)} to {number(model.highest, 2)}",
            )
            for model in found.models
        ),
        remarks=(f"{scheme}{imputed}", _added(found)),
    )


def _gain(gain: AucDifference | BootstrapInterval, digits: int = 2) -> str:
    value = gain.difference if isinstance(gain, AucDifference) else gain.estimate
    if math.isnan(value):
        return "not defined"
    if math.isnan(gain.low):
        return f"{value:+.{digits}f} (no interval)"
    return f"{value:+.{digits}f} ({gain.low:+.{digits}f} to {gain.high:+.{digits}f})"


def _added(found: ClinicalComparison) -> str:
    gain, brier = found.added.auc, found.added.brier
    return (
        f"with the panel less without it: AUC {_gain(gain, 3)}, {p_value(gain.p_value)}; "
        f"Brier score {_gain(brier, 4)}, below 0 is better"
    )


def _members(validation: Validation) -> Iterator[Section]:
    members = validation.members
    if not members:
        return
    literature = validation.subject.kind == "literature"
    known = [m.auc for m in members if m.auc is not None]
    agreeing, surely = sum(a.estimate > 0.5 for a in known), sum(a.low > 0.5 for a in known)
    against = sum(a.high < 0.5 for a in known)
    whose = "the literature's" if literature else "the panel's"
    agreement = (
        f"{agreeing} of {len(known)} run in {whose} direction here (own AUC above 0.5); of "
        f"{surely} the interval lies above 0.5, of {against} below"
    )
    yield Section(
        "Members",
        columns=("member", "risk when", "n", "own AUC", "AUC without it", "influence"),
        rows=tuple(
            (
                m.member,
                m.risk_when,
                str(m.n),
                estimate(m.auc),
                number(m.auc_without, 3),
                "" if math.isnan(m.influence) else f"{m.influence:+.3f}",
            )
            for m in members
        ),
        remarks=(
            agreement,
            "own AUC: of its signed normal score; influence: AUC of the panel less that without it",
            UNCORRECTED,
        ),
    )


def _subgroups(validation: Validation) -> Iterator[Section]:
    if validation.subgroups:
        yield Section(
            "Subgroups",
            columns=("subgroup", "level", "n", "events", "AUC"),
            rows=tuple((part.name, *_part(part)) for part in validation.subgroups),
            remarks=(UNCORRECTED,),
        )
    if validation.sites:
        sites = validation.sites
        how = (
            "each scored against a reference of the other sites"
            if sites.left_out
            else "nothing is learned from any"
        )
        yield Section(
            "Sites",
            (("within sites", f"AUC {estimate(sites.within)}; {how}"),),
            columns=("site", "n", "events", "AUC"),
            rows=tuple(_part(part) for part in sites.parts),
            remarks=(UNCORRECTED,),
        )


def _part(part: Part) -> tuple[str, str, str, str]:
    return part.level, str(part.n), str(part.events), estimate(part.auc)
