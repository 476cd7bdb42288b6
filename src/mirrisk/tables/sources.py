"""Files of every format, and standard input, to cells."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.errors import InvalidTableError, NotFoundError
from mirrisk.tables.delimited import read_delimited

if TYPE_CHECKING:
    from mirrisk.tables.cells import Cells


def name_of(path: str | Path) -> str:
    """Return what messages call a source."""
    return "standard input" if str(path) == "-" else str(path)


def read_cells(path: str | Path) -> Cells:
    """Read a file, or standard input (``"-"``), as far as its cells.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InvalidTableError
        If it is no table.
    """
    return read_delimited(_content(path), where=name_of(path))


def _content(path: str | Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    file = Path(path)
    if file.is_dir():
        raise InvalidTableError("a folder, not a table", remedy="name one file in it")
    if not file.exists():
        raise NotFoundError(f"no file {str(path)!r}")
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidTableError(f"cannot be read: {error.strerror}") from None
