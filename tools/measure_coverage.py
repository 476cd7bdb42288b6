"""Measure how often the intervals of an AUC hold the true AUC, in simulated cohorts.

    python tools/measure_coverage.py docs/validation.md

prints tables of coverages, designs in rows and methods in columns, and writes them into the page
between their marks. Risks are normal in events and in non-events; "spread" is the standard
deviation in events relative to that in non-events, and "values" the number of distinct values
that the risk is cut into. Every cohort counts, also one whose AUC is 1.

Likewise of Harrell's C: the log hazard is a multiple of a normal risk, and censoring exponential.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, get_args

import numpy as np

from mirrisk.validation.auc_limits import Method, auc_limits
from mirrisk.validation.bootstrap import bootstrap_interval
from mirrisk.validation.fold_concordance import Pairs, compare_within, concordance_interval

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray, IntArray

LEVEL = 0.95
BOOTSTRAP = "percentile bootstrap"
METHODS = (*get_args(Method), BOOTSTRAP)
START, END = "<!-- coverage table -->", "<!-- end of coverage table -->"
C_START, C_END = "<!-- coverage of C -->", "<!-- end of coverage of C -->"
NORMAL = NormalDist()


@dataclass(frozen=True)
class Design:
    """A population and the size of the cohorts drawn from it."""

    events: int
    others: int
    auc: float
    spread: float = 1.0
    values: int = 0

    @property
    def distance(self) -> float:
        """Of the mean in events from that in non-events, in standard deviations of the latter."""
        return NORMAL.inv_cdf(self.auc) * float(np.hypot(1, self.spread))

    @property
    def cuts(self) -> FloatArray:
        """Where the risk is cut: about the middle of both means, 0.75 apart."""
        steps = np.arange(1, self.values, dtype=np.float64) - self.values / 2
        return np.asarray(self.distance / 2 + 0.75 * steps)

    @property
    def true_auc(self) -> float:
        """The AUC of the risk as it is seen, ties counted one half."""
        if not self.values:
            return self.auc
        of_events = _shares(self.cuts, NormalDist(self.distance, self.spread))
        of_others = _shares(self.cuts, NORMAL)
        below = np.cumsum(of_others) - of_others
        return float(of_events @ (below + of_others / 2))

    def draw(self, cohorts: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Draw the risks of events and of non-events, a cohort per row."""
        events = rng.normal(self.distance, self.spread, (cohorts, self.events))
        others = rng.normal(0, 1, (cohorts, self.others))
        return (self._seen(events), self._seen(others)) if self.values else (events, others)

    def _seen(self, risk: FloatArray) -> FloatArray:
        return np.digitize(risk, self.cuts).astype(np.float64)

    def __str__(self) -> str:
        spread = f", spread {self.spread:.3g}" if self.spread != 1 else ""
        values = f", {self.values} values" if self.values else ""
        return f"{self.events + self.others} / {self.events}{spread}{values}"


SIZES = ((12, 28), (10, 20), (20, 40), (10, 90), (30, 170))
UNEQUAL = ((12, 28), (10, 90), (30, 170))
AUCS = (0.6, 0.75, 0.9, 0.95, 0.97)
DESIGNS = (
    *(Design(*size, auc) for size in SIZES for auc in AUCS),
    *(Design(*size, auc, s) for s in (2 / 3, 1.5, 2) for size in UNEQUAL for auc in AUCS[1:4]),
    *(Design(*size, auc, 1, k) for k in (2, 4) for size in UNEQUAL for auc in AUCS[1:4]),
    *(Design(5, 10, auc) for auc in (0.75, 0.9)),
)


@dataclass(frozen=True)
class Coverage:
    """How the intervals of one method did in one design."""

    method: str
    covered: float
    too_high: float
    too_low: float
    width: float


def measure(
    design: Design, cohorts: int, resamples: int, rng: np.random.Generator
) -> tuple[float, list[Coverage]]:
    """Return the share of cohorts with an AUC of 1, and the coverage of each method."""
    events, others = design.draw(cohorts, rng)
    pairs = (events[:, :, None] > others[:, None, :]).astype(float)
    pairs += (events[:, :, None] == others[:, None, :]) / 2
    auc = pairs.mean(axis=(1, 2))
    variance = pairs.mean(axis=2).var(axis=1, ddof=1) / design.events
    variance += pairs.mean(axis=1).var(axis=1, ddof=1) / design.others
    auc, variance = np.round(auc, 12), np.where(variance < 1e-24, 0, variance)
    limits = {
        method: auc_limits(auc, variance, design.events, design.others, LEVEL, method)
        for method in get_args(Method)
    }
    limits[BOOTSTRAP] = bootstrap_limits(pairs, resamples, rng)
    truth = design.true_auc
    found = [
        Coverage(
            method,
            float(np.mean((low <= truth) & (truth <= high))),
            float(np.mean(low > truth)),
            float(np.mean(high < truth)),
            float(np.mean(high - low)),
        )
        for method, (low, high) in limits.items()
    ]
    return float(np.mean(auc == 1)), found


def bootstrap_limits(
    pairs: FloatArray, resamples: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return percentile limits; a resample is how often it has each sample, alike in all cohorts.

    The AUC of a resample is the mean of the pairs weighted by how often it has either member.
    """
    events, others = (
        rng.multinomial(size, np.full(size, 1 / size), resamples) / size for size in pairs.shape[1:]
    )
    aucs = np.array([((events @ each) * others).sum(axis=1) for each in pairs])
    low, high = np.quantile(aucs, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    return low, high


def table(cohorts: int, resamples: int, seed: int) -> str:
    """Measure all designs and lay the figures out."""
    default = METHODS[0]
    header = ("n / events", "true AUC", "AUC = 1", *METHODS, "width", "above", "below")
    lines = [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
    columns: list[list[float]] = []
    for number, design in enumerate(DESIGNS):
        rng = np.random.default_rng([seed, number])
        perfect, found = measure(design, cohorts, resamples, rng)
        columns.append([each.covered for each in found])
        first = found[0]
        cells = [str(design), f"{design.true_auc:.3f}", f"{100 * perfect:.1f}"]
        cells += [f"{100 * each.covered:.1f}" for each in found]
        cells += [f"{first.width:.2f}", f"{100 * first.too_high:.1f}", f"{100 * first.too_low:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr)
    lowest = [f"{100 * low:.1f}" for low in np.min(columns, axis=0)]
    lines.append(f"| **lowest** |  |  | {' | '.join(lowest)} |  |  |  |")
    error = 100 * np.sqrt(LEVEL * (1 - LEVEL) / cohorts)
    note = (
        f"Coverage in % of {cohorts:,} cohorts each (nominal {100 * LEVEL:g}; Monte Carlo standard "
        f"error {error:.1f} at the nominal coverage), seed {seed}; bootstrap of {resamples:,} "
        f"resamples. Width (mean), above and below (% of intervals that lie wholly above or below "
        f"the true AUC) are those of {default}."
    )
    return f"{note}\n\n" + "\n".join(lines)


# -- Harrell's C ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Followed:
    """A population that is followed up, and the size of the cohorts drawn from it.

    ``effect`` is the log hazard ratio per standard deviation of the risk, ``censoring`` the mean
    time to it, in units of the mean time to the event at the mean risk.
    """

    n: int
    effect: float
    censoring: float

    def draw(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, IntArray]:
        """Draw a cohort: times, risks, and whether the event came."""
        risk = rng.normal(size=self.n)
        happens = rng.exponential(np.exp(-self.effect * risk))
        ends = rng.exponential(self.censoring, self.n)
        return np.minimum(happens, ends), risk, (happens <= ends).astype(np.intp)


FOLLOWED = tuple(
    Followed(n, effect, censoring)
    for n in (40, 100)
    for effect in (0.0, 0.5, 1.0, 2.0, 3.2, 6.0)
    for censoring in (0.5, 2.0)
)


def pairs_of(time: FloatArray, risk: FloatArray, event: IntArray) -> Pairs:
    """Compare all samples of a cohort."""
    return compare_within(time, event, risk, np.zeros(len(time), dtype=np.intp))


def true_c(design: Followed, rng: np.random.Generator) -> float:
    """Return the mean C of large cohorts."""
    large = Followed(2000, design.effect, design.censoring)
    return float(np.mean([pairs_of(*large.draw(rng)).c for _ in range(30)]))


def measure_followed(
    design: Followed, cohorts: int, resamples: int, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Return mean events, true C, and coverage of the default and of the percentile bootstrap.

    A cohort without a pair to compare is drawn anew. The bootstrap (left out with 0 resamples) is
    slow, and measured on a quarter of the cohorts.
    """
    truth = true_c(design, rng)
    held: list[bool] = []
    by_bootstrap: list[bool] = []
    events = 0
    while len(held) < cohorts:
        time, risk, event = design.draw(rng)
        pairs = pairs_of(time, risk, event)
        if not pairs.all.any():
            continue
        found = concordance_interval(pairs, event, np.arange(design.n))
        held.append(found.low <= truth <= found.high)
        events += int(event.sum())
        if resamples and len(held) % 4 == 0:
            drawn = bootstrap_interval(
                lambda e, t, r: pairs_of(t, r, e.astype(np.intp)).c,
                event,
                time,
                risk,
                n=resamples,
                seed=len(held),
            )
            by_bootstrap.append(drawn.low <= truth <= drawn.high)
    bootstrapped = float(np.mean(by_bootstrap)) if by_bootstrap else float("nan")
    return events / cohorts, truth, float(np.mean(held)), bootstrapped


def table_of_c(cohorts: int, resamples: int, seed: int) -> str:
    """Measure the designs with follow-up and lay the figures out."""
    header = ("n", "mean events", "true C", "jackknife", "percentile bootstrap")
    lines = [f"| {' | '.join(header)} |", "|" + "---:|" * len(header)]
    for number, design in enumerate(FOLLOWED):
        rng = np.random.default_rng([seed, len(DESIGNS) + number])
        events, truth, covered, bootstrapped = measure_followed(design, cohorts, resamples, rng)
        lines.append(
            f"| {design.n} | {events:.0f} | {truth:.3f} | {100 * covered:.1f} | "
            f"{100 * bootstrapped:.1f} |"
        )
        print(lines[-1], file=sys.stderr)
    error, of_fewer = (100 * np.sqrt(LEVEL * (1 - LEVEL) / n) for n in (cohorts, cohorts // 4))
    note = (
        f"Coverage in % of {cohorts:,} cohorts each (nominal {100 * LEVEL:g}; Monte Carlo standard "
        f"error {error:.1f}), of the bootstrap ({resamples:,} resamples) in a quarter of them "
        f"({of_fewer:.1f}), seed {seed}."
    )
    return f"{note}\n\n" + "\n".join(lines)


# -- the page ---------------------------------------------------------------------------------


def insert(page: str, text: str, start: str = START, end: str = END) -> str:
    """Replace what stands between the marks."""
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{text}\n{end}{after}"


def _shares(cuts: FloatArray, distribution: NormalDist) -> FloatArray:
    below = [distribution.cdf(cut) for cut in cuts]
    return np.diff([0.0, *below, 1.0])


def main() -> None:
    """Print the table and write it into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--cohorts", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--only", choices=("auc", "c"), help="measure one of the tables")
    arguments = parser.parse_args()
    page = arguments.page.read_text(encoding="utf-8")
    wanted = {"auc": (table, START, END), "c": (table_of_c, C_START, C_END)}
    for name, (tabulate, start, end) in wanted.items():
        if arguments.only not in (None, name):
            continue
        if not 0 <= page.find(start) < page.find(end):
            parser.error(f"{arguments.page} lacks the marks {start} and {end}")
        text = tabulate(arguments.cohorts, arguments.resamples, arguments.seed)
        # Read again: measuring takes minutes, in which the page may have changed.
        page = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(insert(page, text, start, end), encoding="utf-8")
        print(text)


if __name__ == "__main__":
    main()
