"""Elastic net: glmnet's optimum, by its figures, by scikit-learn and by the conditions."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from mirrisk.errors import InvalidExpressionError, MirriskError, MirriskWarning
from mirrisk.fitting import proximal_newton
from mirrisk.fitting.elastic_net import Path, fit_path, lambda_max
from mirrisk.fitting.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path as File

    from mirrisk.vocabulary import FloatArray

GLMNET_P = 25
ALTERNATING = np.arange(GLMNET_P) % 2 == 0
# glmnet 4.1-6 in R 4.2.2: binomial, alpha 0.5, lambda 0.05, standardize = FALSE, thresh 1e-14.
GLMNET: dict[str, dict[str, Any]] = {
    "plain": {
        "arguments": {},
        "objective": 0.586539920926,
        "intercept": -0.07219983049,
        "coefficients": {
            1: 0.517327688,
            2: -0.283349688,
            5: 0.100640926,
            6: -0.044222077,
            7: -0.150391051,
            9: -0.131719034,
            11: 0.209039743,
            13: -0.146510494,
            15: -0.152449893,
            16: -0.484124005,
            17: -0.344587031,
            20: 0.450800408,
            22: 0.068053450,
            23: 0.087264028,
            25: -0.048576511,
        },
    },
    "signs": {
        "arguments": {
            "lower": np.where(ALTERNATING, 0.0, -np.inf),
            "upper": np.where(ALTERNATING, np.inf, 0.0),
        },
        "objective": 0.629261473382,
        "intercept": -0.03805128702,
        "coefficients": {
            1: 0.507965745,
            2: -0.310228242,
            5: 0.054642377,
            6: -0.129325558,
            11: 0.262927691,
            16: -0.394592761,
            19: 0.020220207,
            23: 0.097442585,
        },
    },
    "penalty factors": {
        "arguments": {"penalty_factors": np.where(np.arange(GLMNET_P) < 5, 0.3, 1.0)},
        "objective": 0.574128802255,
        "intercept": -0.09637853163,
        "coefficients": {
            1: 0.672234770,
            2: -0.452524194,
            3: 0.067265661,
            5: 0.234659147,
            6: -0.025344556,
            7: -0.116801221,
            9: -0.129879567,
            11: 0.201173590,
            13: -0.124401674,
            15: -0.114916538,
            16: -0.476842757,
            17: -0.307991520,
            20: 0.429267635,
            22: 0.080095224,
            23: 0.031768543,
        },
    },
}


def cohort(n: int = 80, p: int = 12, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Correlated columns of several scales and places, three of which matter."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, p)) + rng.normal(size=(n, 1))
    y = (rng.random(n) < expit(Z[:, 0] - Z[:, 1] + 0.5 * Z[:, 2])).astype(float)
    return Z * rng.uniform(0.2, 3, p) + rng.normal(8, 3, p), y


def objective_of(
    X: FloatArray, y: FloatArray, intercept: float, beta: FloatArray, lam: float, alpha: float
) -> float:
    """glmnet's objective for equal factors, written out sample by sample."""
    eta = [intercept + sum(x * b for x, b in zip(row, beta, strict=True)) for row in X]
    losses = [
        np.log1p(np.exp(-e)) if yi else np.log1p(np.exp(e)) for e, yi in zip(eta, y, strict=True)
    ]
    penalty = sum(alpha * abs(b) + (1 - alpha) / 2 * b * b for b in beta)
    return float(np.mean(losses) + lam * penalty)


def selected(path: Path) -> list[set[int]]:
    return [set(np.flatnonzero(row).tolist()) for row in path.coefficients]


# -- other implementations --------------------------------------------------------------------


@pytest.fixture(scope="module")
def glmnet_data(shared: File) -> tuple[FloatArray, FloatArray]:
    with (shared / "reference" / "fitting" / "glmnet_small.csv").open(encoding="utf-8") as file:
        table = np.array(list(csv.reader(file))[1:], dtype=float)
    return table[:, 1:], table[:, 0]


@pytest.mark.parametrize("case", GLMNET)
def test_reaches_the_optimum_of_glmnet(
    case: str, glmnet_data: tuple[FloatArray, FloatArray]
) -> None:
    X, y = glmnet_data
    expected = GLMNET[case]
    path = fit_path(X, y, alpha=0.5, lambdas=[0.05], standardize=False, **expected["arguments"])
    coefficients = np.zeros(GLMNET_P)
    for position, value in expected["coefficients"].items():
        coefficients[position - 1] = value
    assert path.objective[0] == pytest.approx(expected["objective"], abs=1e-11)
    assert path.intercepts[0] == pytest.approx(expected["intercept"], abs=1e-7)
    np.testing.assert_allclose(path.coefficients[0], coefficients, atol=1e-7)
    assert selected(path)[0] == set(np.flatnonzero(coefficients))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_reaches_the_optimum_of_scikit_learn(alpha: float) -> None:
    X, y = cohort()
    X = (X - X.mean(axis=0)) / X.std(axis=0)  # saga needs it, and knows no standardisation
    lam = 0.03
    other = LogisticRegression(
        C=1 / (len(y) * lam), l1_ratio=alpha, solver="saga", tol=1e-12, max_iter=100_000
    ).fit(X, y)
    path = fit_path(X, y, alpha=alpha, lambdas=[lam])
    best = objective_of(X, y, other.intercept_[0], other.coef_[0], lam, alpha)
    assert path.objective[0] == pytest.approx(best, abs=1e-10)
    np.testing.assert_allclose(path.coefficients[0], other.coef_[0], atol=1e-5)


def test_reaches_the_optimum_of_a_general_optimiser_under_limits_and_weights() -> None:
    # Coefficients kept positive, the penalty is smooth there: a bounded quasi-Newton method.
    X, y = cohort(n=60, p=5, seed=3)
    weights = np.random.default_rng(4).integers(0, 4, len(y)).astype(float)
    lam, alpha = 0.02, 0.5
    mass = weights / weights.sum()
    sds = np.sqrt(mass @ (X - mass @ X) ** 2)

    def value(parameters: FloatArray) -> float:
        eta = parameters[0] + (X - mass @ X) @ parameters[1:]
        gamma = parameters[1:] * sds
        penalty = np.sum(alpha * gamma + (1 - alpha) / 2 * gamma**2)
        return float(mass @ (np.logaddexp(0, eta) - y * eta) + lam * penalty)

    found = minimize(
        value,
        np.zeros(6),
        method="L-BFGS-B",
        bounds=[(None, None)] + [(0, 0.4)] * 5,
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    path = fit_path(X, y, alpha=alpha, lambdas=[lam], lower=0, upper=0.4, weights=weights)
    assert path.objective[0] == pytest.approx(found.fun, abs=1e-9)
    np.testing.assert_allclose(path.coefficients[0], found.x[1:], atol=1e-4)


# -- conditions of optimality -----------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(80, 12), (40, 150)])
def test_solutions_meet_the_conditions_of_optimality(alpha: float, shape: tuple[int, int]) -> None:
    X, y = cohort(*shape)
    path = fit_path(X, y, alpha=alpha, n_lambdas=20)
    sds = X.std(axis=0)
    for lam, intercept, beta in zip(path.lambdas, path.intercepts, path.coefficients, strict=True):
        residual = (y - expit(intercept + X @ beta)) / len(y)
        gamma = beta * sds
        score = (residual @ ((X - X.mean(axis=0)) / sds)) - lam * (1 - alpha) * gamma
        assert abs(residual.sum()) < 1e-6
        nonzero = gamma != 0
        np.testing.assert_allclose(score[nonzero], lam * alpha * np.sign(gamma[nonzero]), atol=1e-6)
        assert (np.abs(score[~nonzero]) <= lam * alpha + 1e-6).all()
    assert path.violation.max() < 1e-6


def test_violation_is_the_slope_that_is_left() -> None:
    # One column +-1, half of each class: at 0 the slope is -1/2 + lambda.
    X, y = [[-1.0], [1.0], [-1.0], [1.0]], [0, 1, 0, 1]
    problem = Problem.of(
        X,
        y,
        alpha=1.0,
        lower=-np.inf,
        upper=np.inf,
        penalty_factors=None,
        weights=None,
        standardize=True,
    )
    zero = np.zeros((2, 1))
    eta = problem.linear_predictors(np.zeros(2), zero)
    violation = problem.violation(np.array([0.1, 0.7]), zero, eta)
    np.testing.assert_allclose(violation, [0.4, 0.0], atol=1e-12)


def test_limits_are_respected_and_reached() -> None:
    X, y = cohort()
    free = fit_path(X, y, lambdas=[0.01])
    wrong = np.sign(free.coefficients[0])  # forbid every sign that the data ask for
    lower = np.where(wrong < 0, 0.0, -np.inf)
    upper = np.where(wrong > 0, 0.0, np.inf)
    path = fit_path(X, y, n_lambdas=15, lower=lower, upper=upper)
    assert (path.coefficients >= lower).all()
    assert (path.coefficients <= upper).all()
    assert path.violation.max() < 1e-6

    tight = fit_path(X, y, lambdas=[0.01], lower=-0.05, upper=0.05)
    assert np.abs(tight.coefficients).max() == pytest.approx(0.05, abs=1e-12)
    assert tight.objective[0] > free.objective[0]


def test_limits_are_on_the_scale_of_the_table() -> None:
    X, y = cohort()
    path = fit_path(X * 1000, y, lambdas=[0.01], lower=-1e-5, upper=1e-5)
    assert np.abs(path.coefficients).max() == pytest.approx(1e-5, rel=1e-9)


# -- the path ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"alpha": 0.2},
        {"standardize": False},
        {"lower": 0.0},
        {"penalty_factors": [0.0, 0.0, *[1.0] * 10]},
        {"penalty_factors": np.arange(1.0, 13.0)},
        {"weights": np.tile([1.0, 3.0], 40)},
    ],
    ids=str,
)
def test_path_starts_where_the_first_coefficient_leaves_zero(arguments: dict[str, Any]) -> None:
    X, y = cohort()
    factors = np.asarray(arguments.get("penalty_factors", np.ones(12)))
    start = lambda_max(X, y, **arguments)
    path = fit_path(X, y, lambdas=[1.001 * start, 0.999 * start], **arguments)
    penalised = path.coefficients[:, factors > 0]
    assert not penalised[0].any()
    assert penalised[1].any()
    assert fit_path(X, y, n_lambdas=3, **arguments).lambdas[0] == pytest.approx(start)


def test_lambda_max_by_hand() -> None:
    # Slope of the mean log-likelihood at the null model: (1/4) * sum(z * (y - 1/2)) = 1/2.
    X, y = [[-1.0], [1.0], [-1.0], [1.0]], [0, 1, 0, 1]
    assert lambda_max(X, y) == pytest.approx(0.5)
    assert lambda_max(X, y, alpha=0.25) == pytest.approx(2.0)
    assert lambda_max(X, y, alpha=0) == pytest.approx(500.0)
    assert lambda_max(np.multiply(X, 3), y) == pytest.approx(0.5)
    assert lambda_max(np.multiply(X, 3), y, standardize=False) == pytest.approx(1.5)
    assert lambda_max(X, y, upper=0) == 0


def test_default_path_has_the_ends_and_the_spacing_of_glmnet() -> None:
    X, y = cohort()
    long = fit_path(X, y)
    assert len(long.lambdas) == 100
    assert long.lambdas[-1] / long.lambdas[0] == pytest.approx(1e-4)
    np.testing.assert_allclose(np.diff(np.log(long.lambdas)), np.log(1e-4) / 99)
    wide = fit_path(*cohort(30, 60), n_lambdas=5)
    assert wide.lambdas[-1] / wide.lambdas[0] == pytest.approx(0.01)
    chosen = fit_path(X, y, n_lambdas=5, min_ratio=0.1)
    assert chosen.lambdas[-1] / chosen.lambdas[0] == pytest.approx(0.1)


def test_a_solution_does_not_depend_on_the_path_before_it() -> None:
    X, y = cohort(40, 150)
    path = fit_path(X, y, alpha=0.5, lambdas=[0.01, 0.3, 0.1, 0.03])
    np.testing.assert_array_equal(path.lambdas, [0.3, 0.1, 0.03, 0.01])
    for i, lam in enumerate(path.lambdas):
        alone = fit_path(X, y, alpha=0.5, lambdas=[lam])
        assert alone.objective[0] == pytest.approx(path.objective[i], abs=1e-10)
        np.testing.assert_allclose(alone.coefficients[0], path.coefficients[i], atol=1e-4)


# -- what must not matter ---------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_order_of_columns_does_not_matter(alpha: float) -> None:
    X, y = cohort(40, 90)
    order = np.random.default_rng(1).permutation(90)
    factors = np.random.default_rng(2).uniform(0.5, 2, 90)
    path = fit_path(X, y, alpha=alpha, n_lambdas=10, penalty_factors=factors)
    other = fit_path(X[:, order], y, alpha=alpha, n_lambdas=10, penalty_factors=factors[order])
    np.testing.assert_allclose(other.objective, path.objective, atol=1e-10)
    np.testing.assert_allclose(other.coefficients, path.coefficients[:, order], atol=1e-4)


def test_place_and_scale_of_columns_do_not_matter() -> None:
    X, y = cohort()
    path = fit_path(X, y, n_lambdas=10)
    scale = np.geomspace(1e-6, 1e6, 12)
    other = fit_path(X * scale + 100 * scale, y, n_lambdas=10)
    np.testing.assert_allclose(other.objective, path.objective, atol=1e-10)
    np.testing.assert_allclose(other.coefficients * scale, path.coefficients, atol=1e-6)


def test_swapping_the_classes_turns_the_signs() -> None:
    X, y = cohort()
    path, other = (fit_path(X, outcome, alpha=0.7, n_lambdas=10) for outcome in (y, 1 - y))
    np.testing.assert_allclose(other.coefficients, -path.coefficients, atol=1e-6)
    np.testing.assert_allclose(other.intercepts, -path.intercepts, atol=1e-5)


def test_a_weight_of_two_is_a_sample_given_twice_and_of_zero_one_left_out() -> None:
    X, y = cohort()
    weights = np.random.default_rng(5).integers(0, 3, len(y))
    path = fit_path(X, y, lambdas=[0.1, 0.01], weights=weights)
    repeated = fit_path(np.repeat(X, weights, axis=0), np.repeat(y, weights), lambdas=[0.1, 0.01])
    np.testing.assert_allclose(path.objective, repeated.objective, atol=1e-10)
    np.testing.assert_allclose(path.coefficients, repeated.coefficients, atol=1e-6)


def test_penalty_factors_matter_by_their_ratios_only() -> None:
    X, y = cohort()
    factors = np.arange(1.0, 13.0)
    path, other = (
        fit_path(X, y, lambdas=[0.02], penalty_factors=f) for f in (factors, 1000 * factors)
    )
    np.testing.assert_allclose(other.coefficients, path.coefficients, atol=1e-9)


# -- columns ----------------------------------------------------------------------------------


def test_a_penalty_factor_of_zero_leaves_a_column_unpenalised() -> None:
    X, y = cohort(n=200)
    factors = np.ones(12)
    factors[:2] = 0
    path = fit_path(X, y, lambdas=[1e3], penalty_factors=factors)
    plain = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(X[:, :2], y)
    np.testing.assert_allclose(path.coefficients[0, :2], plain.coef_[0], rtol=1e-5)
    assert path.intercepts[0] == pytest.approx(plain.intercept_[0], rel=1e-5)
    assert not path.coefficients[0, 2:].any()


@pytest.mark.parametrize("standardize", [True, False])
def test_constant_columns_get_zero_and_do_not_matter(standardize: bool) -> None:
    X, y = cohort()
    # The mean of 0.1 repeated is not 0.1 in floating point.
    constants = np.column_stack([np.full(80, 0.1), np.zeros(80), np.full(80, 1e6)])
    path = fit_path(X, y, lambdas=[0.02], standardize=standardize)
    other = fit_path(np.column_stack([constants, X]), y, lambdas=[0.02], standardize=standardize)
    assert not other.coefficients[:, :3].any()
    np.testing.assert_allclose(other.coefficients[:, 3:], path.coefficients, atol=1e-9)


def test_columns_that_cannot_move_leave_the_share_of_the_class() -> None:
    X, y = cohort()
    share = y.mean()
    for path in (
        fit_path(np.ones((80, 3)), y, n_lambdas=2),
        fit_path(X, y, n_lambdas=2, lower=0, upper=0),
    ):
        assert not path.coefficients.any()
        np.testing.assert_allclose(expit(path.intercepts), share)
        entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
        np.testing.assert_allclose(path.objective, entropy)


def test_equal_columns_share_a_coefficient_under_ridge() -> None:
    X, y = cohort()
    twice = np.column_stack([X, X[:, 0]])
    path = fit_path(twice, y, alpha=0.0, lambdas=[0.05])
    assert path.coefficients[0, 0] == pytest.approx(path.coefficients[0, 12], rel=1e-6)


def test_ridge_in_the_space_of_the_samples_meets_the_conditions() -> None:
    X, y = cohort(30, 200)
    factors = np.random.default_rng(3).uniform(0.2, 3, 200)
    path = fit_path(X, y, alpha=0.0, n_lambdas=10, penalty_factors=factors, standardize=False)
    assert path.violation.max() < 1e-6
    residual = (y - expit(path.intercepts[-1] + X @ path.coefficients[-1])) / 30
    scaled = factors / factors.mean()
    np.testing.assert_allclose(
        residual @ X, path.lambdas[-1] * scaled * path.coefficients[-1], atol=1e-6
    )


# -- hard data --------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_separable_classes_have_finite_coefficients(alpha: float) -> None:
    X, _ = cohort()
    y = X[:, 0] > np.median(X[:, 0])
    path = fit_path(X, y, alpha=alpha, lambdas=[0.1, 1e-3, 1e-6])
    assert np.isfinite(path.coefficients).all()
    assert path.violation.max() < 1e-6
    assert ((path.intercepts[-1] + X @ path.coefficients[-1] > 0) == y).all()


def test_separation_by_unpenalised_columns_is_refused() -> None:
    X, _ = cohort()
    y = X[:, 3] > np.median(X[:, 3])
    factors = np.ones(12)
    factors[3] = 0
    with pytest.raises(MirriskError, match=r"columns 3: the unpenalised columns separate"):
        fit_path(X, y, penalty_factors=factors)
    with pytest.raises(MirriskError, match="separate"):
        lambda_max(X, y, penalty_factors=factors)
    # A limit that the separating coefficient cannot pass makes the problem a good one.
    path = fit_path(X, y, n_lambdas=3, penalty_factors=factors, upper=2.0)
    np.testing.assert_allclose(path.coefficients[:, 3], 2.0)


def test_separation_of_a_few_samples_only_is_found() -> None:
    # The first column is 1 in cases only: its coefficient grows without end.
    X = np.zeros((20, 2))
    X[:3, 0] = 1
    X[:, 1] = np.arange(20) % 5
    y = np.arange(20) < 10
    with pytest.raises(MirriskError, match="separate"):
        fit_path(X, y, penalty_factors=[0, 1])


def test_two_events_among_sixty_are_fitted() -> None:
    X, _ = cohort(60, 300)
    path = fit_path(X, np.arange(60) < 2, n_lambdas=10)
    assert path.violation.max() < 1e-6


def test_a_solution_that_misses_the_conditions_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proximal_newton, "MAX_NEWTON", 1)
    X, y = cohort()
    with pytest.warns(MirriskWarning, match="1 of 1 penalties were not solved"):
        fit_path(X, y, lambdas=[1e-4])


# -- input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(80)}, "y holds only 0"),
        ({"y": np.ones(80, dtype=bool)}, "y holds only 1"),
        ({"y": np.r_[np.nan, np.ones(79)]}, "y holds nan"),
        ({"y": np.r_[2, np.ones(79)]}, "y holds 2"),
        ({"y": ["a", "b"] * 40}, "y is not numeric"),
        ({"y": [0, 1]}, "X has 80 rows"),
        ({"X": np.zeros((80, 0))}, "X has the shape"),
        ({"X": np.zeros(80)}, "X has the shape"),
        ({"X": [["a"]] * 80}, "X is not numeric"),
        ({"alpha": -0.1}, "alpha=-0.1"),
        ({"alpha": 1.1}, "alpha=1.1"),
        ({"alpha": np.nan}, "alpha=nan"),
        ({"lambdas": []}, "lambdas has the shape"),
        ({"lambdas": [0.1, 0.0]}, r"lambdas holds 0\.0"),
        ({"lambdas": [np.inf]}, "lambdas holds inf"),
        ({"n_lambdas": 0}, "n_lambdas=0"),
        ({"min_ratio": 1.0}, r"min_ratio=1\.0"),
        ({"tolerance": 0.0}, r"tolerance=0\.0"),
        ({"lower": 0.1}, "rules out the coefficient 0"),
        ({"upper": np.nan}, "rules out the coefficient 0"),
        ({"upper": [1.0, 1.0]}, "upper has the shape"),
        ({"penalty_factors": np.zeros(12)}, "all are 0"),
        ({"penalty_factors": -np.ones(12)}, "negative"),
        ({"penalty_factors": [1.0]}, "X has 12 columns"),
        ({"weights": -np.ones(80)}, "negative"),
        ({"weights": [1.0]}, "weights has the shape"),
        ({"weights": np.zeros(80)}, "y holds no value among samples of a weight above 0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_wrong_input_is_one_clear_error(change: dict[str, Any], message: str) -> None:
    X, y = cohort()
    with pytest.raises(MirriskError, match=message):
        fit_path(**{"X": X, "y": y, **change})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_cell_without_a_finite_number_is_named(value: float) -> None:
    X, y = cohort()
    X[5, 7] = value
    with pytest.raises(InvalidExpressionError, match=f"row 5, column 7: X holds {value}"):
        fit_path(X, y)


def test_input_is_not_changed() -> None:
    X, y = cohort()
    factors, weights = np.ones(12), np.ones(80)
    before = [a.copy() for a in (X, y, factors, weights)]
    fit_path(X, y, n_lambdas=3, penalty_factors=factors, weights=weights)
    for array, copy in zip((X, y, factors, weights), before, strict=True):
        np.testing.assert_array_equal(array, copy)
