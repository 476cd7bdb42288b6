"""Time a whole validation: nested cross-validation, bootstraps, held and tuned anew.

    python benchmarks/bench_fitting.py [--jobs 2] [--tuned]

200 samples x 800 miRNAs, 3 mixings x 30 penalties, 5 folds inside: up to 900 paths for the nested
cross-validation. Seconds of a shared machine mean little, those of processors a little more; what
one path takes beside scikit-learn's saga is measured by bench_elastic_net.py.
"""

from __future__ import annotations

import argparse
import resource
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.base import clone

from mirrisk.fitting import PanelClassifier
from mirrisk.validation.discrimination import auc
from mirrisk.validation.optimism import optimism
from mirrisk.validation.resampling import nested_cv

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES, MIRNAS = 200, 800


def cohort() -> tuple[pd.DataFrame, np.ndarray]:
    """Make up log2 values that move together, and an outcome that ten of them raise."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(SAMPLES, 20)) @ rng.normal(size=(20, MIRNAS))
    values = 0.2 * common + rng.normal(size=(SAMPLES, MIRNAS))
    log_odds = 0.5 * values[:, :10].sum(axis=1) - 0.8
    y = (rng.random(SAMPLES) < 1 / (1 + np.exp(-log_odds))).astype(int)
    names = [f"hsa-miR-{i}-5p" for i in range(2001, 2001 + MIRNAS)]
    return pd.DataFrame(8 + values, columns=names), y


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print seconds, and seconds of processor time of this process and its children."""
    start, used = time.perf_counter(), _processor()
    yield
    seconds, processor = time.perf_counter() - start, _processor() - used
    print(f"{what:<64}{seconds:8.1f} s{processor:8.1f} s of processors", flush=True)


def _processor() -> float:
    own, children = (
        resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    """Run the parts one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tuned", action="store_true", help="also 200 bootstraps tuned anew")
    arguments = parser.parse_args()
    X, y = cohort()
    settings = {"candidates": "all", "unit": "log2", "repeats": 1, "audit": False, "quiet": True}
    model = PanelClassifier(**settings)
    with timed("one fit, tuned"):
        model.fit(X, y)
    held = PanelClassifier(**settings, mixing=model.tuning_.mixing, penalty=model.tuning_.penalty)
    with timed("one fit, penalty held"):
        held.fit(X, y)
    jobs = arguments.jobs
    with timed(f"10 x 5 nested cross-validation, {jobs} jobs"):
        print(nested_cv(clone(model), X, y, folds=5, repeats=10, seed=0, n_jobs=jobs))
    with timed(f"200 bootstraps, penalty held, {jobs} jobs"):
        print(optimism(held, {"AUC": auc}, X, y, n=200, seed=0, n_jobs=jobs))
    if arguments.tuned:
        with timed(f"200 bootstraps, tuned anew, {jobs} jobs"):
            print(optimism(clone(model), {"AUC": auc}, X, y, n=200, seed=0, n_jobs=jobs))


if __name__ == "__main__":
    main()
