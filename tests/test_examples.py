"""The examples run as a newcomer runs them, and print what they promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import mirrisk
from mirrisk.result import CONTRIBUTION_COLUMNS, SCORE_COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTS = ("score_matrix.py", "score_csv.py", "one_patient.py", "fit_own_cohort.py")
FILES = ("simulated_prostate.csv", "simulated_prostate_truth.csv", "one_patient.csv")


def run(script: Path, folder: Path, *arguments: str) -> str:
    """Run a script in an empty folder, warnings as errors, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONUTF8": "1", "TMPDIR": str(folder), "TEMP": str(folder)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def examples(root: Path) -> Path:
    return root / "examples"


def test_every_script_is_run_here(examples: Path) -> None:
    assert {path.name for path in examples.glob("*.py")} == set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_example_says_that_data_are_simulated_and_for_research(
    examples: Path, tmp_path: Path, script: str
) -> None:
    first = run(examples / script, tmp_path).splitlines()[0]
    assert first == "Simulated data, no patient's values. Research use only."


def test_matrix_example_shows_flags_by_truth_and_explains_the_highest(
    examples: Path, tmp_path: Path
) -> None:
    printed = run(examples / "score_matrix.py", tmp_path)
    rows = re.findall(r"^(False|True) ((?: +\d+)+)$", printed, re.MULTILINE)
    totals = {truth: sum(map(int, counts.split())) for truth, counts in rows}
    assert totals == {"False": 51, "True": 9}

    highest = re.search(r"What raises the score of (SIM-\d+) most", printed)[1]
    truth = pd.read_csv(examples / "data" / FILES[1], comment="#", index_col="sample")
    assert truth.loc[highest, "shifted"]

    total = float(re.search(r"add up to (-?[\d.]+)\.", printed)[1])
    score = float(re.search(r"Score ([+-][\d.]+)", printed)[1])
    assert total == pytest.approx(score, abs=0.006)
    assert f"Sample {highest}: HIGH on panel prostate" in printed


def test_csv_example_writes_both_tables(examples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "new"
    printed = run(examples / "score_csv.py", tmp_path, str(folder))
    assert str(folder) in printed
    scores, contributions = (
        pd.read_csv(folder / f"{name}.csv") for name in ("scores", "contributions")
    )
    assert tuple(scores.columns) == SCORE_COLUMNS
    assert tuple(contributions.columns) == CONTRIBUTION_COLUMNS
    assert list(scores["sample"]) == [f"SIM-{i:03d}" for i in range(1, 61)]
    assert set(scores["panel"]) == {"prostate"}
    sums = contributions.groupby("sample")["contribution"].sum()
    assert sums.loc[scores["sample"]].to_numpy() == pytest.approx(scores["score"], abs=1e-9)


def test_csv_example_takes_a_temporary_folder_where_none_is_given(
    examples: Path, tmp_path: Path
) -> None:
    run(examples / "score_csv.py", tmp_path)
    assert len(list(tmp_path.glob("mirrisk-*/scores.csv"))) == 1


def test_patient_example_prints_the_whole_explanation(examples: Path, tmp_path: Path) -> None:
    printed = run(examples / "one_patient.py", tmp_path)
    titles = ["Flag", "Members", "Not used", "Fragility", "What would change it", "Caveats"]
    places = [printed.index(f"\n{title}\n") for title in titles]
    assert places == sorted(places)
    flag = re.search(r"^SIM-PATIENT: score -?[\d.]+, flag (\w+)$", printed, re.MULTILINE)[1]
    assert f"Sample SIM-PATIENT: {flag.upper()} on panel prostate" in printed


# -- the data ---------------------------------------------------------------------------------


def test_data_folder_holds_labelled_simulated_tables_only(examples: Path) -> None:
    found = sorted((examples / "data").iterdir())
    assert [path.name for path in found] == sorted(FILES)
    for path in found:
        assert path.read_text(encoding="utf-8").startswith("# simulated from the summary")


def test_cohort_has_60_samples_9_shifted_and_the_columns_of_the_reference(examples: Path) -> None:
    table = mirrisk.read(examples / "data" / FILES[0])
    truth = pd.read_csv(examples / "data" / FILES[1], comment="#")
    reference = mirrisk.Reference.load("tcga-prad")
    assert table.unit == "counts"
    assert set(table.features) == {*reference.keys, *reference.profile.keys}
    assert list(table.samples) == list(truth["sample"])
    assert (len(truth), truth["shifted"].sum()) == (60, 9)


def test_shifted_samples_score_higher(examples: Path) -> None:
    table = mirrisk.read(examples / "data" / FILES[0])
    truth = pd.read_csv(examples / "data" / FILES[1], comment="#")["shifted"]
    scores = mirrisk.score(table, panel="prostate", reference="tcga-prad").scores["score"]
    assert scores.notna().all()
    assert scores[truth].min() > scores[~truth].median()
    assert scores[truth].mean() - scores[~truth].mean() > 2


def test_patient_has_mirnas_in_rows(examples: Path) -> None:
    table = mirrisk.read(examples / "data" / FILES[2])
    assert table.samples == ("SIM-PATIENT",)
    assert any("stand in rows" in note for note in table.notes)


def test_data_can_be_built_again(root: Path, tmp_path: Path) -> None:
    run(root / "tools" / "build_example.py", tmp_path, str(tmp_path))
    for name in FILES:
        built, shipped = (
            pd.read_csv(folder / name, comment="#", index_col=0)
            for folder in (tmp_path, root / "examples" / "data")
        )
        # NumPy may change its streams between versions: same shape and names, not same values.
        assert list(built.index) == list(shipped.index)
        assert list(built.columns) == list(shipped.columns)


def test_fit_example_validates_and_scores_with_the_file_it_wrote(
    examples: Path, tmp_path: Path
) -> None:
    printed = run(examples / "fit_own_cohort.py", tmp_path)
    assert "150 samples, 60 with the event" in printed
    assert re.search(r"2 x 5-fold cross-validation, n = 150, 60 events", printed)
    rows = re.findall(r"^SIM-15\d +-?\d\.\d+ +(0\.\d+) +(high|average|low)", printed, re.M)
    assert len(rows) == 3
    assert all(0 < float(probability) < 1 for probability, _ in rows)
