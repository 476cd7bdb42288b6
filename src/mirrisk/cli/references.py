"""``mirrisk references``: the cohorts that give "low" and "high" their meaning."""

from typing import TYPE_CHECKING, Annotated

import typer

from mirrisk.cli import options, show

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from mirrisk.panel import Panel
    from mirrisk.reference import Reference

NORMALISERS_SHOWN = 5

app = typer.Typer(help="List, show and fit reference cohorts.", invoke_without_command=True)


@app.callback()
def _references(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_references()


@app.command("list")
def list_references() -> None:
    """List the shipped references (a table on a terminal, CSV in a pipe)."""
    from mirrisk.output import STDOUT, rows_to_csv, write_texts
    from mirrisk.reference import Reference, shipped_references

    references = [Reference.load(name) for name in shipped_references()]
    header = ("reference", "cancer", "samples", "specimen", "level", "unit")
    rows = [(r.name, r.cancer, r.n, r.specimen, r.level, r.unit) for r in references]
    if not show.stdout_is_terminal():
        full = [(*row, r.protocol, r.digest) for row, r in zip(rows, references, strict=True)]
        write_texts({STDOUT: rows_to_csv((*header, "protocol", "digest"), full)})
        return
    table = show.listing(*header, "panels", right=("samples",), fold=("panels",))
    for row, reference in zip(rows, references, strict=True):
        table.add_row(*map(str, row), ", ".join(p.id for p in _panels_served(reference)))
    console = show.stdout()
    console.print(table)
    console.print(
        "\nA shipped reference serves samples made like it; any other laboratory fits its own:\n"
        "mirrisk references fit TABLE --name NAME --out FILE",
        style="dim",
    )


def _panels_served(reference: "Reference") -> "list[Panel]":
    """Return the shipped panels that can be scored against a reference."""
    from mirrisk.errors import MismatchError
    from mirrisk.panel import shipped_panels

    served = []
    for panel in shipped_panels():
        try:
            reference.check_panel(panel)
        except MismatchError:
            continue
        if panel.scorable(reference.specimen):
            served.append(panel)
    return served


@app.command("show")
def show_reference(
    reference: Annotated[
        str, typer.Argument(metavar="ID_OR_FILE", help="A shipped reference, or a file.")
    ],
) -> None:
    """Show a reference: the cohort, the panels it serves, each miRNA's distribution."""
    from mirrisk.reference import Reference
    from mirrisk.reference.file import privacy_note

    found = Reference.load(reference)
    console = show.stdout()
    console.print(show.heading(f"{show.plain(found.name)}: {found.n} samples"))
    console.print(show.facts([*_about(found), ("privacy", privacy_note(found))]))
    console.print()
    unit = f"log2-scale expression (from {found.unit}), quantiles over the cohort"
    console.print(show.heading(f"miRNAs of the panels, {unit}"))
    console.print(_distributions(found))


def _about(reference: "Reference") -> "list[tuple[str, RenderableType]]":
    reads = reference.median_reads
    others = ", ".join(reference.contrast.names[1:]) if reference.contrast else ""
    return [
        ("cancer", reference.cancer or "not stated"),
        ("specimen", reference.specimen),
        ("level", f"{reference.level}s" if reference.level == "stem-loop" else "mature miRNAs"),
        ("unit", reference.unit),
        ("protocol", reference.protocol),
        ("library", f"{reads:,.0f} reads (median)" if reads else ""),
        ("panels", ", ".join(panel.id for panel in _panels_served(reference)) or "none shipped"),
        ("fitted for", ", ".join(reference.panels)),
        *_own_scores(reference),
        *_normalisers(reference),
        ("undetermined", _undetermined(reference)),
        ("expressed", f"{len(reference.profile.keys)} miRNAs judge the fitness of a sample"),
        ("told from", others),
        ("digest", reference.digest),
    ]


def _own_scores(reference: "Reference") -> "list[tuple[str, RenderableType]]":
    """Tell how many of the cohort's own scores are beyond the cutoffs: a tenth is meant."""
    about: list[tuple[str, RenderableType]] = []
    for panel in reference.score_grids:
        low, high = reference.beyond_cutoffs(panel)
        label = "" if about else "own scores"
        about.append((label, f"{panel}: {high:.1%} high, {low:.1%} low (10% each are meant)"))
    return about


def _normalisers(reference: "Reference") -> "list[tuple[str, RenderableType]]":
    """Tell how many there are, and the steadiest and the least steady, with SD in cycles."""
    ordered = sorted(reference.normalisers, key=lambda x: (x.sd, x.name))
    if len(ordered) < 2:
        return [("normaliser", f"{x.name}, alone: how steady, cannot be told") for x in ordered]
    said = [f"{x.name} {x.sd:.2f}" for x in ordered]
    about: list[tuple[str, RenderableType]] = [
        ("normalisers", f"{len(ordered)}; with the SD of each about the median of all, in cycles")
    ]
    if len(ordered) <= 2 * NORMALISERS_SHOWN:
        return [*about, ("", ", ".join(said))]
    return [
        *about,
        ("steadiest", ", ".join(said[:NORMALISERS_SHOWN])),
        ("least steady", ", ".join(said[-NORMALISERS_SHOWN:])),
    ]


def _undetermined(reference: "Reference") -> str:
    if reference.unit != "ct":
        return ""
    if reference.limit is None:
        return "wells are missing"
    kinds = "and empty wells" if reference.undetermined == "limit_empty" else "wells"
    return f"{kinds} are set to {reference.limit:g} cycles"


def _distributions(reference: "Reference") -> "Table":
    marks = {"10%": 10, "median": 50, "90%": 90}
    numbers = ("measured", *marks)
    table = show.listing("miRNA", *numbers, right=numbers)
    rows = zip(reference.keys, reference.measured, reference.grids, strict=True)
    for key, measured, grid in rows:
        quantiles = [f"{grid[percent]:.2f}" for percent in marks.values()]
        table.add_row(show.plain(key), f"{measured:.0f}", *quantiles)
    return table


@app.command("fit")
@options.reads_table
def fit_reference(
    table: options.TableArgument,
    how: options.TableOptions,
    name: Annotated[str, typer.Option(help="What results are to call it.", show_default=False)],
    out: Annotated[
        str,
        typer.Option(metavar="FILE", help="The file to write (JSON).", show_default=False),
    ],
    cancer: Annotated[
        str | None,
        typer.Option(help="The panels' name of it, such as prostate; other panels are refused."),
    ] = None,
    protocol: Annotated[
        str, typer.Option(metavar="TEXT", help="How the samples were made, for those who choose.")
    ] = "",
    panel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID|FILE|all",
            help="Panels whose miRNAs it is to hold; may be repeated. All shipped ones if omitted.",
        ),
    ] = None,
    normalisers: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Columns that Ct values are normalised by; "
            "if omitted the miRNAs of no panel detected in every sample.",
        ),
    ] = None,
    accept_small: Annotated[
        bool, typer.Option("--accept-small", help="Fit even on fewer than 20 samples.")
    ] = False,
) -> None:
    """Fit a reference on your own cohort: summary statistics, no sample's values.

    Below 101 samples the quantiles nearly repeat single samples: treat the file like the data.
    """
    from mirrisk.output import check_targets
    from mirrisk.reference import shipped_references

    if name in shipped_references():
        raise typer.BadParameter(
            f"{name} is a shipped reference: results could not tell which of the two they rest on",
            param_hint="--name",
        )
    check_targets({"--out": out}, {"TABLE": table, "--aliases": how.aliases})
    panels = options.panels_named(options.split(panel) or ["all"])
    _warn_of_unknown_cancer(cancer, panels)
    from mirrisk.reference import Reference
    from mirrisk.tables.depth import depth_notes

    with show.progress("Fitting the reference"):
        expression = how.read(table)
        reference = Reference.fit(
            expression,
            name=name,
            cancer=cancer,
            panels=panels,
            protocol=protocol,
            normalisers=options.split([normalisers]) if normalisers else None,
            accept_small=accept_small,
        )
        _save(reference, out)
    lost = _cannot_serve(reference, panels)
    _report(reference, (*expression.notes, *depth_notes(expression), *lost), out)


def _cannot_serve(reference: "Reference", panels: "list[Panel]") -> list[str]:
    """Say which members of panels nothing in the reference stands for."""
    from mirrisk.alignment import reference_key

    said = []
    for panel in panels:
        lost = [
            member.name
            for member in panel.scorable(reference.specimen)
            if not any(
                reference_key(mirna.name, reference.level) in reference.position
                for mirna in member.mirnas
            )
        ]
        if lost:
            names = ", ".join(map(show.plain, lost))
            said.append(f"holds nothing of {len(lost)} members of panel {panel.id}: {names}")
    return said


def _warn_of_unknown_cancer(cancer: str | None, panels: "list[Panel]") -> None:
    known = sorted({panel.cancer for panel in panels})
    if cancer is not None and cancer not in known:
        show.warning(
            f"no panel here is for {cancer!r} (they are for {', '.join(known)}): "
            "the reference will refuse all of them"
        )


def _save(reference: "Reference", out: str) -> None:
    from mirrisk.output import STDOUT, write_texts

    if out == STDOUT:
        import json

        write_texts({STDOUT: json.dumps(reference.to_dict(), separators=(",", ":")) + "\n"})
        return
    reference.save(out)


def _report(reference: "Reference", notes: tuple[str, ...], out: str) -> None:
    console = show.stderr() if out == "-" or not show.stdout_is_terminal() else show.stdout()
    console.print(show.heading(f"{show.plain(reference.name)}: {reference.n} samples"))
    console.print(
        show.facts(
            [
                *_about(reference),
                ("holds", f"{len(reference.keys)} miRNAs of the panels"),
                *(("note", text) for text in notes),
                ("written", "" if out == "-" else out),
            ]
        )
    )
