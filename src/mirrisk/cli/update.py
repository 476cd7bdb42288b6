"""``mirrisk update``: a panel and a new cohort in, the panel updated as far as it must be."""

from typing import TYPE_CHECKING, Annotated

import typer

from mirrisk.cli import options, show
from mirrisk.cli.labels import require_rows
from mirrisk.output import check_targets

if TYPE_CHECKING:
    from mirrisk.fitting.updating import Updated

NOTHING_SCORED = 4


@options.reads_table
def update(
    table: options.TableArgument,
    how: options.TableOptions,
    panel: Annotated[
        str,
        typer.Option(
            metavar="FILE|ID",
            help="A fitted panel (model.json), or one of the literature (with --reference).",
            show_default=False,
        ),
    ],
    labels: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Outcomes and covariates: a row per sample, the first column is sample.",
            show_default=False,
        ),
    ],
    outcome: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Of two classes: those that a fitted panel was fitted to, else the second in "
            "order is the event.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str, typer.Option(metavar="FILE", help="The updated panel (JSON).", show_default=False)
    ],
    event_class: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            help="The class of --outcome that is the event, where it is not the second in order "
            "or a fitted panel calls it by another word.",
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The patient of each sample; patients with several samples are refused.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="cohort|ID|FILE",
            help="cohort: the table's own, for samples made by another protocol than the panel's; "
            "a panel of the literature needs one.",
        ),
    ] = None,
    alpha: Annotated[
        float, typer.Option(min=0, max=1, help="Level of the closed test, in large cohorts.")
    ] = 0.05,
    accept_small: Annotated[
        bool,
        typer.Option("--accept-small", help="Update even on fewer than 10 events or non-events."),
    ] = False,
    id: Annotated[  # noqa: A002 - the word of panels
        str | None,
        typer.Option(metavar="ID", help="Of the updated panel; the original's with -updated."),
    ] = None,
    version: Annotated[str, typer.Option(metavar="VERSION")] = "1.0.0",
    cohort: Annotated[str, typer.Option(metavar="NAME", help="What reports call the cohort.")] = "",
) -> None:
    """Update a panel on a new cohort, only as far as the cohort asks for it.

    The closed test chooses among the panel as it is, a new intercept, a new intercept and slope,
    and new coefficients; all likelihoods and tests are printed and kept in the file. Exit code 4:
    no sample could be scored; nothing was written.

    Research use only.
    """
    inputs = {"TABLE": table, "--labels": labels, "--panel": panel, "--aliases": how.aliases}
    check_targets({"--out": out}, inputs)
    from mirrisk import fitting
    from mirrisk.catalog import load_panel
    from mirrisk.model import FittedPanel
    from mirrisk.tables.clinical import column, read_clinical
    from mirrisk.validation.scored import NothingScoredError

    original = load_panel(panel)  # what is small is read first
    clinical = read_clinical(labels)
    outcomes = column(clinical, outcome, labels)
    patients = None if groups is None else column(clinical, groups, labels)
    needs = isinstance(original, FittedPanel) and bool(original.covariates)
    with show.progress("Updating"):
        expression = how.read(table)
        require_rows(expression.samples, clinical, labels)
        try:
            updated = fitting.update(
                original,
                expression,
                outcomes,
                groups=patients,
                event_class=event_class,
                covariates=clinical if needs else None,
                reference=reference,
                alpha=alpha,
                accept_small=accept_small,
                id=id,
                version=version,
                cohort_name=cohort,
            )
        except NothingScoredError as fault:
            show.error(fault)
            raise typer.Exit(NOTHING_SCORED) from None
        updated.panel.save(out)
    _print(updated, out)


def _print(updated: "Updated", out: str) -> None:
    console = show.stdout() if show.stdout_is_terminal() else show.stderr()
    console.print(show.plain_lines(str(updated)), soft_wrap=True)
    console.print(f"digest {updated.panel.digest}", style="dim", soft_wrap=True)
    console.print(f"written: {show.plain(out)}", style="dim", soft_wrap=True)
