"""Fit a panel to the outcomes of a cohort, validate it, keep it as a file, score new patients.

python examples/fit_own_cohort.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import mirrisk
from mirrisk.fitting import PanelClassifier
from mirrisk.simulate import cohort
from mirrisk.validation.resampling import nested_cv


def main() -> None:
    """Fit to 150 simulated patients, 60 of whom had an event, and score three others."""
    print("Simulated data, no patient's values. Research use only.\n")
    simulated = cohort("tcga-prad", 153, panel="prostate", shifted=0.4, shift=0.4, seed=4)
    patients, others = simulated.counts[:150], simulated.counts[150:]
    relapse = simulated.truth["shifted"].to_numpy()[:150]

    # The panel's miRNAs, each in the literature's direction or not at all. The cohort is far too
    # small for so many candidates, and would be said to be: `quiet` leaves that to the summary.
    model = PanelClassifier("prostate", unit="counts", stability=20, repeats=1, quiet=True)
    model.fit(patients, relapse)
    print(model.summary_, "\n")

    # Every fold fits all of it anew: reference, penalty, calibration, cutoffs.
    inner = PanelClassifier("prostate", unit="counts", repeats=1, audit=False, quiet=True)
    print(nested_cv(inner, patients, relapse, folds=5, repeats=2, seed=0, n_jobs=1), "\n")

    panel = model.export(
        id="relapse", title="Relapse", endpoint="relapse", cohort="150 simulated patients"
    )
    with tempfile.TemporaryDirectory() as folder:
        panel.save(Path(folder) / "relapse.json")
        result = mirrisk.score(others, panel=Path(folder) / "relapse.json", unit="counts")
    columns = ["sample", "score", "probability", "flag", "coverage", "reference"]
    print(result.scores[columns].round(3).to_string(index=False))


if __name__ == "__main__":
    main()
