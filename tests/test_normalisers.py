"""Ct values are normalised by miRNAs or controls that the reference chose, sample by sample."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cohorts import LIVER, member, panel, strangers

import mirrisk
from mirrisk.cli import main
from mirrisk.errors import (
    InvalidReferenceError,
    MirriskError,
    MirriskWarning,
    MismatchError,
)
from mirrisk.reference import Reference
from mirrisk.reference.normalisers import Normaliser, fit_normalisers, normalised, not_normalised
from mirrisk.tables import as_expression

TWO = ("hsa-miR-16-5p", "hsa-miR-26a-5p")
MARKER = panel(member("miR-34a", "hsa-miR-34a-5p", risk_when="low"), cancer="liver")


def ct(rows, columns=("hsa-miR-34a-5p", *TWO, "U6"), unit="ct"):
    return as_expression(np.array(rows, dtype=float), unit=unit, feature_names=list(columns))


def cycles(n: int = 60, seed: int = 0) -> pd.DataFrame:
    """Wells of the liver panel and a control; every sample has an amount of RNA of its own."""
    rng = np.random.default_rng(seed)
    columns = [*LIVER, "U6"]
    amount = rng.normal(0, 1.5, size=(n, 1))
    values = np.linspace(20, 32, len(columns)) + amount + 0.7 * rng.normal(size=(n, len(columns)))
    return pd.DataFrame(values, columns=columns)


def fit(table: pd.DataFrame, normalisers=None, panels=(MARKER,)) -> Reference:
    return Reference.fit(table, unit="ct", name="wells", panels=panels, normalisers=normalisers)


# -- choosing -----------------------------------------------------------------------------------


def test_mirnas_detected_in_every_sample_are_chosen_and_controls_are_not():
    table = ct([[25, 20, 22, 18], [np.nan, 21, 23, 19], [26, 20, 21, 17]])
    assert [x.name for x in fit_normalisers(table, None)] == list(TWO)


def test_members_of_panels_do_not_normalise_where_five_others_are_detected():
    others = strangers(5)
    table = ct(20 + np.arange(24.0).reshape(3, 8) % 7, ["hsa-miR-34a-5p", *TWO, *others])
    assert [x.name for x in fit_normalisers(table, None, {"hsa-miR-34a-5p", *TWO})] == others
    fewer = ct(20 + np.arange(21.0).reshape(3, 7) % 5, ["hsa-miR-34a-5p", *TWO, *others[:4]])
    found = {x.name for x in fit_normalisers(fewer, None, {"hsa-miR-34a-5p", *TWO})}
    assert found == {"hsa-miR-34a-5p", *TWO, *others[:4]}


def test_reference_is_normalised_by_what_its_panels_do_not_score():
    table = cycles()
    others = [f"hsa-miR-{9000 + i}-5p" for i in range(6)]
    wells = table["U6"].to_numpy()[:, None] + np.arange(6) + 0.1 * table.iloc[:, :6].to_numpy()
    found = fit(table.join(pd.DataFrame(wells, columns=others)), panels=[MARKER])
    names = {x.name for x in found.normalisers}
    assert "hsa-miR-34a-5p" not in names
    assert {*others, *TWO} <= names


def test_normaliser_that_goes_its_own_way_is_warned_of_and_not_the_others():
    wells = [[25, 20, 22, 18], [26, 20, 22, 13], [27, 20, 22, 23], [25, 20, 22, 18]]
    with pytest.warns(MirriskWarning, match="do not follow the others") as caught:
        found = fit_normalisers(ct(wells), [*TWO, "U6"])
    # The two stay where they are; U6 moves by 0, -5, 5, 0 about its mean: SD 50/3 to the root.
    assert [x.sd for x in found] == pytest.approx([0, 0, math.sqrt(50 / 3)])
    assert "(SD above 1 cycle): U6 (4.08); what" in str(caught[0].message)


def test_unsteady_mirna_that_was_not_named_is_no_warning(recwarn):
    fit_normalisers(ct([[25, 20, 22, 18], [35, 21, 24, 18], [19, 19, 21, 18]]), None)
    assert not recwarn.list


def test_normaliser_named_twice_counts_once():
    table = ct([[25, 20, 22, 18], [26, 21, 24, 19], [27, 19, 21, 20]])
    twice = fit_normalisers(table, ["hsa-miR-16", *TWO])
    assert [x.name for x in twice] == list(TWO)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, ["normaliser    U6, alone: how steady, cannot be told"]),
        (3, ["normalisers   3; with the SD"]),
        (
            12,
            [
                "normalisers   12; with the SD",
                "steadiest     a 0.10, b 0.20, c 0.30, d 0.40, e 0.50",
                "least steady  h 0.80, i 0.90, j 1.00, k 1.10, l 1.20",
            ],
        ),
    ],
)
def test_at_most_ten_normalisers_are_shown_by_steadiness(count, said, tmp_path, capsys):
    names = ["U6"] if count == 1 else list("abcdefghijkl"[:count])
    kept = tuple(Normaliser(name, -20.0, (i + 1) / 10) for i, name in enumerate(names))
    content = replace(fit(cycles(), ["U6"]), normalisers=kept[::-1]).to_dict()
    path = tmp_path / "wells.json"
    path.write_text(json.dumps(content))
    assert main(["references", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    for line in said:
        assert line in shown
    assert ("g 0.70" in shown) is False


def test_normaliser_keeps_its_mean_and_how_steadily_it_follows_the_others():
    table = ct([[25, 20, 22, 18], [26, 21, 24, 19], [27, 19, 21, 20]])
    first, second = fit_normalisers(table, TWO)
    # Means of both wells: 21, 22.5, 20; deviations of the first: 1, 1.5, 1 (sign turned).
    assert (first.name, first.mean, second.mean) == (TWO[0], -20.0, pytest.approx(-67 / 3))
    assert first.sd == second.sd == pytest.approx(math.sqrt(1 / 12))


def test_control_is_named_by_its_column():
    table = ct([[25, 20, 22, 18], [26, 21, 24, 19], [27, 19, 21, 20]])
    assert fit_normalisers(table, ["U6"]) == (Normaliser("U6", -19.0, 0.0),)


def test_gap_of_one_normaliser_does_not_make_another_look_unsteady():
    # Both follow the amount of RNA exactly, ten cycles apart; one was not always measured.
    amount = np.array([0.0, 1.0, 2.0, -1.0, -2.0, 0.0])
    wells = np.column_stack([25 + amount, 18 + amount, 28 + amount, 30 + amount])
    wells[::2, 2] = np.nan
    found = fit_normalisers(ct(wells), TWO)
    assert [x.sd for x in found] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_without_a_mirna_detected_everywhere_normalisers_must_be_named():
    table = ct([[25, np.nan, 22, 18], [np.nan, 21, 23, 19], [26, 20, np.nan, 17]])
    with pytest.raises(InvalidReferenceError, match="no miRNA was detected in every sample") as e:
        fit_normalisers(table, None)
    assert e.value.remedy == "name normalisers, or give delta-Ct values (unit delta_ct)"


@pytest.mark.parametrize("unit", ["log2", "delta_ct"])
def test_normalisers_are_for_ct_alone(unit):
    table = ct([[5, 4, 3, 2], [5, 4, 3, 2]], unit=unit)
    assert fit_normalisers(table, None) == ()
    with pytest.raises(InvalidReferenceError, match=f"given for a table in {unit}") as e:
        fit_normalisers(table, ["U6"])
    assert e.value.expected == 'unit="ct"'


def test_normaliser_that_the_table_does_not_hold_is_refused_by_name():
    with pytest.raises(InvalidReferenceError, match="RNU48"):
        fit(cycles(), ["U6", "RNU48"])


# -- applying -----------------------------------------------------------------------------------


def test_sample_is_moved_by_its_deviation_at_the_normalisers():
    stored = (Normaliser(TWO[0], -20.0, 0.1), Normaliser(TWO[1], -24.0, 0.1))
    table = ct([[30, 22, 25, 0], [30, 19, 24, 0]])
    # Later by 2 and 1 cycles: 1.5 less RNA; earlier by 1 and 0: 0.5 more.
    found = normalised(table, ["hsa-miR-34a-5p", *TWO], "mature", stored)
    np.testing.assert_allclose(found, [[-28.5, -20.5, -23.5], [-30.5, -19.5, -24.5]])


def test_normaliser_not_measured_is_left_out_with_its_own_mean():
    stored = (Normaliser(TWO[0], -20.0, 0.1), Normaliser(TWO[1], -24.0, 0.1))
    table = ct([[30, np.nan, 25, 0]])
    assert normalised(table, ["hsa-miR-34a-5p"], "mature", stored)[0, 0] == -29.0


def test_table_without_half_of_the_normalisers_is_refused_with_its_numbers():
    stored = tuple(Normaliser(name, -20.0, 0.1) for name in (TWO[0], "U44", "U48"))
    with pytest.raises(MismatchError, match="the table has 1 of the reference's 3 norm") as e:
        normalised(ct([[30, 20, 25, 0]]), ["hsa-miR-34a-5p"], "mature", stored)
    assert e.value.expected == "at least half of hsa-miR-16-5p, U44, U48, ..."
    assert e.value.remedy == "use a reference fitted on the same assays"


@pytest.mark.parametrize("company", [[], [[30, 20, 24, 28]]])
def test_sample_without_half_of_the_normalisers_has_no_values_whoever_is_beside_it(company):
    stored = (Normaliser(TWO[0], -20.0, 0.1), Normaliser("U44", -24.0, 0.1))
    table = ct([[30, np.nan, np.nan, np.nan], *company], ("hsa-miR-34a-5p", *TWO, "U44"))
    found = normalised(table, ["hsa-miR-34a-5p"], "mature", stored)
    assert np.isnan(found[:, 0]).tolist() == [True] + [False] * len(company)
    assert not_normalised(table, stored).tolist() == [True] + [False] * len(company)


def test_samples_that_are_not_normalised_are_told():
    table = cycles()
    reference = fit(table, ["U6", *TWO])
    table.loc[table.index[3:5], ["U6", *TWO]] = np.nan
    found = mirrisk.score(table, panel=MARKER, reference=reference, unit="ct")
    said = [note for note in found.notes if note.startswith("Ct not normalised")]
    assert len(said) == 1
    assert all(str(name) in said[0] for name in table.index[3:5])
    assert "fewer than half of the 3 normalisers" in said[0]
    reasons = found.scores["reason"].tolist()
    assert [i for i, why in enumerate(reasons) if why == "low_coverage"] == [3, 4]


def test_more_rna_in_all_wells_of_a_sample_changes_nothing():
    table = cycles()
    reference = fit(table, ["U6", *TWO])
    before = mirrisk.score(table, panel=MARKER, reference=reference, unit="ct").scores
    diluted = table.add(np.linspace(-5, 5, len(table)), axis=0)
    after = mirrisk.score(diluted, panel=MARKER, reference=reference, unit="ct").scores
    np.testing.assert_allclose(after["score"], before["score"], atol=1e-9)


def test_more_cycles_than_the_control_mean_less_rna_and_here_more_risk():
    table = cycles()
    reference = fit(table, ["U6"])
    level = -(table["hsa-miR-34a-5p"] - (table["U6"] - table["U6"].mean()))
    ranks = level.rank().to_numpy()
    result = mirrisk.score(table, panel=MARKER, reference=reference, unit="ct")
    values = result.contributions["value"].to_numpy()
    np.testing.assert_allclose(values, level, atol=1e-4)
    np.testing.assert_array_equal(result.scores["score"].rank(), 61 - ranks)


def test_delta_ct_is_turned_and_not_normalised_again():
    table = cycles()
    delta = table[list(LIVER)].sub(table["U6"], axis=0)
    reference = Reference.fit(delta, unit="delta_ct", name="wells", panels=[MARKER])
    assert reference.normalisers == ()
    result = mirrisk.score(delta, panel=MARKER, reference=reference, unit="delta_ct")
    np.testing.assert_array_equal(result.contributions["value"], -delta["hsa-miR-34a-5p"])


def test_sample_without_normalisers_does_not_stop_the_others():
    table = cycles()
    reference = fit(table, ["U6"])
    expected = mirrisk.score(table, panel=MARKER, reference=reference, unit="ct").scores
    table.iloc[3] = np.nan
    found = mirrisk.score(table, panel=MARKER, reference=reference, unit="ct").scores
    assert found["flag"][3] == "not_scored"
    assert found["reason"][3] == "empty_sample"
    np.testing.assert_array_equal(found["score"].drop(3), expected["score"].drop(3))


def test_infinite_control_is_refused_and_not_turned_into_a_score():
    table = cycles()
    reference = fit(table, ["U6"])
    table.loc[2, "U6"] = np.inf
    with pytest.raises(MirriskError, match="infinite value") as e:
        mirrisk.score(table, panel=MARKER, reference=reference, unit="ct")
    assert "'U6'" in e.value.where


def test_normaliser_named_as_its_column_serves_a_table_with_todays_name():
    table = cycles()
    old = table.rename(columns={"hsa-miR-16-5p": "hsa-miR-16"})
    reference = fit(old, ["hsa-miR-16"])
    found = mirrisk.score(table, panel=MARKER, reference=reference, unit="ct").scores
    expected = mirrisk.score(old, panel=MARKER, reference=reference, unit="ct").scores
    np.testing.assert_array_equal(found["score"], expected["score"])


def test_single_name_is_one_normaliser_and_not_its_letters():
    with pytest.raises(MirriskError, match="RNU48"):
        fit(cycles(), "RNU48")
    assert [x.name for x in fit(cycles(), "U6").normalisers] == ["U6"]
