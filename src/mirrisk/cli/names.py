"""``mirrisk names``: how every column resolves, and what each panel would find in the table."""

from collections import Counter
from typing import TYPE_CHECKING

from mirrisk.cli import options, show
from mirrisk.cli.columns import DOUBTFUL, KINDS, Column, Columns, read_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

SHOWN = 30

HEADER = (
    "column", "kind", "mirna", "accession", "level", "match", "candidates", "panels", "suggestion",
)  # fmt: skip

OF_MIRGENEDB = "MirGeneDB's names are read with its GFF of the human genes: --aliases hsa.gff"

MATCHES = {
    "current": "current name",
    "previous": "former name",
    "accession": "accession",
    "alias": "another name",
}


@options.reads_table
def names(
    table: options.TableArgument,
    how: options.TableOptions,
    min_reads: options.MinReadsOption = 100_000,
) -> None:
    """Tell how every column of a table resolves, and each panel's coverage to be expected.

    On a terminal: counts by kind, the columns that concern panels, and what is doubtful. In a
    pipe: one CSV row per column, the rest on standard error.
    """
    from mirrisk.output import STDOUT, rows_to_csv, write_texts

    with show.progress("Reading the table"):
        columns = read_columns(table, how)
    terminal = show.stdout_is_terminal()
    console = show.stdout() if terminal else show.stderr()
    _print_reading(console, columns, min_reads)
    if terminal:
        _print_columns(console, columns.all)
    else:
        write_texts({STDOUT: rows_to_csv(HEADER, map(_csv_row, columns.all))})
    _print_coverage(console, columns)


def _csv_row(column: Column) -> tuple[str, ...]:
    return (
        column.name,
        column.kind,
        column.mirna,
        column.accession,
        column.level,
        column.match,
        " / ".join(column.candidates),
        " ".join(column.panels),
        column.suggestion,
    )


def _print_reading(console: "Console", columns: Columns, min_reads: float) -> None:
    """Say how the table is read, and how many columns are of each kind."""
    counts = Counter(column.kind for column in columns.all)
    console.print(show.heading(f"names: {len(columns.all)}, samples: {columns.samples}"))
    console.print(
        show.facts(
            [
                ("orientation", columns.orientation.replace("_", " ")),
                ("level", columns.index.level),
                *_about_reading(columns, min_reads),
                *((str(counts[name]), text) for name, text in KINDS.items() if counts[name]),
                ("remedy", OF_MIRGENEDB if counts["mirgenedb"] else ""),
            ]
        )
    )


def _about_reading(columns: Columns, min_reads: float) -> list[tuple[str, str]]:
    from mirrisk.errors import MirriskError
    from mirrisk.tables.depth import depth_notes

    reading = columns.reading
    if isinstance(reading, MirriskError):
        place = f" ({reading.where})" if reading.where else ""
        return [("not ready", f"{reading.what}{place}"), ("remedy", reading.remedy)]
    notes = (*reading.notes, *depth_notes(reading, min_reads))
    return [("unit", reading.unit), *(("note", text) for text in notes)]


def _print_columns(console: "Console", columns: "Sequence[Column]") -> None:
    """List the columns that concern panels, then those that are doubtful."""
    concerning = [
        (c.name, c.mirna, MATCHES[c.match], ", ".join(c.panels))
        for c in columns
        if c.panels and c.match in MATCHES
    ]
    _print_rows(console, "Columns of panels", ("column", "miRNA", "read as", "panels"), concerning)
    doubtful = [c for c in columns if c.kind in DOUBTFUL or c.suggestion]
    order = {kind: i for i, kind in enumerate(DOUBTFUL)}
    doubtful.sort(key=lambda c: (order.get(c.kind, len(order)), not c.suggestion))
    rows = [(c.name, KINDS[c.kind], _may_be(c)) for c in doubtful]
    _print_rows(console, "Doubtful", ("column", "kind", "may be"), rows[:SHOWN])
    if len(rows) > SHOWN:
        more = len(rows) - SHOWN
        console.print(f"... and {more} more: mirrisk names TABLE > names.csv", style="dim")


def _may_be(column: Column) -> str:
    if column.candidates:
        return " / ".join(column.candidates)
    return f"{column.suggestion}?" if column.suggestion else ""


def _print_coverage(console: "Console", columns: Columns) -> None:
    """List what share of each panel's weight has a column."""
    from mirrisk.panel import shipped_panels

    rows = []
    for panel in shipped_panels():
        covered = columns.coverage(panel)
        if covered is None:
            unknown = f"no member's direction is known in {columns.specimen}"
            rows.append((panel.id, "-", unknown))
        else:
            share, lacking = covered
            rows.append((panel.id, f"{share:.0%}", ", ".join(lacking)))
    title = f"Coverage to be expected in {columns.specimen}"
    _print_rows(console, title, ("panel", "coverage", "not to be found"), rows)
    console.print(
        "By names alone: a sample's own coverage is lower where its library is too shallow for a\n"
        "miRNA, a value is missing, or the reference lacks it.",
        style="dim",
    )


def _print_rows(
    console: "Console", title: str, header: "Sequence[str]", rows: "Sequence[Sequence[str]]"
) -> None:
    if not rows:
        return
    console.print()
    console.print(show.heading(title))
    table = show.listing(*header, right=("coverage",), fold=(header[0], header[-1]))
    for row in rows:
        table.add_row(*map(show.plain, row))
    console.print(table)
