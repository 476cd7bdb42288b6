"""Clinical tables: outcomes and covariates, one row per sample, matched to a table by name."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import InvalidTableError, MismatchError, NotFoundError, did_you_mean
from mirrisk.tables.decoding import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mirrisk.vocabulary import FloatArray, IntArray

SAMPLE = "sample"
"""The first column of a file of clinical data."""

MISSING = frozenset({"", "na", "n/a", "nan", "null", "."})
"""Cells, in lower case, that say that a value is not known."""

SHOWN = 3

MOST_SHOWN = 30
"""Columns of a table that are named where one is not found."""


def read_clinical(path: str | Path) -> pd.DataFrame:
    """Read a file of outcomes or covariates.

    Parameters
    ----------
    path : str or Path
        Delimited text (comma, semicolon or tab; plain or compressed). The first column is
        ``sample``; the others may hold anything.

    Returns
    -------
    DataFrame
        Indexed by sample; text, with None where a value is not known.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InvalidTableError
        If it is no such table.
    """
    import pandas as pd

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise NotFoundError(f"cannot be read: {error.strerror}", where=str(path)) from None
    text = text_of(content)
    if not text.strip():
        raise InvalidTableError("the file is empty", where=str(path))
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    header = [cell.strip() for cell in rows[0]]
    _check_header(header, str(path))
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InvalidTableError(
                f"{len(row)} cells, where the header has {len(header)}",
                where=f"{path}, row {number} (sample {row[0]!r})",
                expected="as many cells in every row",
            )
    samples = [row[0].strip() for row in rows[1:]]
    twice = _first_repeated(samples)
    if twice is not None:
        raise InvalidTableError(
            f"sample {twice!r} occurs twice",
            where=str(path),
            expected="one row per sample",
        )
    cells = [[None if c.strip().lower() in MISSING else c.strip() for c in r[1:]] for r in rows[1:]]
    return pd.DataFrame(cells, index=pd.Index(samples, name=SAMPLE), columns=header[1:]).astype(
        object
    )


def column(frame: pd.DataFrame, name: str, where: str = "") -> pd.Series:
    """Return a column by its name.

    Raises
    ------
    NotFoundError
        If there is none, with the names that there are.
    """
    names = list(map(str, frame.columns))
    if name not in names:
        shown = ", ".join(names[:MOST_SHOWN]) + (", ..." if len(names) > MOST_SHOWN else "")
        raise NotFoundError(
            f"no column {name!r}" + did_you_mean(name, names),
            where=where,
            expected=f"one of {shown}",
        )
    return frame.iloc[:, names.index(name)]


def numbers(series: pd.Series, where: str = "") -> FloatArray:
    """Return a column as numbers; what is not known is NaN.

    Raises
    ------
    InvalidTableError
        If a cell holds something else.
    """
    values = np.full(len(series), np.nan)
    for i, (sample, cell) in enumerate(series.items()):
        if cell is None or cell != cell:  # NaN of any type
            continue
        try:
            values[i] = float(cell)
        except (TypeError, ValueError):
            raise InvalidTableError(
                f"{cell!r} in column {series.name!r} of sample {sample!r}",
                where=where,
                expected="a number",
                remedy="write categories as numbers, one column per category if they have no order",
            ) from None
        if np.isinf(values[i]):
            raise InvalidTableError(
                f"{cell!r} in column {series.name!r} of sample {sample!r}",
                where=where,
                expected="a finite number, or an empty cell",
            )
    return values


@dataclass(frozen=True, eq=False)
class Labelled:
    """The samples of a table that have a row of clinical data, and these rows in their order.

    Attributes
    ----------
    rows : ndarray of shape (n_labelled,)
        Positions among the table's samples.
    clinical : DataFrame
        One row for each, in the same order.
    notes : tuple of str
        What was left out.
    """

    rows: IntArray
    clinical: pd.DataFrame
    notes: tuple[str, ...]


def label(
    samples: Sequence[str], frame: pd.DataFrame, needed: Sequence[str], where: str = ""
) -> Labelled:
    """Match the samples of a table with rows of clinical data, by name.

    Parameters
    ----------
    samples : sequence of str
    frame : DataFrame
        Indexed by sample, in any order.
    needed : sequence of str
        Columns without which a sample is left out.
    where : str
        The file of the clinical data, for messages.

    Raises
    ------
    MismatchError
        If no sample has a row with what is needed.
    NotFoundError
        If a column is not there.
    """
    position = {sample: i for i, sample in enumerate(map(str, frame.index))}
    matched = [(i, position[s]) for i, s in enumerate(samples) if s in position]
    if not matched:
        raise MismatchError(
            "no sample of the table has a row",
            where=where,
            expected=f"rows named like {samples[0]!r}, found rows named like {frame.index[0]!r}"
            if len(frame)
            else "at least one row",
            remedy="check that both files use the same sample names",
        )
    known = np.ones(len(frame), dtype=bool)
    for name in needed:
        known &= column(frame, name, where).notna().to_numpy()
    kept = [(i, row) for i, row in matched if known[row]]
    if not kept:
        raise MismatchError(f"{' and '.join(needed)}: empty in every sample", where=where)
    notes = []
    counts = (
        (len(samples) - len(matched), "samples of the table without a row"),
        (len(frame) - len(matched), "rows without a sample in the table"),
        (len(matched) - len(kept), f"samples without {' and '.join(needed)}"),
    )
    for count, what in counts:
        if count:
            notes.append(f"left out: {count} {what} ({where})" if where else f"{count} {what}")
    rows = np.array([i for i, _ in kept], dtype=np.intp)
    return Labelled(rows, frame.iloc[[row for _, row in kept]], tuple(notes))


def clinical_values(
    frame: pd.DataFrame | None, names: Sequence[str], samples: Sequence[str], where: str
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the covariates of samples, and what was noticed.

    Parameters
    ----------
    frame : DataFrame, optional
        Indexed by sample, in any order; samples that it lacks have no value.
    names : sequence of str
        The columns needed.
    samples : sequence of str
    where : str
        Who needs them, for messages.

    Returns
    -------
    values : ndarray of shape (n_samples, n_names)
    notes : tuple of str

    Raises
    ------
    MismatchError
        If covariates are needed and none are given, or no sample has any.
    NotFoundError, InvalidTableError
        If a column is not there, or holds something else than numbers.
    """
    if not names:
        if frame is not None:
            raise MismatchError(f"{where} has no clinical covariates", remedy="leave them out")
        return np.empty((len(samples), 0)), ()
    if frame is None:
        raise MismatchError(
            f"{where} needs clinical covariates: {', '.join(names)}",
            expected="a table with these columns, a row per sample",
            remedy="--covariates FILE (in Python: covariates=, a DataFrame indexed by sample)",
        )
    index = tuple(map(str, frame.index))
    twice = _first_repeated(index)
    if twice is not None:
        raise InvalidTableError(f"sample {twice!r} occurs twice", where="covariates")
    position = {sample: i for i, sample in enumerate(index)}
    rows = [position.get(sample, -1) for sample in samples]
    absent = [sample for sample, row in zip(samples, rows, strict=True) if row < 0]
    if len(absent) == len(samples):
        raise MismatchError(
            "no sample of the table is among the covariates",
            where=where,
            expected=f"rows named like {samples[0]!r}",
            remedy="check that both use the same sample names",
        )
    columns = [
        np.append(numbers(column(frame, name, "covariates"), "covariates"), np.nan)[rows]
        for name in names
    ]
    notes = []
    if absent:
        shown = ", ".join(absent[:SHOWN]) + (", ..." if len(absent) > SHOWN else "")
        notes.append(f"no covariates for {len(absent)} samples ({shown}): estimated from the rest")
    here = np.array(rows) >= 0
    notes += [
        f"covariate {name} is not known for every sample: where it is missing it is estimated "
        "from the rest"
        for name, values in zip(names, columns, strict=True)
        if np.isnan(values[here]).any()
    ]
    return np.column_stack(columns), tuple(notes)


def _check_header(header: list[str], where: str) -> None:
    if header[0].lower() != SAMPLE:
        raise InvalidTableError(
            f"the first column is {header[0]!r}",
            where=where,
            expected=f"a first column named {SAMPLE!r}, with the names of the table's samples",
            remedy="rename it",
        )
    twice = _first_repeated(header)
    if twice is not None:
        raise InvalidTableError(f"column {twice!r} occurs twice", where=where)


def _first_repeated(values: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
