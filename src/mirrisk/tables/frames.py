"""Data frames, Series and arrays to cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import InvalidTableError
from mirrisk.tables.cells import Cells, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from mirrisk.vocabulary import FloatArray


def cells_of(X: object, feature_names: Sequence[str] | None) -> Cells:
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
