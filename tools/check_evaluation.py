"""Recompute the figures of docs/evaluation.json without mirrisk.

    python tools/evaluate_panels.py FOLDER --scores FILE.npz
    python tools/check_evaluation.py FOLDER --scores FILE.npz

On two levels, with numpy, pandas, scipy and scikit-learn alone. First, from the scores, flags,
folds and random panels per patient in FILE.npz, with outcomes read anew from the labels: all
figures, to 1e-9, but for the counts of stem-loops and the reasons for which tumours were not
scored. Second, from raw counts and the signature files: the scores themselves, in the same folds,
for every panel and cohort (tools/check_scores.py). Exits with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import check_statistics as statistics
import numpy as np
import pandas as pd
from check_scores import compare_scores
from check_statistics import FloatArray, Limits
from scipy import stats

TOLERANCE = 1e-9
PAGE = Path(__file__).parents[1] / "docs" / "evaluation.json"
NOT_PROGRESSION = {"", "new primary tumor", "no new tumor event"}


class Differences:
    """Counts what was compared, and keeps what differs."""

    def __init__(self) -> None:
        self.compared = 0
        self.largest = 0.0
        self.found: list[str] = []

    def number(self, where: str, printed: float, own: float) -> None:
        """Compare two numbers."""
        self.compared += 1
        apart = abs(printed - own)
        self.largest = max(self.largest, apart)
        if not apart <= TOLERANCE:
            self.found.append(f"{where}: {printed!r} on the page, {own!r} here")

    def limits(self, where: str, printed: dict[str, float], own: Limits) -> None:
        """Compare an estimate with its limits."""
        for name in ("estimate", "low", "high"):
            self.number(f"{where}, {name}", printed[name], getattr(own, name))


class Patients:
    """Labels of the samples in the file of scores, read anew."""

    def __init__(self, folder: Path, cohort: str, scores: Any) -> None:
        labels = pd.read_csv(folder / "data" / f"tcga_{cohort}_labels.csv", low_memory=False)
        self.labels = labels.set_index("sample").loc[scores[f"{cohort}/sample"]]
        if not (self.labels["sample_type"] == "primary").all():
            raise ValueError(f"{cohort}: not only primary tumours")
        if self.labels["patient"].duplicated().any():
            raise ValueError(f"{cohort}: a patient twice")
        self.cohort = cohort

    @property
    def progression(self) -> FloatArray:
        """New tumour events but for new primary tumours; of unknown type they count."""
        types = self.labels["nte_types"]
        named = types.fillna("").map(lambda text: bool(set(text.split("|")) - NOT_PROGRESSION))
        return np.asarray((self.labels["nte_event"] == 1) & (named | types.isna()), dtype=float)

    def outcome(self, endpoint: str) -> FloatArray:
        """Return 0 and 1."""
        if endpoint == "progression":
            return self.progression
        column = {"bcr": "bcr_event"}.get(endpoint, endpoint)
        return np.asarray(self.labels[column], dtype=float)

    def follow_up(self, endpoint: str) -> tuple[FloatArray, FloatArray, Any]:
        """Return time, event, and whose are usable."""
        days = {"progression": "nte_days", "death": "os_days", "bcr": "bcr_days"}
        what = endpoint.removeprefix("time_to_")
        time = self.labels[days[what]].to_numpy(dtype=float)
        event = self.outcome({"death": "os_event"}.get(what, what))
        return time, event, (time > 0) | ((time == 0) & (event == 0))

    @property
    def clinical(self) -> FloatArray:
        """Gleason's sum, or the stage as 1 to 4."""
        if self.cohort == "prad":
            return np.asarray(self.labels["gleason"], dtype=float)
        words = self.labels["stage"].fillna("").str.removeprefix("stage ").str.rstrip("abc")
        return np.asarray(words.map({"i": 1, "ii": 2, "iii": 3, "iv": 4}), dtype=float)

    @property
    def metastatic(self) -> Any:
        """Whose M category is M1."""
        pathological, clinical = (
            self.labels[name].astype(str).str.match("m1").to_numpy() for name in ("pM", "cM")
        )
        return pathological | clinical


def check_cohort(
    printed: dict[str, Any], patients: Patients, scores: Any, seen: Differences
) -> None:
    """Check who was scored, what is known of them, and how percentiles lie."""
    score = scores[f"{printed['cohort']}/score"]
    where, scored, labels = printed["cohort"], np.isfinite(score), patients.labels
    alive = labels["os_event"] == 0
    own = {
        "primary_tumours": len(score),
        "scored": int(scored.sum()),
        "median_follow_up_days": float(np.nanmedian(labels["os_days"][alive])),
        "clinical_unknown": int(np.isnan(patients.clinical[scored]).sum()),
        "metastatic_at_diagnosis": int(patients.metastatic.sum()),
    }
    for name, value in own.items():
        seen.number(f"{where}, {name}", printed[name], value)
    for machine, count in printed["sequencers"].items():
        seen.number(f"{where}, {machine}", count, int((labels["sequencer"] == machine).sum()))
    percentiles(where, printed["percentiles"], score[np.isfinite(score)], seen)


def percentiles(where: str, printed: dict[str, Any], score: FloatArray, seen: Differences) -> None:
    """Check the place of scores in the reference."""
    places = stats.norm.cdf(score)
    n = len(places)
    seen.number(f"{where}, percentiles", printed["n"], n)
    seen.number(f"{where}, mean percentile", printed["mean"], float(places.mean()))
    above, below = int((places > 0.9).sum()), int((places < 0.1).sum())
    seen.limits(f"{where}, above the 90th", printed["above_90th"], statistics.share(above, n))
    seen.limits(f"{where}, below the 10th", printed["below_10th"], statistics.share(below, n))
    test = stats.kstest(places, "uniform")
    seen.number(f"{where}, KS", printed["ks"], float(test.statistic))
    seen.number(f"{where}, KS p", printed["ks_p"], float(test.pvalue))


def check_endpoint(
    printed: dict[str, Any], patients: Patients, scores: Any, seen: Differences
) -> None:
    """Check an endpoint of two classes."""
    cohort, endpoint = printed["cohort"], printed["endpoint"]
    where = f"{cohort} {endpoint}"
    everyone, outcome = scores[f"{cohort}/score"], patients.outcome(endpoint)
    kept = np.isfinite(everyone)
    y, score = outcome[kept], everyone[kept]
    seen.number(f"{where}, n", printed["n"], len(y))
    seen.number(f"{where}, events", printed["events"], int(y.sum()))
    lost = int(outcome[~kept].sum())
    seen.number(f"{where}, events not scored", printed["events_not_scored"], lost)
    seen.limits(f"{where}, AUC", printed["auc"], statistics.auc(y, score))
    rows = scores[f"{cohort}/random"][:, kept]
    tests = stats.mannwhitneyu(rows[:, y == 1], rows[:, y == 0], axis=1, method="asymptotic")
    pairs = y.sum() * (len(y) - y.sum())
    random_panels(where, printed, tests.statistic / pairs, statistics.auc(y, score)[0], seen)
    percentiles(f"{where}, non-events", printed["percentiles_of_non_events"], score[y == 0], seen)
    flags(where, printed["flags"], outcome, scores[f"{cohort}/flag"], seen)
    stage(where, printed, y, score, patients.clinical[kept], scores, seen)
    if printed["without_metastatic"]:
        some = kept & ~patients.metastatic
        told, values = printed["without_metastatic"], patients.clinical[some]
        without_metastatic(
            f"{where}, without M1", told, outcome[some], everyone[some], values, seen
        )
    if printed["within_sequencer"]:
        machine = patients.labels["sequencer"].to_numpy()[kept]
        own = statistics.auc_within(y, score, machine)
        seen.limits(f"{where}, within a sequencer", printed["within_sequencer"], own)
    members(where, printed["members"], y, score, kept, cohort, scores, seen)


def without_metastatic(
    where: str,
    printed: dict[str, Any],
    y: FloatArray,
    score: FloatArray,
    values: FloatArray,
    seen: Differences,
) -> None:
    """Check the figures of those without metastases at diagnosis."""
    known = np.isfinite(values)
    seen.number(f"{where}, n", printed["n"], len(y))
    seen.number(f"{where}, events", printed["events"], int(y.sum()))
    seen.limits(where, printed["auc"], statistics.auc(y, score))
    alone = statistics.auc(y[known], values[known])
    seen.limits(f"{where}, stage", printed["clinical_alone"], alone)


def random_panels(
    where: str, printed: dict[str, Any], found: FloatArray, own: float, seen: Differences
) -> None:
    """Check the place of a panel among random ones."""
    told = printed["random"]
    as_good = int((found >= own - 1e-12).sum())
    seen.number(f"{where}, random, best", told["best"], float(found.max()))
    seen.number(f"{where}, random, median", told["median"], float(np.median(found)))
    seen.number(f"{where}, random, 95th", told["percentile_95"], float(np.percentile(found, 95)))
    seen.number(f"{where}, random, as good", told["as_good"], as_good)
    seen.number(f"{where}, random, p", told["p"], (1 + as_good) / (1 + len(found)))


def flags(
    where: str, printed: dict[str, Any], outcome: FloatArray, flag: Any, seen: Differences
) -> None:
    """Check the table of flags."""
    for name, row in printed["rows"].items():
        seen.number(f"{where}, {name}", row["n"], int((flag == name).sum()))
        seen.number(f"{where}, {name}, events", row["events"], int(outcome[flag == name].sum()))
    scored, high = flag != "not_scored", flag == "high"
    y, positive = outcome[scored] == 1, high[scored]
    counts = {
        "sensitivity": (positive & y, y),
        "specificity": (~positive & ~y, ~y),
        "ppv": (positive & y, positive),
        "npv": (~positive & ~y, ~positive),
        "sensitivity_of_not_low": ((flag[scored] != "low") & y, y),
    }
    for name, (hit, of) in counts.items():
        own = statistics.share(int(hit.sum()), int(of.sum()))
        seen.limits(f"{where}, {name}", printed[name], own)


def stage(
    where: str,
    printed: dict[str, Any],
    y: FloatArray,
    score: FloatArray,
    values: FloatArray,
    scores: Any,
    seen: Differences,
) -> None:
    """Check stage or Gleason alone, and the models with it."""
    told, known = printed["clinical"], np.isfinite(values)
    seen.number(f"{where}, stage known", told["known"], int(known.sum()))
    seen.number(f"{where}, stage known, events", told["events_known"], int(y[known].sum()))
    seen.limits(f"{where}, stage", told["alone"], statistics.auc(y[known], values[known]))
    apart = statistics.auc_difference(y[known], score[known], values[known])
    seen.limits(f"{where}, panel less stage", told["panel_less_clinical"], apart)
    models = told["models"]
    if models is None:
        return
    seen.number(f"{where}, imputed", models["imputed"], int((~known).sum()))
    assignment = scores[f"{printed['cohort']}/folds/{printed['endpoint']}"]
    columns = {
        "clinical": values[:, None],
        "panel": score[:, None],
        "both": np.column_stack([values, score]),
    }
    risks = {name: statistics.out_of_fold(X, y, assignment) for name, X in columns.items()}
    for name, found in risks.items():
        own = statistics.repeated_auc(y, found, assignment)
        seen.limits(f"{where}, model of {name}", models[name], own)
    gain = statistics.repeated_difference(y, risks["both"], risks["clinical"], assignment)
    seen.limits(f"{where}, gain", models["gain"], gain)


def members(
    where: str,
    printed: list[dict[str, Any]],
    y: FloatArray,
    score: FloatArray,
    kept: Any,
    cohort: str,
    scores: Any,
    seen: Differences,
) -> None:
    """Check each member's own AUC, and the panel's without it."""
    levels, without = scores[f"{cohort}/levels"][kept], scores[f"{cohort}/without"][kept]
    whole = statistics.auc(y, score)[0]
    for at, told in enumerate(printed):
        known = np.isfinite(levels[:, at])
        seen.number(f"{where}, {told['member']}, n", told["n"], int(known.sum()))
        if told["auc"]:
            own = statistics.auc(y[known], levels[known, at])
            seen.limits(f"{where}, {told['member']}", told["auc"], own)
        if told["influence"] is not None:
            rest = statistics.auc(y, without[:, at])[0]
            seen.number(f"{where}, without {told['member']}", told["auc_without"], rest)
            seen.number(f"{where}, {told['member']}, influence", told["influence"], whole - rest)


def check_follow_up(
    printed: dict[str, Any], patients: Patients, scores: Any, seen: Differences
) -> None:
    """Check a time to an event."""
    cohort, endpoint = printed["cohort"], printed["endpoint"]
    where = f"{cohort} {endpoint}"
    time, event, usable = patients.follow_up(endpoint)
    everyone = scores[f"{cohort}/score"]
    kept = np.isfinite(everyone) & usable
    time, event, score = time[kept], event[kept], everyone[kept]
    seen.number(f"{where}, n", printed["n"], len(time))
    seen.number(f"{where}, events", printed["events"], int(event.sum()))
    unusable = int((np.isfinite(everyone) & ~usable).sum())
    seen.number(f"{where}, time unusable", printed["time_unusable"], unusable)
    own = statistics.harrell(time, event, score)
    seen.limits(f"{where}, C", printed["c"], own)
    rows = scores[f"{cohort}/random"][:, kept]
    random_panels(where, printed, harrell_of_rows(time, event, rows), own.estimate, seen)
    values = patients.clinical[kept]
    known = np.isfinite(values)
    alone = statistics.harrell(time[known], event[known], values[known])
    seen.number(f"{where}, stage known", printed["clinical"]["known"], int(known.sum()))
    seen.limits(f"{where}, stage", printed["clinical"]["alone"], alone)


def harrell_of_rows(time: FloatArray, event: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the C of many risks; pairs are found once."""
    first, later = np.nonzero(
        (event == 1)[:, None] & ((time[:, None] < time) | ((time[:, None] == time) & (event == 0)))
    )
    return np.array([np.mean((r[first] > r[later]) + (r[first] == r[later]) / 2) for r in rows])


def main() -> int:
    """Compare, print what differs, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scores", type=Path, help="what evaluate_panels.py wrote")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    printed = json.loads(arguments.page.read_text(encoding="utf-8"))
    failed = False
    scores: Any = None
    if arguments.scores:
        scores = np.load(arguments.scores, allow_pickle=False)
        seen = check_figures(printed, arguments.folder, scores)
        print(
            f"figures: {seen.compared} compared, greatest difference {seen.largest:.1e}, "
            f"{len(seen.found)} beyond {TOLERANCE:g}"
        )
        print(*seen.found[:20], sep="\n", end="\n" if seen.found else "")
        failed = bool(seen.found)
    else:
        print("figures: not checked, they need --scores")
    return int(compare_scores(printed, arguments.folder, scores) or failed)


def check_figures(printed: dict[str, Any], folder: Path, scores: Any) -> Differences:
    """Check all figures of the page."""
    seen = Differences()
    patients = {
        each["cohort"]: Patients(folder, each["cohort"], scores) for each in printed["cohorts"]
    }
    for each in printed["cohorts"]:
        check_cohort(each, patients[each["cohort"]], scores, seen)
    for each in printed["endpoints"]:
        check_endpoint(each, patients[each["cohort"]], scores, seen)
    for each in printed["follow_up"]:
        check_follow_up(each, patients[each["cohort"]], scores, seen)
    return seen


if __name__ == "__main__":
    sys.exit(main())
