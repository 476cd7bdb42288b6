"""How far a cohort asks for an existing logistic model to be updated: the closed test.

Four models of growing extent are fitted by maximum likelihood without penalty: the original
(nothing fitted), recalibration in the large (a new intercept), logistic recalibration (a new
intercept and slope of the linear predictor) and revision (every coefficient anew). The most
extensive is tested against each of the others, from the original upwards; the first that is not
rejected is chosen, and where all are rejected the most extensive itself. As every test is made
only if those before it rejected, an original that holds is given up with probability alpha. That
is so in large cohorts: the tests are likelihood ratio tests, whose chi-squared distribution is
asymptotic. With few events for each coefficient of the revision they reject too often.

References
----------
Vergouwe Y, Nieboer D, Oostenbrink R, et al. A closed testing procedure to select an appropriate
method for updating prediction models. Stat Med 2017;36:4529-4539. doi:10.1002/sim.7179
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.logistic import (
    NotConvergedError,
    SeparatedError,
    fit_logistic,
    log_likelihood,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray

Update = Literal["original", "in the large", "logistic recalibration", "revision"]

SPAN_TOLERANCE = 1e-6
"""Greatest part of the linear predictor's length that may lie outside the span of X."""


@dataclass(frozen=True)
class UpdateFit:
    """One of the models, fitted.

    Attributes
    ----------
    update : {"original", "in the large", "logistic recalibration", "revision"}
    coefficients : tuple of float
        Nothing for the original; the intercept to add to the linear predictor; the intercept
        and the slope to multiply it with; the intercept and a coefficient per column of X.
    standard_errors : tuple of float
        Of the coefficients, from the Fisher information.
    log_likelihood : float
        Natural logarithm.
    """

    update: Update
    coefficients: tuple[float, ...]
    standard_errors: tuple[float, ...]
    log_likelihood: float


@dataclass(frozen=True)
class LikelihoodRatioTest:
    """A model tested against the most extensive one.

    Attributes
    ----------
    null : {"original", "in the large", "logistic recalibration"}
    alternative : {"logistic recalibration", "revision"}
    statistic : float
        Twice the difference of the log-likelihoods.
    df : int
        Degrees of freedom: how many more coefficients the alternative has.
    p_value : float
        Of the chi-squared distribution.
    """

    null: Update
    alternative: Update
    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True)
class ClosedTest:
    """Which update a cohort asks for.

    Attributes
    ----------
    chosen : {"original", "in the large", "logistic recalibration", "revision"}
    fits : tuple of UpdateFit
        From the original to the most extensive model.
    tests : tuple of LikelihoodRatioTest
        In the order of the procedure. Those after the first that does not reject are shown, and
        do not count.
    alpha : float
        The level of the procedure.
    n, events : int
        Samples, and events among them.
    """

    chosen: Update
    fits: tuple[UpdateFit, ...]
    tests: tuple[LikelihoodRatioTest, ...]
    alpha: float
    n: int
    events: int

    @property
    def chosen_fit(self) -> UpdateFit:
        """The chosen model."""
        return next(fit for fit in self.fits if fit.update == self.chosen)

    @property
    def coefficients(self) -> tuple[float, ...]:
        """The coefficients of the chosen model; see `UpdateFit`."""
        return self.chosen_fit.coefficients


def closed_test(
    linear_predictor: ArrayLike, X: ArrayLike | None, y: ArrayLike, alpha: float = 0.05
) -> ClosedTest:
    """Choose among the original model, its recalibrations and its revision.

    Parameters
    ----------
    linear_predictor : array-like of shape (n_samples,)
        Log odds that the original model gives, not rounded.
    X : array-like of shape (n_samples, n_predictors), or None
        The predictors of the original model as they enter it, in the same order of samples, no
        intercept: the linear predictor is a linear combination of them. None, or a single
        predictor (whose revision is its logistic recalibration): the most extensive model is
        the logistic recalibration.
    y : array-like of shape (n_samples,)
        1 or True for an event, 0 or False for none.
    alpha : float, default 0.05
        The level of the procedure, above 0 and below 1; it holds for large cohorts.

    Returns
    -------
    ClosedTest

    Raises
    ------
    MismatchError
        If shapes or values are not as described, a model cannot be told from the data
        (predictors constant or linearly dependent, no more samples than coefficients), events
        and non-events are separated, so that coefficients would be infinite, or a fit does not
        converge.

    References
    ----------
    doi:10.1002/sim.7179

    Examples
    --------
    >>> predicted = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    >>> observed = [0, 0, 1, 0, 0, 1, 0, 1, 1, 1]
    >>> closed_test(predicted, None, observed).chosen
    'original'
    """
    cohort = _checked(linear_predictor, y)
    if not 0 < alpha < 1:
        raise MismatchError(f"alpha is {alpha}", expected="a number above 0 and below 1")
    predictors = None if X is None else _checked_predictors(X, cohort)
    fits = _fits(cohort, predictors)
    tests = tuple(_likelihood_ratio_test(fit, fits[-1]) for fit in fits[:-1])
    kept = (test.null for test in tests if test.p_value >= alpha)
    return ClosedTest(
        chosen=next(kept, fits[-1].update),
        fits=fits,
        tests=tests,
        alpha=float(alpha),
        n=len(cohort.y),
        events=int(cohort.y.sum()),
    )


class _Cohort(NamedTuple):
    linear_predictor: FloatArray
    y: FloatArray


# -- the models -------------------------------------------------------------------------------


def _fits(cohort: _Cohort, predictors: FloatArray | None) -> tuple[UpdateFit, ...]:
    lp, y = cohort
    ones, no_offset = np.ones((len(y), 1)), np.zeros(len(y))
    fits = (
        UpdateFit("original", (), (), log_likelihood(lp, y)),
        _fit("in the large", ones, lp, y),
        _fit("logistic recalibration", np.column_stack([ones, lp]), no_offset, y),
    )
    if predictors is None or predictors.shape[1] == 1:
        return fits
    return (*fits, _fit("revision", np.hstack([ones, predictors]), no_offset, y))


def _likelihood_ratio_test(null: UpdateFit, alternative: UpdateFit) -> LikelihoodRatioTest:
    # scipy.special, for scipy.stats takes half a second to load.
    from scipy.special import chdtrc

    # Nested models: only rounding takes the difference below zero.
    statistic = max(0.0, 2 * (alternative.log_likelihood - null.log_likelihood))
    df = len(alternative.coefficients) - len(null.coefficients)
    p_value = float(chdtrc(df, statistic))
    return LikelihoodRatioTest(null.update, alternative.update, statistic, df, p_value)


def _fit(update: Update, design: FloatArray, offset: FloatArray, y: FloatArray) -> UpdateFit:
    """Maximise the likelihood of ``offset + design @ coefficients``."""
    try:
        found = fit_logistic(design, y, offset)
    except SeparatedError:
        raise MismatchError(
            f"{_named(update)} separates events from non-events, so its coefficients are infinite",
            expected="events and non-events that overlap",
            remedy="give X=None to stop at recalibration, or fewer predictors"
            if update == "revision"
            else "more samples are needed to update this model",
        ) from None
    except NotConvergedError:
        raise MismatchError(
            f"the fit of {_named(update)} does not converge",
            expected="predictors and log odds of moderate size",
            remedy="look for extreme values among them",
        ) from None
    return UpdateFit(
        update=update,
        coefficients=tuple(map(float, found.coefficients)),
        standard_errors=tuple(map(float, found.standard_errors)),
        log_likelihood=found.log_likelihood,
    )


def _named(update: Update) -> str:
    return update if update.startswith(("logistic", "revision")) else f"recalibration {update}"


# -- the input --------------------------------------------------------------------------------


def _checked(linear_predictor: ArrayLike, y: ArrayLike) -> _Cohort:
    outcome = _checked_outcome(y)
    lp = _finite(linear_predictor, "linear_predictor")
    if lp.shape != outcome.shape:
        raise MismatchError(
            f"linear_predictor has shape {lp.shape}, y has {outcome.shape}",
            expected="one value per sample in each",
        )
    if np.ptp(lp) == 0:
        raise MismatchError(
            f"linear_predictor is {lp[0]:g} for every sample",
            expected="a linear predictor that varies",
        )
    return _Cohort(lp, outcome)


def _checked_outcome(y: ArrayLike) -> FloatArray:
    outcome = np.asarray(y)
    if outcome.ndim != 1:
        raise MismatchError(f"y has shape {outcome.shape}", expected="one value per sample")
    other = [v for v in outcome.tolist() if not isinstance(v, Real) or v not in (0, 1)]
    if other:
        raise MismatchError(f"y holds {other[0]!r}", expected="1 for an event, 0 for none")
    outcome = outcome.astype(np.float64)
    if len(set(outcome.tolist())) < 2:
        kind = "non-events" if not outcome.any() else "events"
        raise MismatchError(f"y holds {len(outcome)} {kind} only", expected="events and non-events")
    return outcome


def _checked_predictors(X: ArrayLike, cohort: _Cohort) -> FloatArray:
    """Refuse predictors whose coefficients the data cannot tell, or of another model."""
    predictors = _finite(X, "X")
    n = len(cohort.y)
    if predictors.ndim != 2 or len(predictors) != n or not predictors.shape[1]:
        raise MismatchError(
            f"X has shape {predictors.shape}", expected=f"a row for each of {n} samples"
        )
    if predictors.shape[1] + 1 >= n:
        raise MismatchError(
            f"X has {predictors.shape[1]} predictors in {n} samples",
            expected="more samples than coefficients",
            remedy="give X=None to stop at recalibration",
        )
    constant = np.flatnonzero(np.ptp(predictors, axis=0) == 0)
    if constant.size:
        raise MismatchError(
            "a predictor is the same for every sample",
            where=f"X, column {constant[0] + 1}",
            expected="predictors that vary; the intercept is added",
            remedy="leave it out",
        )
    scaled = (predictors - predictors.mean(axis=0)) / predictors.std(axis=0)
    if np.linalg.matrix_rank(scaled) < scaled.shape[1]:
        raise MismatchError(
            "a predictor is a linear combination of the others",
            where="X",
            expected="linearly independent columns",
            remedy="leave it out, or give X=None to stop at recalibration",
        )
    _check_span(cohort.linear_predictor, scaled)
    return predictors


def _check_span(linear_predictor: FloatArray, scaled: FloatArray) -> None:
    """Refuse a linear predictor that revision does not contain: the models were not nested."""
    lp = linear_predictor - linear_predictor.mean()
    outside = lp - scaled @ np.linalg.lstsq(scaled, lp, rcond=None)[0]
    share = float(np.linalg.norm(outside) / np.linalg.norm(lp))
    if share > SPAN_TOLERANCE:
        raise MismatchError(
            f"linear_predictor is no linear combination of the columns of X: {share:.2g} of its "
            "length lies outside",
            expected="the predictors of the original model, as they enter it",
            remedy="give all of them, transformed as in the model and in the same order of "
            "samples, and linear_predictor not rounded; or X=None to stop at recalibration",
        )


def _finite(values: ArrayLike, name: str) -> FloatArray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MismatchError(f"{name} holds no numbers: {error}", expected="numbers") from error
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        raise MismatchError(
            f"the value is {numbers[tuple(bad[0])]}",
            where=f"{name}, sample {bad[0][0] + 1}" if numbers.ndim else name,
            expected="finite numbers",
            remedy="impute or leave out what is missing first",
        )
    return numbers
