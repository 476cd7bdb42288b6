"""PanelSurvival: a panel fitted to follow-up, with the interface of survival estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from mirrisk.errors import MismatchError
from mirrisk.fitting.base import PanelEstimator
from mirrisk.fitting.candidates import choose_candidates
from mirrisk.fitting.cohort import in_order, sample_names
from mirrisk.fitting.hazards import fit_survival_panel
from mirrisk.fitting.outcome import SurvivalOutcome
from mirrisk.fitting.penalties import threads
from mirrisk.fitting.report import Summary
from mirrisk.validation.fold_concordance import WithinFoldConcordance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from numpy.typing import ArrayLike

    from mirrisk.fitting.directions import Directions
    from mirrisk.fitting.outcome import Death
    from mirrisk.fitting.tuning import Rule, Tuning
    from mirrisk.model import FittedPanel
    from mirrisk.signatures import SignatureLike
    from mirrisk.vocabulary import FloatArray, Specimen, Unit


class PanelSurvival(PanelEstimator):
    """A panel fitted to follow-up: elastic net Cox regression on normal scores.

    One ``fit`` holds the whole pipeline, as that of
    :class:`mirrisk.fitting.classifier.PanelClassifier` does: reference, gaps, tuning by
    cross-validation, calibration and cutoffs on out-of-fold predictors. Two endpoints are
    possible, and answer different questions:

    ``death="event"``
        Death without the event (code 2) counts as an event, as in metastasis-free survival; the
        risk is that of the event or death. Cox regression.
    ``death="competes"``
        Death without the event competes with it; the risk is that of the event itself in a world
        where some die before it. The subdistribution's hazard is modelled (Fine and Gray).

    Without code 2 both are the same. Neither takes the dead for censored.

    Parameters
    ----------
    panel : str, Path or Panel, optional
        Of the literature: whose directions are known. High levels in the direction of risk mean
        an earlier event.
    horizon : float
        The probability is that of an event until then, in the unit of the times: above 0, within
        follow-up, after the first event. ``fit`` refuses to go without.
    death : {"event", "competes"}, default "event"
        What code 2 is.
    candidates, directions, covariates, unit, specimen, cancer, feature_names
        As for :class:`mirrisk.fitting.classifier.PanelClassifier`.
    mixings, n_penalties, min_ratio, mixing, penalty, folds, repeats, rule
        Likewise. Folds are stratified by the event. What is compared is the cross-validated
        partial likelihood (Verweij and van Houwelingen 1993), as a deviance less that without
        any predictor.
    sensitivity, specificity : float, default 0.9
        Targets of the low and the high cutoff, at the horizon: among those with the event by
        then, and those known to be without it, to which the dead belong where death competes.
        Who was censored before is left out: the sensitivity stated is rather high than low.
    stability, audit, quiet, n_jobs, random_state
        As for :class:`mirrisk.fitting.classifier.PanelClassifier`. The audit sets a miRNA's
        covariance with the martingale residuals of the model without predictors beside the
        literature's direction, and compares by Harrell's C within folds; where death competes,
        the dead stay comparable, as never having the event (Wolbers et al. 2014).
    accept_small : bool, default False
        Fit even to fewer than 10 events, or 20 samples; the result says so.

    Attributes
    ----------
    panel_ : FittedPanel or None
        None where nothing predicts the outcome better than its frequency.
    summary_ : Summary
        ``print`` it, or take its ``content`` as plain types.
    tuning_ : Tuning
        Deviances and out-of-fold linear predictors, before calibration.
    unit_, specimen_ : str
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only where X has names of its own.

    Notes
    -----
    The slope is that of Cox regression on the out-of-fold linear predictor, not below 0. The
    baseline is Breslow's at the calibrated out-of-fold predictors, exact at the horizon. At other
    times it is smoothed: drawn straight between points with at least five events from one to the
    next, read at 100 evenly spaced times, so that an exported panel does not tell when a patient
    had the event.

    References
    ----------
    Verweij PJM, van Houwelingen HC. Cross-validation in survival analysis. Stat Med
    1993;12:2305-2314. doi:10.1002/sim.4780122407

    Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. J
    Am Stat Assoc 1999;94:496-509. doi:10.1080/01621459.1999.10474144

    Wolbers M, Blanche P, Koller MT, Witteman JCM, Gerds TA. Concordance for prognostic models
    with competing risks. Biostatistics 2014;15:526-539. doi:10.1093/biostatistics/kxt059

    Examples
    --------
    >>> from mirrisk.simulate import cohort
    >>> simulated = cohort("tcga-prad", 120, panel="prostate", shifted=0.4, shift=1, seed=1)
    >>> rng = np.random.default_rng(1)
    >>> time = rng.exponential(np.where(simulated.truth["shifted"], 2.0, 8.0))
    >>> model = PanelSurvival("prostate", horizon=3, unit="counts", repeats=1)
    >>> import warnings; warnings.simplefilter("ignore")
    >>> model.fit(simulated.counts, (time < 5, np.minimum(time, 5))).panel_.link.kind
    'cox'
    """

    def __init__(
        self,
        panel: SignatureLike | None = None,
        *,
        horizon: float | None = None,
        death: Death = "event",
        candidates: str | Sequence[str] = "panel",
        directions: Directions = "constrain",
        covariates: Sequence[str] = (),
        unit: Unit | None = None,
        specimen: Specimen | None = None,
        cancer: str | None = None,
        feature_names: Sequence[str] | Callable[[int], Sequence[str]] | None = None,
        mixings: Sequence[float] = (0.1, 0.5, 1.0),
        n_penalties: int = 30,
        min_ratio: float = 0.05,
        mixing: float | None = None,
        penalty: float | None = None,
        folds: int = 5,
        repeats: int = 3,
        rule: Rule = "min",
        sensitivity: float = 0.9,
        specificity: float = 0.9,
        stability: int = 0,
        audit: bool = True,
        accept_small: bool = False,
        quiet: bool = False,
        n_jobs: int = 1,
        random_state: Any = 0,
    ) -> None:
        self.panel = panel
        self.horizon = horizon
        self.death = death
        self.candidates = candidates
        self.directions = directions
        self.covariates = covariates
        self.unit = unit
        self.specimen = specimen
        self.cancer = cancer
        self.feature_names = feature_names
        self.mixings = mixings
        self.n_penalties = n_penalties
        self.min_ratio = min_ratio
        self.mixing = mixing
        self.penalty = penalty
        self.folds = folds
        self.repeats = repeats
        self.rule = rule
        self.sensitivity = sensitivity
        self.specificity = specificity
        self.stability = stability
        self.audit = audit
        self.accept_small = accept_small
        self.quiet = quiet
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, groups: Any = None, clinical: pd.DataFrame | None = None
    ) -> Self:
        """Fit a panel.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features), Expression, or Cohort
            Samples in rows; covariates are named columns. NaN is missing.
        y : structured array, DataFrame, array of shape (n_samples, 2), or tuple of two arrays
            ``event`` and ``time`` of each sample, in this order where they have no names: how
            follow-up ended (0 or False censored, 1 or True the event, 2 death without it), and
            when, above 0.
        groups : array of shape (n_samples,), optional
            The patient of each sample: no patient is in two folds, and events and the size of
            the cohort are counted in patients.
        clinical : DataFrame, optional
            The covariates by sample name, where X is an Expression; what ``covariates`` names are
            its columns. (``mirrisk.score`` and ``mirrisk.validate`` call such a frame
            ``covariates``.)

        Raises
        ------
        MirriskError
            When table, outcome, panel and parameters do not hold together, or there are too few
            samples or events.

        Warns
        -----
        MirriskWarning
            Of a cohort too small for its candidates, and of a model that predicts nothing.
        """
        # With one thread the result is the same wherever and beside whatever it is computed.
        with threads().limit(limits=1), self._hushed():
            cohort, patients = self._training(X, clinical, y, groups)
            panel, cancer = self._curated()
            index, specimen = cohort.expression.index, cohort.expression.specimen
            found = fit_survival_panel(
                cohort,
                SurvivalOutcome.of(y, cohort.samples, self.death),
                self.horizon,
                choose_candidates(self.candidates, index, panel, specimen),
                self._settings(),
                panel=panel,
                cancer=cancer,
                groups=patients,
            )
        self.panel_: FittedPanel | None = found.panel
        self.tuning_: Tuning = found.tuning
        self.summary_ = Summary(found.report)
        self._link = found.link
        return self

    def predict(self, X: Any, *, clinical: pd.DataFrame | None = None) -> FloatArray:
        """Return the calibrated linear predictor: higher, earlier.

        Parameters
        ----------
        X, clinical
            As for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log of the hazard's ratio to that of the cohort's mean.
        """
        check_is_fitted(self)
        cohort = self._cohort(X, clinical, reset=False)
        with self._hushed():
            return np.asarray(self._link.slope * self._eta(cohort))

    def predict_risk(
        self,
        X: Any,
        times: ArrayLike | None = None,
        *,
        clinical: pd.DataFrame | None = None,
    ) -> FloatArray:
        """Return the probability of an event.

        Parameters
        ----------
        X, clinical
            As for :meth:`fit`.
        times : float, or array of shape (n_times,), optional
            Until when, at most the end of follow-up; default the horizon.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_times) for an array of times

        Raises
        ------
        MismatchError
            If a time is not within follow-up.
        """
        linear = self.predict(X, clinical=clinical)
        asked = np.asarray(self._link.horizon if times is None else times, dtype=np.float64)
        hazard = np.array([self._link.hazard_until(at) for at in self._within_follow_up(asked)])
        risk = np.asarray(-np.expm1(-np.exp(linear)[:, None] * hazard))
        return risk if asked.ndim else risk[:, 0]

    def predict_survival_function(
        self,
        X: Any,
        times: ArrayLike | None = None,
        *,
        clinical: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Return the probability of no event, over time.

        Parameters
        ----------
        X, clinical
            As for :meth:`fit`.
        times : array of shape (n_times,), optional
            Default those of the baseline.

        Returns
        -------
        DataFrame of shape (n_samples, n_times)
            The columns are the times. Where death competes, 1 minus the cumulative incidence of
            the event: it holds those who died without it.
        """
        asked = self._within_follow_up(self._baseline_times() if times is None else times)
        risk = self.predict_risk(X, asked, clinical=clinical)
        index = X.index if isinstance(X, pd.DataFrame) else getattr(X, "samples", None)
        return pd.DataFrame(1 - risk, index=index, columns=pd.Index(asked, name="time"))

    def score(self, X: Any, y: Any, *, clinical: pd.DataFrame | None = None) -> float:
        """Return Harrell's C of the linear predictor.

        Parameters
        ----------
        X, y, clinical
            As for :meth:`fit`.

        Returns
        -------
        float
            0.5 is chance; NaN without a comparable pair. Where death competes, the dead are
            comparable with those who had the event, as never having it.

        Raises
        ------
        MismatchError
            If y is no follow-up of these samples, in their order where both have names.
        """
        in_order(y, X, "y")
        linear = self.predict(X, clinical=clinical)
        samples = sample_names(X) or [str(i) for i in range(len(linear))]
        outcome = SurvivalOutcome.of(y, samples, self.death)
        compared = WithinFoldConcordance(outcome.time, outcome.event)
        return compared.of(linear, np.zeros(len(linear), dtype=np.intp))

    def _baseline_times(self) -> FloatArray:
        check_is_fitted(self)
        return np.array(self._link.times)

    def _within_follow_up(self, times: Any) -> FloatArray:
        check_is_fitted(self)
        asked = np.atleast_1d(np.asarray(times, dtype=np.float64))
        end = 0.0 if self._link.end is None else self._link.end
        if asked.ndim != 1 or not ((asked >= 0) & (asked <= end)).all():
            raise MismatchError(
                f"times asks for {np.asarray(times).tolist()}",
                expected=f"times from 0 to {end:g}, the end of the cohort's follow-up",
            )
        return asked

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that NaN is allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags
