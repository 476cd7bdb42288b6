"""``mirrisk fit``: a table and outcomes in, a fitted panel out."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mirrisk.cli import fitted, options, show
from mirrisk.cli import labels as label_columns
from mirrisk.output import check_targets

if TYPE_CHECKING:
    from mirrisk.fitting.base import PanelEstimator

NOTHING_FITTED = 4

ABOUT_MODEL = "What is fitted"
ABOUT_VALIDATION = "How it is validated"
ABOUT_FILE = "What the file says"


@options.reads_table
def fit(
    table: options.TableArgument,
    how: options.TableOptions,
    labels: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Outcomes and covariates: a row per sample, the first column is sample.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str, typer.Option(metavar="FILE", help="The fitted panel (JSON).", show_default=False)
    ],
    outcome: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of two classes; the second in order is the event."),
    ] = None,
    event_class: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            help="The class of --outcome that is the event, where it is not the second in order.",
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Follow-up, for a survival outcome (with --event)."),
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="0 censored, 1 event, 2 death without it."),
    ] = None,
    horizon: Annotated[
        float | None,
        typer.Option(metavar="TIME", help="The probability is that of an event until then."),
    ] = None,
    death: Annotated[
        Literal["event", "competes"] | None,
        typer.Option(
            help="What code 2 is: an event like any other (metastasis-free survival; if omitted), "
            "or what prevents one (time to metastasis)."
        ),
    ] = None,
    panel: Annotated[
        str | None,
        typer.Option(
            metavar="ID|FILE",
            help="Panel of the literature whose directions count.",
            rich_help_panel=ABOUT_MODEL,
        ),
    ] = None,
    cancer: Annotated[
        str | None,
        typer.Option(
            metavar="CANCER",
            help="Of the cohort, as panels have it (prostate); if omitted the panel's.",
            rich_help_panel=ABOUT_MODEL,
        ),
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option(
            metavar="panel|all|A,B",
            help="miRNAs to choose from: the panel's (if one is named), all, or by name.",
            rich_help_panel=ABOUT_MODEL,
        ),
    ] = None,
    directions: Annotated[
        Literal["constrain", "prefer", "ignore"],
        typer.Option(
            help="Of the literature: no coefficient against them; half the penalty along them; "
            "or no matter.",
            rich_help_panel=ABOUT_MODEL,
        ),
    ] = "constrain",
    covariates: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Clinical columns of --labels that are part of the model, unpenalised.",
            rich_help_panel=ABOUT_MODEL,
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The patient of each sample, where patients have several.",
            rich_help_panel=ABOUT_MODEL,
        ),
    ] = None,
    rule: Annotated[
        Literal["min", "one_se"],
        typer.Option(
            help="The penalty of the least deviance, or the strongest within a standard error.",
            rich_help_panel=ABOUT_MODEL,
        ),
    ] = "min",
    stability: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="PAIRS",
            help="Pairs of halves for stability selection; 0 for none.",
            rich_help_panel=ABOUT_MODEL,
        ),
    ] = 50,
    sensitivity: Annotated[
        float,
        typer.Option(min=0, max=1, help="Target of the low cutoff.", rich_help_panel=ABOUT_MODEL),
    ] = 0.9,
    specificity: Annotated[
        float,
        typer.Option(min=0, max=1, help="Target of the high cutoff.", rich_help_panel=ABOUT_MODEL),
    ] = 0.9,
    accept_small: Annotated[
        bool,
        typer.Option(
            "--accept-small",
            help="Fit even to fewer than 10 events or non-events; the file says so.",
            rich_help_panel=ABOUT_MODEL,
        ),
    ] = False,
    repeats: Annotated[
        int,
        typer.Option(
            min=0,
            help="Of nested cross-validation, which fits anew in every fold; 0 for none.",
            rich_help_panel=ABOUT_VALIDATION,
        ),
    ] = 10,
    folds: Annotated[int, typer.Option(min=2, rich_help_panel=ABOUT_VALIDATION)] = 5,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            help="Of folds and halves: one seed, one result.",
            rich_help_panel=ABOUT_VALIDATION,
        ),
    ] = 0,
    jobs: options.JobsOption = -1,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Keep finished folds there, and go on from them when the command is repeated.",
            rich_help_panel=ABOUT_VALIDATION,
        ),
    ] = None,
    id: Annotated[  # noqa: A002 - the word of panels
        str | None,
        typer.Option(
            metavar="ID",
            help="Of the fitted panel; if omitted the name of the file.",
            rich_help_panel=ABOUT_FILE,
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", rich_help_panel=ABOUT_FILE)] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What is predicted, in words; if omitted the name of the column.",
            rich_help_panel=ABOUT_FILE,
        ),
    ] = None,
    cohort: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What to call the cohort; if omitted the name of TABLE.",
            rich_help_panel=ABOUT_FILE,
        ),
    ] = None,
) -> None:
    """Fit a panel to the outcomes of your own cohort, and validate it by nested cross-validation.

    An elastic net on normal scores, with a reference learned from the cohort, calibrated and cut
    off out of fold. The file is scored with: mirrisk score TABLE --panel FILE. Exit code 4:
    nothing predicts the outcome; nothing was written.

    Research use only.
    """
    _check_outcome(outcome, time, event, event_class, horizon=horizon, death=death)
    if checkpoint is not None and not repeats:
        raise typer.BadParameter("--checkpoint keeps folds of the validation: --repeats 1 or more")
    inputs = {"TABLE": table, "--labels": labels, "--aliases": how.aliases, "--panel": panel}
    check_targets({"--out": out, "--checkpoint": checkpoint}, inputs)
    names = fitted.Names.of(id, title, endpoint or outcome or event, cohort, table, out)
    settings: dict[str, Any] = {
        "panel": panel,
        "cancer": cancer,
        "candidates": _candidates(candidates, panel),
        "directions": directions,
        "covariates": options.split([covariates]) if covariates else (),
        "rule": rule,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "accept_small": accept_small,
        "random_state": seed,
    }
    chosen = [name for name in (outcome, time, event, groups) if name]
    with show.progress("Reading"):
        samples, labelled, notes = fitted.read_cohort(
            how, table, labels, chosen, settings["covariates"]
        )
    patients = None if groups is None else labelled.clinical[groups].to_numpy()
    if outcome is not None:
        from mirrisk.fitting import PanelClassifier
        from mirrisk.tables.clinical import column
        from mirrisk.validation.classes import two_classes

        named = column(labelled.clinical, outcome, labels)
        codes, other, happened = two_classes(named.tolist(), event_class)
        estimator: PanelEstimator = PanelClassifier(class_names=(other, happened), **settings)
        y = codes.astype(int)
    else:
        from mirrisk.fitting import PanelSurvival

        estimator = PanelSurvival(horizon=horizon, death=death or "event", **settings)
        followed = label_columns.follow_up(labelled.clinical, str(time), str(event), labels)
        label_columns.check_follow_up(*followed, labels)
        y = fitted.follow_up(*followed)
    with show.progress("Fitting"):
        final = fitted.with_stability(estimator, stability, jobs).fit(samples, y, groups=patients)
    show.stderr().print(show.bullets(notes))
    if final.panel_ is None:
        fitted.print_summary(final.summary_)
        show.note("nothing was written: there is no panel to write")
        raise typer.Exit(NOTHING_FITTED)
    result = final.export(**names.__dict__)
    if repeats:
        scheme = {"folds": folds, "repeats": repeats, "seed": seed, "n_jobs": jobs}
        validation = fitted.validated(
            estimator, samples, y, groups=patients, checkpoint=checkpoint, **scheme
        )
        result = result.with_validation(validation)
        show.note(
            "every fit of the validation repeats the whole of the fit that is written, with the "
            f"same tuning inside ({estimator.folds} folds, {estimator.repeats} repeats)"
        )
    result.save(out)
    console = show.stdout() if show.stdout_is_terminal() else show.stderr()
    fitted.print_panel(console, result)
    console.print(f"written: {show.plain(out)}", style="dim", soft_wrap=True)


def _check_outcome(
    outcome: str | None,
    time: str | None,
    event: str | None,
    event_class: str | None,
    **of_survival: object,
) -> None:
    if outcome is None and time is None and event is None:
        raise typer.BadParameter("no outcome: --outcome COLUMN, or --time COLUMN --event COLUMN")
    if outcome is not None and (time is not None or event is not None):
        raise typer.BadParameter("--outcome or --time with --event, not both")
    if outcome is None and (time is None or event is None):
        raise typer.BadParameter("--time and --event go together")
    if outcome is None and of_survival["horizon"] is None:
        raise typer.BadParameter("no --horizon: a probability of an event until when?")
    for name, value in of_survival.items():
        if outcome is not None and value is not None:
            raise typer.BadParameter(f"--{name} is for --time and --event")
    if outcome is None and event_class is not None:
        raise typer.BadParameter("--event-class goes with --outcome")


def _candidates(named: str | None, panel: str | None) -> Any:
    if named in ("panel", "all"):
        return named
    if named is not None:
        return options.split([named])
    return "all" if panel is None else "panel"
