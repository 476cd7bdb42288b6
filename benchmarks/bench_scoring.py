"""Time scoring in memory beside a plain z-score in pandas, in one run and one thread.

    python benchmarks/bench_scoring.py [--samples 2000] [--features 2000] [--members 40]

Medians in milliseconds, and their ratio to the pandas script, which knows no reference, no
direction, no missing value and no fitness: it is the floor, not a peer.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import mirrisk
from mirrisk import Panel, PanelScorer
from mirrisk.panel import shipped_panels

if TYPE_CHECKING:
    from collections.abc import Callable


def panel_of(members: int) -> Panel:
    """Make a panel of that many single-miRNA members, from the shipped panels' miRNAs."""
    known = {m.name: m for panel in shipped_panels() for _, m in panel.features()}
    evidence = [{"relation": "review", "read": "full text"}]
    return Panel.model_validate(
        {
            "schema": 1,
            "id": "benchmark",
            "version": "1.0.0",
            "title": "benchmark",
            "cancer": "none",
            "endpoint": "none",
            "source": {"citation": "none"},
            "members": [
                {
                    "name": name,
                    "mirnas": [mirna.model_dump()],
                    "risk_when": "high" if i % 2 else "low",
                    "status": "consistent",
                    "basis": "review",
                    "confidence": "low",
                    "bone_specific": True,
                    "specimens": ["tissue"],
                    "evidence": evidence,
                }
                for i, (name, mirna) in enumerate(sorted(known.items())[:members])
            ],
        }
    )


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of a piece of work."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1000


def start_ms(*arguments: str, repeats: int = 5) -> float:
    """Return the median wall time of a command, start-up included."""
    command = [sys.executable, "-m", "mirrisk", *arguments]
    return median_ms(lambda: subprocess.run(command, check=True, capture_output=True), repeats)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--features", type=int, default=2000)
    parser.add_argument("--members", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    panel = panel_of(options.members)
    members = [mirna.name for _, mirna in panel.features()]
    others = [f"hsa-miR-{9000 + i}-5p" for i in range(options.features - len(members))]
    rng = np.random.default_rng(0)
    names = list(rng.permutation(members + others))
    levels = rng.normal(8, 3, options.features)
    X = levels + rng.normal(size=(options.samples, options.features))
    signs = pd.Series([member.sign for member, _ in panel.features()], index=members, dtype=float)
    frame = pd.DataFrame(X, columns=names)
    scorer = PanelScorer(panel, unit="log2", feature_names=names).fit(X)

    def plain() -> object:
        part = frame[members]
        return ((part - part.mean()) / part.std()).mul(signs).sum(axis=1)

    def full() -> object:
        result = mirrisk.score(
            X, panel=panel, reference=scorer.reference_, unit="log2", feature_names=names
        )
        return result.scores, result.contributions

    floor = median_ms(plain, options.repeats)
    print(f"{options.samples} samples x {options.features} features, {len(members)} members")
    for what, work in (
        ("pandas z-score (floor)", plain),
        ("PanelScorer.transform", lambda: scorer.transform(X)),
        ("score(): scores and contributions", full),
    ):
        spent = median_ms(work, options.repeats)
        print(f"{what:36} {spent:8.1f} ms   {spent / floor:6.1f} x")
    for arguments in (("--help",), ("panels", "list")):
        print(f"mirrisk {' '.join(arguments):28} {start_ms(*arguments):8.0f} ms")


if __name__ == "__main__":
    main()
