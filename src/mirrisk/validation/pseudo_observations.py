"""Outcomes at a horizon for everyone, also for those who were censored before it.

References
----------
Andersen PK, Klein JP, Rosthoj S. Generalised linear models for correlated pseudo-observations,
with applications to multi-state models. Biometrika 2003;90:15-27. doi:10.1093/biomet/90.1.15
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mirrisk.validation.follow_up import FollowUp
from mirrisk.validation.incidence import LifeTable

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray


def pseudo_observations(data: FollowUp, horizon: float) -> FloatArray:
    """Return each sample's jackknife pseudo-observation of having had the event by a horizon.

    Parameters
    ----------
    data : FollowUp
    horizon : float

    Returns
    -------
    array of shape (n_samples,)
        ``n F - (n - 1) F_without_the_sample`` with F the cumulative incidence: the outcome itself
        where nobody is censored before the horizon, below 0 or above 1 possibly otherwise.

    References
    ----------
    doi:10.1093/biomet/90.1.15
    """
    n = len(data.time)
    if n == 1:
        return np.asarray((data.happened & (data.time <= horizon)).astype(np.float64))
    # Whoever ends beyond the horizon tells no more than that.
    ends = np.column_stack(
        [
            np.minimum(data.time, np.nextafter(horizon, np.inf)),
            np.where(data.time <= horizon, np.minimum(data.event, 2), 0),
        ]
    )
    kinds, kind = np.unique(ends, axis=0, return_inverse=True)
    table = LifeTable.of(FollowUp(ends[:, 0], ends[:, 1].astype(np.intp)))
    whole = _incidence(table, horizon)
    without = [_incidence(_leave_out(table, *row), horizon) for row in kinds.tolist()]
    return np.asarray((n * whole - (n - 1) * np.array(without))[kind.ravel()])


def _incidence(table: LifeTable, horizon: float) -> float:
    """Return the incidence at a horizon, carried on where nobody is left."""
    curve = np.append(0.0, table.incidence_curve())
    return float(curve[np.searchsorted(table.times, horizon, side="right")])


def _leave_out(table: LifeTable, time: float, code: float) -> LifeTable:
    """Return the table without one sample of this time and code."""
    here = table.times == time
    at_risk = table.at_risk - (table.times <= time)
    counts = [
        column - (here & (kind == code))
        for kind, column in ((1, table.events), (2, table.competing), (0, table.censored))
    ]
    left = at_risk > 0
    return LifeTable(table.times[left], at_risk[left], *(count[left] for count in counts))
