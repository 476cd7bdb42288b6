"""Kinds of outcome, as tuning sees them: a penalised path, and the deviance of held-out samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from mirrisk.fitting.cox import cox_lambda_max, fit_cox_path
from mirrisk.fitting.cox_likelihood import cross_validated_deviance
from mirrisk.fitting.elastic_net import fit_path, lambda_max

if TYPE_CHECKING:
    from mirrisk.fitting.outcome import SurvivalOutcome
    from mirrisk.vocabulary import FloatArray, IntArray


class Path(NamedTuple):
    """Penalised models, from the strongest penalty to the weakest.

    Attributes
    ----------
    intercepts : ndarray of shape (n_penalties,)
        0 where a kind of outcome has none.
    coefficients : ndarray of shape (n_penalties, n_columns)
    objective : ndarray of shape (n_penalties,)
    """

    intercepts: FloatArray
    coefficients: FloatArray
    objective: FloatArray

    def last(self, count: int) -> Path:
        """Return the models of the weakest penalties."""
        return Path(*(part[-count:] for part in self))

    def followed_by(self, weaker: Path) -> Path:
        """Return the models of both, the other's at weaker penalties."""
        return Path(*(np.concatenate(parts) for parts in zip(self, weaker, strict=True)))


class Family(Protocol):
    """A kind of outcome.

    Outcomes ``y`` are whatever it takes: ``y[rows]`` are those of some samples.
    """

    def fits(self, y: Any) -> bool:
        """Tell whether a model can be fitted to outcomes at all."""

    def strongest(self, columns: FloatArray, y: Any, **how: Any) -> float:
        """Return the least penalty that leaves no penalised column in."""

    def path(self, columns: FloatArray, y: Any, **how: Any) -> Path:
        """Fit along a path of penalties.

        Raises
        ------
        MismatchError
            If no finite coefficients of the unpenalised columns are optimal.
        """

    def deviance(self, columns: FloatArray, y: Any, held: IntArray, path: Path) -> FloatArray:
        """Return the deviance per held-out sample of models fitted to all others."""


class Binomial:
    """Two classes, 0 and 1: logistic regression."""

    def fits(self, y: FloatArray) -> bool:
        """Tell whether both classes occur."""
        return len(np.unique(y)) == 2

    def strongest(self, columns: FloatArray, y: FloatArray, **how: Any) -> float:
        """Return the least penalty that leaves no penalised column in."""
        return lambda_max(columns, y, **how)

    def path(self, columns: FloatArray, y: FloatArray, **how: Any) -> Path:
        """Fit along a path of penalties."""
        path = fit_path(columns, y, **how)
        return Path(path.intercepts, path.coefficients, path.objective)

    def deviance(
        self, columns: FloatArray, y: FloatArray, held: IntArray, path: Path
    ) -> FloatArray:
        """Return the mean deviance of held-out samples."""
        log_odds = path.intercepts[:, None] + path.coefficients @ columns[held].T
        return np.asarray(2 * np.mean(np.logaddexp(0.0, log_odds) - y[held] * log_odds, axis=1))


class Hazards:
    """Follow-up: Cox regression, of the subdistribution (Fine and Gray) where death competes."""

    def fits(self, y: SurvivalOutcome) -> bool:
        """Tell whether there is an event."""
        return y.events > 0

    def strongest(self, columns: FloatArray, y: SurvivalOutcome, **how: Any) -> float:
        """Return the least penalty that leaves no penalised column in."""
        return cox_lambda_max(columns, **y.rows, **how)

    def path(self, columns: FloatArray, y: SurvivalOutcome, **how: Any) -> Path:
        """Fit along a path of penalties."""
        path = fit_cox_path(columns, **y.rows, **how)
        return Path(np.zeros(len(path.lambdas)), path.coefficients, path.objective)

    def deviance(
        self, columns: FloatArray, y: SurvivalOutcome, held: IntArray, path: Path
    ) -> FloatArray:
        """Return the cross-validated partial likelihood deviance (Verweij & van Houwelingen).

        That without any predictor is taken off: it says nothing of a model, and differs between
        folds by who is at risk in them.
        """
        training = np.ones(len(y), dtype=bool)
        training[held] = False
        nothing = np.zeros((1, len(y)))
        etas = np.vstack([path.coefficients @ columns.T, nothing])
        found = cross_validated_deviance(linear_predictors=etas, training=training, **y.rows)
        return np.asarray((found[:-1] - found[-1]) / len(held))


BINOMIAL = Binomial()
HAZARDS = Hazards()
