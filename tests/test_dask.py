"""Scores on a Dask cluster: the same rows, bit for bit, whatever becomes of its workers."""

from __future__ import annotations

import os
import signal
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cohorts import counts_like, log2_table, panel_with_age
from sklearn.linear_model import LogisticRegression

import mirrisk
from mirrisk.batch import engines, score_file, score_files
from mirrisk.cli import main
from mirrisk.errors import (
    InvalidReferenceError,
    InvalidTableError,
    MirriskError,
    MismatchError,
    MissingExtraError,
)
from mirrisk.notes import Note
from mirrisk.reference import Reference
from mirrisk.tables import as_expression
from mirrisk.validation.resampling import nested_cv

pytest.importorskip("dask.dataframe", reason="needs mirrisk[dask]")
distributed = pytest.importorskip("distributed", reason="needs mirrisk[dask]")
import dask.dataframe as dd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Dask's own, on its way out: not for us to mend.
pytestmark = pytest.mark.filterwarnings("default")

AGAINST: dict[str, Any] = {"panel": "prostate", "reference": "tcga-prad"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes; their nannies start new ones in place of those that end."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def counts() -> pd.DataFrame:
    frame = counts_like("tcga-prad", 400, 8)
    frame.iloc[7] = 0
    return frame.rename({"s3": "=s3()"})


@pytest.fixture(scope="module")
def whole(counts: pd.DataFrame) -> mirrisk.Assessment:
    return mirrisk.score(counts, unit="counts", **AGAINST)


def workers(client: Any) -> list[int]:
    return [int(pid) for pid in client.run(os.getpid).values()]


def same(lazy: Any, frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        plain_text(lazy.reset_index(drop=True)), plain_text(frame), check_exact=True
    )


def plain_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Forget which of pandas' kinds of text a column is: on pandas 2 Dask has its own."""
    text = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name].dtype)]
    return frame.astype(dict.fromkeys(text, object))


# -- data frames -------------------------------------------------------------------------------


@pytest.mark.parametrize("npartitions", [1, 3, 40])
def test_frame_scores_as_in_memory(npartitions, counts, whole):
    lazy = mirrisk.score(
        dd.from_pandas(counts, npartitions=npartitions, sort=False), unit="counts", **AGAINST
    )
    assert lazy.reference.name == "tcga-prad"
    same(lazy.scores.compute(scheduler="synchronous"), whole.scores)
    same(lazy.contributions.compute(scheduler="synchronous"), whole.contributions)


def test_frame_with_names_in_a_column_scores_as_in_memory(counts, whole):
    frame = counts.rename_axis("sample").reset_index()
    lazy = mirrisk.score(dd.from_pandas(frame, npartitions=4), unit="counts", **AGAINST)
    same(lazy.scores.compute(scheduler="synchronous"), whole.scores)
    assert "names are taken from column 'sample'" in lazy.notes[0]


def test_columns_of_the_frame_are_those_of_the_scores_before_anything_is_scored(counts, whole):
    lazy = mirrisk.score(
        dd.from_pandas(counts, npartitions=3, sort=False), unit="counts", **AGAINST
    )
    assert list(lazy.scores.columns) == list(whole.scores.columns)
    numeric = pd.api.types.is_numeric_dtype
    assert [*map(numeric, lazy.scores.dtypes)] == [*map(numeric, whole.scores.dtypes)]


def test_unit_is_inferred_from_the_first_samples(counts, whole):
    lazy = mirrisk.score(dd.from_pandas(counts, npartitions=9, sort=False), **AGAINST)
    same(lazy.scores.compute(scheduler="synchronous"), whole.scores)
    assert any(note.startswith("unit taken for counts") for note in lazy.notes)


def test_frame_with_mirnas_in_rows_is_refused(counts):
    with pytest.raises(InvalidTableError, match="miRNAs in rows"):
        mirrisk.score(dd.from_pandas(counts.T, npartitions=2), unit="counts", **AGAINST)


def test_frame_is_not_its_own_reference(counts):
    frame = dd.from_pandas(counts, npartitions=2, sort=False)
    with pytest.raises(MismatchError, match="whole table"):
        mirrisk.score(frame, panel="prostate", reference="cohort", unit="counts")


@pytest.mark.parametrize(
    "how",
    [
        {"unit": "ct"},
        {"unit": "ct", "undetermined": "limit"},
        {"unit": "counts", "duplicates": "sum"},
        {"unit": "counts", "library_size": [4e6] * 400},
        {"unit": "counts", "library_size": pd.Series(4e6, index=[f"s{i}" for i in range(400)])},
    ],
    ids=lambda how: next(reversed(how)),
)
def test_what_only_a_whole_table_is_read_with_is_refused(how, counts):
    frame = dd.from_pandas(counts % 40, npartitions=2, sort=False)
    with pytest.raises(MismatchError, match="only a whole table") as told:
        mirrisk.score(frame, **AGAINST, **how)
    assert "mirrisk.score_file" in told.value.remedy


def test_names_beside_those_of_the_frame_are_refused(counts):
    frame = dd.from_pandas(counts, npartitions=2, sort=False)
    with pytest.raises(MismatchError, match="feature_names"):
        mirrisk.score(frame, feature_names=list(counts.columns), **AGAINST)


def test_library_sizes_may_stand_in_a_column(counts):
    some = counts.drop(index="s7").iloc[:, ::2].assign(reads=4_500_000)
    whole = mirrisk.score(as_expression(some, library_size="reads"), **AGAINST)
    frame = dd.from_pandas(some, npartitions=3, sort=False)
    lazy = mirrisk.score(frame, library_size="reads", **AGAINST)
    same(lazy.scores.compute(scheduler="synchronous"), whole.scores)


@pytest.mark.parametrize("covered", [slice(0, 50), slice(110, 120)])
def test_partition_without_a_covered_sample_scores_as_the_whole_has_it(covered):
    values = log2_table(120, 3, others=120)
    age = pd.DataFrame({"age": 70.0}, index=values.index[covered])
    how: dict[str, Any] = {"panel": panel_with_age(), "covariates": age, "unit": "log2"}
    lazy = mirrisk.score(dd.from_pandas(values, npartitions=4, sort=False), **how)
    same(lazy.scores.compute(scheduler="synchronous"), mirrisk.score(values, **how).scores)


def test_what_holds_of_all_samples_is_noted_and_nothing_that_holds_of_some(counts, whole):
    values = log2_table(120, 3, others=120)
    age = pd.DataFrame({"age": 70.0}, index=values.index[:50])
    how: dict[str, Any] = {"panel": panel_with_age(), "covariates": age, "unit": "log2"}
    lazy = mirrisk.score(dd.from_pandas(values, npartitions=4, sort=False), **how)
    inside = mirrisk.score(values, **how).notes
    assert "panel mine: Made up." in lazy.notes
    assert set(lazy.notes) == {note for note in inside if not isinstance(note, Note)}
    of_counts = mirrisk.score(dd.from_pandas(counts, npartitions=2, sort=False), **AGAINST).notes
    assert not [note for note in of_counts if "reads" in note]


def test_row_without_a_name_is_refused_when_its_partition_is_scored(counts):
    frame = counts.rename_axis("sample").reset_index()
    frame.loc[390, "sample"] = None
    lazy = mirrisk.score(dd.from_pandas(frame, npartitions=8, sort=False), unit="counts", **AGAINST)
    with pytest.raises(InvalidTableError, match="a sample without a name"):
        lazy.scores.compute(scheduler="synchronous")


def test_reference_is_asked_for_before_anything_is_scored(counts):
    frame = dd.from_pandas(counts, npartitions=2, sort=False)
    with pytest.raises(InvalidReferenceError, match="no reference"):
        mirrisk.score(frame, panel="prostate", unit="counts")


def test_bad_cell_is_told_when_its_partition_is_scored(counts):
    frame = counts.astype(float)
    frame.iloc[390, 4] = -1
    lazy = mirrisk.score(dd.from_pandas(frame, npartitions=8, sort=False), unit="counts", **AGAINST)
    with pytest.raises(MirriskError, match="negative value"):
        lazy.scores.compute(scheduler="synchronous")


def test_frame_is_whole_and_identical_though_a_worker_is_killed(cluster, counts, whole):
    with distributed.Client(cluster) as client:
        slow = dd.from_pandas(counts, npartitions=40, sort=False).map_partitions(
            _slowly, meta=counts.iloc[:0]
        )
        lazy = mirrisk.score(slow, unit="counts", **AGAINST)
        future = client.compute(lazy.scores)
        time.sleep(0.6)
        assert not future.done()
        os.kill(workers(client)[0], signal.SIGKILL)
        same(future.result(timeout=120), whole.scores)


def _slowly(frame: pd.DataFrame) -> pd.DataFrame:
    time.sleep(0.08)
    return frame


# -- files -------------------------------------------------------------------------------------


@pytest.fixture
def table(counts: pd.DataFrame, tmp_path: Path) -> Path:
    counts.to_csv(tmp_path / "counts.csv")
    return tmp_path / "counts.csv"


def test_file_is_whole_and_identical_though_a_worker_is_killed(
    cluster, table, whole, tmp_path, monkeypatch
):
    from mirrisk.batch.sinks import CsvSink

    written = []
    write = CsvSink.write

    def kill_in_the_middle(self: CsvSink, frame: pd.DataFrame) -> None:
        written.append(len(frame))
        if len(written) == 6:
            with distributed.Client(cluster) as client:
                os.kill(workers(client)[1], signal.SIGKILL)
        write(self, frame)

    monkeypatch.setattr(CsvSink, "write", kill_in_the_middle)
    found = score_file(
        table,
        **AGAINST,
        out=tmp_path / "a.csv",
        batch_rows=10,
        engine="dask",
        scheduler=cluster.scheduler_address,
    )
    whole.write(tmp_path / "b.csv")
    assert len(written) == 40
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert found.n_samples == 400
    assert found.flags["prostate"] == whole.scores["flag"].value_counts().to_dict()


def test_many_files_are_those_of_one_process(cluster, counts, tmp_path, monkeypatch):
    monkeypatch.setattr("mirrisk.batch.manyfiles.CHUNK", 4)
    files = tmp_path / "in"
    files.mkdir()
    for i in range(11):
        counts.iloc[[i + 20]].T.to_csv(files / f"f{i:02}.tsv", sep="\t")
    (files / "f99.tsv").write_text("")
    address = cluster.scheduler_address
    how = {**AGAINST, "contributions": tmp_path / "parts.csv"}
    there = score_files(files, out=tmp_path / "a.csv", engine="dask", scheduler=address, **how)
    contributions = (tmp_path / "parts.csv").read_bytes()
    here = score_files(files, out=tmp_path / "b.csv", **how)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert contributions == (tmp_path / "parts.csv").read_bytes()
    assert [f.file for f in there.failed] == [f.file for f in here.failed]
    assert there.notes == here.notes
    assert not list(tmp_path.glob(".*"))


def test_bad_cell_of_a_file_is_told_from_afar(cluster, counts, tmp_path):
    frame = counts.astype(float)
    frame.iloc[390, 4] = -1
    frame.to_csv(tmp_path / "t.csv")
    how = {"out": tmp_path / "a.csv", "engine": "dask", "scheduler": cluster.scheduler_address}
    with pytest.raises(MirriskError, match="negative value"):
        score_file(tmp_path / "t.csv", **AGAINST, **how)
    assert not (tmp_path / "a.csv").exists()


def test_command_line_takes_a_scheduler(cluster, table, whole, tmp_path, capsys):
    out = tmp_path / "a.csv"
    options = ["--panel", "prostate", "--reference", "tcga-prad", "--out", str(out)]
    dask = ["--engine", "dask", "--scheduler", cluster.scheduler_address]
    assert main(["score", str(table), *options, *dask]) == 0
    whole.write(tmp_path / "b.csv")
    assert out.read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert "prostate 1.0.0: " in capsys.readouterr().err


def test_scheduler_without_the_engine_is_refused(table, tmp_path):
    with pytest.raises(MirriskError, match="without an engine"):
        score_file(table, **AGAINST, out=tmp_path / "a.csv", scheduler="tcp://localhost:1")


def test_engine_that_is_not_installed_is_told_with_the_command(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"mirrisk\[dask\]"):
        engines.engine_of("dask")


# -- resampling --------------------------------------------------------------------------------


def test_resampling_on_a_cluster_is_that_of_one_process(cluster):
    import joblib

    X = np.random.default_rng(1).normal(size=(90, 4))
    y = (X[:, 0] + np.random.default_rng(2).normal(size=90) > 0.5).astype(int)
    scheme: dict[str, Any] = {"folds": 4, "repeats": 2, "seed": 7}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = nested_cv(LogisticRegression(), X, y, n_jobs=1, **scheme)
        with distributed.Client(cluster), joblib.parallel_config(backend="dask"):
            there = nested_cv(LogisticRegression(), X, y, **scheme)
    assert np.array_equal(there.risks, alone.risks)
    assert str(there) == str(alone)


def test_reference_survives_the_way_to_another_process():
    from distributed.protocol import deserialize, serialize

    reference = Reference.load("tcga-prad")
    again = deserialize(*serialize(reference))
    assert again.digest == reference.digest
