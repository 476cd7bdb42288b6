"""Decision curves against the R package dcurves, R's survfit, and by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from printed import printed_by_r
from sklearn.linear_model import LogisticRegression

from mirrisk.errors import MismatchError
from mirrisk.validation.net_benefit import DecisionCurve, net_benefit

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.vocabulary import FloatArray


@pytest.fixture(scope="module")
def printed() -> dict[str, FloatArray]:
    return printed_by_r("net_benefit")


def curve_of(printed: dict[str, FloatArray], kind: str) -> DecisionCurve:
    p, thresholds = printed["p"], printed["threshold"]
    if kind == "binary":
        return net_benefit(printed["y"], p, thresholds)
    events = printed["event" if kind == "survival" else "cause"]
    return net_benefit(events, p, thresholds, time=printed["time"], horizon=7)


@pytest.mark.parametrize("kind", ["binary", "survival", "competing"])
def test_curve_is_that_of_r(printed: dict[str, FloatArray], kind: str) -> None:
    curve = curve_of(printed, kind)
    columns = {
        "true positive": curve.true_positive_rate,
        "false positive": curve.false_positive_rate,
        "model": curve.model,
        "all": curve.treat_all,
        "standardised": curve.standardised,
        "avoided": curve.interventions_avoided,
    }
    for name, found in columns.items():
        assert found == pytest.approx(printed[f"{kind} {name}"].tolist(), abs=1e-12), name


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "reference" / "fitting" / "net_benefit"


def dcurves(folder: Path, kind: str, variable: str) -> pd.DataFrame:
    table = pd.read_csv(folder / f"r_simple_{kind}_dca_result_df.csv")
    return table[table["variable"] == variable].reset_index()


def test_binary_curve_is_that_of_dcurves(folder: Path) -> None:
    cohort = pd.read_csv(folder / "df_binary.csv")
    expected = dcurves(folder, "binary", "age")
    # dcurves turned age into a risk by logistic regression.
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000)
    risk = model.fit(cohort[["age"]], cohort["cancer"]).predict_proba(cohort[["age"]])[:, 1]
    curve = net_benefit(cohort["cancer"], risk, expected["threshold"])
    assert curve.model == pytest.approx(expected["net_benefit"].tolist(), abs=1e-9)
    assert curve.true_positive_rate == pytest.approx(expected["tp_rate"].tolist(), abs=1e-9)
    assert curve.false_positive_rate == pytest.approx(expected["fp_rate"].tolist(), abs=1e-9)
    treated = dcurves(folder, "binary", "all")["net_benefit"].tolist()
    assert curve.treat_all == pytest.approx(treated, abs=1e-9)
    assert curve.treat_none == tuple(dcurves(folder, "binary", "none")["net_benefit"])


def test_survival_curve_is_that_of_dcurves(folder: Path) -> None:
    cohort = pd.read_csv(folder / "df_surv.csv")
    expected = dcurves(folder, "surv", "famhistory")
    curve = net_benefit(
        cohort["cancer"],
        cohort["famhistory"],
        expected["threshold"],
        time=cohort["ttcancer"],
        horizon=1.5,
    )
    assert curve.prevalence == pytest.approx(0.2201127546956282, abs=1e-12)
    assert curve.model == pytest.approx(expected["net_benefit"].tolist(), abs=1e-9)
    assert curve.true_positive_rate == pytest.approx(expected["tp_rate"].tolist(), abs=1e-9)
    treated = dcurves(folder, "surv", "all")["net_benefit"].tolist()
    assert curve.treat_all == pytest.approx(treated, abs=1e-9)


# -- by hand ----------------------------------------------------------------------------------


def test_needless_actions_are_counted_at_the_price_of_the_threshold() -> None:
    curve = net_benefit([1, 1, 0, 0, 0], [0.8, 0.2, 0.5, 0.2, 0.1], 0.2)
    # Four are treated, two of them needed it; the odds of 0.2 are 1/4.
    assert curve.positive_rate == (0.8,)
    assert curve.model == pytest.approx((2 / 5 - 2 / 5 / 4,))
    assert curve.treat_all == pytest.approx((2 / 5 - 3 / 5 / 4,))
    assert curve.standardised == pytest.approx((0.3 / 0.4,))
    assert curve.interventions_avoided == pytest.approx((0.2,))  # one of five
    assert curve.treat_none == (0.0,)


def test_at_threshold_0_a_risk_of_0_is_not_treated() -> None:
    curve = net_benefit([1, 0], [0.0, 0.5], [0.0])
    assert curve.positive_rate == (0.5,)
    assert math.isnan(curve.interventions_avoided[0])


def test_nobody_above_the_threshold_is_treating_none() -> None:
    curve = net_benefit([1, 0, 0], [0.1, 0.2, 0.3], [0.9])
    assert (curve.model, curve.true_positive_rate) == ((0.0,), (0.0,))


def test_without_censoring_survival_data_are_a_binary_outcome() -> None:
    y, p, thresholds = [1, 0, 1, 0, 1], [0.9, 0.6, 0.4, 0.2, 0.1], [0.15, 0.3, 0.5]
    times = np.where(np.array(y) == 1, [1, 0, 2, 0, 3], 9)
    curve = net_benefit(y, p, thresholds, time=times, horizon=5)
    assert curve.model == pytest.approx(net_benefit(y, p, thresholds).model)


def test_cohort_without_events_has_a_curve_of_costs() -> None:
    curve = net_benefit([0, 0], [0.1, 0.6], [0.5])
    assert curve.model == (-0.5,)
    assert math.isnan(curve.standardised[0])


def test_those_treated_who_are_not_followed_have_no_benefit_known() -> None:
    # The two above the threshold are censored at 2; the others are followed to 9.
    curve = net_benefit(
        [0, 0, 1, 0], [0.9, 0.8, 0.1, 0.2], [0.05, 0.5], time=[2, 2, 4, 9], horizon=5
    )
    assert not math.isnan(curve.model[0])
    assert math.isnan(curve.model[1])


def test_table_has_a_row_per_threshold() -> None:
    table = net_benefit([1, 0, 1], [0.9, 0.3, 0.2], [0.25, 0.5]).to_frame()
    assert table["threshold"].tolist() == [0.25, 0.5]
    assert table["net_benefit"].tolist() == pytest.approx([1 / 3 - 1 / 9, 1 / 3])


def test_curve_tells_itself_in_few_lines() -> None:
    told = str(net_benefit([1, 0], [0.9, 0.3], np.linspace(0, 0.9, 91)))
    assert told.startswith("Net benefit on 2 samples, 50.0% with the event")
    assert len(told.splitlines()) == 12
    assert "(81 more thresholds)" in told


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"thresholds": [1.0]}, "threshold 1"),
        ({"thresholds": [-0.1]}, "threshold -0.1"),
        ({"thresholds": [math.nan]}, "NaN"),
        ({"p": [0.2, 1.5, 0.1]}, "outside 0 to 1"),
        ({"p": [0.2, 0.5]}, "3 samples"),
        ({"time": [1, 2, 3]}, "only time is given"),
        ({"horizon": 2}, "only horizon is given"),
        ({"time": [1, 2, 3], "horizon": 5}, "nobody is followed up to the horizon 5"),
        ({"time": [1, 2, 3], "horizon": 0}, "horizon is 0"),
        ({"time": [-1, 2, 3], "horizon": 2}, "negative"),
        ({"time": [1, 2], "horizon": 2}, "samples"),
        ({"y": [0, 1, 2]}, "y holds 2"),
    ],
)
def test_input_out_of_range_is_refused(change: dict[str, Any], what: str) -> None:
    given: dict[str, Any] = {"y": [1, 0, 1], "p": [0.2, 0.5, 0.9], "thresholds": [0.3]} | change
    y, p, thresholds = (given.pop(name) for name in ("y", "p", "thresholds"))
    with pytest.raises(MismatchError, match=what):
        net_benefit(y, p, thresholds, **given)
