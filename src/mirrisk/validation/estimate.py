"""A number with its standard error and interval, and the result of a test."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """An estimate and how sure it is.

    Attributes
    ----------
    value : float
        NaN where the data cannot tell; the result that holds it says why.
    standard_error : float
    low, high : float
        The interval.
    level : float
        Its nominal coverage.
    """

    value: float
    standard_error: float
    low: float
    high: float
    level: float = 0.95

    @classmethod
    def wald(cls, value: float, standard_error: float, level: float) -> Estimate:
        """Take the interval of a normal distribution around the value."""
        half = normal_quantile(level) * standard_error
        return cls(float(value), float(standard_error), value - half, value + half, level)

    @classmethod
    def log_wald(cls, value: float, standard_error: float, level: float) -> Estimate:
        """Take the interval of a normal distribution of the logarithm; the value is above 0."""
        factor = math.exp(normal_quantile(level) * standard_error / value)
        return cls(float(value), float(standard_error), value / factor, value * factor, level)

    @classmethod
    def undefined(cls, level: float) -> Estimate:
        """Nothing that the data can tell."""
        return cls(math.nan, math.nan, math.nan, math.nan, level)

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "not defined"
        return (
            f"{self.value:.3g} ({100 * self.level:.4g}% interval {self.low:.3g} to {self.high:.3g})"
        )


@dataclass(frozen=True)
class ChiSquaredTest:
    """A statistic that is chi-squared under the null hypothesis.

    Attributes
    ----------
    statistic : float
    df : int
        Degrees of freedom.
    p_value : float
    """

    statistic: float
    df: int
    p_value: float

    @classmethod
    def of(cls, statistic: float, df: int) -> ChiSquaredTest:
        """Look the statistic up; NaN stays NaN."""
        # scipy.special, for scipy.stats takes half a second to load.
        from scipy.special import chdtrc

        return cls(float(statistic), df, float(chdtrc(df, statistic)))

    def __str__(self) -> str:
        return f"chi-squared {self.statistic:.3g}, df {self.df}, p = {self.p_value:.2g}"


def normal_quantile(level: float) -> float:
    """Return how many standard errors an interval of this level reaches to either side."""
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def exact_limits(count: float, n: float, level: float) -> tuple[float, float]:
    """Return Clopper and Pearson's limits of a share; counts need not be whole numbers.

    References
    ----------
    Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of
    the binomial. Biometrika 1934;26:404-413. doi:10.1093/biomet/26.4.404
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high
