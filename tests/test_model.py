"""A fitted panel's file: what is written is what is read, and what it says can be worked out."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import multivariate_normal

import mirrisk
from mirrisk.catalog import load_panel
from mirrisk.digests import digest_of
from mirrisk.errors import InvalidPanelError, MirriskError, MismatchError, NotFoundError
from mirrisk.model import Covariate, Cutoffs, FittedPanel, Link, Term
from mirrisk.reference import Reference
from mirrisk.tables import as_expression

N = 60
KEYS = ("hsa-miR-145-5p", "hsa-miR-21-5p", "hsa-miR-34a-5p")
COEFFICIENTS = np.array([-0.8, 0.5, -0.3])


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    common = rng.normal(size=(N, 1))
    values = 8 + common + rng.normal(size=(N, 3))
    return pd.DataFrame(values, index=[f"S{i}" for i in range(N)], columns=list(KEYS))


@pytest.fixture(scope="module")
def reference(table: pd.DataFrame) -> Reference:
    whole = Reference.fit_keys(as_expression(table, unit="log2"), KEYS, name="a cohort")
    return whole.restricted(KEYS)


def fitted(reference: Reference, **changes: object) -> FittedPanel:
    claim = next(m for m in mirrisk.load_panel("prostate").members if m.name == "miR-145")
    members = (claim, None, None)
    parts = zip(KEYS, COEFFICIENTS.tolist(), members, strict=True)
    model = FittedPanel(
        id="mine",
        version="1.0.0",
        title="A panel of a test",
        cancer=None,
        endpoint="bone metastasis",
        caveats=("Made up.",),
        reference=reference,
        terms=tuple(Term(key, key, b, claim=claim) for key, b, claim in parts),
        covariates=(),
        mean=reference.mean,
        covariance=reference.covariance,
        link=Link("logistic", intercept=-1.2, slope=0.9),
        cutoffs=Cutoffs(-0.6, 0.7, "low as chosen", "high as chosen"),
        report={"n": N, "events": 20},
    )
    return replace(model, **changes)


@pytest.fixture(scope="module")
def model(reference: Reference) -> FittedPanel:
    return fitted(reference)


@pytest.fixture(scope="module")
def with_age(reference: Reference) -> FittedPanel:
    covariance = np.eye(4)
    covariance[:3, :3] = reference.covariance
    covariance[3, 0] = covariance[0, 3] = 0.4
    return fitted(
        reference,
        covariates=(Covariate("age", 0.6, mean=60.0, sd=10.0),),
        mean=np.append(reference.mean, 0.0),
        covariance=covariance,
    )


def z_of(reference: Reference, table: pd.DataFrame) -> np.ndarray:
    return reference.normal_scores(table.to_numpy(), range(3))


def test_probability_is_the_logistic_of_the_centred_linear_predictor(model, reference, table):
    found = mirrisk.score(table, panel=model, unit="log2").scores
    eta = (z_of(reference, table) - reference.mean) @ COEFFICIENTS
    np.testing.assert_allclose(found["probability"], expit(-1.2 + 0.9 * eta), rtol=1e-12)
    spread = np.sqrt(COEFFICIENTS @ reference.covariance @ COEFFICIENTS)
    np.testing.assert_allclose(found["score"], eta / spread, rtol=1e-10)


def test_contributions_add_up_to_the_score_and_name_claims(model, table):
    result = mirrisk.score(table, panel=model, unit="log2")
    sums = result.contributions.groupby("sample", sort=False)["contribution"].sum()
    np.testing.assert_allclose(sums, result.scores["score"], atol=1e-12)
    assert list(result.contributions["member"][:3]) == ["miR-145", *KEYS[1:]]


def test_missing_mirna_takes_its_conditional_mean(model, reference, table):
    """Against a Gaussian conditional worked out with the whole covariance's inverse."""
    gap = table.copy()
    gap["hsa-miR-145-5p"] = np.nan
    found = mirrisk.score(gap, panel=model, unit="log2").scores["probability"]
    z, m, c = z_of(reference, table), reference.mean, reference.covariance
    seen = [1, 2]
    regression = np.linalg.solve(c[np.ix_(seen, seen)], c[seen, 0])
    z[:, 0] = m[0] + (z[:, seen] - m[seen]) @ regression
    expected = expit(-1.2 + 0.9 * ((z - m) @ COEFFICIENTS))
    np.testing.assert_allclose(found, expected, atol=2e-6)  # the kernel's ridge is 1e-6


def test_flags_go_by_the_panels_own_cutoffs(model, reference, table):
    found = mirrisk.score(table, panel=model, unit="log2").scores
    eta = (z_of(reference, table) - reference.mean) @ COEFFICIENTS
    assert set(found["flag"]) <= {"high", "low", "average", "indeterminate"}
    # Well beyond a cutoff, in units of the linear predictor, nothing is left in doubt.
    assert (found["flag"][eta > 0.7 + 0.5] == "high").all()
    assert (found["flag"][eta < -0.6 - 0.5] == "low").all()
    assert not (found["flag"][(eta > -0.5) & (eta < 0.6)].isin(["high", "low"])).any()


def test_covariates_count_like_mirnas(with_age, reference, table):
    age = pd.DataFrame({"age": np.linspace(40, 80, N)}, index=table.index)
    shuffled = age.sample(frac=1, random_state=1)
    found = mirrisk.score(table, panel=with_age, unit="log2", covariates=shuffled)
    eta = (z_of(reference, table) - reference.mean) @ COEFFICIENTS
    eta += 0.6 * (age["age"].to_numpy() - 60) / 10
    np.testing.assert_allclose(found.scores["probability"], expit(-1.2 + 0.9 * eta), rtol=1e-12)
    row = found.contributions[found.contributions["member"] == "age"].iloc[0]
    assert (row["value"], row["z"], row["status"]) == (40.0, -2.0, "used")
    assert "age: 40, where the cohort's mean is 60" in str(found.explain("S0"))


def test_covariate_of_one_sample_is_estimated_from_the_rest(with_age, reference, table):
    age = pd.DataFrame({"age": np.linspace(40, 80, N)}, index=table.index).iloc[1:]
    found = mirrisk.score(table, panel=with_age, unit="log2", covariates=age)
    centred = (z_of(reference, table) - reference.mean)[0]
    regression = np.linalg.solve(reference.covariance, [0.4, 0, 0])
    eta = centred @ COEFFICIENTS + 0.6 * centred @ regression
    assert found.scores["probability"][0] == pytest.approx(expit(-1.2 + 0.9 * eta), abs=1e-5)
    assert any("no covariates for sample S0: estimated" in note for note in found.notes)
    status = found.contributions.query("sample == 'S0' and member == 'age'")["status"]
    assert list(status) == ["missing"]


@pytest.mark.parametrize(
    ("covariates", "message"),
    [
        (None, "needs clinical covariates: age"),
        (pd.DataFrame({"old": [1]}, index=["S0"]), "no column 'age'"),
        (pd.DataFrame({"age": [1]}, index=["T0"]), "no sample of the table"),
        (pd.DataFrame({"age": ["old"]}, index=["S0"]), "'old' in column 'age' of sample 'S0'"),
        (pd.DataFrame({"age": [1, 2]}, index=["S0", "S0"]), "'S0' occurs twice"),
    ],
    ids=["none", "column", "samples", "text", "twice"],
)
def test_covariates_that_do_not_fit_are_refused(with_age, table, covariates, message):
    with pytest.raises(MirriskError, match=message):
        mirrisk.score(table, panel=with_age, unit="log2", covariates=covariates)


def test_covariate_that_is_missing_here_and_there_is_told(with_age, table):
    age = pd.DataFrame({"age": np.linspace(40, 80, N)}, index=table.index)
    told = "covariate age is not known of sample S3: estimated from the rest"
    notes = mirrisk.score(table, panel=with_age, unit="log2", covariates=age).notes
    assert not any(told in note for note in notes)
    age.iloc[3] = np.nan
    notes = mirrisk.score(table, panel=with_age, unit="log2", covariates=age).notes
    assert sum(told in note for note in notes) == 1


def test_covariate_far_from_the_cohorts_is_told(with_age, table):
    age = pd.DataFrame({"age": np.linspace(40, 80, N)}, index=table.index)
    age.iloc[3] = 650.0
    notes = mirrisk.score(table, panel=with_age, unit="log2", covariates=age).notes
    assert sum("covariate age: there are values more than 5" in note for note in notes) == 1
    age.iloc[3] = 65.0
    notes = mirrisk.score(table, panel=with_age, unit="log2", covariates=age).notes
    assert not any("covariate age" in note for note in notes)


def test_covariates_of_a_panel_without_are_refused(model, table):
    age = pd.DataFrame({"age": 1.0}, index=table.index)
    for panel, reference in ((model, None), ("prostate", "cohort")):
        with pytest.raises(MismatchError, match="covariates"):
            mirrisk.score(table, panel=panel, reference=reference, unit="log2", covariates=age)


def test_file_gives_the_same_panel_and_the_same_probabilities(model, table, tmp_path):
    model.save(tmp_path / "model.json")
    again = load_panel(str(tmp_path / "model.json"))
    assert isinstance(again, FittedPanel)
    assert again.digest == model.digest
    before = mirrisk.score(table, panel=model, unit="log2").scores
    after = mirrisk.score(table, panel=tmp_path / "model.json", unit="log2").scores
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert set(after["panel_digest"]) == {model.digest}
    assert set(after["reference"]) == {"a cohort"}


def test_changed_byte_is_refused(model, tmp_path):
    path = tmp_path / "model.json"
    model.save(path)
    text = path.read_text()
    path.write_text(text.replace("-0.8", "-0.9", 1))
    with pytest.raises(InvalidPanelError, match="changed after it was written"):
        load_panel(path)


def test_self_test_that_fails_is_refused(model):
    """A file that is whole, but whose panel now says something else."""
    vectors = model.self_test_vectors()
    model.check(vectors)
    vectors[2]["probability"] += 1e-6
    with pytest.raises(InvalidPanelError, match="another probability than when it was written"):
        model.check(vectors)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not JSON"), ("[]", "not a fitted panel"), ("{}", "format is None")],
)
def test_file_that_is_no_fitted_panel_is_refused(tmp_path, content, message):
    path = tmp_path / "model.json"
    path.write_text(content)
    with pytest.raises(InvalidPanelError, match=message):
        load_panel(path)
    with pytest.raises(NotFoundError, match="cannot be read"):
        load_panel(tmp_path / "none.json")


def test_reference_or_another_panel_beside_it_is_refused(model, table):
    with pytest.raises(MismatchError, match="brings its own"):
        mirrisk.score(table, panel=model, reference="cohort", unit="log2")
    with pytest.raises(MismatchError, match="beside other panels"):
        mirrisk.score(table, panel=[model, "prostate"], unit="log2")


def test_explanation_tells_probability_coefficients_and_literature(model, reference, table):
    text = str(mirrisk.score(table, panel=model, unit="log2").explain("S3"))
    assert "Predicted probability of bone metastasis: " in text
    assert "; 20 of 60 had it in the cohort that it was fitted on." in text
    assert "Fitted: -0.80 log odds per normal score. Mechanism:" in text
    assert "Fitted: +0.50 log odds per normal score. No direction of the literature's" in text
    assert "Made up." in text
    opposite = tuple(replace(term, coefficient=-term.coefficient) for term in model.terms)
    text = str(
        mirrisk.score(table, panel=fitted(reference, terms=opposite), unit="log2").explain("S3")
    )
    assert "The literature's direction is the opposite: low." in text


def test_survival_link_is_the_hazard_at_the_horizon(reference, table):
    link = Link(
        "cox", slope=1.0, horizon=365.0, times=(100.0, 300.0, 400.0), hazard=(0.1, 0.2, 0.5)
    )
    model = fitted(reference, link=link)
    eta = (z_of(reference, table) - reference.mean) @ COEFFICIENTS
    found = mirrisk.score(table, panel=model, unit="log2").scores["probability"]
    np.testing.assert_allclose(found, 1 - np.exp(-0.2 * np.exp(eta)), rtol=1e-12)
    assert link.hazard_until(50) == 0.0
    assert link.hazard_until(400) == 0.5


def test_missing_at_random_keeps_the_calibration(reference):
    """The slope of the truth on the prediction at 30% missing: DESIGN asks for 0.9 to 1.1."""
    rng = np.random.default_rng(11)
    n, p = 40_000, 8
    names = [f"hsa-miR-{i}-5p" for i in (21, 145, 210, 205, 34, 16, 375, 141)]
    names[4], names[7] = "hsa-miR-34a-5p", "hsa-miR-141-5p"
    covariance = 0.4 * np.ones((p, p)) + 0.6 * np.eye(p)
    z = multivariate_normal(np.zeros(p), covariance, seed=rng).rvs(n)
    cohort = pd.DataFrame(z[:2000] + 8, columns=names)
    whole = Reference.fit_keys(as_expression(cohort, unit="log2"), names, name="a cohort")
    keys = whole.keys
    small = whole.restricted(keys)
    b = dict(zip(names, [0.5, -0.4, 0.3, 0.3, -0.3, 0.2, 0.2, -0.2], strict=True))
    model = fitted(
        small,
        terms=tuple(Term(key, key, b[key]) for key in keys),
        mean=small.mean,
        covariance=small.covariance,
        link=Link("logistic", intercept=-1.0),
    )
    truth = expit(-1 + z @ [b[name] for name in names])
    y = rng.random(n) < truth
    gaps = pd.DataFrame(np.where(rng.random(z.shape) < 0.3, np.nan, z + 8), columns=names)
    scores = mirrisk.score(gaps, panel=model, unit="log2", min_coverage=0).scores
    p_hat = scores["probability"].to_numpy()
    fine = ~np.isnan(p_hat)
    from sklearn.linear_model import LogisticRegression

    log_odds = np.log(p_hat / (1 - p_hat))[fine, None]
    slope = LogisticRegression(C=np.inf).fit(log_odds, y[fine]).coef_[0, 0]
    assert 0.9 < slope < 1.1


def test_horizon_beyond_follow_up_is_refused():
    """The last value of a baseline says nothing of the time after it."""
    link = Link("cox", horizon=4.0, times=(1.0, 3.0), hazard=(0.1, 0.3), end=5.0)
    eta = np.zeros(1)
    assert link.probability(eta, 5.0) == pytest.approx(1 - np.exp(-0.3))
    for beyond in (5.1, 10.0, np.inf, np.nan, -1.0):
        with pytest.raises(MismatchError, match="followed until 5"):
            link.probability(eta, beyond)
    assert Link("cox", horizon=4.0, times=(1.0, 3.0), hazard=(0.1, 0.3)).end == 4.0
    assert Link("cox", horizon=2.0, times=(1.0, 3.0), hazard=(0.1, 0.3)).end == 3.0
    assert Link("logistic").end is None


class Found:
    """A validation as the results of resampling are."""

    headline = ("AUC 0.80 (95% CI 0.70 to 0.88).", "2 of 50 fits failed.")

    def to_dict(self, *, patients: bool = True) -> dict[str, object]:
        told = {"n": 60, "auc": {"estimate": 0.8}, "folds": (5, 10)}
        return {**told, "risks": [0.1, 0.2]} if patients else told


def test_validation_in_a_file_tells_nothing_of_single_patients(model, tmp_path):
    found = model.with_validation(Found())
    assert found.report["validation"] == {
        "n": 60,
        "auc": {"estimate": 0.8},
        "folds": [5, 10],
        "said": list(Found.headline),
    }
    assert (found.report["n"], model.report.get("validation")) == (60, None)
    found.save(tmp_path / "model.json")
    assert FittedPanel.load(tmp_path / "model.json").report == found.report


# -- files that were changed together with their digest -----------------------------------------


def forged(content: dict[str, object], **changes: object) -> dict[str, object]:
    """A content changed at dotted places, its digest made anew."""
    changed = json.loads(json.dumps(content))
    del changed["digest"]
    for place, value in changes.items():
        *way, last = (int(part) if part.isdigit() else part for part in place.split("__"))
        at = changed
        for part in way:
            at = at[part]
        at[last] = value
    return {"digest": digest_of(changed), **changed}


NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cutoffs__low": NAN}, "not JSON compliant"),
        ({"report__n": NAN}, "not JSON compliant"),
        ({"cutoffs__low": 0.8}, "cutoffs: low is 0.8, above high, 0.7"),
        ({"cutoffs__high": "0.7"}, "cutoffs.high: Input should be a valid number"),
        ({"cutoffs__low": None}, "cutoffs.low: Input should be a valid number"),
        ({"cutoffs__low_means": 3}, "cutoffs.low_means: Input should be a valid string"),
        ({"title": {"a": 1}}, "title: Input should be a valid string"),
        ({"cancer": 1}, "cancer: Input should be a valid string"),
        ({"caveats": "Made up."}, "caveats: Input should be a valid list"),
        ({"link__kind": "probit"}, "link.kind: Input should be 'logistic', 'cox' or 'fine-gray'"),
        ({"link__times": [1.0]}, "a logistic link has neither"),
        ({"link__slope": True}, "link.slope: Input should be a valid number"),
        ({"terms__0__coefficient": "1"}, "terms.0.coefficient: Input should be a valid number"),
        ({"terms__0__frequency": 1.5}, "terms.0.frequency: Input should be less than or equal"),
        ({"terms__1__key": KEYS[0]}, "a term or covariate occurs twice"),
        ({"terms__1__key": "hsa-miR-16-5p"}, "its reference is not of its terms"),
        ({"terms__0__colour": "red"}, "terms.0.colour: Extra inputs are not permitted"),
        ({"mean": [0.0]}, "do not fit its terms"),
        ({"covariance__0__1": 7.0}, "covariance is not symmetric"),
        ({"covariance__0__0": -7.0}, "negative variance"),
        ({"report__said": "words"}, "said: Input should be a valid list"),
        (
            {"report__validation": {"said": [1]}},
            "validation.said.0: Input should be a valid string",
        ),
        ({"report__outcome": {"kind": "ordinal"}}, "outcome.kind: Input should be"),
        ({"self_test": []}, "self_test: List should have at least 1 item"),
        ({"further": 1}, "further: Extra inputs are not permitted"),
        ({"cutoffs__low": -5.0}, "its self-test gives another flag"),
        ({"link__intercept": -1.1}, "its self-test gives another probability"),
        ({"terms__0__coefficient": -0.9}, "its self-test gives another score"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_content_that_makes_no_sense_is_refused_whatever_its_digest(model, changes, message):
    with pytest.raises(InvalidPanelError, match=re.escape(message)):
        FittedPanel.from_dict(forged(model.to_dict(), **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"link__times": [100.0, 400.0, 300.0]}, "times must ascend"),
        ({"link__times": [100.0, 300.0, 800.0]}, "up to the end of follow-up"),
        ({"link__times": [100.0, 300.0]}, "of one length"),
        ({"link__hazard": [0.1, 0.5, 0.2]}, "a cumulated hazard never falls"),
        ({"link__hazard": [-0.1, 0.2, 0.5]}, "link.hazard.0: Input should be greater than"),
        ({"link__horizon": 900.0}, "the horizon must lie within follow-up"),
        ({"link__horizon": None}, "the horizon must lie within follow-up"),
        ({"link__end": None}, "the horizon must lie within follow-up"),
    ],
)
def test_baseline_that_is_none_is_refused(reference, changes, message):
    times, hazard = (100.0, 300.0, 400.0), (0.1, 0.2, 0.5)
    link = Link("fine-gray", horizon=365.0, times=times, hazard=hazard, end=730.0)
    content = fitted(reference, link=link).to_dict()
    assert FittedPanel.from_dict(content).link == link
    with pytest.raises(InvalidPanelError, match=re.escape(message)):
        FittedPanel.from_dict(forged(content, **changes))


def test_file_that_would_exhaust_the_reader_is_refused(tmp_path):
    path = tmp_path / "model.json"
    path.write_text(
        '{"format": "mirrisk-model-1", "report": ' + "[" * 100_000 + "]" * 100_000 + "}"
    )
    with pytest.raises(InvalidPanelError, match="nested too deeply"):
        FittedPanel.load(path)
    with path.open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(InvalidPanelError, match="the file has 50 MB"):
        FittedPanel.load(path)


def test_content_nested_too_deeply_is_refused(model):
    content = model.to_dict()
    deep: list[object] = []
    for _ in range(50_000):
        deep = [deep]
    content["report"] = {"deep": deep}
    with pytest.raises(InvalidPanelError, match="nested too deeply"):
        FittedPanel.from_dict(content)


@pytest.mark.parametrize("written", [b'{"mean": NaN}', b'{"mean": -Infinity}', b"\xff\xfe{}"])
def test_file_that_is_no_json_is_refused(tmp_path, written):
    path = tmp_path / "model.json"
    path.write_bytes(written)
    with pytest.raises(InvalidPanelError, match="not JSON"):
        FittedPanel.load(path)


def test_ids_and_versions_are_checked(model):
    for field, value in (("id", "My Panel"), ("version", "1")):
        content = json.loads(json.dumps(replace(model, **{field: value}).to_dict()))
        with pytest.raises(InvalidPanelError, match=f"{field} is '{value}'"):
            FittedPanel.from_dict(content)
