"""The bootstrap against scipy's, against theory, and with failing statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from mirrisk.errors import MismatchError
from mirrisk.validation.added_value import added_value
from mirrisk.validation.bootstrap import bca_shares, bootstrap_interval
from mirrisk.validation.discrimination import auc, auc_of_rows, delong_test

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray

RNG = np.random.default_rng(8)
Y = np.repeat([1.0, 0.0], [15, 25])
RISK = RNG.normal(Y, 1)


def difference_of_means(y: FloatArray, risk: FloatArray) -> float:
    return float(risk[y == 1].mean() - risk[y == 0].mean())


def test_percentile_limits_are_those_of_scipy() -> None:
    found = bootstrap_interval(difference_of_means, Y, RISK, n=20_000, seed=1)
    expected = stats.bootstrap(
        (RISK[:15], RISK[15:]),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02)
    assert found.estimate == difference_of_means(Y, RISK)


def test_bca_limits_are_those_of_scipy() -> None:
    def skewed(a: FloatArray, b: FloatArray, axis: int) -> FloatArray:
        return np.asarray(np.exp(a).mean(axis) - np.exp(b).mean(axis))

    found = bootstrap_interval(
        lambda y, x: np.exp(x[y == 1]).mean() - np.exp(x[y == 0]).mean(),
        Y,
        RISK,
        n=20_000,
        seed=1,
        method="bca",
    )
    expected = stats.bootstrap(
        (RISK[:15], RISK[15:]), skewed, n_resamples=20_000, rng=np.random.default_rng(2)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(expected, abs=0.12)


def test_bca_shares_are_those_of_scipy_on_the_same_replicates() -> None:
    x = np.exp(RISK[:15])
    given = stats.bootstrap((x,), np.mean, n_resamples=999, rng=np.random.default_rng(3))
    left = np.array([np.delete(x, i).mean() for i in range(len(x))])
    influence = (len(x) - 1) * (left.mean() - left)
    shares = bca_shares(float(x.mean()), given.bootstrap_distribution, [influence], 0.95)
    found = np.quantile(given.bootstrap_distribution, shares)
    assert found == pytest.approx(given.confidence_interval, abs=1e-12)


def test_bca_counts_half_a_resample_beyond_an_estimate_outside_of_all() -> None:
    replicates = np.arange(10.0)
    low, high = bca_shares(-1.0, replicates, [np.zeros(5)], 0.95)
    bias = stats.norm.ppf(0.05)
    expected = stats.norm.cdf(2 * bias + stats.norm.ppf([0.025, 0.975]))
    assert (low, high) == pytest.approx(expected, abs=1e-12)


def test_vectorized_and_single_calls_agree() -> None:
    alone = bootstrap_interval(auc, Y, RISK, n=300, seed=4)
    at_once = bootstrap_interval(auc_of_rows, Y, RISK, n=300, seed=4, vectorized=True)
    assert (alone.estimate, alone.low, alone.high) == (
        at_once.estimate,
        at_once.low,
        at_once.high,
    )


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_seed_decides_the_limits(method: str) -> None:
    first, second, other = (
        bootstrap_interval(auc, Y, RISK, n=100, seed=seed, method=method)  # type: ignore[arg-type]
        for seed in (1, 1, 2)
    )
    assert first == second != other


def test_resamples_keep_the_number_of_events() -> None:
    found = bootstrap_interval(lambda y, risk: y.sum(), Y, RISK, n=100)
    assert (found.low, found.estimate, found.high) == (15, 15, 15)


def test_constant_risk_has_an_interval_of_one_point() -> None:
    for method in ("percentile", "bca"):
        found = bootstrap_interval(auc, Y, np.ones(40), n=50, method=method)
        assert (found.low, found.estimate, found.high) == (0.5, 0.5, 0.5)


def test_groups_are_resampled_whole() -> None:
    groups = np.repeat(range(20), 2)
    y = np.repeat([1.0, 0.0], [16, 24])

    def check_pairs(outcome: FloatArray, number: FloatArray) -> float:
        _, counts = np.unique(number, return_counts=True)
        return float((counts % 2).sum() + (outcome.sum() != 16))

    found = bootstrap_interval(check_pairs, y, groups.astype(float), n=200, groups=groups)
    assert (found.low, found.high, found.failed) == (0, 0, 0)
    assert found.method == "grouped percentile bootstrap"


def test_copied_samples_do_not_narrow_a_grouped_interval() -> None:
    copied = bootstrap_interval(
        auc, np.repeat(Y, 4), np.repeat(RISK, 4), n=2000, seed=5, groups=np.repeat(range(40), 4)
    )
    once = bootstrap_interval(auc, Y, RISK, n=2000, seed=6)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=0.02)


def test_groups_of_another_size_are_resampled_too() -> None:
    groups = np.array([0, 0, 0, 1, 2, 2, *range(3, 37)])
    found = bootstrap_interval(auc_of_rows, Y, RISK, n=100, groups=groups, vectorized=True)
    assert found.low < found.estimate < found.high


class TestFailures:
    def test_are_counted_with_their_reasons_and_printed(self) -> None:
        def fails_now_and_then(y: FloatArray, risk: FloatArray) -> float:
            if risk[0] == RISK[0]:
                raise MismatchError("did not converge", remedy="none")
            return np.nan if risk[0] == RISK[1] else np.inf if risk[0] == RISK[2] else 1.0

        # The cohort itself begins with RISK[0]: turn it round so that it does not fail.
        y, risk = Y[::-1], RISK[::-1]
        found = bootstrap_interval(
            lambda y, risk: fails_now_and_then(y, risk), y, risk, n=400, measure="x"
        )
        reasons = dict(found.reasons)
        assert set(reasons) == {"did not converge", "NaN", "infinite"}
        assert found.failed == sum(reasons.values()) > 0
        assert str(found) == (
            "x 1.00 (95% CI 1.00 to 1.00, stratified percentile bootstrap, 400 resamples, "
            f"{found.failed} failed)"
        )

    def test_of_vectorized_statistics_are_counted(self) -> None:
        found = bootstrap_interval(
            lambda y, risk: np.where(risk[:, 0] == RISK[0], 1.0, np.nan),
            Y,
            RISK,
            n=400,
            vectorized=True,
        )
        # The first sample of a resample is any of 15 events: 373 expected, standard error 5.
        assert found.failed == pytest.approx(373, abs=20)
        assert found.reasons == (("NaN", found.failed),)

    def test_of_all_resamples_are_an_error(self) -> None:
        def of_the_cohort_only(y: FloatArray, risk: FloatArray) -> float:
            return 1.0 if np.array_equal(risk, RISK) else np.nan

        with pytest.raises(MismatchError, match=r"failed in all 50 resamples \(NaN\)"):
            bootstrap_interval(of_the_cohort_only, Y, RISK, n=50)

    def test_with_a_sample_left_out_are_an_error_of_bca(self) -> None:
        def of_forty(y: FloatArray, risk: FloatArray) -> float:
            return 1.0 if len(y) == 40 else np.nan

        with pytest.raises(MismatchError, match="15 of 15 subsamples") as refused:
            bootstrap_interval(of_forty, Y, RISK, n=50, method="bca")
        assert refused.value.remedy == "method='percentile'"

    def test_of_programming_are_not_swallowed(self) -> None:
        with pytest.raises(KeyError):
            bootstrap_interval(lambda y, risk: {"auc": 0.5}["AUC"], Y, RISK)


def test_one_event_cannot_be_resampled() -> None:
    with pytest.raises(MismatchError, match="1 samples with and 2 without"):
        bootstrap_interval(auc, [1, 0, 0], [1, 2, 3])


def test_one_group_of_a_kind_cannot_be_resampled() -> None:
    with pytest.raises(MismatchError, match="1 groups with and 2 without"):
        bootstrap_interval(auc, [1, 1, 0, 0], [1, 2, 3, 4], groups=[0, 0, 1, 2])


@pytest.mark.parametrize("wrong", [{"n": 1}, {"method": "basic"}, {"level": 95}])
def test_wrong_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(MismatchError):
        bootstrap_interval(auc, Y, RISK, **wrong)  # type: ignore[arg-type]


# -- added value ------------------------------------------------------------------------------

BASE = 1 / (1 + np.exp(-RISK))
FULL = 1 / (1 + np.exp(-(RISK + Y)))


def test_added_value_is_that_of_its_definitions() -> None:
    found = added_value(Y, BASE, FULL, n=500, seed=1)
    assert found.auc == delong_test(Y, FULL, BASE)
    assert found.brier.estimate == pytest.approx(
        np.mean((Y - FULL) ** 2) - np.mean((Y - BASE) ** 2), abs=1e-15
    )
    slope = {k: r[Y == 1].mean() - r[Y == 0].mean() for k, r in (("full", FULL), ("base", BASE))}
    assert found.idi.estimate == pytest.approx(slope["full"] - slope["base"], abs=1e-15)
    assert found.brier.low < found.brier.estimate < found.brier.high < 0
    assert 0 < found.idi.low < found.idi.estimate < found.idi.high
    assert (found.n, found.events, found.idi.failed) == (40, 15, 0)
    assert [line.split(" ")[0] for line in str(found).splitlines()] == ["difference"] * 2 + ["IDI"]


def test_same_risk_adds_nothing() -> None:
    found = added_value(Y, BASE, BASE, n=50)
    assert (found.auc.difference, found.brier.estimate, found.idi.estimate) == (0, 0, 0)
    assert (found.brier.low, found.idi.high, found.auc.p_value) == (0, 0, 1)


def test_scores_are_no_probabilities() -> None:
    with pytest.raises(MismatchError, match="outside 0 to 1"):
        added_value(Y, BASE, RISK)


def test_resample_of_groups_without_non_events_is_a_failure() -> None:
    y, base = np.array([1.0, 1, 1, 0, 1, 0]), np.array([0.6, 0.7, 0.5, 0.4, 0.8, 0.2])
    found = added_value(y, base, base / 2, n=200, groups=[0, 0, 1, 1, 2, 2])
    # All groups have an event: a resample of group 0 alone, 1 in 27, has no other sample.
    assert found.idi.reasons == (("NaN", found.idi.failed),)
    assert found.idi.failed == pytest.approx(200 / 27, abs=8)
