"""Cells to an Expression: orientation, library sizes, columns that are miRNAs, unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from mirrisk.arrays import row_means, row_sums
from mirrisk.errors import InvalidTableError
from mirrisk.expression import (
    ROWS_FOR_INFERENCE,
    Expression,
    FeatureIndex,
    check_choice,
    index_features,
    infer_unit,
    require_mirnas,
)
from mirrisk.tables.cells import (
    Cells,
    is_number,
    named_by_text,
    numbers,
    refuse_too_many,
)
from mirrisk.tables.wells import CYCLES, Wells, limit_of, without_undetermined
from mirrisk.vocabulary import SEQUENCING, Level, Specimen, Undetermined, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mirrisk.vocabulary import FloatArray

Orientation = Literal["samples_in_rows", "features_in_rows"]
Duplicates = Literal["sum", "mean"]
Assemble = Literal["gdc"]

SHOWN = 5

ANNOTATION = re.compile(
    "start|end|length|width|strand|chr|chrom|chromosome|position|total|sum|mean|median|average|"
    "base_?mean|log2_?fold_?change|logfc|lfcse|logcpm|stat|p\\.?_?val(ue)?|padj|adj_p_val|fdr|"
    "q_?value|entrez(_?id)?|entrez_?gene|min|max|sd|variance|rank|index",
    re.IGNORECASE,
)
"""Numeric columns beside samples, where miRNAs stand in rows, that are no samples."""

FRACTIONS = (
    "counts hold fractions, taken for reads shared between miRNAs; a part of a table in CPM looks "
    "the same, and is to be declared as cpm"
)

SPREAD = 20_000
"""So many names tell on which side of a table the miRNAs stand, be it samples of a biobank."""


@dataclass(frozen=True)
class Reading:
    """What a user says of a table; None where it is to be found out."""

    unit: Unit | None = None
    level: Level | None = None
    specimen: Specimen = "tissue"
    orientation: Orientation | None = None
    library_size: str | Sequence[float] | None = None
    duplicates: Duplicates | None = None
    aliases: Mapping[str, str] | None = None
    undetermined: Undetermined = "missing"
    limit: float | None = None
    sheet: str | None = None
    layer: str | None = None
    assemble: Assemble | None = None

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("unit", self.unit, get_args(Unit)),
            ("specimen", self.specimen, get_args(Specimen)),
            ("orientation", self.orientation, get_args(Orientation)),
            ("level", self.level, get_args(Level)),
            ("duplicates", self.duplicates, get_args(Duplicates)),
            ("undetermined", self.undetermined, get_args(Undetermined)),
            ("assemble", self.assemble, get_args(Assemble)),
        ):
            if value is not None:
                check_choice(name, value, allowed)

    @property
    def library_column(self) -> str | None:
        """Name of the column with library sizes, if it is said to be one."""
        return self.library_size if isinstance(self.library_size, str) else None


def to_expression(cells: Cells, how: Reading) -> Expression:
    """Find out what cells mean, and make them an Expression.

    Raises
    ------
    InvalidTableError, InvalidExpressionError
        If they do not hold together.
    """
    cells = named_by_text(cells)
    if not cells.rows or not cells.columns:
        raise InvalidTableError(
            f"the table has {len(cells.rows)} rows and {len(cells.columns)} columns of values",
            expected="at least one sample and one miRNA",
        )
    if how.unit in CYCLES:
        cells = without_undetermined(cells)
    told, stated = list(cells.notes), cells.unit
    if cells.corner and index_features((cells.corner,), None, how.aliases).resolutions[0].is_mirna:
        raise InvalidTableError(
            f"the column of names is headed {cells.corner!r}, which is a miRNA",
            expected="names of samples (or of miRNAs) in the first column, and a header",
            remedy="add the missing names, or the missing header",
        )
    cells, notes = _samples_in_rows(cells, how.orientation, how.aliases)
    notes = told + notes
    library, cells = library_of(cells, how.library_size)
    cells, index, aside = _mirna_columns(cells, how.level, how.aliases)
    require_mirnas(index)
    values = numbers(cells)
    if aside:
        notes.append(f"set aside, no human miRNA: {_list(aside)}")
    unit = how.unit or stated
    if unit is None:
        unit, reason = infer_unit(values, index.at_level)
        notes.append(f"unit taken for {unit}: {reason}")
    if unit == "counts" and _fractional(values[:ROWS_FOR_INFERENCE, index.at_level]):
        notes.append(FRACTIONS)
    limit = limit_of(how.undetermined, how.limit, unit)
    if unit in CYCLES:
        empty = how.undetermined == "limit_empty"
        wells = Wells(values, cells.undetermined, index.at_level, limit, empty)
        values = wells.cycles()
        notes += wells.notes()
    if how.duplicates is not None:
        values, index = _merge(values, index, how.duplicates, unit, how.aliases)
    return Expression(
        values,
        cells.rows,
        index,
        unit,
        how.specimen,
        library,
        tuple(notes),
        undetermined=how.undetermined,
        limit=limit,
    )


def _fractional(values: FloatArray) -> bool:
    return bool((values != np.floor(values))[~np.isnan(values)].any())


def _samples_in_rows(
    cells: Cells, orientation: Orientation | None, aliases: Mapping[str, str] | None
) -> tuple[Cells, list[str]]:
    """Turn the table so that samples are rows, telling how its orientation was found."""
    turned = orientation == "features_in_rows"
    if orientation is None:
        down, across = (_mirnas_among(names, aliases) for names in (cells.rows, cells.columns))
        if not across and not down:
            _refuse_names_in_a_column(cells, aliases)
        turned = down > across
    if not turned:
        return cells, []
    refuse_too_many(len(cells.rows), "features in rows")
    known = index_features(cells.rows, None, aliases).is_mirna
    notes = []
    if orientation is None:
        notes.append(f"miRNAs stand in rows ({sum(known)} names): the table was turned")
    mirnas = [i for i, is_mirna in enumerate(known) if is_mirna]
    aside = [j for j, text in cells.text.items() if not _numeric(text[i] for i in mirnas)]
    aside += [
        j
        for j, name in enumerate(cells.columns)
        if j not in aside and ANNOTATION.fullmatch(name.strip())
    ]
    if aside:
        notes.append(f"set aside, no sample: {_list([cells.columns[j] for j in aside])}")
    samples = [j for j in range(len(cells.columns)) if j not in aside]
    if not samples:
        raise InvalidTableError(
            f"no column is a sample: {_list(list(cells.columns))} "
            f"{'is' if len(aside) == 1 else 'are'} taken for annotation",
            expected="miRNAs in rows, and columns that are samples",
            remedy="give the samples names of their own; statistics of samples are no samples",
        )
    return _turned(cells.take(samples), known), notes


def _mirnas_among(names: Sequence[str], aliases: Mapping[str, str] | None) -> int:
    """Return how many names denote miRNAs; of very many, as a spread of them has it."""
    step = -(-len(names) // SPREAD)
    spread = names if step < 2 else names[::step]
    found = sum(index_features(spread, None, aliases).is_mirna)
    return found if step < 2 else found * step


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
    wells = None if cells.undetermined is None else cells.undetermined.T
    return Cells(cells.columns, cells.rows, values, text, wells)


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
        if any(index_features(names, None, aliases).is_mirna):
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


def library_of(
    cells: Cells, library_size: str | Sequence[float] | None
) -> tuple[FloatArray | None, Cells]:
    """Return the library sizes, and the cells without the column that held them.

    Raises
    ------
    InvalidTableError
        If there is no such column, or its values are no library sizes.
    """
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
    kept = [j for j, known in enumerate(index.is_mirna) if known or j not in cells.text]
    aside = [name for name, known in zip(cells.columns, index.is_mirna, strict=True) if not known]
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
