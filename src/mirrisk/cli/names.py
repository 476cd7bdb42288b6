"""``mirrisk names``: how every column resolves, and what each panel would find in the table."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mirrisk.cli import options, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mirrisk.delimited import Cells
    from mirrisk.expression import Expression, FeatureIndex
    from mirrisk.nomenclature import Resolution
    from mirrisk.panel import Panel

SHOWN = 30

COLUMNS = (
    "column", "kind", "mirna", "accession", "level", "match", "candidates", "panels", "suggestion",
)  # fmt: skip

KINDS = {
    "mature": "mature miRNAs",
    "stem-loop": "stem-loops",
    "form": "miRNAs known by their form only, in no panel",
    "ambiguous": "ambiguous, never guessed",
    "foreign": "of another species or a virus",
    "mirgenedb": "in MirGeneDB's nomenclature, not read",
    "control": "controls and spike-ins",
    "none": "no miRNA",
}
DOUBTFUL = ("ambiguous", "foreign", "mirgenedb", "none")


def names(
    table: options.TableArgument,
    unit: options.UnitOption = None,
    specimen: options.SpecimenOption = "tissue",
    level: options.LevelOption = None,
    orientation: options.OrientationOption = None,
    library_size: options.LibrarySizeOption = None,
    duplicates: options.DuplicatesOption = None,
    aliases: options.AliasesOption = None,
) -> None:
    """Tell how every column of a table resolves, and each panel's coverage to be expected.

    On a terminal: counts by kind, the columns that concern panels, and what is doubtful. In a
    pipe: one CSV row per column, the rest on standard error.
    """
    from mirrisk.output import STDOUT, rows_to_csv, write_texts

    how = options.TableOptions(
        unit, level, specimen, orientation, library_size, duplicates, aliases
    )
    with show.progress("Reading the table"):
        look = _look(table, how)
    terminal = show.stdout_is_terminal()
    console = show.stdout() if terminal else show.stderr()
    look.print_reading(console)
    if terminal:
        look.print_columns(console)
    else:
        write_texts({STDOUT: rows_to_csv(COLUMNS, look.rows())})
    look.print_coverage(console)


@dataclass(frozen=True)
class _Look:
    """A table's names, and how it would be read."""

    index: "FeatureIndex"
    samples: int
    orientation: str
    specimen: str
    reading: "Expression | Exception"

    @cached_property
    def panels_of(self) -> dict[str, list[str]]:
        """Which panels a miRNA (or stem-loop, as the table has) concerns."""
        from mirrisk.alignment import reference_key
        from mirrisk.panel import shipped_panels

        found: dict[str, list[str]] = {}
        for panel in shipped_panels():
            for _, mirna in panel.features():
                key = reference_key(mirna.name, self.index.level)
                if key and panel.id not in found.setdefault(key, []):
                    found[key].append(panel.id)
        return found

    def panels(self, resolution: "Resolution") -> list[str]:
        keys = resolution.candidates if resolution.key is None else (resolution.key,)
        same_level = resolution.level in (self.index.level, None)
        return [p for key in keys for p in self.panels_of.get(key, ()) if same_level]

    def rows(self) -> list[tuple[object, ...]]:
        """Return what the CSV says of each column."""
        from mirrisk.nomenclature import suggest

        return [
            (
                column,
                kind(r),
                r.canonical or r.key or "",
                r.accession or "",
                r.level or "",
                r.match,
                " / ".join(r.candidates),
                " ".join(self.panels(r)),
                suggest(column) or "",
            )
            for column, r in zip(self.index.features, self.index.resolutions, strict=True)
        ]

    def print_reading(self, console: "Console") -> None:
        """Say how the table is read, and how many columns are of each kind."""
        counts = Counter(map(kind, self.index.resolutions))
        reading = self.reading
        said = [(str(counts[name]), text) for name, text in KINDS.items() if counts[name]]
        console.print(show.heading(f"{len(self.index.features)} names, {self.samples} samples"))
        console.print(
            show.facts(
                [
                    ("orientation", self.orientation.replace("_", " ")),
                    ("level", self.index.level),
                    *_about_reading(reading),
                    *said,
                ]
            )
        )

    def print_columns(self, console: "Console") -> None:
        """List the columns that concern panels, then those that are doubtful."""
        rows = [tuple(map(str, row)) for row in self.rows()]
        concerning = [row for row in rows if row[7] and row[1] not in DOUBTFUL]
        doubtful = [row for row in rows if row[1] in DOUBTFUL]
        _print_rows(
            console, "Columns of panels", ("column", "miRNA", "read as", "panels"),
            [(row[0], row[2], row[5], row[7].replace(" ", ", ")) for row in concerning], None,
        )  # fmt: skip
        _print_rows(
            console, "Doubtful", ("column", "kind", "may be"),
            [(row[0], KINDS[row[1]], row[6] or _perhaps(row[8])) for row in doubtful], SHOWN,
        )  # fmt: skip

    def print_coverage(self, console: "Console") -> None:
        """List what share of each panel's weight has a column."""
        from mirrisk.panel import shipped_panels

        title = f"Coverage to be expected in {self.specimen}"
        rows = [self._coverage(panel) for panel in shipped_panels()]
        _print_rows(console, title, ("panel", "coverage", "not to be found"), rows, None)

    def _coverage(self, panel: "Panel") -> tuple[str, str, str]:
        from mirrisk.alignment import align

        if not panel.scorable(self.specimen):
            return panel.id, "-", f"no member's direction is known in {self.specimen}"
        aligned = align(
            panel,
            specimen=self.specimen,  # type: ignore[arg-type]
            level=self.index.level,
            reference_keys=self.panels_of,
            index=self.index,
        )
        share = sum(slot.share for slot in aligned.slots if slot.status == "used")
        absent = ("missing", "ambiguous", "arm_not_resolved")
        lacking = [
            slot.mirna.name + (f" ({slot.status.replace('_', ' ')})" * (slot.status != "missing"))
            for slot in aligned.slots
            if slot.status in absent
        ]
        return panel.id, f"{share:.0%}", ", ".join(lacking)


def kind(resolution: "Resolution") -> str:
    """Return the kind of a column, one of ``KINDS``."""
    from mirrisk.nomenclature import is_control

    if resolution.match in ("form", "ambiguous", "foreign", "mirgenedb"):
        return "control" if is_control(resolution.name) else resolution.match
    if resolution.level is not None:
        return resolution.level
    return "control" if is_control(resolution.name) else "none"


def _look(table: str, how: options.TableOptions) -> _Look:
    """Read a table as far as it goes: names do not need its unit, nor numbers in its cells."""
    from mirrisk.delimited import read_delimited
    from mirrisk.expression import index_features
    from mirrisk.tables import _content

    where = "standard input" if table == "-" else table
    cells = read_delimited(_content(table), where=where)
    arguments = how.arguments()
    across, down = (
        index_features(side, how.level, arguments["aliases"])
        for side in (cells.columns, cells.rows)
    )
    turned = sum(r.is_mirna for r in down.resolutions) > sum(r.is_mirna for r in across.resolutions)
    orientation = how.orientation or ("features_in_rows" if turned else "samples_in_rows")
    index, others = (
        (across, cells.rows) if orientation == "samples_in_rows" else (down, cells.columns)
    )
    return _Look(index, len(others), orientation, how.specimen, _reading(cells, arguments))


def _reading(cells: "Cells", arguments: dict[str, object]) -> "Expression | Exception":
    """Try to read the table as ``mirrisk score`` would."""
    from mirrisk.errors import MirriskError
    from mirrisk.tables import _expression

    try:
        return _expression(cells, **arguments)  # type: ignore[arg-type]
    except MirriskError as fault:
        return fault


def _about_reading(reading: "Expression | Exception") -> list[tuple[str, str]]:
    from mirrisk.errors import MirriskError

    if isinstance(reading, MirriskError):
        place = f" ({reading.where})" if reading.where else ""
        return [("not ready", f"{reading.what}{place}"), ("remedy", reading.remedy)]
    return [("unit", reading.unit), *(("note", text) for text in reading.notes)]  # type: ignore[union-attr]


def _perhaps(suggestion: str) -> str:
    return f"{suggestion}?" if suggestion else ""


def _print_rows(
    console: "Console",
    title: str,
    header: "Sequence[str]",
    rows: "Sequence[Sequence[str]]",
    limit: int | None,
) -> None:
    if not rows:
        return
    console.print()
    console.print(show.heading(title))
    table = show.listing(*header, right=("coverage",), fold=(header[0], header[-1]))
    for row in rows[:limit]:
        table.add_row(*map(show.plain, row))
    console.print(table)
    if limit is not None and len(rows) > limit:
        console.print(
            f"... and {len(rows) - limit} more: mirrisk names TABLE | cat lists all", style="dim"
        )
