"""Who was at risk at each event: the partial likelihood of Cox regression and what follows.

Event times are few (10 to 300) and so are samples: the risk sets are held as a matrix of weights,
one row per distinct event time. All sums over risk sets are then products with this matrix, in
which nothing cancels, whatever the times of entry and the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.columns import numbers
from mirrisk.fitting.endpoint import one_event

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray, IntArray

UNDERFLOW = -600.0
"""Log hazards this far below the highest count as this: their exponentials must not be 0."""


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Event times, what happened at them, and who could have had the event.

    Attributes
    ----------
    times : array of shape (n_times,)
        The distinct times of events, ascending.
    deaths : array of shape (n_times,)
        Weight of the events at each.
    at_risk : array of shape (n_times, n_samples)
        Weight of each sample in the risk set of each event time, 0 outside.
    events : array of shape (n_samples,)
        Weight of each sample's events.
    mass : array of shape (n_samples,)
        Weight of each sample: that of its heaviest row. They add up to the number of samples
        whose weight is above 0.
    """

    times: FloatArray
    deaths: FloatArray
    at_risk: FloatArray
    events: FloatArray
    mass: FloatArray

    @classmethod
    def of(
        cls,
        time: ArrayLike,
        event: ArrayLike,
        *,
        start: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        sample: ArrayLike | None = None,
        n_samples: int | None = None,
    ) -> RiskSets:
        """Check rows of follow-up (see :func:`mirrisk.fitting.cox.fit_cox_path`)."""
        stop, code = one_event(time, event)
        begin = _starts(start, stop)
        weight = _row_weights(weights, stop)
        owner, n = _owners(sample, len(stop), n_samples)
        if not (weight * code).any():
            raise MismatchError(
                "every event has the weight 0", expected="an event of a weight above 0"
            )
        mass = np.zeros(n)
        np.maximum.at(mass, owner, weight)
        scale = np.count_nonzero(mass) / mass.sum()
        weight = weight * scale
        times = np.unique(stop[(code == 1) & (weight > 0)])
        happened = np.where(code == 1, weight, 0.0)
        # A row's weight of 0 may have an event at a time without another: it finds a neighbour's
        # place, and adds nothing there.
        place = np.minimum(np.searchsorted(times, stop), len(times) - 1)
        return cls(
            times=times,
            deaths=np.bincount(place, happened, len(times)).astype(float, copy=False),
            at_risk=_at_risk(times, begin, stop, weight, owner, n),
            events=np.bincount(owner, happened, n).astype(float, copy=False),
            mass=mass * scale,
        )

    @property
    def n(self) -> int:
        """The number of samples of a weight above 0."""
        return int(np.count_nonzero(self.mass))

    def log_likelihood(self, eta: FloatArray) -> FloatArray:
        """Return the log partial likelihood (Breslow) of log hazards (..., n_samples)."""
        risk, shift = _relative(eta)
        sums = risk @ self.at_risk.T
        # What is lost below the shift of the highest log hazard is too little to matter.
        return np.asarray(eta @ self.events - (np.log(sums) + shift) @ self.deaths)

    def score(self, eta: FloatArray) -> FloatArray:
        """Return the gradient of the log partial likelihood in the log hazards (..., n_samples)."""
        risk, _ = _relative(eta)
        sums = risk @ self.at_risk.T
        return np.asarray(self.events - risk * ((self.deaths / sums) @ self.at_risk))

    def shares(self, eta: FloatArray) -> FloatArray:
        """Return each sample's probability of having the event at each time, given that one does.

        Array of shape (n_times, n_samples), rows adding to 1.
        """
        risk, _ = _relative(eta)
        shares = self.at_risk * risk
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def information(self, eta: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the information on the columns' coefficients: minus the second derivative."""
        shares = self.shares(eta)
        expected = (shares @ Z) * np.sqrt(self.deaths)[:, None]
        scaled = Z * np.sqrt(self.deaths @ shares)[:, None]
        # Products of a matrix with its own transpose take half the time of others.
        return np.asarray(scaled.T @ scaled - expected.T @ expected)

    def hazard_steps(self, eta: FloatArray) -> FloatArray:
        """Return Breslow's increments of the cumulative hazard where the log hazard is 0."""
        risk, shift = _relative(eta)
        return np.asarray(self.deaths / (self.at_risk @ risk) * np.exp(-shift[0]))


def _relative(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return hazards relative to the highest, and the log of that."""
    shift = eta.max(axis=-1, keepdims=True)
    return np.exp(np.maximum(eta - shift, UNDERFLOW)), shift


def _at_risk(
    times: FloatArray,
    begin: FloatArray,
    stop: FloatArray,
    weight: FloatArray,
    owner: IntArray,
    n: int,
) -> FloatArray:
    """Spread each row over the event times in its (start, stop]."""
    first = np.searchsorted(times, begin, side="right")
    count = np.searchsorted(times, stop, side="right") - first
    row = np.repeat(np.arange(len(stop)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    cell = (first[row] + within) * n + owner[row]
    cells = np.bincount(cell, weight[row], len(times) * n)
    return cells.astype(float, copy=False).reshape(len(times), n)


# -- checks -----------------------------------------------------------------------------------


def _starts(start: ArrayLike | None, stop: FloatArray) -> FloatArray:
    if start is None:
        return np.zeros(len(stop))
    begin = numbers(start, "start")
    if begin.shape != stop.shape:
        raise MismatchError(
            f"start has the shape {begin.shape}, time {stop.shape}", expected="a start per time"
        )
    wrong = ~((begin >= 0) & (begin < stop))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise MismatchError(
            f"start is {begin[row]:g}, time {stop[row]:g}",
            where=f"row {row}",
            expected="a start of 0 or more, before the time",
        )
    return begin


def _row_weights(weights: ArrayLike | None, stop: FloatArray) -> FloatArray:
    if weights is None:
        return np.ones(len(stop))
    given = numbers(weights, "weights")
    if given.shape != stop.shape:
        raise MismatchError(
            f"weights has the shape {given.shape}, time {stop.shape}", expected="a weight per time"
        )
    if not (np.isfinite(given) & (given >= 0)).all():
        raise MismatchError("a weight is negative or not finite", expected="0 or more")
    return given


def _owners(sample: ArrayLike | None, rows: int, n_samples: int | None) -> tuple[IntArray, int]:
    if sample is None:
        if n_samples not in {None, rows}:
            raise MismatchError(
                f"time has {rows} rows, X has {n_samples}", expected="one time per sample"
            )
        return np.arange(rows), rows
    owner = np.asarray(sample)
    if owner.shape != (rows,) or owner.dtype.kind not in "iu":
        raise MismatchError(
            f"sample has the shape {owner.shape} and holds {owner.dtype}, time has {rows} rows",
            expected="for each row of follow-up the row of X that it belongs to",
        )
    n = int(owner.max()) + 1 if n_samples is None else n_samples
    if owner.min() < 0 or owner.max() >= n:
        raise MismatchError(
            f"sample holds {owner.min()} to {owner.max()}, X has {n} rows",
            expected="rows of X, from 0",
        )
    return owner.astype(np.intp), n
