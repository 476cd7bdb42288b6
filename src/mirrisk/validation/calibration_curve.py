"""The flexible calibration curve and how far it lies from the diagonal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.validation.lowess import lowess

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray


@dataclass(frozen=True)
class CalibrationCurve:
    """Observed risk as a smooth function of the predicted risk.

    Attributes
    ----------
    predicted, observed : tuple of float
        The distinct predicted risks, ascending, and the smoothed outcome at each.
    ici, e50, e90, emax : float
        Mean (integrated calibration index, rms's Eavg), median, 90th percentile and maximum of
        the distance between predicted and observed risk, over the samples.
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    ici: float
    e50: float
    e90: float
    emax: float

    @classmethod
    def of(cls, predicted: FloatArray, outcome: FloatArray) -> CalibrationCurve:
        """Smooth the outcome (or its pseudo-observations) over the predicted risk."""
        smooth = lowess(predicted, outcome)
        distance = np.abs(predicted - smooth)
        distinct, first = np.unique(predicted, return_index=True)
        return cls(
            predicted=tuple(distinct.tolist()),
            observed=tuple(smooth[first].tolist()),
            ici=float(distance.mean()),
            e50=float(np.median(distance)),
            e90=float(np.quantile(distance, 0.9)),
            emax=float(distance.max()),
        )

    def __str__(self) -> str:
        return (
            f"distance from the diagonal: mean {self.ici:.3f}, median {self.e50:.3f}, "
            f"90th percentile {self.e90:.3f}, maximum {self.emax:.3f}"
        )
