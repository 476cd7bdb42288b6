"""Results to files: whole or not at all, and harmless when a spreadsheet opens them."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.errors import MirriskError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

STDOUT = "-"
"""The name of standard output, wherever a file may be named."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets run a cell that begins so; a leading apostrophe makes it text."""


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
    write_texts({str(target): frame_to_csv(frame)})


def frame_to_csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV, its text cells neutralised."""
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    columns = (frame.iloc[:, j] for j in range(frame.shape[1]))
    safe = [c if is_numeric_dtype(c.dtype) else c.map(neutralised) for c in columns]
    names = [str(neutralised(name)) for name in frame.columns]
    table = pd.concat(safe, axis=1) if safe else frame
    return str(table.to_csv(index=False, header=names, lineterminator="\n"))


def rows_to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a few rows as CSV, their text cells neutralised, without importing pandas."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([neutralised(cell) for cell in row] for row in rows)
    return text.getvalue()


def neutralised(cell: object) -> object:
    """Return a cell as a spreadsheet may safely open it.

    Examples
    --------
    >>> neutralised("=1+1"), neutralised("S-01"), neutralised(-1.5)
    ("'=1+1", 'S-01', -1.5)
    """
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return "'" + cell
    return cell


def write_texts(contents: Mapping[str, str]) -> None:
    """Write texts to files, all of them or none; ``"-"`` is standard output.

    Raises
    ------
    MirriskError
        If one of them cannot be written; none is left then.
    """
    partials: dict[Path, Path] = {}
    try:
        for target, text in contents.items():
            if target != STDOUT:
                with _explained(target):
                    _write_partial(Path(target), text, partials)
        for partial, path in partials.items():
            with _explained(path):
                partial.replace(path)
    finally:
        for partial in partials:
            partial.unlink(missing_ok=True)
    if STDOUT in contents:
        with _explained("standard output"):
            sys.stdout.write(contents[STDOUT])
            sys.stdout.flush()


def _write_partial(target: Path, text: str, partials: dict[Path, Path]) -> None:
    """Write the file that is to become the target; a device or pipe is written at once."""
    data = text.encode()
    if target.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    target = target.resolve()  # a link stays a link
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partials[partial] = target
    partial.write_bytes(data)


@contextmanager
def _explained(target: str | Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # the reader has had enough: no fault of the output
    except OSError as error:
        raise MirriskError(f"cannot be written: {error.strerror}", where=str(target)) from None


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
