"""What commands take from --labels: faults are told in the words of options, columns, samples."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

CODES = (0, 1, 2)
"""Censored, event, death: all that a time cannot be mistaken for."""


def require_rows(samples: "Sequence[str]", clinical: "pd.DataFrame", labels: str) -> None:
    """Refuse labels that are of other samples than the table's.

    Raises
    ------
    MismatchError
    """
    from mirrisk.tables.clinical import label

    label(samples, clinical, (), labels)


def follow_up(
    clinical: "pd.DataFrame", time: str, event: str, labels: str, *, many_causes: bool = False
) -> "tuple[pd.Series, pd.Series]":
    """Return times and event codes as numbers, NaN where not known.

    Parameters
    ----------
    clinical : DataFrame
    time, event : str
        Its columns.
    labels : str
        Its file.
    many_causes : bool, default False
        Whether all codes from 2 up are of competing events, not 2 alone.

    Raises
    ------
    NotFoundError
        If a column is not there.
    InvalidTableError
        If a cell is no number.
    MismatchError
        If the two columns are swapped.
    """
    import pandas as pd

    from mirrisk.errors import InvalidTableError
    from mirrisk.tables.clinical import column, numbers

    ends = column(clinical, event, labels)
    times = numbers(column(clinical, time, labels), labels)
    try:
        codes = numbers(ends, labels)
    except InvalidTableError as fault:
        raise InvalidTableError(
            fault.what, where=labels, expected=_expected(many_causes), remedy=_remedy(many_causes)
        ) from None
    found = (
        pd.Series(times, index=clinical.index, name=time),
        pd.Series(codes, index=clinical.index, name=event),
    )
    _refuse_swapped(*found, labels)
    return found


def _expected(many_causes: bool) -> str:
    of_deaths = "from 2 up competing events" if many_causes else "2 (death without it)"
    return f"0 (censored), 1 (event), {of_deaths}"


def _remedy(many_causes: bool) -> str:
    return "code it 0, 1, or from 2 up" if many_causes else "code it 0, 1 or 2"


def _refuse_swapped(time: "pd.Series", event: "pd.Series", labels: str) -> None:
    from mirrisk.errors import MismatchError

    times, codes = time.dropna(), event.dropna()
    others = codes[~codes.isin(CODES)]
    if others.empty or not times.isin(CODES).all():
        return
    held = " and ".join(f"{value:g}" for value in sorted(times.unique())) or "nothing"
    raise MismatchError(
        f"--time {time.name} holds {held} only, --event {event.name} holds {others.iloc[0]:g} "
        f"(sample {others.index[0]!r})",
        where=labels,
        expected="times in the column of --time, codes in that of --event",
        remedy=f"if they were swapped: --time {event.name} --event {time.name}",
    )


def check_follow_up(
    time: "pd.Series", event: "pd.Series", labels: str, *, many_causes: bool = False
) -> None:
    """Refuse times and codes of samples, as :func:`follow_up` returns them, that cannot be.

    Raises
    ------
    MismatchError
    """
    from mirrisk.errors import MismatchError

    known = time.notna() & event.notna()
    times, codes = time[known], event[known]
    possible = (codes >= 0) & (codes % 1 == 0) if many_causes else codes.isin(CODES)
    faults: tuple[tuple[Any, pd.Series, str, str, str], ...] = (
        (
            ~possible,
            codes,
            "no code of how follow-up ended",
            _expected(many_causes),
            _remedy(many_causes),
        ),
        (times < 0, times, "a time below 0", "times from the start of follow-up on", ""),
        (
            (times == 0) & (codes > 0),
            times,
            "the time of an event",
            "events after the start of follow-up",
            "leave out samples that had the event at the start, and say how many they were",
        ),
    )
    for wrong, cells, what, expected, remedy in faults:
        if wrong.any():
            first = cells[wrong]
            raise MismatchError(
                f"{first.iloc[0]:g} in column {cells.name!r} of sample {first.index[0]!r} "
                f"is {what} ({len(first)} of {len(cells)})",
                where=labels,
                expected=expected,
                remedy=remedy,
            )
