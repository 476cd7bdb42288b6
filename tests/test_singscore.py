"""Rank scores: equal to R's singscore, with a null that enumeration confirms."""

from __future__ import annotations

import gzip
import io
import itertools
import math
import statistics
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mirrisk import nomenclature
from mirrisk.errors import (
    InvalidExpressionError,
    InvalidPanelError,
    InvalidTableError,
    MirriskError,
    MirriskWarning,
    MismatchError,
)
from mirrisk.singscore import rank_scores
from mirrisk.tables import as_expression

SHARED = Path(__file__).resolve().parents[2] / "shared" / "reference" / "singscore"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the R package's scores are in ../shared, which is not here"
)

COLUMNS = [
    "sample",
    "score",
    "dispersion",
    "up_score",
    "up_dispersion",
    "down_score",
    "down_dispersion",
    "n_up",
    "n_down",
    "p_value",
]


def one(sample: dict[str, float], *sets: list[str] | None, **options: object) -> pd.Series:
    return rank_scores(pd.Series(sample, name="s"), *sets, **options).iloc[0]


def counts_with_gaps(n_samples: int, n_features: int, seed: int = 1) -> pd.DataFrame:
    """Fractional counts with many ties and missing values."""
    rng = np.random.default_rng(seed)
    values = rng.negative_binomial(0.5, 0.05, (n_samples, n_features)) / 3.0
    values[rng.random(values.shape) < 0.2] = np.nan
    return pd.DataFrame(
        values,
        index=[f"s{i}" for i in range(n_samples)],
        columns=[f"f{i}" for i in range(n_features)],
    )


# -- Equal to R ---------------------------------------------------------------------------------


@needs_shared
def test_scores_equal_those_of_the_r_packages_vignette_to_the_printed_precision():
    # Universal newlines: the matrix has bare carriage returns.
    with gzip.open(SHARED / "entrez_sample.txt.gz", "rt") as file:
        matrix = pd.read_csv(io.StringIO(file.read()), sep="\t", index_col=0)
    # Of the sets in the folder this is the published one (193 up, 108 down); entrez_up.txt and
    # entrez_down.txt are another, smaller set.
    text = (SHARED / "tgfb_upDown.txt").read_text()
    sets = pd.read_csv(io.StringIO(text), sep="\t", dtype=str).groupby("upDown")["EntrezID"]
    expected = pd.read_csv(SHARED / "expected_singscore_vignette.csv")

    scores = rank_scores(matrix.T, list(sets.get_group("up")), list(sets.get_group("down")))

    assert list(scores["sample"]) == list(expected["sample"])
    assert set(scores["n_up"]) == {193}
    assert set(scores["n_down"]) == {108}
    for ours, theirs, printed in [
        ("score", "TotalScore", 5e-9),
        ("up_score", "UpScore", 5.1e-9),
        ("down_score", "DownScore", 5.1e-9),
        ("dispersion", "TotalDispersion", 5.1e-4),
        ("up_dispersion", "UpDispersion", 5.1e-4),
        ("down_dispersion", "DownDispersion", 5.1e-4),
    ]:
        np.testing.assert_allclose(scores[ours], expected[theirs], rtol=0, atol=printed)


# R 4.2.2, per sample: x <- x[!is.na(x)]; r <- rank(x, ties.method = "min"); for the members' r
# the bounds (k + 1)/2 and (2n - k + 1)/2, and mad(r). Unknown direction: the same on
# abs(r - ceiling(median(r))), with floor(k/2) and ceiling(n/2) for k and n.
R_SAMPLES = pd.DataFrame(
    [
        [0, 0, 0, 2, 2, 5, 7, 7, 7, 9, 1, 3],
        [np.nan, 4, 1, np.nan, 8, 8, 2, 6, np.nan, 0, 3, 5],
        [3.1, 0.2, 8.8, 7.5, 1.9, 6.4, 2.2, 9.9, 5.0, 4.1, 0.7, 8.1],
    ],
    index=["ties", "missing", "plain"],
    columns=list("abcdefghijkl"),
)
R_UP, R_DOWN = list("cdhjl"), list("abfi")
R_UP_SCORE = [0.542857142857143, 0.3, 0.942857142857143]
R_UP_MAD = [2.9652, 3.7065, 1.4826]
R_DOWN_SCORE = [0.71875, 0.285714285714286, 0.65625]
R_DOWN_MAD = [5.1891, 2.2239, 2.2239]
R_UNKNOWN_SCORE = [0.425, 0.333333333333333, 0.375]
R_UNKNOWN_MAD = [2.9652, 1.4826, 1.4826]


def test_up_and_down_scores_equal_values_computed_in_r():
    scores = rank_scores(R_SAMPLES, R_UP, R_DOWN, center=False)
    np.testing.assert_allclose(scores["up_score"], R_UP_SCORE, rtol=1e-14)
    np.testing.assert_allclose(scores["up_dispersion"], R_UP_MAD, rtol=1e-14)
    np.testing.assert_allclose(scores["down_score"], R_DOWN_SCORE, rtol=1e-14)
    np.testing.assert_allclose(scores["down_dispersion"], R_DOWN_MAD, rtol=1e-14)
    np.testing.assert_allclose(scores["score"], np.add(R_UP_SCORE, R_DOWN_SCORE), rtol=1e-14)
    np.testing.assert_allclose(scores["dispersion"], np.add(R_UP_MAD, R_DOWN_MAD) / 2, rtol=1e-14)
    assert list(scores["n_up"]) == [5, 4, 5]
    assert list(scores["n_down"]) == [4, 2, 4]


def test_scores_of_unknown_direction_equal_values_computed_in_r_and_are_not_centred():
    scores = rank_scores(R_SAMPLES, R_UP, known_direction=False, center=True)
    np.testing.assert_allclose(scores["score"], R_UNKNOWN_SCORE, rtol=1e-14)
    np.testing.assert_allclose(scores["dispersion"], R_UNKNOWN_MAD, rtol=1e-14)


def test_the_r_packages_own_example_of_ties():
    # singscore tests/testthat/test-scoring.R: values 1, 2, 5, 5.
    sample = {"1": 1, "2": 2, "3": 5, "4": 5}
    assert one(sample, ["3", "4"])["score"] == 0.25
    both = one(sample, ["3", "4"], ["1"])
    assert list(both[["score", "dispersion", "up_score"]]) == [0.75, 0, 0.25]
    assert list(both[["up_dispersion", "down_score", "down_dispersion"]]) == [0, 0.5, 0]


# -- By hand ------------------------------------------------------------------------------------


def test_tied_values_share_the_lowest_rank_of_their_run():
    # Ranks 1 1 1 4 4 6; E and F: mean 5, bounds 1.5 and 5.5: (5 - 1.5)/4 = 0.875.
    sample = {"A": 0, "B": 0, "C": 0, "D": 2, "E": 2, "F": 9}
    row = one(sample, ["E", "F"])
    assert row["score"] == 0.375
    assert row["dispersion"] == 1.4826
    assert one(sample, ["E", "F"], center=False)["score"] == 0.875


def test_a_missing_value_is_left_out_of_the_set_and_of_the_ranking():
    # Without D and E: ranks A 1, B 2, C 3, F 4; the set is F: bounds 1 and 4: 1, centred 0.5.
    row = one({"A": 1, "B": 2, "C": 3, "D": np.nan, "E": np.nan, "F": 4}, ["D", "F"])
    assert row["score"] == 0.5
    assert row["n_up"] == 1


def test_the_score_of_a_down_set_alone_is_high_where_its_members_are_low():
    # Ranks of A and B: mean 1.5, the lower bound of two among four: 1 - 0 - 0.5.
    row = one({"A": 1, "B": 2, "C": 3, "D": 4}, None, ["A", "B"])
    assert row["score"] == row["down_score"] == 0.5
    assert row["dispersion"] == row["down_dispersion"] == 0.7413
    assert math.isnan(row["up_score"])
    assert row["n_up"] == 0


def test_unknown_direction_scores_the_distance_from_the_middle():
    # Ranks 1..5, middle 3: A and E are 2 away; with 1 for 2 and 3 for 5, (2 - 1)/2.
    sample = {"A": 1, "B": 2, "C": 3, "D": 4, "E": 5}
    assert one(sample, ["A", "E"], known_direction=False)["score"] == 0.5
    # B and D are 1 away.
    assert one(sample, ["B", "D"], known_direction=False)["score"] == 0


def test_unknown_direction_takes_the_middle_of_ties_and_rounds_it_up():
    # Ranks 1 1 1 4 5 6: median 2.5, middle 3; D and F: 1 and 3 away: (2 - 1)/(3 - 1).
    sample = {"A": 0, "B": 0, "C": 0, "D": 2, "E": 3, "F": 9}
    assert one(sample, ["D", "F"], known_direction=False)["score"] == 0.5


def test_two_sets_at_their_bounds_score_one_in_all():
    row = one({"A": 1, "B": 2, "C": 3, "D": 4}, ["D"], ["A"])
    assert (row["score"], row["up_score"], row["down_score"]) == (1.0, 0.5, 0.5)


def test_a_sample_with_nothing_measured_keeps_its_row_without_a_score():
    X = pd.DataFrame({"A": [1, np.nan], "B": [2, np.nan], "C": [3, np.nan]}, index=["x", "y"])
    for options in ({}, {"known_direction": False}):
        scores = rank_scores(X, ["C"], **options)
        assert list(scores["sample"]) == ["x", "y"]
        assert list(scores["n_up"]) == [1, 0]
        assert list(scores[["score", "dispersion", "p_value"]].isna().all(axis=1)) == [False, True]


def test_a_sample_without_one_of_the_sets_has_no_score_but_the_other_sets():
    row = one({"A": 1, "B": 2, "C": 3, "D": np.nan}, ["C"], ["D"])
    assert row["up_score"] == 0.5
    assert np.isnan([row["score"], row["down_score"], row["p_value"]]).all()


def test_a_set_of_all_that_was_measured_has_no_score():
    row = one({"A": 1, "B": 2}, ["A", "B"])
    assert np.isnan([row["score"], row["p_value"]]).all()
    assert row["n_up"] == 2


def test_columns_are_those_documented_and_no_samples_give_no_rows():
    empty = rank_scores(R_SAMPLES.iloc[:0], R_UP, R_DOWN)
    assert list(empty.columns) == COLUMNS
    assert len(empty) == 0


# -- The null -----------------------------------------------------------------------------------


def min_ranks(values: list[float]) -> list[int]:
    return [1 + sum(other < value for other in values) for value in values]


def plain_score(ranks: list[int], up: tuple[int, ...], down: tuple[int, ...]) -> float:
    """The score from its definition, uncentred; `up` and `down` are positions."""
    n, total = len(ranks), 0.0
    for members, is_up in ((up, True), (down, False)):
        if members:
            k = len(members)
            low, high = (k + 1) / 2, (2 * n - k + 1) / 2
            scaled = (statistics.fmean(ranks[i] for i in members) - low) / (high - low)
            total += scaled if is_up else 1 - scaled
    return total


def all_draws(n: int, k_up: int, k_down: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [
        (up, down)
        for up in itertools.combinations(range(n), k_up)
        for down in itertools.combinations(sorted(set(range(n)) - set(up)), k_down)
    ]


def normal_tails(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


@pytest.mark.parametrize("values", [[3, 1, 4, 15, 9, 2, 6], [0, 0, 0, 5, 5, 7, 8]])
@pytest.mark.parametrize(("k_up", "k_down"), [(3, 0), (0, 2), (1, 0), (2, 3), (3, 4), (1, 1)])
def test_mean_and_variance_of_the_null_are_those_of_all_possible_draws(values, k_up, k_down):
    names = list("ABCDEFG")
    ranks = min_ranks(values)
    draws = all_draws(len(values), k_up, k_down)
    null = [plain_score(ranks, up, down) for up, down in draws]
    mean, sd = statistics.fmean(null), statistics.pstdev(null)
    for (up, down), score in list(zip(draws, null, strict=True))[::7]:
        row = one(
            dict(zip(names, values, strict=True)),
            [names[i] for i in up],
            [names[i] for i in down],
            center=False,
        )
        assert row["score"] == pytest.approx(score, abs=1e-12)
        assert row["p_value"] == pytest.approx(normal_tails((score - mean) / sd), abs=1e-9)


def test_null_of_unknown_direction_is_that_of_all_possible_draws():
    values, names = [0, 0, 0, 5, 5, 7, 8, 1], list("ABCDEFGH")
    # Ranks 1 1 1 5 5 7 8 4: median 4.5, middle 5.
    distance = [4, 4, 4, 0, 0, 2, 3, 1]
    draws = list(itertools.combinations(range(8), 3))
    null = [statistics.fmean(distance[i] for i in draw) for draw in draws]
    mean, sd = statistics.fmean(null), statistics.pstdev(null)
    for draw, observed in zip(draws, null, strict=True):
        row = one(
            dict(zip(names, values, strict=True)),
            [names[i] for i in draw],
            known_direction=False,
        )
        assert row["p_value"] == pytest.approx(normal_tails((observed - mean) / sd), abs=1e-9)


def test_p_value_is_close_to_the_exact_one_for_a_set_of_six_among_sixteen():
    values = list(range(16))
    draws = all_draws(16, 6, 0)
    sums = [sum(up) for up, _ in draws]
    middle = statistics.fmean(sums)
    for up, _ in draws[:: len(draws) // 40]:
        exact = statistics.fmean(abs(s - middle) >= abs(sum(up) - middle) for s in sums)
        row = one({f"f{i}": v for i, v in enumerate(values)}, [f"f{i}" for i in up])
        # Half the probability of the score itself: what a continuity correction would mend.
        assert row["p_value"] == pytest.approx(exact, abs=0.05)


def test_p_value_agrees_with_random_sets_drawn_from_a_sample_with_ties():
    rng = np.random.default_rng(20240)
    values = rng.negative_binomial(0.5, 0.02, 400).astype(float)
    ranks = np.array(min_ranks(list(values)), dtype=float)
    names = [f"f{i}" for i in range(400)]
    draws = np.array([rng.permutation(400)[:30] for _ in range(20_000)])
    null = ranks[draws[:, :20]].mean(axis=1) / 380 - ranks[draws[:, 20:]].mean(axis=1) / 390
    null -= null.mean()
    for draw, score in zip(draws[:25], null[:25], strict=True):
        row = one(
            dict(zip(names, values, strict=True)),
            [names[i] for i in draw[:20]],
            [names[i] for i in draw[20:]],
        )
        simulated = np.mean(np.abs(null) >= abs(score))
        assert row["p_value"] == pytest.approx(simulated, abs=0.015)


def test_under_the_null_one_p_value_in_twenty_is_below_five_percent():
    X = pd.DataFrame(np.random.default_rng(7).normal(size=(4000, 200)))
    p_values = rank_scores(X, [str(i) for i in range(15)], ["20", "21", "22", "23"])["p_value"]
    # Four standard errors of a share of 0.05 in 4,000.
    assert (p_values < 0.05).mean() == pytest.approx(0.05, abs=0.014)
    assert (p_values < 0.5).mean() == pytest.approx(0.5, abs=0.032)


def test_one_sided_p_values_are_the_two_tails():
    sample = {name: i for i, name in enumerate("ABCDEFGH")}
    both, greater, less = (
        one(sample, ["G", "E"], alternative=side)["p_value"]
        for side in ("two-sided", "greater", "less")
    )
    assert greater < 0.5 < less
    assert greater + less == pytest.approx(1)
    assert both == pytest.approx(2 * greater)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_where_all_values_are_tied_every_draw_is_as_extreme(alternative):
    row = one(dict.fromkeys("ABCD", 3.0), ["A"], ["B"], alternative=alternative)
    assert row["p_value"] == 1


# -- A sample's result is its own ---------------------------------------------------------------


@pytest.mark.parametrize("known_direction", [True, False])
def test_row_is_bit_identical_alone_shuffled_and_in_any_memory_layout(known_direction, monkeypatch):
    # Blocks of two samples: their borders must not show.
    monkeypatch.setattr("mirrisk.singscore.ranks._BLOCK_BYTES", 2 * 128 * 8)
    X = counts_with_gaps(31, 97)
    up = [f"f{i}" for i in range(12)]
    down = [f"f{i}" for i in range(40, 49)] if known_direction else None

    def score(table: pd.DataFrame, **sets: list[str] | None) -> pd.DataFrame:
        chosen = {"up": up, "down": down} | sets
        scores = rank_scores(table, **chosen, known_direction=known_direction)
        return scores.set_index("sample").loc[[s for s in X.index if s in table.index]]

    whole = score(X)
    alone = pd.concat([score(X.iloc[[i]]) for i in range(len(X))])
    rng = np.random.default_rng(3)
    shuffled = X.iloc[rng.permutation(len(X)), rng.permutation(X.shape[1])]
    columnwise = pd.DataFrame(np.asfortranarray(X), index=X.index, columns=X.columns)
    for other in (alone, score(shuffled), score(columnwise), score(X, up=up[::-1])):
        pd.testing.assert_frame_equal(whole, other, check_exact=True)


def test_input_is_left_as_it_was():
    X = np.array([[3.0, 1.0, 2.0], [np.nan, 5.0, 4.0]])
    before = X.copy()
    rank_scores(X, ["A"], feature_names=["A", "B", "C"])
    np.testing.assert_array_equal(X, before)


def test_frame_series_array_integers_and_nullable_columns_give_the_same_scores():
    frame = pd.DataFrame([[5, 1, 3, 2], [1, 2, 4, 3]], index=["x", "y"], columns=list("ABCD"))
    expected = rank_scores(frame.astype(float), ["A", "C"])
    pd.testing.assert_frame_equal(rank_scores(frame, ["A", "C"]), expected)
    pd.testing.assert_frame_equal(rank_scores(frame.astype("Int64"), ["A", "C"]), expected)
    pd.testing.assert_frame_equal(rank_scores(frame.astype(object), ["A", "C"]), expected)
    array = rank_scores(frame.to_numpy(), ["A", "C"], feature_names=list("ABCD"))
    pd.testing.assert_frame_equal(array.drop(columns="sample"), expected.drop(columns="sample"))
    assert list(array["sample"]) == ["sample_1", "sample_2"]
    pd.testing.assert_frame_equal(rank_scores(frame.loc["x"], ["A", "C"]), expected.iloc[:1])


def test_missing_value_of_a_nullable_column_is_not_measured():
    frame = pd.DataFrame({"A": [1.0], "B": [2.0], "C": [3.0]}).astype("Float64")
    frame.loc[0, "B"] = pd.NA
    assert list(rank_scores(frame, ["B", "C"])["n_up"]) == [1]


# -- Names --------------------------------------------------------------------------------------


@pytest.fixture
def known_keys(monkeypatch):
    """Names and what they denote; all others denote nothing."""
    keys = {"old-a": "mir-a", "new-a": "mir-a", "locus-a-1": "mir-a", "locus-a-2": "mir-a"}
    monkeypatch.setattr(
        nomenclature, "resolve", lambda name: SimpleNamespace(key=keys.get(name)), raising=False
    )


def test_a_members_other_name_finds_its_column(known_keys):
    row = one({"new-a": 3, "B": 2, "C": 1}, ["old-a"])
    assert (row["n_up"], row["score"]) == (1, 0.5)


def test_a_mirna_is_found_by_its_accession():
    row = one({"hsa-miR-21-5p": 3, "B": 2, "C": 1}, ["MIMAT0000076"])
    assert (row["n_up"], row["score"]) == (1, 0.5)


def test_an_exact_name_wins_over_another_name_of_the_same_mirna(known_keys):
    row = one({"new-a": 3, "old-a": 1, "C": 2}, ["old-a"])
    assert row["score"] == -0.5


def test_a_member_that_could_be_two_columns_is_refused(known_keys):
    with pytest.raises(MismatchError, match="'locus-a-1', 'locus-a-2'"):
        one({"locus-a-1": 3, "locus-a-2": 1, "C": 2}, ["old-a"])


def test_two_names_of_one_column_are_refused_within_and_across_the_sets(known_keys):
    sample = {"new-a": 3, "B": 2, "C": 1}
    for sets in ([["new-a", "old-a"]], [["new-a"], ["old-a"]]):
        with pytest.raises(InvalidPanelError, match="'new-a' and 'old-a' are both the column"):
            one(sample, *sets)


def test_a_set_without_one_member_in_the_table_is_refused(known_keys):
    with pytest.raises(MismatchError, match=r"none of the set's 2 members .*'X', 'Y'"):
        one({"A": 1, "B": 2}, ["A"], ["X", "Y"])


def test_members_not_in_the_table_are_named_where_they_are_more_than_half(known_keys):
    sample = {"A": 1, "B": 2, "C": 3}
    with pytest.warns(MirriskWarning, match="up: 2 of the set's 3 members .* X, Y"):
        row = one(sample, ["C", "X", "Y"])
    assert (row["n_up"], row["score"]) == (1, 0.5)


@pytest.mark.filterwarnings("error::mirrisk.errors.MirriskWarning")
def test_half_of_the_members_in_the_table_give_no_warning(known_keys):
    assert one({"A": 1, "B": 2}, ["B", "X"])["n_up"] == 1


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([["A", "A"]], "'A' occurs more than once"),
        ([["A", "B"], ["B"]], "'B' is in both sets"),
        (["A"], "one string"),
        ([None], "both sets are empty"),
        ([[], []], "both sets are empty"),
    ],
)
def test_sets_that_contradict_themselves_are_refused(sets, message):
    with pytest.raises(InvalidPanelError, match=message):
        one({"A": 1, "B": 2, "C": 3}, *sets)


def test_a_down_set_of_unknown_direction_is_refused():
    with pytest.raises(InvalidPanelError, match="known_direction=False"):
        one({"A": 1, "B": 2, "C": 3}, ["A"], ["B"], known_direction=False)


def test_an_unknown_alternative_is_refused():
    with pytest.raises(MirriskError, match="'two-sided', 'greater' or 'less'"):
        one({"A": 1, "B": 2, "C": 3}, ["A"], alternative="both")


# -- Tables that cannot be ranked ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("high", "'high' is no number"), (np.inf, "infinite value"), (-np.inf, "infinite value")],
)
def test_a_cell_that_is_no_finite_number_is_named_by_sample_and_feature(cell, shown):
    X = pd.DataFrame({"A": [1.0, 2.0], "B": [3.0, 4.0]}, index=["x", "y"]).astype(object)
    X.loc["y", "B"] = cell
    with pytest.raises(MirriskError, match=rf"'y', (column|feature) 'B': .*{shown}"):
        rank_scores(X, ["A"])


def test_repeated_features_and_samples_are_refused():
    with pytest.raises(InvalidExpressionError, match="feature names occur more than once: 'A'"):
        rank_scores(pd.DataFrame([[1, 2, 3]], columns=["A", "A", "B"]), ["B"])
    with pytest.raises(InvalidExpressionError, match="sample names occur more than once: 'x'"):
        rank_scores(pd.DataFrame({"A": [1, 2], "B": [2, 1]}, index=["x", "x"]), ["B"])


@pytest.mark.parametrize(
    ("X", "names", "message"),
    [
        (np.ones(3), ["A", "B", "C"], r"cannot take ndarray of shape \(3,\)"),
        (np.ones((2, 3)), None, "no feature_names for an array of 3 columns"),
        (np.ones((2, 3)), ["A", "B"], "2 names for an array of 3 columns"),
        (pd.DataFrame({"A": [1]}), ["A"], "names of its own"),
    ],
)
def test_an_array_needs_one_name_per_column_and_a_table_none(X, names, message):
    with pytest.raises(InvalidTableError, match=message):
        rank_scores(X, ["A"], feature_names=names)


def test_an_expression_in_cycles_is_turned():
    cycles = pd.DataFrame(
        {"hsa-miR-21-5p": [20.0], "hsa-miR-16-5p": [25.0], "hsa-miR-34a-5p": [30.0]}, index=["s"]
    )
    turned = rank_scores(as_expression(cycles, unit="delta_ct"), ["hsa-miR-21-5p"])
    assert turned["score"].item() == rank_scores(-cycles, ["hsa-miR-21-5p"])["score"].item() == 0.5


def test_scoring_does_not_import_scipy_stats():
    program = (
        "import sys, pandas as pd; from mirrisk.singscore import rank_scores; "
        "rank_scores(pd.Series({'A': 1.0, 'B': 2.0}), ['A']); "
        "sys.exit('scipy.stats' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
