"""An estimate with its limits, and a proportion with exact ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mirrisk.errors import MismatchError
from mirrisk.validation.estimate import exact_limits
from mirrisk.validation.outcome import check_level


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits.

    Attributes
    ----------
    estimate, low, high : float
    level : float
        Nominal coverage, such as 0.95.
    method : str
        How the limits were found.
    measure : str
        What was estimated.
    """

    estimate: float
    low: float
    high: float
    level: float
    method: str
    measure: str = ""

    def __str__(self) -> str:
        return (
            f"{self.measure} {self.estimate:.2f} "
            f"({100 * self.level:.4g}% CI {self.low:.2f} to {self.high:.2f}, {self.method})"
        ).lstrip()

    def __post_init__(self) -> None:
        check_level(self.level)


@dataclass(frozen=True)
class Proportion:
    """A share of samples with its exact limits (Clopper and Pearson).

    Where patients have several samples: see :func:`mirrisk.validation.clustered.share_of`.

    Attributes
    ----------
    count, of : int
        How many of how many.
    low, high : float
        0 and 1 where there was no sample to count in.
    level : float
        Nominal coverage, such as 0.95; of independent samples never less in truth.
    """

    count: int
    of: int
    low: float
    high: float
    level: float

    @property
    def estimate(self) -> float:
        """The share; NaN where there was no sample to count in."""
        return self.count / self.of if self.of else math.nan

    def __str__(self) -> str:
        if not self.of:
            return "unknown (0 of 0)"
        return (
            f"{self.estimate:.2f} ({self.count}/{self.of}, "
            f"{100 * self.level:.4g}% CI {self.low:.2f} to {self.high:.2f})"
        )


def clopper_pearson(count: int, of: int, level: float = 0.95) -> Proportion:
    """Return a proportion with exact limits.

    Parameters
    ----------
    count, of : int
        Successes, 0 to ``of``, and trials, 0 or more. Without a trial nothing is known: the
        estimate is NaN, the limits are 0 and 1.
    level : float, default 0.95

    Returns
    -------
    Proportion

    Raises
    ------
    MismatchError
        If count is not from 0 to ``of``, or the level not between 0 and 1.

    References
    ----------
    Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of
    the binomial. Biometrika 1934;26:404-413. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> print(clopper_pearson(10, 12))
    0.83 (10/12, 95% CI 0.52 to 0.98)
    """
    if not 0 <= count <= of:
        raise MismatchError(f"{count} of {of}", expected="a count from 0 to the number of samples")
    check_level(level)
    if not of:
        return Proportion(0, 0, 0.0, 1.0, level)
    low, high = exact_limits(count, of, level)
    return Proportion(int(count), int(of), low, high, level)
