"""The result of one panel on one table against one reference: arrays, and the frames they make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from scipy.special import ndtr

from mirrisk.alignment import Status, Why
from mirrisk.arrays import take_columns
from mirrisk.model import FittedPanel
from mirrisk.result.columns import Coded, frame_of
from mirrisk.scoring import FLAGS, MIN_COVERAGE, Scores, fragile_members, score_samples

if TYPE_CHECKING:
    import pandas as pd

    from mirrisk.alignment import Alignment
    from mirrisk.panel import AnyPanel, Panel
    from mirrisk.reference import Reference
    from mirrisk.reference.measuring import Measured
    from mirrisk.result.columns import Columns
    from mirrisk.scoring import Composite
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

Reason = Literal[
    "",
    "near_cutoff",
    "low_coverage",
    "empty_sample",
    "unit_or_platform",
    "other_tissue",
    "partial_library",
]
"""Why a sample has the flag ``indeterminate`` (near_cutoff) or ``not_scored`` (the others)."""

SCORE_COLUMNS = (
    "sample",
    "panel",
    "panel_version",
    "score",
    "percentile",
    "probability",
    "flag",
    "reason",
    "coverage",
    "score_low",
    "score_high",
    "fragile",
    "reference",
    "panel_digest",
    "reference_digest",
)

CONTRIBUTION_COLUMNS = (
    "sample",
    "panel",
    "member",
    "mirna",
    "matched",
    "value",
    "percentile",
    "z",
    "weight",
    "contribution",
    "status",
    "reason",
)

STATUSES: tuple[Status, ...] = get_args(Status)
WHYS: tuple[Why, ...] = get_args(Why)
REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(frozen=True, eq=False)
class PanelResult:
    """Scores and contributions of every sample on one panel.

    Attributes
    ----------
    alignment : Alignment
    reference : Reference
    measured : Measured
        The table as the reference sees it.
    composite : Composite
        The panel and the reference as the kernel takes them.
    z : ndarray of shape (n_samples, n_scored)
        Normal scores of the scored slots; NaN where not measured.
    visible : ndarray of bool, shape (n_samples, n_scored)
        False where a sample's library is too shallow for a slot.
    kernel : Scores
        What the kernel found, before samples that do not fit the reference are withdrawn.
    clinical : ndarray of shape (n_samples, n_covariates), optional
        Covariates of a fitted panel, as given.
    """

    alignment: Alignment
    reference: Reference
    measured: Measured
    composite: Composite
    z: FloatArray
    visible: BoolArray
    kernel: Scores
    min_coverage: float
    clinical: FloatArray | None = None

    @property
    def panel(self) -> AnyPanel:
        """The panel."""
        return self.alignment.panel

    @cached_property
    def reasons(self) -> IntArray:
        """Positions in ``REASONS``, one per sample."""
        unfit = self._unfit
        flag = self.kernel.flag
        own = np.zeros(len(flag), dtype=np.intp)
        own[flag == FLAGS.index("indeterminate")] = REASONS.index("near_cutoff")
        own[flag == FLAGS.index("not_scored")] = REASONS.index("low_coverage")
        return np.where(unfit > 0, unfit, own)

    @cached_property
    def flags(self) -> IntArray:
        """Positions in ``FLAGS``, one per sample."""
        return np.where(self._unfit > 0, FLAGS.index("not_scored"), self.kernel.flag)

    @cached_property
    def _unfit(self) -> IntArray:
        """Positions in ``REASONS`` of why samples do not fit the reference; 0 where they do."""
        words = np.array(self.measured.unfit, dtype=object)
        codes = np.zeros(len(words), dtype=np.intp)
        for reason in set(self.measured.unfit) - {""}:
            codes[words == reason] = REASONS.index(reason)
        return codes

    @property
    def scored(self) -> Any:
        """Whether each sample has a score."""
        return self.flags != FLAGS.index("not_scored")

    @property
    def score(self) -> FloatArray:
        """Scores; NaN where a sample was not scored."""
        return np.where(self.scored, self.kernel.score, np.nan)

    @property
    def probability(self) -> FloatArray:
        """Probability of the outcome that a fitted panel predicts; NaN on other panels."""
        if not isinstance(self.panel, FittedPanel):
            return np.full(len(self.flags), np.nan)
        expected = np.where(self.scored, self.kernel.expected, np.nan)
        return self.panel.probability(expected)

    @property
    def fragile(self) -> BoolArray:
        """Members whose removal alone changes the flag: shape (n_samples, n_members)."""
        return self._members[0]

    @property
    def present(self) -> BoolArray:
        """Members of which anything was measured: shape (n_samples, n_members)."""
        return self._members[1]

    @cached_property
    def _members(self) -> tuple[BoolArray, BoolArray]:
        return fragile_members(self.z, self.visible, self.composite, self.flags)

    def scores_frame(self) -> pd.DataFrame:
        """Return one row per sample, with the columns of ``scores.csv``."""
        return frame_of([self.score_columns()], [1])

    def score_columns(self) -> Columns:
        """Return the columns of ``scores.csv``, one row per sample."""
        n = len(self.flags)
        scored = self.scored
        low, high = self.kernel.interval
        constant = {
            "panel": self.panel.id,
            "panel_version": self.panel.version,
            "reference": self.reference.name,
            "panel_digest": self.panel.digest,
            "reference_digest": self.reference.digest,
        }
        data: dict[str, Any] = {
            "sample": Coded(np.arange(n), self.measured.expression.samples),
            "score": self.score,
            "percentile": ndtr(self.score),
            "probability": self.probability,
            "flag": Coded(self.flags, FLAGS),
            "reason": Coded(self.reasons, REASONS),
            "coverage": self.kernel.coverage,
            "score_low": np.where(scored, low, np.nan),
            "score_high": np.where(scored, high, np.nan),
            "fragile": self._fragile(),
        }
        always = np.zeros(n, dtype=np.intp)
        data |= {name: Coded(always, [value]) for name, value in constant.items()}
        return {name: data[name] for name in SCORE_COLUMNS}

    def _fragile(self) -> Coded:
        """Return "k/m" per sample: k of its m measured members change the flag alone."""
        width = self.present.shape[1] + 1
        k, m = self.fragile.sum(axis=1), self.present.sum(axis=1)
        words = [f"{i // width}/{i % width}" for i in range(width * width)]
        return Coded(np.where(self.scored, k * width + m, len(words)), [*words, ""])

    def contribution_columns(self) -> Columns:
        """Return the columns of ``contributions.csv``: a row per sample and mature miRNA."""
        slots = self.alignment.slots
        n, s = len(self.flags), len(slots)
        values, percentiles, z = self.slot_values()
        status, why = self.slot_status()
        contributions = np.full((n, s), np.nan)
        weights = np.full((n, s), np.nan)
        scored = list(self.alignment.scored)
        used = status[:, scored] == STATUSES.index("used")
        weights[:, scored] = np.where(used, self.alignment.weights, np.nan)
        counted = used & self.scored[:, None]
        contributions[:, scored] = np.where(counted, self.kernel.contributions, np.nan)

        def per_slot(words: list[str]) -> Coded:
            coded = Coded.of(words)
            return Coded(np.tile(coded.codes, n), coded.words)

        return {
            "sample": Coded(np.repeat(np.arange(n), s), self.measured.expression.samples),
            "panel": per_slot([self.panel.id] * s),
            "member": per_slot([slot.member for slot in slots]),
            "mirna": per_slot([slot.mirna for slot in slots]),
            "matched": per_slot([slot.matched for slot in slots]),
            "value": values.reshape(-1),
            "percentile": percentiles.reshape(-1),
            "z": z.reshape(-1),
            "weight": weights.reshape(-1),
            "contribution": contributions.reshape(-1),
            "status": Coded(status.reshape(-1), STATUSES),
            "reason": Coded(why.reshape(-1), WHYS),
        }

    def slot_values(self, rows: slice = slice(None)) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return value, percentile and normal score per sample and slot, used or not."""
        measured = self.measured.values[rows]
        shape = (len(measured), len(self.alignment.slots))
        values, percentiles, z = (np.full(shape, np.nan) for _ in range(3))
        maps, position = self.reference.quantile_maps, self.reference.position
        for s, slot in enumerate(self.alignment.slots):
            if slot.key in position:
                column = measured[:, position[slot.key]]
                quantiles = maps[position[slot.key]]
                values[:, s] = column
                percentiles[:, s] = quantiles.percentile(column)
                z[:, s] = quantiles.normal_score(column)
            elif slot.covariate is not None and self.clinical is not None:
                values[:, s] = self.clinical[rows, slot.covariate]
                z[:, s] = self.z[rows, self.alignment.scored.index(s)]
        return values, percentiles, z

    def slot_status(self, rows: slice = slice(None)) -> tuple[IntArray, IntArray]:
        """Return positions in ``STATUSES`` and ``WHYS`` per sample and slot."""
        values, too_shallow = self.measured.values[rows], self.measured.too_shallow[rows]
        slots, n = self.alignment.slots, len(values)
        status = np.tile([STATUSES.index(slot.status) for slot in slots], (n, 1))
        why = np.tile([WHYS.index(slot.why) for slot in slots], (n, 1))
        for s, slot in enumerate(slots):
            if slot.status == "used":
                if slot.covariate is not None and self.clinical is not None:
                    absent = np.isnan(self.clinical[rows, slot.covariate])
                    shallow = np.zeros(n, dtype=bool)
                else:
                    column = self.reference.position[slot.key]
                    absent = np.isnan(values[:, column])
                    shallow = too_shallow[:, column] & ~absent
                status[absent, s], why[absent, s] = (
                    STATUSES.index("missing"),
                    WHYS.index("not_measured"),
                )
                status[shallow, s], why[shallow, s] = (
                    STATUSES.index("below_detection"),
                    WHYS.index("too_few_reads"),
                )
        return status, why

    def what_if(self, row: int, z: FloatArray) -> Scores:
        """Score other normal scores of one sample, given in rows."""
        visible = np.repeat(self.visible[[row]], len(z), axis=0)
        return score_samples(z, visible, self.composite, min_coverage=self.min_coverage)


def score_panel(
    panel: Panel | FittedPanel,
    reference: Reference,
    measured: Measured,
    *,
    min_coverage: float = MIN_COVERAGE,
    covariates: FloatArray | None = None,
) -> PanelResult:
    """Score a table, as one reference sees it, on one panel.

    Parameters
    ----------
    panel : Panel or FittedPanel
    reference : Reference
        For a fitted panel its own.
    measured : Measured
    min_coverage : float
    covariates : ndarray of shape (n_samples, n_covariates), optional
        Of a fitted panel, in its order and units; NaN is missing.

    Raises
    ------
    MismatchError
        If the panel is not one for this reference or specimen.
    """
    if isinstance(panel, FittedPanel):
        return _score_fitted(panel, measured, min_coverage, covariates)
    reference.check_panel(panel)
    alignment, composite = reference.lay(panel, measured.expression.index)
    columns = reference.columns(alignment)
    z = measured.normal_scores(columns)
    visible = ~measured.too_shallow[:, columns]
    noise = take_columns(measured.noise, columns)
    kernel = score_samples(
        z, visible, composite, min_coverage=min_coverage, noise=noise if noise.any() else None
    )
    return PanelResult(alignment, reference, measured, composite, z, visible, kernel, min_coverage)


def _score_fitted(
    panel: FittedPanel, measured: Measured, min_coverage: float, covariates: FloatArray | None
) -> PanelResult:
    alignment, composite = panel.lay(measured.expression.index)
    n = len(measured.expression)
    clinical = np.full((n, len(panel.covariates)), np.nan) if covariates is None else covariates
    hidden = measured.too_shallow[:, panel.columns]
    scores = measured.normal_scores(panel.columns)
    z = np.hstack([np.where(hidden, np.nan, scores), panel.standardised(clinical)])
    z = take_columns(z, alignment.scored)
    # What the library hides counts as missing, not as left out: see FittedPanel.lay.
    visible = np.ones(z.shape, dtype=bool)
    noise = np.zeros(z.shape)
    molecular = [i for i in alignment.scored if i < len(panel.terms)]
    noise[:, : len(molecular)] = take_columns(measured.noise, [panel.columns[i] for i in molecular])
    kernel = score_samples(
        z, visible, composite, min_coverage=min_coverage, noise=noise if noise.any() else None
    )
    return PanelResult(
        alignment, panel.reference, measured, composite, z, visible, kernel, min_coverage, clinical
    )
