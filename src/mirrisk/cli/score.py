"""``mirrisk score``: a table in, risk flags with reasons out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirrisk.cli import batches, options, show, summary
from mirrisk.output import STDOUT, check_targets, refuse_other_formats, write_csv, write_texts

if TYPE_CHECKING:
    import pandas as pd

    from mirrisk.assessment import Assessment
    from mirrisk.explain import Explanation

NOTHING_SCORED = 4
SOME_FAILED = 5

SCORING = ("panel", "reference", "covariates", "min_coverage", "min_reads")
"""The arguments of scoring that are not about reading."""


@options.reads_table
def score(
    tables: options.TablesArgument,
    how: options.TableOptions,
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
        typer.Option(
            metavar="FILE",
            help="Write the scores to a file, CSV or, by its name, gzipped CSV (.gz) or Parquet "
            "(.parquet); - is standard output. Of many files: a table like it, or a folder.",
        ),
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
    jobs: options.JobsOption = 1,
    resume: options.ResumeOption = False,
    engine: options.EngineOption = None,
    scheduler: options.SchedulerOption = None,
) -> None:
    """Score samples on panels against a reference.

    On a terminal: a table and a summary. In a pipe: CSV on standard output, the summary on
    standard error. In CSV, text that a spreadsheet would run as a formula gets a leading
    apostrophe. With --out FILE a table is read in batches, and need not fit in memory.
    Exit code 4: nothing could be scored; 5: some of many files failed.

    High means the top tenth of the reference, not a probability of metastasis; low is no
    reassurance. Research use only.
    """
    names = _required(panel, reference)
    many = batches.means_many(tables, how.assemble, out)
    inputs = {
        **({} if many else {"TABLE": tables[0]}),
        "--reference": reference,
        "--aliases": how.aliases,
        "--covariates": covariates,
        **{f"--panel {name}": name for name in names if Path(name).is_file()},
    }
    if many:
        batches.check_many(out, contributions, explain, as_json=as_json, resume=resume)
    elif resume or jobs != 1:
        raise typer.BadParameter("--resume and --jobs are for many files")
    elif (engine or scheduler) and not _into_files(out, contributions, explain, as_json=as_json):
        raise typer.BadParameter(
            "--engine and --scheduler need --out FILE, without --explain and --json"
        )
    for option, path in (("--out", out), ("--contributions", contributions)):
        if path:
            refuse_other_formats(option, path)
    scores_to = out or _default_target(as_json, explain, contributions)
    if not many or batches.into_table(out):
        check_targets({"--out": scores_to, "--contributions": contributions}, inputs)
    with show.progress("Scoring"):
        arguments = _arguments(how, names, reference, covariates, min_coverage, min_reads)
        batch = batches.Batch(arguments, out, contributions, engine, scheduler)
        if many:
            of_files = batch.many(tables, jobs=jobs, resume=resume)
        elif _into_files(out, contributions, explain, as_json=as_json):
            found = batch.one(tables[0])
        else:
            _score_whole(tables[0], arguments, scores_to, contributions, explain, as_json=as_json)
            return
    written = [path for path in (contributions, out) if path]
    if many:
        batches.tell_many(of_files, written)
        _exit(of_files.n_scored, failed=len(of_files.failed))
    else:
        batches.tell_one(found, written)
        _exit(found.n_scored)


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


def _into_files(
    out: str | None, contributions: str | None, explain: str | None, *, as_json: bool
) -> bool:
    """Tell whether all results go to files, row by row: then the table need not fit in memory."""
    return bool(out) and STDOUT not in (out, contributions) and explain is None and not as_json


def _exit(n_scored: int, *, failed: int = 0) -> None:
    """End with the code that tells what came of it."""
    if not n_scored:
        raise typer.Exit(NOTHING_SCORED)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _arguments(
    how: options.TableOptions,
    names: list[str],
    reference: str | None,
    covariates: str | None,
    min_coverage: float,
    min_reads: int,
) -> dict[str, Any]:
    """Load what is small, and return the arguments of scoring.

    It is loaded first: a slip in a name is told before the table is read.
    """
    from mirrisk.assessment import ALL
    from mirrisk.catalog import load_panels
    from mirrisk.reference import COHORT, Reference
    from mirrisk.tables.clinical import read_clinical

    return {
        "panel": ALL if names == [ALL] else load_panels(names),
        "reference": reference if reference in (None, COHORT) else Reference.load(reference),
        "covariates": None if covariates is None else read_clinical(covariates),
        "min_coverage": min_coverage,
        "min_reads": min_reads,
        **how.arguments(),
    }


def _score_whole(
    table: str,
    arguments: dict[str, Any],
    scores_to: str | None,
    contributions: str | None,
    explain: str | None,
    *,
    as_json: bool,
) -> None:
    """Score a table in memory, and write or show what is asked for."""
    from mirrisk.assessment import score
    from mirrisk.tables import read

    options = {name: arguments.pop(name) for name in SCORING}
    assessment = score(read(table, **arguments), **options)
    explanation = None if explain is None else assessment.explain(explain)
    frames: dict[str, pd.DataFrame] = {}
    if contributions:
        frames[contributions] = assessment.contributions
    if scores_to and not as_json:
        frames[scores_to] = assessment.scores
    texts = {scores_to: _as_json(assessment, explanation)} if scores_to and as_json else {}
    _write(frames, texts)
    _print(assessment, explanation, [*frames, *texts])
    _exit(int((assessment.scores["flag"] != "not_scored").sum()))


def _write(frames: "dict[str, pd.DataFrame]", texts: dict[str, str]) -> None:
    """Write tables, of the kinds that the files' names say, and texts: all of them or none."""
    from mirrisk.batch.sinks import sinks

    with sinks({path: path for path in frames if path != STDOUT}) as opened:
        for path, sink in opened.items():
            sink.write(frames[path])
        write_texts({path: text for path, text in texts.items() if path != STDOUT})
    if STDOUT in frames:
        write_csv(frames[STDOUT], STDOUT)
    elif STDOUT in texts:
        write_texts({STDOUT: texts[STDOUT]})


def _print(assessment: "Assessment", explanation: "Explanation | None", written: list[str]) -> None:
    """Show what is for people to read: on standard error where results take the output."""
    from mirrisk.batch import Summary

    taken = STDOUT in written
    if explanation is not None:
        console = show.stderr() if taken else show.stdout()
        summary.print_explanation(console, explanation)
        return
    terminal = show.stdout_is_terminal() and not taken
    console = show.stdout() if terminal else show.stderr()
    if terminal and not written:
        summary.print_scores(console, assessment)
    summary.print_summary(console, Summary.of(assessment))
    show.written(console, (path for path in written if path != STDOUT))


def _as_json(assessment: "Assessment", explanation: "Explanation | None") -> str:
    from mirrisk import __version__
    from mirrisk.batch.tally import ABOUT_REFERENCE

    reference = assessment.reference
    content: dict[str, Any] = {
        "mirrisk": __version__,
        "panels": [
            {"id": r.panel.id, "version": r.panel.version, "digest": r.panel.digest}
            for r in assessment.results
        ],
        "reference": {name: getattr(reference, name) for name in ABOUT_REFERENCE},
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
