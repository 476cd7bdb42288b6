"""Tables: files, data frames and arrays become an Expression.

``sources`` tells what a file is, and one module per format makes cells of it, which know nothing
of their meaning: ``delimited`` (with ``decoding``), ``columnar`` (Parquet, Feather), ``excel``,
``anndata``; ``frames`` makes cells of data frames and arrays. ``pipelines`` and ``gdc`` recognise
layouts that are no plain matrix. ``assembly`` makes cells an Expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirrisk.errors import InvalidTableError, MirriskError, NotFoundError
from mirrisk.expression import Expression
from mirrisk.tables.assembly import Assemble, Duplicates, Orientation, Reading, to_expression
from mirrisk.tables.cells import located
from mirrisk.tables.frames import cells_of
from mirrisk.tables.pipelines import recognised
from mirrisk.tables.sources import name_of, read_cells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mirrisk.vocabulary import Level, Specimen, Undetermined, Unit

__all__ = ["Assemble", "Duplicates", "Orientation", "as_expression", "read"]


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
    undetermined: Undetermined = "missing",
    limit: float | None = None,
    sheet: str | None = None,
    layer: str | None = None,
    assemble: Assemble | None = None,
) -> Expression:
    """Read a table of miRNA expression.

    Parameters
    ----------
    path : str or Path
        Delimited text (comma, tab or semicolon; plain or compressed), Parquet, Feather, an Excel
        workbook, AnnData (.h5ad), or one of the layouts of pipelines and of the GDC that
        ``docs/tables.md`` lists; ``"-"`` for standard input; a folder with ``assemble``, or
        with the files of a Parquet data set. The first column (or row) holds the names.
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
    undetermined : {"missing", "limit", "limit_empty"}, default "missing"
        What becomes of Ct wells printed as undetermined (``Undetermined``, ``UND``, ``ND``,
        ``No Ct``, ...): missing, or set to the limit of detection; ``"limit_empty"`` sets empty
        wells to it as well. Either biases results, and a note says how.
    limit : float, default 40
        The limit of detection in cycles; a later Ct is set to it, too.
    sheet : str, optional
        Of an Excel workbook; the first if omitted.
    layer : str, optional
        Of an AnnData; X if omitted.
    assemble : {"gdc"}, optional
        How the files in a folder become one table; ``"gdc"``: a download of the Genomic Data
        Commons, one file per sample in folders of any depth.

    Returns
    -------
    Expression

    Raises
    ------
    NotFoundError
        If there is no such file, sheet or layer.
    MissingExtraError
        If the format needs a package that is not installed.
    InvalidTableError
        If the file is no table; the message names row and column.
    InvalidExpressionError
        If unit, values or names do not hold together.
    """
    name = name_of(path)
    try:
        how = Reading(
            unit,
            level,
            specimen,
            orientation,
            library_size,
            duplicates,
            aliases,
            undetermined=undetermined,
            limit=limit,
            sheet=sheet,
            layer=layer,
            assemble=assemble,
        )
        return to_expression(read_cells(path, how), how)
    except NotFoundError:
        raise
    except MirriskError as error:
        raise located(error, name) from None


def as_expression(
    X: object,
    *,
    unit: Unit | None = None,
    level: Level | None = None,
    specimen: Specimen | None = None,
    feature_names: Sequence[str] | None = None,
    orientation: Orientation | None = None,
    library_size: Sequence[float] | None = None,
    duplicates: Duplicates | None = None,
    aliases: Mapping[str, str] | None = None,
    undetermined: Undetermined | None = None,
    limit: float | None = None,
    layer: str | None = None,
) -> Expression:
    """Take anything that holds a table for an Expression.

    Parameters
    ----------
    X : Expression, DataFrame, Series, AnnData, or array of shape (n_samples, n_features)
        A frame of pandas, polars or pyarrow, in either orientation; a pandas Series is one
        sample, its index the features; an array needs ``feature_names``.
    unit, level, specimen, orientation, library_size, duplicates, aliases, undetermined, limit
        As for :func:`mirrisk.read`.
    layer : str, optional
        Of an AnnData; X if omitted.
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
            "level": level,
            "orientation": orientation,
            "library_size": library_size,
            "duplicates": duplicates,
            "aliases": aliases,
            "undetermined": undetermined,
            "limit": limit,
            "layer": layer,
        }
        return _unchanged(X, unit, specimen, [k for k, v in reading.items() if v is not None])
    how = Reading(
        unit,
        level,
        specimen or "tissue",
        orientation,
        library_size,
        duplicates,
        aliases,
        undetermined=undetermined or "missing",
        limit=limit,
        layer=layer,
    )
    cells = cells_of(X, feature_names, layer=layer, library_column=how.library_column)
    return to_expression(recognised(cells, None, unit), how)


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
