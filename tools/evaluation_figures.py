"""Figures of one panel on one cohort, from mirrisk's own functions."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import evaluation_data as data
import evaluation_random as random_panels
import numpy as np
from scipy.special import ndtr

from mirrisk.alignment import align
from mirrisk.result import REASONS
from mirrisk.signatures import load_signature
from mirrisk.tables import as_expression
from mirrisk.validation.binary import flags_of
from mirrisk.validation.calibration import calibration_of_percentiles
from mirrisk.validation.clinical_models import compare_with_covariates
from mirrisk.validation.crossfit import cross_fitted, deal
from mirrisk.validation.discrimination import auc_interval, auc_of_rows, delong_test
from mirrisk.validation.follow_up import FollowUp
from mirrisk.validation.parts import member_figures, within_sites
from mirrisk.validation.time_to_event import harrell_of_patients

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mirrisk.validation.crossfit import Judged
    from mirrisk.validation.interval import Interval

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

SEED = 0
FOLDS = 5
REPEATS = 10
RANDOM_PANELS = 1000
MIN_EVENTS = 10
"""Below it no model with a covariate is fitted: it would be a tale of single patients."""

MIN_SIDE_EVENTS = 2
"""Figures on part of the patients need two events."""


class Evaluated:
    """A cohort with its cross-fitted scores: one per patient, whatever the endpoint.

    References know nothing of outcomes, so that one dealing of patients serves all endpoints.
    """

    def __init__(self, cohort: data.Cohort) -> None:
        self.cohort = cohort
        self.panel = load_signature(cohort.panel)
        self.expression = as_expression(cohort.counts, unit="counts")
        self.n = len(self.expression)
        self.parts = deal(np.zeros(self.n, dtype=bool), FOLDS, SEED)
        self.judged, self.notes = cross_fitted(
            self.panel, self.expression, self.parts, np.arange(self.n)
        )
        self.clinical_name, self.clinical = data.clinical(cohort)
        self.metastatic = data.metastatic_at_diagnosis(cohort)

    @property
    def scored(self) -> BoolArray:
        """Who has a score."""
        return self.judged.scored

    @property
    def score(self) -> FloatArray:
        """Scores of all samples; NaN where there is none."""
        return self.judged.score

    @cached_property
    def pool(self) -> random_panels.Pool:
        """The miRNAs that random panels are drawn from."""
        return random_panels.pool(self.panel, self.expression, self.parts)

    @cached_property
    def random(self) -> tuple[FloatArray, Any]:
        """Scores of random panels, and the miRNAs drawn."""
        return random_panels.score_random(
            self.pool, self.n, RANDOM_PANELS, [SEED, list(data.PANELS).index(self.cohort.name)]
        )


# -- one cohort -------------------------------------------------------------------------------


def cohort_figures(it: Evaluated) -> dict[str, Any]:
    """Tell who was scored, on what, and how percentiles lie."""
    reasons = it.judged.reasons[~it.scored]
    alive = it.cohort.labels["os_event"] == 0
    pool = it.pool
    used = {slot.key for slot in _slots(it)}
    return {
        "cohort": it.cohort.name,
        "panel": it.panel.id,
        "panel_version": it.panel.version,
        "panel_digest": it.panel.digest,
        "primary_tumours": it.n,
        "left_out_repeated": it.cohort.repeated,
        "scored": int(it.scored.sum()),
        "not_scored": {
            REASONS[code] or "not scored": int((reasons == code).sum()) for code in set(reasons)
        },
        "members": list(it.judged.members),
        "mirnas": len(used),
        "too_rare": sorted(used - set(pool.own)),
        "pool": len(pool.keys),
        "drawn": len(pool.own),
        "percentiles": _percentiles(it.score[it.scored]),
        "median_follow_up_days": float(it.cohort.labels.loc[alive, "os_days"].median()),
        "clinical": it.clinical_name,
        "clinical_unknown": int(np.isnan(it.clinical[it.scored]).sum()),
        "metastatic_at_diagnosis": int(it.metastatic.sum()),
        "sequencers": it.cohort.labels["sequencer"].value_counts().to_dict(),
        "notes": list(it.notes),
    }


def _slots(it: Evaluated) -> Any:
    """Return what of the panel stem-loops of this table can stand for."""
    keys = it.expression.index.columns_of(it.expression.level)
    return align(
        it.panel,
        specimen="tissue",
        level=it.expression.level,
        reference_keys=dict.fromkeys(keys, 0),
        index=it.expression.index,
    ).scored_slots


def _percentiles(score: FloatArray) -> dict[str, Any]:
    found = calibration_of_percentiles(ndtr(score))
    return {
        "n": found.n,
        "above_90th": _interval(found.above.value, found.above.low, found.above.high),
        "below_10th": _interval(found.below.value, found.below.low, found.below.high),
        "mean": found.mean,
        "ks": found.ks_statistic,
        "ks_p": found.ks_p,
    }


# -- one endpoint of two classes --------------------------------------------------------------


def endpoint_figures(it: Evaluated, name: str, outcome: FloatArray) -> dict[str, Any]:
    """Tell how well the panel separates those with an endpoint from those without."""
    y, score = outcome[it.scored], it.score[it.scored]
    found = _auc(y, score)
    return {
        "cohort": it.cohort.name,
        "panel": it.panel.id,
        "endpoint": name,
        "n": len(y),
        "events": int(y.sum()),
        "events_not_scored": int(outcome.sum() - y.sum()),
        "auc": found,
        "verdict": verdict(found),
        "random": _against_random(
            auc_of_rows(np.broadcast_to(y, (RANDOM_PANELS, len(y))), it.random[0][:, it.scored]),
            found["estimate"],
        ),
        "percentiles_of_non_events": _percentiles(score[y == 0]),
        "flags": _flags(outcome, it.judged),
        "clinical": _clinical(it, y, score),
        "without_metastatic": _without(it, outcome) if name.endswith("_met") else None,
        "within_sequencer": _within_sequencer(it, y, score),
        "members": _members(it, y, score),
    }


def verdict(interval: Mapping[str, float]) -> str:
    """Say what the interval allows, and no more."""
    if interval["low"] > 0.5:
        return "better than chance"
    if interval["high"] < 0.5:
        return "worse than chance"
    return "not told from chance"


def _auc(y: FloatArray, risk: FloatArray) -> dict[str, float]:
    found = auc_interval(y, risk)
    return _interval(found.estimate, found.low, found.high)


def _against_random(found: FloatArray, own: float) -> dict[str, Any]:
    as_good = int((found >= own).sum())
    return {
        "panels": len(found),
        "best": float(found.max()),
        "percentile_95": float(np.quantile(found, 0.95)),
        "median": float(np.median(found)),
        "as_good": as_good,
        "p": (1 + as_good) / (1 + len(found)),
    }


def _flags(outcome: FloatArray, judged: Judged) -> dict[str, Any]:
    found = flags_of(outcome, judged)
    high = found.high
    return {
        "rows": {row.flag: {"n": row.n, "events": row.events} for row in found.rows},
        **{
            name: _share(getattr(high, name))
            for name in ("sensitivity", "specificity", "ppv", "npv")
        },
        "sensitivity_of_not_low": _share(found.not_low.sensitivity),
    }


def _share(share: Any) -> dict[str, Any]:
    return {
        "count": share.count,
        "of": share.of,
        **_interval(share.estimate, share.low, share.high),
    }


def _clinical(it: Evaluated, y: FloatArray, score: FloatArray) -> dict[str, Any]:
    """Tell of stage or Gleason alone, and with the panel; the latter only with enough events."""
    values = it.clinical[it.scored]
    known = ~np.isnan(values)
    apart = delong_test(y[known], score[known], values[known])
    found: dict[str, Any] = {
        "name": it.clinical_name,
        "known": int(known.sum()),
        "events_known": int(y[known].sum()),
        "alone": _auc(y[known], values[known]),
        "panel_less_clinical": _interval(apart.difference, apart.low, apart.high),
        "models": None,
    }
    if min(y.sum(), len(y) - y.sum()) < MIN_EVENTS:
        return found
    compared = compare_with_covariates(
        y,
        score,
        values[:, None],
        (it.clinical_name,),
        None,
        folds=FOLDS,
        repeats=REPEATS,
        resamples=200,  # of the Brier score, which is not reported
        seed=SEED,
    )
    gain = compared.added.auc
    found["models"] = {
        "folds": compared.folds,
        "repeats": compared.repeats,
        "imputed": compared.imputed,
        **{
            name: _interval(model.auc.estimate, model.auc.low, model.auc.high)
            for name, model in zip(("clinical", "panel", "both"), compared.models, strict=True)
        },
        "gain": _interval(gain.difference, gain.low, gain.high),
        "gain_verdict": gain_verdict(gain.low, gain.high),
    }
    return found


def gain_verdict(low: float, high: float) -> str:
    """Say what the interval of a difference allows, and no more."""
    if low > 0:
        return "adds"
    return "takes away" if high < 0 else "not told from nothing"


def _without(it: Evaluated, outcome: FloatArray) -> dict[str, Any] | None:
    """Leave out who had metastases at diagnosis: what is left could be predicted."""
    kept = it.scored & ~it.metastatic
    y = outcome[kept]
    if y.sum() == outcome[it.scored].sum() or y.sum() < MIN_SIDE_EVENTS:
        return None
    stage = it.clinical[kept]
    known = ~np.isnan(stage)
    found = _auc(y, it.score[kept])
    return {
        "n": len(y),
        "events": int(y.sum()),
        "auc": found,
        "verdict": verdict(found),
        "clinical_alone": _auc(y[known], stage[known]),
    }


def _within_sequencer(it: Evaluated, y: FloatArray, score: FloatArray) -> dict[str, Any] | None:
    """Compare only patients whose tumours went through the same sequencer."""
    words = it.cohort.labels["sequencer"].to_numpy()[it.scored].astype(str)
    if len(set(words)) < 2:
        return None
    found = within_sites(words, y, score, np.arange(len(y)), left_out=False).within
    return _interval(found.estimate, found.low, found.high)


def _members(it: Evaluated, y: FloatArray, score: FloatArray) -> list[dict[str, Any]]:
    found = member_figures(y, score, it.judged.take(it.scored), None)
    return [
        {
            "member": each.member,
            "risk_when": each.risk_when,
            "n": each.n,
            "auc": None
            if each.auc is None
            else _interval(each.auc.estimate, each.auc.low, each.auc.high),
            "auc_without": _number(each.auc_without),
            "influence": _number(each.influence),
        }
        for each in found
    ]


# -- one time to an event ---------------------------------------------------------------------


def followed_figures(
    it: Evaluated, name: str, time: FloatArray, event: FloatArray
) -> dict[str, Any]:
    """Tell how well the panel orders patients by their time to an event."""
    usable = it.scored & ~np.isnan(time)
    time, event, score = time[usable], event[usable], it.score[usable]
    found = _concordance(time, event, score)
    own = _interval(found.estimate, found.low, found.high)
    known = ~np.isnan(it.clinical[usable])
    alone = _concordance(time[known], event[known], it.clinical[usable][known])
    return {
        "cohort": it.cohort.name,
        "panel": it.panel.id,
        "endpoint": name,
        "n": len(time),
        "events": int(event.sum()),
        "time_unusable": int((it.scored & ~usable).sum()),
        "c": own,
        "verdict": verdict(own),
        "random": _against_random(
            concordance_of_rows(time, event, it.random[0][:, usable]), found.estimate
        ),
        "clinical": {
            "name": it.clinical_name,
            "known": int(known.sum()),
            "alone": _interval(alone.estimate, alone.low, alone.high),
        },
    }


def _concordance(time: FloatArray, event: FloatArray, risk: FloatArray) -> Interval:
    return harrell_of_patients(FollowUp(time, event.astype(np.intp)), risk, np.arange(len(time)))


def concordance_of_rows(time: FloatArray, event: FloatArray, risks: FloatArray) -> FloatArray:
    """Return Harrell's C of each row of risks, as `harrell_of_patients` counts pairs."""
    won, pairs = np.zeros(len(risks)), 0
    for case in np.flatnonzero(event == 1):
        later = (time > time[case]) | ((time == time[case]) & (event == 0))
        own, others = risks[:, case, None], risks[:, later]
        won += (others < own).sum(axis=1) + (others == own).sum(axis=1) / 2
        pairs += int(later.sum())
    return won / pairs


# -- numbers ----------------------------------------------------------------------------------


def _interval(estimate: float, low: float, high: float) -> dict[str, Any]:
    return {"estimate": _number(estimate), "low": _number(low), "high": _number(high)}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
