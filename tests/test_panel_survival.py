"""PanelSurvival: planted truth, two endpoints, and every follow-up that it must refuse."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from cohorts import log2_table, member, panel
from sklearn.base import clone

import mirrisk
from mirrisk.cli import main
from mirrisk.errors import MirriskError, MirriskWarning, MismatchError
from mirrisk.fitting import PanelSurvival
from mirrisk.fitting.cox_likelihood import fit_cox
from mirrisk.fitting.families import HAZARDS
from mirrisk.fitting.hazard_calibration import FEWEST, calibration_slope, exported_baseline
from mirrisk.fitting.outcome import SurvivalOutcome
from mirrisk.model import FittedPanel
from mirrisk.tables import as_expression
from mirrisk.validation.fold_concordance import compare_within, fold_concordance
from mirrisk.validation.survival import harrell_c, kaplan_meier
from mirrisk.validation.survival_resampling import nested_cv_survival


@pytest.fixture(autouse=True)
def _warnings_of_small_cohorts_are_expected():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        yield


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
FAST = {"unit": "log2", "repeats": 1, "n_penalties": 10, "mixings": (0.5,), "horizon": 3.0}
SCALE = 5.0
"""Mean time to the event of a sample whose log hazard is 0."""


def log_hazards(table: pd.DataFrame, truth: np.ndarray) -> np.ndarray:
    centre = 6 + 6 * np.abs(np.sin(np.arange(1, len(MEMBERS) + 1)))  # of log2_table
    return (table[list(MEMBERS)].to_numpy() - centre) @ truth


def draw(n: int, seed: int, truth: np.ndarray = TRUTH) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw samples whose log hazards are known, followed for 1 to 10."""
    table = log2_table(n, seed, names=list(MEMBERS), others=30)
    rng = np.random.default_rng(seed + 1000)
    time = rng.exponential(SCALE * np.exp(-log_hazards(table, truth)))
    end = rng.uniform(1, 10, n)
    y = pd.DataFrame({"event": (time <= end).astype(int), "time": np.minimum(time, end)})
    return table, y.set_axis(table.index)


TABLE, Y = draw(200, seed=1)
FITTED: list[PanelSurvival] = []


def fitted() -> PanelSurvival:
    if not FITTED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MirriskWarning)
            FITTED.append(PanelSurvival(TOY, **FAST).fit(TABLE, Y))
    return FITTED[0]


# -- planted truth ----------------------------------------------------------------------------


def test_planted_effects_are_found_with_their_signs():
    found = {term.mirna: term.coefficient for term in fitted().panel_.terms}
    for name, effect in zip(MEMBERS, TRUTH, strict=True):
        if effect:
            assert np.sign(found[name]) == np.sign(effect)


def test_new_samples_are_ordered_nearly_as_well_as_by_the_truth():
    table, y = draw(1000, seed=2)
    best = harrell_c(y["time"], y["event"], log_hazards(table, TRUTH)).value
    assert best - 0.03 < fitted().score(table, y) <= best + 0.01


def test_probabilities_are_those_of_the_simulation():
    model = PanelSurvival(TOY, **FAST).fit(*draw(500, seed=3))
    table, _ = draw(1000, seed=4)
    hazard = np.exp(log_hazards(table, TRUTH)) / SCALE
    times = np.array([1.0, 3.0, 6.0])
    truth = -np.expm1(-hazard[:, None] * times)
    found = model.predict_risk(table, times)
    assert np.abs(found.mean(axis=0) - truth.mean(axis=0)).max() < 0.05
    assert np.sqrt(((found - truth) ** 2).mean(axis=0)).max() < 0.09
    np.testing.assert_array_equal(found[:, 1], model.predict_risk(table))
    survival = model.predict_survival_function(table, times)
    np.testing.assert_allclose(survival.to_numpy(), 1 - found)
    assert survival.index.tolist() == table.index.tolist()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("death", ["event", "competes"])
def test_constrained_signs_are_never_inverted(seed, death):
    table, y = draw(60, seed, truth=-TRUTH)  # the truth opposes the literature
    y.iloc[:5, 0] = 2
    model = PanelSurvival(TOY, candidates="all", death=death, accept_small=True, **FAST)
    for term in getattr(model.fit(table, y).panel_, "terms", ()):
        if term.claim is not None:
            assert term.coefficient * term.claim.sign > 0


def test_truth_against_the_literature_is_told_and_predicts_everyones_risk():
    table, y = draw(200, 4, truth=-TRUTH)
    with pytest.warns(MirriskWarning, match="nothing predicts the outcome better"):
        model = PanelSurvival(TOY, **FAST).fit(table, y)
    assert model.panel_ is None
    assert (model.predict(table) == 0).all()
    # Nelson and Aalen's estimate and Kaplan and Meier's differ by little.
    everyone = 1 - kaplan_meier(y["time"], y["event"], 3.0).values[0]
    np.testing.assert_allclose(model.predict_risk(table), everyone, atol=0.01)
    assert set(model.summary_.content["audit"]["opposed"]) & set(MEMBERS)
    with pytest.raises(MismatchError, match="no panel to export"):
        model.export(id="x", title="x", endpoint="x", cohort="x")


def test_random_follow_up_is_not_predicted_out_of_fold():
    cs = []
    for seed in range(5):
        table, y = draw(80, seed)
        shuffled = y.sample(frac=1, random_state=seed).to_numpy()
        found = nested_cv_survival(
            PanelSurvival(candidates="all", audit=False, quiet=True, **FAST),
            table,
            shuffled[:, 1],
            shuffled[:, 0],
            folds=4,
            repeats=1,
            seed=seed,
            n_jobs=1,
        )
        cs.append(found.c.estimate)
    # The standard error is about 0.02 here; features chosen with the outcome would give 0.8.
    assert 0.42 < np.mean(cs) < 0.58


# -- against other software -------------------------------------------------------------------


def normal_scores(model: PanelSurvival) -> np.ndarray:
    reference = model.panel_.reference
    values = reference.measure(as_expression(TABLE, unit="log2")).values
    return reference.normal_scores(values, model.panel_.columns)


def test_without_penalty_it_is_cox_regression_of_scikit_survival():
    sksurv = pytest.importorskip("sksurv.linear_model")
    model = PanelSurvival(TOY, directions="ignore", mixing=0.0, penalty=1e-9, **FAST)
    model.fit(TABLE, Y)
    y = np.array(list(zip(Y["event"] == 1, Y["time"], strict=True)), dtype="?,f8")
    other = sksurv.CoxPHSurvivalAnalysis(ties="breslow", tol=1e-12).fit(normal_scores(model), y)
    # The reference is rounded in the panel that the scores are taken from.
    slope = model.summary_.content["calibration"]["slope"]  # which the coefficients hold
    np.testing.assert_allclose(model.panel_.coefficients / slope, other.coef_, atol=1e-4)


def test_covariates_bear_no_penalty():
    table = TABLE.assign(age=np.random.default_rng(0).normal(60, 8, 200))
    y = Y.assign(time=Y["time"] * np.exp(-(table["age"] - 60) / 8))
    y["time"] = y["time"].clip(upper=9)
    with pytest.warns(MirriskWarning, match="the covariates alone predict"):
        model = PanelSurvival(
            TOY, covariates=["age"], **{**FAST, "mixing": 1.0, "penalty": 5.0}
        ).fit(table, y)
    assert model.panel_.terms == ()
    assert "Holds no miRNA: its covariates alone predict." in model.panel_.caveats
    assert "its covariates alone" in model.summary_.content["comparison"]["said"]
    (age,) = model.panel_.covariates
    standardised = (table[["age"]] - age.mean) / age.sd
    expected = fit_cox(standardised, y["time"], y["event"]).coefficients
    slope = model.summary_.content["calibration"]["slope"]  # which the coefficient holds
    assert age.coefficient / slope == pytest.approx(expected[0], abs=1e-6)


def test_slope_is_that_of_cox_regression_on_the_predictor():
    outcome = SurvivalOutcome.of(Y, TABLE.index, "event")
    eta = log_hazards(TABLE, TRUTH) / 3
    expected = fit_cox(eta[:, None], Y["time"], Y["event"]).coefficients[0]
    assert calibration_slope(np.stack([eta, eta]), outcome) == pytest.approx(expected, abs=1e-8)
    assert calibration_slope(-eta[None], outcome) == 0.0
    assert calibration_slope(0 * eta[None], outcome) == 0.0


def test_slope_of_a_predictor_without_mistake_is_finite():
    outcome = SurvivalOutcome.of(
        (np.ones(20), np.arange(1, 21)), [str(i) for i in range(20)], "event"
    )
    assert calibration_slope(-np.arange(20.0)[None], outcome) == pytest.approx(
        5 / np.arange(20).std()
    )


# -- two endpoints ----------------------------------------------------------------------------


def with_deaths(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Draw metastases that rise with the toy panel, and deaths that fall with it.

    Returns also the true probability, by 3, of a metastasis, and of a metastasis or death.
    """
    table = log2_table(n, seed, names=list(MEMBERS), others=10)
    eta = log_hazards(table, TRUTH)
    metastasis, death = 0.12 * np.exp(eta), 0.3 * np.exp(-0.3 * eta)
    rng = np.random.default_rng(seed + 1)
    total = metastasis + death
    time = rng.exponential(1 / total)
    kind = np.where(rng.random(n) < metastasis / total, 1, 2)
    end = rng.uniform(1, 8, n)
    event = np.where(time <= end, kind, 0)
    either = -np.expm1(-total * 3)
    truth = pd.DataFrame({"competes": metastasis / total * either, "event": either})
    return table, np.column_stack([event, np.minimum(time, end)]), truth


@pytest.fixture(scope="module")
def both():
    table, y, _ = with_deaths(500, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        return {d: PanelSurvival(TOY, death=d, **FAST).fit(table, y) for d in ("event", "competes")}


@pytest.mark.parametrize(("death", "other"), [("event", "competes"), ("competes", "event")])
def test_each_endpoint_predicts_its_own_risk(both, death, other):
    table, _, truth = with_deaths(1500, 6)
    risk = both[death].predict_risk(table)
    own, wrong = (np.sqrt(np.mean((risk - truth[d]) ** 2)) for d in (death, other))
    assert own < 0.1
    assert wrong > 3 * own
    assert risk.mean() == pytest.approx(truth[death].mean(), abs=0.04)


def test_death_as_censoring_would_be_higher_than_either_answer_to_metastasis(both):
    table, y, truth = with_deaths(1500, 6)
    censored = np.where(y[:, 0] == 1, 1, 0)
    naive = 1 - kaplan_meier(y[:, 1], censored, 3.0).values[0]
    assert naive > truth["competes"].mean() + 0.05
    assert both["competes"].predict_risk(table).mean() < naive - 0.04


def test_report_says_which_endpoint_was_fitted_and_what_the_other_answers(both):
    event, competes = (both[d].summary_.content["outcome"] for d in ("event", "competes"))
    assert event["deaths_without_event"] == competes["deaths_without_event"] > 100
    assert event["competing_events"] == 0
    assert competes["competing_events"] == competes["deaths_without_event"]
    assert "deaths count as events" in str(both["event"].summary_)
    assert "deaths without it compete (Fine and Gray)" in str(both["competes"].summary_)
    for model in both.values():
        said = model.summary_.content["outcome"]["said"]
        assert "The other endpoint" in said
        assert said in model.panel_.caveats
    assert both["event"].panel_.link.kind == "cox"
    assert both["competes"].panel_.link.kind == "fine-gray"


def test_without_deaths_both_endpoints_are_the_same():
    competes = PanelSurvival(TOY, death="competes", **FAST).fit(TABLE, Y)
    np.testing.assert_allclose(competes.predict_risk(TABLE), fitted().predict_risk(TABLE))
    assert "The other endpoint" not in str(competes.summary_)


def test_dead_stay_comparable_where_death_competes():
    # Events at 2 and 4, a death at 1, censored at 3: pairs of the event at 2 with the dead, the
    # censored and the later event; of the event at 4 with the dead alone.
    time, event = np.array([2.0, 4.0, 1.0, 3.0]), np.array([1, 1, 2, 0])
    risk = np.array([4.0, 1.0, 2.0, 3.0])
    found = compare_within(time, event, risk, np.zeros(4, dtype=int))
    assert found.all.sum() / 2 == 4
    assert found.c == pytest.approx(3 / 4)


# -- the baseline -------------------------------------------------------------------------------


def test_panel_knows_the_end_of_follow_up_to_two_digits_and_nothing_beyond():
    link, longest = fitted().panel_.link, float(Y["time"].max())
    assert link.slope == 1.0
    assert longest - 0.1 < link.end <= longest
    assert link.times[-1] <= link.end
    with pytest.raises(MismatchError, match=f"horizon from 0 to {link.end:g}"):
        link.hazard_until(longest + 1)
    with pytest.raises(MismatchError) as caught:
        fitted().predict_risk(TABLE, [1.0, longest + 1])
    assert "the end of the cohort's follow-up" in caught.value.expected


def test_events_of_few_patients_are_too_few_however_many_samples():
    patients = np.arange(200)
    patients[Y["event"].to_numpy() == 1] = 0
    happened = int((Y["event"] == 1).sum())
    assert happened > 10
    with pytest.raises(MismatchError, match="1 event among"):
        PanelSurvival(TOY, **FAST).fit(TABLE, Y, groups=patients)


def test_exported_baseline_is_exact_at_the_horizon_and_hides_times():
    outcome = SurvivalOutcome.of(Y, TABLE.index, "event")
    found = exported_baseline(np.zeros((2, 200)), 1.0, outcome, 3.0)
    time, event = Y["time"].to_numpy(), Y["event"].to_numpy()

    def nelson_aalen(at: float) -> float:
        return sum(1 / (time >= t).sum() for t in time[(event == 1) & (time <= at)])

    here = found.hazard[found.times == 3.0]
    assert here == pytest.approx(nelson_aalen(3.0))
    assert len(found.times) <= 101
    assert not set(found.times) & set(time)
    # Elsewhere it is that of ten events before or after at most.
    steps = np.sort(time[event == 1])
    for at, hazard in zip(found.times, found.hazard, strict=True):
        place = np.searchsorted(steps, at)
        around = steps[[max(place - 10, 0), min(place + 10, len(steps) - 1)]]
        low, high = (nelson_aalen(t) for t in around)
        assert (low if place >= 10 else 0) <= hazard <= high + 1e-12
    assert (np.diff(found.hazard) > 0).all()
    # Where the line between points bends at least five events lie.
    bends = np.flatnonzero(np.abs(np.diff(found.hazard, 2)) > 1e-9)
    assert len(bends) / 2 <= event.sum() / FEWEST + 2


def test_few_events_leave_the_horizon_as_the_only_point():
    outcome = SurvivalOutcome.of(([1, 1, 0, 0], [1, 2, 3, 4]), list("abcd"), "event")
    found = exported_baseline(np.zeros((1, 4)), 1.0, outcome, 3.5)
    assert found.hazard[-1] == pytest.approx(1 / 4 + 1 / 3)
    np.testing.assert_allclose(found.hazard, found.times / 3.5 * (1 / 4 + 1 / 3))


def test_deviance_is_less_than_without_predictors_for_the_truth():
    outcome = SurvivalOutcome.of(Y, TABLE.index, "event")
    columns = log_hazards(TABLE, TRUTH)[:, None]
    held = np.arange(40)
    path = HAZARDS.path(columns[40:], outcome[np.arange(40, 200)], alpha=1.0, lambdas=[10.0, 0.01])
    nothing, truth = HAZARDS.deviance(columns, outcome, held, path)
    assert nothing == pytest.approx(0, abs=1e-9)
    assert truth < -0.2


# -- faces ----------------------------------------------------------------------------------------


def test_all_forms_of_follow_up_give_the_same():
    record = np.empty(200, dtype=[("event", bool), ("time", float)])
    record["event"], record["time"] = Y["event"] == 1, Y["time"]
    unnamed = np.array(list(zip(Y["event"] == 1, Y["time"], strict=True)), dtype="?,f8")
    expected = fitted().predict_risk(TABLE)
    forms = (record, unnamed, Y[["time", "event"]], Y.to_numpy(), (Y["event"], Y["time"]))
    held = {"mixing": fitted().tuning_.mixing, "penalty": fitted().tuning_.penalty}
    for y in forms:
        found = PanelSurvival(TOY, **FAST, **held).fit(TABLE, y).predict_risk(TABLE)
        np.testing.assert_allclose(found, expected, atol=5e-3)  # paths inside end at 1e-4


def test_the_exported_panel_gives_the_estimators_probabilities(tmp_path, both):
    tables = {"event": (fitted(), TABLE), "competes": (both["competes"], with_deaths(100, 9)[0])}
    for name, (model, given) in tables.items():
        exported = model.export(id="toy-fitted", title="Toy", endpoint="toy", cohort="toy cohort")
        exported.save(tmp_path / f"{name}.json")
        loaded = FittedPanel.load(tmp_path / f"{name}.json")
        table = given.copy()
        table.iloc[:50, 0] = np.nan
        found = mirrisk.score(as_expression(table, unit="log2"), panel=loaded).scores
        scored = found["flag"].to_numpy() != "not_scored"
        assert scored.sum() > 50
        expected = model.predict_risk(table)[scored]
        np.testing.assert_allclose(found["probability"].to_numpy()[scored], expected, atol=1e-12)


def test_same_seed_gives_the_same_whatever_the_number_of_processes():
    kwargs = {**FAST, "candidates": "all", "stability": 2}
    one = PanelSurvival(TOY, **kwargs).fit(TABLE, Y)
    two = PanelSurvival(TOY, n_jobs=2, **kwargs).fit(TABLE, Y)
    assert one.panel_.to_dict() == two.panel_.to_dict()
    assert one.summary_.content["stability"]["pairs"] == 2


def test_a_fitted_model_can_be_pickled_cloned_and_holds_no_time_of_a_patient():
    copy = pickle.loads(pickle.dumps(fitted()))
    np.testing.assert_array_equal(copy.predict(TABLE), fitted().predict(TABLE))
    assert not hasattr(clone(fitted()), "panel_")
    told = json.dumps(fitted().summary_.content, allow_nan=False) + str(fitted().panel_.link)
    assert not [t for t in Y["time"] if f"{t!r}" in told]


def test_copies_of_a_patient_stay_together():
    table, y = draw(50, 5, truth=0 * TRUTH)
    doubled = pd.concat([table, table]).set_axis([f"s{i}" for i in range(100)], axis=0)
    twice = np.tile(y.to_numpy(), (2, 1))
    patients = np.tile(np.arange(50), 2)
    kwargs = {**FAST, "candidates": "all", "min_ratio": 0.01}
    leaking = PanelSurvival(**kwargs).fit(doubled, twice)
    clean = PanelSurvival(**kwargs).fit(doubled, twice, groups=patients)
    c = [harrell_c(twice[:, 1], twice[:, 0], m.tuning_.etas[0]).value for m in (leaking, clean)]
    assert c[0] > 0.75
    assert c[1] < 0.65


def test_curated_panel_is_compared_in_the_same_folds():
    told = fitted().summary_.content["comparison"]
    assert told["beats_curated"] == (told["c_fitted"] > told["c_curated"])
    assert 0.6 < told["c_curated"] < told["c_fitted"] + 0.1
    assert told["said"] in str(fitted().summary_)


def test_audit_tells_the_marginal_direction_of_each_member():
    for term in fitted().summary_.content["audit"]["terms"]:
        effect = dict(zip(MEMBERS, TRUTH, strict=True))[term["mirna"]]
        if effect:
            assert term["marginal"] == np.sign(effect) == term["literature"]


def test_uncensored_follow_up_is_fitted():
    rng = np.random.default_rng(0)
    time = rng.exponential(np.exp(-log_hazards(TABLE, TRUTH)))
    model = PanelSurvival(TOY, **{**FAST, "horizon": 1.0}).fit(TABLE, (np.ones(200), time))
    assert model.summary_.content["tuning"]["folds"] == 5
    assert model.score(TABLE, (np.ones(200), time)) > 0.75


# -- what it refuses ------------------------------------------------------------------------------


def spoilt(**cells: float) -> pd.DataFrame:
    y = Y.astype(float)
    for name, value in cells.items():
        y.loc["s3", name] = value
    return y


@pytest.mark.parametrize(
    ("y", "what"),
    [
        (spoilt(time=-1), "sample s3: the time is negative"),
        (spoilt(time=0), "sample s3: the time is zero"),
        (spoilt(time=np.nan), "sample s3: the time is missing"),
        (spoilt(event=3), "event holds 3"),
        (spoilt(event=np.nan), "event holds nan"),
        (Y.assign(event=0), "no event"),
        (Y.assign(event=2), "only censored samples and competing events"),
        (Y.assign(event=(np.arange(200) < 9).astype(int)), "9 events among 200 samples"),
        (Y.assign(event=(np.arange(200) < 1).astype(int)), "1 event among 200 samples"),
        (Y.astype(str), "event holds '"),
        (Y.assign(event=np.where(Y["event"] == 1, "dead", "alive")), "event holds '"),
        (Y.assign(time=Y["time"].astype(str)), "time holds '"),
        (Y.iloc[::-1], "different orders"),
        (Y.iloc[:150], "y has 150 outcomes, X has 200 samples"),
        (Y["time"], "y is of the shape"),
        (Y.rename(columns={"time": "days"}), "columns event, days"),
        (Y[["time", "event"]].to_numpy(), "event holds times, and time holds codes"),
        (None, "y is None"),
    ],
)
def test_unusable_follow_up_is_one_clear_error(y, what):
    with pytest.raises(MismatchError, match=what):
        PanelSurvival(TOY, death="competes", **FAST).fit(TABLE, y)


def test_one_event_is_one_clear_error_even_if_accepted():
    y = Y.assign(event=(Y["time"] == Y["time"].min()).astype(int))
    with pytest.raises(MismatchError, match="could be predicted out of fold"):
        PanelSurvival(TOY, accept_small=True, **FAST).fit(TABLE, y)


def test_few_events_are_fitted_if_asked_and_the_result_says_so():
    y = Y.assign(event=(Y["time"].rank() <= 8).astype(int))
    model = PanelSurvival(TOY, accept_small=True, **FAST).fit(TABLE, y)
    assert model.summary_.content["accepted_small"] is True
    assert "that was accepted" in str(model.summary_)


@pytest.mark.parametrize(
    ("horizon", "what"),
    [
        (None, "no horizon"),
        (0.0, "the horizon is 0"),
        (np.nan, "the horizon is nan"),
        (11.0, "the horizon is 11, the longest follow-up"),
        (1e-6, "no event falls before the horizon"),
    ],
)
def test_horizon_outside_of_follow_up_is_refused(horizon, what):
    with pytest.raises(MismatchError, match=what):
        PanelSurvival(TOY, **{**FAST, "horizon": horizon}).fit(TABLE, Y)


def test_horizon_at_which_nobody_is_without_the_event_is_refused():
    y = (np.ones(200), np.arange(1, 201))
    with pytest.raises(MismatchError, match="known to be without the event at the horizon, 200"):
        PanelSurvival(TOY, **{**FAST, "horizon": 200}).fit(TABLE, y)


def test_concordance_of_outcomes_in_another_order_is_refused():
    expected = harrell_c(Y["time"], Y["event"], fitted().predict(TABLE)).value
    assert fitted().score(TABLE, Y) == pytest.approx(expected)
    with pytest.raises(MismatchError, match="different orders"):
        fitted().score(TABLE, Y.iloc[::-1])
    backwards = Y.iloc[::-1]
    with pytest.raises(MismatchError, match="different orders"):
        fitted().score(TABLE, (backwards["event"], backwards["time"]))
    with pytest.raises(MismatchError, match="sample s7: the time is missing"):
        fitted().score(TABLE, Y.assign(time=Y["time"].where(Y.index != "s7")))


def test_times_beyond_follow_up_are_refused():
    with pytest.raises(MismatchError, match=r"times asks for \[3.0, 11.0\]"):
        fitted().predict_risk(TABLE, [3.0, 11.0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"death": "censors"},
        {"mixing": 0.5},
        {"mixings": (1.5,)},
        {"folds": 1},
        {"rule": "max"},
        {"sensitivity": 1.0},
        {"covariates": "age"},
    ],
)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(MirriskError):
        PanelSurvival(TOY, **{**FAST, **wrong}).fit(TABLE, Y)


@pytest.mark.parametrize(
    "wrong", [{"sensitivity": 1.0}, {"specificity": 0.0}, {"folds": 1}, {"repeats": 0}]
)
def test_targets_and_folds_out_of_range_are_refused_before_anything_is_learned(wrong, monkeypatch):
    monkeypatch.setattr("mirrisk.fitting.hazards.Predictors", None)
    with pytest.raises(MismatchError, match=next(iter(wrong))):
        PanelSurvival(TOY, **{**FAST, **wrong}).fit(TABLE, Y)


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"x": Y["time"].rank() <= 100}, "order the events without exception"),
        ({"x": TABLE.iloc[:, 0], "z": 2 * TABLE.iloc[:, 0]}, "follows from the others"),
    ],
)
def test_covariates_without_finite_coefficients_are_refused(columns, what):
    y = Y.assign(event=(Y["time"].rank() <= 100).astype(int))
    with pytest.raises(MismatchError, match=what):
        PanelSurvival(TOY, covariates=list(columns), **FAST).fit(TABLE.assign(**columns), y)


# -- nested cross-validation ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    table, y, _ = with_deaths(200, 8)
    model = PanelSurvival(TOY, death="competes", audit=False, quiet=True, **FAST)
    path = tmp_path_factory.mktemp("run") / "folds.jsonl"
    return [
        nested_cv_survival(
            model, table, y[:, 1], y[:, 0], repeats=2, seed=3, n_jobs=1, checkpoint=path
        )
        for _ in range(2)
    ]


def test_validation_tells_concordance_and_calibration(validated):
    found, _ = validated
    assert (found.death, found.n, found.patients) == ("competes", 200, 200)
    assert 0.65 < found.c.low < found.c.estimate < found.c.high < 0.95
    assert found.c.estimate == pytest.approx(np.mean(found.cs))
    assert (
        found.calibration.observed_to_expected.low < 1 < found.calibration.observed_to_expected.high
    )
    assert str(found).splitlines()[2].startswith("Calibration by 3")
    json.dumps(found.to_dict(), allow_nan=False)


def test_interrupted_validation_goes_on_to_the_same_result(validated):
    first, again = validated
    assert first.to_dict() == again.to_dict()


def test_out_of_fold_predictions_are_of_models_without_the_sample(validated):
    found, _ = validated
    table, y, _ = with_deaths(200, 8)
    rest = found.assignment[:, 0] != 2
    model = PanelSurvival(TOY, death="competes", audit=False, quiet=True, **FAST)
    model.fit(table[rest], y[rest])
    np.testing.assert_allclose(found.risks[~rest, 0], model.predict_risk(table[~rest]))
    np.testing.assert_allclose(found.linear_predictors[~rest, 0], model.predict(table[~rest]))


def test_estimators_of_scikit_survival_can_be_validated():
    sksurv = pytest.importorskip("sksurv.linear_model")
    found = nested_cv_survival(
        sksurv.CoxPHSurvivalAnalysis(alpha=1.0),
        TABLE.iloc[:, :6].to_numpy(),
        Y["time"],
        Y["event"],
        repeats=2,
        seed=1,
        n_jobs=1,
    )
    assert 0.7 < found.c.estimate < 0.85
    assert found.calibration is None
    assert "no risk by a horizon" in str(found)


def test_concordance_of_one_fold_is_harrells_with_the_jackknifes_error():
    risk = log_hazards(TABLE, TRUTH) + np.random.default_rng(0).normal(size=200)
    time, event = Y["time"].to_numpy(), Y["event"].to_numpy()
    pairs = compare_within(time, event, risk, np.zeros(200, dtype=int))
    expected = harrell_c(time, event, risk)
    interval = fold_concordance([pairs], np.arange(200), 0.95)
    assert pairs.c == pytest.approx(expected.value, abs=1e-12)
    width = (interval.high - interval.low) / (2 * 1.96)
    assert width == pytest.approx(expected.estimate.standard_error, rel=0.02)
    twice = fold_concordance([pairs, pairs], np.arange(200), 0.95)
    np.testing.assert_allclose((twice.low, twice.high), (interval.low, interval.high))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"folds": 1}, "folds=1"),
        ({"event": np.arange(200) < 3}, "3 patients with an event"),
        ({"event": np.full(200, 3)}, "0 of 200 samples have the event"),
        ({"time": Y["time"][:100], "event": Y["event"][:100]}, "time has 100 samples"),
        ({"death": "censors"}, "death is 'censors'"),
        ({"horizon": -1.0}, "horizon is -1"),
    ],
)
def test_schemes_that_make_no_sense_are_refused(change, what):
    given = {"time": Y["time"], "event": Y["event"], "seed": 1, "n_jobs": 1, **change}
    with pytest.raises(MismatchError, match=what):
        nested_cv_survival(PanelSurvival(TOY, **FAST), TABLE, **given)


# -- the command line -----------------------------------------------------------------------------


def test_command_line_fits_validates_and_keeps_nothing_of_single_patients(tmp_path, capsys):
    table, y, _ = with_deaths(150, 3)
    table.rename_axis("sample").to_csv(tmp_path / "table.csv")
    labels = pd.DataFrame(y, columns=["code", "years"], index=table.index).iloc[::-1]
    labels.loc["s7", "years"] = np.nan
    labels.rename_axis("sample").to_csv(tmp_path / "labels.csv")
    out = tmp_path / "model.json"
    options = "--time years --event code --horizon 3 --death competes --unit log2 --jobs 1"
    scheme = "--candidates all --stability 0 --folds 3 --repeats 1"
    files = [str(tmp_path / "table.csv"), "--labels", str(tmp_path / "labels.csv")]
    code = main(["fit", *files, "--out", str(out), *options.split(), *scheme.split()])
    assert code == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "1 samples without years and code" in told
    assert "deaths without it compete (Fine and Gray)" in told
    assert "Harrell's C 0." in told
    assert "Calibration by 3" in told
    loaded = FittedPanel.load(out)
    assert (loaded.link.kind, loaded.link.horizon, loaded.reference.n) == ("fine-gray", 3.0, 149)
    kept = loaded.report["validation"]
    assert not {"linear_predictors", "risks", "assignment"} & set(kept)
    assert kept["calibration"]["observed_to_expected"]["low"] > 0
