"""Complementary-pairs stability selection and its bounds on false selections.

Shah & Samworth 2013: a selection is run on both halves of many random splits of the samples; what
is selected on at least a given share of the halves is stable. The bounds are on the expected
number of stable features among those that a single half selects no more often than a random
choice of as many features would (with a probability of at most q / p).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy.optimize import brentq, fminbound

from mirrisk.errors import MismatchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

    Select: TypeAlias = Callable[[IntArray], ArrayLike]

Assumption = Literal["none", "unimodal", "r-concave"]

ROUNDING = 1e-9
"""By so much, relatively, may two numbers differ that are meant to be equal."""

SEARCH = np.finfo(np.float64).eps ** 0.25
"""Tolerance of R's ``optimize``, with which stabs looks for the r-concave bound."""


@dataclass(frozen=True, eq=False)
class Stability:
    """How often each feature was selected.

    Attributes
    ----------
    frequencies : array of shape (n_features,)
        Share of the halves that selected it, 0 to 1; the bounds are about these.
    simultaneous : array of shape (n_features,)
        Share of the pairs of which both halves selected it, 0 to 1.
    selected : float
        How many features a half selected on average: q of the bounds.
    pairs : int
        Pairs of halves.
    """

    frequencies: FloatArray
    simultaneous: FloatArray
    selected: float
    pairs: int


def stability_selection(
    select: Select,
    n: int,
    *,
    pairs: int = 50,
    seed: int,
    strata: ArrayLike | None = None,
    n_jobs: int = 1,
) -> Stability:
    """Run a selection on both halves of many random splits of the samples.

    Parameters
    ----------
    select : callable
        Takes the row numbers of a half, an integer array in ascending order, and returns a
        boolean array of shape (n_features,): what it selects there. To let the bounds hold it
        must depend on these samples alone. With ``n_jobs`` it must be picklable.
    n : int
        Samples, 4 or more. Where patients have several samples let n count patients, and
        `select` look up theirs.
    pairs : int, default 50
        Splits; 50 give 100 halves.
    seed : int
        Of the splits, which do not depend on `n_jobs`.
    strata : array of shape (n,), optional
        The outcome, say: each half then has half of the samples of each value. A half has
        ``n // 2`` samples without strata; with them, the odd sample of a stratum is left out.
    n_jobs : int, default 1
        Processes, as in joblib; -1 for all cores.

    Returns
    -------
    Stability

    Raises
    ------
    MismatchError
        `n`, `pairs` or `strata` make no sense, or `select` returns something else.

    References
    ----------
    Shah RD, Samworth RJ. Variable selection with error control: another look at stability
    selection. Journal of the Royal Statistical Society B 2013;75:55-80.
    doi:10.1111/j.1467-9868.2011.01034.x

    Examples
    --------
    >>> X = np.random.default_rng(1).normal(size=(40, 3)) + [2, 0, 0]
    >>> found = stability_selection(lambda rows: X[rows].mean(axis=0) > 1, 40, pairs=10, seed=1)
    >>> found.frequencies
    array([1., 0., 0.])
    """
    if n < 4 or pairs < 1:
        raise MismatchError(f"n={n}, pairs={pairs}", expected="4 samples and 1 pair, or more")
    halves = _halves(_strata(strata, n), pairs, seed)
    masks = _run(select, halves, n_jobs)
    first, second = masks[0::2], masks[1::2]
    return Stability(
        frequencies=masks.mean(axis=0),
        simultaneous=(first & second).mean(axis=0),
        selected=float(masks.sum(axis=1).mean()),
        pairs=pairs,
    )


def expected_false_selections(
    q: float,
    p: int,
    threshold: float,
    assumption: Assumption = "unimodal",
    *,
    pairs: int = 50,
    exact: bool = False,
) -> float:
    """Bound the expected number of stable features that are no better than chance.

    Parameters
    ----------
    q : float
        Features that a half selects on average, above 0 and at most `p`.
    p : int
        Features in all.
    threshold : float
        Share of the halves from which on a feature is stable, above 0 and at most 1. Shares are
        multiples of ``1 / (2 * pairs)``; a threshold between two of them means the upper one.
    assumption : {"none", "unimodal", "r-concave"}, default "unimodal"
        What the frequencies of such features are like: nothing is known; that of being selected
        by both halves of a pair is unimodal; it is r-concave with r = -1/2, and that of being
        selected by a half with r = -1/4. The stronger the assumption, the smaller the bound.
    pairs : int, default 50
        Splits into halves, 2 or more.
    exact : bool, default False
        Take the r-concave bound at its supremum. The default is what stabs returns, whose
        numerical search stops short of it: for 25 to 100 pairs by up to 2% at thresholds of 0.8
        or less, 5% at 0.9, 40% at 1.

    Returns
    -------
    float
        The bound; `p` where the theory gives none.

    Raises
    ------
    MismatchError
        An argument is out of range.

    Notes
    -----
    The figures are those of ``stabsel_parameters(sampling.type = "SS")`` of the R package stabs.

    References
    ----------
    Shah RD, Samworth RJ. Variable selection with error control: another look at stability
    selection. Journal of the Royal Statistical Society B 2013;75:55-80.
    doi:10.1111/j.1467-9868.2011.01034.x

    Examples
    --------
    >>> expected_false_selections(20, 800, 0.75, "none")
    1.0
    >>> round(expected_false_selections(20, 800, 0.75, "r-concave"), 3)
    0.122
    """
    _check(q, p, assumption, pairs)
    if not 0 < threshold <= 1:
        raise MismatchError(f"threshold={threshold}", expected="above 0, at most 1")
    steps = math.ceil(threshold * 2 * pairs * (1 - ROUNDING))
    return _bound(q, p, steps, assumption, pairs, exact=exact)


def threshold_for(
    q: float,
    p: int,
    false_selections: float,
    assumption: Assumption = "unimodal",
    *,
    pairs: int = 50,
    exact: bool = False,
) -> float:
    """Return the least threshold that bounds the expected number of false selections.

    Parameters
    ----------
    q, p, assumption, pairs, exact
        As for :func:`expected_false_selections`.
    false_selections : float
        The number that is acceptable on average, above 0. As in stabs the bound may equal it,
        but must be smaller under "unimodal".

    Returns
    -------
    float
        A multiple of ``1 / (2 * pairs)``, at most 1.

    Raises
    ------
    MismatchError
        An argument is out of range, or no threshold is enough.

    Examples
    --------
    >>> threshold_for(20, 800, 1.0, "r-concave")
    0.48
    """
    _check(q, p, assumption, pairs)
    if not false_selections > 0:
        raise MismatchError(f"false_selections={false_selections}", expected="a number above 0")
    accepted = false_selections * (1 + (-ROUNDING if assumption == "unimodal" else ROUNDING))

    def bound(steps: int) -> float:
        return _bound(q, p, steps, assumption, pairs, exact=exact)

    too_low, enough = 0, 2 * pairs
    if bound(enough) > accepted:
        raise MismatchError(
            f"even at the threshold 1 the bound is {bound(enough):.3g} false selections",
            expected=f"{false_selections:g}",
            remedy="select fewer features on each half, or make more pairs",
        )
    while enough - too_low > 1:
        middle = (too_low + enough) // 2
        if bound(middle) <= accepted:
            enough = middle
        else:
            too_low = middle
    return enough / (2 * pairs)


# -- selection --------------------------------------------------------------------------------


def _strata(strata: ArrayLike | None, n: int) -> IntArray:
    if strata is None:
        return np.zeros(n, dtype=np.intp)
    values = np.asarray(strata)
    if values.shape != (n,):
        raise MismatchError(
            f"strata has the shape {values.shape}", expected=f"one value for each of {n} samples"
        )
    codes: IntArray = np.unique(values, return_inverse=True)[1]
    if np.bincount(codes).min() < 2:
        raise MismatchError("a stratum has one sample", expected="two or more, one for each half")
    return codes


def _halves(strata: IntArray, pairs: int, seed: int) -> list[IntArray]:
    """Return the row numbers of the halves; two that follow each other are disjoint."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    halves = []
    for _ in range(pairs):
        shuffled = [rng.permutation(rows) for rows in members]
        first = [rows[: len(rows) // 2] for rows in shuffled]
        second = [rows[len(rows) // 2 : len(rows) // 2 * 2] for rows in shuffled]
        halves += [np.sort(np.concatenate(first)), np.sort(np.concatenate(second))]
    return halves


def _run(select: Select, halves: list[IntArray], n_jobs: int) -> BoolArray:
    if n_jobs == 1:
        found = [select(half) for half in halves]
    else:
        from joblib import Parallel, delayed

        found = Parallel(n_jobs=n_jobs)(delayed(select)(half) for half in halves)
    masks = [np.asarray(mask) for mask in found]
    shape = masks[0].shape
    wrong = [m for m in masks if m.dtype != np.bool_ or m.ndim != 1 or m.shape != shape]
    if wrong:
        raise MismatchError(
            f"select returned {wrong[0].dtype} values of shape {wrong[0].shape}",
            expected="a boolean array with a value for each feature, as many on each half",
        )
    return np.stack(masks)


# -- bounds -----------------------------------------------------------------------------------


def _check(q: float, p: int, assumption: str, pairs: int) -> None:
    if not 0 < q <= p:
        raise MismatchError(f"q={q}, p={p}", expected="0 < q <= p")
    if pairs < 2:
        raise MismatchError(f"pairs={pairs}", expected="2 or more")
    if assumption not in get_args(Assumption):
        raise MismatchError(
            f"assumption={assumption!r} is unknown", expected="'none', 'unimodal' or 'r-concave'"
        )


def _bound(
    q: float, p: int, steps: int, assumption: Assumption, pairs: int, *, exact: bool
) -> float:
    """Bound the false selections at the threshold ``steps / (2 * pairs)``."""
    if assumption == "r-concave":
        # A frequency over all halves of tau needs both halves of 2 tau - 1 of the pairs.
        simultaneous = _r_concave_tail((q / p) ** 2, steps - pairs, pairs, -1 / 2, exact=exact)
        overall = _r_concave_tail(q / p, steps, 2 * pairs, -1 / 4, exact=exact)
        return p * min(simultaneous, overall, 1.0)
    factor = _markov_factor if assumption == "none" else _unimodal_factor
    return min(q**2 / p * factor(q / p, steps, pairs), float(p))


def _markov_factor(_theta: float, steps: int, pairs: int) -> float:
    """Return what theorem 1 multiplies q^2 / p with; infinite where it says nothing."""
    return 1 / (steps / pairs - 1) if steps > pairs else math.inf


def _unimodal_factor(theta: float, steps: int, pairs: int) -> float:
    """Return what theorem 2 multiplies q^2 / p with; infinite where it says nothing."""
    threshold, step = steps / (2 * pairs), 1 / (2 * pairs)
    least = 1 / 2 + min(theta**2, step + 3 / 4 * theta**2)
    if theta > 1 / math.sqrt(3) or steps < pairs + 2 or threshold <= least:
        return math.inf
    if threshold <= 3 / 4:
        return 1 / (2 * (2 * threshold - 1 - step))
    return 4 * (1 - threshold + step) / (1 + 2 * step)


def _r_concave_tail(mean: float, least: int, size: int, r: float, *, exact: bool) -> float:
    """Return the greatest P(N >= least) of r-concave counts N of 0 to `size` with a given mean.

    The mean is a share of the size. The extreme distributions have probabilities proportional
    to ``(a + i) ** (1 / r)`` for i of 0 to k, and at k + 1 what the mean then demands (Shah &
    Samworth 2013, appendix A.4). For each k, a lies between the value for which k + 1 continues
    the power law and that for which k + 1 has the probability 0.
    """
    expected = mean * size
    first = math.ceil(2 * expected * (1 - ROUNDING)) + 1
    if least < first:
        return 1.0
    counts = np.arange(size + 1)

    def power_law(a: float, k: int) -> FloatArray:
        # Relative to its value at 0, so that nothing overflows.
        return np.asarray((1 + counts[: k + 1] / a) ** (1 / r))

    def surplus(log_a: float, k: int) -> float:
        weights = power_law(math.exp(log_a), k)
        return float(weights @ counts[: k + 1] / weights.sum() - expected)

    def complement(a: float, k: int) -> float:
        weights = power_law(a, k)
        scale = (k + 1 - expected) / (weights @ (k + 1 - counts[: k + 1]))
        return float(scale * weights[:least].sum())

    def tail(a: float, k: int) -> float:
        return 1 - complement(a, k)

    # The greatest tails are at the ends of the intervals; stabs searches between them only.
    ends_too = exact or first == size
    greatest, previous = 0.0, math.nan
    for k in range(max(first, least - 1), size + 1):  # below, nothing reaches `least`
        a = math.exp(brentq(surplus, -100.0, 50.0, args=(k,), xtol=1e-12))
        if ends_too and k >= least:
            greatest = max(greatest, tail(a, k - 1))
        if not math.isnan(previous):
            inside = fminbound(complement, a, previous, args=(k - 1,), xtol=SEARCH)
            greatest = max(greatest, tail(inside, k - 1))
        previous = a
    return greatest
