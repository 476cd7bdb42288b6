"""Whether risks by a horizon hold that cross-validation gave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.validation.estimate import Estimate
from mirrisk.validation.samples import json_number
from mirrisk.validation.survival_calibration import calibration_at

if TYPE_CHECKING:
    from mirrisk.validation.follow_up import FollowUp
    from mirrisk.vocabulary import FloatArray

ROUNDING = 1e-9
"""A risk as near to 0 or 1 as this is taken to be at this distance."""


@dataclass(frozen=True)
class OutOfFoldCalibration:
    """Whether out-of-fold risks by the horizon hold.

    Each repeat's risks are compared with what happened (see
    :func:`mirrisk.validation.survival_calibration.calibration_at`), then estimates and standard
    errors are averaged: repeats of the same patients make no interval shorter.

    Attributes
    ----------
    horizon : float
    n : int
        Samples with a risk in every repeat.
    observed_risk : Estimate
        Cumulative incidence.
    mean_predicted_risk : float
    observed_to_expected, in_the_large, slope : Estimate
        1, 0 and 1 are ideal.
    notes : tuple of str
        Why something is not defined.
    """

    horizon: float
    n: int
    observed_risk: Estimate
    mean_predicted_risk: float
    observed_to_expected: Estimate
    in_the_large: Estimate
    slope: Estimate
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"by {self.horizon:g}: risk {self.observed_risk}, predicted "
            f"{self.mean_predicted_risk:.3g}; observed to expected {self.observed_to_expected}; "
            f"calibration slope {self.slope}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; NaN becomes None."""
        estimates = {
            name: _estimate_dict(getattr(self, name))
            for name in ("observed_risk", "observed_to_expected", "in_the_large", "slope")
        }
        return {
            "horizon": self.horizon,
            "n": self.n,
            "mean_predicted_risk": json_number(self.mean_predicted_risk),
            **estimates,
            "notes": list(self.notes),
        }


def out_of_fold_calibration(
    judged: FollowUp, risks: FloatArray, horizon: float | None, level: float
) -> OutOfFoldCalibration | None:
    """Compare risks by a horizon with what happened, repeat by repeat.

    Parameters
    ----------
    judged : FollowUp
    risks : array of shape (n_samples, repeats)
        NaN where there is none.
    horizon : float, optional
    level : float

    Returns
    -------
    OutOfFoldCalibration or None
        None without a horizon or a risk, or where nobody is followed so long.
    """
    known = ~np.isnan(risks).any(axis=1)
    if horizon is None or not known.any() or horizon > judged.time[known].max():
        return None
    time, event = judged.time[known], judged.event[known]
    # A high hazard's risk is rounded to 1, which no model means.
    possible = np.clip(risks[known], ROUNDING, 1 - ROUNDING)
    found = [calibration_at(time, event, risk, horizon, level=level) for risk in possible.T]

    def mean(name: str) -> Estimate:
        each = [getattr(one, name) for one in found if math.isfinite(getattr(one, name).value)]
        if not each:
            return Estimate.undefined(level)
        value = float(np.mean([estimate.value for estimate in each]))
        error = float(np.mean([estimate.standard_error for estimate in each]))
        make = Estimate.log_wald if name == "observed_to_expected" else Estimate.wald
        return make(value, error, level)

    return OutOfFoldCalibration(
        horizon=horizon,
        n=int(known.sum()),
        observed_risk=found[0].observed_risk,
        mean_predicted_risk=float(np.mean([one.mean_predicted_risk for one in found])),
        observed_to_expected=mean("observed_to_expected"),
        in_the_large=mean("in_the_large"),
        slope=mean("slope"),
        notes=tuple(dict.fromkeys(note for one in found for note in one.notes)),
    )


def _estimate_dict(estimate: Estimate) -> dict[str, float | None]:
    return {
        "estimate": json_number(estimate.value),
        "low": json_number(estimate.low),
        "high": json_number(estimate.high),
        "level": estimate.level,
    }
