"""What ``mirrisk score`` tells a person: the table, the summary, an explanation."""

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.text import Text

from mirrisk.cli import show

if TYPE_CHECKING:
    from rich.console import Console

    from mirrisk.assessment import Assessment
    from mirrisk.explain import Explanation
    from mirrisk.result import PanelResult

SHOWN = 30
LABEL = 16

REMEDIES = {
    "low_coverage": "`mirrisk names TABLE` shows what the table lacks, --contributions FILE why "
    "each miRNA was not used; --min-coverage lowers the bar",
    "empty_sample": "look at these samples' sequencing or assay",
    "unit_or_platform": "check --unit; samples made by another protocol need a reference of "
    "their own: `mirrisk references fit`",
    "partial_library": "give whole tables, or all miRNA reads of each sample: --library-size "
    "COLUMN; `mirrisk names TABLE` shows how names are read",
    "other_tissue": "look for mix-ups, and take a reference of the samples' own tissue",
}

STANDING = """\
"high" is the top tenth of the reference and not a probability of metastasis; "low" is no \
reassurance.
Research use only: no panel of mirrisk is a validated diagnostic."""

STANDING_FITTED = """\
"high" and "low" go by the fitted panel's own cutoffs (--explain SAMPLE tells what for). Its \
probabilities hold for patients and laboratories like those of its cohort, if anywhere.
Research use only: no panel of mirrisk is a validated diagnostic."""


def print_scores(console: "Console", assessment: "Assessment") -> None:
    """Print the first rows of the scores."""
    scores = assessment.scores
    several = len(assessment.results) > 1
    numbers: tuple[str, ...] = ("percentile", "score", "80% interval", "coverage", "fragile")
    panel = ("panel",) if several else ()
    if scores["probability"].notna().any():
        numbers = ("probability", *numbers)
    names = ("sample", *panel, "flag", *numbers, "reason")
    table = show.listing(*names, right=numbers, fold=("sample",))
    above = None
    for row in scores.head(SHOWN).to_dict("records"):
        sample = "" if row["sample"] == above else show.plain(row["sample"])
        first = [sample, row["panel"]] if several else [sample]
        chance = _probability(row) if "probability" in numbers else ()
        table.add_row(
            *first, show.flag(row["flag"]), *chance, *_numbers(row), _words(row["reason"])
        )
        above = row["sample"]
    console.print(table)
    if len(scores) > SHOWN:
        more = len(scores) - SHOWN
        console.print(f"... and {more} more rows: --out scores.csv keeps all", style="dim")
    console.print()


def _probability(row: dict[Any, Any]) -> tuple[str, ...]:
    return ("" if row["flag"] == "not_scored" else f"{row['probability']:.2f}",)


def _numbers(row: dict[Any, Any]) -> tuple[str, ...]:
    coverage = f"{row['coverage']:.0%}"
    if row["flag"] == "not_scored":
        return "", "", "", coverage, ""
    low, high = (f"{row[side]:+.2f}" for side in ("score_low", "score_high"))
    percentile = f"{100 * row['percentile']:.1f}"
    return percentile, f"{row['score']:+.2f}", f"{low} to {high}", coverage, row["fragile"]


def _words(name: str) -> str:
    return name.replace("_", " ")


def print_summary(console: "Console", assessment: "Assessment") -> None:
    """Print the flags counted, why samples were not scored, the reference and the notes."""
    for result in assessment.results:
        _print_flags(console, result)
    reference = assessment.reference
    kind = ", ".join(filter(None, (reference.cancer, reference.specimen, reference.level)))
    about = f"{reference.n} samples, {kind}, {reference.unit}; digest {reference.digest[:12]}"
    console.print(
        show.facts(
            [
                ("reference", f"{reference.name}: {about}"),
                *(("note", text) for text in assessment.notes),
            ],
            width=LABEL,
        )
    )
    console.print()
    console.print(STANDING_FITTED if _is_fitted(assessment) else STANDING)


def _is_fitted(assessment: "Assessment") -> bool:
    from mirrisk.model import FittedPanel

    return any(isinstance(result.panel, FittedPanel) for result in assessment.results)


def _print_flags(console: "Console", result: "PanelResult") -> None:
    from mirrisk.scoring import FLAGS

    order = ("high", "average", "low", "indeterminate", "not_scored")
    counts = Counter(FLAGS[flag] for flag in result.flags)
    line = Text.assemble((f"{result.panel.id} {result.panel.version}", "bold"), ": ")
    parts = [Text.assemble(show.flag(name), f" {counts[name]}") for name in order if counts[name]]
    console.print(line + Text(", ").join(parts))
    console.print(show.facts(_not_scored(result), width=LABEL))


def _not_scored(result: "PanelResult") -> list[tuple[str, str]]:
    """Say why samples were not scored, how many, and what can be done."""
    from mirrisk.explain import REASON_TEXT
    from mirrisk.result import REASONS

    unscored = [row for row, scored in enumerate(result.scored) if not scored]
    reasons = Counter(REASONS[result.reasons[row]] for row in unscored)
    said = []
    for reason, count in reasons.most_common():
        said.append((f"{count} not scored", f"{_words(reason)}: {REASON_TEXT[reason]}"))
        if reason == "other_tissue":
            nearest = Counter(filter(None, (result.measured.nearest[row] for row in unscored)))
            said.append(("nearest", ", ".join(f"{n} {name}" for name, n in nearest.most_common())))
        said.append(("remedy", REMEDIES.get(reason, "")))
    return said


def print_explanation(console: "Console", explanation: "Explanation") -> None:
    """Print an explanation's sentences under the titles of their sections."""
    for section, group in groupby(explanation.sentences, key=lambda pair: pair[0]):
        console.print(show.heading(section.capitalize()))
        console.print(show.bullets(text for _, text in group))
        console.print()
