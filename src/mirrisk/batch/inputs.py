"""Which files are to be scored, and what their outputs are called."""

from __future__ import annotations

import glob
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.errors import MirriskError, NotFoundError
from mirrisk.tables.columnar import PARQUET_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TABLES = (".csv", ".gz", *PARQUET_SUFFIXES)
"""How the name of an output ends that is one table, not a folder."""


def found(paths: str | Path | Iterable[str | Path]) -> tuple[str, ...]:
    """Return the files that are meant, in order.

    Parameters
    ----------
    paths : str, Path, or several
        A folder (its files, sorted), a pattern (``"runs/**/*.csv"``, sorted), or files in the
        order given. Names that begin with a dot or an underscore are passed by in folders.

    Raises
    ------
    NotFoundError
        If there is no file, or no such folder.
    """
    if not isinstance(paths, str | Path):
        files = tuple(map(str, paths))
    elif Path(paths).is_dir():
        inside = sorted(Path(paths).iterdir())
        files = tuple(str(p) for p in inside if p.is_file() and not p.name.startswith((".", "_")))
    elif Path(paths).exists():
        files = (str(paths),)
    else:
        # Path.glob takes no pattern from the root of the file system.
        matches = glob.glob(str(paths), recursive=True)  # noqa: PTH207
        files = tuple(sorted(name for name in matches if Path(name).is_file()))
    if not files:
        raise NotFoundError(f"no files in {str(paths)!r}", expected="a folder, a pattern, or files")
    twice = (
        {name for name in files if files.count(name) > 1} if len(set(files)) < len(files) else ()
    )
    if twice:
        raise MirriskError(f"file {min(twice)!r} is named more than once")
    return files


def files_among(what: str, given: object) -> dict[str, str]:
    """Return those of what is given that are files, by what they are called in messages."""
    named = given if isinstance(given, Collection) and not isinstance(given, str) else (given,)
    files = (str(one) for one in named if isinstance(one, str | Path) and Path(one).is_file())
    return {f"{what} {file}": file for file in files}


def is_table(out: str | Path) -> bool:
    """Tell whether an output is one table for all files; else it is a folder."""
    return not Path(out).is_dir() and Path(out).suffix.lower() in TABLES


def outputs(files: Sequence[str], folder: Path, kind: str, suffix: str) -> tuple[Path, ...]:
    """Return where each file's results go: in a folder, as their files lie beside each other."""
    # Where the files stand, not where those stand that they may be links to.
    parents = [Path(file).parent.resolve() for file in files]
    parts = [parent.parts for parent in parents]
    common = 0
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        common += 1
    return tuple(
        folder.joinpath(*part[common:]) / f"{Path(file).name}.{kind}{suffix}"
        for file, part in zip(files, parts, strict=True)
    )
