"""``mirrisk validate``: a panel, a table and outcomes in, an honest account of the panel out."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mirrisk.cli import options, show
from mirrisk.cli.labels import check_follow_up, follow_up, require_rows
from mirrisk.output import STDOUT, check_targets, write_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console

    from mirrisk.validation.report import Validation
    from mirrisk.validation.wording import Section

NOTHING_SCORED = 4

ABOUT_COLUMNS = "Columns of --labels"
ABOUT_CHANCE = "Folds and chance"


@options.reads_table
def validate(
    table: options.TableArgument,
    how: options.TableOptions,
    panel: Annotated[
        str,
        typer.Option(
            metavar="ID|FILE",
            help="A panel of the literature, or a fitted one (model.json).",
            show_default=False,
        ),
    ],
    labels: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Outcomes: a row per sample, the first column is sample; samples without a row "
            "are left out.",
            show_default=False,
        ),
    ],
    outcome: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Of two classes: those that a fitted panel was fitted to, else the second in "
            "order is the event.",
        ),
    ] = None,
    event_class: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            help="The class of --outcome that is the event, where it is not the second in order "
            "or a fitted panel calls it by another word.",
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Follow-up, for a survival outcome (with --event)."),
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="0 censored, 1 event, from 2 up competing events."),
    ] = None,
    horizon: Annotated[
        float | None,
        typer.Option(
            metavar="TIME", help="Until when risks are told; if omitted that of a fitted panel."
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="ID|FILE|cross-fitted",
            help="For a panel of the literature; if omitted each sample is scored against a "
            "reference learned from other patients of TABLE.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            "--covariates",
            metavar="A,B",
            help="Clinical columns of numbers that the panel is to add to. What a fitted panel "
            "needs is taken by its name.",
            rich_help_panel=ABOUT_COLUMNS,
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Other risks, to be compared with the panel's.",
            rich_help_panel=ABOUT_COLUMNS,
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The patient of each sample, where patients have several.",
            rich_help_panel=ABOUT_COLUMNS,
        ),
    ] = None,
    sites: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Where each sample is from: figures per site, each left out of the references.",
            rich_help_panel=ABOUT_COLUMNS,
        ),
    ] = None,
    subgroups: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Columns in whose levels the AUC is told.",
            rich_help_panel=ABOUT_COLUMNS,
        ),
    ] = None,
    thresholds: Annotated[
        str | None,
        typer.Option(
            metavar="P,P", help="Probabilities at which the net benefit of a fitted panel is told."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The figures as JSON on standard output.")
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the figures as JSON; - is standard output."),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, rich_help_panel=ABOUT_CHANCE)] = 5,
    repeats: Annotated[
        int,
        typer.Option(min=1, help="Of the models with --baseline.", rich_help_panel=ABOUT_CHANCE),
    ] = 10,
    resamples: Annotated[
        int,
        typer.Option(min=2, help="Bootstraps, and permutations.", rich_help_panel=ABOUT_CHANCE),
    ] = 2000,
    seed: Annotated[
        int, typer.Option(min=0, help="One seed, one result.", rich_help_panel=ABOUT_CHANCE)
    ] = 0,
    jobs: options.JobsOption = 1,
) -> None:
    """Find out how good a panel is on your own cohort, and how sure that is.

    No sample is judged on what it was learned from: panels of the literature are scored against
    references of other patients, and on the cohort that a fitted panel was fitted on the figures
    of its own validation are the answer. On a terminal: a report. In a pipe: JSON on standard
    output, the report on standard error. Exit code 4: nothing could be scored; nothing was
    written.

    Research use only.
    """
    _check_outcome(outcome, time, event, event_class)
    inputs = {
        "TABLE": table,
        "--labels": labels,
        "--aliases": how.aliases,
        "--reference": reference,
    }
    target = out or (STDOUT if as_json or not show.stdout_is_terminal() else None)
    check_targets({"--out": target}, inputs)
    columns = {
        "y": outcome,
        "time": time,
        "event": event,
        "groups": groups,
        "sites": sites,
        "baseline": baseline,
        "compare": compare,
        "subgroups": subgroups,
    }
    chance = {"folds": folds, "repeats": repeats, "resamples": resamples, "seed": seed}
    asked = {
        "event_class": event_class,
        "horizon": horizon,
        "thresholds": _numbers(thresholds),
        "n_jobs": jobs,
        **chance,
    }
    with show.progress("Validating"):
        validation, read = _validated(table, how, panel, labels, reference, columns, asked)
    if target:
        write_texts({target: _as_json(validation)})
    terminal = show.stdout_is_terminal() and target != STDOUT
    console = show.stdout() if terminal else show.stderr()
    print_report(console, validation, read)
    if target and target != STDOUT:
        console.print(f"written: {show.plain(target)}", style="dim", soft_wrap=True)


def _validated(
    table: str,
    how: options.TableOptions,
    panel: str,
    labels: str,
    reference: str | None,
    columns: dict[str, str | None],
    asked: dict[str, Any],
) -> "tuple[Validation, tuple[str, ...]]":
    """Return what was found, and what was noted when the table was read."""
    from mirrisk.catalog import load_panel
    from mirrisk.reference import COHORT, Reference
    from mirrisk.tables.clinical import read_clinical
    from mirrisk.validation.scored import CROSS_FITTED, NothingScoredError
    from mirrisk.validation.validate import validate

    # What is small is loaded first: a slip in a name is told before the table is read.
    loaded = load_panel(panel)
    against = reference if reference in (None, COHORT, CROSS_FITTED) else Reference.load(reference)
    clinical = read_clinical(labels)
    given = _columns(clinical, columns, [c.name for c in getattr(loaded, "covariates", ())], labels)
    expression = how.read(table)
    require_rows(expression.samples, clinical, labels)
    if "time" in given:
        here = clinical.index.isin(expression.samples)
        check_follow_up(given["time"][here], given["event"][here], labels, many_causes=True)
    try:
        return validate(loaded, expression, reference=against, **given, **asked), expression.notes
    except NothingScoredError as fault:
        show.error(fault)
        raise typer.Exit(NOTHING_SCORED) from None


def _columns(
    clinical: "pd.DataFrame", columns: dict[str, str | None], needed: list[str], where: str
) -> dict[str, Any]:
    """Return what was named, and the covariates that a fitted panel needs."""
    import pandas as pd

    from mirrisk.tables.clinical import column, numbers

    given: dict[str, Any] = {}
    for role in ("y", "groups", "sites"):
        name = columns[role]
        if name is not None:
            given[role] = column(clinical, name, where)
    time, event = columns["time"], columns["event"]
    if time is not None and event is not None:
        given["time"], given["event"] = follow_up(clinical, time, event, where, many_causes=True)
    named = {role: options.split([columns[role] or ""]) for role in ("baseline", "compare")}
    named["covariates"] = needed
    for role, names in named.items():
        if names:
            values = {name: numbers(column(clinical, name, where), where) for name in names}
            given[role] = pd.DataFrame(values, index=clinical.index)
    levels = options.split([columns["subgroups"] or ""])
    if levels:
        given["subgroups"] = pd.DataFrame({name: column(clinical, name, where) for name in levels})
    return given


def _check_outcome(
    outcome: str | None, time: str | None, event: str | None, event_class: str | None
) -> None:
    if outcome is None and time is None and event is None:
        raise typer.BadParameter("no outcome: --outcome COLUMN, or --time COLUMN --event COLUMN")
    if outcome is not None and (time is not None or event is not None):
        raise typer.BadParameter("--outcome or --time with --event, not both")
    if outcome is None and (time is None or event is None):
        raise typer.BadParameter("--time and --event go together")
    if outcome is None and event_class is not None:
        raise typer.BadParameter("--event-class goes with --outcome")


def _numbers(named: str | None) -> list[float] | None:
    if named is None:
        return None
    try:
        return [float(part) for part in options.split([named])]
    except ValueError:
        raise typer.BadParameter(f"--thresholds {named}: numbers with commas between") from None


def _as_json(validation: "Validation") -> str:
    return json.dumps(validation.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


# -- shown ------------------------------------------------------------------------------------


def print_report(console: "Console", validation: "Validation", read: "Sequence[str]" = ()) -> None:
    """Print a validation from the answer downwards, and last how its table was read."""
    from mirrisk.validation.sections import sections
    from mirrisk.validation.wording import RESEARCH_USE

    console.print(show.heading(validation.headline))
    for section in sections(validation):
        console.print()
        _print_section(console, section)
    if read:
        console.print()
        console.print(show.heading("How the table was read"))
        console.print(show.bullets(read))
    console.print()
    console.print(RESEARCH_USE)


def _print_section(console: "Console", section: "Section") -> None:
    console.print(show.heading(show.plain(section.title)))
    if section.facts:
        console.print(show.facts(section.facts))
    if section.facts and section.rows:
        console.print()
    if section.rows:
        console.print(_table(section))
    if section.remarks:
        console.print(show.bullets(section.remarks))


def _table(section: "Section") -> Any:
    cells = dict(zip(section.columns, zip(*section.rows, strict=True), strict=True))
    counts = [name for name, column in cells.items() if all(cell.isdigit() for cell in column)]
    rows = show.listing(*section.columns, right=counts, fold=section.columns)
    for row in section.rows:
        rows.add_row(*map(show.plain, row))
    return rows
