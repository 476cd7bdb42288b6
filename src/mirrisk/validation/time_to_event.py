"""All that follow-up tells about a risk, from the kernels of this package.

With competing events a patient who had one will never have the event of interest, and is taken to
be followed for ever without it in Harrell's C (Wolbers et al. 2009). Uno's C, the time-dependent
AUC and the Brier score as they are here know censoring only, and are not given then.

The limits of Harrell's C are a jackknife's over patients: the percentile bootstrap covers too
rarely where C is high and samples are few (docs/validation.md).

References
----------
Wolbers M, Koller MT, Witteman JCM, Steyerberg EW. Prognostic models with competing risks: methods
and application to coronary risk prediction. Epidemiology 2009;20:555-561.
doi:10.1097/EDE.0b013e3181a39056
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.errors import MismatchError
from mirrisk.scoring import FLAGS
from mirrisk.validation.binary import ORDER
from mirrisk.validation.bootstrap import bootstrap_interval
from mirrisk.validation.clustered import repeated
from mirrisk.validation.concordance import uno_c
from mirrisk.validation.fold_concordance import compare_within, concordance_interval
from mirrisk.validation.follow_up import check_horizon, follow_up
from mirrisk.validation.incidence import cumulative_incidence
from mirrisk.validation.net_benefit import net_benefit
from mirrisk.validation.survival import integrated_brier, time_dependent_auc
from mirrisk.validation.survival_calibration import calibration_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mirrisk.model import FittedPanel
    from mirrisk.scoring import Flag
    from mirrisk.validation.bootstrap import BootstrapInterval
    from mirrisk.validation.cases import Cases
    from mirrisk.validation.crossfit import Judged
    from mirrisk.validation.estimate import Estimate
    from mirrisk.validation.follow_up import FollowUp
    from mirrisk.validation.interval import Interval
    from mirrisk.validation.net_benefit import DecisionCurve
    from mirrisk.validation.survival import IntegratedBrier
    from mirrisk.validation.survival_calibration import SurvivalCalibration
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

BRIER_TIMES = 20
"""Evenly spaced up to the horizon, at which the Brier score is taken to be integrated."""

COUNTS_SAMPLES = (
    "patients have several samples: the intervals of C and of the AUC are for patients; those of "
    "calibration and cumulative incidence count samples, so that they are too short"
)


@dataclass(frozen=True)
class IncidenceRow:
    """Cumulative incidence of the event at the horizon among the samples with one flag.

    Attributes
    ----------
    flag : Flag
    n, events : int
        Samples, and events whenever they happened.
    at_risk : int
        Followed up to the horizon at least.
    incidence : Estimate
        1 minus Kaplan-Meier where nothing competes, else Aalen and Johansen's.
    """

    flag: Flag
    n: int
    events: int
    at_risk: int
    incidence: Estimate


@dataclass(frozen=True)
class SurvivalFigures:
    """How good a risk is; None where the data cannot tell, with the reason in ``notes``."""

    harrell_c: Interval
    uno_c: BootstrapInterval | None
    horizon: float | None
    auc_at_horizon: BootstrapInterval | None
    brier: IntegratedBrier | None
    calibration: SurvivalCalibration | None
    incidence: tuple[IncidenceRow, ...]
    net_benefit: DecisionCurve | None
    notes: tuple[str, ...]


def evaluate_follow_up(
    cases: Cases,
    judged: Judged,
    panel: FittedPanel | None,
    *,
    horizon: float | None,
    thresholds: Sequence[float] | None,
    resamples: int,
    seed: int,
) -> SurvivalFigures:
    """Evaluate a risk on the time to an event.

    Parameters
    ----------
    cases : Cases
        With follow-up; some may not be scored.
    judged : Judged
        Of the same samples.
    panel : FittedPanel, optional
        If it predicts the risk of an event until a time; then that is held against the outcome.
    horizon : float, optional
    thresholds : sequence of float, optional
        Of net benefit.
    resamples, seed : int

    Raises
    ------
    MismatchError
        If no scored sample has the event, or none can be compared.
    """
    if cases.follow_up is None:
        raise MismatchError("no follow-up", expected="time and event")
    scored = judged.scored
    data = cases.follow_up.take(scored)
    follow_up(data.time, data.event, competing=True, at_least=1)
    score = judged.score[scored]
    notes: list[str] = []
    interval = _Resampled(data, score, cases, scored, resamples, seed, notes)
    competes = bool(data.competed.any())
    if competes:
        notes.append(
            "competing events: no Uno's C, time-dependent AUC or Brier score; in Harrell's C who "
            "had one counts as followed on without the event"
        )
    patients = cases.patients[scored]
    harrell = harrell_of_patients(data, score, patients)
    if repeated(patients) is not None:
        notes.append(COUNTS_SAMPLES)
    uno = auc_at = brier = calibrated = curve = None
    if not competes:
        uno = interval("Uno's C", lambda t, e, r: uno_c(t, e, r, horizon).value)
    if horizon is not None:
        at = check_horizon(horizon)
        if not competes:
            auc_at = interval(
                f"AUC at {at:g}", lambda t, e, r: time_dependent_auc(t, e, r, at).auc[0]
            )
        if panel is not None:
            eta = score * panel.scale
            calibrated = calibration_at(data.time, data.event, panel.link.probability(eta, at), at)
            if not competes:
                brier = _brier(panel, eta, data, at)
            if thresholds:
                risk = panel.link.probability(eta, at)
                curve = net_benefit(data.event, risk, list(thresholds), time=data.time, horizon=at)
    else:
        notes.append("no horizon: nothing is told of risks until a time (--horizon)")
    return SurvivalFigures(
        harrell_c=harrell,
        uno_c=uno,
        horizon=horizon,
        auc_at_horizon=auc_at,
        brier=brier,
        calibration=calibrated,
        incidence=() if horizon is None else _by_flag(cases.follow_up, judged, horizon),
        net_benefit=curve,
        notes=tuple(notes),
    )


def harrell_of_patients(
    data: FollowUp, risk: FloatArray, patients: IntArray, level: float = 0.95
) -> Interval:
    """Return Harrell's C with limits for patients; who had a competing event is followed on.

    Raises
    ------
    MismatchError
        If no pair can be compared.
    """
    codes = np.unique(patients, return_inverse=True)[1]
    pairs = compare_within(data.time, data.event, risk, np.zeros(len(risk), dtype=np.intp))
    if not pairs.all.any():
        raise MismatchError(
            "no pair of samples is comparable",
            expected="an event while another sample is still followed",
        )
    return concordance_interval(pairs, data.event, codes, level)


class _Resampled:
    """Intervals by the bootstrap, events and others apart, patients whole."""

    def __init__(
        self,
        data: FollowUp,
        score: FloatArray,
        cases: Cases,
        scored: BoolArray,
        resamples: int,
        seed: int,
        notes: list[str],
    ) -> None:
        self.columns = data.happened.astype(float), data.time, data.event.astype(float), score
        self.groups = None if cases.groups is None else cases.groups[scored]
        self.resamples, self.seed, self.notes = resamples, seed, notes

    def __call__(
        self,
        measure: str,
        statistic: Callable[[FloatArray, FloatArray, FloatArray], float],
    ) -> BootstrapInterval | None:
        try:
            return bootstrap_interval(
                lambda _, time, event, risk: statistic(time, event, risk),
                *self.columns,
                n=self.resamples,
                seed=self.seed,
                groups=self.groups,
                measure=measure,
            )
        except MismatchError as fault:
            self.notes.append(f"no {measure}: {fault.what}")
            return None


def _brier(panel: FittedPanel, eta: FloatArray, data: FollowUp, horizon: float) -> IntegratedBrier:
    times = np.linspace(0, horizon, BRIER_TIMES + 1)[1:]
    survival = [1 - panel.link.probability(eta, float(time)) for time in times]
    return integrated_brier(data.time, data.event, np.column_stack(survival), times)


def _by_flag(data: FollowUp, judged: Judged, horizon: float) -> tuple[IncidenceRow, ...]:
    rows = []
    for flag in ORDER:
        here = judged.flags == FLAGS.index(flag)
        if here.any():
            flagged = data.take(here)
            curve = cumulative_incidence(flagged.time, flagged.event, [horizon])
            events = int(np.count_nonzero(flagged.happened))
            rows.append(
                IncidenceRow(flag, int(here.sum()), events, curve.at_risk[0], curve.estimates[0])
            )
    return tuple(rows)
