"""Depth: the range of library sizes is told, and samples with too few reads are named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cohorts import counts_like, strangers

import mirrisk
from mirrisk.errors import InvalidExpressionError, MirriskWarning
from mirrisk.tables import as_expression
from mirrisk.tables.depth import Shallow, depth_notes, depth_warning


def libraries(*reads: float) -> mirrisk.Expression:
    """Samples A, B, ... of 100 miRNAs with so many reads in all."""
    table = pd.DataFrame(
        np.outer(reads, np.full(100, 0.01)),
        columns=strangers(100),
        index=[chr(ord("A") + i) for i in range(len(reads))],
    )
    return as_expression(table, unit="counts")


def test_smallest_median_and_largest_library_are_told():
    notes = depth_notes(libraries(200_000, 3_000_000, 700_000))
    assert notes == ("miRNA reads per sample: 200,000 to 3,000,000, median 700,000",)


def test_one_sample_has_one_library():
    assert depth_notes(libraries(200_000)) == ("miRNA reads of the sample: 200,000",)


def test_samples_with_fewer_than_100000_reads_are_named():
    shallow = libraries(99_900, 100_000, 50_000)
    assert depth_notes(shallow) == (
        "miRNA reads per sample: 50,000 to 100,000, median 99,900; fewer than 100,000 in 2: A, C",
    )
    assert depth_warning(shallow) == (
        "2 samples (A, C) hold fewer than 100,000 miRNA reads. This alone keeps no sample from "
        "being scored, but miRNAs that so few reads cannot show are set aside (below_detection), "
        "which lowers coverage"
    )


def test_sample_without_a_read_is_not_said_to_be_scored():
    assert depth_warning(libraries(0, 200_000)) == ""
    assert depth_warning(libraries(0, 200)).startswith("sample B holds fewer than 100,000")


def test_sample_without_a_read_is_empty_and_no_shallow_one_in_the_note_either():
    assert depth_notes(libraries(0, 200, 200_000)) == (
        "miRNA reads per sample: 0 to 200,000, median 200; fewer than 100,000 in 1: B",
    )
    assert depth_notes(libraries(0)) == ("miRNA reads of the sample: 0",)


def test_bar_is_the_users():
    found = libraries(99_900, 2_000_000)
    assert depth_warning(found, 50_000) == ""
    assert depth_warning(found, 5_000_000).startswith("2 samples (A, B) hold fewer than 5,000,000")
    with pytest.raises(InvalidExpressionError, match="min_reads is -1"):
        depth_warning(found, -1)


def test_of_many_shallow_samples_ten_are_named():
    assert depth_notes(libraries(*[1000.0] * 12))[0].endswith(
        "A, B, C, D, E, F, G, H, I, J and 2 more"
    )


def test_of_parts_the_names_that_are_shown_are_kept_and_the_rest_counted():
    names = [f"s{i}" for i in range(25)]
    reads = np.full(25, 1000.0)
    found = Shallow.of(names[:4], reads[:4], 2000)
    for start in range(4, 25, 7):
        rows = slice(start, start + 7)
        found = found.plus(Shallow.of(names[rows], reads[rows], 2000))
    assert (found.count, found.names) == (25, tuple(names[:10]))
    assert str(found).endswith("s8, s9 and 15 more")


def test_table_that_does_not_tell_its_reads_says_nothing():
    table = pd.DataFrame(np.full((2, 100), 10_000.0), columns=strangers(100))
    assert depth_notes(as_expression(table, unit="cpm")) == ()
    known = as_expression(table, unit="cpm", library_size=[50_000.0, 2e6])
    assert depth_warning(known).startswith("sample 0 holds fewer than 100,000 miRNA reads")


def test_shallow_sample_is_scored_with_a_warning_and_less_coverage():
    table = counts_like("tcga-prad", 2, seed=1)
    thin = table.copy()
    thin.iloc[1] = np.random.default_rng(2).binomial(table.iloc[1].to_numpy(), 50_000 / 4e6)
    arguments = {"panel": "prostate", "reference": "tcga-prad", "unit": "counts"}
    deep = mirrisk.score(table, **arguments).scores
    with pytest.warns(MirriskWarning, match="sample s1 holds fewer than 100,000 miRNA reads"):
        found = mirrisk.score(thin, **arguments)
    assert found.scores["coverage"][1] < deep["coverage"][1]
    assert (found.contributions.query("sample == 's1'")["status"] == "below_detection").any()
    assert any("fewer than 100,000 in 1: s1" in note for note in found.notes)


def test_bar_of_zero_warns_of_nothing(recwarn):
    thin = (counts_like("tcga-prad", 2, seed=1) // 100).astype(int)
    mirrisk.score(thin, panel="prostate", reference="tcga-prad", unit="counts", min_reads=0)
    assert not recwarn.list
