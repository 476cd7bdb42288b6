"""Stability selection: the splits by hand, the bounds by stabs and by the distributions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mirrisk.errors import MirriskError
from mirrisk.fitting.elastic_net import fit_path
from mirrisk.fitting.stability import (
    Assumption,
    _r_concave_tail,
    expected_false_selections,
    stability_selection,
    threshold_for,
)

if TYPE_CHECKING:
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

# stabs (R 4.2.2): stabsel_parameters, sampling.type = "SS", B = 50; p, q, PFER asked for, cutoff
# found, PFER achieved. stabs prints three decimals.
STABS: list[tuple[Assumption, int, int, float, float, float]] = [
    ("none", 1000, 30, 1, 0.95, 1),
    ("none", 800, 20, 1, 0.75, 1),
    ("none", 200, 10, 0.5, 1, 0.5),
    ("none", 50, 5, 0.5, 1, 0.5),
    ("unimodal", 1000, 30, 1, 0.74, 0.957),
    ("unimodal", 800, 20, 1, 0.64, 0.926),
    ("unimodal", 200, 10, 0.5, 0.76, 0.49),
    ("unimodal", 50, 5, 0.5, 0.76, 0.49),
    ("r-concave", 1000, 30, 1, 0.58, 0.978),
    ("r-concave", 800, 20, 1, 0.48, 0.939),
    ("r-concave", 200, 10, 0.5, 0.61, 0.46),
    ("r-concave", 50, 5, 0.5, 0.62, 0.449),
]
AT_THREE_QUARTERS: list[tuple[Assumption, float]] = [
    ("none", 1),
    ("unimodal", 0.51),
    ("r-concave", 0.122),
]
EVERY: tuple[Assumption, ...] = ("none", "unimodal", "r-concave")
ROUNDED = 0.0005

every_assumption = pytest.mark.parametrize("assumption", EVERY)


def in_half(rows: IntArray, n: int) -> BoolArray:
    """Select the samples themselves, as if they were features."""
    return np.isin(np.arange(n), rows)


def strongest(rows: IntArray, X: FloatArray, y: FloatArray, q: int) -> BoolArray:
    """Select the q columns that covary most with y."""
    part, outcome = X[rows], y[rows]
    strength = np.abs((outcome - outcome.mean()) @ (part - part.mean(axis=0)))
    return np.argsort(np.argsort(-strength)) < q


# -- selection --------------------------------------------------------------------------------


def test_halves_of_a_pair_share_no_sample_and_leave_none_out() -> None:
    # Every sample is in one half of each pair, and never in both.
    found = stability_selection(partial(in_half, n=20), 20, pairs=7, seed=1)
    np.testing.assert_array_equal(found.frequencies, np.full(20, 0.5))
    assert not found.simultaneous.any()
    assert found.selected == 10
    assert found.pairs == 7


def test_an_odd_sample_is_left_out_of_both_halves() -> None:
    found = stability_selection(partial(in_half, n=21), 21, pairs=40, seed=1)
    assert found.selected == 10
    assert found.frequencies.sum() == pytest.approx(10)
    assert len(np.unique(found.frequencies)) > 1  # not the same one each time


def test_frequencies_and_simultaneous_selections_by_hand() -> None:
    # Always; never; in the half that holds sample 0; in either half of every other pair.
    calls: list[int] = []

    def select(rows: IntArray) -> BoolArray:
        calls.append(len(rows))
        pair = (len(calls) - 1) // 2
        return np.array([True, False, 0 in rows, pair % 2 == 0])

    found = stability_selection(select, 10, pairs=4, seed=3)
    np.testing.assert_array_equal(found.frequencies, [1, 0, 0.5, 0.5])
    np.testing.assert_array_equal(found.simultaneous, [1, 0, 0, 0.5])
    assert found.selected == 2
    assert calls == [5] * 8


def test_strata_are_halved() -> None:
    strata = np.array(["event"] * 6 + ["none"] * 15)
    seen: list[IntArray] = []

    def select(rows: IntArray) -> BoolArray:
        seen.append(rows)
        return np.array([True])

    stability_selection(select, 21, pairs=5, seed=2, strata=strata)
    for rows in seen:
        assert (strata[rows] == "event").sum() == 3
        assert (strata[rows] == "none").sum() == 7
        assert (np.diff(rows) > 0).all()
    for first, second in zip(seen[0::2], seen[1::2], strict=True):
        assert not set(first) & set(second)


def test_the_seed_decides_the_splits_and_the_number_of_processes_does_not() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 40)), rng.normal(size=30)
    select = partial(strongest, X=X, y=y, q=5)
    one, two, other = (
        stability_selection(select, 30, pairs=6, seed=seed, n_jobs=jobs)
        for seed, jobs in ((1, 1), (1, 2), (2, 1))
    )
    np.testing.assert_array_equal(one.frequencies, two.frequencies)
    np.testing.assert_array_equal(one.simultaneous, two.simultaneous)
    assert (one.frequencies != other.frequencies).any()


def test_columns_that_matter_are_stable_and_others_are_not() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 60))
    y = (X[:, :3].sum(axis=1) * 2 + rng.logistic(size=200) > 0).astype(float)
    q = 8

    def select(rows: IntArray) -> BoolArray:
        path = fit_path(X[rows], y[rows], n_lambdas=30, min_ratio=0.05)
        sizes = (path.coefficients != 0).sum(axis=1)
        return np.asarray(path.coefficients[np.flatnonzero(sizes <= q)[-1]] != 0)

    found = stability_selection(select, 200, pairs=10, seed=1, strata=y)
    assert found.selected <= q
    threshold = threshold_for(q, 60, 0.5, "r-concave", pairs=10)
    assert set(np.flatnonzero(found.frequencies >= threshold)) == {0, 1, 2}


@every_assumption
def test_no_more_noise_is_stable_than_the_bound_says(assumption: Assumption) -> None:
    p, q, pairs = 50, 5, 20
    threshold = threshold_for(q, p, 1.0, assumption, pairs=pairs)
    rng = np.random.default_rng(2)
    stable = []
    for seed in range(30):
        X, y = rng.normal(size=(60, p)), rng.normal(size=60)
        select = partial(strongest, X=X, y=y, q=q)
        found = stability_selection(select, 60, pairs=pairs, seed=seed)
        stable.append(np.count_nonzero(found.frequencies >= threshold - 1e-9))
    assert np.mean(stable) <= 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 3}, "n=3"),
        ({"pairs": 0}, "pairs=0"),
        ({"strata": [0, 1]}, "strata has the shape"),
        ({"strata": [0] * 9 + [1]}, "a stratum has one sample"),
        ({"select": lambda rows: rows}, "select returned int"),
        ({"select": lambda rows: np.array(True)}, "select returned bool"),
        ({"select": lambda rows: np.zeros(rows[0] + 1, dtype=bool)}, "select returned bool"),
    ],
    ids=["n", "pairs", "strata", "lone sample", "not boolean", "no list", "lengths"],
)
def test_wrong_input_of_a_selection_is_one_clear_error(
    change: dict[str, Any], message: str
) -> None:
    arguments = {"select": partial(in_half, n=10), "n": 10, "pairs": 4, "seed": 1, **change}
    with pytest.raises(MirriskError, match=message):
        stability_selection(**arguments)


# -- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("assumption", "p", "q", "asked", "cutoff", "achieved"), STABS)
def test_threshold_and_bound_are_those_of_stabs(
    assumption: Assumption, p: int, q: int, asked: float, cutoff: float, achieved: float
) -> None:
    threshold = threshold_for(q, p, asked, assumption)
    assert threshold == pytest.approx(cutoff, abs=1e-12)
    bound = expected_false_selections(q, p, threshold, assumption)
    assert bound == pytest.approx(achieved, abs=ROUNDED)


@pytest.mark.parametrize(("assumption", "expected"), AT_THREE_QUARTERS)
def test_bound_at_a_given_threshold_is_that_of_stabs(
    assumption: Assumption, expected: float
) -> None:
    bound = expected_false_selections(20, 800, 0.75, assumption)
    assert bound == pytest.approx(expected, abs=ROUNDED)


@every_assumption
def test_bound_falls_with_the_threshold_and_rises_with_the_number_selected(
    assumption: Assumption,
) -> None:
    by_threshold = [
        expected_false_selections(20, 800, t, assumption) for t in (0.55, 0.65, 0.75, 0.9, 1)
    ]
    by_q = [expected_false_selections(q, 800, 0.75, assumption) for q in (5, 10, 20, 40)]
    assert by_threshold == sorted(by_threshold, reverse=True)
    assert by_q == sorted(by_q)


def test_stronger_assumptions_give_smaller_bounds() -> None:
    bounds = [expected_false_selections(20, 800, 0.75, assumption) for assumption in EVERY]
    assert bounds == sorted(bounds, reverse=True)


@every_assumption
def test_where_the_theory_is_silent_all_features_may_be_false(assumption: Assumption) -> None:
    assert expected_false_selections(20, 800, 0.02, assumption) == 800
    assert expected_false_selections(800, 800, 1, assumption) == 800


@every_assumption
def test_a_threshold_between_two_frequencies_means_the_upper_one(assumption: Assumption) -> None:
    bounds = [expected_false_selections(20, 800, t, assumption) for t in (0.741, 0.7499, 0.75)]
    assert bounds[0] == bounds[1] == bounds[2]


@every_assumption
def test_threshold_is_the_least_that_is_enough(assumption: Assumption) -> None:
    threshold = threshold_for(10, 400, 0.33, assumption, pairs=30)
    assert expected_false_selections(10, 400, threshold, assumption, pairs=30) <= 0.33
    below = threshold - 1 / 60
    assert expected_false_selections(10, 400, below, assumption, pairs=30) > 0.33


def test_a_bound_out_of_reach_is_told() -> None:
    with pytest.raises(MirriskError, match=r"even at the threshold 1 the bound is 0\.5 false"):
        threshold_for(5, 50, 0.4, "none")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": 0}, "q=0"),
        ({"q": 51}, "q=51, p=50"),
        ({"pairs": 1}, "pairs=1"),
        ({"assumption": "concave"}, "assumption='concave' is unknown"),
        ({"threshold": 0}, "threshold=0"),
        ({"threshold": 1.01}, r"threshold=1\.01"),
    ],
    ids=str,
)
def test_wrong_input_of_a_bound_is_one_clear_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(MirriskError, match=message):
        expected_false_selections(**{"q": 5, "p": 50, "threshold": 0.9, **change})
    with pytest.raises(MirriskError, match="false_selections=0"):
        threshold_for(5, 50, 0)


# -- the r-concave tail -----------------------------------------------------------------------


def distributions(size: int, r: float, count: int) -> list[FloatArray]:
    """Draw r-concave distributions on 0 to size: their r-th power is convex."""
    rng = np.random.default_rng(size)
    drawn = []
    for _ in range(count):
        steps = np.sort(rng.standard_cauchy(size))
        convex = np.concatenate([[0.0], np.cumsum(steps)])
        convex += rng.exponential() - convex.min()
        weights = convex ** (1 / r)
        drawn.append(weights / weights.sum())
    return drawn


@pytest.mark.parametrize("r", [-1 / 2, -1 / 4])
@pytest.mark.parametrize("size", [4, 15])
def test_no_r_concave_distribution_has_a_greater_tail(size: int, r: float) -> None:
    compared = 0
    for pmf in distributions(size, r, 200):
        mean = float(pmf @ np.arange(size + 1)) / size
        for least in range(1, size + 1):
            bound = _r_concave_tail(mean, least, size, r, exact=True)
            assert pmf[least:].sum() <= bound + 1e-9
            compared += bound < 1
    assert compared > 30


@pytest.mark.parametrize("r", [-1 / 2, -1 / 4])
def test_the_power_law_attains_the_bound_on_selection_every_time(r: float) -> None:
    size = 20
    weights = (0.5 + np.arange(size + 1)) ** (1 / r)
    pmf = weights / weights.sum()
    mean = float(pmf @ np.arange(size + 1)) / size
    exact = _r_concave_tail(mean, size, size, r, exact=True)
    searched = _r_concave_tail(mean, size, size, r, exact=False)
    assert exact == pytest.approx(pmf[-1], rel=1e-6)
    assert searched < exact  # where stabs stops


def test_exact_bound_is_hardly_greater_than_that_of_stabs_at_usual_thresholds() -> None:
    for threshold in (0.6, 0.7, 0.8):
        usual, exact = (
            expected_false_selections(20, 800, threshold, "r-concave", exact=e)
            for e in (False, True)
        )
        assert usual <= exact <= 1.01 * usual
    assert threshold_for(20, 800, 1.0, "r-concave", exact=True) == 0.48


@pytest.mark.parametrize("pairs", [2, 3, 4])
@pytest.mark.parametrize("exact", [True, False])
def test_few_pairs_leave_a_bound_above_zero(pairs: int, exact: bool) -> None:
    assert expected_false_selections(5, 50, 1, "r-concave", pairs=pairs, exact=exact) > 0
