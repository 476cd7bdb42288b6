"""How many patients a cohort has: several samples of one patient are no further evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.reference.learning import MIN_SAMPLES

if TYPE_CHECKING:
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

LEAST_EVENTS = 10
"""Fewer events, or of two classes fewer non-events, tell next to nothing about any miRNA. A
convention: the least that rules of thumb ask for of a single coefficient."""


@dataclass(frozen=True)
class Counted:
    """The size of a cohort, in patients where they are known, else in samples.

    Attributes
    ----------
    n : int
    events : int
        A patient whose samples disagree (a tumour that spread beside one that did not) counts by
        the share of those with the event.
    samples, samples_with_event : int
    grouped : bool
        Whether patients are counted.
    """

    n: int
    events: int
    samples: int
    samples_with_event: int
    grouped: bool

    @classmethod
    def of(cls, happened: BoolArray, groups: IntArray | None) -> Counted:
        """Count.

        Parameters
        ----------
        happened : ndarray of bool, shape (n_samples,)
        groups : ndarray of shape (n_samples,), optional
            Number of the patient of each sample, from 0.
        """
        shares = mean_by_patient(happened.astype(np.float64), groups)
        return cls(
            n=len(shares),
            # Half a patient is rounded up: 30 patients with one sample of each kind have 15.
            events=int(np.floor(shares.sum() + 0.5)),
            samples=len(happened),
            samples_with_event=int(happened.sum()),
            grouped=groups is not None,
        )

    @property
    def unit(self) -> str:
        """What is counted, in the plural."""
        return "patients" if self.grouped else "samples"

    def of_kinds(self, *, classes: bool) -> dict[str, int]:
        """Return how many there are of each kind that there must be enough of.

        Parameters
        ----------
        classes : bool
            Whether the outcome is of two classes: of survival the events alone count.
        """
        kinds = {"event": self.events}
        return kinds | ({"non-event": self.n - self.events} if classes else {})

    def is_small(self, *, classes: bool = True) -> bool:
        """Tell whether the cohort is below the least size for a fit."""
        few = min(self.of_kinds(classes=classes).values()) < LEAST_EVENTS
        return few or self.samples < MIN_SAMPLES

    def to_dict(self) -> dict[str, Any]:
        """Return what a report says of it."""
        of_patients = {"patients": self.n, "patients_with_event": self.events}
        return {
            "n": self.samples,
            "events": self.samples_with_event,
            **(of_patients if self.grouped else {}),
        }


def check_events(counted: Counted, *, accept_small: bool, classes: bool = True) -> None:
    """Refuse fewer than 10 events or non-events, of different patients where these are known.

    Parameters
    ----------
    counted : Counted
    accept_small : bool
        Refuse only what nothing can be fitted to.
    classes : bool
        Whether the outcome is of two classes: of survival the events alone count.

    Raises
    ------
    MismatchError
    """
    kinds = counted.of_kinds(classes=classes)
    least = 1 if accept_small else LEAST_EVENTS
    few = [f"{count} {kind}{'s' * (count != 1)}" for kind, count in kinds.items() if count < least]
    if not few:
        return
    among = f"{counted.n} {counted.unit}"
    if counted.grouped:
        among += f" ({counted.samples} samples)"
    raise MismatchError(
        f"{few[0]} among {among}: too few to fit anything to",
        expected="at least "
        + " and ".join(f"{least} {kind}{'s' * (least != 1)}" for kind in kinds)
        + (", of different patients" if counted.grouped else ""),
        remedy=f"add {counted.unit}{'' if classes else ' or longer follow-up'}, score with a panel "
        "of the literature instead"
        + (
            ""
            if accept_small
            else ", or accept what comes of it: --accept-small (in Python: accept_small=True)"
        ),
    )


def mean_by_patient(values: FloatArray, groups: IntArray | None) -> FloatArray:
    """Return each patient's mean; without patients the values themselves."""
    if groups is None:
        return values
    return np.asarray(np.bincount(groups, values) / np.bincount(groups))
