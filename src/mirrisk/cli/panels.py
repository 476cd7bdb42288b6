"""``mirrisk panels``: what there is, what it rests on, whether a file keeps the rules."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from mirrisk.cli import fitted, options, show
from mirrisk.vocabulary import Specimen

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from mirrisk.panel import Evidence, Member, Panel, Study

app = typer.Typer(
    help="List, show, check and import panels (signatures).", invoke_without_command=True
)

SPECIMENS: tuple[Specimen, ...] = get_args(Specimen)


@app.callback()
def _panels(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_panels()


@app.command("list")
def list_panels() -> None:
    """List the shipped panels (a table on a terminal, CSV in a pipe)."""
    from mirrisk.output import STDOUT, rows_to_csv, write_texts
    from mirrisk.panel import shipped_panels

    panels = shipped_panels()
    if not show.stdout_is_terminal():
        header = ("id", "version", "cancer", "endpoint", "scored", "contested", *SPECIMENS)
        rows = [(*_summary(p), *(len(p.scorable(s)) for s in SPECIMENS), p.digest) for p in panels]
        write_texts({STDOUT: rows_to_csv((*header, "digest"), rows)})
        return
    numbers = ("scored", "contested", *SPECIMENS)
    names = ("panel", "version", "cancer", "endpoint")
    table = show.listing(*names, *numbers, right=numbers, fold=("endpoint",))
    for panel in panels:
        members = (len(panel.scorable(specimen)) for specimen in SPECIMENS)
        table.add_row(
            *map(str, _summary(panel)),
            *("1*" if n == 1 else f"{n}\N{NO-BREAK SPACE}" for n in members),
        )
    console = show.stdout()
    console.print(table)
    console.print(
        "\nMembers by specimen (ev: extracellular vesicles). * single marker: one member alone\n"
        "decides. What each member rests on: mirrisk panels show PANEL",
        style="dim",
    )


def _summary(panel: "Panel") -> tuple[object, ...]:
    scored = sum(member.scored for member in panel.members)
    contested = len(panel.members) - scored
    return panel.id, panel.version, panel.cancer, panel.endpoint, scored, contested


def specimens_of(panel: "Panel") -> str:
    """Say how many members can be scored in each specimen, and where one stands alone."""
    counts = {s: len(panel.scorable(s)) for s in SPECIMENS}
    return ", ".join(
        f"{specimen} {n}" + (" (single marker)" if n == 1 else "")
        for specimen, n in counts.items()
        if n
    )


@app.command("show")
def show_panel(
    panel: Annotated[
        str,
        typer.Argument(
            metavar="ID_OR_FILE", help="A shipped panel, a signature file, or a fitted panel."
        ),
    ],
) -> None:
    """Show a panel: every member with its direction, evidence, conflicts and ruling.

    Of a fitted panel: its coefficients, how it was fitted, and what it is worth.
    """
    from mirrisk.catalog import load_panel
    from mirrisk.panel import Panel

    found = load_panel(panel)
    console = show.stdout()
    if not isinstance(found, Panel):
        fitted.print_panel(console, found)
        return
    console.print(show.heading(f"{found.id} {found.version}  {show.plain(found.title)}"))
    console.print(show.facts(_about(found)))
    console.print()
    console.print(_overview(found))
    if found.caveats:
        console.print()
        console.print(show.heading("Caveats"))
        console.print(show.bullets(found.caveats))
    for member in found.members:
        console.print()
        console.print(show.heading(f"{show.plain(member.name)}: {_direction(member)}"))
        console.print(show.facts(_about_member(member)))


def _about(panel: "Panel") -> list[tuple[str, "RenderableType"]]:
    status = Counter(member.status for member in panel.members)
    numbers = ", ".join(f"{n} {name}" for name, n in sorted(status.items()))
    doi = f" doi:{panel.source.doi}" if panel.source.doi else ""
    return [
        ("cancer", panel.cancer),
        ("endpoint", panel.endpoint),
        ("members", f"{len(panel.members)}: {numbers}"),
        ("weights", f"per {panel.weights_per}" if panel.weights_per != "normal score" else ""),
        ("specimens", specimens_of(panel)),
        ("source", panel.source.citation + doi),
        ("digest", panel.digest),
    ]


def _overview(panel: "Panel") -> "Table":
    table = show.listing(
        "member", "risk when", "specimens", "status", "confidence", fold=("member",)
    )
    for member in panel.members:
        specimens = ", ".join(member.specimens) or "-"
        direction = member.risk_when or "-"
        table.add_row(
            show.plain(member.name), direction, specimens, member.status, member.confidence
        )
    return table


def _direction(member: "Member") -> str:
    if not member.scored:
        return "contested, listed and never scored"
    return f"risk when {member.risk_when}, in {', '.join(member.specimens)}"


def _about_member(member: "Member") -> list[tuple[str, "RenderableType"]]:
    about = "bone metastasis" if member.bone_specific else "not about bone in particular"
    mirnas = ", ".join(
        f"{mirna.name} ({mirna.accession or 'accession unknown'})" for mirna in member.mirnas
    )
    return [
        ("miRNAs" if len(member.mirnas) > 1 else "miRNA", mirnas),
        ("status", f"{member.status} (basis: {member.basis}), confidence {member.confidence}"),
        ("about", about),
        ("weight", f"{member.weight:g}" if member.weight != 1 else ""),
        ("targets", ", ".join(member.targets)),
        ("pathways", ", ".join(member.pathways)),
        ("conflicts", member.conflicts),
        ("ruling", member.ruling),
        *(("evidence" if i == 0 else " ", _evidence(e)) for i, e in enumerate(member.evidence)),
    ]


def _evidence(evidence: "Evidence") -> str:
    source = _study(evidence.study) if evidence.study else "The review"
    if evidence.references:
        numbers = ", ".join(map(str, evidence.references))
        word = "reference" if len(evidence.references) == 1 else "references"
        source += f"; the review's {word} {numbers}" if evidence.study else f", {word} {numbers}"
    relation = "" if evidence.relation == "review" else f"{evidence.relation}, "
    measured = f": {evidence.measured}" if evidence.measured else ""
    return f"{source} ({relation}read: {evidence.read}){measured}"


def _study(study: "Study") -> str:
    who = " ".join(filter(None, (study.author, str(study.year or ""))))
    where = f"doi:{study.doi}" if study.doi else f"PMID {study.pmid}" if study.pmid else ""
    return ". ".join(filter(None, (who, study.title, study.journal, where))) or "Unnamed study"


@app.command("check")
def check_panels(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Signature files.", show_default=False)
    ],
) -> None:
    """Check signature files: one line for a good one, every fault of a bad one (exit code 3)."""
    from mirrisk.errors import MirriskError
    from mirrisk.panel import Panel

    bad = 0
    for file in files:
        try:
            panel = Panel.from_toml(Path(file))
        except MirriskError as fault:
            bad += 1
            show.error(fault)
            for also in getattr(fault, "more", ()):
                show.note(f"  also:     {also}")
            continue
        _, _, _, _, scored, contested = _summary(panel)
        show.stdout().print(
            f"ok: {show.plain(file)}: {panel.id} {panel.version}, "
            f"members: {scored} scored, {contested} contested, digest {panel.digest[:12]}",
            soft_wrap=True,
        )
    if bad:
        show.note(f"{bad} of {len(files)} files cannot be used")
        raise typer.Exit(3)


@app.command("import")
def import_panel(
    coefficients: Annotated[
        str,
        typer.Argument(
            metavar="COEFFICIENTS",
            help="A table with the columns miRNA and coefficient; optionally unit, cutoff, "
            "citation, doi, pmid, member.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="The signature file to write (.toml).", show_default=False
        ),
    ],
    cancer: Annotated[
        str,
        typer.Option(
            help="As panels and references have it, such as prostate; a panel is refused "
            "against references of another cancer.",
            show_default=False,
        ),
    ],
    panel_id: Annotated[
        str | None, typer.Option("--id", help="Default: the file's name, which must be the id.")
    ] = None,
    title: Annotated[str, typer.Option(help="What results call it.")] = "",
    endpoint: Annotated[str | None, typer.Option(help="What its risk is a risk of.")] = None,
    specimen: Annotated[
        list[str] | None,
        typer.Option(
            metavar="tissue|serum|ev", help="Where it holds; may be repeated. Tissue if omitted."
        ),
    ] = None,
    citation: Annotated[str, typer.Option(help="The publication, if no column names it.")] = "",
    unit: Annotated[
        str,
        typer.Option(
            help="What coefficients are per: log2, ln, log10, ct, delta_ct, -delta_ct or z."
        ),
    ] = "",
    cutoff: Annotated[
        float | None, typer.Option(help="As published; recorded, never applied.")
    ] = None,
    version: Annotated[str, typer.Option(help="Three numbers.")] = "1.0.0",
    bone_specific: Annotated[
        bool, typer.Option("--bone-specific", help="The score is about metastasis to bone.")
    ] = False,
    aliases: options.AliasesOption = None,
) -> None:
    """Make a panel of a published table of coefficients.

    The ranking of samples by the published sum is nearly kept; its zero point, its scale and
    its cutoff are not: a score is relative to a reference.
    """
    from mirrisk.coefficients import ENDPOINT, id_for, import_coefficients
    from mirrisk.nomenclature import read_aliases
    from mirrisk.output import check_targets, write_texts

    check_targets({"--out": out}, {"COEFFICIENTS": coefficients, "--aliases": aliases})
    imported = import_coefficients(
        coefficients,
        panel_id=id_for(out, panel_id),
        cancer=cancer,
        title=title,
        endpoint=endpoint or ENDPOINT,
        specimens=options.split(specimen) or ("tissue",),
        citation=citation,
        unit=unit,
        cutoff=cutoff,
        version=version,
        bone_specific=bone_specific,
        aliases=read_aliases(aliases) if aliases else None,
    )
    _warn_of_unknown_cancer(cancer)
    write_texts({out: imported.content})
    for line in (*(f"note: {note}" for note in imported.notes), *imported.next_steps(out)):
        show.note(line)


def _warn_of_unknown_cancer(cancer: str) -> None:
    from mirrisk.errors import did_you_mean
    from mirrisk.panel import shipped_panels

    known = sorted({panel.cancer for panel in shipped_panels()})
    if cancer not in known:
        near = did_you_mean(cancer, known)
        show.warning(
            f"no panel of mirrisk is for {cancer!r}{near or '.'} (They are for "
            f"{', '.join(known)}.) The panel is refused against references of another cancer"
        )
