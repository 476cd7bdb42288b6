"""Random panels of the same size and signs, scored as the shipped one is.

A panel of any miRNAs separates tumours of good and bad prognosis to some degree, for much of the
transcriptome goes with grade and proliferation (Venet et al. 2011,
doi:10.1371/journal.pcbi.1002240). What a panel of the literature is worth is what it does better
than those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.arrays import row_sums
from mirrisk.reference import Reference
from mirrisk.reference.quantiles import shrunken_covariance
from mirrisk.scoring import MIN_VARIANCE

if TYPE_CHECKING:
    from mirrisk.expression import Expression
    from mirrisk.panel import Panel

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, eq=False)
class FoldScores:
    """Normal scores of all miRNAs of the samples of a fold, and of those they are measured by.

    Attributes
    ----------
    rows : array of int
        The samples of the fold.
    z : array of shape (len(rows), n_keys)
        NaN where the library is too shallow.
    learned : array of shape (n_others, n_keys)
        Centred normal scores of the reference's own samples, for covariances.
    mean : array of shape (n_keys,)
    """

    rows: IntArray
    z: FloatArray
    learned: FloatArray
    mean: FloatArray


@dataclass(frozen=True, eq=False)
class Pool:
    """What random panels are drawn from, and what they are shaped like.

    Attributes
    ----------
    keys : tuple of str
        miRNAs that a library of usual depth shows (10 reads at the median) in every fold.
    own : tuple of str
        Those of the shipped panel that are among them.
    weights : array of shape (len(own),)
        Their signed weights, which each random panel takes over.
    folds : tuple of FoldScores
        Over ``keys``.
    """

    keys: tuple[str, ...]
    own: tuple[str, ...]
    weights: FloatArray
    folds: tuple[FoldScores, ...]


def pool(panel: Panel, expression: Expression, parts: IntArray) -> Pool:
    """Learn a reference of all miRNAs for each part of a cohort from the other parts."""
    every = tuple(sorted(expression.index.columns_of(expression.level)))
    references, knowable = [], []
    for part in range(int(parts.max()) + 1):
        rest = expression.take(parts != part)
        reference = Reference.fit_keys(
            rest, every, name="cross-fitted", cancer=panel.cancer, panels=(panel,)
        )
        references.append((reference, rest, np.flatnonzero(parts == part)))
        shown = zip(reference.keys, reference.knowable, strict=True)
        knowable.append({key for key, known in shown if known})
    keys = tuple(sorted(set.intersection(*knowable)))
    folds = tuple(_fold(*each, expression, keys) for each in references)
    alignment, _ = references[0][0].lay(panel, expression.index)
    slots = [slot for slot in alignment.scored_slots if slot.key in keys]
    return Pool(
        keys,
        tuple(slot.key for slot in slots),
        np.array([slot.weight for slot in slots]),
        folds,
    )


def _fold(
    reference: Reference,
    rest: Expression,
    rows: IntArray,
    expression: Expression,
    keys: tuple[str, ...],
) -> FoldScores:
    columns = [reference.position[key] for key in keys]
    here = reference.measure(expression.take(rows))
    learned = reference.measure(rest).normal_scores(columns)
    z = here.normal_scores(columns)
    mean = reference.mean[columns]
    return FoldScores(rows, np.where(here.too_shallow[:, columns], np.nan, z), learned - mean, mean)


def score(drawn: Pool, chosen: IntArray, n: int) -> FloatArray:
    """Score n samples on a panel of chosen keys, each fold by its own reference.

    The kernel's sum: a'(z - mean) / sqrt(a'Ca) over what the sample's library shows. A sample
    that shows nothing of it lies at 0, the centre.
    """
    found = np.zeros(n)
    for fold in drawn.folds:
        covariance = shrunken_covariance(fold.learned[:, chosen])
        centred = fold.z[:, chosen] - fold.mean[chosen]
        seen = ~np.isnan(centred)
        weights = seen * drawn.weights
        variance = np.maximum(row_sums((weights @ covariance) * weights), MIN_VARIANCE)
        found[fold.rows] = row_sums(np.where(seen, centred, 0.0) * weights) / np.sqrt(variance)
    return found


def score_random(
    drawn: Pool, n: int, how_many: int, seed: list[int]
) -> tuple[FloatArray, IntArray]:
    """Score samples on random panels.

    Returns
    -------
    scores : array of shape (how_many, n)
    chosen : array of int of shape (how_many, size)
        Positions in ``keys``: drawn without replacement within a panel.
    """
    rng = np.random.default_rng(seed)
    size = len(drawn.own)
    chosen = np.stack([rng.choice(len(drawn.keys), size, replace=False) for _ in range(how_many)])
    return np.stack([score(drawn, each, n) for each in chosen]), chosen
