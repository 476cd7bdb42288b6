"""The mixings and penalties that tuning compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.families import BINOMIAL
from mirrisk.fitting.penalties import LEAST_MIXING, least_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mirrisk.fitting.directions import Design
    from mirrisk.fitting.families import Family
    from mirrisk.vocabulary import FloatArray

STEP = 0.85
"""A solver is led to a penalty by stronger ones, each this share of the one before: warm starts
along a path cost less than one cold start."""

WEAK_MIXING = 0.1
"""The strongest penalty of a weaker mixing than this is as much higher (ridge never leaves anything
out), and its floor as much lower: else the path of ridge would end long before its best penalty."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The mixings and penalties that are compared.

    Attributes
    ----------
    mixings : tuple of float
    penalties : ndarray of shape (n_mixings, n_penalties)
        Descending; per normal score, of a candidate that the literature says nothing of.
    weakest : tuple of float
        Per mixing, how far the path may be followed on where its last penalty is the best.
    """

    mixings: tuple[float, ...]
    penalties: FloatArray
    weakest: tuple[float, ...]

    @classmethod
    def of(
        cls,
        values: FloatArray,
        y: Any,
        design: Design,
        mixings: Sequence[float],
        *,
        n_penalties: int,
        min_ratio: float,
        family: Family = BINOMIAL,
    ) -> Grid:
        """Space penalties evenly on the log scale, from the least that leaves nothing in.

        Raises
        ------
        MismatchError
            If no finite coefficients of the covariates are optimal, or an argument is out of
            range.
        """
        if not mixings or not all(0 <= mixing <= 1 for mixing in mixings):
            raise MismatchError(f"mixings is {mixings!r}", expected="numbers from 0 to 1")
        if n_penalties < 1 or not 0 < min_ratio < 1:
            raise MismatchError(
                f"n_penalties={n_penalties}, min_ratio={min_ratio}",
                expected="1 or more, and a share above 0 and below 1",
            )
        # Where no coefficient ever leaves 0 every penalty gives the same model: any will do.
        starts = [strongest(values, y, design, mixing, family) or 1.0 for mixing in mixings]
        floor = least_ratio((len(values), values.shape[1]))
        return cls(
            tuple(map(float, mixings)),
            np.array([np.geomspace(start, start * min_ratio, n_penalties) for start in starts]),
            tuple(
                start * floor * min(1.0, max(mixing, LEAST_MIXING) / WEAK_MIXING)
                for start, mixing in zip(starts, mixings, strict=True)
            ),
        )

    @classmethod
    def held(cls, mixing: float, penalty: float) -> Grid:
        """Return the grid of one penalty.

        Raises
        ------
        MismatchError
            If an argument is out of range.
        """
        if not 0 <= mixing <= 1 or not 0 < penalty < np.inf:
            raise MismatchError(
                f"mixing={mixing}, penalty={penalty}",
                expected="from 0 to 1, and a finite number above 0",
            )
        return cls((float(mixing),), np.array([[float(penalty)]]), (float(penalty),))

    def whole(self, mixing: int) -> FloatArray:
        """Return the penalties of a mixing, continued as evenly to the weakest that it may have."""
        path: FloatArray = self.penalties[mixing]
        if len(path) < 2 or path[-1] <= self.weakest[mixing]:
            return path
        step = float(path[1] / path[0])
        count = int(np.floor(np.log(self.weakest[mixing] / path[-1]) / np.log(step) + 1e-9))
        return np.concatenate([path, path[-1] * step ** np.arange(1, count + 1)])


def strongest(
    values: FloatArray, y: Any, design: Design, mixing: float, family: Family = BINOMIAL
) -> float:
    """Return the least penalty that leaves no candidate in, per unit factor."""
    return (
        family.strongest(
            design.columns(values),
            y,
            alpha=mixing,
            lower=design.lower,
            upper=design.upper,
            penalty_factors=design.factors,
            standardize=False,
        )
        / design.scale
    )


def leading(
    values: FloatArray, y: Any, design: Design, mixing: float, penalty: float, family: Family
) -> FloatArray:
    """Return penalties from the strongest to one, which is the last: one fit, warm-started."""
    start = strongest(values, y, design, mixing, family)
    if start <= penalty:
        return np.array([penalty])
    steps = int(np.ceil(np.log(penalty / start) / np.log(STEP)))
    return np.append(np.geomspace(start, penalty, steps + 1)[:-1], penalty)
