"""The parts of a fit, each against a calculation of another kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.covariance import ledoit_wolf

from mirrisk.errors import MismatchError
from mirrisk.fitting.audit import variance_shares
from mirrisk.fitting.calibration import calibrate, choose_cutoffs
from mirrisk.fitting.directions import Design
from mirrisk.fitting.elastic_net import fit_path
from mirrisk.fitting.folds import make_folds
from mirrisk.fitting.joint import JointNormal, shrinkage
from mirrisk.fitting.tuning import Grid, fit_at, tune

RNG = np.random.default_rng(5)
LOADINGS = RNG.normal(size=(4, 12))
VALUES = RNG.normal(size=(80, 4)) @ LOADINGS + RNG.normal(size=(80, 12)) + 3.0
OUTCOME = (RNG.random(80) < expit(VALUES[:, 0] - 3)).astype(float)

# -- calibration --------------------------------------------------------------------------------


def platt_of_sklearn(eta: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> tuple:
    from sklearn.calibration import _SigmoidCalibration

    found = _SigmoidCalibration().fit(eta, y, sample_weight=weights)
    return -found.b_, -found.a_  # scikit-learn has expit(-(a eta + b))


@pytest.mark.parametrize("seed", range(4))
def test_calibration_is_platts(seed):
    rng = np.random.default_rng(seed)
    eta = rng.normal(size=120) * 0.3
    y = (rng.random(120) < expit(-1 + 3 * eta)).astype(float)
    np.testing.assert_allclose(calibrate(eta, y), platt_of_sklearn(eta, y), rtol=1e-3, atol=1e-4)


def test_weights_count_repetitions_of_a_sample_once():
    rng = np.random.default_rng(9)
    eta = rng.normal(size=60)
    y = (rng.random(60) < expit(eta)).astype(float)
    once = calibrate(eta, y)
    thrice = calibrate(np.tile(eta, 3), np.tile(y, 3), np.full(180, 1 / 3))
    np.testing.assert_allclose(thrice, once, atol=1e-9)


def test_separated_predictors_get_a_finite_slope_equal_to_platts():
    eta, y = np.linspace(-1, 1, 40), (np.arange(40) >= 20).astype(float)
    found = calibrate(eta, y)
    assert 0 < found.slope < np.inf
    np.testing.assert_allclose(found, platt_of_sklearn(eta, y), rtol=1e-2, atol=1e-3)


def test_predictors_that_fall_with_the_outcome_get_the_slope_0():
    eta, y = np.linspace(-1, 1, 40), (np.arange(40) < 10).astype(float)
    found = calibrate(eta, y)
    assert found.slope == 0.0
    # Platt's targets of 10 and 30: (10 * 11/12 + 30 * 1/32) / 40.
    assert expit(found.intercept) == pytest.approx((10 * 11 / 12 + 30 / 32) / 40)


def test_constant_predictors_get_the_slope_0():
    assert calibrate(np.zeros(20), np.arange(20) % 2.0).slope == 0.0


# -- cutoffs ------------------------------------------------------------------------------------


def test_cutoffs_by_hand():
    #      others: 0 1 2 3 4 5 6 7 8 20      events: 10 11 12 13 5.5
    eta = np.array([*range(9), 20, 10, 11, 12, 13, 5.5], dtype=float)
    y = np.array([0] * 10 + [1] * 5, dtype=float)
    found = choose_cutoffs(eta, y, sensitivity=0.9, specificity=0.8)
    # 8 of 10 others lie below 8: the least such value is 8. All events lie above 5.
    assert (found.high, found.low) == (8.0, 5.0)
    assert (found.specificity.count, found.specificity.of) == (8, 10)
    assert (found.sensitivity.count, found.sensitivity.of) == (5, 5)
    # Clopper and Pearson: 8 of 10, 0.444 to 0.975; 5 of 5, 0.025 ** (1/5) to 1.
    assert found.specificity.low == pytest.approx(0.4439, abs=1e-4)
    assert found.specificity.high == pytest.approx(0.9748, abs=1e-4)
    assert found.sensitivity.low == pytest.approx(0.025 ** (1 / 5))
    assert not found.merged


def test_cutoffs_that_cross_become_their_midpoint():
    eta = np.array([0.0, 1.0, 2.0, 8.0, 9.0, 10.0])
    y = np.array([0, 0, 0, 1, 1, 1], dtype=float)
    # high: least value above all others, 8; low: greatest below all events, 2: no crossing.
    found = choose_cutoffs(eta, y)
    assert (found.low, found.high, found.merged) == (2.0, 8.0, False)
    found = choose_cutoffs(eta, y, sensitivity=0.3, specificity=0.3)
    # 1/3 of the events lie above 9, 1/3 of the others below 1.
    assert (found.low, found.high, found.merged) == (5.0, 5.0, True)


def test_cutoff_beyond_all_values_where_the_target_demands_it():
    eta, y = np.array([3.0, 2.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    found = choose_cutoffs(eta, y)
    assert found.high > 3.0
    assert found.low < 0.0
    assert found.specificity.estimate == found.sensitivity.estimate == 1.0


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
@settings(max_examples=60, deadline=None)
def test_cutoffs_reach_their_targets_and_no_lesser_value_does(seed, target):
    rng = np.random.default_rng(seed)
    y = np.array([0.0, 1.0, *(rng.random(18) < 0.4)])
    eta = np.round(rng.normal(size=20), 1)
    found = choose_cutoffs(eta, y, sensitivity=target, specificity=target)
    if found.merged:
        return
    assert found.specificity.estimate >= target - 1e-12
    assert found.sensitivity.estimate >= target - 1e-12
    for value in eta[eta < found.high]:
        assert (eta[y == 0] < value).mean() < target
    for value in eta[eta > found.low]:
        assert (eta[y == 1] > value).mean() < target


# -- gaps ---------------------------------------------------------------------------------------


def test_shrinkage_is_that_of_ledoit_and_wolf():
    for n, p in ((80, 12), (20, 60), (200, 3)):
        x = np.random.default_rng(n).normal(size=(n, p)) @ np.diag(np.linspace(0.5, 2, p))
        x -= x.mean(axis=0)
        expected, intensity = ledoit_wolf(x, assume_centered=True)
        assert shrinkage(x) == pytest.approx(intensity, rel=1e-9)
        np.testing.assert_allclose(JointNormal.learn(x).covariance, expected, atol=1e-12)


def test_gaps_are_filled_with_the_conditional_mean_of_a_direct_solution():
    gaps = np.random.default_rng(2).random(VALUES.shape) < 0.25
    gaps[:, 0] = False
    observed = np.where(gaps, np.nan, VALUES)
    joint = JointNormal.learn(observed)
    filled = joint.fill(observed)
    np.testing.assert_array_equal(filled[~gaps], VALUES[~gaps])
    m, C = joint.mean, joint.covariance
    for row in range(len(VALUES)):
        o, h = ~gaps[row], gaps[row]
        expected = m[h] + C[np.ix_(h, o)] @ np.linalg.solve(C[np.ix_(o, o)], VALUES[row, o] - m[o])
        np.testing.assert_allclose(filled[row, h], expected, atol=1e-9)


def test_sample_without_any_value_gets_the_mean():
    observed = VALUES.copy()
    observed[3] = np.nan
    joint = JointNormal.learn(observed)
    np.testing.assert_allclose(joint.fill(observed)[3], joint.mean, atol=1e-12)


def test_covariance_with_many_gaps_is_positive_definite_and_near_the_complete_one():
    gaps = np.random.default_rng(3).random((400, 40)) < 0.4
    complete = np.random.default_rng(4).normal(size=(400, 5)) @ RNG.normal(size=(5, 40))
    joint = JointNormal.learn(np.where(gaps, np.nan, complete))
    assert np.linalg.eigvalsh(joint.covariance).min() > 0
    correlation = np.corrcoef(joint.covariance.ravel(), np.cov(complete.T).ravel())[0, 1]
    assert correlation > 0.95


# -- directions ---------------------------------------------------------------------------------

SIGNS = np.array([1, -1, 0], dtype=np.intp)


def test_constraints_are_limits_of_the_literatures_sign():
    design = Design.of(SIGNS, "constrain", covariates=1)
    assert design.lower.tolist() == [0, -np.inf, -np.inf, -np.inf]
    assert design.upper.tolist() == [np.inf, 0, np.inf, np.inf]
    assert design.factors.tolist() == [1, 1, 1, 0]


def test_preferred_candidates_are_entered_twice_and_summed():
    design = Design.of(SIGNS, "prefer", covariates=1)
    assert design.features.tolist() == [0, 1, 2, 0, 1, 3]
    assert design.factors.tolist() == [0.5, 0.5, 1, 1, 1, 0]
    assert design.lower.tolist() == [0, -np.inf, -np.inf, -np.inf, 0, -np.inf]
    assert design.upper.tolist() == [np.inf, 0, np.inf, 0, np.inf, np.inf]
    merged = design.merged(np.array([[1.0, 0, 2, 0, 3, 4], [0.0, -1, 0, -2, 0, 5]]))
    assert merged.tolist() == [[1, 3, 2, 4], [-2, -1, 0, 5]]


def test_ignored_directions_limit_nothing():
    design = Design.of(SIGNS, "ignore")
    assert np.isinf(design.lower).all()
    assert np.isinf(design.upper).all()
    assert design.factors.tolist() == [1, 1, 1]


def test_penalty_means_the_same_with_and_without_covariates():
    """The solver rescales penalty factors; ours are per unit factor whatever else there is."""
    x = VALUES - VALUES.mean(axis=0)
    free = Design.of(np.zeros(12, dtype=np.intp), "ignore")
    plain = fit_at(x, OUTCOME, free, 0.5, 0.1)
    path = fit_path(x, OUTCOME, alpha=0.5, lambdas=[0.1], standardize=False)
    np.testing.assert_allclose(plain.coefficients, path.coefficients[0], atol=1e-6)
    # A covariate that is all but constant has no say, and must not change the penalty.
    beside = np.column_stack([x, 1e-3 * np.where(np.arange(80) % 2, 1.0, -1.0)])
    design = Design.of(np.zeros(12, dtype=np.intp), "ignore", covariates=1)
    found = fit_at(beside, OUTCOME, design, 0.5, 0.1)
    residual = OUTCOME - expit(found.intercept + beside @ found.coefficients)
    slopes = residual @ x / len(x) - 0.5 * 0.1 * found.coefficients[:12]
    active = found.coefficients[:12] != 0
    np.testing.assert_allclose(np.abs(slopes[active]), 0.5 * 0.1, atol=1e-5)
    assert (np.abs(slopes[~active]) <= 0.5 * 0.1 + 1e-5).all()


# -- tuning -------------------------------------------------------------------------------------


def test_deviance_and_predictors_are_those_of_each_fold_alone():
    design = Design.of(np.zeros(12, dtype=np.intp), "ignore")
    grid = Grid.of(VALUES, OUTCOME, design, (1.0,), n_penalties=6, min_ratio=0.1)
    folds = make_folds(OUTCOME, None, folds=4, repeats=2, seed=3)
    centre = VALUES.mean(axis=0)
    tuned = tune(VALUES, centre, OUTCOME, design, grid, folds)
    penalties = tuned.grid.penalties[0]
    deviances = np.zeros((8, len(penalties)))
    for i, (train, held) in enumerate(fold for repeat in folds for fold in repeat):
        path = fit_path(
            VALUES[train], OUTCOME[train], alpha=1.0, lambdas=penalties, standardize=False
        )
        for k in range(len(penalties)):
            p = expit(path.intercepts[k] + VALUES[held] @ path.coefficients[k])
            likelihood = np.where(OUTCOME[held] == 1, p, 1 - p)
            deviances[i, k] = -2 * np.log(likelihood).mean()
        eta = (VALUES[held] - centre) @ path.coefficients[tuned.at[1]]
        np.testing.assert_allclose(tuned.etas[i // 4, held], eta, atol=0.02)
    np.testing.assert_allclose(tuned.deviance[0], deviances.mean(axis=0), atol=2e-3)
    error = [part.std(axis=0, ddof=1) / 2 for part in (deviances[:4], deviances[4:])]
    np.testing.assert_allclose(tuned.error[0], np.mean(error, axis=0), atol=2e-3)
    assert tuned.at == (0, int(np.argmin(deviances.mean(axis=0))))
    # The best of the six asked for was the last: the path was followed on, to see it was no worse.
    assert len(penalties) == 16
    assert tuned.at[1] == 5
    assert not tuned.at_weakest
    np.testing.assert_allclose(penalties[1:] / penalties[:-1], 0.1 ** (1 / 5))


def test_path_of_ridge_reaches_the_best_penalty():
    """Of 12 features that all count a little; its strongest penalty is far from the best."""
    design = Design.of(np.zeros(12, dtype=np.intp), "ignore")
    grid = Grid.of(VALUES, OUTCOME, design, (0.0,), n_penalties=20, min_ratio=0.05)
    folds = make_folds(OUTCOME, None, folds=5, repeats=1, seed=3)
    tuned = tune(VALUES, VALUES.mean(axis=0), OUTCOME, design, grid, folds)
    assert tuned.penalty < grid.penalties[0, -1] / 5
    assert not tuned.at_weakest
    wide = Grid.of(VALUES[:10], OUTCOME[:10], design, (0.0, 1.0), n_penalties=20, min_ratio=0.05)
    assert [wide.whole(m)[-1] / wide.penalties[m, 0] for m in (0, 1)] == pytest.approx(
        [1e-4, 0.01], rel=0.2
    )


def test_best_penalty_at_the_floor_is_told():
    """An outcome that one feature separates is fitted the better the weaker the penalty."""
    values = np.column_stack([OUTCOME * 2 + RNG.normal(size=80) * 0.01, VALUES[:, 1:]])
    design = Design.of(np.zeros(12, dtype=np.intp), "ignore")
    grid = Grid.of(values, OUTCOME, design, (1.0,), n_penalties=6, min_ratio=0.1)
    folds = make_folds(OUTCOME, None, folds=4, repeats=1, seed=3)
    tuned = tune(values, values.mean(axis=0), OUTCOME, design, grid, folds)
    assert tuned.at_weakest
    assert tuned.penalty == pytest.approx(1e-4 * grid.penalties[0, 0], rel=0.6)


def test_weak_half_of_a_path_is_left_out_only_where_the_deviance_has_turned():
    design = Design.of(np.zeros(12, dtype=np.intp), "ignore")
    folds = make_folds(OUTCOME, None, folds=5, repeats=1, seed=3)
    signal = Grid.of(VALUES, OUTCOME, design, (1.0,), n_penalties=20, min_ratio=0.3)
    followed = tune(VALUES, VALUES.mean(axis=0), OUTCOME, design, signal, folds).deviance[0]
    assert np.isfinite(followed).all()
    assert np.argmin(followed) >= 10
    noise = np.random.default_rng(0).permutation(OUTCOME)
    grid = Grid.of(VALUES, noise, design, (1.0,), n_penalties=20, min_ratio=1e-4)
    turned = tune(VALUES, VALUES.mean(axis=0), noise, design, grid, folds)
    assert np.isfinite(turned.deviance[0, :10]).all()
    assert np.isnan(turned.deviance[0, 10:]).all()
    assert turned.at[1] < 10


def test_folds_are_fewer_where_events_are_few():
    y = (np.arange(50) < 3).astype(float)
    (repeat,) = make_folds(y, None, folds=5, repeats=1, seed=0)
    assert len(repeat) == 3
    assert [int(y[held].sum()) for _, held in repeat] == [1, 1, 1]


def test_repeats_divide_anew_and_a_seed_repeats_them():
    first, second = make_folds(OUTCOME, None, folds=5, repeats=2, seed=1)
    again, _ = make_folds(OUTCOME, None, folds=5, repeats=2, seed=1)
    assert first[0][1].tolist() == again[0][1].tolist()
    assert first[0][1].tolist() != second[0][1].tolist()


def test_no_fold_that_can_be_fitted_is_one_clear_error():
    design = Design.of(np.zeros(12, dtype=np.intp), "ignore")
    grid = Grid.held(1.0, 0.1)
    y = (np.arange(80) < 40).astype(float)
    one_sided = [[(np.arange(40), np.arange(40, 80)), (np.arange(40, 80), np.arange(40))]]
    with pytest.raises(MismatchError, match="none of 2 folds could be fitted"):
        tune(VALUES, VALUES.mean(axis=0), y, design, grid, one_sided)


# -- audit --------------------------------------------------------------------------------------


def test_variance_shares_by_hand():
    # Var = 1 + 4 + 2 * 0.5 * 1 * (-2) = 3; b1 cov1 = 1 * (1 - 1) = 0, b2 cov2 = -2 (0.5 - 2) = 3.
    shares = variance_shares(np.array([1.0, -2.0]), np.array([[1.0, 0.5], [0.5, 1.0]]))
    np.testing.assert_allclose(shares, [0.0, 1.0])
    shares = variance_shares(np.array([1.0, -0.5]), np.array([[1.0, 0.8], [0.8, 1.0]]))
    # b1 (1 - 0.4) = 0.6, b2 (0.8 - 0.5) = -0.15; together 0.45.
    np.testing.assert_allclose(shares, [0.6 / 0.45, -0.15 / 0.45])
