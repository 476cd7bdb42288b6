"""Cleveland's locally weighted straight lines, as R's lowess computes them without iterations.

References
----------
Cleveland WS. Robust locally weighted regression and smoothing scatterplots. J Am Stat Assoc
1979;74:829-836. doi:10.1080/01621459.1979.10481038
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray

_SPAN = 2 / 3
_DELTA = 0.01
_NEAR, _FAR = 0.001, 0.999
_FLAT = 0.001


def lowess(x: FloatArray, y: FloatArray, span: float = _SPAN, delta: float = _DELTA) -> FloatArray:
    """Smooth y over x.

    Parameters
    ----------
    x, y : arrays of shape (n_samples,)
        Finite, in any order.
    span : float, default 2/3
        Share of the samples that bear on each line.
    delta : float, default 0.01
        Between points nearer to each other than this share of the range of x the smooth is
        interpolated: some hundred lines, however many samples there are.

    Returns
    -------
    array of shape (n_samples,)
        The smooth at each x. It is no probability: it may leave 0 to 1.

    Notes
    -----
    Equal to R's ``lowess(x, y, f=span, iter=0)``. Robust iterations would take the rarer outcome
    for outliers, so a binary y has none.

    References
    ----------
    doi:10.1080/01621459.1979.10481038
    """
    order = np.argsort(x, kind="stable")
    x_sorted, y_sorted = x[order], y[order]
    neighbours = min(max(int(span * len(x) + 1e-7), 2), len(x))
    at = _fitted_points(x_sorted, delta * np.ptp(x))
    fitted = [_line_at(x_sorted, y_sorted, point, neighbours) for point in x_sorted[at]]
    smooth = np.empty(len(x))
    smooth[order] = np.interp(x_sorted, x_sorted[at], fitted)
    return smooth


def _fitted_points(x: FloatArray, delta: float) -> list[int]:
    """Return positions, far enough apart, between which the smooth is interpolated."""
    points, last = [0], 0
    while True:
        tied = int(np.searchsorted(x, x[last], side="right"))
        if tied >= len(x):
            return points
        # The last one within reach, or the next value where none is.
        within = int(np.searchsorted(x, x[last] + delta, side="right"))
        last = max(tied, within - 1)
        points.append(last)


def _line_at(x: FloatArray, y: FloatArray, point: float, neighbours: int) -> float:
    """Fit a straight line to the neighbours of a point and return its height there."""
    distance = np.abs(x - point)
    radius = np.partition(distance, neighbours - 1)[neighbours - 1]
    flat = _FLAT * np.ptp(x)
    # Samples at the radius itself have no weight; that they are not counted keeps R's rounding.
    near = distance <= _FAR * radius
    distance, x, y = distance[near], x[near], y[near]
    weight = np.ones(len(x))
    away = distance > _NEAR * radius
    weight[away] = (1 - (distance[away] / radius) ** 3) ** 3
    weight /= weight.sum()
    centred = x - weight @ x
    spread = weight @ centred**2
    if radius > 0 and np.sqrt(spread) > flat:
        weight *= 1 + (point - x + centred) * centred / spread
    return float(weight @ y)
