"""Arrow tables to cells: Parquet, Feather, and the data frames of other libraries."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import InvalidTableError
from mirrisk.tables.cells import MISSING, Cells, refuse_too_many

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from mirrisk.vocabulary import FloatArray

PARQUET_SUFFIXES = (".parquet", ".pq")


def read_parquet(content: bytes, where: str) -> Cells:
    """Read a Parquet file.

    Raises
    ------
    InvalidTableError
        If it is damaged, or its index has several levels.
    """
    return cells_of_arrow(_parquet(content, where), where)


def read_feather(content: bytes, where: str) -> Cells:
    """Read a Feather (Arrow IPC) file.

    Raises
    ------
    InvalidTableError
        If it is damaged, or its index has several levels.
    """
    import pyarrow as pa
    from pyarrow import feather

    try:
        table = feather.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError):
        raise damaged("Feather", where) from None
    return cells_of_arrow(table, where)


def parquet_files(folder: Path) -> list[Path]:
    """Return the parts of a Parquet data set; none if the folder holds anything else.

    Files that begin with a dot or an underscore are what writers leave beside the parts.
    """
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith((".", "_"))]
    return inside if all(p.is_file() and p.suffix in PARQUET_SUFFIXES for p in inside) else []


def read_parquet_files(paths: Sequence[Path]) -> Cells:
    """Read a Parquet data set: files of the same columns, one below the other.

    Raises
    ------
    InvalidTableError
        If a file is damaged, or has other columns than the first.
    """
    import pyarrow as pa

    tables = [_parquet(path.read_bytes(), str(path)) for path in paths]
    names = tables[0].column_names
    for path, table in zip(paths, tables, strict=True):
        if sorted(table.column_names) != sorted(names):
            raise InvalidTableError(
                f"its columns are not those of {paths[0].name}",
                where=str(path),
                expected="a Parquet data set: the same columns in every file",
                remedy="read the files one at a time",
            )
    try:
        whole = pa.concat_tables([t.select(names) for t in tables], promote_options="permissive")
    except (pa.ArrowException, KeyError):
        raise InvalidTableError(
            "a column holds numbers in one file and text in another",
            where=str(paths[0].parent),
            expected="a Parquet data set: the same types in every file",
            remedy="read the files one at a time",
        ) from None
    cells = cells_of_arrow(whole, str(paths[0].parent))
    return replace(cells, notes=(f"read as one data set: {len(paths)} Parquet files", *cells.notes))


def cells_of_arrow(table: pa.Table, where: str = "") -> Cells:
    """Take an Arrow table for cells.

    The index that pandas wrote names the rows. Without one the first column of text does that
    tells most rows apart, and without such a column they are called sample_1, sample_2, ...

    Raises
    ------
    InvalidTableError
        If the index has several levels.
    """
    refuse_too_many(table.num_columns, "columns", where)
    names, notes = _names(table, where)
    others = [j for j in range(table.num_columns) if j != names]
    values = np.full((table.num_rows, len(others)), np.nan)
    text: dict[int, list[object]] = {}
    for new, old in enumerate(others):
        column = table.column(old)
        if is_numeric(column.type):
            values[:, new] = _floats(column)
        else:
            text[new] = [None if cell in MISSING else cell for cell in column.to_pylist()]
    columns = tuple(table.column_names[j] for j in others)
    if names is None:
        rows = tuple(f"sample_{i + 1}" for i in range(table.num_rows))
        return Cells(rows, columns, values, text, notes=notes)
    rows = tuple("" if name is None else str(name) for name in table.column(names).to_pylist())
    label = table.column_names[names]
    corner = "" if label.startswith("__index_level_") else label
    return Cells(rows, columns, values, text, corner=corner, notes=notes)


def _names(table: pa.Table, where: str) -> tuple[int | None, tuple[str, ...]]:
    """Return the position of the column that names the rows, and what is to be said of it."""
    index = pandas_index(table)
    if len(index) > 1:
        raise InvalidTableError(
            f"the index has {len(index)} levels: {', '.join(index)}",
            where=where,
            expected="one name per row",
            remedy="keep one level before writing: frame.reset_index(...) in pandas",
        )
    if index:
        return table.column_names.index(index[0]), ()
    for j, column in enumerate(table.columns):
        # Above half: a repeated sample is for the Expression to refuse, a clinical column with
        # few values names nothing.
        if is_text(column.type) and 2 * len(column.unique()) > len(column):
            return j, (f"names are taken from column {table.column_names[j]!r}",)
    return None, ("no column holds names: samples are called sample_1, sample_2, ...",)


def pandas_index(table: pa.Table) -> list[str]:
    """Return the columns that pandas wrote as its index; none for a mere range."""
    written = (table.schema.metadata or {}).get(b"pandas")
    if written is None:
        return []
    index = json.loads(written).get("index_columns", [])
    return [name for name in index if isinstance(name, str) and name in table.column_names]


def is_numeric(kind: pa.DataType) -> bool:
    """Tell whether a column of Arrow holds numbers (or nothing)."""
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return any(test(kind) for test in tests)


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a column of Arrow holds text, plain or as a dictionary."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    tests = (types.is_string, types.is_large_string, types.is_string_view)
    return any(test(kind) for test in tests)


def _floats(column: pa.ChunkedArray) -> FloatArray:
    import pyarrow as pa

    numbers: Any = column.cast(pa.float64(), safe=False)
    return np.asarray(numbers.to_numpy(), dtype=float)


def _parquet(content: bytes, where: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError):
        raise damaged("Parquet", where) from None


def damaged(kind: str, where: str) -> InvalidTableError:
    """Say that a file cannot be read to its end."""
    return InvalidTableError(
        f"the {kind} file is damaged or cut short",
        where=where,
        remedy="copy or download it again",
    )
