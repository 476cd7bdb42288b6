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
    from collections.abc import Sequence
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
    _check_scheme(data, folds, repeats)
    assignment = np.empty((len(data.y), repeats), dtype=np.intp)
    states = np.random.SeedSequence(seed).generate_state(repeats)
    of_patient = np.empty(len(data.eventful), dtype=np.intp)
    for repeat, state in enumerate(states):
        splitter = StratifiedKFold(folds, shuffle=True, random_state=int(state))
        for fold, (_, test) in enumerate(splitter.split(data.eventful, data.eventful)):
            of_patient[test] = fold
        assignment[:, repeat] = of_patient[data.patients]
    return assignment


def _check_scheme(data: Cohort, folds: int, repeats: int) -> None:
    if folds < 2 or repeats < 1:
        raise MismatchError(
            f"folds={folds}, repeats={repeats}", expected="2 folds and 1 repeat, or more"
        )
    with_event = int(data.eventful.sum())
    without = len(data.eventful) - with_event
    if min(with_event, without) < folds:
        raise MismatchError(
            f"{with_event} patients with an event and {without} without cannot be dealt into "
            f"{folds} folds",
            expected="one or more of both in each fold",
            remedy="fewer folds, or more patients",
        )


def run_folds(
    estimator: Any,
    data: Cohort,
    tasks: Sequence[Fold],
    run: dict[str, Any],
    n_jobs: int | None,
    progress: Progress | None,
    checkpoint: str | Path | None,
) -> list[Outcome]:
    """Fit in each fold, and return the risks of those that it judges."""
    # The table is an argument of its own, for dask sends those to each of its workers once.
    shared = (estimator, data.X, data.y, data.patients if data.grouped else None)
    with journal(checkpoint, run, estimator, data) as kept:
        return run_tasks(
            _out_of_fold,
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


def _out_of_fold(
    estimator: Any, X: Any, y: IntArray, patients: IntArray | None, task: Fold
) -> list[float | None]:
    model = fit_on(estimator, X, y, patients, task.train, task.seed)
    return json_numbers(finite_risk(risk_of(model, take(X, task.test))))
