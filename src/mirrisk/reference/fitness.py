"""Does a sample look as if it were made like the reference? Depth, composition, scale, tissue."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mirrisk.arrays import distinct_rows, row_means, row_medians, row_sums, take_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mirrisk.vocabulary import BoolArray, FloatArray, IntArray

MIN_READS = 10
"""A miRNA that a library of this size would show with fewer reads is below detection."""

MIN_SHARED = 50
"""Fitness is not checked on fewer shared expressed miRNAs."""

MIN_SHARED_COMPOSITION = 100
"""Composition is not corrected on fewer shared expressed miRNAs."""

MIN_DETECTED_COMPOSITION = 30
"""... nor where fewer than this many of them can be seen at the sample's depth."""

SCALE_LIMITS = (0.8, 1.25)
"""Bounds of a sample's slope on the reference's profile. A log of another base gives 0.69 (ln)
or 0.30 (log10); tumours of six TCGA cohorts lie between 0.83 and 1.11 on any of the six."""

EXPRESSED_LOG2_CPM = float(np.log2(10 + 1))
EXPRESSED_LIMIT = 150
"""So many expressed miRNAs tell composition and fitness as well as all of them do (docs/batch.md);
the columns of the others need not even be read."""

MIN_SHARE_MEASURED = 0.9
PROFILE_MIN_SD = 0.1
"""Log2 units; a smaller standard deviation in a cohort is luck, and would make any sample strange.
"""

FOLDS = 5
FINGERPRINT = 30
LEAST_FINGERPRINT = 10
PARTS = 3
PART = 20
CPM_TOTAL = 1e6


@dataclass(frozen=True)
class Composition:
    """How samples relate to a reference as a whole.

    Attributes
    ----------
    shift : ndarray of shape (n_samples,)
        Median log-ratio to the reference, to be subtracted; 0 where it cannot be told.
    seen : ndarray of bool, shape (n_samples, n_keys)
        Where a miRNA was measured, in a library deep enough for it.
    """

    shift: FloatArray
    seen: BoolArray

    def correct(self, logs: FloatArray) -> FloatArray:
        """Return log2(CPM + 1) as the reference's composition would have it.

        The CPM are divided, not the logarithms shifted: a miRNA without reads stays at zero,
        and a rare one is not moved by what the added 1 does to its logarithm.
        """
        if not self.shift.any():
            return logs
        # Each sample for itself: one without a shift keeps its bits, whoever is beside it.
        moved = (logs > 0) & (self.shift != 0)[:, None]
        positive = np.where(moved, logs, 0.0)
        cpm = np.expm1(positive * np.log(2)) * np.exp2(-self.shift)[:, None]
        return np.where(moved, np.log1p(cpm) / np.log(2), logs)


@dataclass(frozen=True)
class Profile:
    """The expressed miRNAs of a reference: what an ordinary sample made like it looks like.

    Parameters
    ----------
    keys : tuple of str
        miRNAs at the reference's level.
    median : ndarray of shape (n_keys,)
        Median log2-scale expression: the frozen centre that composition is measured against.
    mean, sd : ndarray of shape (n_keys,)
        Mean and standard deviation after the correction of composition.
    sequencing : bool
        Whether values are log2(CPM + 1), which composition and depth bear upon.
    """

    keys: tuple[str, ...]
    median: FloatArray
    mean: FloatArray
    sd: FloatArray
    sequencing: bool

    def composition(self, logs: FloatArray, reads: FloatArray | None) -> Composition:
        """Return each sample's composition relative to the reference, and what it can show.

        The median of ratios of Anders and Huber (2010, doi:10.1186/gb-2010-11-10-r106) with
        the reference's medians frozen, so that no other sample has a say. It is found twice,
        the second time on corrected values, where the 1 added to CPM no longer blurs the ratio.

        Parameters
        ----------
        logs : ndarray of shape (n_samples, n_keys)
            Log2-scale expression of the profile's miRNAs; NaN where not measured.
        reads : ndarray of shape (n_samples,), optional
            Library sizes.
        """
        measured = ~np.isnan(logs)
        seen = measured
        if self.sequencing and reads is not None:
            seen = measured & ~below_detection(self.median, reads)
        found = Composition(np.zeros(len(logs)), seen)
        if self.sequencing:
            for _ in range(2):
                further = self._shift(found.correct(logs), measured, seen)
                found = replace(found, shift=found.shift + further)
        return found

    def _shift(self, logs: FloatArray, measured: BoolArray, seen: BoolArray) -> FloatArray:
        """Return median log-ratios over what is seen, 0 where too little is."""
        shift = np.zeros(len(logs))
        usable = (measured.sum(axis=1) >= MIN_SHARED_COMPOSITION) & (
            seen.sum(axis=1) >= MIN_DETECTED_COMPOSITION
        )
        if usable.any():
            ratios = np.where(seen[usable], logs[usable] - self.median, np.nan)
            shift[usable] = row_medians(ratios)
        return shift

    def distance(self, logs: FloatArray, seen: BoolArray) -> FloatArray:
        """Return the mean squared z-score of each sample over the miRNAs seen; NaN if too few."""
        z = np.where(seen, (logs - self.mean) / self.sd, 0.0)
        count = seen.sum(axis=1)
        return np.where(count >= MIN_SHARED, row_sums(z * z) / np.maximum(count, 1), np.nan)

    def slope(self, logs: FloatArray, seen: BoolArray) -> FloatArray:
        """Return the slope of each sample on the reference's means, weighted by 1/variance.

        It is 1 for a sample on the reference's scale, whatever its composition.
        """
        weight = np.where(seen, 1 / self.sd**2, 0.0)
        total = np.maximum(row_sums(weight), 1e-300)
        centred = self.mean - (row_sums(weight * self.mean) / total)[:, None]
        y = np.where(seen, logs, 0.0)
        top = row_sums(weight * centred * y)
        bottom = row_sums(weight * centred * self.mean)
        enough = seen.sum(axis=1) >= MIN_SHARED
        return np.where(enough, top / np.where(bottom > 0, bottom, 1.0), np.nan)


def fingerprints(profile: Profile, logs: FloatArray) -> tuple[frozenset[str], ...]:
    """Return what tells each sample again without its values: orders of its commonest miRNAs.

    The order from the highest to the lowest, hashed, of the 30 miRNAs that the profile has most
    of, and of three twenties that share no miRNA, dealt from the 60 that it has most of. An order
    outlasts another unit, normalisation or order of columns. A missing miRNA spoils one twenty;
    where a library is read less deeply neighbours change places, in a twenty more rarely, for
    they lie farther apart. Fewer miRNAs would not tell patients apart: of three tens 36% to
    78% of the samples of three TCGA cohorts had one in common with some other patient, of three
    twenties none of 1,899 in six cohorts, and 95% of libraries thinned by half were still known.

    Parameters
    ----------
    profile : Profile
    logs : ndarray of shape (n_samples, n_keys)
        Of the profile's miRNAs, on any scale that keeps the order within a sample.

    Returns
    -------
    tuple of frozenset of str
        Per sample; empty where the profile has fewer than ten miRNAs, or the sample fewer than
        ten values that differ.
    """
    # Rounded as in the file, so that miRNAs of equal medians keep their places.
    commonest = np.argsort(-np.round(profile.median, 4), kind="stable")
    if len(commonest) < LEAST_FINGERPRINT:
        return (frozenset(),) * len(logs)
    parts = [commonest[:FINGERPRINT]]
    if len(commonest) >= PARTS * PART:
        parts += [commonest[part : PARTS * PART : PARTS] for part in range(PARTS)]
    hashed = [_orders(np.take(logs, part, axis=1), number) for number, part in enumerate(parts)]
    return tuple(frozenset(filter(None, each)) for each in zip(*hashed, strict=True))


def _orders(logs: FloatArray, part: int) -> list[str]:
    """Hash the order of each row; empty where hardly any two of its values differ."""
    order = np.argsort(-logs, axis=1, kind="stable")
    steps = np.diff(np.take_along_axis(logs, order, axis=1), axis=1)
    distinct = 1 + (steps < 0).sum(axis=1)
    mark = bytes([part]) if part else b""
    return [
        hashlib.sha256(mark + row.tobytes()).hexdigest()[:16] if many else ""
        for row, many in zip(order.astype(np.uint8), distinct >= LEAST_FINGERPRINT, strict=True)
    ]


class LearnedProfile(NamedTuple):
    """A profile, and what was found of the cohort on the way to it.

    Attributes
    ----------
    profile : Profile
    columns : ndarray of int
        Where its miRNAs stand among those of the cohort.
    composition : Composition
        Of the cohort's samples, relative to the profile.
    """

    profile: Profile
    columns: IntArray
    composition: Composition


def fit_profile(
    keys: tuple[str, ...],
    logs: FloatArray,
    reads: FloatArray | None,
    *,
    sequencing: bool,
    first: Collection[str] = (),
) -> LearnedProfile:
    """Learn the profile of a cohort's commonest miRNAs.

    At most ``EXPRESSED_LIMIT`` of the expressed ones: those that are read anyway, then those with
    the highest medians, which even a shallow library shows.

    Parameters
    ----------
    keys : tuple of str
        All miRNAs of the cohort.
    logs : ndarray of shape (n_samples, n_keys)
        Log2-scale expression; NaN where not measured.
    reads : ndarray of shape (n_samples,), optional
        Library sizes.
    sequencing : bool
        Whether values are log2(CPM + 1): expressed then means a median of at least 10 CPM and
        composition is corrected; elsewhere the highest medians are taken, the rest being noise.
    first : collection of str
        miRNAs that are read anyway: the panels'. Of those only that are expressed, which arrays
        do not tell: there it has no say.
    """
    common = (~np.isnan(logs)).mean(axis=0) >= MIN_SHARE_MEASURED
    medians = np.full(len(keys), -np.inf)
    medians[common] = row_medians(logs[:, common].T)
    expressed = medians >= EXPRESSED_LOG2_CPM if sequencing else common
    later = np.array([not sequencing or key not in first for key in keys], dtype=bool)
    order = np.lexsort((-medians, later, ~expressed))
    chosen = np.sort(order[: min(EXPRESSED_LIMIT, int(expressed.sum()))])
    part = take_columns(logs, chosen)
    median = medians[chosen]
    names = tuple(keys[i] for i in chosen)
    profile = Profile(names, median, median, np.ones(len(chosen)), sequencing)
    composition = profile.composition(part, reads)
    seen, values = composition.seen, composition.correct(part)
    # What hardly any library could show is described by what all of them measured.
    seen = np.where(seen.mean(axis=0) >= 0.5, seen, ~np.isnan(part))
    count = np.maximum(seen.sum(axis=0), 2)
    mean = np.where(seen, values, 0.0).sum(axis=0) / count
    squares = np.where(seen, values - mean, 0.0) ** 2
    sd = np.maximum(np.sqrt(squares.sum(axis=0) / (count - 1)), PROFILE_MIN_SD)
    return LearnedProfile(replace(profile, mean=mean, sd=sd), chosen, composition)


def out_of_fold_distances(
    keys: tuple[str, ...],
    logs: FloatArray,
    reads: FloatArray | None,
    samples: Sequence[str],
    *,
    sequencing: bool,
    first: Collection[str] = (),
) -> FloatArray:
    """Return each sample's distance to a profile that it had no part in (five folds).

    Folds go by the names of the samples, so that their order in the table has no say.
    """
    n = len(logs)
    place = np.empty(n, dtype=np.intp)
    place[sorted(range(n), key=lambda i: samples[i])] = np.arange(n)
    fold_of = (np.random.default_rng(0).permutation(n) % FOLDS)[place]
    distances = np.full(n, np.nan)
    for fold in range(FOLDS):
        held = fold_of == fold
        if not held.any() or (~held).sum() < 2:
            continue
        others = None if reads is None else reads[~held]
        profile, columns, _ = fit_profile(
            keys, logs[~held], others, sequencing=sequencing, first=first
        )
        part = take_columns(logs[held], columns)
        composition = profile.composition(part, None if reads is None else reads[held])
        part = composition.correct(part)
        distances[held] = profile.distance(part, composition.seen)
    return distances


@dataclass(frozen=True)
class Contrast:
    """The profiles of the other shipped references, to tell a sample of another tissue.

    Parameters
    ----------
    names : tuple of str
        The references; the first is the owner's own.
    keys : tuple of str
        The miRNAs compared.
    centre, scale : ndarray of shape (n_keys,)
        Mean of the profiles, pooled standard deviation within references.
    profiles : ndarray of shape (n_references, n_keys)
        Mean expression in each reference.
    threshold : float
        The margin below which a sample is refused.
    """

    names: tuple[str, ...]
    keys: tuple[str, ...]
    centre: FloatArray
    scale: FloatArray
    profiles: FloatArray
    threshold: float

    def margin(self, logs: FloatArray) -> tuple[FloatArray, list[str]]:
        """Return how much better the own profile correlates than the best other, and its name.

        Parameters
        ----------
        logs : ndarray of shape (n_samples, n_keys)
            Log2-scale expression after the correction of composition; NaN is left out.
        """
        seen = ~np.isnan(logs)
        z = (logs - self.centre) / self.scale
        profiles = (self.profiles - self.centre) / self.scale
        correlations = _correlations(z, profiles, seen)
        best = correlations[1:].argmax(axis=0)
        margin = correlations[0] - correlations[1:].max(axis=0)
        margin = np.where(seen.sum(axis=1) >= MIN_SHARED, margin, np.nan)
        return margin, [self.names[1 + i] for i in best]


def below_detection(median: FloatArray, reads: FloatArray) -> BoolArray:
    """Tell which miRNAs a library of this size cannot show reliably.

    Parameters
    ----------
    median : ndarray of shape (n_features,)
        Median log2(CPM + 1) in the reference.
    reads : ndarray of shape (n_samples,)
        Library sizes.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        True where the reference's median stands for fewer than ``MIN_READS`` reads.
    """
    expected = (np.exp2(median) - 1) / CPM_TOTAL * reads[:, None]
    return expected < MIN_READS


def counting_noise(logs: FloatArray, reads: FloatArray) -> FloatArray:
    """Return the variance of log2(CPM + 1) that comes of counting few reads.

    Reads are Poisson; their variance is carried over to the logarithm by its slope (the delta
    method), with one read added where there is hardly any.

    Parameters
    ----------
    logs : ndarray of shape (n_samples, n_features)
        log2(CPM + 1) as measured.
    reads : ndarray of shape (n_samples,)
        Library sizes.
    """
    cpm = np.expm1(np.where(logs > 0, logs, 0.0) * np.log(2))
    per_read = CPM_TOTAL / reads[:, None]
    return np.asarray((cpm / per_read + 1) * (per_read / ((cpm + 1) * np.log(2))) ** 2)


def distance_threshold(out_of_fold: FloatArray) -> float:
    """Return the mean squared z-score above which a sample is refused.

    The 99th percentile of the values that the reference's own samples have out of fold; of
    fewer than 100 samples, where that percentile is their maximum, the larger of it and
    median + 3 MAD, both of the logarithms.
    """
    out_of_fold = out_of_fold[~np.isnan(out_of_fold)]
    if not len(out_of_fold):
        return float("inf")
    if len(out_of_fold) >= 100:
        return float(np.percentile(out_of_fold, 99))
    logs = np.log(out_of_fold)
    median = np.median(logs)
    mad = 1.4826 * np.median(np.abs(logs - median))
    return float(np.exp(max(logs.max(), median + 3 * mad)))


def _correlations(z: FloatArray, profiles: FloatArray, seen: BoolArray) -> FloatArray:
    """Pearson correlation of each row with each profile, over the cells seen.

    Returns
    -------
    ndarray of shape (n_profiles, n_samples)
    """
    x = _centred(z, seen)
    spread = row_sums(x * x)
    found = np.empty((len(profiles), len(z)))
    # What is seen is the same in most samples: a profile is centred once for each way of it.
    first, of_row = distinct_rows(seen)
    for k, profile in enumerate(profiles):
        y = _centred(np.broadcast_to(profile, (len(first), len(profile))), seen[first])
        size = row_sums(y * y)
        if len(first) > 1:
            y, size = y[of_row], size[of_row]
        found[k] = row_sums(x * y) / np.maximum(np.sqrt(spread * size), 1e-300)
    return found


def _centred(values: FloatArray, seen: BoolArray) -> FloatArray:
    """Return each row less its mean over the cells seen; 0 elsewhere."""
    return np.where(seen, values - row_means(values, seen)[:, None], 0.0)
