"""Cohorts with a known truth, drawn from the summary statistics of a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mirrisk import nomenclature
from mirrisk.alignment import reference_key
from mirrisk.errors import MismatchError, NotFoundError
from mirrisk.reference import Reference
from mirrisk.signatures import SignatureLike, load_signature
from mirrisk.vocabulary import SEQUENCING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mirrisk.panel import Panel
    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

DEPTH_SPREAD = 0.5
"""Standard deviation of the natural logarithm of library sizes; primary tumours of six TCGA
cohorts have 0.41 to 0.64."""

RIDGE = 1e-4
"""Added to the covariance's diagonal: rounding in the file must not cost it definiteness."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """A simulated cohort: no row is a patient.

    Attributes
    ----------
    counts : DataFrame of shape (n_samples, n_columns)
        Simulated reads, samples in rows; the columns are the miRNAs of the panels, then the
        other expressed miRNAs of the reference, named at its level.
    truth : DataFrame of shape (n_samples, 3)
        ``sample``; ``shifted``, whether its miRNAs were moved; ``library_size``, the reads
        expected in all.
    normal_scores : DataFrame of shape (n_samples, n_columns)
        What was drawn, shift included, before reads were counted.
    effects : dict of str to float
        By how many normal scores each column of a shifted sample was moved; columns that were
        not are left out.
    """

    counts: pd.DataFrame
    truth: pd.DataFrame
    normal_scores: pd.DataFrame
    effects: dict[str, float]


def cohort(
    reference: Reference | str | Path,
    n: int,
    *,
    seed: int,
    panel: SignatureLike | None = None,
    shifted: float = 0.0,
    shift: float = 2.0,
    effects: Mapping[str, float] | None = None,
    reads: float | None = None,
) -> Simulated:
    """Simulate a cohort whose samples look like those of a reference.

    Nothing but the reference's summary statistics goes in: the panels' miRNAs are drawn from
    the mean and covariance of their normal scores, so that they move together as they do in
    the reference, and take their values from its quantiles; every other expressed miRNA is
    drawn from a normal distribution of its own. Reads are Poisson counts about these values,
    at library sizes that are lognormal about the reference's median.

    Parameters
    ----------
    reference : Reference, str or Path
        One of sequencing (counts or CPM): its id, its file, or the reference itself.
    n : int
        Samples.
    seed : int
        The same seed gives the same cohort, and another shift the same draws before the shift.
    panel : str, Path or Panel, optional
        Whose miRNAs are moved in the shifted samples, each towards risk. Members without a
        direction in the reference's specimen, or without a column, stay.
    shifted : float, default 0
        Share of the samples that are moved, 0 to 1; of n samples ``round(shifted * n)`` are.
    shift : float, default 2
        How far the panel's miRNAs move, in normal scores; below 0 away from risk.
    effects : mapping of str to float, optional
        Instead of ``panel``: miRNAs, by mature name or by column, and how far each moves, in
        normal scores (standard deviations for a miRNA of no panel).
    reads : float, optional
        Median library size; default the reference's.

    Returns
    -------
    Simulated

    Raises
    ------
    MismatchError
        If an argument makes no sense, or panel and reference do not belong together.
    NotFoundError
        If there is no such reference, panel or miRNA.

    Notes
    -----
    A reference's quantiles already hold the counting noise of its samples, and the simulated
    reads add some: miRNAs of few reads scatter somewhat more than in the reference. miRNAs of
    no panel are independent of each other and of the panels', which in tissue they are not.

    Examples
    --------
    >>> simulated = cohort("tcga-prad", 20, panel="prostate", shifted=0.15, seed=1)
    >>> int(simulated.truth["shifted"].sum())
    3
    """
    if not isinstance(reference, Reference):
        reference = Reference.load(reference)
    _check(reference, n, seed, shifted, shift)
    moved = _effects(reference, panel, shift, effects, wanted=shifted > 0)
    rng = np.random.default_rng(seed)
    is_shifted = rng.permutation(n) < round(shifted * n)
    z = _draw_normal_scores(reference, n, rng)
    library_size = rng.lognormal(np.log(_median_reads(reference, reads)), DEPTH_SPREAD, n)
    columns = _columns(reference)
    z += is_shifted[:, None] * np.array([moved.get(column, 0.0) for column in columns])
    counts = _count(_log_values(reference, z), library_size, rng)
    return _simulated(columns, z, counts, library_size, is_shifted, moved)


def _columns(reference: Reference) -> tuple[str, ...]:
    """Return the panels' miRNAs, then the other expressed ones."""
    others = (key for key in reference.profile.keys if key not in reference.position)
    return (*reference.keys, *others)


def _draw_normal_scores(reference: Reference, n: int, rng: np.random.Generator) -> FloatArray:
    """Draw normal scores of every column: the panels' miRNAs jointly, the others each alone."""
    z = rng.standard_normal((n, len(_columns(reference))))
    keys = len(reference.keys)
    # Cholesky's factor is unique, unlike an eigenbasis: one seed, one cohort on every machine.
    factor = np.linalg.cholesky(reference.covariance + RIDGE * np.eye(keys))
    z[:, :keys] = reference.mean + z[:, :keys] @ factor.T
    return z


def _log_values(reference: Reference, z: FloatArray) -> FloatArray:
    """Return the log2(CPM + 1) that normal scores stand for in the reference."""
    keys, profile = len(reference.keys), reference.profile
    values = np.empty(z.shape)
    for j, quantiles in enumerate(reference.quantile_maps):
        values[:, j] = quantiles.value_at(z[:, j])
    other = [key not in reference.position for key in profile.keys]
    values[:, keys:] = profile.mean[other] + profile.sd[other] * z[:, keys:]
    return values


def _count(logs: FloatArray, library_size: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw the reads of each sample; they add up to its library size but for Poisson noise."""
    # Beyond a rare miRNA's lowest value the scale goes on below log2(0 + 1): no reads.
    cpm = np.maximum(np.exp2(logs) - 1, 0.0)
    shares = cpm / cpm.sum(axis=1, keepdims=True)
    return np.asarray(rng.poisson(shares * library_size[:, None]))


def _simulated(
    columns: tuple[str, ...],
    z: FloatArray,
    counts: IntArray,
    library_size: FloatArray,
    is_shifted: BoolArray,
    moved: dict[str, float],
) -> Simulated:
    n = len(counts)
    width = max(3, len(str(n)))
    samples = pd.Index([f"SIM-{i:0{width}d}" for i in range(1, n + 1)], name="sample")
    truth = {"sample": samples, "shifted": is_shifted, "library_size": library_size.round()}
    return Simulated(
        counts=pd.DataFrame(counts, index=samples, columns=list(columns)),
        truth=pd.DataFrame(truth).astype({"library_size": int}),
        normal_scores=pd.DataFrame(z, index=samples, columns=list(columns)),
        effects=moved,
    )


def _effects(
    reference: Reference,
    panel: SignatureLike | None,
    shift: float,
    effects: Mapping[str, float] | None,
    *,
    wanted: bool,
) -> dict[str, float]:
    """Return how far each column of a shifted sample moves."""
    if panel is not None and effects is not None:
        raise MismatchError("panel and effects are both given", expected="one of them")
    if panel is not None:
        return _panel_effects(reference, load_signature(panel), shift)
    if effects is not None:
        return _named_effects(reference, effects)
    if wanted:
        raise MismatchError(
            "samples are to be shifted, but nothing says what moves",
            expected='panel="...", or effects={miRNA: shift}',
        )
    return {}


def _panel_effects(reference: Reference, panel: Panel, shift: float) -> dict[str, float]:
    """Move every miRNA that the panel is scored on towards risk."""
    reference.check_panel(panel)
    moved = {}
    for member in panel.scorable(reference.specimen):
        for mirna in member.mirnas:
            column = reference_key(mirna.name, reference.level)
            if column in reference.position:
                moved[str(column)] = member.sign * shift
    if not moved:
        raise MismatchError(
            f"no member of panel {panel.id!r} can be scored with reference {reference.name!r}",
            expected=f"a direction in {reference.specimen}, and a column of the reference",
            remedy="choose another panel, or name miRNAs: effects={miRNA: shift}",
        )
    return moved


def _named_effects(reference: Reference, effects: Mapping[str, float]) -> dict[str, float]:
    columns = frozenset(_columns(reference))
    moved: dict[str, float] = {}
    for name, size in effects.items():
        column = _column_of(name, reference, columns)
        if column in moved:
            raise MismatchError(
                f"{column} is named twice", where=f"effects[{name!r}]", expected="one effect each"
            )
        if not np.isfinite(size):
            raise MismatchError(
                f"the effect is {size}", where=f"effects[{name!r}]", expected="a finite number"
            )
        moved[column] = float(size)
    return moved


def _column_of(name: str, reference: Reference, columns: frozenset[str]) -> str:
    """Return the column that a miRNA's name stands for."""
    if name in columns:
        return name
    found = nomenclature.resolve(name)
    if found.level == "mature" and found.key:
        column = reference_key(found.key, reference.level)
        if column is not None and column in columns:
            return column
        if column is None and found.stem_loop in columns:
            raise NotFoundError(
                f"{found.stem_loop} is not known to be {name} for the most part",
                where=f"effects[{name!r}]",
                expected=f"a miRNA that reference {reference.name!r}, of stem-loops, resolves",
                remedy=f"name the stem-loop itself: {found.stem_loop}",
            )
    raise NotFoundError(
        f"reference {reference.name!r} holds no {name}",
        where=f"effects[{name!r}]",
        expected="a miRNA of the panels or of the expressed ones, such as " + reference.keys[0],
    )


def _median_reads(reference: Reference, reads: float | None) -> float:
    median = reference.median_reads if reads is None else reads
    if median is None:
        raise MismatchError(
            f"reference {reference.name!r} does not tell the depth of its libraries",
            remedy="say how many reads a library holds: reads=...",
        )
    if not 0 < median < np.inf:
        raise MismatchError(f"reads is {reads}", expected="a positive number of reads")
    return median


def _check(reference: Reference, n: int, seed: int, shifted: float, shift: float) -> None:
    """Refuse arguments that make no sense."""
    if reference.unit not in SEQUENCING:
        raise MismatchError(
            f"reference {reference.name!r} is in {reference.unit}, and only reads are simulated",
            expected="a reference of sequencing: " + " or ".join(SEQUENCING),
        )
    if not isinstance(n, int | np.integer) or n < 1:
        raise MismatchError(f"n is {n!r}", expected="a whole number of samples, 1 or more")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise MismatchError(f"seed is {seed!r}", expected="a whole number, 0 or more")
    if not 0 <= shifted <= 1:
        raise MismatchError(f"shifted is {shifted}", expected="a share from 0 to 1")
    if not np.isfinite(shift):
        raise MismatchError(f"shift is {shift}", expected="a finite number of normal scores")
