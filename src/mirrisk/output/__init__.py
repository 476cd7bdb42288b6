"""Results to files: whole or not at all, and harmless when a spreadsheet opens them."""

from __future__ import annotations

import gzip
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.errors import MirriskError
from mirrisk.output.cells import neutralised, rows_to_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

__all__ = [
    "STDOUT",
    "check_targets",
    "csv_bytes",
    "explained",
    "frame_to_csv",
    "is_packed",
    "neutralised",
    "partial_of",
    "refuse_other_formats",
    "rows_to_csv",
    "write_bytes",
    "write_csv",
    "write_texts",
]

STDOUT = "-"
"""The name of standard output, wherever a file may be named."""


def write_csv(frame: pd.DataFrame, target: str | Path) -> None:
    """Write a frame as CSV, without its index.

    Parameters
    ----------
    frame : DataFrame
        Numbers are written in full (they read back bit-identical), NaN as an empty cell. Text
        that a spreadsheet would run (``=cmd()``) gets a leading apostrophe.
    target : str or Path
        A file (gzipped if its name ends in ``.gz``), or ``"-"`` for standard output. A file
        appears whole or not at all.

    Raises
    ------
    MirriskError
        If the target cannot be written.
    """
    write_bytes({str(target): csv_bytes(frame)})


def frame_to_csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV, its text cells neutralised."""
    return csv_bytes(frame).decode()


def csv_bytes(frame: pd.DataFrame, *, header: bool = True) -> bytes:
    """Return a frame as CSV in UTF-8, its text cells neutralised, with or without the header."""
    from mirrisk.output import frames  # NumPy: not for commands without a table

    return frames.csv_bytes(frame, header=header)


def write_texts(contents: Mapping[str, str]) -> None:
    """Write texts to files in UTF-8, all of them or none; ``"-"`` is standard output.

    Raises
    ------
    MirriskError
        If one of them cannot be written; none is left then.
    """
    write_bytes({target: text.encode() for target, text in contents.items()})


def write_bytes(contents: Mapping[str, bytes]) -> None:
    """Write files, all of them or none; ``"-"`` is standard output.

    Raises
    ------
    MirriskError
        If one of them cannot be written; none is left then.
    """
    partials: dict[Path, Path] = {}
    try:
        for target, data in contents.items():
            if target != STDOUT:
                with explained(target):
                    _write_partial(Path(target), data, partials)
        for partial, path in partials.items():
            with explained(path):
                partial.replace(path)
    finally:
        for partial in partials:
            partial.unlink(missing_ok=True)
    if STDOUT in contents:
        with explained("standard output"):
            sys.stdout.write(contents[STDOUT].decode())
            sys.stdout.flush()


def _write_partial(target: Path, data: bytes, partials: dict[Path, Path]) -> None:
    """Write the file that is to become the target; a device or pipe is written at once."""
    if is_packed(target):
        data = gzip.compress(data, mtime=0)
    target = target.resolve()  # a link stays a link
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    partial = partial_of(target)
    partials[partial] = target
    partial.write_bytes(data)


def partial_of(path: Path) -> Path:
    """Return the file that is to become another when all of it is written."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def is_packed(path: Path) -> bool:
    """Tell by its name whether a file is to be gzipped."""
    return path.suffix.lower() == ".gz"


@contextmanager
def explained(target: str | Path) -> Iterator[None]:
    """Say of a failure which file could not be written."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader has had enough: no fault of the output
    except OSError as error:
        raise MirriskError(f"cannot be written: {error.strerror}", where=str(target)) from None


OTHER_FORMATS = frozenset(
    (".xlsx", ".xls", ".ods", ".feather", ".arrow", ".ipc", ".tsv", ".json", ".h5ad")
)
"""Endings of formats in which tables of results are not written: CSV under them would deceive."""


def refuse_other_formats(name: str, path: str | Path) -> None:
    """Refuse a name for a table of results that another format's files have.

    Raises
    ------
    MirriskError
    """
    if Path(path).suffix.lower() in OTHER_FORMATS and not Path(path).is_dir():
        raise MirriskError(
            f"{name} names a {Path(path).suffix} file, which is not written",
            where=str(path),
            expected="a name that ends in .csv, .csv.gz or .parquet",
        )


def check_targets(
    targets: Mapping[str, str | None], inputs: Mapping[str, str | None] | None = None
) -> None:
    """Find out before the work whether its results could be written.

    Parameters
    ----------
    targets : mapping of str to str or None
        What each file is called in messages (``"--out"``), and its path.
    inputs : mapping of str to str or None, optional
        Likewise the files that are read, which no result may overwrite.

    Raises
    ------
    MirriskError
        If two targets are one file, one is an input, or one cannot be written.
    """
    seen: dict[str, str] = {
        _identity(path): name for name, path in (inputs or {}).items() if path and path != STDOUT
    }
    for name, path in targets.items():
        if not path:
            continue
        if other := seen.get(_identity(path)):
            raise MirriskError(f"{other} and {name} are the same file", where=path)
        seen[_identity(path)] = name
        if path != STDOUT:
            _check_writable(Path(path))


def _identity(path: str) -> str:
    return path if path == STDOUT else str(Path(path).resolve())


def _check_writable(target: Path) -> None:
    if target.is_dir():
        raise MirriskError(
            "a folder, where a file is to be written",
            where=str(target),
            remedy="add a file name to it",
        )
    if not target.resolve().parent.is_dir():
        raise MirriskError(
            "cannot be written: its folder does not exist",
            where=str(target),
            remedy=f"make the folder first: mkdir -p {target.parent}",
        )
    writes = target if target.exists() else target.resolve().parent
    if not os.access(writes, os.W_OK):
        raise MirriskError(f"cannot be written: no permission for {writes}", where=str(target))
