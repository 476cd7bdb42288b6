"""Cutoffs: the one that reaches a sensitivity or specificity, and what any of them achieves.

A sample is positive if its risk is the cutoff or higher. Cutoffs are risks that the cohort has,
so samples of the same risk are called alike: a target is reached or exceeded, never met by
splitting a tie.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.clustered import share_of
from mirrisk.validation.outcome import binary_outcome, group_codes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.validation.interval import Proportion
    from mirrisk.vocabulary import BoolArray, FloatArray

_ROUNDING = 1e-9
"""A target of 0.9 asks for 9 events of 10, whatever 0.9 * 10 is in floating point."""


@dataclass(frozen=True)
class Cutoff:
    """A cutoff and what it achieves on a cohort.

    Attributes
    ----------
    value : float
        Positive is a risk of at least this; infinite where no sample is to be positive.
    true_positives, false_positives, false_negatives, true_negatives : int
    sensitivity, specificity, ppv, npv : Proportion
        With exact limits. The predictive values are those at the cohort's share of events;
        unknown (NaN, 0 to 1) where no sample is positive, or none negative.
    """

    value: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    sensitivity: Proportion
    specificity: Proportion
    ppv: Proportion
    npv: Proportion

    def __str__(self) -> str:
        return (
            f"risk >= {self.value:.4g}: sensitivity {self.sensitivity}, "
            f"specificity {self.specificity}, PPV {self.ppv}, NPV {self.npv}"
        )


def cutoff_for(
    y: ArrayLike,
    risk: ArrayLike,
    *,
    sensitivity: float | None = None,
    specificity: float | None = None,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> Cutoff:
    """Find the cutoff that reaches a sensitivity, or a specificity.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 for an event, 0 for none.
    risk : array-like of shape (n_samples,)
        Higher where an event is more likely.
    sensitivity : float, optional
        The target, above 0 and at most 1. The highest of the cohort's risks that reaches it is
        taken, and with it the greatest specificity.
    specificity : float, optional
        The target, above 0 and at most 1; exactly one of the two is given. The lowest of the
        cohort's risks that reaches it is taken; an infinite cutoff where none does, because the
        highest risk is shared with too many non-events.
    level : float, default 0.95
    groups : array-like of shape (n_samples,), optional
        The patient of each sample, where patients have several: limits are then for patients.

    Returns
    -------
    Cutoff
        Chosen and judged on the same samples: that it reaches the target is no finding. Judge
        it on others with `at_cutoff`.

    Raises
    ------
    MismatchError
        As `mirrisk.validation.outcome.binary_outcome` does, if not exactly one target is given,
        or it is outside its range.

    Examples
    --------
    >>> y, risk = [0, 0, 0, 1, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8]
    >>> cutoff_for(y, risk, sensitivity=0.75).value, cutoff_for(y, risk, specificity=0.75).value
    (6.0, 4.0)
    """
    outcome, values = binary_outcome(y, risk)
    if (sensitivity is None) == (specificity is None):
        raise MismatchError(
            f"{'no' if sensitivity is None else 'more than one'} target is given",
            expected="either a sensitivity or a specificity",
        )
    if sensitivity is not None:
        value = _kth_highest(values[outcome == 1], _target("sensitivity", sensitivity))
    else:
        value = _lowest_above(values, outcome, _target("specificity", specificity or 0.0))
    return at_cutoff(outcome, values, value, level=level, groups=groups)


def at_cutoff(
    y: ArrayLike,
    risk: ArrayLike,
    value: float,
    *,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> Cutoff:
    """Tell what a cutoff achieves.

    Parameters
    ----------
    y, risk : array-like of shape (n_samples,)
        As in `cutoff_for`.
    value : float
        Positive is a risk of at least this. Any number but NaN.
    level : float, default 0.95
    groups : array-like of shape (n_samples,), optional
        The patient of each sample, where patients have several: limits are then for patients.

    Returns
    -------
    Cutoff

    Raises
    ------
    MismatchError
        As `mirrisk.validation.outcome.binary_outcome` does, or if the value is NaN.

    Examples
    --------
    >>> print(at_cutoff([0, 0, 0, 1, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8], 4).specificity)
    0.75 (3/4, 95% CI 0.19 to 0.99)
    """
    outcome, values = binary_outcome(y, risk)
    if math.isnan(value):
        raise MismatchError("the cutoff is NaN", expected="a number")
    positive, event = values >= value, outcome == 1
    patients = None if groups is None else group_codes(groups, len(values))

    def share(hit: BoolArray, among: BoolArray) -> Proportion:
        return share_of(hit[among], None if patients is None else patients[among], level)

    return Cutoff(
        value=float(value),
        true_positives=int((positive & event).sum()),
        false_positives=int((positive & ~event).sum()),
        false_negatives=int((~positive & event).sum()),
        true_negatives=int((~positive & ~event).sum()),
        sensitivity=share(positive, event),
        specificity=share(~positive, ~event),
        ppv=share(event, positive),
        npv=share(~event, ~positive),
    )


def _target(name: str, target: float) -> float:
    if not 0 < target <= 1:
        raise MismatchError(f"{name} is {target}", expected="a number above 0, at most 1")
    return target


def _kth_highest(events: FloatArray, sensitivity: float) -> float:
    needed = max(1, math.ceil(sensitivity * len(events) - _ROUNDING))
    return float(np.sort(events)[-needed])


def _lowest_above(risk: FloatArray, y: FloatArray, specificity: float) -> float:
    """Return the lowest risk that leaves enough non-events below it."""
    others = np.sort(risk[y == 0])
    needed = max(1, math.ceil(specificity * len(others) - _ROUNDING))
    higher = risk[risk > others[needed - 1]]
    return float(higher.min()) if len(higher) else math.inf
