"""A table read in parts scores as it does when it is read whole, bit for bit."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cohorts import LIVER, counts_like, log2_table, member, panel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mirrisk
from mirrisk.batch.scoring import Scoring
from mirrisk.errors import InvalidExpressionError, InvalidTableError, NotFoundError
from mirrisk.reference import Reference
from mirrisk.tables.assembly import Reading
from mirrisk.tables.streaming import UnstreamableError, batches, parts_of, stream
from mirrisk.tables.streaming.part import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mirrisk.expression import Expression
    from mirrisk.panel import Panel

N = 150
BLOCK = 20_000
"""Bytes: so small that every table here is of many blocks."""

# -- tables ------------------------------------------------------------------------------------


@cache
def toy() -> Panel:
    return panel(*(member(name, name) for name in LIVER), cancer="liver")


@cache
def base(kind: str) -> pd.DataFrame:
    if kind == "array":
        return log2_table(N, 1, others=120)
    counts = counts_like("tcga-prad", N, 2).astype(float)
    if kind == "counts":
        return counts
    cpm = counts.div(counts.sum(axis=1), axis=0) * 1e6
    return cpm if kind == "cpm" else np.log2(cpm + 1)


UNITS = {"counts": "counts", "cpm": "cpm", "log2": "log2", "array": "log2"}


@cache
def scoring(kind: str) -> Scoring:
    how = Reading(UNITS[kind])
    if kind == "array":
        cohort = log2_table(60, 0, others=120)
        fitted = Reference.fit(cohort, name="array", unit="log2", panels=[toy()], cancer="liver")
        return Scoring.of(toy(), fitted, how, None, 0.5, 0)
    return Scoring.of("prostate", "tcga-prad", how, None, 0.5, 0)


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, pd.DataFrame]:
    kind = draw(st.sampled_from(sorted(UNITS)))
    frame = base(kind).copy()
    frame.index = [f"P-{i}" for i in draw(st.permutations(range(N)))]
    for _ in range(draw(st.integers(0, 4))):
        frame.iloc[draw(st.integers(0, N - 1)), draw(st.integers(0, frame.shape[1] - 1))] = np.nan
    special = draw(st.sampled_from(["none", "empty", "others only", "no reads"]))
    row = draw(st.integers(0, N - 1))
    if special == "empty":
        frame.iloc[row] = np.nan
    elif special == "others only":  # what the panel and the profile look at was not measured
        frame.loc[frame.index[row], [c for c in frame.columns if c in scoring(kind).keys]] = np.nan
    elif special == "no reads" and kind in ("counts", "cpm"):
        frame.iloc[row] = 0.0
    if kind == "array" or draw(st.booleans()):
        for i in range(3):
            frame[f"hsa-mir-{9900 + i}" if kind != "array" else f"hsa-miR-{9900 + i}"] = frame.iloc[
                :, i
            ] * (0.0 if kind == "cpm" else 1.0)
    if draw(st.booleans()):
        frame = frame.iloc[:, ::-1]
    return kind, frame


# -- formats -----------------------------------------------------------------------------------


def text(frame: pd.DataFrame, **how: Any) -> bytes:
    return frame.to_csv(lineterminator="\n", **how).encode()


def as_r_writes(frame: pd.DataFrame) -> bytes:
    """A header one name short, everything that is text in quotes."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(frame.columns)
    frame.to_csv(out, header=False, quoting=csv.QUOTE_NONNUMERIC, na_rep="", lineterminator="\n")
    return out.getvalue().replace('""', "NA").encode()


def row_groups(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, row_group_size=37)


def folder(frame: pd.DataFrame, path: Path) -> None:
    path.mkdir()
    for i, start in enumerate(range(0, len(frame), 61)):
        frame.iloc[start : start + 61].to_parquet(path / f"part-{i}.parquet")


def without_index(frame: pd.DataFrame, path: Path) -> None:
    table = pa.Table.from_pandas(frame.rename_axis("name").reset_index(), preserve_index=False)
    pq.write_table(table.replace_schema_metadata(None), path)


def packed(pack: Callable[[bytes], bytes]) -> Callable[[pd.DataFrame, Path], None]:
    def write(frame: pd.DataFrame, path: Path) -> None:
        path.write_bytes(pack(text(frame)))

    return write


def written(make: Callable[[pd.DataFrame], bytes]) -> Callable[[pd.DataFrame, Path], None]:
    return lambda frame, path: (path.write_bytes(make(frame)), None)[1]


FORMATS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "csv": written(text),
    "tsv": written(lambda frame: text(frame, sep="\t")),
    "names in quotes": written(
        lambda frame: text(frame, quoting=csv.QUOTE_NONNUMERIC, na_rep="NA").replace(b'"NA"', b"NA")
    ),
    "R": written(as_r_writes),
    "CRLF and a mark": written(lambda f: b"\xef\xbb\xbf" + text(f).replace(b"\n", b"\r\n")),
    "comments": written(lambda frame: b"# made by hand\n#\n" + text(frame)),
    "missing as words": written(lambda frame: text(frame, na_rep="#N/A")),
    "gz": packed(gzip.compress),
    "bz2": packed(bz2.compress),
    "xz": packed(lzma.compress),
    "zst": packed(lambda content: pa.compress(content, "zstd", asbytes=True)),
    "parquet": row_groups,
    "parquet without an index": without_index,
    "folder of parquet": folder,
}
WHOLE: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "CR": written(lambda frame: text(frame).replace(b"\n", b"\r")),
    "UTF-16": written(lambda frame: text(frame).decode().encode("utf-16")),
    "feather": lambda frame, path: frame.rename_axis("name").reset_index().to_feather(path),
}
"""What is read whole, and cut."""


# -- the property ------------------------------------------------------------------------------


def scored(scorer: Scoring, parts: Iterable[Expression]) -> tuple[pd.DataFrame, pd.DataFrame]:
    found = [scorer.assess(part) for part in parts]
    return tuple(
        pd.concat([getattr(one, what) for one in found], ignore_index=True)
        for what in ("scores", "contributions")
    )


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def read_in_parts(path: Path, kind: str, rows: int, unit: str | None) -> list[Expression]:
    return list(parts_of(path, Reading(unit), scoring(kind).keys, rows=rows, block_bytes=BLOCK))


@pytest.mark.parametrize("turned", [False, True], ids=["samples in rows", "features in rows"])
@pytest.mark.parametrize("form", FORMATS | WHOLE)
@settings(max_examples=4, deadline=None, derandomize=True, database=None)
@given(table=tables(), rows=st.sampled_from([23, 64, 1000]), stated=st.booleans())
def test_parts_score_as_the_whole_does(form, turned, table, rows, stated):
    assert_same_scores(form, table, rows, turned=turned, stated=stated)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    form=st.sampled_from(sorted(FORMATS | WHOLE)),
    table=tables(),
    rows=st.integers(1, 200),
    turned=st.booleans(),
    stated=st.booleans(),
)
def test_many_tables_in_parts_score_as_the_whole_does(form, table, rows, turned, stated):
    assert_same_scores(form, table, rows, turned=turned, stated=stated)


def assert_same_scores(
    form: str, table: tuple[str, pd.DataFrame], rows: int, *, turned: bool, stated: bool
) -> None:
    kind, frame = table
    unit = UNITS[kind] if stated or kind == "array" else None
    with TemporaryDirectory() as name:
        path = Path(name) / "table"
        (FORMATS | WHOLE)[form](frame.T if turned else frame, path)
        try:
            whole = mirrisk.read(path, unit=unit)
        except InvalidExpressionError as error:
            with pytest.raises(type(error)):
                read_in_parts(path, kind, rows, unit)
            return
        parts = read_in_parts(path, kind, rows, unit)
    assert max(map(len, parts)) <= rows
    assert tuple(s for part in parts for s in part.samples) == whole.samples
    assert {(p.unit, p.level, p.specimen, p.notes) for p in parts} == {
        (whole.unit, whole.level, whole.specimen, whole.notes)
    }
    expected = scored(scoring(kind), [whole])
    for one, other in zip(scored(scoring(kind), parts), expected, strict=True):
        same(one, other)


@pytest.mark.parametrize("turned", [False, True], ids=["samples in rows", "features in rows"])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", UNITS)
def test_common_formats_are_read_in_parts(kind, form, turned, tmp_path):
    """Otherwise the comparison of parts with the whole would compare the whole with itself."""
    frame = base(kind)
    FORMATS[form](frame.T if turned else frame, tmp_path / "table")
    how = Reading(UNITS[kind])
    parts = list(stream(tmp_path / "table", how, scoring(kind).keys, rows=40, block_bytes=BLOCK))
    assert max(map(len, parts)) <= 40
    assert sum(map(len, parts)) == N


@pytest.mark.parametrize("form", WHOLE)
def test_what_cannot_be_cut_is_read_whole(form, tmp_path):
    WHOLE[form](base("log2"), tmp_path / "table")
    with pytest.raises(UnstreamableError):
        list(stream(tmp_path / "table", Reading("log2"), block_bytes=BLOCK))


def test_fractional_counts_with_mirnas_in_rows_are_read_whole(tmp_path):
    """Their sums depend on the order in which they are added."""
    frame = base("counts") + 0.1
    frame.T.to_csv(tmp_path / "turned.csv")
    with pytest.raises(UnstreamableError):
        list(stream(tmp_path / "turned.csv", Reading("counts"), block_bytes=BLOCK))
    (whole,) = batches(tmp_path / "turned.csv", unit="counts", rows=N)
    assert np.array_equal(whole.totals, mirrisk.read(tmp_path / "turned.csv", unit="counts").totals)


def test_columns_that_nothing_looks_at_are_not_parsed(tmp_path):
    frame = base("log2").assign(**{f"hsa-mir-{9900 + i}": 1.0 for i in range(50)})
    frame.to_csv(tmp_path / "table.csv")
    how, keys = Reading("log2"), frozenset({"hsa-mir-34a", "hsa-mir-21"})
    parts = list(stream(tmp_path / "table.csv", how, keys, block_bytes=BLOCK))
    assert {part.features for part in parts} == {tuple(c for c in frame.columns if c in keys)}


@pytest.mark.parametrize("turned", [False, True], ids=["samples in rows", "features in rows"])
def test_parquet_columns_whose_names_begin_alike_keep_apart(turned, tmp_path):
    """Parquet takes a dot for a path into a nested column."""
    frame = base("log2").rename(columns=lambda name: name.replace("-", "."))
    frame.index = [f"s.{i}" if i else "s" for i in range(N)]
    (frame.T if turned else frame).to_parquet(tmp_path / "table")
    parts = list(stream(tmp_path / "table", Reading("log2"), rows=40))
    found = np.concatenate([part.log_values(["hsa-mir-21"], "stem-loop") for part in parts])
    assert np.array_equal(found[:, 0], frame["hsa.mir.21"].to_numpy())


def test_library_sizes_from_a_column(tmp_path):
    frame = base("counts").iloc[:, :60].assign(reads=base("counts").sum(axis=1))
    how = Reading("counts", library_size="reads")
    for turned in (False, True):
        (frame.T if turned else frame).to_csv(tmp_path / "table.csv")
        parts = list(stream(tmp_path / "table.csv", how, block_bytes=BLOCK))
        found = np.concatenate([part.reads for part in parts])
        assert np.array_equal(found, frame["reads"].to_numpy())


def test_annotation_columns_in_front_are_no_samples(tmp_path):
    frame = base("counts").T
    frame.insert(0, "accession", [f"MI{i:07}x" for i in range(len(frame))])
    frame.insert(1, "Length", 22)
    frame.to_csv(tmp_path / "table.csv")
    parts = list(stream(tmp_path / "table.csv", Reading("counts"), block_bytes=BLOCK))
    assert tuple(s for p in parts for s in p.samples) == tuple(base("counts").index)
    assert "set aside, no sample: accession, Length" in parts[0].notes


def test_blank_line_beside_an_empty_sample_is_no_sample(tmp_path):
    frame = base("array").copy()
    frame.iloc[LATE] = np.nan
    header, *lines = text(frame).decode().splitlines()
    lines.insert(LATE, "," * frame.shape[1])
    (tmp_path / "table.csv").write_text("\n".join([header, *lines]) + "\n")
    keys = set(LIVER)  # the empty sample may hold others of the columns, so all are parsed
    parts = list(stream(tmp_path / "table.csv", Reading("log2"), keys, block_bytes=BLOCK))
    whole = mirrisk.read(tmp_path / "table.csv", unit="log2")
    assert tuple(s for part in parts for s in part.samples) == whole.samples
    assert len(whole) == N


def test_names_of_parquet_are_those_that_all_rows_tell(tmp_path):
    """The first 100 rows are told apart by another column than all of them are."""
    frame = pd.concat([base("log2"), base("log2").rename(lambda name: f"again {name}")])
    batch = [f"plate {min(i, 100)}" for i in range(len(frame))]
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    for name, values in (("name", list(frame.index)), ("batch", batch)):
        table = table.add_column(0, name, pa.array(values))
    pq.write_table(table, tmp_path / "table")
    whole = mirrisk.read(tmp_path / "table", unit="log2")
    assert whole.samples == tuple(frame.index)
    parts = list(batches(tmp_path / "table", unit="log2", rows=40))
    assert tuple(s for part in parts for s in part.samples) == whole.samples
    assert {part.notes for part in parts} == {whole.notes}


@pytest.mark.parametrize("kind", ["counts", "log2"])
def test_column_of_remarks_that_begin_far_down_is_no_sample(kind, tmp_path):
    frame = base(kind).T.assign(remark="")
    frame.loc[frame.index[60:], "remark"] = "seen before"
    frame.to_csv(tmp_path / "table.csv")
    whole = mirrisk.read(tmp_path / "table.csv", unit=UNITS[kind])
    how, keys = Reading(UNITS[kind]), scoring(kind).keys
    parts = list(parts_of(tmp_path / "table.csv", how, keys, rows=40, block_bytes=BLOCK))
    assert tuple(s for part in parts for s in part.samples) == whole.samples
    assert "remark" not in whole.samples
    assert {part.notes for part in parts} == {whole.notes}


# -- faults ------------------------------------------------------------------------------------

LATE = 140
"""A row far behind the first ones."""


def fault_of(path: Path, kind: str, **how: Any) -> tuple[str, str]:
    """The message of the whole reader, and that of the one in parts."""
    with pytest.raises((InvalidTableError, InvalidExpressionError)) as whole:
        scoring(kind).assess(mirrisk.read(path, **how))
    with pytest.raises((InvalidTableError, InvalidExpressionError)) as parts:
        scored(scoring(kind), stream(path, Reading(**how), scoring(kind).keys, block_bytes=BLOCK))
    return str(whole.value), str(parts.value)


@pytest.mark.parametrize("turned", [False, True], ids=["samples in rows", "features in rows"])
@pytest.mark.parametrize(
    ("kind", "cell"),
    [("log2", "high"), ("log2", "12.5x"), ("counts", "-3"), ("counts", "inf"), ("counts", "1 000")],
)
def test_bad_cell_far_down_is_named(kind, cell, turned, tmp_path):
    frame = base(kind).astype(object)
    frame.iloc[LATE, frame.columns.get_loc("hsa-mir-21")] = cell
    (frame.T if turned else frame).to_csv(tmp_path / "table.csv")
    whole, parts = fault_of(tmp_path / "table.csv", kind, unit=UNITS[kind])
    assert parts == whole
    assert frame.index[LATE] in parts
    assert "hsa-mir-21" in parts


@pytest.mark.parametrize("turned", [False, True], ids=["samples in rows", "features in rows"])
def test_ragged_row_is_counted_from_the_header(turned, tmp_path):
    lines = text(base("log2").T if turned else base("log2")).decode().splitlines()
    lines[LATE] += ",1"
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    whole, parts = fault_of(tmp_path / "table.csv", "log2", unit="log2")
    assert parts == whole
    assert f"row {LATE} after the header" in parts


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_sample_that_comes_again_in_another_part_is_refused(form, tmp_path):
    frame = base("log2")
    FORMATS[form](frame.rename({frame.index[LATE]: frame.index[3]}), tmp_path / "table")
    whole, parts = fault_of(tmp_path / "table", "log2", unit="log2")
    assert parts == whole
    assert repr(frame.index[3]) in parts


def test_unit_that_the_first_rows_contradict_is_refused(tmp_path):
    base("log2").to_csv(tmp_path / "table.csv")
    whole, parts = fault_of(tmp_path / "table.csv", "log2", unit="counts")
    assert parts == whole


def test_file_cut_short_is_refused(tmp_path):
    content = gzip.compress(text(base("log2")))
    (tmp_path / "table.csv.gz").write_bytes(content[:-2000])
    with pytest.raises(InvalidTableError, match="damaged or cut short"):
        list(stream(tmp_path / "table.csv.gz", Reading("log2"), block_bytes=BLOCK))


def test_missing_file_is_told():
    with pytest.raises(NotFoundError, match="nowhere"):
        next(batches("nowhere.csv"))


@pytest.mark.parametrize("rows", [0, -1, True, 1.5])
def test_batches_of_less_than_a_sample_are_refused(rows, tmp_path):
    base("log2").to_csv(tmp_path / "table.csv")
    with pytest.raises(InvalidTableError, match=f"rows is {rows}"):
        next(batches(tmp_path / "table.csv", rows=rows))


def test_names_are_compared_over_many_parts():
    seen = Seen()
    for start in range(0, 1000, 10):
        seen.add(tuple(f"s{i}" for i in range(start, start + 10)))
    with pytest.raises(InvalidExpressionError, match="'s123', 's7'"):
        seen.add(("x", "s123", "s7"))
    with pytest.raises(InvalidExpressionError, match="'y'"):
        seen.add(("y", "z", "y"))


# -- memory ------------------------------------------------------------------------------------

PEAK = """
import re, sys
from mirrisk.tables.assembly import Reading
from mirrisk.tables.streaming import stream
for part in stream(sys.argv[1], Reading("log2"), {"hsa-mir-21"}, block_bytes=1 << 18):
    part.log_values(["hsa-mir-21"], "stem-loop")
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is there on Linux only")
def test_memory_does_not_grow_with_the_samples(tmp_path):
    header, *lines = text(base("log2").round(4)).decode().splitlines()
    peaks = []
    for times in (10, 100):
        path = tmp_path / f"{times}.csv"
        with path.open("w") as file:
            file.write(header + "\n")
            for i in range(times):
                file.writelines(f"r{i}{line}\n" for line in lines)
        command = [sys.executable, "-c", PEAK, str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.15 * peaks[0]
