"""Cox regression: glmnet's optimum, R's survival, and the conditions of optimality."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import minimize

from mirrisk.errors import InvalidExpressionError, MirriskError, MismatchError
from mirrisk.fitting.bounded_lasso import BoundedLasso
from mirrisk.fitting.cox import cox_lambda_max, fit_cox_path
from mirrisk.fitting.cox_likelihood import (
    cross_validated_deviance,
    fit_cox,
    log_partial_likelihood,
)
from mirrisk.fitting.endpoint import metastasis_free, time_to_metastasis
from mirrisk.fitting.hazard_calibration import breslow
from mirrisk.fitting.risk_sets import RiskSets

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.vocabulary import FloatArray

LAMBDAS = (0.2, 0.05, 0.01)
ODD = np.arange(8) % 2 == 0
# What reference/cox.R asked glmnet for.
CASES: dict[str, dict[str, Any]] = {
    "plain": {"alpha": 0.5},
    "lasso": {"alpha": 1.0},
    "ridge": {"alpha": 0.0},
    "unstandardised": {"alpha": 0.5, "standardize": False},
    "signs": {
        "alpha": 0.5,
        "lower": np.where(ODD, -np.inf, 0.0),
        "upper": np.where(ODD, 0.0, np.inf),
    },
    "limits": {"alpha": 0.5, "lower": -0.1, "upper": 0.05},
    "factors": {"alpha": 0.5, "penalty_factors": [0, 0.3, 0.3, 1, 1, 1, 1, 1]},
    "weights": {"alpha": 0.5},
    "entry": {"alpha": 0.5},
    "wide": {"alpha": 0.5},
}


@pytest.fixture(scope="module")
def printed(root: Path) -> dict[str, FloatArray]:
    """What R printed (reference/cox.R)."""
    text = (root / "tests" / "reference" / "cox.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("version")]
    return {name: np.array(values, dtype=float) for name, *values in rows}


def given(printed: dict[str, FloatArray], name: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The columns, times and events that R had."""
    columns = [values for key, values in printed.items() if key.startswith(f"{name} x")]
    return np.column_stack(columns), printed[f"{name} time"], (printed[f"{name} code"] == 1) + 0.0


def rows_of(case: str, printed: dict[str, FloatArray]) -> dict[str, FloatArray]:
    if case == "weights":
        return {"weights": printed["tall weight"]}
    return {"start": printed["tall start"]} if case == "entry" else {}


def cohort(n: int = 90, p: int = 10, seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Correlated columns of several scales and places, three of which matter; tied times."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, p)) + rng.normal(size=(n, 1))
    time = rng.exponential(20 * np.exp(-Z[:, 0] + Z[:, 1] - 0.5 * Z[:, 2]))
    end = rng.uniform(5, 60, n)
    X = Z * rng.uniform(0.2, 3, p) + rng.normal(8, 3, p)
    return X, np.ceil(np.minimum(time, end)), (time <= end).astype(float)


def log_likelihood_by_hand(time: FloatArray, event: FloatArray, eta: FloatArray) -> float:
    """The log partial likelihood, event by event."""
    return float(
        sum(
            eta[i] - np.log(sum(np.exp(eta[j]) for j in range(len(time)) if time[j] >= time[i]))
            for i in range(len(time))
            if event[i]
        )
    )


# -- other implementations --------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_reaches_the_optimum_of_glmnet(case: str, printed: dict[str, FloatArray]) -> None:
    X, time, event = given(printed, "wide" if case == "wide" else "tall")
    rows = rows_of(case, printed)
    path = fit_cox_path(X, time, event, lambdas=LAMBDAS, tolerance=1e-9, **rows, **CASES[case])
    for i, lam in enumerate(LAMBDAS):
        expected = printed[f"{case} {lam} coefficients"]
        np.testing.assert_allclose(path.objective[i], printed[f"{case} {lam} objective"], atol=1e-8)
        np.testing.assert_allclose(path.coefficients[i], expected, atol=1e-5)
        assert set(np.flatnonzero(path.coefficients[i])) == set(np.flatnonzero(expected))


def test_default_path_starts_where_that_of_glmnet_does(printed: dict[str, FloatArray]) -> None:
    start = cox_lambda_max(*given(printed, "tall"))
    assert start == pytest.approx(printed["lambda max"][0], rel=1e-9)
    path = fit_cox_path(*given(printed, "tall"), n_lambdas=5)
    assert path.lambdas[0] == pytest.approx(start)
    assert path.lambdas[-1] == pytest.approx(start * 1e-4)


@pytest.mark.parametrize("case", ["cox", "cox entry", "cox weights"])
def test_unpenalised_fit_and_baseline_are_those_of_survival(
    case: str, printed: dict[str, FloatArray]
) -> None:
    X, time, event = given(printed, "tall")
    X, rows = X[:, :4], rows_of(case.removeprefix("cox").strip(), printed)
    fit = fit_cox(X, time, event, **rows)
    expected = {part: printed[f"{case} {part}"] for part in ("coefficients", "se", "hazard")}
    np.testing.assert_allclose(fit.coefficients, expected["coefficients"], rtol=1e-8)
    np.testing.assert_allclose(fit.standard_errors, expected["se"], rtol=1e-6)
    np.testing.assert_allclose(
        [fit.log_likelihood, fit.null_log_likelihood], printed[f"{case} log-likelihood"], rtol=1e-10
    )
    risk = RiskSets.of(time, event, n_samples=len(X), **rows)
    hazard = breslow(risk, X @ fit.coefficients)(np.array([5, 10, 20, 30]))
    np.testing.assert_allclose(hazard, expected["hazard"], rtol=1e-7)


def test_unpenalised_coefficients_of_a_large_trial_are_those_of_survival(shared: Path) -> None:
    # survival 3.5-3, ties = "breslow".
    file = shared / "reference" / "fitting" / "gbsg_survival.csv"
    with file.open(encoding="utf-8") as lines:
        table = np.array(list(csv.reader(lines))[1:], dtype=float)
    expected = [
        -0.009386853926,
        0.266990163613,
        0.007718794379,
        0.280129963507,
        0.049887056783,
        -0.002238029684,
        0.000167961961,
        -0.337176203732,
    ]
    fit = fit_cox(table[:, 1:9], table[:, 9], table[:, 10])
    np.testing.assert_allclose(fit.coefficients, expected, atol=1e-9)
    # Efron's ties give 0.678, 0.273 and 0.456 there: of 686 samples few are tied.
    eta = table[:, 1:9] @ fit.coefficients
    hazard = breslow(RiskSets.of(table[:, 9], table[:, 10]), eta)(np.array([1095]))
    survival = np.exp(-hazard * np.exp(eta[:3]))
    np.testing.assert_allclose(survival, [0.6773673, 0.2725279, 0.4558467], atol=5e-4)


def test_coefficients_and_survival_are_those_of_scikit_survival() -> None:
    linear_model = pytest.importorskip("sksurv.linear_model")
    X, time, event = cohort()
    y = np.array(list(zip(event > 0, time, strict=True)), dtype=[("event", "?"), ("time", "<f8")])
    other = linear_model.CoxPHSurvivalAnalysis(ties="breslow", tol=1e-14).fit(X, y)
    fit = fit_cox(X, time, event)
    np.testing.assert_allclose(fit.coefficients, other.coef_, rtol=1e-6)
    survival = [curve(12) for curve in other.predict_survival_function(X[:5])]
    eta = X @ fit.coefficients
    hazard = breslow(RiskSets.of(time, event), eta)(np.array([12]))
    np.testing.assert_allclose(np.exp(-hazard * np.exp(eta[:5])), survival, atol=1e-8)


def test_held_out_deviance_is_that_of_survival_and_glmnet(printed: dict[str, FloatArray]) -> None:
    X, time, event = given(printed, "tall")
    train = np.arange(1, 81) % 4 != 0
    plain = fit_cox(X[train, :4], time[train], event[train]).coefficients
    deviance = cross_validated_deviance(time, event, X[:, :4] @ plain, train)
    assert deviance == pytest.approx(printed["held out deviance"][0], rel=1e-8)
    # glmnet's deviance is counted from the saturated model's.
    penalised = fit_cox_path(X[train], time[train], event[train], alpha=0.5, lambdas=[0.05, 9.0])
    deviances = cross_validated_deviance(time, event, penalised.coefficients @ X.T, train)
    expected = printed["held out glmnet"][0] + printed["held out glmnet saturated"][0]
    assert deviances.shape == (2,)
    assert deviances[1] == pytest.approx(expected, abs=1e-5)


def test_held_out_deviance_of_weighted_samples_is_that_of_repeated_ones() -> None:
    X, time, event = cohort()
    weights = np.random.default_rng(6).integers(1, 4, 90)
    train, eta = np.arange(90) % 3 != 0, 0.3 * X[:, 0]
    repeated = cross_validated_deviance(*(np.repeat(a, weights) for a in (time, event, eta, train)))
    # Weights are rescaled to a mean of 1, in the training part by the same factor.
    scale = 90 / weights.sum()
    moved = 2 * (event * weights)[~train].sum() * np.log(scale)
    weighted = cross_validated_deviance(time, event, eta, train, weights=weights)
    assert weighted == pytest.approx(scale * (repeated + moved), rel=1e-10)


# -- the partial likelihood by hand -----------------------------------------------------------


def test_log_partial_likelihood_by_hand() -> None:
    time, event = np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 1.0, 1.0, 0.0])
    eta = np.log([2.0, 1.0, 3.0, 4.0])
    # 2 of 10, then 1 of 8 and 3 of 8 (both tied events with all of their risk set).
    assert log_partial_likelihood(time, event, eta) == pytest.approx(np.log(2 / 10 * 1 / 8 * 3 / 8))
    X, time, event = cohort(30)
    etas = np.stack([X[:, 0], 0 * X[:, 0], -X[:, 1]])
    expected = [log_likelihood_by_hand(time, event, eta) for eta in etas]
    np.testing.assert_allclose(log_partial_likelihood(time, event, etas), expected, rtol=1e-12)


def test_a_sample_is_at_risk_after_its_start_up_to_its_time() -> None:
    # At time 2 the third has not yet begun (its start is not part of it), at 3 it is at risk.
    value = log_partial_likelihood([2, 3, 4], [1, 1, 0], [0, 0, 0], start=[0, 0, 2])
    assert value == pytest.approx(-np.log(2) - np.log(2))


def test_great_differences_of_risk_leave_the_likelihood_finite() -> None:
    value = log_partial_likelihood([1, 2, 3], [1, 1, 1], [250.0, 0.0, -250.0])
    assert value == pytest.approx(0, abs=1e-12)
    assert np.isfinite(log_partial_likelihood([1, 2, 3], [1, 1, 1], [-4000.0, 0.0, 4000.0]))


def test_baseline_without_predictors_is_nelson_aalen() -> None:
    hazard = breslow(RiskSets.of([2, 4, 4, 7, 9], [1, 1, 1, 0, 1]), np.zeros(5))
    first, second, third = 1 / 5, 2 / 4, 1 / 1
    expected = [0, first, first, first + second, first + second, first + second + third]
    np.testing.assert_allclose(hazard(np.array([1.9, 2, 3, 4, 8, 9])), expected)


# -- the optimum ------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(90, 10), (40, 120)])
@pytest.mark.parametrize("lower", [-np.inf, 0.0])
def test_solutions_meet_the_conditions_of_optimality(
    alpha: float, shape: tuple[int, int], lower: float
) -> None:
    X, time, event = cohort(*shape)
    path = fit_cox_path(X, time, event, alpha=alpha, n_lambdas=15, lower=lower)
    assert path.violation.max() <= 1e-7
    assert (path.coefficients >= lower).all()
    sds = X.std(axis=0)
    for lam, beta, objective in zip(path.lambdas, path.coefficients, path.objective, strict=True):
        gamma = beta * sds
        eta = X @ beta
        penalty = lam * np.sum(alpha * np.abs(gamma) + (1 - alpha) / 2 * gamma**2)
        value = -log_likelihood_by_hand(time, event, eta) / len(time) + penalty
        assert objective == pytest.approx(value, rel=1e-10)
        score = slopes(X / sds, time, event, eta) / len(time) - lam * (1 - alpha) * gamma
        nonzero = gamma != 0
        np.testing.assert_allclose(score[nonzero], lam * alpha * np.sign(gamma[nonzero]), atol=2e-7)
        assert (score[~nonzero] <= lam * alpha + 2e-7).all()
        if lower < 0:
            assert (score[~nonzero] >= -lam * alpha - 2e-7).all()


def slopes(Z: FloatArray, time: FloatArray, event: FloatArray, eta: FloatArray) -> FloatArray:
    """The gradient of the log partial likelihood, event by event."""
    total = np.zeros(Z.shape[1])
    for i in np.flatnonzero(event):
        risk = np.where(time >= time[i], np.exp(eta - eta.max()), 0.0)
        total += Z[i] - risk @ Z / risk.sum()
    return total


def test_reaches_the_optimum_of_a_general_optimiser_with_weights_limits_and_entry() -> None:
    # Coefficients kept positive, the penalty is smooth there: a bounded quasi-Newton method.
    X, time, event = cohort(60, 4, seed=3)
    rng = np.random.default_rng(4)
    rows = {"weights": rng.uniform(0.2, 3, 60), "start": np.floor(time * rng.random(60))}
    weights = rows["weights"] / rows["weights"].mean()
    sds = np.sqrt(weights / 60 @ (X - weights @ X / 60) ** 2)

    def value(beta: FloatArray) -> float:
        likelihood = log_partial_likelihood(time, event, X @ beta, **rows)
        gamma = beta * sds
        return float(-likelihood / 60 + 0.02 * np.sum(0.5 * gamma + 0.25 * gamma**2))

    found = minimize(
        value,
        np.full(4, 0.1),
        method="L-BFGS-B",
        bounds=[(0, 0.4)] * 4,
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    path = fit_cox_path(X, time, event, alpha=0.5, lambdas=[0.02], lower=0, upper=0.4, **rows)
    assert path.objective[0] <= found.fun + 1e-10
    np.testing.assert_allclose(path.coefficients[0], found.x, atol=1e-4)


def test_quadratic_subproblem_by_hand() -> None:
    # x**2 + y**2 - 3x + 5y + |x| + |y| and so on: each coordinate alone, (|b| - l1) / a.
    ones = np.ones(4)
    lasso = BoundedLasso(
        2 * np.eye(4), np.array([3.0, -5.0, 0.5, 9.0]), ones, -ones, np.array([2.0, 2.0, 2.0, 0.5])
    )
    np.testing.assert_allclose(lasso.minimum(np.zeros(4), 1e-12), [1.0, -1.0, 0.0, 0.5])
    np.testing.assert_allclose(lasso.minimum(-ones, 1e-12), [1.0, -1.0, 0.0, 0.5])


def test_quadratic_subproblem_meets_its_conditions_for_collinear_columns() -> None:
    rng = np.random.default_rng(1)
    for seed in range(20):
        A = rng.normal(size=(15, 40)) + 2 * rng.normal(size=(15, 1))
        matrix, linear = A.T @ A + 1e-8 * np.eye(40), A.T @ rng.normal(size=15)
        lower = np.where(rng.random(40) < 0.5, 0.0, -np.inf)
        x = BoundedLasso(matrix, linear, np.full(40, 0.5), lower, np.full(40, 0.3)).minimum(
            np.zeros(40), 1e-9
        )
        slope = linear - matrix @ x
        free = (x != 0) & (x < 0.3)
        np.testing.assert_allclose(slope[free], 0.5 * np.sign(x[free]), atol=1e-7, err_msg=seed)
        assert (slope[x == 0.3] >= 0.5 - 1e-7).all()
        assert (slope[x == 0] <= 0.5 + 1e-7).all()
        assert (slope[(x == 0) & (lower < 0)] >= -0.5 - 1e-7).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"alpha": 0.2},
        {"standardize": False},
        {"lower": 0.0},
        {"penalty_factors": [0.0, 0.0, *[1.0] * 8]},
        {"weights": np.tile([1.0, 3.0], 45)},
    ],
    ids=str,
)
def test_path_starts_where_the_first_coefficient_leaves_zero(arguments: dict[str, Any]) -> None:
    X, time, event = cohort()
    penalised = np.asarray(arguments.get("penalty_factors", np.ones(10))) > 0
    start = cox_lambda_max(X, time, event, **arguments)
    path = fit_cox_path(X, time, event, lambdas=[1.001 * start, 0.999 * start], **arguments)
    assert not path.coefficients[0, penalised].any()
    assert path.coefficients[1, penalised].any()


def test_a_column_without_penalty_is_fitted_by_maximum_likelihood() -> None:
    X, time, event = cohort()
    factors = np.array([0.0, 0.0, *[1.0] * 8])
    path = fit_cox_path(X, time, event, lambdas=[1e3], penalty_factors=factors)
    expected = fit_cox(X[:, :2], time, event).coefficients
    np.testing.assert_allclose(path.coefficients[0, :2], expected, rtol=1e-6)


# -- what must not matter ---------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_order_of_samples_and_columns_does_not_matter(alpha: float) -> None:
    X, time, event = cohort(40, 90)
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(40), rng.permutation(90)
    path = fit_cox_path(X, time, event, alpha=alpha, n_lambdas=8)
    other = fit_cox_path(X[rows][:, columns], time[rows], event[rows], alpha=alpha, n_lambdas=8)
    np.testing.assert_allclose(other.objective, path.objective, atol=1e-10)
    np.testing.assert_allclose(other.coefficients, path.coefficients[:, columns], atol=1e-4)


def test_unit_of_time_and_place_and_scale_of_columns_do_not_matter() -> None:
    X, time, event = cohort()
    scale = np.geomspace(1e-6, 1e6, 10)
    path = fit_cox_path(X, time, event, n_lambdas=8)
    other = fit_cox_path(X * scale + 100 * scale, time / 365.25, event > 0, n_lambdas=8)
    np.testing.assert_allclose(other.objective, path.objective, atol=1e-10)
    np.testing.assert_allclose(other.coefficients * scale, path.coefficients, atol=1e-6)


def test_a_weight_of_two_is_a_sample_given_twice_and_of_zero_one_left_out() -> None:
    X, time, event = cohort()
    weights = np.random.default_rng(5).integers(0, 3, len(time))
    twice = [np.repeat(a, weights, axis=0) for a in (X, time, event)]
    weighted = fit_cox_path(X, time, event, lambdas=[0.1, 0.01], weights=weights)
    repeated = fit_cox_path(*twice, lambdas=[0.1, 0.01])
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, atol=1e-6)
    # Weights are rescaled to a mean of 1 over those above 0, which moves the likelihood by a
    # constant alone: per event the log of the scale, as many events as there are by weight.
    scale = np.count_nonzero(weights) / weights.sum()
    moved = event @ weights / weights.sum() * np.log(scale)
    np.testing.assert_allclose(weighted.objective, repeated.objective + moved, atol=1e-10)


def test_follow_up_cut_into_rows_gives_the_same_fit() -> None:
    X, time, event = cohort()
    cut = np.floor(time / 2)
    two = np.flatnonzero(cut > 0)
    path = fit_cox_path(X, time, event, lambdas=[0.05])
    rows = fit_cox_path(
        X,
        np.concatenate([time, cut[two]]),
        np.concatenate([event, 0 * two]),
        start=np.concatenate([cut, 0 * two]),
        sample=np.concatenate([np.arange(len(time)), two]),
        lambdas=[0.05],
    )
    np.testing.assert_allclose(rows.coefficients, path.coefficients, atol=1e-9)
    np.testing.assert_allclose(rows.objective, path.objective, atol=1e-12)


def test_constant_columns_get_zero() -> None:
    X, time, event = cohort()
    path = fit_cox_path(np.column_stack([X, np.full(90, 0.1)]), time, event, lambdas=[0.02])
    assert path.coefficients[0, -1] == 0
    assert path.coefficients[0, :-1].any()


def test_all_coefficients_held_at_zero() -> None:
    X, time, event = cohort()
    path = fit_cox_path(X, time, event, n_lambdas=3, lower=0, upper=0)
    assert not path.coefficients.any()
    null = log_likelihood_by_hand(time, event, np.zeros(90))
    np.testing.assert_allclose(path.objective, -null / 90)


# -- what cannot be fitted --------------------------------------------------------------------


def test_a_column_that_ranks_all_events_is_fitted_only_with_a_penalty() -> None:
    time = np.arange(1.0, 21.0)
    X = np.column_stack([-time, np.cos(time)])
    with pytest.raises(MismatchError, match="grows without end"):
        fit_cox(X, time, np.ones(20))
    with pytest.raises(MismatchError, match="columns 0: the likelihood grows without end"):
        fit_cox_path(X, time, np.ones(20), penalty_factors=[0, 1])
    path = fit_cox_path(X, time, np.ones(20), n_lambdas=5)
    assert path.coefficients[-1, 0] > 0
    assert path.violation.max() <= 1e-7


def test_dependent_and_constant_columns_have_no_fit_without_penalty() -> None:
    X, time, event = cohort()
    with pytest.raises(MismatchError, match="depend linearly"):
        fit_cox(np.column_stack([X[:, :2], X[:, 0] - 2 * X[:, 1]]), time, event)
    with pytest.raises(MismatchError, match="columns 1: constant columns"):
        fit_cox(np.column_stack([X[:, 0], np.ones(90)]), time, event)


ENDPOINTS = (metastasis_free, time_to_metastasis)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("time", "event", "message"),
    [
        ([1, -2, 3], [1, 0, 0], "row 1: the time is negative"),
        ([1, 0, 0], [1, 0, 0], "rows 1, 2: the time is zero.*\n.*\n.*finer unit"),
        ([1, np.nan, 3], [1, 0, 0], "row 1: the time is missing"),
        ([1, np.inf, 3], [1, 0, 0], "row 1: the time is missing or infinite"),
        ([1, 2, 3], [0, 0, 0], "no event"),
        ([1, 2, 3], [1, 3, 0], "row 1: event holds 3"),
        ([1, 2, 3], [1, 0.5, 0], "row 1: event holds 0.5"),
        ([1, 2, 3], [1, np.nan, 0], "row 1: event holds nan"),
        ([1, 2, 3], ["yes", "no", "no"], "event is not numeric"),
        ([1, 2], [1, 0, 0], r"time has the shape \(2,\), event \(3,\)"),
        ([], [], "time has the shape"),
    ],
)
def test_unusable_times_and_events_are_one_clear_error(
    endpoint: Any, time: list[float], event: list[Any], message: str
) -> None:
    with pytest.raises(MismatchError, match=message):
        endpoint(time, event)


def test_errors_name_samples_by_what_a_user_calls_them() -> None:
    with pytest.raises(MismatchError, match="samples B, C, D, E, F and 1 more: the time is zero"):
        metastasis_free([1, 0, 0, 0, 0, 0, 0], [1] * 7, samples=list("ABCDEFG"))
    with pytest.raises(MismatchError, match="samples names 1, time has 2"):
        metastasis_free([1, 2], [1, 1], samples=["A"])


def test_death_is_an_event_or_competes() -> None:
    event = [0, 1, 2]
    np.testing.assert_array_equal(metastasis_free([1, 2, 3], event).event, [0, 1, 1])
    np.testing.assert_array_equal(time_to_metastasis([1, 2, 3], event).event, [0, 1, 2])
    np.testing.assert_array_equal(metastasis_free([1, 2], [True, False]).event, [1, 0])
    assert metastasis_free([1, 2], [2, 0]).event.sum() == 1
    with pytest.raises(MismatchError, match="only censored samples and competing events"):
        time_to_metastasis([1, 2], [2, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event": np.full(90, 2.0)}, "event holds 2, a competing event"),
        ({"time": np.ones(3), "event": np.ones(3)}, "time has 3 rows, X has 90"),
        ({"start": np.full(90, 1e9)}, "row 0: start is 1e"),
        ({"start": -np.ones(90)}, "row 0: start is -1"),
        ({"start": [0.0]}, "start has the shape"),
        ({"weights": -np.ones(90)}, "a weight is negative"),
        ({"weights": np.zeros(90)}, "every event has the weight 0"),
        ({"weights": [1.0]}, "weights has the shape"),
        ({"sample": np.full(90, 90)}, "sample holds 90 to 90, X has 90 rows"),
        ({"sample": np.zeros(90)}, "holds float64"),
        ({"alpha": 1.5}, "alpha=1.5"),
        ({"tolerance": 0}, "tolerance=0"),
        ({"lambdas": [0.0]}, "lambdas holds 0.0"),
        ({"lower": 0.1}, "rules out the coefficient 0"),
        ({"penalty_factors": np.zeros(10)}, "all are 0"),
        ({"X": np.ones(90)}, "X has the shape"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_wrong_input_is_one_clear_error(change: dict[str, Any], message: str) -> None:
    X, time, event = cohort()
    with pytest.raises(MirriskError, match=message):
        fit_cox_path(**{"X": X, "time": time, "event": event, **change})


def test_a_cell_without_a_finite_number_is_named() -> None:
    X, time, event = cohort()
    X[5, 7] = np.nan
    with pytest.raises(InvalidExpressionError, match="row 5, column 7: X holds nan"):
        fit_cox_path(X, time, event)


def test_training_must_say_which_samples() -> None:
    with pytest.raises(MismatchError, match="training holds int"):
        cross_validated_deviance([1, 2], [1, 1], [0, 0], [0, 1])
    with pytest.raises(MismatchError, match="every event has the weight 0"):
        cross_validated_deviance([1, 2], [1, 0], [0, 0], [False, True])


def test_input_is_not_changed() -> None:
    X, time, event = cohort()
    before = [a.copy() for a in (X, time, event)]
    fit_cox_path(X, time, event, n_lambdas=3)
    for array, copy in zip((X, time, event), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("n", [10, 30, 100, 400])
def test_covariate_that_orders_all_events_is_refused_whatever_their_number(n: int) -> None:
    x = np.random.default_rng(0).normal(size=n)
    time = np.argsort(np.argsort(-x)) + 1.0
    with pytest.raises(MismatchError, match="grows without end"):
        fit_cox(x[:, None], time, np.ones(n))
