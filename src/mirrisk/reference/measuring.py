"""A table as one reference sees it: normalised, judged for depth and fitness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mirrisk.arrays import row_sums, take_columns
from mirrisk.errors import MismatchError
from mirrisk.notes import WHO, Note
from mirrisk.reference.fitness import (
    MIN_DETECTED_COMPOSITION,
    MIN_SHARED,
    MIN_SHARED_COMPOSITION,
    PROFILE_MIN_SD,
    Composition,
    below_detection,
    counting_noise,
)
from mirrisk.reference.normalisers import normalised, not_normalised
from mirrisk.vocabulary import SEQUENCING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mirrisk.expression import Expression
    from mirrisk.reference import Reference
    from mirrisk.vocabulary import BoolArray, FloatArray


MANY_MISSING = 0.1


@dataclass(frozen=True, eq=False)
class Measured:
    """A table as one reference sees it.

    Attributes
    ----------
    reference : Reference
    expression : Expression
    values : ndarray of shape (n_samples, n_keys)
        Of the reference's keys, on its log2 scale, composition corrected.
    too_shallow : ndarray of bool, shape (n_samples, n_keys)
        What each sample's library cannot show.
    noise : ndarray of shape (n_samples, n_keys)
        Variance of the normal scores that comes of counting fewer reads than the reference's
        usual library holds; 0 where library sizes are not known.
    unfit, nearest : tuple of str
        Why each sample is refused ("" where it is not), and the tissue that it resembles more.
    distance, slope, shift : ndarray of shape (n_samples,)
        Fitness, scale and composition of each sample.
    notes : tuple of str
        What could not be done for which samples.
    """

    reference: Reference
    expression: Expression
    values: FloatArray
    too_shallow: BoolArray
    noise: FloatArray
    unfit: tuple[str, ...]
    nearest: tuple[str, ...]
    distance: FloatArray
    slope: FloatArray
    shift: FloatArray
    notes: tuple[str, ...]

    def normal_scores(self, columns: Sequence[int]) -> FloatArray:
        """Return normal scores of some of the reference's keys; NaN stays NaN.

        Each is computed once, however many panels read it.

        Parameters
        ----------
        columns : sequence of int
            Positions among the reference's keys.
        """
        known, z = self._transformed
        new = [column for column in dict.fromkeys(columns) if not known[column]]
        if new:
            z[:, new] = self.reference.normal_scores(self.values, new)
            known[new] = True
        return take_columns(z, columns)

    @cached_property
    def _transformed(self) -> tuple[BoolArray, FloatArray]:
        return np.zeros(self.values.shape[1], dtype=bool), np.empty(self.values.shape)


def measure(reference: Reference, expression: Expression) -> Measured:
    """Normalise a table as the reference was, and check each sample's fitness for it."""
    check_kind(reference, expression)
    every = normalised(expression, reference.read_keys, reference.level, reference.normalisers)
    logs = take_columns(every, reference.read_places["profile"])
    composition = reference.profile.composition(logs, _reads(reference, expression))
    corrected = composition.correct(logs)
    distance = reference.profile.distance(corrected, composition.seen)
    slope = reference.profile.slope(corrected, composition.seen)
    partial = expression.partial | _lacks_reads(reference, expression, logs)
    unfit, nearest = _unfit(reference, expression, every, composition, distance, slope, partial)
    values = take_columns(every, reference.read_places["keys"])
    return Measured(
        reference=reference,
        expression=expression,
        values=composition.correct(values),
        too_shallow=_too_shallow(reference, expression),
        noise=_noise(reference, expression, values),
        unfit=unfit,
        nearest=nearest,
        distance=distance,
        slope=slope,
        shift=composition.shift,
        notes=_notes(reference, expression, logs, composition.seen),
    )


def composition_of(reference: Reference, expression: Expression) -> Composition:
    """Return each sample's composition relative to a reference."""
    logs = normalised(expression, reference.profile.keys, reference.level, reference.normalisers)
    return reference.profile.composition(logs, _reads(reference, expression))


def check_kind(reference: Reference, expression: Expression) -> None:
    """Refuse a table whose unit, level, specimen or undetermined wells are not its own.

    Raises
    ------
    MismatchError
    """
    mine, theirs = reference.unit, expression.unit
    # A log2 table against a reference from sequencing is taken for log2(CPM + 1).
    convertible = mine in SEQUENCING and theirs in (*SEQUENCING, "log2")
    if theirs != mine and not convertible:
        raise MismatchError(
            f"the table is in {theirs}, reference {reference.name!r} in {mine}",
            expected="the reference's unit",
            remedy="convert the table, or use a reference in its unit",
        )
    if expression.level == "stem-loop" and reference.level == "mature":
        raise MismatchError(
            f"the table holds stem-loops, reference {reference.name!r} mature miRNAs",
            expected="mature miRNAs (a stem-loop cannot be divided into its arms)",
            remedy="use a reference at stem-loop level",
        )
    if expression.specimen != reference.specimen:
        raise MismatchError(
            f"the table is from {expression.specimen}, "
            f"reference {reference.name!r} from {reference.specimen}",
            expected="one specimen: directions and levels differ between them",
            remedy="use a reference from the same specimen, or fit one",
        )
    _check_undetermined(reference, expression)


def _check_undetermined(reference: Reference, expression: Expression) -> None:
    mine, theirs = (
        how if limit is None else f"{how} {limit:g}"
        for how, limit in (
            (reference.undetermined, reference.limit),
            (expression.undetermined, expression.limit),
        )
    )
    if theirs != mine:
        options = mine.replace(" ", " --limit ")
        raise MismatchError(
            f"undetermined wells: {theirs} in the table, {mine} in reference {reference.name!r}",
            expected="undetermined wells treated as those of the reference",
            remedy=f"read the table with --undetermined {options} (in Python: undetermined= "
            "and limit=)",
        )


def _reads(reference: Reference, expression: Expression) -> FloatArray | None:
    """Library sizes; where the table does not tell, those usual in the reference."""
    if expression.reads is not None:
        return expression.reads
    if reference.median_reads is None:
        return None
    return np.full(len(expression), reference.median_reads)


def _too_shallow(reference: Reference, expression: Expression) -> BoolArray:
    """Tell which miRNAs each sample's library cannot show: shape (n_samples, n_keys)."""
    reads = _reads(reference, expression)
    if reads is None or reference.unit not in SEQUENCING:
        return np.zeros((len(expression), len(reference.keys)), dtype=bool)
    return below_detection(reference.grids[:, 50], reads)


def _lacks_reads(reference: Reference, expression: Expression, logs: FloatArray) -> BoolArray:
    """Tell which samples lack miRNAs that hold much of the reference's reads.

    Their counts do not add up to the library. Where enough of the expressed miRNAs are there,
    the correction of composition mends that.
    """
    if not expression.sums_its_library or reference.unit not in SEQUENCING:
        return np.zeros(len(expression), dtype=bool)
    if not reference.profile.keys:
        return np.zeros(len(expression), dtype=bool)
    reads = np.exp2(reference.profile.median) - 1
    missing = np.isnan(logs)
    share = row_sums(missing * reads) / reads.sum()
    return np.asarray((share > MANY_MISSING) & ((~missing).sum(axis=1) < MIN_SHARED_COMPOSITION))


def _sparse(expression: Expression) -> BoolArray:
    """Tell which samples lack a tenth or more of the columns that their table has."""
    if not expression.sums_its_library:
        return np.zeros(len(expression), dtype=bool)
    columns = expression.index.at_level
    missing = np.isnan(take_columns(expression.values, columns)).mean(axis=1)
    return np.asarray((missing > MANY_MISSING) & ~expression.partial)


def _noise(reference: Reference, expression: Expression, logs: FloatArray) -> FloatArray:
    """Return the variance of normal scores from counting fewer reads than is usual.

    It is on the log2 scale, and divided by the reference's spread: by no less than the least that
    its profile takes for one, or a miRNA that hardly varies would drown in noise.
    """
    reads, usual = expression.reads, reference.median_reads
    if reads is None or usual is None or reference.unit not in SEQUENCING:
        return np.zeros(logs.shape)
    here = counting_noise(logs, np.maximum(reads, 1.0))
    there = counting_noise(logs, np.full(len(logs), usual))
    extra = np.maximum(here - there, 0.0) / np.maximum(reference.sd, PROFILE_MIN_SD) ** 2
    return np.where(np.isnan(logs), 0.0, extra)


def _unfit(
    reference: Reference,
    expression: Expression,
    every: FloatArray,
    composition: Composition,
    distance: FloatArray,
    slope: FloatArray,
    partial: BoolArray,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return per sample why it is refused ("" where it is not), and the nearest tissue."""
    reasons = np.full(len(distance), "", dtype=object)
    nearest = np.full(len(distance), "", dtype=object)
    if reference.contrast is not None:
        logs = take_columns(every, reference.read_places["contrast"])
        margin, names = reference.contrast.margin(composition.correct(logs))
        other = margin < reference.contrast.threshold
        reasons[other] = "other_tissue"
        nearest[other] = np.array(names, dtype=object)[other]
    low, high = reference.scale_limits
    strange = (distance > reference.distance_limit) | (slope < low) | (slope > high)
    reasons[strange & (reasons == "")] = "unit_or_platform"
    reasons[partial] = "partial_library"
    empty: BoolArray = np.zeros(len(expression), dtype=bool)
    if np.isnan(distance).any():  # a sample of which the profile saw enough is not empty
        cells = expression.values[:, expression.index.at_level]
        empty = np.asarray(np.isnan(cells).all(axis=1))
    if expression.unit in SEQUENCING and expression.library_size is None:
        empty |= expression.totals == 0
    reasons[empty] = "empty_sample"
    return tuple(reasons), tuple(nearest)


def _notes(
    reference: Reference, expression: Expression, logs: FloatArray, seen: BoolArray
) -> tuple[str, ...]:
    """Say what could not be done for which samples."""
    notes: list[str] = []
    samples = expression.samples
    bare = not_normalised(expression, reference.normalisers)
    if bare.any():
        template = (
            f"Ct not normalised in {WHO}: fewer than half of the {len(reference.normalisers)} "
            f"normalisers of reference {reference.name} were measured"
        )
        notes.append(Note.of(template, bare, samples))
    unchecked = seen.sum(axis=1) < MIN_SHARED
    if unchecked.any():
        template = (
            f"fitness not checked in {WHO}: fewer than {MIN_SHARED} expressed miRNAs in common "
            f"with reference {reference.name}"
        )
        notes.append(Note.of(template, unchecked, samples))
    if reference.unit in SEQUENCING:
        few = (~np.isnan(logs)).sum(axis=1) < MIN_SHARED_COMPOSITION
        few |= seen.sum(axis=1) < MIN_DETECTED_COMPOSITION
        if few.any():
            template = (
                f"composition not corrected in {WHO}: fewer than {MIN_SHARED_COMPOSITION} "
                f"expressed miRNAs in common with reference {reference.name}, or too few reads to "
                "see them"
            )
            notes.append(Note.of(template, few, samples))
    elif reference.unit == "log2":
        notes.append(
            f"reference {reference.name} is on a log2 scale that is not log2(CPM + 1): composition "
            "and depth are not corrected"
        )
    if expression.reads is None and reference.median_reads is not None:
        notes.append(
            "library sizes unknown: detection was judged at the reference's median of "
            f"{reference.median_reads:,.0f} reads"
        )
    if reference.unit in SEQUENCING and expression.reads is None and reference.median_reads is None:
        notes.append(
            f"neither the table nor reference {reference.name} tells library sizes: what is too "
            "rare to be seen was not judged"
        )
    sparse = _sparse(expression)
    if sparse.any():
        template = (
            f"counts of many miRNAs are missing in {WHO}: their library sizes are sums over what "
            "is there"
        )
        notes.append(Note.of(template, sparse, samples))
    if reference.cancer is None:
        notes.append(
            f"reference {reference.name} does not state its cancer: whether panel and samples "
            "belong to it was not checked"
        )
    return tuple(notes)


def named(chosen: BoolArray, expression: Expression) -> str:
    """Name the samples chosen, or count them."""
    return str(Note.of(WHO, chosen, expression.samples))
