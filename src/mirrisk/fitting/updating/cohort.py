"""The new cohort as the panel sees it: who takes part, and the numbers of those who do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.fitting.joint import JointNormal
from mirrisk.result import score_panel
from mirrisk.tables.clinical import clinical_values

if TYPE_CHECKING:
    import pandas as pd

    from mirrisk.expression import Expression
    from mirrisk.model import FittedPanel
    from mirrisk.vocabulary import BoolArray, FloatArray

NO_OUTCOME = "no outcome"
UNFIT = {
    "empty_sample": "nothing was measured",
    "unit_or_platform": "unlike the reference: another unit or platform",
    "other_tissue": "unlike the reference: nearer to another tissue",
    "partial_library": "unlike the reference: only a part of the library",
}
NO_PATIENT = "patient not known"
NOTHING = "nothing of the panel was measured"


@dataclass(frozen=True, eq=False)
class Observed:
    """What a panel sees of a table.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_features)
        Normal scores and standardised covariates that have a coefficient; NaN where missing or
        below detection.
    features : list of int
        Their positions among the panel's terms, then covariates.
    clinical : ndarray of shape (n_samples, n_covariates)
        As given.
    unfit : tuple of str
        Why the reference refuses a sample, "" where it does not.
    notes : tuple of str
    """

    values: FloatArray
    features: list[int]
    clinical: FloatArray
    unfit: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, panel: FittedPanel, expression: Expression, covariates: pd.DataFrame | None
    ) -> Observed:
        """Measure a table by a panel's own reference.

        Raises
        ------
        MismatchError, NotFoundError, InvalidTableError
            If table or covariates are not what the panel needs.
        """
        names = [covariate.name for covariate in panel.covariates]
        where = f"panel {panel.id!r}"
        clinical, said = clinical_values(covariates, names, expression.samples, where)
        measured = panel.reference.measure(expression)
        result = score_panel(
            panel, panel.reference, measured, min_coverage=0.0, covariates=clinical
        )
        return cls(
            values=result.z,
            features=list(result.alignment.scored),
            clinical=clinical,
            unfit=measured.unfit,
            notes=(
                *measured.notes,
                *said,
                *panel.far_covariates(clinical, expression.samples),
            ),
        )

    def reasons(self, y: FloatArray, nameless: BoolArray) -> Any:
        """Say why samples cannot take part; "" of those who can.

        Parameters
        ----------
        y : ndarray of shape (n_samples,)
            NaN where the outcome is not known.
        nameless : ndarray of bool, shape (n_samples,)
            Where the patient is not known, though others' are.

        Returns
        -------
        ndarray of object, shape (n_samples,)
        """
        nothing = np.asarray(np.isnan(self.values).all(axis=1))
        told = [
            NO_OUTCOME
            if np.isnan(y[i])
            else NO_PATIENT
            if nameless[i]
            else UNFIT.get(reason, reason) or (NOTHING if nothing[i] else "")
            for i, reason in enumerate(self.unfit)
        ]
        return np.array(told, dtype=object)


@dataclass(frozen=True, eq=False)
class UpdateCohort:
    """The samples that take part, gaps filled by what each of them shows.

    Attributes
    ----------
    features : list of int
        Positions in the panel of the columns of ``X``.
    X : ndarray of shape (n_samples, n_features)
    mean : ndarray of shape (n_features,)
        The panel's.
    estimable : ndarray of bool, shape (n_features,)
        What was measured in this cohort, and varies.
    eta, log_odds : ndarray of shape (n_samples,)
        The panel's centred linear predictor, and the log odds that it gives.
    y : ndarray of shape (n_samples,)
        0 and 1.
    """

    features: list[int]
    X: FloatArray
    mean: FloatArray
    estimable: BoolArray
    eta: FloatArray
    log_odds: FloatArray
    y: FloatArray

    @classmethod
    def of(
        cls, panel: FittedPanel, observed: Observed, usable: BoolArray, y: FloatArray
    ) -> UpdateCohort:
        """Take the usable samples.

        Gaps are filled jointly, without the kernel's ridge of 1e-6: only so does the linear
        predictor lie in the span of the columns that were measured, whatever is missing where.
        """
        features = observed.features
        joint = JointNormal(panel.mean, panel.covariance).part(features)
        values = observed.values[usable]
        X = joint.fill(values)
        eta = np.asarray((X - joint.mean) @ panel.coefficients[features])
        measured = ~np.all(np.isnan(values), axis=0)
        return cls(
            features=features,
            X=X,
            mean=joint.mean,
            estimable=np.asarray(measured & (np.ptp(X, axis=0) > 0), dtype=bool),
            eta=eta,
            log_odds=panel.link.intercept + panel.link.slope * eta,
            y=y[usable],
        )
