"""validate: figures are those of the kernels, and nothing is judged on what it was learned from."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cohorts import LIVER, counts_like, log2_table
from scipy.special import expit, logit, ndtr, stdtrit
from sklearn.metrics import roc_auc_score

from mirrisk.assessment import score as score_table
from mirrisk.catalog import load_panel
from mirrisk.errors import InvalidTableError, MismatchError
from mirrisk.model import Covariate, Cutoffs, FittedPanel, Link, Term
from mirrisk.panel import Panel
from mirrisk.reference import Reference
from mirrisk.scoring import FLAGS
from mirrisk.tables import as_expression
from mirrisk.validation import binary, crossfit
from mirrisk.validation.calibration import calibration, calibration_of_percentiles
from mirrisk.validation.cases import LeftOut, gather
from mirrisk.validation.classes import two_classes
from mirrisk.validation.clustered_auc import auc_with_interval
from mirrisk.validation.concordance import harrell_c, uno_c
from mirrisk.validation.crossfit import Judged, deal
from mirrisk.validation.cutoffs import at_cutoff, cutoff_for
from mirrisk.validation.discrimination import auc, auc_interval, delong_test
from mirrisk.validation.incidence import cumulative_incidence
from mirrisk.validation.interval import Interval
from mirrisk.validation.net_benefit import net_benefit
from mirrisk.validation.paired_folds import fold_auc_difference
from mirrisk.validation.permutation import permutation_test
from mirrisk.validation.resampling import nested_cv
from mirrisk.validation.roc import average_precision
from mirrisk.validation.scored import NothingScoredError
from mirrisk.validation.survival import integrated_brier, time_dependent_auc
from mirrisk.validation.survival_calibration import calibration_at
from mirrisk.validation.training import StoredFigures
from mirrisk.validation.validate import validate as validate_table
from mirrisk.validation.wording import verdict

if TYPE_CHECKING:
    from mirrisk.expression import Expression
    from mirrisk.validation.report import Validation

N = 150
RESAMPLES = 60
KEYS = LIVER[:3]

validate = partial(validate_table, unit="log2")
score = partial(score_table, unit="log2")
log2 = partial(as_expression, unit="log2")


# -- a small cohort ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return log2_table(N, 3)


@pytest.fixture(scope="module")
def y(table: pd.DataFrame) -> pd.Series:
    """Events that are likelier where miR-34a is low, as the literature has it."""
    rng = np.random.default_rng(4)
    low = -(table[LIVER[0]] - table[LIVER[0]].mean()) / table[LIVER[0]].std()
    chance = 1 / (1 + np.exp(0.8 - 1.2 * low))
    return (rng.random(N) < chance).astype(int).rename("bone")


@pytest.fixture(scope="module")
def other() -> Reference:
    """A reference of samples that are not in the cohort."""
    return Reference.fit(log2_table(100, 9), unit="log2", name="others", panels="liver")


@pytest.fixture(scope="module")
def against_other(table: pd.DataFrame, y: pd.Series, other: Reference) -> Validation:
    return validate("liver", table, y, reference=other, resamples=RESAMPLES)


@pytest.fixture(scope="module")
def scores(table: pd.DataFrame, other: Reference) -> pd.DataFrame:
    return score(table, panel="liver", reference=other).scores.set_index("sample")


@pytest.fixture(scope="module")
def cross(table: pd.DataFrame, y: pd.Series) -> Validation:
    return validate("liver", table, y, resamples=RESAMPLES)


def risk_of(result: Validation) -> float:
    assert isinstance(result.figures, binary.BinaryFigures)
    return result.figures.auc.estimate


# -- figures are those of the kernels ---------------------------------------------------------


def test_figures_against_a_reference_are_those_of_the_kernels(
    against_other: Validation, scores: pd.DataFrame, y: pd.Series
) -> None:
    figures = against_other.figures
    assert isinstance(figures, binary.BinaryFigures)
    kept = scores["flag"] != "not_scored"
    outcome, risk = y[kept].to_numpy(), scores["score"][kept].to_numpy()
    assert figures.auc == auc_interval(outcome, risk)
    assert figures.auc.estimate == pytest.approx(roc_auc_score(outcome, risk), abs=1e-12)
    assert figures.permutation == permutation_test(outcome, risk, n=RESAMPLES)
    assert figures.average_precision == average_precision(outcome, risk, n=RESAMPLES)
    assert figures.cutoffs[0] == cutoff_for(outcome, risk, sensitivity=0.9)
    assert figures.cutoffs[1] == cutoff_for(outcome, risk, specificity=0.9)
    assert figures.percentiles == calibration_of_percentiles(ndtr(risk))
    assert figures.percentiles_of_non_events == calibration_of_percentiles(ndtr(risk[outcome == 0]))


def test_flags_are_crossed_with_the_outcome(
    against_other: Validation, scores: pd.DataFrame, y: pd.Series
) -> None:
    figures = against_other.figures
    assert isinstance(figures, binary.BinaryFigures)
    crossed = pd.crosstab(scores["flag"], y)
    for row in figures.flags.rows:
        assert row.n == (scores["flag"] == row.flag).sum()
        if row.n:
            assert row.events == crossed.loc[row.flag, 1]
    kept = scores["flag"] != "not_scored"
    high = (scores["flag"][kept] == "high").astype(int)
    assert figures.flags.high == at_cutoff(y[kept].to_numpy(), high.to_numpy(), 1)
    low = (scores["flag"][kept] == "low").astype(int)
    assert figures.flags.not_low.sensitivity.count == (y[kept][low == 0] == 1).sum()


def test_odds_ratio_is_that_of_a_logistic_regression(
    against_other: Validation, scores: pd.DataFrame, y: pd.Series
) -> None:
    from sklearn.linear_model import LogisticRegression

    figures = against_other.figures
    assert isinstance(figures, binary.BinaryFigures)
    assert figures.recalibration is not None
    kept = scores["flag"] != "not_scored"
    free = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000)
    free.fit(scores["score"][kept].to_numpy()[:, None], y[kept])
    assert figures.recalibration.slope.value == pytest.approx(free.coef_[0, 0], abs=1e-5)
    assert figures.recalibration.odds_ratio.value == pytest.approx(
        math.exp(free.coef_[0, 0]), rel=1e-5
    )


def test_another_risk_is_compared_on_samples_that_have_both(
    table: pd.DataFrame, y: pd.Series, other: Reference, scores: pd.DataFrame
) -> None:
    rival = pd.Series(np.random.default_rng(1).normal(size=N) + y.to_numpy(), index=table.index)
    rival.iloc[:10] = np.nan
    found = validate(
        "liver", table, y, reference=other, compare={"rival": rival}, resamples=RESAMPLES
    )
    figures = found.figures
    assert isinstance(figures, binary.BinaryFigures)
    (compared,) = figures.comparisons
    both = (scores["flag"] != "not_scored") & rival.notna()
    assert compared.n == both.sum()
    expected = delong_test(
        y[both].to_numpy(), scores["score"][both].to_numpy(), rival[both].to_numpy()
    )
    assert compared.difference == expected
    row = found.tables["comparisons"].loc[0]
    assert row["difference"] == expected.difference
    assert [row["difference_low"], row["difference_high"]] == [expected.low, expected.high]
    assert row["p_value"] == expected.p_value


def test_a_members_own_auc_is_that_of_its_signed_values(
    against_other: Validation, table: pd.DataFrame, y: pd.Series, scores: pd.DataFrame
) -> None:
    kept = (scores["flag"] != "not_scored").to_numpy()
    found = {m.member: m for m in against_other.members}
    # Each member of the liver panel is one miRNA, low in risk; normal scores keep the order.
    name = load_panel("liver").members[0].name  # type: ignore[union-attr]
    mirna = LIVER[0]
    assert found[name].risk_when == "low"
    own = found[name].auc
    assert own is not None
    assert own.estimate == pytest.approx(
        roc_auc_score(y[kept], -table[mirna].to_numpy()[kept]), abs=0.02
    )


def test_influence_is_the_change_of_auc_without_the_member(
    against_other: Validation, table: pd.DataFrame, y: pd.Series, other: Reference
) -> None:
    liver = load_panel("liver")
    assert isinstance(liver, Panel)
    dropped = liver.members[0].name
    rest = liver.model_copy(
        update={"members": tuple(m for m in liver.members if m.name != dropped)}
    )
    alone = score(table, panel=rest, reference=other).scores
    kept = (alone["flag"] != "not_scored").to_numpy()
    expected = auc(y[kept].to_numpy(), alone["score"][kept].to_numpy())
    member = next(m for m in against_other.members if m.member == dropped)
    assert member.auc_without == pytest.approx(expected, abs=1e-9)
    assert member.influence == pytest.approx(risk_of(against_other) - expected, abs=1e-9)


def test_levels_of_a_subgroup_have_the_auc_of_their_samples(
    table: pd.DataFrame, y: pd.Series, other: Reference, scores: pd.DataFrame
) -> None:
    arm = pd.Series(np.where(np.arange(N) < 60, "a", "b"), index=table.index, name="arm")
    arm.iloc[:3] = "rare"
    found = validate("liver", table, y, reference=other, subgroups=arm, resamples=RESAMPLES)
    parts = {part.level: part for part in found.subgroups}
    here = (arm == "b") & (scores["flag"] != "not_scored")
    assert parts["b"].auc == auc_interval(y[here].to_numpy(), scores["score"][here].to_numpy())
    assert "rare" not in parts
    assert parts["(smaller ones together)"].n == 3
    assert parts["(smaller ones together)"].auc is None


def test_cells_that_pandas_holds_as_missing_are_left_out_like_any_other(
    table: pd.DataFrame, y: pd.Series, other: Reference
) -> None:
    gleason = pd.Series(6 + np.arange(N) % 5, index=table.index, name="gleason").astype(object)
    arm = pd.Series(np.where(np.arange(N) < 60, "a", "b"), index=table.index, name="arm")
    arm = arm.astype(object)
    gleason.iloc[:4] = arm.iloc[:6] = None

    def validated(number: str, text: str) -> Validation:
        return validate(
            "liver",
            table,
            y,
            reference=other,
            baseline=gleason.astype(number).to_frame(),
            subgroups=arm.astype(text).to_frame(),
            repeats=1,
            resamples=RESAMPLES,
        )

    found, plain = validated("Int64", "string"), validated("float64", "object")
    assert found.clinical == plain.clinical
    assert found.subgroups == plain.subgroups
    assert {part.level: part.n for part in found.subgroups}["not known"] <= 6


def test_a_time_that_pandas_holds_as_missing_is_not_known() -> None:
    cases = gather(
        ("a", "b", "c"),
        time=pd.Series([1, pd.NA, 3], dtype="Int64"),
        event=pd.Series([1, 0, 0], dtype="Int64"),
    )
    assert cases.rows.tolist() == [0, 2]
    assert cases.left_out[0].count == 1


# -- nobody is judged by a reference that holds them ------------------------------------------


def test_cross_fitting_scores_no_sample_against_a_reference_that_holds_it(
    table: pd.DataFrame, y: pd.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    patient = pd.Series([f"p{i // 2}" for i in range(N)], index=table.index)
    learned: list[Expression] = []
    fit_keys, against = Reference.fit_keys, crossfit.against

    def spied_fit(cohort: Expression, *args: Any, **options: Any) -> Reference:
        learned.append(cohort)
        return fit_keys(cohort, *args, **options)

    def spied(panel: Any, reference: Reference, here: Expression, *rest: Any) -> Any:
        assert not reference.holds(here).any()
        assert reference.holds(learned[-1]).all()
        assert not {patient[s] for s in learned[-1].samples} & {patient[s] for s in here.samples}
        seen.extend(here.samples)
        return against(panel, reference, here, *rest)

    monkeypatch.setattr(Reference, "fit_keys", spied_fit)
    monkeypatch.setattr(crossfit, "against", spied)
    validate("liver", table, y, groups=patient, resamples=RESAMPLES)
    assert sorted(seen) == sorted(table.index)


def test_cross_fitted_scores_are_those_of_each_fold_by_hand(
    cross: Validation, table: pd.DataFrame, y: pd.Series
) -> None:
    fold = deal(y.to_numpy() > 0, 5, 0)
    by_hand = pd.Series(np.nan, index=table.index)
    for number in range(5):
        rest = table[fold != number]
        reference = Reference.fit_keys(
            log2(rest), (), name="rest", cancer="liver", panels=(load_panel("liver"),)
        )
        found = score(table[fold == number], panel="liver", reference=reference).scores
        by_hand[found["sample"]] = found["score"].to_numpy()
    kept = by_hand.notna()
    assert cross.cohort.n == kept.sum()
    assert risk_of(cross) == pytest.approx(
        roc_auc_score(y[kept], by_hand[kept].to_numpy()), abs=1e-12
    )
    assert cross.subject.reference == "cross-fitted"
    assert cross.subject.reference_digest == ""


def test_folds_hold_equal_shares_of_events() -> None:
    eventful = np.arange(103) < 23
    fold = deal(eventful, 5, 1)
    assert set(np.bincount(fold)) <= {20, 21}
    assert set(np.bincount(fold[eventful])) <= {4, 5}


def test_a_reference_that_holds_samples_is_not_used_on_them(
    cross: Validation, table: pd.DataFrame, y: pd.Series
) -> None:
    own = Reference.fit(table, unit="log2", name="mine", panels="liver")
    found = validate("liver", table, y, reference=own, resamples=RESAMPLES)
    assert found.subject.reference == "cross-fitted"
    assert found.figures == cross.figures
    assert any(f"reference mine holds {N} of these {N} samples" in note for note in found.notes)


def test_samples_named_like_tcgas_may_be_in_a_shipped_reference() -> None:
    counts = counts_like("tcga-lihc", 60, 1)
    counts.index = [f"TCGA-{i}" for i in range(60)]
    outcome = np.arange(60) % 3 == 0
    found = validate(
        "liver", counts, outcome, reference="tcga-lihc", unit="counts", resamples=RESAMPLES
    )
    assert any("named like TCGA's" in note for note in found.notes)


def test_copies_of_a_patient_under_other_names_are_told(table: pd.DataFrame, y: pd.Series) -> None:
    copies = table.iloc[:20].set_axis([f"copy{i}" for i in range(20)], axis=0)
    both = pd.concat([table, copies])
    outcome = np.append(y.to_numpy(), y.to_numpy()[:20])
    found = validate("liver", both, outcome, resamples=RESAMPLES)
    (told,) = (note for note in found.notes if "look like copies" in note)
    # A patient's two samples of 40 are in the same fold by chance, 1 in 5.
    assert 20 <= int(re.search(r": (\d+);", told)[1]) <= 40
    assert told.endswith("if the patients were not told, give them (groups)")


def test_who_told_the_patients_is_not_asked_for_them(table: pd.DataFrame, y: pd.Series) -> None:
    copies = table.iloc[:20].set_axis([f"copy{i}" for i in range(20)], axis=0)
    outcome = np.append(y.to_numpy(), y.to_numpy()[:20])
    # As of other patients, whom the two samples of one are said to be of.
    patients = [f"p{i}" for i in range(N + 20)]
    found = validate(
        "liver", pd.concat([table, copies]), outcome, groups=patients, resamples=RESAMPLES
    )
    (told,) = (note for note in found.notes if "look like copies" in note)
    assert re.search(r": \d+$", told)


def test_samples_without_a_row_are_told_from_those_without_an_outcome() -> None:
    outcome = pd.Series([0, 1, None, 1], index=["a", "b", "c", "x"])
    cases = gather(("a", "b", "c", "d", "e"), y=outcome)
    assert cases.left_out == (LeftOut("without a row", 2), LeftOut("outcome not known", 1))
    assert cases.notes == ("1 row of labels is of a sample that the table does not hold",)
    followed = gather(("a", "b", "c", "d", "e"), time=outcome + 1, event=outcome)
    assert followed.left_out == cases.left_out


def test_rows_by_position_are_there_whatever_they_hold() -> None:
    cases = gather(("a", "b", "c"), y=pd.Series([0, 1, None]))
    assert cases.left_out == (LeftOut("outcome not known", 1),)


def test_processes_do_not_change_the_result(
    cross: Validation, table: pd.DataFrame, y: pd.Series
) -> None:
    found = validate("liver", table, y, resamples=RESAMPLES, n_jobs=2)
    assert found.to_dict() == cross.to_dict()


def test_another_seed_deals_anew(cross: Validation, table: pd.DataFrame, y: pd.Series) -> None:
    found = validate("liver", table, y, resamples=RESAMPLES, seed=1)
    assert risk_of(found) != risk_of(cross)
    assert risk_of(found) == pytest.approx(risk_of(cross), abs=0.05)


def test_sites_are_left_out_of_the_references_that_score_them(
    table: pd.DataFrame, y: pd.Series
) -> None:
    site = pd.Series(np.array(["A", "B", "C"])[np.arange(N) % 3], index=table.index)
    found = validate("liver", table, y, sites=site, resamples=RESAMPLES)
    assert found.sites is not None
    assert found.sites.left_out
    rest = Reference.fit_keys(
        log2(table[site != "A"]), (), name="rest", panels=(load_panel("liver"),)
    )
    alone = score(table[site == "A"], panel="liver", reference=rest).scores
    kept = (alone["flag"] != "not_scored").to_numpy()
    at_a = next(part for part in found.sites.parts if part.level == "A")
    assert at_a.auc is not None
    assert at_a.auc.estimate == pytest.approx(
        roc_auc_score(y[site == "A"][kept], alone["score"][kept]), abs=1e-12
    )


# -- fitted panels ----------------------------------------------------------------------------

STORED = {
    "n": N,
    "events": 60,
    "auc": {"estimate": 0.71, "low": 0.62, "high": 0.79, "level": 0.95, "method": "by hand"},
    "said": ["10 x 5-fold cross-validation"],
    "risks": [[0.1]],
}


@pytest.fixture(scope="module")
def model(table: pd.DataFrame) -> FittedPanel:
    """A panel that claims to have been fitted on the cohort."""
    expression = log2(table)
    reference = Reference.fit_keys(expression, KEYS, name="a cohort").restricted(KEYS)
    return FittedPanel(
        id="mine",
        version="1.0.0",
        title="A panel of a test",
        cancer=None,
        endpoint="bone metastasis",
        caveats=("Made up.",),
        reference=reference,
        terms=tuple(Term(k, k, b, None) for k, b in zip(KEYS, (-1.0, -0.2, -0.1), strict=True)),
        covariates=(),
        mean=reference.mean,
        covariance=reference.covariance,
        link=Link("logistic", intercept=-0.5, slope=0.9),
        cutoffs=Cutoffs(-0.6, 0.7, "low as chosen", "high as chosen"),
        report={"validation": STORED},
    )


@pytest.fixture(scope="module")
def new(y: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    table = log2_table(80, 21)
    rng = np.random.default_rng(8)
    low = -(table[LIVER[0]] - table[LIVER[0]].mean()) / table[LIVER[0]].std()
    event = (rng.random(80) < 1 / (1 + np.exp(0.5 - low))).astype(int)
    return table.set_axis([f"n{i}" for i in range(80)], axis=0), pd.Series(
        event.to_numpy(), index=[f"n{i}" for i in range(80)]
    )


def test_the_cohort_that_a_panel_was_fitted_on_gets_the_stored_figures(
    model: FittedPanel, table: pd.DataFrame, y: pd.Series
) -> None:
    found = validate(model, table, y)
    assert isinstance(found.figures, StoredFigures)
    assert found.main == Interval(0.71, 0.62, 0.79, 0.95, "by hand", "AUC")
    own = score(table, panel=model).scores
    kept = (own["flag"] != "not_scored").to_numpy()
    probability = own["probability"].to_numpy()[kept]
    apparent = found.figures.apparent
    assert apparent.discrimination == pytest.approx(roc_auc_score(y[kept], probability))
    assert apparent.brier == pytest.approx(np.mean((probability - y[kept]) ** 2))
    assert found.headline.startswith("AUC 0.71 (95% CI 0.62 to 0.79), n = 150, 60 events in the")
    assert "AUC, apparent" in str(found)
    assert "risks" not in found.to_dict()["figures"]["validation"]


def test_apparent_figures_are_never_the_answer(
    model: FittedPanel, table: pd.DataFrame, y: pd.Series
) -> None:
    with pytest.raises(MismatchError, match="holds no validation") as fault:
        validate(replace(model, report={}), table, y)
    assert "--repeats" in fault.value.remedy


def test_a_bootstrap_of_optimism_is_an_answer_too(
    model: FittedPanel, table: pd.DataFrame, y: pd.Series
) -> None:
    measures = [{"name": "AUC", "apparent": 0.8, "corrected": 0.74}]
    found = validate(replace(model, report={"validation": {"measures": measures}}), table, y)
    assert found.main.estimate == 0.74
    assert found.verdict == "the data do not tell"


def test_of_a_mixed_cohort_only_unknown_samples_count(
    model: FittedPanel,
    table: pd.DataFrame,
    y: pd.Series,
    new: tuple[pd.DataFrame, pd.Series],
) -> None:
    samples, outcome = new
    mixed = pd.concat([table.iloc[:40], samples])
    both = pd.concat([y.iloc[:40], outcome])
    alone = validate(model, samples, outcome, resamples=RESAMPLES)
    found = validate(model, mixed, both, resamples=RESAMPLES)
    assert found.figures == alone.figures
    left = {each.reason: each.count for each in found.cohort.left_out}
    assert left["the panel was fitted on them"] == 40


def test_the_cohort_of_a_fitted_survival_panel_gets_its_stored_concordance(
    model: FittedPanel, table: pd.DataFrame, followed: tuple[pd.Series, pd.Series]
) -> None:
    time, event = followed
    stored = {"n": N, "events": 70, "c": {"estimate": 0.6, "low": 0.53, "high": 0.68}}
    link = Link("cox", horizon=5.0, times=(1.0, 4.0), hazard=(0.1, 0.5))
    survival = replace(model, link=link, report={"validation": stored})
    found = validate(survival, table, time=time, event=event)
    assert found.headline.startswith("Harrell's C 0.60 (95% CI 0.53 to 0.68), n = 150, 70 events")
    told = score(table, panel=survival).scores
    kept = (told["flag"] != "not_scored").to_numpy()
    expected = harrell_c(time[kept], event[kept], told["probability"].to_numpy()[kept]).value
    assert isinstance(found.figures, StoredFigures)
    assert found.figures.apparent.discrimination == pytest.approx(expected, abs=1e-12)


def test_probabilities_of_a_fitted_panel_are_held_against_new_outcomes(
    model: FittedPanel, new: tuple[pd.DataFrame, pd.Series]
) -> None:
    samples, outcome = new
    found = validate(model, samples, outcome, thresholds=[0.2, 0.4], resamples=RESAMPLES).figures
    assert isinstance(found, binary.BinaryFigures)
    told = score(samples, panel=model).scores
    kept = (told["flag"] != "not_scored").to_numpy()
    p, event = told["probability"].to_numpy()[kept], outcome.to_numpy()[kept]
    assert found.auc == auc_interval(event, p)
    assert found.calibration == calibration(event, p)
    assert found.net_benefit == net_benefit(event, p, [0.2, 0.4])
    assert found.percentiles is None


def test_a_fitted_panel_takes_its_covariates_from_those_given(
    model: FittedPanel, new: tuple[pd.DataFrame, pd.Series]
) -> None:
    samples, outcome = new
    covariance = np.eye(4)
    covariance[:3, :3] = model.covariance
    with_age = replace(
        model,
        covariates=(Covariate("age", 0.6, mean=60.0, sd=10.0),),
        mean=np.append(model.mean, 0.0),
        covariance=covariance,
    )
    age = pd.DataFrame({"age": np.linspace(45, 75, 80)}, index=samples.index)
    shuffled = age.sample(frac=1, random_state=1)
    found = validate(
        with_age, samples, outcome, covariates=shuffled, baseline=age, repeats=2, resamples=60
    )
    told = score(samples, panel=with_age, covariates=age).scores
    kept = (told["flag"] != "not_scored").to_numpy()
    assert risk_of(found) == auc(outcome.to_numpy()[kept], told["probability"].to_numpy()[kept])
    assert found.clinical is not None
    with pytest.raises(MismatchError, match="needs clinical covariates: age"):
        validate(with_age, samples, outcome)


# -- clinical covariates ----------------------------------------------------------------------


def test_a_panel_of_noise_adds_nothing_to_a_covariate_of_few_values() -> None:
    """Risks averaged over repeats break the covariate's ties against it; pairs of a fold do not."""
    from mirrisk.validation.clinical_models import compare_with_covariates

    rng = np.random.default_rng(2)
    n = 300
    stage = rng.integers(1, 4, size=n).astype(float)
    y = (rng.random(n) < 0.1 * stage).astype(float)
    noise = rng.normal(size=n)
    found = compare_with_covariates(
        y, noise, stage[:, None], ("stage",), None, folds=5, repeats=5, resamples=RESAMPLES, seed=0
    )
    alone, _, both = (model.auc.estimate for model in found.models)
    assert alone == pytest.approx(auc(y, stage), abs=0.02)
    assert found.added.auc.auc_b == pytest.approx(alone, abs=1e-3)
    assert found.added.auc.auc_a == pytest.approx(both, abs=1e-3)
    assert found.added.auc.low < 0 < found.added.auc.high


def test_the_difference_within_one_fold_is_delongs_with_the_variance_of_learning() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(5)
    y = (rng.random(60) < 0.4).astype(float)
    first, second = rng.normal(size=60) + y, rng.normal(size=60) + 0.5 * y
    frame = nested_cv(LogisticRegression(), first[:, None], y, repeats=1, seed=0, n_jobs=1)
    one_fold = replace(frame, assignment=np.zeros((60, 1), dtype=np.intp))
    a, b = (replace(one_fold, risks=risk[:, None]) for risk in (first, second))
    found, expected = fold_auc_difference(y, a, b), delong_test(y, first, second)
    for name in ("auc_a", "auc_b", "difference"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-12)
    # Nadeau and Bengio: a fifth is judged by what four fifths taught.
    assert found.standard_error == pytest.approx(expected.standard_error * math.sqrt(1.25))
    assert found.high - found.low == pytest.approx((expected.high - expected.low) * math.sqrt(1.25))


def test_a_perfect_risk_beside_a_constant_one_has_a_difference_without_limits() -> None:
    from sklearn.linear_model import LogisticRegression

    y = np.arange(20) % 2 * 1.0
    frame = nested_cv(LogisticRegression(), y[:, None], y, folds=2, repeats=1, seed=0, n_jobs=1)
    perfect, constant = (replace(frame, risks=risk[:, None]) for risk in (y, np.ones(20)))
    found = fold_auc_difference(y, perfect, constant)
    assert found.difference == 0.5
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(found.p_value)
    assert "p not defined" in str(found)


def test_a_covariate_that_tells_nothing_is_compared_with_a_panel_that_tells_all() -> None:
    from mirrisk.validation.clinical_models import compare_with_covariates

    y = np.arange(40) % 2 * 1.0
    found = compare_with_covariates(
        y, y, np.ones((40, 1)), ("all alike",), None, folds=2, repeats=1, resamples=20, seed=0
    )
    assert [model.auc.estimate for model in found.models] == [0.5, 1, 1]
    assert found.added.auc.difference == 0.5
    assert found.added.brier.estimate < -0.2


def test_patients_with_two_samples_count_once() -> None:
    rng = np.random.default_rng(5)
    y = (rng.random(40) < 0.4).astype(float)
    risk = rng.normal(size=40) + y
    alone = auc_interval(y, risk)
    twice = auc_with_interval(np.tile(y, 2), np.tile(risk, 2), np.tile(np.arange(40), 2))
    assert auc_with_interval(y, risk, np.arange(40)) == alone
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high), abs=1e-12)
    assert auc_interval(np.tile(y, 2), np.tile(risk, 2)).low > alone.low


def test_covariates_are_compared_with_repeated_cross_validation(
    table: pd.DataFrame, y: pd.Series, other: Reference, scores: pd.DataFrame
) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(6)
    age = pd.DataFrame({"age": 60 + 5 * rng.normal(size=N) + 4 * y}, index=table.index)
    age.iloc[:5] = np.nan
    found = validate(
        "liver", table, y, reference=other, baseline=age, repeats=2, resamples=RESAMPLES
    ).clinical
    assert found is not None
    kept = (scores["flag"] != "not_scored").to_numpy()
    model = make_pipeline(
        SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression()
    )
    full = np.column_stack([age.to_numpy(), scores["score"].to_numpy()])[kept]
    expected = nested_cv(model, full, y[kept].to_numpy(), folds=5, repeats=2, seed=0, n_jobs=1)
    assert found.models[2].auc == expected.auc
    assert found.imputed == np.count_nonzero(kept[:5])


def test_too_few_events_for_folds_are_told_instead_of_compared(
    table: pd.DataFrame, other: Reference
) -> None:
    one = pd.Series(0, index=table.index)
    one.iloc[3] = 1
    age = pd.DataFrame({"age": np.arange(N)}, index=table.index)
    found = validate(
        "liver", table, one, reference=other, baseline=age, repeats=1, resamples=RESAMPLES
    )
    assert found.clinical is None
    assert any("no comparison with the baseline: 1 patients" in note for note in found.notes)


# -- follow-up --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def followed(table: pd.DataFrame, y: pd.Series) -> tuple[pd.Series, pd.Series]:
    rng = np.random.default_rng(12)
    happens = rng.exponential(10 / (1 + 2 * y.to_numpy()))
    ends = rng.uniform(1, 12, size=N)
    time = pd.Series(np.round(np.minimum(happens, ends) + 0.1, 1), index=table.index)
    return time, pd.Series((happens <= ends).astype(int), index=table.index)


def test_figures_of_follow_up_are_those_of_the_kernels(
    table: pd.DataFrame,
    followed: tuple[pd.Series, pd.Series],
    other: Reference,
    scores: pd.DataFrame,
) -> None:
    time, event = followed
    found = validate(
        "liver", table, time=time, event=event, horizon=6, reference=other, resamples=RESAMPLES
    )
    figures: Any = found.figures
    kept = scores["flag"] != "not_scored"
    t, e, risk = (column[kept].to_numpy() for column in (time, event, scores["score"]))
    expected = harrell_c(t, e, risk)
    assert figures.harrell_c.estimate == pytest.approx(expected.value, abs=1e-12)
    assert figures.uno_c.estimate == uno_c(t, e, risk, 6).value
    assert figures.auc_at_horizon.estimate == time_dependent_auc(t, e, risk, 6).auc[0]
    # The kernel's standard error, its interval moved to the logit scale and to Student's t.
    half = stdtrit(e.sum() - 1, 0.975) * expected.estimate.standard_error
    half *= math.sqrt(len(t) / (len(t) - 1)) / (expected.value * (1 - expected.value))
    limits = [expit(logit(expected.value) + side * half) for side in (-1, 1)]
    assert [figures.harrell_c.low, figures.harrell_c.high] == pytest.approx(limits, abs=1e-9)
    average = next(row for row in figures.incidence if row.flag == "average")
    here = scores["flag"] == "average"
    curve = cumulative_incidence(time[here].to_numpy(), event[here].to_numpy(), [6])
    assert average.incidence == curve.estimates[0]
    assert found.cohort.events == e.sum()


def test_competing_events_keep_patients_among_those_without_the_event(
    table: pd.DataFrame,
    followed: tuple[pd.Series, pd.Series],
    other: Reference,
    scores: pd.DataFrame,
) -> None:
    time, event = followed
    codes = event.copy()
    codes.iloc[::7] = 2
    found = validate(
        "liver", table, time=time, event=codes, horizon=6, reference=other, resamples=RESAMPLES
    )
    figures: Any = found.figures
    kept = (scores["flag"] != "not_scored").to_numpy()
    t, e, risk = (c.to_numpy()[kept] for c in (time, codes, scores["score"]))
    first, second = np.triu_indices(len(t), 1)
    pairs = [
        (i, j)
        for a, b in zip(first, second, strict=True)
        for i, j in ((a, b), (b, a))
        # i has the event while j is still without it: followed, or dead of something else.
        if e[i] == 1 and (t[j] > t[i] or e[j] == 2 or (t[j] == t[i] and e[j] == 0))
    ]
    expected = np.mean([np.sign(risk[i] - risk[j]) / 2 + 0.5 for i, j in pairs])
    assert figures.harrell_c.estimate == pytest.approx(expected, abs=1e-12)
    assert figures.uno_c is None
    assert figures.auc_at_horizon is None
    assert found.cohort.competing == (e == 2).sum()


def test_a_fitted_survival_panel_is_calibrated_at_the_horizon(
    model: FittedPanel, new: tuple[pd.DataFrame, pd.Series]
) -> None:
    samples, outcome = new
    link = Link(
        "cox", slope=0.8, horizon=5.0, times=(1.0, 2.0, 4.0, 5.0), hazard=(0.1, 0.2, 0.5, 0.6)
    )
    survival = replace(model, link=link)
    rng = np.random.default_rng(3)
    happens = rng.exponential(8 / (1 + outcome.to_numpy()))
    ends = rng.uniform(2, 9, size=80)
    time, event = np.minimum(happens, ends), np.where(happens <= ends, 1, 0)
    event[:4] = 2
    found = validate(survival, samples, time=time, event=event, resamples=RESAMPLES)
    figures: Any = found.figures
    told = score(samples, panel=survival).scores
    kept = (told["flag"] != "not_scored").to_numpy()
    p, t, e = told["probability"].to_numpy()[kept], time[kept], np.minimum(event, 1)[kept]
    assert figures.horizon == 5.0
    expected = calibration_at(t, e, p, 5.0)
    assert figures.calibration.observed_risk == expected.observed_risk
    assert figures.calibration.slope.value == pytest.approx(expected.slope.value, abs=1e-6)
    log_hazard = np.log(-np.log1p(-p) / 0.6)
    times = np.linspace(0, 5, 21)[1:]
    hazard = np.array([0, 0.1, 0.2, 0.5, 0.6])[np.searchsorted(link.times, times, side="right")]
    brier = integrated_brier(t, e, np.exp(-hazard * np.exp(log_hazard)[:, None]), times)
    assert figures.brier.integrated == pytest.approx(brier.integrated, abs=1e-9)
    assert any("competing events count as events" in note for note in found.notes)
    competes = replace(survival, report={"outcome": {"death": "competes"}})
    apart = validate(competes, samples, time=time, event=event, resamples=RESAMPLES)
    assert apart.cohort.competing == np.count_nonzero(kept[:4])
    told_apart: Any = apart.figures
    codes = event[kept]
    expected = calibration_at(t, codes, p, 5.0)
    assert told_apart.calibration.observed_risk == expected.observed_risk


# -- who is not counted -----------------------------------------------------------------------


def test_samples_that_are_not_scored_are_counted_and_bound_the_auc(
    table: pd.DataFrame, y: pd.Series, other: Reference
) -> None:
    sparse = table.copy()
    sparse.iloc[:6, :4] = np.nan
    found = validate("liver", sparse, y, reference=other, resamples=RESAMPLES)
    figures = found.figures
    assert isinstance(figures, binary.BinaryFigures)
    told = score(sparse, panel="liver", reference=other).scores
    lost = (told["flag"] == "not_scored").to_numpy()
    assert lost[:6].all()
    assert {each.reason: each.count for each in found.cohort.not_scored}["low_coverage"] == 6
    assert figures.bounds is not None
    filled = told["score"].fillna(-99).to_numpy()
    assert figures.bounds.n == lost.sum()
    assert figures.bounds.as_lowest == pytest.approx(roc_auc_score(y, filled))
    against = np.where(lost, np.where(y == 1, -99.0, 99.0), filled)
    assert figures.bounds.least == pytest.approx(roc_auc_score(y, against))
    assert figures.bounds.least <= figures.bounds.as_highest <= figures.bounds.greatest


def test_outcomes_go_by_the_names_of_samples(
    against_other: Validation, table: pd.DataFrame, y: pd.Series, other: Reference
) -> None:
    shuffled = y.sample(frac=1, random_state=1)
    found = validate("liver", table, shuffled, reference=other, resamples=RESAMPLES)
    assert found.figures == against_other.figures
    by_place = validate("liver", table, y.to_numpy(), reference=other, resamples=RESAMPLES)
    assert by_place.figures == against_other.figures


def test_samples_without_an_outcome_are_left_out(
    table: pd.DataFrame, y: pd.Series, other: Reference
) -> None:
    partly = y.astype(float)
    partly.iloc[:9] = np.nan
    found = validate("liver", table, partly, reference=other, resamples=RESAMPLES)
    without = validate("liver", table.iloc[9:], y.iloc[9:], reference=other, resamples=RESAMPLES)
    assert found.figures == without.figures
    assert found.cohort.left_out[0].count == 9


def test_two_named_classes_are_taken_in_their_order() -> None:
    labels = np.array(["no", "yes", "no"], dtype=object)
    assert two_classes(labels)[0].tolist() == [0, 1, 0]
    assert two_classes(labels)[1:] == ("no", "yes")
    assert two_classes(labels, "no")[0].tolist() == [1, 0, 1]
    assert two_classes(np.array(["1", "0"], dtype=object))[0].tolist() == [1, 0]
    with pytest.raises(MismatchError, match="3 classes"):
        two_classes(np.array([1, 2, 3], dtype=object))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y": [0, 1]}, r"y has the shape \(2,\)"),
        ({"y": pd.Series([0, 1], index=["x", "z"])}, "no sample of the table is in y"),
        ({}, "no outcome"),
        ({"y": [0, 1, 1], "time": [1, 2, 3]}, "no outcome, or more than one"),
        ({"y": [None] * 3}, "the outcome of no sample is known"),
        ({"y": [0, 1, 1], "groups": [None] * 3}, "the patient of no sample"),
        ({"y": [0, 1, None], "groups": [None, None, "p"]}, "the patient of no sample"),
        ({"y": [0, 1, 1], "covariates": {"age": ["old", 3, 4]}}, "'old' in column 'age'"),
    ],
)
def test_labels_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises((MismatchError, InvalidTableError), match=message):
        gather(("a", "b", "c"), **given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": "cohort"}, "hold every sample that it judges"),
        ({"thresholds": [0.1]}, "gives no probability"),
        ({"horizon": 3}, "a horizon without times"),
    ],
)
def test_what_makes_no_sense_is_refused(
    table: pd.DataFrame, y: pd.Series, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(MismatchError, match=message):
        validate("liver", table, y, **options)


def test_too_few_samples_for_a_reference_of_the_others(table: pd.DataFrame, y: pd.Series) -> None:
    with pytest.raises(MismatchError, match="only 16 other samples"):
        validate("liver", table.iloc[:20], y.iloc[:20])


# -- degenerate input -------------------------------------------------------------------------


def judged(scores: Any, flag: str = "average") -> Judged:
    """What a panel of one member would say, were these its scores."""
    values = np.asarray(scores, dtype=float)
    flags = np.where(np.isnan(values), FLAGS.index("not_scored"), FLAGS.index(flag))  # type: ignore[arg-type]
    return Judged(
        score=values,
        probability=np.full(len(values), np.nan),
        flags=flags,
        reasons=np.zeros(len(values), dtype=np.intp),
        members=("only",),
        directions=np.ones(1, dtype=np.intp),
        levels=values[:, None],
        without=np.full((len(values), 1), np.nan),
    )


def evaluated(y: Any, risk: Any) -> binary.BinaryFigures:
    cases = gather([f"s{i}" for i in range(len(y))], y=y)
    return binary.evaluate(
        cases,
        judged(risk),
        fitted=False,
        probabilities=False,
        thresholds=None,
        resamples=RESAMPLES,
        seed=0,
    )


@pytest.mark.parametrize(("outcome", "message"), [(0, "no sample has"), (1, "every sample has")])
def test_outcomes_of_one_class_are_refused(
    table: pd.DataFrame, other: Reference, outcome: int, message: str
) -> None:
    with pytest.raises(MismatchError, match=message):
        validate("liver", table, [outcome] * N, reference=other)


def test_a_constant_risk_is_no_better_than_chance() -> None:
    found = evaluated([0, 1] * 20, [0.3] * 40)
    assert found.auc.estimate == 0.5
    assert found.permutation is not None
    assert found.permutation.p_value == 1
    assert found.recalibration is None
    assert "no odds ratio: the score is the same for all samples" in found.notes
    assert verdict(found.auc) == "no better than chance is not excluded"


def test_ties_everywhere_count_one_half() -> None:
    y, risk = [0, 0, 0, 1, 1, 1] * 5, [0, 0, 1, 0, 1, 1] * 5
    found = evaluated(y, risk)
    # Of 9 kinds of pairs 4 are right, 1 is wrong, 4 are tied.
    assert found.auc.estimate == pytest.approx((4 + 2) / 9)


def test_a_perfect_risk_has_no_odds_ratio() -> None:
    found = evaluated([0] * 20 + [1] * 20, range(40))
    assert found.auc.estimate == 1
    assert found.recalibration is None
    assert any("separates events from non-events" in note for note in found.notes)


def test_one_event_has_an_auc_and_nothing_that_needs_two() -> None:
    found = evaluated([0] * 20 + [1], range(21))
    assert found.auc.estimate == 1
    assert found.auc.low < 0.9


def test_a_risk_that_is_not_known_leaves_the_sample_out() -> None:
    found = evaluated([0, 1] * 10 + [1], [*range(20), np.nan])
    assert found.auc == auc_interval([0, 1] * 10, range(20))
    assert found.bounds is not None
    assert (found.bounds.n, found.bounds.events) == (1, 1)


def test_without_any_score_there_is_no_validation(
    table: pd.DataFrame, y: pd.Series, other: Reference
) -> None:
    bare = table.copy()
    bare[list(LIVER)] = np.nan
    with pytest.raises(NothingScoredError, match=r"none of 150 samples .* low_coverage"):
        validate("liver", bare, y, reference=other)


def test_an_event_at_time_zero_is_refused_and_follow_up_of_zero_is_not(
    table: pd.DataFrame, followed: tuple[pd.Series, pd.Series], other: Reference
) -> None:
    time, event = followed[0].copy(), followed[1].copy()
    time.iloc[0], event.iloc[0] = 0, 0
    found = validate("liver", table, time=time, event=event, reference=other, resamples=RESAMPLES)
    assert found.main.measure == "Harrell's C"
    event.iloc[0] = 1
    with pytest.raises(MismatchError, match="0 is the time of an event"):
        validate("liver", table, time=time, event=event, reference=other)


# -- the report -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.45, 0.70, "no better than chance is not excluded"),
        (0.5, 0.70, "no better than chance is not excluded"),
        (0.55, 0.69, "better than chance; as little as 0.55 is not excluded"),
        (0.20, 0.48, "worse than chance: here the risk runs against the outcome"),
        (math.nan, math.nan, "the data do not tell"),
    ],
)
def test_the_verdict_is_never_stronger_than_the_interval(
    low: float, high: float, expected: str
) -> None:
    assert verdict(Interval(0.5, low, high, 0.95, "any")) == expected


def test_the_headline_comes_first_and_says_how_many(against_other: Validation) -> None:
    found = risk_of(against_other)
    first = str(against_other).splitlines()[0]
    assert first == against_other.headline
    cohort = against_other.cohort
    assert first.startswith(f"AUC {found:.2f} (95% CI ")
    assert f"n = {cohort.n}, {cohort.events} events" in first
    assert str(against_other).endswith("validated diagnostic.")


def test_the_dict_is_json_without_anything_of_single_patients(
    model: FittedPanel, new: tuple[pd.DataFrame, pd.Series]
) -> None:
    samples, outcome = new
    found = validate(model, samples, outcome, resamples=RESAMPLES)
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert not [name for name in samples.index if f'"{name}"' in text]

    def longest(value: Any) -> int:
        if isinstance(value, dict):
            return max([longest(each) for each in value.values()], default=0)
        if isinstance(value, list):
            return max([len(value), *(longest(each) for each in value)])
        return 0

    assert longest(json.loads(text)) < 20
    assert found.to_dict()["subject"]["digest"] == model.digest
    assert found.to_dict()["subject"]["reference_digest"] == model.reference.digest


def test_notes_count_samples_and_do_not_name_them(y: pd.Series) -> None:
    few = log2_table(N, 3, others=20)
    small = Reference.fit(log2_table(110, 9, others=20), unit="log2", name="few", panels="liver")
    assert any(
        "s0, s1" in n or "all samples" in n
        for n in score(few, panel="liver", reference=small).notes
    )
    found = validate("liver", few, y, reference=small, resamples=RESAMPLES)
    (told,) = (note for note in found.notes if note.startswith("fitness not checked in"))
    assert told.startswith("fitness not checked in all samples: fewer than 50 expressed miRNAs")


def test_notes_of_cross_fitted_parts_are_told_once_with_the_samples_of_all(y: pd.Series) -> None:
    few = log2_table(N, 3, others=20)
    found = validate("liver", few, y, resamples=RESAMPLES)
    (told,) = (note for note in found.notes if note.startswith("fitness not checked in"))
    assert told.startswith("fitness not checked in all samples: ")
    assert "reference cross-fitted" in told


def test_groups_with_both_outcomes_cannot_be_permuted(
    table: pd.DataFrame, y: pd.Series, other: Reference
) -> None:
    pairs = pd.Series(np.arange(N) // 2, index=table.index)
    found = validate("liver", table, y, reference=other, groups=pairs, resamples=RESAMPLES)
    figures = found.figures
    assert isinstance(figures, binary.BinaryFigures)
    assert figures.permutation is None
    assert any("groups hold samples with and without" in note for note in found.notes)
    assert figures.average_precision is not None


def test_tables_hold_what_comes_in_rows(against_other: Validation) -> None:
    tables = against_other.tables
    assert set(tables) == {"members", "flags", "cutoffs"}
    assert list(tables["flags"]["flag"]) == list(binary.ORDER)
    assert tables["flags"]["n"].sum() == N
    assert tables["members"]["auc_low"].notna().all()
    cutoffs, figures = tables["cutoffs"], against_other.figures
    assert isinstance(figures, binary.BinaryFigures)
    targets = ["high", "not low", "sensitivity 0.9", "specificity 0.9"]
    assert cutoffs["target"].tolist() == targets
    assert cutoffs["value"].isna().tolist() == [True, True, False, False]
    assert cutoffs["value"].tolist()[2:] == [each.value for each in figures.cutoffs]
    assert cutoffs["sensitivity"][0] == figures.flags.high.sensitivity.estimate
