"""AUC over several folds, by hand, by DeLong and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

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
