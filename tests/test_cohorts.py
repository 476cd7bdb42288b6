"""Every real cohort beside the project goes through as it is, from one command each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import mirrisk
from mirrisk import simulate
from mirrisk.cli import main
from mirrisk.errors import InvalidExpressionError
from mirrisk.tables import as_expression

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::mirrisk.errors.MirriskWarning")

TCGA = ("brca", "lihc", "luad", "lusc", "prad", "thca")

THYROID = "thyroid_ptc_mature_counts.csv.gz"
CT = "taqman_openarray_ct_miRcomp.csv.gz"


@pytest.fixture
def data(shared) -> Path:
    return shared / "data"


def samples_of(path: Path) -> list[str]:
    return list(pd.read_csv(path, usecols=[0]).iloc[:, 0].astype(str))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, on one line: a console wraps it at its width."""
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


# -- TCGA: the shipped references' own kind ----------------------------------------------------


@pytest.mark.parametrize("name", TCGA)
def test_tcga_table_scores_and_every_sample_has_its_row(name, data, tmp_path, capsys):
    table, out = data / f"tcga_{name}_counts.csv.gz", tmp_path / "scores.csv"
    arguments = ["--panel", "all", "--reference", f"tcga-{name}", "--out", str(out)]
    assert main(["score", str(table), *arguments]) == 0
    scores = pd.read_csv(out)
    assert list(scores["sample"]) == samples_of(table)
    assert (scores["flag"] != "not_scored").mean() > 0.9
    assert "unit taken for counts: whole numbers, zero or more" in (text := said(capsys))
    assert "miRNA reads per sample: " in text


def first(data: Path, name: str = "prad", n: int = 40) -> pd.DataFrame:
    return pd.read_csv(data / f"tcga_{name}_counts.csv.gz", index_col="sample", nrows=n)


@pytest.mark.parametrize("turned", [False, True])
def test_clinical_table_mixed_in_changes_no_bit(data, tmp_path, turned):
    counts = first(data)
    labels = pd.read_csv(data / "tcga_prad_labels.csv", index_col="sample").loc[counts.index]
    numeric = {"year": 2011, "label": 1, "total_reads": 9e9, "days_to_death": 812.0, "PSA": 7.1}
    mixed = pd.concat([labels.assign(**numeric), counts], axis=1)
    middle = len(mixed.columns) // 2
    mixed = mixed.iloc[:, [*range(middle, len(mixed.columns)), *range(middle)]]
    path = tmp_path / "mixed.csv"
    (mixed.T if turned else mixed).to_csv(path)
    arguments = {"panel": "prostate", "reference": "tcga-prad"}
    found = mirrisk.score(mirrisk.read(path), **arguments)
    expected = mirrisk.score(counts, **arguments)
    pd.testing.assert_frame_equal(found.scores, expected.scores, check_exact=True)
    aside = next(note for note in found.notes if note.startswith("set aside, no human miRNA"))
    count = len(labels.columns) + len(numeric)
    assert aside.endswith(f" and {count - 5} more")
    np.testing.assert_array_equal(found.expression.reads, counts.sum(axis=1))


@pytest.mark.parametrize("name", ["prad", "lihc"])
def test_wrong_unit_is_caught_on_real_tables(data, name):
    counts = first(data, name)
    cpm = counts.div(counts.sum(axis=1), axis=0) * 1e6
    log2 = np.log2(cpm + 1)
    for table, unit, message in (
        (counts, "cpm", "adds up to .* more than a million"),
        (cpm, "counts", "every sample adds up to a million: these are CPM"),
        (log2, "counts", "fractions below 64: these look like log2"),
        (log2, "cpm", "no value reaches 64: these look like log2"),
        (np.log2(counts + 1), "counts", "these look like log2"),
        (np.log(cpm + 1), None, "the unit of the table is not clear"),
        (cpm.round(), None, "rounded CPM, or counts at one depth"),
    ):
        with pytest.raises(InvalidExpressionError, match=message):
            as_expression(table, unit=unit)
    with pytest.raises(InvalidExpressionError, match="impossible value"):
        mirrisk.score(counts, unit="log2", panel="all", reference=f"tcga-{name}")
    for table, unit in ((counts, "counts"), (cpm, "cpm"), (log2, "log2")):
        assert as_expression(table).unit == unit


def test_natural_logarithm_declared_as_log2_is_not_scored(data):
    counts = first(data)
    cpm = counts.div(counts.sum(axis=1), axis=0) * 1e6
    found = mirrisk.score(np.log(cpm + 1), unit="log2", panel="prostate", reference="tcga-prad")
    assert (found.scores["flag"] == "not_scored").all()


def test_thinned_libraries_are_named_and_scored(data, tmp_path, capsys):
    counts = first(data, n=20)
    thin = counts.copy()
    rng = np.random.default_rng(0)
    for row in range(3):
        share = 50_000 / counts.iloc[row].sum()
        thin.iloc[row] = rng.binomial(counts.iloc[row].to_numpy(), share)
    table = tmp_path / "thin.csv"
    thin.to_csv(table)
    arguments = [
        "--panel",
        "prostate",
        "--reference",
        "tcga-prad",
        "--out",
        str(tmp_path / "s.csv"),
    ]
    assert main(["score", str(table), *arguments]) == 0
    text = said(capsys)
    assert f"3 samples ({', '.join(thin.index[:3])}) hold fewer than 100,000 miRNA reads" in text
    assert main(["names", str(table), "--min-reads", "0"]) == 0
    assert "fewer than" not in said(capsys)
    flags = pd.read_csv(tmp_path / "s.csv")["flag"]
    assert (flags[:3] != "not_scored").any()


# -- 16 thyroid samples of another protocol ----------------------------------------------------


def test_samples_of_another_protocol_are_refused_and_told_what_to_do(data, tmp_path, capsys):
    table, out = data / THYROID, tmp_path / "scores.csv"
    arguments = ["--panel", "thyroid", "--reference", "tcga-thca", "--out", str(out)]
    assert main(["score", str(table), *arguments]) == 4
    scores = pd.read_csv(out)
    assert list(scores["sample"]) == samples_of(table)
    assert list(scores["reason"]) == ["unit_or_platform"] * 16
    text = said(capsys)
    assert "thyroid 1.0.0: not scored 16" in text
    assert "samples made by another protocol need a reference of their own" in text
    assert "`mirrisk references fit`" in text


@pytest.mark.parametrize("seed", [0, 1])
def test_samples_of_another_protocol_score_against_a_reference_of_their_own(data, tmp_path, seed):
    table = data / THYROID
    counts = pd.read_csv(table, index_col="sample")
    few = mirrisk.Reference.fit(counts, unit="counts", name="16", accept_small=True)
    assert few.level == "mature"
    like = simulate.cohort(few, 60, seed=seed).counts
    union, reference, out = (tmp_path / name for name in ("union.csv", "own.json", "scores.csv"))
    pd.concat([counts, like]).fillna(0).astype(int).to_csv(union)
    fit = ["references", "fit", str(union), "--name", "own", "--cancer", "thyroid"]
    assert main([*fit, "--out", str(reference)]) == 0
    arguments = ["--panel", "thyroid", "--reference", str(reference), "--out", str(out)]
    assert main(["score", str(table), *arguments]) == 0
    scores = pd.read_csv(out)
    assert list(scores["sample"]) == list(counts.index)
    assert (scores["flag"] != "not_scored").sum() >= 14


# -- raw Ct --------------------------------------------------------------------------------------


@pytest.mark.parametrize("undetermined", ["missing", "limit", "limit_empty"])
def test_raw_ct_give_a_reference_and_score_in_two_commands(data, tmp_path, capsys, undetermined):
    table, reference, out = data / CT, tmp_path / "ct.json", tmp_path / "scores.csv"
    how = ["--unit", "ct", "--undetermined", undetermined]
    fit = ["references", "fit", str(table), "--name", "ct", "--out", str(reference)]
    assert main([*fit, *how]) == 0
    text = said(capsys)
    # 31% of the wells are empty: taken for missing, or set to the limit.
    bias = {
        "missing": "(31%) are empty, taken for missing: if they were undetermined",
        "limit": "(31%) are empty, taken for missing: if they were undetermined",
        "limit_empty": "(31%) are undetermined or later than 40 cycles, set to 40",
    }
    assert bias[undetermined] in text
    assert "steadiest" in text
    assert "least steady" in text
    arguments = ["--panel", "all", "--reference", str(reference), "--out", str(out)]
    assert main(["score", str(table), *arguments, *how]) == 0
    scores = pd.read_csv(out)
    assert list(scores["sample"].drop_duplicates()) == samples_of(table)
    assert (scores["flag"] != "not_scored").mean() > 0.95


def test_normalisers_of_raw_ct_are_of_no_panel_and_always_detected(data):
    wells = mirrisk.read(data / CT, unit="ct")
    reference = mirrisk.Reference.fit(wells, name="ct")
    names = [x.name for x in reference.normalisers]
    assert len(names) >= 100
    assert not set(names) & set(reference.requested)
    assert not np.isnan(wells.log_values(names, "mature")).any()


def test_unit_of_raw_ct_must_be_stated(data, capsys):
    assert main(["score", str(data / CT), "--panel", "liver", "--reference", "cohort"]) == 3
    text = said(capsys)
    assert "the unit of the table is not clear from the values of its miRNAs" in text
    assert "remedy: say which" in text
