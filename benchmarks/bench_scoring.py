"""Time scoring in memory beside the peers that are installed, in one run and one thread.

    python benchmarks/bench_scoring.py [--samples 2000] [--features 2000] [--members 40]

Peers compute another score (activity of a set in a sample); none knows a reference, an interval,
a sample that does not fit, or a reason. What is compared is the time for one number per sample.
"""

from __future__ import annotations

import os

import common

os.environ |= common.ONE_THREAD

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import mirrisk
from mirrisk import PanelScorer, Reference
from mirrisk.batch.scoring import Scoring
from mirrisk.panel import shipped_panels
from mirrisk.tables import as_expression
from mirrisk.tables.assembly import Reading

if TYPE_CHECKING:
    from collections.abc import Callable


def peers(frame: pd.DataFrame, signs: pd.Series) -> dict[str, Callable[[], object]]:
    """Return what the installed peers do with the same table and set."""
    members = list(signs.index)

    def plain() -> object:
        part = frame[members]
        return ((part - part.mean()) / part.std()).mul(signs).sum(axis=1)

    found: dict[str, Callable[[], object]] = {"pandas, a plain z-score": plain}
    if find_spec("decoupler"):
        import decoupler

        net = pd.DataFrame({"source": "set", "target": members, "weight": signs.to_numpy()})
        unsigned = net.drop(columns="weight")
        for name, given in (("zscore", net), ("ulm", net), ("aucell", unsigned)):
            method = getattr(decoupler.mt, name)
            found[f"decoupler {name}"] = lambda m=method, g=given: m(frame, g, tmin=0)
    if find_spec("gseapy"):
        import gseapy

        turned = frame.T
        found["gseapy ssgsea"] = lambda: gseapy.ssgsea(
            turned, {"set": members}, outdir=None, min_size=1, threads=1, no_plot=True
        )
    if find_spec("pyucell"):
        import anndata
        import pyucell

        data = anndata.AnnData(frame)
        signature = [f"{m}{'+' if s > 0 else '-'}" for m, s in signs.items()]
        found["pyucell"] = lambda: pyucell.compute_ucell_scores(data, {"set": signature}, n_jobs=1)
    return {name: _silent(work) for name, work in found.items()}


def _silent(work: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            return work()

    return run


def in_memory(samples: int, features: int, members: int, repeats: int) -> str:
    """Compare on one table and panel."""
    panel = common.panel_of(members)
    frame = common.log2_cohort(samples, features)
    names, X = list(frame.columns), frame.to_numpy()
    signs = pd.Series({m.name: float(c.sign) for c, m in panel.features()})
    scorer = PanelScorer(panel, unit="log2", feature_names=names).fit(X)

    def scored() -> Any:
        return mirrisk.score(
            X, panel=panel, reference=scorer.reference_, unit="log2", feature_names=names
        )

    def full() -> object:
        result = scored()
        return result.scores, result.contributions

    up = [name for name, sign in signs.items() if sign > 0]
    down = [name for name, sign in signs.items() if sign < 0]
    works: dict[str, Callable[[], object]] = {
        "mirrisk: PanelScorer.transform": lambda: scorer.transform(X),
        "mirrisk: scores, flags, intervals": lambda: scored().scores,
        "mirrisk: the same with contributions": full,
        "mirrisk: rank_scores": lambda: mirrisk.rank_scores(frame, up, down),
        **peers(frame, signs),
    }
    slow = {name for name in works if name in ("gseapy ssgsea", "pyucell")}
    quick = {name: work for name, work in works.items() if name not in slow}
    times = common.side_by_side(quick, repeats)
    for name in slow:
        times[name] = common.timed(works[name], 3)
    base = times.get("decoupler zscore", times["pandas, a plain z-score"])
    rows = [
        (
            name,
            f"{1000 * found.median:.0f}",
            f"{1000 * min(found.runs):.0f} to {1000 * max(found.runs):.0f}",
            common.ratio(found, base)
            if len(found.runs) == len(base.runs)
            else f"{found.median / base.median:.2f}",
        )
        for name, found in times.items()
    ]
    of = "decoupler zscore" if "decoupler zscore" in times else "the plain z-score"
    title = f"{samples:,} samples x {features:,} features, {members} members, one thread"
    return f"{title}\n\n" + common.table(("", "ms", "spread", f"times {of}"), rows)


def many_panels(samples: int, features: int, repeats: int) -> str:
    """Compare all panels that fit a reference with one of them."""
    frame = common.log2_cohort(samples, features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = Reference.fit(common.log2_cohort(300, features, 1), name="r", unit="log2")
    expression = as_expression(frame, unit="log2")
    works = {
        f"{n} panel{'s' * (n > 1)}": lambda chosen=chosen: (
            mirrisk.score(expression, panel=chosen, reference=reference).scores
        )
        for n, chosen in ((1, ["prostate"]), (2, ["prostate", "breast"]), (7, "all"))
    }
    times = common.side_by_side(works, repeats)
    base = times["1 panel"]
    rows = [(n, f"{1000 * t.median:.0f}", common.ratio(t, base)) for n, t in times.items()]
    count = len(shipped_panels())
    return (
        f"All {count} panels against one reference that states no cancer, {samples:,} x "
        f"{features:,}\n\n" + common.table(("", "ms", "times one panel"), rows)
    )


def scaling(repeats: int) -> str:
    """Tell how time grows with samples, features and panels."""
    sizes = {
        "samples": [(n, 2000, 1) for n in (250, 1000, 4000, 16000)],
        "features": [(2000, n, 1) for n in (250, 1000, 4000)],
        "panels": [(2000, 2000, n) for n in (1, 4, 16, 64)],
    }
    parts = []
    for what, grid in sizes.items():
        rows = []
        for samples, features, panels in grid:
            frame = common.log2_cohort(samples, features)
            chosen = [common.panel_of(40, f"benchmark_{i}") for i in range(panels)]
            scorer = PanelScorer(chosen, unit="log2").fit(frame.iloc[:250])
            found = common.timed(
                lambda p=chosen, f=frame, r=scorer.reference_: (
                    mirrisk.score(f, panel=p, reference=r, unit="log2").scores
                ),
                repeats,
            )
            size = {"samples": samples, "features": features, "panels": panels}[what]
            each = 1e6 * found.median / samples / panels
            rows.append((f"{size:,}", f"{1000 * found.median:.0f}", f"{each:.1f}"))
        header = (what, "ms", "microseconds a sample and panel")
        parts.append(common.table(header, rows))
    return "\n".join(parts)


def start_up(repeats: int) -> str:
    """Time whole processes, from the start of Python to its end."""
    example = Path(__file__).parents[1] / "examples" / "data"
    commands = {
        "mirrisk --help": ["--help"],
        "mirrisk panels": ["panels"],
        "mirrisk score, one patient": [
            "score", str(example / "one_patient.csv"), "--panel", "prostate",
            "--reference", "tcga-prad",
        ],
        "mirrisk score, one patient explained": [
            "score", str(example / "one_patient.csv"), "--panel", "prostate",
            "--reference", "tcga-prad", "--explain", "SIM-PATIENT",
        ],
    }  # fmt: skip
    rows = []
    for name, arguments in commands.items():
        command = [sys.executable, "-m", "mirrisk", *arguments]
        found = common.timed(
            lambda c=command: subprocess.run(c, check=True, capture_output=True), repeats
        )
        spread = f"{min(found.runs):.2f} to {max(found.runs):.2f}"
        rows.append((name, f"{found.median:.2f}", spread))
    return common.table(("", "seconds", "spread"), rows)


def profile(samples: int, features: int) -> str:
    """Tell where the time goes: in memory, and from a file to a file."""
    import cProfile
    import pstats

    frame = common.log2_cohort(samples, features)
    panel = common.panel_of(40)
    scorer = PanelScorer(panel, unit="log2").fit(frame.iloc[:250])
    texts = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        frame.round(4).to_csv(path)
        scoring = Scoring.of(panel, scorer.reference_, Reading("log2"), None, 0.5, 0)

        def in_memory() -> None:
            result = mirrisk.score(frame, panel=panel, reference=scorer.reference_, unit="log2")
            result.scores, result.contributions  # noqa: B018 (made when asked for)

        def from_file() -> None:
            from mirrisk.batch.onefile import run

            run(path, scoring, {"out": str(Path(folder) / "o.csv")})

        pairs = (("In memory, with contributions", in_memory), ("File to file", from_file))
        for title, work in pairs:
            work()
            profiler = cProfile.Profile()
            profiler.runcall(work)
            text = io.StringIO()
            pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(12)
            lines = [line.rstrip() for line in text.getvalue().splitlines() if line.strip()]
            start = next(i for i, line in enumerate(lines) if line.lstrip().startswith("ncalls"))
            texts.append(f"{title}\n\n```\n" + "\n".join(lines[start:]) + "\n```\n")
    return "\n".join(texts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--features", type=int, default=2000)
    parser.add_argument("--members", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    print(in_memory(options.samples, options.features, options.members, options.repeats))
    print(many_panels(options.samples, options.features, options.repeats))
    print(start_up(min(options.repeats, 5)))


if __name__ == "__main__":
    main()
