"""AUC over several folds, by hand, by DeLong and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from mirrisk.validation.fold_auc import Placements, fold_auc, placements

NO_GROUPS = np.arange(400)


def test_pairs_of_one_fold_are_compared() -> None:
    y = np.array([1, 0, 0, 1, 0])
    risk = np.array([0.5, 0.4, 0.6, 0.1, 0.1])
    folds = np.array([0, 0, 0, 1, 1])
    found = placements(y, risk, folds)
    # Fold 0: one of two pairs in order. Fold 1: a tie. Across folds nothing is compared.
    assert found.wins.tolist() == [1, 1, 0, 0.5, 0.5]
    assert found.pairs.tolist() == [2, 1, 1, 1, 1]
    assert found.auc(y == 1) == 1.5 / 3


def test_missing_risks_are_left_out() -> None:
    y = np.array([1, 1, 0, 0])
    found = placements(y, np.array([0.9, np.nan, 0.1, np.nan]), np.zeros(4, dtype=int))
    assert found.pairs.tolist() == [1, 0, 1, 0]
    assert found.auc(y == 1) == 1


def test_share_of_events_as_only_predictor_has_half() -> None:
    # 7 events cannot be dealt evenly: a model's risk is the share of events outside of its fold.
    y = np.repeat([1, 0], [7, 20])
    folds = np.concatenate([np.arange(7) % 5, np.arange(20) % 5])
    risk = np.array([y[folds != fold].mean() for fold in folds])
    assert placements(y, risk, folds).auc(y == 1) == 0.5
    pooled = placements(y, risk, np.zeros(27, dtype=int)).auc(y == 1)
    assert pooled < 0.5  # what is avoided


def test_one_fold_has_the_interval_of_the_plain_auc() -> None:
    from mirrisk.validation.discrimination import auc_interval

    rng = np.random.default_rng(1)
    y = np.repeat([1, 0], [20, 40])
    risk = np.round(rng.normal(size=60) + y, 1)
    ours = fold_auc(y, [placements(y, risk, np.zeros(60, dtype=int))], NO_GROUPS[:60], 0.95)
    plain = auc_interval(y, risk)
    assert (ours.estimate, ours.low, ours.high) == pytest.approx(
        (plain.estimate, plain.low, plain.high), abs=1e-12
    )


def test_repeating_a_repeat_makes_nothing_surer() -> None:
    rng = np.random.default_rng(1)
    y = np.repeat([1, 0], [20, 40])
    one = placements(y, rng.normal(size=60) + y, np.arange(60) % 5)
    once, ten_times = (fold_auc(y, [one] * k, NO_GROUPS[:60], 0.95) for k in (1, 10))
    assert once == ten_times


def test_other_patients_to_learn_from_and_the_luck_of_the_split_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    y = np.repeat([1, 0], [80, 160])
    folds = np.zeros(240, dtype=int)
    first, second = (placements(y, rng.normal(size=240) + y, folds) for _ in range(2))

    def standard_error(compared: list[Placements], training: float) -> float:
        found = fold_auc(y, compared, NO_GROUPS[:240], 0.01, training)
        return (found.high - found.low) / 2 / 0.0125334695  # normal quantile of 1%

    given = standard_error([first], 0)
    assert standard_error([first], 0.25) / given == pytest.approx(1.25**0.5, rel=1e-3)
    aucs = [one.auc(y == 1) for one in (first, second)]
    both = first + second
    shares = both.wins / both.pairs
    sampling = shares[y == 1].var(ddof=1) / 80 + shares[y == 0].var(ddof=1) / 160
    expected = (1.25 * sampling + np.var(aucs, ddof=1)) ** 0.5
    assert standard_error([first, second], 0.25) == pytest.approx(expected, rel=0.01)


def test_copies_of_patients_make_nothing_surer() -> None:
    rng = np.random.default_rng(1)
    y = np.repeat([1, 0], [20, 40])
    risk = rng.normal(size=60) + y
    alone = fold_auc(y, [placements(y, risk, np.zeros(60, dtype=int))], NO_GROUPS[:60], 0.95)
    twice, thrice = np.tile(y, 3), np.tile(risk, 3)
    patients = np.tile(np.arange(60), 3)
    folds = np.zeros(180, dtype=int)
    copied = fold_auc(twice, [placements(twice, thrice, folds)], patients, 0.95)
    assert (copied.estimate, copied.low, copied.high) == pytest.approx(
        (alone.estimate, alone.low, alone.high), abs=1e-12
    )


def test_one_event_leaves_a_wide_interval() -> None:
    y = np.repeat([1, 0], [1, 20])
    found = fold_auc(y, [placements(y, y + 0.0, np.zeros(21, dtype=int))], NO_GROUPS[:21], 0.95)
    assert found.estimate == found.high == 1
    assert found.low < 0.5


def test_without_a_pair_nothing_is_known() -> None:
    y = np.array([1, 1, 0, 0])
    folds = np.array([0, 0, 1, 1])
    found = fold_auc(y, [placements(y, np.arange(4.0), folds)], NO_GROUPS[:4], 0.95)
    assert math.isnan(found.estimate)
    assert math.isnan(found.low)


# -- coverage ---------------------------------------------------------------------------------


def cohort(
    rng: np.random.Generator, n: int, events: int, features: int, effect: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw normal features, of which two are higher where there is an event."""
    y = (np.arange(n) < events).astype(int)
    X = rng.normal(size=(n, features))
    X[:, :2] += effect * y[:, np.newaxis]
    return X, y


def ridge(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    centred = X - X.mean(axis=0)
    return np.linalg.solve(centred.T @ centred + 5 * np.eye(X.shape[1]), centred.T @ (y - y.mean()))


def true_auc(weights: np.ndarray, effect: float) -> float:
    """Return the AUC of a linear score among normal features of variance 1."""
    shift = effect * weights[:2].sum() / np.sqrt(weights @ weights)
    return float(ndtr(shift / np.sqrt(2)))


def cross_validated(
    rng: np.random.Generator, X: np.ndarray, y: np.ndarray, repeats: int = 10
) -> list[Placements]:
    compared = []
    for _ in range(repeats):
        folds = np.empty(len(y), dtype=int)
        for kind in (0, 1):
            rows = rng.permutation(np.flatnonzero(y == kind))
            folds[rows] = np.arange(len(rows)) % 5
        risk = np.empty(len(y))
        for fold in range(5):
            test = folds == fold
            risk[test] = X[test] @ ridge(X[~test], y[~test])
        compared.append(placements(y, risk, folds))
    return compared


@pytest.mark.parametrize("setting", [(40, 12, 10, 0.8), (100, 30, 10, 0.0), (200, 60, 10, 0.4)])
def test_interval_covers_the_auc_that_models_of_such_cohorts_have(
    setting: tuple[int, int, int, float],
) -> None:
    n, events, features, effect = setting
    rng = np.random.default_rng(1)
    size = (4 * n // 5, 4 * events // 5)
    learned = [ridge(*cohort(rng, *size, features, effect)) for _ in range(500)]
    expected = np.mean([true_auc(weights, effect) for weights in learned])
    covered = 0
    for _ in range(200):
        X, y = cohort(rng, n, events, features, effect)
        found = fold_auc(y, cross_validated(rng, X, y), np.arange(n), 0.95, training=1 / 4)
        covered += found.low <= expected <= found.high
    # 200 cohorts: a standard error of 1.5%.
    assert 0.90 <= covered / 200 <= 0.985
