"""Optimism bootstrap, .632 and .632+, against R and by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from mirrisk.errors import MirriskError, MismatchError
from mirrisk.validation.optimism import optimism

if TYPE_CHECKING:
    from mirrisk.validation.corrected import Corrected

R_PRINTED = Path(__file__).parent / "reference" / "optimism.txt"


def recalibrated(y: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """Return intercept and slope by Newton's method."""
    design = np.column_stack([np.ones(len(y)), log_odds])
    found = np.zeros(2)
    for _ in range(40):
        p = expit(design @ found)
        found += np.linalg.solve((design.T * (p * (1 - p))) @ design, design.T @ (y - p))
    return found


LOG_ODDS_METRICS = {
    "auc": roc_auc_score,
    "brier": lambda y, log_odds: brier_score_loss(y, expit(log_odds)),
    "slope": lambda y, log_odds: recalibrated(y, log_odds)[1],
    "intercept": lambda y, log_odds: recalibrated(y, log_odds)[0],
}
UNPENALISED = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-13, max_iter=1000)
GAUSSIAN = np.random.default_rng(11).normal(size=(60, 6))
OUTCOME = (GAUSSIAN[:, 0] + np.random.default_rng(12).normal(size=60) > 0.4).astype(int)
AUC = {"AUC": roc_auc_score}


def log_odds(model: LogisticRegression, X: pd.DataFrame) -> np.ndarray:
    return model.decision_function(X)


# -- R ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed() -> dict[str, np.ndarray]:
    vectors: dict[str, list[list[float]]] = {}
    for line in R_PRINTED.read_text().splitlines():
        name, *values = line.split("\t")
        vectors.setdefault(name, []).append([float(value) for value in values])
    return {name: np.squeeze(np.array(rows)) for name, rows in vectors.items()}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_optimism_is_that_of_plain_loops_in_r(printed: dict[str, np.ndarray], n_jobs: int) -> None:
    found = optimism(
        UNPENALISED,
        LOG_ODDS_METRICS,
        np.column_stack([printed[name] for name in ("x1", "x2", "x3")]),
        printed["y"],
        indices=printed["rows"].astype(int) - 1,
        seed=1,
        predict=log_odds,
        n_jobs=n_jobs,
    )
    compared = [name for name in vars(found["auc"]) if name in printed]
    assert len(compared) == 11
    for name in compared:  # of some R printed those of AUC and Brier score only
        ours = [getattr(measure, name) for measure in found.measures[: len(printed[name])]]
        np.testing.assert_allclose(ours, printed[name], rtol=0, atol=1e-9, err_msg=name)


def test_optimism_is_that_of_rms(shared: Path) -> None:
    folder = shared / "reference" / "fitting"
    data = pd.read_csv(folder / "aSAH.csv")
    rows = pd.read_csv(folder / "rms_boot_indices.csv", header=None).to_numpy().T - 1
    found = optimism(
        UNPENALISED,
        LOG_ODDS_METRICS,
        data[["age", "male", "s100b", "ndka"]],
        data["y"],
        indices=rows,
        seed=1,
        predict=log_odds,
        n_jobs=1,
    )
    # optimism_exact_auc.txt
    auc = found["auc"]
    expected = [0.809620596206, 0.027668956130, 0.781951640076, 0.768426537948]
    ours = [auc.apparent, auc.optimism, auc.corrected, auc.outside]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)
    expected = [0.783585951387, 0.5, 0.782245639089]
    ours = [auc.estimate_632, auc.no_information, auc.estimate_632_plus]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)
    assert auc.overfitting == pytest.approx(0.133047, abs=5e-7)
    # rms_validate_aSAH.txt: index.corrected
    assert found["brier"].corrected == pytest.approx(0.18463486412, abs=1e-8)
    # rms stops at a derivative of 3e-6, as it prints; the exact maxima are 1.4e-8 from there.
    assert found["slope"].corrected == pytest.approx(0.86082660444, abs=2e-8)
    assert found["intercept"].corrected == pytest.approx(-0.06310624882, abs=2e-8)


# -- .632+ by hand ----------------------------------------------------------------------------


def corrected_for(outside: float, *, apparent: float = 0.9) -> Corrected:
    """Judge a model whose risks outside of a bootstrap have a chosen value of the metric."""
    values = iter([apparent])

    def metric(y: np.ndarray, risk: np.ndarray) -> float:
        if len(y) == 60:
            return next(values, 0.5)  # the cohort first, then what has no information
        return outside

    half = np.tile(np.arange(30), 2)
    half[:2] = np.argmax(OUTCOME), np.argmin(OUTCOME)
    X = np.random.default_rng(1).normal(size=(60, 1))
    return optimism(
        LogisticRegression(), {"m": metric}, X, OUTCOME, indices=half[np.newaxis], seed=1, n_jobs=1
    )["m"]


@pytest.mark.parametrize(
    ("outside", "overfitting", "expected"),
    [
        # R = (0.9 - 0.7) / (0.9 - 0.5) = 0.5; w = 0.632 / (1 - 0.368 * 0.5) = 0.774510
        (0.7, 0.5, 0.9 - 0.2 * 0.632 / 0.816),
        # no better than no information: all weight on what has none
        (0.5, 1.0, 0.5),
        (0.3, 1.0, 0.5),
        # better than apparent: no overfitting, the plain .632
        (0.95, 0.0, 0.368 * 0.9 + 0.632 * 0.95),
    ],
)
def test_weight_moves_with_overfitting(outside: float, overfitting: float, expected: float) -> None:
    found = corrected_for(outside)
    assert found.overfitting == pytest.approx(overfitting, abs=1e-12)
    assert found.estimate_632_plus == pytest.approx(expected, abs=1e-12)
    assert found.estimate_632 == pytest.approx(0.368 * 0.9 + 0.632 * outside, abs=1e-12)


def test_without_information_auc_is_a_half_and_brier_that_of_all_pairs() -> None:
    metrics = {"AUC": roc_auc_score, "Brier": brier_score_loss}
    X = np.round(GAUSSIAN[:, :2])  # ties
    found = optimism(LogisticRegression(), metrics, X, OUTCOME, n=2, seed=1, n_jobs=1)
    p = LogisticRegression().fit(X, OUTCOME).predict_proba(X)[:, 1]
    assert found["AUC"].no_information == pytest.approx(0.5, abs=1e-14)
    assert found["Brier"].no_information == pytest.approx(
        np.mean((OUTCOME[:, np.newaxis] - p) ** 2), abs=1e-14
    )


# -- draws ------------------------------------------------------------------------------------


class Recording(ClassifierMixin, BaseEstimator):
    """Tells the outcomes and groups that it was given by raising them."""

    def fit(self, X, y, groups=None):
        if len(set(X[:, 0])) < len(X):  # a bootstrap
            message = json.dumps([X[:, 0].tolist(), y.tolist(), np.asarray(groups).tolist()])
            raise RuntimeError(message)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - expit(X[:, 0]), expit(X[:, 0])])


def draws(**options: object) -> list[list[list[float]]]:
    """Return rows, outcomes and groups of the bootstraps."""
    y = np.repeat([0, 1], [30, 6])
    X = np.arange(36.0)[:, np.newaxis]
    seen = []

    def noting(model: object, X: np.ndarray) -> np.ndarray:
        return expit(X[:, 0])

    class Noting(Recording):
        def fit(self, X, y, groups=None):
            if len(set(X[:, 0])) < len(X):
                seen.append([X[:, 0].tolist(), y.tolist(), list(groups)])
            return self

    optimism(Noting(), AUC, X, y, n=20, seed=3, n_jobs=1, predict=noting, **options)
    return seen


def test_stratified_bootstraps_have_the_events_of_the_cohort() -> None:
    assert {sum(y) for _, y, _ in draws(stratified=True)} == {6}
    assert len({sum(y) for _, y, _ in draws()}) > 1


def test_patients_are_drawn_with_all_of_their_samples() -> None:
    patients = np.arange(36) // 3
    for rows, _, groups in draws(groups=patients):
        counts = np.bincount(np.array(rows, dtype=int), minlength=36).reshape(12, 3)
        assert (counts == counts[:, :1]).all()
        assert counts.sum() == 36
        assert groups == [patients[int(row)] for row in rows]


def test_copies_of_a_sample_are_told_to_the_fit_as_one_patient() -> None:
    for rows, _, groups in draws():
        assert groups == [int(row) for row in rows]


def test_bootstraps_of_one_class_are_drawn_anew_and_counted() -> None:
    y = np.repeat([0, 1], [10, 1])  # (10/11)^11 = 35% of bootstraps lack the event
    X = np.random.default_rng(1).normal(size=(11, 1))
    found = optimism(LogisticRegression(), AUC, X, y, n=100, seed=1, n_jobs=1)
    assert 30 < found.redrawn < 90  # 54 expected
    assert not found.failures
    assert f"{found.redrawn} bootstraps of one class were drawn anew" in str(found)
    # The one event is in every bootstrap: nothing outside can tell an AUC.
    assert found["AUC"].used_outside == 0
    assert math.isnan(found["AUC"].estimate_632_plus)
    assert found["AUC"].to_dict()["outside"] is None


def test_given_bootstraps_of_one_class_fail_and_are_named() -> None:
    rows = np.array([np.arange(60), np.flatnonzero(OUTCOME == 1)[np.arange(60) % 20]])
    found = optimism(LogisticRegression(), AUC, GAUSSIAN, OUTCOME, indices=rows, seed=1, n_jobs=1)
    assert [failure.where for failure in found.failures] == ["bootstrap 2"]
    assert "one class" in found.failures[0].message
    assert found["AUC"].used == 1
    assert found.seed is None


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        (np.arange(60), "of shape"),
        (np.ones((2, 60)), "float64"),
        (np.full((2, 60), 60), "from 60 to 60"),
        (np.full((2, 60), -1), "from -1 to -1"),
    ],
)
def test_indices_that_are_no_rows_are_refused(indices: np.ndarray, message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        optimism(LogisticRegression(), AUC, GAUSSIAN, OUTCOME, indices=indices, seed=1, n_jobs=1)


def test_rows_counted_from_one_are_recognised() -> None:
    rows = np.arange(1, 61)[np.newaxis]
    with pytest.raises(MismatchError, match="subtract 1"):
        optimism(LogisticRegression(), AUC, GAUSSIAN, OUTCOME, indices=rows, seed=1, n_jobs=1)


# -- results ----------------------------------------------------------------------------------


def test_result_depends_on_the_seed_only() -> None:
    one, same = (
        optimism(LogisticRegression(), AUC, GAUSSIAN, OUTCOME, n=12, seed=4, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    other = optimism(LogisticRegression(), AUC, GAUSSIAN, OUTCOME, n=12, seed=5, n_jobs=1)
    assert one == same
    assert one["AUC"].optimism != other["AUC"].optimism


def test_interrupted_bootstraps_go_on_to_the_same_result(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    def run(**options: object) -> object:
        return optimism(
            LogisticRegression(), AUC, GAUSSIAN, OUTCOME, n=12, seed=4, n_jobs=1, **options
        )

    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, progress=interrupt)
    counted = []
    resumed = run(checkpoint=path, progress=lambda *counts: counted.append(counts))
    assert counted[0] == (5, 12)
    assert resumed == run()


def test_metric_that_is_not_defined_in_a_bootstrap_is_counted() -> None:
    def fussy(y: np.ndarray, risk: np.ndarray) -> float:
        if y.sum() > OUTCOME.sum():
            raise ValueError("too many events")
        return float(risk.mean())

    found = optimism(
        LogisticRegression(), {"fussy": fussy}, GAUSSIAN, OUTCOME, n=40, seed=1, n_jobs=1
    )
    assert 0 < found["fussy"].used < 40
    assert f"not defined in {40 - found['fussy'].used} of 40" in str(found)


def test_metric_that_fails_on_the_cohort_is_an_error() -> None:
    def broken(y: np.ndarray, risk: np.ndarray) -> float:
        raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError):
        optimism(LogisticRegression(), {"m": broken}, GAUSSIAN, OUTCOME, n=2, seed=1, n_jobs=1)
    with pytest.raises(MirriskError, match="m of the model of the whole cohort is inf"):
        optimism(
            LogisticRegression(),
            {"m": lambda y, risk: math.inf},
            GAUSSIAN,
            OUTCOME,
            n=2,
            seed=1,
            n_jobs=1,
        )


def test_result_is_plain_json_and_says_what_was_repeated() -> None:
    found = optimism(
        LogisticRegression(),
        AUC,
        GAUSSIAN,
        OUTCOME,
        n=5,
        seed=4,
        label="tuned penalty held",
        stratified=True,
        n_jobs=1,
    )
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()
    assert str(found).startswith("5 stratified bootstraps (tuned penalty held), n = 60,")
    assert f"corrected {found['AUC'].corrected:.3f}" in str(found)
