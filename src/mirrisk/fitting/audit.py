"""What became of the literature's directions in a fit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mirrisk.fitting.predictors import Predictors
    from mirrisk.vocabulary import FloatArray


@dataclass(frozen=True)
class AuditedTerm:
    """One candidate of which the literature gives the direction.

    Attributes
    ----------
    mirna, member : str
    literature, marginal : int
        The sign that the literature gives, and that of the covariance with the outcome here.
    coefficient, unconstrained : float
        As the penalty left them, before calibration (whose slope the panel's coefficients hold);
        and likewise, at the same penalty, without regard to the literature.
    opposes : bool
        Whether the latter's sign opposes the literature.
    variance_share : float
        Part of the linear predictor's variance; below 0 where the coefficient corrects others.
    """

    mirna: str
    member: str
    literature: int
    marginal: int
    coefficient: float
    unconstrained: float
    opposes: bool
    variance_share: float


@dataclass(frozen=True)
class Audit:
    """What became of the literature's directions.

    A direction of the literature is marginal: of one miRNA alone. A coefficient is conditional on
    the others in the model, and may rightly have the other sign.

    Attributes
    ----------
    terms : tuple of AuditedTerm
    objective, objective_unconstrained : float
        The penalised loss as fitted, and without regard to the literature.
    negative_shares : tuple of str
        Every miRNA or covariate whose share of the variance is below 0.
    """

    terms: tuple[AuditedTerm, ...]
    objective: float
    objective_unconstrained: float
    negative_shares: tuple[str, ...]

    @property
    def opposed(self) -> tuple[str, ...]:
        """The miRNAs that would be fitted against the literature, were they free."""
        return tuple(term.mirna for term in self.terms if term.opposes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types."""
        return {
            "terms": [asdict(term) for term in self.terms],
            "opposed": list(self.opposed),
            "objective": self.objective,
            "objective_unconstrained": self.objective_unconstrained,
            "negative_shares": list(self.negative_shares),
        }


def audit_directions(
    predictors: Predictors,
    association: FloatArray,
    coefficients: FloatArray,
    unconstrained: FloatArray,
    *,
    objective: float,
    objective_unconstrained: float,
) -> Audit:
    """Set the literature's directions beside those found.

    Parameters
    ----------
    predictors : Predictors
    association : ndarray of shape (n_samples,)
        What each feature's covariance is taken with: the outcome, or residuals of survival.
    coefficients, unconstrained : ndarray of shape (n_features,)
    objective, objective_unconstrained : float
    """
    candidates = predictors.candidates
    marginal = np.sign(_covariances(predictors.observed, association)).astype(int)
    shares = variance_shares(coefficients, predictors.joint.covariance)
    names = (*candidates.names, *predictors.covariates)
    terms = []
    for j, (name, claim) in enumerate(zip(candidates.names, candidates.claims, strict=True)):
        if claim is not None:
            terms.append(
                AuditedTerm(
                    mirna=name,
                    member=claim.name,
                    literature=claim.sign,
                    marginal=int(marginal[j]),
                    coefficient=float(coefficients[j]),
                    unconstrained=float(unconstrained[j]),
                    opposes=bool(unconstrained[j] * claim.sign < 0),
                    variance_share=float(shares[j]),
                )
            )
    return Audit(
        terms=tuple(terms),
        objective=objective,
        objective_unconstrained=objective_unconstrained,
        negative_shares=tuple(name for name, share in zip(names, shares, strict=True) if share < 0),
    )


def variance_shares(coefficients: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return ``b_j Cov(x_j, eta) / Var(eta)``, which add up to 1; 0 where nothing varies."""
    shares = coefficients * (covariance @ coefficients)
    total = shares.sum()
    return np.asarray(shares / total if total > 0 else np.zeros_like(shares))


def _covariances(observed: FloatArray, association: FloatArray) -> FloatArray:
    """Return each feature's covariance with something, over the samples that have both."""
    measured = ~np.isnan(observed)
    count = np.maximum(measured.sum(axis=0), 1)
    filled = np.where(measured, observed, 0.0)
    mean_x = filled.sum(axis=0) / count
    mean_a = measured.T @ association / count
    return np.asarray(filled.T @ association / count - mean_x * mean_a)
