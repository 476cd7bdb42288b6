"""Words for figures: estimates, verdicts, and the parts that a report is made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from mirrisk.validation.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mirrisk.validation.estimate import Estimate

RESEARCH_USE = "Research use only: no panel of mirrisk is a validated diagnostic."


class Section(NamedTuple):
    """A part of a report.

    Attributes
    ----------
    title : str
    facts : tuple of (str, str)
        A name, and what is to be said of it.
    columns : tuple of str
    rows : tuple of tuple of str
        A table, where there is one.
    remarks : tuple of str
        Sentences below it.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    remarks: tuple[str, ...] = ()


def verdict(interval: Interval) -> str:
    """Return what an interval of an AUC, or a C, allows to say: never more than it holds.

    Examples
    --------
    >>> from mirrisk.validation.interval import Interval
    >>> verdict(Interval(0.62, 0.48, 0.75, 0.95, "a"))
    'no better than chance is not excluded'
    >>> verdict(Interval(0.62, 0.55, 0.69, 0.95, "a"))
    'better than chance; as little as 0.55 is not excluded'
    """
    if math.isnan(interval.low) or math.isnan(interval.high):
        return "the data do not tell"
    if interval.low > 0.5:
        return f"better than chance; as little as {interval.low:.2f} is not excluded"
    if interval.high < 0.5:
        return "worse than chance: here the risk runs against the outcome"
    return "no better than chance is not excluded"


def estimate(interval: Interval | Estimate | None, digits: int = 2) -> str:
    """Return a figure with its interval; its reader knows what it is."""
    if interval is None:
        return "not defined"
    value = interval.estimate if isinstance(interval, Interval) else interval.value
    if math.isnan(value):
        return "not defined"
    if math.isnan(interval.low):
        return f"{value:.{digits}f} (no interval)"
    level = f"{100 * interval.level:.4g}% CI"
    return f"{value:.{digits}f} ({level} {interval.low:.{digits}f} to {interval.high:.{digits}f})"


def plural(count: int, what: str) -> str:
    """Return a count with its noun."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def number(value: float, digits: int) -> str:
    """Return a number, or that there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "none"


def p_value(value: float) -> str:
    """Return a p-value as readers know it."""
    if math.isnan(value):
        return "p not defined"
    return f"p = {value:.2g}" if value >= 0.001 else "p < 0.001"


def as_text(headline: str, sections: Iterable[Section]) -> str:
    """Return a report as plain text."""
    lines = [headline]
    for section in sections:
        lines += ["", section.title]
        width = max((len(name) for name, _ in section.facts), default=0)
        lines += [f"  {name:<{width}}  {said}" for name, said in section.facts]
        lines += _table(section.columns, section.rows)
        lines += [f"  - {remark}" for remark in section.remarks]
    return "\n".join([*lines, "", RESEARCH_USE])


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    return [
        "  " + "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip()
        for row in (columns, *rows)
    ]
