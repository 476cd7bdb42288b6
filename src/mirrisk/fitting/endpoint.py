"""Times and events: what a user gives, checked, and the two endpoints made of it.

A follow-up ends in one of three ways: without an event (code 0, censored), in the metastasis
(code 1), or in death without one (code 2). What death is decides what a model predicts:

======================== ============================ ========================================
endpoint                 death without metastasis     predicted risk by a horizon
======================== ============================ ========================================
`metastasis_free`        is an event                  of metastasis or death
`time_to_metastasis`     competes with the metastasis of metastasis, among all who started
======================== ============================ ========================================

Neither treats death as censoring: that would predict metastasis in a world where nobody dies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.fitting.columns import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

CENSORED, EVENT, COMPETING = 0, 1, 2
"""The codes of how a follow-up ended."""

UNKNOWN_TIME = "leave out samples without a known follow-up"
NO_TIME = (
    "give times in a finer unit (days), or leave out samples without follow-up and those whose "
    "event came before it began"
)
"""Remedies."""

SHOWN = 5
"""How many samples an error names."""


class Outcome(NamedTuple):
    """Follow-up of each sample.

    Attributes
    ----------
    time : array of shape (n_samples,)
        From the start of follow-up to its end, above 0.
    event : int array of shape (n_samples,)
        0 censored, 1 event, 2 competing event.
    """

    time: FloatArray
    event: IntArray


def metastasis_free(
    time: ArrayLike, event: ArrayLike, *, samples: Sequence[str] | None = None
) -> Outcome:
    """Return metastasis-free survival: metastasis or death, whichever comes first.

    Death counts as an event, so nothing competes and Cox regression, Kaplan-Meier and the
    like apply. The risk it predicts is that of metastasis *or* death: a miRNA of frailty
    predicts it as well as one of metastasis. With few deaths before metastasis it hardly
    differs from :func:`time_to_metastasis`; with many its risks are far higher.

    Parameters
    ----------
    time : array of shape (n_samples,)
        From the start of follow-up to its end, above 0, in any unit.
    event : array of shape (n_samples,)
        How it ended: 0 (or False) censored, 1 (or True) metastasis, 2 death without metastasis.
    samples : sequence of str, optional
        What errors call the samples; by default their rows, from 0.

    Returns
    -------
    Outcome
        With the codes 0 and 1 only.

    Raises
    ------
    MismatchError
        The lengths differ; a time is missing, infinite, negative or zero; a code is unknown;
        there is no event.

    Examples
    --------
    >>> metastasis_free([5, 3, 8], [1, 2, 0]).event
    array([1, 1, 0])
    """
    times, codes = _outcome(time, event, samples)
    events = np.minimum(codes, EVENT)
    _refuse_no_events(events)
    return Outcome(times, events)


def time_to_metastasis(
    time: ArrayLike, event: ArrayLike, *, samples: Sequence[str] | None = None
) -> Outcome:
    """Return the time to metastasis, with which death competes.

    Who dies will never have the metastasis: its cumulative incidence (Aalen-Johansen) and the
    Fine-Gray model keep them among those who could have had it. The risk it predicts is that of
    metastasis by the horizon in the world as it is, where some die first; over a cohort it is
    below that of :func:`metastasis_free`, and below what censoring the deaths would give. A
    miRNA that only shortens life *lowers* it: who is dead gets no metastasis.

    Parameters
    ----------
    time, event, samples
        As for :func:`metastasis_free`.

    Returns
    -------
    Outcome
        With the codes 0, 1 and 2. If no death occurred Fine-Gray is Cox regression.

    Raises
    ------
    MismatchError
        As for :func:`metastasis_free`; also if there are deaths but no metastasis.

    References
    ----------
    Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk.
    J Am Stat Assoc 1999;94:496-509. doi:10.1080/01621459.1999.10474144

    Austin PC, Lee DS, Fine JP. Introduction to the analysis of survival data in the presence of
    competing risks. Circulation 2016;133:601-609. doi:10.1161/CIRCULATIONAHA.115.017719

    Examples
    --------
    >>> time_to_metastasis([5, 3, 8], [1, 2, 0]).event
    array([1, 2, 0])
    """
    outcome = _outcome(time, event, samples)
    _refuse_no_events(outcome.event)
    return outcome


def one_event(time: ArrayLike, event: ArrayLike) -> Outcome:
    """Return times and events of a kind of event with which nothing competes.

    Raises
    ------
    MismatchError
        As for :func:`metastasis_free`; also if a code is 2.
    """
    outcome = _outcome(time, event, None)
    if (outcome.event == COMPETING).any():
        raise MismatchError(
            "event holds 2, a competing event",
            expected="0 (censored) and 1 (event)",
            remedy="count it as an event (metastasis_free) or fit rows of subdistribution_rows",
        )
    _refuse_no_events(outcome.event)
    return outcome


# -- checks -----------------------------------------------------------------------------------


def _outcome(time: ArrayLike, event: ArrayLike, samples: Sequence[str] | None) -> Outcome:
    times, codes = numbers(time, "time"), numbers(event, "event")
    if times.ndim != 1 or codes.shape != times.shape or not times.size:
        raise MismatchError(
            f"time has the shape {times.shape}, event {codes.shape}",
            expected="a time and an event code for each sample",
        )
    if samples is not None and len(samples) != len(times):
        raise MismatchError(
            f"samples names {len(samples)}, time has {len(times)}", expected="a name per time"
        )
    check_times(times, samples)
    unknown = ~np.isin(codes, (CENSORED, EVENT, COMPETING))
    if unknown.any():
        raise MismatchError(
            f"event holds {_listed(np.unique(codes[unknown]))}",
            where=_places(unknown, samples),
            expected="0 (censored), 1 (event) or 2 (competing event)",
            remedy="leave out samples without a known outcome",
        )
    return Outcome(times, codes.astype(np.intp))


def check_times(times: FloatArray, samples: Sequence[str] | None = None) -> None:
    """Refuse times that are not above 0 and finite."""
    faults = (
        (~np.isfinite(times), "the time is missing or infinite", UNKNOWN_TIME),
        (times < 0, "the time is negative", "count from the start of follow-up"),
        (times == 0, "the time is zero: the sample was never at risk", NO_TIME),
    )
    for wrong, what, remedy in faults:
        if wrong.any():
            raise MismatchError(
                what, where=_places(wrong, samples), expected="a time above 0", remedy=remedy
            )


def _refuse_no_events(event: IntArray) -> None:
    if not (event == EVENT).any():
        found = "only censored samples and competing events" if event.any() else "no event"
        raise MismatchError(f"event holds {found}", expected="1 for at least one sample")


def _places(wrong: BoolArray, samples: Sequence[str] | None) -> str:
    rows = np.flatnonzero(wrong)
    kind = "row" if samples is None else "sample"
    names = [str(row if samples is None else samples[row]) for row in rows[:SHOWN]]
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"{kind}{'s' if len(rows) > 1 else ''} {', '.join(names)}{more}"


def _listed(values: FloatArray) -> str:
    return ", ".join(f"{value:g}" for value in values[:SHOWN])
