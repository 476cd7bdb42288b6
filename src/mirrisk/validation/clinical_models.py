"""What a panel adds to clinical covariates: three logistic models, all judged out of fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.added_value import added_beside
from mirrisk.validation.paired_folds import fold_auc_difference
from mirrisk.validation.resampling import nested_cv
from mirrisk.validation.samples import eventful

if TYPE_CHECKING:
    from typing import Any

    from mirrisk.validation.added_value import AddedValue
    from mirrisk.validation.interval import Interval
    from mirrisk.vocabulary import FloatArray, IntArray


@dataclass(frozen=True)
class ClinicalModel:
    """A model and its AUC out of fold, the mean over repeats, with their range."""

    name: str
    auc: Interval
    lowest: float
    highest: float
    failed_fits: int


@dataclass(frozen=True)
class ClinicalComparison:
    """Covariates alone, the panel alone, and both.

    Attributes
    ----------
    covariates : tuple of str
    n, events : int
    imputed : int
        Samples in which a covariate is missing and was set to the mean of the training folds.
    models : tuple of ClinicalModel
    added : AddedValue
        Both less covariates alone. The AUCs are compared within folds; Brier score and IDI are
        of each sample's mean risk over the repeats.
    folds, repeats : int
    """

    covariates: tuple[str, ...]
    n: int
    events: int
    imputed: int
    models: tuple[ClinicalModel, ...]
    added: AddedValue
    folds: int
    repeats: int


def compare_with_covariates(
    y: FloatArray,
    score: FloatArray,
    covariates: FloatArray,
    names: tuple[str, ...],
    patients: IntArray | None,
    *,
    folds: int,
    repeats: int,
    resamples: int,
    seed: int,
) -> ClinicalComparison:
    """Model the outcome by covariates, by the score, and by both.

    Each is a logistic regression (scikit-learn's, with its default ridge penalty on standardised
    columns) fitted anew in every fold of repeated cross-validation.

    Parameters
    ----------
    y, score : arrays of shape (n_samples,)
    covariates : array of shape (n_samples, n_covariates)
        NaN where not known.
    names : tuple of str
    patients : array of int of shape (n_samples,), optional
    folds, repeats, resamples, seed : int
        With fewer events or non-events than folds there are fewer folds.

    Raises
    ------
    MismatchError
        If there are too few events for two folds, or a covariate is known of no sample.
    """
    empty = [name for name, column in zip(names, covariates.T, strict=True) if _unknown(column)]
    if empty:
        raise MismatchError(f"{', '.join(empty)}: known of no sample that was scored")
    folds = _possible_folds(y, patients, folds)
    columns = {
        "covariates": covariates,
        "panel": score[:, None],
        "covariates and panel": np.column_stack([covariates, score]),
    }
    found = {
        name: nested_cv(
            _model(), X, y, groups=patients, folds=folds, repeats=repeats, seed=seed, n_jobs=1
        )
        for name, X in columns.items()
    }
    models = tuple(
        ClinicalModel(name, each.auc, *each.auc_range, failed_fits=len(each.failures))
        for name, each in found.items()
    )
    base, full = found["covariates"], found["covariates and panel"]
    added = added_beside(
        fold_auc_difference(y, full, base, patients),
        y,
        base.mean_risk,
        full.mean_risk,
        n=resamples,
        seed=seed,
        groups=patients,
    )
    return ClinicalComparison(
        covariates=names,
        n=len(y),
        events=int(y.sum()),
        imputed=int(np.isnan(covariates).any(axis=1).sum()),
        models=models,
        added=added,
        folds=folds,
        repeats=repeats,
    )


def _model() -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression()
    )


def _unknown(column: FloatArray) -> bool:
    return bool(np.isnan(column).all())


def _possible_folds(y: FloatArray, patients: IntArray | None, folds: int) -> int:
    """Return as many folds as each can have a patient with and one without an event."""
    codes = np.arange(len(y)) if patients is None else patients
    with_event = eventful(codes, y)
    events, others = int(with_event.sum()), int((~with_event).sum())
    possible = min(folds, events, others)
    if possible < 2:
        raise MismatchError(
            f"{events} patients with an event and {others} without",
            expected="two of each at least, to fit on some and judge on others",
        )
    return possible
