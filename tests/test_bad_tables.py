"""Tables that cannot be used, one file per defect, each with the error word for word."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import mirrisk
from mirrisk import MirriskError

BAD = Path(__file__).parent / "bad_tables"

NO_NUMBER = "a number, or an empty cell where nothing was measured"
CORRECT = "correct the cell, or leave it empty"
IMPOSSIBLE = (
    "correct the cell, leave it empty if it was not measured, or state the table's real unit"
)
NAMES = "names such as hsa-miR-21-5p, hsa-mir-21, MIMAT0000076 or MIR21"
SEE_NAMES = "run `mirrisk names TABLE` to see how each name was read"
AS_CSV = "save it as CSV in UTF-8"
AGAIN = "copy or download it again"
DAMAGED = "{file}: the compressed file is damaged or cut short "
REAL_UNIT = "state the table's real unit"
CLOSE = "close the quote"


def message(what: str, expected: str = "", remedy: str = "") -> str:
    """Lay an error out as a user sees it."""
    lines = [what]
    if expected:
        lines.append(f"  expected: {expected}")
    if remedy:
        lines.append(f"  remedy:   {remedy}")
    return "\n".join(lines)


# {file} stands for the path of the table.
ERRORS = {
    # -- cells
    "text_in_a_cell.csv": message(
        "{file}, row 'B', column 'hsa-miR-16-5p': 'low' is no number", NO_NUMBER, CORRECT
    ),
    "text_in_a_cell_of_features_in_rows.csv": message(
        "{file}, row 'hsa-miR-16-5p', column 'B': 'failed' is no number", NO_NUMBER, CORRECT
    ),
    "below_detection_sign.csv": message(
        "{file}, row 'B', column 'hsa-miR-16-5p': '<5' is no number", NO_NUMBER, CORRECT
    ),
    "error_of_a_spreadsheet.csv": message(
        "{file}, row 'B', column 'hsa-miR-16-5p': '#DIV/0!' is no number", NO_NUMBER, CORRECT
    ),
    "percent_sign.csv": message(
        "{file}, row 'B', column 'hsa-miR-16-5p': '10%' is no number", NO_NUMBER, CORRECT
    ),
    "underscores_in_numbers.csv": message(
        "{file}, row 'A', column 'hsa-miR-21-5p': '1_000' is no number", NO_NUMBER, CORRECT
    ),
    "undetermined_ct.csv": message(
        "{file}, row 'A', column 'hsa-miR-16-5p': 'Undetermined' is no number",
        NO_NUMBER,
        'an undetermined qPCR well? State the unit: unit="ct" in Python, --unit ct in commands',
    ),
    "thousands_separators.csv": message(
        "{file}, row 'A', column 'hsa-miR-21-5p': '1,050' is no number",
        NO_NUMBER,
        "write no thousands separators",
    ),
    "thousands_and_decimal_comma.csv": message(
        "{file}, row 'A', column 'hsa-miR-21-5p': '1.050,5' is no number",
        NO_NUMBER,
        "write no thousands separators",
    ),
    "decimal_comma_between_tabs.tsv": message(
        "{file}, row 'A', column 'hsa-miR-21-5p': '10,5' is no number",
        NO_NUMBER,
        "write a decimal point, or divide the cells by semicolons",
    ),
    "date_in_a_cell.csv": message(
        "{file}, row 'B', column 'hsa-miR-16-5p': '1-Sep' is no number",
        NO_NUMBER,
        "a spreadsheet made a date of it: set the cell right in the file it came from",
    ),
    "negative_count.csv": message(
        "{file}, sample 'B', column 'hsa-miR-16-5p': negative value -975",
        "finite counts, zero or more",
        IMPOSSIBLE,
    ),
    "infinite_value.csv": message(
        "{file}, sample 'B', column 'hsa-miR-21-5p': infinite value inf",
        "finite counts, zero or more",
        IMPOSSIBLE,
    ),
    "logarithm_of_zero.csv": message(
        "sample 'B', column 'hsa-let-7a-5p': infinite value -inf (and 1 more such cell)",
        "finite log2, from -128 to 128",
        IMPOSSIBLE,
    ),
    "ct_of_999.csv": message(
        "sample 'A', column 'hsa-miR-16-5p': impossible value 999 (and 1 more such cell)",
        "finite ct, from 1 to 60",
        IMPOSSIBLE,
    ),
    "ct_of_zero.csv": message(
        "sample 'B', column 'hsa-miR-16-5p': impossible value 0",
        "finite ct, from 1 to 60",
        IMPOSSIBLE,
    ),
    # -- names
    "repeated_samples.csv": message(
        "{file}: sample names occur more than once: 'A', 'B'",
        "one sample per name",
        "give every sample a name of its own",
    ),
    "repeated_columns.csv": message(
        "{file}: column names occur more than once: 'hsa-miR-21-5p'",
        "one column per name",
        "merge them: --duplicates sum or mean (in Python: duplicates=)",
    ),
    "no_known_mirna.csv": message(
        "{file}, columns 'TP53', 'ENSG00000141510', 'GAPDH': no column denotes a human miRNA",
        NAMES,
        SEE_NAMES,
    ),
    "another_species.csv": message(
        "{file}, columns 'mmu-miR-21a-5p', 'mmu-miR-16-5p', 'mmu-let-7a-5p': "
        "no column denotes a human miRNA",
        NAMES,
        SEE_NAMES,
    ),
    "dates_as_names.csv": message(
        "{file}, columns 'Mar-21', '1-Sep', '2021-07-01': no column denotes a human miRNA",
        NAMES,
        SEE_NAMES,
    ),
    "orientation_declared_wrongly.csv": message(
        "{file}, columns 'A', 'B': no column denotes a human miRNA", NAMES, SEE_NAMES
    ),
    "names_in_the_second_column.csv": message(
        "{file}: the names of miRNAs stand in column 'name'",
        "names in the first column (of a DataFrame: in its index), or in the header",
        "move that column to the front; in pandas: X.set_index('name')",
    ),
    "row_without_a_name.csv": message(
        "{file}: row 2 after the header has no name",
        "a name for every row that holds a value",
        "name the row, or delete it",
    ),
    "column_without_a_name.csv": message(
        "{file}: column 2 after the names has no name",
        "a name for every column that holds a value",
        "name the column, or delete it",
    ),
    # -- layout
    "empty.csv": message("{file}: the file is empty", "a header and samples"),
    "only_comments.csv": message("{file}: the file is empty", "a header and samples"),
    "header_only.csv": message(
        "{file}: the file has a header and nothing else", "at least one sample"
    ),
    "one_column.csv": message(
        "{file}: the file has one column: no commas, tabs or semicolons divide it",
        "names in the first column, values in the others",
        "save it as CSV (in R: write.csv)",
    ),
    "spaces_between_cells.txt": message(
        "{file}: the file has one column: no commas, tabs or semicolons divide it",
        "names in the first column, values in the others",
        "save it as CSV (in R: write.csv)",
    ),
    "ragged_row.csv": message(
        "{file}, row 2 after the header: 3 cells",
        "4 cells in every row, as in the header",
        "add or remove delimiters in this row",
    ),
    "ragged_row_too_long.csv": message(
        "{file}, row 2 after the header: 5 cells",
        "4 cells in every row, as in the header",
        "add or remove delimiters in this row",
    ),
    "delimiter_at_the_end_of_rows.csv": message(
        "{file}: every row ends with an empty cell for which the header has no name",
        "as many cells in the header as in the rows",
        "remove the delimiter at the end of each row, or add one to the header",
    ),
    "quote_left_open.csv": message(
        "{file}, row 'A', column 'hsa-let-7a-5p': "
        "a quote is left open: the cell runs on over 2 lines",
        NO_NUMBER,
        CLOSE,
    ),
    "quote_left_open_in_a_name.csv": message(
        "{file}, row 1 after the header: a quote is left open: the cell runs on over 2 lines",
        "4 cells in every row, as in the header",
        CLOSE,
    ),
    "quote_left_open_in_the_header.csv": message(
        "{file}: a quote is left open in the header", "names, each on one line", CLOSE
    ),
    # -- bytes
    "nul_bytes.bin": message(
        "{file}: the file holds NUL bytes: it is binary, or UTF-16 without its mark",
        "delimited text",
        AS_CSV,
    ),
    "nul_bytes_at_the_end.csv": message(
        "{file}: the file holds NUL bytes: it is binary, or UTF-16 without its mark",
        "delimited text",
        AS_CSV,
    ),
    "utf16_without_mark.csv": message(
        "{file}: the file holds NUL bytes: it is binary, or UTF-16 without its mark",
        "delimited text",
        AS_CSV,
    ),
    "utf16_cut_short.csv": message(
        "{file}: the file is damaged: its mark says UTF-16, its bytes do not",
        "text in one encoding, complete",
        AS_CSV,
    ),
    "utf8_mark_before_latin1.csv": message(
        "{file}: the file is damaged: its mark says UTF-8, its bytes do not",
        "text in one encoding, complete",
        AS_CSV,
    ),
    "excel_workbook.xlsx": message(
        "{file}: an Excel workbook or zip archive, damaged or cut short", remedy=AGAIN
    ),
    "parquet.parquet": message("{file}: the Parquet file is damaged or cut short", remedy=AGAIN),
    "cut_short_gzip.csv": message(
        DAMAGED + "(Compressed file ended before the end-of-stream marker was reached)",
        remedy=AGAIN,
    ),
    "cut_short_bzip2.csv": message(
        DAMAGED + "(Compressed data ended before the end-of-stream marker was reached)",
        remedy=AGAIN,
    ),
    "cut_short_xz.csv": message(
        DAMAGED + "(Compressed data ended before the end-of-stream marker was reached)",
        remedy=AGAIN,
    ),
    "cut_short_zstd.csv": message(DAMAGED + "(Truncated compressed stream)", remedy=AGAIN),
    # -- units and libraries
    "cut_down_counts.csv": message(
        "{file}: counts of only 3 miRNAs: the size of the library is unknown",
        "the whole table (at least 100 miRNAs)",
        "give the whole table, or all miRNA reads per sample: --library-size COLUMN "
        "(in Python: library_size=)",
    ),
    "library_size_absent.csv": message(
        "{file}: no column 'reads' for the library size",
        "the name of a column with all miRNA reads of each sample",
    ),
    "library_size_zero.csv": message(
        "{file}, sample 'B': library size 0", "a positive number of reads"
    ),
    "library_size_in_millions.csv": message(
        "{file}, sample 'A': library size 2.1, but the table holds 2775 reads",
        "all miRNA reads of the sample, in reads (not in millions)",
        "correct library_size, and see that it is in the order of the samples",
    ),
    "library_size_in_words.csv": message(
        "{file}, row 'A', column 'reads': '2 million' is no number", NO_NUMBER, CORRECT
    ),
    "counts_declared_as_cpm.csv": message(
        "{file}: declared as CPM, but all values are whole numbers: these look like counts",
        "values in cpm",
        REAL_UNIT,
    ),
    "deep_counts_declared_as_cpm.csv": message(
        "{file}: declared as CPM, but a sample adds up to 1.052e+06, more than a million",
        "values in cpm",
        REAL_UNIT,
    ),
    "counts_declared_as_log2.csv": message(
        "sample 'A', column 'hsa-let-7a-5p': impossible value 800 (and 5 more such cells)",
        "finite log2, from -128 to 128",
        IMPOSSIBLE,
    ),
    "cpm_declared_as_counts.csv": message(
        "{file}: declared as counts, but every sample adds up to a million: these are CPM",
        "values in counts",
        REAL_UNIT,
    ),
    "log2_declared_as_counts.csv": message(
        "{file}: declared as counts, but the values are fractions below 64: these look like log2",
        "values in counts",
        REAL_UNIT,
    ),
    "log2_declared_as_cpm.csv": message(
        "{file}: declared as CPM, but no value reaches 64: these look like log2",
        "values in cpm",
        REAL_UNIT,
    ),
    "mixed_units.csv": message(
        "{file}: the unit of the table is not clear from the values of its miRNAs "
        "(from 6.98 to 2.011e+04)",
        "one of counts | cpm | log2 | ct | delta_ct",
        'say which: unit="..." in Python, --unit on the command line',
    ),
    "unit_not_clear.csv": message(
        "{file}: the unit of the table is not clear from the values of its miRNAs (from 7.5 to 11)",
        "one of counts | cpm | log2 | ct | delta_ct",
        'say which: unit="..." in Python, --unit on the command line',
    ),
    "nothing_measured.csv": message(
        "{file}: the unit of the table is not clear from the values of its miRNAs (they hold none)",
        "one of counts | cpm | log2 | ct | delta_ct",
        'say which: unit="..." in Python, --unit on the command line',
    ),
    "sum_of_logarithms.csv": message(
        "{file}: duplicates='sum' for a table in log2: a sum of logarithms means nothing",
        "counts or cpm",
        "average them: duplicates='mean'",
    ),
}

# How each file is read, where it is not as log2.
READ: dict[str, dict[str, Any]] = {
    "ct_of_999.csv": {"unit": "ct"},
    "ct_of_zero.csv": {"unit": "ct"},
    "undetermined_ct.csv": {"unit": None},
    "negative_count.csv": {"unit": "counts"},
    "infinite_value.csv": {"unit": "counts"},
    "thousands_separators.csv": {"unit": "counts"},
    "orientation_declared_wrongly.csv": {"orientation": "samples_in_rows"},
    "cut_down_counts.csv": {"unit": "counts"},
    "library_size_absent.csv": {"unit": "counts", "library_size": "reads"},
    "library_size_zero.csv": {"unit": "counts", "library_size": "reads"},
    "library_size_in_millions.csv": {"unit": "counts", "library_size": "reads"},
    "library_size_in_words.csv": {"unit": "counts", "library_size": "reads"},
    "counts_declared_as_cpm.csv": {"unit": "cpm"},
    "deep_counts_declared_as_cpm.csv": {"unit": "cpm"},
    "cpm_declared_as_counts.csv": {"unit": "counts"},
    "log2_declared_as_counts.csv": {"unit": "counts"},
    "log2_declared_as_cpm.csv": {"unit": "cpm"},
    "unit_not_clear.csv": {"unit": None},
    "mixed_units.csv": {"unit": None},
    "nothing_measured.csv": {"unit": None},
    "sum_of_logarithms.csv": {"duplicates": "sum"},
}


def use(path: Path, **how: Any) -> None:
    """Read a table and take every miRNA's expression from it: cells are checked when used."""
    expression = mirrisk.read(path, **{"unit": "log2", **how})
    expression.log_values(list(expression.index.columns_of(expression.level)), expression.level)


def test_every_bad_table_has_its_error_and_every_error_its_table():
    assert {path.name for path in BAD.iterdir()} == set(ERRORS)
    assert set(READ) <= set(ERRORS)


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_bad_table_is_refused_word_for_word(name):
    path = BAD / name
    with pytest.raises(MirriskError) as caught:
        use(path, **READ.get(name, {}))
    assert str(caught.value) == ERRORS[name].replace("{file}", str(path))


# -- defects that no file need be kept for -----------------------------------------------------


def test_folder_is_refused(tmp_path):
    with pytest.raises(MirriskError) as caught:
        use(tmp_path)
    assert str(caught.value) == message(
        f"{tmp_path}: a folder, not a table",
        "one file; a folder of files of the GDC, one per sample; or a Parquet data set "
        "(a folder with .parquet files and nothing else)",
        'of the GDC: assemble="gdc" in Python, --assemble gdc on the command line; '
        "other files, each a table of its own: `mirrisk score FOLDER --out FOLDER|TABLE`, "
        "mirrisk.score_files in Python",
    )


def test_header_of_a_million_columns_is_refused_in_seconds(tmp_path):
    path = tmp_path / "wide.csv"
    names = ",".join(f"V{i}" for i in range(1_000_000))
    path.write_text(f"sample,{names}\nA{',1' * 1_000_000}\n")
    start = time.perf_counter()
    with pytest.raises(MirriskError) as caught:
        use(path)
    assert time.perf_counter() - start < 5
    assert str(caught.value) == message(
        f"{path}: 1,000,000 columns",
        "at most 200,000: a table of miRNAs and samples",
        "sum isomiRs to miRNAs first; divide samples among several files",
    )


def test_absent_file_is_named(tmp_path):
    path = tmp_path / "counts.csv"
    with pytest.raises(mirrisk.errors.NotFoundError) as caught:
        use(path)
    assert str(caught.value) == f"no file {str(path)!r}"


def test_quote_left_open_over_a_long_table_is_told_in_one_line(tmp_path):
    path = tmp_path / "long.csv"
    rows = "".join(f"S{i},{i % 9},{i % 7}\n" for i in range(20_000))
    path.write_text('sample,hsa-miR-21-5p,hsa-miR-16-5p\nS,1,"2\n' + rows)
    with pytest.raises(MirriskError) as caught:
        use(path)
    assert str(caught.value) == message(
        f"{path}, row 'S', column 'hsa-miR-16-5p': "
        "a quote is left open: the cell runs on over 20001 lines",
        NO_NUMBER,
        CLOSE,
    )


def test_quote_left_open_in_a_long_header_is_told_as_such(tmp_path):
    path = tmp_path / "wide.csv"
    names = ",".join(f"hsa-miR-{9000 + i}-5p" for i in range(20_000))
    path.write_text(f'sample,"{names}\nA' + ",1" * 20_000 + "\n")
    with pytest.raises(MirriskError) as caught:
        use(path)
    assert str(caught.value) == message(
        f"{path}: a quote is left open in the header", "names, each on one line", CLOSE
    )
