"""Score one patient against a shipped reference, and print the explanation in full.

python examples/one_patient.py
"""

from __future__ import annotations

from pathlib import Path

import mirrisk

DATA = Path(__file__).parent / "data"


def main() -> None:
    """Explain the result of one simulated patient."""
    print("Simulated data, no patient's values. Research use only.\n")

    # A reference gives "high" its meaning: it must have been made like the sample.
    reference = mirrisk.Reference.load("tcga-prad")
    print(f"Reference {reference.name}: {reference.n} samples, {reference.protocol}.")

    # miRNAs stand in rows here, which is found by their names.
    patient = mirrisk.read(DATA / "one_patient.csv", unit="counts")
    result = mirrisk.score(patient, panel="prostate", reference=reference)

    row = result.scores.iloc[0]
    print(f"{row['sample']}: score {row['score']:.2f}, flag {row['flag']}\n")
    print(result.explain())


if __name__ == "__main__":
    main()
