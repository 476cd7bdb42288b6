"""PanelClassifier: a panel fitted to a binary outcome, as a scikit-learn classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from mirrisk.errors import MismatchError
from mirrisk.fitting.base import PanelEstimator
from mirrisk.fitting.candidates import choose_candidates
from mirrisk.fitting.cohort import in_order
from mirrisk.fitting.logistic import fit_logistic_panel
from mirrisk.fitting.penalties import threads
from mirrisk.fitting.report import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from mirrisk.fitting.directions import Directions
    from mirrisk.fitting.tuning import Rule, Tuning
    from mirrisk.model import FittedPanel
    from mirrisk.signatures import SignatureLike
    from mirrisk.vocabulary import FloatArray, Specimen, Unit


class PanelClassifier(ClassifierMixin, PanelEstimator):  # type: ignore[misc]
    """A panel fitted to a binary outcome: elastic net logistic regression on normal scores.

    One ``fit`` holds the whole pipeline: it resolves names, learns a reference from the training
    samples, leaves out what they cannot speak for, fills gaps with what each sample shows, tunes
    by cross-validation, calibrates and cuts off on out-of-fold predictors. Cross-validation of
    the classifier so repeats all of it in every fold.

    Parameters
    ----------
    panel : str, Path or Panel, optional
        Of the literature: whose directions are known.
    candidates : "panel", "all", or sequence of str, default "panel"
        The panel's miRNAs whose direction is known in the specimen (contested ones are none);
        every miRNA of the table; or miRNAs by name.
    directions : {"constrain", "prefer", "ignore"}, default "constrain"
        What becomes of the literature's directions, whatever the candidates. ``"constrain"``: no
        coefficient has the opposite sign. ``"prefer"``: a coefficient in the literature's
        direction bears half the penalty. Without a panel there are none.
    covariates : sequence of str, default ()
        Clinical columns, of numbers; missing values are allowed. They are not penalised.
    unit : {"counts", "cpm", "log2", "ct", "delta_ct"}, optional
        Inferred at ``fit`` where the values leave no doubt.
    specimen : {"tissue", "serum", "ev"}, optional
        Default tissue, or what an Expression says.
    cancer : str, optional
        Of the cohort; default the panel's.
    feature_names : sequence of str, or callable, optional
        Names of the columns where X has none: one name per column, or a function that takes the
        number of columns and returns the names.
    mixings : sequence of float, default (0.1, 0.5, 1.0)
        Of the penalties that are compared: 0 is ridge, 1 is the lasso.
    n_penalties : int, default 30
        Penalties per mixing, evenly spaced on the log scale.
    min_ratio : float, default 0.05
        The weakest as a share of the strongest, which leaves no candidate in. Where the best
        penalty is the weakest the path is followed on, as evenly, to 0.0001 of the strongest (0.01
        with more features than samples) if need be; for mixings below 0.1, whose strongest penalty
        is farther from the best, to less.
    mixing, penalty : float, optional
        Both given: they are held, and nothing is tuned. The penalty is that of the mean negative
        log-likelihood per normal score.
    folds, repeats : int, default 5 and 3
        Of the cross-validation inside, stratified by outcome. With few events there are fewer
        folds.
    rule : {"min", "one_se"}, default "min"
        The least deviance, or the strongest penalty within one standard error of it.
    sensitivity, specificity : float, default 0.9
        Targets of the low and the high cutoff.
    stability : int, default 0
        Pairs of halves for stability selection at the mixing chosen; 50 are usual. Of p
        candidates each half selects those ``sqrt(0.8 p)`` that enter first as the penalty falls.
    audit : bool, default True
        Set the literature's directions beside those found, and compare with the curated panel.
    accept_small : bool, default False
        Fit even to fewer than 10 events or non-events, or 20 samples; the result says so.
    class_names : (str, str), optional
        What reports call no event and the event; default the classes themselves, which are often
        coded 0 and 1.
    quiet : bool, default False
        No warnings of what the report tells anyway, and of samples that look unlike the cohort:
        for fits inside a resampling.
    n_jobs : int, default 1
        Processes for the folds inside and for the halves. The result does not depend on it.
    random_state : int, RandomState or None, default 0
        Of folds and halves.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The second is the event.
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
    Every sample gets a prediction: what was not measured is expected from what was, and a sample
    without a single value gets that of the cohort's mean. Where directions are preferred, a
    candidate is entered twice, once for each direction, and the coefficient is the sum.

    Examples
    --------
    >>> from mirrisk.simulate import cohort
    >>> simulated = cohort("tcga-prad", 120, panel="prostate", shifted=0.4, shift=1, seed=1)
    >>> model = PanelClassifier("prostate", unit="counts", accept_small=True, repeats=1)
    >>> import warnings; warnings.simplefilter("ignore")
    >>> model.fit(simulated.counts, simulated.truth["shifted"].to_numpy()).classes_
    array([False,  True])
    """

    def __init__(
        self,
        panel: SignatureLike | None = None,
        *,
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
        class_names: tuple[str, str] | None = None,
        quiet: bool = False,
        n_jobs: int = 1,
        random_state: Any = 0,
    ) -> None:
        self.panel = panel
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
        self.class_names = class_names
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
        y : array of shape (n_samples,)
            Two classes; the second in sorted order is the event. A Series that is named otherwise
            than X's samples is refused; one numbered 0 to n - 1 goes by position.
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
            samples, events or non-events.

        Warns
        -----
        MirriskWarning
            Of a cohort too small for its candidates, and of a model that predicts nothing.
        """
        # With one thread the result is the same wherever and beside whatever it is computed.
        with threads().limit(limits=1), self._hushed():
            cohort, patients = self._training(X, clinical, y, groups)
            self.classes_, outcome = _outcome(y, cohort.samples)
            panel, cancer = self._curated()
            found = fit_logistic_panel(
                cohort,
                outcome,
                choose_candidates(
                    self.candidates, cohort.expression.index, panel, cohort.expression.specimen
                ),
                self._settings(),
                panel=panel,
                cancer=cancer,
                groups=patients,
                classes=self._class_names(),
            )
        self.panel_: FittedPanel | None = found.panel
        self.tuning_: Tuning = found.tuning
        self.summary_ = Summary(found.report)
        self._frequency = found.frequency
        return self

    def _class_names(self) -> tuple[str, str]:
        if self.class_names is None:
            other, event = map(str, self.classes_)
            return other, event
        names = self.class_names
        texts = isinstance(names, tuple | list) and all(isinstance(name, str) for name in names)
        if not texts or len(set(names)) != 2 or len(names) != 2:
            raise MismatchError(
                f"class_names={names!r}",
                expected="two different texts: of no event, and of the event",
            )
        return names[0], names[1]

    def decision_function(self, X: Any, *, clinical: pd.DataFrame | None = None) -> FloatArray:
        """Return calibrated log odds of the event.

        Parameters
        ----------
        X, clinical
            As for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        cohort = self._cohort(X, clinical, reset=False)
        if self.panel_ is None:
            return np.full(len(cohort), float(logit(self._frequency)))
        link = self.panel_.link
        with self._hushed():
            return np.asarray(link.intercept + self._eta(cohort))

    def predict_proba(self, X: Any, *, clinical: pd.DataFrame | None = None) -> FloatArray:
        """Return probabilities, of no event and of the event.

        Parameters
        ----------
        X, clinical
            As for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        event = expit(self.decision_function(X, clinical=clinical))
        return np.column_stack([1 - event, event])

    def predict(self, X: Any, *, clinical: pd.DataFrame | None = None) -> Any:
        """Return the likelier class of each sample; the cutoffs are another matter.

        Parameters
        ----------
        X, clinical
            As for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        log_odds = self.decision_function(X, clinical=clinical)
        return self.classes_[(log_odds > 0).astype(np.intp)]

    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        clinical: pd.DataFrame | None = None,
    ) -> float:
        """Return the share of samples whose likelier class is right, as scikit-learn scores.

        Parameters
        ----------
        X, y, clinical
            As for :meth:`fit`.
        sample_weight : array of shape (n_samples,), optional

        Returns
        -------
        float
        """
        in_order(y, X, "y")
        predicted = self.predict(X, clinical=clinical)
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that the outcome is binary and that NaN is allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags


def _outcome(y: Any, samples: tuple[str, ...]) -> tuple[Any, FloatArray]:
    """Return the two classes, and 0 and 1.

    Raises
    ------
    MismatchError
        On labels that are missing, or not of two classes.
    """
    if y is None:
        raise MismatchError(
            "PanelClassifier requires y to be passed, but the target y is None",
            expected="one label per sample",
        )
    labels = column_or_1d(y, warn=True)
    if len(labels) != len(samples):
        raise MismatchError(
            f"y has {len(labels)} labels, X has {len(samples)} samples",
            expected="one label per sample",
        )
    absent = pd.isna(labels)
    if labels.dtype.kind == "f":
        absent |= np.isinf(labels)
    missing = np.flatnonzero(absent)
    if len(missing):
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise MismatchError(
            f"y holds {labels[missing[0]]}{more}",
            where=f"sample {samples[missing[0]]!r}",
            expected="one of two classes",
            remedy="leave the sample out of X and y",
        )
    check_classification_targets(labels)
    kind = type_of_target(labels, input_name="y", raise_unknown=True)
    if kind != "binary":
        raise MismatchError(
            f"Only binary classification is supported. The type of the target is {kind}.",
            expected="two classes",
            remedy="merge classes, or leave samples of the others out",
        )
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise MismatchError(
            f"y holds one class only: {classes[0]}", expected="two classes, event and no event"
        )
    return classes, codes.astype(np.float64)
