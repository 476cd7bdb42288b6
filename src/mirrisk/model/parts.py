"""What a fitted panel consists of: terms, covariates, the link to a probability, cutoffs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import expit

from mirrisk.errors import MirriskError, MismatchError

if TYPE_CHECKING:
    from mirrisk.panel import Member
    from mirrisk.vocabulary import FloatArray

LinkKind = Literal["logistic", "cox", "fine-gray"]


@dataclass(frozen=True)
class Term:
    """A miRNA with its coefficient.

    Attributes
    ----------
    key : str
        The column of the reference that it reads.
    mirna : str
        What results call it: the mature miRNA, or the column where that is not known.
    coefficient : float
        Log odds, or log hazard, per normal score.
    claim : Member, optional
        What the literature says of it.
    frequency : float, optional
        Share of the halves of stability selection that selected it, 0 to 1.
    """

    key: str
    mirna: str
    coefficient: float
    claim: Member | None = None
    frequency: float | None = None

    @property
    def member(self) -> str:
        """The claim that it belongs to, or its own name."""
        return self.mirna if self.claim is None else self.claim.name


@dataclass(frozen=True)
class Covariate:
    """A clinical column with its coefficient, per standard deviation of the cohort."""

    name: str
    coefficient: float
    mean: float
    sd: float


@dataclass(frozen=True)
class Link:
    """From the centred linear predictor to a probability.

    Attributes
    ----------
    kind : {"logistic", "cox", "fine-gray"}
        The probability is expit(intercept + slope eta), or, of an event until the horizon,
        1 - exp(-H0(horizon) exp(slope eta)).
    intercept, slope : float
        Calibrated on predictions for samples that the fit had not seen.
    horizon : float, optional
        In the cohort's unit of time.
    times, hazard : tuple of float
        The baseline (subdistribution) hazard, cumulated: a step function.
    end : float, optional
        End of follow-up in the cohort, beyond which the baseline is not known; default the later
        of the horizon and the last of ``times``. None of a logistic link.
    """

    kind: LinkKind
    intercept: float = 0.0
    slope: float = 1.0
    horizon: float | None = None
    times: tuple[float, ...] = ()
    hazard: tuple[float, ...] = ()
    end: float | None = None

    def __post_init__(self) -> None:
        if self.kind != "logistic" and self.end is None:
            known = (*self.times, *([] if self.horizon is None else [self.horizon]))
            object.__setattr__(self, "end", max(known, default=0.0))

    def probability(self, eta: FloatArray, horizon: float | None = None) -> FloatArray:
        """Return probabilities for centred linear predictors.

        Parameters
        ----------
        eta : ndarray
            NaN stays NaN.
        horizon : float, optional
            Until when, at most ``end``; default the panel's own. Of survival only.

        Raises
        ------
        MismatchError
            If the horizon lies beyond the end of follow-up.
        """
        if self.kind == "logistic":
            return np.asarray(expit(self.intercept + self.slope * eta))
        return np.asarray(-np.expm1(-self.hazard_until(horizon) * np.exp(self.slope * eta)))

    def hazard_until(self, horizon: float | None = None) -> float:
        """Return the cumulated baseline hazard at a horizon, default its own.

        Raises
        ------
        MismatchError
            If the horizon is negative or lies beyond the end of follow-up.
        """
        until = self.horizon if horizon is None else horizon
        if until is None:
            raise MirriskError("no horizon: a probability of what, until when?")
        if self.end is not None and not 0 <= until <= self.end:
            raise MismatchError(
                f"a probability until {until:g}, where the panel's cohort was followed until "
                f"{self.end:g}: nothing is known of what came after",
                expected=f"a horizon from 0 to {self.end:g}",
            )
        steps = int(np.searchsorted(self.times, until, side="right"))
        return self.hazard[steps - 1] if steps else 0.0


@dataclass(frozen=True)
class Cutoffs:
    """Centred linear predictors at or below which a sample is low, or high from.

    ``low_means`` and ``high_means`` say in words what the cutoffs were chosen for.
    """

    low: float
    high: float
    low_means: str
    high_means: str
