"""Run the benchmarks of scoring and of files in one go, and write benchmarks/RESULTS.md.

    pip install 'mirrisk[bench]'
    python benchmarks/run_all.py [--samples 20000] [--files 10000] [--repeats 3] [--quick]

mirrisk and its peers take turns on the same tables, in one run, so that whatever else the machine
does bears upon all of them; ratios are given with their lowest and highest over the rounds. Peers
that are not installed are left out. What fitting costs is measured by bench_elastic_net.py and
bench_fitting.py, each by itself.
"""

from __future__ import annotations

import os

import common

os.environ |= common.ONE_THREAD  # Arrow and polars take their own; see bench_streaming

import argparse
import datetime
from pathlib import Path

import bench_scoring
import bench_streaming

TARGET = Path(__file__).parent / "RESULTS.md"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=2_656)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="small tables: a trial of the script")
    parser.add_argument("--out", type=Path, default=TARGET)
    given = vars(parser.parse_args())
    out, quick = given.pop("out"), given.pop("quick")
    if quick:
        given |= {"samples": 1000, "files": 200, "repeats": 2}
    in_memory = (2000, 2000) if not quick else (300, 500)
    rounds = 3 * given["repeats"]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    sections = {
        "In memory, beside peers": [
            bench_scoring.in_memory(*in_memory, 40, rounds),
            bench_scoring.many_panels(*in_memory, rounds),
        ],
        "Start-up": [bench_scoring.start_up(rounds)],
        "How it grows": [bench_scoring.scaling(rounds)],
        "Files": bench_streaming.report(**given),
        "Where the time goes": [bench_scoring.profile(*in_memory)],
    }
    about = (
        f"Written by `python benchmarks/run_all.py` on {datetime.date.today()}. "
        f"{common.machine()}. Load of the machine at the start: {load:.1f}. Times are medians, "
        "ratios medians with the lowest and highest of the rounds.\n"
    )
    lines = ["# Benchmarks\n", about]
    for title, parts in sections.items():
        lines += [f"## {title}\n", *parts]
    out.write_text("\n".join(lines), encoding="utf-8")
    print(f"written: {out}")


if __name__ == "__main__":
    main()
