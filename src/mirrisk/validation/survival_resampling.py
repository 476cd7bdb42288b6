"""Repeated cross-validation of survival models that repeats all of fitting in each fold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.crossfit import deal
from mirrisk.validation.fold_auc import interval_dict
from mirrisk.validation.fold_concordance import compare_within, fold_concordance
from mirrisk.validation.folds import check_scheme, fold_names, fold_tasks, run_folds
from mirrisk.validation.follow_up import COMPETING, check_horizon, follow_up
from mirrisk.validation.out_of_fold import out_of_fold_calibration
from mirrisk.validation.outcome import check_level, group_codes
from mirrisk.validation.parallel import (
    Failure,
    GatheredWarning,
    account,
    counted,
    failures,
    gathered,
)
from mirrisk.validation.plain import plain
from mirrisk.validation.samples import (
    Cohort,
    eventful,
    finite_risk,
    fit_on,
    from_json,
    json_number,
    json_numbers,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike

    from mirrisk.validation.folds import Fold
    from mirrisk.validation.follow_up import FollowUp
    from mirrisk.validation.interval import Interval
    from mirrisk.validation.out_of_fold import OutOfFoldCalibration
    from mirrisk.validation.parallel import Outcome, Progress
    from mirrisk.vocabulary import FloatArray, IntArray

Death = Literal["event", "competes"]


@dataclass(frozen=True, eq=False)
class CrossValidatedSurvival:
    """Out-of-fold predictions of repeated cross-validation, and what they are worth.

    Attributes
    ----------
    n, events, competing, patients : int
        Samples, samples with the event and with a competing one, and patients.
    death : {"event", "competes"}
        What code 2 counted as.
    folds, repeats, seed : int
        The scheme.
    linear_predictors, risks : arrays of shape (n_samples, repeats)
        Given by a model that saw no sample of the patient; NaN where its fit failed. The risk is
        that by the horizon; NaN from a model that gives none.
    assignment : array of int of shape (n_samples, repeats)
        The fold that each sample was judged in, from 0.
    cs : tuple of float
        Harrell's C of each repeat, over pairs of samples of the same fold.
    c : Interval
        Their mean; see :func:`mirrisk.validation.fold_concordance.fold_concordance`.
    calibration : OutOfFoldCalibration or None
        None without risks, or where nobody is followed to the horizon.
    unscored : int
        Finite predictions that were expected of successful fits and not given.
    failures : tuple of Failure
        Fits that failed; the rest of their repeat is used.
    warnings : tuple of GatheredWarning
        What the fits warned of.
    """

    n: int
    events: int
    competing: int
    patients: int
    death: Death
    folds: int
    repeats: int
    seed: int
    linear_predictors: FloatArray
    risks: FloatArray
    assignment: IntArray
    cs: tuple[float, ...]
    c: Interval
    calibration: OutOfFoldCalibration | None
    unscored: int
    failures: tuple[Failure, ...]
    warnings: tuple[GatheredWarning, ...]

    @property
    def c_range(self) -> tuple[float, float]:
        """The lowest and highest C of a repeat: what the luck of the split alone does."""
        if np.isnan(self.cs).all():
            return math.nan, math.nan
        return float(np.nanmin(self.cs)), float(np.nanmax(self.cs))

    def to_dict(self, *, patients: bool = True) -> dict[str, Any]:
        """Return plain JSON types; NaN becomes None.

        Parameters
        ----------
        patients : bool, default True
            With predictions and folds of single patients, and with what fits warned of, which
            may name samples.
        """
        found: dict[str, Any] = {
            "n": self.n,
            "events": self.events,
            "competing": self.competing,
            "patients": self.patients,
            "death": self.death,
            "folds": self.folds,
            "repeats": self.repeats,
            "seed": self.seed,
            "c": interval_dict(self.c),
            "c_range": [json_number(c) for c in self.c_range],
            "cs": [json_number(c) for c in self.cs],
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "unscored": self.unscored,
            "failures": plain(self.failures),
        }
        if patients:
            found["warnings"] = plain(self.warnings)
            found["linear_predictors"] = [json_numbers(row) for row in self.linear_predictors]
            found["risks"] = [json_numbers(row) for row in self.risks]
            found["assignment"] = self.assignment.tolist()
        return found

    @property
    def headline(self) -> tuple[str, ...]:
        """What was found, in words, and how many fits failed."""
        return (*self._found(), *counted(self.failures, self.folds * self.repeats))

    def _found(self) -> tuple[str, ...]:
        low, high = self.c_range
        compete = f", {self.competing} competing" if self.competing else ""
        counted = f"n = {self.n}, {self.events} events{compete}, {self.patients} patients"
        return (
            f"{self.repeats} x {self.folds}-fold cross-validation, {counted}, seed {self.seed}",
            f"{self.c}; by repeat {low:.2f} to {high:.2f}",
            f"Calibration {self.calibration or 'not known: no risk by a horizon'}",
        )

    def __str__(self) -> str:
        lines = list(self._found())
        if self.unscored:
            lines.append(f"{self.unscored} predictions were not finite and are left out")
        return "\n".join(lines + account(self.failures, self.folds * self.repeats, self.warnings))


def nested_cv_survival(
    estimator: Any,
    X: Any,
    time: ArrayLike,
    event: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    folds: int = 5,
    repeats: int = 10,
    seed: int,
    horizon: float | None = None,
    death: Death | None = None,
    n_jobs: int | None = None,
    level: float = 0.95,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> CrossValidatedSurvival:
    """Estimate by repeated cross-validation how well a survival model does on new patients.

    Parameters
    ----------
    estimator
        With ``fit(X, y)``, where y is a structured array of ``event`` (True or False; the codes,
        where there are competing events) and ``time``, and ``predict``, higher for an earlier
        event: as in scikit-survival. ``predict_risk(X)``, the probability of an event by the
        horizon, is asked for where there is one. All that it learns, its tuning included, must
        happen inside of ``fit``.
    X : array, DataFrame, or anything that has ``take(rows)``
        Samples x features.
    time : array-like of shape (n_samples,)
        From the moment of prediction to the first event, or to the end of follow-up.
    event : array-like of shape (n_samples,)
        0 censored, 1 the event, 2 death without it.
    groups : array-like of shape (n_samples,), optional
        The patient of each sample. No patient is in a training and a test fold at once.
    folds : int, default 5
        Parts that the patients are dealt into, in equal shares of those with and without an
        event in any of their samples.
    repeats : int, default 10
        Times that they are dealt anew.
    seed : int
        Of the dealing, and of every parameter ``random_state`` that is None.
    horizon : float, optional
        Default the estimator's. Without one the risks are not judged.
    death : {"event", "competes"}, optional
        What code 2 is: see :class:`mirrisk.fitting.survival.PanelSurvival`. Default the
        estimator's, or an event.
    n_jobs, level, progress, checkpoint
        As for :func:`mirrisk.validation.resampling.nested_cv`.

    Returns
    -------
    CrossValidatedSurvival

    Raises
    ------
    MismatchError
        If the inputs are not of the same samples, or fewer patients have an event than there are
        folds.
    CheckpointError
        If the checkpoint is of another run.
    MirriskError
        If all fits fail.
    """
    check_level(level)
    ends: Death = death or getattr(estimator, "death", None) or "event"
    at = getattr(estimator, "horizon", None) if horizon is None else horizon
    at = None if at is None else check_horizon(at)
    given, judged = _endpoints(time, event, ends)
    data = _cohort(X, given, groups)
    assignment = _dealt(data.patients, judged.happened, folds, repeats, seed)
    tasks = fold_tasks(assignment, folds, seed)
    run = {
        "kind": "nested_cv_survival",
        "folds": folds,
        "repeats": repeats,
        "seed": seed,
        "horizon": at,
        "death": ends,
    }
    outcomes = run_folds(
        _out_of_fold, estimator, data, tasks, run, n_jobs, progress, checkpoint, extra=(at,)
    )
    failed = failures(outcomes, fold_names(folds, repeats))
    etas, risks = (_collected(tasks, outcomes, part, assignment.shape) for part in range(2))
    pairs = [
        compare_within(judged.time, judged.event, eta, column)
        for eta, column in zip(etas.T, assignment.T, strict=True)
    ]
    lost = sum(len(t.test) for t, o in zip(tasks, outcomes, strict=True) if o.error)
    return CrossValidatedSurvival(
        n=len(judged.time),
        events=int(judged.happened.sum()),
        competing=int(judged.competed.sum()),
        patients=int(data.patients.max()) + 1,
        death=ends,
        folds=folds,
        repeats=repeats,
        seed=seed,
        linear_predictors=etas,
        risks=risks,
        assignment=assignment,
        cs=tuple(one.c for one in pairs),
        c=fold_concordance(pairs, data.patients, level, training=1 / (folds - 1)),
        calibration=out_of_fold_calibration(judged, risks, at, level),
        unscored=int(np.isnan(etas).sum()) - lost,
        failures=failed,
        warnings=gathered(outcomes),
    )


# -- what goes in -----------------------------------------------------------------------------


def _endpoints(time: ArrayLike, event: ArrayLike, death: Death) -> tuple[FollowUp, FollowUp]:
    """Return follow-up as given, and as it is judged."""
    if death not in ("event", "competes"):
        raise MismatchError(f"death is {death!r}", expected="event | competes")
    given = follow_up(time, event, competing=True, at_least=1)
    if (given.event > COMPETING).any():
        raise MismatchError(
            f"event holds {given.event.max()}",
            expected="0 (censored), 1 (event) or 2 (death without it)",
        )
    if death == "event":
        return given, given._replace(event=np.minimum(given.event, 1))
    return given, given


def _cohort(X: Any, given: FollowUp, groups: ArrayLike | None) -> Cohort:
    """Put outcomes beside the table, as survival estimators take them."""
    table = np.asarray(X) if isinstance(X, list | tuple) else X
    n = table.shape[0] if hasattr(table, "shape") else len(table)
    if len(given.time) != n:
        raise MismatchError(
            f"time has {len(given.time)} samples, X has {n}",
            expected="the same samples in the same order",
        )
    codes = given.event if given.competed.any() else given.happened
    y: Any = np.empty(n, dtype=[("event", codes.dtype), ("time", np.float64)])
    y["event"], y["time"] = codes, given.time
    return Cohort(table, y, group_codes(groups, n), groups is not None)


def _dealt(patients: IntArray, happened: Any, folds: int, repeats: int, seed: int) -> IntArray:
    """Deal patients into folds, with and without an event in equal shares, several times."""
    check_scheme(folds, repeats)
    with_event = eventful(patients, happened)
    if with_event.sum() < folds:
        raise MismatchError(
            f"{with_event.sum()} patients with an event cannot be dealt into {folds} folds",
            expected="one or more in each fold",
            remedy="fewer folds, or more patients",
        )
    states = np.random.SeedSequence(seed).generate_state(repeats)
    return np.column_stack([deal(with_event, folds, int(state))[patients] for state in states])


# -- one fold ---------------------------------------------------------------------------------


def _out_of_fold(
    estimator: Any, X: Any, y: Any, patients: IntArray | None, horizon: float | None, task: Fold
) -> list[list[float | None]]:
    model = fit_on(estimator, X, y, patients, task.train, task.seed)
    held = take(X, task.test)
    eta = finite_risk(model.predict(held))
    risk = np.full(len(eta), np.nan)
    if horizon is not None and hasattr(model, "predict_risk"):
        risk = np.asarray(model.predict_risk(held, horizon), dtype=np.float64)
    return [json_numbers(eta), json_numbers(risk)]


def _collected(
    tasks: Sequence[Fold], outcomes: Sequence[Outcome], part: int, shape: tuple[int, ...]
) -> FloatArray:
    """Return a part of the predictions, samples x repeats; NaN where fits failed."""
    found = np.full(shape, np.nan)
    folds = len(tasks) // shape[1]
    for number, (task, outcome) in enumerate(zip(tasks, outcomes, strict=True)):
        if not outcome.error:
            found[task.test, number // folds] = from_json(outcome.value[part])
    return found
