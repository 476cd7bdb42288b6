"""The samples that a panel needs to show an AUC with an interval of a width, by simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.catalog import load_panel
from mirrisk.errors import InvalidReferenceError, MismatchError
from mirrisk.model import FittedPanel
from mirrisk.power.formula import check_question, least_that, samples_for_auc, smallest
from mirrisk.reference import Reference
from mirrisk.result import score_panel
from mirrisk.simulate import cohort
from mirrisk.tables import as_expression
from mirrisk.validation.auc_limits import DEFAULT, Method, auc_limits
from mirrisk.validation.discrimination import auc as auc_of
from mirrisk.validation.discrimination import delong

if TYPE_CHECKING:
    from pathlib import Path

    from mirrisk.catalog import PanelLike
    from mirrisk.panel import Panel
    from mirrisk.power.formula import AucSampleSize
    from mirrisk.vocabulary import FloatArray, IntArray

MOST_SIMULATED = 20_000

POOL = 2_000
"""Simulated patients with, and as many without the event, that cohorts are drawn from."""

STEPS = 15
"""Of the search for the shift; each halves what is left at least."""

FIRST_SHIFT = 0.3

CLOSE = 5e-4
"""How near to the AUC in question the simulated patients must come."""

FARTHEST_SHIFT = 5.0


@dataclass(frozen=True, eq=False)
class PanelSampleSize:
    """Samples that a panel needs, by simulation; as a string, in words.

    Attributes
    ----------
    n, events : int
        Samples that have a score, and those with the event.
    enrolled : int
        Samples to be measured, some of which will not be scored.
    auc, width, prevalence, level : float
        What was asked for.
    assurance : float or None
        Share of cohorts that were to reach the width; None: the mean width was to.
    shift : float
        By how many normal scores each miRNA of the panel is moved towards risk in events.
    unscored : float
        Share of the simulated samples without a score.
    widths, aucs : ndarray of shape (n_cohorts,)
        Of the intervals, and of the estimates, in simulated cohorts of n.
    by_formula : AucSampleSize
        The binormal formula for the same question.
    panel, reference, method : str
        Whose score, in whose patients, and which interval.
    """

    n: int
    events: int
    enrolled: int
    auc: float
    width: float
    prevalence: float
    level: float
    assurance: float | None
    shift: float
    unscored: float
    widths: FloatArray
    aucs: FloatArray
    by_formula: AucSampleSize
    panel: str
    reference: str
    method: str

    @property
    def reached(self) -> float:
        """Share of the simulated cohorts of n whose interval is not wider."""
        return float(np.mean(self.widths <= self.width))

    def __str__(self) -> str:
        goal = "on average" if self.assurance is None else f"in {self.assurance:.0%} of cohorts"
        ten, ninety = np.quantile(self.widths, [0.1, 0.9])
        low, high = np.quantile(self.aucs, [0.025, 0.975])
        answer = (
            f"{self.n:,} samples, {self.events:,} of them with the event, show an AUC of "
            f"{self.auc:g} of panel {self.panel} with a {100 * self.level:.4g}% interval "
            f"({self.method}) of width {self.width:g} {goal}."
        )
        if self.enrolled > self.n:
            answer += f"\n{self.unscored:.1%} have no score: {self.enrolled:,} are to be measured."
        found = (
            f"In {len(self.widths):,} simulated cohorts of {self.reference}: width "
            f"{self.widths.mean():.3f} (80% of them {ten:.3f} to {ninety:.3f}; {self.reached:.0%} "
            f"reach {self.width:g}), AUC {self.aucs.mean():.3f} (95% of them {low:.3f} to "
            f"{high:.3f})."
        )
        made = f"The events' miRNAs are shifted by {self.shift:.2f} normal scores towards risk."
        return "\n".join([answer, found, made, f"By formula: {self.by_formula}"])


def samples_for_panel(
    panel: PanelLike,
    auc: float,
    width: float,
    prevalence: float,
    *,
    seed: int,
    reference: Reference | str | Path | None = None,
    level: float = 0.95,
    assurance: float | None = 0.8,
    cohorts: int = 300,
    method: Method = DEFAULT,
) -> PanelSampleSize:
    """Return the least cohort in which a panel shows an AUC with an interval of a width.

    Patients like those of the reference are simulated; in those with the event the panel's
    miRNAs are moved towards risk, all by the same number of normal scores, until the panel's
    score has the AUC asked for. Cohorts are then drawn from 2,000 of each kind.

    Parameters
    ----------
    panel : Panel, FittedPanel, str or Path
        A fitted panel without covariates, or one of the literature.
    auc, width, prevalence : float
        As in `samples_for_auc`.
    seed : int
    reference : Reference, str or Path
        Of sequencing; a fitted panel brings its own.
    level : float, default 0.95
    assurance : float or None, default 0.8
        Share of cohorts whose interval is to be no wider; None: the mean interval.
    cohorts : int, default 300
        Simulated for every size that is tried.
    method : str
        Of the interval, as in `mirrisk.validation.discrimination.auc_interval`.

    Returns
    -------
    PanelSampleSize
        Its n has the error of the simulation, about 1% with the default.

    Raises
    ------
    MismatchError
        If an argument makes no sense, the AUC is out of the panel's reach, or more than 20,000
        samples would be needed.
    InvalidReferenceError
        If a panel of the literature comes without a reference.

    Examples
    --------
    >>> needed = samples_for_panel(
    ...     "prostate", 0.75, 0.2, 0.3, reference="tcga-prad", assurance=None, cohorts=20, seed=1
    ... )
    >>> 70 < needed.n < 140
    True
    """
    check_question(auc, width, prevalence, level)
    if assurance is not None and not 0 < assurance < 1:
        raise MismatchError(f"assurance is {assurance}", expected="a share, or None for the mean")
    if cohorts < 2:
        raise MismatchError(f"cohorts is {cohorts}", expected="2 or more")
    by_formula = samples_for_auc(auc, width, prevalence, level=level)
    risk, own = _risk(panel, reference)
    patients = _patients(risk, own, auc, seed)
    draws = _Draws(patients, prevalence, cohorts, seed, level, method)

    def suffices(n: int) -> bool:
        found = draws.intervals(n).widths
        reached = found.mean() if assurance is None else np.quantile(found, assurance)
        return bool(reached <= width)

    n = least_that(suffices, smallest(prevalence), MOST_SIMULATED)
    found = draws.intervals(n)
    return PanelSampleSize(
        n=n,
        events=draws.events(n),
        enrolled=math.ceil(n / (1 - patients.unscored)),
        auc=float(auc),
        width=float(width),
        prevalence=float(prevalence),
        level=float(level),
        assurance=assurance,
        shift=patients.shift,
        unscored=patients.unscored,
        widths=found.widths,
        aucs=found.aucs,
        by_formula=by_formula,
        panel=risk.id,
        reference=own.name,
        method=method,
    )


def _risk(
    panel: PanelLike, reference: Reference | str | Path | None
) -> tuple[Panel | FittedPanel, Reference]:
    """Return the panel, and the reference whose patients are simulated."""
    found = load_panel(panel)
    if isinstance(found, FittedPanel):
        if reference is not None:
            raise MismatchError(
                f"a reference for the fitted panel {found.id!r}, which brings its own",
                remedy="leave the reference out",
            )
        if found.covariates:
            names = ", ".join(covariate.name for covariate in found.covariates)
            raise MismatchError(
                f"panel {found.id!r} needs {names}, which cannot be simulated",
                expected="a panel of miRNAs alone",
                remedy="use the formula: samples_for_auc",
            )
        return found, found.reference
    if reference is None:
        raise InvalidReferenceError(
            f"no reference for panel {found.id!r}",
            expected="the reference whose patients are to be simulated",
        )
    own = reference if isinstance(reference, Reference) else Reference.load(reference)
    return found, own


class _Patients(NamedTuple):
    """Risks of simulated patients that have a score, and how they were made."""

    events: FloatArray
    others: FloatArray
    shift: float
    unscored: float


def _patients(panel: Panel | FittedPanel, reference: Reference, auc: float, seed: int) -> _Patients:
    """Simulate patients in whom the panel has an AUC, by shifting the events' miRNAs.

    The normal quantile of the AUC is nearly proportional to the shift.
    """
    others = _scored(panel, reference, 0.0, seed=seed + 1)

    def at(shift: float) -> tuple[FloatArray, float]:
        events = _scored(panel, reference, shift, seed=seed)
        risk = np.concatenate([_known(events), _known(others)])
        y = np.repeat([1, 0], [len(_known(events)), len(_known(others))])
        return events, auc_of(y, risk)

    low, high, shift = 0.0, FARTHEST_SHIFT, FIRST_SHIFT
    quantile = NormalDist().inv_cdf
    for _ in range(STEPS):
        events, found = at(shift)
        if abs(found - auc) <= CLOSE:
            unscored = float(np.isnan(np.concatenate([events, others])).mean())
            return _Patients(_known(events), _known(others), shift, unscored)
        low, high = (shift, high) if found < auc else (low, shift)
        clipped = min(max(found, 0.5 + 1e-3), 1 - 1e-6)
        # The chord from no shift; where it leads out of what is left, halve that.
        guess = shift * quantile(auc) / quantile(clipped)
        shift = guess if low < guess < high else (low + high) / 2
    if high == FARTHEST_SHIFT:
        raise MismatchError(
            f"panel {panel.id!r} does not reach an AUC of {auc:g} in reference {reference.name!r}",
            expected=f"an AUC that a shift of up to {FARTHEST_SHIFT:g} normal scores makes",
            remedy="use the formula: samples_for_auc",
        )
    raise MismatchError(
        f"no shift was found that gives panel {panel.id!r} an AUC of {auc:g}",
        remedy="use the formula: samples_for_auc",
    )


def _scored(
    panel: Panel | FittedPanel, reference: Reference, shift: float, *, seed: int
) -> FloatArray:
    """Return risks of simulated patients whose miRNAs are moved towards risk; NaN unscored."""
    if isinstance(panel, FittedPanel):
        effects = {t.key: math.copysign(shift, t.coefficient) for t in panel.terms if t.coefficient}
        simulated = cohort(reference, POOL, seed=seed, effects=effects, shifted=1.0)
    else:
        simulated = cohort(reference, POOL, seed=seed, panel=panel, shifted=1.0, shift=shift)
    expression = as_expression(
        simulated.counts, unit="counts", level=reference.level, specimen=reference.specimen
    )
    result = score_panel(panel, reference, reference.measure(expression))
    if isinstance(panel, FittedPanel):
        return result.probability
    return result.score


def _known(risk: FloatArray) -> FloatArray:
    return risk[~np.isnan(risk)]


class _Intervals(NamedTuple):
    aucs: FloatArray
    widths: FloatArray


class _Draws:
    """Cohorts of any size: that of n is the beginning of that of n + 1."""

    def __init__(
        self,
        patients: _Patients,
        prevalence: float,
        cohorts: int,
        seed: int,
        level: float,
        method: Method,
    ) -> None:
        self.patients = patients
        self.prevalence = prevalence
        self.cohorts = cohorts
        self.seed = seed
        self.level = level
        self.method = method
        self._found: dict[int, _Intervals] = {}

    def events(self, n: int) -> int:
        """Return the events in a cohort: at least two, and as many non-events."""
        return min(max(round(n * self.prevalence), 2), n - 2)

    def intervals(self, n: int) -> _Intervals:
        """Return estimates and widths of the intervals in all cohorts of n."""
        if n not in self._found:
            self._found[n] = self._intervals(n)
        return self._found[n]

    def _intervals(self, n: int) -> _Intervals:
        events = self.events(n)
        y = np.repeat([1, 0], [events, n - events])
        found = [
            delong(y, np.concatenate([e, o]))
            for e, o in zip(
                self._draw(self.patients.events, events, 0),
                self._draw(self.patients.others, n - events, 1),
                strict=True,
            )
        ]
        aucs = np.array([each.auc for each in found])
        variances = np.array([each.variance for each in found])
        low, high = auc_limits(aucs, variances, events, n - events, self.level, self.method)
        return _Intervals(aucs, high - low)

    def _draw(self, risks: FloatArray, size: int, kind: int) -> list[FloatArray]:
        """Draw with replacement; each cohort has a stream of its own."""
        drawn = []
        for number in range(self.cohorts):
            rng = np.random.default_rng([self.seed, kind, number])
            rows: IntArray = rng.integers(len(risks), size=size)
            drawn.append(risks[rows])
        return drawn
