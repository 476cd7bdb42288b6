"""Calibration against rms's val.prob, R's glm and lowess, and by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from printed import printed_by_r
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from mirrisk.errors import MismatchError
from mirrisk.validation.calibration import Calibration, calibration, calibration_of_percentiles
from mirrisk.validation.lowess import lowess

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.vocabulary import FloatArray


@pytest.fixture(scope="module")
def printed() -> dict[str, FloatArray]:
    return printed_by_r("calibration")


def val_prob(result: Calibration) -> dict[str, float]:
    """The result in the order and by the names of rms."""
    return {
        "R2": result.nagelkerke_r2,
        "D": result.discrimination_index,
        "U": result.unreliability_index,
        "U:Chi-sq": result.recalibration_test.statistic,
        "U:p": result.recalibration_test.p_value,
        "Q": result.quality_index,
        "Brier": result.brier,
        "Intercept": result.intercept.value,
        "Slope": result.slope.value,
        "Emax": result.curve.emax,
        "E90": result.curve.e90,
        "Eavg": result.curve.ici,
        "S:z": result.spiegelhalter_z,
        "S:p": result.spiegelhalter_p,
    }


# -- against R --------------------------------------------------------------------------------


@pytest.mark.parametrize("risks", ["fine", "tied"])
class TestSimulatedCohort:
    def test_is_that_of_val_prob(self, printed: dict[str, FloatArray], risks: str) -> None:
        result = calibration(printed["y"], printed[f"{risks} p"])
        # rms stops its fit of intercept and slope at seven digits.
        expected = printed[f"{risks} val.prob"]
        assert list(val_prob(result).values()) == pytest.approx(expected.tolist(), rel=1e-6)

    def test_recalibrations_are_those_of_glm(
        self, printed: dict[str, FloatArray], risks: str
    ) -> None:
        result = calibration(printed["y"], printed[f"{risks} p"])
        large, both = result.in_the_large, (result.intercept, result.slope)
        assert [large.value, large.standard_error] == pytest.approx(
            printed[f"{risks} in the large"].tolist(), rel=1e-8
        )
        found = [e.value for e in both] + [e.standard_error for e in both]
        assert found == pytest.approx(printed[f"{risks} recalibration"].tolist(), rel=1e-8)
        tests = (result.in_the_large_test, result.slope_test, result.recalibration_test)
        assert [t.statistic for t in tests] == pytest.approx(
            printed[f"{risks} statistics"].tolist(), rel=1e-8
        )
        assert [t.p_value for t in tests] == pytest.approx(
            printed[f"{risks} p-values"].tolist(), rel=1e-8
        )

    def test_smooth_is_that_of_lowess(self, printed: dict[str, FloatArray], risks: str) -> None:
        p, y = printed[f"{risks} p"], printed["y"]
        smooth = lowess(p, y)[np.argsort(p, kind="stable")]
        assert smooth == pytest.approx(printed[f"{risks} lowess y"], abs=1e-13)


def test_narrow_smooth_without_interpolation_is_that_of_lowess(
    printed: dict[str, FloatArray],
) -> None:
    p = printed["fine p"]
    smooth = lowess(p, printed["y"], span=0.3, delta=0)[np.argsort(p, kind="stable")]
    assert smooth == pytest.approx(printed["lowess narrow"], abs=1e-13)


def test_percentiles_are_judged_as_by_ks_test_and_binom_test(
    printed: dict[str, FloatArray],
) -> None:
    result = calibration_of_percentiles(printed["percentile"])
    assert [result.ks_statistic, result.ks_p] == pytest.approx(printed["ks"].tolist(), rel=1e-9)
    for name, share in (("above", result.above), ("below", result.below)):
        found = [share.value, share.low, share.high]
        assert found == pytest.approx(printed[name].tolist(), rel=1e-9)
    assert result.mean == pytest.approx(printed["percentile"].mean())


@pytest.fixture(scope="module")
def subarachnoid(shared: Path) -> tuple[FloatArray, FloatArray, dict[str, float]]:
    """Outcome, risk and what val.prob printed."""
    folder = shared / "reference" / "fitting"
    table = pd.read_csv(folder / "closed_test_lp.csv")
    rows = (folder / "rms_valprob_aSAH.txt").read_text(encoding="utf-8").splitlines()[1:]
    stats: dict[str, float] = {}
    for names, values in zip(rows[::2], rows[1::2], strict=True):
        labels = names.replace("C (ROC)", "C").split()
        stats |= dict(zip(labels, map(float, values.replace("NA", "nan").split()), strict=True))
    return table["y"].to_numpy(), expit(table["lp"].to_numpy()), stats


def test_given_figures_of_val_prob_are_reproduced(
    subarachnoid: tuple[FloatArray, FloatArray, dict[str, float]],
) -> None:
    y, p, stats = subarachnoid
    found = val_prob(calibration(y, p))
    found["D:Chi-sq"] = found["D"] * len(y) + 1
    # This rms counts pairs after cutting the risks into 5,000 classes.
    found["C"] = float(roc_auc_score(y, np.floor(p * 5000)))
    found["Dxy"] = 2 * found["C"] - 1
    assert found == pytest.approx({k: v for k, v in stats.items() if k != "D:p"}, abs=5e-8)


# -- by hand ----------------------------------------------------------------------------------


def test_scores_are_those_of_their_definitions() -> None:
    y, p = np.array([0, 0, 1, 1, 0]), np.array([0.1, 0.4, 0.3, 0.8, 0.6])
    result = calibration(y, p)
    assert result.brier == pytest.approx((0.01 + 0.16 + 0.49 + 0.04 + 0.36) / 5)
    assert result.scaled_brier == pytest.approx(1 - result.brier / (0.4 * 0.6))
    assert result.mean_predicted_risk == pytest.approx(0.44)
    assert result.observed_to_expected == pytest.approx(0.4 / 0.44)
    # The numerator and variance of the test, written out.
    numerator = -0.1 * 0.8 - 0.4 * 0.2 + 0.7 * 0.4 + 0.2 * -0.6 - 0.6 * -0.2
    variance = 0.64 * 0.09 + 0.04 * 0.24 + 0.16 * 0.21 + 0.36 * 0.16 + 0.04 * 0.24
    assert result.spiegelhalter_z == pytest.approx(numerator / math.sqrt(variance))


def test_shifted_log_odds_have_that_shift_as_intercept() -> None:
    # Four in ten have the event whatever the risk, so the true log odds are constant.
    y = np.tile([1, 1, 0, 0, 0], 20)
    result = calibration(y, np.full(100, expit(logit(0.4) + 1.5)))
    assert result.in_the_large.value == pytest.approx(-1.5)
    assert result.in_the_large.standard_error == pytest.approx(1 / math.sqrt(100 * 0.24))
    half = 1.959963984540054 * result.in_the_large.standard_error
    assert result.in_the_large.high == pytest.approx(-1.5 + half)


def test_level_widens_the_intervals(printed: dict[str, FloatArray]) -> None:
    y, p = printed["y"], printed["fine p"]
    wide, narrow = calibration(y, p, level=0.99).slope, calibration(y, p, level=0.8).slope
    # Normal quantiles of 0.995 and 0.9.
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
    assert ratio == pytest.approx(2.5758293035489 / 1.2815515655446)


def test_distances_are_from_the_curve_to_the_diagonal() -> None:
    # The curve of an outcome that is always half there is flat.
    p = np.repeat([0.2, 0.5, 0.9], 40)
    curve = calibration(np.tile([0, 1], 60), p).curve
    assert curve.predicted == (0.2, 0.5, 0.9)
    assert curve.observed == pytest.approx((0.5, 0.5, 0.5))
    assert (curve.ici, curve.e50, curve.e90, curve.emax) == pytest.approx((0.7 / 3, 0.3, 0.4, 0.4))


def test_order_of_the_samples_does_not_matter(printed: dict[str, FloatArray]) -> None:
    y, p = printed["y"], printed["fine p"]
    given, turned = val_prob(calibration(y, p)), val_prob(calibration(y[::-1], p[::-1]))
    assert turned == pytest.approx(given, rel=1e-9)


# -- what cannot be known ---------------------------------------------------------------------


@pytest.mark.parametrize(("extreme", "event"), [(0.0, 0), (1.0, 1), (0.0, 1)])
def test_risk_of_exactly_0_or_1_has_no_log_odds(extreme: float, event: int) -> None:
    result = calibration([0, 1, 0, 1, event], [0.2, 0.3, 0.4, 0.6, extreme])
    assert math.isnan(result.slope.value)
    assert math.isnan(result.in_the_large.value)
    assert math.isnan(result.nagelkerke_r2)
    squares = 0.04 + 0.49 + 0.16 + 0.16 + (event - extreme) ** 2
    assert result.brier == pytest.approx(squares / 5)
    assert result.notes[0].startswith("1 of 5 predicted risks are exactly 0 or 1")


def test_constant_risk_has_no_slope_but_an_intercept() -> None:
    result = calibration([0, 1, 0, 0], [0.5, 0.5, 0.5, 0.5])
    assert math.isnan(result.slope.value)
    assert result.in_the_large.value == pytest.approx(math.log(1 / 3))
    # Spiegelhalter's test compares nothing at one half.
    assert math.isnan(result.spiegelhalter_z)
    assert len(result.notes) == 2
    assert "the same for all" in result.notes[0]


@pytest.mark.parametrize(("y", "share"), [([0, 0, 0], 0.0), ([1, 1, 1], 1.0)])
def test_cohort_of_one_class_keeps_what_needs_no_likelihood(y: list[int], share: float) -> None:
    result = calibration(y, [0.1, 0.5, 0.3])
    assert result.observed_risk.value == share
    # Clopper and Pearson by hand: 0.025 = (1 - limit)^3.
    limit = 1 - 0.025 ** (1 / 3)
    width = result.observed_risk.high - result.observed_risk.low
    assert width == pytest.approx(limit)
    assert math.isnan(result.scaled_brier)
    assert math.isnan(result.intercept.value)
    assert "all 3 samples are" in result.notes[0]


def test_separated_outcome_has_no_slope() -> None:
    result = calibration([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])
    assert math.isnan(result.slope.value)
    assert math.isnan(result.recalibration_test.p_value)
    assert not math.isnan(result.in_the_large.value)
    assert "separates" in result.notes[0]


def test_no_risk_at_all_expects_nothing() -> None:
    assert math.isnan(calibration([0, 1], [0.0, 0.0]).observed_to_expected)


@pytest.mark.parametrize(
    ("y", "p", "what"),
    [
        ([0, 1], [0.2, math.nan], "NaN"),
        ([0, 1], [0.2, 1.2], "outside 0 to 1"),
        ([0, 2], [0.2, 0.3], "y holds 2"),
        ([0, 1, 1], [0.2, 0.3], "3 samples"),
        ([], [], "shape"),
    ],
)
def test_input_that_is_no_outcome_or_no_risk_is_refused(y: Any, p: Any, what: str) -> None:
    with pytest.raises(MismatchError, match=what):
        calibration(y, p)


@pytest.mark.parametrize(
    ("percentile", "options", "what"),
    [
        ([0.2, 97.0], {}, "outside 0 to 1"),
        ([0.2, math.nan], {}, "NaN"),
        ([0.2], {"tail": 0.0}, "tail is 0.0"),
        ([0.2], {"tail": 0.6}, "tail is 0.6"),
        ([0.2], {"level": 1.0}, "level is 1.0"),
    ],
)
def test_percentiles_out_of_range_are_refused(
    percentile: list[float], options: dict[str, float], what: str
) -> None:
    with pytest.raises(MismatchError, match=what):
        calibration_of_percentiles(percentile, **options)


def test_results_tell_themselves_in_words() -> None:
    told = str(calibration([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]))
    assert "Calibration on 4 samples with 2 events" in told
    assert "calibration slope         not defined" in told
    assert "note: the predicted risk separates events from non-events" in told
    assert "10% lie in each tail" in str(calibration_of_percentiles([0.1, 0.9]))
