"""Outcomes of two classes, put in the order of a table's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from mirrisk.errors import MismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.vocabulary import FloatArray

SHOWN = 3
"""How many names a note shows."""


class Labels(NamedTuple):
    """Outcomes in the order of the samples.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        1 for an event, 0 for none, NaN where not known.
    event, other : str
        What the two classes were called.
    notes : tuple of str
    """

    values: FloatArray
    event: str
    other: str
    notes: tuple[str, ...]


def aligned_labels(y: Any, samples: Sequence[str]) -> Labels:
    """Match outcomes to samples, and tell events from non-events.

    Parameters
    ----------
    y : Series, or array-like of shape (n_samples,)
        Two values of any kind, of which the second in sorted order is the event; missing where
        not known. A Series is matched by name, in any order; others go by position.
    samples : sequence of str

    Raises
    ------
    MismatchError
        If y does not belong to the samples, or does not hold two classes.

    Examples
    --------
    >>> y = pd.Series({"b": "relapse", "a": "none", "c": None})
    >>> aligned_labels(y, ["a", "b", "c"]).values
    array([ 0.,  1., nan])
    """
    given, notes = _by_name(y, samples) if isinstance(y, pd.Series) else (_by_position(y), ())
    if given.shape != (len(samples),):
        raise MismatchError(
            f"y has the shape {given.shape}, the table {len(samples)} samples",
            expected="one outcome per sample",
            remedy="give y as a Series whose index holds the samples' names",
        )
    known = ~np.asarray(pd.isna(given), dtype=bool)
    other, event = _classes(given[known].tolist())
    values = np.full(len(given), np.nan)
    values[known] = [value == event for value in given[known].tolist()]
    return Labels(values, _called(event), _called(other), notes)


def _by_position(y: Any) -> Any:
    if isinstance(y, pd.DataFrame):
        raise MismatchError("y is a table", expected="one of its columns")
    return np.asarray(y, dtype=object)


def _by_name(y: pd.Series, samples: Sequence[str]) -> tuple[Any, tuple[str, ...]]:
    names = [str(name) for name in y.index]
    place = {name: i for i, name in enumerate(names)}
    if len(place) < len(names):
        twice = next(name for i, name in enumerate(names) if place[name] != i)
        raise MismatchError(f"sample {twice!r} has several outcomes", where="y", expected="one")
    absent = [sample for sample in samples if sample not in place]
    if absent:
        raise MismatchError(
            f"no outcome for {len(absent)} of {len(samples)} samples, such as {absent[0]!r}",
            where="y",
            expected=f"the names of the samples as its index; it holds names like {names[0]!r}"
            if names
            else "an outcome per sample",
            remedy="check that both use the same names, and add the samples whose outcome is not "
            "known with an empty value; an array (y.to_numpy()) goes by position",
        )
    wanted = set(samples)
    further = [name for name in names if name not in wanted]
    notes: tuple[str, ...] = ()
    if further:
        shown = ", ".join(further[:SHOWN]) + (", ..." if len(further) > SHOWN else "")
        notes = (f"{len(further)} outcomes are of samples that the table lacks ({shown}).",)
    values = y.to_numpy(dtype=object)
    return values[[place[sample] for sample in samples]], notes


def _classes(known: list[Any]) -> tuple[Any, Any]:
    """Return the values of non-events and of events."""
    try:
        classes = sorted(set(known))
    except TypeError:
        kinds = sorted({type(value).__name__ for value in known})
        raise MismatchError(
            f"y mixes {' and '.join(kinds)}", expected="two values of one kind"
        ) from None
    if len(classes) != 2:
        what = (
            "no outcome"
            if not classes
            else f"only {classes[0]!r}"
            if len(classes) == 1
            else f"{len(classes)} different values, such as {classes[0]!r} and {classes[2]!r}"
        )
        raise MismatchError(
            f"y holds {what}",
            expected="two classes: events and non-events",
            remedy="leave samples of other classes out, or merge classes" if classes else "",
        )
    return classes[0], classes[1]


def _called(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
