"""Evaluate the shipped panels on TCGA's primary tumours: writes docs/evaluation.json and .md.

    python tools/evaluate_panels.py FOLDER [--cohorts brca prad ...] [--scores FILE] [--out DOCS]

FOLDER/data holds tcga_<cohort>_counts.csv.gz and tcga_<cohort>_labels.csv. What is written holds
no value of a single patient. ``--scores`` also writes scores, folds and random panels per patient
to a file outside of the project, for tools/check_evaluation.py to recompute the figures from.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import evaluation_data as data
import numpy as np
from evaluation_figures import (
    FOLDS,
    MIN_EVENTS,
    RANDOM_PANELS,
    REPEATS,
    SEED,
    Evaluated,
    cohort_figures,
    endpoint_figures,
    followed_figures,
)
from evaluation_page import page

from mirrisk.scoring import FLAGS
from mirrisk.validation.folds import deal
from mirrisk.validation.samples import cohort as samples_with_outcome

DOCS = Path(__file__).parents[1] / "docs"


def evaluate_cohort(it: Evaluated) -> dict[str, list[dict[str, Any]]]:
    """Return all figures of one cohort."""
    return {
        "cohorts": [cohort_figures(it)],
        "endpoints": [
            endpoint_figures(it, name, y) for name, y in data.outcomes(it.cohort).items()
        ],
        "follow_up": [
            followed_figures(it, name, *pair) for name, pair in data.follow_ups(it.cohort).items()
        ],
    }


def about() -> dict[str, Any]:
    """Return what holds for all figures."""
    return {
        "seed": SEED,
        "folds": FOLDS,
        "repeats": REPEATS,
        "random_panels": RANDOM_PANELS,
        "min_events": MIN_EVENTS,
        "level": 0.95,
        "endpoints": {name: vars(each) for name, each in (data.BINARY | data.FOLLOWED).items()},
        "panels_without_cohort": list(data.WITHOUT_COHORT),
    }


def scores_of(it: Evaluated) -> dict[str, Any]:
    """Return what the independent check starts from: arrays per patient, and random panels."""
    name, kept = it.cohort.name, it.scored
    random, chosen = it.random
    arrays: dict[str, Any] = {
        "sample": np.array(it.expression.samples, dtype=str),
        "part": it.parts,
        "score": it.score,
        "flag": np.array(FLAGS)[it.judged.flags],
        "member": np.array(it.judged.members, dtype=str),
        "levels": it.judged.levels,
        "without": it.judged.without,
        "random": random,
        "chosen": chosen,
        "keys": np.array(it.pool.keys, dtype=str),
    }
    for endpoint, outcome in data.outcomes(it.cohort).items():
        y = outcome[kept]
        if min(y.sum(), len(y) - y.sum()) >= MIN_EVENTS:
            dealt = deal(
                samples_with_outcome(it.score[kept][:, None], y, None), FOLDS, REPEATS, SEED
            )
            arrays[f"folds/{endpoint}"] = dealt
    return {f"{name}/{key}": array for key, array in arrays.items()}


def main() -> None:
    """Evaluate, and write the figures and the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cohorts", nargs="+", choices=list(data.PANELS), default=[*data.PANELS])
    parser.add_argument("--scores", type=Path, help="write arrays per patient to this .npz")
    parser.add_argument("--out", type=Path, default=DOCS)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"about": about(), "cohorts": [], "endpoints": [], "follow_up": []}
    arrays: dict[str, Any] = {}
    for name in arguments.cohorts:
        it = Evaluated(data.load(arguments.folder, name))
        for part, rows in evaluate_cohort(it).items():
            result[part] += rows
        if arguments.scores:
            arrays |= scores_of(it)
        print(f"{name}: {it.scored.sum()} of {it.n} primary tumours scored", flush=True)
    if arguments.scores:
        np.savez(arguments.scores, **arrays)
    text = json.dumps(result, indent=1, allow_nan=False)
    (arguments.out / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    (arguments.out / "evaluation.md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
