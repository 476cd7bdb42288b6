"""Measure what the shipped references promise, on halves of the cohorts that they never saw.

    python tools/measure_references.py FOLDER [--seeds 20]

Prints, over random halves of the primary tumours of six TCGA cohorts (the reference is fitted on
one half and measured on the other): calibration of percentiles, flags of thinned libraries, and
fitness of samples. Then of the shipped references: flags after quadrupling one abundant miRNA that
is no member, flags of normal tissue, and samples made by another protocol.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from build_references import COHORTS, build, fit, of_type, primary_tumours
from scipy import stats

import mirrisk
from mirrisk.alignment import reference_key
from mirrisk.nomenclature import resolve
from mirrisk.signatures import load_signature
from mirrisk.tables import as_expression

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirrisk import Reference
    from mirrisk.vocabulary import Unit

DEPTHS = (100_000, 300_000, 1_000_000)
"""Reads that libraries are thinned to."""


def halves(counts: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Divide a cohort at random."""
    order = np.random.default_rng(seed).permutation(len(counts))
    middle = len(counts) // 2
    return counts.iloc[order[:middle]], counts.iloc[order[middle:]]


def scores(counts: pd.DataFrame, name: str, reference: Reference | str) -> pd.DataFrame:
    """Score counts on the panel of a cohort's cancer."""
    found = mirrisk.score(counts, panel=COHORTS[name], reference=reference, unit="counts")
    return found.scores


def calibration(counts: pd.DataFrame, name: str, seed: int) -> dict[str, float]:
    """Compare held-out percentiles with the uniform distribution."""
    learned, held = halves(counts, seed)
    percentiles = scores(held, name, fit(learned, name))["percentile"].dropna()
    return {
        "KS": float(stats.kstest(percentiles, "uniform").statistic),
        "KS critical (5%)": float(stats.kstwo.ppf(0.95, len(percentiles))),
        "above 90th": float((percentiles > 0.9).mean()),
        "below 10th": float((percentiles < 0.1).mean()),
    }


def thinned(counts: pd.DataFrame, reads: int, seed: int) -> pd.DataFrame:
    """Thin every library to a number of reads, binomially."""
    share = np.minimum(1, reads / counts.sum(axis=1).to_numpy())
    drawn = np.random.default_rng(seed).binomial(counts.to_numpy(), share[:, None])
    return pd.DataFrame(drawn, index=counts.index, columns=counts.columns)


def depth(counts: pd.DataFrame, name: str, seed: int) -> dict[int, dict[str, float]]:
    """Compare flags at full depth and after thinning, per number of reads."""
    learned, held = halves(counts, seed)
    reference = fit(learned, name)
    full = scores(held, name, reference)
    found = {}
    for reads in DEPTHS:
        shallow = scores(thinned(held, reads, seed), name, reference)
        inside = full["score"].between(shallow["score_low"], shallow["score_high"])
        both = full["score"].notna() & shallow["score"].notna()
        high = shallow["flag"] == "high"
        found[reads] = {
            "high, full depth": float((full["flag"] == "high").mean()),
            "high, thinned": float(high.mean()),
            "of these high at full depth": float((full["flag"][high] == "high").mean()),
            "scored": float((shallow["flag"] != "not_scored").mean()),
            "correlation": float(full["score"].corr(shallow["score"])),
            "full score in interval": float(inside[both].mean()),
        }
    return found


def normals(folder: Path, name: str) -> dict[str, int]:
    """Count the flags of a cohort's normal tissue, and of its tumours, against its reference."""
    counts = {kind: of_type(folder, name, kind) for kind in ("normal", "primary")}
    found: dict[str, int] = {}
    for kind, table in counts.items():
        if not len(table):
            return {}
        flags = scores(table, name, name)["flag"]
        found[f"{kind}, scored"] = int((flags != "not_scored").sum())
        found[f"{kind}, high"] = int((flags == "high").sum())
    return found


def other_protocol(folder: Path) -> dict[str, float]:
    """Measure thyroid samples made by another protocol with the reference tcga-thca."""
    counts = pd.read_csv(folder / "data" / "thyroid_ptc_mature_counts.csv.gz", index_col="sample")
    reference = mirrisk.Reference.load("tcga-thca")
    measured = reference.measure(as_expression(counts, unit="counts"))
    logs = measured.expression.log_values(reference.profile.keys, reference.level)
    off = np.nanmedian(np.abs(logs - reference.profile.median), axis=1)
    found = mirrisk.score(counts, panel="thyroid", reference=reference, unit="counts")
    return {
        "samples": len(counts),
        "refused": sum(map(bool, measured.unfit)),
        "median distance from the reference's medians, log2": float(np.median(off)),
        # As if they had not been refused.
        "greatest percentile of a score": float(
            stats.norm.cdf(found.results[0].kernel.score).max()
        ),
    }


def abundant_strangers(counts: pd.DataFrame, name: str, how_many: int) -> list[str]:
    """Return the most abundant stem-loops that the cohort's panel has no member in."""
    panel = load_signature(COHORTS[name])
    members = {reference_key(mirna.name, "stem-loop") for _, mirna in panel.features()}
    order = counts.mean().sort_values(ascending=False).index
    return [column for column in order if resolve(column).key not in members][:how_many]


def composition(counts: pd.DataFrame, name: str, how_many: int = 3) -> dict[str, float]:
    """Return the share of flags that change when one abundant stranger is quadrupled."""
    before = scores(counts, name, name)["flag"]
    changed = {}
    for column in abundant_strangers(counts, name, how_many):
        after = scores(counts.assign(**{column: counts[column] * 4}), name, name)["flag"]
        changed[column] = float((after != before).mean())
    return changed


def refused(table: pd.DataFrame, unit: Unit, reference: Reference) -> float:
    """Return the share of samples that a reference refuses; a refused table refuses all."""
    try:
        unfit = reference.measure(as_expression(table, unit=unit)).unfit
    except mirrisk.MirriskError:
        return 1.0
    return float(np.mean([bool(reason) for reason in unfit]))


def _log2(counts: pd.DataFrame) -> pd.DataFrame:
    cpm = counts.div(counts.sum(axis=1), axis=0) * 1e6
    return pd.DataFrame(np.log2(cpm + 1))


WRONG: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], Unit]] = {
    "log2 as counts": (_log2, "counts"),
    "counts as log2": (lambda counts: counts, "log2"),
    "ln as log2": (lambda counts: _log2(counts) * np.log(2), "log2"),
    "log10 as log2": (lambda counts: _log2(counts) * np.log10(2), "log2"),
    "inverted log2": (lambda counts: _log2(counts).max().max() - _log2(counts), "log2"),
    "counts as CPM": (lambda counts: counts, "cpm"),
}


def fitness(cohorts: dict[str, pd.DataFrame], seed: int) -> dict[str, dict[str, float]]:
    """Return per reference the share refused of its held-out half, of others, of wrong units."""
    parts = {name: halves(counts, seed) for name, counts in cohorts.items()}
    references = build({name: learned for name, (learned, _) in parts.items()})
    table = {}
    for name, reference in references.items():
        held = parts[name][1]
        others = [refused(cohorts[o], "counts", reference) for o in cohorts if o != name]
        row = {
            "held-out half": refused(held, "counts", reference),
            "other tumours": float(np.mean(others)),
        }
        row |= {what: refused(make(held), unit, reference) for what, (make, unit) in WRONG.items()}
        table[name] = row
    return table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", mirrisk.MirriskWarning)
    seeds = range(arguments.seeds)
    cohorts = {name: primary_tumours(arguments.folder, name) for name in COHORTS}
    print(f"Calibration on held-out halves, mean of {arguments.seeds} seeds")
    print(_mean({n: [calibration(c, n, s) for s in seeds] for n, c in cohorts.items()}))
    found = {n: [depth(c, n, s) for s in seeds] for n, c in cohorts.items()}
    for reads in DEPTHS:
        print(f"\nHeld-out halves thinned to {reads:,} reads, mean of {arguments.seeds} seeds")
        print(_mean({name: [one[reads] for one in each] for name, each in found.items()}))
    print("\nShare of flags changed when one abundant non-member is quadrupled")
    for name, counts in cohorts.items():
        print(f"{name:10}", {k: round(v, 4) for k, v in composition(counts, name).items()})
    print("\nNormal tissue and tumours, shipped references")
    print(pd.DataFrame({name: normals(arguments.folder, name) for name in COHORTS}).T.to_string())
    print("\nThyroid samples of another protocol, reference tcga-thca")
    print(pd.Series(other_protocol(arguments.folder)).to_string())
    print(f"\nShare of samples refused, mean of {arguments.seeds} seeds")
    tables = [fitness(cohorts, seed) for seed in seeds]
    print(_mean({name: [table[name] for table in tables] for name in cohorts}))


def _mean(rows: dict[str, list[dict[str, float]]]) -> str:
    means = {name: pd.DataFrame(found).mean() for name, found in rows.items()}
    frame = pd.DataFrame(means).T
    frame.loc["mean"] = frame.mean()
    return frame.round(4).to_string()


if __name__ == "__main__":
    main()
