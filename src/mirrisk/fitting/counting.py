"""How many patients a cohort has: several samples of one patient are no further evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray


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

    def to_dict(self) -> dict[str, Any]:
        """Return what a report says of it."""
        of_patients = {"patients": self.n, "patients_with_event": self.events}
        return {
            "n": self.samples,
            "events": self.samples_with_event,
            **(of_patients if self.grouped else {}),
        }


def mean_by_patient(values: FloatArray, groups: IntArray | None) -> FloatArray:
    """Return each patient's mean; without patients the values themselves."""
    if groups is None:
        return values
    return np.asarray(np.bincount(groups, values) / np.bincount(groups))
