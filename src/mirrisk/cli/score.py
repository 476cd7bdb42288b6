"""``mirrisk score``: a table in, risk flags with reasons out."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirrisk.cli import options, show, summary
from mirrisk.output import STDOUT, check_targets, frame_to_csv, write_texts

if TYPE_CHECKING:
    import pandas as pd

    from mirrisk.assessment import Assessment
    from mirrisk.explain import Explanation

NOTHING_SCORED = 4


def score(
    table: options.TableArgument,
    panel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID[,ID...]|FILE|all",
            help="Panels to score; may be repeated. all: those that fit the reference. Or one "
            "fitted panel (model.json), alone.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="ID|FILE|cohort",
            help="What low and high are relative to. cohort: the table itself. A fitted panel "
            "brings its own.",
        ),
    ] = None,
    covariates: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Clinical columns that a fitted panel needs; the first column is sample.",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the scores to a file; - is standard output."),
    ] = None,
    contributions: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write what each miRNA of each sample contributed."),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="SAMPLE",
            help="Print why a sample got its flag, instead of the scores "
            "(on standard error where the scores take the standard output: --out -, --json).",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Scores as JSON, with notes and digests.")
    ] = False,
    min_coverage: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of a panel's weight that must be measured.",
        ),
    ] = 0.5,
    min_reads: options.MinReadsOption = 100_000,
    unit: options.UnitOption = None,
    specimen: options.SpecimenOption = "tissue",
    level: options.LevelOption = None,
    orientation: options.OrientationOption = None,
    library_size: options.LibrarySizeOption = None,
    duplicates: options.DuplicatesOption = None,
    aliases: options.AliasesOption = None,
    undetermined: options.UndeterminedOption = "missing",
    limit: options.LimitOption = None,
    sheet: options.SheetOption = None,
    layer: options.LayerOption = None,
    assemble: options.AssembleOption = None,
) -> None:
    """Score samples on panels against a reference.

    On a terminal: a table and a summary. In a pipe: CSV on standard output, the summary on
    standard error. In CSV, text that a spreadsheet would run as a formula gets a leading
    apostrophe. Exit code 4: nothing could be scored.

    High means the top tenth of the reference, not a probability of metastasis; low is no
    reassurance. Research use only.
    """
    names = _required(panel, reference)
    scores_to = out or _default_target(as_json, explain, contributions)
    inputs = {
        "TABLE": table,
        "--reference": reference,
        "--aliases": aliases,
        "--covariates": covariates,
        "--panel": next((name for name in names if name.endswith(".json")), None),
    }
    check_targets({"--out": scores_to, "--contributions": contributions}, inputs)
    how = options.TableOptions(
        unit,
        level,
        specimen,
        orientation,
        library_size,
        duplicates,
        aliases,
        undetermined=undetermined,
        limit=limit,
        sheet=sheet,
        layer=layer,
        assemble=assemble,
    )
    with show.progress("Scoring"):
        assessment = _score(table, how, names, reference, covariates, min_coverage, min_reads)
        explanation = None if explain is None else assessment.explain(explain)
        files: dict[str, str] = {}
        if contributions:
            files[contributions] = frame_to_csv(assessment.contributions)
        if scores_to:
            files[scores_to] = (
                _as_json(assessment, explanation) if as_json else frame_to_csv(assessment.scores)
            )
    write_texts(files)
    _print(assessment, explanation, files)
    if (assessment.scores["flag"] == "not_scored").all():
        raise typer.Exit(NOTHING_SCORED)


def _required(panel: list[str] | None, reference: str | None) -> list[str]:
    """Ask for what the user left out, naming the command that tells what there is."""
    names = options.split(panel)
    if not names:
        raise typer.BadParameter(
            "no --panel: name one, or all; `mirrisk panels list` shows what there is"
        )
    fitted = [name for name in names if name.endswith(".json")]
    if reference is None and not fitted:
        raise typer.BadParameter(
            "no --reference: low and high mean nothing without one; `mirrisk references list` "
            "shows the shipped ones, `mirrisk references fit` makes your own, cohort is the table "
            "itself"
        )
    if "all" in names and len(names) > 1:
        raise typer.BadParameter("--panel: all stands alone")
    return names


def _default_target(as_json: bool, explain: str | None, contributions: str | None) -> str | None:
    """Say where scores go without --out; None: they are shown as a table, or not at all."""
    if contributions == STDOUT:
        return None
    return STDOUT if as_json or not (explain or show.stdout_is_terminal()) else None


def _score(
    table: str,
    how: options.TableOptions,
    names: list[str],
    reference: str | None,
    covariates: str | None,
    min_coverage: float,
    min_reads: int,
) -> "Assessment":
    from mirrisk.assessment import ALL, score
    from mirrisk.catalog import load_panels
    from mirrisk.reference import COHORT, Reference
    from mirrisk.tables.clinical import read_clinical

    # What is small is loaded first: a slip in a name is told before the table is read.
    panel = ALL if names == [ALL] else load_panels(names)
    against = reference if reference in (None, COHORT) else Reference.load(reference)
    clinical = None if covariates is None else read_clinical(covariates)
    return score(
        how.read(table),
        panel=panel,
        reference=against,
        covariates=clinical,
        min_coverage=min_coverage,
        min_reads=min_reads,
    )


def _print(
    assessment: "Assessment", explanation: "Explanation | None", written: dict[str, str]
) -> None:
    """Show what is for people to read: on standard error where results take the output."""
    taken = STDOUT in written
    if explanation is not None:
        console = show.stderr() if taken else show.stdout()
        summary.print_explanation(console, explanation)
        return
    terminal = show.stdout_is_terminal() and not taken
    console = show.stdout() if terminal else show.stderr()
    if terminal and not written:
        summary.print_scores(console, assessment)
    summary.print_summary(console, assessment)
    for path in written:
        if path != STDOUT:
            console.print(f"written: {show.plain(path)}", style="dim", soft_wrap=True)


def _as_json(assessment: "Assessment", explanation: "Explanation | None") -> str:
    from mirrisk import __version__

    reference = assessment.reference
    about = ("name", "digest", "n", "unit", "level", "specimen", "cancer")
    content: dict[str, Any] = {
        "mirrisk": __version__,
        "panels": [
            {"id": r.panel.id, "version": r.panel.version, "digest": r.panel.digest}
            for r in assessment.results
        ],
        "reference": {name: getattr(reference, name) for name in about},
        "notes": list(assessment.notes),
        "scores": _records(assessment.scores),
    }
    if explanation is not None:
        content["explanation"] = [
            {"section": section, "text": text} for section, text in explanation.sentences
        ]
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return rows as plain types; what is not a number (NaN) is null."""
    rows = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(frame.columns, row, strict=True)) for row in rows.itertuples(index=False)]
