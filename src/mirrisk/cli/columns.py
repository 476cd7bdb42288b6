"""What the columns of a table denote, and what each panel would find among them."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirrisk.cli.options import TableOptions
    from mirrisk.errors import MirriskError
    from mirrisk.expression import Expression, FeatureIndex
    from mirrisk.nomenclature import Resolution
    from mirrisk.panel import Panel
    from mirrisk.tables.assembly import Reading
    from mirrisk.tables.cells import Cells
    from mirrisk.vocabulary import Specimen

KINDS = {
    "mature": "mature miRNAs",
    "stem-loop": "stem-loops",
    "form": "miRNAs known by their form only, in no panel",
    "ambiguous": "ambiguous, never guessed",
    "foreign": "of another species or a virus",
    "mirgenedb": "in MirGeneDB's nomenclature, not read",
    "none": "no miRNA",
    "control": "controls and spike-ins",
}
DOUBTFUL = ("ambiguous", "none", "mirgenedb", "foreign")


@dataclass(frozen=True)
class Column:
    """One column: its name, its kind, what it denotes and which panels want it."""

    name: str
    kind: str
    mirna: str
    accession: str
    level: str
    match: str
    candidates: tuple[str, ...]
    panels: tuple[str, ...]

    @cached_property
    def suggestion(self) -> str:
        """The panels' miRNA that an unknown name may be a slip for."""
        from mirrisk.nomenclature import suggest

        return suggest(self.name) or ""


@dataclass(frozen=True)
class Columns:
    """A table's columns, and the table as ``mirrisk score`` would read it, or why it cannot."""

    index: "FeatureIndex"
    samples: int
    orientation: str
    specimen: "Specimen"
    reading: "Expression | MirriskError"

    @cached_property
    def all(self) -> tuple[Column, ...]:
        """Every column, in the table's order."""
        resolutions = zip(self.index.features, self.index.resolutions, strict=True)
        return tuple(self._column(name, resolution) for name, resolution in resolutions)

    def _column(self, name: str, resolution: "Resolution") -> Column:
        keys = (resolution.key,) if resolution.key else resolution.candidates
        wanted = [panel for key in keys for panel in self._wanted.get(key, ())]
        return Column(
            name,
            kind(resolution),
            resolution.canonical or resolution.key or "",
            resolution.accession or "",
            resolution.level or "",
            resolution.match,
            resolution.candidates,
            tuple(dict.fromkeys(wanted)),
        )

    @cached_property
    def _wanted(self) -> dict[str, list[str]]:
        """Which panels want a miRNA, named as columns of this table's level are."""
        from mirrisk.alignment import reference_key
        from mirrisk.panel import shipped_panels

        found: dict[str, list[str]] = {}
        for panel in shipped_panels():
            for _, mirna in panel.features():
                key = reference_key(mirna.name, self.index.level)
                if key:
                    found.setdefault(key, []).append(panel.id)
        return found

    def coverage(self, panel: "Panel") -> tuple[float, list[str]] | None:
        """Return the share of a panel's weight that has a column, and the miRNAs without one.

        None where the panel has no member whose direction is known in the specimen.
        """
        from mirrisk.alignment import align

        if not panel.scorable(self.specimen):
            return None
        aligned = align(
            panel,
            specimen=self.specimen,
            level=self.index.level,
            reference_keys=self._wanted,
            index=self.index,
        )
        share = sum(slot.share for slot in aligned.slots if slot.status == "used")
        words = {
            "missing": "",
            "ambiguous": " (ambiguous)",
            "arm_not_resolved": " (arm not resolved)",
        }
        lacking = [s.mirna + words[s.status] for s in aligned.slots if s.status in words]
        return share, lacking


def kind(resolution: "Resolution") -> str:
    """Return the kind of a column, one of ``KINDS``."""
    from mirrisk.nomenclature import is_control

    if not resolution.is_mirna and is_control(resolution.name):
        return "control"
    if resolution.match in KINDS:
        return resolution.match
    return resolution.level or "none"


def read_columns(table: str, how: "TableOptions") -> Columns:
    """Read a table as far as it goes: names need neither its unit nor sound cells."""
    from mirrisk.expression import index_features
    from mirrisk.tables.assembly import Reading
    from mirrisk.tables.cells import named_by_text
    from mirrisk.tables.sources import read_cells

    reading = Reading(**how.arguments())
    cells = named_by_text(read_cells(table, reading))
    sides = (cells.columns, cells.rows)
    across, down = (index_features(side, how.level, reading.aliases) for side in sides)
    turned = _recognised(down) > _recognised(across)
    orientation = how.orientation or ("features_in_rows" if turned else "samples_in_rows")
    index, others = (across, cells.rows)
    if orientation == "features_in_rows":
        index, others = (down, cells.columns)
    return Columns(index, len(others), orientation, how.specimen, _reading(cells, reading))


def _recognised(index: "FeatureIndex") -> int:
    """Count the names of miRNAs of any species and nomenclature."""
    return sum(resolution.match != "unknown" for resolution in index.resolutions)


def _reading(cells: "Cells", how: "Reading") -> "Expression | MirriskError":
    """Try to read the table as ``mirrisk score`` would."""
    from mirrisk.errors import MirriskError
    from mirrisk.tables.assembly import to_expression

    try:
        return to_expression(cells, how)
    except MirriskError as fault:
        return fault
