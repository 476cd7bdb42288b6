"""Measures of survival data against the R packages survival, cmprsk, riskRegression, geepack."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from printed import printed_by_r

from mirrisk.errors import MismatchError
from mirrisk.validation import concordance
from mirrisk.validation.follow_up import follow_up
from mirrisk.validation.pseudo_observations import pseudo_observations
from mirrisk.validation.survival import (
    brier_at,
    calibration_at,
    cox_calibration_slope,
    cumulative_incidence,
    harrell_c,
    integrated_brier,
    kaplan_meier,
    time_dependent_auc,
    uno_c,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.validation.estimate import Estimate
    from mirrisk.vocabulary import FloatArray

HORIZON = 12
"""Of the script survival_validation.R."""


@pytest.fixture(scope="module")
def printed() -> dict[str, FloatArray]:
    return printed_by_r("survival_validation")


def pair(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.standard_error]


# -- against R, on data of many ties ------------------------------------------------------------


def test_concordance_is_that_of_r(printed: dict[str, FloatArray]) -> None:
    data = printed["time"], printed["event"], printed["lp"]
    harrell = harrell_c(*data)
    assert pair(harrell.estimate) == pytest.approx(printed["harrell"].tolist(), abs=1e-12)
    pairs = [harrell.concordant, harrell.discordant, harrell.tied_risk]
    assert pairs == printed["harrell pairs"].tolist()
    assert pair(uno_c(*data).estimate) == pytest.approx(printed["uno"].tolist(), abs=1e-12)
    expected = printed["uno tau"].tolist()
    assert pair(uno_c(*data, tau=HORIZON).estimate) == pytest.approx(expected, abs=1e-12)


def test_concordance_does_not_depend_on_how_many_pairs_are_held_at_once(
    printed: dict[str, FloatArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concordance, "_PAIRS_AT_ONCE", 1)
    found = harrell_c(printed["time"], printed["event"], printed["lp"])
    assert pair(found.estimate) == pytest.approx(printed["harrell"].tolist(), abs=1e-12)


def test_kaplan_meier_is_that_of_survfit(printed: dict[str, FloatArray]) -> None:
    curve = kaplan_meier(printed["time"], printed["event"], printed["at"])
    assert curve.values == pytest.approx(printed["km"].tolist(), abs=1e-12)
    columns = (("km se", "standard_error"), ("km low", "low"), ("km high", "high"))
    for name, attribute in columns:
        found = [getattr(estimate, attribute) for estimate in curve.estimates]
        assert found == pytest.approx(printed[name].tolist(), abs=1e-12), name
    assert list(curve.at_risk) == printed["km at risk"].tolist()


def test_cumulative_incidence_is_that_of_cuminc(printed: dict[str, FloatArray]) -> None:
    curve = cumulative_incidence(printed["time"], printed["cause"], printed["at"])
    assert curve.values == pytest.approx(printed["cif"].tolist(), abs=1e-12)
    errors = [estimate.standard_error for estimate in curve.estimates]
    assert errors == pytest.approx(printed["cif se"].tolist(), abs=1e-12)


def test_slope_is_that_of_coxph(printed: dict[str, FloatArray]) -> None:
    slope = cox_calibration_slope(printed["time"], printed["event"], printed["lp"])
    assert pair(slope) == pytest.approx(printed["cox slope"].tolist(), rel=1e-8)


@pytest.mark.parametrize(("kind", "events"), [("survival", "event"), ("competing", "cause")])
def test_calibration_is_that_of_pseudo_observations_in_r(
    printed: dict[str, FloatArray], kind: str, events: str
) -> None:
    time, event = printed["time"], printed[events]
    pseudo = pseudo_observations(follow_up(time, event, competing=True), HORIZON)
    assert pseudo == pytest.approx(printed[f"{kind} pseudo"], abs=1e-10)
    result = calibration_at(time, event, printed["p"], HORIZON)
    large = printed[f"{kind} in the large"].tolist()
    assert pair(result.in_the_large) == pytest.approx(large, rel=1e-6)
    coefficients = [e.value for e in (result.intercept, result.slope)]
    errors = [e.standard_error for e in (result.intercept, result.slope)]
    expected = printed[f"{kind} recalibration"].tolist()
    assert coefficients + errors == pytest.approx(expected, rel=1e-6)
    curve = result.curve
    distances = [curve.ici, curve.e50, curve.e90, curve.emax]
    assert distances == pytest.approx(printed[f"{kind} distance"].tolist(), abs=1e-9)


def test_auc_over_time_is_that_of_riskregression(printed: dict[str, FloatArray]) -> None:
    found = time_dependent_auc(printed["time"], printed["event"], printed["lp"], printed["at"])
    assert found.auc == pytest.approx(printed["auc"].tolist(), abs=1e-9)


def test_brier_score_over_time_is_that_of_riskregression(printed: dict[str, FloatArray]) -> None:
    survival = 1 - printed["risks"].reshape(len(printed["at"]), -1).T
    time, event, at = printed["time"], printed["event"], printed["at"]
    found = integrated_brier(time, event, survival, at)
    assert found.brier == pytest.approx(printed["brier"].tolist(), abs=1e-9)
    assert found.null_brier == pytest.approx(printed["null brier"].tolist(), abs=1e-9)
    # The times are 4 apart: the trapezoidal rule by hand.
    first, *inner, last = printed["brier"].tolist()
    assert found.integrated == pytest.approx(((first + last) / 2 + sum(inner)) / 3)
    assert brier_at(time, event, survival[:, 2], at[2]) == pytest.approx(printed["brier"][2])


# -- given figures ------------------------------------------------------------------------------

COVARIATES = ["age", "meno", "size", "grade", "nodes", "pgr", "er", "hormon"]
EFRON = [
    *(-0.0093923611974, 0.2672771632078, 0.0077164375533, 0.2802894093677),
    *(0.0498939075050, -0.0022378101185, 0.0001674282849, -0.3372029100303),
]


@pytest.fixture(scope="module")
def breast(shared: Path) -> pd.DataFrame:
    table = pd.read_csv(shared / "reference" / "fitting" / "gbsg_survival.csv")
    return table.assign(lp=table[COVARIATES].to_numpy() @ np.array(EFRON))


def efron_risk(table: pd.DataFrame, horizon: float) -> FloatArray:
    """Risk of the Cox model by the horizon: Efron's baseline hazard, written out."""
    hazard = np.exp(table["lp"].to_numpy())
    time, event = table["rfstime"].to_numpy(), table["status"].to_numpy() == 1
    baseline = 0.0
    for at in np.unique(time[event & (time <= horizon)]):
        tied = event & (time == at)
        total, among = hazard[time >= at].sum(), hazard[tied].sum()
        baseline += sum(1 / (total - among * k / tied.sum()) for k in range(tied.sum()))
    return np.asarray(-np.expm1(-baseline * hazard))


def test_given_figures_of_survival_are_reproduced(breast: pd.DataFrame) -> None:
    time, event, lp = breast["rfstime"], breast["status"], breast["lp"]
    harrell = harrell_c(time, event, lp)
    assert pair(harrell.estimate) == pytest.approx([0.6879283395, 0.015120624], abs=1e-9)
    assert uno_c(time, event, lp).value == pytest.approx(0.6717884462, abs=1e-9)
    assert uno_c(time, event, lp, tau=1825).value == pytest.approx(0.6765973646, abs=1e-9)
    curve = kaplan_meier(time, event, [365, 1095, 1825])
    assert curve.values == pytest.approx([0.9155581043, 0.6426203824, 0.4916448703], abs=1e-9)
    errors = [estimate.standard_error for estimate in curve.estimates]
    assert errors == pytest.approx([0.010799214, 0.019349828, 0.023003988], abs=1e-9)
    assert cox_calibration_slope(time, event, lp).value == pytest.approx(1, abs=1e-9)


def test_given_calibration_of_a_cox_model_is_reproduced(breast: pd.DataFrame) -> None:
    risk = efron_risk(breast, 1825)
    assert risk[:3] == pytest.approx(1 - np.array([0.5125237661, 0.1074559843, 0.2597601895]))
    result = calibration_at(breast["rfstime"], breast["status"], risk, 1825)
    assert result.mean_predicted_risk == pytest.approx(0.5160008533, abs=1e-9)
    assert result.observed_risk.value == pytest.approx(0.5083551297, abs=1e-9)
    ratio = result.observed_to_expected
    assert ratio.value == pytest.approx(0.5083551297 / 0.5160008533)
    # On the logarithmic scale, with the standard error of Kaplan-Meier.
    factor = math.exp(1.959963984540054 * 0.023003988 / 0.5083551297)
    assert [ratio.low, ratio.high] == pytest.approx([ratio.value / factor, ratio.value * factor])


def test_given_figures_of_cmprsk_are_reproduced(shared: Path) -> None:
    table = pd.read_csv(shared / "reference" / "fitting" / "mgus2_cr.csv")
    times = [60, 120, 240]
    values_1 = [0.03469249238, 0.06388474497, 0.1002593040]
    values_2 = [0.32149487619, 0.53308769171, 0.7246075777]
    variances_1 = [2.4738408e-05, 4.7010151e-05, 9.7741597e-05]
    variances_2 = [1.6106949e-04, 2.0055218e-04, 2.4740879e-04]
    expected = {1: (values_1, variances_1), 2: (values_2, variances_2)}
    for cause, (values, variances) in expected.items():
        event = table["ev"].map({0: 0, cause: 1, 3 - cause: 2})
        curve = cumulative_incidence(table["etime"], event, times)
        assert curve.values == pytest.approx(values, abs=1e-10)
        found = [estimate.standard_error**2 for estimate in curve.estimates]
        assert found == pytest.approx(variances, rel=1e-7)
    naive = kaplan_meier(table["etime"], table["ev"] == 1, times)
    assert [1 - s for s in naive.values] == pytest.approx(
        [0.042906683, 0.095448617, 0.210900115], abs=1e-9
    )


def test_scikit_survival_agrees_but_for_ties(breast: pd.DataFrame) -> None:
    metrics = pytest.importorskip("sksurv.metrics")
    surv = pytest.importorskip("sksurv.util").Surv
    time, event = breast["rfstime"].to_numpy(), breast["status"].to_numpy()
    lp, at = breast["lp"].to_numpy(), [365, 1095, 1825]
    survival = np.column_stack([1 - efron_risk(breast, horizon) for horizon in at])
    y = surv.from_arrays(event == 1, time)
    theirs = metrics.concordance_index_censored(event == 1, time, lp)[0]
    assert harrell_c(time, event, lp).value == pytest.approx(theirs, abs=1e-12)
    theirs = metrics.concordance_index_ipcw(y, y, lp)[0]
    assert uno_c(time, event, lp).value == pytest.approx(theirs, abs=3e-3)
    theirs = metrics.cumulative_dynamic_auc(y, y, lp, at)[0]
    assert time_dependent_auc(time, event, lp, at).auc == pytest.approx(theirs, abs=2e-4)
    found = integrated_brier(time, event, survival, at)
    assert found.brier == pytest.approx(metrics.brier_score(y, y, survival, at)[1], abs=2e-4)
    theirs = metrics.integrated_brier_score(y, y, survival, at)
    assert found.integrated == pytest.approx(theirs, abs=2e-4)


# -- by hand ------------------------------------------------------------------------------------


def test_event_comes_before_a_censoring_at_the_same_time() -> None:
    # The pair at time 2 is comparable, and in the wrong order.
    assert harrell_c([2, 2], [1, 0], [0.1, 0.9]).value == 0
    # At risk at 2 are both; half of them have the event.
    assert kaplan_meier([2, 2], [1, 0], 2).values == (0.5,)


def test_two_events_at_one_time_are_not_comparable() -> None:
    found = harrell_c([1, 1, 2], [1, 1, 0], [0.9, 0.1, 0.5])
    assert (found.concordant, found.discordant, found.value) == (1, 1, 0.5)


def test_constant_risk_has_a_concordance_and_an_auc_of_one_half() -> None:
    found = harrell_c([1, 2, 3], [1, 1, 0], [4, 4, 4])
    assert pair(found.estimate) == [0.5, 0]
    assert uno_c([1, 2, 3], [1, 1, 0], [4, 4, 4]).value == 0.5
    assert time_dependent_auc([1, 2, 3], [1, 1, 0], [4, 4, 4], 1.5).auc == (0.5,)


def test_uno_weighs_late_pairs_for_those_who_were_censored() -> None:
    # Two of the four at risk are censored at 2: the pair that starts at 4 weighs 1/(1/2)^2 = 4,
    # the four that start at 1 weigh 1 each.
    time, event, risk = [1, 2, 2, 4, 5], [1, 0, 0, 1, 0], [0.9, 0.5, 0.95, 0.1, 0.2]
    found = uno_c(time, event, risk)
    assert (found.concordant, found.discordant) == pytest.approx((3, 1 + 4))
    assert uno_c(time, event, risk, tau=3).value == pytest.approx(3 / 4)


def test_without_censoring_the_brier_score_is_the_mean_squared_error() -> None:
    found = brier_at([1, 2, 3, 4], [1, 1, 1, 1], [0.2, 0.6, 0.7, 0.9], 2)
    assert found == pytest.approx((0.04 + 0.36 + 0.09 + 0.01) / 4)


def test_without_censoring_the_pseudo_observations_are_the_outcome() -> None:
    data = follow_up([1, 2, 3, 4, 5], [1, 2, 1, 0, 0], competing=True)
    assert pseudo_observations(data, 3.5) == pytest.approx([1, 0, 1, 0, 0])


def test_competing_event_prevents_the_event() -> None:
    time, event = [1, 2, 3, 4], [1, 2, 1, 2]
    assert cumulative_incidence(time, event, 4).values == (0.5,)
    # Taking those who died for censored tells 1 - 3/4 * 1/2 instead.
    assert kaplan_meier(time, np.array(event) == 1, 4).values == (0.375,)


def test_interval_of_a_share_stays_within_0_and_1() -> None:
    first = kaplan_meier([1, 2, 3, 4, 5], [1, 0, 0, 0, 0], 1).estimates[0]
    assert 0 < first.low < first.value < first.high < 1


# -- what cannot be known -----------------------------------------------------------------------


def test_beyond_follow_up_nothing_is_known_unless_nobody_is_left() -> None:
    censored = kaplan_meier([1, 2, 3], [1, 1, 0], [3, 4])
    assert censored.values[0] == pytest.approx(1 / 3)
    assert math.isnan(censored.values[1])
    ended = kaplan_meier([1, 2, 3], [1, 1, 1], [3, 4])
    assert ended.values == (0, 0)
    assert math.isnan(ended.estimates[1].low)
    died = cumulative_incidence([1, 2, 3], [1, 2, 2], 9)
    assert died.values == pytest.approx([1 / 3])


def test_no_event_is_a_survival_of_1_without_an_interval() -> None:
    found = kaplan_meier([1, 2], [0, 0], [0, 2])
    assert found.values == (1, 1)
    assert math.isnan(found.estimates[0].high)


def test_auc_at_a_time_without_events_or_without_others_is_nan() -> None:
    found = time_dependent_auc([2, 3, 4], [1, 1, 0], [3, 2, 1], [1, 3, 4])
    assert math.isnan(found.auc[0])
    assert found.auc[1] == 1
    assert math.isnan(found.auc[2])
    assert (found.cases, found.controls) == ((0, 2, 2), (3, 1, 0))


def test_calibration_without_events_by_the_horizon_has_no_slope() -> None:
    result = calibration_at([3, 4, 5], [1, 0, 0], [0.1, 0.2, 0.3], 2)
    assert (result.events, result.observed_risk.value) == (0, 0)
    assert math.isnan(result.slope.value)
    assert math.isnan(result.observed_to_expected.value)
    assert "the observed risk is 0" in result.notes[0]


def test_calibration_of_a_risk_that_orders_all_events_has_no_slope() -> None:
    result = calibration_at([1, 2, 3, 4], [1, 0, 1, 0], [0.5, 0.2, 0.4, 0.1], 3)
    assert math.isnan(result.slope.value)
    assert not math.isnan(result.in_the_large.value)
    assert "does not converge" in result.notes[0]


def test_calibration_of_a_constant_risk_has_no_slope() -> None:
    result = calibration_at([1, 2, 3, 4], [1, 0, 1, 0], [0.3] * 4, 3)
    assert math.isnan(result.slope.value)
    # Kaplan-Meier at 3 is 3/4 * 1/2; the intercept is the distance of the log-logs.
    log_logs = [math.log(-math.log(s)) for s in (3 / 8, 0.7)]
    assert result.in_the_large.value == pytest.approx(log_logs[0] - log_logs[1])
    assert result.notes == ("the predicted risk is the same for all: no slope",)


def test_calibration_of_risks_of_0_or_1_has_no_slope() -> None:
    result = calibration_at([1, 2, 3, 4], [1, 0, 1, 0], [0.3, 0.0, 1.0, 0.5], 3)
    assert math.isnan(result.in_the_large.value)
    assert result.notes[0].startswith("2 of 4 predicted risks are exactly 0 or 1")
    assert result.observed_to_expected.value == pytest.approx(5 / 8 / 0.45)


def test_censoring_at_time_zero_is_no_information() -> None:
    with_zero = harrell_c([0, 1, 2, 3], [0, 1, 1, 0], [9, 3, 1, 2])
    assert with_zero.value == harrell_c([1, 2, 3], [1, 1, 0], [3, 1, 2]).value
    assert kaplan_meier([0, 1, 2], [0, 1, 0], 1).values == (0.5,)


MEASURES: dict[str, Any] = {
    "harrell": lambda time, event: harrell_c(time, event, [1, 2, 3]),
    "uno": lambda time, event: uno_c(time, event, [1, 2, 3]),
    "auc": lambda time, event: time_dependent_auc(time, event, [1, 2, 3], 1),
    "brier": lambda time, event: brier_at(time, event, [0.1, 0.2, 0.3], 1),
    "km": lambda time, event: kaplan_meier(time, event, 1),
    "incidence": lambda time, event: cumulative_incidence(time, event, 1),
    "calibration": lambda time, event: calibration_at(time, event, [0.1, 0.2, 0.3], 1),
    "slope": lambda time, event: cox_calibration_slope(time, event, [1, 2, 3]),
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("time", "event", "what"),
    [
        ([1, -2, 3], [1, 0, 1], "-2 is negative"),
        ([1, 0, 3], [1, 1, 1], "0 is the time of an event"),
        ([1, math.nan, 3], [1, 0, 1], "NaN"),
        ([1, 2, 3], [1, 0.5, 1], "0.5 is no code of an event"),
        ([1, 2, 3], [1, -1, 1], "-1 is no code of an event"),
        ([1, 2], [1, 0, 1], "2 samples"),
    ],
)
def test_follow_up_out_of_range_is_refused_by_every_measure(
    measure: str, time: list[float], event: list[float], what: str
) -> None:
    with pytest.raises(MismatchError, match=what):
        MEASURES[measure](time, event)


@pytest.mark.parametrize("measure", ["harrell", "uno", "auc", "brier", "km", "slope"])
def test_competing_events_are_refused_where_they_would_be_taken_for_something_else(
    measure: str,
) -> None:
    with pytest.raises(MismatchError, match="2 is no code of an event"):
        MEASURES[measure]([1, 2, 3], [1, 2, 0])


@pytest.mark.parametrize("measure", ["harrell", "uno", "auc", "slope"])
def test_no_event_is_refused_where_nothing_could_be_compared(measure: str) -> None:
    with pytest.raises(MismatchError, match="0 of 3 samples have the event"):
        MEASURES[measure]([1, 2, 3], [0, 0, 0])


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: harrell_c([1, 2], [0, 1], [1, 2]), "no pair of samples is comparable"),
        (lambda: harrell_c([1, 2], [1, 1], [1, math.nan]), "risk are NaN"),
        (lambda: harrell_c([1, 2], [1, 1], [1, 2, 3]), "samples"),
        (lambda: uno_c([1, 2], [1, 1], [1, 2], tau=0), "tau is 0"),
        (lambda: time_dependent_auc([1, 2], [1, 1], [1, 2], -1), "negative"),
        (lambda: brier_at([1, 2], [1, 0], [0.5, 0.5], 3), "nobody is followed up to time 3"),
        (lambda: brier_at([1, 2], [1, 0], [0.5, 1.5], 1), "a survival probability is 1.5"),
        (lambda: integrated_brier([1, 2], [1, 0], [[0.5], [0.5]], [1, 2]), r"shape \(2, 1\)"),
        (lambda: integrated_brier([1, 2], [1, 0], np.ones((2, 2)), [2, 1]), "do not ascend"),
        (lambda: calibration_at([1, 2], [1, 0], [0.2, 0.3], 5), "nobody is followed up"),
        (lambda: calibration_at([1, 2], [1, 0], [0.2, 3], 1), "outside 0 to 1"),
        (lambda: cox_calibration_slope([1, 2], [1, 0], [4, 4]), "4 for every sample"),
        (lambda: cox_calibration_slope([1, 2, 3], [1, 1, 1], [3, 2, 1]), "no finite slope"),
        (lambda: cox_calibration_slope([1, 2], [0, 1], [4, 5]), "no finite slope"),
        (lambda: kaplan_meier([1, 2], [1, 0], 1, level=2), "level is 2"),
    ],
)
def test_input_that_tells_nothing_is_a_clear_error(call: Any, what: str) -> None:
    with pytest.raises(MismatchError, match=what) as caught:
        call()
    assert caught.value.expected


def test_results_tell_themselves_in_words() -> None:
    time, event = [1, 2, 3, 4], [1, 0, 1, 0]
    assert str(harrell_c(time, event, [4, 2, 3, 1])).startswith("Harrell's C: 1 (95% interval")
    nearly_all = harrell_c(time, event, [4, 2, 3, 1], level=0.995)
    assert str(nearly_all).startswith("Harrell's C: 1 (99.5% interval")
    assert "Uno's C up to time 2:" in str(uno_c(time, event, [4, 2, 3, 1], tau=2))
    assert "3 followed on" in str(time_dependent_auc(time, event, [4, 2, 3, 1], 1))
    assert "Survival\n  1: 0.75" in str(kaplan_meier(time, event, 1))
    assert "observed to expected" in str(calibration_at(time, event, [0.5, 0.2, 0.4, 0.1], 3))
    brier = integrated_brier(time, event, np.full((4, 1), 0.5), [2])
    assert "Integrated Brier score" in str(brier)
