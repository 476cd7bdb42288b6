"""A cohort to the statistics of a reference: everything that is learned from other samples."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.alignment import reference_key
from mirrisk.arrays import take_columns
from mirrisk.errors import InvalidReferenceError, MirriskWarning
from mirrisk.expression import MIN_LIBRARY_MIRNAS
from mirrisk.reference.fitness import (
    SCALE_LIMITS,
    distance_threshold,
    fingerprints,
    fit_profile,
    out_of_fold_distances,
)
from mirrisk.reference.measuring import named
from mirrisk.reference.normalisers import fit_normalisers, normalised
from mirrisk.reference.quantiles import DECIMALS, fit_distributions
from mirrisk.vocabulary import SEQUENCING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mirrisk.expression import Expression
    from mirrisk.panel import Panel
    from mirrisk.vocabulary import FloatArray, Unit

MIN_SAMPLES = 20
FEW_SAMPLES = 50

MIN_MEASURED = 10
"""A miRNA measured in fewer samples has no distribution to speak of."""


def learn(
    cohort: Expression,
    panels: tuple[Panel, ...],
    *,
    keys: Sequence[str] = (),
    normalisers: Sequence[str] | None,
    accept_small: bool,
) -> dict[str, Any]:
    """Return the attributes of a reference that a cohort determines.

    It holds the panels' miRNAs, and those named by ``keys`` at the cohort's level.

    Raises
    ------
    InvalidReferenceError
        On too few samples, parts of libraries, or a cohort without any miRNA of the panels.
    """
    _check_size(len(cohort), accept_small)
    _refuse_partial(cohort)
    # log2(CPM + 1) are logarithms of CPM: their composition can be corrected as that of CPM.
    unit: Unit = "cpm" if cohort.log2_cpm else cohort.unit
    sequencing = unit in SEQUENCING
    requested = sorted({mirna.name for panel in panels for _, mirna in panel.features()})
    of_panels = {reference_key(mirna, cohort.level) or mirna for mirna in requested}
    chosen = fit_normalisers(cohort, normalisers, of_panels)
    every = tuple(sorted(cohort.index.columns_of(cohort.level)))
    logs = normalised(cohort, every, cohort.level, chosen)
    profile, expressed, composition = fit_profile(
        every, logs, cohort.reads, sequencing=sequencing, first=of_panels
    )
    distances = out_of_fold_distances(
        every, logs, cohort.reads, cohort.samples, sequencing=sequencing, first=of_panels
    )
    part = take_columns(logs, expressed)
    known = tuple(sorted(frozenset().union(*fingerprints(profile, part))))
    logs = composition.correct(logs)
    position = {key: i for i, key in enumerate(every)}
    served = (reference_key(mirna, cohort.level) for mirna in requested)
    columns = _held_columns({*filter(None, served), *keys}, logs, position)
    return {
        "n": len(cohort),
        "unit": unit,
        "level": cohort.level,
        "specimen": cohort.specimen,
        "keys": tuple(every[i] for i in columns),
        "requested": tuple(requested),
        **fit_distributions(take_columns(logs, columns))._asdict(),
        "profile": profile,
        "samples": known,
        "distance_limit": distance_threshold(distances),
        "scale_limits": SCALE_LIMITS,
        "median_reads": None if cohort.reads is None else float(np.median(cohort.reads)),
        "normalisers": chosen,
        "undetermined": cohort.undetermined,
        "limit": cohort.limit,
        "panels": {panel.id: panel.digest for panel in panels},
    }


def _check_size(n: int, accept_small: bool) -> None:
    if n < MIN_SAMPLES and not accept_small:
        # scikit-learn's common tests look for "n_samples = 1" and "1 sample".
        raise InvalidReferenceError(
            f"n_samples = {n}: too few for a reference",
            expected=f"at least {MIN_SAMPLES} samples, better {FEW_SAMPLES} or more",
            remedy="add samples, use a shipped reference made like yours, or accept the "
            "imprecision: --accept-small (in Python: accept_small=True)",
        )
    if n < 2:
        raise InvalidReferenceError(
            f"n_samples = {n}: 1 sample has no distribution", expected="at least 2 samples"
        )
    if n < FEW_SAMPLES:
        warnings.warn(
            f"a reference of {n} samples is imprecise: intervals widen and few flags are certain "
            f"({FEW_SAMPLES} samples or more are better)",
            MirriskWarning,
            stacklevel=4,
        )


def _has_distribution(column: FloatArray, enough: int) -> bool:
    """Whether a miRNA was measured often enough and varies: of a constant nothing is high or low.

    All zeros are kept: they stand for a miRNA below detection.
    """
    measured = column[~np.isnan(column)]
    if len(measured) < enough:
        return False
    return bool(np.ptp(np.round(measured, DECIMALS)) > 0) or not measured.any()


def _refuse_partial(cohort: Expression) -> None:
    if cohort.partial.any():
        raise InvalidReferenceError(
            f"counts of fewer than {MIN_LIBRARY_MIRNAS} miRNAs in " + named(cohort.partial, cohort),
            expected="whole libraries",
            remedy="leave these samples out, or give library_size=",
        )


def _held_columns(wanted: Collection[str], logs: FloatArray, position: dict[str, int]) -> list[int]:
    """Return the columns of the miRNAs wanted that were measured often enough."""
    enough = min(MIN_MEASURED, len(logs))
    found = [position[key] for key in sorted(wanted) if key in position]
    kept = [i for i in found if _has_distribution(logs[:, i], enough)]
    if not kept:
        raise InvalidReferenceError(
            "the table holds no miRNA of the panels",
            expected=f"columns such as {', '.join(sorted(wanted)[:3])}",
            remedy="run `mirrisk names TABLE` to see how each column was read",
        )
    return kept
