"""Files of every format, folders, and standard input, to cells."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.errors import InvalidTableError, NotFoundError
from mirrisk.tables import gdc
from mirrisk.tables.anndata import read_h5ad
from mirrisk.tables.columnar import (
    parquet_files,
    read_feather,
    read_parquet,
    read_parquet_files,
)
from mirrisk.tables.delimited import read_delimited
from mirrisk.tables.excel import read_excel
from mirrisk.tables.pipelines import recognised

if TYPE_CHECKING:
    from mirrisk.tables.assembly import Reading
    from mirrisk.tables.cells import Cells

MAGIC = {
    b"PAR1": "parquet",
    b"ARROW1": "feather",
    b"FEA1": "feather",
    b"PK\x03\x04": "excel",
    b"\x89HDF": "h5ad",
}
"""How files begin; what begins with none of these is text. Names of files have no say."""

SELECTORS = {"sheet": ("excel", "an Excel workbook"), "layer": ("h5ad", "an .h5ad file")}


def name_of(path: str | Path) -> str:
    """Return what messages call a source."""
    return "standard input" if str(path) == "-" else str(path)


def read_cells(path: str | Path, how: Reading) -> Cells:
    """Read a file, a folder or standard input (``"-"``) as far as its cells.

    Raises
    ------
    NotFoundError
        If there is no such file, or no such sheet or layer in it.
    InvalidTableError
        If it is no table.
    MissingExtraError
        If its format needs a package that is not installed.
    """
    if str(path) != "-" and Path(path).is_dir():
        return _read_folder(Path(path), how)
    if how.assemble is not None:
        raise InvalidTableError(
            f"assemble={how.assemble!r} for a file", expected="a folder with one file per sample"
        )
    return recognised(_read_file(path, how), path, how.unit)


def _read_file(path: str | Path, how: Reading) -> Cells:
    content, where = _content(path), name_of(path)
    kind = next((kind for magic, kind in MAGIC.items() if content.startswith(magic)), "text")
    for selector, (of, what) in SELECTORS.items():
        if getattr(how, selector) is not None and kind != of:
            raise InvalidTableError(
                f"{selector}={getattr(how, selector)!r} for a file that is not {what}",
                remedy=f"leave {selector} out",
            )
    if kind == "parquet":
        return read_parquet(content, where)
    if kind == "feather":
        return read_feather(content, where)
    if kind == "excel":
        return read_excel(content, how.sheet, where)
    if kind == "h5ad":
        return read_h5ad(content, how.layer, where, how.library_column)
    return read_delimited(content, where=where)


def _read_folder(folder: Path, how: Reading) -> Cells:
    if how.assemble == "gdc":
        return gdc.assemble(folder, how.level, how.unit)
    parts = parquet_files(folder)
    if parts:
        return recognised(read_parquet_files(parts), folder, how.unit)
    raise InvalidTableError(
        "a folder, not a table",
        expected="one file; a folder of files of the GDC, one per sample; or a Parquet data set "
        "(a folder with .parquet files and nothing else)",
        remedy='of the GDC: assemble="gdc" in Python, --assemble gdc on the command line; '
        "other files, each a table of its own: `mirrisk score FOLDER --out FOLDER|TABLE`, "
        "mirrisk.score_files in Python",
    )


def _content(path: str | Path) -> bytes:
    if str(path) == "-":
        if sys.stdin is None:
            raise InvalidTableError(
                "standard input is closed", remedy="name a file, or pipe a table"
            )
        return sys.stdin.buffer.read()
    file = Path(path)
    if not file.exists():
        raise NotFoundError(f"no file {str(path)!r}")
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidTableError(f"cannot be read: {error.strerror}") from None
