"""Score a CSV file on every panel that fits the reference, and write two tables.

python examples/score_csv.py [FOLDER]

FOLDER (default: a new temporary one) receives scores.csv and contributions.csv.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import mirrisk

DATA = Path(__file__).parent / "data"


def main() -> None:
    """Read the simulated cohort, score it, write the results."""
    parser = argparse.ArgumentParser(description="Score a CSV file on every panel that fits.")
    parser.add_argument("folder", type=Path, nargs="?", help="for the results")
    folder = parser.parse_args().folder or Path(tempfile.mkdtemp(prefix="mirrisk-"))
    folder.mkdir(parents=True, exist_ok=True)
    print("Simulated data, no patient's values. Research use only.\n")

    # Reading checks every cell; the notes say what was found on the way.
    table = mirrisk.read(DATA / "simulated_prostate.csv", unit="counts")
    result = mirrisk.score(table, panel="all", reference="tcga-prad")
    for note in result.notes:
        print(f"note: {note}")

    # Every sample has a row, also those without a score; the reason says why.
    scores = result.scores
    print(f"\n{len(scores)} results:")
    print(scores.groupby(["panel", "flag"]).size().to_string())

    result.write(folder / "scores.csv", contributions=folder / "contributions.csv")
    print(f"\nWritten to {folder}: scores.csv, contributions.csv")


if __name__ == "__main__":
    main()
