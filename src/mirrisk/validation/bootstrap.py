"""Intervals of any statistic by the bootstrap: stratified, with whole groups, failures counted.

Events and non-events are resampled apart, so that each resample has as many of either as the
cohort. Where samples come in groups (several of a patient), groups are resampled whole: those
with an event in any sample apart from those without.

References
----------
Efron B. Better bootstrap confidence intervals. J Am Stat Assoc 1987;82:171-185.
doi:10.1080/01621459.1987.10478410
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.interval import Interval
from mirrisk.validation.outcome import binary_outcome, check_level, group_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray, IntArray

    Rows = IntArray | list[IntArray]
    """The samples of some resamples: a matrix, or lists where groups differ in size."""

BootstrapMethod = Literal["percentile", "bca"]

_CELLS = 2_000_000
"""Of the matrix of one chunk of resamples: some tens of megabytes."""


@dataclass(frozen=True)
class BootstrapInterval(Interval):
    """An estimate with bootstrap limits.

    Attributes
    ----------
    n : int
        Resamples drawn.
    failed : int
        Those among them in which the statistic could not be computed; the limits are of the
        others.
    reasons : tuple of (str, int)
        Why they failed, and how many for this reason.
    seed : int
    """

    n: int = 0
    failed: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    seed: int = 0

    def __str__(self) -> str:
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{super().__str__()[:-1]}, {self.n:,} resamples{failed})"


def bootstrap_interval(
    statistic: Callable[..., FloatArray | float],
    y: ArrayLike,
    *risks: ArrayLike,
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    method: BootstrapMethod = "percentile",
    groups: ArrayLike | None = None,
    vectorized: bool = False,
    measure: str = "",
) -> BootstrapInterval:
    """Return a statistic with bootstrap limits.

    Parameters
    ----------
    statistic : callable
        Called with outcomes and risks of a resample, ``statistic(y, *risks)``.
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    *risks : array-like of shape (n_samples,)
        One risk, or several of the same samples.
    n : int, default 2000
        Resamples.
    seed : int, default 0
    level : float, default 0.95
    method : {"percentile", "bca"}
        Quantiles of the resamples, or these corrected for bias and skewness.
    groups : array-like of shape (n_samples,), optional
        Whose sample each is; groups are resampled whole.
    vectorized : bool, default False
        Whether the statistic takes many resamples at once, in arrays of shape
        (n_resamples, n_samples), and returns one number each. With groups it is called with
        one resample at a time all the same, for these differ in length.
    measure : str, optional
        The statistic's name.

    Returns
    -------
    BootstrapInterval
        A resample fails if the statistic is not finite, or raises a ValueError (MirriskError)
        or ArithmeticError; failures are counted with their reasons.

    Raises
    ------
    MismatchError
        If outcome or risks are not as described, there are fewer than two events or non-events
        (groups with and without an event) to resample, every resample fails, or the method is
        BCa and the statistic fails with one sample (group) left out.

    Notes
    -----
    BCa's acceleration is the jackknife's for several samples, as in ``scipy.stats.bootstrap``,
    against which it is checked. Where the estimate lies outside of all resamples, the bias
    correction counts half a resample beyond it.

    References
    ----------
    doi:10.1080/01621459.1987.10478410

    Examples
    --------
    >>> from mirrisk.validation.discrimination import auc
    >>> y = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    >>> print(bootstrap_interval(auc, y, [1, 2, 3, 4, 6, 7, 5, 8, 9, 10], n=200, measure="AUC"))
    AUC 0.92 (95% CI 0.67 to 1.00, stratified percentile bootstrap, 200 resamples)
    """
    check_level(level)
    if method not in get_args(BootstrapMethod):
        raise MismatchError(f"method {method!r}", expected=" or ".join(get_args(BootstrapMethod)))
    if not risks or n < 2:
        raise MismatchError(f"{len(risks)} risks, n={n}", expected="a risk, n of 2 at least")
    outcome, _ = binary_outcome(y, risks[0])
    columns = (outcome, *(binary_outcome(y, risk)[1] for risk in risks))
    plan = _Plan.of(outcome, group_codes(groups, len(outcome)))
    evaluate = _Evaluation(statistic, columns, vectorized)

    estimate = float(evaluate.values([np.arange(len(outcome))]).item())
    replicates = np.concatenate(
        [evaluate(rows) for rows in plan.resamples(n, np.random.default_rng(seed))]
    )
    kept = replicates[np.isfinite(replicates)]
    if not len(kept):
        raise MismatchError(
            f"the statistic failed in all {n} resamples ({next(iter(evaluate.reasons))})"
        )
    if method == "bca":
        shares = bca_shares(estimate, kept, _influences(evaluate, plan), level)
    else:
        shares = ((1 - level) / 2, (1 + level) / 2)
    low, high = np.quantile(kept, shares)
    name = "BCa" if method == "bca" else "percentile"
    return BootstrapInterval(
        estimate=estimate,
        low=float(low),
        high=float(high),
        level=level,
        method=f"{'grouped' if groups is not None else 'stratified'} {name} bootstrap",
        measure=measure,
        n=n,
        failed=n - len(kept),
        reasons=tuple(evaluate.reasons.items()),
        seed=seed,
    )


def bca_shares(
    estimate: float, replicates: FloatArray, influences: list[FloatArray], level: float
) -> tuple[float, float]:
    """Return the shares of replicates below the limits, corrected for bias and skewness.

    Parameters
    ----------
    estimate : float
        Of the cohort.
    replicates : array of shape (n_resamples,)
        Of the resamples.
    influences : list of arrays
        For each stratum, the mean of the leave-one-out estimates less each, times the size of
        the stratum less 1.
    level : float

    Returns
    -------
    low, high : float
    """
    from scipy.special import ndtr, ndtri

    skewness = sum(float((each**3).sum()) / len(each) ** 3 for each in influences)
    spread = sum(float((each**2).sum()) / len(each) ** 2 for each in influences)
    acceleration = skewness / (6 * spread**1.5) if spread else 0.0
    below = (np.mean(replicates < estimate) + np.mean(replicates <= estimate)) / 2
    half = 0.5 / len(replicates)
    bias = ndtri(np.clip(below, half, 1 - half))
    tails = bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = ndtr(bias + tails / (1 - acceleration * tails))
    return float(low), float(high)


@dataclass(frozen=True)
class _Plan:
    """What is resampled: for each stratum its units, and for each unit its samples."""

    strata: tuple[tuple[IntArray, ...], ...]
    single: bool
    """Whether every unit is one sample."""

    @classmethod
    def of(cls, y: FloatArray, codes: IntArray) -> _Plan:
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        units = np.split(order, starts[1:])
        with_event = [bool(y[unit].any()) for unit in units]
        strata = tuple(
            tuple(unit for unit, has in zip(units, with_event, strict=True) if has is kind)
            for kind in (True, False)
        )
        present = tuple(stratum for stratum in strata if stratum)
        single = len(units) == len(y)
        if min(map(len, present)) < 2:
            what = ("sample", "samples") if single else ("group", "groups")
            raise MismatchError(
                f"{len(strata[0])} {what[1]} with and {len(strata[1])} without the event",
                expected=f"two {what[1]} of a kind at least: one {what[0]} is resampled to itself",
            )
        return cls(present, single)

    def resamples(self, n: int, rng: np.random.Generator) -> Iterator[Rows]:
        """Draw n resamples in chunks, stratum by stratum."""
        samples = sum(len(unit) for stratum in self.strata for unit in stratum)
        size = max(1, _CELLS // samples)
        for start in range(0, n, size):
            count = min(size, n - start)
            drawn = [rng.integers(len(s), size=(count, len(s))) for s in self.strata]
            if self.single:
                parts = zip(self.strata, drawn, strict=True)
                yield np.hstack([np.concatenate(stratum)[which] for stratum, which in parts])
            else:
                yield [self._samples([which[row] for which in drawn]) for row in range(count)]

    def without_each(self) -> Iterator[list[IntArray]]:
        """Leave each unit of a stratum out in turn, stratum by stratum."""
        for number, stratum in enumerate(self.strata):
            every = [np.arange(len(s)) for s in self.strata]
            left: list[IntArray] = []
            for unit in range(len(stratum)):
                kept = [np.delete(w, unit) if i == number else w for i, w in enumerate(every)]
                left.append(self._samples(kept))
            yield left

    def _samples(self, units: list[IntArray]) -> IntArray:
        parts = zip(self.strata, units, strict=True)
        return np.concatenate([stratum[unit] for stratum, which in parts for unit in which])


class _Evaluation:
    """A statistic on resamples; counts why it failed."""

    def __init__(
        self,
        statistic: Callable[..., FloatArray | float],
        columns: tuple[FloatArray, ...],
        vectorized: bool,
    ) -> None:
        self.statistic = statistic
        self.columns = columns
        self.vectorized = vectorized
        self.reasons: Counter[str] = Counter()

    def __call__(self, rows: Rows) -> FloatArray:
        """Return one number per resample; those that failed are not finite."""
        if self.vectorized and isinstance(rows, np.ndarray):
            return self._counted(self.values(rows))
        return np.array([self._value(row) for row in rows])

    def values(self, rows: Rows) -> FloatArray:
        """Return one number per resample, letting errors through."""
        if self.vectorized:
            matrix = np.atleast_2d(np.asarray(rows))
            return np.asarray(self.statistic(*(column[matrix] for column in self.columns)))
        return np.array([self.statistic(*(column[row] for column in self.columns)) for row in rows])

    def _value(self, row: IntArray) -> float:
        try:
            return float(self._counted(self.values([row])).item())
        except (ValueError, ArithmeticError) as error:
            self.reasons[(str(error) or type(error).__name__).splitlines()[0]] += 1
            return np.nan

    def _counted(self, found: FloatArray) -> FloatArray:
        for reason, which in (("NaN", np.isnan(found)), ("infinite", np.isinf(found))):
            if which.any():
                self.reasons[reason] += int(np.count_nonzero(which))
        return found


def _influences(evaluate: _Evaluation, plan: _Plan) -> list[FloatArray]:
    """Return how far each unit pulls the statistic, stratum by stratum (see `bca_shares`)."""
    found = []
    for left in plan.without_each():
        rows: Rows = np.array(left) if plan.single else left
        values = _Evaluation(evaluate.statistic, evaluate.columns, evaluate.vectorized)(rows)
        if not np.isfinite(values).all():
            raise MismatchError(
                f"the statistic failed in {np.count_nonzero(~np.isfinite(values))} of "
                f"{len(values)} subsamples that leave one out, which BCa needs",
                remedy="method='percentile'",
            )
        found.append((len(values) - 1) * (values.mean() - values))
    return found
