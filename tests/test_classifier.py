"""PanelClassifier: what it promises of its result, and every cohort that it must refuse."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from cohorts import log2_table, member, panel, strangers
from scipy.special import expit
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks

from mirrisk.errors import (
    InvalidReferenceError,
    InvalidTableError,
    MirriskWarning,
    MismatchError,
    NotFoundError,
)
from mirrisk.fitting.classifier import PanelClassifier
from mirrisk.fitting.cohort import Cohort
from mirrisk.fitting.comparison import WithinFoldAUC, compare_with_curated
from mirrisk.fitting.counting import Counted
from mirrisk.fitting.folds import make_folds
from mirrisk.model import FittedPanel
from mirrisk.simulate import cohort
from mirrisk.tables import as_expression
from mirrisk.validation.discrimination import auc
from mirrisk.validation.logistic import fit_logistic


@pytest.fixture(autouse=True)
def _warnings_of_small_cohorts_are_expected():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        yield


# -- as a scikit-learn classifier -------------------------------------------------------------


@dataclass(frozen=True)
class MirnaNames:
    """However many columns a check brings. (A function would put its address into test names.)"""

    def __call__(self, count: int) -> list[str]:
        return strangers(count)


@parametrize_with_checks(
    [
        PanelClassifier(
            candidates="all",
            unit="log2",
            feature_names=MirnaNames(),
            accept_small=True,
            repeats=1,
            n_penalties=5,
            mixings=(0.5,),
        )
    ]
)
def test_scikit_learn_common_checks(estimator, check):
    check(estimator)


# -- a cohort whose truth is known --------------------------------------------------------------

MEMBERS = {
    "hsa-miR-486-5p": "low",
    "hsa-miR-21-5p": "high",
    "hsa-miR-106a-5p": "high",
    "hsa-miR-192-5p": "low",
    "hsa-miR-34a-5p": "low",
    "hsa-miR-16-5p": "high",
}
TRUTH = np.array([-1.0, 0.8, 0.6, -0.6, 0.0, 0.0])
TOY = panel(*(member(name, name, risk_when=when) for name, when in MEMBERS.items()))
FAST = {"unit": "log2", "repeats": 1, "n_penalties": 12, "mixings": (0.5,)}


def draw(n: int, seed: int, truth: np.ndarray = TRUTH) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw samples whose log odds are known: ``truth`` times the members' deviations."""
    table = log2_table(n, seed, names=list(MEMBERS), others=60)
    values = table[list(MEMBERS)].to_numpy()
    centre = 6 + 6 * np.abs(np.sin(np.arange(1, len(MEMBERS) + 1)))  # of log2_table
    log_odds = (values - centre) @ truth - 0.5
    outcome = np.random.default_rng(seed + 1000).random(n) < expit(log_odds)
    return table, outcome.astype(int)


TABLE, OUTCOME = draw(200, seed=1)
FITTED = None


def fitted() -> PanelClassifier:
    global FITTED
    if FITTED is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MirriskWarning)
            FITTED = PanelClassifier(TOY, **FAST).fit(TABLE, OUTCOME)
    return FITTED


def test_planted_effects_are_found_with_their_signs():
    found = {term.mirna: term.coefficient for term in fitted().panel_.terms}
    for name, effect in zip(MEMBERS, TRUTH, strict=True):
        if effect:
            assert np.sign(found[name]) == np.sign(effect)


def test_new_samples_are_predicted_nearly_as_well_as_by_the_truth():
    table, outcome = draw(2000, seed=2)
    best = auc(outcome, table[list(MEMBERS)].to_numpy() @ TRUTH)
    predicted = fitted().predict_proba(table)[:, 1]
    assert best - 0.03 < auc(outcome, predicted) <= best + 0.01


def test_probabilities_are_calibrated_in_new_samples():
    slopes, differences = [], []
    for seed in range(4):
        model = PanelClassifier(TOY, **FAST).fit(*draw(400, seed))
        table, outcome = draw(4000, seed + 100)
        log_odds = model.decision_function(table)
        design = np.column_stack([np.ones(4000), log_odds])
        slopes.append(fit_logistic(design, outcome.astype(float)).coefficients[1])
        differences.append(outcome.mean() - expit(log_odds).mean())
    assert 0.9 < np.mean(slopes) < 1.2
    assert abs(np.mean(differences)) < 0.03


@pytest.mark.parametrize("seed", range(5))
def test_constrained_signs_are_never_inverted(seed):
    table, outcome = draw(60, seed, truth=-TRUTH)  # the truth opposes the literature
    model = PanelClassifier(TOY, candidates="all", accept_small=True, **FAST).fit(table, outcome)
    for term in () if model.panel_ is None else model.panel_.terms:
        if term.claim is not None:
            assert term.coefficient * term.claim.sign > 0


def test_preferred_signs_can_be_inverted_by_strong_evidence():
    table, outcome = draw(200, 4, truth=-TRUTH)
    model = PanelClassifier(TOY, directions="prefer", **FAST).fit(table, outcome)
    strongest = max(model.panel_.terms, key=lambda term: abs(term.coefficient))
    assert strongest.coefficient * strongest.claim.sign < 0


def test_truth_against_the_literature_is_told_and_predicted_no_better_than_its_frequency():
    table, outcome = draw(200, 4, truth=-TRUTH)
    with pytest.warns(MirriskWarning, match="nothing predicts the outcome better"):
        model = PanelClassifier(TOY, **FAST).fit(table, outcome)
    assert model.panel_ is None
    np.testing.assert_allclose(model.predict_proba(table)[:, 1], outcome.mean())
    audit = model.summary_.content["audit"]
    assert {"hsa-miR-486-5p", "hsa-miR-21-5p"} <= set(audit["opposed"]) or not audit["opposed"]
    assert model.summary_.content["comparison"]["beats_curated"] is True  # 0.5, against below it
    with pytest.raises(MismatchError, match="no panel to export"):
        model.export(id="x", title="x", endpoint="x", cohort="x")


def test_simulated_patients_are_told_apart():
    drawn = cohort("tcga-prad", 150, panel="prostate", shifted=0.4, shift=0.7, seed=7)
    shifted = drawn.truth["shifted"].to_numpy()
    model = PanelClassifier("prostate", unit="counts", repeats=1, n_penalties=10).fit(
        drawn.counts, shifted
    )
    other = cohort("tcga-prad", 400, panel="prostate", shifted=0.4, shift=0.7, seed=8)
    risk = model.predict_proba(other.counts)[:, 1]
    assert auc(other.truth["shifted"].to_numpy().astype(int), risk) > 0.95
    for term in model.panel_.terms:
        assert np.sign(term.coefficient) == np.sign(drawn.effects[term.key])


def test_random_labels_are_not_predicted_out_of_fold():
    aucs = []
    for seed in range(6):
        table, _ = draw(80, seed)
        labels = np.random.default_rng(seed).permutation(np.arange(80) % 2)
        model = PanelClassifier(candidates="all", **FAST)
        folds = StratifiedKFold(4)
        risk = cross_val_predict(model, table, labels, cv=folds, method="predict_proba")[:, 1]
        aucs.append(
            np.mean([auc(labels[held], risk[held]) for _, held in folds.split(risk, labels)])
        )
    # The standard error is about 0.03 here; features chosen with the outcome would give 0.8.
    assert 0.4 < np.mean(aucs) < 0.6


# -- faces ----------------------------------------------------------------------------------------


def test_classes_may_be_strings_and_the_second_is_the_event():
    words = np.array(["bone", "none"])[1 - OUTCOME]  # bone where 1
    model = PanelClassifier(TOY, **FAST).fit(TABLE, words)
    assert model.classes_.tolist() == ["bone", "none"]
    assert model.summary_.content["outcome"]["event"] == "none"
    assert "(none; not: bone)" in str(model.summary_)
    assert set(model.predict(TABLE)) <= {"bone", "none"}
    # "none" sorts last and so is the event: every prediction is turned round.
    assert auc(OUTCOME, model.predict_proba(TABLE)[:, 0]) > 0.5 or model.panel_ is None


def test_prediction_is_the_class_whose_probability_is_above_one_half():
    probability = fitted().predict_proba(TABLE)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    np.testing.assert_array_equal(fitted().predict(TABLE), (probability[:, 1] > 0.5).astype(int))
    np.testing.assert_allclose(expit(fitted().decision_function(TABLE)), probability[:, 1])


def test_array_frame_expression_and_cohort_give_the_same():
    expected = fitted().predict_proba(TABLE)
    by_array = PanelClassifier(TOY, feature_names=list(TABLE), **FAST)
    by_array.fit(TABLE.to_numpy(), OUTCOME)
    expression = as_expression(TABLE, unit="log2")
    read = PanelClassifier(TOY, **FAST).fit(expression, OUTCOME)
    held = PanelClassifier(TOY, **FAST).fit(Cohort.of_expression(expression, None, ()), OUTCOME)
    # The fitness of a sample goes by names; the coefficients do not.
    np.testing.assert_array_equal(by_array.predict_proba(TABLE.to_numpy()), expected)
    np.testing.assert_array_equal(read.predict_proba(expression), expected)
    np.testing.assert_array_equal(held.predict_proba(expression), expected)
    assert read.n_features_in_ == TABLE.shape[1]


def test_the_exported_panel_gives_the_estimators_probabilities(tmp_path):
    import mirrisk

    exported = fitted().export(id="toy-fitted", title="Toy", endpoint="toy", cohort="toy cohort")
    exported.save(tmp_path / "model.json")
    loaded = FittedPanel.load(tmp_path / "model.json")
    assert loaded.reference.name == "toy cohort"
    table = TABLE.copy()
    table.iloc[:50, 0] = np.nan
    found = mirrisk.score(as_expression(table, unit="log2"), panel=loaded).scores
    scored = found["flag"].to_numpy() != "not_scored"
    assert scored.sum() > 150
    np.testing.assert_allclose(
        found["probability"].to_numpy()[scored],
        fitted().predict_proba(table)[scored, 1],
        atol=1e-12,
    )


def test_same_seed_gives_the_same_to_the_last_bit_whatever_the_number_of_processes():
    kwargs = {**FAST, "candidates": "all", "stability": 2}
    one = PanelClassifier(TOY, **kwargs).fit(TABLE, OUTCOME)
    two = PanelClassifier(TOY, n_jobs=2, **kwargs).fit(TABLE, OUTCOME)
    assert one.panel_.to_dict() == two.panel_.to_dict()


def test_another_seed_divides_other_folds():
    other = PanelClassifier(TOY, random_state=1, **FAST).fit(TABLE, OUTCOME)
    assert (other.tuning_.etas != fitted().tuning_.etas).any()


def test_a_fitted_classifier_can_be_pickled_and_holds_no_sample():
    copy = pickle.loads(pickle.dumps(fitted()))
    np.testing.assert_array_equal(copy.predict_proba(TABLE), fitted().predict_proba(TABLE))
    small = len(pickle.dumps(fitted()))
    assert small < TABLE.to_numpy().nbytes * 2


def test_coefficients_and_cutoffs_hold_the_slope_of_the_calibration():
    panel, report = fitted().panel_, fitted().summary_.content
    assert panel.link.slope == 1.0
    assert report["calibration"]["slope"] != 1.0
    measured = panel.reference.measure(TABLE_EXPRESSION)
    z = panel.reference.normal_scores(measured.values, panel.columns)
    log_odds = panel.link.intercept + (z - panel.mean) @ panel.coefficients
    np.testing.assert_allclose(fitted().decision_function(TABLE), log_odds, atol=1e-6)
    mean = fitted().tuning_.etas.mean(axis=0) * report["calibration"]["slope"]
    assert (mean[OUTCOME == 0] < panel.cutoffs.high).mean() == pytest.approx(
        report["cutoffs"]["specificity"]["estimate"]
    )
    assert report["cutoffs"]["high"] == panel.cutoffs.high


def test_warnings_and_report_name_no_sample():
    counts = cohort("tcga-prad", 60, panel="prostate", shifted=0.4, shift=1, seed=3)
    table = counts.counts.copy()
    table.iloc[4, : table.shape[1] // 3] = np.nan
    y = counts.truth["shifted"].to_numpy()
    model = PanelClassifier("prostate", unit="counts", repeats=1, n_penalties=8).fit(table, y)
    noted = model.summary_.content["notes"]
    table = table.rename(index={"SIM-005": "A: fitness not checked in sample B"})
    renamed = clone(model).fit(table, y).summary_.content["notes"]
    assert renamed == noted
    assert {"counts of many miRNAs are missing"} & {n["reason"].split(":")[0] for n in noted}
    assert next(n["count"] for n in noted if n["reason"].startswith("counts of many")) == 1
    assert "SIM-0" not in str(model.summary_.content)
    empty = TABLE.copy()
    empty.iloc[17] = np.nan
    with pytest.warns(MirriskWarning, match=r"of 200 samples .*empty_sample: 1\)") as caught:
        fitted().predict_proba(empty)
    assert not any("s17" in str(w.message) for w in caught)


def test_sample_without_any_value_has_the_probability_of_the_cohorts_mean():
    table = TABLE.copy()
    table.iloc[0] = np.nan
    with pytest.warns(MirriskWarning, match="look unlike the training cohort"):
        predicted = fitted().predict_proba(table)
    intercept = fitted().panel_.link.intercept
    assert predicted[0, 1] == pytest.approx(expit(intercept), abs=1e-12)
    np.testing.assert_array_equal(predicted[1:], fitted().predict_proba(TABLE)[1:])


def test_labels_and_groups_of_other_names_or_in_another_order_are_refused():
    labels = pd.Series(OUTCOME, index=TABLE.index)
    with pytest.raises(MismatchError, match="y and X name the same samples in different orders"):
        PanelClassifier(TOY, **FAST).fit(TABLE, labels.iloc[::-1])
    nearly = labels.iloc[::-1].rename({"s7": "S7"})
    with pytest.raises(MismatchError, match="y and X name different samples"):
        PanelClassifier(TOY, **FAST).fit(TABLE, nearly)
    patients = pd.Series(range(200), index=TABLE.index)
    with pytest.raises(MismatchError, match="groups and X name the same samples in different"):
        PanelClassifier(TOY, **FAST).fit(TABLE, labels, groups=patients.iloc[::-1])
    shuffled = TABLE.set_axis(range(200), axis=0).sample(frac=1, random_state=1)
    with pytest.raises(MismatchError, match="different orders"):
        PanelClassifier(TOY, **FAST).fit(shuffled, labels.reset_index(drop=True))
    numbered = PanelClassifier(TOY, **FAST).fit(TABLE, labels.reset_index(drop=True))
    np.testing.assert_array_equal(numbered.predict_proba(TABLE), fitted().predict_proba(TABLE))
    same = PanelClassifier(TOY, **FAST).fit(TABLE, labels)
    np.testing.assert_array_equal(same.predict_proba(TABLE), fitted().predict_proba(TABLE))


def test_a_bootstrap_draws_samples_several_times():
    rows = np.random.default_rng(0).integers(0, len(TABLE), len(TABLE))
    drawn = TABLE.iloc[rows]
    with pytest.raises(MismatchError, match="bear the name of another"):
        PanelClassifier(TOY, **FAST).fit(drawn, OUTCOME[rows])
    model = PanelClassifier(TOY, **FAST).fit(drawn, OUTCOME[rows], groups=drawn.index)
    assert model.panel_.reference.n == 200
    expression = Cohort.of_expression(as_expression(TABLE, unit="log2"), None, ())
    again = PanelClassifier(TOY, **FAST)
    again.fit(expression.take(rows), OUTCOME[rows], groups=rows)
    np.testing.assert_array_equal(again.predict_proba(TABLE_EXPRESSION), model.predict_proba(TABLE))


TABLE_EXPRESSION = as_expression(TABLE, unit="log2")

# -- tuning -------------------------------------------------------------------------------------


def test_held_penalty_gives_the_tuned_model():
    tuned = fitted()
    held = PanelClassifier(
        TOY, mixing=tuned.tuning_.mixing, penalty=tuned.tuning_.penalty, **FAST
    ).fit(TABLE, OUTCOME)
    # Paths inside are solved to 1e-4 only: the calibration, which coefficients hold, is that near.
    assert [t.mirna for t in held.panel_.terms] == [t.mirna for t in tuned.panel_.terms]
    np.testing.assert_allclose(held.panel_.coefficients, tuned.panel_.coefficients, rtol=2e-3)
    assert held.summary_.content["tuning"]["held"] is True
    np.testing.assert_allclose(held.panel_.link.intercept, tuned.panel_.link.intercept, atol=2e-3)


def test_one_of_mixing_and_penalty_is_refused():
    with pytest.raises(MismatchError, match=r"mixing=0\.5, penalty=None"):
        PanelClassifier(TOY, mixing=0.5, **FAST).fit(TABLE, OUTCOME)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mixing": 2.0, "penalty": 0.1},
        {"mixing": 0.5, "penalty": 0.0},
        {"mixings": (1.5,)},
        {"min_ratio": 2.0},
        {"folds": 1},
        {"repeats": 0},
        {"rule": "max"},
        {"directions": "force"},
        {"candidates": "some"},
        {"candidates": []},
        {"covariates": "age"},
        {"sensitivity": 1.0},
        {"cancer": "lung"},
    ],
)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(MismatchError):
        PanelClassifier(TOY, **{**FAST, **wrong}).fit(TABLE, OUTCOME)


def test_one_standard_error_is_at_most_as_many_mirnas():
    rule = PanelClassifier(TOY, candidates="all", rule="one_se", **FAST).fit(TABLE, OUTCOME)
    least = PanelClassifier(TOY, candidates="all", **FAST).fit(TABLE, OUTCOME)
    assert rule.tuning_.penalty > least.tuning_.penalty
    assert len(rule.panel_.terms) < len(least.panel_.terms)


def test_no_patient_is_in_two_folds():
    patients = np.repeat(np.arange(100), 2)
    folds = make_folds(OUTCOME.astype(float), patients, folds=5, repeats=2, seed=0)
    assert [len(repeat) for repeat in folds] == [5, 5]
    for train, held in (fold for repeat in folds for fold in repeat):
        assert not set(patients[train]) & set(patients[held])


def test_groups_keep_copies_of_a_patient_together():
    table, _ = draw(60, 5)
    doubled = pd.concat([table, table]).set_axis([f"s{i}" for i in range(120)], axis=0)
    labels = np.tile(np.random.default_rng(5).permutation(np.arange(60) % 2), 2)
    patients = np.tile(np.arange(60), 2)
    kwargs = {**FAST, "candidates": "all", "min_ratio": 0.01}
    leaking = PanelClassifier(**kwargs).fit(doubled, labels)
    clean = PanelClassifier(**kwargs).fit(doubled, labels, groups=patients)
    assert auc(labels, leaking.tuning_.etas[0]) > 0.85
    assert auc(labels, clean.tuning_.etas[0]) < 0.7


def test_groups_of_another_length_or_without_a_name_are_refused():
    with pytest.raises(MismatchError, match=r"groups has the shape \(3,\)"):
        PanelClassifier(TOY, **FAST).fit(TABLE, OUTCOME, groups=[1, 2, 3])
    with pytest.raises(MismatchError, match="no group is given for sample 1"):
        PanelClassifier(TOY, **FAST).fit(TABLE, OUTCOME, groups=["a", None, *"b" * 198])


# -- covariates -----------------------------------------------------------------------------------


def with_age(seed: int = 6) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw samples whose log odds rise by 1.5 per standard deviation of age, and with miR-21."""
    table, _ = draw(200, seed)
    age = np.random.default_rng(seed).normal(60, 8, 200)
    marker = table["hsa-miR-21-5p"].to_numpy()
    log_odds = (age - 60) / 8 * 1.5 + marker - marker.mean()
    outcome = np.random.default_rng(seed + 1).random(200) < expit(log_odds)
    return table.assign(age=age), outcome.astype(int)


def test_covariate_is_named_column_and_bears_no_penalty():
    table, outcome = with_age()
    model = PanelClassifier(TOY, covariates=["age"], **FAST).fit(table, outcome)
    (age,) = model.panel_.covariates
    assert age.name == "age"
    assert age.mean == pytest.approx(table["age"].mean())
    assert age.coefficient == pytest.approx(1.5, abs=0.5)  # per standard deviation, as planted
    without = PanelClassifier(TOY, **FAST).fit(table, outcome)
    others, outcomes = with_age(600)
    reached = [auc(outcomes, m.predict_proba(others)[:, 1]) for m in (model, without)]
    assert reached[0] > reached[1] + 0.05


def test_missing_covariate_is_expected_from_the_rest():
    table, outcome = with_age()
    table.iloc[:40, table.columns.get_loc("age")] = np.nan
    model = PanelClassifier(TOY, covariates=["age"], **FAST).fit(table, outcome)
    assert np.isfinite(model.predict_proba(table)).all()
    assert model.summary_.content["imputed_share"] == pytest.approx(40 / (200 * 7))
    assert "Covariates, not penalised: age (known for 160 of 200)." in str(model.summary_)
    assert "Missing or below detection: 2.9% of the values" in str(model.summary_)
    assert "Missing or below detection" not in str(fitted().summary_)


def test_boolean_covariate_is_a_number():
    table, outcome = with_age()
    table["old"] = table["age"] > 60
    model = PanelClassifier(TOY, covariates=["old"], **FAST).fit(table, outcome)
    assert model.panel_.covariates[0].mean == pytest.approx((table["age"] > 60).mean())


def test_covariates_of_an_expression_are_matched_by_name():
    table, outcome = with_age()
    expression = as_expression(table.drop(columns="age"), unit="log2")
    clinical = table[["age"]].iloc[::-1]
    by_frame = PanelClassifier(TOY, covariates=["age"], **FAST).fit(table, outcome)
    by_name = PanelClassifier(TOY, covariates=["age"], **FAST)
    by_name.fit(expression, outcome, clinical=clinical)
    np.testing.assert_array_equal(
        by_name.predict_proba(expression, clinical=clinical), by_frame.predict_proba(table)
    )
    with pytest.raises(NotFoundError, match="sample 's0': no row for 1 of 200 samples"):
        by_name.predict_proba(expression, clinical=clinical.drop(index="s0"))
    with pytest.raises(NotFoundError, match="no clinical columns were given"):
        by_name.predict_proba(expression)
    assert by_name.score(expression, outcome, clinical=clinical) == by_frame.score(table, outcome)
    # A column read from a file is text.
    texts = clinical.astype(str)
    np.testing.assert_array_equal(
        by_name.predict_proba(expression, clinical=texts), by_frame.predict_proba(table)
    )
    with pytest.raises(InvalidTableError, match="'old' in column 'age' of sample 's1'"):
        by_name.predict_proba(expression, clinical=texts.replace(texts.loc["s1"].item(), "old"))
    with pytest.raises(InvalidTableError, match="several columns are named 'age'"):
        by_name.predict_proba(expression, clinical=pd.concat([clinical, clinical], axis=1))


def test_accuracy_is_that_of_outcomes_in_the_order_of_the_samples():
    y = pd.Series(OUTCOME, index=TABLE.index)
    right = fitted().predict(TABLE) == OUTCOME
    assert fitted().score(TABLE, y) == right.mean()
    weights = np.arange(200)
    assert fitted().score(TABLE, y, weights) == pytest.approx(np.average(right, weights=weights))
    with pytest.raises(MismatchError, match="different orders"):
        fitted().score(TABLE, y.iloc[::-1])


@pytest.mark.parametrize("names", ["no", ("x", "x"), ("a",), 5, (0, 1)])
def test_class_names_that_do_not_tell_the_classes_are_refused(names):
    with pytest.raises(MismatchError, match="class_names="):
        PanelClassifier(TOY, class_names=names, **FAST).fit(TABLE, OUTCOME)


def test_classes_coded_0_and_1_keep_their_names_in_the_report():
    names = ("no relapse", "relapse")
    model = PanelClassifier(TOY, class_names=names, **FAST).fit(TABLE, OUTCOME)
    assert "with the event (relapse; not: no relapse)" in str(model.summary_)
    assert model.panel_.report["outcome"]["event"] == "relapse"
    assert model.classes_.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("column", "kind", "what"),
    [
        (np.full(200, 3.0), InvalidTableError, "is 3 in every sample"),
        (np.full(200, np.nan), InvalidTableError, "has no value"),
        (np.array(["yes", "no"] * 100), InvalidTableError, "holds 'yes'"),
        (OUTCOME.astype(float), MismatchError, "separate the classes"),
    ],
)
def test_useless_covariates_are_refused(column, kind, what):
    with pytest.raises(kind, match=what):
        PanelClassifier(TOY, covariates=["x"], **FAST).fit(TABLE.assign(x=column), OUTCOME)


def test_covariates_that_follow_from_each_other_are_refused():
    table, outcome = with_age()
    table["months"] = 12 * table["age"]
    with pytest.raises(MismatchError, match="follows from the others"):
        PanelClassifier(TOY, covariates=["age", "months"], **FAST).fit(table, outcome)


def test_covariate_that_is_no_column_is_refused_with_the_nearest():
    table, outcome = with_age()
    with pytest.raises(NotFoundError, match="did you mean 'age'"):
        PanelClassifier(TOY, covariates=["agee"], **FAST).fit(table, outcome)


def test_merit_of_covariates_is_not_said_to_be_the_panels():
    from mirrisk.fitting.comparison import WithinFoldAUC, compare_with_curated

    y = np.tile([0.0, 1.0], 50)
    rng = np.random.default_rng(0)
    risk, noise = y + rng.normal(size=100), rng.normal(size=100)
    folds = [[(np.arange(0), np.arange(100)[i::5]) for i in range(5)]]
    shared = (TOY, noise, risk[None], folds, WithinFoldAUC(y))
    panel, covariates = (
        compare_with_curated(*shared, covariates_alone=alone) for alone in (False, True)
    )
    assert (panel["beats_curated"], covariates["beats_curated"]) == (True, False)
    assert panel["difference"] == covariates["difference"] > 0
    assert "the fitted panel does better" in panel["said"]
    assert "better" not in covariates["said"]


def test_covariates_alone_predict_where_no_mirna_does():
    table, outcome = with_age()
    with pytest.warns(MirriskWarning, match="the covariates alone predict"):
        model = PanelClassifier(
            TOY, covariates=["age"], mixing=1.0, penalty=5.0, unit="log2", repeats=1
        ).fit(table, outcome)
    assert model.panel_.terms == ()
    assert "Holds no miRNA: its covariates alone predict." in model.panel_.caveats
    told = model.summary_.content["comparison"]
    assert told["beats_curated"] is False
    assert "does better" not in told["said"]
    assert "what tells it from the curated panel toy are its covariates alone" in told["said"]
    assert auc(outcome, model.predict_proba(table)[:, 1]) == pytest.approx(
        auc(outcome, table["age"])
    )


# -- candidates ---------------------------------------------------------------------------------


def test_contested_members_are_no_candidates_and_that_is_told():
    contested = panel(
        member("hsa-miR-486-5p", "hsa-miR-486-5p", risk_when="low"),
        member("hsa-miR-21-5p", "hsa-miR-21-5p", risk_when=None),
        member("hsa-miR-192-5p", "hsa-miR-192-5p", risk_when="low", specimens=["serum"]),
    )
    model = PanelClassifier(contested, **FAST).fit(TABLE, OUTCOME)
    found = model.summary_.content["candidates"]
    assert found["count"] == 1
    assert found["panel_left_out"]["hsa-miR-21-5p"].startswith("contested")
    assert found["panel_left_out"]["hsa-miR-192-5p"] == "no direction known in tissue"


def test_candidates_by_name_in_any_style():
    model = PanelClassifier(candidates=["hsa-mir-486-5p", "MIMAT0000076"], **FAST)
    model.fit(TABLE, OUTCOME)
    assert {t.mirna for t in model.panel_.terms} <= {"hsa-miR-486-5p", "hsa-miR-21-5p"}
    with pytest.raises(NotFoundError, match="no column of the table is hsa-miR-155-5p"):
        PanelClassifier(candidates=["hsa-miR-155-5p"], **FAST).fit(TABLE, OUTCOME)
    with pytest.raises(NotFoundError, match="'BRCA1' does not denote one miRNA"):
        PanelClassifier(candidates=["BRCA1"], **FAST).fit(TABLE, OUTCOME)


def test_panel_candidates_without_a_panel_are_refused():
    with pytest.raises(MismatchError, match='candidates="panel" without a panel'):
        PanelClassifier(**FAST).fit(TABLE, OUTCOME)


def test_constant_and_empty_columns_are_left_out_and_counted():
    table = TABLE.copy()
    table["hsa-miR-9000-5p"] = 4.0
    table["hsa-miR-9001-5p"] = np.nan
    table.iloc[:120, table.columns.get_loc("hsa-miR-9002-5p")] = np.nan
    model = PanelClassifier(candidates="all", **FAST).fit(table, OUTCOME)
    assert model.summary_.content["candidates"]["left_out"] == {
        "constant, or hardly measured": 2,
        "missing or below detection in most samples": 1,
    }
    assert not {"hsa-miR-9000-5p", "hsa-miR-9001-5p", "hsa-miR-9002-5p"} & {
        term.mirna for term in model.panel_.terms
    }


def test_no_candidate_left_is_one_clear_error():
    table = TABLE.copy()
    table["hsa-miR-9000-5p"] = 4.0
    with pytest.raises(InvalidReferenceError, match="miRNA"):
        PanelClassifier(candidates=["hsa-miR-9000-5p"], **FAST).fit(table, OUTCOME)


# -- outcomes that cannot be fitted -----------------------------------------------------------


def test_one_class_is_refused():
    with pytest.raises(MismatchError, match="y holds one class only: 1"):
        PanelClassifier(TOY, **FAST).fit(TABLE, np.ones(200, dtype=int))


def test_three_classes_are_refused():
    with pytest.raises(MismatchError, match="Only binary classification is supported"):
        PanelClassifier(TOY, **FAST).fit(TABLE, np.arange(200) % 3)


def test_missing_label_names_its_sample():
    labels = OUTCOME.astype(float)
    labels[17] = np.nan
    with pytest.raises(MismatchError, match="sample 's17': y holds nan"):
        PanelClassifier(TOY, **FAST).fit(TABLE, labels)


@pytest.mark.parametrize(("events", "what"), [(9, "9 events"), (1, "1 event "), (191, "9 non-e")])
def test_few_events_or_non_events_are_refused_with_the_number_needed(events, what):
    labels = (np.arange(200) < events).astype(int)
    with pytest.raises(MismatchError, match=what) as caught:
        PanelClassifier(TOY, **FAST).fit(TABLE, labels)
    assert "at least 10 events and 10 non-events" in caught.value.expected


def test_few_events_are_fitted_if_asked_and_the_result_says_so():
    labels = (np.arange(200) < 6).astype(int)
    model = PanelClassifier(TOY, accept_small=True, **FAST).fit(TABLE, labels)
    assert model.summary_.content["accepted_small"] is True
    assert "that was accepted" in str(model.summary_)
    assert fitted().summary_.content["accepted_small"] is False


def test_one_event_is_one_clear_error_even_if_accepted():
    labels = (np.arange(200) < 1).astype(int)
    with pytest.raises(MismatchError, match="could be predicted out of fold"):
        PanelClassifier(TOY, accept_small=True, **FAST).fit(TABLE, labels)


def test_events_of_one_patient_are_one_clear_error():
    labels = (np.arange(200) < 12).astype(int)
    patients = np.maximum(np.arange(200), 11)
    with pytest.raises(MismatchError, match=r"1 event among 189 patients \(200 samples\)"):
        PanelClassifier(TOY, **FAST).fit(TABLE, labels, groups=patients)
    with pytest.raises(MismatchError, match="could be predicted out of fold"):
        PanelClassifier(TOY, accept_small=True, **FAST).fit(TABLE, labels, groups=patients)


def test_sizes_are_those_of_patients_where_these_are_given():
    model = PanelClassifier(TOY, **FAST).fit(TABLE, OUTCOME)
    quadrupled = pd.concat([TABLE] * 4).set_axis([f"s{i}" for i in range(800)], axis=0)
    patients = np.tile(np.arange(200), 4)
    copies = PanelClassifier(TOY, **FAST).fit(quadrupled, np.tile(OUTCOME, 4), groups=patients)
    one, four = (m.summary_.content["sample_size"] for m in (model, copies))
    assert {k: v for k, v in one.items() if k != "said"} == {
        k: v for k, v in four.items() if k != "said"
    }
    report = copies.summary_.content
    assert (report["n"], report["patients"]) == (800, 200)
    assert report["patients_with_event"] == OUTCOME.sum()
    assert four["said"] == one["said"].replace(" samples", " patients")


def test_warning_of_a_shortfall_counts_patients_where_these_are_known():
    patients = np.arange(200) // 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        PanelClassifier(TOY, candidates="all", **FAST).fit(TABLE, OUTCOME, groups=patients)
    (told,) = [str(w.message) for w in caught if "A cohort of" in str(w.message)]
    assert told.startswith("A cohort of 100 patients with ")
    assert "samples" not in told


def test_patients_with_samples_of_both_classes_count_half():
    happened, groups = np.array([True, False] * 30), np.repeat(np.arange(30), 2)
    counted = Counted.of(happened, groups)
    assert (counted.n, counted.events) == (30, 15)


def test_folds_that_a_covariate_separates_are_skipped_and_counted():
    # Apart from one sample the covariate is the outcome: folds without it are separated.
    flag = OUTCOME.astype(float)
    flag[np.flatnonzero(OUTCOME == 0)[0]] = 1.0
    flag[np.flatnonzero(OUTCOME == 1)[0]] = 0.0
    table = TABLE.assign(flag=flag)
    model = PanelClassifier(TOY, covariates=["flag"], **FAST).fit(table, OUTCOME)
    tuning = model.summary_.content["tuning"]
    assert 1 <= tuning["skipped_folds"] <= 2
    assert f"{tuning['skipped_folds']} skipped" in str(model.summary_)


def test_fewer_than_twenty_samples_are_refused():
    table, _ = draw(19, 1)
    with pytest.raises((InvalidReferenceError, MismatchError)):
        PanelClassifier(TOY, **FAST).fit(table, np.arange(19) % 2)


def test_a_marker_that_separates_the_classes_still_gets_finite_coefficients():
    table = TABLE.copy()
    table["hsa-miR-21-5p"] = 8 + 3 * OUTCOME + np.linspace(0, 0.5, 200)
    model = PanelClassifier(TOY, **FAST).fit(table, OUTCOME)
    assert np.isfinite(model.panel_.coefficients).all()
    assert np.isfinite(model.decision_function(table)).all()
    assert auc(OUTCOME, model.predict_proba(table)[:, 1]) > 0.99


# -- the report ---------------------------------------------------------------------------------


def test_cohort_too_small_for_its_candidates_is_warned_of_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        PanelClassifier(TOY, **FAST).fit(TABLE, OUTCOME)
    told = [
        str(w.message) for w in caught if "candidate" in str(w.message) or "more" in str(w.message)
    ]
    assert len(told) == 1
    assert told[0] == fitted().summary_.content["sample_size"]["said"]


def test_quiet_fit_warns_of_nothing_and_is_the_same():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quiet = PanelClassifier(TOY, quiet=True, **FAST).fit(TABLE, OUTCOME)
        predicted = quiet.predict_proba(TABLE + 5)
    assert not caught
    np.testing.assert_array_equal(predicted, fitted().predict_proba(TABLE + 5))
    assert quiet.summary_.content["sample_size"]["shortfall"] > 0


def test_audit_compares_with_the_fit_that_ignores_the_literature():
    report = fitted().summary_.content
    tuned = report["tuning"]
    free = PanelClassifier(
        TOY, directions="ignore", mixing=tuned["mixing"], penalty=tuned["penalty"], **FAST
    ).fit(TABLE, OUTCOME)
    coefficients = {term.mirna: term.coefficient for term in free.panel_.terms}
    audit = report["audit"]
    # The audit is about penalised fits; panels hold the slope of their calibration.
    slope = free.summary_.content["calibration"]["slope"]
    for term in audit["terms"]:
        assert term["unconstrained"] * slope == pytest.approx(
            coefficients.get(term["mirna"], 0.0), abs=1e-6
        )
        assert term["literature"] == {"high": 1, "low": -1}[MEMBERS[term["mirna"]]]
        assert term["opposes"] == (term["unconstrained"] * term["literature"] < 0)
    assert audit["objective"] >= audit["objective_unconstrained"] - 1e-12
    assert sum(term["variance_share"] for term in audit["terms"]) == pytest.approx(1)


def test_curated_panel_is_compared_in_the_same_folds():
    told = fitted().summary_.content["comparison"]
    assert told["panel"] == "toy"
    assert told["difference"] == pytest.approx(told["auc_fitted"] - told["auc_curated"])
    assert told["low"] < told["difference"] < told["high"]
    assert told["beats_curated"] == (told["low"] > 0)
    assert 0.6 < told["auc_curated"] < told["auc_fitted"] + 0.1
    assert told["said"] in str(fitted().summary_)


def test_fit_to_noise_is_not_said_to_beat_the_literature():
    for seed in range(6):
        table, _ = draw(80, seed)
        labels = np.random.default_rng(seed + 50).permutation(np.arange(80) % 2)
        model = PanelClassifier(TOY, directions="ignore", **FAST).fit(table, labels)
        told = model.summary_.content["comparison"]
        assert told["beats_curated"] is False
        assert "panel does better" not in told["said"]
        assert "flattered" in told["said"]


def test_copies_of_patients_do_not_narrow_the_comparison():
    etas = np.random.default_rng(1).normal(size=(1, 60)) + OUTCOME[:60]
    scores = np.random.default_rng(2).normal(size=60) + OUTCOME[:60]
    folds = make_folds(OUTCOME[:60].astype(float), None, folds=3, repeats=1, seed=0)
    once = compare_with_curated(TOY, scores, etas, folds, WithinFoldAUC(OUTCOME[:60]))
    copied = [
        [
            (np.concatenate([train, train + 60]), np.concatenate([held, held + 60]))
            for train, held in repeat
        ]
        for repeat in folds
    ]
    twice = compare_with_curated(
        TOY,
        np.tile(scores, 2),
        np.tile(etas, 2),
        copied,
        WithinFoldAUC(np.tile(OUTCOME[:60], 2)),
        np.tile(np.arange(60), 2),
    )
    for key in ("auc_fitted", "auc_curated", "low", "high"):
        assert twice[key] == pytest.approx(once[key], abs=1e-9)


def test_stability_selection_finds_what_was_planted():
    model = PanelClassifier(TOY, candidates="all", stability=10, **FAST).fit(TABLE, OUTCOME)
    found = model.summary_.content["stability"]
    frequencies = found["frequencies"]
    # Of 66 candidates a half selects sqrt(0.8 * 66), rounded up.
    assert found["wanted_per_half"] == found["selected_per_half"] == 8
    # Meinshausen and Buehlmann's bound: 8**2 / 66 / (2 * 0.75 - 1).
    assert 0 < found["false_selections_at_most"] < 8**2 / 66 / 0.5
    planted = np.mean([frequencies[name] for name in list(MEMBERS)[:4]])
    assert planted > 0.75
    assert np.mean([frequencies.get(name, 0.0) for name in strangers(60)]) < planted - 0.4
    (term,) = [t for t in model.panel_.terms if t.mirna == "hsa-miR-486-5p"]
    assert term.frequency == frequencies["hsa-miR-486-5p"]


def test_report_is_plain_json_and_clone_keeps_nothing():
    import json

    json.dumps(fitted().summary_.content, allow_nan=False)
    copy = clone(fitted())
    assert not hasattr(copy, "panel_")
    assert copy.get_params()["panel"].digest == TOY.digest
