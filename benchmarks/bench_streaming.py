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
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import common
import numpy as np
import pandas as pd

from mirrisk.reference import Reference

POLARS = find_spec("polars") is not None
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
if what.startswith(("pyarrow", "polars")):
    with open(path) as file:
        names = file.readline().rstrip().split(",")
    names = names[:1] + [n for n in names[1:] if unit != "log2" or n in keys]
if what.startswith("polars"):
    import polars
start, worked = time.perf_counter(), time.process_time()
if what == "polars scan_csv":
    polars.scan_csv(path).select(names).collect()
elif what == "pyarrow read_csv":
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


def measured(
    what: str, path: Path, unit: str, jobs: int = 1, out: Path | None = None
) -> tuple[float, float, float]:
    """Return seconds, those of all cores, and the peak megabytes of a process of its own."""
    code = CHILD.format(panel=PANEL, reference=REFERENCE)
    target = out or path.with_suffix(".scores.csv")
    command = [sys.executable, "-c", code, what, str(path), unit, str(target), str(jobs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, worked, megabytes = json.loads(done.stdout)
    return seconds, worked, megabytes


def compare(title: str, path: Path, unit: str, peers: tuple[str, ...], repeats: int) -> str:
    """Measure readers and mirrisk in turn, so that what disturbs one disturbs all."""
    works = (*peers, "batches", "score_file")
    runs: dict[str, list[tuple[float, float, float]]] = {what: [] for what in works}
    for _ in range(repeats):
        for what in works:
            runs[what].append(measured(what, path, unit))
    seconds = {what: common.Timing(tuple(run[0] for run in found)) for what, found in runs.items()}
    worked = {what: common.Timing(tuple(run[1] for run in found)) for what, found in runs.items()}
    rows = [
        (
            what,
            f"{seconds[what].median:.2f}",
            common.ratio(seconds[what], seconds[peers[0]]),
            f"{worked[what].median:.2f}",
            common.ratio(worked[what], worked[peers[0]]),
            f"{max(run[2] for run in runs[what]):.0f} MB",
        )
        for what in works
    ]
    header = ("", "seconds", f"times {peers[0]}", "seconds of all cores", "times", "peak memory")
    return f"{title}, {common.megabytes(path)}\n\n" + common.table(header, rows)


def longer(path: Path, times: int) -> Path:
    """Write a table with its rows so many times over, under new names."""
    target = path.with_name(f"{path.stem}_{times}.csv")
    with path.open("rb") as source, target.open("wb") as file:
        file.write(source.readline())
        start = source.tell()
        for i in range(times):
            source.seek(start)
            file.writelines(b"r%d" % i + line for line in source)
    return target


def tenfold(path: Path, unit: str, repeats: int) -> str:
    """Compare a table with one of ten times its rows."""
    long = longer(path, 10)
    short_runs, long_runs = [], []
    for _ in range(repeats):
        short_runs.append(measured("score_file", path, unit))
        long_runs.append(measured("score_file", long, unit))
    long.unlink()
    one, ten = (common.Timing(tuple(r[0] for r in runs)) for runs in (short_runs, long_runs))
    cores = [common.Timing(tuple(r[1] for r in runs)) for runs in (long_runs, short_runs)]
    rows = [
        ("as it is", f"{one.median:.2f}", "", "", f"{max(r[2] for r in short_runs):.0f} MB"),
        (
            "ten times the rows",
            f"{ten.median:.2f}",
            common.ratio(ten, one),
            common.ratio(*cores),
            f"{max(r[2] for r in long_runs):.0f} MB",
        ),
    ]
    header = ("", "seconds", "times", "times on all cores", "peak memory")
    return f"Ten times the rows, {unit}\n\n" + common.table(header, rows)


def many_files(folder: Path, files: int, jobs: int) -> str:
    """Time many small files, by one worker and by several."""
    simulate_files(folder / "files", files, features=1_900)
    rows = []
    for n in dict.fromkeys((1, jobs, 2 * jobs)):
        # Into a folder of its own: ext4 is slow to make files where as many were just deleted.
        out = folder / f"scores_{n}"
        seconds, worked, _ = measured("score_files", folder / "files", "counts", n, out)
        each = seconds * min(n, os.cpu_count() or n) / files * 1000
        own = f"{worked / files * 1000:.2f}" if n == 1 else ""
        rows.append((n, f"{seconds:.1f}", f"{each:.2f}", own))
    header = ("workers", "seconds", "ms a file and busy core", "ms of the processor")
    return f"{files:,} files of one sample, 1,900 miRNAs\n\n" + common.table(header, rows)


def report(samples: int, features: int, files: int, repeats: int, jobs: int) -> list[str]:
    """Measure everything about files."""
    arrow = ("pyarrow open_csv", "pyarrow read_csv", *(["polars scan_csv"] if POLARS else []))
    parts = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, samples, features)
        size = f"{samples:,} samples x {features:,} miRNAs"
        for unit in ("log2", "counts"):
            title = f"Samples in rows, {unit}, {size}"
            parts.append(compare(title, folder / f"{unit}.csv", unit, arrow, repeats))
            turned = folder / f"{unit}_turned.csv"
            title = f"miRNAs in rows, {unit}, {size}"
            parts.append(compare(title, turned, unit, ("pandas read_csv",), repeats))
            turned.unlink()
        parts.append(tenfold(folder / "log2.csv", "log2", min(repeats, 2)))
        if files:
            parts.append(many_files(folder, files, jobs))
    return parts


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=2_656)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    for part in report(**vars(options)):
        print(part)


if __name__ == "__main__":
    main()
