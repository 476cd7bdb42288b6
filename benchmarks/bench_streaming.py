"""Time scoring from files beside the readers of pyarrow and pandas, in one run.

    python benchmarks/bench_streaming.py [--samples 20000] [--features 2656] [--files 10000]

Tables are simulated into a temporary folder and deleted afterwards. Every measurement is a
process of its own: seconds without its start-up (imports, loading panel and reference), by the
clock and of all cores together (which others on the machine bear less upon), and its peak memory
(which Linux alone tells so). Ratios are to the reader that stands in the same block.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from mirrisk.reference import Reference

REFERENCE = "tcga-prad"
PANEL = "prostate"

CHILD = """
import json, re, sys, time
import pandas as pd, pyarrow as pa
from pyarrow import csv
import mirrisk.assessment
from mirrisk.batch import score_file, score_files
from mirrisk.batch.scoring import Scoring
from mirrisk.tables.assembly import Reading
from mirrisk.tables.streaming import batches
what, path, unit, out, jobs = sys.argv[1:]
scoring = Scoring.of({panel!r}, {reference!r}, Reading(unit), None, 0.5, 0)
keys = scoring.keys
options = dict(panel={panel!r}, reference=scoring.reference, unit=unit, min_reads=0)
names = []
if what.startswith("pyarrow"):
    with open(path) as file:
        names = file.readline().rstrip().split(",")
    names = names[:1] + [n for n in names[1:] if unit != "log2" or n in keys]
start, worked = time.perf_counter(), time.process_time()
if what == "pyarrow read_csv":
    csv.read_csv(path, convert_options=csv.ConvertOptions(include_columns=names))
elif what == "pyarrow open_csv":
    for batch in csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=1 << 22),
        convert_options=csv.ConvertOptions(include_columns=names),
    ):
        pass
elif what == "pandas read_csv":
    pd.read_csv(path, index_col=0)
elif what == "batches":
    for part in batches(path, keys=keys, unit=unit):
        pass
elif what == "score_file":
    score_file(path, out=out, **options)
elif what == "score_files":
    result = score_files(path, out=out, n_jobs=int(jobs), **options)
    assert not result.failed
spent, worked = time.perf_counter() - start, time.process_time() - worked
with open("/proc/self/status") as status:  # unlike ru_maxrss, without what the parent held
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
print(json.dumps([spent, worked, peak / 1024]))
"""


def cohort(n: int, features: int, seed: int) -> pd.DataFrame:
    """Draw reads about the medians of a reference, and rare miRNAs for the rest."""
    reference = Reference.load(REFERENCE)
    rng = np.random.default_rng(seed)
    rare = [key for key in reference.keys if key not in reference.profile.keys]
    medians = [reference.grids[reference.position[key], 50] for key in rare]
    others = [f"hsa-mir-{9000 + i}" for i in range(features - len(rare))]
    others = others[: features - len(rare) - len(reference.profile.keys)]
    names = [*reference.profile.keys, *rare, *others]
    fixed = np.random.default_rng(0)
    centre = np.concatenate([reference.profile.median, medians, fixed.uniform(0, 4, len(others))])
    logs = centre + 0.7 * rng.standard_normal((n, len(names)))
    cpm = np.maximum(np.exp2(logs) - 1, 0)
    counts = rng.poisson(cpm / cpm.sum(axis=1, keepdims=True) * 4e6)
    order = fixed.permutation(len(names))
    return pd.DataFrame(counts[:, order], columns=[names[i] for i in order])


def as_log2(counts: pd.DataFrame) -> pd.DataFrame:
    """Return log2(CPM + 1), with four decimals."""
    return np.log2(counts.div(counts.sum(axis=1), axis=0) * 1e6 + 1).round(4)


def simulate(folder: Path, samples: int, features: int) -> None:
    """Write a cohort as counts and log2, in both orientations."""
    kept: dict[str, list[pd.DataFrame]] = {"counts": [], "log2": []}
    for start in range(0, samples, 1000):
        counts = cohort(min(1000, samples - start), features, seed=start)
        counts.index = pd.Index([f"S{start + i}" for i in range(len(counts))], name="sample")
        for unit, frame in (("counts", counts), ("log2", as_log2(counts))):
            path = folder / f"{unit}.csv"
            frame.to_csv(path, mode="a", header=start == 0)
            kept[unit].append(frame.astype("int32" if unit == "counts" else "float64"))
    for unit in kept:
        pd.concat(kept[unit]).T.to_csv(folder / f"{unit}_turned.csv")
        kept[unit] = []


def simulate_files(folder: Path, files: int, features: int) -> None:
    """Write files of one sample each, miRNAs in rows."""
    folder.mkdir()
    counts = cohort(100, features, seed=1)
    contents = [counts.iloc[[i]].T.set_axis(["x"], axis=1).to_csv(sep="\t") for i in range(100)]
    for i in range(files):
        text = contents[i % 100].replace("\tx\n", f"\tS{i}\n", 1)
        (folder / f"{i:05}.tsv").write_text(text)


def measured(what: str, path: Path, unit: str, jobs: int = 1) -> tuple[float, float, float]:
    """Return seconds, those of all cores, and the peak megabytes of a process of its own."""
    code = CHILD.format(panel=PANEL, reference=REFERENCE)
    with tempfile.TemporaryDirectory(dir=path.parent) as out:
        target = Path(out) / ("out" if what == "score_files" else "scores.csv")
        command = [sys.executable, "-c", code, what, str(path), unit, str(target), str(jobs)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, worked, megabytes = json.loads(done.stdout)
    return seconds, worked, megabytes


def compare(title: str, path: Path, unit: str, peers: tuple[str, ...], repeats: int) -> None:
    """Print readers and mirrisk side by side, each at its best."""
    print(f"\n{title}, {path.stat().st_size / 1e6:,.0f} MB")
    floor, floor_worked = 0.0, 0.0
    print(f"{'':20} {'seconds':>9} {'ratio':>7} {'spread':>7} {'on all cores':>13} {'ratio':>7}")
    for what in (*peers, "batches", "score_file"):
        runs = [measured(what, path, unit) for _ in range(repeats)]
        seconds = min(run[0] for run in runs)
        worked = min(run[1] for run in runs)
        floor, floor_worked = floor or seconds, floor_worked or worked
        spread = max(run[0] for run in runs) / seconds
        memory = max(run[2] for run in runs)
        print(
            f"{what:20} {seconds:9.2f} {seconds / floor:7.2f} {spread:7.2f} {worked:13.2f} "
            f"{worked / floor_worked:7.2f} {memory:6.0f} MB"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=2_656)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    arrow = ("pyarrow open_csv", "pyarrow read_csv")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, options.samples, options.features)
        print(f"{options.samples:,} samples x {options.features:,} miRNAs")
        for unit in ("log2", "counts"):
            compare(
                f"samples in rows, {unit}", folder / f"{unit}.csv", unit, arrow, options.repeats
            )
            compare(
                f"miRNAs in rows, {unit}",
                folder / f"{unit}_turned.csv",
                unit,
                ("pandas read_csv",),
                options.repeats,
            )
        if options.files:
            simulate_files(folder / "files", options.files, features=1_900)
            print(f"\n{options.files:,} files of one sample")
            for jobs in dict.fromkeys((1, options.jobs)):
                seconds, _, _ = measured("score_files", folder / "files", "counts", jobs)
                each = seconds * jobs / options.files * 1000
                print(f"{jobs} worker(s) {seconds:8.2f} s  {each:6.2f} ms per file and worker")


if __name__ == "__main__":
    main()
