"""Repeated cross-validation that repeats all of fitting in each fold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.validation.fold_auc import fold_auc, interval_dict, placements
from mirrisk.validation.folds import (
    collect,
    deal,
    fold_names,
    fold_tasks,
    out_of_fold,
    run_folds,
)
from mirrisk.validation.outcome import check_level
from mirrisk.validation.parallel import (
    Failure,
    GatheredWarning,
    account,
    counted,
    failures,
    gathered,
)
from mirrisk.validation.plain import plain
from mirrisk.validation.samples import cohort, json_number, json_numbers

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from mirrisk.validation.interval import Interval
    from mirrisk.validation.parallel import Progress
    from mirrisk.vocabulary import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Out-of-fold risks of repeated cross-validation, and how well they discriminate.

    Attributes
    ----------
    n, events, patients : int
        Samples, samples with the event, and patients.
    folds, repeats, seed : int
        The scheme.
    risks : array of shape (n_samples, repeats)
        Given by a model that saw no sample of the patient; NaN where its fit failed or it gave
        no finite risk.
    assignment : array of int of shape (n_samples, repeats)
        The fold that each sample was judged in, from 0.
    aucs : tuple of float
        The AUC of each repeat, over pairs of patients of the same fold.
    auc : Interval
        Their mean. The interval is about other patients of the same kind, to learn from and to
        judge: repeats are not independent and do not shorten it. How it is made, and how often
        it covers, is told in :func:`mirrisk.validation.fold_auc.fold_auc`.
    unscored : int
        Finite risks that were expected of successful fits and not given.
    failures : tuple of Failure
        Fits that failed; the rest of their repeat is used.
    warnings : tuple of GatheredWarning
        What the fits warned of.
    """

    n: int
    events: int
    patients: int
    folds: int
    repeats: int
    seed: int
    risks: FloatArray
    assignment: IntArray
    aucs: tuple[float, ...]
    auc: Interval
    unscored: int
    failures: tuple[Failure, ...]
    warnings: tuple[GatheredWarning, ...]

    @property
    def mean_risk(self) -> FloatArray:
        """Each sample's out-of-fold risk, averaged over the repeats that gave one."""
        given = ~np.isnan(self.risks)
        total = np.where(given, self.risks, 0.0).sum(axis=1)
        count = given.sum(axis=1)
        mean = np.full(self.n, np.nan)
        return np.asarray(np.divide(total, count, out=mean, where=count > 0))

    @property
    def auc_range(self) -> tuple[float, float]:
        """The lowest and highest AUC of a repeat: what the luck of the split alone does."""
        if np.isnan(self.aucs).all():
            return math.nan, math.nan
        return float(np.nanmin(self.aucs)), float(np.nanmax(self.aucs))

    def to_dict(self, *, patients: bool = True) -> dict[str, Any]:
        """Return plain JSON types; NaN becomes None.

        Parameters
        ----------
        patients : bool, default True
            With risks and folds of single patients, and with what fits warned of, which may
            name samples.
        """
        found: dict[str, Any] = {
            "n": self.n,
            "events": self.events,
            "patients": self.patients,
            "folds": self.folds,
            "repeats": self.repeats,
            "seed": self.seed,
            "auc": interval_dict(self.auc),
            "auc_range": [json_number(auc) for auc in self.auc_range],
            "aucs": [json_number(auc) for auc in self.aucs],
            "unscored": self.unscored,
            "failures": plain(self.failures),
        }
        if patients:
            found["warnings"] = plain(self.warnings)
            found["risks"] = [json_numbers(row) for row in self.risks]
            found["assignment"] = self.assignment.tolist()
        return found

    @property
    def headline(self) -> tuple[str, ...]:
        """What was found, in words, and how many fits failed."""
        return (*self._found(), *counted(self.failures, self.folds * self.repeats))

    def _found(self) -> tuple[str, ...]:
        low, high = self.auc_range
        cohort_line = f"n = {self.n}, {self.events} events, {self.patients} patients"
        return (
            f"{self.repeats} x {self.folds}-fold cross-validation, {cohort_line}, seed {self.seed}",
            f"{self.auc}; by repeat {low:.2f} to {high:.2f}",
        )

    def __str__(self) -> str:
        lines = list(self._found())
        if self.unscored:
            lines.append(f"{self.unscored} risks were not finite and are left out")
        fits = self.folds * self.repeats
        return "\n".join(lines + account(self.failures, fits, self.warnings))


def nested_cv(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    folds: int = 5,
    repeats: int = 10,
    seed: int,
    n_jobs: int | None = None,
    level: float = 0.95,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> CrossValidated:
    """Estimate by repeated cross-validation how well an estimator does on new patients.

    Parameters
    ----------
    estimator
        As in scikit-learn, with ``predict_proba`` or ``decision_function``. All that it learns,
        its tuning included, must happen inside of ``fit``; that makes the validation nested. A
        ``fit`` with a parameter `groups` is given the patients.
    X : array, DataFrame, or anything that has ``take(rows)``
        Samples x features.
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    groups : array-like of shape (n_samples,), optional
        The patient of each sample. No patient is in a training and a test fold at once.
    folds : int, default 5
        Parts that the patients are dealt into, in equal shares of those with and without an
        event in any of their samples.
    repeats : int, default 10
        Times that they are dealt anew.
    seed : int
        Of the dealing, and of every parameter ``random_state`` that is None.
    n_jobs : int, optional
        Worker processes: 1 for none, -1 for all cores; None for what
        ``joblib.parallel_config`` says. No number of them changes the result.
    level : float, default 0.95
        Nominal coverage of the interval.
    progress : callable, optional
        Called as ``progress(done, total)`` after each fit.
    checkpoint : str or Path, optional
        A file for finished fits. A run that was interrupted goes on from there, to the same
        result; one with other data, estimator, seed or software is refused.

    Returns
    -------
    CrossValidated

    Raises
    ------
    MismatchError
        If the inputs are not of the same samples, or a class has fewer patients than folds.
    CheckpointError
        If the checkpoint is of another run.
    MirriskError
        If all fits fail.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.random.default_rng(1).normal(size=(60, 2))
    >>> y = X[:, 0] + np.random.default_rng(2).normal(size=60) > 0
    >>> print(nested_cv(LogisticRegression(), X, y, repeats=3, seed=1, n_jobs=1))
    3 x 5-fold cross-validation, n = 60, 34 events, 60 patients, seed 1
    AUC 0.80 (95% CI 0.62 to 0.90, binormal-score); by repeat 0.78 to 0.80
    """
    data = cohort(X, y, groups)
    check_level(level)
    assignment = deal(data, folds, repeats, seed)
    tasks = fold_tasks(assignment, folds, seed)
    run = {"kind": "nested_cv", "folds": folds, "repeats": repeats, "seed": seed}
    outcomes = run_folds(out_of_fold, estimator, data, tasks, run, n_jobs, progress, checkpoint)
    failed = failures(outcomes, fold_names(folds, repeats))
    of_repeat = [slice(r * folds, (r + 1) * folds) for r in range(repeats)]
    risks = np.column_stack(
        [collect(tasks[part], outcomes[part], len(data.y)) for part in of_repeat]
    )
    compared = [placements(data.y, risks[:, r], assignment[:, r]) for r in range(repeats)]
    lost = sum(len(t.test) for t, o in zip(tasks, outcomes, strict=True) if o.error)
    return CrossValidated(
        n=len(data.y),
        events=data.events,
        patients=len(data.eventful),
        folds=folds,
        repeats=repeats,
        seed=seed,
        risks=risks,
        assignment=assignment,
        aucs=tuple(one.auc(data.y == 1) for one in compared),
        auc=fold_auc(data.y, compared, data.patients, level, training=1 / (folds - 1)),
        unscored=int(np.isnan(risks).sum()) - lost,
        failures=failed,
        warnings=gathered(outcomes),
    )
