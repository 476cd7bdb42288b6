"""Nested cross-validation: nothing leaks, nothing depends on the machine."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mirrisk.errors import MirriskError, MirriskWarning, MismatchError
from mirrisk.validation.resampling import CrossValidated, nested_cv

if TYPE_CHECKING:
    from pathlib import Path

N = 90
X = np.random.default_rng(1).normal(size=(N, 4))
Y = (X[:, 0] + np.random.default_rng(2).normal(size=N) > 0.5).astype(int)
PATIENTS = np.random.default_rng(3).integers(0, 50, N)
SCHEME = {"folds": 4, "repeats": 3, "seed": 7, "n_jobs": 1}


class Witness(ClassifierMixin, BaseEstimator):
    """Predicts 1 for samples whose patient, in the first column, it was trained on."""

    def fit(self, X, y, groups=None):
        self.seen_ = X[:, 0]
        self.groups_ = groups
        return self

    def predict_proba(self, X):
        seen = np.isin(X[:, 0], self.seen_)
        if self.groups_ is not None:
            # Samples of a patient have one number among the groups, those of others another.
            assert len(set(zip(self.seen_, self.groups_, strict=True))) == len(set(self.seen_))
        return np.column_stack([~seen, seen]).astype(float)


class Moody(LogisticRegression):
    """Warns, and fails where the sample with the largest value is not in training."""

    def fit(self, X, y):
        warnings.warn("few events", MirriskWarning, stacklevel=1)
        warnings.warn("few events", MirriskWarning, stacklevel=1)
        warnings.warn("slow", RuntimeWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        if X[:, 0].max() < 2:
            raise ValueError("the largest is missing\nand more")
        return super().fit(X, y)


# -- folds ------------------------------------------------------------------------------------


def test_every_sample_is_judged_once_per_repeat_by_a_model_of_other_patients() -> None:
    known = np.column_stack([PATIENTS, X[:, 1]]).astype(float)
    found = nested_cv(Witness(), known, Y, groups=PATIENTS, **SCHEME)
    np.testing.assert_array_equal(found.risks, np.zeros((N, 3)))
    for repeat in range(3):
        folds_of = {(p, f) for p, f in zip(PATIENTS, found.assignment[:, repeat], strict=True)}
        assert len(folds_of) == len(set(PATIENTS))
    # Without groups a patient is on both sides.
    leaking = nested_cv(Witness(), known, Y, **SCHEME)
    assert leaking.risks.any()


def test_folds_have_equal_shares_of_patients_with_events() -> None:
    found = nested_cv(LogisticRegression(), X, Y, groups=PATIENTS, **SCHEME)
    eventful = np.isin(PATIENTS, PATIENTS[Y == 1])
    for repeat in range(3):
        for which in (eventful, ~eventful):
            patients = pd.DataFrame({"p": PATIENTS, "f": found.assignment[:, repeat]})[which]
            sizes = patients.drop_duplicates()["f"].value_counts()
            assert sizes.max() - sizes.min() <= 1


def test_repeats_are_dealt_anew_and_seeds_differ() -> None:
    first = nested_cv(LogisticRegression(), X, Y, **SCHEME)
    other = nested_cv(LogisticRegression(), X, Y, **SCHEME | {"seed": 8})
    assert len(np.unique(first.assignment, axis=1).T) == 3
    assert (first.assignment != other.assignment).any()


def test_risks_are_those_of_scikit_learn_on_the_same_folds() -> None:
    found = nested_cv(LogisticRegression(), X, Y, **SCHEME)
    for fold in range(4):
        test = found.assignment[:, 1] == fold
        model = LogisticRegression().fit(X[~test], Y[~test])
        np.testing.assert_allclose(
            found.risks[test, 1], model.predict_proba(X[test])[:, 1], rtol=1e-12
        )


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame])
def test_number_of_workers_does_not_change_the_result(kind: type) -> None:
    forest = RandomForestClassifier(n_estimators=5)  # random_state None: seeded by us
    wide = np.random.default_rng(9).normal(size=(N, 2_000))  # large enough to be mapped
    wide[:, :4] = X
    alone, two = (
        nested_cv(forest, kind(wide), Y, **SCHEME | {"n_jobs": n_jobs}) for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(alone.risks, two.risks)
    assert alone.to_dict() == two.to_dict()


def test_forests_of_two_folds_are_not_of_one_seed() -> None:
    class Lottery(Witness):
        def __init__(self, random_state=None):
            self.random_state = random_state

        def predict_proba(self, X):
            share = np.full(len(X), self.random_state / 2**32)
            return np.column_stack([1 - share, share])

    found = nested_cv(make_pipeline(StandardScaler(), Lottery()), X, Y, **SCHEME)
    assert len(np.unique(found.risks)) == 12
    fixed = nested_cv(Lottery(random_state=5), X, Y, **SCHEME)
    assert np.unique(fixed.risks).tolist() == [5 / 2**32]


@pytest.mark.filterwarnings("default")  # Dask's own, on its way out
def test_runs_on_a_dask_cluster() -> None:
    distributed = pytest.importorskip("distributed")
    import joblib

    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        on_cluster = nested_cv(Moody(), X, Y, **SCHEME | {"n_jobs": None})
    alone = nested_cv(Moody(), X, Y, **SCHEME)
    np.testing.assert_array_equal(on_cluster.risks, alone.risks)
    assert set(on_cluster.warnings) == set(alone.warnings)


# -- what may be X, y and the estimator ---------------------------------------------------------


class Taken:
    """The least that a table must be able to do."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray) -> Taken:
        return Taken(self.values[rows])


class OfTaken(LogisticRegression):
    def fit(self, X, y):
        return super().fit(X.values, y)

    def predict_proba(self, X):
        return super().predict_proba(X.values)


def test_table_may_be_array_list_frame_or_anything_with_take() -> None:
    expected = nested_cv(LogisticRegression(), X, Y, **SCHEME).risks
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(N)[::-1])
    for estimator, table in (
        (LogisticRegression(), X.tolist()),
        (LogisticRegression(), frame),
        (OfTaken(), Taken(X)),
    ):
        found = nested_cv(estimator, table, Y, **SCHEME)
        np.testing.assert_allclose(found.risks, expected, rtol=1e-13)


def test_estimator_without_probabilities_gives_its_decision_function() -> None:
    found = nested_cv(LinearSVC(), X, Y, **SCHEME)
    assert found.risks.min() < 0
    assert 0.6 < found.auc.estimate < 1


@pytest.mark.parametrize(
    ("y", "changed", "message"),
    [
        (np.where(Y, "yes", "no"), {}, "y holds something else than numbers"),
        (Y + 1, {}, "neither 0 nor 1"),
        (np.zeros(N), {}, "no sample has the event"),
        (Y[:-1], {}, "y has 89 samples, X has 90"),
        (Y, {"groups": PATIENTS[:-1]}, "groups has the shape"),
        (Y, {"folds": 1}, "folds=1"),
        (Y, {"repeats": 0}, "repeats=0"),
        ((np.arange(N) < 3) * 1, {}, "3 patients with an event and 87 without"),
        (Y, {"groups": Y}, "1 patients with an event and 1 without"),
        (Y, {"level": 95}, "level is 95"),
    ],
)
def test_unusable_input_is_one_clear_error(
    y: np.ndarray, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(MismatchError, match=message):
        nested_cv(LogisticRegression(), X, y, **SCHEME | changed)


# -- failures and warnings ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def moody() -> CrossValidated:
    return nested_cv(Moody(), X, Y, **SCHEME)


def test_failed_fits_are_named_and_the_others_used(moody: CrossValidated) -> None:
    largest = int(np.argmax(X[:, 0]))
    assert np.sort(X[:, 0])[-2] < 2 < X[largest, 0]
    expected = [
        (
            f"repeat {r + 1}, fold {moody.assignment[largest, r] + 1}",
            "ValueError: the largest is missing",
        )
        for r in range(3)
    ]
    assert [(f.where, f.message) for f in moody.failures] == expected
    failed = moody.assignment == moody.assignment[largest]
    np.testing.assert_array_equal(np.isnan(moody.risks), failed)
    assert 0.5 < moody.auc.estimate < 1
    assert moody.unscored == 0
    assert np.isnan(moody.mean_risk[largest])
    assert "3 of 12 fits failed:" in str(moody)
    assert f"{expected[0][0]} and 2 more: ValueError: the largest is missing" in str(moody)


def test_warnings_of_all_fits_are_told_once_with_their_count(moody: CrossValidated) -> None:
    told = [(warning.message, warning.count) for warning in moody.warnings]
    assert told == [("few events", 12), ("RuntimeWarning: slow", 12)]
    assert str(moody).count("few events (12 fits)") == 1


def test_all_fits_failing_is_an_error_with_the_reason() -> None:
    with pytest.raises(MirriskError, match=r"all 12 fits failed.*the largest is missing"):
        nested_cv(Moody(), X / 10, Y, **SCHEME)


def test_patients_without_a_risk_are_counted() -> None:
    class Partly(LogisticRegression):
        def predict_proba(self, X):
            given = super().predict_proba(X)
            given[X[:, 1] > 1] = np.nan
            return given

    found = nested_cv(Partly(), X, Y, **SCHEME)
    assert found.unscored == 3 * np.sum(X[:, 1] > 1) > 0
    assert f"{found.unscored} risks were not finite" in str(found)


def test_result_is_plain_json(moody: CrossValidated) -> None:
    plain = moody.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["auc"]["estimate"] == moody.auc.estimate
    assert None in plain["risks"][int(np.argmax(X[:, 0]))]


def test_progress_counts_every_fit() -> None:
    counted: list[tuple[int, int]] = []
    nested_cv(LogisticRegression(), X, Y, **SCHEME, progress=lambda *c: counted.append(c))
    assert counted == [(done, 12) for done in range(13)]


def test_finished_run_is_read_from_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first = nested_cv(Moody(), X, Y, **SCHEME, checkpoint=path)
    counted: list[tuple[int, int]] = []
    again = nested_cv(
        Moody(), X, Y, **SCHEME, checkpoint=path, progress=lambda *c: counted.append(c)
    )
    assert counted == [(12, 12)]
    assert again.to_dict() == first.to_dict()


# -- honesty ------------------------------------------------------------------------------------


def test_auc_is_the_mean_over_repeats_and_its_interval_is_for_patients() -> None:
    few, many = (
        nested_cv(LogisticRegression(), X, Y, **SCHEME | {"repeats": repeats})
        for repeats in (3, 30)
    )
    assert few.auc.estimate == pytest.approx(np.mean(few.aucs), abs=1e-15)
    assert few.auc_range == (min(few.aucs), max(few.aucs))
    width, narrower = (found.auc.high - found.auc.low for found in (few, many))
    assert narrower > 0.9 * width  # not divided by the root of ten


def test_random_labels_have_no_auc_also_with_duplicated_patients() -> None:
    half, missed = [], 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        patients = np.tile(np.arange(40), 2)
        copied = np.tile(rng.normal(size=(40, 5)), (2, 1))
        labels = np.tile(rng.permutation(np.arange(40) < 16), 2)
        found = nested_cv(
            KNeighborsClassifier(3),
            copied,
            labels,
            groups=patients,
            folds=5,
            repeats=2,
            seed=seed,
            n_jobs=1,
        )
        half.append(found.auc.estimate)
        missed += not found.auc.low <= 0.5 <= found.auc.high
    # The standard deviation of one AUC of 16 x 24 patients is about 0.1.
    assert abs(np.mean(half) - 0.5) < 3 * 0.1 / np.sqrt(40)
    assert missed <= 6
    leaking = nested_cv(KNeighborsClassifier(1), copied, labels, repeats=2, seed=1, n_jobs=1)
    assert leaking.auc.estimate > 0.8  # what groups prevent


def test_model_without_predictors_has_an_auc_of_one_half() -> None:
    y = (np.arange(N) < 22) * 1  # 22 cannot be dealt evenly into 4 folds
    found = nested_cv(Constant(), X, y, **SCHEME)
    assert found.aucs == (0.5, 0.5, 0.5)
    assert found.auc.low < 0.5 < found.auc.high
    # Pooled over folds the same risks mislead: a fold with more events has a lower risk.
    assert roc_auc_score(y, found.risks[:, 0]) < 0.48


class Constant(ClassifierMixin, BaseEstimator):
    """Predicts the share of events in training."""

    def fit(self, X, y):
        self.share_ = y.mean()
        return self

    def predict_proba(self, X):
        return np.tile([1 - self.share_, self.share_], (len(X), 1))


def test_tuning_inside_of_fit_is_repeated_in_every_fold() -> None:
    tuned = LogisticRegressionCV(
        Cs=4, cv=StratifiedKFold(3), scoring="roc_auc", l1_ratios=(0,), use_legacy_attributes=False
    )
    found = nested_cv(tuned, X, Y, **SCHEME)
    assert 0.6 < found.auc.estimate < 0.95
