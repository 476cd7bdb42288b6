"""Any valid table, written in any format and orientation and read again, scores bit for bit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cohorts import counts_like, log2_table, member, panel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mirrisk
from mirrisk.nomenclature import accession_of
from mirrisk.reference import Reference
from mirrisk.tables import as_expression

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirrisk.expression import Expression
    from mirrisk.panel import Panel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what its own dependencies deprecate is not ours
    try:
        import anndata
    except ImportError:
        anndata = None

# -- tables ------------------------------------------------------------------------------------

MATURE = ("hsa-miR-34a-5p", "hsa-miR-424-5p", "hsa-miR-16-5p", "hsa-miR-26a-5p", "hsa-miR-21-5p")
STEM_LOOP_PANEL = "prostate"


@cache
def toy() -> Panel:
    return panel(*(member(name, name) for name in MATURE), cancer="liver")


def log2(n: int, seed: int) -> pd.DataFrame:
    return log2_table(n, seed, MATURE, others=110)


def cpm(n: int, seed: int) -> pd.DataFrame:
    linear = np.exp2(log2(n, seed))
    return linear.div(linear.sum(axis=1), axis=0) * 9e5


def mature_counts(n: int, seed: int) -> pd.DataFrame:
    return (cpm(n, seed) * 3).round()


def ct(n: int, seed: int) -> pd.DataFrame:
    return 38.0 - log2(n, seed)


def delta_ct(n: int, seed: int) -> pd.DataFrame:
    return 12.0 - log2(n, seed)


def stem_loop_counts(n: int, seed: int) -> pd.DataFrame:
    return counts_like("tcga-prad", n, seed).astype(float)


MADE: dict[tuple[str, str], Callable[[int, int], pd.DataFrame]] = {
    ("counts", "stem-loop"): stem_loop_counts,
    ("counts", "mature"): mature_counts,
    ("cpm", "mature"): cpm,
    ("log2", "mature"): log2,
    ("delta_ct", "mature"): delta_ct,
    ("ct", "mature"): ct,
}
"""How to make tables of a unit and level."""


@cache
def reference(unit: str, level: str) -> tuple[Reference, Any]:
    """A reference for such tables, and the panel that goes with it."""
    if level == "stem-loop":
        return Reference.load("tcga-prad"), STEM_LOOP_PANEL
    cohort = MADE[unit, level](60, 0)
    return Reference.fit(cohort, name="cohort", unit=unit, panels=[toy()]), toy()


def accession(name: str) -> str:
    return accession_of(name) or name


STYLES: dict[str, Callable[[str], str]] = {
    "miRBase": lambda name: name,
    "no prefix": lambda name: name.removeprefix("hsa-"),
    "make.names": lambda name: name.replace("-", "."),
    "accession": accession,
    "name and accession": lambda name: f"{name}|{accession(name)}",
}
"""How platforms print the names of mature miRNAs."""

# No line breaks and no spaces at the ends: a name is what is left without them in every format.
# No '=' in front, which a spreadsheet takes for a formula.
LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="=")
# With a K: a sample called SD, Sum or Start is taken for annotation, and said to be.
SAMPLE = st.text(LETTERS | st.just(" "), max_size=8).map(lambda name: f"K{name}".strip())
NAMES = st.lists(SAMPLE, min_size=1, max_size=5, unique=True)


class Table(NamedTuple):
    """A table and what a user would say of it."""

    frame: pd.DataFrame
    unit: str
    level: str


@st.composite
def tables(draw: st.DrawFn) -> Table:
    unit, level = draw(st.sampled_from(sorted(MADE)))
    samples = draw(NAMES)
    frame = MADE[unit, level](len(samples), draw(st.integers(1, 2**31))).set_axis(samples)
    style = STYLES["miRBase" if level == "stem-loop" else draw(st.sampled_from(sorted(STYLES)))]
    frame.columns = [style(name) for name in frame.columns]
    for _ in range(draw(st.integers(0, 4))):
        row, column = (draw(st.integers(0, size - 1)) for size in frame.shape)
        frame.iloc[row, column] = np.nan
    # Members of the panel among what is missing, too.
    if draw(st.booleans()):
        frame.iloc[0, 0] = np.nan
    if draw(st.booleans()):
        frame = frame.iloc[:, ::-1]
    return Table(frame, unit, level)


# -- formats -----------------------------------------------------------------------------------

Written = Path | object
"""A file, or a frame in memory."""


def text(frame: pd.DataFrame, path: Path, **how: Any) -> Path:
    path.write_text(frame.to_csv(lineterminator="\n", **how), encoding="utf-8")
    return path


def packed(pack: Callable[[bytes], bytes]) -> Callable[[pd.DataFrame, Path], Path]:
    def write(frame: pd.DataFrame, path: Path) -> Path:
        path.write_bytes(pack(frame.to_csv(lineterminator="\n").encode()))
        return path

    return write


def parquet(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_parquet(path)
    return path


def feather(frame: pd.DataFrame, path: Path) -> Path:
    frame.rename_axis("name").reset_index().to_feather(path)
    return path


def as_excel_keeps_it(value: float) -> float:
    """Fifteen digits; its writers drop the rest."""
    return float(f"{value:.15g}")


def xlsx(frame: pd.DataFrame, path: Path) -> Path:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("data")
    sheet.append([None, *frame.columns])
    for name, row in zip(frame.index, frame.to_numpy(), strict=True):
        sheet.append([name, *(None if np.isnan(value) else float(value) for value in row)])
    book.save(path)
    return path


def h5ad(frame: pd.DataFrame, path: Path) -> Path:
    in_anndata(frame, path).write_h5ad(path)
    return path


def in_anndata(frame: pd.DataFrame, _: Path) -> Any:
    return anndata.AnnData(
        frame.to_numpy(),
        obs=pd.DataFrame(index=frame.index.astype(str)),
        var=pd.DataFrame(index=frame.columns.astype(str)),
    )


def in_polars(frame: pd.DataFrame, _: Path) -> pl.DataFrame:
    values = {name: frame[name].to_numpy() for name in frame.columns}
    return pl.DataFrame({"name": list(frame.index), **values})


def in_pyarrow(frame: pd.DataFrame, _: Path) -> pa.Table:
    values = {name: pa.array(frame[name].to_numpy(), from_pandas=True) for name in frame.columns}
    return pa.table({"name": list(frame.index), **values})


FORMATS: dict[str, Callable[[pd.DataFrame, Path], Written]] = {
    "csv": text,
    "tsv": lambda frame, path: text(frame, path, sep="\t"),
    "semicolon and decimal comma": lambda frame, path: text(frame, path, sep=";", decimal=","),
    "gz": packed(gzip.compress),
    "bz2": packed(bz2.compress),
    "xz": packed(lzma.compress),
    "zst": packed(lambda content: pa.compress(content, "zstd", asbytes=True)),
    "UTF-16": packed(lambda content: content.decode().encode("utf-16")),
    "CR": packed(lambda content: content.replace(b"\n", b"\r")),
    "parquet": parquet,
    "feather": feather,
    "xlsx": xlsx,
    "polars": in_polars,
    "pyarrow": in_pyarrow,
    "pandas": lambda frame, path: frame,
}
if anndata is not None:
    FORMATS |= {"h5ad": h5ad, "AnnData": in_anndata}


def read(written: Written, how: dict[str, Any]) -> Expression:
    return (
        mirrisk.read(written, **how) if isinstance(written, Path) else as_expression(written, **how)
    )


# -- the property ------------------------------------------------------------------------------

RESULTS = ("score", "percentile", "coverage", "score_low", "score_high")
PARTS = ("value", "percentile", "z", "weight", "contribution")


def assert_same_scores(table: Table, form: str, *, turned: bool) -> None:
    fitted, of = reference(table.unit, table.level)
    if form == "xlsx":
        table = table._replace(frame=table.frame.map(as_excel_keeps_it))
    frame = table.frame.T if turned else table.frame
    how = {"unit": table.unit}
    directly = as_expression(table.frame.to_numpy(), feature_names=list(table.frame.columns), **how)
    with TemporaryDirectory() as folder:
        found = read(FORMATS[form](frame, Path(folder) / "table"), how)
    assert found.samples == tuple(table.frame.index)
    assert found.level == directly.level == table.level
    one, other = (
        mirrisk.score(X, panel=of, reference=fitted, min_reads=0) for X in (directly, found)
    )
    for a, b, columns in (
        (one.scores, other.scores, RESULTS),
        (one.contributions, other.contributions, PARTS),
    ):
        for column in columns:
            assert np.array_equal(a[column], b[column], equal_nan=True), column
    for column in ("flag", "reason", "fragile"):
        assert one.scores[column].tolist() == other.scores[column].tolist()


@pytest.mark.parametrize("turned", [False, True], ids=["samples in rows", "features in rows"])
@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(table=tables())
def test_table_written_and_read_again_gives_the_same_scores(form, turned, table):
    assert_same_scores(table, form, turned=turned)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(table=tables(), form=st.sampled_from(sorted(FORMATS)), turned=st.booleans())
def test_many_tables_written_and_read_again_give_the_same_scores(form, turned, table):
    assert_same_scores(table, form, turned=turned)


def test_every_kind_of_table_is_scored():
    """Where nothing is scored, equal scores would mean nothing."""
    for unit, level in MADE:
        fitted, of = reference(unit, level)
        table = as_expression(MADE[unit, level](5, 3), unit=unit)
        found = mirrisk.score(table, panel=of, reference=fitted, min_reads=0).scores
        assert found["score"].notna().all(), (unit, level)
