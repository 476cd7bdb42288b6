"""Log2-scale expression of a table; Ct values are normalised by miRNAs that are always there."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.arrays import row_means, row_medians
from mirrisk.errors import InvalidReferenceError, MirriskWarning, MismatchError
from mirrisk.nomenclature import resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mirrisk.expression import Expression
    from mirrisk.vocabulary import BoolArray, FloatArray, Level


ENOUGH_OTHERS = 5
"""As many miRNAs of no panel, detected in every sample, make normalisers of their own."""

UNSTEADY = 1.0
"""Standard deviation, in cycles, above which a normaliser does not follow the others."""


LEAST_SHARE = 0.5
"""Share of the normalisers that a sample needs for its values to be normalised."""


@dataclass(frozen=True)
class Normaliser:
    """A Ct normaliser: its mean Ct (sign turned) and how steadily it follows the others.

    ``sd`` is the standard deviation, in cycles, of its deviation from the median of all; 0 for
    one alone, which has nothing to be compared with.
    """

    name: str
    mean: float
    sd: float


def fit_normalisers(
    expression: Expression, names: Sequence[str] | None, of_panels: Collection[str] = ()
) -> tuple[Normaliser, ...]:
    """Choose what Ct values are normalised by: the named columns, or all always detected.

    Parameters
    ----------
    expression : Expression
    names : sequence of str, optional
        Columns or miRNAs.
    of_panels : collection of str
        Keys of the panels' miRNAs: without names they are left out where enough others remain,
        so that what is measured does not normalise itself away.

    Warns
    -----
    MirriskWarning
        Of a named normaliser that does not follow the others.
    """
    if expression.unit != "ct":
        if names:
            raise InvalidReferenceError(
                f"normalisers given for a table in {expression.unit}", expected='unit="ct"'
            )
        return ()
    if isinstance(names, str):
        names = [names]
    chosen = _always_detected(expression, of_panels) if names is None else list(names)
    if not chosen:
        raise InvalidReferenceError(
            "no miRNA was detected in every sample, so nothing can normalise the Ct values",
            remedy="name normalisers, or give delta-Ct values (unit delta_ct)",
        )
    stored = list(dict.fromkeys(_stored_name(expression, name) for name in chosen))
    values = np.column_stack([_normaliser_values(expression, name) for name in stored])
    centred = values - np.nanmean(values, axis=0)
    # From the median of all: one that goes its own way must not make the others look unsteady.
    deviations = centred - row_medians(centred)[:, None]
    found = tuple(
        Normaliser(name, float(np.nanmean(column)), float(np.nanstd(deviation, ddof=1)))
        for name, column, deviation in zip(stored, values.T, deviations.T, strict=True)
    )
    if names is not None:
        _warn_of_unsteady(found)
    return found


def _always_detected(expression: Expression, of_panels: Collection[str]) -> list[str]:
    """Return the miRNAs detected in every sample, those of no panel if they are enough."""
    keys = sorted(expression.index.columns_of(expression.level))
    logs = _without_limit(expression, expression.log_values(keys, expression.level))
    always = np.flatnonzero(~np.isnan(logs).any(axis=0))
    detected = [keys[i] for i in always]
    others = [key for key in detected if key not in of_panels]
    return others if len(others) >= ENOUGH_OTHERS else detected


def _warn_of_unsteady(normalisers: Sequence[Normaliser]) -> None:
    unsteady = [f"{x.name} ({x.sd:.2f})" for x in normalisers if x.sd > UNSTEADY]
    if unsteady:
        warnings.warn(
            f"normalisers that do not follow the others (SD above {UNSTEADY:g} cycle): "
            f"{', '.join(unsteady)}; what they do by themselves goes into every value",
            MirriskWarning,
            stacklevel=4,
        )


def _stored_name(expression: Expression, name: str) -> str:
    """Return the key of a miRNA, or the column of a control; refuse what is neither or empty."""
    key = resolve(name).key
    if name in expression.features:
        key = expression.index.resolutions[expression.features.index(name)].key
    if key in expression.index.columns_of(expression.level):
        name = str(key)
    if np.isnan(_normaliser_values(expression, name)).all():
        raise InvalidReferenceError(
            f"normaliser {name!r} was not measured in the table",
            expected="names of its miRNAs or of its other columns",
        )
    return name


def _normaliser_values(expression: Expression, name: str) -> FloatArray:
    """Return one normaliser's sign-turned Ct: a miRNA by its key, a control by its column."""
    if name in expression.index.columns_of(expression.level):
        values = expression.log_values([name], expression.level)[:, 0]
    elif name in expression.features:
        values = -expression._cells([expression.features.index(name)])[:, 0]
    else:
        return np.full(len(expression), np.nan)
    return _without_limit(expression, values)


def _without_limit(expression: Expression, logs: FloatArray) -> FloatArray:
    """Drop what lies at the limit of detection: it tells nothing of the amount of RNA."""
    return logs if expression.limit is None else np.where(logs > -expression.limit, logs, np.nan)


def normalised(
    expression: Expression,
    keys: Sequence[str],
    level: Level,
    normalisers: tuple[Normaliser, ...],
) -> FloatArray:
    """Return log2-scale expression; Ct less the sample's deviation at the normalisers.

    A sample with too few of them has no values. It does not stop the others, nor does it matter
    to it which others there are.

    Raises
    ------
    MismatchError
        If the table has no columns for half of the normalisers.
    """
    logs = expression.log_values(keys, level)
    if not normalisers:
        return logs
    return np.asarray(logs - _deviation(expression, normalisers)[:, None])


def not_normalised(expression: Expression, normalisers: tuple[Normaliser, ...]) -> BoolArray:
    """Tell which samples have values, but too few of the normalisers: shape (n_samples,)."""
    if not normalisers:
        return np.zeros(len(expression), dtype=bool)
    measured = ~np.isnan(expression.values[:, expression.index.at_level]).all(axis=1)
    return np.asarray(measured & np.isnan(_deviation(expression, normalisers)))


def _deviation(expression: Expression, normalisers: tuple[Normaliser, ...]) -> FloatArray:
    """Return each sample's mean deviation at the normalisers; NaN where it has too few."""
    known = expression.index.columns_of(expression.level)
    there = [x.name for x in normalisers if x.name in known or x.name in expression.features]
    if len(there) < LEAST_SHARE * len(normalisers):
        raise MismatchError(
            f"the table has {len(there)} of the reference's {len(normalisers)} normalisers",
            expected="at least half of " + ", ".join(x.name for x in normalisers[:5]) + ", ...",
            remedy="use a reference fitted on the same assays",
        )
    values = np.column_stack([_normaliser_values(expression, x.name) for x in normalisers])
    measured = ~np.isnan(values)
    deviation = row_means(values - np.array([x.mean for x in normalisers]), measured)
    return np.where(measured.mean(axis=1) >= LEAST_SHARE, deviation, np.nan)
