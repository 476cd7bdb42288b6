"""What a panel adds to what the clinic already knows, on risks of the same samples.

Both risks must come from models that did not see the sample (out-of-fold, or another cohort):
the larger model wins on its own training samples whatever it adds.

The net reclassification improvement is left out: it can be made to rise by a marker that is pure
noise if the model that holds it is miscalibrated, and it weighs losses and gains by no decision.

References
----------
Pencina MJ, D'Agostino RB Sr, D'Agostino RB Jr, Vasan RS. Evaluating the added predictive ability
of a new marker: from area under the ROC curve to reclassification and beyond. Stat Med
2008;27:157-172. doi:10.1002/sim.2929

Hilden J, Gerds TA. A note on the evaluation of novel biomarkers: do not rely on integrated
discrimination improvement and net reclassification index. Stat Med 2014;33:3405-3414.
doi:10.1002/sim.5804
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.validation.bootstrap import bootstrap_interval
from mirrisk.validation.clustered_auc import auc_difference
from mirrisk.validation.outcome import binary_outcome, group_codes, probability

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.validation.bootstrap import BootstrapInterval
    from mirrisk.validation.discrimination import AucDifference
    from mirrisk.vocabulary import FloatArray


@dataclass(frozen=True)
class AddedValue:
    """A fuller risk compared with a base risk.

    Attributes
    ----------
    auc : AucDifference
        Full less base, paired DeLong (of groups: for patients). Above 0 speaks for the full risk.
    brier : BootstrapInterval
        Brier score, full less base. Below 0 speaks for the full risk.
    idi : BootstrapInterval
        Integrated discrimination improvement: how much farther apart the mean risks of events
        and non-events are. Above 0 speaks for the full risk only if both are calibrated: risks
        that are too extreme raise it too, and the Brier score shows that.
    n, events : int
        Samples, and events among them.
    """

    auc: AucDifference
    brier: BootstrapInterval
    idi: BootstrapInterval
    n: int
    events: int

    def __str__(self) -> str:
        return "\n".join(str(each) for each in (self.auc, self.brier, self.idi))


def added_value(
    y: ArrayLike,
    risk_base: ArrayLike,
    risk_full: ArrayLike,
    *,
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> AddedValue:
    """Compare the risk of a fuller model with that of a base model.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    risk_base, risk_full : array-like of shape (n_samples,)
        Probabilities, out of fold: of clinical covariates, and of these with the panel.
    n, seed, level, groups
        As in `mirrisk.validation.bootstrap.bootstrap_interval`.

    Returns
    -------
    AddedValue

    Raises
    ------
    MismatchError
        If a risk is no probability, and as `auc_difference` and `bootstrap_interval` do.

    References
    ----------
    doi:10.1002/sim.2929, doi:10.1002/sim.5804

    Examples
    --------
    >>> y, base = [0, 0, 0, 1, 1, 1], [0.2, 0.4, 0.5, 0.3, 0.6, 0.7]
    >>> found = added_value(y, base, [0.1, 0.2, 0.4, 0.5, 0.6, 0.9], n=200)
    >>> round(found.brier.estimate, 4), round(found.idi.estimate, 4)
    (-0.0933, 0.2667)
    """
    outcome, _ = binary_outcome(y, risk_base)
    binary_outcome(y, risk_full)
    patients = None if groups is None else group_codes(groups, len(outcome))
    return added_beside(
        auc_difference(outcome, risk_full, risk_base, patients, level=level),
        outcome,
        probability(risk_base),
        probability(risk_full),
        n=n,
        seed=seed,
        groups=groups,
    )


def added_beside(
    auc: AucDifference,
    y: FloatArray,
    base: FloatArray,
    full: FloatArray,
    *,
    n: int,
    seed: int,
    groups: ArrayLike | None,
) -> AddedValue:
    """Put Brier score and IDI beside a difference of AUCs, at its level.

    Parameters
    ----------
    auc : AucDifference
    y, base, full : arrays of shape (n_samples,)
        Of the same samples; the risks are probabilities.
    n, seed, groups
        As for :func:`added_value`.
    """
    interval = partial(
        bootstrap_interval, n=n, seed=seed, level=auc.level, groups=groups, vectorized=True
    )
    return AddedValue(
        auc=auc,
        brier=interval(_brier_difference, y, base, full, measure="difference of Brier score"),
        idi=interval(_idi, y, base, full, measure="IDI"),
        n=len(y),
        events=int(y.sum()),
    )


def _brier_difference(y: FloatArray, base: FloatArray, full: FloatArray) -> FloatArray:
    return np.asarray(((full - y) ** 2 - (base - y) ** 2).mean(axis=1))


def _idi(y: FloatArray, base: FloatArray, full: FloatArray) -> FloatArray:
    gain, events = full - base, y.sum(axis=1)
    # A resample of groups may lack non-events: 0 / 0 is NaN, and counted as a failure.
    with np.errstate(invalid="ignore"):
        of_events = (gain * y).sum(axis=1) / events
        of_others = (gain * (1 - y)).sum(axis=1) / (y.shape[1] - events)
    return np.asarray(of_events - of_others)
