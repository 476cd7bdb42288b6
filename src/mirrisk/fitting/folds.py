"""Folds of the cross-validation inside a fit: stratified, patients kept together, repeated."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.vocabulary import FloatArray, IntArray

Fold = tuple["IntArray", "IntArray"]
"""Rows to learn from, and rows held out."""


def check_folds(folds: int, repeats: int) -> None:
    """Refuse a cross-validation without a fold to learn from and one to judge in.

    Raises
    ------
    MismatchError
    """
    if folds < 2 or repeats < 1:
        raise MismatchError(
            f"folds={folds}, repeats={repeats}", expected="2 folds and 1 repeat, or more"
        )


def make_folds(
    y: FloatArray,
    groups: IntArray | None,
    *,
    folds: int,
    repeats: int,
    seed: int,
    needed: Sequence[int] = (0, 1),
) -> list[list[Fold]]:
    """Divide samples into folds with about equal shares of events, several times.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        0 and 1.
    groups : ndarray of shape (n_samples,), optional
        No group is in two folds.
    folds, repeats, seed : int
        Fewer folds are made where there are fewer events, or groups with events.
    needed : sequence of int, default both
        The classes without which a fold cannot be judged: of survival the event alone.

    Returns
    -------
    list of list of (training rows, held-out rows)
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    check_folds(folds, repeats)
    units = np.arange(len(y)) if groups is None else groups
    most = min(len(np.unique(units[y == value])) for value in needed)
    count = max(2, min(folds, most))
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    made = []
    for child in np.random.SeedSequence(seed).spawn(repeats):
        splitter = kind(count, shuffle=True, random_state=int(child.generate_state(1)[0]))
        with warnings.catch_warnings():
            # One event for two folds: the fold without any is skipped, and counted.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            made.append(list(splitter.split(np.zeros(len(y)), y, groups)))
    return made
