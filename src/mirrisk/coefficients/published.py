"""What a table and the options state of a published score as a whole: its unit, its source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirrisk.coefficients.table import MINUS, number
from mirrisk.errors import InvalidTableError
from mirrisk.panel import DOI, PMID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.coefficients.table import Row
    from mirrisk.panel import WeightsPer

PREFIXES_OF_DOI = re.compile(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", re.IGNORECASE)

COUNTS = ("counts", "cpm", "rpm", "tpm")


@dataclass(frozen=True)
class Scale:
    """What a published coefficient is per.

    Attributes
    ----------
    per : str
        In words.
    sign : {1, -1}
        -1 where more of the unit means less of the miRNA.
    weights_per : {"normal score", "log2 unit"}
        What that makes of the panel's weights.
    """

    per: str
    sign: int = 1
    weights_per: WeightsPer = "log2 unit"


# Logarithms of another base differ by a factor that all miRNAs share, on which no score depends.
SCALES = {
    "log2": Scale("log2 unit"),
    "ln": Scale("unit of the natural logarithm"),
    "log10": Scale("unit of log10"),
    "ct": Scale("cycle of Ct", sign=-1),
    "delta_ct": Scale("cycle of delta Ct", sign=-1),
    "-delta_ct": Scale("cycle of -delta Ct"),
    "z": Scale("standard deviation", weights_per="normal score"),
}
ASSUMED = "log2"


@dataclass(frozen=True)
class Published:
    """What is stated of the whole score; empty where nothing is.

    Attributes
    ----------
    citation, doi, pmid : str
    cutoff : str
        On the publication's own scale.
    unit : str
        What its coefficients are per, a key of ``SCALES``.
    """

    citation: str
    doi: str
    pmid: str
    cutoff: str
    unit: str

    @property
    def scale(self) -> Scale:
        """What its coefficients are per, assumed where it is not stated."""
        return SCALES[self.unit or ASSUMED]


def published(
    rows: Sequence[Row], path: str, *, citation: str, unit: str, cutoff: float | None
) -> Published:
    """Gather what the columns and the options state of the whole score.

    Raises
    ------
    InvalidTableError
        If they contradict each other or themselves, or a value cannot be.
    """
    option = "" if cutoff is None else str(number(str(cutoff), "cutoff", "--cutoff"))
    text = _either("unit", unit, _stated(rows, "unit"), path)
    return Published(
        citation=_either("citation", citation, _stated(rows, "citation"), path),
        doi=_stated(rows, "doi"),
        pmid=_stated(rows, "pmid"),
        cutoff=_either("cutoff", option, _stated(rows, "cutoff"), path),
        unit=_unit_named(text, path) if text else "",
    )


def _unit_named(text: str, path: str) -> str:
    """Return a unit as ``SCALES`` spells it."""
    name = re.sub(r"[\s_]+", "_", text.translate(MINUS).lower())
    if name in SCALES:
        return name
    remedy = "log2 stands for log2(CPM + 1) and an array's log2 intensity, too"
    if name in COUNTS:
        remedy = (
            "a sum of counts themselves, not of their logarithms, has no like among sums of "
            "normal scores: it cannot be imported"
        )
    raise InvalidTableError(
        f"unit is {text!r}",
        where=path,
        expected="what a coefficient is per: one of " + ", ".join(SCALES),
        remedy=remedy,
    )


def _stated(rows: Sequence[Row], column: str) -> str:
    """Return what a column says of the whole score; empty where it says nothing.

    Raises
    ------
    InvalidTableError
        If it says two things, or none that can be.
    """
    filled = [row for row in rows if row[column]]
    for row in filled:
        if row[column] != filled[0][column]:
            raise InvalidTableError(
                f"{column} is {row[column]!r}, but {filled[0][column]!r} in a row above",
                where=row.place,
                expected=f"one {column} for the whole score",
            )
    if not filled:
        return ""
    row, value = filled[0], filled[0][column]
    if column == "cutoff":
        return str(number(value, "cutoff", row.place))
    if column == "doi":
        value = PREFIXES_OF_DOI.sub("", value)
        _check_form(value, DOI, "a DOI, such as 10.3389/fonc.2025.1552902", column, row.place)
    if column == "pmid":
        _check_form(value, PMID, "a PubMed identifier: digits only", column, row.place)
    return value


def _check_form(value: str, pattern: str, expected: str, column: str, place: str) -> None:
    if not re.match(pattern, value):
        raise InvalidTableError(f"{column} is {value!r}", where=place, expected=expected)


def _either(name: str, option: str, column: str, path: str) -> str:
    """Return what an option or a column says; they must not contradict each other."""
    if option and column and option != column:
        raise InvalidTableError(
            f"the column {name} says {column!r}, --{name} says {option!r}",
            where=path,
            expected=f"one {name} for the whole score",
        )
    return option or column
