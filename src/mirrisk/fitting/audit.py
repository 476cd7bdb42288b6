"""What became of the literature's directions in a fit, and what they alone would have achieved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.result import score_panel
from mirrisk.validation.fold_auc import placements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.fitting.folds import Fold
    from mirrisk.fitting.predictors import Predictors
    from mirrisk.panel import Panel
    from mirrisk.vocabulary import FloatArray, IntArray


@dataclass(frozen=True)
class AuditedTerm:
    """One candidate of which the literature gives the direction.

    Attributes
    ----------
    mirna, member : str
    literature, marginal : int
        The sign that the literature gives, and that of the covariance with the outcome here.
    coefficient, unconstrained : float
        As fitted, and as fitted at the same penalty without regard to the literature.
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


def curated_scores(predictors: Predictors, panel: Panel) -> FloatArray | None:
    """Return the curated panel's scores of the cohort, NaN where a sample has none.

    None where the cohort cannot serve the panel. No outcome has a part in them.
    """
    try:
        return score_panel(panel, predictors.reference, predictors.measured).score
    except MismatchError:
        return None


class Discrimination(Protocol):
    """How well risks tell who has the event, over pairs of samples of one fold."""

    key: str
    name: str

    def of(self, risk: FloatArray, folds: IntArray) -> float:
        """Return it, 0.5 for no better than chance; NaN without pairs.

        Parameters
        ----------
        risk : ndarray of shape (n_samples,)
            NaN where not known.
        folds : ndarray of shape (n_samples,)
            The fold that each sample was held out in.
        """


@dataclass(frozen=True, eq=False)
class WithinFoldAUC:
    """The AUC for an outcome of 0 and 1."""

    y: FloatArray
    key = "auc"
    name = "AUC"

    def of(self, risk: FloatArray, folds: IntArray) -> float:
        """Return the AUC over pairs of one fold."""
        return placements(self.y.astype(np.intp), risk, folds).auc(self.y == 1)


def compare_with_curated(
    panel: Panel,
    scores: FloatArray | None,
    etas: FloatArray,
    folds: Sequence[Sequence[Fold]],
    discrimination: Discrimination,
) -> dict[str, Any]:
    """Compare a fitted panel out of fold with the curated one, of which nothing was fitted.

    Parameters
    ----------
    panel : Panel
    scores : ndarray of shape (n_samples,), optional
        The curated panel's.
    etas : ndarray of shape (n_repeats, n_samples)
        Out-of-fold linear predictors.
    folds : list of list of (training rows, held-out rows)
        Per repeat; only samples of one fold are compared with each other.
    discrimination : Discrimination
        What is compared.
    """
    told: dict[str, Any] = {"panel": panel.id, "version": panel.version, "digest": panel.digest}
    if scores is None:
        return {**told, "said": f"The curated panel {panel.id} cannot be scored in this cohort."}
    fitted, curated = _of_both(scores, etas, folds, discrimination)
    if np.isnan(fitted) or np.isnan(curated):
        return {**told, "said": "No fold holds events and non-events that both panels score."}
    count = int((~np.isnan(etas) & ~np.isnan(scores)).any(axis=0).sum())
    beats = fitted > curated
    verdict = "does better" if beats else "does not beat it"
    key, name = discrimination.key, discrimination.name
    return {
        **told,
        "n": count,
        f"{key}_fitted": fitted,
        f"{key}_curated": curated,
        "beats_curated": beats,
        "said": (
            f"Out of fold the fitted panel {verdict}: {name} {fitted:.2f}, against {curated:.2f} "
            f"of the curated panel {panel.id} alone, of which nothing is fitted ({count} samples, "
            "the same folds)."
        ),
    }


def _of_both(
    scores: FloatArray,
    etas: FloatArray,
    folds: Sequence[Sequence[Fold]],
    discrimination: Discrimination,
) -> tuple[float, float]:
    """Return the discrimination of both risks where both are known, averaged over repeats."""
    found = []
    for eta, repeat in zip(etas, folds, strict=True):
        fold_of = np.zeros(len(scores), dtype=np.intp)
        for number, (_, held) in enumerate(repeat):
            fold_of[held] = number
        known = ~np.isnan(eta) & ~np.isnan(scores)
        pair = (np.where(known, risk, np.nan) for risk in (eta, scores))
        found.append([discrimination.of(risk, fold_of) for risk in pair])
    fitted, curated = np.mean(found, axis=0)
    return float(fitted), float(curated)


def _covariances(observed: FloatArray, association: FloatArray) -> FloatArray:
    """Return each feature's covariance with something, over the samples that have both."""
    measured = ~np.isnan(observed)
    count = np.maximum(measured.sum(axis=0), 1)
    filled = np.where(measured, observed, 0.0)
    mean_x = filled.sum(axis=0) / count
    mean_a = measured.T @ association / count
    return np.asarray(filled.T @ association / count - mean_x * mean_a)
