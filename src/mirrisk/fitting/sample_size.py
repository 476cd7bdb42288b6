"""The sample size that developing a prediction model needs, and what a given cohort supports.

The three criteria of Riley et al. for p candidate parameters and an expected Cox-Snell R2:

1. shrinkage: an expected global shrinkage factor S of at least 0.9;
2. optimism: an expected difference of at most 0.05 between the apparent and the adjusted
   Nagelkerke R2, which is criterion 1 with S = R2 / (R2 + 0.05 max R2);
3. risk: the overall risk within 0.05, at 95% confidence.

Criteria 1 and 2 ask for n = p / ((S - 1) ln(1 - R2 / S)) samples, in proportion to p; criterion 3
does not depend on p.

References
----------
Riley RD, et al. Minimum sample size for developing a multivariable prediction model: part II,
binary and time-to-event outcomes. Stat Med 2019;38:1276-1296. doi:10.1002/sim.7992

Riley RD, et al. Calculating the sample size required for developing a clinical prediction model.
BMJ 2020;368:m441. doi:10.1136/bmj.m441

Riley RD, Van Calster B, Collins GS. A note on estimating the Cox-Snell R2 from a reported C
statistic (AUROC) to inform sample size calculations for developing a prediction model with a
binary outcome. Stat Med 2021;40:859-864. doi:10.1002/sim.8806
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from statistics import NormalDist
from typing import Any, Literal, get_args

import numpy as np

from mirrisk.errors import MismatchError

Outcome = Literal["binary", "survival"]
Aim = Literal["shrinkage", "optimism", "risk"]

SHRINKAGE = 0.9
"""The least shrinkage factor of criterion 1."""

OPTIMISM = 0.05
"""The greatest optimism in Nagelkerke's R2 of criterion 2."""

MARGIN = 0.05
"""The greatest error of the overall risk of criterion 3 ..."""

Z = 1.96
"""... and the normal quantile of its confidence, rounded as in the source."""

ASSUMED_NAGELKERKE = 0.15
"""What Riley et al. (2020) advise to expect of a model that nothing is known of."""


@dataclass(frozen=True)
class Criterion:
    """What one criterion asks for.

    Attributes
    ----------
    aim : {"shrinkage", "optimism", "risk"}
    n : int
        Samples.
    events : float
        The events expected among them.
    events_per_parameter : float
    """

    aim: Aim
    n: int
    events: float
    events_per_parameter: float


@dataclass(frozen=True)
class SampleSize:
    """The sample size that developing a prediction model needs.

    Attributes
    ----------
    outcome : {"binary", "survival"}
    parameters : int
        Candidate parameters, intercept not counted.
    risk : float
        The overall risk: the prevalence, or the cumulative incidence at the time point.
    rsquared : float
        The expected Cox-Snell R2.
    max_rsquared : float
        The greatest Cox-Snell R2 that any model could have.
    shrinkage : float
        The least shrinkage factor.
    criteria : tuple of Criterion
        Shrinkage, optimism, risk.
    """

    outcome: Outcome
    parameters: int
    risk: float
    rsquared: float
    max_rsquared: float
    shrinkage: float
    criteria: tuple[Criterion, Criterion, Criterion]

    @property
    def binding(self) -> Criterion:
        """The criterion that asks for most; of equal ones the first."""
        return max(self.criteria, key=lambda criterion: criterion.n)

    @property
    def n(self) -> int:
        """Samples that meet all criteria."""
        return self.binding.n

    @property
    def events(self) -> float:
        """The events expected among them."""
        return self.binding.events

    @property
    def events_per_parameter(self) -> float:
        """The events expected per candidate parameter."""
        return self.binding.events_per_parameter

    @property
    def nagelkerke(self) -> float:
        """The expected Nagelkerke R2."""
        return self.rsquared / self.max_rsquared


@dataclass(frozen=True)
class Support:
    """What a cohort supports; as a string, in words.

    Attributes
    ----------
    n, events : int
        The cohort's.
    parameters : int
        Candidate parameters that meet all criteria in a cohort of this size; 0 if it is too
        small for even the overall risk.
    required : SampleSize
        What the candidate parameters asked about need.
    assumed : bool
        Whether the expected R2 was assumed for want of a given one.
    unit : str
        What is counted, in the plural.
    """

    n: int
    events: int
    parameters: int
    required: SampleSize
    assumed: bool
    unit: str = "samples"

    @property
    def shortfall(self) -> int:
        """Samples that are missing; 0 if the cohort suffices."""
        return max(0, self.required.n - self.n)

    @property
    def sufficient(self) -> bool:
        """Whether the cohort meets all criteria."""
        return self.shortfall == 0

    def __str__(self) -> str:
        return f"{self._capacity()}; {self._verdict()} {self._expectation()}"

    def _capacity(self) -> str:
        number = self.parameters
        capacity = _count(number, "candidate parameter") if number else "no candidate parameter"
        return f"A cohort of {_cohort(self.n, self.events, self.unit)} supports {capacity}"

    def _verdict(self) -> str:
        required = self.required
        one, asked = required.parameters == 1, _count(required.parameters, "parameter")
        if self.sufficient:
            return f"{asked} {'is' if one else 'are'} considered."
        return (
            f"{asked} {'needs' if one else 'need'} "
            f"{_cohort(required.n, math.ceil(required.events), self.unit)} "
            f"for {_aim(required)}: {self.shortfall:,} more."
        )

    def _expectation(self) -> str:
        verb, of = "Assumed" if self.assumed else "Expected", self.required
        return f"{verb}: Nagelkerke R2 {of.nagelkerke:.2g} (Cox-Snell {of.rsquared:.2g})."

    def to_dict(self) -> dict[str, Any]:
        """Return what the report of a fit says of it."""
        required = self.required
        return {
            "said": str(self),
            "supported_parameters": self.parameters,
            "parameters": required.parameters,
            "required_n": required.n,
            "shortfall": self.shortfall,
            "criteria": {criterion.aim: criterion.n for criterion in required.criteria},
            "nagelkerke": required.nagelkerke,
            "assumed": self.assumed,
        }


def binary_sample_size(
    parameters: int,
    prevalence: float,
    *,
    rsquared: float | None = None,
    nagelkerke: float | None = None,
    c_statistic: float | None = None,
    shrinkage: float = SHRINKAGE,
) -> SampleSize:
    """Return the least sample size for a prediction model of a binary outcome.

    Of ``rsquared``, ``nagelkerke`` and ``c_statistic`` exactly one is given. It is what the
    model is expected to reach in new samples: adjusted, or of an external validation, never
    apparent.

    Parameters
    ----------
    parameters : int
        Candidate parameters, 1 or more: all that the outcome is consulted about, before any
        selection, without the intercept.
    prevalence : float
        Share of events, above 0 and below 1.
    rsquared : float, optional
        Cox-Snell R2, above 0 and at most the greatest possible at this prevalence.
    nagelkerke : float, optional
        Nagelkerke R2, above 0 and at most 1.
    c_statistic : float, optional
        C statistic (AUROC), above 0.5 and below 1; see `cox_snell_rsquared`.
    shrinkage : float, default 0.9
        The least shrinkage factor, above the Cox-Snell R2 and below 1.

    Returns
    -------
    SampleSize

    Raises
    ------
    MismatchError
        If an argument is outside its range, or if not exactly one R2 is given.

    References
    ----------
    doi:10.1002/sim.7992, doi:10.1136/bmj.m441; checked against the R package pmsampsize.

    Examples
    --------
    >>> needed = binary_sample_size(24, 0.174, rsquared=0.288)
    >>> [criterion.n for criterion in needed.criteria], needed.n, needed.binding.aim
    ([623, 662, 221], 662, 'optimism')
    """
    design = _binary_design(prevalence)
    expected = _expected(design, rsquared, nagelkerke, c_statistic)
    return _sample_size(design, parameters, expected, shrinkage)


def survival_sample_size(
    parameters: int,
    rate: float,
    timepoint: float,
    mean_follow_up: float,
    *,
    rsquared: float | None = None,
    nagelkerke: float | None = None,
    shrinkage: float = SHRINKAGE,
) -> SampleSize:
    """Return the least sample size for a prediction model of a time to an event.

    Parameters
    ----------
    parameters : int
        Candidate parameters, 1 or more, counted before any selection.
    rate : float
        Events per unit of follow-up, above 0; at most one event per sample, so that
        ``rate * mean_follow_up`` is at most 1.
    timepoint : float
        The time that risks are predicted for, above 0, in the unit of ``mean_follow_up``.
    mean_follow_up : float
        Mean follow-up, above 0.
    rsquared, nagelkerke : float, optional
        Exactly one of them, as in `binary_sample_size`.
    shrinkage : float, default 0.9
        The least shrinkage factor.

    Returns
    -------
    SampleSize

    Raises
    ------
    MismatchError
        If an argument is outside its range, or if not exactly one R2 is given.

    Notes
    -----
    Criterion 3 is solved for n: with an exponential survival time, and both limits of the
    interval for the cumulative incidence within 0.05 of it. The R package pmsampsize reports
    the interval at the n of criteria 1 and 2 instead, so that its n is smaller where criterion 3
    binds.

    References
    ----------
    doi:10.1002/sim.7992, doi:10.1136/bmj.m441; checked against the R package pmsampsize.

    Examples
    --------
    >>> survival_sample_size(30, 0.065, 2, 2.07, rsquared=0.051).n
    5143
    """
    design = _survival_design(rate, timepoint, mean_follow_up)
    expected = _expected(design, rsquared, nagelkerke, None)
    return _sample_size(design, parameters, expected, shrinkage)


def supported(
    n: int,
    events: int,
    parameters: int = 1,
    *,
    timepoint: float | None = None,
    mean_follow_up: float | None = None,
    rsquared: float | None = None,
    nagelkerke: float | None = None,
    c_statistic: float | None = None,
    shrinkage: float = SHRINKAGE,
    unit: str = "samples",
) -> Support:
    """Tell how many candidate parameters a cohort supports, and what it lacks for a number.

    Parameters
    ----------
    n : int
        Samples, 1 or more.
    events : int
        Events among them, above 0; below n for a binary outcome.
    parameters : int, default 1
        The candidate parameters to develop a model from.
    timepoint, mean_follow_up : float, optional
        Both for a survival outcome, none for a binary one; see `survival_sample_size`.
    rsquared, nagelkerke, c_statistic : float, optional
        At most one of them, as in `binary_sample_size`; the C statistic for a binary outcome
        only. Default: a Nagelkerke R2 of 0.15.
    shrinkage : float, default 0.9
        The least shrinkage factor.
    unit : str, default "samples"
        What ``n`` counts, in the plural.

    Returns
    -------
    Support

    Raises
    ------
    MismatchError
        If an argument is outside its range, or the arguments do not go together.

    References
    ----------
    doi:10.1136/bmj.m441

    Examples
    --------
    >>> print(supported(200, 50, 12))
    A cohort of 200 samples with 50 events supports no candidate parameter; 12 parameters need ...
    """
    design = _cohort_design(n, events, timepoint, mean_follow_up)
    assumed = rsquared is None and nagelkerke is None and c_statistic is None
    if assumed:
        nagelkerke = ASSUMED_NAGELKERKE
    expected = _expected(design, rsquared, nagelkerke, c_statistic)
    required = _sample_size(design, parameters, expected, shrinkage)
    return Support(
        n=int(n),
        events=int(events),
        parameters=_parameters_supported(design, n, expected, shrinkage),
        required=required,
        assumed=assumed,
        unit=unit,
    )


def cox_snell_rsquared(c_statistic: float, prevalence: float) -> float:
    """Return the Cox-Snell R2 that a C statistic stands for.

    The linear predictor is taken to be normal in events and in non-events, with equal variance.
    Riley et al. simulate a million samples of this model and fit a logistic regression; here
    the expected log-likelihood of the same model is integrated.

    Parameters
    ----------
    c_statistic : float
        Above 0.5 and below 1.
    prevalence : float
        Share of events, above 0 and below 1.

    Returns
    -------
    float

    Raises
    ------
    MismatchError
        If an argument is outside its range.

    References
    ----------
    doi:10.1002/sim.8806

    Examples
    --------
    >>> round(cox_snell_rsquared(0.89, 0.174), 6)
    0.290955
    """
    _check_range("c_statistic", c_statistic, 0.5, 1)
    _check_range("prevalence", prevalence, 0, 1)
    distance = math.sqrt(2) * NormalDist().inv_cdf(c_statistic)
    logit = math.log(prevalence / (1 - prevalence))
    # The trapezoidal rule converges exponentially here: the integrand is analytic about the
    # real line, and vanishes with the normal density.
    z, step = np.linspace(-10, 10, 4001, retstep=True)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    # By Bayes' rule the log odds at z standard deviations from the mean of the own class.
    of_events = logit + distance * (z + distance / 2)
    of_others = logit + distance * (z - distance / 2)
    loss_of_events = float(np.sum(density * np.logaddexp(0, -of_events)) * step)
    loss_of_others = float(np.sum(density * np.logaddexp(0, of_others)) * step)
    loss = prevalence * loss_of_events + (1 - prevalence) * loss_of_others
    return -math.expm1(2 * (loss + _null_log_likelihood(prevalence)))


@dataclass(frozen=True)
class _Design:
    """What the criteria need of the outcome, per sample."""

    outcome: Outcome
    events: float
    risk: float
    max_rsquared: float
    n_for_risk: int


def _binary_design(prevalence: float) -> _Design:
    _check_range("prevalence", prevalence, 0, 1)
    prevalence = float(prevalence)
    return _Design(
        outcome="binary",
        events=prevalence,
        risk=prevalence,
        max_rsquared=-math.expm1(2 * _null_log_likelihood(prevalence)),
        n_for_risk=math.ceil((Z / MARGIN) ** 2 * prevalence * (1 - prevalence)),
    )


def _null_log_likelihood(prevalence: float) -> float:
    """Return the log-likelihood, per sample, of the intercept alone."""
    return prevalence * math.log(prevalence) + (1 - prevalence) * math.log1p(-prevalence)


def _survival_design(rate: float, timepoint: float, mean_follow_up: float) -> _Design:
    _check_range("rate", rate, 0, math.inf)
    _check_range("timepoint", timepoint, 0, math.inf)
    _check_range("mean_follow_up", mean_follow_up, 0, math.inf)
    events = float(rate * mean_follow_up)
    if events > 1 + 1e-12:
        raise MismatchError(
            f"rate {rate} and mean_follow_up {mean_follow_up} make {events:.3g} events per sample",
            expected="at most one event per sample",
            remedy="give rate and mean_follow_up in the same unit of time",
        )
    # The lower limit of 1 - exp(-(rate -+ z sqrt(rate / T)) timepoint) is the farther one; the
    # follow-up T at which it is the margin away.
    follow_up = rate * (Z * timepoint / math.log1p(MARGIN * math.exp(rate * timepoint))) ** 2
    return _Design(
        outcome="survival",
        events=events,
        risk=-math.expm1(-rate * timepoint),
        # The log-likelihood, per sample, of one common rate.
        max_rsquared=-math.expm1(2 * (events * math.log(events) - events)),
        n_for_risk=math.ceil(follow_up / mean_follow_up),
    )


def _cohort_design(
    n: int, events: int, timepoint: float | None, mean_follow_up: float | None
) -> _Design:
    """Take a cohort for what is expected of the next."""
    _check_count("n", n)
    _check_count("events", events)
    survival = timepoint is not None and mean_follow_up is not None
    if not survival and (timepoint is not None or mean_follow_up is not None):
        missing = "timepoint" if timepoint is None else "mean_follow_up"
        raise MismatchError(
            f"{missing} is not given",
            expected="timepoint and mean_follow_up for a survival outcome, none for a binary one",
        )
    if events > n or (events == n and not survival):
        raise MismatchError(
            f"{events} events in {n} samples",
            expected="events and non-events" if events == n else "at most one event per sample",
        )
    if timepoint is not None and mean_follow_up is not None:
        _check_range("mean_follow_up", mean_follow_up, 0, math.inf)
        return _survival_design(events / (n * mean_follow_up), timepoint, mean_follow_up)
    return _binary_design(events / n)


def _expected(
    design: _Design, rsquared: float | None, nagelkerke: float | None, c_statistic: float | None
) -> float:
    """Return the expected Cox-Snell R2."""
    given = [value for value in (rsquared, nagelkerke, c_statistic) if value is not None]
    if len(given) != 1:
        raise MismatchError(
            "no R2 is expected of the model" if not given else f"{len(given)} R2 are given",
            expected="one of rsquared, nagelkerke and c_statistic",
            remedy=f"where nothing is known, nagelkerke={ASSUMED_NAGELKERKE}",
        )
    if c_statistic is not None:
        if design.outcome == "survival":
            raise MismatchError(
                "c_statistic is given for a survival outcome, and tells its R2 for a binary one",
                expected="rsquared or nagelkerke",
            )
        return cox_snell_rsquared(c_statistic, design.risk)
    if nagelkerke is not None:
        _check_range("nagelkerke", nagelkerke, 0, 1, closed=True)
        return float(nagelkerke) * design.max_rsquared
    _check_range("rsquared", given[0], 0, design.max_rsquared, closed=True)
    return float(given[0])


def _sample_size(design: _Design, parameters: int, rsquared: float, shrinkage: float) -> SampleSize:
    _check_count("parameters", parameters)
    numbers = (
        *(math.ceil(parameters * each) for each in _n_per_parameter(design, rsquared, shrinkage)),
        design.n_for_risk,
    )
    first, second, third = (
        Criterion(aim, n, n * design.events, n * design.events / parameters)
        for aim, n in zip(get_args(Aim), numbers, strict=True)
    )
    return SampleSize(
        outcome=design.outcome,
        parameters=int(parameters),
        risk=design.risk,
        rsquared=rsquared,
        max_rsquared=design.max_rsquared,
        shrinkage=float(shrinkage),
        criteria=(first, second, third),
    )


def _n_per_parameter(design: _Design, rsquared: float, shrinkage: float) -> tuple[float, float]:
    """Return the samples per candidate parameter that criteria 1 and 2 ask for."""
    _check_range("shrinkage", shrinkage, rsquared, 1)
    for_optimism = rsquared / (rsquared + OPTIMISM * design.max_rsquared)
    first, second = (
        1 / ((factor - 1) * math.log1p(-rsquared / factor)) for factor in (shrinkage, for_optimism)
    )
    return first, second


def _parameters_supported(design: _Design, n: int, rsquared: float, shrinkage: float) -> int:
    if n < design.n_for_risk:
        return 0
    return math.floor(n / max(_n_per_parameter(design, rsquared, shrinkage)))


def _aim(required: SampleSize) -> str:
    """Put the binding criterion into words."""
    return {
        "shrinkage": f"a shrinkage factor of at least {required.shrinkage:g}",
        "optimism": f"an optimism in Nagelkerke R2 of at most {OPTIMISM:g}",
        "risk": f"the overall risk within {MARGIN:g}",
    }[required.binding.aim]


def _cohort(n: int, events: int, unit: str) -> str:
    return f"{_count(n, unit.removesuffix('s'))} with {_count(events, 'event')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _check_count(name: str, value: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise MismatchError(f"{name} is {value!r}", expected="a whole number, 1 or more")


def _check_range(name: str, value: float, low: float, high: float, *, closed: bool = False) -> None:
    """Refuse what is not above ``low`` and below, or if ``closed`` at most, ``high``."""
    if not (low < value <= high if closed else low < value < high):
        end = f" and {'at most' if closed else 'below'} {high:.4g}" if math.isfinite(high) else ""
        raise MismatchError(f"{name} is {value}", expected=f"a number above {low:.4g}{end}")
