"""Cutoffs, by hand, against R's binom.test and scipy's exact test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binomtest

from mirrisk.errors import MismatchError
from mirrisk.validation.cutoffs import Cutoff, at_cutoff, cutoff_for
from mirrisk.validation.interval import Interval, clopper_pearson

if TYPE_CHECKING:
    from pathlib import Path

MEASURES = ("sensitivity", "specificity", "ppv", "npv")

# Ten events, ten others, with ties between the classes.
EVENTS = [3, 4, 5, 5, 6, 7, 7, 8, 9, 9]
OTHERS = [1, 1, 2, 2, 3, 3, 4, 5, 5, 9]
Y = [1] * 10 + [0] * 10
RISK = [float(value) for value in EVENTS + OTHERS]


def figures(cutoff: Cutoff) -> tuple[float, float, float]:
    return cutoff.value, cutoff.sensitivity.estimate, cutoff.specificity.estimate


def test_highest_cutoff_that_reaches_a_sensitivity_is_taken() -> None:
    # Events >= 5: 8 of 10; >= 6: 6 of 10. Others below 5: 7 of 10.
    assert figures(cutoff_for(Y, RISK, sensitivity=0.8)) == (5, 0.8, 0.7)


def test_tied_events_are_called_alike_so_that_a_sensitivity_is_exceeded() -> None:
    # Seven events ask for the lower of the two of risk 5, and the other comes with it.
    assert figures(cutoff_for(Y, RISK, sensitivity=0.7)) == (5, 0.8, 0.7)


def test_lowest_cutoff_that_reaches_a_specificity_is_taken() -> None:
    # Others below 5: 7; below 6: 9 of 10. Events >= 6: 6 of 10.
    assert figures(cutoff_for(Y, RISK, specificity=0.9)) == (6, 0.6, 0.9)
    assert figures(cutoff_for(Y, RISK, specificity=0.8)) == (6, 0.6, 0.9)


def test_target_met_exactly_in_decimals_is_met() -> None:
    y, risk = [1] * 10 + [0] * 10, np.arange(20.0)
    for share in np.arange(1, 11) / 10:
        assert cutoff_for(y, risk, sensitivity=share).sensitivity.estimate == share
        found = cutoff_for(y, -risk, specificity=share)
        assert found.specificity.estimate == share


def test_full_sensitivity_is_the_lowest_event() -> None:
    assert figures(cutoff_for(Y, RISK, sensitivity=1)) == (3, 1, 0.4)


def test_specificity_out_of_reach_leaves_nobody_positive() -> None:
    found = cutoff_for(Y, RISK, specificity=1)
    assert figures(found) == (math.inf, 0, 1)
    assert math.isnan(found.ppv.estimate)
    assert (found.ppv.of, found.ppv.low, found.ppv.high) == (0, 0, 1)
    assert "PPV unknown (0 of 0)" in str(found)


def test_constant_risk_calls_all_alike() -> None:
    assert figures(cutoff_for(Y, np.ones(20), sensitivity=0.5)) == (1, 1, 0)
    assert figures(cutoff_for(Y, np.ones(20), specificity=0.5)) == (math.inf, 0, 1)


@pytest.mark.parametrize("seed", range(5))
def test_cutoffs_are_the_best_of_all_that_reach_the_target(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, risk = np.repeat([1, 0], [12, 28]), rng.integers(0, 12, 40).astype(float)
    every = [at_cutoff(y, risk, value) for value in (*np.unique(risk), math.inf)]
    for target in (0.5, 0.8, 0.95):
        sensitive = [c for c in every if c.sensitivity.estimate >= target]
        specific = [c for c in every if c.specificity.estimate >= target]
        assert cutoff_for(y, risk, sensitivity=target) == sensitive[-1]
        assert cutoff_for(y, risk, specificity=target) == specific[0]


def test_counts_add_up() -> None:
    found = at_cutoff(Y, RISK, 4.5)
    counts = (
        found.true_positives,
        found.false_positives,
        found.false_negatives,
        found.true_negatives,
    )
    assert counts == (8, 3, 2, 7)
    assert (found.ppv.count, found.ppv.of, found.npv.count, found.npv.of) == (8, 11, 7, 9)


def test_exact_limits_are_those_of_r(root: Path) -> None:
    text = (root / "tests" / "reference" / "discrimination.txt").read_text(encoding="utf-8")
    rows = {name: values for name, *values in (line.split("\t") for line in text.splitlines())}
    y, risk = (np.array(rows[name], dtype=float) for name in ("y", "graded"))
    found = at_cutoff(y, risk, 3)
    for measure in MEASURES:
        share = getattr(found, measure)
        count, of, low, high = map(float, rows[measure])
        assert (share.count, share.of) == (count, of)
        assert (share.low, share.high) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_exact_limits_are_those_of_scipy(level: float) -> None:
    for of in (1, 5, 12, 40):
        for count in range(of + 1):
            found = clopper_pearson(count, of, level)
            expected = binomtest(count, of).proportion_ci(level, method="exact")
            assert (found.low, found.high) == pytest.approx(expected, abs=1e-10)


def test_impossible_count_is_refused() -> None:
    with pytest.raises(MismatchError, match="13 of 12"):
        clopper_pearson(13, 12)


@pytest.mark.parametrize(
    "target",
    [
        {},
        {"sensitivity": 0.9, "specificity": 0.9},
        {"sensitivity": 0.0},
        {"sensitivity": 90.0},
        {"specificity": 0.0},
        {"specificity": math.nan},
    ],
)
def test_target_is_one_share(target: dict[str, float]) -> None:
    with pytest.raises(MismatchError):
        cutoff_for(Y, RISK, **target)


def test_cutoff_is_a_number() -> None:
    with pytest.raises(MismatchError, match="the cutoff is NaN"):
        at_cutoff(Y, RISK, math.nan)


def test_results_print_their_counts() -> None:
    assert str(at_cutoff(Y, RISK, 5)).startswith(
        "risk >= 5: sensitivity 0.80 (8/10, 95% CI 0.44 to 0.97), specificity 0.70 (7/10, "
    )
    assert str(Interval(0.5, 0.25, 0.75, 0.9, "exact")) == "0.50 (90% CI 0.25 to 0.75, exact)"
