"""Log2-scale expression of a table; Ct values are normalised by miRNAs that are always there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.arrays import row_means
from mirrisk.errors import InvalidReferenceError, MismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.expression import Expression
    from mirrisk.vocabulary import FloatArray, Level


@dataclass(frozen=True)
class Normaliser:
    """A Ct normaliser: its mean Ct (sign turned) and how steadily it follows the others."""

    name: str
    mean: float
    sd: float


def fit_normalisers(expression: Expression, names: Sequence[str] | None) -> tuple[Normaliser, ...]:
    """Choose what Ct values are normalised by: the named columns, or all always detected."""
    if expression.unit != "ct":
        if names:
            raise InvalidReferenceError(
                f"normalisers given for a table in {expression.unit}", expected='unit="ct"'
            )
        return ()
    if isinstance(names, str):
        names = [names]
    if names is None:
        keys = tuple(sorted(expression.index.columns_of(expression.level)))
        logs = expression.log_values(keys, expression.level)
        detected = np.asarray(~np.isnan(logs).any(axis=0))
        names = [keys[i] for i in np.flatnonzero(detected)]
    if not names:
        raise InvalidReferenceError(
            "no miRNA was detected in every sample, so nothing can normalise the Ct values",
            remedy="name normalisers, or give delta-Ct values (unit delta_ct)",
        )
    names = [_stored_name(expression, name) for name in names]
    values = np.column_stack([_normaliser_values(expression, name) for name in names])
    centred = values - np.nanmean(values, axis=0)
    deviations = centred - row_means(centred, ~np.isnan(centred))[:, None]
    return tuple(
        Normaliser(name, float(np.nanmean(column)), float(np.nanstd(deviation, ddof=1)))
        for name, column, deviation in zip(names, values.T, deviations.T, strict=True)
    )


def _stored_name(expression: Expression, name: str) -> str:
    """Return the key of a miRNA, or the column of a control; refuse what is neither or empty."""
    if name in expression.features:
        resolution = expression.index.resolutions[expression.features.index(name)]
        if resolution.key in expression.index.columns_of(expression.level):
            name = str(resolution.key)
    if np.isnan(_normaliser_values(expression, name)).all():
        raise InvalidReferenceError(
            f"normaliser {name!r} was not measured in the table",
            expected="names of its miRNAs or of its other columns",
        )
    return name


def _normaliser_values(expression: Expression, name: str) -> FloatArray:
    """Return one normaliser's sign-turned Ct: a miRNA by its key, a control by its column."""
    if name in expression.index.columns_of(expression.level):
        return expression.log_values([name], expression.level)[:, 0]
    if name in expression.features:
        return -expression._cells([expression.features.index(name)])[:, 0]
    return np.full(len(expression), np.nan)


def normalised(
    expression: Expression,
    keys: Sequence[str],
    level: Level,
    normalisers: tuple[Normaliser, ...],
) -> FloatArray:
    """Return log2-scale expression; Ct less the sample's deviation at the normalisers."""
    logs = expression.log_values(keys, level)
    if not normalisers:
        return logs
    values = np.column_stack([_normaliser_values(expression, x.name) for x in normalisers])
    measured = ~np.isnan(values)
    enough = measured.mean(axis=1) >= 0.5
    if not enough.any():
        worst = int(measured.mean(axis=1).argmin())
        raise MismatchError(
            f"only {int(measured[worst].sum())} of {len(normalisers)} normalisers were measured",
            where=f"sample {expression.samples[worst]!r}",
            expected="at least half of " + ", ".join(x.name for x in normalisers[:5]) + ", ...",
            remedy="use a reference fitted on the same assays",
        )
    deviation = row_means(values - np.array([x.mean for x in normalisers]), measured)
    # A sample that cannot be normalised has no values; it must not stop the others.
    return np.asarray(logs - np.where(enough, deviation, np.nan)[:, None])
