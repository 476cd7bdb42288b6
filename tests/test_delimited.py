"""Delimited text in every form that laboratories and spreadsheets write it."""

from __future__ import annotations

import bz2
import gzip
import lzma

import numpy as np
import pyarrow as pa
import pytest

from mirrisk.errors import InvalidTableError
from mirrisk.tables.cells import Cells, numbers
from mirrisk.tables.delimited import read_delimited

PLAIN = "sample,a,b\nx,1,2.5\ny,,-3e2\n"
VALUES = [[1.0, 2.5], [np.nan, -300.0]]


def parsed(content: str | bytes) -> Cells:
    data = content if isinstance(content, bytes) else content.encode()
    return read_delimited(data, where="t.csv")


FORMS = {
    "plain": PLAIN.encode(),
    "without a last newline": PLAIN.strip().encode(),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "CR": PLAIN.replace("\n", "\r").encode(),
    "UTF-8 with its mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "gzip": gzip.compress(PLAIN.encode()),
    "gzip in two members": gzip.compress(PLAIN[:14].encode()) + gzip.compress(PLAIN[14:].encode()),
    "bzip2": bz2.compress(PLAIN.encode()),
    "xz": lzma.compress(PLAIN.encode()),
    "zstd": pa.Codec("zstd").compress(PLAIN.encode(), asbytes=True),
    "UTF-16 in gzip": gzip.compress(PLAIN.encode("utf-16")),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "semicolons and decimal comma": PLAIN.replace(",", ";").replace(".", ",").encode(),
    "semicolons and decimal point": PLAIN.replace(",", ";").encode(),
    "the delimiter stated as Excel does": b"sep=;\n" + PLAIN.replace(",", ";").encode(),
    "quotes": b'"sample","a","b"\n"x","1","2.5"\n"y","","-3e2"\n',
    "spaces about the cells": b"sample, a, b\n x , 1 , 2.5\ny, , -3e2\n",
    "comment lines": ("# made by us, 2024\n\n# twice\n" + PLAIN).encode(),
    "a comment of as many cells": ("# made by us, in, 2024\n" + PLAIN).encode(),
    "a header behind #": ("# made by us\n#" + PLAIN).encode(),
    "a header one name short": PLAIN.replace("sample,", "").encode(),
    "blank lines": PLAIN.replace("\n", "\n\n").encode(),
    "an empty row and an empty column": b"sample,a,b,\nx,1,2.5,\ny,,-3e2,\n,,,\n",
    "NA": PLAIN.replace("y,,", "y,NA,").encode(),
    "NaN": PLAIN.replace("y,,", "y,NaN,").encode(),
    "N/A": PLAIN.replace("y,,", "y,#N/A,").encode(),
    "a dash": PLAIN.replace("y,,", "y,-,").encode(),
    "null": PLAIN.replace("y,,", "y, null ,").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_cells(form):
    cells = parsed(FORMS[form])
    assert cells.rows == ("x", "y")
    assert cells.columns == ("a", "b")
    np.testing.assert_array_equal(numbers(cells), VALUES)
    assert cells.text == {}


def test_latin1_names_are_read():
    assert parsed("sample,a\nMüller,1\n".encode("latin-1")).rows == ("Müller",)


def test_column_of_text_is_kept_as_text_with_none_where_it_is_empty():
    cells = parsed("sample,a,sex\nx,1,F\ny,2,\nz,3,NA\n")
    assert cells.text == {1: ["F", None, None]}
    assert np.isnan(cells.values[:, 1]).all()


def test_decimal_commas_are_numbers_in_a_column_of_text_too():
    cells = parsed("sample;a\nx;1,5\ny;see note, page 2\n")
    assert cells.text == {0: ["1.5", "see note, page 2"]}


@pytest.mark.parametrize("name", ["NA", "-", "None", "nan", "null"])
def test_row_name_that_looks_like_a_missing_value_is_a_name(name):
    assert parsed(f"sample,a\n{name},1\n").rows == (name,)


def test_quoted_delimiters_and_quotes_are_part_of_a_name():
    cells = parsed('sample,"a, then b","say ""c"""\nx,1,2\n')
    assert cells.columns == ("a, then b", 'say "c"')


def test_header_may_run_over_two_lines():
    assert parsed('sample,"age\n(years)",b\nx,1,2\n').columns == ("age\n(years)", "b")


def test_header_of_one_value_column_may_be_one_name_short():
    cells = parsed("count\nx,1\ny,2\n")
    assert (cells.rows, cells.columns) == (("x", "y"), ("count",))


def test_header_of_a_megabyte_is_read_to_its_end():
    names = [f"hsa-miR-{10_000 + i}-5p" for i in range(100_000)]
    cells = parsed(f"sample,{','.join(names)}\nx{',7' * len(names)}\n")
    assert cells.columns == tuple(names)
    assert (cells.values == 7).all()


def test_number_of_seventeen_digits_keeps_its_last():
    assert parsed("sample,a\nx,0.30000000000000004\n").values[0, 0] == 0.1 + 0.2


def test_infinity_is_a_number_here_and_left_to_the_expression_to_refuse():
    np.testing.assert_array_equal(parsed("s,a,b\nx,inf,-Infinity\n").values, [[np.inf, -np.inf]])


def test_ragged_row_is_found_behind_blank_lines_and_quoted_newlines():
    with pytest.raises(InvalidTableError, match="row 2 after the header: 3 cells"):
        parsed('sample,a\n\n"x\nx",1\n\ny,2,3\n')


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        ("1,234", "write no thousands separators"),
        ("1.234.567", "write no thousands separators"),
        ("12 345", "write no thousands separators"),
        ("1,5", "write a decimal point, or divide the cells by semicolons"),
        ("Mar-21", "a spreadsheet made a date of it: set the cell right in the file it came from"),
        ("2021-03-01", "a spreadsheet made a date of it: set the cell right in the file"),
        ("30 cycles", "correct the cell, or leave it empty"),
    ],
)
def test_remedy_fits_the_cell_that_is_no_number(cell, remedy):
    with pytest.raises(InvalidTableError) as caught:
        numbers(parsed(f"sample\ta\nx\t{cell}\n"))
    assert caught.value.what == f"{cell!r} is no number"
    assert caught.value.remedy.startswith(remedy)


def test_long_cell_is_shown_in_part():
    with pytest.raises(InvalidTableError) as caught:
        numbers(parsed(f"sample,a\nx,{'word ' * 100}\n"))
    assert len(caught.value.what) < 70


def test_taking_rows_and_columns_keeps_text_with_its_cells():
    cells = parsed("sample,a,sex,b\nx,1,F,2\ny,3,M,4\n")
    part = cells.take([2, 1]).take_rows([1])
    assert (part.rows, part.columns, part.text) == (("y",), ("b", "sex"), {1: ["M"]})
    assert part.values[0, 0] == 4
