"""Expression: what columns denote, log2-scale values by hand, units inferred and refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from cohorts import strangers

from mirrisk.errors import InvalidExpressionError
from mirrisk.expression import Expression, index_features, infer_unit
from mirrisk.tables import as_expression

MISSING = math.nan


def expression(table: dict[str, list[float]], unit: str, **how) -> Expression:
    return as_expression(pd.DataFrame(table).rename("s{}".format), unit=unit, **how)


def logs(table: dict[str, list[float]], unit: str, *keys: str, level="mature", **how) -> list:
    return expression(table, unit, **how).log_values(keys, level).tolist()


# -- the log2 scale, by hand -------------------------------------------------------------------


def test_counts_become_log2_of_reads_per_million_plus_one():
    # 3 of 2,000,000 reads are 1.5 per million: log2(2.5); 63 of 1,000,000 give log2(64) = 6.
    found = logs({"hsa-miR-21-5p": [3, 63]}, "counts", "hsa-miR-21-5p", library_size=[2e6, 1e6])
    assert found == [[math.log2(2.5)], [6.0]]


def test_library_is_the_sum_of_the_mirna_columns_alone():
    table = pd.DataFrame(
        [[1000.0] * 100, [3000.0] * 100], columns=strangers(100), index=["a", "b"]
    ).assign(age=[64.0, 71.0], total_reads=[9e9, 9e9], **{"mmu-miR-1a-3p": [5e6, 5e6]})
    found = as_expression(table, unit="counts")
    assert found.totals.tolist() == [100_000, 300_000]
    assert found.reads.tolist() == [100_000, 300_000]
    # 1,000 of 100,000 reads are 10,000 per million.
    assert found.log_values(["hsa-miR-9000-5p"], "mature")[0, 0] == math.log2(10_001)


def test_stem_loops_are_no_part_of_the_library_of_a_mature_table():
    names = [*strangers(100), "hsa-mir-21"]
    found = as_expression(pd.DataFrame([[10.0] * 100 + [1e6]], columns=names), unit="counts")
    assert found.level == "mature"
    assert found.totals.tolist() == [1000]


def test_cpm_become_log2_of_themselves_plus_one():
    found = logs({"hsa-miR-21-5p": [7.0, 0.0], "hsa-miR-16-5p": [0.5, 1.5]}, "cpm", "hsa-miR-21-5p")
    assert found == [[3.0], [0.0]]


def test_log2_stays_and_ct_and_delta_ct_are_turned():
    table = {"hsa-miR-21-5p": [20.5, 31.0]}
    assert logs(table, "log2", "hsa-miR-21-5p") == [[20.5], [31.0]]
    assert logs(table, "ct", "hsa-miR-21-5p") == [[-20.5], [-31.0]]
    assert logs({"hsa-miR-21-5p": [-2.5]}, "delta_ct", "hsa-miR-21-5p") == [[2.5]]


def test_missing_stays_missing_and_zero_stays_zero():
    table = {"hsa-miR-21-5p": [MISSING, 0.0], "hsa-miR-16-5p": [1.5, 2.5]}
    found = np.array(logs(table, "cpm", "hsa-miR-21-5p", "hsa-miR-34a-5p"))
    np.testing.assert_array_equal(found, [[MISSING, MISSING], [0.0, MISSING]])


def test_sample_without_a_read_has_no_expression():
    table = pd.DataFrame(np.vstack([np.zeros(100), np.ones(100)]), columns=strangers(100))
    found = as_expression(table, unit="counts").log_values(["hsa-miR-9000-5p"], "mature")
    np.testing.assert_array_equal(found, [[MISSING], [math.log2(10_001)]])


# -- several columns of one miRNA --------------------------------------------------------------


def test_loci_are_summed_on_the_linear_scale():
    table = {"hsa-mir-16-1": [3.0], "hsa-mir-16-2": [4.0], "hsa-mir-21": [0.5]}
    assert logs(table, "cpm", "hsa-mir-16", level="stem-loop") == [[3.0]]


def test_loci_on_the_log_scale_are_summed_without_the_one_counted_twice():
    # log2(3 + 1) = 2 and log2(4 + 1): together log2(3 + 4 + 1) = 3.
    table = {"hsa-mir-16-1": [2.0], "hsa-mir-16-2": [math.log2(5)]}
    found = logs(table, "log2", "hsa-mir-16", level="stem-loop")
    assert found[0][0] == pytest.approx(3.0, abs=1e-12)


def test_locus_that_was_not_measured_leaves_the_sum_unknown():
    table = {"hsa-mir-16-1": [3.0], "hsa-mir-16-2": [MISSING], "hsa-mir-21": [0.5]}
    assert math.isnan(logs(table, "cpm", "hsa-mir-16", level="stem-loop")[0][0])


def test_probes_are_averaged_on_the_log_scale_over_those_measured():
    table = {"hsa-miR-21-5p": [8.0, 8.0], "hsa-miR-21": [10.0, MISSING]}
    assert logs(table, "log2", "hsa-miR-21-5p") == [[9.0], [8.0]]


def test_arms_are_summed_for_a_reference_of_stem_loops():
    table = {"hsa-miR-21-5p": [6.0], "hsa-miR-21-3p": [1.0], "hsa-miR-34a-5p": [0.5]}
    assert logs(table, "cpm", "hsa-mir-21", level="stem-loop") == [[3.0]]


def test_stem_loops_are_never_divided_into_arms():
    table = {"hsa-mir-21": [7.0], "hsa-mir-16-1": [1.5]}
    assert math.isnan(logs(table, "cpm", "hsa-miR-21-5p")[0][0])


def test_sums_do_not_depend_on_the_order_of_columns():
    rng = np.random.default_rng(3)
    names = [*strangers(300), "hsa-mir-16-1", "hsa-mir-16-2", "hsa-mir-26a-1", "hsa-mir-26a-2"]
    table = pd.DataFrame(rng.lognormal(5, 3, (50, len(names))), columns=names)
    shuffled = table.iloc[:, rng.permutation(len(names))]
    np.testing.assert_array_equal(
        as_expression(table, unit="counts").totals, as_expression(shuffled, unit="counts").totals
    )


# -- names -------------------------------------------------------------------------------------


def test_level_is_that_of_most_names_and_can_be_stated():
    names = ["hsa-miR-21-5p", "hsa-mir-16-1", "hsa-mir-21"]
    assert index_features(names).level == "stem-loop"
    assert index_features(names, "mature").level == "mature"


def test_ambiguous_column_serves_no_mirna_but_is_counted():
    index = index_features(["hsa-miR-27a-3p/27b-3p", "hsa-miR-21-5p"])
    assert index.ambiguous["hsa-miR-27a-3p"] == "hsa-miR-27a-3p/27b-3p"
    assert set(index.columns_of("mature")) == {"hsa-miR-21-5p"}
    assert sorted(index.at_level) == [0, 1]


@pytest.mark.parametrize("name", ["age", "PSA", "T1", "21", "sample_1", "mir_status", "total"])
def test_clinical_column_is_no_mirna(name):
    assert len(index_features([name, "hsa-miR-21-5p"]).at_level) == 1


def test_aliases_explain_names_of_ones_own():
    table = {"probe 17": [9.0], "hsa-miR-16-5p": [8.0]}
    aliases = {"probe 17": "hsa-miR-21-5p"}
    assert logs(table, "log2", "hsa-miR-21-5p", aliases=aliases) == [[9.0]]


# -- units -------------------------------------------------------------------------------------


def unit_of(rows: list[list[float]]) -> tuple[str, str]:
    values = np.array(rows, dtype=float)
    return infer_unit(values, np.arange(values.shape[1]))


@pytest.mark.parametrize(
    ("rows", "unit"),
    [
        ([[20_000, 0, 7], [15_000, 3, 9]], "counts"),
        ([[999_990.5, 9.5], [999_000.5, 999.5]], "cpm"),
        ([[999_990.5, 9.5], [0.0, 0.0]], "cpm"),  # an empty sample has no say
        ([[math.log2(600_000.5), math.log2(400_001.5)]] * 2, "log2"),
    ],
)
def test_unit_is_inferred_where_it_is_clear(rows, unit):
    found, reason = unit_of(rows)
    assert found == unit
    assert reason


@pytest.mark.parametrize(
    "rows",
    [
        [[20.5, 31.25], [19.0, 33.5]],  # Ct, or log2
        [[-1.5, 2.5]],  # delta-Ct, or log2 ratios
        [[10, 20], [30, 40]],  # whole, but hardly a library
        [[MISSING, MISSING]],
    ],
)
def test_unit_is_asked_for_where_it_is_not_clear(rows):
    with pytest.raises(InvalidExpressionError, match="not clear") as caught:
        unit_of(rows)
    assert "--unit" in caught.value.remedy


def test_rounded_cpm_are_not_taken_for_counts():
    with pytest.raises(InvalidExpressionError, match="rounded CPM, or counts at one depth"):
        unit_of([[999_991, 9], [999_000, 999]])
    # One sample of a million reads, give or take, may well be counts.
    assert unit_of([[999_991, 9]])[0] == "counts"


def test_fractional_counts_are_told_from_a_part_of_a_table_in_cpm_by_the_user():
    names = strangers(100)
    shared = as_expression(pd.DataFrame([[2500.5] * 100], columns=names), unit="counts")
    assert shared.notes[0].startswith("counts hold fractions")
    whole = as_expression(pd.DataFrame([[2500.0] * 100], columns=names), unit="counts")
    assert not any("fractions" in note for note in whole.notes)


def test_unit_of_the_first_hundred_samples_is_that_of_the_table():
    rows = [[20_000.0, 3.0]] * 100
    assert unit_of(rows)[0] == unit_of([*rows, [20_000.5, 3.5]])[0] == "counts"


@pytest.mark.parametrize(
    ("unit", "value", "kind"),
    [
        ("counts", -1.0, "negative"),
        ("cpm", -0.5, "negative"),
        ("cpm", math.inf, "infinite"),
        ("log2", -math.inf, "infinite"),
        ("log2", 4096.0, "impossible"),
        ("ct", 0.0, "impossible"),
        ("ct", 999.0, "impossible"),
        ("delta_ct", 974.5, "impossible"),
    ],
)
def test_cell_that_the_unit_cannot_hold_is_named(unit, value, kind):
    table = {"hsa-miR-21-5p": [20.5, value], "hsa-miR-16-5p": [21.5, 22.5]}
    with pytest.raises(InvalidExpressionError) as caught:
        logs(table, unit, "hsa-miR-21-5p", library_size=[1e6, 1e6])
    assert caught.value.what.startswith(f"{kind} value {value:g}")
    assert caught.value.where == "sample 's1', column 'hsa-miR-21-5p'"


def test_columns_that_are_no_mirna_may_hold_anything():
    table = {"hsa-miR-21-5p": [1.5, 2.5], "change": [-5.0, math.inf]}
    assert logs(table, "cpm", "hsa-miR-21-5p") == [[math.log2(2.5)], [math.log2(3.5)]]


def test_panels_own_counts_are_refused_without_the_library():
    with pytest.raises(InvalidExpressionError, match="the size of the library is unknown"):
        expression({name: [5.0] for name in strangers(99)}, "counts")
    assert len(expression({name: [5.0] for name in strangers(100)}, "counts")) == 1


def test_library_smaller_than_the_reads_in_the_table_is_refused():
    with pytest.raises(InvalidExpressionError, match="holds 70 reads") as caught:
        expression({"hsa-miR-21-5p": [5, 70]}, "counts", library_size=[1e6, 60])
    assert caught.value.where == "sample 's1'"


def test_library_of_rounded_fractional_reads_is_accepted():
    sizes = expression({"hsa-miR-21-5p": [100_000.04]}, "counts", library_size=[100_000]).reads
    assert sizes.tolist() == [100_000]


def test_empty_sample_does_not_make_rounded_cpm_look_like_counts():
    names = strangers(100)
    table = pd.DataFrame([[10_000.0] * 100, [0.0] * 100], columns=names)
    assert as_expression(table, unit="cpm").totals.tolist() == [1e6, 0]


@pytest.mark.parametrize(("name", "value"), [("unit", "CPM"), ("specimen", "urine")])
def test_word_outside_the_vocabulary_is_refused_with_those_that_are_in_it(name, value):
    with pytest.raises(InvalidExpressionError, match=rf"{name} is '{value}'") as caught:
        as_expression(pd.DataFrame({"hsa-miR-21-5p": [5.5]}), **{"unit": "log2", name: value})
    assert " | " in caught.value.expected


def test_values_of_another_shape_are_refused():
    with pytest.raises(InvalidExpressionError, match=r"shape \(2, 1\)"):
        Expression(np.zeros((2, 1)), ("a",), index_features(["hsa-miR-21-5p"]), "log2")


def test_samples_are_taken_in_the_order_asked_for_with_their_libraries() -> None:
    values = np.arange(6.0).reshape(3, 2)
    index = index_features(("hsa-miR-21-5p", "hsa-miR-145-5p"))
    sizes = np.array([100.0, 200.0, 300.0])
    table = Expression(values, ("a", "b", "c"), index, "counts", library_size=sizes)
    part = table.take(np.array([2, 0, 2]))
    assert part.samples == ("c", "a", "c (draw 2)")
    np.testing.assert_array_equal(part.values, values[[2, 0, 2]])
    np.testing.assert_array_equal(part.library_size, [300, 100, 300])
    assert table.take(np.array([False, True, False])).samples == ("b",)
