"""Files scored in batches, and many files: the same rows, whole or not at all."""

from __future__ import annotations

import gzip
import json
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cohorts import counts_like, log2_table, panel_with_age

import mirrisk
from mirrisk.batch import manifest, score_file, score_files
from mirrisk.batch.onefile import run
from mirrisk.batch.scoring import Scoring
from mirrisk.errors import MirriskError, MirriskWarning, MismatchError, NotFoundError
from mirrisk.notes import Note
from mirrisk.reference import Reference
from mirrisk.tables.assembly import Reading
from mirrisk.tables.streaming import alike

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.model import FittedPanel

PROSTATE: dict[str, Any] = {"panel": "prostate", "reference": "tcga-prad"}
BREAST: dict[str, Any] = {"panel": "breast", "reference": "tcga-brca"}


@pytest.fixture(scope="module")
def counts() -> pd.DataFrame:
    """Reads of libraries of several depths, some samples of which cannot be scored."""
    frame = counts_like("tcga-prad", 260, 5)
    frame.iloc[::7] = counts_like("tcga-prad", 38, 6, reads=6e4).to_numpy()
    frame.iloc[40] = 0
    frame.iloc[41] = frame.iloc[41].to_numpy()[::-1]
    return frame.rename({"s3": "=s3()", "s4": 'a "quoted", name'})


@pytest.fixture
def table(counts: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "counts.csv"
    counts.to_csv(path)
    return path


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files of a few hundred kilobytes be of many blocks."""
    from mirrisk.tables import streaming

    defaults = dict(streaming.stream.__kwdefaults__, block_bytes=30_000)
    monkeypatch.setattr(streaming.stream, "__kwdefaults__", defaults)


def in_memory(path: Path, **how: Any) -> mirrisk.Assessment:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        return mirrisk.score(mirrisk.read(path), **PROSTATE, **how)


def quietly(work: Any, *args: Any, **how: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        return work(*args, **PROSTATE, **how)


def score_files_quietly(*args: Any, **how: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        return score_files(*args, **how)


# -- one file ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [17, 100, 10_000])
def test_files_are_those_of_memory_to_the_byte(rows, table, tmp_path, small_blocks):
    in_memory(table).write(tmp_path / "a.csv", tmp_path / "b.csv")
    out, contributions = tmp_path / "c.csv", tmp_path / "d.csv"
    quietly(score_file, table, out=out, contributions=contributions, batch_rows=rows)
    assert out.read_bytes() == (tmp_path / "a.csv").read_bytes()
    assert contributions.read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.csv",
        "b.csv",
        "c.csv",
        "counts.csv",
        "d.csv",
    ]


def test_several_panels_go_sample_by_sample(table, tmp_path, small_blocks):
    path = tmp_path / "out.csv"
    with pytest.warns(MirriskWarning):
        summary = score_file(table, panel="all", reference="tcga-brca", out=path, batch_rows=50)
    with pytest.warns(MirriskWarning):
        whole = mirrisk.score(mirrisk.read(table), panel="all", reference="tcga-brca")
    whole.write(tmp_path / "whole.csv")
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert set(summary.flags) == {r.panel.id for r in whole.results}


def test_gzipped_file_holds_the_same(table, tmp_path, small_blocks):
    quietly(score_file, table, out=tmp_path / "a.csv.gz", batch_rows=30)
    quietly(score_file, table, out=tmp_path / "a.csv")
    packed = (tmp_path / "a.csv.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "a.csv").read_bytes()


def test_parquet_holds_the_same_numbers(table, tmp_path, small_blocks):
    out, contributions = tmp_path / "a.parquet", tmp_path / "b.parquet"
    quietly(score_file, table, out=out, contributions=contributions, batch_rows=30)
    whole = in_memory(table)
    for path, frame in ((out, whole.scores), (contributions, whole.contributions)):
        found = pd.read_parquet(path)
        assert list(found.columns) == list(frame.columns)
        for name in frame.columns:
            assert found[name].fillna(-9).tolist() == frame[name].fillna(-9).tolist(), name


def test_counts_and_notes_are_those_of_the_whole(table, tmp_path, small_blocks):
    found = quietly(score_file, table, out=tmp_path / "a.csv", batch_rows=30)
    whole = in_memory(table)
    assert found.n_samples == len(whole.expression)
    assert found.flags["prostate"] == whole.scores["flag"].value_counts().to_dict()
    reasons = whole.scores["reason"].value_counts().to_dict()
    assert found.reasons["prostate"] == {why: n for why, n in reasons.items() if why}
    assert set(found.notes) == set(whole.notes)
    assert len(found.notes) == len(whole.notes)


def test_samples_are_counted_in_notes_whatever_they_are_called(counts, tmp_path, small_blocks):
    renamed = counts.rename({"s40": "x, y", "s7": "of 12 flagged high, 3: z"})
    renamed.to_csv(tmp_path / "t.csv")
    found = quietly(score_file, tmp_path / "t.csv", out=tmp_path / "a.csv", batch_rows=30)
    assert set(found.notes) == set(in_memory(tmp_path / "t.csv").notes)
    assert any(note.startswith("fitness not checked in sample x, y: ") for note in found.notes)


def test_shallow_samples_are_named_once(table, tmp_path, small_blocks):
    with pytest.warns(MirriskWarning) as in_parts:
        score_file(table, **PROSTATE, out=tmp_path / "a.csv", batch_rows=30)
    with pytest.warns(MirriskWarning) as at_once:
        mirrisk.score(mirrisk.read(table), **PROSTATE)
    assert [str(w.message) for w in in_parts] == [str(w.message) for w in at_once]


@pytest.mark.parametrize("min_reads", [-4, float("nan"), float("inf")])
@pytest.mark.parametrize("work", [score_file, score_files])
def test_bar_that_is_no_number_of_reads_is_refused_before_reading(work, min_reads, tmp_path):
    with pytest.raises(MirriskError, match=f"min_reads is {min_reads}"):
        work("nowhere.csv", **PROSTATE, out=tmp_path / "a.csv", min_reads=min_reads)


@pytest.mark.parametrize("what", ["unit", "level", "specimen", "orientation", "assemble"])
@pytest.mark.parametrize("work", [score_file, score_files])
def test_word_that_is_none_of_those_known_is_refused_before_reading(work, what, tmp_path):
    with pytest.raises(MirriskError, match=f"{what} is 'nonsense'"):
        work("nowhere.csv", **PROSTATE, out=tmp_path / "a.csv", **{what: "nonsense"})


def test_empty_samples_are_no_shallow_ones_in_parts_or_whole(counts, tmp_path, small_blocks):
    counts.to_csv(tmp_path / "t.csv")
    found = quietly(score_file, tmp_path / "t.csv", out=tmp_path / "a.csv", batch_rows=30)
    reads = counts.sum(axis=1)
    n_shallow = int(((reads > 0) & (reads < 100_000)).sum())
    assert (reads == 0).any()
    assert found.n_shallow == n_shallow
    about = [note for note in found.notes if f"fewer than 100,000 in {n_shallow}: " in note]
    assert about == [note for note in in_memory(tmp_path / "t.csv").notes if note in about]
    assert len(about) == 1


def test_fault_far_down_leaves_no_output(counts, tmp_path, small_blocks):
    frame = counts.astype(object)
    frame.iloc[250, 3] = "many"
    frame.to_csv(tmp_path / "bad.csv")
    with pytest.raises(MirriskError, match="'many' is no number"):
        score_file(tmp_path / "bad.csv", **PROSTATE, out=tmp_path / "a.csv", batch_rows=20)
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]


def test_what_is_found_to_be_unfit_for_parts_is_scored_whole(counts, tmp_path, small_blocks):
    """Fractional counts with miRNAs in rows, the fractions at the very end."""
    frame = counts.astype(float)
    frame.iloc[:, -1] += 0.25
    frame.T.to_csv(tmp_path / "t.csv")
    quietly(score_file, tmp_path / "t.csv", out=tmp_path / "a.csv", unit="counts")
    with pytest.warns(MirriskWarning):
        whole = mirrisk.score(mirrisk.read(tmp_path / "t.csv", unit="counts"), **PROSTATE)
    whole.write(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_cohort_is_its_own_reference(tmp_path):
    frame = counts_like("tcga-prad", 60, 1)
    frame.to_csv(tmp_path / "t.csv")
    score_file(
        tmp_path / "t.csv",
        panel="prostate",
        reference="cohort",
        out=tmp_path / "a.csv",
        batch_rows=10,
    )
    whole = mirrisk.score(mirrisk.read(tmp_path / "t.csv"), panel="prostate", reference="cohort")
    whole.write(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_output_over_its_own_input_is_refused(table):
    before = table.read_bytes()
    with pytest.raises(MirriskError, match="same file"):
        score_file(table, **PROSTATE, out=table)
    assert table.read_bytes() == before


def test_output_over_the_reference_is_refused(table, tmp_path):
    path = tmp_path / "reference.json"
    Reference.load("tcga-prad").save(path)
    before = path.read_bytes()
    with pytest.raises(MirriskError, match="same file"):
        score_file(table, panel="prostate", reference=path, out=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("rows", [0, -1, 2.5])
def test_batches_hold_one_sample_or_more(rows, table, tmp_path):
    with pytest.raises(MirriskError, match=f"batch_rows is {rows}"):
        score_file(table, **PROSTATE, out=tmp_path / "a.csv", batch_rows=rows)


def test_gz_in_capitals_is_compressed(table, tmp_path):
    quietly(score_file, table, out=tmp_path / "A.CSV.GZ")
    in_memory(table).write(tmp_path / "B.CSV.GZ")
    texts = [gzip.decompress((tmp_path / f"{name}.CSV.GZ").read_bytes()) for name in "AB"]
    assert texts[0] == texts[1]


def test_panel_of_another_cancer_is_refused_before_reading(tmp_path):
    with pytest.raises(MismatchError, match="liver"):
        score_file("nowhere.csv", panel="liver", reference="tcga-prad", out=tmp_path / "a.csv")


# -- many files --------------------------------------------------------------------------------


@pytest.fixture
def folder(counts: pd.DataFrame, tmp_path: Path) -> Path:
    """Files of one sample each, in several layouts, and two that are bad."""
    path = tmp_path / "in"
    path.mkdir()
    for i in range(12):
        one = counts.iloc[[i]]
        if i < 8:
            one.T.to_csv(path / f"f{i:02}.tsv", sep="\t")
        elif i < 11:
            one.to_csv(path / f"f{i:02}.csv")
        else:
            one.to_parquet(path / f"f{i:02}.parquet")
    words = counts.iloc[[13]].astype(str)
    words.iloc[0, 0] = "many"
    words.to_csv(path / "f05b.csv")
    (path / "f99.txt").write_text("")
    (path / ".hidden").write_text("")
    return path


def alone(path: Path, tmp_path: Path) -> bytes:
    in_memory(path).write(tmp_path / "alone.csv")
    return (tmp_path / "alone.csv").read_bytes()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_file_gets_the_scores_that_it_has_alone(n_jobs, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("mirrisk.batch.manyfiles.CHUNK", 4)
    result = quietly(score_files, folder, out=tmp_path / "out", n_jobs=n_jobs)
    assert [f.file for f in result.failed] == [str(folder / "f05b.csv"), str(folder / "f99.txt")]
    assert "'many' is no number" in result.failed[0].error
    assert "empty" in result.failed[1].error
    assert len(result.files) == 14
    assert result.n_samples == 12
    for i in range(12):
        (path,) = folder.glob(f"f{i:02}.*")
        out = tmp_path / "out" / f"{path.name}.scores.csv"
        assert out.read_bytes() == alone(path, tmp_path), path.name


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_one_table_holds_all_in_the_order_of_the_files(
    suffix, n_jobs, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("mirrisk.batch.manyfiles.CHUNK", 4)
    out, parts = tmp_path / f"all{suffix}", tmp_path / f"parts{suffix}"
    files = sorted(folder.glob("f*.*"), reverse=True)
    result = quietly(score_files, files, out=out, contributions=parts, n_jobs=n_jobs)
    to_the_last_bit = partial(pd.read_csv, float_precision="round_trip")
    read = pd.read_parquet if suffix == ".parquet" else to_the_last_bit
    found = read(out)
    good = [str(p) for p in files if p.name not in ("f05b.csv", "f99.txt")]
    assert found.columns[0] == "file"
    assert found["file"].tolist() == good
    assert len(result.failed) == 2
    for name, rows in found.groupby("file"):
        whole = in_memory(name)
        assert np.array_equal(rows["score"], whole.scores["score"], equal_nan=True)
        expected = whole.contributions
        part = read(parts).query("file == @name")
        assert np.array_equal(part["contribution"], expected["contribution"], equal_nan=True)
    assert not list(tmp_path.glob(".*"))


def test_large_file_among_small_ones_is_scored_in_batches(counts, folder, tmp_path, monkeypatch):
    counts.to_csv(folder / "f03a.csv")
    monkeypatch.setattr("mirrisk.batch.work.LARGE", 100_000)
    quietly(score_files, folder, out=tmp_path / "out")
    quietly(score_files, folder, out=tmp_path / "all.csv")
    out = tmp_path / "out" / "f03a.csv.scores.csv"
    assert out.read_bytes() == alone(folder / "f03a.csv", tmp_path)
    found = pd.read_csv(tmp_path / "all.csv", float_precision="round_trip")
    rows = found[found["file"] == str(folder / "f03a.csv")]
    assert len(rows) == len(counts)


def test_large_file_with_a_fault_far_down_leaves_no_rows(counts, folder, tmp_path, monkeypatch):
    frame = counts.astype(object)
    frame.iloc[250, 3] = "many"
    frame.to_csv(folder / "f03a.csv")
    monkeypatch.setattr("mirrisk.batch.work.LARGE", 100_000)
    result = quietly(score_files, folder, out=tmp_path / "all.csv")
    assert result.failed[0].file == str(folder / "f03a.csv")
    assert len(pd.read_csv(tmp_path / "all.csv", float_precision="round_trip")) == 12
    assert not list(tmp_path.glob(".*"))


def test_without_a_good_file_there_is_no_table(folder, tmp_path):
    files = [folder / "f05b.csv", folder / "f99.txt"]
    for name in ("all.csv", "all.parquet"):
        result = score_files(files, **PROSTATE, out=tmp_path / name)
        assert len(result.failed) == 2
        assert not (tmp_path / name).exists()


def test_results_are_not_put_among_the_files(folder):
    with pytest.raises(MirriskError, match="read from"):
        score_files(folder, **PROSTATE, out=folder)


def test_resume_scores_only_what_changed(folder, tmp_path):
    out = tmp_path / "out"
    first = quietly(score_files, folder, out=out)
    assert not first.unchanged
    again = quietly(score_files, folder, out=out, resume=True)
    assert len(again.unchanged) == 12
    assert again.flags == first.flags
    assert again.n_samples == first.n_samples
    (out / "f00.tsv.scores.csv").unlink()
    (folder / "f01.tsv").write_bytes((folder / "f02.tsv").read_bytes())
    third = quietly(score_files, folder, out=out, resume=True)
    scored = {f.file.rpartition("/")[2] for f in third.files if not f.unchanged and not f.error}
    assert scored == {"f00.tsv", "f01.tsv"}
    assert (out / "f01.tsv.scores.csv").read_bytes() == alone(folder / "f01.tsv", tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"min_coverage": 0.4},
        {"min_reads": 50},
        {"unit": "counts"},
        {"contributions": "contributions"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_resume_with_other_options_scores_all_again(change, folder, tmp_path):
    quietly(score_files, folder, out=tmp_path / "out")
    if "contributions" in change:
        change = {"contributions": tmp_path / "contributions"}
    again = quietly(score_files, folder, out=tmp_path / "out", resume=True, **change)
    assert not again.unchanged


def test_resume_passes_by_a_manifest_that_was_cut_short(folder, tmp_path):
    quietly(score_files, folder, out=tmp_path / "out")
    path = tmp_path / "out" / "manifest.jsonl"
    path.write_text(path.read_text()[:-20])
    again = quietly(score_files, folder, out=tmp_path / "out", resume=True)
    assert len(again.unchanged) == 11
    whole = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert len({entry["outputs"]["out"][0] for entry in whole}) == 12


def test_resume_takes_no_contributions_of_another_scoring(folder, tmp_path):
    place = {"out": tmp_path / "out", "contributions": tmp_path / "contributions"}
    quietly(score_files, folder, **place)
    score_files_quietly(folder, **BREAST, out=place["out"])
    again = score_files_quietly(folder, **BREAST, **place, resume=True)
    assert not again.unchanged
    found = pd.read_csv(place["contributions"] / "f08.csv.contributions.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        expected = mirrisk.score(mirrisk.read(folder / "f08.csv"), **BREAST).contributions
    np.testing.assert_allclose(found["contribution"], expected["contribution"])
    assert len(score_files_quietly(folder, **BREAST, **place, resume=True).unchanged) == 12


@pytest.mark.parametrize("large", [1 << 25, 100], ids=["together", "by themselves"])
def test_resume_after_another_scoring_was_interrupted_scores_again(
    large, folder, tmp_path, monkeypatch
):
    """Its outputs lie in their place, and nothing was written down of it."""
    monkeypatch.setattr("mirrisk.batch.work.LARGE", large)
    out = tmp_path / "out"
    first = quietly(score_files, folder, out=out)
    before = {path.name: path.read_bytes() for path in out.glob("*.csv")}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mirrisk.batch.joined.OwnFiles.take", interrupted)
        with pytest.raises(KeyboardInterrupt):
            score_files_quietly(folder, **BREAST, out=out)
    assert {path.name: path.read_bytes() for path in out.glob("*.csv")} != before
    again = quietly(score_files, folder, out=out, resume=True)
    assert {path.name: path.read_bytes() for path in out.glob("*.csv")} == before
    assert again.flags == first.flags


def test_resume_scores_a_file_again_whose_output_was_changed(folder, tmp_path):
    out = tmp_path / "out"
    quietly(score_files, folder, out=out)
    path = out / "f08.csv.scores.csv"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"0", b"1"))
    again = quietly(score_files, folder, out=out, resume=True)
    assert len(again.unchanged) == 11
    assert path.read_bytes() == before


def without(entry: dict[str, Any]) -> Any:
    return {name: value for name, value in entry.items() if name != "outcome"}


DAMAGE: dict[str, Any] = {
    "no outcome": without,
    "no outputs": lambda entry: {name: entry[name] for name in entry if name != "outputs"},
    "a key too many": lambda entry: {**entry, "outcome": {**entry["outcome"], "more": 1}},
    "a key too few": lambda entry: {**entry, "outcome": {"notes": []}},
    "a note that is none": lambda entry: {**entry, "outcome": {**entry["outcome"], "notes": [{}]}},
    "notes of numbers": lambda entry: {**entry, "outcome": {**entry["outcome"], "notes": [1]}},
    "other numbers": lambda entry: {**entry, "outcome": {**entry["outcome"], "n_samples": "x"}},
    "a list": lambda entry: [entry],
    "no object": lambda entry: 3,
}


@pytest.mark.parametrize("rewritten", [False, True], ids=["damaged", "written anew"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_resume_scores_a_file_again_whose_line_is_damaged(damage, rewritten, folder, tmp_path):
    out = tmp_path / "out"
    first = quietly(score_files, folder, out=out)
    path = out / manifest.NAME
    head, *rest = path.read_bytes().splitlines()
    entry = DAMAGE[damage](json.loads(head))
    if rewritten and damage in ("no outcome", "no outputs", "a key too many", "a key too few"):
        entry.pop("line")
        line = manifest.line_of(entry).encode().rstrip()
    else:
        line = json.dumps(entry).encode()
    path.write_bytes(b"\n".join([line, b"\xff\xfe", b"[" * 100_000, *rest, b""]))
    again = quietly(score_files, folder, out=out, resume=True)
    assert len(again.unchanged) == 11
    assert again.flags == first.flags


def test_resume_scores_a_file_again_that_changed_while_it_was_scored(counts, tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    counts.iloc[8:20].to_csv(path)
    monkeypatch.setattr("mirrisk.batch.work.LARGE", 100)

    def run_and_change(*args: Any, **how: Any) -> Any:
        found = run(*args, **how)
        counts.iloc[30:35].to_csv(path)
        return found

    with monkeypatch.context() as patched:
        patched.setattr("mirrisk.batch.work.run", run_and_change)
        assert score_files_quietly([path], **PROSTATE, out=tmp_path / "out").n_samples == 12
    again = score_files_quietly([path], **PROSTATE, out=tmp_path / "out", resume=True)
    assert (again.n_samples, again.unchanged) == (5, ())


def test_older_results_beside_the_new_ones_are_told(folder, tmp_path):
    out = tmp_path / "out"
    quietly(score_files, folder, out=out)
    files = [folder / "f00.tsv", folder / "f01.tsv"]
    files[0].write_text("")
    files[1].unlink()
    again = quietly(score_files, folder, out=out)
    assert str(files[0]) in {file.file for file in again.failed}
    left, others = (note for note in again.notes if "results of files that" in note)
    assert left.startswith("older results of files that failed now were left where they are: ")
    assert files[0].name in left
    assert files[1].name not in left
    assert others.startswith("results of files that are not among these lie in the folder, too: ")
    assert files[1].name in others


@pytest.mark.parametrize("name", ["a.xlsx", "a.feather", "a.tsv", "a.json"])
@pytest.mark.parametrize("work", [score_file, score_files])
def test_name_of_another_format_is_refused_before_anything_is_made(work, name, table, tmp_path):
    with pytest.raises(MirriskError, match="which is not written") as caught:
        work(table, **PROSTATE, out=tmp_path / name)
    assert caught.value.expected == "a name that ends in .csv, .csv.gz or .parquet"
    assert list(tmp_path.iterdir()) == [table]


def test_summary_of_many_files_names_panels_and_reference(folder, tmp_path):
    found = quietly(score_files, folder, out=tmp_path / "out")
    assert found.panels == {"prostate": "1.0.0"}
    assert found.reference["name"] == "tcga-prad"
    assert found.reference["digest"] == Reference.load("tcga-prad").digest


def test_resume_into_one_table_is_refused(folder, tmp_path):
    with pytest.raises(MirriskError, match="one table"):
        score_files(folder, **PROSTATE, out=tmp_path / "all.csv", resume=True)


def test_files_are_found_by_pattern(folder, tmp_path):
    result = quietly(score_files, str(folder / "*.tsv"), out=tmp_path / "out")
    assert len(result.files) == 8
    with pytest.raises(NotFoundError, match="no files"):
        score_files(str(folder / "*.nothing"), **PROSTATE, out=tmp_path / "out")


def test_files_of_one_name_in_two_folders_keep_apart(counts, tmp_path):
    for name, i in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        counts.iloc[[i]].to_csv(tmp_path / name / "s.csv")
    files = [tmp_path / "a" / "s.csv", tmp_path / "b" / "s.csv"]
    quietly(score_files, files, out=tmp_path / "out")
    for file in files:
        out = tmp_path / "out" / file.parent.name / "s.csv.scores.csv"
        assert out.read_bytes() == alone(file, tmp_path)


@pytest.mark.parametrize("n_jobs", [0, -2])
def test_there_is_no_work_without_workers(n_jobs, folder, tmp_path):
    with pytest.raises(MirriskError, match=f"n_jobs is {n_jobs}"):
        score_files(folder, **PROSTATE, out=tmp_path / "out", n_jobs=n_jobs)


def test_results_lie_as_the_links_do_not_as_what_they_point_to(counts, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    for i, name in enumerate("ab"):
        place = tmp_path / name
        place.mkdir()
        counts.iloc[[i]].to_csv(place / "table.csv")
        (links / f"{name}.csv").symlink_to(place / "table.csv")
    quietly(score_files, links, out=tmp_path / "out")
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"a.csv.scores.csv", "b.csv.scores.csv", "manifest.jsonl"}
    with pytest.raises(MirriskError, match="read from"):
        score_files(links, **PROSTATE, out=links)


def test_samples_not_files_are_scored_so_many_at_once(counts, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for i in range(5):
        counts.iloc[4 * i : 4 * i + 4].to_csv(tmp_path / "in" / f"{i}.csv")
    sizes = []
    assess = Scoring.assess
    monkeypatch.setattr(Scoring, "assess", lambda self, x: sizes.append(len(x)) or assess(self, x))
    monkeypatch.setattr("mirrisk.batch.work.TOGETHER", 10)
    quietly(score_files, tmp_path / "in", out=tmp_path / "out")
    assert sizes == [8, 8, 4]


# -- what is said of files ---------------------------------------------------------------------


@pytest.fixture
def many(counts: pd.DataFrame, tmp_path: Path) -> Path:
    """Files of shallow, empty and strange samples, most with one, two with several."""
    path = tmp_path / "many"
    path.mkdir()
    for i in (*range(0, 70, 7), *range(37, 42)):
        counts.iloc[[i]].T.to_csv(path / f"f{i:03}.tsv", sep="\t")
    counts.iloc[70:160].to_csv(path / "g.csv")
    counts.iloc[160:].to_csv(path / "h.csv")
    return path


def but_on_depth(notes: tuple[str, ...]) -> set[str]:
    return {note for note in notes if not note.startswith("miRNA reads ")}


@pytest.mark.parametrize("large", [1 << 25, 20_000], ids=["together", "the large ones alone"])
def test_notes_of_a_file_are_those_that_it_has_alone(large, many, tmp_path, monkeypatch):
    monkeypatch.setattr("mirrisk.batch.work.LARGE", large)
    result = quietly(score_files, many, out=tmp_path / "out", unit="counts")
    for file in result.files:
        memory = quietly(mirrisk.score, mirrisk.read(file.file, unit="counts"))
        expected = but_on_depth(memory.notes)
        assert set(file.notes) == expected, file.file
        assert len(file.notes) == len(expected)


@pytest.mark.parametrize("large", [1 << 25, 20_000], ids=["together", "the large ones alone"])
def test_notes_of_all_files_count_the_samples_of_all(large, counts, many, tmp_path, monkeypatch):
    monkeypatch.setattr("mirrisk.batch.work.LARGE", large)
    result = quietly(score_files, many, out=tmp_path / "out", unit="counts")
    rows = [*sorted({*range(0, 70, 7), *range(37, 42)}), *range(70, 260)]
    whole = quietly(mirrisk.score, counts.iloc[rows], unit="counts")
    about_samples = {note for note in whole.notes if isinstance(note, Note)}
    assert len(about_samples) == 4
    assert about_samples <= set(result.notes)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_resumed_notes_are_those_of_the_first_run(n_jobs, many, tmp_path, monkeypatch):
    monkeypatch.setattr("mirrisk.batch.manyfiles.CHUNK", 4)
    first = quietly(score_files, many, out=tmp_path / "out", unit="counts", n_jobs=n_jobs)
    (tmp_path / "out" / "f040.tsv.scores.csv").unlink()
    again = quietly(
        score_files, many, out=tmp_path / "out", unit="counts", resume=True, n_jobs=n_jobs
    )
    assert len(again.unchanged) == len(first.files) - 1
    assert again.notes == first.notes
    assert [f.notes for f in again.files] == [f.notes for f in first.files]
    assert [f.n_shallow for f in again.files] == [f.n_shallow for f in first.files]


def test_sample_without_a_read_is_empty_not_shallow(many, tmp_path):
    with pytest.warns(MirriskWarning) as told:
        result = score_files(many, **PROSTATE, out=tmp_path / "out", unit="counts")
    n_shallow = {file.file.rpartition("/")[2]: file.n_shallow for file in result.files}
    assert (n_shallow["f000.tsv"], n_shallow["f040.tsv"]) == (1, 0)
    assert str(told[0].message).startswith(f"{sum(n_shallow.values())} samples hold fewer")


def test_covariate_far_from_the_cohort_is_told_of_its_file_alone(array, with_age, tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(3):
        array.iloc[[i]].to_csv(tmp_path / "in" / f"{i}.csv")
    age = pd.DataFrame({"age": [60.0, 6000.0, np.nan]}, index=array.index[:3])
    how = {"panel": with_age, "covariates": age, "unit": "log2"}
    result = score_files(tmp_path / "in", out=tmp_path / "out", **how)
    about_age = [[n for n in f.notes if n.startswith("covariate age")] for f in result.files]
    assert about_age[0] == []
    assert "what the panel says of sample s1 is extrapolated" in about_age[1][0]
    assert about_age[2] == ["covariate age is not known of sample s2: estimated from the rest"]
    assert [len(notes) for notes in about_age] == [0, 1, 1]


def test_shallow_samples_of_all_files_are_counted(folder, tmp_path):
    with pytest.warns(MirriskWarning, match="2 samples hold fewer than 100,000"):
        score_files(folder, **PROSTATE, out=tmp_path / "out")


# -- files that are alike ----------------------------------------------------------------------


def test_files_like_the_one_before_are_read_as_if_alone(counts, tmp_path, monkeypatch):
    """Every other file differs in something; each is read as mirrisk.read reads it."""
    frame = counts.iloc[[0]].astype(float)
    names = list(frame.columns)
    variants: list[bytes] = []
    for i in range(6):
        one = counts.iloc[[i]]
        variants.append(one.T.to_csv(sep="\t").encode())
        variants.append(one.T.to_csv(lineterminator="\r\n").encode())
        variants.append(one.to_csv().encode())
    one = counts.iloc[[5]].astype(float)
    variants += [
        one.add(0.5).T.to_csv(sep="\t").encode(),  # fractions
        one.T.rename(index={names[3]: "hsa-mir-9999"}).to_csv(sep="\t").encode(),
        one.T.iloc[::-1].to_csv(sep="\t").encode(),
        one.T.assign(second=3.0).to_csv(sep="\t").encode(),
        one.T.set_axis(["Total"], axis=1).to_csv(sep="\t").encode(),
        one.T.set_axis(["a,b,c"], axis=1).to_csv(sep="\t").encode(),
        one.T.set_axis(["Jürgen"], axis=1).to_csv(sep="\t").encode("latin-1"),
        one.T.set_axis(["Jürgen"], axis=1).to_csv(sep="\t").encode(),
        b"# a comment\n" + one.T.to_csv(sep="\t").encode(),
        one.T.to_csv(sep="\t").replace("\n", "\n\n").encode(),
        one.T.where(one.T > 5).to_csv(sep="\t").encode(),
        one.T.where(one.T > 5, -1).to_csv(sep="\t").encode(),
        one.T.where(one.T > 5, np.inf).to_csv(sep="\t").encode(),
        one.div(one.sum(axis=1), axis=0).mul(1e6).T.to_csv(sep="\t").encode(),
        one.T.to_csv(sep="\t", quoting=2).encode(),
        one.T.to_csv(sep="\t").encode()[:-30],
        gzip.compress(one.T.to_csv(sep="\t").encode()),
        gzip.compress(one.T.to_csv(sep="\t").encode())[:-30],
        b"",
        b"\x00\x01",
    ]
    reader = alike.AlikeReader(Reading())
    first = variants[0]
    path = tmp_path / "f.tsv"
    for content in variants:
        for text in (first, content, content):
            path.write_bytes(text)
            assert outcome(reader.read, path, text) == outcome(mirrisk.read, path)


def outcome(read: Any, *args: Any) -> Any:
    try:
        found = read(*args)
    except MirriskError as error:
        return str(error)
    values = found.values.tobytes()
    return found.samples, found.features, found.unit, found.level, found.notes, values


def test_files_that_are_alike_are_found_out_about_once(counts, tmp_path, monkeypatch):
    calls = []
    whole = alike.read
    monkeypatch.setattr(alike, "read", lambda *a, **k: calls.append(a) or whole(*a, **k))
    reader = alike.AlikeReader(Reading())
    for i in range(10):
        path = tmp_path / f"{i}.csv"
        path.write_bytes(counts.iloc[[i + 5]].to_csv().encode())
        assert reader.read(path, path.read_bytes()).samples == (counts.index[i + 5],)
    assert len(calls) == 1


def test_worker_in_another_process_scores_the_same():
    """What is sent is what is needed: panels, reference, options."""
    scoring = Scoring.of("prostate", Reference.load("tcga-prad"), Reading(), None, 0.5, 0)
    again = Scoring.unpacked(scoring.packed())
    assert again.digest == scoring.digest
    assert again.keys == scoring.keys


# -- fitted panels -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def array() -> pd.DataFrame:
    return log2_table(240, 3, others=120)


@pytest.fixture(scope="module")
def with_age() -> FittedPanel:
    return panel_with_age()


def test_fitted_panel_takes_each_samples_covariates(array, with_age, tmp_path, small_blocks):
    array.to_csv(tmp_path / "t.csv")
    age = pd.DataFrame({"age": np.linspace(40, 80, 240)}, index=array.index)
    age = age.drop(["s3", "s200"]).sample(frac=1, random_state=0)
    how = {"panel": with_age, "covariates": age}
    found = score_file(
        tmp_path / "t.csv", out=tmp_path / "a.csv", unit="log2", batch_rows=50, **how
    )
    whole = mirrisk.score(mirrisk.read(tmp_path / "t.csv", unit="log2"), **how)
    whole.write(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert set(found.notes) == set(whole.notes)
    assert len(found.notes) == len(whole.notes)


def test_batch_without_a_covered_sample_is_scored_as_the_whole_has_it(
    array, with_age, tmp_path, small_blocks
):
    array.to_csv(tmp_path / "t.csv")
    age = pd.DataFrame({"age": 70.0}, index=array.index[:100])
    how = {"panel": with_age, "covariates": age}
    found = score_file(
        tmp_path / "t.csv", out=tmp_path / "a.csv", unit="log2", batch_rows=50, **how
    )
    whole = mirrisk.score(mirrisk.read(tmp_path / "t.csv", unit="log2"), **how)
    whole.write(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert set(found.notes) == set(whole.notes)
    assert len(found.notes) == len(whole.notes)
    assert any(note.startswith("no covariates for 140 samples (s100, ") for note in found.notes)


@pytest.mark.parametrize("work", [score_file, score_files])
def test_reference_beside_a_fitted_panel_is_refused_before_reading(work, with_age, tmp_path):
    with pytest.raises(MismatchError, match="brings its own"):
        work("nowhere.csv", panel=with_age, reference="cohort", out=tmp_path / "a.csv")


def test_covariates_of_other_samples_are_refused(array, with_age, tmp_path, small_blocks):
    array.to_csv(tmp_path / "t.csv")
    age = pd.DataFrame({"age": [60.0]}, index=["T0"])
    how = {"panel": with_age, "covariates": age, "unit": "log2"}
    with pytest.raises(MismatchError, match="no sample of the table"):
        score_file(tmp_path / "t.csv", out=tmp_path / "a.csv", **how)
    result = score_files([tmp_path / "t.csv"], out=tmp_path / "out", **how)
    assert "no sample of the table" in result.failed[0].error
