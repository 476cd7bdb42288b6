"""Clinical tables: outcomes and covariates, one row per sample, matched to a table by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import (
    InvalidTableError,
    MirriskError,
    MismatchError,
    NotFoundError,
    did_you_mean,
)
from mirrisk.notes import WHO, Note
from mirrisk.tables.cells import MISSING as MISSING_CELLS
from mirrisk.tables.cells import Cells, located, number, without_blanks
from mirrisk.tables.delimited import divided

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mirrisk.vocabulary import FloatArray, IntArray

SAMPLE = "sample"
"""The first column of a file of clinical data."""

MISSING = frozenset(map(str.lower, MISSING_CELLS)) - {"none"} | {"."}
"""Cells, in lower case, that say that a value is not known: those of tables, and SAS's point.

``None`` is a value here, whatever wrote it: an outcome may be none or metastasis, and a class too
many is refused where a class too few would not be noticed."""

DECIMAL_COMMA = r"^([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)$"

ABSENT = f"no covariates for {WHO}: estimated from the rest"
"""Said of samples without a row."""

MOST_SHOWN = 30
"""Columns of a table that are named where one is not found."""


def read_clinical(path: str | Path) -> pd.DataFrame:
    """Read a file of outcomes or covariates.

    Parameters
    ----------
    path : str or Path
        Delimited text (comma, semicolon or tab; plain or compressed). The first column is
        ``sample``; the others may hold anything. Lines before the header, decimal commas and
        blank rows are taken as in a table of miRNAs.

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

    where = str(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise NotFoundError(f"cannot be read: {error.strerror}", where=where) from None
    try:
        cells = _cells(content, where)
    except MirriskError as error:
        raise located(error, where) from None
    _check_header(cells, where)
    twice = _first_repeated(cells.rows)
    if twice is not None:
        raise InvalidTableError(
            f"sample {twice!r} occurs twice", where=where, expected="one row per sample"
        )
    return pd.DataFrame(
        {name: cells.text[j] for j, name in enumerate(cells.columns)},
        index=pd.Index(cells.rows, name=SAMPLE),
        dtype=object,
    )


def _cells(content: bytes, where: str) -> Cells:
    """Divide a file into cells of text: of what looks like a number 001 may be a name."""
    import pyarrow as pa
    from pyarrow import compute

    (corner, *columns), table, delimiter = divided(content, where=where)
    text: dict[int, list[object]] = {}
    for j in range(len(columns)):
        values = compute.utf8_trim_whitespace(table.column(j + 1))
        if delimiter == ";":
            values = compute.replace_substring_regex(values, DECIMAL_COMMA, r"\1.\2")
        absent = compute.is_in(compute.utf8_lower(values), value_set=pa.array(sorted(MISSING)))
        text[j] = compute.if_else(absent, None, values).to_pylist()
    return without_blanks(
        Cells(
            rows=tuple(map(str.strip, table.column(0).to_pylist())),
            columns=tuple(map(str.strip, columns)),
            values=np.full((table.num_rows, len(columns)), np.nan),
            text=text,
            corner=corner.strip(),
        ),
        where,
    )


def column(frame: pd.DataFrame, name: str, where: str = "") -> pd.Series:
    """Return a column by its name.

    Raises
    ------
    NotFoundError
        If there is none, with the names that there are.
    InvalidTableError
        If there are several.
    """
    names = list(map(str, frame.columns))
    if name not in names:
        shown = ", ".join(names[:MOST_SHOWN]) + (", ..." if len(names) > MOST_SHOWN else "")
        raise NotFoundError(
            f"no column {name!r}" + did_you_mean(name, names),
            where=where,
            expected=f"one of {shown}",
        )
    if names.count(name) > 1:
        raise InvalidTableError(f"several columns are named {name!r}", where=where, expected="one")
    return frame.iloc[:, names.index(name)]


def numbers(series: pd.Series, where: str = "") -> FloatArray:
    """Return a column as numbers; what is not known is NaN.

    Raises
    ------
    InvalidTableError
        If a cell holds something else.
    """
    values = np.full(len(series), np.nan)
    for i, ((sample, cell), missing) in enumerate(zip(series.items(), series.isna(), strict=True)):
        if missing:
            continue
        try:
            values[i] = number(cell) if isinstance(cell, str) else float(cell)
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
    check_covariates(frame)
    index = tuple(map(str, frame.index))
    twice = _first_repeated(index)
    if twice is not None:
        raise InvalidTableError(f"sample {twice!r} occurs twice", where="covariates")
    position = {sample: i for i, sample in enumerate(index)}
    rows = np.array([position.get(sample, -1) for sample in samples], dtype=np.intp)
    absent = rows < 0
    if absent.all():
        raise none_covered(samples[0], where)
    columns = np.full((len(samples), len(names)), np.nan)
    for j, name in enumerate(names):
        # Of these samples alone: another part of the table may hold those with a bad cell.
        known = column(frame, name, "covariates").iloc[rows[~absent]]
        columns[~absent, j] = numbers(known, "covariates")
    notes = [Note.of(ABSENT, absent, samples)] if absent.any() else []
    for name, values in zip(names, columns.T, strict=True):
        unknown = np.isnan(values) & ~absent
        if unknown.any():
            notes.append(Note.of(unknown_in(name), unknown, samples))
    return columns, tuple(notes)


def check_covariates(covariates: object) -> None:
    """Refuse covariates that are no data frame.

    Raises
    ------
    InvalidTableError
    """
    import pandas as pd

    if covariates is not None and not isinstance(covariates, pd.DataFrame):
        raise InvalidTableError(
            f"covariates are a {type(covariates).__name__}",
            expected="a pandas DataFrame, a row per sample, indexed by sample",
        )


def rows_for(frame: pd.DataFrame, samples: Sequence[str]) -> pd.DataFrame:
    """Return what covariates hold of a part of a table.

    Where no sample of the part has a row, empty rows: other parts may hold those that have.

    Parameters
    ----------
    frame : DataFrame
        Indexed by sample, in text.
    samples : sequence of str
    """
    if not frame.index.is_unique:
        return frame  # refused, with the sample, where it is read
    return frame.reindex([s for s in samples if s in frame.index] or list(samples))


def none_covered(sample: str, where: str = "") -> MismatchError:
    """Say that clinical covariates are of other samples than those of a table."""
    return MismatchError(
        "no sample of the table is among the covariates",
        where=where,
        expected=f"rows named like {sample!r}",
        remedy="check that both use the same sample names",
    )


def unknown_in(covariate: str) -> str:
    """Return what is said of samples whose row lacks a covariate."""
    return f"covariate {covariate} is not known of {WHO}: estimated from the rest"


def _check_header(cells: Cells, where: str) -> None:
    if not cells.corner and cells.columns[:1] and cells.columns[0].lower() == SAMPLE:
        raise InvalidTableError(
            "the first row has one cell more than the header",
            where=where,
            expected="as many cells in the header as in the rows",
            remedy="name the last column, or remove a delimiter from the rows",
        )
    if cells.corner.lower() != SAMPLE:
        raise InvalidTableError(
            f"the first column is {cells.corner!r}",
            where=where,
            expected=f"a first column named {SAMPLE!r}, with the names of the table's samples",
            remedy="rename it",
        )
    twice = _first_repeated((cells.corner, *cells.columns))
    if twice is not None:
        raise InvalidTableError(f"column {twice!r} occurs twice", where=where)


def _first_repeated(values: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
