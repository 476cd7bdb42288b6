"""Scores of the shipped panels from raw counts, written anew without mirrisk.

For complete tables of stem-loop counts of tissue: composition by the median of ratios, quantile
normal scores with mid-ranks, a Ledoit-Wolf covariance, and the members' directions from the
signature files. What refuses unfit samples is left out: the same patients are compared.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score

if TYPE_CHECKING:
    from check_statistics import FloatArray

SIGNATURES = Path(__file__).parents[1] / "signatures"

LEAST_CORRELATION = 0.999
GREATEST_AUC_DIFFERENCE = 0.002

MINOR_ARMS = ("hsa-miR-409-5p", "hsa-miR-154-3p")
"""Members whose stem-loop mostly gives the other arm: 2.4% and 3.7% of its reads."""

RENAMED = {"hsa-mir-203a": "hsa-mir-203"}
"""miRBase v22 -> v16, where the tables' name differs."""

READS = 10
PROFILE = 150
LEVELS = np.linspace(0, 1, 101)


def stem_loop(mature: str) -> str:
    """Return the stem-loop of a mature name, as the tables write it, without the locus."""
    name = re.sub(r"-[35]p$", "", mature).replace("miR", "mir")
    return RENAMED.get(name, name)


def weights(panel: str) -> tuple[dict[str, float], list[str]]:
    """Return the signed weight of each stem-loop in tissue, and all that the panel names."""
    with (SIGNATURES / f"{panel}.toml").open("rb") as file:
        members = tomllib.load(file)["members"]
    found: dict[str, float] = {}
    every: list[str] = []
    for member in members:
        usable = [m["name"] for m in member["mirnas"] if m["name"] not in MINOR_ARMS]
        every += map(stem_loop, usable)
        if member.get("risk_when") and "tissue" in member["specimens"]:
            sign = 1 if member["risk_when"] == "high" else -1
            found |= {stem_loop(name): sign * member["weight"] / len(usable) for name in usable}
    return found, sorted(set(every))


def stem_loops(counts: pd.DataFrame) -> pd.DataFrame:
    """Sum the loci of each stem-loop."""
    locus = re.compile(r"^(hsa-(?:mir|let)-\d+[a-z]*)-\d+$")
    names = [locus.sub(r"\1", name) for name in counts.columns]
    return counts.T.groupby(names).sum().T


def corrected(cpm: FloatArray, medians: FloatArray, seen: Any, profile: Any) -> FloatArray:
    """Divide out each sample's composition; found twice, for the 1 added to CPM blurs it."""
    shift = np.zeros(len(cpm))
    for _ in range(2):
        logs = np.log2(cpm[:, profile] / 2 ** shift[:, None] + 1)
        shift += np.nanmedian(np.where(seen, logs - medians, np.nan), axis=1)
    return np.log2(cpm / 2 ** shift[:, None] + 1)


def normal_scores(values: FloatArray, learned: FloatArray) -> FloatArray:
    """Return the normal scores of one miRNA's values among learned ones."""
    grid, spread = np.quantile(learned, LEVELS).round(4), max(learned.std(ddof=1).round(4), 0.01)
    knots = np.unique(grid)
    ranks = np.array([LEVELS[grid == knot][[0, -1]].mean() for knot in knots])
    ranks = ranks.clip(0.5 / len(learned), 1 - 0.5 / len(learned))
    inside = stats.norm.ppf(np.interp(values, knots, ranks))
    below, above = (knots[0] - values) / spread, (values - knots[-1]) / spread
    return np.asarray(inside - below.clip(0, 2) + above.clip(0, 2))


def score_fold(
    table: pd.DataFrame, reads: FloatArray, held: Any, panel: dict[str, float], named: list[str]
) -> FloatArray:
    """Score the samples held out against a reference of the others."""
    cpm = table.to_numpy(dtype=float) / reads[:, None] * 1e6
    medians = np.median(np.log2(cpm[~held] + 1), axis=0)
    of_panel = table.columns.isin(named)
    expressed = np.flatnonzero(medians >= np.log2(11))
    order = sorted(expressed, key=lambda j: (not of_panel[j], -medians[j]))
    profile = np.sort(order[:PROFILE])
    shown = (2 ** medians[profile] - 1) / 1e6 * reads[:, None] >= READS
    values = corrected(cpm, medians[profile], shown, profile)
    columns = [table.columns.get_loc(name) for name in named if name in table.columns]
    keys = [str(table.columns[j]) for j in columns]
    z = np.column_stack([normal_scores(values[:, j], values[~held, j]) for j in columns])
    mean = z[~held].mean(axis=0)
    covariance, _ = ledoit_wolf(z[~held] - mean, assume_centered=True)
    centre = np.median(values[~held][:, columns], axis=0)
    visible = (2**centre - 1) / 1e6 * reads[held, None] >= READS
    a = visible * np.array([panel.get(key, 0.0) for key in keys])
    return np.asarray(
        ((z[held] - mean) * a).sum(axis=1) / np.sqrt(np.einsum("ij,jk,ik->i", a, covariance, a))
    )


def scores_from_counts(folder: Path, cohort: str, panel: str, samples: Any, part: Any) -> Any:
    """Score a cohort's samples from its raw counts, cross-fitted in the parts given."""
    counts = pd.read_csv(folder / "data" / f"tcga_{cohort}_counts.csv.gz", index_col="sample")
    counts = counts.loc[samples]
    table, reads = stem_loops(counts), counts.sum(axis=1).to_numpy(dtype=float)
    signed, named = weights(panel)
    found = np.full(len(counts), np.nan)
    for fold in np.unique(part):
        held = part == fold
        with np.errstate(invalid="ignore"):  # a sample that shows nothing of the panel: 0 / 0
            found[held] = score_fold(table, reads, held, signed, named)
    return found


def parts_of(n: int, folds: int, seed: int) -> Any:
    """Deal n patients: a permutation of numpy's default generator, dealt round."""
    part = np.empty(n, dtype=int)
    generator = np.random.default_rng(seed)
    generator.permutation(0)
    part[generator.permutation(n)] = np.arange(n) % folds
    return part


def compare_scores(printed: dict[str, Any], folder: Path, scores: Any) -> bool:
    """Compare scores and AUCs of every cohort; tell whether any differs by too much."""
    failed = False
    for each in printed["cohorts"]:
        cohort = each["cohort"]
        labels = pd.read_csv(folder / "data" / f"tcga_{cohort}_labels.csv", low_memory=False)
        primary = labels[labels["sample_type"] == "primary"].sort_values("sample")
        primary = primary.drop_duplicates("patient").set_index("sample")
        about = printed["about"]
        part = parts_of(len(primary), about["folds"], about["seed"])
        own = scores_from_counts(folder, cohort, each["panel"], primary.index, part)
        if scores is None:
            kept, told = np.isfinite(own), "all tumours, for without --scores it is not known who"
        else:
            theirs = scores[f"{cohort}/score"]
            if list(primary.index) != list(scores[f"{cohort}/sample"]):
                raise ValueError(f"{cohort}: other samples in the file of scores")
            kept = np.isfinite(theirs)
            correlation = float(np.corrcoef(own[kept], theirs[kept])[0, 1])
            failed |= not correlation > LEAST_CORRELATION
            told = (
                f"correlation {correlation:.6f}, greatest difference "
                f"{np.abs(own - theirs)[kept].max():.1e}"
            )
        apart = {
            end["endpoint"]: abs(
                roc_auc_score(primary.loc[kept, end["endpoint"]], own[kept])
                - end["auc"]["estimate"]
            )
            for end in printed["endpoints"]
            if end["cohort"] == cohort and end["endpoint"].endswith("_met")
        }
        shown = ", ".join(f"{name} {value:.1e}" for name, value in apart.items())
        print(f"scores from counts: {each['panel']} on {cohort}: {told}; AUC differs by {shown}")
        if scores is not None:
            failed |= max(apart.values()) > GREATEST_AUC_DIFFERENCE
    return failed
