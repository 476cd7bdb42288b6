"""The samples that an AUC with an interval of a width needs, by formula.

References
----------
Hanley JA, McNeil BJ. The meaning and use of the area under a receiver operating characteristic
(ROC) curve. Radiology 1982;143:29-36. doi:10.1148/radiology.143.1.7063747

Obuchowski NA, Lieber ML, Wians FH. ROC curves in clinical chemistry: uses, misuses, and possible
solutions. Clin Chem 2004;50:1118-1125. doi:10.1373/clinchem.2004.031823
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.auc_limits import binormal_variance
from mirrisk.validation.outcome import check_level

if TYPE_CHECKING:
    from collections.abc import Callable

Formula = Literal["Hanley-McNeil", "Obuchowski", "binormal"]

MOST = 1_000_000
"""More samples than this are no answer."""


@dataclass(frozen=True)
class AucSampleSize:
    """Samples that an interval of a width needs, by formula; as a string, in words.

    Attributes
    ----------
    n, events : int
        Samples in all, and with the event.
    auc, width, prevalence, level : float
        What was asked for.
    method : {"Hanley-McNeil", "Obuchowski", "binormal"}
    low, high : float
        The interval expected at n.
    """

    n: int
    events: int
    auc: float
    width: float
    prevalence: float
    level: float
    method: Formula
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.n:,} samples, {self.events:,} of them with the event, show an AUC of "
            f"{self.auc:g} with a {100 * self.level:.4g}% interval of width {self.width:g} "
            f"({self.low:.3f} to {self.high:.3f}; {self.method})."
        )


def samples_for_auc(
    auc: float,
    width: float,
    prevalence: float,
    *,
    level: float = 0.95,
    method: Formula = "binormal",
) -> AucSampleSize:
    """Return the least cohort whose interval of the AUC is expected to be no wider.

    Parameters
    ----------
    auc : float
        Expected, above 0.5 and below 1.
    width : float
        From the lower to the upper limit, above 0 and below 1.
    prevalence : float
        Share of events, above 0 and below 1.
    level : float, default 0.95
    method : {"binormal", "Hanley-McNeil", "Obuchowski"}
        The variance: Bamber's for two normal distributions of equal spread; Hanley and McNeil's
        for exponential ones; Obuchowski's for a binormal curve that is fitted.

    Returns
    -------
    AucSampleSize
        Of the symmetric interval, AUC -+ z standard errors. That which mirrisk reports is
        another near 1, and varies between cohorts: see `samples_for_panel`.

    Raises
    ------
    MismatchError
        If an argument is outside its range, or more than a million samples would be needed.

    References
    ----------
    doi:10.1148/radiology.143.1.7063747, doi:10.1373/clinchem.2004.031823; checked against the
    documented example of the R package presize (``prec_auc``) and against the variance in pROC.

    Examples
    --------
    >>> print(samples_for_auc(0.65, 0.1720755, 0.1, method="Hanley-McNeil"))
    500 samples, 50 of them with the event, show an AUC of 0.65 with a 95% interval ...
    """
    check_question(auc, width, prevalence, level)
    if method not in get_args(Formula):
        raise MismatchError(f"method is {method!r}", expected=" or ".join(get_args(Formula)))

    def expected_width(n: int) -> float:
        variance = _variance(auc, n * prevalence, n * (1 - prevalence), method)
        return 2 * NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance)

    # A last bit of rounding must not cost a sample.
    n = least_that(lambda n: expected_width(n) <= width * (1 + 1e-7), smallest(prevalence), MOST)
    half = expected_width(n) / 2
    return AucSampleSize(
        n=n,
        events=round(n * prevalence),
        auc=float(auc),
        width=float(width),
        prevalence=float(prevalence),
        level=float(level),
        method=method,
        low=auc - half,
        high=auc + half,
    )


def _variance(auc: float, events: float, others: float, method: Formula) -> float:
    if method == "binormal":
        # Of real numbers: a share of the samples need not be a whole number.
        return float(binormal_variance(np.array(auc), events, others))  # type: ignore[arg-type]
    if method == "Obuchowski":
        a = 1.414 * NormalDist().inv_cdf(auc)
        spread = (5 * a**2 + 8) / events + (a**2 + 8) / others
        return 0.0099 * math.exp(-(a**2) / 2) * spread
    of_events = auc / (2 - auc) - auc**2
    of_others = 2 * auc**2 / (1 + auc) - auc**2
    total = auc * (1 - auc) + (events - 1) * of_events + (others - 1) * of_others
    return total / (events * others)


def least_that(suffices: Callable[[int], bool], least: int, most: int) -> int:
    """Return the least n that suffices, where all larger ones do, too.

    Raises
    ------
    MismatchError
        If none does up to the most.
    """
    high = least
    while not suffices(high):
        if high >= most:
            raise MismatchError(
                f"more than {most:,} samples would be needed",
                remedy="ask for a wider interval",
            )
        least, high = high + 1, min(2 * high, most)
    while least < high:
        middle = (least + high) // 2
        if suffices(middle):
            high = middle
        else:
            least = middle + 1
    return high


def smallest(prevalence: float) -> int:
    """Return the least cohort with two events and two non-events: one alone has no variance."""
    return math.ceil(2 / min(prevalence, 1 - prevalence))


def check_question(auc: float, width: float, prevalence: float, level: float) -> None:
    """Refuse a question that makes no sense.

    Raises
    ------
    MismatchError
    """
    check_level(level)
    for name, value, least in (
        ("auc", auc, 0.5),
        ("width", width, 0),
        ("prevalence", prevalence, 0),
    ):
        if not least < value < 1:
            raise MismatchError(f"{name} is {value}", expected=f"a number above {least:g}, below 1")
