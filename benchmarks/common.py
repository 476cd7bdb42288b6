"""What the benchmarks share: timing, simulated tables, tables in Markdown."""

from __future__ import annotations

import os
import platform
import re
import time
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mirrisk import Panel
from mirrisk.panel import shipped_panels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Timing:
    """Several runs of one piece of work, in seconds."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run."""
        return float(np.median(self.runs))


def timed(work: Callable[[], object], repeats: int) -> Timing:
    """Time a piece of work, after one run that does not count."""
    work()
    runs = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        runs.append(time.perf_counter() - start)
    return Timing(tuple(runs))


def side_by_side(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, Timing]:
    """Time pieces of work in turn, so that whatever disturbs one disturbs all."""
    for work in works.values():
        work()
    runs: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            runs[name].append(time.perf_counter() - start)
    return {name: Timing(tuple(found)) for name, found in runs.items()}


def ratio(one: Timing, other: Timing) -> str:
    """Return the ratio of two timings, and its lowest and highest over the rounds."""
    each = [a / b for a, b in zip(one.runs, other.runs, strict=True)]
    return f"{np.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Describe the machine and the versions, without a name."""
    packages = ("mirrisk", "numpy", "pandas", "pyarrow", "scipy", "polars", "decoupler", "gseapy",
                "pyucell", "dask")  # fmt: skip
    versions = []
    for name in packages:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    return (
        f"{platform.system()} on {_processor()}, {os.cpu_count()} cores, {_memory()} of memory; "
        f"Python {platform.python_version()}; " + ", ".join(versions)
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            found = re.search(r"model name\s*:\s*(.+)", file.read())
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB"
    except (ValueError, AttributeError):
        return "an unknown amount"


def panel_of(members: int, name: str = "benchmark") -> Panel:
    """Make a panel of that many single-miRNA members, from the shipped panels' miRNAs."""
    known = {m.name: m for panel in shipped_panels() for _, m in panel.features()}
    return Panel.model_validate(
        {
            "schema": 1,
            "id": name,
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
                    "evidence": [{"relation": "review", "read": "full text"}],
                }
                for i, (name, mirna) in enumerate(sorted(known.items())[:members])
            ],
        }
    )


def log2_cohort(samples: int, features: int, seed: int = 0) -> pd.DataFrame:
    """Draw an array's log2 intensities, the shipped panels' mature miRNAs among them."""
    known = sorted({m.name for panel in shipped_panels() for _, m in panel.features()})
    others = [f"hsa-miR-{9000 + i}-5p" for i in range(features - len(known))]
    fixed = np.random.default_rng(0)
    names = [str(name) for name in fixed.permutation([*known, *others])]
    levels = fixed.normal(8, 3, features)
    values = levels + np.random.default_rng(seed).normal(size=(samples, features))
    return pd.DataFrame(values, columns=names, index=[f"S{i}" for i in range(samples)])


def megabytes(path: Path) -> str:
    """Return a file's size."""
    return f"{path.stat().st_size / 1e6:,.0f} MB"
