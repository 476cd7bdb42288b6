"""validate: several samples of a patient, samples of the training, names, which is the event."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cohorts import LIVER, counts_like, log2_table
from scipy.special import expit, logit

from mirrisk.errors import MirriskError, MirriskWarning, MismatchError
from mirrisk.model import Cutoffs, FittedPanel, Link, Term
from mirrisk.reference import Reference
from mirrisk.reference.fitness import PART, PARTS, Profile, fingerprints
from mirrisk.scoring import FLAGS
from mirrisk.tables import as_expression
from mirrisk.validation import binary
from mirrisk.validation.anonymous import anonymous
from mirrisk.validation.calibration import calibration
from mirrisk.validation.cases import gather
from mirrisk.validation.classes import two_classes
from mirrisk.validation.clustered import share_of
from mirrisk.validation.clustered_auc import auc_difference
from mirrisk.validation.crossfit import Judged
from mirrisk.validation.discrimination import delong_test
from mirrisk.validation.follow_up import FollowUp
from mirrisk.validation.interval import clopper_pearson
from mirrisk.validation.optimism import optimism
from mirrisk.validation.parallel import Outcome
from mirrisk.validation.resampling import nested_cv
from mirrisk.validation.sites import leave_one_group_out
from mirrisk.validation.survival_resampling import nested_cv_survival
from mirrisk.validation.time_to_event import harrell_of_patients
from mirrisk.validation.training import StoredFigures
from mirrisk.validation.validate import validate as validate_table

if TYPE_CHECKING:
    from pathlib import Path

N = 120
KEYS = LIVER[:3]
RESAMPLES = 60
STORED = {
    "n": N,
    "events": 50,
    "auc": {"estimate": 0.71, "low": 0.62, "high": 0.79, "level": 0.95, "method": "by hand"},
}

validate = partial(validate_table, unit="log2", resamples=RESAMPLES)
log2 = partial(as_expression, unit="log2")


# -- copies of patients -----------------------------------------------------------------------

SIXTY = 60
COPIES = 4
Y60 = (np.random.default_rng(1).random(SIXTY) < 0.4).astype(float)
RISK60 = np.random.default_rng(2).normal(size=SIXTY) + 0.8 * Y60
OTHER60 = np.random.default_rng(3).normal(size=SIXTY) + 0.4 * Y60


def judged(score: Any) -> Judged:
    flags = np.where(score > 1, FLAGS.index("high"), FLAGS.index("average"))
    flags = np.where(score < -1, FLAGS.index("low"), flags)
    return Judged(
        score=score,
        probability=np.full(len(score), np.nan),
        flags=flags,
        reasons=np.zeros(len(score), dtype=np.intp),
        members=("only",),
        directions=np.ones(1, dtype=np.intp),
        levels=score[:, None],
        without=np.full((len(score), 1), np.nan),
    )


def evaluated(copies: int, *, grouped: bool) -> binary.BinaryFigures:
    cases = gather(
        [f"s{i}" for i in range(SIXTY * copies)],
        y=np.tile(Y60, copies),
        groups=np.tile(np.arange(SIXTY), copies) if grouped else None,
        others={"other": np.tile(OTHER60, copies)},
    )
    return binary.evaluate(
        cases,
        judged(np.tile(RISK60, copies)),
        fitted=False,
        probabilities=False,
        thresholds=None,
        resamples=RESAMPLES,
        seed=0,
    )


def limits(found: binary.BinaryFigures) -> dict[str, tuple[float, float]]:
    assert found.recalibration is not None
    assert found.percentiles is not None
    assert found.percentiles_of_non_events is not None
    shares: dict[str, Any] = {
        "auc": found.auc,
        "odds ratio": found.recalibration.odds_ratio,
        "above": found.percentiles.above,
        "below, non-events": found.percentiles_of_non_events.below,
        "difference": found.comparisons[0].difference,
    }
    for name, cutoff in (
        ("high", found.flags.high),
        ("not low", found.flags.not_low),
        ("sensitivity 0.9", found.cutoffs[0]),
        ("specificity 0.9", found.cutoffs[1]),
    ):
        for what in ("sensitivity", "specificity", "ppv", "npv"):
            shares[f"{name}: {what}"] = getattr(cutoff, what)
    for row in found.flags.rows:
        shares[f"events of {row.flag}"] = row.share
    return {name: (each.low, each.high) for name, each in shares.items()}


def test_copies_of_patients_make_no_figure_sharper() -> None:
    once, copied = limits(evaluated(1, grouped=False)), limits(evaluated(COPIES, grouped=True))
    counted = limits(evaluated(COPIES, grouped=False))
    for name, (low, high) in copied.items():
        # A sandwich differs a little from the errors that the model itself implies.
        assert high - low >= 0.95 * (once[name][1] - once[name][0]), name
    # Without the patients they do: the test would notice.
    narrower = [n for n, (low, high) in counted.items() if high - low < 0.8 * np.ptp(once[n])]
    assert len(narrower) > 15


def test_that_tests_count_samples_is_told_where_patients_have_several() -> None:
    assert any("count samples" in note for note in evaluated(COPIES, grouped=True).notes)
    assert not any("count samples" in note for note in evaluated(1, grouped=True).notes)


def test_patients_of_one_sample_each_change_nothing() -> None:
    assert evaluated(1, grouped=True).flags == evaluated(1, grouped=False).flags
    assert evaluated(1, grouped=True).recalibration == evaluated(1, grouped=False).recalibration
    (grouped,), (alone,) = (evaluated(1, grouped=g).comparisons for g in (True, False))
    assert grouped.difference == alone.difference


def test_the_difference_of_aucs_of_copies_is_delongs_of_the_patients() -> None:
    alone = delong_test(Y60, RISK60, OTHER60)
    copied = auc_difference(
        np.tile(Y60, 3), np.tile(RISK60, 3), np.tile(OTHER60, 3), np.tile(np.arange(SIXTY), 3)
    )
    assert copied.standard_error == pytest.approx(alone.standard_error, rel=1e-9)
    assert copied.difference == pytest.approx(alone.difference, abs=1e-12)
    assert "Obuchowski" in copied.method


def test_a_clustered_share_has_the_effective_sample_size_of_korn_and_graubard() -> None:
    # Three patients with 4, 2 and 0 of 4, 2 and 6 samples positive: 6 of 12.
    hit = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    patients = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2])
    # Sums of deviations 2, 1, -3: variance 3/2 * 14/144; 0.25 divided by it is 12/7.
    found, n = share_of(hit, patients), 12 / 7
    from scipy.stats import beta

    assert found.low == pytest.approx(beta.ppf(0.025, n / 2, n / 2 + 1))
    assert found.high == pytest.approx(beta.ppf(0.975, n / 2 + 1, n / 2))
    assert (found.count, found.of) == (6, 12)
    assert share_of(np.ones(12, dtype=bool), patients).low == clopper_pearson(3, 3).low


def test_calibration_of_clustered_samples_has_liang_and_zegers_errors() -> None:
    patients = np.arange(SIXTY) // 2
    p = 1 / (1 + np.exp(0.4 - 0.9 * RISK60))
    found = calibration(Y60, p, groups=patients)
    design = np.column_stack([np.ones(SIXTY), logit(p)])
    fitted = expit(design @ [found.intercept.value, found.slope.value])
    bread = np.linalg.inv((design.T * fitted * (1 - fitted)) @ design)
    scores = design * (Y60 - fitted)[:, None]
    sums = scores[::2] + scores[1::2]
    errors = np.sqrt(np.diag(bread @ (sums.T @ sums) @ bread) * 30 / 29)
    assert np.abs(scores.sum(axis=0)).max() < 1e-8
    assert found.intercept.standard_error == pytest.approx(errors[0], rel=1e-6)
    assert found.slope.standard_error == pytest.approx(errors[1], rel=1e-6)


def test_harrells_c_of_copies_has_the_limits_of_the_patients() -> None:
    rng = np.random.default_rng(4)
    time, event = rng.exponential(np.exp(-RISK60)), (rng.random(SIXTY) < 0.6).astype(np.intp)
    alone = harrell_of_patients(FollowUp(time, event), RISK60, np.arange(SIXTY))
    twice = harrell_of_patients(
        FollowUp(np.tile(time, 2), np.tile(event, 2)),
        np.tile(RISK60, 2),
        np.tile(np.arange(SIXTY), 2),
    )
    assert twice.high - twice.low >= 0.97 * (alone.high - alone.low)


def test_whatever_competes_keeps_its_patient_without_the_event_for_ever() -> None:
    risk, time = np.array([1.0, 3.0, 2.0, 4.0]), np.array([5.0, 1.0, 2.0, 3.0])
    # Those who died (code 2 or 3) at 1 and 3 are pairs with the event at 5; so is nobody else.
    for first, second in ((2, 2), (2, 3), (3, 2)):
        found = harrell_of_patients(
            FollowUp(time, np.array([1, first, 0, second])), -risk, np.arange(4)
        )
        assert found.estimate == 1


def test_a_perfect_c_of_ten_events_is_not_taken_for_certain() -> None:
    time, event = np.arange(1.0, 21.0), np.repeat([1, 0], 10)
    found = harrell_of_patients(FollowUp(time, event), -time, np.arange(20))
    assert found.estimate == 1
    # Ten successes of ten: the exact lower limit is the tenth root of 0.025.
    assert (found.low, found.high) == (pytest.approx(0.025**0.1), 1)


# -- samples that a panel was fitted on -------------------------------------------------------


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return log2_table(N, 3)


@pytest.fixture(scope="module")
def y(table: pd.DataFrame) -> pd.Series:
    return outcome_of(table, 4)


def outcome_of(table: pd.DataFrame, seed: int) -> pd.Series:
    low = -(table[LIVER[0]] - table[LIVER[0]].mean()) / table[LIVER[0]].std()
    chance = 1 / (1 + np.exp(0.8 - 1.2 * low))
    return (np.random.default_rng(seed).random(len(table)) < chance).astype(int)


def fitted_to(table: pd.DataFrame, **report: Any) -> FittedPanel:
    """A panel that claims to have been fitted on a cohort."""
    reference = Reference.fit_keys(log2(table), KEYS, name="a cohort").restricted(KEYS)
    return FittedPanel(
        id="mine",
        version="1.0.0",
        title="A panel of a test",
        cancer=None,
        endpoint="bone metastasis",
        caveats=(),
        reference=reference,
        terms=tuple(Term(k, k, b, None) for k, b in zip(KEYS, (-1.0, -0.2, -0.1), strict=True)),
        covariates=(),
        mean=reference.mean,
        covariance=reference.covariance,
        link=Link("logistic", intercept=-0.5, slope=1.0),
        cutoffs=Cutoffs(-0.6, 0.7, "low as chosen", "high as chosen"),
        report={"validation": STORED, **report},
    )


@pytest.fixture(scope="module")
def model(table: pd.DataFrame) -> FittedPanel:
    return fitted_to(table)


@pytest.fixture(scope="module")
def new() -> tuple[pd.DataFrame, pd.Series]:
    found = log2_table(80, 21).set_axis([f"n{i}" for i in range(80)], axis=0)
    return found, outcome_of(found, 8)


def test_a_second_sample_of_a_training_patient_is_left_out_with_the_patient(
    model: FittedPanel,
    table: pd.DataFrame,
    y: pd.Series,
    new: tuple[pd.DataFrame, pd.Series],
) -> None:
    samples, outcome = new
    again = log2_table(30, 77).set_axis([f"again{i}" for i in range(30)], axis=0)
    mixed = pd.concat([table.iloc[:30], again, samples])
    both = np.concatenate([y.iloc[:30], y.iloc[:30], outcome])
    patients = [*range(30), *range(30), *range(100, 180)]
    found = validate(model, mixed, both, groups=patients)
    alone = validate(model, samples, outcome, groups=np.arange(80))
    assert found.figures == alone.figures
    left = {each.reason: each.count for each in found.cohort.left_out}
    assert left["the panel was fitted on them"] == 30
    assert left["further samples of patients that the panel was fitted on"] == 30


def test_a_cohort_of_training_patients_alone_gets_the_stored_figures(
    model: FittedPanel, table: pd.DataFrame, y: pd.Series
) -> None:
    again = log2_table(N, 77).set_axis([f"again{i}" for i in range(N)], axis=0)
    found = validate(
        model,
        pd.concat([table, again]),
        np.tile(y, 2),
        groups=np.tile(np.arange(N), 2),
    )
    assert isinstance(found.figures, StoredFigures)
    assert any(f"{N} of {2 * N} samples were not recognised" in note for note in found.notes)


def test_a_cohort_of_which_most_are_recognised_is_taken_for_the_training_cohort(
    model: FittedPanel, table: pd.DataFrame, y: pd.Series
) -> None:
    altered = table.copy()
    altered.iloc[:40] += np.random.default_rng(5).normal(size=(40, table.shape[1]))
    found = validate(model, altered, y)
    assert isinstance(found.figures, StoredFigures)
    assert any("40 of 120 samples were not recognised" in note for note in found.notes)


def test_that_no_match_proves_little_is_told(
    model: FittedPanel, new: tuple[pd.DataFrame, pd.Series]
) -> None:
    samples, outcome = new
    assert any("may not be" in note for note in validate(model, samples, outcome).notes)


def test_the_training_cohort_is_known_without_one_of_its_commonest_mirnas(
    model: FittedPanel, table: pd.DataFrame, y: pd.Series
) -> None:
    commonest = str(table.drop(columns=list(KEYS)).median().idxmax())
    found = validate(model, table.drop(columns=commonest), y)
    assert isinstance(found.figures, StoredFigures)


def test_counts_are_known_again_as_cpm_and_thinned() -> None:
    counts = counts_like("tcga-lihc", 60, 1)
    expression = as_expression(counts, unit="counts")
    reference = Reference.fit_keys(expression, list(counts.columns[:3]), name="a cohort")
    others = as_expression(counts_like("tcga-lihc", 60, 2), unit="counts")
    assert not reference.holds(others).any()
    cpm = counts.div(counts.sum(axis=1), axis=0) * 1e6
    assert reference.holds(as_expression(cpm.round(2), unit="cpm")).all()
    thinned = counts.copy()
    thinned[:] = np.random.default_rng(3).binomial(counts.to_numpy(), 0.7)
    assert reference.holds(as_expression(thinned, unit="counts")).mean() > 0.9


def test_fingerprints_are_four_and_a_missing_mirna_leaves_two() -> None:
    keys = tuple(f"k{i:02}" for i in range(PARTS * PART))
    median = np.linspace(20, 5, len(keys))
    profile = Profile(keys, median, median, np.ones(len(keys)), sequencing=False)
    logs = median + np.random.default_rng(1).normal(size=(3, len(keys)))
    whole = fingerprints(profile, logs)
    assert [len(each) for each in whole] == [4, 4, 4]
    assert not whole[0] & whole[1]
    gone = logs.copy()
    gone[:, 4] = np.nan
    assert [len(a & b) for a, b in zip(whole, fingerprints(profile, gone), strict=True)] == [2] * 3
    assert fingerprints(profile, np.zeros((1, len(keys)))) == (frozenset(),)


# -- which class is the event -----------------------------------------------------------------


@pytest.fixture(scope="module")
def words(new: tuple[pd.DataFrame, pd.Series]) -> pd.Series:
    return new[1].map({0: "none", 1: "metastasis"})


def test_an_outcome_in_other_words_than_the_panels_is_refused(
    table: pd.DataFrame, new: tuple[pd.DataFrame, pd.Series], words: pd.Series
) -> None:
    panel = fitted_to(table, outcome={"kind": "binary", "event": "1", "other": "0"})
    with pytest.raises(MismatchError, match=r"metastasis and none, .* fitted to 1") as fault:
        validate(panel, new[0], words)
    assert "--event-class" in fault.value.remedy


def test_named_the_event_is_the_event_whatever_its_place_in_the_alphabet(
    table: pd.DataFrame, new: tuple[pd.DataFrame, pd.Series], words: pd.Series
) -> None:
    panel = fitted_to(table, outcome={"kind": "binary", "event": "1", "other": "0"})
    expected = validate(panel, new[0], new[1])
    found = validate(panel, new[0], words, event_class="metastasis")
    assert found.figures == expected.figures
    assert (found.cohort.event, found.cohort.other) == ("metastasis", "none")
    curated = validate("liver", new[0], words, event_class="metastasis")
    assert curated.main == validate("liver", new[0], new[1]).main


def test_the_panels_own_words_are_told_apart_by_the_panel(
    table: pd.DataFrame, new: tuple[pd.DataFrame, pd.Series], words: pd.Series
) -> None:
    panel = fitted_to(table, outcome={"kind": "binary", "event": "metastasis", "other": "none"})
    expected = validate(fitted_to(table), new[0], new[1])
    assert validate(panel, new[0], words).main == expected.main


@pytest.mark.parametrize("one", [1, 1.0, "1", "1.0", True, "True", np.int64(1)])
def test_one_is_one_however_it_is_written(one: object) -> None:
    zero = type(one)(0) if not isinstance(one, str) else {"True": "False"}.get(one, "0")
    labels = np.array([zero, one, one], dtype=object)
    codes, other, event = two_classes(labels, None, ("0", "1"))
    assert codes.tolist() == [0, 1, 1]
    assert (other, event) == ("0", "1")


def test_classes_of_numbers_are_in_the_order_of_numbers() -> None:
    assert two_classes(np.array(["10", "9"], dtype=object))[1:] == ("9", "10")


def test_an_event_class_that_nobody_has_is_refused() -> None:
    with pytest.raises(MismatchError, match="no sample of the class 'relapse'"):
        two_classes(np.array(["a", "b"], dtype=object), "relapse")
    with pytest.raises(MismatchError, match="with a follow-up"):
        gather(("a", "b"), time=[1, 2], event=[0, 1], event_class="1")


def test_covariates_for_a_panel_without_any_are_refused(table: pd.DataFrame, y: pd.Series) -> None:
    age = pd.DataFrame({"age": np.arange(N)}, index=table.index)
    with pytest.raises(MismatchError, match="has none") as fault:
        validate("liver", table, y, covariates=age)
    assert "--baseline" in fault.value.remedy


# -- names ------------------------------------------------------------------------------------


def test_a_series_that_only_counts_rows_goes_by_position() -> None:
    samples = [str(i) for i in range(1, 6)]
    by_row = pd.Series([1, 0, 1, 1, 0])
    assert gather(samples, y=by_row).y.tolist() == [1, 0, 1, 1, 0]
    ages = pd.DataFrame({"age": [5.0, 4.0, 3.0, 2.0, 1.0]})
    assert gather(samples, y=by_row, baseline=ages).baseline["age"].tolist() == [5, 4, 3, 2, 1]
    named = pd.Series([1, 0, 1, 1, 0], index=range(1, 6)).iloc[::-1]
    assert gather(samples, y=named).y.tolist() == [1, 0, 1, 1, 0]
    with pytest.raises(MismatchError, match=r"shape \(6,\)"):
        gather(samples, y=pd.Series([1, 0, 1, 1, 0, 1]))


class Talkative:
    """Warns of its first sample by name, and fails on some folds naming it."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def set_params(self, **_: Any) -> Talkative:
        return self

    def fit(self, X: pd.DataFrame, y: Any) -> Talkative:
        import warnings

        name = X.index[0]
        warnings.warn(f"unlike the others: '{name}' (and {name})", MirriskWarning, stacklevel=1)
        if name != "P 00":
            raise MirriskError(f"cannot use {name!r}", where=f"sample {name}")
        return self

    def predict_proba(self, X: pd.DataFrame) -> Any:
        return np.column_stack([1 - X["a"], X["a"]])


NAMED = pd.DataFrame(
    {"a": np.random.default_rng(1).random(40)}, index=[f"P {i:02}" for i in range(40)]
)
OUTCOME = np.arange(40) % 2


def test_no_name_of_a_sample_is_kept_in_results_or_in_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    found = nested_cv(
        Talkative(), NAMED, OUTCOME, folds=4, repeats=2, seed=1, n_jobs=1, checkpoint=path
    )
    assert found.failures
    assert "P " not in path.read_text()
    assert "P " not in json.dumps(found.to_dict())
    assert found.failures[0].message == "cannot use a sample"
    assert found.warnings[0].message == "unlike the others: a sample (and a sample)"


def test_numbers_are_names_between_quotation_marks_only() -> None:
    told = anonymous(Outcome(error="3 of 4 samples, such as '3'"), {"3", "4"})
    assert told.error == "3 of 4 samples, such as a sample"


# -- what is kept in a panel's file -----------------------------------------------------------


def test_results_without_patients_hold_no_row_per_sample() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
    results: list[Any] = [
        nested_cv(LogisticRegression(), X, y, folds=3, repeats=2, seed=1, n_jobs=1),
        optimism(LogisticRegression(), {"AUC": roc_auc_score}, X, y, n=10, seed=1, n_jobs=1),
        leave_one_group_out(LogisticRegression(), X, y, np.arange(60) % 3, seed=1, n_jobs=1),
        nested_cv_survival(
            Constant(), X, rng.exponential(size=60) + 0.1, y, folds=3, repeats=2, seed=1, n_jobs=1
        ),
    ]
    for result in results:
        whole, kept = result.to_dict(), result.to_dict(patients=False)
        assert set(whole) - set(kept) <= {
            "risks",
            "assignment",
            "linear_predictors",
            "warnings",
        }
        longest = max(len(v) for v in kept.values() if isinstance(v, list))
        assert longest < 20
        assert str(result).startswith("\n".join(result.headline))


class Constant:
    """A survival model that goes by the first column."""

    def fit(self, X: Any, y: Any) -> Constant:
        return self

    def predict(self, X: Any) -> Any:
        return X[:, 0]


def test_the_headline_counts_fits_that_failed() -> None:
    found = nested_cv(Talkative(), NAMED, OUTCOME, folds=4, repeats=2, seed=1, n_jobs=1)
    assert found.headline[-1] == f"{len(found.failures)} of 8 fits failed"
    assert replace(found, failures=()).headline == found.headline[:-1]
