"""Measure what fitting is worth: on TCGA's prostate cohort, on planted truths, on random labels.

    python tools/measure_fitting.py recurrence FOLDER [--repeats 10]
    python tools/measure_fitting.py tissue FOLDER
    python tools/measure_fitting.py planted [--seeds 10]
    python tools/measure_fitting.py random [--seeds 50]
    python tools/measure_fitting.py closed_test [--seeds 2000]

FOLDER/data holds tcga_prad_counts.csv.gz and tcga_prad_labels.csv; for tissue the same of brca.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin

import mirrisk
from mirrisk.alignment import reference_key
from mirrisk.errors import MismatchError
from mirrisk.estimators import PanelScorer
from mirrisk.fitting import PanelClassifier
from mirrisk.fitting.closed_test import closed_test
from mirrisk.fitting.penalties import threads
from mirrisk.reference import Reference
from mirrisk.signatures import load_signature
from mirrisk.simulate import cohort
from mirrisk.validation.discrimination import auc
from mirrisk.validation.resampling import nested_cv

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray

PANEL = "prostate"
REFERENCE = "tcga-prad"


class CuratedScore(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The panel of the literature, of which nothing is fitted but the reference."""

    def fit(self, X: pd.DataFrame, y: Any) -> CuratedScore:
        """Learn the reference from the training samples."""
        self.classes_ = np.unique(y)
        self.scorer_ = PanelScorer(PANEL, unit="counts").fit(X)
        return self

    def decision_function(self, X: pd.DataFrame) -> FloatArray:
        """Return scores; a sample without one counts as the reference's mean."""
        return np.nan_to_num(self.scorer_.transform(X)[:, 0])


def recurrence(folder: Path, repeats: int, jobs: int) -> pd.DataFrame:
    """Compare curated panel, constrained refit and all miRNAs in the same folds."""
    counts, labels = _primary(folder, "prad")
    known = labels["bcr_event"].notna()
    X, y = counts[known.to_numpy()], labels.loc[known, "bcr_event"].astype(int).to_numpy()
    quiet: dict[str, Any] = {"unit": "counts", "audit": False, "quiet": True, "repeats": 1}
    models = {
        "curated panel, nothing fitted": CuratedScore(),
        "panel, signs constrained": PanelClassifier(PANEL, **quiet),
        "panel, signs ignored": PanelClassifier(PANEL, directions="ignore", **quiet),
        "all miRNAs": PanelClassifier(candidates="all", **quiet),
        "all miRNAs, panel's signs constrained": PanelClassifier(PANEL, candidates="all", **quiet),
    }
    rows = {}
    for name, model in models.items():
        found = nested_cv(
            model, X, y, groups=labels.loc[known, "patient"], repeats=repeats, seed=0, n_jobs=jobs
        )
        low, high = found.auc_range
        rows[name] = {
            "n": found.n,
            "events": found.events,
            "AUC": found.auc.estimate,
            "95% low": found.auc.low,
            "95% high": found.auc.high,
            "by repeat": f"{low:.3f} to {high:.3f}",
            "failed fits": len(found.failures),
        }
        print(name, rows[name], flush=True)
    return pd.DataFrame(rows).T


def _primary(folder: Path, cohort_name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the primary tumours of a TCGA cohort, and their labels."""
    counts = pd.read_csv(folder / f"data/tcga_{cohort_name}_counts.csv.gz", index_col=0)
    labels = pd.read_csv(folder / f"data/tcga_{cohort_name}_labels.csv", index_col=0)
    labels = labels.loc[counts.index]
    primary = labels["sample_type"] == "primary"
    return counts[primary.to_numpy()], labels[primary]


def tissue(folder: Path) -> pd.DataFrame:
    """Score the other half of the prostate tumours, and breast tumours, on one half's panel."""
    counts, labels = _primary(folder, "prad")
    known = labels["bcr_event"].notna().to_numpy()
    counts, y = counts[known], labels.loc[known, "bcr_event"].astype(int)
    model = PanelClassifier(PANEL, unit="counts", audit=False, quiet=True)
    panel = model.fit(counts.iloc[::2], y.iloc[::2].to_numpy()).export(
        id="half", title="Half of a cohort", endpoint="recurrence", cohort="half of TCGA-PRAD"
    )
    breast, _ = _primary(folder, "brca")
    rows = {}
    for name, table in (("prostate", counts.iloc[1::2]), ("breast", breast)):
        found = mirrisk.score(table, panel=panel, unit="counts").scores
        rows[name] = {
            "fitted to": len(counts.iloc[::2]),
            "scored": len(found),
            "refused": int(found["score"].isna().sum()),
        }
    return pd.DataFrame(rows).T


def level_of_closed_test(seeds: int, n: int = 60, events: int = 20) -> pd.DataFrame:
    """Count how often the closed test gives a true model up, for a nominal 5%.

    Normal predictors, each with a log odds ratio of 0.3; the intercept is such that the events are
    as many as they are to be, on average.
    """
    rows = {}
    for coefficients, size in ((15, n), (5, n), (2, n), (5, 150), (15, 450)):
        given_up, failed = 0, 0
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            X = rng.standard_normal((size, coefficients))
            eta = 0.3 * X.sum(axis=1)
            log_odds = eta + brentq(lambda at, eta=eta: expit(eta + at).mean() - events / n, -9, 9)
            y = (rng.random(size) < expit(log_odds)).astype(int)
            try:
                given_up += closed_test(log_odds, X, y).chosen != "original"
            except MismatchError:  # separated
                failed += 1
        rows[f"{size} patients, {size * events // n} events, {coefficients} coefficients"] = {
            "events per coefficient": size * events / n / coefficients,
            "given up": given_up / (seeds - failed),
            "not fitted": failed / seeds,
        }
    return pd.DataFrame(rows).T


def planted(seeds: int, sizes: tuple[int, ...] = (100, 300, 1000)) -> pd.DataFrame:
    """Recover a logistic model of the panel's miRNAs, planted with the literature's signs."""
    rows = []
    for n in sizes:
        fitted = [_one_planted(n, seed) for seed in range(seeds)]
        frame = pd.DataFrame(fitted)
        rows.append({"n": n, **frame.mean().to_dict(), "inverted signs": frame["inverted"].sum()})
    return pd.DataFrame(rows).drop(columns="inverted").set_index("n")


def _one_planted(n: int, seed: int) -> dict[str, float]:
    simulated = cohort(REFERENCE, n + 4000, seed=seed)
    coefficients = _planted_coefficients(seed)
    names = list(coefficients)
    eta = simulated.normal_scores[names].to_numpy() @ np.array(list(coefficients.values())) - 1
    y = (np.random.default_rng(seed).random(len(eta)) < expit(eta)).astype(int)
    counts = simulated.counts
    row: dict[str, float] = {"true model": auc(y[n:], eta[n:]), "inverted": 0}
    settings: tuple[tuple[str, Any], ...] = (("constrained", "constrain"), ("ignored", "ignore"))
    for name, directions in settings:
        model = PanelClassifier(
            PANEL, directions=directions, unit="counts", accept_small=True, audit=False, quiet=True
        )
        model.fit(counts.iloc[:n], y[:n])
        row[f"AUC, signs {name}"] = auc(y[n:], model.decision_function(counts.iloc[n:]))
        terms = [] if model.panel_ is None else model.panel_.terms
        against = sum(np.sign(t.coefficient) != t.claim.sign for t in terms if t.claim)
        if directions == "constrain":
            row["inverted"] = against
    return row


def _planted_coefficients(seed: int) -> dict[str, float]:
    """Give five of the panel's miRNAs that the reference shows an effect, towards risk."""
    reference, panel = Reference.load(REFERENCE), load_signature(PANEL)
    signs = {}
    for member in panel.scorable("tissue"):
        for mirna in member.mirnas:
            key = reference_key(mirna.name, reference.level)
            if key in reference.position and reference.knowable[reference.position[key]]:
                signs[str(key)] = member.sign
    chosen = np.random.default_rng(seed).choice(sorted(signs), size=5, replace=False)
    return {key: 0.6 * signs[key] for key in chosen}


def random_labels(seeds: int, jobs: int, design: str = "") -> pd.DataFrame:
    """Fit to labels that nothing predicts: the AUC must be 0.5."""
    designs: dict[str, tuple[int, dict[str, Any], int]] = {
        "panel, n = 100": (100, {"panel": PANEL}, 1),
        "all miRNAs, n = 100": (100, {"candidates": "all"}, 1),
        "panel, 60 patients twice, groups": (60, {"panel": PANEL}, 2),
        "all miRNAs, 60 patients twice, groups": (60, {"candidates": "all"}, 2),
    }
    rows = {}
    for name, (patients, settings, copies) in designs.items():
        if design not in name:
            continue
        aucs = []
        for seed in range(seeds):
            counts = cohort(REFERENCE, patients, seed=seed).counts
            y = np.random.default_rng(1000 + seed).permutation(np.arange(patients) % 3 == 0)
            rng = np.random.default_rng(seed)
            # A second library of the same patient: the same shares, counted again.
            X = pd.concat([counts.map(rng.poisson) if copy else counts for copy in range(copies)])
            X.index = pd.Index([f"S{i}" for i in range(len(X))])
            groups = np.tile(np.arange(patients), copies)
            model = PanelClassifier(
                **settings, unit="counts", repeats=1, audit=False, quiet=True, accept_small=True
            )
            found = nested_cv(
                model, X, np.tile(y, copies), groups=groups, repeats=1, seed=seed, n_jobs=jobs
            )
            aucs.append(found.auc.estimate)
        low, high = np.quantile(aucs, [0.025, 0.975])
        mean, error = np.mean(aucs), np.std(aucs, ddof=1) / np.sqrt(seeds)
        rows[name] = {
            "seeds": seeds,
            "mean AUC": mean,
            "95% low": mean - 1.96 * error,
            "95% high": mean + 1.96 * error,
            "of 95 in 100 cohorts": f"{low:.2f} to {high:.2f}",
        }
        print(name, rows[name], flush=True)
    return pd.DataFrame(rows).T


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "what", choices=["recurrence", "tissue", "planted", "random", "closed_test"]
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--design", default="", help="of random: those alone whose name holds it")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=-1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.what == "recurrence":
        table = recurrence(arguments.folder, arguments.repeats, arguments.jobs)
    elif arguments.what == "tissue":
        table = tissue(arguments.folder)
    elif arguments.what == "closed_test":
        with threads().limit(limits=1):
            table = level_of_closed_test(arguments.seeds)
    elif arguments.what == "planted":
        table = planted(arguments.seeds)
    else:
        table = random_labels(arguments.seeds, arguments.jobs, arguments.design)
    print(table.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
