"""What a result promises: its columns, its order, its words, and that nothing vanishes."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from cohorts import counts_like, log2_table, member, panel, quantile_variance

import mirrisk
from mirrisk import MirriskWarning, Reference
from mirrisk.errors import (
    InvalidReferenceError,
    InvalidTableError,
    MirriskError,
    MismatchError,
    NotFoundError,
)

SCORE_COLUMNS = [
    "sample",
    "panel",
    "panel_version",
    "score",
    "percentile",
    "probability",
    "flag",
    "reason",
    "coverage",
    "score_low",
    "score_high",
    "fragile",
    "reference",
    "panel_digest",
    "reference_digest",
]
CONTRIBUTION_COLUMNS = [
    "sample",
    "panel",
    "member",
    "mirna",
    "matched",
    "value",
    "percentile",
    "z",
    "weight",
    "contribution",
    "status",
    "reason",
]
FLAGS = {"high", "average", "low", "indeterminate", "not_scored"}
REASONS = {"", "near_cutoff", "low_coverage", "empty_sample", "unit_or_platform", "other_tissue"}
STATUSES = {
    "used",
    "missing",
    "below_detection",
    "arm_not_resolved",
    "specimen",
    "contested",
    "ambiguous",
}
WHYS = {"", "not_in_table", "not_in_reference", "not_measured", "too_few_reads"}

PROSTATE = {"panel": "prostate", "reference": "tcga-prad", "unit": "counts"}
LUNG = {"reference": "tcga-luad", "unit": "counts"}
normal = NormalDist()


@pytest.fixture(scope="module")
def mixed() -> pd.DataFrame:
    """Ordinary tumours, and every kind of sample that cannot be scored."""
    table = counts_like("tcga-prad", 12, seed=3).astype(float)
    names = [f"{letter}{i}" for i, letter in enumerate("qwertzuiopas")]  # in no order
    table.index = names
    table.loc[names[1]] = 0.0  # no reads
    table.loc[names[4]] = np.nan  # nothing measured
    table.loc[names[6]] = table.loc[names[6]].to_numpy()[::-1]  # names and values torn apart
    panel_columns = [c for c in table if c in Reference.load("tcga-prad").keys]
    table.loc[names[8], panel_columns[3:]] = np.nan  # hardly anything of the panel
    table.loc[names[10], panel_columns[3]] = np.nan  # one cell
    table.loc[names[11]] = counts_like("tcga-lihc", 1, seed=3).reindex(columns=list(table)).iloc[0]
    return table


@pytest.fixture(scope="module")
def result(mixed) -> mirrisk.Assessment:
    return mirrisk.score(mixed, **PROSTATE)


@pytest.fixture(scope="module")
def several() -> mirrisk.Assessment:
    """Three panels of different lengths, the same cancer stated for none of them."""
    table = log2_table(30, seed=5)
    panels = [
        panel(member("miR-34a", "hsa-miR-34a-5p", risk_when="low")),
        panel(member("pair", "hsa-miR-16-5p", "hsa-miR-26a-5p"), member("x", "hsa-miR-708-5p")),
        panel(member("absent", "hsa-miR-210-3p"), member("miR-424", "hsa-miR-424-5p")),
    ]
    panels = [p.model_copy(update={"id": name}) for p, name in zip(panels, "cab", strict=True)]
    with pytest.warns(MirriskWarning, match="30 samples"):
        return mirrisk.score(table, panel=panels, reference="cohort", unit="log2")


# -- columns, order, words ---------------------------------------------------------------------


def test_columns_are_those_of_the_contract_in_its_order(result, several):
    for assessment in (result, several):
        assert list(assessment.scores) == SCORE_COLUMNS
        assert list(assessment.contributions) == CONTRIBUTION_COLUMNS


def test_rows_go_sample_by_sample_in_the_order_of_the_input(result, several, mixed):
    assert result.scores["sample"].tolist() == list(mixed.index)
    samples = [f"s{i}" for i in range(30)]
    assert several.scores["sample"].tolist() == [s for s in samples for _ in range(3)]
    assert several.scores["panel"].tolist() == ["c", "a", "b"] * 30
    rows = several.contributions
    # One row for panel c, three for a, two for b.
    assert rows["sample"].tolist() == [s for s in samples for _ in range(6)]
    assert rows["panel"].tolist() == ["c", "a", "a", "a", "b", "b"] * 30
    assert rows["mirna"].tolist()[:6] == [
        "hsa-miR-34a-5p",
        "hsa-miR-16-5p",
        "hsa-miR-26a-5p",
        "hsa-miR-708-5p",
        "hsa-miR-210-3p",
        "hsa-miR-424-5p",
    ]
    assert list(several.scores.index) == list(range(90))
    assert list(rows.index) == list(range(180))


def test_words_are_those_of_the_closed_vocabularies(result, several):
    for assessment in (result, several):
        assert set(assessment.scores["flag"]) <= FLAGS
        assert set(assessment.scores["reason"]) <= REASONS
        assert set(assessment.contributions["status"]) <= STATUSES
        assert set(assessment.contributions["reason"]) <= WHYS


def test_provenance_stands_in_every_row(result):
    rows = result.scores
    assert set(rows["panel_version"]) == {mirrisk.load_panel("prostate").version}
    assert set(rows["panel_digest"]) == {mirrisk.load_panel("prostate").digest}
    assert set(rows["reference_digest"]) == {Reference.load("tcga-prad").digest}
    assert rows["probability"].isna().all()


# -- nothing vanishes --------------------------------------------------------------------------


def test_every_sample_comes_back_and_the_unfit_ones_say_why(result, mixed):
    rows = result.scores.set_index("sample")
    q = list(mixed.index)
    assert rows.loc[q[1], "reason"] == "empty_sample"
    assert rows.loc[q[4], "reason"] == "empty_sample"
    assert rows.loc[q[6], "reason"] in {"unit_or_platform", "other_tissue"}
    assert rows.loc[q[8], "reason"] == "low_coverage"
    assert rows.loc[q[11], "reason"] == "other_tissue"
    unfit = [q[i] for i in (1, 4, 6, 8, 11)]
    assert set(rows.loc[unfit, "flag"]) == {"not_scored"}
    assert "not_scored" not in set(rows.drop(unfit)["flag"])


def test_sample_that_is_not_scored_has_no_number_that_could_be_taken_for_one(result):
    unfit = result.scores[result.scores["flag"] == "not_scored"]
    assert len(unfit) == 5
    assert unfit[["score", "percentile", "score_low", "score_high"]].isna().all(axis=None)
    assert set(unfit["fragile"]) == {""}
    rows = result.contributions[result.contributions["sample"].isin(unfit["sample"])]
    assert rows["contribution"].isna().all()


def test_unfit_sample_does_not_change_the_others(result, mixed):
    alone = mirrisk.score(mixed.loc[["q0"]], **PROSTATE)
    pd.testing.assert_frame_equal(alone.scores, result.scores.iloc[:1])


def test_every_mirna_of_the_panel_has_a_row_in_every_sample(result):
    wanted = [mirna.name for _, mirna in mirrisk.load_panel("prostate").features()]
    for _, rows in result.contributions.groupby("sample", observed=True):
        assert rows["mirna"].tolist() == wanted


def test_missing_cell_is_missing_never_zero(result, mixed):
    column = [c for c in mixed if c in Reference.load("tcga-prad").keys][3]
    rows = result.contributions
    row = rows[(rows["sample"] == "a10") & (rows["matched"] == column)].iloc[0]
    assert (row["status"], row["reason"]) == ("missing", "not_measured")
    assert row[["value", "percentile", "z", "contribution"]].isna().all()
    coverage = result.scores.set_index("sample")["coverage"]
    assert coverage["a10"] < coverage["q0"]


def test_zero_reads_are_a_measured_value():
    table = counts_like("tcga-prad", 3, seed=3)
    table.loc["s1", "hsa-mir-145"] = 0
    rows = mirrisk.score(table, **PROSTATE).contributions
    row = rows[(rows["sample"] == "s1") & (rows["mirna"] == "hsa-miR-145-5p")].iloc[0]
    assert (row["status"], row["value"]) == ("used", 0.0)


def test_table_of_samples_that_all_are_empty_gives_a_result():
    table = counts_like("tcga-prad", 2, seed=3) * 0
    assert mirrisk.score(table, **PROSTATE).scores["reason"].tolist() == ["empty_sample"] * 2


# -- numbers -----------------------------------------------------------------------------------


def test_contributions_add_up_to_the_score(result, several):
    for assessment in (result, several):
        scores = assessment.scores.set_index(["sample", "panel"])["score"]
        rows = assessment.contributions.astype({"sample": object, "panel": object})
        sums = rows.groupby(["sample", "panel"], sort=False)["contribution"].sum(min_count=1)
        pd.testing.assert_series_equal(
            sums.reindex(scores.index), scores, check_names=False, rtol=0, atol=1e-9
        )


def test_percentile_is_the_normal_probability_of_the_score(result):
    scored = result.scores.dropna(subset="score")
    expected = [normal.cdf(score) for score in scored["score"]]
    np.testing.assert_allclose(scored["percentile"], expected, rtol=1e-12)


def test_interval_surrounds_the_score_where_all_was_measured(several):
    rows = several.scores[several.scores["panel"] == "c"]
    assert (rows["score_low"] < rows["score"]).all()
    assert (rows["score"] < rows["score_high"]).all()


def test_single_marker_by_hand():
    # 101 values, evenly spaced: the k-th lies at the percentile k/100, the ends at 0.5/101
    # from 0 and 1. The mean normal score is 0, and its variance the mean of the squares.
    values = [5 + k / 10 for k in range(101)]
    cohort = pd.DataFrame({"hsa-miR-34a-5p": values}).rename("s{}".format)
    marker = panel(member("miR-34a", "hsa-miR-34a-5p", risk_when="low", weight=3.0))
    reference = Reference.fit(cohort, unit="log2", name="even", panels=[marker])
    found = mirrisk.score(cohort, panel=marker, reference=reference, unit="log2")

    shares = [min(max(k / 100, 0.5 / 101), 1 - 0.5 / 101) for k in range(101)]
    z = np.array([normal.inv_cdf(share) for share in shares])
    sd = math.sqrt(float((z**2).mean()))
    np.testing.assert_allclose(found.contributions["percentile"], shares, rtol=1e-12)
    np.testing.assert_allclose(found.contributions["z"], z, rtol=1e-9, atol=1e-12)
    # The file of a reference keeps six digits of the covariance.
    np.testing.assert_allclose(found.scores["score"], -z / sd, rtol=1e-5, atol=1e-9)
    # With everything measured only the sampling of 101 samples is uncertain: +- 1.2816 sd.
    score = found.scores["score"][20]
    half = normal.inv_cdf(0.9) * math.sqrt(quantile_variance(score, 101))
    assert found.scores["score_high"][20] == pytest.approx(score + half, abs=1e-6)
    assert found.scores["score_low"][20] == pytest.approx(score - half, abs=1e-6)
    assert found.scores["flag"].iloc[[0, 50, 100]].tolist() == ["high", "average", "low"]
    assert set(found.scores["fragile"]) == {"1/1"}
    assert set(found.contributions["weight"]) == {-3.0}
    assert found.notes[-1] == "panel toy is a single marker here: miR-34a alone decides"


def test_members_that_no_sample_can_be_scored_on_are_told():
    # Of hsa-mir-193a neither arm dominates; hsa-mir-16 is mostly its 5p arm.
    toy = panel(
        member("used", "hsa-miR-21-5p", weight=2.0),
        member("unknown arm", "hsa-miR-193a-3p"),
        member("other arm", "hsa-miR-16-1-3p"),
        cancer="liver",
    )
    counts = counts_like("tcga-lihc", 60, seed=3)
    reference = Reference.fit(counts, unit="counts", name="r", panels=[toy])
    found = mirrisk.score(counts, panel=toy, reference=reference, unit="counts")
    said = [note for note in found.notes if "no sample can be scored on" in note]
    assert len(said) == 1
    assert "hsa-miR-193a-3p (the table holds stem-loops, and which arm" in said[0]
    assert "hsa-miR-16-1-3p (the table holds stem-loops, and this one is mostly" in said[0]
    assert "what is left is 50% of the panel's weight" in said[0]
    assert found.scores["coverage"].max() == pytest.approx(0.5)


def test_panel_of_which_all_can_be_scored_says_nothing_of_it():
    counts = counts_like("tcga-prad", 20, seed=3)
    found = mirrisk.score(counts, panel="prostate", reference="tcga-prad", unit="counts")
    assert not [note for note in found.notes if "no sample can be scored on" in note]


def test_coverage_is_the_share_of_the_weight_that_was_measured():
    table = log2_table(40, seed=6)
    toy = panel(
        member("heavy", "hsa-miR-34a-5p", weight=2.0),
        member("pair", "hsa-miR-16-5p", "hsa-miR-26a-5p", weight=1.0),
        member("contested", "hsa-miR-21-5p", risk_when=None),
        member("vesicles alone", "hsa-miR-152-3p", specimens=["ev"]),
    )
    with pytest.warns(MirriskWarning):
        reference = Reference.fit(table, unit="log2", name="r", panels=[toy])
    sample = table.iloc[[0] * 4].set_axis(list("abcd"))
    sample.loc["b", "hsa-miR-16-5p"] = np.nan  # half of 1 of 3
    sample.loc["c", ["hsa-miR-16-5p", "hsa-miR-26a-5p"]] = np.nan
    sample.loc["d", "hsa-miR-34a-5p"] = np.nan  # 2 of 3
    how = {"panel": toy, "reference": reference, "unit": "log2"}
    found = mirrisk.score(sample, **how).scores
    np.testing.assert_allclose(found["coverage"], [1, 5 / 6, 2 / 3, 1 / 3], rtol=1e-12)
    assert found["reason"].tolist()[3] == "low_coverage"
    assert [k_of_m.partition("/")[2] for k_of_m in found["fragile"]] == ["2", "2", "1", ""]
    lenient = mirrisk.score(sample, **how, min_coverage=1 / 3).scores
    assert lenient["score"].notna().all()
    strict = mirrisk.score(sample, **how, min_coverage=1).scores
    assert strict["score"].notna().tolist() == [True, False, False, False]


# -- panels and references ---------------------------------------------------------------------


def test_all_panels_are_those_that_fit_and_the_others_are_named():
    table = counts_like("tcga-prad", 2, seed=1)
    found = mirrisk.score(table, **{**PROSTATE, "panel": "all"})
    assert found.scores["panel"].tolist() == ["prostate"] * 2
    (left_out,) = (note for note in found.notes if "left out" in note)
    assert left_out == (
        "panels left out, for the reference is of prostate: "
        "breast, ewing_sarcoma, liver, lung, osteosarcoma, thyroid"
    )


def test_panel_of_another_cancer_is_refused():
    table = counts_like("tcga-prad", 2, seed=1)
    with pytest.raises(MismatchError, match="panel 'lung' is for lung"):
        mirrisk.score(table, **{**PROSTATE, "panel": "lung"})


def test_missing_reference_is_refused_with_those_that_are_shipped():
    with pytest.raises(InvalidReferenceError, match="mean nothing without one") as caught:
        mirrisk.score(counts_like("tcga-prad", 2, seed=1), panel="prostate", unit="counts")
    assert "tcga-prad" in caught.value.expected


def test_cohort_as_its_own_reference_is_named_so_with_its_size(several):
    assert set(several.scores["reference"]) == {"cohort (n=30)"}
    assert several.notes[-1].startswith("the reference is this table itself (30 samples)")


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_min_coverage_is_a_share(share):
    with pytest.raises(MirriskError, match="min_coverage"):
        mirrisk.score(counts_like("tcga-prad", 2, seed=1), **PROSTATE, min_coverage=share)


def test_panels_given_by_a_generator_are_scored_once_each():
    table = counts_like("tcga-prad", 2, seed=1)
    twice = (name for name in ("prostate", "prostate"))
    assert len(mirrisk.score(table, **{**PROSTATE, "panel": twice}).scores) == 2


def test_path_in_place_of_a_table_is_told_to_be_read_first():
    with pytest.raises(InvalidTableError, match="cannot take str"):
        mirrisk.score("counts.csv", **PROSTATE)


def test_repr_counts_samples_and_flags(result):
    assert repr(result).startswith("Assessment of 12 samples on prostate against tcga-prad: ")
    assert "5 not_scored" in repr(result)


# -- explain -----------------------------------------------------------------------------------


def test_explanation_of_one_of_many_needs_a_name(result):
    with pytest.raises(NotFoundError, match="12 samples: which one") as caught:
        result.explain()
    assert caught.value.remedy == "explain('q0')"


def test_sample_and_panel_that_are_not_there_are_told_with_those_that_are(several):
    with pytest.raises(NotFoundError, match="no sample 'S0' in the table") as caught:
        several.explain("S0")
    assert caught.value.expected == "one of s0, s1, s2, s3, s4, ..."
    with pytest.raises(NotFoundError, match="panel 'prostate' was not scored") as caught:
        several.explain("s0", panel="prostate")
    assert caught.value.expected == "one of c, a, b"


def test_explanation_is_of_one_panel_or_of_all(several):
    assert str(several.explain("s7")).count("Sample s7: ") == 3
    assert str(several.explain("s7", panel="a")).count("Sample s7: ") == 1
