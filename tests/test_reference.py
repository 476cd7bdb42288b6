"""A reference: fitted, kept, refused; samples measured against it; the same bits in any company."""

from __future__ import annotations

import hashlib
import json
import math
import re
import warnings
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from cohorts import LIVER, counts_like, log2_table, member, panel, quantile_variance, strangers

import mirrisk
from mirrisk.catalog import load_panel, load_panels
from mirrisk.errors import (
    InvalidReferenceError,
    MirriskError,
    MirriskWarning,
    MismatchError,
    NotFoundError,
)
from mirrisk.reference import Reference, shipped_references
from mirrisk.reference.file import privacy_note
from mirrisk.reference.fitness import Contrast
from mirrisk.tables import as_expression

NORMAL = NormalDist()
LIVER_PANEL = load_panel("liver")
MARKER = panel(member("miR-34a", "hsa-miR-34a-5p", risk_when="low"), cancer="liver")


def fit(table, *, unit="log2", panels=(LIVER_PANEL,), **options) -> Reference:
    """Fit a reference, however small."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MirriskWarning)
        return Reference.fit(table, unit=unit, name="mine", panels=panels, **options)


def scores(table, reference, *, of=LIVER_PANEL, unit="log2", **options) -> pd.DataFrame:
    return mirrisk.score(table, panel=of, reference=reference, unit=unit, **options).scores


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return log2_table(120, seed=1)


@pytest.fixture(scope="module")
def reference(table) -> Reference:
    return fit(table, cancer="liver", protocol="an invented array")


def written(path, content) -> str:
    """Write a reference's content under a digest of our own making."""
    content = {k: v for k, v in content.items() if k != "digest"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    path.write_text(json.dumps({"digest": digest, **content}), encoding="utf-8")
    return digest


# -- what is learned ----------------------------------------------------------------------------


def test_reference_says_what_it_was_fitted_on(reference, table):
    assert (reference.name, reference.n, reference.unit) == ("mine", 120, "log2")
    assert (reference.level, reference.specimen, reference.cancer) == ("mature", "tissue", "liver")
    assert reference.protocol == "an invented array"
    assert reference.keys == reference.requested == tuple(sorted(LIVER))
    assert reference.panels == {"liver": LIVER_PANEL.digest}
    assert reference.median_reads is None
    assert reference.scale_limits == (0.8, 1.25)
    assert len(reference.profile.keys) == len(table.columns)


def test_grid_of_an_array_is_the_quantiles_of_its_column(reference, table):
    for key, grid in zip(reference.keys, reference.grids, strict=True):
        levels = [np.percentile(table[key], k) for k in range(101)]
        np.testing.assert_allclose(grid, levels, atol=5.1e-5)


def test_single_marker_score_is_the_standardised_normal_score(table):
    mine = fit(table, panels=[MARKER])
    x = float(table["hsa-miR-34a-5p"].median()) + 0.4
    sample = table.iloc[[0]].assign(**{"hsa-miR-34a-5p": x})
    share = np.interp(x, np.percentile(table["hsa-miR-34a-5p"], range(101)), np.arange(101) / 100)
    z = NORMAL.inv_cdf(share)
    expected = -(z - mine.mean[0]) / math.sqrt(mine.covariance[0, 0])
    found = scores(sample, mine, of=MARKER)
    assert found["score"][0] == pytest.approx(expected, abs=0.02)
    assert found["percentile"][0] == pytest.approx(NORMAL.cdf(found["score"][0]))


def test_mean_and_covariance_are_those_of_the_cohorts_own_normal_scores(reference, table):
    z = reference.normal_scores(table[list(reference.keys)].to_numpy(), range(len(LIVER)))
    np.testing.assert_allclose(reference.mean, z.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(np.diag(reference.covariance), z.var(axis=0), rtol=0.05)


def test_score_grid_is_the_quantiles_of_the_cohorts_own_scores(reference, table):
    own = mirrisk.score(table, panel=LIVER_PANEL, reference=reference, unit="log2")
    own = own.results[0].kernel.score  # also of samples that are refused afterwards
    np.testing.assert_allclose(
        reference.score_grids["liver"], np.percentile(own, range(101)), atol=2e-3
    )


def test_shares_beyond_the_cutoffs_are_those_of_the_cohorts_own_scores(reference, table):
    own = mirrisk.score(table, panel=LIVER_PANEL, reference=reference, unit="log2")
    own = own.results[0].kernel.score
    low, high = reference.beyond_cutoffs("liver")
    assert low == pytest.approx((own < -1.2816).mean(), abs=0.01)
    assert high == pytest.approx((own > 1.2816).mean(), abs=0.01)
    assert np.isnan(reference.beyond_cutoffs("lung")).all()


def test_own_scores_that_are_far_from_normal_are_told_with_every_result():
    rng = np.random.default_rng(5)
    table = log2_table(200, 5)
    name = "hsa-miR-34a-5p"
    table[name] = np.where(rng.random(200) < 0.7, 0.0, 8 + rng.normal(size=200))  # seldom seen
    toy = panel(member("miR-34a", name, risk_when="high"), cancer="liver")
    mine = fit(table, panels=[toy])
    found = mirrisk.score(table, panel=toy, reference=mine, unit="log2")
    own = found.results[0].kernel.score
    said = [note for note in found.notes if "not normally distributed" in note]
    assert len(said) == 1
    assert f"{(own > 1.2816).mean():.0%} score above" in said[0]
    assert f"{(own < -1.2816).mean():.0%} below" in said[0]


def test_own_scores_that_are_nearly_normal_are_not_worth_a_note(reference, table):
    found = mirrisk.score(table, panel=LIVER_PANEL, reference=reference, unit="log2")
    assert not [note for note in found.notes if "not normally distributed" in note]


def test_median_library_and_expressed_mirnas_are_learned_from_counts():
    counts = counts_like("tcga-lihc", 40, seed=2)
    mine = fit(counts, unit="counts")
    assert mine.median_reads == pytest.approx(counts.sum(axis=1).median())
    assert mine.level == "stem-loop"
    expected = [k for k in counts if (counts[k] / counts.sum(axis=1) * 1e6).median() >= 10]
    assert set(mine.profile.keys) == set(expected)


def test_mirna_measured_in_fewer_than_ten_samples_is_not_in_the_reference(table):
    gaps = table.copy()
    gaps.iloc[9:, gaps.columns.get_loc("hsa-miR-34a-5p")] = np.nan
    gaps.iloc[10:, gaps.columns.get_loc("hsa-miR-16-5p")] = np.nan
    mine = fit(gaps)
    assert set(mine.requested) - set(mine.keys) == {"hsa-miR-34a-5p"}
    assert mine.measured[mine.position["hsa-miR-16-5p"]] == 10
    rows = mirrisk.score(table, panel=LIVER_PANEL, reference=mine, unit="log2").contributions
    absent = rows[rows["mirna"] == "hsa-miR-34a-5p"]
    assert set(zip(absent["status"], absent["reason"], strict=True)) == {
        ("missing", "not_in_reference")
    }
    assert scores(table, mine)["coverage"].tolist() == pytest.approx([5 / 6] * 120)


def test_cohort_that_cannot_serve_a_panel_is_a_reference_for_the_others(table):
    mine = fit(table, panels=load_panels(["liver", "thyroid"]))
    assert list(mine.score_grids) == ["liver"]
    with pytest.raises(MismatchError, match="holds no member of panel 'thyroid'"):
        scores(table, mine, of="thyroid")


# -- sizes --------------------------------------------------------------------------------------


def test_fewer_than_20_samples_are_refused(table):
    with pytest.raises(InvalidReferenceError, match="n_samples = 19: too few") as e:
        Reference.fit(table.head(19), unit="log2", name="x", panels=[LIVER_PANEL])
    assert e.value.expected == "at least 20 samples, better 50 or more"
    assert "--accept-small (in Python: accept_small=True)" in e.value.remedy


@pytest.mark.parametrize("n", [20, 49])
def test_fewer_than_50_samples_are_warned_of(table, n):
    with pytest.warns(MirriskWarning, match=f"a reference of {n} samples is imprecise"):
        mine = Reference.fit(table.head(n), unit="log2", name="x", panels=[LIVER_PANEL])
    assert mine.n == n


def test_50_samples_are_not_warned_of(table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mine = Reference.fit(table.head(50), unit="log2", name="x", panels=[LIVER_PANEL])
    assert mine.n == 50


def test_small_cohorts_are_accepted_on_demand_and_single_samples_never(table):
    assert fit(table.head(2), accept_small=True).n == 2
    with pytest.raises(InvalidReferenceError, match="1 sample has no distribution"):
        fit(table.head(1), accept_small=True)


def test_flags_of_a_small_reference_are_less_certain(table):
    small, large = fit(table.head(20)), fit(table)
    low_high = scores(table, small)[["score_low", "score_high"]].to_numpy()
    # Nothing is missing: half the width is 1.2816 standard errors.
    middle = low_high.mean(axis=1)
    inside = np.abs(middle) < 3
    expected = [NORMAL.inv_cdf(0.9) * np.sqrt(quantile_variance(s, 20)) for s in middle[inside]]
    np.testing.assert_allclose(np.diff(low_high)[inside, 0] / 2, expected, rtol=1e-9)
    uncertain = [(scores(table, r)["flag"] == "indeterminate").sum() for r in (small, large)]
    assert uncertain[0] > uncertain[1]


# -- keeping ------------------------------------------------------------------------------------


def test_saved_reference_scores_bit_for_bit_as_the_fitted_one(reference, table, tmp_path):
    reference.save(tmp_path / "mine.json")
    again = Reference.load(tmp_path / "mine.json")
    pd.testing.assert_frame_equal(scores(table, again), scores(table, reference), check_exact=True)
    assert again.digest == reference.digest
    again.save(tmp_path / "twice.json")
    assert (tmp_path / "twice.json").read_bytes() == (tmp_path / "mine.json").read_bytes()


def test_saved_ct_and_count_references_come_back_whole(tmp_path):
    ct = 40 - log2_table(120, seed=3)
    counts = counts_like("tcga-lihc", 110, seed=4)
    for made in (fit(ct, unit="ct"), fit(counts, unit="counts", cancer="liver")):
        made.save(tmp_path / "r.json")
        assert Reference.load(tmp_path / "r.json").to_dict() == made.to_dict()


def test_digest_is_the_sha256_of_the_content_in_canonical_json(reference, tmp_path):
    assert written(tmp_path / "x.json", reference.to_dict()) == reference.digest


def test_changed_byte_is_refused(reference, tmp_path):
    path = tmp_path / "mine.json"
    reference.save(path)
    text = path.read_text(encoding="utf-8")
    number = re.search(r'"grids":\[\[\d+\.(\d)', text)
    other = str((int(number[1]) + 1) % 10)
    path.write_text(text[: number.start(1)] + other + text[number.end(1) :], encoding="utf-8")
    with pytest.raises(InvalidReferenceError, match="its digest does not match") as e:
        Reference.load(path)
    assert e.value.where == str(path)
    assert e.value.remedy == "fetch or fit the reference again"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"sample,hsa-mir-21\n", "not JSON"),
        (b'{"format": 1', "not JSON"),
        ("{}".encode("utf-16"), "not JSON"),
        (b"[1, 2]", "not a reference"),
        (b"{}", "format is None"),
        (b'{"format": 2}', "format is 2"),
    ],
)
def test_file_that_is_no_reference_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(InvalidReferenceError, match=message) as e:
        Reference.load(path)
    assert e.value.where == str(path)


NEEDED = (
    "name n unit level specimen cancer protocol median_reads requested keys measured grids sd mean "
    "covariance profile distance_limit scale_limits normalisers contrast score_grids samples"
)


@pytest.mark.parametrize("key", NEEDED.split())
def test_file_without_one_of_its_keys_is_refused(tmp_path, reference, key):
    content = {k: v for k, v in reference.to_dict().items() if k != key}
    written(tmp_path / "x.json", content)
    with pytest.raises(InvalidReferenceError, match=f"not a reference: .*'{key}'"):
        Reference.load(tmp_path / "x.json")


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "tpm"},
        {"level": "gene"},
        {"specimen": "plasma"},
        {"profile": None},
        {"keys": ["hsa-miR-34a-5p"]},
        {"sd": [1.0]},
        {"another key": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_file_whose_content_does_not_hold_together_is_refused(tmp_path, reference, change):
    written(tmp_path / "x.json", reference.to_dict() | change)
    with pytest.raises(InvalidReferenceError, match="not a reference"):
        Reference.load(tmp_path / "x.json")


def first(name: str, value: object):
    """Return a change of the first number of a list."""
    return lambda content: content[name].__setitem__(0, value)


DEFECTS = {
    "n in words": (lambda c: c.update(n="many"), "n is 'many'"),
    "n of none": (lambda c: c.update(n=0), "n is 0"),
    "n of a half": (lambda c: c.update(n=100.5), "n is 100.5"),
    "a name that is a number": (lambda c: c.update(name=1), "name is 1, no text"),
    "nothing measured": (first("measured", 0), "measured holds what is not finite, or below 1"),
    "a negative deviation": (first("sd", -1.0), "sd holds what is not finite, or below 0"),
    "a deviation in words": (first("sd", "1.0"), "sd: not "),
    "an unknown mean": (first("mean", None), "mean: not "),
    "a descending grid": (lambda c: c["grids"][0].reverse(), "grids falls"),
    "n beyond any cohort": (lambda c: c.update(n=10**400), "no number of samples"),
    "measured in more than all": (first("measured", 1e6), "measured in more samples than there"),
    "a short grid": (lambda c: c["grids"][0].pop(), "grids: not 6 x 101 numbers"),
    "a negative variance": (first("covariance", [-1.0]), "a variance that is not above 0"),
    "no variance": (first("covariance", [0.0]), "a variance that is not above 0"),
    "a covariance that is none": (
        lambda c: c["covariance"].__setitem__(1, [-5.0, 1.0]),
        "a combination has a negative variance",
    ),
    "a square covariance": (first("covariance", [1.0, 1.0]), "covariance does not fit its keys"),
    "a short profile": (lambda c: c["profile"]["sd"].pop(), "sd: not "),
    "a profile without spread": (lambda c: c["profile"]["sd"].__setitem__(0, 0.0), "sd of the"),
    "a key twice": (lambda c: c["keys"].__setitem__(0, c["keys"][1]), "keys name something twice"),
    "keys in one text": (lambda c: c.update(keys="hsa-miR-21-5p"), "keys is no list"),
    "one limit": (lambda c: c.update(scale_limits=[1]), "scale_limits: not 2 numbers"),
    "limits that cross": (lambda c: c.update(scale_limits=[2.0, 1.0]), "scale_limits falls"),
    "a negative limit": (lambda c: c.update(distance_limit=-1.0), "distance_limit holds"),
    "reads in words": (lambda c: c.update(median_reads="many"), "median_reads: not a number"),
    "panels in a list": (lambda c: c.update(panels=[1]), "panels is no object"),
    "a panel without a digest": (lambda c: c["panels"].update(liver=1), "panels are no ids"),
    "falling scores": (lambda c: c["score_grids"].update(x=[0.0] * 100 + [-1.0]), "grids falls"),
    "a normaliser without a mean": (
        lambda c: c.update(normalisers=[{"name": "x", "mean": None, "sd": 0.1}]),
        "mean: not a number",
    ),
    "a contrast with itself": (
        lambda c: c.update(contrast=CONTRAST | {"names": ["a"]}),
        "contrast compares with no other reference",
    ),
    "a contrast without spread": (
        lambda c: c.update(contrast=CONTRAST | {"scale": [0.0]}),
        "scale of the contrast is not above 0",
    ),
}
CONTRAST = {
    "names": ["a", "b"],
    "keys": ["hsa-miR-21-5p"],
    "centre": [1.0],
    "scale": [1.0],
    "profiles": [[1.0], [2.0]],
    "threshold": 0.0,
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_file_with_a_defect_and_its_own_digest_is_refused(tmp_path, reference, defect):
    change, told = DEFECTS[defect]
    content = json.loads(json.dumps(reference.to_dict()))
    change(content)
    written(tmp_path / "x.json", content)
    with pytest.raises(InvalidReferenceError, match="not a reference: ") as caught:
        Reference.load(tmp_path / "x.json")
    assert told in str(caught.value)


def test_format_that_is_true_is_not_format_1(tmp_path, reference):
    written(tmp_path / "x.json", reference.to_dict() | {"format": True})
    with pytest.raises(InvalidReferenceError, match="format is True"):
        Reference.load(tmp_path / "x.json")


def test_file_that_would_exhaust_the_reader_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"format": 1, "panels": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(InvalidReferenceError, match="nested too deeply"):
        Reference.load(path)
    path.write_text('{"format": 1, "n": NaN}')
    with pytest.raises(InvalidReferenceError, match="not JSON: NaN is no number"):
        Reference.load(path)
    with path.open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(InvalidReferenceError, match="the file has 50 MB"):
        Reference.load(path)


def test_below_101_samples_the_file_is_nearly_the_data_and_says_so(table, tmp_path):
    small, large = fit(table.head(100)), fit(table.head(101))
    with pytest.warns(MirriskWarning, match="quantiles of 100 samples nearly repeat their values"):
        small.save(tmp_path / "small.json")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        large.save(tmp_path / "large.json")
    notes = [
        json.loads((tmp_path / f"{x}.json").read_text())["privacy"] for x in ("small", "large")
    ]
    assert "treat the file like the data" in notes[0]
    assert notes[1] == ""


def test_mirna_of_few_samples_is_named_where_its_quantiles_repeat_values(table):
    ct = 40 - table.head(40)
    ct.loc[ct.index[:24], LIVER[0]] = np.nan
    ct.loc[ct.index[:12], LIVER[1]] = np.nan
    note = privacy_note(fit(ct, unit="ct"))
    assert f"quantiles of {LIVER[0]}, measured in 16 of 40 samples, the fewest of its" in note
    assert "treat the file like the data" in note


def test_reference_that_cannot_be_written_leaves_nothing(reference, tmp_path):
    with pytest.raises(MirriskError, match="cannot be written: No such file"):
        reference.save(tmp_path / "nowhere" / "x.json")
    assert not list(tmp_path.iterdir())


def test_unknown_reference_is_answered_with_those_there_are():
    with pytest.raises(NotFoundError, match="no reference 'tcga-gbm'") as e:
        Reference.load("tcga-gbm")
    assert all(name in e.value.expected for name in shipped_references())
    assert shipped_references() == (
        "tcga-brca", "tcga-lihc", "tcga-luad", "tcga-lusc", "tcga-prad", "tcga-thca",
    )  # fmt: skip


# -- what does not belong together --------------------------------------------------------------


def test_table_in_another_unit_is_refused(reference, table):
    with pytest.raises(MismatchError, match="table is in ct, reference 'mine' in log2") as e:
        scores(table, reference, unit="ct")
    assert e.value.expected == "the reference's unit"
    assert e.value.remedy == "convert the table, or use a reference in its unit"


def test_counts_cpm_and_log2_cpm_serve_one_another_against_a_reference_of_sequencing():
    counts = counts_like("tcga-lihc", 8, seed=5)
    cpm = counts.div(counts.sum(axis=1), axis=0) * 1e6
    found = [
        scores(x, "tcga-lihc", unit=unit)["score"]
        for x, unit in ((counts, "counts"), (cpm, "cpm"), (np.log2(cpm + 1), "log2"))
    ]
    np.testing.assert_allclose(found[1], found[0], atol=1e-9)
    np.testing.assert_allclose(found[2], found[0], atol=1e-9)


def test_stem_loops_are_refused_by_a_mature_reference(reference):
    stem_loops = log2_table(3, 0).rename(columns=lambda c: f"hsa-mir-{c.split('-')[2]}")
    with pytest.raises(MismatchError, match="stem-loops, reference 'mine' mature miRNAs") as e:
        scores(stem_loops, reference)
    assert e.value.remedy == "use a reference at stem-loop level"


def test_another_specimen_is_refused(reference, table):
    with pytest.raises(MismatchError, match="from serum, reference 'mine' from tissue") as e:
        scores(table, reference, specimen="serum")
    assert e.value.expected == "one specimen: directions and levels differ between them"


def test_panel_of_another_cancer_is_refused(reference, table):
    with pytest.raises(MismatchError, match=r"'prostate' is for prostate, .* is of liver") as e:
        scores(table, reference, of="prostate")
    assert "a reference of prostate" in e.value.remedy
    assert "mirrisk references fit" in e.value.remedy


def test_panel_whose_mirnas_were_not_asked_for_is_refused_with_the_way_to_refit(table):
    mine = fit(table, panels=[MARKER])
    with pytest.raises(MismatchError, match="was fitted without hsa-miR-424-5p, ") as e:
        scores(table, mine)
    assert e.value.where == "panel 'liver'"
    assert "panels=[...]" in e.value.remedy
    assert "--panel FILE" in e.value.remedy


def test_cohort_without_a_mirna_of_the_panels_is_no_reference():
    with pytest.raises(InvalidReferenceError, match="no miRNA of the panels") as e:
        fit(log2_table(60, 0, names=()))
    assert e.value.expected == "columns such as hsa-miR-1296-5p, hsa-miR-16-5p, hsa-miR-26a-5p"


# -- stem-loops from mature tables --------------------------------------------------------------


def test_mature_table_gives_a_stem_loop_the_sum_of_its_arms():
    # 3,000 and 1,095 of a million are the arms of mir-34a: 4,095 CPM, log2(4,096) = 12.
    columns = ["hsa-miR-34a-5p", "hsa-miR-34a-3p", *strangers(80)]
    one = pd.DataFrame([[3_000, 1_095, *[995_905 / 80] * 80]], columns=columns)
    # With fewer than 100 miRNAs in common, composition is left alone.
    cohort = 2 ** np.random.default_rng(0).normal(8, 1, size=(60, 81))
    names = ["hsa-mir-34a", *(f"hsa-mir-{9000 + i}" for i in range(80))]
    mine = fit(cohort, unit="cpm", panels=[MARKER], feature_names=names)
    assert mine.level == "stem-loop"
    found = mirrisk.score(one, panel=MARKER, reference=mine, unit="cpm").results[0]
    assert found.measured.values[0, 0] == pytest.approx(12.0, abs=1e-12)
    assert found.alignment.slots[0].matched == "hsa-miR-34a-3p + hsa-miR-34a-5p"


# -- extremes -----------------------------------------------------------------------------------


def test_less_mir_34a_always_raises_the_liver_score_until_two_deviations_below_the_lowest(
    reference, table
):
    key = reference.position["hsa-miR-34a-5p"]
    lowest, sd = reference.grids[key, 0], reference.sd[key]
    levels = np.linspace(reference.grids[key, 100], lowest - 2 * sd, 400)
    samples = pd.concat([table.iloc[[0]]] * 402, ignore_index=True)
    samples["hsa-miR-34a-5p"] = [*levels, lowest - 2.5 * sd, lowest - 3.5 * sd]
    found = scores(samples, reference)["score"].to_numpy()
    assert (np.diff(found[:400]) > 0).all()
    np.testing.assert_allclose(found[400:], found[399], atol=1e-9)


@pytest.mark.parametrize("n", [20, 40])
def test_less_mir_34a_raises_the_score_of_small_references_too(table, n):
    mine = fit(table.head(n))
    grid = mine.grids[mine.position["hsa-miR-34a-5p"]]
    samples = pd.concat([table.iloc[[0]]] * 200, ignore_index=True)
    samples["hsa-miR-34a-5p"] = np.linspace(grid[100], grid[0], 200)
    assert (np.diff(scores(samples, mine)["score"]) > 0).all()


def test_hair_above_a_constant_mirna_is_not_a_step_of_four_deviations():
    table = log2_table(60, seed=6).assign(**{"hsa-miR-34a-5p": 3.14159265})
    mine = fit(table)
    hair = scores(table.assign(**{"hsa-miR-34a-5p": 3.1417}), mine)["score"]
    np.testing.assert_allclose(hair, scores(table, mine)["score"], atol=0.05)


# -- samples that do not fit --------------------------------------------------------------------


def test_sample_without_any_value_is_empty(reference, table):
    samples = table.head(3).copy()
    samples.iloc[1] = np.nan
    found = scores(samples, reference)
    assert found["reason"].tolist()[1] == "empty_sample"
    assert found["flag"].tolist()[1] == "not_scored"
    np.testing.assert_array_equal(
        found["score"].to_numpy()[[0, 2]], scores(table.head(3), reference)["score"][[0, 2]]
    )


def test_sample_without_a_read_is_empty():
    counts = counts_like("tcga-lihc", 3, seed=7)
    counts.iloc[2] = 0
    found = scores(counts, "tcga-lihc", unit="counts")
    assert found["reason"][2] == "empty_sample"
    assert found["score"].isna().tolist() == [False, False, True]


def test_known_library_without_a_read_of_the_marker_is_not_empty():
    # miR-486 is among the most abundant of tcga-thca: none in five million reads is very low.
    one = pd.DataFrame({"hsa-mir-486": [0, 10]})
    found = scores(one, "tcga-thca", of="thyroid", unit="counts", library_size=[5e6, 5e6])
    assert found["flag"].tolist() == ["high", "high"]
    assert found["reason"].tolist() == ["", ""]


def test_table_of_rare_mirnas_alone_is_not_empty():
    # mir-1296 has too few CPM for the profile of tcga-prad, but the table measured it.
    one = pd.DataFrame({"hsa-mir-1296": [900, 9]})
    found = scores(one, "tcga-prad", of="prostate", unit="counts", library_size=[9e6, 9e6])
    assert set(found["reason"]) == {"low_coverage"}


def test_wells_with_gaps_in_every_assay_are_not_empty():
    rng = np.random.default_rng(0)
    wells = pd.DataFrame(rng.normal(26, 2, size=(80, 6)), columns=list(LIVER))
    quarter = (np.arange(80)[:, None] + np.arange(6)) % 4 == 0  # of every assay
    gaps = wells.mask(quarter).assign(U6=rng.normal(18, 0.5, 80))
    mine = fit(gaps, unit="ct", normalisers=["U6"])
    whole = wells.assign(U6=18.0)
    assert set(scores(whole, mine, unit="ct")["reason"]) <= {"", "near_cutoff"}


def test_natural_logarithms_are_refused_as_another_unit(reference, table):
    found = scores(table * math.log(2), reference)
    assert set(found["reason"]) == {"unit_or_platform"}
    assert found["score"].isna().all()


def test_distance_beyond_the_limit_is_refused(reference, table):
    limit = reference.distance_limit
    mean, sd = reference.profile.mean, reference.profile.sd
    pattern = np.where(np.arange(len(mean)) % 2, 1.0, -1.0)  # each miRNA off by the same z
    samples = pd.DataFrame(
        [mean + math.sqrt(limit * share) * sd * pattern for share in (0.98, 1.02)],
        columns=list(reference.profile.keys),
    )
    assert scores(samples, reference)["reason"].tolist()[1] == "unit_or_platform"
    assert scores(samples, reference)["reason"].tolist()[0] in ("", "near_cutoff")


def test_sample_of_another_tissue_is_refused_and_its_tissue_named():
    thyroid = counts_like("tcga-thca", 12, seed=8)
    measured = Reference.load("tcga-prad").measure(as_expression(thyroid, unit="counts"))
    assert set(measured.unfit) == {"other_tissue"}
    assert set(measured.nearest) == {"tcga-thca"}


def test_contrast_is_part_of_the_reference_and_its_digest(reference):
    keys = reference.profile.keys
    profiles = np.stack([reference.profile.mean, reference.profile.mean[::-1]])
    contrast = Contrast(("mine", "b"), keys, profiles.mean(axis=0), np.ones(len(keys)), profiles, 0)
    told = reference.with_contrast(contrast)
    assert told.digest != reference.digest
    samples = pd.DataFrame(profiles, columns=list(keys))
    measured = told.measure(as_expression(samples, unit="log2"))
    assert measured.unfit[1] == "other_tissue"
    assert measured.nearest == ("", "b")


def test_few_shared_mirnas_are_said(table):
    mine = fit(table)
    few = mirrisk.score(table.iloc[:, :49], panel=LIVER_PANEL, reference=mine, unit="log2")
    note = "fitness not checked in all samples: fewer than 50 expressed miRNAs in common with "
    assert [n for n in few.notes if n.startswith("fitness")] == [note + "reference mine"]
    counts = counts_like("tcga-prad", 2, seed=1)
    profile = Reference.load("tcga-prad").profile.keys
    told = Reference.load("tcga-prad").measure(
        as_expression(counts[list(profile[:99])], unit="counts", library_size=[4e6, 4e6])
    )
    (note,) = told.notes
    assert note == (
        "composition not corrected in all samples: fewer than 100 expressed miRNAs in common "
        "with reference tcga-prad, or too few reads to see them"
    )


def test_what_is_skipped_is_said_of_the_samples_that_it_is_skipped_in():
    counts = counts_like("tcga-prad", 3, seed=1).astype(float)
    profile = Reference.load("tcga-prad").profile.keys
    counts.loc[counts.index[1], list(profile[40:])] = np.nan
    table = as_expression(counts, unit="counts", library_size=[9e6] * 3)
    notes = Reference.load("tcga-prad").measure(table).notes
    assert [note.split(":")[0] for note in notes] == [
        f"fitness not checked in sample {counts.index[1]}",
        f"composition not corrected in sample {counts.index[1]}",
    ]


def test_counts_of_a_part_of_the_library_are_not_scored():
    counts = counts_like("tcga-prad", 3, seed=1).astype(float)
    kept = list(Reference.load("tcga-prad").profile.keys[:60])
    counts.loc[counts.index[1], [c for c in counts if c not in kept]] = np.nan
    found = mirrisk.score(counts, panel="prostate", reference="tcga-prad", unit="counts").scores
    assert list(found["reason"])[1] == "partial_library"
    assert np.isnan(found["score"][1])
    with pytest.raises(InvalidReferenceError, match="fewer than 100 miRNAs in sample"):
        Reference.fit(counts, unit="counts", name="x", accept_small=True)


def test_a_constant_mirna_has_no_place_in_a_reference():
    rng = np.random.default_rng(0)
    values = pd.DataFrame(rng.normal(8, 1, (30, 2)), columns=["hsa-miR-34a-5p", "hsa-miR-16-5p"])
    values["hsa-miR-16-5p"] = 5.0
    mine = Reference.fit(values, unit="log2", name="x", panels="liver")
    assert mine.keys == ("hsa-miR-34a-5p",)


def test_log2_cpm_of_whole_libraries_are_known_as_such():
    counts = counts_like("tcga-prad", 30, seed=1)
    logs = np.log2(counts.div(counts.sum(axis=1), axis=0) * 1e6 + 1)
    with pytest.warns(MirriskWarning):
        mine = Reference.fit(logs, unit="log2", name="x", panels="prostate")
    assert mine.unit == "cpm"
    with pytest.warns(MirriskWarning):
        array = Reference.fit(logs + 1, unit="log2", name="x", panels="prostate")
    assert array.unit == "log2"


def test_nobody_can_write_into_a_reference():
    with pytest.raises(ValueError, match="read-only"):
        Reference.load("tcga-prad").mean[0] = 1.0


def test_depth_of_unknown_libraries_is_taken_from_the_reference():
    counts = counts_like("tcga-lihc", 2, seed=1)
    cpm = counts.div(counts.sum(axis=1), axis=0) * 1e6
    told = Reference.load("tcga-lihc").measure(as_expression(cpm, unit="cpm"))
    median = Reference.load("tcga-lihc").median_reads
    (note,) = told.notes
    assert note == (
        "library sizes unknown: detection was judged at the reference's median of "
        f"{median:,.0f} reads"
    )
    expected = (2 ** Reference.load("tcga-lihc").grids[:, 50] - 1) * median / 1e6 < 10
    np.testing.assert_array_equal(told.too_shallow, np.tile(expected, (2, 1)))


def test_library_sizes_say_nothing_of_the_detection_of_ct():
    wells = 40 - log2_table(60, seed=9)
    table = as_expression(wells, unit="ct", library_size=[1e6] * 60)
    mine = fit(table, unit=None)
    assert not mine.measure(table).too_shallow.any()


# -- company ------------------------------------------------------------------------------------


def variants(kind: str) -> pd.DataFrame:
    """Twelve samples of tcga-prad: whole reads, fractions, gaps, shallow beside deep."""
    counts = counts_like("tcga-prad", 12, seed=11)
    rng = np.random.default_rng(12)
    if kind == "fractions":
        return counts * rng.uniform(0.1, 1.7, size=(12, 1)) + rng.uniform(0, 0.7, counts.shape)
    if kind == "gaps":
        gaps = counts.mask(rng.random(counts.shape) < 0.1)
        # One sample keeps too few for the correction of composition, and its panel.
        strange = [c for c in counts if c not in Reference.load("tcga-prad").position]
        gaps.iloc[4, [counts.columns.get_loc(c) for c in strange[60:]]] = np.nan
        return gaps
    if kind == "depths":
        reads = np.geomspace(3e3, 4e6, 12) / counts.sum(axis=1)
        return pd.DataFrame(rng.binomial(counts, np.minimum(reads, 1).to_numpy()[:, None]),
                            index=counts.index, columns=counts.columns)  # fmt: skip
    return counts


@pytest.mark.parametrize("kind", ["reads", "fractions", "gaps", "depths"])
@pytest.mark.filterwarnings("ignore:.* fewer than 100,000 miRNA reads")
def test_sample_has_the_same_bits_alone_in_the_batch_and_shuffled(kind):
    table = variants(kind)
    library = table.sum(axis=1).to_numpy() * 1.1

    def results(rows, columns=slice(None)):
        found = mirrisk.score(
            table.iloc[rows, columns],
            panel="prostate",
            reference="tcga-prad",
            unit="counts",
            library_size=library[rows] if kind == "gaps" else None,
            min_coverage=0.2,
        ).results[0]
        low, high = found.kernel.interval
        numbers = np.column_stack(
            [found.kernel.score, found.kernel.coverage, low, high, found.flags, found.reasons]
        )
        return found.measured.values, numbers, found.kernel.contributions

    batch = results(np.arange(12))
    rng = np.random.default_rng(13)
    order, columns = rng.permutation(12), rng.permutation(table.shape[1])
    for shuffled in (results(order), results(order, columns)):
        for mine, theirs in zip(batch, shuffled, strict=True):
            np.testing.assert_array_equal(theirs, mine[order])
    for i in range(12):
        for mine, alone in zip(batch, results(np.array([i])), strict=True):
            np.testing.assert_array_equal(alone[0], mine[i])


# -- who it was fitted on -----------------------------------------------------------------------


def test_samples_it_was_fitted_on_are_told_again_in_another_unit_and_order():
    simulated = mirrisk.simulate.cohort("tcga-prad", 60, seed=3).counts
    half, rest = simulated.iloc[:30], simulated.iloc[30:]
    mine = Reference.fit(half, unit="counts", name="half", panels="prostate")
    again = Reference.from_dict(mine.to_dict())
    assert again.holds(as_expression(half, unit="counts")).all()
    assert not again.holds(as_expression(rest, unit="counts")).any()
    cpm = simulated.div(simulated.sum(axis=1), axis=0) * 1e6
    logs = np.log2(cpm + 1).iloc[::-1, ::-1].rename(index=lambda name: f"renamed {name}")
    held = again.holds(as_expression(logs, unit="log2"))
    assert held.tolist() == [False] * 30 + [True] * 30


def test_few_mirnas_tell_no_sample():
    rng = np.random.default_rng(0)
    values = pd.DataFrame(rng.normal(8, 1, (40, 3)), columns=["miR-21", "miR-34a", "miR-145"])
    mine = Reference.fit(values, unit="log2", name="few", panels="liver")
    assert mine.samples == ()
    assert not mine.holds(as_expression(values, unit="log2")).any()
