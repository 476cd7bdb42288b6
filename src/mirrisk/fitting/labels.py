"""Outcomes and patients, put in the order of a table's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from mirrisk.errors import MismatchError
from mirrisk.validation.cases import aligned
from mirrisk.validation.classes import two_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.vocabulary import BoolArray, FloatArray

SHOWN = 3
"""How many names an error shows."""


class Labels(NamedTuple):
    """Outcomes in the order of the samples.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        1 for an event, 0 for none, NaN where not known.
    event, other : str
        What the two classes are called.
    notes : tuple of str
    """

    values: FloatArray
    event: str
    other: str
    notes: tuple[str, ...]


def aligned_labels(
    y: Any,
    samples: Sequence[str],
    event_class: object = None,
    fitted_to: tuple[str, str] | None = None,
) -> Labels:
    """Match outcomes to samples, and tell events from non-events.

    Parameters
    ----------
    y : Series, or array-like of shape (n_samples,)
        Two classes, missing where not known. A Series is matched by name, in any order; samples
        that it lacks have no outcome. Others go by position.
    samples : sequence of str
    event_class : str, number or bool, optional
        The class that is the event; default that of `fitted_to`, else the second in order.
    fitted_to : tuple of str, optional
        No event and the event of the panel: without `event_class` the classes must be these.

    Raises
    ------
    MismatchError
        If y does not belong to the samples, or does not hold the two classes.
    InvalidTableError
        If a sample has several outcomes.

    Examples
    --------
    >>> y = pd.Series({"b": "relapse", "a": "none"})
    >>> aligned_labels(y, ["a", "b", "c"]).values
    array([ 0.,  1., nan])
    >>> aligned_labels(y, ["a", "b", "c"], event_class="none").values
    array([ 1.,  0., nan])
    """
    if isinstance(y, pd.DataFrame):
        raise MismatchError("y is a table", expected="one of its columns")
    notes: list[str] = []
    given = aligned(y, samples, "y", notes)
    known = given is not None and ~np.asarray(pd.isna(given), dtype=bool)
    if not np.any(known):
        raise MismatchError(
            "the outcome of no sample is known", expected="outcomes of samples of the table"
        )
    codes, other, event = two_classes(given[known], event_class, fitted_to)
    values = np.full(len(samples), np.nan)
    values[known] = codes
    return Labels(values, event, other, tuple(notes))


class Patients(NamedTuple):
    """Whose each sample is.

    Attributes
    ----------
    names : ndarray of object, shape (n_samples,), or None
        None: nobody said, and each sample counts as a patient of its own.
    notes : tuple of str
    """

    names: Any
    notes: tuple[str, ...]

    @classmethod
    def of(cls, groups: Any, samples: Sequence[str]) -> Patients:
        """Match patients to samples, as outcomes are.

        Raises
        ------
        MismatchError, InvalidTableError
            If they do not belong to the samples.
        """
        notes: list[str] = []
        return cls(aligned(groups, samples, "groups", notes), tuple(notes))

    def unknown(self, n: int) -> BoolArray:
        """Tell of which of the n samples the patient is not known, though others' are."""
        if self.names is None:
            return np.zeros(n, dtype=bool)
        return np.asarray(pd.isna(self.names), dtype=bool)

    def with_any(self, marked: BoolArray) -> BoolArray:
        """Mark all samples of every patient of whom one is marked."""
        if self.names is None:
            return marked
        of = pd.Series(self.names)
        return np.asarray(marked | of.isin(set(of[marked].dropna())).to_numpy(), dtype=bool)

    def require_one_sample_each(self, kept: BoolArray, samples: Sequence[str]) -> None:
        """Refuse patients with several samples among those kept.

        Raises
        ------
        MismatchError
        """
        if self.names is None:
            return
        of = pd.Series(self.names[kept], index=np.asarray(samples, dtype=object)[kept])
        repeated = of[of.duplicated(keep=False)]
        if repeated.empty:
            return
        first = repeated.index[repeated == repeated.iloc[0]]
        shown = ", ".join(map(repr, first[:SHOWN])) + (", ..." if len(first) > SHOWN else "")
        raise MismatchError(
            f"{repeated.nunique()} patients have several samples, such as {shown}",
            where="groups",
            expected="one sample of each patient: likelihoods and tests take samples for "
            "independent",
            remedy="choose one per patient by a rule that does not look at the outcome, such as "
            "the first that was taken",
        )
