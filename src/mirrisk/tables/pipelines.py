"""Layouts that small RNA-seq pipelines write, known by their headers and read as what they are.

Most pipelines write a plain matrix, which needs no knowledge of them. Here are those that do
not. Whatever is recognised is told in a note.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.tables import gdc
from mirrisk.tables.cells import Cells, numbers
from mirrisk.tables.layouts import (
    chosen_column,
    column_of,
    named_by,
    one_sample,
    summed,
    with_unread,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirrisk.vocabulary import Unit

    Layout = Callable[[Cells, str, Unit | None], Cells | None]

ANNOTATION = ("UID", "Read", "miRNA", "Variant")
GROUPED: dict[str, dict[Unit, str]] = {
    "read count (mult. map. adj.)": {
        "counts": "read count (mult. map. adj.)",
        "cpm": "RPM_adj (lib)",
    },
    "read count (SA)": {"counts": "read count (SA)", "cpm": "RPM (lib)"},
}
"""sRNAbench's columns of reads that are counted once: shared among loci, or given to one."""

TOTAL = "miRNAtotal"


def recognised(cells: Cells, path: str | Path | None, unit: Unit | None) -> Cells:
    """Read the layout of a pipeline as what it is; any other table stays as it stands.

    Parameters
    ----------
    cells : Cells
    path : str or Path, optional
        Where they come from: files of one sample do not tell its name.
    unit : str, optional
        What the user says the unit is.

    Raises
    ------
    InvalidTableError
        If a layout that was recognised does not hold together.
    """
    for layout in LAYOUTS:
        found = layout(cells, _sample(layout, path), unit)
        if found is not None:
            return replace(found, notes=(*cells.notes, *found.notes))
    return cells


def _sample(layout: Layout, path: str | Path | None) -> str:
    if path is None or str(path) == "-":
        return "sample"
    # sRNAbench gives every sample's file the same name, in a folder of its own.
    return Path(path).resolve().parent.name if layout is srnabench else gdc.sample_of(path)


def mirtop(cells: Cells, sample: str, unit: Unit | None) -> Cells | None:  # noqa: ARG001
    """Read mirtop's table of isomiRs: a row per sequence, summed to mature miRNAs.

    A sequence that fits several miRNAs is listed once for each, with all of its reads. It is
    counted for the first of them, as nf-core/smrnaseq does in its own mirna.tsv.
    """
    found = named_by(cells, "UID")
    if found is None or not {"miRNA", "Variant"} <= {*found.columns}:
        return None
    mirnas = [str(name) for name in found.text.get(found.columns.index("miRNA"), ())]
    first = {uid: i for i, uid in reversed(list(enumerate(found.rows)))}
    kept = sorted(first.values())
    samples = [
        j
        for j, name in enumerate(found.columns)
        if name not in ANNOTATION and not name.startswith("iso_")
    ]
    names, sums = summed([mirnas[i] for i in kept], numbers(found.take(samples).take_rows(kept)))
    columns = tuple(found.columns[j] for j in samples)
    again = len(found.rows) - len(kept)
    note = f"read as mirtop's isomiRs: {len(kept):,} sequences summed to {len(names):,} miRNAs"
    if again:
        note += f"; {again:,} rows that list a sequence again for another miRNA left out"
    chosen, _ = chosen_column(unit, {"counts": ""}, "mirtop's table of isomiRs, which holds reads")
    return with_unread(
        Cells(
            columns,
            names,
            sums.T,
            notes=(note, "the panels' miRNAs that are not listed have no read: 0"),
            unit=chosen,
        )
    )


def mirge(cells: Cells, sample: str, unit: Unit | None) -> Cells | None:  # noqa: ARG001
    """Read miRge's miR.Counts.csv: its first row is the sum of the others."""
    if TOTAL not in cells.rows:
        return None
    rest = cells.take_rows([i for i, name in enumerate(cells.rows) if name != TOTAL])
    return replace(rest, notes=(f"read as miRge's counts: row {TOTAL}, their sum, left out",))


def srnabench(cells: Cells, sample: str, unit: Unit | None) -> Cells | None:
    """Read sRNAbench's .grouped: one sample, a row per miRNA and locus."""
    found = named_by(cells, "name")
    if found is None or "unique reads" not in found.columns:
        return None
    columns = next((of for mark, of in GROUPED.items() if mark in found.columns), None)
    if columns is None:
        return None
    held: dict[Unit, str] = {u: name for u, name in columns.items() if name in found.columns}
    chosen, column = chosen_column(unit, held, "sRNAbench's table of one sample")
    names, sums = summed(found.rows, column_of(found, column)[:, None])
    note = f"read as one sample of sRNAbench, column {column!r}, named after its folder"
    return with_unread(
        one_sample(
            sample,
            names,
            sums[:, 0],
            chosen,
            note,
            "the panels' miRNAs that are not listed have no read: 0",
        )
    )


LAYOUTS: tuple[Layout, ...] = (
    gdc.stem_loops,
    gdc.isoforms,
    gdc.merged,
    gdc.firehose,
    mirtop,
    mirge,
    srnabench,
)
