"""Tables: files, data frames and arrays become an Expression; results become files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from mirrisk.arrays import row_means, row_sums
from mirrisk.delimited import Cells, is_number, numbers, read_delimited
from mirrisk.errors import InvalidTableError, MirriskError, NotFoundError
from mirrisk.expression import (
    Expression,
    FeatureIndex,
    check_choice,
    index_features,
    infer_unit,
    require_mirnas,
)
from mirrisk.vocabulary import SEQUENCING, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from mirrisk.vocabulary import FloatArray, Specimen, Unit

Orientation = Literal["samples_in_rows", "features_in_rows"]
Duplicates = Literal["sum", "mean"]

SHOWN = 5


def read(
    path: str | Path,
    *,
    unit: Unit | None = None,
    level: Level | None = None,
    specimen: Specimen = "tissue",
    orientation: Orientation | None = None,
    library_size: str | Sequence[float] | None = None,
    duplicates: Duplicates | None = None,
    aliases: Mapping[str, str] | None = None,
) -> Expression:
    """Read a table of miRNA expression.

    Parameters
    ----------
    path : str or Path
        A delimited file (comma, tab or semicolon; plain or compressed), ``"-"`` for standard
        input. The first column (or row) holds the names.
    unit : {"counts", "cpm", "log2", "ct", "delta_ct"}, optional
        Inferred, and noted, where the values leave no doubt.
    level : {"mature", "stem-loop"}, optional
        Inferred from the names.
    specimen : {"tissue", "serum", "ev"}, default "tissue"
    orientation : {"samples_in_rows", "features_in_rows"}, optional
        Found by where names of miRNAs stand, and noted.
    library_size : str or sequence of float, optional
        All miRNA reads per sample (in the table's order; a Series is matched by its index), or
        the name of the column with them; for counts of a part of the library.
    duplicates : {"sum", "mean"}, optional
        How columns with one name are merged; without it they are an error. ``"sum"`` is for
        counts and CPM.
    aliases : mapping of str to str, optional
        Names of your own, to miRBase names.

    Returns
    -------
    Expression

    Raises
    ------
    NotFoundError
        If there is no such file.
    InvalidTableError
        If the file is no table; the message names row and column.
    InvalidExpressionError
        If unit, values or names do not hold together.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        cells = read_delimited(_content(path), where=name)
        return _expression(
            cells, unit, level, specimen, orientation, library_size, duplicates, aliases
        )
    except NotFoundError:
        raise
    except Exception as error:
        raise _located(error, name) from None


def as_expression(
    X: object,
    *,
    unit: Unit | None = None,
    specimen: Specimen | None = None,
    feature_names: Sequence[str] | None = None,
    orientation: Orientation | None = None,
    library_size: Sequence[float] | None = None,
    duplicates: Duplicates | None = None,
    aliases: Mapping[str, str] | None = None,
) -> Expression:
    """Take anything that holds a table for an Expression.

    Parameters
    ----------
    X : Expression, DataFrame, Series, or array of shape (n_samples, n_features)
        A Series is one sample, its index the features; an array needs ``feature_names``.
    unit, specimen, orientation, library_size, duplicates, aliases
        As for :func:`mirrisk.read`.
    feature_names : sequence of str, optional
        Names of an array's columns.

    Raises
    ------
    InvalidTableError
        If X is none of these, or its cells are no numbers.
    """
    if isinstance(X, Expression):
        reading = {
            "feature_names": feature_names,
            "orientation": orientation,
            "library_size": library_size,
            "duplicates": duplicates,
            "aliases": aliases,
        }
        return _unchanged(X, unit, specimen, [k for k, v in reading.items() if v is not None])
    cells = _cells_of(X, feature_names)
    return _expression(
        cells,
        unit,
        None,
        specimen or "tissue",
        orientation,
        library_size,
        duplicates,
        aliases,
    )


def _unchanged(
    X: Expression, unit: Unit | None, specimen: Specimen | None, reading: Sequence[str]
) -> Expression:
    if reading:
        raise InvalidTableError(
            f"{', '.join(reading)} given with an Expression, which was read already",
            remedy="give it to mirrisk.read",
        )
    for name, asked, has in (("unit", unit, X.unit), ("specimen", specimen, X.specimen)):
        if asked is not None and asked != has:
            raise InvalidTableError(
                f"{name}={asked!r} was asked for, but the Expression is in {has!r}",
                remedy=f"leave {name} out, or read the table again with it",
            )
    return X


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


def _located(error: Exception, name: str) -> Exception:
    """Add the file's name to an error that does not tell it."""
    if isinstance(error, MirriskError) and not error.where.startswith(name):
        where = f"{name}, {error.where}" if error.where else name
        return type(error)(error.what, where=where, expected=error.expected, remedy=error.remedy)
    return error


def _cells_of(X: object, feature_names: Sequence[str] | None) -> Cells:
    """Return rows, columns and values of a frame, a Series or an array."""
    import pandas as pd

    if isinstance(X, pd.Series):
        X = X.to_frame(name="sample" if X.name is None else X.name).T
    if isinstance(X, pd.DataFrame):
        if feature_names is not None:
            raise InvalidTableError(
                "feature_names given with a DataFrame, which has names of its own",
                remedy="leave feature_names out, or give an array",
            )
        return _cells_of_frame(X)
    values = _array(X)
    if values is None or values.ndim != 2:
        shape = f" of shape {values.shape}" if isinstance(X, np.ndarray) else ""
        remedy = "reshape one sample with X.reshape(1, -1)"
        if isinstance(X, str | Path):
            remedy = f"read the file first: mirrisk.read({str(X)!r})"
        raise InvalidTableError(
            f"cannot take {type(X).__name__}{shape} for a table",
            expected="an Expression, a DataFrame, a Series (one sample), or an array of "
            "shape (n_samples, n_features) with feature_names",
            remedy=remedy,
        )
    if feature_names is None or len(feature_names) != values.shape[1]:
        given = "no feature_names" if feature_names is None else f"{len(feature_names)} names"
        raise InvalidTableError(
            f"{given} for an array of {values.shape[1]} columns",
            expected="one name per column",
            remedy="give feature_names=[...], or a DataFrame",
        )
    rows = tuple(f"sample_{i + 1}" for i in range(len(values)))
    return Cells(rows, tuple(map(str, feature_names)), _floats(values, rows, feature_names), {})


def _cells_of_frame(frame: pd.DataFrame) -> Cells:
    rows, columns = tuple(map(str, frame.index)), tuple(map(str, frame.columns))
    text = {}
    numeric = []
    for j, dtype in enumerate(frame.dtypes):
        if getattr(dtype, "kind", "O") in "biuf":
            numeric.append(j)
        else:
            text[j] = [None if _absent(cell) else cell for cell in frame.iloc[:, j]]
    values = np.full(frame.shape, np.nan)
    if len(numeric) == frame.shape[1]:
        values = frame.to_numpy(dtype=float, na_value=np.nan)
    elif numeric:
        values[:, numeric] = frame.iloc[:, numeric].to_numpy(dtype=float, na_value=np.nan)
    return Cells(rows, columns, values, text)


def _array(X: object) -> Any:
    """Return an array, or nested lists as one; None where X is neither."""
    if not isinstance(X, np.ndarray | list | tuple):
        return None
    try:
        return np.asarray(X)
    except ValueError:  # rows of different lengths
        return None


def _absent(cell: Any) -> bool:
    """Whether a cell holds None, NaN, NaT or pandas' NA."""
    import pandas as pd

    return cell is None or cell is pd.NA or bool(cell != cell)


def _floats(values: Any, rows: Sequence[str], columns: Sequence[str]) -> FloatArray:
    if values.dtype.kind in "biuf":
        return np.asarray(values, dtype=float)
    text = {
        j: [None if _absent(cell) else cell for cell in column]
        for j, column in enumerate(values.T.astype(object))
    }
    return numbers(Cells(tuple(rows), tuple(columns), np.full(values.shape, np.nan), text))


def _expression(
    cells: Cells,
    unit: Unit | None,
    level: Level | None,
    specimen: Specimen,
    orientation: Orientation | None,
    library_size: str | Sequence[float] | None,
    duplicates: Duplicates | None,
    aliases: Mapping[str, str] | None,
) -> Expression:
    if not cells.rows or not cells.columns:
        raise InvalidTableError(
            f"the table has {len(cells.rows)} rows and {len(cells.columns)} columns of values",
            expected="at least one sample and one miRNA",
        )
    for name, value, allowed in (
        ("orientation", orientation, get_args(Orientation)),
        ("level", level, get_args(Level)),
        ("duplicates", duplicates, get_args(Duplicates)),
    ):
        if value is not None:
            check_choice(name, value, allowed)
    cells, notes = _samples_in_rows(cells, orientation, aliases)
    library, cells = _library(cells, library_size)
    cells, index, aside = _mirna_columns(cells, level, aliases)
    require_mirnas(index)
    values = numbers(cells)
    if aside:
        notes.append(f"set aside, no miRNA: {_list(aside)}")
    if unit is None:
        unit, reason = infer_unit(values, index.at_level)
        notes.append(f"unit taken for {unit}: {reason}")
    if duplicates is not None:
        values, index = _merge(values, index, duplicates, unit, aliases)
    return Expression(values, cells.rows, index, unit, specimen, library, tuple(notes))


def _samples_in_rows(
    cells: Cells, orientation: Orientation | None, aliases: Mapping[str, str] | None
) -> tuple[Cells, list[str]]:
    """Turn the table so that samples are rows, telling how its orientation was found."""
    down = [r.is_mirna for r in index_features(cells.rows, None, aliases).resolutions]
    notes = []
    if orientation is None:
        across = sum(r.is_mirna for r in index_features(cells.columns, None, aliases).resolutions)
        if not across and not any(down):
            _refuse_names_in_a_column(cells, aliases)
        orientation = "features_in_rows" if sum(down) > across else "samples_in_rows"
        if orientation == "features_in_rows":
            notes.append(f"miRNAs stand in rows ({sum(down)} names): the table was turned")
    if orientation == "samples_in_rows":
        return cells, notes
    mirnas = [i for i, is_mirna in enumerate(down) if is_mirna]
    aside = [j for j, text in cells.text.items() if not _numeric(text[i] for i in mirnas)]
    if aside:
        notes.append(f"set aside, no sample: {_list([cells.columns[j] for j in aside])}")
    samples = [j for j in range(len(cells.columns)) if j not in aside]
    return _turned(cells.take(samples), down), notes


def _turned(cells: Cells, is_mirna: Sequence[bool]) -> Cells:
    """Exchange rows and columns; text in the row of a miRNA is an error, elsewhere it is text."""
    worded = [
        i
        for i, known in enumerate(is_mirna)
        if not known and not all(map(_numeric_or_empty, (t[i] for t in cells.text.values())))
    ]
    numeric = [i for i in range(len(cells.rows)) if i not in worded]
    values = np.full((len(cells.columns), len(cells.rows)), np.nan)
    values[:, numeric] = numbers(cells.take_rows(numeric)).T
    text = {i: _row(cells, i) for i in worded}
    return Cells(cells.columns, cells.rows, values, text)


def _row(cells: Cells, i: int) -> list[object]:
    """Return one row of cells, text or not; None where a cell is empty."""
    row: list[object] = [None if np.isnan(value) else value for value in cells.values[i]]
    for j, column in cells.text.items():
        row[j] = column[i]
    return row


def _refuse_names_in_a_column(cells: Cells, aliases: Mapping[str, str] | None) -> None:
    """Refuse a table whose miRNAs are named in a column that is not the first."""
    for j, column in cells.text.items():
        names = [str(cell) for cell in column if cell is not None]
        if any(r.is_mirna for r in index_features(names, None, aliases).resolutions):
            raise InvalidTableError(
                f"the names of miRNAs stand in column {cells.columns[j]!r}",
                expected="names in the first column (of a DataFrame: in its index), or in the "
                "header",
                remedy="move that column to the front; in pandas: "
                f"X.set_index({cells.columns[j]!r})",
            )


def _numeric(column: Iterable[object]) -> bool:
    """Whether a column of text is meant to hold numbers: at least half of its cells do."""
    found = [is_number(cell) for cell in column if cell is not None]
    return not found or sum(found) * 2 >= len(found)


def _numeric_or_empty(cell: object) -> bool:
    return cell is None or is_number(cell)


def _library(
    cells: Cells, library_size: str | Sequence[float] | None
) -> tuple[FloatArray | None, Cells]:
    if library_size is None:
        return None, cells
    if isinstance(library_size, str):
        if library_size not in cells.columns:
            raise InvalidTableError(
                f"no column {library_size!r} for the library size",
                expected="the name of a column with all miRNA reads of each sample",
            )
        column = cells.columns.index(library_size)
        sizes = numbers(cells.take([column]))[:, 0]
        cells = cells.take([j for j in range(len(cells.columns)) if j != column])
    else:
        sizes = _sizes_given(library_size, cells.rows)
    if sizes.shape != (len(cells.rows),):
        raise InvalidTableError(
            f"library_size holds {sizes.size} values", expected=f"{len(cells.rows)}, one per sample"
        )
    sound = np.isfinite(sizes) & (sizes > 0)
    if not sound.all():
        row = int(np.flatnonzero(~sound)[0])
        raise InvalidTableError(
            f"library size {sizes[row]:g}",
            where=f"sample {cells.rows[row]!r}",
            expected="a positive number of reads",
        )
    return sizes, cells


def _sizes_given(library_size: Sequence[float], samples: Sequence[str]) -> FloatArray:
    """Return library sizes in the order of the samples; a Series is matched by its index."""
    import pandas as pd

    if isinstance(library_size, pd.Series):
        named = dict(zip(map(str, library_size.index), library_size, strict=True))
        absent = [name for name in samples if name not in named]
        if absent:
            raise InvalidTableError(
                f"library_size has no value for sample {absent[0]!r}",
                expected="a Series indexed by sample, or a list in the order of the samples",
            )
        library_size = [named[name] for name in samples]
    try:
        return np.asarray(library_size, dtype=float)
    except (TypeError, ValueError):
        raise InvalidTableError(
            "library_size holds something that is no number",
            expected="one number of reads per sample",
        ) from None


def _mirna_columns(
    cells: Cells, level: Level | None, aliases: Mapping[str, str] | None
) -> tuple[Cells, FeatureIndex, list[str]]:
    """Set aside the text columns that are no miRNA; numeric ones stay as possible controls."""
    index = index_features(cells.columns, level, aliases)
    kept = [j for j, r in enumerate(index.resolutions) if r.is_mirna or j not in cells.text]
    aside = [cells.columns[j] for j, r in enumerate(index.resolutions) if not r.is_mirna]
    if len(kept) == len(cells.columns):
        return cells, index, aside
    cells = cells.take(kept)
    return cells, index_features(cells.columns, level, aliases), aside


def _merge(
    values: FloatArray,
    index: FeatureIndex,
    how: Duplicates,
    unit: Unit,
    aliases: Mapping[str, str] | None,
) -> tuple[FloatArray, FeatureIndex]:
    """Merge columns of one name, as the user asked."""
    if how == "sum" and unit not in SEQUENCING:
        raise InvalidTableError(
            f"duplicates='sum' for a table in {unit}: a sum of logarithms means nothing",
            expected="counts or cpm",
            remedy="average them: duplicates='mean'",
        )
    places: dict[str, list[int]] = {}
    for j, name in enumerate(index.features):
        places.setdefault(name, []).append(j)
    merged = np.empty((len(values), len(places)))
    for target, columns in enumerate(places.values()):
        # Sorted, so that the order of the file cannot bear upon the last bit.
        block = np.sort(values[:, columns], axis=1)
        merged[:, target] = row_sums(block) if how == "sum" else row_means(block, ~np.isnan(block))
    return merged, index_features(tuple(places), index.level, aliases)


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
