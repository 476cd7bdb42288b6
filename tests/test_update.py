"""Updates end to end: the closed test's choice, and the panel that comes of it."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cohorts import LIVER, log2_table, member, panel
from scipy.special import expit

import mirrisk
from mirrisk.catalog import load_panel
from mirrisk.errors import (
    InvalidPanelError,
    InvalidReferenceError,
    MirriskError,
    MirriskWarning,
    MismatchError,
)
from mirrisk.fitting import PanelClassifier
from mirrisk.fitting.updating import Updated, update
from mirrisk.model import Covariate, Cutoffs, FittedPanel, Link, Term
from mirrisk.reference import Reference
from mirrisk.tables import as_expression
from mirrisk.validation.discrimination import auc

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.vocabulary import FloatArray

# Of a cohort too small for the parameters: these tests are about other things.
pytestmark = pytest.mark.filterwarnings("ignore:A cohort of:mirrisk.errors.MirriskWarning")

KEYS = LIVER[:3]
B = np.array([-0.9, 0.6, -0.7])
INTERCEPT = -0.6


@pytest.fixture(scope="module")
def reference() -> Reference:
    whole = Reference.fit_keys(
        as_expression(log2_table(400, 1), unit="log2"), LIVER, name="a cohort"
    )
    return whole.restricted(LIVER)


def fitted(reference: Reference, **changes: Any) -> FittedPanel:
    part = reference.restricted(KEYS)
    model = FittedPanel(
        id="mine",
        version="1.0.0",
        title="A panel of a test",
        cancer=None,
        endpoint="bone metastasis",
        caveats=("Made up.",),
        reference=part,
        terms=tuple(Term(key, key, b) for key, b in zip(KEYS, B.tolist(), strict=True)),
        covariates=(),
        mean=part.mean,
        covariance=part.covariance,
        link=Link("logistic", intercept=INTERCEPT),
        cutoffs=Cutoffs(-0.9, 1.1, "low as chosen", "high as chosen"),
        report={"n": 400, "events": 150},
    )
    return replace(model, **changes)


@pytest.fixture(scope="module")
def model(reference: Reference) -> FittedPanel:
    return fitted(reference)


def z_of(reference: Reference, table: pd.DataFrame) -> FloatArray:
    values = reference.measure(as_expression(table, unit="log2")).values
    return reference.normal_scores(values, range(len(reference.keys)))


def eta_of(model: FittedPanel, table: pd.DataFrame) -> FloatArray:
    """The centred linear predictor of samples without gaps, by hand."""
    return (z_of(model.reference, table) - model.mean) @ model.coefficients


def drawn(log_odds: FloatArray, seed: int) -> FloatArray:
    return (np.random.default_rng(seed).random(len(log_odds)) < expit(log_odds)).astype(int)


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return log2_table(160, 7)


@pytest.fixture(scope="module")
def y(model: FittedPanel, cohort: pd.DataFrame) -> pd.Series:
    """Outcomes of a cohort where the panel's slope is half of what it was."""
    return pd.Series(drawn(-1.5 + 0.4 * eta_of(model, cohort), 3), index=cohort.index)


def probabilities(panel: object, table: pd.DataFrame, **options: Any) -> FloatArray:
    found = mirrisk.score(table, panel=panel, unit="log2", **options)
    return found.scores["probability"].to_numpy()


# -- the choice, against R --------------------------------------------------------------------


def usual_table(n: int) -> pd.DataFrame:
    """Samples that no reference refuses: near the middle of those that it was learned from."""
    table = log2_table(n, 4)
    return table.mean() + (table - table.mean()) / 2


def clinical_model(names: list[str], X: pd.DataFrame, log_odds: FloatArray) -> FittedPanel:
    """A panel of covariates alone, whose log odds are intercept + X @ slopes."""
    part = Reference.fit_keys(
        as_expression(log2_table(60, 2), unit="log2"), LIVER, name="any"
    ).restricted(LIVER[:1])
    mean, sd = X.mean().to_numpy(), X.std().to_numpy()
    slopes = log_odds[1:]
    return FittedPanel(
        id="clinical",
        version="1.0.0",
        title="Covariates",
        cancer=None,
        endpoint="any",
        caveats=(),
        reference=part,
        terms=(),
        covariates=tuple(
            Covariate(name, float(b * s), float(m), float(s))
            for name, b, m, s in zip(names, slopes, mean, sd, strict=True)
        ),
        mean=np.zeros(len(names)),
        covariance=np.corrcoef(X.to_numpy(), rowvar=False),
        link=Link("logistic", intercept=float(log_odds[0] + slopes @ mean)),
        cutoffs=Cutoffs(-1.0, 1.0, "low", "high"),
    )


def updated_clinical(X: pd.DataFrame, y: FloatArray, log_odds: FloatArray) -> Updated:
    table = usual_table(len(X))
    X = X.set_axis(table.index, axis=0)
    names = list(X.columns)
    panel = clinical_model(names, X, log_odds)
    outcome = pd.Series(y, index=table.index)[::-1]
    return update(panel, table, outcome, unit="log2", covariates=X.sample(frac=1, random_state=1))


R_CHOICES = {
    "masked": "original",
    "in_the_large": "in the large",
    "recalibration": "logistic recalibration",
    "revision": "revision",
}


@pytest.fixture(scope="module")
def printed(root: Path) -> dict[str, FloatArray]:
    """What R's glm gave (reference/closed_test.R)."""
    text = (root / "tests" / "reference" / "closed_test.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("version")]
    return {name: np.array(values, dtype=float) for name, *values in rows}


@pytest.mark.parametrize(("name", "chosen"), R_CHOICES.items())
def test_log_likelihoods_tests_and_choice_are_those_of_r(
    printed: dict[str, FloatArray], name: str, chosen: str
) -> None:
    X = pd.DataFrame({x: printed[x] for x in ("x1", "x2", "x3")})
    found = updated_clinical(X, printed["y"], printed[f"{name} model"])
    assert found.chosen == chosen
    likelihoods = [fit.log_likelihood for fit in found.test.fits]
    assert likelihoods == pytest.approx(printed[f"{name} log-likelihood"], rel=1e-10)
    assert [t.df for t in found.test.tests] == [4, 3, 2]
    p_values = [t.p_value for t in found.test.tests]
    assert p_values == pytest.approx(printed[f"{name} p"], rel=1e-7)


@pytest.mark.parametrize(("name", "chosen"), R_CHOICES.items())
def test_updated_panel_gives_the_probabilities_of_rs_model(
    printed: dict[str, FloatArray], name: str, chosen: str
) -> None:
    X = pd.DataFrame({x: printed[x] for x in ("x1", "x2", "x3")})
    original = printed[f"{name} model"]
    found = updated_clinical(X, printed["y"], original)
    lp = original[0] + X.to_numpy() @ original[1:]
    log_odds = lp
    if chosen == "in the large":
        log_odds = lp + printed[f"{name} in the large"][0]
    elif chosen == "logistic recalibration":
        a, b = printed[f"{name} logistic recalibration"][:2]
        log_odds = a + b * lp
    elif chosen == "revision":
        a, *b = printed[f"{name} revision"][:4]
        log_odds = a + X.to_numpy() @ b
    table = usual_table(len(X))
    covariates = X.set_axis(table.index, axis=0)
    p = probabilities(found.panel, table, covariates=covariates)
    np.testing.assert_allclose(p, expit(log_odds), rtol=1e-6)


# Of closed_test_aSAH.txt, by R's glm: the last scenario, whose lp is rounded nowhere.
WRONG = (-77.53675863, -72.28783051, -70.72150283, -56.53913470)


def test_given_scenario_of_a_wrong_model_is_revised(shared: Path) -> None:
    patients = pd.read_csv(shared / "reference" / "fitting" / "aSAH.csv")
    X = patients[["age", "male", "s100b", "ndka"]]
    y = patients["y"].to_numpy()
    wrong = np.array([-3, 0.03, -1, 2, 0.0])
    # A predictor with the coefficient 0 is none: give it a coefficient that changes nothing.
    wrong[4] = 1e-12
    found = updated_clinical(X, y, wrong)
    assert found.chosen == "revision"
    likelihoods = [fit.log_likelihood for fit in found.test.fits]
    assert likelihoods == pytest.approx(WRONG, abs=1e-7)
    assert [t.p_value for t in found.test.tests] == pytest.approx(
        (5.90346e-08, 2.42331e-06, 3.04494e-06), rel=1e-5
    )
    # R: s100b 4.9955 in the revised model, per unit.
    s100b = found.panel.covariates[2]
    assert s100b.coefficient / s100b.sd == pytest.approx(4.9955157, rel=1e-6)


CHANGES = {
    "original": lambda eta, z: INTERCEPT + eta,
    "in the large": lambda eta, z: INTERCEPT + 1.4 + eta,
    "logistic recalibration": lambda eta, z: INTERCEPT - 0.5 + 0.25 * eta,
    "revision": lambda eta, z: z @ [0.9, 0.6, 0.7],
}


@pytest.mark.parametrize("truth", CHANGES)
def test_what_changed_is_what_is_updated(model: FittedPanel, truth: str) -> None:
    """In most of 40 cohorts of 300; the level lets the original go in 2 of them."""
    table = log2_table(300, 11)
    expression = as_expression(table, unit="log2")
    log_odds = CHANGES[truth](eta_of(model, table), z_of(model.reference, table))
    chosen = [update(model, expression, drawn(log_odds, seed)).chosen for seed in range(40)]
    assert chosen.count(truth) >= 30


# -- the panel that comes of it ---------------------------------------------------------------


def test_linear_predictor_is_that_of_scoring_with_gaps_too(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    gaps = cohort.mask(np.random.default_rng(1).random(cohort.shape) < 0.25)
    found = update(model, gaps, y, unit="log2")
    p = probabilities(model, gaps, min_coverage=0)
    known = ~np.isnan(p)
    expected = np.sum(np.log(np.where(y == 1, p, 1 - p))[known])
    assert found.test.n == known.sum()
    # The kernel has a ridge of 1e-6.
    assert found.test.fits[0].log_likelihood == pytest.approx(expected, abs=1e-3)


def test_recalibration_is_the_maximum_of_the_likelihood(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    found = update(model, cohort, y, unit="log2")
    assert found.chosen == "logistic recalibration"
    p, eta = probabilities(found.panel, cohort), eta_of(model, cohort)
    assert np.sum(y - p) == pytest.approx(0, abs=1e-6)
    assert np.sum((y - p) * eta) == pytest.approx(0, abs=1e-6)
    # What the panel says of its coefficients is what its probabilities rest on.
    assert found.panel.link.slope == 1
    np.testing.assert_allclose(found.panel.coefficients, found.test.coefficients[1] * B)


def test_revision_is_the_maximum_of_the_likelihood(
    model: FittedPanel, cohort: pd.DataFrame
) -> None:
    z = z_of(model.reference, cohort)
    y = drawn(z @ [1.2, 0.8, 0.9], 5)
    found = update(model, cohort, y, unit="log2")
    assert found.chosen == "revision"
    p = probabilities(found.panel, cohort)
    np.testing.assert_allclose((y - p) @ np.column_stack([np.ones(len(y)), z]), 0, atol=1e-6)
    assert "out of fold" in found.panel.cutoffs.high_means
    assert found.auc_revised is not None
    assert f"Revised, out of fold: {found.auc_revised}." in str(found)
    assert found.auc.high < found.auc_revised.low
    # Of samples that were not seen: no better than in those that were.
    assert found.auc_revised.estimate < auc(y, p)


def test_saved_panel_gives_the_same_probabilities(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series, tmp_path: Path
) -> None:
    found = update(model, cohort, y, unit="log2", id="ours", version="2.1.0")
    found.panel.save(tmp_path / "updated.json")
    again = load_panel(tmp_path / "updated.json")
    assert isinstance(again, FittedPanel)
    assert (again.id, again.version, again.digest) == ("ours", "2.1.0", found.panel.digest)
    before, after = probabilities(found.panel, cohort), probabilities(again, cohort)
    np.testing.assert_array_equal(before, after)


def test_report_records_the_update(model: FittedPanel, cohort: pd.DataFrame, y: pd.Series) -> None:
    found = update(model, cohort, y, unit="log2", cohort_name="St Elsewhere")
    report = found.panel.report
    told = report["update"]
    assert told["original"] == {
        "kind": "fitted",
        "id": "mine",
        "version": "1.0.0",
        "digest": model.digest,
    }
    assert (told["chosen"], told["n"], told["events"]) == (found.chosen, 160, int(y.sum()))
    assert [fit["update"] for fit in told["fits"]] == [fit.update for fit in found.test.fits]
    assert [t["p_value"] for t in told["tests"]] == [t.p_value for t in found.test.tests]
    assert report["before"] == model.report
    assert found.panel.caveats[0] == "Made up."
    assert found.panel.caveats[1].startswith("Updated on 160 samples")
    assert found.panel.title == "A panel of a test, updated on St Elsewhere"


def test_cutoffs_stay_and_say_what_they_achieve_in_the_new_cohort(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    found = update(model, cohort, y, unit="log2")
    cutoffs, slope = found.panel.cutoffs, found.test.coefficients[1]
    assert (cutoffs.low, cutoffs.high) == pytest.approx((-0.9 * slope, 1.1 * slope))
    before, after = (
        mirrisk.score(cohort, panel=each, unit="log2").scores["flag"]
        for each in (model, found.panel)
    )
    assert list(before) == list(after)
    others = eta_of(model, cohort)[y == 0]
    below = int((others < 1.1).sum())
    assert f"specificity {below / len(others):.2f} ({below}/{len(others)}, 95% CI" in (
        cutoffs.high_means
    )
    assert cutoffs.high_means.endswith("high as chosen")


def test_panel_that_predicts_the_opposite_is_turned_round(
    model: FittedPanel, cohort: pd.DataFrame
) -> None:
    y = drawn(-2.5 * eta_of(model, cohort), 2)
    found = update(model, cohort, y, unit="log2")
    assert found.chosen == "logistic recalibration"
    assert (np.sign(found.panel.coefficients) == -np.sign(B)).all()
    scores = mirrisk.score(cohort, panel=found.panel, unit="log2").scores
    high, low = (y[scores["flag"] == flag].mean() for flag in ("high", "low"))
    assert high > 0.8 > 0.2 > low
    assert any("make sure that '1' is the event and '0' is not" in note for note in found.notes)


def test_original_that_holds_keeps_its_probabilities_and_report(
    model: FittedPanel, cohort: pd.DataFrame
) -> None:
    y = drawn(INTERCEPT + eta_of(model, cohort), 4)
    found = update(model, cohort, y, unit="log2")
    assert found.chosen == "original"
    assert found.support is None
    np.testing.assert_array_equal(probabilities(found.panel, cohort), probabilities(model, cohort))
    assert (found.panel.report["n"], found.panel.report["events"]) == (400, 150)
    assert found.panel.report["update"]["n"] == 160


def test_printed_result_holds_every_model_and_test(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    text = str(update(model, cohort, y, unit="log2"))
    assert "Update of panel mine 1.0.0 on 160 samples" in text
    for name in ("original", "in the large", "logistic recalibration", "revision"):
        assert f"\n{name}" in text
    assert "df 4, p = " in text
    assert "Before the update: AUC 0." in text


def test_shortfall_is_a_warning(model: FittedPanel, cohort: pd.DataFrame) -> None:
    y = drawn(z_of(model.reference, cohort) @ [1.2, 0.8, 0.9], 5)
    with pytest.warns(MirriskWarning, match="3 parameters need .* more"):
        found = update(model, cohort, y, unit="log2")
    assert found.support is not None
    assert found.panel.report["sample_size"]["shortfall"] == found.support.shortfall > 0
    assert str(found.support) in found.panel.caveats


# -- which samples take part ------------------------------------------------------------------


def test_order_of_names_does_not_matter(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    found = update(model, cohort, y, unit="log2")
    turned = update(model, cohort, y.sample(frac=1, random_state=3), unit="log2")
    assert turned.test == found.test
    assert turned.panel.digest == found.panel.digest


def test_words_are_classes_the_second_of_which_is_the_event(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    found = update(model, cohort, y.map({0: "free", 1: "relapse"}), unit="log2")
    assert found.test == update(model, cohort, y, unit="log2").test
    assert found.panel.report["outcome"]["event"] == "relapse"


def renamed(y: pd.Series) -> pd.Series:
    """Outcomes in words whose order is not that of the numbers."""
    return y.map({0: "none", 1: "metastasis"})


def of_outcome(model: FittedPanel, event: str, other: str) -> FittedPanel:
    outcome = {"kind": "binary", "event": event, "other": other}
    return replace(model, report={**model.report, "outcome": outcome})


def test_event_is_the_one_that_the_panel_was_fitted_to(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    """In alphabetical order the event would be the word for none."""
    expected = update(model, cohort, y, unit="log2").test
    named = of_outcome(model, "metastasis", "none")
    found = update(named, cohort, renamed(y), unit="log2")
    assert found.test == expected
    assert found.classes == ("none", "metastasis")
    assert "Event: metastasis (not: none)." in str(found)
    again = update(found.panel, cohort, renamed(y), unit="log2")
    assert again.chosen == "original"


@pytest.mark.parametrize("values", [(0, 1), (0.0, 1.0), ("0", "1"), (False, True), ("0.0", "1.0")])
def test_one_and_true_are_one_event_however_written(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series, values: tuple[Any, Any]
) -> None:
    expected = update(model, cohort, y, unit="log2").test
    written = y.map(lambda each: values[each]).astype(object)
    assert update(of_outcome(model, "1", "0"), cohort, written, unit="log2").test == expected


def test_other_classes_need_a_word_on_the_event(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    numbers = of_outcome(model, "1", "0")
    with pytest.raises(MismatchError, match="the panel was fitted to 1") as refused:
        update(numbers, cohort, renamed(y), unit="log2")
    assert "event_class=" in refused.value.remedy
    found = update(numbers, cohort, renamed(y), unit="log2", event_class="metastasis")
    assert found.test == update(model, cohort, y, unit="log2").test
    assert found.panel.report["outcome"]["event"] == "metastasis"
    with pytest.raises(MismatchError, match="no sample of the class 'relapse'"):
        update(numbers, cohort, renamed(y), unit="log2", event_class="relapse")


def test_numbers_as_text_sort_as_numbers(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    found = update(model, cohort, y.map({0: "9", 1: "10"}), unit="log2")
    assert found.classes == ("9", "10")
    assert found.test == update(model, cohort, y, unit="log2").test


def test_series_that_counts_rows_goes_by_position(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    """Samples named 1 to 160 are not the rows 0 to 159 of the outcomes."""
    table = cohort.set_axis([str(i) for i in range(1, 161)])
    found = update(model, table, y.reset_index(drop=True), unit="log2")
    assert found.test == update(model, cohort, y, unit="log2").test


def test_samples_that_the_outcomes_lack_are_left_out_and_counted(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    found = update(model, cohort, y.drop(["s0", "s7"]), unit="log2")
    assert found.left_out == {"no outcome": ("s0", "s7")}
    less = cohort.drop(["s0", "s7"])
    assert found.test == update(model, less, y.drop(["s0", "s7"]), unit="log2").test


def test_several_samples_of_a_patient_are_refused(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    groups = pd.Series([f"P{i}" for i in range(160)], index=cohort.index)
    single = update(model, cohort, y, unit="log2", groups=groups.sample(frac=1, random_state=1))
    assert single.test == update(model, cohort, y, unit="log2").test
    groups["s5"] = "P2"
    with pytest.raises(MismatchError, match="1 patients have several samples, such as 's2', 's5'"):
        update(model, cohort, y, unit="log2", groups=groups)
    # One of them without an outcome takes no part.
    kept = update(model, cohort, y.drop("s5"), unit="log2", groups=groups)
    assert kept.test.n == 159
    groups[["s5", "s6"]] = None
    found = update(model, cohort, y, unit="log2", groups=groups)
    assert found.left_out == {"patient not known": ("s5", "s6")}


def test_samples_left_out_are_counted_and_named(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    table, outcome = cohort.copy(), y.astype(object)
    table.loc["s3"] = 2 * table.loc["s3"] - 20
    table.loc["s4", list(LIVER)] = np.nan
    outcome["s5"] = None
    outcome["s6"] = np.nan
    found = update(model, table, outcome, unit="log2")
    assert found.left_out == {
        "unlike the reference: another unit or platform": ("s3",),
        "nothing of the panel was measured": ("s4",),
        "no outcome": ("s5", "s6"),
    }
    assert found.test.n == 156
    rest = ["s3", "s4", "s5", "s6"]
    assert update(model, cohort.drop(rest), y.drop(rest), unit="log2").test == found.test
    assert "Left out: 2 (s5, s6), no outcome." in str(found)
    assert found.panel.report["update"]["left_out"]["no outcome"] == 2
    assert "s5" not in str(found.panel.report)


def test_covariate_that_is_far_from_the_cohort_of_the_panel_is_told() -> None:
    random = np.random.default_rng(2)
    X = pd.DataFrame({"age": random.normal(65, 8, 200), "psa": random.normal(9, 3, 200)})
    y = drawn(0.1 * (X["age"].to_numpy() - 65), 4)
    plain = updated_clinical(X, y, np.array([-6.5, 0.1, 0.0]))
    assert not [note for note in plain.notes if note.startswith("covariate")]
    table = usual_table(200)
    panel = clinical_model(["age", "psa"], X, np.array([-6.5, 0.1, 0.0]))
    X.loc[7, "age"] = 900.0
    X, outcome = X.set_axis(table.index, axis=0), pd.Series(y, index=table.index)
    found = update(panel, table, outcome, unit="log2", covariates=X)
    (told,) = [note for note in found.notes if note.startswith("covariate")]
    assert "age: there are values more than 5 standard deviations from the mean" in told
    assert "s7" in told
    assert told in str(found)


def test_mirna_that_the_cohort_lacks_is_out_of_a_revision(
    model: FittedPanel, cohort: pd.DataFrame
) -> None:
    y = drawn(z_of(model.reference, cohort) @ [-1.8, 0, 1.5], 5)
    rng = np.random.default_rng(2)
    gaps = cohort.drop(columns=KEYS[1]).mask(rng.random((160, 65)) < 0.1)
    found = update(model, gaps, y, unit="log2")
    assert found.chosen == "revision"
    assert [t.df for t in found.test.tests] == [3, 2, 1]
    assert [term.key for term in found.panel.terms] == [KEYS[0], KEYS[2]]
    assert any("1 of 3 predictors were not measured" in note for note in found.notes)
    assert found.panel.reference.keys == (KEYS[0], KEYS[2])


def test_revision_that_cannot_be_fitted_is_said(
    reference: Reference, model: FittedPanel, cohort: pd.DataFrame
) -> None:
    """One miRNA separates the classes; the panel's linear predictor, with another, does not."""
    table = cohort.copy()
    small = replace(
        model,
        reference=reference.restricted(KEYS[:2]),
        terms=model.terms[:2],
        mean=model.mean[:2],
        covariance=model.covariance[:2, :2],
    )
    rows = table.index[:40]
    y = np.array([0, 1] * 20)
    grid = np.asarray(small.reference.grids[:, 50])
    table.loc[rows[0::2], KEYS[0]] = grid[0] - 1 - 0.05 * np.arange(20)
    table.loc[rows[1::2], KEYS[0]] = grid[0] + 1 + 0.05 * np.arange(20)
    table.loc[rows, KEYS[1]] = grid[1] + np.tile([2.0, 2.0, -2.0, -2.0], 10)
    found = update(small, table.loc[rows], y, unit="log2")
    assert [fit.update for fit in found.test.fits][-1] == "logistic recalibration"
    assert any("No revision (revision separates" in note for note in found.notes)


@pytest.mark.parametrize("turned", [False, True], ids=["events", "non-events"])
def test_nothing_is_revised_on_fewer_than_ten_events_per_coefficient(
    model: FittedPanel, cohort: pd.DataFrame, *, turned: bool
) -> None:
    """With 10 coefficients on 12 events the tests give up one true model in ten, not in twenty."""
    y = pd.Series(drawn(z_of(model.reference, cohort) @ [1.2, 0.8, 0.9], 5), index=cohort.index)

    def updated(least: int) -> Updated:
        outcome = few(y, least)
        return update(model, cohort, 1 - outcome if turned else outcome, unit="log2")

    below, enough = updated(29), updated(30)
    assert [fit.update for fit in below.test.fits][-1] == "logistic recalibration"
    what = "non-events" if turned else "events"
    said = f"No revision (29 {what} for 3 coefficients, where 10 each are the least)"
    assert said in str(below)
    assert [fit.update for fit in enough.test.fits][-1] == "revision"


# -- a reference of the new cohort ------------------------------------------------------------


def test_reference_of_the_new_cohort_undoes_another_protocol(model: FittedPanel) -> None:
    """An assay that reads each miRNA on a scale of its own, which the ranks do not show."""
    table = log2_table(300, 9)
    y = drawn(INTERCEPT + eta_of(model, table), 1)
    scale = np.linspace(0.8, 1.2, table.shape[1])
    other = table * scale + np.linspace(-1, 1, table.shape[1])
    found = update(model, other, y, unit="log2", reference="cohort", cohort_name="Other")
    assert found.chosen == "original"
    assert found.panel.reference.name == "Other (n = 300)"
    assert any("old coefficients on the new normal scores" in note for note in found.notes)
    # The formula stays: intercept + b'(z - m) of before, z in the new cohort.
    z = z_of(found.panel.reference, other)
    expected = expit(INTERCEPT + (z - model.mean) @ B)
    p = probabilities(found.panel, other)
    scored = ~np.isnan(p)
    assert scored.sum() == found.test.n > 290
    np.testing.assert_allclose(p[scored], expected[scored], rtol=1e-9)
    moved = -B @ (found.panel.mean - model.mean)
    assert found.panel.cutoffs.high == pytest.approx(1.1 + moved)


def test_reference_of_a_cohort_without_one_of_the_mirnas_is_refused(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    with pytest.raises(MismatchError, match="no distribution of hsa-miR-424-5p"):
        update(model, cohort.drop(columns=KEYS[1]), y, unit="log2", reference="cohort")
    with pytest.raises(MismatchError, match="which brings its own"):
        update(model, cohort, y, unit="log2", reference="tcga-prad")


# -- panels of the literature -----------------------------------------------------------------


@pytest.fixture(scope="module")
def curated() -> mirrisk.Panel:
    return panel(
        member("miR-34a", KEYS[0], risk_when="low"),
        member("miR-424", KEYS[1], risk_when="high", weight=2.0),
        member("miR-708", KEYS[2], risk_when="low"),
    )


def test_panel_of_the_literature_is_recalibrated_from_its_score(
    curated: mirrisk.Panel, cohort: pd.DataFrame
) -> None:
    reference = Reference.fit(log2_table(400, 1), name="ref", unit="log2", panels=curated)
    score = mirrisk.score(cohort, panel=curated, reference=reference, unit="log2").scores
    y = drawn(-0.8 + 1.3 * score["score"].to_numpy(), 6)
    found = update(curated, cohort, y, unit="log2", reference=reference)
    assert [fit.update for fit in found.test.fits] == ["logistic recalibration", "revision"]
    assert [t.df for t in found.test.tests] == [2]
    assert found.chosen == "logistic recalibration"
    a, b = found.test.coefficients
    expected = expit(a + b * score["score"])
    np.testing.assert_allclose(probabilities(found.panel, cohort), expected, rtol=1e-9)
    weights = found.panel.coefficients / found.panel.coefficients[0]
    np.testing.assert_allclose(weights, [1, -2, 1])
    assert found.panel.terms[0].claim == curated.members[0]
    assert any("no log odds" in note for note in found.notes)


def test_direction_that_the_cohort_opposes_is_told(
    curated: mirrisk.Panel, cohort: pd.DataFrame
) -> None:
    expression = as_expression(cohort, unit="log2")
    own = Reference.fit_keys(expression, (), name="own", panels=(curated,))
    z = z_of(own.restricted(KEYS), cohort)
    y = drawn(z @ [1.5, 1.0, -1.0], 6)
    found = update(curated, cohort, y, unit="log2", reference="cohort")
    assert found.chosen == "revision"
    said = "Against the direction of the literature: hsa-miR-34a-5p."
    assert said in found.notes
    assert said in found.panel.caveats


def test_panel_of_the_literature_needs_a_reference(
    curated: mirrisk.Panel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    with pytest.raises(InvalidReferenceError, match="no reference for panel 'toy'"):
        update(curated, cohort, y, unit="log2")


# -- errors -----------------------------------------------------------------------------------


def few(y: pd.Series, events: int) -> pd.Series:
    """Outcomes of which only some events are left, spread over the cohort."""
    kept = y.copy()
    kept[y[y == 1].index[events:]] = 0
    return kept


def test_fewer_than_ten_events_are_refused_unless_accepted(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    with pytest.raises(MismatchError, match="9 events among 160"):
        update(model, cohort, few(y, 9), unit="log2")
    with pytest.raises(MismatchError, match="9 non-events among 160"):
        update(model, cohort, 1 - few(y, 9), unit="log2")
    found = update(model, cohort, few(y, 9), unit="log2", accept_small=True)
    assert found.accepted_small
    assert found.panel.report["accepted_small"] is True
    assert any("below the least size" in caveat for caveat in found.panel.caveats)


def test_ten_events_are_enough(model: FittedPanel, cohort: pd.DataFrame, y: pd.Series) -> None:
    found = update(model, cohort, few(y, 10), unit="log2")
    assert found.test.events == 10
    assert found.panel.report["accepted_small"] is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y * 0, "0 events among 160"),
        (lambda y: y * np.nan, "the outcome of no sample is known"),
        (lambda y: None, "the outcome of no sample is known"),
        (lambda y: y + np.arange(len(y)), "the outcome has [0-9]+ classes"),
        (lambda y: y.to_numpy()[:-1], r"y has the shape \(159,\), the table 160 samples"),
        (lambda y: y.rename(lambda name: f"P{name}"), "no sample of the table is in y"),
        (lambda y: pd.concat([y, y.iloc[:1]]), "sample 's0' occurs twice"),
        (lambda y: y.to_frame(), "y is a table"),
    ],
    ids=["one", "none", "nothing", "many", "length", "names", "twice", "frame"],
)
def test_outcomes_that_do_not_fit_are_refused(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series, change: Any, message: str
) -> None:
    with pytest.raises(MirriskError, match=message):
        update(model, cohort, change(y), unit="log2")


def test_outcomes_of_other_samples_are_noted(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    found = update(model, cohort.iloc[:-2], y, unit="log2")
    assert "2 rows of labels are of samples that the table does not hold" in found.notes


def test_survival_panel_is_refused(
    reference: Reference, cohort: pd.DataFrame, y: pd.Series
) -> None:
    link = Link("cox", horizon=365.0, times=(100.0,), hazard=(0.1,))
    with pytest.raises(MismatchError, match="predicts the time to an event") as caught:
        update(fitted(reference, link=link), cohort, y, unit="log2")
    assert "`mirrisk fit --time COLUMN --event COLUMN`" in caught.value.remedy
    assert "PanelSurvival" in caught.value.remedy


def test_separated_cohort_is_refused(model: FittedPanel, cohort: pd.DataFrame) -> None:
    y = (eta_of(model, cohort) > 0).astype(int)
    with pytest.raises(MismatchError, match="logistic recalibration separates"):
        update(model, cohort, y, unit="log2")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"id": "My Panel"}, InvalidPanelError, "id is 'My Panel'"),
        ({"version": "1"}, InvalidPanelError, "version is '1'"),
        ({"alpha": 1.5}, MismatchError, "alpha is 1.5"),
        ({"covariates": pd.DataFrame({"age": [1.0]})}, MismatchError, "no clinical covariates"),
        ({"specimen": "serum"}, MirriskError, "serum"),
    ],
    ids=["id", "version", "alpha", "covariates", "specimen"],
)
def test_options_that_make_no_sense_are_refused(
    model: FittedPanel,
    cohort: pd.DataFrame,
    y: pd.Series,
    options: dict[str, Any],
    kind: type[MirriskError],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        update(model, cohort, y, unit="log2", **options)


# -- who is known to whom -----------------------------------------------------------------------


def test_updated_panel_knows_the_cohort_of_its_update():
    """So that a validation on it is not taken for one in new patients."""
    simulated = mirrisk.simulate.cohort(
        "tcga-prad", 240, panel="prostate", shifted=0.4, shift=0.4, seed=8
    )
    old, new = simulated.counts[:120], simulated.counts[120:]
    y = simulated.truth["shifted"].to_numpy()
    model = PanelClassifier("prostate", unit="counts", repeats=1, audit=False, quiet=True)
    panel = model.fit(old, y[:120]).export(id="old", title="t", endpoint="e", cohort="old")
    # Of other labels, so that there is something to update.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        updated = update(panel, new, ~y[120:], unit="counts")
        again = update(panel, old, y[:120], unit="counts")
    expression = as_expression(new, unit="counts")
    assert updated.chosen != "original"
    assert updated.panel.reference.holds(expression).all()
    assert not panel.reference.holds(expression).any()
    assert not any("was fitted on" in note for note in updated.notes)
    assert any("fitted on all these 120 samples" in note for note in again.notes)


def test_samples_and_patients_of_the_fit_are_left_out(
    model: FittedPanel, cohort: pd.DataFrame, y: pd.Series
) -> None:
    """s0 to s19 were fitted on; s20 is another sample of the patient of s3."""
    held = as_expression(cohort.iloc[:20], unit="log2")
    panel = replace(model, reference=model.reference.also_holding(held))
    groups = pd.Series([f"P{i}" for i in range(160)], index=cohort.index)
    groups["s20"] = "P3"
    found = update(panel, cohort, y, unit="log2", groups=groups)
    told = "the panel was fitted on samples of these patients"
    assert found.left_out == {told: tuple(f"s{i}" for i in range(21))}
    assert found.test == update(model, cohort.iloc[21:], y, unit="log2").test
    alone = update(panel, cohort, y, unit="log2")
    assert alone.left_out == {told: tuple(f"s{i}" for i in range(20))}


# -- the public names ---------------------------------------------------------------------------

IMPORTS = """
import mirrisk
import mirrisk.fitting.updating.cutoffs
import mirrisk.fitting.updating
import mirrisk.fitting
from mirrisk.fitting import update
from mirrisk import update as first
import mirrisk.fitting.updating.apply
from mirrisk.fitting import update as again
assert update is first is again is mirrisk.update is mirrisk.fitting.update
print(type(update).__name__, type(mirrisk.update).__name__, update.__module__)
"""


def test_update_is_a_function_whatever_was_imported_before() -> None:
    lines = IMPORTS.strip().splitlines()
    for code in (lines, [lines[4], *lines], [lines[5], *lines], [lines[1], *lines]):
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == ["function", "function", "mirrisk.fitting.updating"], (
            done.stderr
        )
