"""From a cohort to the numbers that a model is fitted to: normal scores and covariates, complete.

Nothing here looks at an outcome, so that a resampling inside one training set may share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.fitting.candidates import require_any, usable
from mirrisk.fitting.cohort import require_variation
from mirrisk.fitting.joint import JointNormal
from mirrisk.model import Covariate, Term
from mirrisk.reference import Reference

if TYPE_CHECKING:
    from mirrisk.fitting.candidates import Candidates
    from mirrisk.fitting.cohort import Cohort
    from mirrisk.panel import Panel
    from mirrisk.reference.measuring import Measured
    from mirrisk.vocabulary import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Predictors:
    """What a model of one cohort is fitted to.

    Features are the candidates, then the covariates.

    Attributes
    ----------
    reference : Reference
        Fitted on the cohort: the candidates, and the curated panel's miRNAs.
    measured : Measured
        The cohort as its reference sees it.
    candidates : Candidates
        Those that the cohort can speak for.
    left_out : dict of str to str
        Key of each other candidate -> why.
    covariates : tuple of str
    covariate_mean, covariate_sd : ndarray of shape (n_covariates,)
    observed : ndarray of shape (n_samples, n_features)
        Normal scores and standardised covariates; NaN where missing or below detection.
    values : ndarray of shape (n_samples, n_features)
        The same, gaps filled by what the sample shows.
    joint : JointNormal
    """

    reference: Reference
    measured: Measured
    candidates: Candidates
    left_out: dict[str, str]
    covariates: tuple[str, ...]
    covariate_mean: FloatArray
    covariate_sd: FloatArray
    observed: FloatArray
    values: FloatArray
    joint: JointNormal

    @classmethod
    def learn(
        cls,
        cohort: Cohort,
        candidates: Candidates,
        panel: Panel | None = None,
        *,
        cancer: str | None = None,
        accept_small: bool = False,
    ) -> Predictors:
        """Learn everything that the features need from a cohort.

        Raises
        ------
        InvalidReferenceError
            On fewer than 20 samples, unless ``accept_small``.
        InvalidTableError
            If no candidate is left, or a covariate tells nothing.
        """
        require_variation(cohort.covariates, cohort.names)
        reference = Reference.fit_keys(
            cohort.expression,
            candidates.keys,
            name=f"training cohort (n={len(cohort)})",
            cancer=cancer,
            panels=() if panel is None else (panel,),
            accept_small=accept_small,
        )
        measured = reference.measure(cohort.expression)
        z = _normal_scores(reference, measured, candidates.keys)
        mask, left_out = usable(candidates, reference, z)
        require_any(mask, left_out)
        mean = np.nanmean(cohort.covariates, axis=0)
        sd = np.nanstd(cohort.covariates, axis=0)
        observed = np.hstack([z[:, mask], (cohort.covariates - mean) / sd])
        joint = JointNormal.learn(observed)
        return cls(
            reference=reference,
            measured=measured,
            candidates=candidates.keep(mask, left_out),
            left_out=left_out,
            covariates=cohort.names,
            covariate_mean=mean,
            covariate_sd=sd,
            observed=observed,
            values=joint.fill(observed),
            joint=joint,
        )

    @property
    def clinical(self) -> BoolArray:
        """Which features are covariates."""
        return np.arange(self.values.shape[1]) >= len(self.candidates)

    def terms(
        self, coefficients: FloatArray, frequencies: FloatArray | None = None
    ) -> tuple[tuple[Term, ...], tuple[Covariate, ...], list[int]]:
        """Return the parts of a fitted panel, and the features that they are.

        Candidates whose coefficient is 0 are no part of it; covariates always are.
        """
        count = len(self.candidates)
        chosen = np.flatnonzero(coefficients[:count]).tolist()
        terms = tuple(
            Term(
                key=self.candidates.keys[j],
                mirna=self.candidates.names[j],
                coefficient=float(coefficients[j]),
                claim=self.candidates.claims[j],
                frequency=None if frequencies is None else float(frequencies[j]),
            )
            for j in chosen
        )
        covariates = tuple(
            Covariate(name, float(coefficients[count + k]), float(mean), float(sd))
            for k, (name, mean, sd) in enumerate(
                zip(self.covariates, self.covariate_mean, self.covariate_sd, strict=True)
            )
        )
        return terms, covariates, [*chosen, *range(count, len(coefficients))]


def _normal_scores(reference: Reference, measured: Measured, keys: tuple[str, ...]) -> FloatArray:
    """Return normal scores; NaN where missing, below detection, or without a distribution."""
    z = np.full((len(measured.values), len(keys)), np.nan)
    held = [(j, reference.position[key]) for j, key in enumerate(keys) if key in reference.position]
    if held:
        targets, columns = (list(part) for part in zip(*held, strict=True))
        scores = reference.normal_scores(measured.values, columns)
        scores[measured.too_shallow[:, columns]] = np.nan
        z[:, targets] = scores
    return z
