"""A value's place in a reference: quantiles, mid-ranks, tails, and how features move together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirrisk.reference.quantiles import LEVELS, QuantileMap, fit_distributions, fit_grid

ENDLESS = 10**9
"""Samples in plenty: the ends of the grid are then the ends of the distribution."""


@pytest.fixture(scope="module")
def r() -> dict[str, np.ndarray]:
    """What R printed (reference/quantiles.R)."""
    text = (Path(__file__).parent / "reference" / "quantiles.txt").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("version")]
    return {name: np.array(values, dtype=float) for name, *values in lines}


def ledoit_wolf_by_hand(x: np.ndarray) -> np.ndarray:
    """Ledoit and Wolf (2004), equations 5 to 10, for centred rows, written out sample by sample."""
    n, p = x.shape
    s = sum(np.outer(row, row) for row in x) / n
    m = np.trace(s) / p
    d2 = np.sum((s - m * np.eye(p)) ** 2) / p
    b2 = sum(np.sum((np.outer(row, row) - s) ** 2) for row in x) / n**2 / p
    b2 = min(b2, d2)
    return b2 / d2 * m * np.eye(p) + (1 - b2 / d2) * s


def correlated(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 8 + rng.normal(size=(n, 1)) + rng.normal(size=(n, 4)) * [0.5, 1, 2, 0.8]


# -- the grid -----------------------------------------------------------------------------------


def test_grid_is_quantile_type_7_of_r_to_four_decimals(r):
    np.testing.assert_array_equal(fit_grid(r["values"]), np.round(r["type7"], 4))


def test_normal_scores_are_those_of_r_qnorm(r):
    grid = np.linspace(0, 100, 101)
    scores = QuantileMap.from_grid(grid, 1.0, ENDLESS).normal_score(100 * r["p"])
    np.testing.assert_allclose(scores, r["qnorm"], atol=1e-6)


# -- inside the reference -----------------------------------------------------------------------


def test_percentile_goes_linearly_between_quantiles():
    quantiles = QuantileMap.from_grid(np.linspace(0, 10, 101), 1.0, ENDLESS)
    np.testing.assert_allclose(quantiles.percentile(np.array([2.53, 9.01])), [0.253, 0.901])


def test_zeros_of_a_rare_mirna_share_their_mid_rank(r):
    # 81 zeros among 101 values: quantiles 0 to 80% are 0, their middle is 40%.
    grid = fit_grid(np.concatenate([np.zeros(81), np.arange(1.0, 21.0)]))
    quantiles = QuantileMap.from_grid(grid, 5.0, ENDLESS)
    assert quantiles.percentile(np.array([0.0]))[0] == pytest.approx(0.40, abs=1e-8)
    assert quantiles.normal_score(np.array([0.0]))[0] == pytest.approx(
        r["qnorm"][r["p"] == 0.4].item(), abs=1e-7
    )


def test_a_flat_run_in_the_middle_has_its_middle_percentile():
    grid = np.concatenate([np.linspace(0, 3, 30), np.full(41, 5.0), np.linspace(6, 9, 30)])
    quantiles = QuantileMap.from_grid(grid, 2.0, ENDLESS)
    # Levels 0.30 to 0.70 hold 5.0.
    assert quantiles.percentile(np.array([5.0]))[0] == pytest.approx(0.5, abs=1e-8)


def test_not_measured_stays_not_measured():
    quantiles = QuantileMap.from_grid(np.linspace(0, 10, 101), 1.0, 500)
    values = np.array([np.nan, 5.0])
    np.testing.assert_array_equal(np.isnan(quantiles.normal_score(values)), [True, False])
    np.testing.assert_array_equal(np.isnan(quantiles.percentile(values)), [True, False])


# -- the extremes and beyond --------------------------------------------------------------------


def test_smallest_and_largest_of_500_stand_at_one_and_999_thousandths(r):
    quantiles = QuantileMap.from_grid(np.linspace(0, 10, 101), 1.0, 500)
    ends = np.array([0.0, 10.0])
    np.testing.assert_allclose(quantiles.percentile(ends), [0.001, 0.999])
    np.testing.assert_allclose(quantiles.normal_score(ends), r["qnorm"][[0, -1]], rtol=1e-12)


def test_score_goes_on_by_one_per_standard_deviation_and_at_most_two():
    quantiles = QuantileMap.from_grid(np.linspace(0, 10, 101), 2.0, 500)
    end = 3.090232306167813  # qnorm(0.999)
    values = np.array([-1.0, -4.0, -5.0, -400.0, 11.0, 14.0, 15.0, 400.0])
    beyond = np.array([-0.5, -2.0, -2.0, -2.0, 0.5, 2.0, 2.0, 2.0])
    np.testing.assert_allclose(
        quantiles.normal_score(values), np.sign(beyond) * end + beyond, rtol=1e-12
    )


@pytest.mark.parametrize("n", [20, 30, 50, 51, 200])
def test_higher_value_always_means_higher_score_up_to_the_limit(n):
    values = np.random.default_rng(n).normal(8, 2, size=n)
    sd = values.std(ddof=1)
    quantiles = QuantileMap.from_grid(fit_grid(values), sd, n)
    x = np.linspace(values.min() - 1.99 * sd, values.max() + 1.99 * sd, 3001)
    assert (np.diff(quantiles.normal_score(x)) > 0).all()


# -- the inverse --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [20, 500])
def test_value_at_is_the_inverse_of_the_normal_score(n):
    values = np.random.default_rng(3).normal(8, 2, size=n)
    sd = values.std(ddof=1)
    quantiles = QuantileMap.from_grid(fit_grid(values), sd, n)
    x = np.linspace(values.min() - 1.9 * sd, values.max() + 1.9 * sd, 997)
    np.testing.assert_allclose(quantiles.value_at(quantiles.normal_score(x)), x, atol=1e-9)


def test_value_at_scores_inside_a_flat_run_is_the_runs_value():
    grid = np.concatenate([np.full(61, 2.0), np.linspace(3, 9, 40)])
    quantiles = QuantileMap.from_grid(grid, 2.0, ENDLESS)
    # The run stands at 30%: qnorm(0.3) = -0.5244005.
    assert quantiles.value_at(-0.5244005) == pytest.approx(2.0, abs=1e-6)


def test_value_at_goes_on_beyond_the_limit_of_the_score():
    quantiles = QuantileMap.from_grid(np.linspace(0, 10, 101), 2.0, 500)
    assert quantiles.value_at(-3.090232306167813 - 5) == pytest.approx(-10.0)
    assert quantiles.value_at(3.090232306167813 + 5) == pytest.approx(20.0)


# -- constant features --------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 3.14159265])
def test_cohort_of_one_constant_value_stands_in_its_own_middle(value):
    found = fit_distributions(np.full((30, 1), value))
    quantiles = QuantileMap.from_grid(found.grids[0], float(found.sd[0]), 30)
    assert quantiles.percentile(np.array([value]))[0] == 0.5
    # The grid is rounded to four decimals; that must not look like a step off the reference.
    assert quantiles.normal_score(np.array([value]))[0] == pytest.approx(0.0, abs=0.01)
    assert found.mean[0] == pytest.approx(0.0, abs=0.01)


# -- several features ---------------------------------------------------------------------------


def test_distributions_hold_grid_spread_and_number_of_measured_values():
    values = correlated(60)
    values[:25, 2] = np.nan
    found = fit_distributions(values)
    measured = values[25:, 2]
    assert found.measured.tolist() == [60, 60, 35, 60]
    assert found.sd[2] == pytest.approx(
        np.sqrt(sum((measured - measured.sum() / 35) ** 2) / 34), abs=5e-5
    )
    np.testing.assert_array_equal(
        found.grids[2], np.round([np.percentile(measured, 100 * p) for p in LEVELS], 4)
    )


def test_mean_and_covariance_are_of_the_normal_scores_after_ledoit_and_wolf():
    values = correlated(80)
    found = fit_distributions(values)
    maps = [
        QuantileMap.from_grid(g, float(s), 80) for g, s in zip(found.grids, found.sd, strict=True)
    ]
    z = np.column_stack([m.normal_score(x) for m, x in zip(maps, values.T, strict=True)])
    np.testing.assert_allclose(found.mean, z.sum(axis=0) / 80, atol=1e-12)
    expected = ledoit_wolf_by_hand(z - z.sum(axis=0) / 80)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-10)
    # There was something to shrink: the plain covariance is another matrix.
    assert np.abs(np.cov(z.T, bias=True) - expected).max() > 0.01


def test_gaps_do_not_shrink_a_features_variance():
    values = correlated(400, seed=5)
    gaps = values.copy()
    gaps[:300, 1] = np.nan
    found = fit_distributions(gaps)
    maps = [
        QuantileMap.from_grid(g, float(s), int(n))
        for g, s, n in zip(found.grids, found.sd, found.measured, strict=True)
    ]
    z = np.column_stack([m.normal_score(x) for m, x in zip(maps, gaps.T, strict=True)])
    filled = np.where(np.isnan(z), 0.0, z - found.mean)
    # A quarter of the second was measured: what it shares with any other shrank to a quarter.
    scale = np.ones((4, 4))
    scale[1, :] = scale[:, 1] = 4.0
    expected = ledoit_wolf_by_hand(filled) * scale
    assert np.linalg.eigvalsh(expected).min() > 1e-4
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-10)
    variance = np.nanmean((z[:, 1] - found.mean[1]) ** 2)
    assert found.covariance[1, 1] == pytest.approx(variance, rel=0.15)


def test_gaps_do_not_weaken_a_correlation():
    rng = np.random.default_rng(3)
    z = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=4000)
    z[rng.random(z.shape) < 0.4] = np.nan
    covariance = fit_distributions(z).covariance
    correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert correlation == pytest.approx(0.6, abs=0.05)


def test_one_feature_alone_has_its_own_variance():
    values = correlated(50)[:, [0]]
    found = fit_distributions(values)
    z = QuantileMap.from_grid(found.grids[0], float(found.sd[0]), 50).normal_score(values[:, 0])
    assert found.covariance.shape == (1, 1)
    assert found.covariance[0, 0] == pytest.approx(sum((z - z.sum() / 50) ** 2) / 50)
