"""What the references promise, measured on real tumours that they never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mirrisk

SHARED = Path(__file__).parents[2] / "shared"
if not (SHARED / "data").is_dir():
    pytest.skip("the TCGA cohorts are not beside the project", allow_module_level=True)

import measure_references as measure
from build_references import COHORTS, primary_tumours

pytestmark = pytest.mark.filterwarnings("ignore::mirrisk.errors.MirriskWarning")
SEEDS = range(20)


@pytest.fixture(scope="module", params=sorted(COHORTS))
def cohort(request) -> tuple[str, pd.DataFrame]:
    return request.param, primary_tumours(SHARED, request.param)


def test_percentiles_of_held_out_tumours_are_calibrated(cohort):
    name, counts = cohort
    found = pd.DataFrame([measure.calibration(counts, name, seed) for seed in SEEDS]).mean()
    assert found["KS"] < found["KS critical (5%)"]
    assert found["above 90th"] == pytest.approx(0.10, abs=0.04)


def test_share_of_high_flags_survives_thinning_to_100000_reads(cohort):
    name, counts = cohort
    found = pd.DataFrame([measure.depth(counts, name, s)[100_000] for s in range(3)]).mean()
    assert 0.07 <= found["high, thinned"] <= 0.15


def test_interval_of_a_shallow_library_holds_the_score_of_full_depth(cohort):
    name, counts = cohort
    found = pd.DataFrame([measure.depth(counts, name, s)[100_000] for s in range(3)]).mean()
    assert found["full score in interval"] == pytest.approx(0.8, abs=0.08)


def test_quadrupling_an_abundant_stranger_hardly_changes_flags(cohort):
    name, counts = cohort
    changed = measure.composition(counts, name)
    assert len(changed) == 3
    assert max(changed.values()) <= 0.055  # of brca 0.049 on all expressed miRNAs, 0.051 on 150


def test_samples_are_refused_when_they_are_not_like_the_reference():
    cohorts = {name: primary_tumours(SHARED, name) for name in COHORTS}
    tables = [pd.DataFrame(measure.fitness(cohorts, seed)).T for seed in range(3)]
    found = sum(tables) / len(tables)
    assert found["held-out half"].mean() <= 0.02
    assert found["other tumours"].mean() >= 0.90
    for what in measure.WRONG:
        assert found[what].min() >= 0.99, what


def test_shipped_references_are_those_that_the_script_builds():
    cohorts = {name: primary_tumours(SHARED, name) for name in COHORTS}
    built = measure.build(cohorts)
    for name, reference in built.items():
        shipped = mirrisk.Reference.load(name)
        assert shipped.keys == reference.keys
        np.testing.assert_allclose(shipped.grids, reference.grids, atol=2e-4)
        np.testing.assert_allclose(shipped.covariance, reference.covariance, atol=1e-4)
        assert shipped.n == len(cohorts[name])


def test_every_prostate_sample_comes_back_in_order():
    path = SHARED / "data" / "tcga_prad_counts.csv.gz"
    scores = mirrisk.score(mirrisk.read(path), panel="prostate", reference="tcga-prad").scores
    samples = pd.read_csv(path, usecols=["sample"])["sample"]
    assert len(samples) == 547
    assert list(scores["sample"]) == list(samples)


def lowered(counts: pd.DataFrame, column: str, reference: mirrisk.Reference, sds: float):
    """Set one miRNA so that it lies a number of SDs below the reference's lowest value."""
    key = reference.position[column]
    value = reference.grids[key, 0] - sds * reference.sd[key]
    shift = reference.composition(mirrisk.tables.as_expression(counts, unit="counts")).shift
    cpm = (2**value - 1) * 2**shift
    return counts.astype(float).assign(**{column: cpm / 1e6 * counts.sum(axis=1)})


@pytest.mark.parametrize(
    ("name", "column"), [("tcga-lihc", "hsa-mir-34a"), ("tcga-prad", "hsa-mir-141")]
)
def test_lower_always_raises_the_score_where_loss_is_risk(name, column):
    counts = primary_tumours(SHARED, name).iloc[:100]
    reference = mirrisk.Reference.load(name)
    half = counts.assign(**{column: counts[column] // 2})
    tables = [counts, half, *(lowered(counts, column, reference, sds) for sds in (0, 0.5, 1))]
    results = [
        mirrisk.score(t, panel=COHORTS[name], reference=reference, unit="counts") for t in tables
    ]
    score = np.array([result.scores["score"] for result in results])
    rows = results[0].contributions["matched"] == column
    value = np.array([r.contributions.loc[rows, "value"] for r in results])
    falling = (np.diff(value, axis=0) < -1e-6).all(axis=0) & ~np.isnan(score).any(axis=0)
    assert falling.sum() >= 90
    assert (np.diff(score[:, falling], axis=0) > 0).all()
    assert (value[-1] < reference.grids[reference.position[column], 0]).all()


def test_losing_60_percent_of_the_weight_is_not_scored_with_that_reason():
    counts = primary_tumours(SHARED, "tcga-prad").iloc[:30].astype(float)
    panel = mirrisk.load_panel("prostate")
    usable = panel.scorable("tissue")
    lost = usable[: int(np.ceil(0.6 * len(usable)))]
    gone = {mirrisk.nomenclature.stem_loop_of(m.name) for member in lost for m in member.mirnas}
    for column in counts.columns:
        if mirrisk.nomenclature.resolve(column).key in gone:
            counts[column] = np.nan
    scores = measure.scores(counts, "tcga-prad", "tcga-prad")
    assert set(scores["flag"]) == {"not_scored"}
    assert set(scores["reason"]) == {"low_coverage"}
