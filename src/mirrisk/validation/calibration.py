"""Do predicted risks hold: of those given a risk of 20%, do 20% have the event.

A risk of exactly 0 or 1 has infinite log odds. It counts for everything that needs none (observed
and mean predicted risk, Brier score, Spiegelhalter's test, curve); what does need log odds
(intercepts, slope, likelihoods) is then NaN with the reason in ``notes``. Nothing is clipped: one
event among risks of 0 makes the likelihood zero, however much a clipped value would hide it.

References
----------
Cox DR. Two further applications of a model for binary regression. Biometrika 1958;45:562-565.
doi:10.1093/biomet/45.3-4.562

Spiegelhalter DJ. Probabilistic prediction in patient management and clinical trials. Stat Med
1986;5:421-433. doi:10.1002/sim.4780050506

Austin PC, Steyerberg EW. The Integrated Calibration Index (ICI) and related metrics for quantifying
the calibration of logistic regression models. Stat Med 2019;38:4051-4065. doi:10.1002/sim.8281
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.calibration_curve import CalibrationCurve
from mirrisk.validation.clustered import estimated_share, repeated
from mirrisk.validation.estimate import ChiSquaredTest, Estimate
from mirrisk.validation.logistic import (
    NotConvergedError,
    SeparatedError,
    fit_logistic,
    log_likelihood,
)
from mirrisk.validation.outcome import (
    binary_outcome,
    check_level,
    finite,
    group_codes,
    probability,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray, IntArray


@dataclass(frozen=True)
class Calibration:
    """How predicted risks compare with what happened.

    Attributes
    ----------
    n, events : int
        Samples, and events among them.
    observed_risk : Estimate
        Share of events, with an exact interval.
    mean_predicted_risk : float
    in_the_large : Estimate
        Intercept of the log odds where the slope is held at 1; 0 is ideal, below 0 the risks are
        too high.
    intercept, slope : Estimate
        Of the logistic recalibration; 0 and 1 are ideal, a slope below 1 says that risks are too
        extreme.
    in_the_large_test, slope_test, recalibration_test : ChiSquaredTest
        Likelihood ratio tests: of the intercept with the slope held at 1 (1 df), of slope 1 with
        a free intercept (1 df), of both (2 df; rms's U).
    brier, scaled_brier : float
        Mean squared error, and 1 minus its ratio to that of the observed risk for everyone.
    spiegelhalter_z, spiegelhalter_p : float
        Test of the Brier score against the one expected of calibrated risks.
    nagelkerke_r2 : float
        Of the risks as they are; below 0 where they are worse than the observed risk for all.
    discrimination_index, unreliability_index, quality_index : float
        rms's D, U and Q = D - U, per sample.
    curve : CalibrationCurve
    notes : tuple of str
        Why something is NaN.
    """

    n: int
    events: int
    observed_risk: Estimate
    mean_predicted_risk: float
    in_the_large: Estimate
    intercept: Estimate
    slope: Estimate
    in_the_large_test: ChiSquaredTest
    slope_test: ChiSquaredTest
    recalibration_test: ChiSquaredTest
    brier: float
    scaled_brier: float
    spiegelhalter_z: float
    spiegelhalter_p: float
    nagelkerke_r2: float
    discrimination_index: float
    unreliability_index: float
    quality_index: float
    curve: CalibrationCurve
    notes: tuple[str, ...] = ()

    @property
    def observed_to_expected(self) -> float:
        """Events per event predicted; NaN where none is predicted."""
        if self.mean_predicted_risk == 0:
            return math.nan
        return self.observed_risk.value / self.mean_predicted_risk

    def __str__(self) -> str:
        lines = [
            f"Calibration on {self.n} samples with {self.events} events",
            f"  observed risk             {self.observed_risk}",
            f"  mean predicted risk       {self.mean_predicted_risk:.3g}",
            f"  calibration in the large  {self.in_the_large}",
            f"  calibration slope         {self.slope}",
            f"  intercept 0 and slope 1   {self.recalibration_test}",
            f"  Brier score               {self.brier:.3g} (scaled {self.scaled_brier:.3g})",
            f"  Spiegelhalter z           {self.spiegelhalter_z:.3g}",
            f"  Spiegelhalter p           {self.spiegelhalter_p:.2g}",
            f"  {self.curve}",
            *(f"  note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def calibration(
    y: ArrayLike, p: ArrayLike, *, level: float = 0.95, groups: ArrayLike | None = None
) -> Calibration:
    """Compare predicted risks with the outcome.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 or True for an event, 0 or False for none.
    p : array-like of shape (n_samples,)
        Predicted risk of the event, 0 to 1, of samples the model was not fitted to.
    level : float, default 0.95
        Of the intervals: exact for the observed risk, Wald's for intercepts and slope.
    groups : array-like of shape (n_samples,), optional
        The patient of each sample, where patients have several: intervals are then for patients
        (Korn and Graubard's, and a sandwich). The tests count samples.

    Returns
    -------
    Calibration
        Equal to ``val.prob`` of the R package rms, except that it has no concordance (see
        :mod:`mirrisk.validation.discrimination`) and leaves out no sample. NaN, with the reason in
        ``notes``: what needs log odds where a risk is exactly 0 or 1; the slope where the risk is
        the same for every sample or separates events from non-events; intercepts, scaled Brier
        score and R-squared where there are no events, or only events.

    Raises
    ------
    MismatchError
        If y is not 0 and 1, a risk is NaN or outside 0 to 1, or the lengths differ.

    References
    ----------
    doi:10.1093/biomet/45.3-4.562, doi:10.1002/sim.4780050506, doi:10.1002/sim.8281

    Examples
    --------
    >>> observed = [0, 0, 1, 0, 0, 1, 0, 1, 1, 1]
    >>> predicted = [0.1, 0.2, 0.2, 0.3, 0.4, 0.4, 0.6, 0.6, 0.8, 0.9]
    >>> result = calibration(observed, predicted)
    >>> f"{result.slope.value:.2f} {result.brier:.3f}"
    '1.06 0.187'
    """
    outcome, _ = binary_outcome(y, p, both_classes=False)
    predicted = probability(p)
    check_level(level)
    n, events = len(outcome), int(outcome.sum())
    patients = None if groups is None else repeated(group_codes(groups, n))
    observed = estimated_share(outcome == 1, patients, level)
    logistic, notes = _logistic(outcome, predicted, level, patients)
    brier = float(np.mean((outcome - predicted) ** 2))
    unmodelled = observed.value * (1 - observed.value)
    z = _spiegelhalter(outcome, predicted)
    if math.isnan(z):
        notes += ("every risk is 0, 0.5 or 1: Spiegelhalter's test has no variance",)
    return Calibration(
        n=n,
        events=events,
        observed_risk=observed,
        mean_predicted_risk=float(predicted.mean()),
        **logistic._asdict(),
        brier=brier,
        scaled_brier=1 - brier / unmodelled if unmodelled else math.nan,
        spiegelhalter_z=z,
        spiegelhalter_p=math.erfc(abs(z) / math.sqrt(2)),
        curve=CalibrationCurve.of(predicted, outcome),
        notes=notes,
    )


# -- what needs log odds ----------------------------------------------------------------------


class _Logistic(NamedTuple):
    """The part of `Calibration` that rests on likelihoods."""

    in_the_large: Estimate
    intercept: Estimate
    slope: Estimate
    in_the_large_test: ChiSquaredTest
    slope_test: ChiSquaredTest
    recalibration_test: ChiSquaredTest
    nagelkerke_r2: float
    discrimination_index: float
    unreliability_index: float
    quality_index: float


class _Fit(NamedTuple):
    """Coefficients of a recalibration and its log-likelihood."""

    coefficients: tuple[Estimate, ...]
    log_likelihood: float


def _logistic(
    y: FloatArray, p: FloatArray, level: float, patients: IntArray | None
) -> tuple[_Logistic, tuple[str, ...]]:
    from scipy.special import logit

    reason = _why_no_likelihood(y, p)
    if reason:
        nothing = _undefined(level)
        return _assembled(math.nan, math.nan, nothing, nothing, len(y)), (reason,)
    log_odds = logit(p)
    ones = np.ones(len(y))
    null = log_likelihood(logit(y.mean()) * ones, y)
    shifted, why_no_shift = _recalibrated(ones[:, np.newaxis], y, log_odds, level, patients)
    if np.ptp(log_odds) == 0:
        sloped, why_no_slope = _undefined(level), "the predicted risk is the same for all: no slope"
    else:
        design = np.column_stack([ones, log_odds])
        sloped, why_no_slope = _recalibrated(design, y, 0.0, level, patients)
    parts = _assembled(null, log_likelihood(log_odds, y), shifted, sloped, len(y))
    return parts, tuple(filter(None, (why_no_shift, why_no_slope)))


def _undefined(level: float) -> _Fit:
    return _Fit((Estimate.undefined(level),) * 2, math.nan)


def _why_no_likelihood(y: FloatArray, p: FloatArray) -> str:
    extreme = int(np.count_nonzero((p == 0) | (p == 1)))
    if extreme:
        return (
            f"{extreme} of {len(p)} predicted risks are exactly 0 or 1, whose log odds are "
            "infinite: no intercept, slope or likelihood"
        )
    if y.min() == y.max():
        which = "events" if y[0] else "non-events"
        return (
            f"all {len(y)} samples are {which}: no intercept, slope, likelihood or scaled Brier "
            "score"
        )
    return ""


def _recalibrated(
    design: FloatArray,
    y: FloatArray,
    offset: FloatArray | float,
    level: float,
    patients: IntArray | None,
) -> tuple[_Fit, str]:
    """Fit a recalibration, or say why there is none."""
    try:
        fit = fit_logistic(design, y, offset, patients)
    except SeparatedError:
        return _undefined(level), "the predicted risk separates events from non-events: no slope"
    except NotConvergedError:
        what = "in the large " if design.shape[1] == 1 else ""
        return _undefined(level), f"the recalibration {what}does not converge: risks too extreme"
    pairs = zip(fit.coefficients.tolist(), fit.standard_errors.tolist(), strict=True)
    estimates = tuple(Estimate.wald(*pair, level) for pair in pairs)
    return _Fit(estimates, fit.log_likelihood), ""


def _assembled(null: float, given: float, shifted: _Fit, recalibrated: _Fit, n: int) -> _Logistic:
    """Derive tests and indices from four nested log-likelihoods."""
    both = _ratio_test(given, recalibrated.log_likelihood, 2)
    discrimination = (2 * (given - null) - 1) / n
    unreliability = (both.statistic - 2) / n
    return _Logistic(
        in_the_large=shifted.coefficients[0],
        intercept=recalibrated.coefficients[0],
        slope=recalibrated.coefficients[1],
        in_the_large_test=_ratio_test(given, shifted.log_likelihood, 1),
        slope_test=_ratio_test(shifted.log_likelihood, recalibrated.log_likelihood, 1),
        recalibration_test=both,
        nagelkerke_r2=-math.expm1(2 * (null - given) / n) / -math.expm1(2 * null / n),
        discrimination_index=discrimination,
        unreliability_index=unreliability,
        quality_index=discrimination - unreliability,
    )


def _ratio_test(null: float, alternative: float, df: int) -> ChiSquaredTest:
    statistic = 2 * (alternative - null)
    # Nested models: only rounding takes the difference below zero.
    return ChiSquaredTest.of(statistic if math.isnan(statistic) else max(0.0, statistic), df)


def _spiegelhalter(y: FloatArray, p: FloatArray) -> float:
    variance = float(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    return float(np.sum((y - p) * (1 - 2 * p))) / math.sqrt(variance) if variance else math.nan


# -- percentiles ------------------------------------------------------------------------------


@dataclass(frozen=True)
class PercentileCalibration:
    """How percentiles of a reference lie in a cohort, against the uniform distribution.

    Attributes
    ----------
    n : int
    tail : float
        The share that is expected above ``1 - tail``, and below ``tail``.
    above, below : Estimate
        The shares that lie there, with exact intervals.
    mean : float
        0.5 is expected.
    ks_statistic, ks_p : float
        Kolmogorov and Smirnov's greatest distance from the uniform distribution, and its exact
        p-value. The reference is taken as known: one of few samples strays by itself.
    """

    n: int
    tail: float
    above: Estimate
    below: Estimate
    mean: float
    ks_statistic: float
    ks_p: float

    def __str__(self) -> str:
        return (
            f"Percentiles of {self.n} samples; of the reference's own kind, {self.tail:.0%} lie in "
            "each tail\n"
            f"  above {1 - self.tail:g}  {self.above}\n"
            f"  below {self.tail:g}  {self.below}\n"
            f"  mean {self.mean:.3f}; Kolmogorov-Smirnov {self.ks_statistic:.3f}, "
            f"p = {self.ks_p:.2g}"
        )


def calibration_of_percentiles(
    percentile: ArrayLike,
    *,
    tail: float = 0.1,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> PercentileCalibration:
    """Compare percentiles of a reference with the uniform distribution.

    A curated panel gives no probability to calibrate. What can be asked of it is whether a cohort
    lies in the reference as the reference itself does: a tenth above the 90th percentile.

    Parameters
    ----------
    percentile : array-like of shape (n_samples,)
        0 to 1, of samples that did not make the reference.
    tail : float, default 0.1
        Above 0 and at most 0.5.
    level : float, default 0.95
        Of the exact intervals.
    groups : array-like of shape (n_samples,), optional
        The patient of each sample, as for :func:`calibration`. The test counts samples.

    Raises
    ------
    MismatchError
        If a percentile is NaN or outside 0 to 1, or the tail is not as described.

    Examples
    --------
    >>> print(calibration_of_percentiles([0.05, 0.3, 0.45, 0.62, 0.71, 0.95, 0.97, 0.99]).above)
    0.375 (95% interval 0.0852 to 0.755)
    """
    # scipy.stats takes half a second to load.
    from scipy.stats import kstest

    values = _percentiles(percentile)
    check_level(level)
    if not 0 < tail <= 0.5:
        raise MismatchError(f"tail is {tail}", expected="a share above 0 and at most 0.5")
    n = len(values)
    patients = None if groups is None else group_codes(groups, n)
    ks = kstest(values, "uniform")
    return PercentileCalibration(
        n=n,
        tail=float(tail),
        above=estimated_share(values > 1 - tail, patients, level),
        below=estimated_share(values < tail, patients, level),
        mean=float(values.mean()),
        ks_statistic=float(ks.statistic),
        ks_p=float(ks.pvalue),
    )


def _percentiles(percentile: ArrayLike) -> FloatArray:
    values = finite(percentile, "percentile")
    outside = values[(values < 0) | (values > 1)]
    if outside.size:
        raise MismatchError(
            f"{outside.size} of {len(values)} percentiles are outside 0 to 1, the first is "
            f"{outside[0]:g}",
            expected="shares of the reference, 0 to 1",
            remedy="divide by 100 what is given in percent",
        )
    return values
