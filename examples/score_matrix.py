"""Score a matrix of counts in Python: flags, contributions, and one sample's reasons.

python examples/score_matrix.py
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import mirrisk

DATA = Path(__file__).parent / "data"


def main() -> None:
    """Score the simulated cohort on the prostate panel."""
    print("Simulated data, no patient's values. Research use only.\n")

    # Samples in rows, miRNAs in columns; the other way round is recognised as well.
    counts = pd.read_csv(DATA / "simulated_prostate.csv", comment="#", index_col="sample")
    result = mirrisk.score(counts, panel="prostate", reference="tcga-prad", unit="counts")

    # One row per sample. The score is about N(0, 1) in the reference.
    scores = result.scores
    print(scores[["sample", "score", "percentile", "flag", "coverage"]].head().to_string())

    # The truth is known here: which samples had their miRNAs moved towards risk.
    truth = pd.read_csv(DATA / "simulated_prostate_truth.csv", comment="#")
    print("\nFlags by truth:")
    print(pd.crosstab(truth["shifted"], scores["flag"]).to_string())

    # One row per sample and miRNA. Contributions add up to the score.
    highest = scores.loc[scores["score"].idxmax(), "sample"]
    own = result.contributions.query("sample == @highest and status == 'used'")
    largest = own.sort_values("contribution", ascending=False).head(5)
    print(f"\nWhat raises the score of {highest} most:")
    print(largest[["mirna", "value", "percentile", "contribution"]].to_string(index=False))
    print(f"All {len(own)} add up to {own['contribution'].sum():.4f}.\n")

    # The same in sentences, with the evidence behind each miRNA and what was not used.
    print(result.explain(highest))


if __name__ == "__main__":
    main()
