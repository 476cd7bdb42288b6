"""What ``mirrisk score`` tells a person: the table, the summary, an explanation."""

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.text import Text

from mirrisk.cli import show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from mirrisk.assessment import Assessment
    from mirrisk.batch import FilesSummary, Summary
    from mirrisk.explain import Explanation

COLUMNS = (
    "sample",
    "panel",
    "flag",
    "probability",
    "percentile",
    "score",
    "80% interval",
    "coverage",
    "fragile",
    "reason",
)

NUMBERS = ("probability", "percentile", "score", "80% interval", "coverage", "fragile")

LESS_NEEDED = ("fragile", "80% interval", "percentile", "coverage")
"""What a narrow terminal does without, in this order; a file has it all."""

WIDEST_SAMPLE = 30

SHOWN = 30
LABEL = 16
KIND = ("cancer", "specimen", "level")

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
    """Print the first rows of the scores, with as many columns as the terminal is wide for."""
    scores = assessment.scores.head(SHOWN)
    left_out = ["panel"] if len(assessment.results) == 1 else []
    if not scores["probability"].notna().any():
        left_out.append("probability")
    rows = [_cells(row) for row in scores.to_dict("records")]
    columns = _fitting([name for name in COLUMNS if name not in left_out], rows, console.width)
    table = show.listing(*columns, right=NUMBERS, fold=("sample",))
    above = None
    for row in rows:
        sample = "" if row["sample"] == above else row["sample"]
        cells: dict[str, str | Text] = {**row, "sample": sample, "flag": show.flag(row["flag"])}
        table.add_row(*[cells[name] for name in columns])
        above = row["sample"]
    console.print(table)
    more = len(assessment.scores) - len(scores)
    if more:
        console.print(f"... and {more} more rows: --out scores.csv keeps all", style="dim")
    console.print()


def _fitting(columns: list[str], rows: list[dict[str, str]], width: int) -> list[str]:
    """Leave out columns until the others fit into a line, sample names up to 30 letters."""

    def needed() -> int:
        sizes = {n: max([len(n), *(len(row[n]) for row in rows)]) + 2 for n in columns}
        sizes["sample"] = min(sizes["sample"], WIDEST_SAMPLE)
        return sum(sizes.values())

    for name in LESS_NEEDED:
        if needed() <= width:
            break
        columns = [column for column in columns if column != name]
    return columns


def _cells(row: dict[Any, Any]) -> dict[str, str]:
    """Write what the table shows of one row; of a sample without a score not its numbers."""
    low, high = (f"{row[side]:+.2f}" for side in ("score_low", "score_high"))
    cells = {
        "sample": show.plain(row["sample"]),
        "panel": row["panel"],
        "flag": row["flag"],
        "probability": f"{row['probability']:.2f}",
        "percentile": f"{100 * row['percentile']:.1f}",
        "score": f"{row['score']:+.2f}",
        "80% interval": f"{low} to {high}",
        "coverage": f"{row['coverage']:.0%}",
        "fragile": row["fragile"],
        "reason": _words(row["reason"]),
    }
    if row["flag"] == "not_scored":
        cells |= dict.fromkeys(("probability", "percentile", "score", "80% interval"), "")
    return cells


def _words(name: str) -> str:
    return name.replace("_", " ")


def print_summary(console: "Console", found: "Summary") -> None:
    """Print the flags counted, why samples were not scored, the reference and the notes."""
    for panel, version in found.panels.items():
        not_scored = _not_scored(found.reasons[panel], found.nearest)
        _print_flags(console, f"{panel} {version}", found.flags[panel], not_scored)
    about = [("reference", _reference(found.reference))]
    _print_notes(console, [*about, *(("note", text) for text in found.notes)])
    console.print(STANDING_FITTED if found.fitted else STANDING)


def _reference(about: "Mapping[str, object]") -> str:
    kind = ", ".join(str(about[name]) for name in KIND if about[name])
    return "{name}: {n} samples, {kind}, {unit}; digest {digest:.12}".format(**about, kind=kind)


def print_files(console: "Console", found: "FilesSummary") -> None:
    """Print what came of many files: the flags of all, and the notes."""
    failed, unchanged = len(found.failed), len(found.unchanged)
    scored = len(found.files) - failed
    of_files = f"{scored:,} of {len(found.files):,}" if failed else f"{scored:,}"
    parts = [
        Text(f"{found.n_samples:,} samples of {of_files} files"),
        Text(f"{failed:,} failed", "bold red" if failed else ""),
        Text(f"{unchanged:,} unchanged"),
    ]
    shown = (True, failed, unchanged)
    console.print(Text(", ").join(p for p, some in zip(parts, shown, strict=True) if some))
    for panel, flags in found.flags.items():
        not_scored = _not_scored(found.reasons.get(panel, {}), {})
        _print_flags(console, f"{panel} {found.panels[panel]}", flags, not_scored)
    about = _reference(found.reference) if found.reference else "each file is its own"
    _print_notes(console, [("reference", about), *(("note", text) for text in found.notes)])
    if scored:
        console.print(STANDING_FITTED if found.fitted else STANDING)


def _print_notes(console: "Console", pairs: "list[tuple[str, str]]") -> None:
    console.print(show.facts(pairs, width=LABEL))
    console.print()


def _print_flags(
    console: "Console",
    panel: str,
    counts: "Mapping[str, int]",
    not_scored: list[tuple[str, str]],
) -> None:
    order = ("high", "average", "low", "indeterminate", "not_scored")
    line = Text.assemble((panel, "bold"), ": ")
    parts = [
        Text.assemble(show.flag(name), f" {counts[name]}") for name in order if counts.get(name)
    ]
    console.print(line + Text(", ").join(parts))
    console.print(show.facts(not_scored, width=LABEL))


def _not_scored(
    reasons: "Mapping[str, int]", nearest: "Mapping[str, int]"
) -> list[tuple[str, str]]:
    """Say why samples were not scored, how many, and what can be done."""
    from mirrisk.explain import REASON_TEXT

    said = []
    for reason, count in Counter(reasons).most_common():
        if reason == "near_cutoff":  # indeterminate, but scored
            continue
        said.append((f"{count} not scored", f"{_words(reason)}: {REASON_TEXT[reason]}"))
        if reason == "other_tissue":
            most = Counter(nearest).most_common()
            said.append(("nearest", ", ".join(f"{n} {name}" for name, n in most)))
        said.append(("remedy", REMEDIES.get(reason, "")))
    return said


def print_explanation(console: "Console", explanation: "Explanation") -> None:
    """Print an explanation's sentences under the titles of their sections."""
    for section, group in groupby(explanation.sentences, key=lambda pair: pair[0]):
        console.print(show.heading(section.capitalize()))
        console.print(show.bullets(text for _, text in group))
        console.print()
