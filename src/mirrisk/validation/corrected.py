"""One measure freed of its optimism: Harrell's correction, .632 and .632+.

References
----------
Harrell FE, Lee KL, Mark DB. Multivariable prognostic models. Stat Med 1996;15:361-387.
doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4

Efron B, Tibshirani R. Improvements on cross-validation: the .632+ bootstrap method. Journal of
the American Statistical Association 1997;92:548-560. doi:10.1080/01621459.1997.10474007
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.validation.plain import plain

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray

OUTSIDE = 0.632
"""Share of the samples that a bootstrap sample holds, on average of large cohorts."""


@dataclass(frozen=True)
class Corrected:
    """A measure on the samples that the model was learned from, and freed of its optimism.

    Attributes
    ----------
    name : str
    apparent : float
        Of the model of the whole cohort, on the cohort.
    training, test : float
        Means over bootstrap models: on their bootstrap sample, and on the cohort.
    optimism : float
        ``training - test``; negative for measures that are better when lower.
    corrected : float
        ``apparent - optimism`` (Harrell).
    monte_carlo_error : float
        Standard error of the optimism for the number of bootstraps; says nothing of how sure
        the measure is.
    outside : float
        Mean over bootstrap models on the samples outside of their bootstrap sample.
    no_information : float
        What the model of the whole cohort would have, did outcome and risk have nothing to do
        with each other.
    overfitting : float
        How far `outside` is on the way from `apparent` to `no_information`, 0 to 1.
    estimate_632, estimate_632_plus : float
    used, used_outside : int
        Bootstraps that gave the measure. Outside of a bootstrap sample there may be samples of
        one class only.
    """

    name: str
    apparent: float
    training: float
    test: float
    optimism: float
    corrected: float
    monte_carlo_error: float
    outside: float
    no_information: float
    overfitting: float
    estimate_632: float
    estimate_632_plus: float
    used: int
    used_outside: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; NaN becomes None."""
        return dict(plain(self))

    def __str__(self) -> str:
        return (
            f"{self.name}: apparent {self.apparent:.3f}, optimism {self.optimism:+.3f}, "
            f"corrected {self.corrected:.3f}, .632 {self.estimate_632:.3f}, "
            f".632+ {self.estimate_632_plus:.3f}"
        )


def corrected(
    name: str,
    apparent: float,
    no_information: float,
    training: FloatArray,
    test: FloatArray,
    outside: FloatArray,
) -> Corrected:
    """Free a measure of its optimism.

    Parameters
    ----------
    name : str
    apparent, no_information : float
        Of the model of the whole cohort.
    training, test, outside : arrays of shape (bootstraps,)
        Of each bootstrap's model: on its sample, on the cohort, and on the samples outside; NaN
        where the measure is not defined.
    """
    both = ~np.isnan(training) & ~np.isnan(test)
    gaps = training[both] - test[both]
    mean_gap, beyond = _mean(gaps), _mean(outside[~np.isnan(outside)])
    overfitting, plus = _point_632_plus(apparent, beyond, no_information)
    return Corrected(
        name=name,
        apparent=apparent,
        training=_mean(training[both]),
        test=_mean(test[both]),
        optimism=mean_gap,
        corrected=apparent - mean_gap,
        monte_carlo_error=(
            float(gaps.std(ddof=1) / math.sqrt(len(gaps))) if len(gaps) > 1 else math.nan
        ),
        outside=beyond,
        no_information=no_information,
        overfitting=overfitting,
        estimate_632=(1 - OUTSIDE) * apparent + OUTSIDE * beyond,
        estimate_632_plus=plus,
        used=int(both.sum()),
        used_outside=int((~np.isnan(outside)).sum()),
    )


def _point_632_plus(apparent: float, outside: float, none: float) -> tuple[float, float]:
    """Return the relative overfitting, 0 to 1, and the .632+ estimate."""
    if math.isnan(outside) or math.isnan(none):
        return math.nan, math.nan
    span = apparent - none
    rate = (apparent - outside) / span if span else 0.0
    # Worse than no information is counted as no information; better than apparent, as it is.
    bounded = none if rate > 1 else outside
    rate = min(max(rate, 0.0), 1.0)
    weight = OUTSIDE / (1 - (1 - OUTSIDE) * rate)
    return rate, (1 - weight) * apparent + weight * bounded


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else math.nan
