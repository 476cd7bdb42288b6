"""Tables as the tools of the field write them: hand-made files, expected matrices by hand."""

from __future__ import annotations

import builtins
import io
import sys
import zipfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cohorts import counts_like, strangers

import mirrisk
from mirrisk.cli import main
from mirrisk.errors import InvalidTableError, MirriskError, MissingExtraError, NotFoundError
from mirrisk.nomenclature import accession_of
from mirrisk.tables import as_expression
from mirrisk.tables.anndata import annotate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mirrisk.expression import Expression

SMALL = pd.DataFrame(
    {"hsa-miR-21-5p": [10.5, 11.25, 12.0], "hsa-miR-16-5p": [7.0, np.nan, 6.5]},
    index=["A", "B", "C"],
)
"""log2; what every format below is to give back."""


def same(found: Expression, expected: pd.DataFrame = SMALL) -> None:
    columns = [found.features.index(name) for name in expected.columns]
    assert found.samples == tuple(expected.index)
    np.testing.assert_array_equal(found.values[:, columns], expected.to_numpy(dtype=float))


def cell(table: Expression, sample: str, feature: str) -> float:
    return float(table.values[table.samples.index(sample), table.features.index(feature)])


def written(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def fillers(count: int = 120) -> list[str]:
    """Names of stem-loops in no panel: counts of fewer than 100 are no whole library."""
    return [f"hsa-mir-{9000 + i}" for i in range(count)]


# -- Parquet and Feather -----------------------------------------------------------------------


def parquet(frame: pd.DataFrame, path: Path, **how: Any) -> Path:
    frame.to_parquet(path, **how)
    return path


def test_parquet_of_pandas_keeps_its_index(tmp_path):
    table = mirrisk.read(parquet(SMALL, tmp_path / "t.parquet"), unit="log2")
    same(table)
    assert table.notes == ()


def test_parquet_of_pandas_may_have_features_in_rows(tmp_path):
    turned = SMALL.T.rename_axis("miRNA")
    table = mirrisk.read(parquet(turned, tmp_path / "t.parquet"), unit="log2")
    same(table)
    assert table.notes == ("miRNAs stand in rows (2 names): the table was turned",)


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_first_text_column_names_the_rows_where_there_is_no_index(suffix, tmp_path):
    frame = SMALL.rename_axis("patient").reset_index()
    path = tmp_path / f"t.{suffix}"
    getattr(frame, f"to_{suffix}")(path)
    table = mirrisk.read(path, unit="log2")
    same(table)
    assert table.notes == ("names are taken from column 'patient'",)


def test_clinical_column_that_names_nothing_is_passed_by(tmp_path):
    frame = SMALL.rename_axis("patient").reset_index()
    frame.insert(0, "sex", ["F", "M", "F"])
    frame.insert(0, "sexes", ["F", "F", "F"])
    frame = frame[["sexes", "patient", "hsa-miR-21-5p", "hsa-miR-16-5p"]]
    table = mirrisk.read(parquet(frame, tmp_path / "t.parquet"), unit="log2")
    same(table)
    assert "names are taken from column 'patient'" in table.notes


def test_table_without_a_column_of_names_numbers_its_samples(tmp_path):
    path = parquet(SMALL, tmp_path / "t.parquet", index=False)
    table = mirrisk.read(path, unit="log2")
    same(table, SMALL.set_axis(["sample_1", "sample_2", "sample_3"]))
    assert table.notes == ("no column holds names: samples are called sample_1, sample_2, ...",)


def test_repeated_names_in_parquet_are_refused_not_evaded(tmp_path):
    frame = SMALL.set_axis(["A", "B", "A"]).rename_axis("patient").reset_index()
    with pytest.raises(MirriskError, match="sample names occur more than once: 'A'"):
        mirrisk.read(parquet(frame, tmp_path / "t.parquet"), unit="log2")


def test_index_of_several_levels_is_refused(tmp_path):
    frame = SMALL.set_axis(pd.MultiIndex.from_product([["x"], ["A", "B", "C"]], names=["p", "q"]))
    with pytest.raises(InvalidTableError, match="the index has 2 levels: p, q"):
        mirrisk.read(parquet(frame, tmp_path / "t.parquet"), unit="log2")


def test_folder_of_parquet_files_is_one_table(tmp_path):
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    parquet(SMALL.iloc[:1], folder / "part-0.parquet")
    parquet(SMALL.iloc[1:][SMALL.columns[::-1]], folder / "part-1.parquet")
    table = mirrisk.read(folder, unit="log2")
    same(table)
    assert table.notes == ("read as one data set: 2 Parquet files",)


def test_folder_of_parquet_files_of_other_columns_is_refused(tmp_path):
    parquet(SMALL, tmp_path / "a.parquet")
    parquet(SMALL.iloc[:, :1], tmp_path / "b.parquet")
    with pytest.raises(InvalidTableError, match=r"its columns are not those of a\.parquet"):
        mirrisk.read(tmp_path, unit="log2")


def test_parquet_from_standard_input(tmp_path, monkeypatch):
    content = parquet(SMALL, tmp_path / "t").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    same(mirrisk.read("-", unit="log2"))


@pytest.mark.parametrize("magic", [b"PAR1", b"ARROW1", b"PK\x03\x04"])
def test_binary_file_cut_short_is_an_error_of_ours(magic, tmp_path):
    path = tmp_path / "t"
    path.write_bytes(magic + b"\x00\x01")
    with pytest.raises(InvalidTableError, match="damaged or cut short"):
        mirrisk.read(path)


# -- Excel -------------------------------------------------------------------------------------


def workbook(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


HEADER = (None, "hsa-miR-21-5p", "hsa-miR-16-5p")
ROWS = (("A", 10.5, 7), ("B", 11.25, None), ("C", 12, 6.5))


def test_workbook_is_read_from_its_first_sheet(tmp_path):
    path = workbook(tmp_path / "t.xlsx", data=[HEADER, *ROWS], notes=[["none"]])
    table = mirrisk.read(path, unit="log2")
    same(table)
    assert table.notes == ("sheet 'data' was read; the others: notes",)


def test_sheet_is_chosen_by_name(tmp_path):
    path = workbook(tmp_path / "t.xlsx", notes=[["none"]], data=[HEADER, *ROWS])
    same(mirrisk.read(path, unit="log2", sheet="data"))


def test_absent_sheet_is_refused_with_the_sheets_there_are(tmp_path):
    path = workbook(tmp_path / "t.xlsx", one=[HEADER], two=[HEADER])
    with pytest.raises(NotFoundError, match="no sheet 'three'") as caught:
        mirrisk.read(path, sheet="three")
    assert caught.value.expected == "one of 'one', 'two'"


def test_title_above_the_header_is_left_out_and_said_to_be(tmp_path):
    path = workbook(tmp_path / "t.xlsx", S1=[["Table S1. Expression"], [], HEADER, *ROWS])
    table = mirrisk.read(path, unit="log2")
    same(table)
    assert table.notes == ("left out above the header: 1 rows of the sheet",)


def test_blank_rows_and_columns_of_a_workbook_are_dropped(tmp_path):
    rows = [(*HEADER, None, None), *((*row, None, " ") for row in ROWS), [None] * 5]
    same(mirrisk.read(workbook(tmp_path / "t.xlsx", S=rows), unit="log2"))


def test_words_for_a_missing_value_and_numbers_as_text_are_read(tmp_path):
    rows = [HEADER, ("A", "10.5", 7), ("B", 11.25, "NA"), ("C", 12, 6.5)]
    same(mirrisk.read(workbook(tmp_path / "t.xlsx", S=rows), unit="log2"))


def test_workbook_of_one_sample_in_a_column(tmp_path):
    rows = [(None, "A"), ("hsa-miR-21-5p", 10.5), ("hsa-miR-16-5p", 7)]
    same(mirrisk.read(workbook(tmp_path / "t.xlsx", S=rows), unit="log2"), SMALL.iloc[:1])


def test_numbers_may_name_samples(tmp_path):
    rows = [HEADER, (1, 10.5, 7), (2.0, 11.25, None), ("C", 12, 6.5)]
    table = mirrisk.read(workbook(tmp_path / "t.xlsx", S=rows), unit="log2")
    assert table.samples == ("1", "2", "C")


def test_formula_that_was_never_calculated_is_refused_not_missing(tmp_path):
    rows = [HEADER, ("A", 10.5, 7), ("B", 11.25, "=B2/2")]
    with pytest.raises(InvalidTableError, match="the formula '=B2/2' was never calculated") as bad:
        mirrisk.read(workbook(tmp_path / "t.xlsx", S=rows), unit="log2")
    assert bad.value.where.endswith("t.xlsx, sheet 'S', cell C3")


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([], "the sheet holds no table"),
        ([["only"], ["names"]], "the sheet holds no table"),
        ([HEADER], "the sheet has a header and nothing else"),
    ],
)
def test_sheet_without_a_table_is_refused(rows, what, tmp_path):
    with pytest.raises(InvalidTableError, match=what):
        mirrisk.read(workbook(tmp_path / "t.xlsx", S=rows), unit="log2")


def test_date_in_a_cell_of_a_workbook_is_refused_with_its_remedy(tmp_path):
    rows = [HEADER, ("A", pd.Timestamp("2021-03-01"), 7)]
    with pytest.raises(InvalidTableError, match="is no number") as caught:
        mirrisk.read(workbook(tmp_path / "t.xlsx", S=rows), unit="log2")
    assert caught.value.remedy.startswith("a spreadsheet made a date of it")


def test_zip_archive_is_told_from_a_workbook(tmp_path):
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.csv", "sample,hsa-miR-21-5p\nA,1\n")
    with pytest.raises(InvalidTableError, match="a zip archive, but no Excel workbook") as caught:
        mirrisk.read(path)
    assert caught.value.remedy.startswith("unpack it")


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [("openpyxl", "t.xlsx", "excel"), ("anndata", "t.h5ad", "anndata")],
)
def test_missing_extra_is_reported_with_its_install_command(
    module, name, extra, tmp_path, monkeypatch
):
    path = workbook(tmp_path / "t.xlsx", S=[HEADER, *ROWS])
    if module == "anndata":
        path = tmp_path / name
        path.write_bytes(b"\x89HDF\r\n\x1a\n")
    for loaded in [m for m in sys.modules if m.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    imported = builtins.__import__

    def without(wanted: str, *rest: Any) -> Any:
        if wanted.partition(".")[0] == module:
            raise ModuleNotFoundError(f"No module named {wanted!r}", name=wanted)
        return imported(wanted, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(
        "mirrisk.tables.extras.import_module", lambda wanted: without(wanted) or None
    )
    with pytest.raises(MissingExtraError) as caught:
        mirrisk.read(path)
    assert caught.value.remedy == f"pip install 'mirrisk[{extra}]'"


@pytest.mark.parametrize("option", ["sheet", "layer"])
def test_option_of_another_format_is_refused(option, tmp_path):
    path = written(tmp_path / "t.csv", "sample,hsa-miR-21-5p", "A,1")
    with pytest.raises(InvalidTableError, match=f"{option}='x' for a file that is not"):
        mirrisk.read(path, **{option: "x"})


def test_assembling_a_file_is_refused(tmp_path):
    path = written(tmp_path / "t.csv", "sample,hsa-miR-21-5p", "A,1")
    with pytest.raises(InvalidTableError, match="assemble='gdc' for a file"):
        mirrisk.read(path, assemble="gdc")


# -- frames of other libraries -----------------------------------------------------------------

NAMED = SMALL.rename_axis("patient").reset_index()
OTHERS: dict[str, Callable[[], object]] = {
    "polars": lambda: pl.from_pandas(NAMED, nan_to_null=True),
    "polars of float32": lambda: pl.from_pandas(NAMED).cast({"hsa-miR-16-5p": pl.Float32}),
    "polars of categories": lambda: pl.from_pandas(NAMED).cast({"patient": pl.Categorical}),
    "polars of decimals": lambda: pl.from_pandas(NAMED).cast({"hsa-miR-21-5p": pl.Decimal(9, 3)}),
    "pyarrow": lambda: pa.Table.from_pandas(NAMED),
    "pyarrow with the index of pandas": lambda: pa.Table.from_pandas(SMALL),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_frame_of_another_library_is_read(kind):
    same(as_expression(OTHERS[kind](), unit="log2"))


def test_polars_with_features_in_rows_and_annotation():
    frame = pl.DataFrame(
        {
            "name": ["hsa-miR-21-5p", "hsa-miR-16-5p"],
            "family": ["mir-21", "mir-15"],
            "A": [10.5, 7.0],
            "B": [11.25, None],
            "C": [12.0, 6.5],
        }
    )
    table = as_expression(frame, unit="log2")
    same(table)
    assert "names are taken from column 'name'" in table.notes
    assert "set aside, no sample: family" in table.notes


def test_polars_scores_as_pandas_does():
    counts = counts_like("tcga-prad", 3, seed=5)
    frame = pl.from_pandas(counts.rename_axis("sample").reset_index())
    of_pandas, of_polars = (
        mirrisk.score(X, panel="prostate", reference="tcga-prad", unit="counts").scores
        for X in (counts, frame)
    )
    pd.testing.assert_frame_equal(of_polars, of_pandas, check_exact=True)


def test_lazy_frame_is_refused_with_the_remedy():
    with pytest.raises(InvalidTableError, match="a lazy LazyFrame") as caught:
        as_expression(pl.from_pandas(NAMED).lazy())
    assert caught.value.remedy == "give X.collect()"


def test_feature_names_and_layers_belong_to_arrays_and_anndata():
    with pytest.raises(InvalidTableError, match="feature_names given with a DataFrame"):
        as_expression(pl.from_pandas(NAMED), feature_names=["a"])
    with pytest.raises(InvalidTableError, match="layer='raw' for a DataFrame"):
        as_expression(SMALL, layer="raw")


# -- AnnData -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def anndata() -> Any:
    # Newer versions of what it is built on make it warn at import.
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("anndata", reason="anndata is not installed")


@pytest.fixture
def adata(anndata) -> Any:
    from scipy.sparse import csr_matrix

    made = anndata.AnnData(
        np.zeros(SMALL.shape),
        obs=pd.DataFrame({"site": list("xyx")}, index=SMALL.index),
        var=pd.DataFrame(index=SMALL.columns),
    )
    made.layers["log2"] = SMALL.to_numpy()
    made.layers["sparse"] = csr_matrix(SMALL.fillna(0).to_numpy())
    return made


def test_anndata_is_obs_by_var_and_layers_go_by_name(adata, tmp_path):
    adata.write_h5ad(tmp_path / "t.h5ad")
    same(as_expression(adata, unit="log2", layer="log2"))
    same(mirrisk.read(tmp_path / "t.h5ad", unit="log2", layer="log2"))
    for table in (
        as_expression(adata, unit="log2", layer="sparse"),
        mirrisk.read(tmp_path / "t.h5ad", unit="log2", layer="sparse"),
    ):
        same(table, SMALL.fillna(0))
    same(mirrisk.read(tmp_path / "t.h5ad", unit="log2"), SMALL.fillna(0) * 0)


def test_absent_layer_is_refused_with_the_layers_there_are(adata, tmp_path):
    adata.write_h5ad(tmp_path / "t.h5ad")
    for read in (
        lambda: as_expression(adata, layer="raw"),
        lambda: mirrisk.read(tmp_path / "t.h5ad", layer="raw"),
    ):
        with pytest.raises(NotFoundError, match="no layer 'raw'") as caught:
            read()
        assert caught.value.expected == "one of 'log2', 'sparse'"


def test_other_hdf5_is_refused(anndata, tmp_path):
    import h5py

    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(InvalidTableError, match="an HDF5 file, but no AnnData"):
        mirrisk.read(tmp_path / "t.h5")


def test_library_size_may_be_a_column_of_obs(anndata, tmp_path):
    counts = counts_like("tcga-prad", 3, seed=6)
    kept = [c for c in counts if c in mirrisk.Reference.load("tcga-prad").keys]
    made = anndata.AnnData(
        counts[kept].to_numpy(dtype=float),
        obs=pd.DataFrame({"reads": counts.sum(axis=1)}),
        var=pd.DataFrame(index=kept),
    )
    made.write_h5ad(tmp_path / "t.h5ad")
    table = mirrisk.read(tmp_path / "t.h5ad", unit="counts", library_size="reads")
    np.testing.assert_array_equal(table.reads, counts.sum(axis=1))


def test_assessment_goes_back_into_the_anndata_that_was_scored(anndata, tmp_path):
    counts = counts_like("tcga-prad", 4, seed=7)
    made = anndata.AnnData(counts.astype(float))
    found = mirrisk.score(made, panel="prostate", reference="tcga-prad", unit="counts")
    shuffled = made[::-1].copy()
    annotate(shuffled, found)
    scores = found.scores.set_index("sample").loc[list(shuffled.obs_names)]
    for column in ("score", "percentile", "flag", "reason", "coverage", "fragile"):
        assert shuffled.obs[f"mirrisk_prostate_{column}"].tolist() == scores[column].tolist()
    shuffled.write_h5ad(tmp_path / "t.h5ad")
    told = anndata.read_h5ad(tmp_path / "t.h5ad").uns["mirrisk"]
    assert told["panels"]["prostate"]["digest"] == found.results[0].panel.digest
    assert told["reference"]["name"] == "tcga-prad"
    assert told["reference"]["digest"] == found.reference.digest
    assert tuple(told["notes"]) == found.notes


def test_assessment_of_other_samples_is_refused(anndata):
    counts = counts_like("tcga-prad", 4, seed=7)
    made = anndata.AnnData(counts.astype(float))
    found = mirrisk.score(made, panel="prostate", reference="tcga-prad", unit="counts")
    with pytest.raises(InvalidTableError, match="sample 's0' is not in the AnnData"):
        annotate(made[1:].copy(), found)


# -- the Genomic Data Commons ------------------------------------------------------------------

GDC_HEADER = "miRNA_ID\tread_count\treads_per_million_miRNA_mapped\tcross-mapped"


def mirnas_file(path: Path, mir_21: int, mir_16_1: int) -> Path:
    rest = [f"{name}\t100\t50.5\tN" for name in fillers()]
    return written(
        path,
        GDC_HEADER,
        f"hsa-mir-16-1\t{mir_16_1}\t3.250000\tY",
        "hsa-mir-16-2\t5\t1.5\tY",
        f"hsa-mir-21\t{mir_21}\t400000.5\tN",
        *rest,
    )


UUID = "0a5c8d0b-3c1f"


def test_file_of_the_gdc_is_one_sample_named_after_it(tmp_path):
    path = mirnas_file(tmp_path / f"{UUID}.mirbase21.mirnas.quantification.txt", 9000, 40)
    table = mirrisk.read(path)
    assert (table.samples, table.unit, table.level) == ((UUID,), "counts", "stem-loop")
    assert cell(table, UUID, "hsa-mir-21") == 9000
    assert table.reads.tolist() == [9000 + 40 + 5 + 120 * 100]
    assert table.log_values(["hsa-mir-16"], "stem-loop")[0, 0] == pytest.approx(
        np.log2(45 / 21045 * 1e6 + 1)
    )
    assert table.notes == ("read as one sample of the GDC: stem-loops, column read_count",)


def test_reads_per_million_of_the_gdc_are_taken_when_asked_for(tmp_path):
    path = mirnas_file(tmp_path / "TCGA-XX.hg19.mirna.quantification.txt", 9000, 40)
    table = mirrisk.read(path, unit="cpm")
    assert table.samples == ("TCGA-XX",)
    assert cell(table, "TCGA-XX", "hsa-mir-21") == 400000.5
    with pytest.raises(InvalidTableError, match="the unit was said to be log2") as caught:
        mirrisk.read(path, unit="log2")
    assert caught.value.expected == "counts or cpm"


def test_frame_of_a_file_of_the_gdc_is_recognised_too(tmp_path):
    path = mirnas_file(tmp_path / "x.mirnas.quantification.txt", 9000, 40)
    for frame in (pd.read_csv(path, sep="\t"), pl.read_csv(path, separator="\t")):
        table = as_expression(frame)
        assert table.samples == ("sample",)
        assert cell(table, "sample", "hsa-mir-21") == 9000


ISOFORM_HEADER = (
    "miRNA_ID\tisoform_coords\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\t"
    "miRNA_region"
)


def isoforms_file(path: Path, *, mir_154: bool = True) -> Path:
    """Let-7a of two loci, miR-21 of two ends and a precursor, 100 strangers by accession."""
    arm = ["hsa-mir-154\thg38:chr14:9-30:+\t4\t1.0\tN\tmature,MIMAT0000453"] if mir_154 else []
    strange = [
        f"hsa-mir-{9000 + i}\thg38:chr1:{i}-{i + 22}:+\t10\t2.5\tN\tmature,MIMAT00{40000 + i}"
        for i in range(100)
    ]
    return written(
        path,
        ISOFORM_HEADER,
        "hsa-let-7a-1\thg38:chr9:94175961-94175982:+\t30\t7.5\tN\tmature,MIMAT0000062",
        "hsa-let-7a-2\thg38:chr11:122146523-122146544:-\t12\t3.0\tY\tmature,MIMAT0000062",
        "hsa-mir-21\thg38:chr17:59841272-59841294:+\t500\t125\tN\tmature,MIMAT0000076",
        "hsa-mir-21\thg38:chr17:59841273-59841295:+\t70\t17.5\tN\tmature,MIMAT0000076",
        "hsa-mir-21\thg38:chr17:59841300-59841320:+\t9\t2.25\tN\tprecursor",
        "hsa-mir-21\thg38:chr17:59841310-59841332:+\t8\t2\tN\tstar,MIMAT0004494",
        *arm,
        *strange,
    )


def test_isoforms_of_the_gdc_are_summed_to_mature_mirnas_by_accession(tmp_path):
    path = isoforms_file(tmp_path / "u1.mirbase21.isoforms.quantification.txt")
    table = mirrisk.read(path)
    assert (table.samples, table.unit, table.level) == (("u1",), "counts", "mature")
    assert cell(table, "u1", "MIMAT0000062") == 30 + 12
    assert cell(table, "u1", "MIMAT0000076") == 500 + 70
    assert cell(table, "u1", "MIMAT0004494") == 8
    assert table.reads.tolist() == [42 + 570 + 8 + 4 + 1000]
    assert "outside of them lie 0.6% of it, left out" in table.notes[0]  # 9 of 1633


def test_panel_mirna_that_isoforms_do_not_list_has_no_reads(tmp_path):
    path = isoforms_file(tmp_path / "u1.isoforms.quantification.txt")
    table = mirrisk.read(path)
    unread = accession_of("hsa-miR-34a-5p")
    assert cell(table, "u1", unread) == 0
    assert table.log_values(["hsa-miR-34a-5p"], "mature")[0, 0] == 0
    assert "the panels' miRNAs that are not listed have no read: 0" in table.notes


def download(folder: Path, make: Callable[..., Path], *samples: str, **how: Any) -> Path:
    """A folder as gdc-client leaves it: a folder per file, annotations and logs beside."""
    kind = "mirnas" if make is mirnas_file else "isoforms"
    for i, sample in enumerate(samples):
        numbers = (9000 + i, 40 + i) if make is mirnas_file else ()
        make(folder / f"id-{i}" / f"{sample}.mirbase21.{kind}.quantification.txt", *numbers, **how)
        written(folder / f"id-{i}" / "logs" / f"{sample}.parcel", "x")
        written(folder / f"id-{i}" / "annotations.txt", "id\tnotes", "1\tnone")
    written(folder / "MANIFEST.txt", "id\tfilename")
    return folder


def test_folder_of_the_gdc_is_assembled_into_one_table(tmp_path):
    table = mirrisk.read(download(tmp_path, mirnas_file, "b", "a"), assemble="gdc")
    assert (table.samples, table.unit, table.level) == (("a", "b"), "counts", "stem-loop")
    assert [cell(table, s, "hsa-mir-21") for s in "ab"] == [9001, 9000]
    assert [cell(table, s, "hsa-mir-16-1") for s in "ab"] == [41, 40]
    assert table.notes == ("assembled from 2 files mirnas.quantification.txt",)


def test_assembled_sample_is_what_it_is_alone(tmp_path):
    download(tmp_path, isoforms_file, "a")
    other = isoforms_file(
        tmp_path / "id-9" / "b.mirbase21.isoforms.quantification.txt", mir_154=False
    )
    folder = mirrisk.read(tmp_path, assemble="gdc")
    alone = mirrisk.read(other)
    keys = sorted(alone.index.columns_of("mature"))
    np.testing.assert_array_equal(
        folder.log_values(keys, "mature")[1], alone.log_values(keys, "mature")[0]
    )
    assert folder.reads[1] == alone.reads[0]
    assert cell(folder, "b", "MIMAT0000453") == 0  # miR-154-3p is of the panels


def test_folder_of_both_kinds_is_chosen_from_by_level(tmp_path):
    download(tmp_path, mirnas_file, "a")
    download(tmp_path, isoforms_file, "a")
    with pytest.raises(InvalidTableError, match="both kinds: 1 mirnas and 1 isoforms") as caught:
        mirrisk.read(tmp_path, assemble="gdc")
    assert "choose by level" in caught.value.remedy
    for level in ("mature", "stem-loop"):
        assert mirrisk.read(tmp_path, assemble="gdc", level=level).level == level


def test_repeated_sample_of_a_folder_is_refused_by_name(tmp_path):
    mirnas_file(tmp_path / "one" / "a.mirnas.quantification.txt", 9000, 40)
    mirnas_file(tmp_path / "two" / "a.mirnas.quantification.txt", 9000, 40)
    with pytest.raises(MirriskError, match="sample names occur more than once: 'a'"):
        mirrisk.read(tmp_path, assemble="gdc")


def test_files_of_two_annotations_are_not_mixed(tmp_path):
    mirnas_file(tmp_path / "a.mirnas.quantification.txt", 9000, 40)
    written(tmp_path / "b.mirnas.quantification.txt", GDC_HEADER, "hsa-mir-21\t5\t2\tN")
    with pytest.raises(InvalidTableError, match="lists 1 stem-loops") as caught:
        mirrisk.read(tmp_path, assemble="gdc")
    assert caught.value.where == str(tmp_path / "b.mirnas.quantification.txt")


def test_folder_without_files_of_the_gdc_is_refused(tmp_path):
    written(tmp_path / "t.csv", "sample,hsa-miR-21-5p", "A,1")
    with pytest.raises(InvalidTableError, match="no file of the GDC in the folder"):
        mirrisk.read(tmp_path, assemble="gdc")


def test_damaged_file_in_a_folder_is_named(tmp_path):
    mirnas_file(tmp_path / "a.mirnas.quantification.txt", 9000, 40)
    path = written(tmp_path / "b.mirnas.quantification.txt", GDC_HEADER, "hsa-mir-21\tfew\t2\tN")
    with pytest.raises(InvalidTableError, match="'few' is no number") as caught:
        mirrisk.read(tmp_path, assemble="gdc")
    assert caught.value.where.startswith(str(path))


def test_matrix_of_tcgabiolinks_is_taken_apart(tmp_path):
    kinds = ("read_count", "reads_per_million_miRNA_mapped", "cross-mapped")
    names = [f"{kind}_{sample}" for sample in ("P-1", "P-2") for kind in kinds]
    rows = [f"{i},{name},100,5.5,N,200,6.5,Y" for i, name in enumerate(fillers(), 2)]
    path = written(
        tmp_path / "t.csv",
        ",".join(('""', "miRNA_ID", *names)),
        "1,hsa-mir-21,9000,700.5,N,8000,600.5,N",
        *rows,
    )
    table = mirrisk.read(path)
    assert (table.samples, table.unit) == (("P-1", "P-2"), "counts")
    assert [cell(table, s, "hsa-mir-21") for s in table.samples] == [9000, 8000]
    assert cell(mirrisk.read(path, unit="cpm"), "P-2", "hsa-mir-9000") == 6.5


def test_table_of_firehose_with_its_two_headers_is_taken_apart(tmp_path):
    kinds = "\t".join(("read_count", "reads_per_million_miRNA_mapped", "cross-mapped") * 2)
    path = written(
        tmp_path / "PRAD.miR_gene_expression__data.data.txt",
        "Hybridization REF" + "\tP-1" * 3 + "\tP-2" * 3,
        f"miRNA_ID\t{kinds}",
        "hsa-mir-21\t9000\t700.5\tN\t8000\t600.5\tN",
        *(f"{name}\t100\t5.5\tN\t200\t6.5\tY" for name in fillers()),
    )
    table = mirrisk.read(path)
    assert (table.samples, table.unit) == (("P-1", "P-2"), "counts")
    assert [cell(table, s, "hsa-mir-21") for s in table.samples] == [9000, 8000]
    assert cell(mirrisk.read(path, unit="cpm"), "P-1", "hsa-mir-21") == 700.5
    assert any("Firehose" in note for note in table.notes)


# -- pipelines ---------------------------------------------------------------------------------


def test_counts_of_nf_core_are_read_as_they_are(tmp_path):
    for kind, names in (
        ("mature", ["hsa-miR-21-5p", *strangers(120)]),
        ("hairpin", ["hsa-mir-21", *fillers()]),
    ):
        quoted = ",".join(f'"{name}"' for name in ("", *names))
        path = written(
            tmp_path / f"{kind}_counts.csv",
            quoted,
            f'"Control_1.{kind}",12345{",7" * 120}',
            f'"Patient_1.{kind}",23456{",9" * 120}',
        )
        table = mirrisk.read(path, unit="counts")
        assert table.samples == (f"Control_1.{kind}", f"Patient_1.{kind}")
        assert table.level == {"mature": "mature", "hairpin": "stem-loop"}[kind]
        assert table.values[:, 0].tolist() == [12345, 23456]
        assert table.notes == ()


MIRTOP = (
    "UID\tRead\tmiRNA\tVariant\tiso_5p\tiso_3p\tiso_add3p\tiso_snp\tiso_5p_nt\tiso_3p_nt\t"
    "iso_add3p_nt\tiso_snp_nt"
)


def test_isomirs_of_mirtop_are_summed_to_mirnas(tmp_path):
    blank = "NA\t0\t0\t0\t0\t0\t0\t0\t0"
    others = [f"iso-{i}\tACGT\t{name}\t{blank}\t10\t20" for i, name in enumerate(strangers(120))]
    path = written(
        tmp_path / "joined_samples_mirtop.tsv",
        f"{MIRTOP}\tC1_seqcluster\tP1_seqcluster",
        f"iso-22-A\tTAGCTT\thsa-miR-21-5p\t{blank}\t100\t200",
        f"iso-23-B\tTAGCTTA\thsa-miR-21-5p\tiso_3p:+1{blank[2:]}\t30\tNA",
        f"iso-22-C\tTTCAC\thsa-miR-27a-3p\t{blank}\t5\t6",
        f"iso-22-C\tTTCAC\thsa-miR-27b-3p\t{blank}\t5\t6",
        *others,
    )
    table = mirrisk.read(path)
    assert (table.samples, table.unit) == (("C1_seqcluster", "P1_seqcluster"), "counts")
    assert [cell(table, s, "hsa-miR-21-5p") for s in table.samples] == [130, 200]
    assert [cell(table, s, "hsa-miR-27a-3p") for s in table.samples] == [5, 6]
    assert cell(table, "C1_seqcluster", "hsa-miR-34a-5p") == 0
    assert table.reads.tolist() == [130 + 5 + 1200, 200 + 6 + 2400]
    assert table.notes[0] == (
        "read as mirtop's isomiRs: 123 sequences summed to 122 miRNAs; 1 rows that list a "
        "sequence again for another miRNA left out"
    )


def test_sum_in_the_first_row_of_mirge_is_left_out(tmp_path):
    path = written(
        tmp_path / "miR.Counts.csv",
        "miRNA,SRR1,SRR2",
        "miRNAtotal,25000,37000",
        "hsa-miR-21-5p,13000,13000",
        *(f"{name},100,200" for name in strangers(120)),
    )
    table = mirrisk.read(path)
    assert table.unit == "counts"
    assert "miRNAtotal" not in table.features
    assert table.reads.tolist() == [25000, 37000]
    assert any("row miRNAtotal" in note for note in table.notes)


def test_rpm_of_mirge_is_cpm(tmp_path):
    rest = (1e6 - 123456.5) / 120
    path = written(
        tmp_path / "miR.RPM.csv",
        "miRNA,SRR1",
        "hsa-miR-21-5p,123456.5",
        *(f"{name},{rest}" for name in strangers(120)),
    )
    table = mirrisk.read(path)
    assert (table.unit, cell(table, "SRR1", "hsa-miR-21-5p")) == ("cpm", 123456.5)


@pytest.mark.parametrize("corner", ["\t", ""], ids=["an empty name", "one name short"])
def test_counts_of_excerpt_are_read_with_merged_names_ambiguous(corner, tmp_path):
    path = written(
        tmp_path / "exceRpt_miRNA_ReadCounts.txt",
        f"{corner}S1\tS2",
        "hsa-miR-21-5p\t13000.5\t14000",
        "hsa-miR-151a-5p|hsa-miR-151b\t40\t50.25",
        *(f"{name}\t100\t200" for name in strangers(120)),
    )
    table = mirrisk.read(path, unit="counts")
    assert table.samples == ("S1", "S2")
    assert cell(table, "S1", "hsa-miR-21-5p") == 13000.5
    assert "hsa-miR-151a-5p" in table.index.ambiguous


def test_grouped_reads_of_srnabench_are_one_sample_named_after_its_folder(tmp_path):
    header = (
        "name\tunique reads\tread count\tread count (mult. map. adj.)\tRPM (lib)\tRPM (total)\t"
        "coordinateString\tRPM_adj (lib)\tRPM_adj (total)"
    )
    locus = "hsa-let-7a-1#6#27#+"
    path = written(
        tmp_path / "patient_7" / "mature_sense.grouped",
        header,
        f"hsa-miR-21-5p\t90\t13000\t13000.0\t1\t1\t{locus}\t520000.5\t1",
        f"hsa-let-7a-5p\t9\t300\t100.25\t1\t1\t{locus}\t10.5\t1",
        f"hsa-let-7a-5p\t9\t300\t100.5\t1\t1\t{locus}\t11.5\t1",
        *(f"{name}\t3\t100\t100.0\t1\t1\t{locus}\t4.0\t1" for name in strangers(120)),
    )
    table = mirrisk.read(path)
    assert (table.samples, table.unit) == (("patient_7",), "counts")
    assert cell(table, "patient_7", "hsa-let-7a-5p") == 200.75
    assert cell(table, "patient_7", "hsa-miR-34a-5p") == 0
    assert cell(mirrisk.read(path, unit="cpm"), "patient_7", "hsa-let-7a-5p") == 22


def test_order_of_rows_does_not_bear_upon_a_sum():
    from mirrisk.tables.layouts import summed

    values = np.array([[0.1], [0.2], [0.3], [1e16], [-1e16]])
    names = ["b", "b", "b", "b", "b"]
    sums = {
        summed(names, values[list(order)])[1][0, 0] for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1])
    }
    assert len(sums) == 1


# -- size --------------------------------------------------------------------------------------


def test_a_million_samples_do_not_cost_a_million_names(tmp_path):
    # 60,000 rows stand for them: more than the spread that is looked at.
    rows = [f"P{i},1.5,2.5" for i in range(60_000)]
    path = written(tmp_path / "t.csv", "sample,hsa-miR-21-5p,hsa-miR-16-5p", *rows)
    assert len(mirrisk.read(path, unit="log2")) == 60_000


def test_more_rows_of_isomirs_than_there_are_mirnas_are_refused(tmp_path):
    rows = [f"hsa-miR-{1 + i % 900}-5p.iso{i},5" for i in range(200_001)]
    path = written(tmp_path / "t.csv", "isomir,A", *rows)
    with pytest.raises(InvalidTableError, match="200,001 features in rows") as caught:
        mirrisk.read(path, unit="counts")
    assert caught.value.remedy.startswith("sum isomiRs to miRNAs first")


# -- the command line --------------------------------------------------------------------------


def test_commands_take_sheets_and_folders(tmp_path, capsys):
    counts = counts_like("tcga-prad", 3, seed=8)
    rows = [["", *counts.columns], *([i, *map(int, counts.loc[i])] for i in counts.index)]
    book = workbook(tmp_path / "t.xlsx", first=[["no table"]], data=rows)
    against = ["--panel", "prostate", "--reference", "tcga-prad", "--out", "-"]
    assert main(["score", str(book), "--sheet", "data", *against]) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out), float_precision="round_trip")
    direct = mirrisk.score(counts, panel="prostate", reference="tcga-prad", unit="counts")
    assert found["score"].tolist() == direct.scores["score"].tolist()
    download(tmp_path / "gdc", mirnas_file, "a", "b")
    assert main(["names", str(tmp_path / "gdc"), "--assemble", "gdc"]) == 0
    assert "assembled from 2 files" in capsys.readouterr().err
    assert main(["score", str(tmp_path / "gdc"), *against]) == 3
    assert "--assemble gdc" in capsys.readouterr().err
