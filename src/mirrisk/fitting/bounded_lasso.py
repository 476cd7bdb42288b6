"""The minimum of a quadratic form plus L1 penalty within limits, by an active set of coefficients.

Where the signs are known the minimum is that of a linear system. Coefficients that want to leave 0
or a limit are let go, those that reach 0 or a limit on the way may stay there, and the system is
solved anew: tens of times, where coordinate descent sweeps thousands of times once columns are
many and collinear.

References
----------
Lee H, Battle A, Raina R, Ng AY. Efficient sparse coding algorithms. Advances in Neural Information
Processing Systems 2006;19:801-808.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

if TYPE_CHECKING:
    from mirrisk.vocabulary import BoolArray, FloatArray

MAX_ROUNDS = 1000
"""Changes of the active set; tens are usual, and Newton's next step makes up for the rest."""


class BoundedLasso(NamedTuple):
    """Minimise ``x @ matrix @ x / 2 - linear @ x + l1 @ abs(x)`` for ``lower <= x <= upper``.

    Attributes
    ----------
    matrix : array of shape (m, m)
        Symmetric, positive definite.
    linear, l1, lower, upper : arrays of shape (m,)
        `l1` is 0 or more; 0 is within the limits.
    """

    matrix: FloatArray
    linear: FloatArray
    l1: FloatArray
    lower: FloatArray
    upper: FloatArray

    def minimum(self, x: FloatArray, tolerance: float) -> FloatArray:
        """Return the minimum, from a start within the limits: no slope left above tolerance."""
        for _ in range(MAX_ROUNDS):
            gradient = self.matrix @ x - self.linear
            slope = self._descent(x, gradient)
            inside = (x != 0) & (x > self.lower) & (x < self.upper)
            waiting = ~inside & (np.abs(slope) > tolerance)
            if np.abs(slope[inside]).max(initial=0.0) > tolerance:
                way = self._way(x, np.sign(x), inside)
            elif waiting.any():
                way = self._way_of_released(x, slope, inside, waiting)
            else:
                break
            x = self._best_on(way, x, gradient)
        return x

    def _descent(self, x: FloatArray, gradient: FloatArray) -> FloatArray:
        """Return how steep the objective falls along each coefficient, negative if to the left."""
        rightward = -gradient - np.where(x >= 0, self.l1, -self.l1)
        leftward = gradient + np.where(x > 0, self.l1, -self.l1)
        rightward = np.where(x < self.upper, np.maximum(rightward, 0.0), 0.0)
        leftward = np.where(x > self.lower, np.maximum(leftward, 0.0), 0.0)
        return np.where(rightward >= leftward, rightward, -leftward)

    def _way(self, x: FloatArray, side: FloatArray, free: BoolArray) -> FloatArray:
        """Return the way to the minimum over the free coefficients if all stay on their side."""
        rest = self.linear[free] - self.l1[free] * side[free]
        rest -= self.matrix[np.ix_(free, ~free)] @ x[~free]
        way = np.zeros(len(x))
        way[free] = cho_solve(cho_factor(self.matrix[np.ix_(free, free)]), rest) - x[free]
        return way

    def _way_of_released(
        self, x: FloatArray, slope: FloatArray, inside: BoolArray, waiting: BoolArray
    ) -> FloatArray:
        """Let as many of those waiting go as then move downhill, at least the steepest.

        Together they may push one another uphill; one alone always moves down its slope.
        """
        side = np.where(x != 0, np.sign(x), np.sign(slope))
        released = waiting
        while released.any():
            way = self._way(x, side, inside | released)
            uphill = released & (way * slope <= 0)
            if not uphill.any():
                return way
            released = released & ~uphill
        released[np.argmax(np.where(waiting, np.abs(slope), 0.0))] = True
        return self._way(x, side, inside | released)

    def _best_on(self, way: FloatArray, x: FloatArray, gradient: FloatArray) -> FloatArray:
        """Return the lowest of the way's end and the points where coefficients pass 0.

        The way ends where the first of them reaches a limit.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            to_zero = -x / way
            to_limit = (np.where(way > 0, self.upper, self.lower) - x) / way
        to_limit[way == 0] = np.inf
        end = min(1.0, to_limit.min())
        stops = np.append(to_zero[(to_zero > 0) & (to_zero < end)], end)
        values = stops * (gradient @ way) + stops**2 / 2 * (way @ self.matrix @ way)
        values += np.abs(x + stops[:, None] * way) @ self.l1
        share = stops[np.argmin(values)]
        there = np.asarray(np.clip(x + share * way, self.lower, self.upper))
        there[to_zero == share] = 0.0
        at_limit = to_limit == share
        there[at_limit] = np.where(way > 0, self.upper, self.lower)[at_limit]
        return there
