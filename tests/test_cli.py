"""The command line: results, messages and exit codes, as a user meets them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest

import mirrisk
from mirrisk.cli import main, show
from mirrisk.errors import MirriskError
from mirrisk.output import check_targets, frame_to_csv, write_csv
from mirrisk.reference import Reference
from mirrisk.result import CONTRIBUTION_COLUMNS, SCORE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
AGAINST = ("--panel", "prostate", "--reference", "tcga-prad")


class Run(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    def frame(self) -> pd.DataFrame:
        # pandas before 3 reads numbers to the last bit only if asked to.
        return pd.read_csv(io.StringIO(self.out), float_precision="round_trip")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    def command(*arguments: object) -> Run:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Run(code, out, err)

    return command


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands believe that a person reads their output, 120 columns wide."""
    monkeypatch.setattr(show, "stdout_is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")


def python(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own."""
    command = [sys.executable, "-m", "mirrisk", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def _drawn(n: int) -> pd.DataFrame:
    """Draw tumours from the shipped prostate reference, five million reads each."""
    reference = Reference.load("tcga-prad")
    medians = dict(zip(reference.keys, reference.grids[:, 50], strict=True))
    medians |= dict(zip(reference.profile.keys, reference.profile.median, strict=True))
    jitter = np.random.default_rng(1).normal(0, 0.4, (n, len(medians)))
    cpm = np.maximum(np.exp2(np.array(list(medians.values())) + jitter) - 1, 0)
    reads = np.round(cpm / cpm.sum(axis=1, keepdims=True) * 5e6).astype(int)
    samples = [f"tumour_{i + 1}" for i in range(n)]
    return pd.DataFrame(reads, index=samples, columns=list(medians))


@pytest.fixture(scope="module")
def counts() -> pd.DataFrame:
    return _drawn(6)


@pytest.fixture
def table(counts: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "counts.csv"
    counts.to_csv(path)
    return path


# -- the program -------------------------------------------------------------------------------


def test_version_is_that_of_the_package(run):
    assert run("--version").out == f"mirrisk {mirrisk.__version__}\n"


def test_help_names_every_group_of_commands(run):
    shown = run("--help")
    assert shown.code == 0
    for command in ("score", "names", "panels", "references"):
        assert command in shown.out


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["panels"], ["panels", "show", "lung"], ["panels", "check", "FILE"]],
)
def test_help_and_panels_import_neither_numpy_nor_pandas(arguments):
    arguments = [str(ROOT / "signatures/liver.toml") if a == "FILE" else a for a in arguments]
    assert _imported(arguments, ("numpy", "pandas", "pyarrow", "scipy", "sklearn")) == []


def test_scoring_imports_no_heavy_library(table):
    heavy = ("sklearn", "scipy.stats", "dask", "altair", "matplotlib", "joblib")
    assert _imported(["score", str(table), *AGAINST], heavy) == []


def _imported(arguments: list[str], modules: tuple[str, ...]) -> list[str]:
    program = (
        "import sys; from mirrisk.cli import main\n"
        f"code = main({arguments!r})\n"
        f"found = [m for m in {modules!r} if m in sys.modules]\n"
        "sys.stderr.write(repr((code, found)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    code, found = eval(done.stderr.splitlines()[-1])
    assert code == 0
    return found


def test_a_bug_is_exit_code_1_with_its_traceback(run, monkeypatch):
    monkeypatch.setattr("mirrisk.panel.shipped_panels", lambda: 1 / 0)
    failed = run("panels")
    assert failed.code == 1
    assert "ZeroDivisionError" in failed.err
    assert "bug in mirrisk" in failed.err


def test_interrupting_is_exit_code_130_without_a_traceback(run, table, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mirrisk.tables.read", interrupted)
    stopped = run("score", table, *AGAINST)
    assert stopped.code == 130
    assert stopped.err == "interrupted\n"


@pytest.mark.parametrize("arguments", [("score", "TABLE", *AGAINST), ("panels", "show", "lung")])
def test_a_reader_that_goes_away_is_no_fault(table, arguments):
    arguments = [str(table) if a == "TABLE" else a for a in arguments]
    command = [sys.executable, "-m", "mirrisk", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read().decode()
    assert process.returncode == 141
    assert err == ""


# -- panels ------------------------------------------------------------------------------------


def test_panels_alone_lists_them(run):
    listed = run("panels")
    assert listed.out == run("panels", "list").out
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(listed.out))}
    assert list(rows) == mirrisk.list_panels()
    # Counted by hand in signatures/prostate.toml.
    assert [rows["prostate"][s] for s in ("tissue", "serum", "ev")] == ["15", "0", "1"]
    assert (rows["prostate"]["scored"], rows["prostate"]["contested"]) == ("16", "4")


@pytest.mark.usefixtures("terminal")
def test_panels_list_marks_single_markers_on_a_terminal(run):
    shown = run("panels").out
    prostate = next(line for line in shown.splitlines() if line.startswith("prostate"))
    assert prostate.split()[-3:] == ["15", "0", "1*"]
    assert "single marker" in shown


@pytest.mark.parametrize("width", ["80", "120"])
def test_panels_show_tells_everything_within_the_width(run, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    shown = run("panels", "show", "prostate").out
    panel = mirrisk.load_panel("prostate")
    words = " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= int(width)
    for text in (panel.digest, panel.endpoint, *panel.caveats):
        assert text in words
    for member in panel.members:
        assert member.name in words
        for text in (member.conflicts, member.ruling, *member.targets):
            assert " ".join(text.split()) in words
        for evidence in member.evidence:
            assert evidence.measured in words


def test_panels_show_reads_a_file(run):
    shown = run("panels", "show", ROOT / "signatures/thyroid.toml")
    assert "tissue 1 (single marker)" in shown.out


def test_panel_that_is_not_there_is_told_with_those_that_are(run):
    failed = run("panels", "show", "prostata")
    assert failed.code == 3
    assert failed.err.startswith("error: no panel 'prostata'")
    assert "prostate" in failed.err


def test_panels_check_prints_a_line_per_good_file(run):
    files = sorted((ROOT / "signatures").glob("*.toml"))
    checked = run("panels", "check", *files)
    assert checked.code == 0
    assert [line.split(":")[0] for line in checked.out.splitlines()] == ["ok"] * len(files)


def test_panels_check_goes_on_after_a_bad_file(run, tmp_path):
    bad = ROOT / "tests/bad_signatures/weight_zero.toml"
    checked = run("panels", "check", bad, tmp_path / "none.toml", ROOT / "signatures/liver.toml")
    assert checked.code == 3
    assert "weight" in checked.err
    assert "none.toml" in checked.err
    assert checked.out.startswith("ok: ")
    assert "2 of 3 files cannot be used" in checked.err


def test_panels_check_tells_every_fault_of_a_file(run, tmp_path):
    text = (ROOT / "signatures/thyroid.toml").read_text(encoding="utf-8")
    faulty = tmp_path / "thyroid.toml"
    faulty.write_text(
        text.replace('version = "1.0.0"', 'version = "one"').replace(
            'confidence = "low"', 'confidence = "none"'
        ),
        encoding="utf-8",
    )
    checked = run("panels", "check", faulty)
    assert "version: not in the form expected" in checked.err
    assert "members[0].confidence: Input should be 'low', 'medium' or 'high'" in checked.err


def test_unknown_subcommand_is_a_usage_error(run):
    assert run("panels", "shwo").code == 2


# -- references --------------------------------------------------------------------------------


def test_references_alone_lists_them(run):
    listed = run("references")
    rows = {row["reference"]: row for row in csv.DictReader(io.StringIO(listed.out))}
    assert len(rows) == 6
    assert rows["tcga-prad"]["cancer"] == "prostate"
    assert rows["tcga-prad"]["samples"] == "494"  # primary tumours of TCGA-PRAD with miRNA-seq


@pytest.mark.usefixtures("terminal")
def test_references_list_names_the_panels_each_serves(run):
    shown = run("references", "list").out
    line = next(line for line in shown.splitlines() if line.startswith("tcga-luad"))
    assert line.split()[-1] == "lung"


def test_references_show_tells_cohort_and_distributions(run):
    shown = run("references", "show", "tcga-prad").out
    reference = Reference.load("tcga-prad")
    assert reference.digest in shown
    row = next(line.split() for line in shown.splitlines() if line.startswith("hsa-mir-145 "))
    median = reference.grids[reference.position["hsa-mir-145"], 50]
    assert row[3] == f"{median:.2f}"


def test_fitted_reference_serves_scoring(run, table, tmp_path):
    file = tmp_path / "mine.json"
    fit = ("references", "fit", table, "--name", "mine", "--out", file, "--cancer", "prostate")
    fitted = run(*fit, "--accept-small", "--protocol", "test")
    assert fitted.code == 0
    assert "warning: a reference of 6 samples" in fitted.err
    assert Reference.load(file).protocol == "test"
    scored = run("score", table, "--panel", "prostate", "--reference", file)
    assert scored.code in (0, 4)
    assert set(scored.frame()["reference"]) == {"mine"}


def test_reference_of_few_samples_is_refused_and_nothing_is_left(run, table, tmp_path):
    file = tmp_path / "mine.json"
    failed = run("references", "fit", table, "--name", "mine", "--out", file)
    assert failed.code == 3
    assert "too few for a reference" in failed.err
    assert list(tmp_path.iterdir()) == [table]


def test_reference_does_not_take_the_name_of_a_shipped_one(run, table, tmp_path):
    failed = run("references", "fit", table, "--name", "tcga-prad", "--out", tmp_path / "x")
    assert failed.code == 2
    assert "tcga-prad is a shipped reference" in " ".join(failed.err.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == [table]


def test_reference_of_an_unknown_cancer_is_warned_of(run, table, tmp_path):
    file = tmp_path / "mine.json"
    fit = ("references", "fit", table, "--name", "mine", "--out", file, "--accept-small")
    assert "no panel here is for 'prostrate'" in run(*fit, "--cancer", "prostrate").err


# -- names -------------------------------------------------------------------------------------


def test_names_gives_a_row_per_column_in_a_pipe(run, table, counts):
    named = run("names", table)
    frame = named.frame()
    assert list(frame["column"]) == list(counts.columns)
    row = frame.set_index("column").loc["hsa-mir-145"]
    assert (row["mirna"], row["panels"]) == ("hsa-mir-145", "prostate")
    assert "Coverage to be expected in tissue" in named.err
    assert "unit taken for counts" in named.err


@pytest.mark.usefixtures("terminal")
def test_names_tells_doubtful_columns_and_works_where_the_unit_is_unclear(run, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_text(
        "sample,hsa-miR-34a-5p,hsa-mri-21-5p,hsa-miR-378,mmu-miR-7a,[bold]x,U6 snRNA\n"
        "A,1.5,2,3,4,5,6\nB,1,2,3,4,text,6\n"
    )
    shown = run("names", file)
    assert shown.code == 0
    assert "not ready" in shown.out
    lines = {line.split("  ")[0]: line for line in shown.out.splitlines() if line}
    assert "hsa-miR-21-5p?" in lines["hsa-mri-21-5p"]
    assert "hsa-miR-378a-3p / hsa-miR-378a-5p" in lines["hsa-miR-378"]
    assert "of another species" in lines["mmu-miR-7a"]
    assert "no miRNA" in lines["[bold]x"]
    # miR-34a is one of liver's six members of equal weight in tissue.
    assert lines["liver"].split()[1] == "17%"


def test_names_reads_either_orientation(run, counts, tmp_path):
    turned = tmp_path / "turned.tsv"
    counts.T.to_csv(turned, sep="\t")
    named = run("names", turned)
    assert list(named.frame()["column"]) == list(counts.columns)
    assert "features in rows" in named.err


def test_names_neutralises_what_a_spreadsheet_would_run(run, tmp_path):
    file = tmp_path / "evil.csv"
    file.write_text("sample,hsa-miR-34a-5p,=1+1\nA,1,2\n")
    assert list(run("names", file).frame()["column"]) == ["hsa-miR-34a-5p", "'=1+1"]


# -- score: results ----------------------------------------------------------------------------


def test_pipe_gets_csv_of_exactly_the_columns_and_the_summary_on_stderr(run, table, counts):
    scored = run("score", table, *AGAINST)
    assert scored.code == 0
    assert scored.out.splitlines()[0] == ",".join(SCORE_COLUMNS)
    assert list(scored.frame()["sample"]) == list(counts.index)
    assert "prostate 1.0.0" in scored.err
    assert "not a probability of metastasis" in scored.err
    assert "no reassurance" in scored.err
    assert "Research use only" in scored.err


def test_csv_holds_the_numbers_of_python_to_the_last_bit(run, table, counts):
    expected = mirrisk.score(counts, panel="prostate", reference="tcga-prad").scores
    printed = list(csv.DictReader(io.StringIO(run("score", table, *AGAINST).out)))
    for column in ("score", "percentile", "coverage", "score_low", "score_high"):
        assert [float(row[column]) for row in printed] == list(expected[column])


def test_features_in_rows_give_the_same_scores(run, table, counts, tmp_path):
    turned = tmp_path / "turned.csv"
    counts.T.to_csv(turned)
    there, here = run("score", turned, *AGAINST), run("score", table, *AGAINST)
    assert there.out == here.out
    assert "miRNAs stand in rows" in there.err


def test_utf16_with_its_mark_gives_the_same_scores(run, table, tmp_path):
    other = tmp_path / "utf16.csv"
    other.write_bytes(table.read_text().encode("utf-16"))
    assert run("score", other, *AGAINST).out == run("score", table, *AGAINST).out


def test_standard_input_and_output_as_a_filter(table):
    piped = python("score", "-", *AGAINST, "--out", "-", input=table.read_text())
    assert piped.returncode == 0
    assert piped.stdout == python("score", table, *AGAINST).stdout


def test_several_panels_give_a_row_per_sample_and_panel_in_input_order(run, tmp_path):
    cohort, file = _drawn(24), tmp_path / "cohort.csv"
    cohort.to_csv(file)
    scored = run("score", file, "--panel", "prostate,lung", "--reference", "cohort")
    frame = scored.frame()
    assert list(frame["sample"]) == [s for s in cohort.index for _ in range(2)]
    assert list(frame["panel"]) == ["prostate", "lung"] * 24
    assert set(frame["reference"]) == {"cohort (n=24)"}
    assert "the reference is this table itself (24 samples)" in " ".join(scored.err.split())
    assert "warning: a reference of 24 samples is imprecise" in scored.err


def test_all_takes_the_panels_that_fit_the_reference(run, table):
    scored = run("score", table, "--panel", "all", "--reference", "tcga-prad")
    assert set(scored.frame()["panel"]) == {"prostate"}
    said = " ".join(scored.err.split())
    assert "panels left out, for the reference is of prostate: breast, ewing_sarcoma, liver" in said


def test_out_is_written_whole_and_standard_output_stays_empty(run, table, tmp_path):
    out, contributions = tmp_path / "scores.csv", tmp_path / "contributions.csv"
    scored = run("score", table, *AGAINST, "--out", out, "--contributions", contributions)
    assert (scored.code, scored.out) == (0, "")
    assert tuple(pd.read_csv(out, float_precision="round_trip").columns) == SCORE_COLUMNS
    parts = pd.read_csv(contributions)
    assert tuple(parts.columns) == CONTRIBUTION_COLUMNS
    sums = parts.groupby("sample", sort=False)["contribution"].sum()
    np.testing.assert_allclose(
        sums, pd.read_csv(out, float_precision="round_trip")["score"], atol=1e-9
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "contributions.csv",
        "counts.csv",
        "scores.csv",
    ]


def test_out_named_gz_is_compressed(run, table, tmp_path):
    out = tmp_path / "scores.csv.gz"
    run("score", table, *AGAINST, "--out", out)
    assert gzip.decompress(out.read_bytes()).decode() == run("score", table, *AGAINST).out


def test_contributions_may_take_the_standard_output(run, table):
    scored = run("score", table, *AGAINST, "--contributions", "-")
    assert tuple(scored.frame().columns) == CONTRIBUTION_COLUMNS


def test_json_is_valid_and_has_null_for_what_is_no_number(run, table):
    printed = run("score", table, *AGAINST, "--json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads(printed.out, parse_constant=refuse)
    panel, reference = mirrisk.load_panel("prostate"), Reference.load("tcga-prad")
    assert content["mirrisk"] == mirrisk.__version__
    assert content["panels"] == [
        {"id": "prostate", "version": panel.version, "digest": panel.digest}
    ]
    assert content["reference"]["digest"] == reference.digest
    assert content["notes"]
    assert len(content["scores"]) == 6
    assert tuple(content["scores"][0]) == SCORE_COLUMNS
    assert content["scores"][0]["probability"] is None
    assert isinstance(content["scores"][0]["score"], float)


def test_explain_prints_the_explanation_of_the_library(run, table, counts):
    explained = run("score", table, *AGAINST, "--explain", "tumour_2")
    expected = mirrisk.score(counts, panel="prostate", reference="tcga-prad").explain("tumour_2")
    words = " ".join(explained.out.replace("•", " ").split())
    for _, sentence in expected.sentences:
        assert " ".join(sentence.split()) in words


def test_explanation_makes_way_for_scores_on_standard_output(run, table):
    explained = run("score", table, *AGAINST, "--explain", "tumour_2", "--out", "-")
    assert explained.out.startswith("sample,panel,")
    assert "Fragility" in explained.err


def test_explaining_an_unknown_sample_leaves_no_output(run, table, tmp_path):
    out = tmp_path / "scores.csv"
    failed = run("score", table, *AGAINST, "--explain", "tumour_9", "--out", out)
    assert failed.code == 3
    assert "no sample 'tumour_9'" in failed.err
    assert not out.exists()


@pytest.mark.usefixtures("terminal")
def test_terminal_gets_a_table_and_a_summary(run, table):
    shown = run("score", table, *AGAINST)
    lines = shown.out.splitlines()
    assert lines[0].split()[:2] == ["sample", "flag"]
    assert sum(line.startswith("tumour_") for line in lines) == 6
    assert "reference" in shown.out
    assert "Research use only" in shown.out
    assert shown.err == ""


@pytest.mark.usefixtures("terminal")
def test_terminal_shows_thirty_rows_and_tells_how_many_more(run, counts, tmp_path):
    many = pd.concat([counts.set_axis([f"{i}_{s}" for s in counts.index]) for i in range(6)])
    file = tmp_path / "many.csv"
    many.to_csv(file)
    shown = run("score", file, *AGAINST).out
    assert sum("_tumour_" in line for line in shown.splitlines()) == 30
    assert "... and 6 more rows" in shown


@pytest.mark.usefixtures("terminal")
def test_sample_names_are_data_on_a_terminal(run, counts, tmp_path):
    file = tmp_path / "named.csv"
    counts.set_axis(["[bold]A", ":smile:", "\x1b[31mred", "D[/]", "E", "F"]).to_csv(file)
    shown = run("score", file, *AGAINST).out
    for name in ("[bold]A", ":smile:", "D[/]"):
        assert name in shown
    assert "\x1b" not in shown


def test_min_coverage_decides_what_is_scored(run, table):
    assert run("score", table, *AGAINST, "--min-coverage", "1").code == 4
    assert run("score", table, *AGAINST, "--min-coverage", "1.5").code == 2


def test_library_size_column_stands_for_the_rest_of_the_table(run, counts, tmp_path):
    part = tmp_path / "part.csv"
    columns = [c for c in counts if c in Reference.load("tcga-prad").keys]
    counts[columns].assign(reads=counts.sum(axis=1)).to_csv(part)
    refused = run("score", part, *AGAINST, "--unit", "counts")
    assert refused.code == 3
    assert "size of the library is unknown" in refused.err
    scored = run("score", part, *AGAINST, "--unit", "counts", "--library-size", "reads")
    assert scored.code == 0


def test_aliases_explain_names_of_ones_own(run, table, counts, tmp_path):
    own, names = tmp_path / "own.csv", tmp_path / "names.csv"
    counts.rename(columns={"hsa-mir-145": "probe 17"}).to_csv(own)
    names.write_text("probe 17,hsa-mir-145\n")
    there = run("score", own, *AGAINST, "--aliases", names)
    np.testing.assert_array_equal(
        there.frame()["score"], run("score", table, *AGAINST).frame()["score"]
    )


# -- score: faults -----------------------------------------------------------------------------


def _with_cell(counts: pd.DataFrame, value: object) -> pd.DataFrame:
    changed = counts.astype(object)
    changed.loc["tumour_3", "hsa-mir-145"] = value
    return changed


FAULTS = {
    "text in a cell": (
        lambda counts: _with_cell(counts, "low").to_csv(),
        ("'low' is no number", "row 'tumour_3', column 'hsa-mir-145'"),
    ),
    "negative value": (
        lambda counts: _with_cell(counts, -4).to_csv(),
        ("negative value -4", "sample 'tumour_3', column 'hsa-mir-145'"),
    ),
    "repeated sample": (
        lambda counts: counts.rename(index={"tumour_2": "tumour_1"}).to_csv(),
        ("sample names occur more than once: 'tumour_1'",),
    ),
    "duplicated column": (
        lambda counts: pd.concat([counts, counts[["hsa-mir-145"]]], axis=1).to_csv(),
        ("column names occur more than once: 'hsa-mir-145'",),
    ),
    "empty file": (lambda _: "", ("the file is empty",)),
    "header alone": (lambda counts: counts.head(0).to_csv(), ("a header and nothing else",)),
    "no known miRNA": (
        lambda counts: counts.add_prefix("ENSG_").to_csv(),
        ("no column denotes a human miRNA", "mirrisk names TABLE"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_unusable_table_is_one_message_exit_code_3_and_no_output(run, counts, tmp_path, fault):
    write, messages = FAULTS[fault]
    table, out = tmp_path / "faulty.csv", tmp_path / "scores.csv"
    table.write_text(write(counts))
    failed = run("score", table, *AGAINST, "--unit", "counts", "--out", out)
    assert failed.code == 3
    assert failed.out == ""
    assert failed.err.count("error: ") == 1
    assert "Traceback" not in failed.err
    assert f"where:    {table}" in failed.err
    for message in messages:
        assert message in failed.err
    assert list(tmp_path.iterdir()) == [table]


def test_duplicates_are_merged_when_asked(run, table, counts, tmp_path):
    halves = counts.assign(**{"hsa-mir-145": counts["hsa-mir-145"] // 2})
    rest = (counts["hsa-mir-145"] - halves["hsa-mir-145"]).to_frame()
    file = tmp_path / "halves.csv"
    pd.concat([halves, rest], axis=1).to_csv(file)
    merged = run("score", file, *AGAINST, "--duplicates", "sum").frame()
    np.testing.assert_allclose(
        merged["score"], run("score", table, *AGAINST).frame()["score"], rtol=1e-12
    )


def test_panel_and_reference_of_different_cancers_is_exit_code_3(run, table, tmp_path):
    out = tmp_path / "scores.csv"
    failed = run("score", table, "--panel", "lung", "--reference", "tcga-prad", "--out", out)
    assert failed.code == 3
    assert "panel 'lung' is for lung, reference 'tcga-prad' is of prostate" in failed.err
    assert "mirrisk references fit" in failed.err
    assert not out.exists()


def test_missing_table_is_exit_code_3(run, tmp_path):
    failed = run("score", tmp_path / "none.csv", *AGAINST)
    assert failed.code == 3
    assert "no file" in failed.err


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--panel", "prostate"), "mirrisk references list"),
        (("--reference", "tcga-prad"), "mirrisk panels list"),
        ((*AGAINST, "--unit", "reads"), "reads"),
        ((*AGAINST, "--unit", "cnts"), "for '--unit': 'cnts' is not one of 'counts',"),
        ((*AGAINST, "--unit", "cnts"), "did you mean 'counts'?"),
        ((*AGAINST, "--specimen", "tisue"), "'ev', did you mean 'tissue'?"),
        ((*AGAINST, "--engine", "daks"), "did you mean 'dask'?"),
        ((*AGAINST, "--specimen", "urine"), "urine"),
        (("--panel", "all,liver", "--reference", "tcga-prad"), "all stands alone"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what_would_be_right(run, table, given, named):
    failed = run("score", table, *given)
    assert failed.code == 2
    assert named in " ".join(failed.err.replace("│", " ").split())


def test_unknown_reference_is_told_with_those_that_are(run, table):
    failed = run("score", table, "--panel", "prostate", "--reference", "tcga-prda")
    assert failed.code == 3
    assert "tcga-prad" in failed.err


def test_nothing_scored_is_exit_code_4_and_the_output_is_written(run, counts, tmp_path):
    shuffled = tmp_path / "shuffled.csv"
    counts.set_axis(list(counts.columns[::-1]), axis=1).to_csv(shuffled)
    out = tmp_path / "scores.csv"
    refused = run("score", shuffled, *AGAINST, "--out", out)
    assert refused.code == 4
    frame = pd.read_csv(out, float_precision="round_trip")
    assert set(frame["flag"]) == {"not_scored"}
    assert len(frame) == 6
    assert "remedy" in refused.err


@pytest.mark.parametrize("where", ["missing/scores.csv", "."])
def test_output_that_cannot_be_written_is_found_before_the_work(
    run, table, tmp_path, monkeypatch, where
):
    monkeypatch.setattr("mirrisk.tables.read", lambda *_, **__: pytest.fail("work was begun"))
    failed = run("score", table, *AGAINST, "--out", tmp_path / where)
    assert failed.code == 3
    assert "folder" in failed.err


def test_one_file_for_two_outputs_is_refused(run, table, tmp_path):
    out = tmp_path / "scores.csv"
    same = tmp_path / "." / "scores.csv"
    failed = run("score", table, *AGAINST, "--out", out, "--contributions", same)
    assert failed.code == 3
    assert "--out and --contributions are the same file" in failed.err


def test_the_table_is_never_overwritten(run, table):
    before = table.read_bytes()
    failed = run("score", table, *AGAINST, "--out", table)
    assert failed.code == 3
    assert table.read_bytes() == before


def test_message_holds_data_as_it_is(run, tmp_path):
    failed = run("score", tmp_path / "[bold]none[/].csv", *AGAINST)
    assert "[bold]none[/].csv" in failed.err


# -- files -------------------------------------------------------------------------------------


def test_cells_that_a_spreadsheet_would_run_are_neutralised(run, counts, tmp_path):
    names = ["=cmd|' /C calc'!A0", "+1", "-2", "@SUM(A1)", "\tx", "plain"]
    file, out = tmp_path / "evil.csv", tmp_path / "scores.csv"
    frame = mirrisk.score(counts.set_axis(names), panel="prostate", reference="tcga-prad").scores
    write_csv(frame, out)
    assert list(pd.read_csv(out, float_precision="round_trip")["sample"]) == [
        *("'" + name for name in names[:5]),
        "plain",
    ]
    counts.set_axis(names).to_csv(file)
    samples = list(run("score", file, *AGAINST).frame()["sample"])
    assert samples[:4] == ["'" + name for name in names[:4]]


def test_numbers_are_not_neutralised_and_missing_is_empty():
    frame = pd.DataFrame(
        {
            "=name": ["-a", None, "b"],
            "value": [-1.5, np.nan, 0.1],
            "kind": pd.Categorical(list("@-x")),
        }
    )
    assert frame_to_csv(frame) == "'=name,value,kind\n'-a,-1.5,'@\n,,'-\nb,0.1,x\n"


def test_failed_writing_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "scores.csv"
    target.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MirriskError, match="No space left"):
        write_csv(pd.DataFrame({"a": [1]}), target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_writing_through_a_link_keeps_the_link(tmp_path):
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    write_csv(pd.DataFrame({"a": [1]}), link)
    assert link.is_symlink()
    assert target.read_text() == "a\n1\n"


@pytest.mark.skipif(os.name == "nt", reason="no such device there")
def test_a_device_is_written_to_not_replaced():
    write_csv(pd.DataFrame({"a": [1]}), os.devnull)
    assert not Path(os.devnull).is_file()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission_is_found_beforehand(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(MirriskError, match="no permission"):
        check_targets({"--out": str(tmp_path / "scores.csv")})


# -- files larger than memory, many files ------------------------------------------------------


@pytest.fixture
def folder(counts: pd.DataFrame, tmp_path: Path) -> Path:
    """A file per tumour, miRNAs in rows."""
    path = tmp_path / "in"
    path.mkdir()
    for name in counts.index:
        counts.loc[[name]].T.to_csv(path / f"{name}.tsv", sep="\t")
    return path


def test_file_into_files_tells_what_the_pipe_tells(run, table, tmp_path):
    piped = run("score", table, *AGAINST)
    out, parts = tmp_path / "a.csv", tmp_path / "b.csv"
    filed = run("score", table, *AGAINST, "--out", out, "--contributions", parts)
    assert out.read_text() == piped.out
    assert parts.read_text() == run("score", table, *AGAINST, "--contributions", "-").out
    assert filed.err.replace(f"written: {parts}\n", "").replace(f"written: {out}\n", "") == (
        piped.err
    )


def test_file_into_parquet_holds_the_same_numbers(run, table, tmp_path):
    out = tmp_path / "a.parquet"
    assert run("score", table, *AGAINST, "--out", out).code == 0
    piped = run("score", table, *AGAINST).frame()
    assert np.array_equal(pd.read_parquet(out)["score"], piped["score"])


def test_parquet_is_parquet_beside_an_explanation(run, table, tmp_path):
    out, parts = tmp_path / "a.parquet", tmp_path / "b.parquet"
    files = ("--out", out, "--contributions", parts)
    explained = run("score", table, *AGAINST, *files, "--explain", "tumour_2")
    assert explained.code == 0
    assert "tumour_2" in explained.out
    piped = run("score", table, *AGAINST).frame()
    assert np.array_equal(pd.read_parquet(out)["score"], piped["score"])
    piped = run("score", table, *AGAINST, "--contributions", "-").frame()
    assert np.array_equal(
        pd.read_parquet(parts)["contribution"], piped["contribution"], equal_nan=True
    )


def test_contributions_alone_are_what_their_name_says(run, table, tmp_path):
    parts, packed = tmp_path / "b.parquet", tmp_path / "b.csv.gz"
    for path in (parts, packed):
        assert run("score", table, *AGAINST, "--contributions", path).code == 0
    read = pd.read_csv(packed, float_precision="round_trip")
    found = pd.read_parquet(parts)["contribution"]
    assert np.array_equal(found, read["contribution"], equal_nan=True)


def test_failed_json_leaves_no_contributions(run, table, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise MirriskError("cannot be written: no space left on device")

    monkeypatch.setattr("mirrisk.cli.score.write_texts", full)
    files = ("--json", "--out", tmp_path / "a.json", "--contributions", tmp_path / "b.csv")
    assert run("score", table, *AGAINST, *files).code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["counts.csv"]


@pytest.mark.parametrize("option", ["--aliases", "--covariates", "--reference"])
def test_what_many_files_are_read_with_is_never_overwritten(run, folder, tmp_path, option):
    given = tmp_path / "given.csv"
    given.write_text("name,miRBase name\nmy-21,hsa-miR-21-5p\n")
    options = {"--panel": "prostate", "--reference": "tcga-prad", option: given}
    words = [word for pair in options.items() for word in pair]
    failed = run("score", *sorted(folder.iterdir()), *words, "--out", given)
    assert failed.code == 3
    assert f"{option} and --out are the same file" in failed.err
    assert given.read_text().startswith("name,")


@pytest.mark.parametrize("how", ["folder", "pattern", "names"])
def test_many_files_give_one_table_in_their_order(how, run, table, folder, tmp_path):
    files = sorted(folder.iterdir(), reverse=True)
    given = {"folder": [folder], "pattern": [folder / "*.tsv"], "names": files}[how]
    out = tmp_path / "all.csv"
    done = run("score", *given, *AGAINST, "--out", out, "--jobs", 2)
    assert done.code == 0
    found = pd.read_csv(out, float_precision="round_trip")
    names = files if how == "names" else sorted(files)
    assert found["file"].tolist() == list(map(str, names))
    alone = run("score", table, *AGAINST).frame().set_index("sample")
    assert np.array_equal(found["score"], alone.loc[found["sample"], "score"])
    assert "6 samples of 6 files" in done.err
    assert f"written: {out}" in done.err


def test_bad_files_are_told_and_the_rest_is_scored(run, folder, tmp_path):
    (folder / "bad.tsv").write_text("name\tx\nhsa-mir-21\tmany\n")
    done = run("score", folder, *AGAINST, "--out", tmp_path / "out")
    assert done.code == 5
    assert "bad.tsv" in done.err
    assert "1 failed" in done.err
    assert len(list((tmp_path / "out").glob("*.scores.csv"))) == 6


def test_resumed_run_scores_what_is_left(run, folder, tmp_path):
    how = ["score", folder, *AGAINST, "--out", tmp_path / "out"]
    run(*how)
    (tmp_path / "out" / "tumour_1.tsv.scores.csv").unlink()
    again = run(*how, "--resume")
    assert again.code == 0
    assert "5 unchanged" in again.err
    assert (tmp_path / "out" / "tumour_1.tsv.scores.csv").is_file()


def test_files_of_which_none_can_be_scored_are_exit_code_4(run, tmp_path):
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text("x\n")
    done = run(
        "score", tmp_path / "a.csv", tmp_path / "b.csv", *AGAINST, "--out", tmp_path / "o.csv"
    )
    assert done.code == 4
    assert done.err.count("error:") == 2
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--out", "-"], "--out"),
        (["--out", "x.csv", "--json"], "one TABLE"),
        (["--out", "x.csv", "--explain", "a"], "one TABLE"),
        (["--out", "x.csv", "--resume"], "folder"),
    ],
)
def test_what_many_files_do_not_go_with_is_wrong_usage(run, folder, options, told):
    failed = run("score", folder / "*.tsv", *AGAINST, *options)
    assert failed.code == 2
    assert told in failed.err


def test_folder_without_a_place_for_many_results_is_told_both_ways(run, folder):
    failed = run("score", folder, *AGAINST)
    assert failed.code == 3
    assert "--assemble gdc" in failed.err
    assert "FOLDER --out" in failed.err


@pytest.mark.parametrize(
    "option",
    [["--resume"], ["--jobs", "2"], ["--engine", "dask"], ["--scheduler", "tcp://localhost:1"]],
)
def test_what_one_table_on_standard_output_does_not_go_with_is_wrong_usage(run, table, option):
    assert run("score", table, *AGAINST, *option).code == 2


def test_folder_of_parquet_is_one_table(run, counts, tmp_path):
    (tmp_path / "data").mkdir()
    for i in range(2):
        counts.iloc[3 * i : 3 * i + 3].to_parquet(tmp_path / "data" / f"{i}.parquet")
    done = run("score", tmp_path / "data", *AGAINST, "--out", tmp_path / "a.csv")
    assert done.code == 0
    assert pd.read_csv(tmp_path / "a.csv", float_precision="round_trip")["sample"].tolist() == list(
        counts.index
    )


# -- CSV as pandas writes it -------------------------------------------------------------------


def test_csv_is_that_of_pandas_to_the_byte():
    rng = np.random.default_rng(0)
    n = 4000
    words = ["a", "a,b", 'q"x', "l\nx", " lead", "", None, "é", "x-y", "a=b"]
    frame = pd.DataFrame(
        {
            "sample": [f"S{i}" for i in range(n)],
            "wide": rng.normal(size=n) * 10.0 ** rng.integers(-12, 22, n),
            "short": np.where(rng.random(n) < 0.2, np.nan, np.round(rng.normal(size=n), 2)),
            "whole": rng.integers(-3, 3, n).astype(float),
            "integer": rng.integers(-5, 10**12, n),
            "text": rng.choice(np.array(words, dtype=object), n),
            "edges": rng.choice(
                [np.inf, -np.inf, 0.0, -0.0, 1e10, 9999999999.0, 1e16, 1e-4, 9.999e-5, 5e-324], n
            ),
        }
    )
    expected = frame.to_csv(index=False, lineterminator="\n")
    assert frame_to_csv(frame) == expected
    rows = list(csv.DictReader(io.StringIO(expected, newline="")))
    assert [float(row["wide"]) for row in rows] == frame["wide"].tolist()
    assert frame_to_csv(frame.iloc[:0]) == frame.iloc[:0].to_csv(index=False, lineterminator="\n")


def test_carriage_return_in_a_cell_reads_back():
    text = frame_to_csv(pd.DataFrame({"sample": ["a\rb", "c"], "x": [1.0, 2.0]}))
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["sample", "x"],
        ["a\rb", "1.0"],
        ["c", "2.0"],
    ]


@pytest.mark.parametrize(
    "column",
    [["a", "", None], [1.0, np.nan], [None, None], [True, False], [1, "x"], pd.to_datetime([0, 1])],
    ids=["text", "gap", "nothing", "truth", "mixed", "time"],
)
def test_csv_of_any_column_is_that_of_pandas(column):
    for frame in (pd.DataFrame({"x": column}), pd.DataFrame({"x": column, "y": column})):
        assert frame_to_csv(frame) == frame.to_csv(index=False, lineterminator="\n")
