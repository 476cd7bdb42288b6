"""Depth, composition, scale, distance and tissue of a sample, as a reference sees them."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from cohorts import counts_like

from mirrisk.catalog import load_panels
from mirrisk.errors import MirriskWarning
from mirrisk.reference import Reference
from mirrisk.reference.fitness import (
    Composition,
    Contrast,
    Profile,
    below_detection,
    counting_noise,
    distance_threshold,
    fit_profile,
    out_of_fold_distances,
)
from mirrisk.tables import as_expression


def names(count: int) -> tuple[str, ...]:
    return tuple(f"hsa-mir-{9000 + i}" for i in range(count))


def profile(median, mean=None, sd=None, *, sequencing: bool = True) -> Profile:
    median = np.asarray(median, dtype=float)
    mean = median if mean is None else np.asarray(mean, dtype=float)
    sd = np.ones(len(median)) if sd is None else np.asarray(sd, dtype=float)
    return Profile(names(len(median)), median, mean, sd, sequencing)


def log_cpm(counts: np.ndarray) -> np.ndarray:
    return np.log2(counts / counts.sum(axis=1, keepdims=True) * 1e6 + 1)


def counts_about(logs: np.ndarray, reads: np.ndarray, seed: int) -> np.ndarray:
    """Reads of libraries whose miRNAs lie about some log2 CPM."""
    rng = np.random.default_rng(seed)
    cpm = np.exp2(logs + 0.5 * rng.normal(size=(len(reads), len(logs))))
    return rng.poisson(cpm / cpm.sum(axis=1, keepdims=True) * reads[:, None]).astype(float)


# -- detection ----------------------------------------------------------------------------------


def test_fewer_than_ten_expected_reads_are_below_detection():
    # log2(15 + 1) = 4: at 666,667 reads 15 CPM are 10.000005 reads, at 666,666 they are 9.99999.
    found = below_detection(np.array([4.0, 5.0]), np.array([666_667.0, 666_666.0, 100_000.0]))
    # log2(31 + 1) = 5: 31 CPM of 100,000 reads are 3.1.
    np.testing.assert_array_equal(found, [[False, False], [True, False], [True, True]])


# -- composition --------------------------------------------------------------------------------


def test_shift_is_the_size_factor_of_deseq2_with_frozen_geometric_means():
    # estimateSizeFactorsForMatrix(counts, geoMeans=): exp(median(log(counts) - log(geoMeans)))
    # over what was counted. High counts, so that the 1 added to CPM hardly matters.
    rng = np.random.default_rng(0)
    geometric_means = rng.uniform(1e3, 1e5, size=151)
    counts = rng.poisson(geometric_means * np.exp(0.4 * rng.normal(size=(6, 151)))).astype(float)
    counts[:, 0] *= [1, 5, 50, 200, 1, 1]  # one miRNA takes over the library
    totals = counts.sum(axis=1)
    size_factors = np.exp(np.median(np.log(counts) - np.log(geometric_means), axis=1))
    scale = geometric_means.sum() / 1e6  # the reference in CPM
    frozen = profile(np.log2(geometric_means / scale + 1))
    shift = frozen.composition(log_cpm(counts), totals).shift
    np.testing.assert_allclose(2**shift * totals / 1e6, size_factors * scale, rtol=2e-3)


def test_shift_is_found_in_two_passes():
    # All at log2 = 4 (15 CPM) in the reference and 5 (31 CPM) in the sample: the first pass
    # finds 1, which leaves 15.5 CPM; the second finds log2(16.5) - 4.
    found = profile(np.full(100, 4.0)).composition(np.full((1, 100), 5.0), np.array([1e7]))
    assert found.shift[0] == pytest.approx(1 + math.log2(16.5) - 4, abs=1e-12)


def test_correction_divides_cpm_and_leaves_zero_negative_and_missing_alone():
    logs = np.array([[5.0, 0.0, -1.5, np.nan, math.log2(1.2)]])
    corrected = Composition(np.array([3.0]), np.ones((1, 5), dtype=bool)).correct(logs)
    # 31 CPM / 8 and 0.2 CPM / 8; shifting the logarithm would give -2.7 for the latter.
    expected = [math.log2(31 / 8 + 1), 0.0, -1.5, np.nan, math.log2(0.2 / 8 + 1)]
    np.testing.assert_allclose(corrected[0], expected, atol=1e-14)


@pytest.mark.parametrize(("measured", "shift"), [(99, 0.0), (100, 1.0)])
def test_composition_needs_100_measured_mirnas(measured, shift):
    logs = np.full((1, 120), 11.0)
    logs[0, measured:] = np.nan
    found = profile(np.full(120, 10.0)).composition(logs, np.array([1e7]))
    assert found.shift[0] == pytest.approx(shift, abs=0.001)


@pytest.mark.parametrize(("deep_enough", "shift"), [(29, 0.0), (30, 1.0)])
def test_composition_needs_30_mirnas_that_the_library_can_show(deep_enough, shift):
    median = np.full(120, 4.0)
    median[:deep_enough] = 10.0
    # 100,000 reads: 15 CPM are 1.5 reads, 1023 CPM are 102. The others would say a shift of 5.
    logs = np.where(median == 10, 11.0, 9.0)[None]
    found = profile(median).composition(logs, np.array([1e5]))
    assert found.shift[0] == pytest.approx(shift, abs=0.001)
    np.testing.assert_array_equal(found.seen[0], median == 10)


def test_libraries_of_unknown_size_show_all_that_was_measured():
    logs = np.full((1, 120), 5.0)
    logs[0, 3] = np.nan
    found = profile(np.full(120, 4.0)).composition(logs, None)
    np.testing.assert_array_equal(found.seen, ~np.isnan(logs))
    assert found.shift[0] > 0.9


def test_composition_is_a_matter_of_sequencing_alone():
    logs = np.full((1, 120), 11.0)
    found = profile(np.full(120, 10.0), sequencing=False).composition(logs, np.array([10.0]))
    assert found.shift[0] == 0.0
    assert found.seen.all()
    np.testing.assert_array_equal(found.correct(logs), logs)


def test_sample_that_needs_no_correction_keeps_its_bits_in_any_company():
    rng = np.random.default_rng(0)
    logs = rng.uniform(0.1, 16, size=(2, 500))
    seen = np.ones((2, 500), dtype=bool)
    together = Composition(np.array([0.0, 0.7]), seen).correct(logs)
    alone = Composition(np.array([0.0]), seen[:1]).correct(logs[:1])
    np.testing.assert_array_equal(together[0], alone[0])


# -- the profile --------------------------------------------------------------------------------


def test_profile_of_sequencing_holds_mirnas_of_ten_cpm_measured_in_nine_tenths():
    logs = np.tile([math.log2(10.1 + 1), math.log2(9.9 + 1), 8.0, 8.0, 0.0], (20, 1))
    logs[:2, 2] = np.nan
    logs[:3, 3] = np.nan
    found = fit_profile(names(5), logs, None, sequencing=True).profile
    assert found.keys == ("hsa-mir-9000", "hsa-mir-9002")
    np.testing.assert_allclose(found.median, [math.log2(11.1), 8.0])


def test_profile_of_an_array_holds_the_150_highest_medians_in_the_tables_order():
    centre = np.random.default_rng(0).permutation(400).astype(float)
    logs = centre + np.zeros((10, 1))
    found = fit_profile(names(400), logs, None, sequencing=False).profile
    expected = [name for name, value in zip(names(400), centre, strict=True) if value >= 250]
    assert found.keys == tuple(expected)


def test_profile_of_reads_holds_the_panels_mirnas_and_the_commonest_of_the_others():
    # Medians of 3.46 (10 CPM) and more are expressed: 204 of 210. Ten rare ones are read anyway.
    centre = np.concatenate([np.full(6, 3.0), np.linspace(3.5, 12, 204)])
    logs = centre + np.zeros((10, 1))
    read = {*names(210)[:3], *names(210)[6:16]}  # three of them not expressed
    found = fit_profile(names(210), logs, None, sequencing=True, first=read).profile
    assert found.keys == (*names(210)[6:16], *names(210)[70:])


def test_profile_mean_and_sd_are_those_of_corrected_samples_that_could_show_a_mirna():
    centre = np.concatenate([np.full(110, 12.0), np.full(20, 5.0)])
    reads = np.array([4e6] * 12 + [1e5] * 6)  # 31 CPM: 124 reads, or 3
    counts = counts_about(centre, reads, seed=1)
    logs = log_cpm(counts)
    found = fit_profile(names(130), logs, counts.sum(axis=1), sequencing=True).profile
    shift = found.composition(logs, counts.sum(axis=1)).shift
    for j in (0, 64, 115, 129):
        samples = range(18) if j < 110 else range(12)
        values = [math.log2((2 ** logs[i, j] - 1) / 2 ** shift[i] + 1) for i in samples]
        average = sum(values) / len(values)
        assert found.mean[j] == pytest.approx(average, abs=1e-9)
        spread = math.sqrt(sum((v - average) ** 2 for v in values) / (len(values) - 1))
        assert found.sd[j] == pytest.approx(spread, abs=1e-9)


def test_spread_of_a_constant_mirna_is_a_tenth():
    found = fit_profile(
        names(3), np.tile([8.0, 9.0, 10.0], (20, 1)), None, sequencing=False
    ).profile
    np.testing.assert_allclose(found.sd, [0.1, 0.1, 0.1])


@pytest.mark.parametrize("deep", [0, 1])
def test_mirna_too_rare_for_nearly_all_libraries_keeps_its_mean(deep):
    # Medians of 31 CPM are 3 reads of 100,000: only the deep libraries can show them.
    centre = np.concatenate([np.full(110, 12.0), np.full(20, 5.0)])
    reads = np.array([4e6] * deep + [1e5] * (20 - deep))
    counts = counts_about(centre, reads, seed=2)
    found = fit_profile(names(130), log_cpm(counts), counts.sum(axis=1), sequencing=True).profile
    rare = [int(name[-4:]) - 9000 >= 110 for name in found.keys]
    assert sum(rare) > 5
    # About its median: not 0, and not half of what the only deep library shows.
    np.testing.assert_allclose(found.mean[rare], found.median[rare], atol=1.5)


# -- distance and slope -------------------------------------------------------------------------


def test_distance_is_the_mean_squared_z_score_over_what_is_seen():
    rng = np.random.default_rng(0)
    mean, sd = rng.uniform(4, 12, 60), rng.uniform(0.5, 2, 60)
    logs = mean + rng.normal(size=(3, 60))
    seen = rng.random((3, 60)) < 0.95
    logs[1, 5] = np.nan
    seen[1, 5] = False
    found = profile(mean, mean, sd).distance(logs, seen)
    for i in range(3):
        squares = [((logs[i, j] - mean[j]) / sd[j]) ** 2 for j in range(60) if seen[i, j]]
        assert found[i] == pytest.approx(sum(squares) / len(squares), rel=1e-12)


def test_distance_and_slope_need_50_mirnas():
    logs = np.tile(np.linspace(4, 12, 60), (2, 1))
    seen = np.ones((2, 60), dtype=bool)
    seen[0, 50:] = False  # 50 left
    seen[1, 49:] = False  # 49 left
    mine = profile(np.linspace(4, 12, 60))
    np.testing.assert_array_equal(np.isnan(mine.distance(logs, seen)), [False, True])
    np.testing.assert_array_equal(np.isnan(mine.slope(logs, seen)), [False, True])


def test_slope_is_that_of_a_weighted_regression_in_r():
    text = (Path(__file__).parent / "reference" / "quantiles.txt").read_text(encoding="utf-8")
    r = {line.split("\t")[0]: line.split("\t")[1:] for line in text.splitlines()}
    mean, sd, y = (np.array(r[name], dtype=float) for name in ("mean", "sd", "y"))
    found = profile(mean, mean, sd).slope(y[None], np.ones((1, 60), dtype=bool))
    assert found[0] == pytest.approx(float(r["slope"][0]), rel=1e-12)


def test_slope_of_natural_logarithms_is_ln_2_whatever_the_composition():
    mean = np.linspace(4, 12, 60)
    logs = np.stack([mean * math.log(2), mean * math.log10(2) + 3.0, mean - 2.0])
    logs[:, 7] = np.nan
    found = profile(mean, mean, np.linspace(1, 2, 60)).slope(logs, ~np.isnan(logs))
    np.testing.assert_allclose(found, [math.log(2), math.log10(2), 1.0], rtol=1e-12)


def test_slope_on_a_flat_profile_is_zero():
    flat = profile(np.full(60, 8.0))
    found = flat.slope(np.linspace(4, 12, 60)[None], np.ones((1, 60), dtype=bool))
    assert found[0] == pytest.approx(0.0, abs=1e-12)


# -- the limit ----------------------------------------------------------------------------------


def test_out_of_fold_distance_of_a_sample_owes_nothing_to_it():
    rng = np.random.default_rng(4)
    logs = rng.normal(8, 1, size=(30, 60))
    folds = np.random.default_rng(0).permutation(30) % 5
    samples = [f"s{i:02}" for i in range(30)]
    found = out_of_fold_distances(names(60), logs, None, samples, sequencing=False)
    turned = out_of_fold_distances(names(60), logs[::-1], None, samples[::-1], sequencing=False)
    np.testing.assert_allclose(turned, found[::-1], rtol=1e-12)
    for i in range(30):
        others = logs[folds != folds[i]]
        mean = others.sum(axis=0) / len(others)
        variance = ((others - mean) ** 2).sum(axis=0) / (len(others) - 1)
        assert found[i] == pytest.approx(((logs[i] - mean) ** 2 / variance).mean(), rel=1e-12)


def test_two_samples_have_no_out_of_fold_distance():
    found = out_of_fold_distances(names(60), np.zeros((2, 60)), None, ["a", "b"], sequencing=False)
    assert np.isnan(found).all()


def test_limit_of_a_large_cohort_is_its_99th_percentile():
    # 201 values 0, 1, ..., 200: the 99th percentile is 198.
    values = np.random.default_rng(0).permutation(201).astype(float)
    assert distance_threshold(np.concatenate([values, [np.nan]])) == pytest.approx(198.0)


def test_limit_of_a_small_cohort_is_its_largest_value_or_three_mad_above_the_median():
    wide = np.exp(np.array([0.0, 1, 2, 3, 4]))  # median 2, MAD 1.4826: 2 + 4.4478 > 4
    assert distance_threshold(wide) == pytest.approx(math.exp(6.4478))
    outlier = np.exp(np.array([0.0, 1, 2, 3, 9]))
    assert distance_threshold(outlier) == pytest.approx(math.exp(9))


def test_without_distances_nothing_is_refused():
    assert distance_threshold(np.full(30, np.nan)) == math.inf


# -- the tissue ---------------------------------------------------------------------------------


def test_margin_is_the_own_correlation_less_the_best_other_over_what_was_measured():
    rng = np.random.default_rng(0)
    centre, scale = rng.uniform(4, 12, 80), rng.uniform(0.5, 2, 80)
    profiles = centre + rng.normal(size=(3, 80))
    logs = profiles[[0, 1, 2]] + 0.5 * rng.normal(size=(3, 80))
    logs[0, :10] = np.nan
    contrast = Contrast(("own", "a", "b"), names(80), centre, scale, profiles, 0.0)
    margin, nearest = contrast.margin(logs)
    for i in range(3):
        seen = ~np.isnan(logs[i])
        z, p = (((x - centre) / scale)[..., seen] for x in (logs[i], profiles))
        own, a, b = (np.corrcoef(z, row)[0, 1] for row in p)
        assert margin[i] == pytest.approx(own - max(a, b), abs=1e-12)
        assert nearest[i] == ("a" if a > b else "b")
    assert nearest[1:] == ["a", "b"]
    np.testing.assert_array_equal(margin < 0, [False, True, True])


def test_tissue_is_not_judged_on_fewer_than_50_mirnas():
    logs = np.random.default_rng(1).normal(size=(2, 80))
    logs[0, 50:] = np.nan
    logs[1, 49:] = np.nan
    profiles = np.random.default_rng(2).normal(size=(2, 80))
    contrast = Contrast(("own", "a"), names(80), np.zeros(80), np.ones(80), profiles, 0.0)
    np.testing.assert_array_equal(np.isnan(contrast.margin(logs)[0]), [False, True])


def test_deep_samples_fit_a_reference_of_shallow_libraries():
    shallow = counts_like("tcga-prad", 60, seed=1, reads=4e5)
    deep = counts_like("tcga-prad", 20, seed=2, reads=5e6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        reference = Reference.fit(
            shallow, unit="counts", name="shallow", panels=load_panels("prostate")
        )
    assert reference.measure(as_expression(deep, unit="counts")).unfit == ("",) * 20


def test_counting_noise_is_that_of_poisson_reads():
    rng = np.random.default_rng(0)
    reads, cpm = 1e6, np.array([20.0, 300.0])
    drawn = np.log2(rng.poisson(cpm * reads / 1e6, size=(200_000, 2)) / reads * 1e6 + 1)
    found = counting_noise(np.log2(cpm + 1)[None, :], np.array([reads]))
    # One read is added to the variance, and the logarithm is bent: within a tenth at 20 reads.
    np.testing.assert_allclose(found[0], drawn.var(axis=0), rtol=0.1)
