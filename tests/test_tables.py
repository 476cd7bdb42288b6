"""Any table in the right form gives the same scores, whatever held it."""

from __future__ import annotations

import bz2
import decimal
import gzip
import io
import lzma
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from cohorts import counts_like

import mirrisk
from mirrisk.errors import InvalidExpressionError, InvalidTableError
from mirrisk.tables import as_expression
from mirrisk.tables.streaming import batches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Halves of reads, as pipelines that divide multimappers write them: decimals matter.
COUNTS = counts_like("tcga-prad", 5, seed=1) + 0.5
CLINICAL = {
    "age": [61, 70, 55, 66, 71],
    "psa": [4.1, np.nan, 1e9, -1.0, 12.5],
    "sex": ["M", None, "M", "M", "unknown"],
}


def scores(X: object, **how: Any) -> pd.DataFrame:
    return mirrisk.score(X, panel="prostate", reference="tcga-prad", **how).scores


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    found = scores(mirrisk.tables.as_expression(COUNTS, unit="counts"))
    assert found["score"].notna().all()
    return found


def csv(frame: pd.DataFrame = COUNTS, **how: Any) -> str:
    return frame.to_csv(lineterminator="\n", **how)


def quoted(text: str) -> str:
    header, *rows = text.splitlines()
    names = [line.partition(",") for line in rows]
    header = ",".join(f'"{name}"' for name in header.split(","))
    return "\n".join([header, *(f'"{name}",{rest}' for name, _, rest in names)])


def annotated() -> pd.DataFrame:
    turned = COUNTS.T
    turned.insert(0, "accession", [f"MI{i:07d}" for i in range(len(turned))])
    return turned.assign(family="mir-x")


FILES: dict[str, Callable[[], str | bytes]] = {
    "CSV": csv,
    "TSV": lambda: csv(sep="\t"),
    "semicolons and decimal comma": lambda: csv(sep=";", decimal=","),
    "semicolons and decimal comma, stated": lambda: "sep=;\n" + csv(sep=";", decimal=","),
    "CRLF": lambda: csv().replace("\n", "\r\n"),
    "CR": lambda: csv().replace("\n", "\r"),
    "UTF-8 with its mark": lambda: csv().encode("utf-8-sig"),
    "UTF-16 with its mark": lambda: csv(sep="\t").encode("utf-16"),
    "gzip": lambda: gzip.compress(csv().encode()),
    "bzip2": lambda: bz2.compress(csv().encode()),
    "xz": lambda: lzma.compress(csv().encode()),
    "zstd": lambda: pa.Codec("zstd").compress(csv().encode(), asbytes=True),
    "comment lines first": lambda: f"# made by us, 2024\n#\n{csv()}",
    "a header one name short, as R writes it": lambda: csv().lstrip(","),
    "quoted names": lambda: quoted(csv(index_label="sample")),
    "an index with a name": lambda: csv(index_label="sample"),
    "features in rows": lambda: csv(COUNTS.T),
    "features in rows behind #": lambda: csv(COUNTS.T, sep="\t", index_label="#miRNA"),
    "features in rows beside annotation": lambda: csv(annotated()),
    "a clinical table mixed in": lambda: csv(COUNTS.assign(**CLINICAL)),
    "a clinical table in front": lambda: csv(pd.DataFrame(CLINICAL, COUNTS.index).join(COUNTS)),
    "features in rows, clinical rows mixed in": lambda: csv(COUNTS.assign(**CLINICAL).T),
    "empty rows and columns of a spreadsheet": lambda: (
        "\n".join(f"{line},," for line in csv().splitlines()) + "\n" + "," * (COUNTS.shape[1] + 2)
    ),
}


@pytest.mark.parametrize("form", FILES)
def test_file_in_any_form_gives_the_same_scores(form, expected, tmp_path):
    content = FILES[form]()
    path = tmp_path / "table"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = mirrisk.read(path, unit="counts")
    pd.testing.assert_frame_equal(scores(table), expected, check_exact=True)


def test_standard_input_is_a_file_too(expected, monkeypatch):
    stdin = SimpleNamespace(buffer=io.BytesIO(csv().encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    pd.testing.assert_frame_equal(scores(mirrisk.read("-", unit="counts")), expected)


def test_name_of_a_csv_file_is_not_what_decides(expected, tmp_path):
    path = tmp_path / "counts.gz"
    path.write_text(csv())
    pd.testing.assert_frame_equal(scores(mirrisk.read(str(path), unit="counts")), expected)


# -- frames and arrays -------------------------------------------------------------------------

WHOLE = counts_like("tcga-prad", 5, seed=2)


def objects(of: Callable[[Any], object]) -> pd.DataFrame:
    cells = [[of(cell) for cell in row] for row in WHOLE.to_numpy()]
    return pd.DataFrame(cells, WHOLE.index, WHOLE.columns, dtype=object)


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "int64": lambda: WHOLE,
    "int32": lambda: WHOLE.astype("int32"),
    "uint64": lambda: WHOLE.astype("uint64"),
    "float64": lambda: WHOLE.astype(float),
    "Int64": lambda: WHOLE.astype("Int64"),
    "Float64": lambda: WHOLE.astype("Float64"),
    "pyarrow int64": lambda: WHOLE.astype("int64[pyarrow]"),
    "pyarrow double": lambda: WHOLE.astype("double[pyarrow]"),
    "sparse": lambda: WHOLE.astype(pd.SparseDtype("float", 0.0)),
    "objects that are Python's ints": lambda: objects(int),
    "objects that are NumPy's floats": lambda: objects(np.float64),
    "objects that are decimals": lambda: objects(lambda cell: decimal.Decimal(int(cell))),
    "numbers as text in objects": lambda: objects(str),
    "numbers as text": lambda: WHOLE.astype(str),
    "numbers as pandas' text": lambda: WHOLE.astype("string"),
    "numbers as Arrow's text": lambda: WHOLE.astype(pd.ArrowDtype(pa.string())),
    "transposed": lambda: WHOLE.T,
    "transposed, of mixed types": lambda: WHOLE.assign(**CLINICAL).T,
    "clinical columns": lambda: WHOLE.assign(**CLINICAL, date=pd.Timestamp("2024-05-01")),
    "clinical columns of nullable types": lambda: WHOLE.astype("Int64").assign(
        age=pd.array([61, None, 55, 66, 71], dtype="Int64"),
        site=pd.array(["a", None, "a", "b", "b"], dtype="string"),
        grade=pd.Categorical(["1", "2", "2", None, "3"]),
        alive=pd.array([True, None, False, True, True], dtype="boolean"),
    ),
    "clinical columns of Arrow's types": lambda: WHOLE.astype("int64[pyarrow]").assign(
        age=pd.array([61, None, 55, 66, 71], dtype="int64[pyarrow]"),
        site=pd.array(["a", None, "a", "b", "b"], dtype=pd.ArrowDtype(pa.string())),
    ),
    "columns in another order": lambda: WHOLE.iloc[:, ::-1],
    "column by column in memory": lambda: pd.DataFrame(
        np.asfortranarray(WHOLE.to_numpy(dtype=float)), WHOLE.index, WHOLE.columns
    ),
}


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    return scores(as_expression(WHOLE.to_numpy(), unit="counts", feature_names=list(WHOLE)))


@pytest.mark.parametrize("form", FRAMES)
def test_frame_of_any_type_gives_the_same_scores(form, whole):
    found = scores(FRAMES[form](), unit="counts")
    assert found["sample"].tolist() == list(WHOLE.index)
    pd.testing.assert_frame_equal(
        found.drop(columns="sample"), whole.drop(columns="sample"), check_exact=True
    )


@pytest.mark.parametrize("future", [False, True])
def test_text_columns_of_pandas_2_and_3_are_set_aside_alike(future, whole, recwarn):
    with pd.option_context("future.infer_string", future):
        table = WHOLE.assign(site=["a", None, "b", "c", "d"])
    found = mirrisk.score(table, panel="prostate", reference="tcga-prad", unit="counts")
    assert found.notes[0] == "set aside, no human miRNA: site"
    assert found.scores["score"].tolist() == whole["score"].tolist()


def test_missing_cells_of_nullable_types_are_missing_not_zero():
    column = WHOLE.columns[0]
    for dtype in ("Int64", "Float64", "int64[pyarrow]", "double[pyarrow]"):
        table = WHOLE.astype(dtype)
        table.loc["s1", column] = pd.NA
        values = as_expression(table, unit="counts").values
        assert np.isnan(values[1, 0])
        assert np.isnan(values).sum() == 1


@pytest.mark.parametrize(
    "array",
    [
        WHOLE.to_numpy(),
        np.asfortranarray(WHOLE.to_numpy(dtype=float)),
        WHOLE.to_numpy().astype(object),
        WHOLE.to_numpy().astype(str),
        WHOLE.to_numpy().tolist(),
    ],
    ids=["ints", "floats", "objects", "text", "lists"],
)
def test_array_with_feature_names_gives_the_same_scores(array, whole):
    found = scores(array, unit="counts", feature_names=list(WHOLE))
    assert found["sample"].tolist() == [f"sample_{i}" for i in range(1, 6)]
    assert found["score"].tolist() == whole["score"].tolist()


def test_missing_cells_of_an_object_array_are_missing():
    cells = [[None, 5.5], [float("nan"), pd.NA]]
    found = as_expression(
        np.array(cells, dtype=object),
        unit="log2",
        feature_names=["hsa-miR-21-5p", "hsa-miR-16-5p"],
    )
    np.testing.assert_array_equal(found.values, [[np.nan, 5.5], [np.nan, np.nan]])


@pytest.mark.parametrize(
    "series",
    [
        WHOLE.loc["s3"],
        WHOLE.loc["s3"].astype(object),
        pd.Series({**WHOLE.loc["s3"].to_dict(), "sex": "M", "age": 61}, name="s3"),
    ],
    ids=["ints", "objects", "with clinical values"],
)
def test_series_is_one_sample(series, whole):
    found = scores(series, unit="counts")
    assert found["sample"].tolist() == ["s3"]
    assert found["score"].tolist() == whole["score"].tolist()[3:4]


def test_series_without_a_name_is_called_sample():
    assert scores(WHOLE.loc["s3"].rename(None), unit="counts")["sample"].tolist() == ["sample"]


# -- what is said ------------------------------------------------------------------------------


def notes(table: pd.DataFrame, **how: Any) -> tuple[str, ...]:
    return as_expression(table, **{"unit": "counts", **how}).notes


def test_clinical_columns_are_named_in_the_notes():
    assert notes(WHOLE.assign(**CLINICAL)) == ("set aside, no human miRNA: age, psa, sex",)


def test_long_list_of_columns_set_aside_is_cut_and_counted():
    extra = {f"gene {i}": 1.0 for i in range(8)}
    assert notes(WHOLE.assign(**extra)) == (
        "set aside, no human miRNA: gene 0, gene 1, gene 2, gene 3, gene 4 and 3 more",
    )


def test_clinical_columns_are_never_part_of_the_library():
    alone = as_expression(WHOLE, unit="counts")
    mixed = as_expression(WHOLE.assign(**CLINICAL), unit="counts")
    np.testing.assert_array_equal(mixed.reads, alone.reads)
    np.testing.assert_array_equal(alone.reads, WHOLE.sum(axis=1))


def test_clinical_columns_have_no_say_in_the_unit():
    assert as_expression(WHOLE.assign(**CLINICAL)).unit == "counts"


def test_orientation_is_told_when_the_table_was_turned():
    names = WHOLE.shape[1]
    assert notes(WHOLE) == ()
    assert notes(WHOLE.T) == (f"miRNAs stand in rows ({names} names): the table was turned",)
    assert notes(WHOLE.T, orientation="features_in_rows") == ()


def test_annotation_beside_features_in_rows_is_named():
    assert "set aside, no sample: accession, family" in notes(annotated())


def test_unit_that_was_inferred_is_told_with_its_reason():
    assert notes(WHOLE, unit=None) == ("unit taken for counts: whole numbers, zero or more",)


# -- library sizes and duplicates --------------------------------------------------------------


@pytest.fixture(scope="module")
def cut_down() -> tuple[pd.DataFrame, pd.Series]:
    kept = [c for c in WHOLE if c in mirrisk.Reference.load("tcga-prad").keys]
    return WHOLE[kept], WHOLE.sum(axis=1)


def test_library_size_may_be_a_list_a_column_a_row_or_a_series_in_any_order(cut_down, tmp_path):
    part, reads = cut_down
    as_list = as_expression(part, unit="counts", library_size=list(reads))
    np.testing.assert_array_equal(as_list.reads, reads)
    as_series = as_expression(part, unit="counts", library_size=reads[::-1])
    np.testing.assert_array_equal(as_series.reads, reads)
    for name, table in (("column", part.assign(total=reads)), ("row", part.assign(total=reads).T)):
        path = tmp_path / name
        table.to_csv(path)
        found = mirrisk.read(path, unit="counts", library_size="total")
        np.testing.assert_array_equal(found.reads, reads)
        assert "total" not in found.features


@pytest.mark.parametrize(
    ("sizes", "what"),
    [
        ([1e6, 1e6], "library_size holds 2 values"),
        (["a"] * 5, "library_size holds something that is no number"),
        ([np.inf] * 5, "library size inf"),
        ([0] * 5, "library size 0"),
        ([np.nan] * 5, "library size nan"),
        (pd.Series([1e7, 1e7], ["s0", "s4"]), "library_size has no value for sample 's1'"),
    ],
)
def test_library_size_that_cannot_be_meant_is_refused(cut_down, sizes, what):
    with pytest.raises(InvalidTableError) as caught:
        as_expression(cut_down[0], unit="counts", library_size=sizes)
    assert caught.value.what == what


def doubled(values: list[list[float]], unit: str, how: str) -> list[list[float]]:
    table = pd.DataFrame(values, columns=["hsa-miR-21-5p", "hsa-miR-16-5p", "hsa-miR-21-5p"])
    found = as_expression(table, unit=unit, duplicates=how)
    assert found.features == ("hsa-miR-21-5p", "hsa-miR-16-5p")
    return found.values.tolist()


def test_columns_of_one_name_are_merged_as_asked():
    assert doubled([[1.5, 7, 3]], "cpm", "sum") == [[4.5, 7.0]]
    assert doubled([[8.0, 7, 9]], "log2", "mean") == [[8.5, 7.0]]


def test_missing_replicate_is_left_out_of_a_mean():
    assert doubled([[8.0, 7, np.nan]], "log2", "mean") == [[8.0, 7.0]]


def test_sum_of_logarithms_is_refused():
    with pytest.raises(InvalidTableError, match="a sum of logarithms means nothing"):
        doubled([[8.0, 7, 9]], "log2", "sum")


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "remedy"),
    [
        (None, "reshape"),
        (np.zeros(3), "reshape"),
        ([[1.0], [1.0, 2.0]], "reshape"),
        ("counts.csv", "mirrisk.read('counts.csv')"),
    ],
)
def test_what_is_no_table_is_refused_with_a_remedy(X, remedy):
    with pytest.raises(InvalidTableError, match="for a table") as caught:
        as_expression(X)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("names", [None, ["hsa-miR-21-5p"]])
def test_array_needs_one_name_per_column(names):
    with pytest.raises(InvalidTableError, match="for an array of 2 columns"):
        as_expression(np.zeros((1, 2)), feature_names=names)


def test_frame_takes_no_feature_names():
    with pytest.raises(InvalidTableError, match="feature_names given with a DataFrame"):
        as_expression(WHOLE, feature_names=list(WHOLE))


def test_expression_is_not_read_twice():
    table = as_expression(WHOLE, unit="counts")
    assert as_expression(table, unit="counts", specimen="tissue") is table
    for how in ({"unit": "cpm"}, {"specimen": "serum"}, {"orientation": "features_in_rows"}):
        with pytest.raises(InvalidTableError):
            as_expression(table, **how)


@pytest.mark.parametrize(
    ("name", "value"), [("orientation", "rows"), ("duplicates", "max"), ("level", "hairpin")]
)
def test_word_that_reading_does_not_know_is_refused(name, value, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(csv())
    with pytest.raises(InvalidExpressionError, match=f"{name} is '{value}'"):
        mirrisk.read(path, **{"unit": "counts", name: value})


@pytest.mark.parametrize("table", [WHOLE.iloc[:0], WHOLE.iloc[:, :0]])
def test_table_without_samples_or_columns_is_refused(table):
    with pytest.raises(InvalidTableError, match="rows and"):
        as_expression(table, unit="counts")


@pytest.mark.parametrize("turned", [False, True])
def test_rows_that_are_only_numbered_take_the_names_of_a_column(turned, tmp_path):
    frame = (WHOLE.T.rename_axis("miRNA") if turned else WHOLE.rename_axis("sample")).reset_index()
    frame.insert(1, "stage", "II")
    read = as_expression(frame, unit="counts")
    assert read.samples == tuple(WHOLE.index)
    keys = ["hsa-mir-21", "hsa-mir-16"]
    expected = as_expression(WHOLE, unit="counts").log_values(keys, "stem-loop")
    np.testing.assert_array_equal(read.log_values(keys, "stem-loop"), expected)
    assert any("names are taken from column" in note for note in read.notes)
    frame.to_csv(tmp_path / "numbered.csv")
    assert mirrisk.read(tmp_path / "numbered.csv", unit="counts").samples == read.samples


def test_annotation_beside_samples_is_no_sample():
    turned = WHOLE.T.assign(Length=22, Total=WHOLE.sum(axis=0), baseMean=1.5, padj=0.01)
    read = as_expression(turned, unit="counts")
    assert read.samples == tuple(WHOLE.index)
    assert "set aside, no sample: Length, Total, baseMean, padj" in read.notes


@pytest.mark.parametrize("names", [["SD"], ["Mean", "sum"]])
def test_table_whose_columns_all_look_like_annotation_is_refused(names, tmp_path):
    mirnas = [f"hsa-miR-{i}-5p" for i in (16, 21, 25)]
    frame = pd.DataFrame(np.full((3, len(names)), 9.0), index=mirnas, columns=names)
    frame.to_csv(tmp_path / "t.csv")
    for work in (
        lambda: mirrisk.read(tmp_path / "t.csv", unit="counts"),
        lambda: list(batches(tmp_path / "t.csv", unit="counts")),
    ):
        with pytest.raises(InvalidTableError, match="taken for annotation") as caught:
            work()
        assert f"no column is a sample: {', '.join(names)}" in caught.value.what


def test_names_in_a_second_column_are_pointed_out():
    frame = WHOLE.T.rename_axis("miRNA").reset_index()
    frame.index = [f"row {i}" for i in range(len(frame))]
    with pytest.raises(InvalidTableError) as caught:
        as_expression(frame, unit="counts")
    assert "X.set_index('miRNA')" in caught.value.remedy


def test_text_in_the_row_of_a_mirna_is_an_error_in_the_row_of_a_patient_it_is_not():
    turned = WHOLE.assign(sex="M").T
    assert len(as_expression(turned, unit="counts")) == 5
    turned.loc[WHOLE.columns[2], "s1"] = "failed"
    with pytest.raises(InvalidTableError, match="'failed' is no number") as caught:
        as_expression(turned, unit="counts")
    assert caught.value.where == f"row '{WHOLE.columns[2]}', column 's1'"


def test_unreadable_file_is_an_error_of_ours(tmp_path, monkeypatch):
    path: Path = tmp_path / "t.csv"
    path.write_text(csv())

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", denied)
    with pytest.raises(InvalidTableError, match="cannot be read: Permission denied"):
        mirrisk.read(path)


def test_first_column_headed_by_a_mirna_has_lost_its_names(tmp_path):
    path = tmp_path / "no_names.csv"
    path.write_text("hsa-miR-21-5p,hsa-miR-16-5p\n5,6\n7,8\n")
    with pytest.raises(InvalidTableError, match="headed 'hsa-miR-21-5p', which is a miRNA"):
        mirrisk.read(path, unit="log2")


def test_undetermined_wells_of_an_object_array_are_read():
    wells = np.array([[20.0, "Undetermined"], [21.0, 30.0]], dtype=object)
    names = ["hsa-miR-21-5p", "hsa-miR-16-5p"]
    read = as_expression(wells, unit="ct", feature_names=names)
    assert np.isnan(read.values[0, 1])
    assert read.values[1, 1] == 30.0
