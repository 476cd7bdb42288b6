"""The optimism of measures that were taken on the samples that a model was learned from.

Harrell's bootstrap: a model learned from a bootstrap sample is judged there and on the cohort;
the mean difference is the optimism of the apparent measure. The .632 estimate weighs the apparent
measure with that of the samples outside of each bootstrap sample; .632+ moves the weight towards
the latter as overfitting grows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import threadpoolctl

from mirrisk.errors import MirriskError, MismatchError
from mirrisk.validation.anonymous import anonymous, sample_names
from mirrisk.validation.checkpoint import journal
from mirrisk.validation.corrected import Corrected, corrected
from mirrisk.validation.fingerprint import fingerprint
from mirrisk.validation.parallel import (
    Failure,
    GatheredWarning,
    Outcome,
    account,
    counted,
    failures,
    gathered,
    recorded_warnings,
    run_tasks,
)
from mirrisk.validation.plain import plain
from mirrisk.validation.samples import (
    Cohort,
    cohort,
    finite_risk,
    fit_on,
    from_json,
    json_numbers,
    risk_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from mirrisk.validation.parallel import Progress
    from mirrisk.vocabulary import FloatArray, IntArray

Predict: TypeAlias = Callable[[Any, Any], Any]
"""Takes a fitted model and samples, and returns what the metrics are given as risk."""

Metric: TypeAlias = Callable[[Any, Any], float]
"""A measure of outcomes (0 and 1) and risks."""


class _Bootstrap(NamedTuple):
    rows: IntArray
    seed: list[int]


@dataclass(frozen=True)
class Optimism:
    """Measures freed of their optimism.

    Attributes
    ----------
    label : str
        What was repeated in each bootstrap, in the caller's words.
    n, events, patients : int
        Samples, samples with the event, and patients.
    bootstraps : int
        Asked for, failures among them.
    seed : int or None
        None where the caller drew the bootstraps.
    stratified : bool
        Whether each bootstrap has as many patients with an event as the cohort.
    redrawn : int
        Bootstraps that were drawn anew because they lacked events or non-events.
    measures : tuple of Corrected
    failures : tuple of Failure
        Bootstraps without a model; they are left out, not drawn anew.
    warnings : tuple of GatheredWarning
        What the fits warned of.
    """

    label: str
    n: int
    events: int
    patients: int
    bootstraps: int
    seed: int | None
    stratified: bool
    redrawn: int
    measures: tuple[Corrected, ...]
    failures: tuple[Failure, ...]
    warnings: tuple[GatheredWarning, ...]

    def __getitem__(self, name: str) -> Corrected:
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise KeyError(name)

    def to_dict(self, *, patients: bool = True) -> dict[str, Any]:
        """Return plain JSON types; NaN becomes None.

        Parameters
        ----------
        patients : bool, default True
            With what fits warned of, which may name samples.
        """
        found: dict[str, Any] = {
            "label": self.label,
            "n": self.n,
            "events": self.events,
            "patients": self.patients,
            "bootstraps": self.bootstraps,
            "seed": self.seed,
            "stratified": self.stratified,
            "redrawn": self.redrawn,
            "measures": plain(self.measures),
            "failures": plain(self.failures),
        }
        if patients:
            found["warnings"] = plain(self.warnings)
        return found

    @property
    def headline(self) -> tuple[str, ...]:
        """What was found, in words, and how many fits failed."""
        return (*self._found(), *counted(self.failures, self.bootstraps))

    def _found(self) -> tuple[str, ...]:
        kind = "stratified bootstraps" if self.stratified else "bootstraps"
        label = f" ({self.label})" if self.label else ""
        head = f"{self.bootstraps} {kind}{label}, n = {self.n}, {self.events} events"
        return head, *map(self._line, self.measures)

    def __str__(self) -> str:
        lines = list(self._found())
        if self.redrawn:
            lines.append(f"{self.redrawn} bootstraps of one class were drawn anew")
        return "\n".join(lines + account(self.failures, self.bootstraps, self.warnings))

    def _line(self, measure: Corrected) -> str:
        fits = self.bootstraps - len(self.failures)
        undefined = fits - measure.used
        return f"{measure}; not defined in {undefined} of {fits}" if undefined else str(measure)


def optimism(
    estimator: Any,
    metrics: Mapping[str, Metric],
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    n: int = 200,
    indices: ArrayLike | None = None,
    stratified: bool = False,
    seed: int,
    label: str = "",
    predict: Predict = risk_of,
    n_jobs: int | None = None,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> Optimism:
    """Free measures of a model of the optimism of having been learned from the same samples.

    Parameters
    ----------
    estimator
        As in scikit-learn, with ``predict_proba`` or ``decision_function``. What its ``fit``
        does is what is corrected for: an estimator with a penalty that was tuned before leaves
        the optimism of tuning in; say so in `label`. A ``fit`` with a parameter `groups` is
        given the patient of each sample (the sample itself without `groups`), so that its own
        cross-validation does not find copies of a patient on both sides.
    metrics : mapping of str to callable
        ``metric(y, risk)``, by name. In a bootstrap, one that raises an error or is not finite is
        left out and counted.
    X, y, groups, n_jobs, progress, checkpoint
        As for :func:`mirrisk.validation.resampling.nested_cv`; with groups, patients are drawn
        with all of their samples.
    n : int, default 200
        Bootstraps.
    indices : array-like of int of shape (bootstraps, n_samples), optional
        Rows of each bootstrap, from 0, instead of drawing them.
    stratified : bool, default False
        Draw patients with and without an event separately, each as many as there are.
    seed : int
        Of the draws, and of every parameter ``random_state`` that is None.
    label : str, optional
        What the estimator repeats, for the result: "tuned penalty held", "all repeated".
    predict : callable, optional
        ``predict(model, X)`` gives the risks that the metrics take; the default is the
        probability of an event, or else the decision function. A calibration slope takes log
        odds better from the model than from a probability that is rounded to 1.

    Returns
    -------
    Optimism

    Raises
    ------
    MismatchError
        If the inputs are not of the same samples, or the indices not rows of them.
    CheckpointError
        If the checkpoint is of another run.
    MirriskError
        If all fits fail. An error of the fit on the whole cohort, and of a metric there, is
        raised as it is.

    Notes
    -----
    A bootstrap without events or without non-events is drawn anew: no model can be learned from
    it. One whose fit fails is left out and named: to draw it anew would choose bootstraps that
    suit the estimator. Of the caller's indices nothing is drawn anew; those of one class fail.

    The no-information value is the mean of the metric over all cyclic shifts of the shuffled
    outcomes against the risks: 0.5 for the AUC, and the mean over all pairs of outcome and risk
    for the Brier score, both exactly.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.metrics import roc_auc_score
    >>> X = np.random.default_rng(1).normal(size=(60, 8))
    >>> y = X[:, 0] + np.random.default_rng(2).normal(size=60) > 0
    >>> result = optimism(LogisticRegression(), {"AUC": roc_auc_score}, X, y, n=50, seed=1)
    >>> result["AUC"].corrected < result["AUC"].apparent
    True
    """
    data = cohort(X, y, groups)
    rows, redrawn = _draw(data, n, stratified, seed) if indices is None else _given(indices, data)
    apparent, warned = _apparent(estimator, metrics, data, predict, seed)
    tasks = [_Bootstrap(drawn, [seed, number + 1]) for number, drawn in enumerate(rows)]
    run = {"kind": "optimism", "seed": seed, "rows": fingerprint(rows)}
    run["metrics"] = fingerprint([dict(metrics), predict])
    shared = (estimator, data.X, data.y, data.patients, tuple(metrics.values()), predict)
    names = sample_names(data.X)
    with journal(checkpoint, run, estimator, data) as kept:
        outcomes = run_tasks(
            _judge, shared, tasks, n_jobs=n_jobs, progress=progress, journal=kept, names=names
        )
    failed = failures(outcomes, [f"bootstrap {number + 1}" for number in range(len(tasks))])
    values = np.array([[from_json(row) for row in o.value] for o in outcomes if not o.error])
    return Optimism(
        label=label,
        n=len(data.y),
        events=data.events,
        patients=len(data.eventful),
        bootstraps=len(tasks),
        seed=seed if indices is None else None,
        stratified=stratified and indices is None,
        redrawn=redrawn,
        measures=tuple(
            corrected(name, *apparent[i], *values[:, :, i].T) for i, name in enumerate(metrics)
        ),
        failures=failed,
        warnings=gathered([anonymous(warned, names), *outcomes]),
    )


# -- draws ------------------------------------------------------------------------------------


def _draw(data: Cohort, n: int, stratified: bool, seed: int) -> tuple[list[IntArray], int]:
    """Draw patients with replacement; return the rows of each bootstrap, and the redraws."""
    if n < 1:
        raise MismatchError(f"n={n}", expected="1 bootstrap or more")
    rng = np.random.default_rng(seed)
    everyone = np.arange(len(data.eventful))
    strata = [everyone[data.eventful == k] for k in (0, 1)] if stratified else [everyone]
    by_patient = np.argsort(data.patients, kind="stable")
    ends = np.cumsum(np.bincount(data.patients))
    samples = np.split(by_patient, ends[:-1])
    drawn: list[IntArray] = []
    redrawn = 0
    while len(drawn) < n:
        chosen = np.concatenate([rng.choice(s, size=len(s)) for s in strata if len(s)])
        rows = np.concatenate([samples[patient] for patient in chosen])
        if np.ptp(data.y[rows]):
            drawn.append(rows)
        else:
            redrawn += 1
    return drawn, redrawn


def _given(indices: ArrayLike, data: Cohort) -> tuple[list[IntArray], int]:
    rows = np.asarray(indices)
    if rows.ndim != 2 or not rows.size or not np.issubdtype(rows.dtype, np.integer):
        raise MismatchError(
            f"indices are {rows.dtype} of shape {rows.shape}",
            expected="integers of shape (bootstraps, n_samples)",
        )
    if rows.min() < 0 or rows.max() >= len(data.y):
        raise MismatchError(
            f"indices are from {rows.min()} to {rows.max()}",
            expected=f"rows from 0 to {len(data.y) - 1}",
            remedy="subtract 1 from rows that are counted from 1" if rows.min() == 1 else "",
        )
    return list(rows.astype(np.intp)), 0


# -- one bootstrap ----------------------------------------------------------------------------


def _judge(
    estimator: Any,
    X: Any,
    y: IntArray,
    patients: IntArray,
    metrics: tuple[Metric, ...],
    predict: Predict,
    task: _Bootstrap,
) -> list[list[float | None]]:
    """Return each metric on the bootstrap sample, the cohort, and what is outside."""
    model = fit_on(estimator, X, y, patients, task.rows, task.seed)
    risk = finite_risk(predict(model, X))
    # Outside are patients that were not drawn, not merely samples.
    outside = np.flatnonzero(~np.isin(patients, patients[task.rows]))
    parts = (task.rows, np.arange(len(y)), outside)
    return [json_numbers(_measure(metrics, y[part], risk[part])) for part in parts]


def _measure(metrics: tuple[Metric, ...], y: IntArray, risk: FloatArray) -> FloatArray:
    """Take each metric; NaN where it is not defined."""
    known = ~np.isnan(risk)
    return np.array([_value_or_nan(metric, y[known], risk[known]) for metric in metrics])


def _value_or_nan(metric: Metric, y: IntArray, risk: FloatArray) -> float:
    # On the whole cohort it has worked; here, it may lack a class.
    if len(np.unique(y)) < 2:
        return math.nan
    try:
        return float(metric(y, risk))
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return math.nan


# -- the whole cohort -------------------------------------------------------------------------


def _apparent(
    estimator: Any,
    metrics: Mapping[str, Metric],
    data: Cohort,
    predict: Predict,
    seed: int,
) -> tuple[list[tuple[float, float]], Outcome]:
    """Return each metric of the model of the whole cohort, and without information."""
    if not metrics:
        raise MismatchError("no metric is given", expected="one or more, by name")
    everyone = np.arange(len(data.y))
    patients = data.patients if data.grouped else None
    with recorded_warnings() as messages, threadpoolctl.threadpool_limits(1):
        model = fit_on(estimator, data.X, data.y, patients, everyone, [seed, 0])
        risk = finite_risk(predict(model, data.X))
        known = ~np.isnan(risk)
        y, risk = data.y[known], risk[known]
        found = [
            (float(metric(y, risk)), _without_information(metric, y, risk, seed))
            for metric in metrics.values()
        ]
    for name, (value, _) in zip(metrics, found, strict=True):
        if not math.isfinite(value):
            raise MirriskError(
                f"{name} of the model of the whole cohort is {value}",
                expected="a finite number",
                remedy="leave this metric out",
            )
    return found, Outcome(warnings=tuple(messages))


def _without_information(metric: Metric, y: IntArray, risk: FloatArray, seed: int) -> float:
    """Average a metric over pairings of outcomes and risks in which each meets each once."""
    shuffled = np.random.default_rng([seed, 0]).permutation(y)
    values = [_value_or_nan(metric, np.roll(shuffled, shift), risk) for shift in range(len(y))]
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
