"""Clinical tables are read as tables of miRNAs are, and matched to their samples by name."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mirrisk.errors import InvalidTableError, MirriskError, NotFoundError
from mirrisk.tables.clinical import clinical_values, numbers, read_clinical

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = "sample,relapse,age\nx,yes,65.5\ny,,70\n"


@pytest.fixture
def read(tmp_path: Path):
    def read_text(content: str | bytes) -> pd.DataFrame:
        path = tmp_path / "labels.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_clinical(path)

    return read_text


FORMS = {
    "plain": PLAIN,
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "UTF-8 with its mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "gzip": gzip.compress(PLAIN.encode()),
    "tabs": PLAIN.replace(",", "\t"),
    "semicolons": PLAIN.replace(",", ";"),
    "semicolons and decimal commas": PLAIN.replace(",", ";").replace(".", ","),
    "the delimiter stated as Excel does": "sep=,\n" + PLAIN,
    "a semicolon stated as Excel does": "sep=;\n" + PLAIN.replace(",", ";"),
    "lines of comment": "# exported 2024-05-01\n#\n" + PLAIN,
    "quotes": '"sample","relapse","age"\n"x","yes","65.5"\n"y","","70"\n',
    "spaces about the cells": "sample, relapse , age\n x , yes , 65.5\ny, , 70\n",
    "blank rows": PLAIN.replace("\n", "\n\n") + ",,\n",
    "an empty column": "sample,relapse,age,\nx,yes,65.5,\ny,,70,\n",
    "Sample": "Sample" + PLAIN[6:],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_rows(read, form):
    found = read(FORMS[form])
    assert list(found.index) == ["x", "y"]
    assert list(found.columns) == ["relapse", "age"]
    assert found["relapse"].tolist() == ["yes", None]
    np.testing.assert_array_equal(numbers(found["age"]), [65.5, 70.0])


@pytest.mark.parametrize(
    "cell", ["", "NA", "na", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "Null", ".", "-", " NA "]
)
def test_cell_that_tables_take_for_missing_is_missing(read, cell):
    assert read(f"sample,stage\nx,{cell}\ny,2\n")["stage"].tolist() == [None, "2"]


@pytest.mark.parametrize("cell", ["none", "None", "NONE", "unknown", "0", "no"])
def test_word_that_may_be_an_outcome_is_a_value(read, cell):
    assert read(f"sample,spread\nx,{cell}\ny,metastasis\n")["spread"].tolist()[0] == cell


def test_number_is_kept_as_it_is_written(read):
    assert read("sample,patient\nx,001\ny,1\n")["patient"].tolist() == ["001", "1"]


def test_decimal_comma_between_semicolons_leaves_words_alone(read):
    found = read("sample;note;age\nx;a, b;-1,5e2\ny;1,2,3;,5\n")
    assert found["note"].tolist() == ["a, b", "1,2,3"]
    assert numbers(found["age"]).tolist() == [-150.0, 0.5]


@pytest.mark.parametrize("cell", ["1_000", "65,5", "old", "1 000"])
def test_covariate_that_is_no_number_is_named(read, cell):
    column = read(f'sample,age\nx,70\ny,"{cell}"\n')["age"]
    with pytest.raises(InvalidTableError, match=f"'{cell}' in column 'age' of sample 'y'"):
        numbers(column, "labels.csv")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_value_of_any_type_is_nan_among_numbers(missing):
    column = pd.Series([1, missing, True, "2.5"], index=list("abcd"), dtype=object)
    np.testing.assert_array_equal(numbers(column), [1, np.nan, 1, 2.5])


def test_delimiter_inside_a_quoted_header_does_not_divide(read):
    found = read('sample,"age; then; years; old",b\nx,1,2\n')
    assert list(found.columns) == ["age; then; years; old", "b"]


def test_cell_of_150_kilobytes_is_read(read):
    assert len(read(f"sample,note\nx,{'a' * 150_000}\n").iloc[0, 0]) == 150_000


BROKEN = {
    "empty": ("", "the file is empty"),
    "header alone": ("sample,age\n", "a header and nothing else"),
    "one column": ("sample\nx\n", "the file has one column"),
    "another first column": ("patient,age\nx,1\n", "the first column is 'patient'"),
    "a column twice": ("sample,age,age\nx,1,2\n", "column 'age' occurs twice"),
    "the first column twice": ("sample,sample\nx,1\n", "column 'sample' occurs twice"),
    "a sample twice": ("sample,age\nx,1\nx,2\n", "sample 'x' occurs twice"),
    "a sample without a name": ("sample,age\nx,1\n,2\n", "row 2 after the header has no name"),
    "a column without a name": ("sample,age,\nx,1,2\n", "column 2 after the names has no name"),
    "rows longer than the header": ("sample,age\nx,1,2\n", "one cell more than the header"),
    "a row too long": ("sample,age\n\nx,1\n\ny,2,3\n", "row 2 after the header: 3 cells"),
    "an open quote": ('sample,age\nw,0\nx,"1\ny,2\nz,"3",4\n', "row 2 after the header: a quote"),
}


@pytest.mark.parametrize("defect", BROKEN)
def test_broken_table_is_refused_with_what_and_where(read, defect):
    content, told = BROKEN[defect]
    with pytest.raises(MirriskError, match=told) as caught:
        read(content)
    assert "labels.csv" in str(caught.value)


def test_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="cannot be read"):
        read_clinical(tmp_path / "none.csv")


def test_values_stand_in_the_order_of_the_samples_and_absent_ones_are_told():
    frame = pd.DataFrame({"age": ["61", None, 59.0]}, index=["c", "b", "a"], dtype=object)
    values, notes = clinical_values(frame, ["age"], ["a", "b", "d"], "panel 'p'")
    np.testing.assert_array_equal(values, [[59.0], [np.nan], [np.nan]])
    absent, unknown = notes
    assert absent == "no covariates for sample d: estimated from the rest"
    assert unknown == "covariate age is not known of sample b: estimated from the rest"


def test_bad_cell_of_a_sample_that_is_not_in_the_table_does_not_matter():
    frame = pd.DataFrame({"age": [61, "unknown!"]}, index=["a", "z"])
    values, notes = clinical_values(frame, ["age"], ["a"], "panel 'p'")
    assert values.tolist() == [[61.0]]
    assert notes == ()
    with pytest.raises(InvalidTableError, match="sample 'z'"):
        clinical_values(frame, ["age"], ["a", "z"], "panel 'p'")


@pytest.mark.parametrize("given", [pd.Series([1.0], index=["a"]), {"age": [1.0]}, [[1.0]]])
def test_covariates_that_are_no_data_frame_are_refused(given):
    with pytest.raises(InvalidTableError, match="covariates are a") as caught:
        clinical_values(given, ["age"], ["a"], "panel 'p'")
    assert caught.value.expected == "a pandas DataFrame, a row per sample, indexed by sample"
