"""Of two patients, has the one with the higher risk the event first: Harrell's and Uno's C.

References
----------
Harrell FE, Lee KL, Mark DB. Multivariable prognostic models. Stat Med 1996;15:361-387.
doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4

Uno H, Cai T, Pencina MJ, D'Agostino RB, Wei LJ. On the C-statistics for evaluating overall adequacy
of risk prediction procedures with censored survival data. Stat Med 2011;30:1105-1117.
doi:10.1002/sim.4154
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.validation.estimate import Estimate
from mirrisk.validation.follow_up import FollowUp, check_horizon, follow_up
from mirrisk.validation.incidence import Censoring
from mirrisk.validation.outcome import check_aligned, check_level, finite

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirrisk.vocabulary import FloatArray

_PAIRS_AT_ONCE = 2**20


@dataclass(frozen=True)
class Concordance:
    """A concordance index.

    Attributes
    ----------
    method : {"Harrell", "Uno"}
    estimate : Estimate
        0.5 for a risk that tells nothing. The standard error is the infinitesimal jackknife's, as
        in the R package survival; Uno's weights are taken as known. The interval is a normal one.
    concordant, discordant, tied_risk : float
        Weight of the comparable pairs of each kind; plain counts for Harrell's. Pairs of tied risk
        count as half concordant.
    n, events : int
    tau : float or None
        Events after this time start no pair.
    """

    method: str
    estimate: Estimate
    concordant: float
    discordant: float
    tied_risk: float
    n: int
    events: int
    tau: float | None = None

    @property
    def value(self) -> float:
        """The index."""
        return self.estimate.value

    def __str__(self) -> str:
        until = "" if self.tau is None else f" up to time {self.tau:g}"
        return (
            f"{self.method}'s C{until}: {self.estimate}; {self.n} samples with {self.events} events"
        )


def harrell_c(
    time: ArrayLike, event: ArrayLike, risk: ArrayLike, *, level: float = 0.95
) -> Concordance:
    """Compute Harrell's C.

    A pair is comparable where the shorter time ends with an event; of two that end at the same
    time, one with the event and one censored, the event is first. Two events at one time are not
    comparable.

    Parameters
    ----------
    time : array-like of shape (n_samples,)
        To the event or the end of follow-up.
    event : array-like of shape (n_samples,)
        1 or True for the event, 0 or False for the end of follow-up.
    risk : array-like of shape (n_samples,)
        Any numbers, higher where the event comes earlier.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    Concordance
        Equal to ``concordance(Surv(time, event) ~ risk, reverse=TRUE)`` of the R package survival.
        It depends on how many were censored and when; see :func:`uno_c`.

    Raises
    ------
    MismatchError
        If there is no event or no comparable pair, a risk is NaN, or see
        :mod:`mirrisk.validation.follow_up`. A constant risk has C = 0.5.

    References
    ----------
    doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4

    Examples
    --------
    >>> harrell_c([1, 2, 3, 4], [1, 1, 0, 1], [0.9, 0.4, 0.6, 0.1]).value
    0.8
    """
    data, risks = _checked(time, event, risk, level)
    return _concordance("Harrell", data, risks, data.happened.astype(np.float64), None, level)


def uno_c(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    tau: float | None = None,
    *,
    level: float = 0.95,
) -> Concordance:
    """Compute Uno's C, which does not depend on the pattern of censoring.

    A pair whose first event is at time t weighs 1/G(t-)^2, with G the share not censored before,
    estimated on the same samples by Kaplan and Meier, events before censorings at ties.

    Parameters
    ----------
    time, event, risk
        As for :func:`harrell_c`.
    tau : float, optional
        The last time at which an event starts a pair: choose it where follow-up is still
        sufficient, for late pairs weigh much.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    Concordance
        Equal to ``concordance(..., timewt="n/G2", ymax=tau)`` of the R package survival.
        ``concordance_index_ipcw`` of scikit-survival takes G(t) in place of G(t-) and leaves out
        events at tau itself: it differs where times are tied.

    Raises
    ------
    MismatchError
        As for :func:`harrell_c`, or if tau is not above 0.

    References
    ----------
    doi:10.1002/sim.4154
    """
    data, risks = _checked(time, event, risk, level)
    tau = None if tau is None else check_horizon(tau, "tau")
    counts = data.happened & (data.time <= (np.inf if tau is None else tau))
    weight = np.zeros(len(risks))
    weight[counts] = Censoring.of(data).before(data.time[counts]) ** -2
    return _concordance("Uno", data, risks, weight, tau, level)


def _checked(
    time: ArrayLike, event: ArrayLike, risk: ArrayLike, level: float
) -> tuple[FollowUp, FloatArray]:
    data, risks = follow_up(time, event, at_least=1), finite(risk, "risk")
    check_aligned(time, risk, "time", "risk")
    check_level(level)
    return data, risks


def _concordance(
    method: str,
    data: FollowUp,
    risk: FloatArray,
    weight: FloatArray,
    tau: float | None,
    level: float,
) -> Concordance:
    comparable, concordant, tied = weigh_pairs(data, risk, weight)
    total = comparable.sum() / 2
    if not total:
        raise MismatchError(
            "no pair of samples is comparable",
            expected="an event while another sample is still followed",
        )
    score = concordant + tied / 2
    index = score.sum() / 2 / total
    influence = (score - index * comparable) / total
    return Concordance(
        method=method,
        estimate=Estimate.wald(index, float(np.sqrt(np.sum(influence**2))), level),
        concordant=float(concordant.sum() / 2),
        discordant=float((comparable - concordant - tied).sum() / 2),
        tied_risk=float(tied.sum() / 2),
        n=len(risk),
        events=int(np.count_nonzero(data.happened)),
        tau=tau,
    )


def weigh_pairs(
    data: FollowUp, risk: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the weight of each sample's pairs: comparable, concordant, of tied risk.

    Parameters
    ----------
    data : FollowUp
    risk : array of shape (n_samples,)
    weight : array of shape (n_samples,)
        Of the pairs that a sample's event starts; 0 where it starts none.
    """
    happened, n = data.happened, len(risk)
    kinds = np.zeros((3, n))
    first = np.flatnonzero(weight > 0)
    rows = max(1, _PAIRS_AT_ONCE // n)
    for start in range(0, len(first), rows):
        case = first[start : start + rows]
        at = data.time[case, np.newaxis]
        later = (data.time > at) | ((data.time == at) & ~happened)
        lower, tied = (compare(risk, risk[case, np.newaxis]) for compare in (np.less, np.equal))
        for kind, pairs in zip(kinds, (later, later & lower, later & tied), strict=True):
            kind[case] += weight[case] * pairs.sum(axis=1)
            kind += weight[case] @ pairs
    return kinds[0], kinds[1], kinds[2]
