"""The closed test against R's glm, on simulated data and on the given scenarios."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mirrisk.errors import MismatchError
from mirrisk.fitting.closed_test import ClosedTest, closed_test

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.vocabulary import FloatArray


@pytest.fixture(scope="module")
def printed(root: Path) -> dict[str, FloatArray]:
    """What R printed (reference/closed_test.R)."""
    text = (root / "tests" / "reference" / "closed_test.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("version")]
    return {name: np.array(values, dtype=float) for name, *values in rows}


@pytest.fixture(scope="module", name="X")
def predictors(printed: dict[str, FloatArray]) -> FloatArray:
    return np.column_stack([printed["x1"], printed["x2"], printed["x3"]])


@pytest.fixture(scope="module")
def y(printed: dict[str, FloatArray]) -> FloatArray:
    return printed["y"]


def predictor(X: FloatArray, model: FloatArray) -> FloatArray:
    return model[0] + X @ model[1:]


def log_likelihoods(result: ClosedTest) -> list[float]:
    return [fit.log_likelihood for fit in result.fits]


# What R's p-values select at a level of 5%.
UPDATES = ("original", "in the large", "logistic recalibration", "revision")
CHOICES = {
    "masked": "original",
    "original": "original",
    "in_the_large": "in the large",
    "recalibration": "logistic recalibration",
    "revision": "revision",
}


@pytest.mark.parametrize(("model", "chosen"), CHOICES.items())
class TestSimulatedCohort:
    @pytest.fixture
    def result(
        self, printed: dict[str, FloatArray], X: FloatArray, y: FloatArray, model: str
    ) -> ClosedTest:
        return closed_test(predictor(X, printed[f"{model} model"]), X, y)

    def test_update_is_the_one_of_r(self, result: ClosedTest, model: str, chosen: str) -> None:
        assert result.chosen == result.chosen_fit.update == chosen

    def test_log_likelihoods_are_those_of_r(
        self, result: ClosedTest, printed: dict[str, FloatArray], model: str, chosen: str
    ) -> None:
        expected = printed[f"{model} log-likelihood"]
        assert log_likelihoods(result) == pytest.approx(expected, rel=1e-11)

    def test_tests_are_those_of_r(
        self, result: ClosedTest, printed: dict[str, FloatArray], model: str, chosen: str
    ) -> None:
        assert tuple(test.null for test in result.tests) == UPDATES[:3]
        assert {test.alternative for test in result.tests} == {"revision"}
        assert [test.df for test in result.tests] == [4, 3, 2]
        statistics = [test.statistic for test in result.tests]
        assert statistics == pytest.approx(printed[f"{model} statistic"], rel=1e-9)
        p_values = [test.p_value for test in result.tests]
        assert p_values == pytest.approx(printed[f"{model} p"], rel=1e-9)

    @pytest.mark.parametrize("update", UPDATES[1:])
    def test_coefficients_and_standard_errors_are_those_of_r(
        self,
        result: ClosedTest,
        printed: dict[str, FloatArray],
        model: str,
        chosen: str,
        update: str,
    ) -> None:
        fit = next(fit for fit in result.fits if fit.update == update)
        expected = printed[f"{model} {update}"]
        assert [*fit.coefficients, *fit.standard_errors] == pytest.approx(expected, rel=1e-8)

    def test_without_predictors_recalibration_is_the_most_extensive(
        self,
        printed: dict[str, FloatArray],
        X: FloatArray,
        y: FloatArray,
        model: str,
        chosen: str,
    ) -> None:
        result = closed_test(predictor(X, printed[f"{model} model"]), None, y)
        p_values = printed[f"{model} p without predictors"]
        assert [test.df for test in result.tests] == [2, 1]
        assert [test.p_value for test in result.tests] == pytest.approx(p_values, rel=1e-9)
        kept = [update for update, p in zip(UPDATES[:2], p_values, strict=True) if p >= 0.05]
        assert result.chosen == [*kept, "logistic recalibration"][0]


def test_level_decides_what_is_chosen(
    printed: dict[str, FloatArray], X: FloatArray, y: FloatArray
) -> None:
    # R: the last test of this model has p = 0.00156.
    lp = predictor(X, printed["revision model"])
    assert closed_test(lp, X, y, alpha=0.002).chosen == "revision"
    assert closed_test(lp, X, y, alpha=0.001).chosen == "logistic recalibration"


def test_tests_after_the_first_that_does_not_reject_do_not_count(
    printed: dict[str, FloatArray], X: FloatArray, y: FloatArray
) -> None:
    first, *later = printed["masked p"]
    assert first >= 0.05 > max(later)
    assert closed_test(predictor(X, printed["masked model"]), X, y).chosen == "original"


# -- the given scenarios ----------------------------------------------------------------------

# Printed by R 4.2.2: closed_test_aSAH.txt, public data of aneurysmal subarachnoid haemorrhage.
LOGLIK = {
    "given": (-59.8068405880, -59.7875935201, -56.5391347005, -56.5391347005),
    "shift": (-79.17893568, -56.53913470, -56.53913470, -56.53913470),
    "shrink_shift": (-77.18583141, -59.96622523, -56.53913470, -56.53913470),
    "wrong": (-77.53675863, -72.28783051, -70.72150283, -56.53913470),
}
STATISTIC = {
    "given": (6.53541177509, 6.49691763912, 0),
    "shift": (45.279602, 0, 0),
    "shrink_shift": (41.2933934, 6.8541811, 0),
    "wrong": (41.995248, 31.497392, 28.364736),
}
P_VALUE = {
    "given": (0.257546992109, 0.16498470059, 1),
    "shift": (1.27285e-08, 1, 1),
    "shrink_shift": (8.18554e-08, 1.43798e-01, 1),
    "wrong": (5.90346e-08, 2.42331e-06, 3.04494e-06),
}
COEFFICIENTS = {
    "given": (-0.0525737119593, -0.24999998974, 0.625000016245),
    "shift": (-1.5, -1.5, 1.0),
    "shrink_shift": (-1.1823923, -1.8, 2.0),
    "wrong": (0.70678692, 0.16460262, 0.56162397),
}
SELECTED = {
    "given": "original",
    "shift": "in the large",
    "shrink_shift": "in the large",
    "wrong": "revision",
}


@pytest.fixture(scope="module")
def patients(root: Path) -> pd.DataFrame:
    folder = root.parent / "shared" / "reference" / "fitting"
    if not folder.is_dir():
        pytest.skip("needs the public data in ../shared, which is not here")
    lp = pd.read_csv(folder / "closed_test_lp.csv")["lp"]
    return pd.read_csv(folder / "aSAH.csv").assign(lp=lp)


# What R's glm, stopping at 1e-8, fits to these patients: intercept, age, male, s100b, ndka.
FITTED = (-4.4347054329957, 0.0334983543072, 1.1024872931816, 4.9955157093349, 0.0290375276409)


def scenario(patients: pd.DataFrame, name: str) -> pd.Series:
    """Return the linear predictor of a scenario, as closed_test_aSAH.txt describes it."""
    fitted = FITTED[0] + patients[["age", "male", "s100b", "ndka"]] @ FITTED[1:]
    wrong = -3 + 0.03 * patients["age"] - patients["male"] + 2 * patients["s100b"]
    return {
        "given": patients["lp"],
        "shift": fitted + 1.5,
        "shrink_shift": 0.9 + 0.5 * fitted,
        "wrong": wrong,
    }[name]


@pytest.mark.parametrize("name", SELECTED)
def test_given_scenario(patients: pd.DataFrame, name: str) -> None:
    X = patients[["age", "male", "s100b", "ndka"]]
    result = closed_test(scenario(patients, name), X, patients["y"])
    assert result.chosen == SELECTED[name]
    assert (result.n, result.events) == (113, 41)
    assert log_likelihoods(result) == pytest.approx(LOGLIK[name], abs=6e-9)
    assert [test.df for test in result.tests] == [5, 4, 3]
    statistics = [test.statistic for test in result.tests]
    assert statistics == pytest.approx(STATISTIC[name], abs=6e-7)
    assert [test.p_value for test in result.tests] == pytest.approx(P_VALUE[name], rel=4e-6)
    _, in_the_large, recalibration, _ = result.fits
    coefficients = (*in_the_large.coefficients, *recalibration.coefficients)
    # R stops its iterations at 1e-8: its last digits are not the maximum's.
    assert coefficients == pytest.approx(COEFFICIENTS[name], abs=1e-7)


# -- what must not matter ---------------------------------------------------------------------


def test_units_of_the_predictors_do_not_matter(
    printed: dict[str, FloatArray], X: FloatArray, y: FloatArray
) -> None:
    lp = predictor(X, printed["revision model"])
    units = np.array([1e6, 1e-6, 1.0])
    result, scaled = closed_test(lp, X, y), closed_test(lp, X * units + 5 * units, y)
    assert log_likelihoods(scaled) == pytest.approx(log_likelihoods(result), rel=1e-11)
    slopes = np.array(scaled.coefficients[1:]) * units
    assert slopes == pytest.approx(np.array(result.coefficients[1:]), rel=1e-7)


def test_order_of_the_samples_does_not_matter(
    printed: dict[str, FloatArray], X: FloatArray, y: FloatArray
) -> None:
    lp = predictor(X, printed["recalibration model"])
    result, turned = closed_test(lp, X, y), closed_test(lp[::-1], X[::-1], y[::-1])
    assert turned.coefficients == pytest.approx(result.coefficients, rel=1e-9)


@pytest.mark.parametrize("kind", [bool, int, object])
def test_outcome_may_be_of_any_kind_of_zeros_and_ones(
    printed: dict[str, FloatArray], X: FloatArray, y: FloatArray, kind: type
) -> None:
    lp = predictor(X, printed["original model"])
    assert closed_test(lp, X, y.astype(kind)) == closed_test(lp, X, y)


def test_revision_of_a_single_predictor_is_its_recalibration(X: FloatArray, y: FloatArray) -> None:
    lp = 0.3 * X[:, 0] - 5
    assert closed_test(lp, X[:, :1], y) == closed_test(lp, None, y)


def test_log_odds_far_off_are_brought_back(
    printed: dict[str, FloatArray], X: FloatArray, y: FloatArray
) -> None:
    # R: -0.10471 for the same model without the shift.
    result = closed_test(predictor(X, printed["original model"]) + 800, X, y)
    assert result.chosen == "in the large"
    assert result.coefficients == pytest.approx([-800.104712351314985], abs=1e-9)


# -- errors -----------------------------------------------------------------------------------


def with_column(X: FloatArray, column: Any) -> FloatArray:
    return np.column_stack([X, np.broadcast_to(column, len(X))])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda lp, X, y: (2 * y - 1, None, y), "logistic recalibration separates"),
        (lambda lp, X, y: (lp, with_column(X, y), y), "revision separates"),
        # Quasi-complete: among the first samples the new predictor tells nothing.
        (
            lambda lp, X, y: (lp, with_column(X, np.where(np.arange(len(y)) < 40, 0, y)), y),
            "revision separates",
        ),
        (lambda lp, X, y: (lp * 1e6, X, y), "recalibration in the large does not converge"),
        (lambda lp, X, y: (lp, X, y * 0), "160 non-events only"),
        (lambda lp, X, y: (lp, X, y * 0 + 1), "160 events only"),
        (lambda lp, X, y: (lp, X, np.where(y == 1, "yes", "no")), "y holds 'no'"),
        (lambda lp, X, y: (lp, X, y + 1), "y holds 2.0"),
        (lambda lp, X, y: (lp, X, [*y[:-1], None]), "y holds None"),
        (lambda lp, X, y: (lp, X, [*y[:-1], pd.NA]), "y holds <NA>"),
        (lambda lp, X, y: (lp, X, y[:, np.newaxis]), r"y has shape \(160, 1\)"),
        (lambda lp, X, y: (lp[1:], X, y), r"linear_predictor has shape \(159,\)"),
        (lambda lp, X, y: (lp * 0 + 1, X, y), "linear_predictor is 1 for every sample"),
        (lambda lp, X, y: ([*lp[:-1], np.nan], X, y), "sample 160: the value is nan"),
        (lambda lp, X, y: (lp, with_column(X, np.inf), y), "sample 1: the value is inf"),
        (lambda lp, X, y: (lp, [["a"]] * len(y), y), "holds no numbers"),
        (lambda lp, X, y: (lp, X[1:], y), r"X has shape \(159, 3\)"),
        (lambda lp, X, y: (lp, X[:, :0], y), r"X has shape \(160, 0\)"),
        (lambda lp, X, y: (lp[:4], X[:4], y[:4]), "3 predictors in 4 samples"),
        (lambda lp, X, y: (lp, with_column(X, 1.0), y), "column 4: a predictor is the same"),
        (lambda lp, X, y: (lp, with_column(X, X[:, 0] - 2 * X[:, 1]), y), "linear combination of"),
        (lambda lp, X, y: (lp, X[:, :2], y), "no linear combination of the columns of X"),
        (lambda lp, X, y: (lp, X[::-1], y), "no linear combination of the columns of X"),
    ],
)
def test_input_that_cannot_be_tested_is_a_clear_error(
    printed: dict[str, FloatArray], X: FloatArray, y: FloatArray, change: Any, what: str
) -> None:
    lp = predictor(X, printed["original model"])
    with pytest.raises(MismatchError, match=what) as caught:
        closed_test(*change(lp, X, y))
    assert caught.value.expected


@pytest.mark.parametrize("alpha", [0, 1, -0.05, float("nan")])
def test_level_out_of_range_is_refused(X: FloatArray, y: FloatArray, alpha: float) -> None:
    with pytest.raises(MismatchError, match="alpha is"):
        closed_test(X[:, 0], None, y, alpha=alpha)


def test_import_loads_no_optimiser() -> None:
    code = (
        "import sys, mirrisk.fitting.closed_test, mirrisk.fitting.sample_size\n"
        "print([m for m in ('scipy.optimize', 'scipy.stats', 'sklearn') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
