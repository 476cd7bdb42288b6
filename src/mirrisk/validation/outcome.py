"""What every measure asks of outcome and risk, and what it answers where that does not hold.

A risk is any number that is higher where an event is more likely: a score, a percentile, a
probability. Nothing is left out in silence: what cannot be counted is refused with its place.

==========================  =======================================================
given                       answer
==========================  =======================================================
y neither 0 nor 1, NaN      refused, with the first position
no events, or all events    refused: how well they are told apart cannot be known
NaN risk                    refused, with how many and the first position
infinite risk               refused, likewise
another length              refused
pandas with another index   refused: the rows are not the same samples
risk outside 0 to 1         refused where a probability is needed, else as good as any
constant risk, ties         counted: each measure documents how
==========================  =======================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mirrisk.errors import MismatchError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray


def binary_outcome(
    y: ArrayLike, risk: ArrayLike | None = None, *, both_classes: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Check an outcome, and the risk that is to be judged by it.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 or True for an event, 0 or False for none.
    risk : array-like of shape (n_samples,), optional
        Finite numbers, higher where an event is more likely.
    both_classes : bool, default True
        Whether events and non-events are both needed.

    Returns
    -------
    y, risk : arrays of shape (n_samples,)
        As floating-point numbers. Without a risk the second is empty.

    Raises
    ------
    MismatchError
        If they are not as described; see the table above.

    Examples
    --------
    >>> binary_outcome([True, False], [0.4, 0.2])
    (array([1., 0.]), array([0.4, 0.2]))
    """
    outcome = numbers(y, "y")
    _check_outcome(outcome, y)
    if both_classes:
        _check_classes(outcome)
    if risk is None:
        return outcome, np.empty(0)
    values = finite(risk, "risk")
    check_aligned(y, risk, "y", "risk")
    return outcome, values


def probability(risk: ArrayLike) -> FloatArray:
    """Check that a risk is a probability.

    Parameters
    ----------
    risk : array-like of shape (n_samples,)
        Finite numbers from 0 to 1, both included.

    Returns
    -------
    array of shape (n_samples,)

    Raises
    ------
    MismatchError
        If a number is not finite, below 0 or above 1.
    """
    values = finite(risk, "risk")
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise MismatchError(
            f"{_share(outside)} risks are outside 0 to 1, the first is {values[outside][0]:g}",
            where=_first(outside, risk),
            expected="probabilities",
            remedy="a score or percentile is no probability: recalibrate it, or give the "
            "probability of a fitted panel",
        )
    return values


def numbers(values: ArrayLike, name: str) -> FloatArray:
    """Return one-dimensional numbers as floating point; missing ones become NaN.

    Raises
    ------
    MismatchError
        If these are no numbers, none, or not of one dimension.
    """
    try:
        if isinstance(values, pd.Series):
            array = values.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MismatchError(
            f"{name} holds something else than numbers ({error})", expected="numbers"
        ) from None
    if array.ndim != 1 or not array.size:
        raise MismatchError(
            f"{name} has the shape {array.shape}", expected=f"one {name} per sample, shape (n,)"
        )
    return array


def finite(values: ArrayLike, name: str) -> FloatArray:
    """Return one-dimensional finite numbers as floating point.

    Raises
    ------
    MismatchError
        If a number is NaN or infinite; the error tells how many and where the first is.
    """
    array = numbers(values, name)
    for word, wrong in (("NaN", np.isnan(array)), ("infinite", np.isinf(array))):
        if wrong.any():
            raise MismatchError(
                f"{_share(wrong)} values of {name} are {word}",
                where=_first(wrong, values),
                expected="finite numbers",
                remedy="leave out the samples that were not scored, and say how many they were",
            )
    return array


def check_aligned(first: ArrayLike, second: ArrayLike, name: str, other: str) -> None:
    """Refuse two columns that are not of the same samples in the same order.

    Raises
    ------
    MismatchError
        If the lengths differ, or both are pandas Series and their indexes differ.
    """
    lengths = np.shape(first)[0], np.shape(second)[0]
    if lengths[0] != lengths[1]:
        raise MismatchError(
            f"{name} has {lengths[0]} samples, {other} has {lengths[1]}",
            expected="the same samples in the same order",
        )
    if (
        isinstance(first, pd.Series)
        and isinstance(second, pd.Series)
        and not first.index.equals(second.index)
    ):
        raise MismatchError(
            f"the indexes of {name} and {other} differ",
            expected="the same samples in the same order",
            remedy=f"{other} = {other}.loc[{name}.index]",
        )


def group_codes(groups: ArrayLike | None, n: int) -> IntArray:
    """Return the number of each sample's group, from 0; without groups each is its own.

    Raises
    ------
    MismatchError
        If there is not one group per sample, or a group is missing.
    """
    if groups is None:
        return np.arange(n, dtype=np.intp)
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise MismatchError(
            f"groups has the shape {labels.shape}", expected=f"one group per sample, shape ({n},)"
        )
    codes, _ = pd.factorize(labels)
    if (codes < 0).any():
        raise MismatchError(
            f"{_share(codes < 0)} groups are missing",
            where=_first(codes < 0, groups),
            expected="a group for every sample",
        )
    return np.asarray(codes, dtype=np.intp)


def check_level(level: float) -> float:
    """Return the level of an interval.

    Raises
    ------
    MismatchError
        If it is not above 0 and below 1.
    """
    if not 0 < level < 1:
        raise MismatchError(
            f"level is {level}", expected="a number above 0 and below 1, such as 0.95"
        )
    return float(level)


def _check_outcome(outcome: FloatArray, given: ArrayLike) -> None:
    wrong = ~np.isin(outcome, (0, 1))
    if wrong.any():
        raise MismatchError(
            f"y holds {outcome[wrong][0]:g} ({_share(wrong)} values are neither 0 nor 1)",
            where=_first(wrong, given),
            expected="1 for an event, 0 for none",
            remedy="leave out the samples whose outcome is unknown"
            if np.isnan(outcome[wrong][0])
            else "",
        )


def _check_classes(outcome: FloatArray) -> None:
    events = int(outcome.sum())
    if events in (0, len(outcome)):
        found = "no sample has the event" if not events else "every sample has the event"
        raise MismatchError(
            f"{found} (n = {len(outcome)})",
            expected="samples with and without the event",
            remedy="this cohort cannot tell how well a risk separates them",
        )


def _share(which: BoolArray) -> str:
    return f"{np.count_nonzero(which)} of {len(which)}"


def _first(which: BoolArray, given: ArrayLike) -> str:
    """Name the first position, and the sample where pandas knows it."""
    position = int(np.argmax(which))
    known = f" (sample {given.index[position]!r})" if isinstance(given, pd.Series) else ""
    return f"position {position}{known}"
