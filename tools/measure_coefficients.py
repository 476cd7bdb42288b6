"""Measure how well an imported score keeps the ranking of the sum that was published.

    python tools/measure_coefficients.py [--seeds 20]

Made-up coefficients of four miRNAs on simulated values whose standard deviations go from 0.3 to 4:
Spearman's correlation of mirrisk's score with the published sum over 500 new samples, against
references of 50, 200 and 1,000, with weights per log2 unit and per normal score, and on values that
are skewed (shifted log-normal, of the same spread).
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

import mirrisk
from mirrisk.coefficients import import_coefficients

if TYPE_CHECKING:
    from mirrisk.panel import Panel

COEFFICIENTS = {
    "hsa-miR-34a-5p": -0.42,
    "hsa-miR-16-5p": 0.31,
    "hsa-miR-26a-5p": -1.5,
    "hsa-miR-192-5p": 0.08,
}
SPREADS = (0.3, 2.5, 0.6, 4.0)
OTHERS = 60
SAMPLES = 500
SIGMA = 0.7
"""Of the log-normal values: their skewness is 2.9."""


def cohort(n: int, rng: np.random.Generator, *, skewed: bool) -> pd.DataFrame:
    """Draw log2 values: the members, and as many other miRNAs as fitness needs."""
    drawn = rng.normal(size=(n, len(COEFFICIENTS)))
    if skewed:
        mean, variance = np.exp(SIGMA**2 / 2), (np.exp(SIGMA**2) - 1) * np.exp(SIGMA**2)
        drawn = (np.exp(SIGMA * drawn) - mean) / np.sqrt(variance)
    members = 8 + drawn * SPREADS
    others = np.linspace(6, 12, OTHERS) + rng.normal(size=(n, OTHERS))
    names = [*COEFFICIENTS, *(f"hsa-miR-{9000 + i}-5p" for i in range(OTHERS))]
    return pd.DataFrame(
        np.hstack([members, others]), columns=names, index=[f"s{i}" for i in range(n)]
    )


def published_panel() -> Panel:
    """Import the coefficients, per log2 unit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coefficients.csv"
        pd.Series(COEFFICIENTS, name="coefficient").rename_axis("miRNA").to_csv(path)
        return import_coefficients(path, panel_id="made_up", cancer="liver", unit="log2").panel


def correlation(panel: Panel, n: int, seed: int, *, skewed: bool) -> float:
    """Return Spearman's correlation of scores with the published sum, where scored."""
    rng = np.random.default_rng([seed, n, skewed])
    reference = mirrisk.Reference.fit(
        cohort(n, rng, skewed=skewed), unit="log2", name="simulated", panels=[panel]
    )
    samples = cohort(SAMPLES, rng, skewed=skewed)
    result = mirrisk.score(samples, panel=panel, reference=reference, unit="log2")
    scores = result.scores["score"].to_numpy()
    there = ~np.isnan(scores)
    published = samples[list(COEFFICIENTS)].to_numpy() @ np.array(list(COEFFICIENTS.values()))
    return float(spearmanr(scores[there], published[there]).statistic)


def main() -> None:
    """Print the median and the extremes over seeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", mirrisk.MirriskWarning)
    per_log2 = published_panel()
    per_score = per_log2.model_copy(update={"weights_per": "normal score"})
    for skewed in (False, True):
        for panel in (per_log2, per_score):
            for n in (50, 200, 1000):
                found = [
                    correlation(panel, n, seed, skewed=skewed) for seed in range(arguments.seeds)
                ]
                print(
                    f"{'skewed' if skewed else 'normal':6}  weights per {panel.weights_per:12}  "
                    f"reference of {n:>5,}: {np.median(found):.4f} "
                    f"({min(found):.4f} to {max(found):.4f})"
                )


if __name__ == "__main__":
    main()
