"""Samples of a table of any kind, and an estimator fitted on some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from mirrisk.errors import MirriskError, MismatchError
from mirrisk.validation.outcome import binary_outcome, group_codes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray


def take(X: Any, rows: IntArray) -> Any:
    """Return some rows of a data frame, of an array, or of anything that has ``take(rows)``."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if hasattr(X, "take") and not isinstance(X, np.ndarray):
        return X.take(rows)
    return X[rows]


@dataclass(frozen=True, eq=False)
class Cohort:
    """What a model is learned from and judged on, checked.

    Attributes
    ----------
    X
        The table.
    y : array of shape (n_samples,)
        0 and 1.
    patients : array of shape (n_samples,)
        Number of the patient of each sample, from 0.
    grouped : bool
        Whether the caller said who the patients are; else each sample is its own.
    """

    X: Any
    y: IntArray
    patients: IntArray
    grouped: bool

    @property
    def events(self) -> int:
        """Samples with the event."""
        return int(self.y.sum())

    @property
    def eventful(self) -> BoolArray:
        """Whether a patient has the event in any sample, by the patient's number."""
        return eventful(self.patients, self.y)


def eventful(patients: IntArray, happened: BoolArray | IntArray | FloatArray) -> BoolArray:
    """Tell which patients have the event in any sample, by their number."""
    return np.asarray(np.bincount(patients, weights=happened) > 0)


def cohort(X: Any, y: ArrayLike, groups: ArrayLike | None = None) -> Cohort:
    """Check a table, its outcomes and its groups.

    Raises
    ------
    MismatchError
        If they are not of the same samples, or `y` is not of both 0 and 1.
    """
    table = np.asarray(X) if isinstance(X, list | tuple) else X
    n = table.shape[0] if hasattr(table, "shape") else len(table)
    outcome = binary_outcome(y)[0].astype(np.intp)
    if len(outcome) != n:
        raise MismatchError(
            f"y has {len(outcome)} samples, X has {n}",
            expected="the same samples in the same order",
        )
    return Cohort(table, outcome, group_codes(groups, n), groups is not None)


def fit_on(
    estimator: Any, X: Any, y: IntArray, patients: IntArray | None, rows: IntArray, seed: list[int]
) -> Any:
    """Fit a copy of an estimator on some rows.

    Parameters
    ----------
    estimator
        With ``fit(X, y)`` or ``fit(X, y, groups)``.
    X, y
        All samples.
    patients : array, optional
        Given to ``fit`` as `groups` if it has such a parameter, so that its own
        cross-validation keeps the samples of a patient together.
    rows : array of int
        Those to fit on; a bootstrap has some of them several times.
    seed : list of int
        For every parameter ``random_state`` that is None.
    """
    model = clone(estimator, safe=False)
    _seed(model, seed)
    outcome = y[rows]
    if len(np.unique(outcome)) < 2:
        raise MismatchError("the samples to fit on are of one class")
    extra = {}
    if patients is not None and has_fit_parameter(model, "groups"):
        extra["groups"] = patients[rows]
    return model.fit(take(X, rows), outcome, **extra)


def risk_of(model: Any, X: Any) -> FloatArray:
    """Return the risks that a fitted model gives: probabilities where it has them."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X), dtype=np.float64)[:, 1]
    return np.asarray(model.decision_function(X), dtype=np.float64)


def finite_risk(risk: ArrayLike) -> FloatArray:
    """Return risks with NaN for what is not finite.

    Raises
    ------
    MirriskError
        If none is.
    """
    values = np.asarray(risk, dtype=np.float64)
    if not np.isfinite(values).any():
        raise MirriskError("the fitted model gives no finite risk")
    return np.where(np.isfinite(values), values, np.nan)


def json_number(value: float) -> float | None:
    """Return a number as JSON has it: None for NaN."""
    return float(value) if np.isfinite(value) else None


def json_numbers(values: FloatArray) -> list[float | None]:
    """Return numbers as JSON has them: None for NaN."""
    return [json_number(value) for value in values]


def from_json(values: list[float | None]) -> FloatArray:
    """Return numbers that JSON brought back."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _seed(model: Any, seed: list[int]) -> None:
    """Make a model's randomness depend on the seed alone."""
    if not hasattr(model, "get_params"):
        return
    open_states = sorted(
        name
        for name, value in model.get_params(deep=True).items()
        if value is None and name.split("__")[-1] == "random_state"
    )
    states = np.random.SeedSequence(seed).generate_state(len(open_states))
    model.set_params(**dict(zip(open_states, map(int, states), strict=True)))
