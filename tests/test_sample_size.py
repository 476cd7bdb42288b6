"""Riley's criteria against published examples, R's integration and the formulas by hand."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Any

import pytest

from mirrisk.errors import MismatchError
from mirrisk.fitting.sample_size import (
    SampleSize,
    binary_sample_size,
    cox_snell_rsquared,
    supported,
    survival_sample_size,
)

if TYPE_CHECKING:
    from pathlib import Path


def numbers(needed: SampleSize) -> list[int]:
    return [criterion.n for criterion in needed.criteria]


def events_per_parameter(needed: SampleSize) -> list[float]:
    return [round(criterion.events_per_parameter, 2) for criterion in needed.criteria]


# -- binary outcomes --------------------------------------------------------------------------

# Examples and expected results of the R package pmsampsize 1.1.1 and later (its test_bin.R): the
# first is the worked example of Riley et al. 2019.
BINARY = [
    (0.288, 24, 0.174, [623, 662, 221], [4.52, 4.80, 1.60], "optimism"),
    (0.55, 24, 0.174, [255, 532, 221], [1.85, 3.86, 1.60], "optimism"),
    (0.288, 36, 0.174, [934, 992, 221], [4.51, 4.79, 1.07], "optimism"),
    (0.288, 24, 0.25, [623, 590, 289], [6.49, 6.15, 3.01], "shrinkage"),
]


@pytest.mark.parametrize(("rsquared", "parameters", "prevalence", "n", "epp", "binding"), BINARY)
def test_binary_examples_of_pmsampsize(
    rsquared: float,
    parameters: int,
    prevalence: float,
    n: list[int],
    epp: list[float],
    binding: str,
) -> None:
    needed = binary_sample_size(parameters, prevalence, rsquared=rsquared)
    assert numbers(needed) == n
    assert needed.n == max(n)
    assert needed.binding.aim == binding
    assert events_per_parameter(needed) == epp
    assert round(needed.events_per_parameter, 2) == max(epp)


def test_binary_examples_given(shared: Path) -> None:
    text = (shared / "reference" / "fitting" / "sample_size_binary.txt").read_text("utf-8")
    rows = [line.split("|") for line in text.splitlines() if line[:1].isdigit()]
    assert len(rows) == 4
    for rsquared, parameters, prevalence, *expected in rows:
        needed = binary_sample_size(int(parameters), float(prevalence), rsquared=float(rsquared))
        assert [*numbers(needed), needed.n] == [int(n) for n in expected]


def test_overall_risk_binds_where_there_are_few_parameters() -> None:
    # By hand: (1.96 / 0.05)^2 / 4 = 384.16.
    needed = binary_sample_size(1, 0.5, nagelkerke=0.5)
    assert (needed.n, needed.binding.aim, needed.risk) == (385, "risk", 0.5)


def test_greatest_rsquared_of_a_binary_outcome() -> None:
    # By hand, 1 - exp(2 (p ln p + q ln q)): 1 - (1/2)^2, 1 - exp(-0.39703), 1 - exp(-0.65017).
    assert binary_sample_size(1, 0.5, rsquared=0.1).max_rsquared == pytest.approx(0.75, abs=1e-15)
    assert round(binary_sample_size(1, 0.05, rsquared=0.1).max_rsquared, 4) == 0.3277
    assert round(binary_sample_size(1, 0.1, rsquared=0.1).max_rsquared, 4) == 0.4780


def test_nagelkerke_is_the_share_of_the_greatest_rsquared() -> None:
    needed = binary_sample_size(10, 0.5, nagelkerke=0.2)
    assert needed.rsquared == pytest.approx(0.15, abs=1e-15)
    assert needed.nagelkerke == pytest.approx(0.2, abs=1e-15)
    assert needed == binary_sample_size(10, 0.5, rsquared=needed.rsquared)


def test_more_shrinkage_allowed_needs_fewer_samples() -> None:
    # By hand: 10 / (-0.2 ln(1 - 0.1 / 0.8)) = 374.4 and 10 / (-0.1 ln(1 - 0.1 / 0.9)) = 849.02.
    needed = [binary_sample_size(10, 0.3, rsquared=0.1, shrinkage=s) for s in (0.8, 0.9)]
    assert [numbers(each)[0] for each in needed] == [375, 850]


# -- from a C statistic -----------------------------------------------------------------------


def r_integrals(root: Path) -> list[tuple[float, float, float]]:
    """Read what R's ``integrate`` gave (reference/sample_size.R)."""
    with (root / "tests" / "reference" / "sample_size.txt").open(encoding="utf-8") as file:
        _, *rows = csv.reader(file, delimiter="\t")
    return [(float(c), float(prevalence), float(value)) for c, prevalence, value in rows]


def test_rsquared_of_a_c_statistic_is_that_of_r(root: Path) -> None:
    rows = r_integrals(root)
    assert len(rows) == 20
    for c_statistic, prevalence, rsquared in rows:
        # R printed 15 digits of 1 - exp(...), and lost some by cancellation near 0.
        computed = cox_snell_rsquared(c_statistic, prevalence)
        assert computed == pytest.approx(rsquared, rel=1e-9, abs=1e-14)


def test_c_statistic_instead_of_an_rsquared() -> None:
    # The value of two normals of equal variance, and the sample size, as given beside pmsampsize's.
    needed = binary_sample_size(24, 0.174, c_statistic=0.89)
    assert needed.rsquared == pytest.approx(0.290955, abs=5e-7)
    assert needed.n == 660


def test_rsquared_of_a_c_statistic_does_not_depend_on_which_class_is_the_event() -> None:
    assert cox_snell_rsquared(0.8, 0.1) == pytest.approx(cox_snell_rsquared(0.8, 0.9), rel=1e-12)


# -- survival outcomes ------------------------------------------------------------------------

# Examples and expected n of criteria 1 and 2 of pmsampsize 1.1.1 and later (its test_surv.R); the
# last is the example of its manual, recurrent venous thromboembolism, whose 23 events per
# parameter stand in the abstract of Riley et al. 2019.
SURVIVAL = [
    (0.051, 25, 0.065, 2, 2.07, 4286, 866, 23.07),
    (0.065, 25, 0.065, 2, 2.07, 3335, 859, 17.95),
    (0.051, 50, 0.065, 2, 2.07, 8572, 1731, 23.07),
    (0.051, 25, 0.1, 2, 2.07, 4286, 731, 35.49),
    (0.051, 25, 0.065, 4, 2.07, 4286, 866, 23.07),
    (0.051, 25, 0.065, 2, 4, 4286, 679, 44.57),
    (0.06, 40, 0.08, 3, 5, 5798, 969, 57.98),
    (0.03, 10, 0.09, 3, 3, 2950, 272, 79.65),
    (0.3, 80, 0.03, 1, 5, 1974, 2272, 4.26),
]


@pytest.mark.parametrize(
    ("rsquared", "parameters", "rate", "timepoint", "mean_follow_up", "n1", "n2", "epp"), SURVIVAL
)
def test_survival_examples_of_pmsampsize(
    rsquared: float,
    parameters: int,
    rate: float,
    timepoint: float,
    mean_follow_up: float,
    n1: int,
    n2: int,
    epp: float,
) -> None:
    needed = survival_sample_size(parameters, rate, timepoint, mean_follow_up, rsquared=rsquared)
    assert needed.criteria[0].n == n1
    assert needed.n == max(n1, n2)
    assert round(needed.events_per_parameter, 2) == epp
    # pmsampsize rounds up the events among 10,000 before it takes the greatest R2 from them.
    rounded = math.ceil(rate * mean_follow_up * 10_000 - 1e-9) / 10_000 / mean_follow_up
    as_there = survival_sample_size(
        parameters, rounded, timepoint, mean_follow_up, rsquared=rsquared
    )
    assert as_there.criteria[1].n == n2


def test_survival_example_of_the_manual() -> None:
    needed = survival_sample_size(30, 0.065, 2, 2.07, rsquared=0.051)
    assert (needed.n, needed.binding.aim) == (5143, "shrinkage")
    assert round(needed.events_per_parameter, 2) == 23.07
    # Its overall risk of recurrence at 2 years: 1 - exp(-0.13).
    assert needed.risk == pytest.approx(0.121905, abs=5e-7)


@pytest.mark.parametrize(
    ("rate", "timepoint", "mean_follow_up"), [(0.065, 2, 2.07), (0.3, 5, 2), (0.01, 10, 8)]
)
def test_overall_risk_of_a_survival_outcome_is_just_within_the_margin(
    rate: float, timepoint: float, mean_follow_up: float
) -> None:
    def error(n: int) -> float:
        """Return the greater of the distances to the limits that pmsampsize prints."""
        half = 1.96 * math.sqrt(rate / (mean_follow_up * n))
        risk, low, high = (1 - math.exp(-r * timepoint) for r in (rate, rate - half, rate + half))
        return max(high - risk, risk - low)

    needed = survival_sample_size(1, rate, timepoint, mean_follow_up, nagelkerke=0.5).criteria[2].n
    assert error(needed) <= 0.05 < error(needed - 1)


def test_unit_of_time_does_not_matter() -> None:
    years = survival_sample_size(30, 0.065, 2, 2.07, rsquared=0.051)
    months = survival_sample_size(30, 0.065 / 12, 24, 2.07 * 12, rsquared=0.051)
    assert numbers(years) == numbers(months)


def test_greatest_rsquared_of_a_survival_outcome_in_which_all_have_the_event() -> None:
    # By hand: 1 - exp(2 (1 ln 1 - 1)).
    needed = survival_sample_size(1, 0.5, 1, 2, rsquared=0.1)
    assert needed.max_rsquared == pytest.approx(1 - math.exp(-2), abs=1e-15)


# -- what a cohort supports -------------------------------------------------------------------


@pytest.mark.parametrize("survival", [{}, {"timepoint": 3, "mean_follow_up": 4}])
@pytest.mark.parametrize(("n", "events"), [(500, 106), (2000, 300), (10_000, 4_000)])
def test_cohort_supports_the_most_parameters_whose_sample_size_it_reaches(
    n: int, events: int, survival: dict[str, Any]
) -> None:
    most = supported(n, events, **survival).parameters
    assert most > 0
    assert supported(n, events, most, **survival).sufficient
    assert not supported(n, events, most + 1, **survival).sufficient


def test_documented_example_is_supported_at_662_samples_but_not_at_661() -> None:
    # At 0.174 of 500 the prevalence is the example's.
    at_prevalence = supported(500, 87, 24, rsquared=0.288)
    assert (at_prevalence.required.n, at_prevalence.shortfall) == (662, 162)
    # By hand: 500 / (662 / 24) = 18.1.
    assert at_prevalence.parameters == 18


def test_cohort_too_small_for_the_overall_risk_supports_nothing() -> None:
    small = supported(50, 25, 1, nagelkerke=0.9)
    assert small.parameters == 0
    assert (small.required.binding.aim, small.shortfall) == ("risk", 385 - 50)


def test_survival_cohort_is_that_of_its_rate() -> None:
    cohort = supported(400, 80, 12, timepoint=5, mean_follow_up=2.5, rsquared=0.05)
    assert cohort.required == survival_sample_size(12, 0.08, 5, 2.5, rsquared=0.05)


def test_nothing_known_means_a_nagelkerke_rsquared_of_015() -> None:
    assumed, given = supported(300, 60, 5), supported(300, 60, 5, nagelkerke=0.15)
    assert assumed.required == given.required
    assert (assumed.assumed, given.assumed) == (True, False)


def test_shortfall_in_words() -> None:
    # By hand: R2 0.15 * (1 - 0.25^0.5 * 0.75^1.5) = 0.10129; 12 / (-0.1 ln(1 - 0.10129 / 0.9)).
    assert str(supported(200, 50, 12)) == (
        "A cohort of 200 samples with 50 events supports no candidate parameter; 12 parameters "
        "need 1,006 samples with 252 events for a shrinkage factor of at least 0.9: 806 "
        "more. Assumed: Nagelkerke R2 0.15 (Cox-Snell 0.1)."
    )
    assert str(supported(500, 87, 24, rsquared=0.288)) == (
        "A cohort of 500 samples with 87 events supports 18 candidate parameters; 24 parameters "
        "need 662 samples with 116 events for an optimism in Nagelkerke R2 of at most 0.05: 162 "
        "more. Expected: Nagelkerke R2 0.48 (Cox-Snell 0.29)."
    )


def test_sufficiency_in_words() -> None:
    assert str(supported(1000, 250, 1, nagelkerke=0.15)).startswith(
        "A cohort of 1,000 samples with 250 events supports 11 candidate parameters; 1 parameter "
        "is considered. Expected:"
    )


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"parameters": 0}, "parameters is 0"),
        ({"parameters": 2.5}, "parameters is 2.5"),
        ({"parameters": True}, "parameters is True"),
        ({"prevalence": 0}, "prevalence is 0"),
        ({"prevalence": 1}, "prevalence is 1"),
        ({"prevalence": math.nan}, "prevalence is nan"),
        ({"rsquared": 0}, "rsquared is 0"),
        ({"rsquared": 0.61}, "rsquared is 0.61"),
        ({"rsquared": None, "nagelkerke": 1.1}, "nagelkerke is 1.1"),
        ({"rsquared": None, "c_statistic": 0.5}, "c_statistic is 0.5"),
        ({"rsquared": None, "c_statistic": 1}, "c_statistic is 1"),
        ({"rsquared": None}, "no R2"),
        ({"nagelkerke": 0.2}, "2 R2"),
        ({"shrinkage": 0.288}, "shrinkage is 0.288"),
        ({"shrinkage": 1}, "shrinkage is 1"),
    ],
)
def test_argument_out_of_range_is_named(changed: dict[str, Any], what: str) -> None:
    arguments = {"parameters": 24, "prevalence": 0.174, "rsquared": 0.288} | changed
    with pytest.raises(MismatchError, match=what) as caught:
        binary_sample_size(**arguments)
    assert caught.value.expected


@pytest.mark.parametrize("rate", [0, -1, math.inf])
def test_rate_that_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(MismatchError, match="rate is"):
        survival_sample_size(3, rate, 2, 2.07, rsquared=0.05)


def test_rate_in_another_unit_than_the_follow_up_is_noticed() -> None:
    with pytest.raises(MismatchError, match=r"1\.61 events per sample") as caught:
        survival_sample_size(3, 0.065, 24, 2.07 * 12, rsquared=0.05)
    assert "same unit" in caught.value.remedy


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"n": 0, "events": 1}, "n is 0"),
        ({"n": 20, "events": 0}, "events is 0"),
        ({"n": 20, "events": 21}, "21 events in 20 samples"),
        ({"n": 20, "events": 20}, "20 events in 20 samples"),
        ({"n": 20, "events": 5, "timepoint": 2}, "mean_follow_up is not given"),
        ({"n": 20, "events": 5, "mean_follow_up": 2}, "timepoint is not given"),
        ({"n": 20, "events": 5, "timepoint": 2, "mean_follow_up": 0}, "mean_follow_up is 0"),
        (
            {"n": 20, "events": 5, "timepoint": 2, "mean_follow_up": 2, "c_statistic": 0.8},
            "c_statistic is given for a survival outcome",
        ),
    ],
)
def test_cohort_that_cannot_be_is_refused(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(MismatchError, match=what):
        supported(**arguments)
