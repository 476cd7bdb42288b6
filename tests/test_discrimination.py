"""AUCs, their intervals and tests, against pROC, R's own root finding, and hand calculation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import average_precision_score, roc_auc_score

from mirrisk.errors import MismatchError
from mirrisk.validation.auc_limits import auc_limits, binormal_variance
from mirrisk.validation.discrimination import (
    auc,
    auc_interval,
    auc_of_rows,
    delong,
    delong_test,
)
from mirrisk.validation.permutation import permutation_test
from mirrisk.validation.roc import average_precision, average_precision_of_rows, roc_curve

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.vocabulary import FloatArray

Printed = dict[str, "FloatArray"]

METHODS = ("binormal-score", "logit-DeLong", "DeLong", "Newcombe")


@pytest.fixture(scope="module")
def printed(root: Path) -> Printed:
    """What R printed (reference/discrimination.R)."""
    text = (root / "tests" / "reference" / "discrimination.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    return {name: np.array([v for v in values if v], dtype=float) for name, *values in rows}


@pytest.fixture(scope="module")
def y(printed: Printed) -> FloatArray:
    return printed["y"]


# -- AUC --------------------------------------------------------------------------------------


def test_auc_is_the_share_of_pairs_in_order_and_ties_count_one_half() -> None:
    # Pairs: 3 over 1 and 2 (two in order), 2 over 1 (in order) and with 2 (tie): 3.5 of 4.
    assert auc([0, 0, 1, 1], [1, 2, 3, 2]) == 3.5 / 4


def test_auc_of_rows_is_that_of_scikit_learn(y: FloatArray) -> None:
    risks = np.random.default_rng(0).integers(0, 9, (20, len(y))).astype(float)
    expected = [roc_auc_score(y, risk) for risk in risks]
    assert auc_of_rows(np.tile(y, (20, 1)), risks) == pytest.approx(expected, abs=1e-14)


def test_row_of_one_class_has_no_auc() -> None:
    assert np.isnan(auc_of_rows(np.ones((1, 3)), np.ones((1, 3)))).all()


@pytest.mark.parametrize("risk", ["smooth", "graded"])
class TestDeLong:
    def test_auc_and_variance_are_those_of_proc(
        self, printed: Printed, y: FloatArray, risk: str
    ) -> None:
        found = delong(y, printed[risk])
        assert [found.auc, found.variance] == pytest.approx(printed[f"{risk} delong"], abs=1e-13)

    @pytest.mark.parametrize("method", METHODS)
    def test_limits_are_those_of_r(
        self, printed: Printed, y: FloatArray, risk: str, method: str
    ) -> None:
        found = auc_interval(y, printed[risk], method=method)  # type: ignore[arg-type]
        assert found.method == method
        assert [found.low, found.high] == pytest.approx(printed[f"{risk} {method}"], abs=1e-9)


def test_paired_test_is_that_of_proc(printed: Printed, y: FloatArray) -> None:
    found = delong_test(y, printed["smooth"], printed["graded"])
    assert [found.statistic, found.p_value] == pytest.approx(printed["paired"], abs=1e-12)
    assert math.isinf(found.df)


def test_unpaired_test_is_that_of_proc(printed: Printed, y: FloatArray) -> None:
    found = delong_test(y, printed["smooth"], printed["graded"], y_b=y)
    assert [found.statistic, found.df, found.p_value] == pytest.approx(
        printed["unpaired"], abs=1e-10
    )


class TestGivenCohort:
    """The cohort of subarachnoid haemorrhages, as pROC 1.18 printed it."""

    @pytest.fixture
    def cohort(self, shared: Path) -> pd.DataFrame:
        return pd.read_csv(shared / "reference" / "fitting" / "aSAH.csv")

    @pytest.fixture
    def proc(self, shared: Path) -> dict[str, list[float]]:
        path = shared / "reference" / "fitting" / "proc_aSAH_delong.txt"
        return {
            " ".join(words): numbers
            for words, numbers in map(_words_and_numbers, path.read_text().splitlines()[1:])
        }

    @pytest.mark.parametrize("risk", ["s100b", "ndka", "wfns"])
    def test_delong_interval(
        self, cohort: pd.DataFrame, proc: dict[str, list[float]], risk: str
    ) -> None:
        expected, low, _, high, variance = proc[f"{risk} auc delong95 var"]
        found = auc_interval(cohort["y"], cohort[risk], method="DeLong")
        numbers = [found.estimate, found.low, found.high, delong(cohort.y, cohort[risk]).variance]
        assert numbers == pytest.approx([expected, low, high, variance], abs=1e-9)

    @pytest.mark.parametrize("pair", ["s100b-ndka", "s100b-wfns", "wfns-ndka"])
    def test_paired(self, cohort: pd.DataFrame, proc: dict[str, list[float]], pair: str) -> None:
        first, second = pair.split("-")
        found = delong_test(cohort["y"], cohort[first], cohort[second])
        numbers = [found.statistic, found.p_value, found.low, found.high]
        assert numbers == pytest.approx(proc[f"paired {pair} Z p CIdiff"], abs=1e-9)

    def test_unpaired(self, cohort: pd.DataFrame, proc: dict[str, list[float]]) -> None:
        found = delong_test(cohort["y"], cohort["s100b"], cohort["ndka"], y_b=cohort["y"])
        numbers = [found.statistic, found.df, found.p_value]
        assert numbers == pytest.approx(proc["unpaired s100b-ndka D df p"], abs=1e-8)


def _words_and_numbers(line: str) -> tuple[list[str], list[float]]:
    words, numbers = [], []
    for item in line.split():
        try:
            numbers.append(float(item))
        except ValueError:
            words.append(item)
    return words, numbers


# -- intervals at the edges -------------------------------------------------------------------


@pytest.mark.parametrize("method", ["binormal-score", "Newcombe"])
def test_perfect_risk_has_the_score_limit_of_r(
    printed: Printed, y: FloatArray, method: str
) -> None:
    found = auc_interval(y, y + np.arange(30) / 100, method=method)  # type: ignore[arg-type]
    assert [found.low, found.high] == pytest.approx(printed[f"perfect {method}"], abs=1e-9)


@pytest.mark.parametrize("method", ["logit-DeLong", "DeLong"])
def test_method_whose_variance_is_zero_answers_with_the_default(y: FloatArray, method: str) -> None:
    for risk in (y, -y, np.ones(30)):
        found = auc_interval(y, risk, method=method)  # type: ignore[arg-type]
        default = auc_interval(y, risk)
        assert (found.low, found.high) == (default.low, default.high)


def test_constant_risk_has_the_binormal_limits_about_one_half(
    printed: Printed, y: FloatArray
) -> None:
    found = auc_interval(y, np.zeros(30))
    assert found.estimate == 0.5
    assert [found.low, found.high] == pytest.approx(printed["constant binormal-score"], abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_turning_a_risk_round_mirrors_its_interval(
    printed: Printed, y: FloatArray, method: str
) -> None:
    found = auc_interval(y, printed["smooth"], method=method)  # type: ignore[arg-type]
    turned = auc_interval(y, -printed["smooth"], method=method)  # type: ignore[arg-type]
    assert (1 - turned.high, 1 - turned.low) == pytest.approx((found.low, found.high), abs=1e-12)


def test_one_event_has_wilsons_limits_of_a_perfect_share() -> None:
    # One event and one non-event: the variance at t is t (1 - t), that of one trial.
    found = auc_interval([0, 1], [0.0, 1.0])
    z = 1.959963984540054
    assert (found.low, found.high) == pytest.approx((1 / (1 + z**2), 1.0), abs=1e-12)


def test_greater_level_is_wider_and_holds_the_smaller(printed: Printed, y: FloatArray) -> None:
    wide, narrow = (auc_interval(y, printed["smooth"], level) for level in (0.99, 0.8))
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high


def test_binormal_variance_is_that_of_simulated_cohorts() -> None:
    rng = np.random.default_rng(3)
    outcome = np.tile(np.repeat([1.0, 0.0], [6, 9]), (40_000, 1))
    # The mean difference of an AUC of 0.8 is sqrt(2) * 0.8416212 standard deviations.
    found = auc_of_rows(outcome, rng.normal(size=outcome.shape) + 1.190232 * outcome)
    assert binormal_variance(np.array(0.8), 6, 9) == pytest.approx(found.var(), rel=0.03)


def test_default_keeps_its_coverage_with_twelve_events_in_forty() -> None:
    """The full table is in docs/validation.md; this guards the design that decided the method."""
    rng = np.random.default_rng(11)
    outcome = np.tile(np.repeat([1.0, 0.0], [12, 28]), (2000, 1))
    # sqrt(2) * 1.6448536 standard deviations between the means: an AUC of 0.95.
    risk = rng.normal(size=outcome.shape) + 2.326174 * outcome
    pairs = risk[:, :12, None] > risk[:, None, 12:]
    variance = pairs.mean(2).var(1, ddof=1) / 12 + pairs.mean(1).var(1, ddof=1) / 28
    low, high = auc_limits(pairs.mean((1, 2)), variance, 12, 28)
    assert 0.93 <= np.mean((low <= 0.95) & (high >= 0.95)) <= 0.97


# -- tests at the edges -----------------------------------------------------------------------


def test_risks_of_the_same_order_do_not_differ(printed: Printed, y: FloatArray) -> None:
    found = delong_test(y, printed["smooth"], np.exp(printed["smooth"]))
    assert (found.difference, found.p_value, found.low, found.high) == (0, 1, 0, 0)


def test_perfect_and_constant_risk_tell_no_standard_error(y: FloatArray) -> None:
    with pytest.raises(MismatchError, match="both have a variance of 0"):
        delong_test(y, y, np.zeros(30))


def test_variance_needs_two_events() -> None:
    with pytest.raises(MismatchError, match="1 events and 2 non-events"):
        delong([0, 0, 1], [1, 2, 3])


def test_unknown_method_is_refused(y: FloatArray) -> None:
    with pytest.raises(MismatchError, match="method 'wald'"):
        auc_interval(y, y, method="wald")  # type: ignore[arg-type]


def test_results_print_what_they_are(printed: Printed, y: FloatArray) -> None:
    assert str(auc_interval(y, printed["smooth"], method="logit-DeLong")) == (
        "AUC 0.70 (95% CI 0.48 to 0.86, logit-DeLong)"
    )
    assert str(delong_test(y, printed["smooth"], printed["graded"])).endswith(
        "p = 0.3, paired DeLong)"
    )
    assert str(delong_test(y, printed["smooth"], printed["graded"], y_b=y)).endswith(
        "p = 0.33, unpaired DeLong)"
    )


# -- curves -----------------------------------------------------------------------------------


def test_roc_curve_has_a_point_per_distinct_risk(printed: Printed, y: FloatArray) -> None:
    points = roc_curve(y, printed["graded"])
    assert list(points["cutoff"]) == [math.inf, 5, 4, 3, 2, 1, 0]
    area = np.trapezoid(points["sensitivity"], 1 - points["specificity"])
    assert area == pytest.approx(printed["graded delong"][0], abs=1e-14)


def test_roc_curve_of_a_constant_risk_is_the_diagonal(y: FloatArray) -> None:
    points = roc_curve(y, np.full(30, 0.3))
    assert points["sensitivity"].tolist() == [0, 1]
    assert points["specificity"].tolist() == [1, 0]


def test_average_precision_of_rows_is_that_of_scikit_learn(y: FloatArray) -> None:
    risks = np.random.default_rng(1).integers(0, 7, (20, len(y))).astype(float)
    expected = [average_precision_score(y, risk) for risk in risks]
    found = average_precision_of_rows(np.tile(y, (20, 1)), risks)
    assert found == pytest.approx(expected, abs=1e-14)


def test_average_precision_of_a_constant_risk_is_the_share_of_events(y: FloatArray) -> None:
    found = average_precision(y, np.zeros(30), n=50)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.3, 0.3, 0.3))


def test_average_precision_has_limits(printed: Printed, y: FloatArray) -> None:
    found = average_precision(y, printed["smooth"], n=500, seed=1)
    assert found.estimate == pytest.approx(average_precision_score(y, printed["smooth"]))
    assert 0.3 < found.low < found.estimate < found.high < 1
    assert found == average_precision(y, printed["smooth"], n=500, seed=1)


# -- permutation ------------------------------------------------------------------------------


def test_permutation_p_is_near_the_exact_one(printed: Printed, y: FloatArray) -> None:
    found = permutation_test(y, printed["smooth"], n=20_000, seed=2)
    exact = printed["exact one-sided p"].item()
    # Four standard errors of a share of 0.047 in 20,000.
    assert found.p_value == pytest.approx(exact, abs=0.006)
    assert found.auc == auc(y, printed["smooth"])


def test_permutation_p_is_near_scipys_exact_one() -> None:
    outcome, risk = np.repeat([1, 0], [4, 5]), np.array([9.0, 7, 6, 3, 1, 2, 4, 5, 8])
    exact = mannwhitneyu(risk[:4], risk[4:], alternative="greater", method="exact").pvalue
    assert permutation_test(outcome, risk, n=20_000).p_value == pytest.approx(exact, abs=0.015)


def test_permutation_p_is_never_zero() -> None:
    outcome = np.repeat([1, 0], 50)
    found = permutation_test(outcome, outcome, n=99)
    assert (found.as_high, found.p_value) == (0, 0.01)
    assert str(found) == "AUC 1.00, as high in 0 of 99 permutations (one-sided p = 0.01)"


def test_permutation_p_of_a_constant_risk_is_one(y: FloatArray) -> None:
    assert permutation_test(y, np.zeros(30), n=50).p_value == 1


def test_copied_samples_are_no_evidence() -> None:
    outcome, risk = np.repeat([1, 0], [2, 3]), np.array([5.0, 4, 3, 2, 1])
    copies = permutation_test(
        np.repeat(outcome, 8), np.repeat(risk, 8), groups=np.repeat(range(5), 8), n=5000
    )
    # Of the 10 ways to choose the two patients with the event, one is as high.
    assert copies.p_value == pytest.approx(0.1, abs=0.02)
    assert permutation_test(np.repeat(outcome, 8), np.repeat(risk, 8), n=999).p_value == 0.001


def test_group_of_both_outcomes_is_not_permuted() -> None:
    with pytest.raises(MismatchError, match="1 of 2 groups hold samples with and without"):
        permutation_test([1, 0, 0, 0], [1, 2, 3, 4], groups=["a", "a", "b", "b"])


def test_no_permutation_is_no_test(y: FloatArray) -> None:
    with pytest.raises(MismatchError, match="n=0"):
        permutation_test(y, y, n=0)
