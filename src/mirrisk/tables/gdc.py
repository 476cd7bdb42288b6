"""Files of the Genomic Data Commons and its predecessors to cells, alone or by the folder."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidTableError, MirriskError
from mirrisk.tables.cells import Cells, located, numbers
from mirrisk.tables.delimited import read_delimited
from mirrisk.tables.layouts import (
    chosen_column,
    column_of,
    named_by,
    one_sample,
    summed,
    with_unread,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mirrisk.vocabulary import Level, Unit

COLUMNS: dict[Unit, str] = {"counts": "read_count", "cpm": "reads_per_million_miRNA_mapped"}
HOLDS = "a table of the GDC, which holds reads and reads per million"

FILE_NAME = re.compile(
    r"(?P<sample>.+?)(?:\.(?:hg\d+|grch\d+|mirbase\d+|mirnaseq))*"
    r"\.(?P<kind>mirna|isoform)s?\.quantification\.txt(?:\.gz)?",
    re.IGNORECASE,
)
"""<name>.mirbase21.mirnas.quantification.txt (GDC), <barcode>.hg19.isoform.quantification.txt."""

KINDS: dict[str, Level] = {"mirna": "stem-loop", "isoform": "mature"}
"""What the two kinds of files tell apart."""

MATURE = re.compile(r"(?:mature|star),(MIMAT\d{7})(?:_\d+)?")


def stem_loops(cells: Cells, sample: str, unit: Unit | None) -> Cells | None:
    """Read mirnas.quantification.txt: one sample, a row per stem-loop."""
    found = named_by(cells, "miRNA_ID")
    if found is None or not {*COLUMNS.values()} <= {*found.columns}:
        return None
    if "isoform_coords" in found.columns:
        return None
    chosen, column = chosen_column(unit, COLUMNS, HOLDS)
    note = f"read as one sample of the GDC: stem-loops, column {column}"
    return one_sample(sample, found.rows, column_of(found, column), chosen, note)


def isoforms(cells: Cells, sample: str, unit: Unit | None) -> Cells | None:
    """Read isoforms.quantification.txt: one sample, a row per isoform, summed to mature miRNAs.

    A row says by accession which mature miRNA it is of; rows of precursors are of none.
    """
    found = named_by(cells, "miRNA_ID")
    if found is None or not {*COLUMNS.values(), "isoform_coords", "miRNA_region"} <= {
        *found.columns
    }:
        return None
    chosen, column = chosen_column(unit, COLUMNS, HOLDS)
    regions = found.text.get(found.columns.index("miRNA_region"), [])
    mature = [MATURE.fullmatch(str(region)) for region in regions]
    kept = [i for i, match in enumerate(mature) if match]
    if not kept:
        raise InvalidTableError(
            "no isoform of a mature miRNA", expected="a miRNA_region such as mature,MIMAT0000062"
        )
    values = column_of(found, column)
    names, sums = summed([str(m[1]) for m in mature if m], values[kept][:, None])
    outside = 1 - values[kept].sum() / max(values.sum(), 1.0)
    return with_unread(
        one_sample(
            sample,
            names,
            sums[:, 0],
            chosen,
            f"read as one sample of the GDC: isoforms, column {column}, summed to mature miRNAs "
            f"by accession; outside of them lie {outside:.1%} of it, left out",
            "the panels' miRNAs that are not listed have no read: 0",
        ),
        by_accession=True,
    )


def merged(cells: Cells, sample: str, unit: Unit | None) -> Cells | None:  # noqa: ARG001
    """Read the matrix that TCGAbiolinks merges: columns read_count_<sample> and others."""
    found = named_by(cells, "miRNA_ID")
    prefix = COLUMNS["counts"] + "_"
    if found is None or not any(name.startswith(prefix) for name in found.columns):
        return None
    chosen, column = chosen_column(unit, COLUMNS, HOLDS)
    prefix = f"{column}_"
    picked = [j for j, name in enumerate(found.columns) if name.startswith(prefix)]
    part = found.take(picked)
    samples = tuple(name.removeprefix(prefix) for name in part.columns)
    note = f"read as a matrix merged from files of the GDC: columns {prefix}..."
    return replace(part, columns=samples, notes=(note,), unit=chosen)


def firehose(cells: Cells, sample: str, unit: Unit | None) -> Cells | None:  # noqa: ARG001
    """Read Firehose's miR_gene_expression: each sample thrice, a second header says what."""
    if cells.corner != "Hybridization REF" or cells.rows[:1] != ("miRNA_ID",):
        return None
    chosen, column = chosen_column(unit, COLUMNS, HOLDS)
    picked = [j for j, cell in cells.text.items() if cell[0] == column]
    part = cells.take(picked).take_rows(range(1, len(cells.rows)))
    note = f"read as Firehose's miR_gene_expression: columns {column}"
    return Cells(part.rows, part.columns, numbers(part), notes=(note,), unit=chosen)


def sample_of(path: str | Path) -> str:
    """Return a file's name without what the GDC or a file system puts behind it."""
    name = Path(path).name
    match = FILE_NAME.fullmatch(name)
    return match["sample"] if match else name.partition(".")[0] or name


def assemble(folder: Path, level: Level | None, unit: Unit | None) -> Cells:
    """Read a folder as the GDC's download tools leave it: one file per sample, in folders.

    Parameters
    ----------
    folder : Path
        Searched to any depth; files of other names (annotations, logs, manifests) are passed by.
    level : {"mature", "stem-loop"}, optional
        Which files, where it holds both kinds: ``isoforms`` or ``mirnas``.
    unit : {"counts", "cpm"}, optional
        Reads, or reads per million.

    Raises
    ------
    InvalidTableError
        If the folder holds no such file, or both kinds, or files that do not fit together.
    """
    kind, files = _files(folder, level)
    read = stem_loops if kind == "mirna" else isoforms
    parts = []
    for file in files:
        try:
            part = read(read_delimited(file.read_bytes(), where=str(file)), sample_of(file), unit)
        except MirriskError as error:
            raise located(error, str(file)) from None
        if part is None:
            raise InvalidTableError(
                f"not what its name says: {kind}s.quantification.txt",
                where=str(file),
                expected="columns miRNA_ID, read_count, reads_per_million_miRNA_mapped, ...",
                remedy="download it again, or take it out of the folder",
            )
        parts.append(part)
    if kind == "mirna":
        _check_same_rows(files, parts)
    return _joined(parts, f"assembled from {len(files)} files {kind}s.quantification.txt")


def _files(folder: Path, level: Level | None) -> tuple[str, list[Path]]:
    """Return the kind of a folder's files, and the files in the order of their samples."""
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for path in sorted(folder.rglob("*")):
        match = FILE_NAME.fullmatch(path.name)
        if match and path.is_file():
            found[match["kind"].lower()].append(path)
    held = [kind for kind, files in found.items() if files and level in (None, KINDS[kind])]
    if not held:
        kinds = [k for k, of in KINDS.items() if level in (None, of)]
        raise InvalidTableError(
            "no file of the GDC in the folder",
            expected=" or ".join(f"<name>.{kind}s.quantification.txt" for kind in kinds)
            + ", in it or in folders below",
        )
    if len(held) > 1:
        counts = " and ".join(f"{len(found[kind])} {kind}s" for kind in held)
        raise InvalidTableError(
            f"the folder holds files of both kinds: {counts}",
            expected="one kind per table",
            remedy="choose by level: stem-loop (mirnas.quantification.txt) or mature "
            "(isoforms.quantification.txt)",
        )
    return held[0], sorted(found[held[0]], key=lambda path: (sample_of(path), str(path)))


def _check_same_rows(files: Sequence[Path], parts: Sequence[Cells]) -> None:
    """Refuse files of different annotations: what one does not list was not looked for."""
    first = set(parts[0].columns)
    for file, part in zip(files, parts, strict=True):
        if set(part.columns) != first:
            raise InvalidTableError(
                f"lists {len(part.columns)} stem-loops, and not those of {files[0].name} "
                f"({len(first)})",
                where=str(file),
                expected="files made with the same version of miRBase",
                remedy="assemble each version by itself",
            )


def _joined(parts: Sequence[Cells], note: str) -> Cells:
    """Put samples one below the other; NaN where a sample does not list what another does."""
    position: Mapping[str, int] = {
        name: j for j, name in enumerate(dict.fromkeys(n for part in parts for n in part.columns))
    }
    values = np.full((len(parts), len(position)), np.nan)
    for i, part in enumerate(parts):
        values[i, [position[name] for name in part.columns]] = part.values[0]
    rows = tuple(part.rows[0] for part in parts)
    notes = (note, *dict.fromkeys(parts[0].notes[1:]))
    return Cells(rows, tuple(position), values, notes=notes, unit=parts[0].unit)
