"""What measures of survival ask of time and event.

=========================  ===========================================================
given                      answer
=========================  ===========================================================
time NaN or infinite       refused, with how many and the first position
negative time              refused
event at time zero         refused: it was there before it could be predicted
censored at time zero      accepted: it is in n, and at risk at no event
event neither 0 nor 1      refused, unless causes are told apart (2 and up: competing)
=========================  ===========================================================
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.outcome import check_aligned, finite

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray


COMPETING = 2
"""From this code up an event competes with the one of interest."""


class FollowUp(NamedTuple):
    """Checked times and events.

    Attributes
    ----------
    time : array of shape (n_samples,)
        From 0, in any unit.
    event : array of shape (n_samples,)
        0 censored, 1 the event, from 2 up competing events.
    """

    time: FloatArray
    event: IntArray

    @property
    def happened(self) -> BoolArray:
        """Whose time ended with the event of interest."""
        return np.asarray(self.event == 1)

    @property
    def competed(self) -> BoolArray:
        """Whose time ended with a competing event."""
        return np.asarray(self.event >= COMPETING)

    def take(self, which: BoolArray | IntArray) -> FollowUp:
        """Return some samples."""
        return FollowUp(self.time[which], self.event[which])


def follow_up(
    time: ArrayLike, event: ArrayLike, *, competing: bool = False, at_least: int = 0
) -> FollowUp:
    """Check times and events.

    Parameters
    ----------
    time : array-like of shape (n_samples,)
        From the moment of prediction to the event, or to the end of follow-up.
    event : array-like of shape (n_samples,)
        1 or True for the event, 0 or False for the end of follow-up.
    competing : bool, default False
        Whether codes from 2 up are competing events.
    at_least : int, default 0
        How many events there must be.

    Raises
    ------
    MismatchError
        If they are not as described; see the table above.
    """
    times, codes = finite(time, "time"), finite(event, "event")
    check_aligned(time, event, "time", "event")
    _refuse(times < 0, times, "negative", "times from 0 on")
    known = (codes >= 0) & (codes == np.rint(codes)) if competing else np.isin(codes, (0, 1))
    expected = "0 censored, 1 the event" + (", 2 and up competing events" if competing else "")
    _refuse(~known, codes, "no code of an event", expected)
    _refuse(
        (times == 0) & (codes > 0),
        times,
        "the time of an event",
        "events after the moment of prediction",
        "leave out patients who had the event at the start, and say how many they were",
    )
    found = int(np.count_nonzero(codes == 1))
    if found < at_least:
        raise MismatchError(
            f"{found} of {len(codes)} samples have the event",
            expected=f"at least {at_least}",
            remedy="this cohort cannot tell how well the risk does",
        )
    return FollowUp(times, codes.astype(np.intp))


def check_times(times: ArrayLike, name: str = "times") -> FloatArray:
    """Return times that are finite and not negative, as an array of one dimension.

    Raises
    ------
    MismatchError
        If they are not.
    """
    values = finite(np.atleast_1d(np.asarray(times, dtype=np.float64)), name)
    _refuse(values < 0, values, "negative", "times from 0 on")
    return values


def check_horizon(horizon: float, name: str = "horizon") -> float:
    """Return a finite time above 0.

    Raises
    ------
    MismatchError
        If it is none.
    """
    if not (math.isfinite(horizon) and horizon > 0):
        raise MismatchError(f"{name} is {horizon}", expected="a time above 0")
    return float(horizon)


def refuse_beyond(data: FollowUp, at: float, name: str = "the horizon") -> None:
    """Refuse a time up to which nobody is followed.

    Raises
    ------
    MismatchError
        If it is later than the last observed one.
    """
    last = data.time.max()
    if at > last:
        raise MismatchError(
            f"nobody is followed up to {name} {at:g}",
            expected=f"up to {last:g}, the last observed time",
        )


def _refuse(
    wrong: BoolArray, values: FloatArray, what: str, expected: str, remedy: str = ""
) -> None:
    if wrong.any():
        position = int(np.argmax(wrong))
        raise MismatchError(
            f"{values[position]:g} is {what} ({np.count_nonzero(wrong)} of {len(wrong)})",
            where=f"position {position}",
            expected=expected,
            remedy=remedy,
        )
