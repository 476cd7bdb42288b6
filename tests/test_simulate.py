"""Simulated cohorts: they look like their reference, and their truth is what was asked for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mirrisk
from mirrisk.errors import MirriskError, MismatchError, NotFoundError
from mirrisk.reference import Reference
from mirrisk.reference.quantiles import QuantileMap
from mirrisk.simulate import Simulated, cohort

PANEL_OF = {
    "tcga-brca": "breast",
    "tcga-lihc": "liver",
    "tcga-luad": "lung",
    "tcga-lusc": "lung",
    "tcga-prad": "prostate",
    "tcga-thca": "thyroid",
}
LARGE = 1000
# Six references are looked at, so each is held to the 0.1% critical value.
KS_CRITICAL = float(stats.kstwo.ppf(0.999, LARGE))

every_reference = pytest.mark.parametrize("name", sorted(PANEL_OF))


@cache
def unshifted(name: str) -> Simulated:
    return cohort(name, LARGE, seed=11)


def scores_of(simulated: Simulated, name: str) -> pd.DataFrame:
    return mirrisk.score(
        simulated.counts, panel=PANEL_OF[name], reference=name, unit="counts"
    ).scores


def read_back(simulated: Simulated, reference: Reference) -> pd.DataFrame:
    """Normal scores as scoring finds them in the counts."""
    result = mirrisk.score(simulated.counts, panel="all", reference=reference, unit="counts")
    values = result.results[0].measured.values
    z = reference.normal_scores(values, range(len(reference.keys)))
    return pd.DataFrame(z, columns=list(reference.keys))


def abundant(reference: Reference) -> list[str]:
    """miRNAs of the panels with a median of 100 CPM or more."""
    return [
        k
        for k, grid in zip(reference.keys, reference.grids, strict=True)
        if grid[50] > np.log2(101)
    ]


# -- the cohort looks like the reference ------------------------------------------------------


@every_reference
def test_scores_of_unshifted_samples_are_standard_normal(name: str) -> None:
    found = scores_of(unshifted(name), name)["score"].dropna()
    assert stats.kstest(found, "norm").statistic < KS_CRITICAL
    # 0.1 of 1,000 samples: binomial standard deviation 0.0095.
    assert abs((found > stats.norm.ppf(0.9)).mean() - 0.1) < 4 * 0.0095


@every_reference
def test_few_simulated_samples_are_refused(name: str) -> None:
    found = scores_of(unshifted(name), name)
    assert len(found) == LARGE
    assert (found["flag"] == "not_scored").mean() < 0.05


@every_reference
def test_panel_mirnas_keep_the_correlation_of_the_reference(name: str) -> None:
    reference = Reference.load(name)
    drawn = unshifted(name).normal_scores[list(reference.keys)]
    sd = np.sqrt(np.diag(reference.covariance))
    expected = reference.covariance / np.outer(sd, sd)
    pairs = np.triu_indices(len(sd), 1)
    rho, r = expected[pairs], np.corrcoef(drawn, rowvar=False)[pairs]
    # The standard error of a correlation is (1 - rho^2) / sqrt(n).
    errors = (r - rho) / ((1 - rho**2) / np.sqrt(LARGE))
    assert np.abs(errors).max() < 5
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(1, abs=0.25)
    assert drawn.std().to_numpy() == pytest.approx(sd, rel=5 / np.sqrt(2 * LARGE))
    assert np.abs(drawn.mean().to_numpy() - reference.mean).max() < 5 / np.sqrt(LARGE)


@every_reference
def test_normal_scores_can_be_read_back_from_the_counts(name: str) -> None:
    reference = Reference.load(name)
    keys = abundant(reference)
    found = read_back(unshifted(name), reference)[keys].to_numpy()
    drawn = unshifted(name).normal_scores[keys].to_numpy()
    assert len(keys) > 20
    assert np.median(np.abs(found - drawn)) < 0.1
    for j in range(len(keys)):
        assert np.corrcoef(found[:, j], drawn[:, j])[0, 1] > 0.95


def test_expressed_mirnas_of_no_panel_have_the_mean_and_sd_of_the_profile() -> None:
    reference = Reference.load("tcga-prad")
    profile = reference.profile
    name = "hsa-let-7a"
    assert name not in reference.keys
    row = profile.keys.index(name)
    counts = unshifted("tcga-prad").counts
    logs = np.log2(counts[name] / counts.sum(axis=1) * 1e6 + 1)
    # Shares of the whole: composition, here not corrected, adds a little to both.
    assert logs.median() == pytest.approx(profile.mean[row], abs=0.2)
    assert logs.std() == pytest.approx(profile.sd[row], rel=0.2)


def test_library_sizes_are_lognormal_about_the_reference_median() -> None:
    simulated = unshifted("tcga-prad")
    median = Reference.load("tcga-prad").median_reads
    sizes = simulated.truth["library_size"]
    # Standard error of a median of normals: 1.2533 sd / sqrt(n), sd 0.5 of the logarithm.
    assert abs(np.log(sizes.median() / median)) < 4 * 1.2533 * 0.5 / np.sqrt(LARGE)
    assert stats.kstest(np.log(sizes), "norm", (np.log(median), 0.5)).statistic < KS_CRITICAL
    totals = simulated.counts.sum(axis=1).to_numpy()
    assert np.abs((totals - sizes) / np.sqrt(sizes)).max() < 5


def test_reads_set_the_depth() -> None:
    shallow = cohort("tcga-prad", 200, seed=3, reads=100_000)
    assert shallow.counts.sum(axis=1).median() == pytest.approx(100_000, rel=0.2)


def test_counts_are_whole_and_columns_are_those_of_the_reference() -> None:
    simulated, reference = unshifted("tcga-prad"), Reference.load("tcga-prad")
    assert set(simulated.counts.columns) == {*reference.keys, *reference.profile.keys}
    assert simulated.counts.columns.is_unique
    assert all(dtype.kind == "i" for dtype in simulated.counts.dtypes)
    assert simulated.counts.to_numpy().min() >= 0
    assert list(simulated.counts.index[:2]) == ["SIM-0001", "SIM-0002"]
    assert list(simulated.truth["sample"]) == list(simulated.counts.index)


# -- the truth --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "shifted", "expected"),
    [(60, 0.15, 9), (100, 0.29, 29), (7, 0.5, 4), (5, 1, 5), (5, 0, 0)],
)
def test_share_of_shifted_samples_is_exact(n: int, shifted: float, expected: int) -> None:
    for seed in range(5):
        simulated = cohort("tcga-prad", n, panel="prostate", shifted=shifted, seed=seed)
        assert simulated.truth["shifted"].dtype == bool
        assert simulated.truth["shifted"].sum() == expected


def test_seed_chooses_which_samples_are_shifted() -> None:
    chosen = {
        tuple(cohort("tcga-prad", 20, panel="prostate", shifted=0.2, seed=s).truth["shifted"])
        for s in range(5)
    }
    assert len(chosen) == 5


def test_panel_moves_its_mirnas_towards_risk_and_no_others() -> None:
    moved = cohort("tcga-prad", 1, panel="prostate", shifted=1, shift=1.5, seed=1).effects
    # Low miR-141-3p and high miR-210-3p mean risk; miR-26a-5p is contested, miR-152-3p is
    # for vesicles only, let-7a is no member.
    assert moved["hsa-mir-141"] == -1.5
    assert moved["hsa-mir-210"] == 1.5
    assert not {"hsa-mir-26a", "hsa-mir-152", "hsa-let-7a"} & set(moved)
    liver = cohort("tcga-lihc", 1, panel="liver", shifted=1, shift=1.5, seed=1).effects
    assert liver["hsa-mir-34a"] == -1.5


def test_normal_scores_move_by_the_shift_in_shifted_samples_alone() -> None:
    options = {"panel": "prostate", "shifted": 0.3, "seed": 5}
    before = cohort("tcga-prad", 40, shift=0.0, **options)
    after = cohort("tcga-prad", 40, shift=1.5, **options)
    difference = after.normal_scores - before.normal_scores
    is_shifted = after.truth["shifted"].to_numpy()
    assert not difference[~is_shifted].to_numpy().any()
    expected = pd.Series(after.effects).reindex(difference.columns, fill_value=0.0)
    moved = difference[is_shifted].to_numpy()
    assert moved == pytest.approx(np.tile(expected, (12, 1)), abs=1e-12)


@every_reference
def test_scores_of_shifted_samples_rise(name: str) -> None:
    options = {"panel": PANEL_OF[name], "shifted": 0.5, "seed": 7}
    before = scores_of(cohort(name, 100, shift=0.0, **options), name)["score"]
    simulated = cohort(name, 100, shift=1.0, **options)
    is_shifted = simulated.truth["shifted"].to_numpy()
    rise = (scores_of(simulated, name)["score"] - before)[is_shifted]
    # A single marker (thyroid) rises by the shift itself, members that agree by more.
    assert rise.mean() > 0.8
    assert (rise > 0).mean() > 0.95


def test_effects_move_what_they_name() -> None:
    effects = {"hsa-miR-21-5p": 1.0, "hsa-mir-210": -0.5, "hsa-let-7a": 2.0}
    simulated = cohort("tcga-prad", 30, effects=effects, shifted=1, seed=2)
    assert simulated.effects == {"hsa-mir-21": 1.0, "hsa-mir-210": -0.5, "hsa-let-7a": 2.0}
    plain = cohort("tcga-prad", 30, seed=2)
    difference = (simulated.normal_scores - plain.normal_scores).mean()
    assert difference["hsa-let-7a"] == pytest.approx(2.0)
    assert difference["hsa-mir-141"] == 0


def test_one_seed_gives_one_cohort() -> None:
    options = {"panel": "prostate", "shifted": 0.4}
    first, again = (cohort("tcga-prad", 25, seed=9, **options) for _ in range(2))
    pd.testing.assert_frame_equal(first.counts, again.counts)
    pd.testing.assert_frame_equal(first.truth, again.truth)
    other = cohort("tcga-prad", 25, seed=10, **options)
    assert not first.counts.equals(other.counts)


def test_the_global_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    cohort("tcga-prad", 5, seed=1)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


# -- references of other kinds ----------------------------------------------------------------


def test_reference_of_mature_mirnas_gives_mature_columns() -> None:
    counts = cohort("tcga-prad", 60, seed=4).counts
    mature = counts.rename(columns=lambda c: c.replace("-mir-", "-miR-") + "-5p")
    reference = Reference.fit(mature, unit="counts", name="mature", cancer="prostate")
    simulated = cohort(reference, 30, panel="prostate", shifted=0.5, seed=1)
    assert reference.level == "mature"
    assert simulated.effects["hsa-miR-145-5p"] == -2.0
    assert set(simulated.counts.columns) <= set(mature.columns)


def test_reference_can_be_a_file(tmp_path) -> None:
    path = tmp_path / "own.json"
    counts = unshifted("tcga-prad").counts.head(120)
    Reference.fit(counts, unit="counts", name="own", cancer="prostate").save(path)
    assert cohort(path, 3, seed=1).counts.shape[0] == 3


def test_reference_without_library_sizes_needs_reads() -> None:
    counts = unshifted("tcga-prad").counts.head(60)
    cpm = counts.div(counts.sum(axis=1), axis=0) * 1e6
    reference = Reference.fit(cpm, unit="cpm", name="cpm")
    with pytest.raises(MismatchError, match="depth of its libraries"):
        cohort(reference, 10, seed=1)
    simulated = cohort(reference, 10, seed=1, reads=2e6)
    assert simulated.counts.sum(axis=1).median() == pytest.approx(2e6, rel=0.8)


def test_reference_that_is_no_sequencing_is_refused() -> None:
    counts = unshifted("tcga-prad").counts.head(60)
    logs = np.log2(counts.div(counts.sum(axis=1), axis=0) * 1e6 + 1)
    reference = Reference.fit(logs + 1, unit="log2", name="array")
    with pytest.raises(MismatchError, match="only reads are simulated"):
        cohort(reference, 10, seed=1)


# -- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": -3}, "n is -3"),
        ({"n": 2.5}, "n is 2.5"),
        ({"seed": None}, "seed is None"),
        ({"seed": -1}, "seed is -1"),
        ({"shifted": 1.1, "panel": "prostate"}, "shifted is 1.1"),
        ({"shifted": -0.1, "panel": "prostate"}, "shifted is -0.1"),
        ({"shifted": float("nan"), "panel": "prostate"}, "shifted is nan"),
        ({"shift": float("inf"), "panel": "prostate"}, "shift is inf"),
        ({"shifted": 0.5}, "nothing says what moves"),
        ({"panel": "prostate", "effects": {"hsa-miR-21-5p": 1}}, "both given"),
        ({"panel": "liver"}, "is of prostate"),
        ({"effects": {"hsa-miR-21-5p": float("nan")}}, "the effect is nan"),
        ({"effects": {"hsa-miR-21-5p": 1, "hsa-mir-21": 1}}, "named twice"),
        ({"reads": 0}, "reads is 0"),
        ({"reads": float("nan")}, "reads is nan"),
    ],
)
def test_arguments_without_sense_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        cohort("tcga-prad", **{"n": 10, "seed": 1} | arguments)


@pytest.mark.parametrize("name", ["hsa-miR-99999-5p", "mmu-miR-21-5p", "TP53", ""])
def test_unknown_mirna_in_effects_is_refused(name: str) -> None:
    with pytest.raises(NotFoundError, match="holds no"):
        cohort("tcga-prad", 10, effects={name: 1.0}, shifted=0.5, seed=1)


def test_minor_arm_of_a_stem_loop_is_refused_with_its_remedy() -> None:
    # miR-409-5p makes up 2.4% of the reads of its stem-loop.
    with pytest.raises(NotFoundError, match="name the stem-loop itself: hsa-mir-409"):
        cohort("tcga-prad", 10, effects={"hsa-miR-409-5p": 1.0}, shifted=0.5, seed=1)


def test_unknown_reference_is_refused() -> None:
    with pytest.raises(MirriskError, match="no reference 'tcga-none'"):
        cohort("tcga-none", 10, seed=1)


# -- the inverse of the quantile map ----------------------------------------------------------


def test_value_at_inverts_a_worked_map() -> None:
    """Quantiles 0, 1, ..., 100 of 1,000 values: the value is the percentile itself."""
    quantiles = QuantileMap.from_grid(np.arange(101.0), sd=10.0, n=1000)
    lowest = stats.norm.ppf(0.5 / 1000)
    z = np.array([0.0, stats.norm.ppf(0.25), stats.norm.ppf(0.9), lowest - 1, -lowest + 0.5])
    assert quantiles.value_at(z) == pytest.approx([50, 25, 90, 0 - 10, 100 + 5])


def test_value_at_takes_one_score_as_it_takes_many() -> None:
    quantiles = Reference.load("tcga-prad").quantile_maps[0]
    z = np.linspace(-4, 4, 9)
    assert [float(quantiles.value_at(one)) for one in z] == quantiles.value_at(z).tolist()
