"""Folds: who is learned from, who is judged, and the risks that come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold

from mirrisk.errors import MismatchError
from mirrisk.validation.anonymous import sample_names
from mirrisk.validation.checkpoint import journal
from mirrisk.validation.parallel import run_tasks
from mirrisk.validation.samples import (
    Cohort,
    finite_risk,
    fit_on,
    from_json,
    json_numbers,
    risk_of,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mirrisk.validation.parallel import Outcome, Progress
    from mirrisk.vocabulary import FloatArray, IntArray


class Fold(NamedTuple):
    """Rows to learn from, rows to judge on, and the seed of the fit."""

    train: IntArray
    test: IntArray
    seed: list[int]


def deal(data: Cohort, folds: int, repeats: int, seed: int) -> IntArray:
    """Deal patients into folds, in equal shares of those with and without an event.

    Returns
    -------
    array of int of shape (n_samples, repeats)
        The fold of each sample, from 0. It depends on patients, outcomes and seed only.

    Raises
    ------
    MismatchError
        If there are fewer patients with or without an event than folds.
    """
    check_scheme(folds, repeats)
    _check_classes(data, folds)
    assignment = np.empty((len(data.y), repeats), dtype=np.intp)
    states = np.random.SeedSequence(seed).generate_state(repeats)
    of_patient = np.empty(len(data.eventful), dtype=np.intp)
    for repeat, state in enumerate(states):
        splitter = StratifiedKFold(folds, shuffle=True, random_state=int(state))
        for fold, (_, test) in enumerate(splitter.split(data.eventful, data.eventful)):
            of_patient[test] = fold
        assignment[:, repeat] = of_patient[data.patients]
    return assignment


def check_scheme(folds: int, repeats: int) -> None:
    """Refuse fewer than two folds, or no repeat.

    Raises
    ------
    MismatchError
    """
    if folds < 2 or repeats < 1:
        raise MismatchError(
            f"folds={folds}, repeats={repeats}", expected="2 folds and 1 repeat, or more"
        )


def _check_classes(data: Cohort, folds: int) -> None:
    with_event = int(data.eventful.sum())
    without = len(data.eventful) - with_event
    if min(with_event, without) < folds:
        raise MismatchError(
            f"{with_event} patients with an event and {without} without cannot be dealt into "
            f"{folds} folds",
            expected="one or more of both in each fold",
            remedy="fewer folds, or more patients",
        )


def fold_tasks(assignment: IntArray, folds: int, seed: int) -> list[Fold]:
    """Return the folds of all repeats, repeat by repeat."""
    return [
        Fold(np.flatnonzero(column != fold), np.flatnonzero(column == fold), [seed, repeat, fold])
        for repeat, column in enumerate(assignment.T)
        for fold in range(folds)
    ]


def fold_names(folds: int, repeats: int) -> list[str]:
    """Name them for people."""
    return [f"repeat {r + 1}, fold {f + 1}" for r in range(repeats) for f in range(folds)]


def out_of_fold(
    estimator: Any, X: Any, y: IntArray, patients: IntArray | None, task: Fold
) -> list[float | None]:
    """Fit in a fold, and return the risks of those that it judges."""
    model = fit_on(estimator, X, y, patients, task.train, task.seed)
    return json_numbers(finite_risk(risk_of(model, take(X, task.test))))


def run_folds(
    function: Callable[..., Any],
    estimator: Any,
    data: Cohort,
    tasks: Sequence[Fold],
    run: dict[str, Any],
    n_jobs: int | None,
    progress: Progress | None,
    checkpoint: str | Path | None,
    extra: tuple[Any, ...] = (),
) -> list[Outcome]:
    """Call ``function(estimator, X, y, patients, *extra, fold)`` for each fold."""
    # The table is an argument of its own, for dask sends those to each of its workers once.
    shared = (estimator, data.X, data.y, data.patients if data.grouped else None, *extra)
    with journal(checkpoint, run, estimator, data) as kept:
        return run_tasks(
            function,
            shared,
            tasks,
            n_jobs=n_jobs,
            progress=progress,
            journal=kept,
            names=sample_names(data.X),
        )


def collect(tasks: Sequence[Fold], outcomes: Sequence[Outcome], n: int) -> FloatArray:
    """Return each sample's risk from the folds that it was judged in; NaN where they failed."""
    risks = np.full(n, np.nan)
    for task, outcome in zip(tasks, outcomes, strict=True):
        if not outcome.error:
            risks[task.test] = from_json(outcome.value)
    return risks
