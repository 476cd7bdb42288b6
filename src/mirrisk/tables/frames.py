"""Data frames, Series, AnnData and arrays to cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import InvalidTableError
from mirrisk.tables.anndata import cells_of_anndata, is_anndata
from mirrisk.tables.cells import Cells
from mirrisk.tables.columnar import cells_of_arrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import pyarrow as pa


def cells_of(
    X: object,
    feature_names: Sequence[str] | None,
    *,
    layer: str | None = None,
    library_column: str | None = None,
) -> Cells:
    """Return rows, columns and values of a frame, a Series, an AnnData or an array."""
    import pandas as pd

    if is_anndata(X):
        _refuse_feature_names(feature_names, "an AnnData")
        return cells_of_anndata(X, layer, library_column)
    if layer is not None:
        raise InvalidTableError(
            f"layer={layer!r} for a {type(X).__name__}, which has no layers",
            remedy="leave layer out, or give an AnnData",
        )
    if isinstance(X, pd.Series):
        X = X.to_frame(name="sample" if X.name is None else X.name).T
    if isinstance(X, pd.DataFrame):
        _refuse_feature_names(feature_names, "a DataFrame")
        return _cells_of_frame(X)
    table = _arrow(X)
    if table is not None:
        _refuse_feature_names(feature_names, "a DataFrame")
        return cells_of_arrow(table)
    values = _array(X)
    if values is None or values.ndim != 2:
        shape = f" of shape {values.shape}" if isinstance(X, np.ndarray) else ""
        remedy = "reshape one sample with X.reshape(1, -1)"
        if isinstance(X, str | Path):
            remedy = f"read the file first: mirrisk.read({str(X)!r})"
        raise InvalidTableError(
            f"cannot take {type(X).__name__}{shape} for a table",
            expected="an Expression, a DataFrame (of pandas, polars or pyarrow), a Series (one "
            "sample), an AnnData, or an array of shape (n_samples, n_features) with feature_names",
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
    return _cells_of_array(values, rows, tuple(map(str, feature_names)))


def _refuse_feature_names(feature_names: Sequence[str] | None, kind: str) -> None:
    if feature_names is not None:
        raise InvalidTableError(
            f"feature_names given with {kind}, which has names of its own",
            remedy="leave feature_names out, or give an array",
        )


def _arrow(X: object) -> pa.Table | None:
    """Return a frame of polars, pyarrow or another library as Arrow; None where X is none."""
    if X is None or isinstance(X, np.ndarray | list | tuple | str | Path):
        return None
    import narwhals as nw

    frame: Any = nw.from_native(X, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        raise InvalidTableError(
            f"a lazy {type(X).__name__}: its values are yet to be computed",
            expected="a frame that holds its values",
            remedy="give X.collect()",
        )
    return frame.to_arrow() if isinstance(frame, nw.DataFrame) else None


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
    corner = "" if frame.index.name is None else str(frame.index.name)
    return Cells(rows, columns, values, text, corner=corner)


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


def _cells_of_array(values: Any, rows: tuple[str, ...], columns: tuple[str, ...]) -> Cells:
    if values.dtype.kind in "biuf":
        return Cells(rows, columns, np.asarray(values, dtype=float))
    text = {
        j: [None if _absent(cell) else cell for cell in column]
        for j, column in enumerate(values.T.astype(object))
    }
    return Cells(rows, columns, np.full(values.shape, np.nan), text)
