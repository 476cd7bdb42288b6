"""One table, many ways to its scores: batch size, orientation, format, engine, workers."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from cohorts import LIVER, counts_like, log2_table

import mirrisk
from mirrisk.batch import score_file, score_files
from mirrisk.errors import MirriskWarning

if TYPE_CHECKING:
    from pathlib import Path

AGAINST: dict[str, Any] = {"panel": "all", "reference": "tcga-brca"}


@cache
def counts() -> pd.DataFrame:
    """Libraries of several depths with gaps, an empty one, one that fits nothing."""
    frame = counts_like("tcga-brca", 130, 9).astype(float)
    frame.iloc[::5] = counts_like("tcga-brca", 26, 10, reads=8e4).to_numpy()
    frame.iloc[12, 5:9] = np.nan
    frame.iloc[40] = 0
    frame.iloc[41] = frame.iloc[41].to_numpy()[::-1]
    return frame


@cache
def table(unit: str) -> pd.DataFrame:
    frame = counts()
    if unit == "counts":
        return frame
    return np.log2(frame.div(frame.sum(axis=1).clip(lower=1), axis=0) * 1e6 + 1)


@cache
def alone(unit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every sample scored by itself: what all other ways have to give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        found = [
            mirrisk.score(table(unit).iloc[[i]], unit=unit, **AGAINST) for i in range(len(counts()))
        ]
    return tuple(
        pd.concat([getattr(one, what) for one in found], ignore_index=True)
        for what in ("scores", "contributions")
    )


def write(frame: pd.DataFrame, form: str, path: Path) -> Path:
    if form == "parquet":
        frame.to_parquet(path, row_group_size=29)
    elif form == "folder":
        path.mkdir()
        for i, start in enumerate(range(0, len(frame), 50)):
            frame.iloc[start : start + 50].to_parquet(path / f"{i}.parquet")
    else:
        frame.to_csv(path, sep="\t" if form == "tsv" else ",", compression=form_of(form))
    return path


def form_of(form: str) -> Any:
    return "gzip" if form == "gz" else None


def score_into(folder: Path, path: Path, unit: str, **how: Any) -> tuple[pd.DataFrame, ...]:
    out, parts = folder / "a.parquet", folder / "b.parquet"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        score_file(path, **AGAINST, unit=unit, out=out, contributions=parts, **how)
    return pd.read_parquet(out), pd.read_parquet(parts)


def bits(column: pd.Series) -> bytes:
    """A column's bits; what is not a number has one of several, which say the same."""
    values = column.to_numpy(float)
    return np.where(np.isnan(values), np.nan, values).tobytes()


def same(found: tuple[pd.DataFrame, ...], unit: str) -> None:
    for one, expected in zip(found, alone(unit), strict=True):
        assert len(one) == len(expected)
        for name in expected.columns:
            a, b = one[name], expected[name]
            if pd.api.types.is_numeric_dtype(b):
                assert bits(a) == bits(b), name
            else:
                assert a.fillna("").tolist() == b.fillna("").tolist(), name


@pytest.mark.parametrize("unit", ["counts", "log2"])
@pytest.mark.parametrize("turned", [False, True], ids=["samples in rows", "miRNAs in rows"])
@pytest.mark.parametrize("form", ["csv", "tsv", "gz", "parquet", "folder"])
@pytest.mark.parametrize("rows", [1, 17, 1000])
def test_batches_formats_and_orientations_give_the_same_bits(unit, turned, form, rows, tmp_path):
    if form == "folder" and turned:
        pytest.skip("a folder of Parquet files holds samples one below the other")
    frame = table(unit).T if turned else table(unit)
    found = score_into(tmp_path, write(frame, form, tmp_path / "t"), unit, batch_rows=rows)
    same(found, unit)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_batches_of_cycles_give_the_same_rows_though_some_lack_their_normalisers(rows, tmp_path):
    controls = ["U6", "RNU44", "RNU48"]
    table = 40 - log2_table(60, 3, [*LIVER, *controls])
    table.iloc[20:30, [table.columns.get_loc(name) for name in controls]] = np.nan
    learned = table.drop(index=table.index[20:30])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        reference = mirrisk.Reference.fit(learned, unit="ct", name="wells", normalisers=controls)
    table.to_csv(tmp_path / "t.csv")
    how: dict[str, Any] = {"panel": "liver", "reference": reference, "unit": "ct"}
    found = score_file(tmp_path / "t.csv", out=tmp_path / "a.parquet", batch_rows=rows, **how)
    whole = mirrisk.score(mirrisk.read(tmp_path / "t.csv", unit="ct"), panel="liver",
                          reference=reference)  # fmt: skip
    assert set(found.notes) == set(whole.notes)
    again = pd.read_parquet(tmp_path / "a.parquet")
    assert bits(again["score"]) == bits(whole.scores["score"])
    assert again["reason"].tolist() == whole.scores["reason"].tolist()
    assert (again["reason"].iloc[20:30] == "low_coverage").all()


@pytest.mark.parametrize("unit", ["counts", "log2"])
def test_order_of_columns_and_samples_gives_the_same_bits(unit):
    shuffled = table(unit).sample(frac=1, random_state=0).sample(frac=1, axis=1, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        found = mirrisk.score(shuffled, unit=unit, **AGAINST).scores
    expected = alone(unit)[0].set_index(["sample", "panel"])
    again = found.set_index(["sample", "panel"]).loc[expected.index]
    for name in ("score", "percentile", "coverage", "score_low", "score_high"):
        assert bits(again[name]) == bits(expected[name]), name
    assert again["fragile"].tolist() == expected["fragile"].tolist()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_many_files_and_workers_give_the_same_bits(n_jobs, tmp_path, monkeypatch):
    monkeypatch.setattr("mirrisk.batch.manyfiles.CHUNK", 30)
    files = tmp_path / "in"
    files.mkdir()
    for i in range(len(counts())):
        counts().iloc[[i]].T.to_csv(files / f"{i:03}.csv")
    out, parts = tmp_path / "a.parquet", tmp_path / "b.parquet"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        score_files(files, **AGAINST, unit="counts", out=out, contributions=parts, n_jobs=n_jobs)
    found = tuple(pd.read_parquet(p).drop(columns="file") for p in (out, parts))
    same(found, "counts")


@pytest.mark.filterwarnings("default")  # Dask's own, on its way out
def test_engine_gives_the_same_bits(tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs mirrisk[dask]")
    path = write(table("log2"), "csv", tmp_path / "t")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        found = score_into(
            tmp_path,
            path,
            "log2",
            batch_rows=17,
            engine="dask",
            scheduler=cluster.scheduler_address,
        )
    same(found, "log2")
