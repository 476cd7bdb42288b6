"""A cohort to fit on: the expression of its samples beside their clinical covariates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from mirrisk.arrays import take_columns
from mirrisk.errors import InvalidTableError, MismatchError, NotFoundError, did_you_mean
from mirrisk.expression import Expression, distinct, index_features
from mirrisk.tables.clinical import column, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray, Specimen, Unit


@dataclass(frozen=True, eq=False)
class Cohort:
    """Samples with their expression and clinical covariates, in one order.

    Attributes
    ----------
    expression : Expression
    covariates : ndarray of shape (n_samples, n_covariates)
        As given; NaN where not known.
    names : tuple of str
        Of the covariates.
    """

    expression: Expression
    covariates: FloatArray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.expression)

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of the samples."""
        return self.expression.samples

    def take(self, rows: IntArray | BoolArray) -> Cohort:
        """Return some samples, in the order asked for; one taken twice gets another name."""
        covariates = self.covariates[np.arange(len(self))[rows]]
        return replace(self, expression=self.expression.take(rows), covariates=covariates)

    @classmethod
    def of_columns(
        cls,
        values: FloatArray,
        columns: Sequence[str],
        samples: Sequence[str],
        *,
        covariates: Sequence[str],
        unit: Unit,
        specimen: Specimen,
    ) -> Cohort:
        """Divide the columns of one table into miRNAs and covariates.

        Raises
        ------
        NotFoundError
            If a covariate is no column.
        """
        place = _places(covariates, columns)
        rest = [i for i in range(len(columns)) if i not in set(place)]
        index = index_features(tuple(columns[i] for i in rest))
        expression = Expression(
            take_columns(values, rest), distinct(samples), index, unit, specimen
        )
        return cls(expression, take_columns(values, place), tuple(covariates))

    @classmethod
    def of_expression(
        cls, expression: Expression, clinical: pd.DataFrame | None, covariates: Sequence[str]
    ) -> Cohort:
        """Put a table that was read beside the clinical columns of its samples.

        Parameters
        ----------
        expression : Expression
        clinical : DataFrame, optional
            One row per sample, named as in the table, in any order; others are left out.
        covariates : sequence of str
            Its columns that count.

        Raises
        ------
        NotFoundError
            If a covariate is no column, or a sample has no row.
        InvalidTableError
            If samples have two rows, or a covariate is no number.
        """
        if not covariates:
            return cls(expression, np.empty((len(expression), 0)), ())
        if clinical is None:
            raise NotFoundError(
                f"no clinical columns were given, but {', '.join(covariates)} wanted",
                expected="clinical=, a frame with the samples' names as its index",
            )
        _refuse_twice(covariates)
        where = "clinical columns"
        frame = clinical.set_axis(clinical.index.map(str), axis=0)
        values = np.column_stack(
            [numbers(column(frame, name, where), where) for name in covariates]
        )
        if not frame.index.is_unique:
            twice = frame.index[frame.index.duplicated()][0]
            raise InvalidTableError("a sample has several rows", where=f"{where}: sample {twice!r}")
        rows = frame.index.get_indexer(pd.Index(expression.samples))
        absent = [sample for sample, row in zip(expression.samples, rows, strict=True) if row < 0]
        if absent:
            raise NotFoundError(
                f"no row for {len(absent)} of {len(expression)} samples",
                where=f"{where}: sample {absent[0]!r}",
                expected="one row per sample of the table",
                remedy="add the rows (with empty cells where nothing is known)",
            )
        return cls(expression, values[rows], tuple(covariates))


def require_numbers(frame: pd.DataFrame, covariates: Sequence[str]) -> None:
    """Refuse covariates that hold text; numbers and booleans pass.

    Raises
    ------
    InvalidTableError
    """
    for name in covariates:
        if name not in frame.columns:
            continue  # told where columns are looked for
        values = frame[name]
        if isinstance(values, pd.DataFrame):
            raise InvalidTableError(f"several columns are named {name!r}", expected="one")
        kind = values.dropna().infer_objects()
        if not (is_numeric_dtype(kind) or is_bool_dtype(kind)) and len(kind):
            raise InvalidTableError(
                f"covariate {name!r} holds {str(kind.iloc[0])!r}",
                where=f"sample {kind.index[0]!s}",
                expected="numbers",
                remedy="encode it as numbers: 0 and 1 for two categories, a column of 0 and 1 for "
                "each further one",
            )


def require_variation(values: FloatArray, names: Sequence[str]) -> None:
    """Refuse covariates that tell nothing: constant ones, or without a single value.

    Raises
    ------
    InvalidTableError
    """
    for given, name in zip(values.T, names, strict=True):
        known = given[~np.isnan(given)]
        if not np.isfinite(known).all():
            raise InvalidTableError(f"covariate {name!r} holds an infinite value")
        if not len(known) or np.ptp(known) == 0:
            what = f"is {known[0]:g} in every sample" if len(known) else "has no value"
            raise InvalidTableError(
                f"covariate {name!r} {what}",
                expected="a column that differs between samples",
                remedy="leave it out",
            )


def in_order(given: object, X: object, what: str) -> None:
    """Refuse outcomes or groups whose names are not those of the table's samples, in their order.

    scikit-learn goes by position; where both carry names, names that differ are a mistake. A
    Series with pandas' own numbering, 0 to n - 1, carries none.

    Raises
    ------
    MismatchError
    """
    samples = sample_names(X)
    if isinstance(given, tuple):  # event and time
        for part in given:
            in_order(part, X, what)
    if not isinstance(given, pd.Series | pd.DataFrame) or samples is None:
        return
    labels = [str(label) for label in given.index]
    if labels == samples or len(labels) != len(samples):
        return  # lengths are compared elsewhere
    same = set(labels) == set(samples)
    if not same and labels == [str(i) for i in range(len(samples))]:
        return
    first = next(i for i, (a, b) in enumerate(zip(labels, samples, strict=True)) if a != b)
    raise MismatchError(
        f"{what} and X name the same samples in different orders"
        if same
        else f"{what} and X name different samples",
        where=f"row {first}: {labels[first]!r} in {what}, {samples[first]!r} in X",
        expected="the same samples in one order",
        remedy=f"give {what}.loc[X.index]; an array ({what}.to_numpy()) goes by position",
    )


def refuse_repeats(X: object) -> None:
    """Refuse to learn from a table that names a sample twice: it may be the same patient's.

    Raises
    ------
    MismatchError
    """
    samples = sample_names(X)
    if samples is None or len(set(samples)) == len(samples):
        return
    twice, times = Counter(samples).most_common(1)[0]
    raise MismatchError(
        f"{len(samples) - len(set(samples))} samples bear the name of another",
        where=f"sample {twice!r}, {times} times",
        expected="one row per sample, or groups",
        remedy="leave repetitions out, or tell whose each row is: groups=X.index",
    )


def sample_names(X: object) -> list[str] | None:
    """Return what a table calls its samples; None where it does not."""
    if isinstance(X, pd.DataFrame):
        return [str(label) for label in X.index]
    return list(X.samples) if isinstance(X, Expression | Cohort) else None


def _refuse_twice(covariates: Sequence[str]) -> None:
    if len(set(covariates)) < len(covariates):
        raise MismatchError("a covariate is named twice", where=", ".join(covariates))


def _places(covariates: Sequence[str], columns: Sequence[str]) -> list[int]:
    _refuse_twice(covariates)
    for name in covariates:
        if name not in columns:
            raise NotFoundError(
                f"no column {name!r}" + did_you_mean(name, columns),
                where="covariates",
                expected="names of clinical columns",
            )
    return [columns.index(name) for name in covariates]
