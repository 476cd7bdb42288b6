"""Leaving one site out."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from mirrisk.errors import MismatchError
from mirrisk.validation.sites import leave_one_group_out

if TYPE_CHECKING:
    from pathlib import Path

N = 90
X = np.random.default_rng(1).normal(size=(N, 4))
Y = (X[:, 0] + np.random.default_rng(2).normal(size=N) > 0.5).astype(int)
SITES = np.repeat(["Oslo", "Bern", "Rome"], 30)


def test_each_site_is_judged_by_the_model_of_the_others() -> None:
    found = leave_one_group_out(LogisticRegression(), X, Y, SITES, seed=1, n_jobs=1)
    assert [site.site for site in found.sites] == ["Bern", "Oslo", "Rome"]
    won = pairs = 0.0
    for row in found.sites:
        here = row.site == SITES
        risk = LogisticRegression().fit(X[~here], Y[~here]).predict_proba(X[here])[:, 1]
        auc = roc_auc_score(Y[here], risk)
        np.testing.assert_allclose(found.risks[here], risk, rtol=1e-12)
        assert (row.n, row.events, row.trained_on) == (30, Y[here].sum(), 60)
        assert row.auc.estimate == pytest.approx(auc, abs=1e-12)
        assert row.auc.low < auc < row.auc.high
        comparisons = row.events * (row.n - row.events)
        won, pairs = won + auc * comparisons, pairs + comparisons
    assert found.auc.estimate == pytest.approx(won / pairs, abs=1e-12)


def test_site_of_one_class_has_a_row_without_auc() -> None:
    y = np.where(SITES == "Rome", 0, Y)
    found = leave_one_group_out(LogisticRegression(), X, y, SITES, seed=1, n_jobs=1)
    rome = found.sites[2]
    assert (rome.events, rome.error) == (0, "")
    assert math.isnan(rome.auc.estimate)
    assert rome.to_dict()["auc"]["estimate"] is None
    assert not np.isnan(found.risks).any()


def test_site_whose_others_are_of_one_class_has_no_model() -> None:
    y = np.where(SITES == "Oslo", Y, 0)
    found = leave_one_group_out(LogisticRegression(), X, y, SITES, seed=1, n_jobs=1)
    assert [failure.where for failure in found.failures] == ["Oslo"]
    assert "one class" in found.failures[0].message
    assert np.isnan(found.risks[SITES == "Oslo"]).all()
    assert "1 of 3 fits failed" in str(found)


class Witness(ClassifierMixin, BaseEstimator):
    """Predicts 1 for patients, in the first column, that it was trained on."""

    def fit(self, X, y):
        self.seen_ = X[:, 0]
        return self

    def predict_proba(self, X):
        seen = np.isin(X[:, 0], self.seen_)
        return np.column_stack([~seen, seen]).astype(float)


def test_patient_of_two_sites_is_in_neither_training_set() -> None:
    patients = np.arange(N)
    patients[35:40] = patients[5:10]  # of Oslo, seen in Bern as well
    known = patients[:, np.newaxis].astype(float)
    found = leave_one_group_out(Witness(), known, Y, SITES, groups=patients, seed=1, n_jobs=1)
    assert not found.risks.any()
    assert [site.trained_on for site in found.sites] == [55, 55, 60]


def test_numbered_sites_and_workers_and_checkpoint(tmp_path: Path) -> None:
    numbered = pd.Series(np.repeat([10, 9, 8], 30))
    path = tmp_path / "run.jsonl"
    one = leave_one_group_out(
        LogisticRegression(), X, Y, numbered, seed=1, n_jobs=2, checkpoint=path
    )
    counted = []
    again = leave_one_group_out(
        LogisticRegression(),
        X,
        Y,
        numbered,
        seed=1,
        n_jobs=1,
        checkpoint=path,
        progress=lambda *counts: counted.append(counts),
    )
    assert counted == [(3, 3)]
    assert one.to_dict() == again.to_dict()
    assert json.loads(json.dumps(one.to_dict(), allow_nan=False)) == one.to_dict()


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        (SITES[:-1], "sites has the shape"),
        (np.repeat("Oslo", N), "all samples are of one site"),
        (np.where(np.arange(N) == 4, None, SITES), "1 of 90 sites are missing"),
    ],
)
def test_unusable_sites_are_a_clear_error(sites: np.ndarray, message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        leave_one_group_out(LogisticRegression(), X, Y, sites, seed=1, n_jobs=1)
