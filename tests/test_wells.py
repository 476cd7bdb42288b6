"""Undetermined qPCR wells: missing or at a stated limit, never decided by other samples."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from cohorts import LIVER, member, panel

import mirrisk
from mirrisk.errors import InvalidExpressionError, InvalidTableError, MismatchError
from mirrisk.reference import Reference
from mirrisk.reference.normalisers import fit_normalisers, normalised
from mirrisk.tables import as_expression

MARKER = panel(member("miR-34a", "hsa-miR-34a-5p", risk_when="low"), cancer="liver")
WORDS = (
    "Undetermined",
    "UNDETERMINED",
    "undetermined",
    "Undet.",
    "undet",
    "UND",
    "ND",
    "N.D.",
    "n/d",
    "No Ct",
    "NoCt",
    "no_ct",
    "No Cq",
    "Not detected",
)


def table(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Wells of two miRNAs and a control."""
    columns = ["hsa-miR-21-5p", "hsa-miR-16-5p", "U6"]
    return pd.DataFrame(list(rows), columns=columns, index=[f"s{i + 1}" for i in range(len(rows))])


def cycles(found: mirrisk.Expression) -> list[list[float]]:
    return found.values.tolist()


# -- what is printed ---------------------------------------------------------------------------


@pytest.mark.parametrize("word", WORDS)
def test_undetermined_well_is_missing_unless_said_otherwise(word):
    found = as_expression(table((word, 20.0, 18.0), (30.0, 21.0, 19.0)), unit="ct")
    np.testing.assert_array_equal(found.values, [[np.nan, 20, 18], [30, 21, 19]])
    assert found.limit is None


@pytest.mark.parametrize("word", ["failed", "<35", "ND?", "Undetermined 2", "mutation"])
def test_other_text_in_a_well_is_an_error_still(word):
    with pytest.raises(InvalidTableError, match="is no number"):
        as_expression(table((word, 20.0, 18.0)), unit="ct")


@pytest.mark.parametrize("unit", [None, "counts", "cpm", "log2"])
def test_undetermined_is_a_word_of_qpcr_alone(unit):
    with pytest.raises(InvalidTableError, match="'ND' is no number") as caught:
        as_expression(table(("ND", 20.0, 18.0)), unit=unit)
    assert "--unit ct" in caught.value.remedy


@pytest.mark.parametrize("turned", [False, True])
def test_wells_keep_their_place_in_either_orientation(tmp_path, turned):
    # s1 holds more words than numbers: it is a sample all the same.
    wells = table(("ND", "Undetermined", 18.0), (30.0, 21.0, "ND"), (29.0, 22.0, 17.0))
    path = tmp_path / "wells.csv"
    (wells.T if turned else wells).to_csv(path)
    found = mirrisk.read(path, unit="ct", undetermined="limit")
    assert found.samples == ("s1", "s2", "s3")
    # s1 has no miRNA that was determined: the sample failed, and stays missing.
    expected = [[np.nan, np.nan, 18], [30, 21, 40], [29, 22, 17]]
    np.testing.assert_array_equal(found.values, expected)


def test_delta_ct_wells_are_missing_and_have_no_limit():
    found = as_expression(table(("Undetermined", -2.0, 0.0)), unit="delta_ct")
    np.testing.assert_array_equal(found.values, [[np.nan, -2, 0]])
    with pytest.raises(InvalidExpressionError, match="for a table in delta_ct"):
        as_expression(table((5.0, -2.0, 0.0)), unit="delta_ct", undetermined="limit")


# -- the limit ---------------------------------------------------------------------------------


def test_wells_go_to_40_cycles_and_a_later_ct_with_them():
    wells = table(("Undetermined", 20.0, 18.0), (45.0, np.nan, 19.0), (30.0, 21.0, 17.0))
    found = as_expression(wells, unit="ct", undetermined="limit")
    np.testing.assert_array_equal(found.values, [[40, 20, 18], [45, np.nan, 19], [30, 21, 17]])
    # Of the second sample no miRNA was determined at all: it failed.
    assert found.limit == 40


def test_empty_wells_go_to_the_limit_only_when_asked_for():
    wells = table((np.nan, 20.0, 18.0), ("ND", 21.0, np.nan))
    limit = as_expression(wells, unit="ct", undetermined="limit", limit=35)
    np.testing.assert_array_equal(limit.values, [[np.nan, 20, 18], [35, 21, np.nan]])
    empty = as_expression(wells, unit="ct", undetermined="limit_empty", limit=35)
    assert cycles(empty) == [[35, 20, 18], [35, 21, 35]]


def test_limit_is_not_the_highest_ct_of_the_file():
    one = as_expression(table(("ND", 20.0, 18.0)), unit="ct", undetermined="limit")
    with_later = as_expression(
        table(("ND", 20.0, 18.0), (39.5, 21.0, 19.0)), unit="ct", undetermined="limit"
    )
    assert cycles(one)[0] == cycles(with_later)[0] == [40, 20, 18]


@pytest.mark.parametrize("limit", [0.5, 61.0, np.nan])
def test_limit_that_is_no_ct_is_refused(limit):
    with pytest.raises(InvalidExpressionError, match="limit is") as caught:
        as_expression(table((30.0, 20.0, 18.0)), unit="ct", undetermined="limit", limit=limit)
    assert caught.value.expected == "a Ct from 1 to 60"


def test_limit_without_its_use_is_refused():
    with pytest.raises(InvalidExpressionError, match="limit is 38, but undetermined wells are"):
        as_expression(table((30.0, 20.0, 18.0)), unit="ct", limit=38)


def test_word_outside_the_vocabulary_is_refused():
    with pytest.raises(InvalidExpressionError, match="undetermined is 'zero'") as caught:
        as_expression(table((30.0, 20.0, 18.0)), unit="ct", undetermined="zero")
    assert caught.value.expected == "missing | limit | limit_empty"


def test_expression_that_was_read_cannot_be_read_otherwise():
    found = as_expression(table((30.0, 20.0, 18.0)), unit="ct")
    with pytest.raises(InvalidTableError, match="undetermined, limit given with an Expression"):
        as_expression(found, undetermined="limit", limit=40)


# -- the bias is said --------------------------------------------------------------------------


def test_notes_count_the_wells_and_tell_the_bias():
    wells = table(("ND", 20.0, "ND"), (30.0, np.nan, 19.0), (30.0, 21.0, 19.0))
    *_, undetermined, empty = as_expression(wells, unit="ct").notes
    assert undetermined == (
        "1 of 6 wells (17%) is undetermined, taken for missing: an undetermined well also means "
        "low expression, so what is left of its miRNA reads too high"
    )
    assert empty == (
        "1 of 6 wells (17%) is empty, taken for missing: if they were undetermined, what is left "
        "of these miRNAs reads too high"
    )
    limit = as_expression(wells, unit="ct", undetermined="limit_empty").notes
    assert limit[-1] == (
        "2 of 6 wells (33%) are undetermined or later than 40 cycles, set to 40: values pile up "
        "at the limit, and differences below it vanish"
    )


def test_table_of_determined_wells_says_nothing():
    found = as_expression(table((30.0, 20.0, np.nan), (31.0, 21.0, 19.0)), unit="ct")
    assert found.notes == ("set aside, no human miRNA: U6",)


# -- normalisers and references ----------------------------------------------------------------


def cohort(n: int = 60) -> pd.DataFrame:
    """Wells of the liver panel and U6; the second miRNA is undetermined in every third sample."""
    rng = np.random.default_rng(1)
    wells = pd.DataFrame(
        np.linspace(22, 30, 7) + rng.normal(0, 1, (n, 1)) + 0.5 * rng.normal(size=(n, 7)),
        columns=[*LIVER, "U6"],
    ).astype(object)
    wells.iloc[::3, 1] = "Undetermined"
    return wells


def fit(wells: pd.DataFrame, **how) -> Reference:
    return Reference.fit(wells, unit="ct", name="wells", panels=[MARKER], **how)


def test_well_at_the_limit_is_not_detected_and_normalises_nothing():
    for how in ({}, {"undetermined": "limit"}):
        table_ = as_expression(cohort(), unit="ct", **how)
        assert LIVER[1] not in {x.name for x in fit_normalisers(table_, None)}
    named = fit_normalisers(table_, [LIVER[1], LIVER[3]])
    measured = pd.to_numeric(cohort()[LIVER[1]], errors="coerce")
    assert named[0].mean == pytest.approx(-measured.mean())
    # Where the one is at its limit the other alone says how much RNA there is.
    other = pd.to_numeric(cohort()[LIVER[3]])
    level = -pd.to_numeric(cohort()[LIVER[0]]) - (-other[0] - named[1].mean)
    assert normalised(table_, LIVER[:1], "mature", named)[0, 0] == pytest.approx(level[0])


def test_reference_keeps_the_treatment_and_refuses_another():
    reference = fit(cohort(), undetermined="limit", limit=38)
    again = Reference.from_dict(reference.to_dict())
    assert (again.undetermined, again.limit, again.digest) == ("limit", 38, reference.digest)
    arguments = {"panel": MARKER, "reference": again, "unit": "ct"}
    assert len(mirrisk.score(cohort(), undetermined="limit", limit=38, **arguments).scores) == 60
    for how in ({}, {"undetermined": "limit"}, {"undetermined": "limit_empty", "limit": 38}):
        with pytest.raises(MismatchError, match=r"undetermined wells: .* in the table") as caught:
            mirrisk.score(cohort(), **how, **arguments)
        assert "--undetermined limit --limit 38" in caught.value.remedy


def test_file_of_a_reference_without_a_limit_does_not_mention_it():
    content = fit(cohort()).to_dict()
    assert not {"limit", "undetermined"} & set(content)
    assert Reference.from_dict(content).undetermined == "missing"


def test_result_of_a_sample_is_the_same_alone_and_in_the_file():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reference = fit(cohort(), undetermined="limit")
    arguments = {"panel": MARKER, "reference": reference, "unit": "ct", "undetermined": "limit"}
    whole = mirrisk.score(cohort(), **arguments).scores
    alone = mirrisk.score(cohort().iloc[[3]], **arguments).scores
    assert alone["score"][0] == whole["score"][3]


def test_sample_of_which_all_wells_are_undetermined_is_empty():
    wells = cohort()
    reference = fit(wells, undetermined="limit")
    wells.iloc[5, :6] = "Undetermined"
    scores = mirrisk.score(
        wells, panel=MARKER, reference=reference, unit="ct", undetermined="limit"
    ).scores
    assert scores["reason"][5] == "empty_sample"
    assert scores["flag"].ne("not_scored").sum() == 59


def test_more_cycles_up_to_undetermined_never_raise_the_level():
    wells = cohort().iloc[:1]
    levels = []
    for value in (30.0, 39.9, 40.0, 44.0, "Undetermined"):
        changed = wells.assign(**{LIVER[0]: [value]})
        table_ = as_expression(changed, unit="ct", undetermined="limit")
        levels.append(table_.log_values(LIVER[:1], "mature")[0, 0])
    assert levels == [-30, -39.9, -40, -40, -40]
