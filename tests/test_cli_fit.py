"""``mirrisk fit`` and ``mirrisk update`` as a user meets them: a panel, or one error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import mirrisk
from mirrisk.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

N = 120
QUICK = ("--panel", "prostate", "--repeats", "0", "--stability", "0", "--jobs", "1")


class Run(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """What it said, whatever the width of the terminal."""
        return " ".join(self.err.split())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    monkeypatch.setenv("COLUMNS", "120")

    def command(*arguments: object) -> Run:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Run(code, out, err)

    return command


@pytest.fixture(scope="module")
def simulated() -> mirrisk.simulate.Simulated:
    return mirrisk.simulate.cohort("tcga-prad", N, panel="prostate", shifted=0.4, shift=0.4, seed=2)


@pytest.fixture(scope="module")
def clinical(simulated: mirrisk.simulate.Simulated) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    event = simulated.truth["shifted"].to_numpy()
    frame = pd.DataFrame({"sample": simulated.counts.index, "relapse": event.astype(int)})
    frame["age"] = rng.normal(65, 8, N).round(1)
    frame["patient"] = [f"P{i // 2}" for i in range(N)]
    frame["answer"] = np.where(event, "yes", "no")
    return frame


@pytest.fixture
def cohort(
    tmp_path: Path, simulated: mirrisk.simulate.Simulated, clinical: pd.DataFrame
) -> tuple[Path, Path]:
    table, labels = tmp_path / "cohort.csv", tmp_path / "clinical.csv"
    simulated.counts.to_csv(table)
    clinical.to_csv(labels, index=False)
    return table, labels


def probabilities(run: Callable[..., Run], table: Path, *arguments: object) -> pd.Series:
    scores = table.with_name("scores.csv")
    done = run("score", table, "--unit", "counts", "--out", scores, *arguments)
    assert done.code == 0, done.err
    return pd.read_csv(scores, float_precision="round_trip", index_col="sample")["probability"]


# -- what it does -------------------------------------------------------------------------------


def test_fitted_file_scores_as_the_estimator_predicts(run, cohort, simulated, clinical, tmp_path):
    table, labels = cohort
    out = tmp_path / "model.json"
    done = run("fit", table, "--labels", labels, "--outcome", "relapse", "--out", out, *QUICK)
    assert done.code == 0, done.err
    model = mirrisk.PanelClassifier("prostate", unit="counts", quiet=True)
    model.fit(simulated.counts, clinical["relapse"].to_numpy())
    scored = probabilities(run, table, "--panel", out)
    expected = model.predict_proba(simulated.counts)[:, 1]
    known = scored.notna().to_numpy()
    assert known.mean() > 0.95
    np.testing.assert_allclose(scored[known], expected[known], atol=1e-12)
    assert "A cohort of 120 samples with 48 events" in done.said
    assert json.loads(out.read_text())["id"] == "model"


def test_labels_in_another_order_and_with_others_give_the_same_panel(
    run, cohort, clinical, tmp_path
):
    table, labels = cohort
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--cohort", "c", *QUICK)
    assert run(*fit, "--out", tmp_path / "model.json").code == 0
    others = pd.DataFrame({"sample": ["X1", "X2"], "relapse": [1, 0]})
    mixed = pd.concat([clinical, others]).sample(frac=1, random_state=3)
    mixed.to_csv(labels, index=False)
    (tmp_path / "b").mkdir()
    done = run(*fit, "--out", tmp_path / "b" / "model.json")
    assert "left out: 2 rows without a sample in the table" in done.said
    first, second = tmp_path / "model.json", tmp_path / "b" / "model.json"
    assert json.loads(first.read_text())["digest"] == json.loads(second.read_text())["digest"]


def test_samples_without_a_row_or_an_outcome_are_left_out_and_counted(
    run, cohort, clinical, tmp_path
):
    table, labels = cohort
    part = clinical.iloc[5:].copy()
    part["relapse"] = part["relapse"].astype(object)
    part.iloc[:3, 1] = ["", "NA", None]
    part.to_csv(labels, index=False)
    out = tmp_path / "model.json"
    done = run("fit", table, "--labels", labels, "--outcome", "relapse", "--out", out, *QUICK)
    assert "left out: 5 samples of the table without a row" in done.said
    assert "left out: 3 samples without relapse" in done.said
    assert json.loads(out.read_text())["report"]["n"] == N - 8


def test_outcome_of_words_takes_the_second_for_the_event(run, cohort, tmp_path):
    table, labels = cohort
    fit = ("fit", table, "--labels", labels, "--cohort", "c", "--id", "m", "--title", "t")
    fit = (*fit, "--endpoint", "e", *QUICK)
    words, numbers = tmp_path / "words.json", tmp_path / "numbers.json"
    assert run(*fit, "--outcome", "answer", "--out", words).code == 0
    assert run(*fit, "--outcome", "relapse", "--out", numbers).code == 0
    one, other = (json.loads(path.read_text()) for path in (words, numbers))
    assert one["terms"] == other["terms"]
    assert one["report"]["outcome"] == {"kind": "binary", "event": "yes", "other": "no"}
    assert other["report"]["outcome"] == {"kind": "binary", "event": "1", "other": "0"}


def test_event_may_be_named_and_keeps_its_word(run, cohort, tmp_path):
    table, labels = cohort
    fit = ("fit", table, "--labels", labels, "--cohort", "c", "--id", "m", "--title", "t")
    fit = (*fit, "--endpoint", "e", "--directions", "ignore", *QUICK)
    yes, no = tmp_path / "yes.json", tmp_path / "no.json"
    assert run(*fit, "--outcome", "answer", "--out", yes).code == 0
    done = run(*fit, "--outcome", "answer", "--event-class", "no", "--out", no)
    assert done.code == 0, done.err
    one, other = (json.loads(path.read_text()) for path in (yes, no))
    assert other["report"]["outcome"] == {"kind": "binary", "event": "no", "other": "yes"}
    assert "(no; not: yes)" in other["report"]["said"][0]
    signs = [{t["key"]: np.sign(t["coefficient"]) for t in p["terms"]} for p in (one, other)]
    shared = signs[0].keys() & signs[1].keys()
    assert len(shared) >= 3
    assert all(signs[0][key] == -signs[1][key] for key in shared)
    refused = run(*fit, "--outcome", "answer", "--event-class", "maybe", "--out", no)
    assert (refused.code, "no sample of the class 'maybe'" in refused.said) == (3, True)


def test_file_whose_name_is_no_id_is_told_to_name_the_panel(run, cohort, tmp_path):
    table, labels = cohort
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", *QUICK)
    refused = run(*fit, "--out", tmp_path / "2024-relapse.json")
    assert refused.code == 3
    assert "id is '2024-relapse'" in refused.said
    assert "name it: --id" in refused.said
    assert run(*fit, "--out", tmp_path / "2024-relapse.json", "--id", "relapse").code == 0


def test_covariates_and_groups_and_validation(run, cohort, tmp_path):
    table, labels = cohort
    out = tmp_path / "model.json"
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--covariates", "age")
    small = ("--panel", "prostate", "--stability", "0", "--repeats", "1", "--jobs", "1")
    done = run(*fit, "--groups", "patient", "--out", out, *small)
    assert done.code == 0, done.err
    content = json.loads(out.read_text())
    assert [c["name"] for c in content["covariates"]] == ["age"]
    validation = content["report"]["validation"]
    assert (validation["n"], validation["patients"]) == (N, N // 2)
    assert 0.5 < validation["auc"]["estimate"] <= 1
    assert "the same tuning inside (5 folds, 3 repeats)" in done.said
    assert content["report"]["tuning"]["repeats"] == 3
    # Nothing in the file tells of a single patient.
    assert not any(f"SIM-{i:03d}" in out.read_text() for i in range(1, N + 1))
    refused = run("score", table, "--unit", "counts", "--panel", out)
    assert (refused.code, "needs clinical covariates: age" in refused.said) == (3, True)
    assert probabilities(run, table, "--panel", out, "--covariates", labels).notna().sum() > 100


def test_update_keeps_what_holds_and_writes_what_it_tested(run, cohort, clinical, tmp_path):
    table, labels = cohort
    model, updated = tmp_path / "model.json", tmp_path / "updated.json"
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--out", model, *QUICK)
    assert run(*fit).code == 0
    new = mirrisk.simulate.cohort(
        "tcga-prad", 150, panel="prostate", shifted=0.4, shift=0.4, seed=9
    )
    new.counts.to_csv(tmp_path / "new.csv")
    rows = {"sample": new.counts.index, "relapse": new.truth["shifted"].astype(int).to_numpy()}
    pd.DataFrame(rows).to_csv(tmp_path / "new_clinical.csv", index=False)
    update = ("update", tmp_path / "new.csv", "--panel", model, "--out", updated)
    done = run(*update, "--labels", tmp_path / "new_clinical.csv", "--outcome", "relapse")
    assert done.code == 0, done.err
    assert "log-likelihood" in done.err
    content = json.loads(updated.read_text())
    assert content["id"] == "model-updated"
    fits = content["report"]["update"]["fits"]
    assert [row["update"] for row in fits][:3] == [
        "original",
        "in the large",
        "logistic recalibration",
    ]
    assert probabilities(run, tmp_path / "new.csv", "--panel", updated).between(0, 1).sum() > 140


@pytest.fixture
def updating(tmp_path: Path, cohort: tuple[Path, Path], run: Callable[..., Run]) -> list[Any]:
    """A panel of relapse and a new cohort, whose outcomes are written by the tests."""
    model = tmp_path / "model.json"
    table, labels = cohort
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--out", model, *QUICK)
    assert run(*fit).code == 0
    new = mirrisk.simulate.cohort(
        "tcga-prad", 150, panel="prostate", shifted=0.4, shift=0.4, seed=9
    )
    new.counts.to_csv(tmp_path / "new.csv")
    event = new.truth["shifted"].to_numpy()
    rows = {
        "sample": new.counts.index,
        "relapse": event.astype(int),
        "spread": np.where(event, "metastasis", "no metastasis"),
        "grade": np.where(event, 10, 9),
        "patient": [f"P{i}" for i in range(150)],
        "pair": [f"P{i // 2}" for i in range(150)],
    }
    pd.DataFrame(rows).to_csv(tmp_path / "new_clinical.csv", index=False)
    command = ["update", tmp_path / "new.csv", "--panel", model, "--cohort", "new"]
    return [*command, "--labels", tmp_path / "new_clinical.csv", "--out"]


def test_update_asks_which_class_is_the_event(run, updating, tmp_path):
    numbers, words, grade = (tmp_path / f"{name}.json" for name in ("numbers", "words", "grade"))
    assert run(*updating, numbers, "--outcome", "relapse", "--groups", "patient").code == 0
    refused = run(*updating, words, "--outcome", "spread")
    assert (refused.code, words.exists()) == (3, False)
    assert "the panel was fitted to 1 (against 0)" in refused.said
    assert "--event-class" in refused.said
    done = run(*updating, words, "--outcome", "spread", "--event-class", "metastasis")
    assert "Event: metastasis (not: no metastasis)." in done.said
    done = run(*updating, grade, "--outcome", "grade", "--event-class", "10")
    assert "Event: 10 (not: 9)." in done.said
    tests = [
        json.loads(path.read_text())["report"]["update"]["tests"]
        for path in (numbers, words, grade)
    ]
    assert tests[0] == tests[1] == tests[2]


def test_update_refuses_several_samples_of_a_patient(run, updating, tmp_path):
    done = run(*updating, tmp_path / "u.json", "--outcome", "relapse", "--groups", "pair")
    assert done.code == 3
    assert "75 patients have several samples" in done.said
    assert not (tmp_path / "u.json").exists()


def test_update_refuses_labels_of_other_samples_with_their_file(run, updating, tmp_path):
    labels = tmp_path / "new_clinical.csv"
    pd.DataFrame({"sample": ["X1", "X2"], "relapse": [0, 1]}).to_csv(labels, index=False)
    done = run(*updating, tmp_path / "u.json", "--outcome", "relapse")
    assert done.code == 3
    assert f"error: no sample of the table has a row where: {labels}" in done.said


def test_update_of_which_no_sample_is_scored_says_why(run, updating, tmp_path):
    table = tmp_path / "new.csv"
    counts = pd.read_csv(table, index_col=0)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 5000, counts.shape)
    pd.DataFrame(noise, index=counts.index, columns=counts.columns).to_csv(table)
    done = run(*updating, tmp_path / "u.json", "--outcome", "relapse")
    assert done.code == 4
    assert "error: none of 150 samples with a known outcome was scored: 150 unlike" in done.said
    assert "accept-small" not in done.said
    assert not (tmp_path / "u.json").exists()


def test_update_leaves_samples_without_a_row_or_outcome_out(run, updating, tmp_path):
    labels = tmp_path / "new_clinical.csv"
    rows = pd.read_csv(labels, dtype=str)
    rows.loc[5, "relapse"] = None
    rows.drop(index=[0, 1]).to_csv(labels, index=False)
    done = run(*updating, tmp_path / "u.json", "--outcome", "relapse")
    assert done.code == 0, done.err
    assert "Left out: 3 (SIM-001, SIM-002, SIM-006), no outcome." in done.said
    content = json.loads((tmp_path / "u.json").read_text())
    assert content["report"]["update"]["left_out"]["no outcome"] == 3


# -- what it refuses ----------------------------------------------------------------------------


def changed(clinical: pd.DataFrame, **columns: object) -> pd.DataFrame:
    return clinical.assign(**columns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relapse": 1}, "one class"),
        ({"relapse": [1] + [0] * (N - 1)}, "1 event among 120 samples"),
        ({"relapse": [0, 1, 2] * (N // 3)}, "the outcome has 3 classes: 0, 1, 2"),
        ({"relapse": ""}, "relapse: empty in every sample"),
        ({"sample": [f"T{i}" for i in range(N)]}, "no sample of the table has a row"),
        ({"sample": ["S"] * N}, "sample 'S' occurs twice"),
        ({"age": "old"}, "'old' in column 'age' of sample 'SIM-001'"),
        ({"age": 65}, "covariate 'age' is 65 in every sample"),
        ({"age": ""}, "covariate 'age' has no value"),
    ],
    ids=["one class", "one event", "three", "empty", "others", "twice", "text", "constant", "none"],
)
def test_outcomes_that_cannot_be_fitted_to_leave_one_error(
    run, cohort, clinical, tmp_path, change, message
):
    table, labels = cohort
    changed(clinical, **change).to_csv(labels, index=False)
    out = tmp_path / "model.json"
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--covariates", "age")
    done = run(*fit, "--out", out, *QUICK)
    assert done.code == 3, done.err
    assert message in done.said
    assert done.err.count("error:") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("time", "event", "change", "message"),
    [
        ("relapse", "days", {}, "--time relapse holds 0 and 1 only, --event days holds"),
        ("relapse", "days", {}, "if they were swapped: --time days --event relapse"),
        ("days", "answer", {}, "remedy: code it 0, 1 or 2"),
        ("days", "relapse", {"relapse": 3}, "3 in column 'relapse' of sample 'SIM-001' is no code"),
        ("days", "relapse", {"days": -1}, "-1 in column 'days' of sample 'SIM-001' is a time"),
    ],
)
def test_follow_up_that_cannot_be_is_told_in_the_words_of_the_options(
    run, cohort, clinical, tmp_path, time, event, change, message
):
    table, labels = cohort
    changed(clinical, **{"days": np.arange(1, N + 1), **change}).to_csv(labels, index=False)
    fit = ("fit", table, "--labels", labels, "--time", time, "--event", event, "--horizon", "60")
    done = run(*fit, "--out", tmp_path / "model.json", *QUICK)
    assert done.code == 3
    assert message in done.said
    assert f"where: {labels}" in done.said


def test_covariate_that_is_no_column_is_told_with_the_file(run, cohort, tmp_path):
    table, labels = cohort
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--covariates", "agee")
    done = run(*fit, "--out", tmp_path / "model.json", *QUICK)
    assert done.code == 3
    assert "no column 'agee', did you mean 'age'?" in done.said
    assert f"where: {labels}" in done.said


def test_outcome_that_the_covariates_give_away_is_refused(run, cohort, clinical, tmp_path):
    table, labels = cohort
    changed(clinical, age=clinical["relapse"] * 2 + 1).to_csv(labels, index=False)
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--covariates", "age")
    done = run(*fit, "--out", tmp_path / "model.json", *QUICK)
    assert (done.code, "separate the classes" in done.said) == (3, True)


def test_fewer_than_20_samples_are_refused_unless_accepted(run, simulated, clinical, tmp_path):
    chosen = [*range(9), *np.flatnonzero(clinical["relapse"] == 1)[-9:]]
    table, labels, out = (tmp_path / name for name in ("t.csv", "l.csv", "m.json"))
    simulated.counts.iloc[chosen].to_csv(table)
    clinical.iloc[chosen].to_csv(labels, index=False)
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--out", out, *QUICK)
    done = run(*fit)
    assert done.code == 3
    assert "too few to fit anything to" in done.said
    assert "--accept-small" in done.said
    done = run(*fit, "--accept-small")
    assert done.code in (0, 4), done.err
    if done.code == 0:
        assert json.loads(out.read_text())["report"]["accepted_small"] is True


def test_constant_and_empty_columns_are_left_out_of_the_candidates(
    run, simulated, clinical, tmp_path
):
    table, labels = tmp_path / "t.csv", tmp_path / "l.csv"
    counts = simulated.counts.astype(float)
    logs = np.log2(counts.div(counts.sum(axis=1), axis=0) * 1e6 + 1)
    logs["hsa-mir-145"] = 7.0
    logs["hsa-mir-21"] = np.nan
    logs.to_csv(table)
    clinical.to_csv(labels, index=False)
    out = tmp_path / "model.json"
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--unit", "log2")
    done = run(*fit, "--out", out, *QUICK)
    assert done.code == 0, done.err
    content = json.loads(out.read_text())
    assert not {"hsa-mir-145", "hsa-mir-21"} & {term["key"] for term in content["terms"]}
    assert "Left out: 2 constant, or hardly measured" in done.said


def test_nothing_to_predict_leaves_no_file_and_its_own_exit_code(run, cohort, clinical, tmp_path):
    table, labels = cohort
    random = np.random.default_rng(0).permutation(np.arange(N) % 3 == 0).astype(int)
    changed(clinical, relapse=random).to_csv(labels, index=False)
    out = tmp_path / "model.json"
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--rule", "one_se")
    done = run(*fit, "--out", out, *QUICK)
    assert (done.code, out.exists()) == (4, False)
    assert "nothing predicts the outcome better than its frequency" in done.said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no outcome"),
        (("--outcome", "relapse", "--time", "age", "--event", "relapse"), "not both"),
        (("--time", "age"), "go together"),
        (("--time", "age", "--event", "relapse"), "no --horizon"),
        (("--outcome", "relapse", "--horizon", "5"), "--horizon is for --time"),
        (
            ("--time", "age", "--event", "relapse", "--horizon", "5", "--event-class", "1"),
            "--event-class goes with --outcome",
        ),
        (("--outcome", "relapse", "--death", "competes"), "--death is for --time"),
        (
            ("--outcome", "relapse", "--repeats", "0", "--checkpoint", "c.json"),
            "--checkpoint keeps folds of the validation",
        ),
    ],
    ids=["none", "both", "half", "horizon", "needless", "class", "death", "checkpoint"],
)
def test_outcomes_that_do_not_go_together_are_wrong_usage(
    run, cohort, tmp_path, arguments, message
):
    table, labels = cohort
    done = run("fit", table, "--labels", labels, "--out", tmp_path / "m.json", *arguments)
    assert done.code == 2
    assert message in " ".join(done.err.replace("│", " ").split())


def test_label_table_that_is_none_is_refused_with_its_place(run, cohort, tmp_path):
    table, labels = cohort
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--out", tmp_path / "m.json")
    for content, message in (
        ("", "the file is empty"),
        ("id,relapse\nA,1\n", "the first column is 'id'"),
        ("sample,relapse\nA,1,2\n", "the first row has one cell more than the header"),
        ("sample,relapse,relapse\nA,1,2\n", "column 'relapse' occurs twice"),
        ("sample,relapsed\nSIM-001,1\n", "no column 'relapse', did you mean 'relapsed'?"),
    ):
        labels.write_text(content)
        done = run(*fit, *QUICK)
        assert done.code == 3, message
        assert message in done.said
        assert str(labels.name) in done.said


@pytest.mark.parametrize("jobs", [0, -2])
def test_number_of_processes_that_is_none_is_wrong_usage(run, cohort, tmp_path, jobs):
    table, labels = cohort
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", "--out", tmp_path / "m.json")
    done = run(*fit, "--jobs", jobs)
    assert done.code == 2
    assert "1 or more, or -1" in " ".join(done.err.replace("│", " ").split())


def test_cancer_of_the_cohort_is_kept_and_told_from_the_panels(run, cohort, tmp_path):
    table, labels = cohort
    fit = ("fit", table, "--labels", labels, "--outcome", "relapse", *QUICK[2:])
    out = tmp_path / "model.json"
    done = run(*fit, "--candidates", "miR-145-5p,miR-21-5p", "--cancer", "prostate", "--out", out)
    assert done.code == 0, done.err
    assert json.loads(out.read_text())["cancer"] == "prostate"
    done = run(*fit, "--panel", "liver", "--cancer", "prostate", "--out", tmp_path / "b.json")
    assert (done.code, "the cohort of prostate" in done.said) == (3, True)
