"""Competing risks: cmprsk's figures, glmnet's on survival's rows, and small cases by hand."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mirrisk.errors import MismatchError
from mirrisk.fitting.competing import fine_gray, subdistribution_rows
from mirrisk.fitting.cox import fit_cox_path
from mirrisk.fitting.cox_likelihood import fit_cox
from mirrisk.fitting.endpoint import metastasis_free, time_to_metastasis
from mirrisk.fitting.hazard_calibration import breslow
from mirrisk.fitting.risk_sets import RiskSets
from mirrisk.validation.incidence import IncidenceCurve, cumulative_incidence

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.vocabulary import FloatArray


@pytest.fixture(scope="module")
def printed(root: Path) -> dict[str, FloatArray]:
    """What R printed (reference/cox.R)."""
    text = (root / "tests" / "reference" / "cox.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("version")]
    return {name: np.array(values, dtype=float) for name, *values in rows}


@pytest.fixture(scope="module", name="tall")
def given(printed: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    columns = [values for key, values in printed.items() if key.startswith("tall x")]
    return np.column_stack(columns), printed["tall time"], printed["tall code"]


@pytest.fixture(scope="module")
def mgus(shared: Path) -> FloatArray:
    with (shared / "reference" / "fitting" / "mgus2_cr.csv").open(encoding="utf-8") as lines:
        return np.array(list(csv.reader(lines))[1:], dtype=float)


# -- cmprsk -----------------------------------------------------------------------------------


def test_fine_gray_is_that_of_cmprsk(
    tall: tuple[FloatArray, FloatArray, FloatArray], printed: dict[str, FloatArray]
) -> None:
    X, time, code = tall
    fit = fine_gray(X[:, :4], time, code)
    np.testing.assert_allclose(fit.coefficients, printed["fine-gray coefficients"], rtol=1e-7)
    np.testing.assert_allclose(fit.standard_errors, printed["fine-gray robust se"], rtol=1e-7)
    np.testing.assert_allclose(
        [fit.log_likelihood, fit.null_log_likelihood],
        printed["fine-gray log-likelihood"],
        rtol=1e-10,
    )


def test_predicted_incidence_is_that_of_cmprsk(
    tall: tuple[FloatArray, FloatArray, FloatArray], printed: dict[str, FloatArray]
) -> None:
    X, time, code = tall
    eta = X[:, :4] @ fine_gray(X[:, :4], time, code).coefficients
    rows = subdistribution_rows(time, code)
    hazard = breslow(RiskSets.of(**rows._asdict()), eta)(printed["fine-gray times"])
    for sample in range(3):
        risk = -np.expm1(-hazard * np.exp(eta[sample]))
        np.testing.assert_allclose(risk, printed[f"fine-gray risk {sample + 1}"], rtol=1e-7)


def test_fine_gray_of_a_large_cohort_is_that_of_cmprsk(mgus: FloatArray) -> None:
    # cmprsk 2.2-11: gtol 1e-6.
    fit = fine_gray(mgus[:, 2:], mgus[:, 0], mgus[:, 1])
    coefficients = [-0.01813564777, -0.20117702700, -0.01380227429, 0.92221056118]
    errors = [0.0060217341, 0.1903896425, 0.0477232971, 0.1552361187]
    np.testing.assert_allclose(fit.coefficients, coefficients, atol=1e-7)
    np.testing.assert_allclose(fit.standard_errors, errors, atol=1e-8)
    assert fit.log_likelihood == pytest.approx(-765.0583514, abs=1e-6)


def both_incidences(time: Any, code: Any, times: Any) -> tuple[IncidenceCurve, IncidenceCurve]:
    """Cumulative incidence of the event, and of what competes with it."""
    codes = np.asarray(code)
    swapped = np.choose(codes.astype(int), [0, 2, 1])
    return cumulative_incidence(time, codes, times), cumulative_incidence(time, swapped, times)


def variances(curve: IncidenceCurve) -> list[float]:
    return [estimate.standard_error**2 for estimate in curve.estimates]


def test_cumulative_incidence_is_that_of_cmprsk(
    tall: tuple[FloatArray, FloatArray, FloatArray], printed: dict[str, FloatArray]
) -> None:
    _, time, code = tall
    for kind, curve in enumerate(both_incidences(time, code, printed["fine-gray times"]), start=1):
        np.testing.assert_allclose(curve.values, printed[f"incidence {kind}"], atol=1e-12)
        expected = printed[f"incidence variance {kind}"]
        np.testing.assert_allclose(variances(curve), expected, atol=1e-12)


def test_cumulative_incidence_of_a_large_cohort_is_that_of_cmprsk(mgus: FloatArray) -> None:
    event, competing = both_incidences(mgus[:, 0], mgus[:, 1], [60, 120, 240])
    np.testing.assert_allclose(
        event.values, [0.03469249238, 0.06388474497, 0.1002593040], atol=1e-10
    )
    np.testing.assert_allclose(
        competing.values, [0.32149487619, 0.53308769171, 0.7246075777], atol=1e-10
    )
    np.testing.assert_allclose(
        variances(event), [2.4738408e-05, 4.7010151e-05, 9.7741597e-05], rtol=1e-7
    )
    np.testing.assert_allclose(
        variances(competing), [1.6106949e-04, 2.0055218e-04, 2.4740879e-04], rtol=1e-7
    )


def test_cumulative_incidence_is_that_of_scikit_survival(
    tall: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    nonparametric = pytest.importorskip("sksurv.nonparametric")
    _, time, code = tall
    times, curves = nonparametric.cumulative_incidence_competing_risks(code.astype(int), time)
    event, competing = both_incidences(time, code, times)
    np.testing.assert_allclose(event.values, curves[1], atol=1e-12)
    np.testing.assert_allclose(competing.values, curves[2], atol=1e-12)


# -- penalised --------------------------------------------------------------------------------


@pytest.mark.parametrize("lam", [0.2, 0.05, 0.01])
def test_penalised_fine_gray_is_glmnet_on_the_rows_of_survival(
    lam: float, tall: tuple[FloatArray, FloatArray, FloatArray], printed: dict[str, FloatArray]
) -> None:
    X, time, code = tall
    rows = subdistribution_rows(time + np.where(code == 0, 0.5, 0), code)
    path = fit_cox_path(
        X,
        rows.time,
        rows.event,
        start=rows.start,
        sample=rows.sample,
        weights=rows.weights,
        alpha=0.5,
        lambdas=[lam],
        standardize=False,
        tolerance=1e-9,
    )
    expected = printed[f"penalised fine-gray {lam} objective"][0]
    assert path.objective[0] <= expected + 1e-10
    assert path.objective[0] == pytest.approx(expected, abs=1e-8)
    np.testing.assert_allclose(
        path.coefficients[0], printed[f"penalised fine-gray {lam} coefficients"], atol=2e-6
    )


def test_the_weakest_penalty_leads_to_the_fit_without(
    tall: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    X, time, code = tall
    X, rows = X[:, :4], subdistribution_rows(time, code)
    path = fit_cox_path(
        X,
        rows.time,
        rows.event,
        start=rows.start,
        sample=rows.sample,
        weights=rows.weights,
        lambdas=[1e-10],
        tolerance=1e-11,
    )
    np.testing.assert_allclose(path.coefficients[0], fine_gray(X, time, code).coefficients, 1e-6)


# -- by hand ----------------------------------------------------------------------------------


def test_rows_of_a_competing_event_are_weighted_by_being_uncensored() -> None:
    # Five samples: death at 1, censored at 2 (of 4) and 4 (of 2), events at 3 and 5.
    rows = subdistribution_rows([1, 2, 3, 4, 5], [2, 0, 1, 0, 1])
    after = rows.sample == 0
    np.testing.assert_array_equal(rows.start[after], [0, 1, 3])
    np.testing.assert_array_equal(rows.time[after], [1, 3, 5])
    np.testing.assert_allclose(rows.weights[after], [1, 3 / 4, 3 / 4 * 1 / 2])
    assert not rows.event[after].any()
    np.testing.assert_array_equal(rows.sample[~after], [1, 2, 3, 4])
    np.testing.assert_array_equal(rows.event[~after], [0, 1, 0, 1])


def test_who_has_an_event_at_the_time_of_a_censoring_could_have_been_censored() -> None:
    # At 2 one of three is censored, one has the event: the weight at 3 is 2/3, not 1/2.
    rows = subdistribution_rows([1, 2, 2, 3], [2, 0, 1, 1])
    np.testing.assert_allclose(rows.weights, [1, 1, 1, 1, 1, 2 / 3])
    np.testing.assert_array_equal(rows.time[4:], [2, 3])


def test_without_competing_events_fine_gray_is_cox_regression(
    tall: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    X, time, code = tall
    event = np.minimum(code, 1)
    rows = subdistribution_rows(time, event)
    np.testing.assert_array_equal(rows.time, time)
    np.testing.assert_array_equal(rows.weights, 1)
    cox = fit_cox(X[:, :4], time, event)
    np.testing.assert_allclose(fine_gray(X[:, :4], time, event).coefficients, cox.coefficients)


def test_without_censoring_incidence_and_its_variance_are_those_of_shares() -> None:
    time, code = np.arange(1.0, 1001.0), np.tile([1, 2, 2, 1, 1, 2, 2, 2, 1, 2], 100)
    event, competing = both_incidences(time, code, [505, 1000])
    np.testing.assert_allclose(event.values, [0.203, 0.4], atol=1e-12)
    np.testing.assert_allclose(competing.values, [0.302, 0.6], atol=1e-12)
    binomial = np.array([0.203 * 0.797, 0.4 * 0.6]) / 1000
    np.testing.assert_allclose(variances(event), binomial, rtol=0.01)


def test_incidences_and_freedom_of_both_add_to_one(
    tall: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    _, time, code = tall
    event, competing = both_incidences(time, code, np.arange(1, 43))
    either = cumulative_incidence(time, np.minimum(code, 1), np.arange(1, 43))
    np.testing.assert_allclose(np.add(event.values, competing.values), either.values, atol=1e-12)


def test_the_two_endpoints_give_different_risks(
    tall: tuple[FloatArray, FloatArray, FloatArray], printed: dict[str, FloatArray]
) -> None:
    _, time, code = tall
    free, to = metastasis_free(time, code), time_to_metastasis(time, code)
    death_counts = cumulative_incidence(*free, [30]).values[0]
    death_competes = cumulative_incidence(*to, [30]).values[0]
    death_censors = cumulative_incidence(time, np.where(code == 2, 0, code), [30]).values[0]
    assert death_competes == pytest.approx(printed["incidence 1"][3])
    assert death_counts == pytest.approx(printed["incidence 1"][3] + printed["incidence 2"][3])
    assert death_competes < death_censors < death_counts


def test_a_column_that_only_shortens_life_lowers_the_incidence_of_metastasis() -> None:
    # Metastasis at the same pace in both halves; death is nine times as frequent in one.
    rng = np.random.default_rng(0)
    n = 2000
    x = (np.arange(n) % 2).astype(float)
    metastasis, death = rng.exponential(10, n), rng.exponential(np.where(x > 0, 5, 45))
    end = rng.uniform(5, 30, n)
    time = np.minimum(np.minimum(metastasis, death), end)
    code = np.where(time == end, 0, np.where(time == metastasis, 1, 2))
    competes = fine_gray(x[:, None], *time_to_metastasis(time, code)).coefficients[0]
    counts = fit_cox(x[:, None], *metastasis_free(time, code)).coefficients[0]
    assert competes < -0.2
    assert counts > 0.5


def test_incidence_beyond_follow_up_is_not_known() -> None:
    assert np.isnan(cumulative_incidence([1, 5], [1, 0], [5.1]).values[0])


def test_deaths_alone_are_no_endpoint_of_metastasis() -> None:
    for function in (subdistribution_rows, lambda t, e: fine_gray([[1.0], [2.0]], t, e)):
        with pytest.raises(MismatchError, match="only censored samples and competing events"):
            function([1, 2], [2, 0])
