"""Build the simulated cohort of the examples.

    python tools/build_example.py [FOLDER]

Written to FOLDER, by default examples/data: simulated_prostate.csv (60 samples x miRNAs, counts),
simulated_prostate_truth.csv (which samples were shifted), one_patient.csv (one shifted sample,
miRNAs in rows). Everything is drawn from the summary statistics of a shipped reference.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mirrisk.simulate import cohort

if TYPE_CHECKING:
    import pandas as pd

REFERENCE, PANEL = "tcga-prad", "prostate"
SAMPLES, SHIFTED, SHIFT = 60, 0.15, 1.5
SEED = 20250
PATIENT_SHIFT, PATIENT_SEED = 0.5, 20251
LABEL = (
    f"# simulated from the summary statistics of reference {REFERENCE}: no patient's values; "
    "research use only"
)
TARGET = Path(__file__).parents[1] / "examples" / "data"


def write(frame: pd.DataFrame, path: Path, *, index: bool = True) -> None:
    """Write a table under a line that says it is simulated."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(LABEL + "\n")
        frame.to_csv(file, lineterminator="\n", index=index)


def main() -> None:
    """Build the three files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=TARGET)
    folder = parser.parse_args().folder
    simulated = cohort(REFERENCE, SAMPLES, panel=PANEL, shifted=SHIFTED, shift=SHIFT, seed=SEED)
    write(simulated.counts, folder / "simulated_prostate.csv")
    write(simulated.truth, folder / "simulated_prostate_truth.csv", index=False)
    patient = cohort(REFERENCE, 1, panel=PANEL, shifted=1.0, shift=PATIENT_SHIFT, seed=PATIENT_SEED)
    column = patient.counts.T.set_axis(["SIM-PATIENT"], axis="columns").rename_axis("miRNA")
    write(column, folder / "one_patient.csv")


if __name__ == "__main__":
    main()
