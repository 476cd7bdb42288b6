"""``mirrisk validate``: reports, JSON, exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest
from cohorts import LIVER, log2_table

from mirrisk.cli import main, show
from mirrisk.model import Covariate, Cutoffs, FittedPanel, Link, Term
from mirrisk.reference import Reference
from mirrisk.tables import as_expression
from mirrisk.validation.discrimination import auc_interval
from mirrisk.validation.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

N = 120
QUICK = ("--resamples", "50", "--repeats", "1")


class Run(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


class Files(NamedTuple):
    """A cohort on disk."""

    table: Path
    labels: Path
    expression: pd.DataFrame
    clinical: pd.DataFrame


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    def command(*arguments: object) -> Run:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Run(code, out, err)

    return command


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command believe that a person reads its output, 120 columns wide."""
    monkeypatch.setattr(show, "stdout_is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("cohort")
    table = log2_table(N, 3)
    rng = np.random.default_rng(4)
    low = -(table[LIVER[0]] - table[LIVER[0]].mean()) / table[LIVER[0]].std()
    event = (rng.random(N) < 1 / (1 + np.exp(0.8 - 1.2 * low))).astype(int)
    clinical = pd.DataFrame(
        {
            "bone": event.to_numpy(),
            "days": np.round(rng.exponential(500, N) + 1),
            "age": np.round(60 + 8 * rng.normal(size=N)),
            "stage": rng.choice(["I", "II"], N),
            "hospital": rng.choice(["A", "B"], N),
            "patient": [f"p{i}" for i in range(N)],
        },
        index=pd.Index(table.index, name="sample"),
    )
    clinical.iloc[:3, 0] = 0
    labels = clinical.astype(object)
    labels.iloc[:3, 0] = "NA"
    table.to_csv(folder / "table.csv")
    labels.to_csv(folder / "labels.csv")
    return Files(folder / "table.csv", folder / "labels.csv", table, clinical)


@pytest.fixture(scope="module")
def model(files: Files) -> FittedPanel:
    """A panel that claims to have been fitted on the cohort, and needs a covariate."""
    expression = as_expression(files.expression, unit="log2")
    reference = Reference.fit_keys(expression, LIVER[:2], name="a cohort").restricted(LIVER[:2])
    covariance = np.eye(3)
    covariance[:2, :2] = reference.covariance
    auc = {"estimate": 0.66, "low": 0.55, "high": 0.76, "level": 0.95, "method": "by hand"}
    return FittedPanel(
        id="mine",
        version="1.0.0",
        title="A panel of a test",
        cancer=None,
        endpoint="bone metastasis",
        caveats=("Made up.",),
        reference=reference,
        terms=(Term(LIVER[0], LIVER[0], -1.0, None), Term(LIVER[1], LIVER[1], -0.2, None)),
        covariates=(Covariate("age", 0.3, 60.0, 8.0),),
        mean=np.append(reference.mean, 0.0),
        covariance=covariance,
        link=Link("logistic", intercept=-0.5, slope=0.9),
        cutoffs=Cutoffs(-0.6, 0.7, "low as chosen", "high as chosen"),
        report={"validation": {"n": N, "events": 50, "auc": auc, "said": ["nested"]}},
    )


def of(files: Files, *more: str) -> tuple[object, ...]:
    """The arguments that every call has."""
    return (
        *("validate", files.table, "--labels", files.labels, "--unit", "log2"),
        *(*QUICK, *more),
    )


def test_in_a_pipe_the_figures_are_json_and_the_report_is_on_standard_error(
    run: Callable[..., Run], files: Files
) -> None:
    done = run(*of(files, "--panel", "liver", "--outcome", "bone"))
    assert done.code == 0
    found = json.loads(done.out)
    expected = validate(
        "liver", files.expression, files.clinical["bone"].iloc[3:], unit="log2", resamples=50
    )
    assert found["figures"]["auc"]["estimate"] == expected.main.estimate
    assert found["headline"] == expected.headline
    assert found["cohort"]["left_out"][0] == {"reason": "outcome not known", "count": 3}
    assert done.err.startswith("AUC 0.")


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_the_report_begins_with_the_answer(
    run: Callable[..., Run], files: Files
) -> None:
    more = ("--baseline", "age", "--compare", "age", "--subgroups", "stage")
    where = ("--sites", "hospital", "--groups", "patient")
    done = run(*of(files, "--panel", "liver", "--outcome", "bone", *more, *where))
    assert done.code == 0
    assert done.out.startswith("AUC 0.")
    titles = [
        "What was validated",
        "Discrimination",
        "Percentiles",
        "Flags",
        "Cutoffs",
        "Against other risks",
        "Against the clinical baseline (age)",
        "Members",
        "Subgroups",
        "Sites",
    ]
    places = [done.out.index(f"\n{title}") for title in titles]
    assert places == sorted(places)
    assert "bone: the event is 1, no event 0" in done.out
    assert done.out.rstrip().endswith("validated diagnostic.")


def test_the_event_may_be_named(run: Callable[..., Run], files: Files) -> None:
    second, first = (
        json.loads(run(*of(files, "--panel", "liver", "--outcome", "stage", *more)).out)
        for more in ((), ("--event-class", "I"))
    )
    assert (second["cohort"]["event"], first["cohort"]["event"]) == ("II", "I")
    assert first["cohort"]["events"] == second["cohort"]["n"] - second["cohort"]["events"]


@pytest.mark.usefixtures("terminal")
def test_a_file_is_written_beside_the_report(
    run: Callable[..., Run], files: Files, tmp_path: Path
) -> None:
    target = tmp_path / "found.json"
    done = run(*of(files, "--panel", "liver", "--outcome", "bone", "--out", target))
    assert json.loads(target.read_text())["subject"]["panel"] == "liver"
    assert done.out.startswith("AUC 0.")
    assert "written:" in done.out


def test_follow_up_is_read_from_its_columns(run: Callable[..., Run], files: Files) -> None:
    when = ("--time", "days", "--event", "bone", "--horizon", "365")
    done = run(*of(files, "--panel", "liver", *when))
    assert done.code == 0
    found = json.loads(done.out)
    assert found["kind"] == "survival"
    assert found["figures"]["horizon"] == 365
    assert found["headline"].startswith("Harrell's C")


def test_labels_of_other_samples_are_refused_with_their_file(
    run: Callable[..., Run], files: Files, tmp_path: Path
) -> None:
    others = tmp_path / "others.csv"
    others.write_text("sample,bone\nX1,0\nX2,1\n")
    given = ("--labels", others, "--outcome", "bone", "--unit", "log2")
    done = run("validate", files.table, "--panel", "liver", *given)
    assert done.code == 3
    assert "error: no sample of the table has a row" in done.err
    assert f"where:    {others}" in done.err
    assert "found rows named like 'X1'" in done.err


def test_samples_without_a_row_are_counted_as_such(
    run: Callable[..., Run], files: Files, tmp_path: Path
) -> None:
    part = tmp_path / "part.csv"
    pd.read_csv(files.labels, index_col="sample").iloc[:-10].to_csv(part)
    given = ("--labels", part, "--outcome", "bone", "--unit", "log2", *QUICK)
    done = run("validate", files.table, "--panel", "liver", *given)
    assert json.loads(done.out)["cohort"]["left_out"][:2] == [
        {"reason": "without a row", "count": 10},
        {"reason": "outcome not known", "count": 3},
    ]


def test_swapped_time_and_event_are_told_in_the_words_of_the_options(
    run: Callable[..., Run], files: Files
) -> None:
    done = run(*of(files, "--panel", "liver", "--time", "bone", "--event", "days"))
    assert done.code == 3
    assert "error: --time bone holds 0 and 1 only, --event days holds" in done.err
    assert "if they were swapped: --time days --event bone" in done.err


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("days", "0", "0 in column 'days' of sample '{sample}' is the time of an event (1 of"),
        ("days", "-2", "-2 in column 'days' of sample '{sample}' is a time below 0"),
        ("bone", "1.5", "1.5 in column 'bone' of sample '{sample}' is no code of how follow-up"),
        ("bone", "alive", "'alive' in column 'bone' of sample '{sample}'"),
    ],
)
def test_follow_up_that_cannot_be_is_told_with_column_and_sample(
    run: Callable[..., Run], files: Files, tmp_path: Path, column: str, cell: str, told: str
) -> None:
    labels = pd.read_csv(files.labels, index_col="sample", dtype=str)
    sample = labels.index[labels["bone"] == "1"][0]
    labels.loc[sample, column] = cell
    labels.to_csv(tmp_path / "labels.csv")
    given = ("--labels", tmp_path / "labels.csv", "--time", "days", "--event", "bone")
    done = run("validate", files.table, "--panel", "liver", "--unit", "log2", *given)
    assert done.code == 3
    assert told.format(sample=sample) in done.err
    assert f"where:    {tmp_path / 'labels.csv'}" in done.err


def test_follow_up_of_samples_that_the_table_lacks_does_not_matter(
    run: Callable[..., Run], files: Files, tmp_path: Path
) -> None:
    labels = pd.read_csv(files.labels, index_col="sample", dtype=str, keep_default_na=False)
    labels.loc["stranger", ["days", "bone"]] = ["0", "1"]
    labels.to_csv(tmp_path / "labels.csv")
    given = ("--labels", tmp_path / "labels.csv", "--time", "days", "--event", "bone", *QUICK)
    done = run("validate", files.table, "--panel", "liver", "--unit", "log2", *given)
    assert done.code == 0, done.err


def test_a_fitted_panel_finds_its_covariates_among_the_labels(
    run: Callable[..., Run], files: Files, model: FittedPanel, tmp_path: Path
) -> None:
    model.save(tmp_path / "mine.json")
    strangers = log2_table(60, 77).set_axis([f"new{i}" for i in range(60)], axis=0)
    strangers.to_csv(tmp_path / "new.csv")
    labels = pd.DataFrame(
        {"bone": np.arange(60) % 3 == 0, "age": np.linspace(50, 70, 60)},
        index=pd.Index(strangers.index, name="sample"),
    )
    labels["bone"] = labels["bone"].astype(int)
    labels.to_csv(tmp_path / "new_labels.csv")
    asked = ("--panel", tmp_path / "mine.json", "--outcome", "bone", "--thresholds", "0.2,0.4")
    done = run(
        *("validate", tmp_path / "new.csv", "--labels", tmp_path / "new_labels.csv"),
        *("--unit", "log2", *QUICK, *asked),
    )
    assert done.code == 0
    found = json.loads(done.out)
    from mirrisk.assessment import score

    told = score(strangers, panel=model, covariates=labels[["age"]], unit="log2").scores
    kept = (told["flag"] != "not_scored").to_numpy()
    expected = auc_interval(labels["bone"].to_numpy()[kept], told["probability"][kept].to_numpy())
    assert found["figures"]["auc"]["estimate"] == expected.estimate
    assert found["figures"]["net_benefit"]["thresholds"] == [0.2, 0.4]


def test_on_the_training_cohort_apparent_figures_are_labelled(
    run: Callable[..., Run], files: Files, model: FittedPanel, tmp_path: Path
) -> None:
    model.save(tmp_path / "mine.json")
    done = run(*of(files, "--panel", tmp_path / "mine.json", "--outcome", "bone"))
    assert done.code == 0
    found = json.loads(done.out)
    assert found["kind"] == "training cohort"
    assert found["headline"].startswith("AUC 0.66 (95% CI 0.55 to 0.76), n = 120, 50 events in the")
    assert "AUC, apparent" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "no outcome"),
        (("--outcome", "bone", "--time", "days"), "not both"),
        (("--time", "days", "--event", "bone", "--event-class", "1"), "goes with --outcome"),
        (("--time", "days"), "go together"),
        (("--outcome", "bone", "--thresholds", "many"), "numbers with commas"),
    ],
)
def test_slips_of_usage_have_exit_code_2(
    run: Callable[..., Run], files: Files, options: tuple[str, ...], message: str
) -> None:
    done = run(*of(files, "--panel", "liver", *options))
    assert done.code == 2
    assert message in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--panel", "liver", "--outcome", "bones"), "did you mean 'bone'"),
        (("--panel", "livre", "--outcome", "bone"), "did you mean 'liver'"),
        (("--panel", "liver", "--outcome", "bone", "--baseline", "stage"), "a number"),
        (("--panel", "liver", "--outcome", "patient"), "classes"),
        (("--panel", "liver", "--outcome", "stage", "--event-class", "III"), "one of I, II"),
        (("--panel", "liver", "--outcome", "bone", "--reference", "cohort"), "cross-fitted"),
    ],
)
def test_what_cannot_be_used_has_exit_code_3_and_leaves_no_output(
    run: Callable[..., Run],
    files: Files,
    tmp_path: Path,
    options: tuple[str, ...],
    message: str,
) -> None:
    done = run(*of(files, *options, "--out", tmp_path / "found.json"))
    assert done.code == 3
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_nothing_scored_has_exit_code_4(
    run: Callable[..., Run], files: Files, tmp_path: Path
) -> None:
    other = Reference.fit(log2_table(110, 9), name="others", panels="liver", unit="log2")
    other.save(tmp_path / "others.json")
    bare = files.expression.copy()
    bare[list(LIVER)] = np.nan
    bare.to_csv(tmp_path / "bare.csv")
    done = run(
        *("validate", tmp_path / "bare.csv", "--labels", files.labels, "--unit", "log2"),
        *("--panel", "liver", "--outcome", "bone", "--reference", tmp_path / "others.json"),
    )
    assert done.code == 4
    assert "114 low_coverage, 3 unit_or_platform" in done.err
    assert not done.out


def test_prostate_cancers_of_tcga(run: Callable[..., Run], shared: Path, tmp_path: Path) -> None:
    clinical = pd.read_csv(shared / "data" / "tcga_prad_labels.csv", index_col=0)
    primary = clinical[clinical["sample_type"] == "primary"]
    primary[["bcr_event", "gleason"]].to_csv(tmp_path / "labels.csv", index_label="sample")
    table = shared / "data" / "tcga_prad_counts.csv.gz"
    asked = ("--panel", "prostate", "--outcome", "bcr_event", "--covariates", "gleason")
    done = run("validate", table, "--labels", tmp_path / "labels.csv", *asked, *QUICK)
    assert done.code == 0
    found = json.loads(done.out)
    counted = sum(each["count"] for each in found["cohort"]["not_scored"])
    assert found["cohort"]["n"] + counted == len(primary) == 494
    events = sum(row["events"] for row in found["figures"]["flags"]["rows"])
    assert events == primary["bcr_event"].sum() == 106
    assert 0.60 < found["figures"]["auc"]["estimate"] < 0.66
    gleason, panel, both = found["clinical"]["models"]
    assert gleason["auc"]["estimate"] > panel["auc"]["estimate"]
    gain = found["clinical"]["added"]["auc"]
    assert gain["difference"] == pytest.approx(
        both["auc"]["estimate"] - gleason["auc"]["estimate"], abs=1e-9
    )
