"""The kernel: contributions, expected score and its spread, coverage, flags, fragile members."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from cohorts import quantile_variance

from mirrisk.reference.quantiles import QuantileMap, fit_grid
from mirrisk.scoring import CUTOFFS, FLAGS, Composite, fragile_members, score_samples

NORMAL = NormalDist()
ENDLESS = 10**12
"""Samples of a reference without sampling error."""


def composite(
    weights, covariance, *, mean=None, shares=None, members=None, knowable=None, n=ENDLESS
) -> Composite:
    weights = np.array(weights, dtype=float)
    count = len(weights)
    return Composite(
        weights=weights,
        shares=np.full(count, 1 / count) if shares is None else np.array(shares),
        members=np.arange(count) if members is None else np.array(members),
        mean=np.zeros(count) if mean is None else np.array(mean),
        covariance=np.array(covariance, dtype=float),
        n_reference=n,
        cutoffs=CUTOFFS,
        knowable=np.ones(count, dtype=bool) if knowable is None else np.array(knowable),
    )


THREE = composite(
    [1, -1, 0.5],
    [[1.0, 0.5, 0.2], [0.5, 1.0, 0.4], [0.2, 0.4, 1.0]],
    mean=[0.1, -0.2, 0.0],
)


def score(z, panel, *, visible=None, min_coverage=0.5):
    z = np.atleast_2d(np.array(z, dtype=float))
    visible = np.ones(z.shape, dtype=bool) if visible is None else np.atleast_2d(visible)
    return score_samples(z, visible, panel, min_coverage=min_coverage)


def random_panel(features: int, seed: int, *, members=None, n: int = 80) -> Composite:
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(features, features))
    covariance = loadings @ loadings.T / features + 0.3 * np.eye(features)
    weights = rng.choice([-1.0, 1.0], features) * rng.uniform(0.5, 2, features)
    return composite(weights, covariance, mean=rng.normal(0, 0.1, features), members=members, n=n)


def random_samples(count: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores with gaps, in libraries that are too shallow for some features."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.5, size=(count, features))
    z[rng.random(z.shape) < 0.25] = np.nan
    return z, rng.random(z.shape) < 0.85


# -- score --------------------------------------------------------------------------------------


def test_score_is_the_signed_sum_over_the_standard_deviation_it_has_in_the_reference():
    found = score([1.1, 0.8, -1.0], THREE)
    # a'Ca = 1 + 1 + 0.25 - 2 * 0.5 + 2 * 0.5 * 0.2 - 2 * 0.5 * 0.4 = 1.05
    sd = math.sqrt(1.05)
    expected = [1.0 / sd, -1.0 / sd, -0.5 / sd]
    np.testing.assert_allclose(found.contributions[0], expected, rtol=1e-12)
    assert found.score[0] == pytest.approx(-0.5 / sd, rel=1e-12)
    assert found.expected[0] == pytest.approx(found.score[0], rel=1e-12)


def test_score_without_a_feature_is_standardised_for_those_measured():
    found = score([1.1, np.nan, -1.0], THREE)
    # a'Ca over the first and the third: 1 + 0.25 + 2 * 0.5 * 0.2 = 1.45
    assert found.score[0] == pytest.approx((1.0 - 0.5) / math.sqrt(1.45), rel=1e-12)
    assert found.contributions[0, 1] == 0.0


def test_score_of_the_references_own_distribution_is_standard_normal_whatever_is_missing():
    panel = random_panel(5, seed=3)
    draws = np.random.default_rng(0).multivariate_normal(panel.mean, panel.covariance, 100_000)
    draws[:50_000, [1, 4]] = np.nan
    found = score(draws, panel).score
    for half in (found[:50_000], found[50_000:]):
        # Standard errors of mean and SD: 0.0045 and 0.0032.
        assert half.mean() == pytest.approx(0.0, abs=0.018)
        assert half.std() == pytest.approx(1.0, abs=0.013)


def test_contributions_add_up_to_the_score():
    z, visible = random_samples(300, 7, seed=1)
    found = score(z, random_panel(7, seed=1), visible=visible)
    scored = ~np.isnan(found.score)
    assert scored.sum() > 100
    sums = np.array([math.fsum(row) for row in found.contributions])
    np.testing.assert_allclose(sums[scored], found.score[scored], atol=1e-12)


def test_features_without_any_variance_do_not_divide_by_zero():
    found = score([0.001], composite([1.0], [[0.0]]))
    assert found.score[0] == pytest.approx(0.001 / math.sqrt(1e-6))


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e6])
def test_scores_and_flags_do_not_depend_on_the_scale_of_the_weights(scale):
    """Fitted coefficients may be of any size."""
    z, visible = random_samples(200, 6, seed=2)
    panel = random_panel(6, seed=2)
    found, scaled = (
        score(z, p, visible=visible) for p in (panel, replace(panel, weights=panel.weights * scale))
    )
    np.testing.assert_allclose(scaled.score, found.score, rtol=1e-9)
    np.testing.assert_allclose(scaled.expected, found.expected, rtol=1e-9)
    np.testing.assert_allclose(scaled.sd, found.sd, rtol=1e-9)
    np.testing.assert_array_equal(scaled.flag, found.flag)


# -- expected score and interval ----------------------------------------------------------------


def by_precision(z: np.ndarray, panel: Composite) -> tuple[float, float]:
    """Full score given what was measured, from the precision matrix instead of the covariance.

    With P = inverse of C, the features h that were not measured have, given the others m, the
    covariance inverse(P_hh) and the mean -inverse(P_hh) P_hm z_m.
    """
    h, m = np.isnan(z), ~np.isnan(z)
    precision = np.linalg.inv(panel.covariance)
    within = np.linalg.inv(precision[np.ix_(h, h)])
    x = z - panel.mean
    filled = -within @ precision[np.ix_(h, m)] @ x[m]
    a, total = panel.weights, math.sqrt(panel.weights @ panel.covariance @ panel.weights)
    return (a[m] @ x[m] + a[h] @ filled) / total, math.sqrt(a[h] @ within @ a[h]) / total


@pytest.mark.parametrize("missing", [[1], [0, 2], [0, 1, 3], [2, 3, 4]])
def test_expected_score_is_the_gaussian_conditional(missing):
    panel = replace(random_panel(5, seed=2), n_reference=ENDLESS)
    z = np.random.default_rng(5).normal(size=5)
    z[missing] = np.nan
    found = score(z, panel, min_coverage=0)
    mean, sd = by_precision(z, panel)
    # A floor of 1e-6 under the measured variances bounds the agreement.
    assert found.expected[0] == pytest.approx(mean, abs=1e-5)
    assert found.sd[0] == pytest.approx(sd, abs=1e-5)


def test_expected_score_is_what_samples_of_the_reference_have_on_average():
    rng = np.random.default_rng(0)
    draws = rng.multivariate_normal(THREE.mean, THREE.covariance, 200_000)
    full = score(draws, THREE).score
    design = np.column_stack([np.ones(len(draws)), draws[:, [0, 2]]])
    coefficients, residuals, *_ = np.linalg.lstsq(design, full, rcond=None)
    found = score([0.7, np.nan, -1.2], THREE)
    assert found.expected[0] == pytest.approx(coefficients @ [1, 0.7, -1.2], abs=0.01)
    assert found.sd[0] == pytest.approx(math.sqrt(residuals[0] / len(draws)), abs=0.005)


def test_without_missing_features_only_the_references_sampling_error_is_left():
    panel = composite([1.0], [[1.0]], n=50)
    found = score([2.0], panel)
    assert found.sd[0] == pytest.approx(math.sqrt(quantile_variance(2.0, 50)), rel=1e-12)


@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_sampling_error_is_that_of_normal_scores_over_repeated_references(truth):
    rng = np.random.default_rng(0)
    n = 400
    references = rng.normal(size=(400, n))
    read_off = [
        QuantileMap.from_grid(fit_grid(r), float(r.std()), n).normal_score(np.array([truth]))[0]
        for r in references
    ]
    found = score([truth], composite([1.0], [[1.0]], n=n))
    assert found.sd[0] == pytest.approx(np.std(read_off), rel=0.12)


def test_what_a_shallow_library_hides_widens_the_interval_and_leaves_the_flag():
    visible = np.array([[True, False, True]])
    z = np.array([[1.5, 0.0, 1.5]])
    hidden = score_samples(z, visible, THREE, min_coverage=0)
    panel = replace(THREE, knowable=np.array([True, False, True]))
    never_seen = score_samples(z, visible, panel, min_coverage=0)
    missing = score(np.where(visible, z, np.nan), THREE, min_coverage=0)
    assert hidden.flag == never_seen.flag
    assert hidden.score == never_seen.score
    assert (hidden.expected, hidden.sd) == (missing.expected, missing.sd)
    # Of what not even the reference shows, nothing is to be known: only its sampling is left.
    assert never_seen.sd[0] < 1e-4 < hidden.sd[0]


def test_interval_holds_eight_tenths():
    found = score([1.1, np.nan, -1.0], replace(THREE, n_reference=100))
    low, high = found.interval
    curve = NormalDist(found.expected[0], found.sd[0])
    assert curve.cdf(high[0]) - curve.cdf(low[0]) == pytest.approx(0.8, rel=1e-9)
    assert (low[0] + high[0]) / 2 == pytest.approx(found.expected[0])


# -- coverage -----------------------------------------------------------------------------------


def test_coverage_is_the_share_of_the_weight_that_was_measured():
    panel = composite([1, 1, -1, 1], np.eye(4), shares=[0.1, 0.2, 0.3, 0.3])
    z = [[1, 1, 1, 1], [np.nan, 1, np.nan, 1], [np.nan] * 4]
    np.testing.assert_allclose(score(z, panel).coverage, [0.9, 0.5, 0.0])


def test_exactly_half_of_the_weight_is_enough():
    # 17 of 34 shares add up to 0.49999999999999994.
    panel = composite([1] * 34, np.eye(34))
    z = np.ones((2, 34))
    z[0, 17:] = np.nan
    z[1, 16:] = np.nan
    found = score(z, panel)
    np.testing.assert_array_equal(np.isnan(found.score), [False, True])
    assert FLAGS[found.flag[1]] == "not_scored"
    assert np.isnan(found.expected[1])
    assert np.isnan(found.sd[1])


def test_sample_without_any_value_is_not_scored_even_without_a_limit():
    found = score([np.nan] * 3, THREE, min_coverage=0)
    assert FLAGS[found.flag[0]] == "not_scored"
    assert np.isnan(found.score[0])


def test_features_too_shallow_to_see_leave_the_panel_but_not_the_coverage():
    visible = np.array([True, False, True])
    found = score([1.1, 5.0, -1.0], replace(THREE, knowable=visible), visible=visible)
    rest = composite([1, 0.5], [[1.0, 0.2], [0.2, 1.0]], mean=[0.1, 0.0])
    expected = score([1.1, -1.0], rest)
    assert found.score[0] == pytest.approx(expected.score[0], rel=1e-12)
    assert found.expected[0] == pytest.approx(expected.expected[0], rel=1e-12)
    assert found.sd[0] == pytest.approx(expected.sd[0], rel=1e-12)
    assert found.coverage[0] == pytest.approx(2 / 3)


def test_missing_features_widen_the_interval_and_never_visible_ones_do_not():
    z, visible = [1.1, np.nan, -1.0], np.array([True, False, True])
    shallow = score(z, replace(THREE, knowable=visible), visible=visible)
    missing = score(z, THREE)
    assert shallow.sd[0] == pytest.approx(0.0, abs=1e-5)
    # Var(z2 | z1, z3) = 1 - [.5 .4] inverse([[1 .2] [.2 1]]) [.5 .4]' = 1 - 0.33 / 0.96
    assert missing.sd[0] == pytest.approx(math.sqrt((1 - 0.33 / 0.96) / 1.05), abs=1e-5)


# -- flags --------------------------------------------------------------------------------------

HIGH = NORMAL.inv_cdf(0.9)


@pytest.mark.parametrize("n", [25, 100, 1000])
@pytest.mark.parametrize("side", [1, -1])
def test_flag_needs_eight_tenths_of_certainty(n, side):
    panel = composite([1.0], [[1.0]], n=n)

    def certainty(s: float) -> float:
        """Probability that the full score is beyond the cutoff."""
        return NORMAL.cdf((s - HIGH) / math.sqrt(quantile_variance(s, n)))

    grid = np.linspace(0.3, 3.0, 541)
    expected = [
        "average" if p < 0.2 else ("high" if side > 0 else "low") if p >= 0.8 else "indeterminate"
        for p in map(certainty, grid)
    ]
    found = score(side * grid[:, None], panel)
    assert [FLAGS[i] for i in found.flag] == expected
    assert set(expected) == {"average", "indeterminate", "high" if side > 0 else "low"}


def test_sample_far_from_both_cutoffs_but_hardly_measured_is_indeterminate():
    # Of three unrelated features one was measured: SD of the full score sqrt(2/3) = 0.816, and
    # P(>= 1.28) = 0.058 from 0; from 0.6 = 1.04 / sqrt(3) it is 0.2016.
    panel = composite([1, 1, 1], np.eye(3))
    found = score([[0.0, np.nan, np.nan], [1.04, np.nan, np.nan]], panel, min_coverage=0.3)
    assert [FLAGS[i] for i in found.flag] == ["average", "indeterminate"]


# -- fragile members ----------------------------------------------------------------------------


def test_fragile_members_are_those_without_whom_the_rest_of_the_panel_says_something_else():
    members = np.array([0, 0, 1, 2, 3, 3])
    panel = random_panel(6, seed=4, members=members)
    z, visible = random_samples(400, 6, seed=2)
    flag = score(z, panel, visible=visible, min_coverage=0).flag
    fragile, present = fragile_members(z, visible, panel, flag)
    measured = visible & ~np.isnan(z)
    for member in range(4):
        kept = members != member
        rest = Composite(
            weights=panel.weights[kept],
            shares=panel.shares[kept],
            members=members[kept],
            mean=panel.mean[kept],
            covariance=panel.covariance[np.ix_(kept, kept)],
            n_reference=panel.n_reference,
            cutoffs=CUTOFFS,
            knowable=panel.knowable[kept],
        )
        again = score(z[:, kept], rest, visible=visible[:, kept], min_coverage=0).flag
        has_it = measured[:, ~kept].any(axis=1)
        np.testing.assert_array_equal(present[:, member], has_it)
        np.testing.assert_array_equal(fragile[:, member], has_it & (again != flag))
    assert 0.1 < fragile.mean() < 0.6


def test_the_only_member_measured_is_always_fragile():
    panel = composite([1, 1], np.eye(2))
    z = np.array([[0.0, np.nan], [0.0, 0.0]])
    visible = np.ones((2, 2), dtype=bool)
    flag = score(z, panel).flag
    fragile, present = fragile_members(z, visible, panel, flag)
    np.testing.assert_array_equal(present, [[True, False], [True, True]])
    np.testing.assert_array_equal(fragile, [[True, False], [False, False]])


def test_single_marker_is_always_fragile():
    panel = composite([1.0], [[1.0]])
    z = np.array([[0.0], [3.0]])
    visible = np.ones((2, 1), dtype=bool)
    fragile, _ = fragile_members(z, visible, panel, score(z, panel).flag)
    assert fragile.all()


def test_sample_that_is_not_scored_has_no_fragile_member():
    z = np.array([[2.0, 2.0, 2.0]])
    visible = np.ones((1, 3), dtype=bool)
    flag = np.array([FLAGS.index("not_scored")])
    fragile, present = fragile_members(z, visible, THREE, flag)
    assert present.all()
    assert not fragile.any()


# -- company ------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [1, 2, 7, 40, 130])
def test_sample_has_the_same_bits_alone_in_a_batch_and_in_any_order(features):
    panel = random_panel(features, seed=features)
    z, visible = random_samples(150, features, seed=features)
    batch = score(z, panel, visible=visible, min_coverage=0.2)
    order = np.random.default_rng(9).permutation(150)
    # In memory column by column, as a transposed table leaves it.
    shuffled = score(
        np.asfortranarray(z[order]),
        panel,
        visible=np.asfortranarray(visible[order]),
        min_coverage=0.2,
    )
    for name in ("score", "expected", "sd", "coverage", "flag", "contributions"):
        mine = getattr(batch, name)
        np.testing.assert_array_equal(getattr(shuffled, name), mine[order])
        for i in range(0, 150, 10):
            alone = score(z[i], panel, visible=visible[i], min_coverage=0.2)
            np.testing.assert_array_equal(getattr(alone, name)[0], mine[i])
