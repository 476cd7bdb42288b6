"""Published coefficients as panels: names, signs, weights, and what is refused."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from cohorts import LIVER, log2_table, strangers
from scipy.stats import spearmanr

import mirrisk
from mirrisk.cli import main
from mirrisk.coefficients import id_for, import_coefficients
from mirrisk.errors import InvalidPanelError, InvalidTableError, MirriskError, NotFoundError
from mirrisk.expression import index_features
from mirrisk.panel import Panel
from mirrisk.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mirrisk.coefficients import Imported

# Made up, as are all coefficients here but those of MiCaP.
MADE_UP = {"miR-34a-5p": -0.42, "miR-16-5p": 0.31, "miR-26a-5p": -1.5, "miR-8001-5p": 0.08}
SPREADS = {
    "hsa-miR-34a-5p": 0.3,
    "hsa-miR-16-5p": 2.5,
    "hsa-miR-26a-5p": 0.6,
    "hsa-miR-8001-5p": 4.0,
}


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Path]:
    """Write a table of coefficients."""

    def write(text: str) -> Path:
        path = tmp_path / "coefficients.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def imported(table: Callable[[str], Path]) -> Callable[..., Imported]:
    """Import the text of a table of coefficients."""

    def run(text: str, **options: object) -> Imported:
        return import_coefficients(table(text), panel_id="mine", cancer="liver", **options)

    return run


def text_of(coefficients: Mapping[str, float], unit: str = "log2") -> str:
    rows = [f"{name},{value!r},{unit}" for name, value in coefficients.items()]
    return "\n".join(["miRNA,coefficient,unit", *rows]) + "\n"


def cohort(n: int, seed: int) -> pd.DataFrame:
    """Normally distributed log2 values, each miRNA with a standard deviation of its own."""
    rng = np.random.default_rng(seed)
    values = log2_table(n, seed, list(SPREADS))
    for name, spread in SPREADS.items():
        values[name] = 8 + spread * rng.normal(size=n)
    return values


def rank_correlation(result: mirrisk.Assessment, published: pd.Series) -> float:
    """Spearman's, over the samples that were scored: all but few that are taken for unfit."""
    scores = result.scores["score"].to_numpy()
    scored = ~np.isnan(scores)
    assert scored.mean() > 0.95
    return float(spearmanr(scores[scored], published[scored]).statistic)


def directions(panel: Panel) -> dict[str, str | None]:
    return {mirna.name: member.risk_when for member, mirna in panel.features()}


# -- what becomes of coefficients -------------------------------------------------------------


def test_weight_is_the_size_of_a_coefficient_and_direction_its_sign(imported):
    panel = imported(text_of(MADE_UP)).panel
    assert {m.name: m.weight for m in panel.members} == {
        "miR-34a-5p": 0.42,
        "miR-16-5p": 0.31,
        "miR-26a-5p": 1.5,
        "miR-8001-5p": 0.08,
    }
    assert list(directions(panel).values()) == ["low", "high", "low", "high"]
    assert panel.weights_per == "log2 unit"


def test_weights_in_a_score_are_coefficients_times_standard_deviations_of_the_reference(imported):
    panel = imported(text_of(MADE_UP)).panel
    values = cohort(200, seed=1)
    reference = Reference.fit(values, unit="log2", name="mine", panels=[panel])
    alignment, composite = reference.lay(panel, index_features(list(values.columns)))
    by_hand = [
        coefficient * values[f"hsa-{name}"].std(ddof=1) for name, coefficient in MADE_UP.items()
    ]
    np.testing.assert_allclose(alignment.weights, by_hand, rtol=2e-4)  # sd in four decimals
    assert np.sign(composite.weights).tolist() == np.sign(by_hand).tolist()


def test_samples_are_ranked_as_by_the_published_sum_on_normally_distributed_data(imported):
    panel = imported(text_of(MADE_UP)).panel
    reference = Reference.fit(cohort(1000, seed=2), unit="log2", name="mine", panels=[panel])
    samples = cohort(300, seed=3)
    published = sum(b * samples[f"hsa-{name}"] for name, b in MADE_UP.items())

    def ranks_with(one: Panel) -> float:
        result = mirrisk.score(samples, panel=one, reference=reference, unit="log2")
        return rank_correlation(result, published)

    assert ranks_with(panel) > 0.998
    by_default = panel.model_copy(update={"weights_per": "normal score"})
    assert ranks_with(by_default) < 0.9  # the spreads of the miRNAs are what makes the difference


def test_score_does_not_depend_on_the_scale_of_coefficients_however_small(imported):
    tiny = {name: value * 1e-7 for name, value in MADE_UP.items()}
    values = cohort(100, seed=4)
    panels = [imported(text_of(each)).panel for each in (MADE_UP, tiny)]
    reference = Reference.fit(values, unit="log2", name="mine", panels=panels[:1])
    scores = [
        mirrisk.score(values, panel=one, reference=reference, unit="log2").scores["score"]
        for one in panels
    ]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-9)


def test_coefficient_per_standard_deviation_is_a_weight_per_normal_score(imported):
    assert imported(text_of(MADE_UP, unit="z")).panel.weights_per == "normal score"


@pytest.mark.parametrize("unit", ["ct", "Ct", "delta_ct", "delta Ct"])
def test_sign_of_a_coefficient_on_ct_is_turned_and_that_is_said(imported, unit):
    mine = imported(text_of(MADE_UP, unit=unit))
    assert list(directions(mine.panel).values()) == ["high", "low", "high", "low"]
    assert any("signs are turned" in note for note in mine.notes)
    assert any("signs were turned" in caveat for caveat in mine.panel.caveats)
    assert "coefficient -0.42 per cycle" in mine.panel.members[0].evidence[0].measured


@pytest.mark.parametrize("unit", ["log2", "ln", "log10", "-delta Ct", "\N{MINUS SIGN}delta_ct"])
def test_sign_of_a_coefficient_on_expression_stays(imported, unit):
    mine = imported(text_of(MADE_UP, unit=unit))
    assert list(directions(mine.panel).values()) == ["low", "high", "low", "high"]
    assert not any("turned" in note for note in mine.notes)


def test_a_score_on_delta_ct_ranks_samples_measured_as_delta_ct_as_published(imported):
    panel = imported(text_of(MADE_UP, unit="delta_ct")).panel
    values = 10 - cohort(400, seed=5)
    reference = Reference.fit(values, unit="delta_ct", name="mine", panels=[panel])
    published = sum(b * values[f"hsa-{name}"] for name, b in MADE_UP.items())
    result = mirrisk.score(values, panel=panel, reference=reference, unit="delta_ct")
    assert rank_correlation(result, published) > 0.998


def test_rows_of_one_member_count_once_with_the_coefficient_that_one_of_them_gives(imported):
    panel = imported(
        "miRNA,Coefficient,MEMBER\nmiR-34a-5p,0.5,pair\nmiR-16-5p,,pair\nmiR-26a-5p,-2,\n"
    ).panel
    assert [(m.name, len(m.mirnas), m.weight) for m in panel.members] == [
        ("pair", 2, 0.5),
        ("miR-26a-5p", 1, 2.0),
    ]


def test_what_is_stated_once_stands_in_source_evidence_and_caveats(imported):
    panel = imported(
        "miRNA;coefficient;cutoff;citation;doi;pmid\n"
        'miR-34a-5p;0.5;1.25;"A; B";https://doi.org/10.1234/x;\n'
        "miR-16-5p;\N{MINUS SIGN}1;;;;123\n"
    ).panel
    assert (panel.source.citation, panel.source.doi) == ("A; B", "10.1234/x")
    member = panel.members[1]
    assert member.risk_when == "low"
    assert (member.status, member.basis, member.confidence) == ("consistent", "primary", "low")
    assert not member.bone_specific
    evidence = member.evidence[0]
    assert (evidence.relation, evidence.read) == ("independent", "not read")
    assert evidence.study is not None
    assert (evidence.study.doi, evidence.study.pmid) == ("10.1234/x", "123")
    said = " ".join(panel.caveats)
    for words in ("research use only", "nobody has checked", "1.25", "never applied"):
        assert words.lower() in said.lower()


def test_score_without_a_publication_rests_on_its_title_only_and_says_so(imported):
    panel = imported("miRNA,coefficient\nmiR-34a-5p,1\n").panel
    assert panel.members[0].basis == "title only"
    assert panel.source.citation == "Not stated; imported from coefficients.csv"
    assert panel.members[0].evidence[0].study is not None


def test_options_stand_in_for_columns(imported):
    panel = imported(
        "miRNA,coefficient\nmiR-34a-5p,1\n",
        title="A score",
        endpoint="death",
        specimens=["serum", "ev"],
        citation="Someone",
        unit="ct",
        cutoff=3,
        version="2.1.0",
        bone_specific=True,
    ).panel
    assert (panel.title, panel.endpoint, panel.version) == ("A score", "death", "2.1.0")
    assert panel.source.citation == "Someone"
    member = panel.members[0]
    assert (member.specimens, member.risk_when) == (("serum", "ev"), "low")
    assert member.bone_specific
    assert any("cutoff of the table, 3.0" in caveat for caveat in panel.caveats)


def test_unit_that_is_not_stated_is_assumed_aloud(imported):
    mine = imported("miRNA,coefficient,p value\nmiR-34a-5p,1,0.03\n")
    assert any("no unit is stated" in note for note in mine.notes)
    assert any("columns not used: p value" in note for note in mine.notes)
    assert any("unit of the coefficients was not stated" in c for c in mine.panel.caveats)


def test_published_ratio_of_four_mirnas_becomes_a_panel(imported):
    # MiCaP, doi:10.1093/annonc/mdy243, as its abstract prints it:
    # (miR-23a-3p x miR-10b-5p) / (miR-133a x miR-374b-5p), a sum of logarithms.
    mine = imported(
        "miRNA,coefficient\nmiR-23a-3p,1\nmiR-10b-5p,1\nmiR-133a,-1\nmiR-374b-5p,-1\n", unit="log2"
    )
    assert directions(mine.panel) == {
        "hsa-miR-23a-3p": "high",
        "hsa-miR-10b-5p": "high",
        "hsa-miR-133a-3p": "low",
        "hsa-miR-374b-5p": "low",
    }
    assert "miR-133a is hsa-miR-133a-3p" in mine.panel.members[2].ruling
    assert any("hsa-miR-23a-3p, hsa-miR-374b-5p" in note for note in mine.notes)


def test_content_reads_back_as_the_panel(imported, tmp_path):
    mine = imported(text_of(MADE_UP))
    path = tmp_path / "mine.toml"
    path.write_text(mine.content, encoding="utf-8")
    assert Panel.from_toml(path) == mine.panel
    assert tomllib.loads(mine.content)["weights_per"] == "log2 unit"


# -- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hsa-mir-409", "MIR409"])
def test_stem_loop_or_gene_stands_for_its_dominant_arm_and_that_is_said(imported, name):
    mine = imported(f"miRNA,coefficient\n{name},1\n")
    assert list(directions(mine.panel)) == ["hsa-miR-409-3p"]
    assert f"the stem-loop ({name}), the arm hsa-miR-409-3p is taken" in mine.notes[0]
    assert mine.panel.members[0].ruling == mine.notes[0]


def test_name_outside_the_facts_is_taken_by_its_form_and_that_is_said(imported):
    mine = imported("miRNA,coefficient\nhsa-miR-8001,1\n")
    assert mine.panel.members[0].mirnas[0].accession == ""
    assert any("outside mirrisk's own facts" in note for note in mine.notes)
    assert any("without an arm: hsa-miR-8001" in note for note in mine.notes)


def test_accession_beside_a_name_or_in_the_users_own_names_is_kept(imported):
    beside = imported("miRNA,coefficient\nhsa-miR-182-5p|MIMAT0000259,1\n").panel
    named = {"MIMAT0000259": "hsa-miR-182-5p", "miR-old": "hsa-miR-182-5p"}
    aliased = imported("miRNA,coefficient\nmiR-old,1\n", aliases=named).panel
    for panel in (beside, aliased):
        mirna = panel.members[0].mirnas[0]
        assert (mirna.name, mirna.accession) == ("hsa-miR-182-5p", "MIMAT0000259")


# -- what is refused --------------------------------------------------------------------------

HEAD = "miRNA,coefficient,unit,cutoff,doi,pmid,member\n"
REFUSED = {
    "empty file": ("", "the file is empty", ""),
    "no rows": (HEAD, "no row below the header", ""),
    "no coefficients": ("miRNA,beta\nmiR-21,1\n", "no column 'coefficient'", ""),
    "no names": ("gene,coefficient\nmiR-21,1\n", "no column 'miRNA'", ""),
    "column twice": ("miRNA,coefficient,Coefficient\nmiR-21,1,1\n", "occurs twice", ""),
    "ragged": ("miRNA,coefficient\nmiR-21,0,4\n", "3 cells, where the header has 2", "row 2"),
    "zero": (HEAD + "miR-21,0.0,,,,,\n", "coefficient is '0.0'", "row 2 (miR-21)"),
    "text": (HEAD + "\nmiR-21,n.s.,,,,,\n", "coefficient is 'n.s.'", "row 3 (miR-21)"),
    "none": (HEAD + "miR-21,,,,,,\n", "coefficient is ''", "row 2 (miR-21)"),
    "nan": (HEAD + "miR-21,nan,,,,,\n", "coefficient is 'nan'", "row 2"),
    "infinite": (HEAD + "miR-21,inf,,,,,\n", "coefficient is 'inf'", "row 2"),
    "underscore": (HEAD + "miR-21,1_0,,,,,\n", "coefficient is '1_0'", "row 2"),
    "twice": (
        HEAD + "miR-21,1,,,,,\nhsa-miR-21-5p,2,,,,,\n",
        "'hsa-miR-21-5p' is hsa-miR-21-5p, which 'miR-21' above is, too",
        "row 3",
    ),
    "misspelt": (HEAD + "hsa-mri-21-5p,1,,,,,\n", "did you mean 'hsa-miR-21-5p'", "row 2"),
    "no miRNA": (HEAD + "TP53,1,,,,,\n", "'TP53' is no human miRNA", "row 2"),
    "mouse": (HEAD + "mmu-miR-21-5p,1,,,,,\n", "'mmu-miR-21-5p' is no human miRNA", "row 2"),
    "ambiguous": (
        HEAD + "miR-378,1,,,,,\n",
        "which may be hsa-miR-378a-3p or hsa-miR-378a-5p",
        "row 2",
    ),
    "no dominant arm": (
        HEAD + "hsa-mir-193a,1,,,,,\n",
        "stem-loop or its gene, which may be hsa-miR-193a-3p or hsa-miR-193a-5p",
        "row 2",
    ),
    "unknown stem-loop": (
        HEAD + "hsa-mir-8001,1,,,,,\n",
        "'hsa-mir-8001' is a stem-loop or its gene",
        "row 2",
    ),
    "bare accession": (HEAD + "MIMAT0000259,1,,,,,\n", "does not know the name", "row 2"),
    "two units": (
        HEAD + "miR-21,1,ct,,,,\nmiR-16-5p,1,log2,,,,\n",
        "unit is 'log2', but 'ct' in a row above",
        "row 3",
    ),
    "unknown unit": (HEAD + "miR-21,1,furlong,,,,\n", "unit is 'furlong'", ""),
    "counts": (HEAD + "miR-21,1,CPM,,,,\n", "unit is 'CPM'", ""),
    "cutoff": (HEAD + "miR-21,1,,median,,,\n", "cutoff is 'median'", "row 2"),
    "doi": (HEAD + "miR-21,1,,,doi?,,\n", "doi is 'doi?'", "row 2"),
    "pmid": (HEAD + "miR-21,1,,,,PMC1,\n", "pmid is 'PMC1'", "row 2"),
    "member of two": (
        HEAD + "miR-21,1,,,,,a\nmiR-16-5p,2,,,,,a\n",
        "coefficient is '2', but '1' above for the same member 'a'",
        "row 3 (miR-16-5p)",
    ),
}


@pytest.mark.parametrize("defect", REFUSED)
def test_table_is_refused_with_its_row_and_value_and_nothing_is_written(
    defect, table, tmp_path, capsys
):
    text, what, place = REFUSED[defect]
    path = table(text)
    with pytest.raises(InvalidTableError) as caught:
        import_coefficients(path, panel_id="mine", cancer="liver")
    assert what in caught.value.what
    assert caught.value.where.startswith(str(path))
    assert place in caught.value.where
    out = tmp_path / "mine.toml"
    assert main(["panels", "import", str(path), "--out", str(out), "--cancer", "liver"]) == 3
    assert what in capsys.readouterr().err
    assert not out.exists()


def test_option_that_contradicts_a_column_is_refused(imported):
    with pytest.raises(InvalidTableError, match="the column unit says 'log2', --unit says 'ct'"):
        imported(text_of(MADE_UP), unit="ct")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"panel_id": "liver"}, "'liver' is the id of a panel that comes with mirrisk"),
        ({"panel_id": "My Panel"}, "id: not in the form expected"),
        ({"version": "1"}, "version: not in the form expected"),
        ({"cancer": ""}, "cancer: must not be empty"),
        ({"specimens": ["urine"]}, "members[0].specimens[0]: Input should be 'tissue'"),
    ],
)
def test_option_that_no_panel_can_have_is_refused(table, options, what):
    with pytest.raises(InvalidPanelError) as caught:
        import_coefficients(
            table(text_of(MADE_UP)), **({"panel_id": "mine", "cancer": "liver"} | options)
        )
    assert caught.value.what.startswith(what)


def test_absent_table_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match="cannot be read"):
        import_coefficients(tmp_path / "none.csv", panel_id="mine", cancer="liver")


def test_file_is_named_after_its_panel():
    assert id_for("folder/mine.toml", None) == "mine"
    assert id_for("mine.toml", "mine") == "mine"
    assert id_for("-", "mine") == "mine"
    for out, panel_id in (("mine.toml", "yours"), ("mine.json", None), ("-", None)):
        with pytest.raises(MirriskError):
            id_for(out, panel_id)


# -- the command ------------------------------------------------------------------------------


def test_imported_panel_is_checked_shown_and_scored_against_the_table_itself(
    table, tmp_path, capsys
):
    out, values = tmp_path / "mine.toml", tmp_path / "values.csv"
    cohort(60, seed=6).to_csv(values)
    coefficients = table(text_of(MADE_UP))
    assert (
        main(["panels", "import", str(coefficients), "--out", str(out), "--cancer", "liver"]) == 0
    )
    said = capsys.readouterr().err
    assert "lack 1 of its 4 miRNAs (hsa-miR-8001-5p)" in said
    assert f"mirrisk references fit TABLE --panel {out} --cancer liver" in said
    assert "--reference cohort" in said
    assert main(["panels", "check", str(out)]) == 0
    assert main(["panels", "show", str(out)]) == 0
    assert "per log2 unit" in capsys.readouterr().out
    scored = tmp_path / "scores.csv"
    arguments = ["--panel", str(out), "--reference", "cohort", "--unit", "log2"]
    assert main(["score", str(values), *arguments, "--out", str(scored)]) == 0
    assert pd.read_csv(scored)["score"].notna().sum() == 60


def test_shipped_reference_that_lacks_a_mirna_refuses_the_panel_with_the_remedy(imported):
    panel = imported(text_of(MADE_UP)).panel
    sample = pd.Series(dict.fromkeys([*LIVER, *strangers(200)], 1000.0), name="s")
    with pytest.raises(MirriskError, match="was fitted without hsa-miR-8001-5p") as caught:
        mirrisk.score(sample, panel=panel, reference="tcga-lihc", unit="counts")
    assert "fit it again" in caught.value.remedy


def test_panel_of_mirnas_that_the_shipped_references_hold_says_so(imported):
    mine = imported("miRNA,coefficient\nmiR-34a-5p,1\n")
    assert "fitted for all of its miRNAs" in mine.next_steps("mine.toml")[0]


def test_cancer_that_no_shipped_panel_has_is_warned_of(table, tmp_path, capsys):
    coefficients = table(text_of(MADE_UP))
    for cancer in ("prostrate", "prostate"):
        out = tmp_path / f"for-{cancer}.toml"
        assert (
            main(["panels", "import", str(coefficients), "--out", str(out), "--cancer", cancer])
            == 0
        )
        said = capsys.readouterr().err
        warned = "no panel of mirrisk is for 'prostrate', did you mean 'prostate'?" in said
        assert warned == (cancer == "prostrate")
        assert out.exists()


def test_columns_named_in_an_error_are_not_without_end(table):
    wide = ",".join(f"m{i}" for i in range(500)) + "\n" + ",".join(["1"] * 500) + "\n"
    with pytest.raises(InvalidTableError, match=r"among 'm0', .* 'm29', \.\.\.\n") as caught:
        import_coefficients(table(wide), panel_id="mine", cancer="liver")
    assert "m30" not in str(caught.value)


def test_panel_goes_to_standard_output_with_an_id(table, capsys):
    path = str(table(text_of(MADE_UP)))
    assert main(["panels", "import", path, "--out", "-", "--id", "mine", "--cancer", "liver"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["id"] == "mine"
