"""Closed vocabularies, and names for the arrays that the modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

Unit = Literal["counts", "cpm", "log2", "ct", "delta_ct"]
Level = Literal["mature", "stem-loop"]
Specimen = Literal["tissue", "serum", "ev"]
Direction = Literal["high", "low"]
Undetermined = Literal["missing", "limit", "limit_empty"]

SEQUENCING: tuple[Unit, ...] = ("counts", "cpm")
"""Units whose log2 scale is log2(CPM + 1), which composition and depth bear upon."""

if TYPE_CHECKING:
    # Only annotations use these: reading panels needs no numpy.
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.intp]
